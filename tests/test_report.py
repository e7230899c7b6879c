"The report and the command line, as a newcomer runs them."

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from liuan_eval.intake.log import sample
from liuan_eval.report.study import page, render
from liuan_eval.words.text import LogError


def cli(*args: str, cwd: Path | None = None, env: dict | None = None) -> subprocess.CompletedProcess:
    code = "from liuan_eval.report.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *args], cwd=cwd, env=os.environ | (env or {}), capture_output=True, text=True, encoding="utf-8"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    "The report in English; in Chinese it is the stored notebook, which is run and compared as every notebook is"
    out = tmp_path_factory.mktemp("report")
    run = cli("report", "--out", str(out / "r"), "--lang", "en", cwd=out)
    assert run.returncode == 0, run.stderr
    assert str(out / "r" / "index.html") in run.stdout
    return out / "r"


@pytest.fixture(params=["zh", "en"])
def html(request, made) -> tuple[str, str]:
    if request.param == "en":
        return (made / "index.html").read_text(encoding="utf-8"), "en"
    return page(nbformat.read(ROOT / "nbs/studies/report.ipynb", 4), "工单流转报告", "zh"), "zh"


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


def test_report_writes_tables_figures_and_a_record_that_agree(made):
    run = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert run["source"]["simulated"] and len(run["source"]["sha256"]) == 64 and run["versions"]["liuan_eval"]
    assert run["counts"]["events"] == len(pd.read_parquet(sample())) and "dispatchers" in run["mapping"]
    for name in run["tables"]:
        assert (made / "tables" / f"{name}.csv").exists()
    assert set(pd.ExcelFile(made / "tables.xlsx", engine="calamine").sheet_names) == set(run["tables"])
    for name in run["figures"]:
        assert (made / "figures" / f"{name}.svg").exists() and (made / "figures" / f"{name}.png").exists()


def test_report_of_a_bare_log_without_attributes_returns_or_closings(tmp_path):
    rows = [("1", "2022-02-17", "A", "x"), ("1", "2022-02-18", "B", "x"), ("2", "2022-02-17", "B", "x")]
    pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]).to_csv(tmp_path / "log.csv", index=False)
    page = render(tmp_path / "log.csv", out=tmp_path / "r", lang="en").read_text(encoding="utf-8")
    assert "due dates" in page and "SIMULATED" not in page


def test_report_of_a_log_in_which_nothing_moves(tmp_path):
    pd.DataFrame({"case_id": ["1", "2"], "timestamp": ["2022-02-17", "2022-02-18"], "unit": "A", "activity": "closed"}).to_csv(
        tmp_path / "log.csv", index=False
    )
    assert "没有一件工单转过手" in render(tmp_path / "log.csv", out=tmp_path / "r").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("command", ["check", "report", "metrics", "graph", "mapping"])
def test_a_broken_file_is_one_message_and_exit_code_2(tmp_path, command, lang):
    (tmp_path / "cut.parquet").write_bytes(sample().read_bytes()[:50_000])
    run = cli(command, "cut.parquet", "--lang", lang, cwd=tmp_path)
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr and "cut.parquet" in run.stderr
    assert ("重新复制" if lang == "zh" else "export it again") in run.stderr


def test_metrics_command_writes_csv_and_graph_command_a_graph(tmp_path):
    run = cli("metrics", "-i", "pingpong_rate", "--by", "unit", "--period", "year", cwd=tmp_path)
    assert run.returncode == 0 and run.stdout.splitlines()[0] == "indicator,unit,period,numerator,denominator,value,low,high"
    assert cli("graph", "--out", "flow.graphml", cwd=tmp_path).returncode == 0
    import networkx as nx

    assert nx.read_graphml(tmp_path / "flow.graphml").number_of_edges() > 50


def test_mapping_command_drafts_toml_that_check_can_use(tmp_path):
    frame = (
        pd.read_parquet(sample())
        .head(2000)
        .rename(columns=dict(case_id="工单编号", timestamp="操作时间", unit="承办单位", activity="环节"))
    )
    frame.to_csv(tmp_path / "export.csv", index=False, encoding="gb18030")
    run = cli("mapping", "export.csv", cwd=tmp_path)
    assert run.returncode == 0
    (tmp_path / "m.toml").write_text(run.stdout, encoding="utf-8")
    run = cli("check", "export.csv", "--mapping", "m.toml", "--lang", "en", cwd=tmp_path)
    assert run.returncode == 0 and "2,000 events" in run.stdout


def test_an_unknown_start_date_is_refused(tmp_path):
    with pytest.raises(LogError, match="no date"):
        render(start="yesterday", out=tmp_path / "r")


def test_a_password_is_in_no_message_and_no_file(tmp_path):
    run = cli("report", "postgresql://office:s3cret@127.0.0.1:1/hotline", "--out", "r", cwd=tmp_path)
    assert run.returncode == 2 and "s3cret" not in run.stdout + run.stderr
    assert not any("s3cret" in f.read_text(encoding="utf-8", errors="ignore") for f in tmp_path.rglob("*") if f.is_file())


def test_the_incident_log_by_command_gives_the_numbers_of_custody(tmp_path, data_dir):
    folder = data_dir("bpic2013_incidents")
    mapping = Path(__file__).parent.parent / "data" / "mappings" / "bpic2013_incidents.toml"
    run = cli("metrics", str(next(folder.glob("*.xes.gz"))), "--mapping", str(mapping), "-i", "pingpong_rate", "-i", "revisit_rate")
    assert run.returncode == 0, run.stderr
    rows = [line.split(",")[:3] for line in run.stdout.splitlines()[1:]]
    assert [[r[0], float(r[1]), float(r[2])] for r in rows] == [["pingpong_rate", 1177, 7554], ["revisit_rate", 1258, 7554]]


def test_an_output_folder_that_is_a_file_and_a_start_outside_the_log_are_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    run = cli("report", "--out", "taken", cwd=tmp_path)
    assert run.returncode == 2 and "Traceback" not in run.stderr and "--out" in run.stderr
    with pytest.raises(LogError, match="outside the log"):
        render(start="2030-01-01", out=tmp_path / "r")


def test_a_draft_names_what_it_could_not_place(tmp_path):
    tickets = {
        "工单编号": ["1"],
        "承办单位": ["甲局"],
        "派单时间": ["2022-02-17"],
        "退回时间": [None],
        "办结时间": ["2022-02-20"],
        "是否满意": ["基本满意"],
        "诉求标题": ["x"],
    }
    pd.DataFrame(tickets).to_csv(tmp_path / "t.csv", index=False)
    text = cli("mapping", "t.csv", cwd=tmp_path).stdout
    for needed in ("# ? returned", "基本满意", "未使用的列：诉求标题", "退回一步的单位列"):
        assert needed in text
