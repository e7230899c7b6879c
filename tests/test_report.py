"The report and the command line, as a newcomer runs them. The report is made once, in English and of a small log; the smallest logs are read in this process."

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import here
import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from liuan_eval import read_log
from liuan_eval.intake.log import sample
from liuan_eval.report import render as rendering
from liuan_eval.report.cli import COMMANDS
from liuan_eval.report.parameters import studies
from liuan_eval.report.render import html_of, render
from liuan_eval.report.study import start_of
from liuan_eval.words.text import LogError


def alone(*args: str, cwd: Path) -> subprocess.CompletedProcess:
    "The command in a process of its own"
    code = "from liuan_eval.report.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *args], cwd=cwd, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Path:
    "The sample thinned to about 300 cases: a folder with events, cases, callbacks and their mapping"
    folder, whole = tmp_path_factory.mktemp("small"), sample().parent
    some = pd.read_parquet(whole / "cases.parquet").case_id[::66]
    for name in ("events", "cases", "callbacks"):
        t = pd.read_parquet(whole / f"{name}.parquet")
        t[t.case_id.isin(some)].to_parquet(folder / f"{name}.parquet", index=False)
    shutil.copy(whole / "mapping.toml", folder)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory, small) -> Path:
    "The report in English; in Chinese it is the stored notebook, which is run and compared as every notebook is, and reads the whole sample"
    out = tmp_path_factory.mktemp("report")
    given = ["--mapping", str(small / "mapping.toml"), "--controls", str(sample().parent / "bulletins.csv")]
    run = alone("report", str(small / "events.parquet"), *given, "--out", "r", "--lang", "en", cwd=out)
    assert run.returncode == 0, run.stderr
    assert str(out / "r" / "index.html") in run.stdout
    return out / "r"


@pytest.fixture(params=["zh", "en"])
def html(request, made) -> tuple[str, str]:
    if request.param == "en":
        return (made / "index.html").read_text(encoding="utf-8"), "en"
    return html_of(nbformat.read(ROOT / "nbs/studies/report.ipynb", 4), "工单流转报告", "zh"), "zh"


def test_report_is_one_page_that_needs_nothing_from_anywhere(html):
    page, _lang = html
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+""", page)
    assert "<script" not in page and "@import" not in page and "Traceback" not in page
    assert page.count("<figure>") >= 15


def test_report_says_first_that_its_data_are_simulated_and_that_before_and_after_is_no_effect(html):
    page, lang = html
    warning, effect = dict(zh=("模拟数据", "前后之差不是效果"), en=("SIMULATED DATA", "is not an effect"))[lang]
    assert warning in page[: page.index("<h2")] and effect in page


def test_report_speaks_one_language(html):
    page = re.sub(r'src="data:[^"]*"', "", html[0])
    text = re.sub(r"<style>.*?</style>|<[^>]+>", "", page, flags=re.S)
    if html[1] == "en":
        assert not re.findall(
            r"[办率件单位]", re.sub(r"[（(].*?[）)]|「.*?」", "", text.split("By unit")[0].split("The data themselves")[0])
        )
    else:
        assert "Share of" not in text and "before" not in text


def test_report_writes_tables_figures_and_a_record_that_agree(made, small):
    run = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert run["source"]["simulated"] and len(run["source"]["sha256"]) == 64 and run["versions"]["liuan_eval"]
    assert run["counts"]["events"] == len(pd.read_parquet(small / "events.parquet")) and "dispatchers" in run["mapping"]
    for name in run["tables"]:
        assert (made / "tables" / f"{name}.csv").exists()
    assert set(pd.ExcelFile(made / "tables.xlsx", engine="calamine").sheet_names) == set(run["tables"])
    for name in run["figures"]:
        assert (made / "figures" / f"{name}.svg").exists() and (made / "figures" / f"{name}.png").exists()


def test_report_of_a_bare_log_without_attributes_returns_or_closings(tmp_path, monkeypatch):
    rows = [("1", "2022-02-17", "A", "x"), ("1", "2022-02-18", "B", "x"), ("2", "2022-02-17", "B", "x")]
    pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]).to_csv(tmp_path / "log.csv", index=False)
    page = here.render(monkeypatch, "report", tmp_path / "log.csv", out=tmp_path / "r", lang="en")
    assert "due dates" in page and "SIMULATED" not in page


def test_report_of_a_log_in_which_nothing_moves(tmp_path, monkeypatch):
    pd.DataFrame({"case_id": ["1", "2"], "timestamp": ["2022-02-17", "2022-02-18"], "unit": "A", "activity": "closed"}).to_csv(
        tmp_path / "log.csv", index=False
    )
    assert "没有一件工单转过手" in here.render(monkeypatch, "report", tmp_path / "log.csv", out=tmp_path / "r")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("command", ["check", "report", "metrics", "graph", "mapping"])
def test_a_broken_file_is_one_message_and_exit_code_2(cli, command, lang, monkeypatch):
    if lang == "zh":  # in English the report runs in a kernel of its own
        monkeypatch.setattr(rendering, "executed", here.executed)
    Path("cut.parquet").write_bytes(sample().read_bytes()[:50_000])
    run = cli(command, "cut.parquet", "--lang", lang)
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr and "cut.parquet" in run.stderr
    assert ("重新复制" if lang == "zh" else "export it again") in run.stderr


def test_metrics_command_writes_csv_and_graph_command_a_graph(cli):
    run = cli("metrics", "-i", "pingpong_rate", "--by", "unit", "--period", "year")
    assert run.returncode == 0 and run.stdout.splitlines()[0] == "indicator,unit,period,numerator,denominator,value,low,high,deff,within"
    assert cli("graph", "--out", "flow.graphml").returncode == 0
    import networkx as nx

    assert nx.read_graphml("flow.graphml").number_of_edges() > 50


def test_mapping_command_drafts_toml_that_check_can_use(cli):
    frame = (
        pd.read_parquet(sample())
        .head(2000)
        .rename(columns=dict(case_id="工单编号", timestamp="操作时间", unit="承办单位", activity="环节"))
    )
    frame.to_csv("export.csv", index=False, encoding="gb18030")
    run = cli("mapping", "export.csv")
    assert run.returncode == 0
    Path("m.toml").write_text(run.stdout, encoding="utf-8")
    run = cli("check", "export.csv", "--mapping", "m.toml", "--lang", "en")
    assert run.returncode == 0 and "2,000 events" in run.stdout


def test_an_unknown_start_date_is_refused(tmp_path):
    with pytest.raises(LogError, match="no date"):
        render("report", start="yesterday", out=tmp_path / "r")


def test_a_password_is_in_no_message_and_no_file(tmp_path):
    run = alone("report", "postgresql://office:s3cret@127.0.0.1:1/hotline", "--out", "r", cwd=tmp_path)
    assert run.returncode == 2 and "s3cret" not in run.stdout + run.stderr
    assert not any("s3cret" in f.read_text(encoding="utf-8", errors="ignore") for f in tmp_path.rglob("*") if f.is_file())


def test_the_incident_log_by_command_gives_the_numbers_of_custody(cli, data_dir):
    folder = data_dir("bpic2013_incidents")
    mapping = Path(__file__).parent.parent / "data" / "mappings" / "bpic2013_incidents.toml"
    run = cli("metrics", str(next(folder.glob("*.xes.gz"))), "--mapping", str(mapping), "-i", "pingpong_rate", "-i", "revisit_rate")
    assert run.returncode == 0, run.stderr
    rows = [line.split(",")[:3] for line in run.stdout.splitlines()[1:]]
    assert [[r[0], float(r[1]), float(r[2])] for r in rows] == [["pingpong_rate", 1177, 7554], ["revisit_rate", 1258, 7554]]


def test_an_output_folder_that_is_a_file_and_a_start_outside_the_log_are_refused(cli):
    Path("taken").write_text("")
    run = cli("report", "--out", "taken")
    assert run.returncode == 2 and "Traceback" not in run.stderr and "--out" in run.stderr
    with pytest.raises(LogError, match="outside the log"):
        start_of(read_log(), "2030-01-01")


def test_a_draft_names_what_it_could_not_place(cli):
    tickets = {
        "工单编号": ["1"],
        "承办单位": ["甲局"],
        "派单时间": ["2022-02-17"],
        "退回时间": [None],
        "办结时间": ["2022-02-20"],
        "是否满意": ["基本满意"],
        "诉求标题": ["x"],
    }
    pd.DataFrame(tickets).to_csv("t.csv", index=False)
    text = cli("mapping", "t.csv").stdout
    for needed in ("# returned = ", "基本满意", "columns not used：诉求标题", "退回一步的单位列"):
        assert needed in text


WRONG = {
    "an option of another study": (
        ["bulletin", "--controls", "x.csv"],
        ("bulletin 没有参数 --controls", "--controls 属于 report、campaign"),
        ("does not take --controls", "belongs to report, campaign"),
    ),
    "an option of none": (
        ["report", "--study", "bulletin"],
        ("没有参数 --study",),
        ("does not take --study; it takes --mapping, --start",),
    ),
    "no value": (["bulletin", "--month"], ("--month 后面要写一个值",), ("--month needs a value",)),
    "two files": (["check", "a.csv", "b.csv"], ("b.csv",), ("One file", "b.csv")),
    "no such command": (["buletin"], ("是否指 bulletin",), ("Did you mean bulletin",)),
    "no command": (["--out", "r"], ("没有命令“r”",), ("no command 'r'",)),
    "no file": (["report", "nowhere.csv"], ("nowhere.csv：没有这个文件",), ("nowhere.csv: no such file",)),
    "no plan": (["campaign", "--plan", "nowhere.toml"], ("nowhere.toml：没有这个文件",), ("nowhere.toml: no such file",)),
    "no date": (["report", "--start", "yesterday"], ("不是日期",), ("is no date",)),
    "nothing to draft from": (["mapping"], ("请写出数据文件",), ("Name a file",)),
    "no such indicator": (["metrics", "-i", "foo"], ("foo",), ("There is no indicator 'foo'",)),
    "no such format": (["graph", "--out", "flow.doc"], ("flow.doc",), ("Change the ending",)),
}


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("case", WRONG)
def test_what_is_typed_wrongly_is_one_message_in_the_language_asked_for_and_code_2(cli, case, lang):
    typed, zh, en = WRONG[case]
    run = cli(*typed, "--lang", lang) if case != "no value" else cli("bulletin", "--lang", lang, "--month")
    assert run.returncode == 2 and run.stdout == "", run
    assert run.stderr.startswith("错误：" if lang == "zh" else "error: ") and run.stderr.count("\n") == 1
    assert all(words in run.stderr for words in (zh if lang == "zh" else en))


def test_an_unknown_language_is_refused_in_words(cli):
    run = cli("report", "--lang", "fr")
    assert run.returncode == 2 and "zh 或 en" in run.stderr


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_whole_in_both_languages_or_in_one_and_fits_80_columns(cli, command, monkeypatch):
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", "80")
    words = [command] if command else []
    both, zh, en = cli(*words, "--help"), cli(*words, "--help", "--lang", "zh"), cli(*words, "-h", "--lang", "en")
    assert [r.returncode for r in (both, zh, en)] == [0, 0, 0]
    assert both.stdout.startswith(zh.stdout) and both.stdout.endswith(en.stdout)
    assert max(map(cell_len, both.stdout.splitlines())) <= 80
    if command:
        assert all(COMMANDS[command].example in r.stdout for r in (zh, en))
        assert all(f"--{p}" in en.stdout for p in COMMANDS[command].takes if p != "source")
    else:
        assert all(f"  {c} " in r.stdout for c in COMMANDS for r in (zh, en))


def test_every_example_is_a_command_that_is_understood():
    import shlex

    from liuan_eval.report.cli import parsed

    for name, c in COMMANDS.items():
        program, command, *words = shlex.split(c.example.split(" > ")[0])
        assert (program, command) == ("liuan-eval", name) and parsed(name, words)["source"]


def test_what_all_studies_take_is_explained_alike():
    for p in ("source", "mapping", "out", "lang"):
        assert len({(s.takes[p].kind, s.takes[p].help) for s in studies().values()}) == 1


def test_a_command_speaks_chinese_unless_told_otherwise():
    assert all(c.takes["lang"].default == "zh" for name, c in COMMANDS.items() if name != "metrics")
