"""Studies run again: the stored results of a page on public data are those its code gives, and the studies run on any log.

Each study is made once on the sample, in the language in which its notebook is not stored; small logs are read in this process."""

import json
import re

import here
import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from nbclient import NotebookClient

from liuan_eval import read_log
from liuan_eval.report import parameters, study
from liuan_eval.report import render as report
from liuan_eval.words.text import LogError

PAGES = {"pingpong": "bpic2013_incidents"}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    "A study on the sample: its page, and the folder with all it wrote; made once"
    kept = {}

    def make(study, **values):
        if study not in kept:
            out = tmp_path_factory.mktemp(study)
            kept[study] = report.render(study, out=out, **values).read_text("utf-8"), out
        return kept[study]

    return make


@pytest.fixture
def page_of(monkeypatch, tmp_path):
    "The page of a study on a small log, run in this process"
    return lambda study, *args, **values: here.render(monkeypatch, study, *args, out=tmp_path / "out", **values)


def shown(nb):
    "Text of all outputs, pictures left out"
    out = []
    for c in nb.cells:
        for o in c.get("outputs", []):
            d = o.get("data", {})
            if not any(kind.startswith("image/") for kind in d):
                out.append("".join(d.get("text/markdown") or d.get("text/plain") or o.get("text", "")))
    return out


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_public_data_shows_what_its_code_gives(name, data_dir, monkeypatch):
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir(PAGES[name]).parent))
    path = ROOT / "nbs" / "studies" / f"{name}.ipynb"
    nb = nbformat.read(path, 4)
    stored = shown(nb)
    NotebookClient(nb, timeout=None, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert len(stored) > 8 and shown(nb) == stored


@pytest.mark.parametrize(
    ("name", "lang"), [("buckpassing", "en"), ("campaign", "en"), ("report", "zh"), ("bulletin", "zh")], ids=lambda o: str(o)
)
def test_the_stored_study_is_a_whole_page_in_its_language(name, lang):
    "Studies are stored in one language and run below in the other"
    page = report.html_of(nbformat.read(ROOT / "nbs" / "studies" / f"{name}.ipynb", 4), name, lang)
    assert ("模拟数据" if lang == "zh" else "SIMULATED") in page and page.count("<figure>") >= 3 and "Traceback" not in page
    assert not re.search(r"""<link|<script|@import|src=["']?(https?:)?//""", page)
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", re.sub(r'src="data:[^"]*"', "", page), flags=re.S)
    han, letters = len(re.findall(r"[\u4e00-\u9fff]", words)), len(re.findall(r"[A-Za-z]", words))
    assert han > letters if lang == "zh" else letters > 4 * han
    assert not re.search(r'alt=""', page)


def test_the_study_of_passing_the_buck_names_the_planted_shirkers(made):
    page, out = made("buckpassing", lang="zh")
    assert "谁在推诿" in page and "模拟数据" in page
    assert page.count("<figure>") >= 6 and not re.search(r"https?://(?!www\.w3\.org)", page)
    u = pd.read_csv(out / "tables" / "verdicts_units.csv")
    u = u[(u.measure == "shirked") & (u.denominator > 50)]
    from liuan_eval.truth.city import SHIRKERS

    assert set(u.nlargest(4, "value").unit) == set(SHIRKERS)
    run = json.loads((out / "run.json").read_text("utf-8"))
    assert {"verdicts", "funnel", "competence", "pairs", "limbo", "change"} <= set(run["figures"])
    assert (out / "buckpassing.ipynb").exists()


def test_the_study_of_the_campaign_finds_what_was_planted_and_credits_nothing_else(made):
    page, out = made("campaign", lang="zh")
    assert "模拟数据" in page and not re.search(r"https?://(?!www\.w3\.org)", page)
    t = pd.read_csv(out / "tables" / "estimates.csv")
    at = {k: i for i, k in enumerate(t.outcome.unique())}
    t["o"] = t.outcome.map(at)
    d = t.groupby("o").first()  # the planned design comes first
    assert len(at) == 7 and (d.n_control == 15).all()
    planted = dict(hours=np.exp(-0.18), cases=1.35)
    assert d.conf_low[0] < planted["hours"] < d.conf_high[0] < 1 and 1 < d.conf_low[1] < planted["cases"] < d.conf_high[1]
    assert d.conf_low[5] < 0 < d.conf_high[5]  # satisfaction: nearly nothing was planted
    assert page[page.index("结论") :].count("把握能看到") >= 3
    lock = json.loads((out / "plan.lock").read_text("utf-8"))
    assert lock["sha256"] in page and lock["data_after_start_existed"] is True
    assert {"cities_close_hours", "designs_n_cases", "effect", "in_space", "in_time", "specifications"} <= set(
        json.loads((out / "run.json").read_text("utf-8"))["figures"]
    )


def test_the_campaign_of_a_city_alone_with_few_periods_is_answered_in_words(tmp_path, page_of):
    rows = [
        (f"c{i}", pd.Timestamp("2022-02-10") + pd.Timedelta(hours=8 * i + k), u, a)
        for i in range(45)
        for k, (u, a) in enumerate((("甲局", "dispatched"), ("甲局", "closed")))
    ]
    pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]).to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "m.toml").write_text(
        'returned = "unit_to_dispatcher"\nlayout = "events"\n[columns]\ncase_id = "case_id"\ntimestamp = "timestamp"\nunit = "unit"\nactivity = "activity"\n',
        "utf-8",
    )
    page = page_of("campaign", tmp_path / "log.csv", mapping=tmp_path / "m.toml", start="2022-02-17", lang="en")
    assert "No number is given" in page and "The data allow no number." in page and "exploratory" in page


def log_file(tmp_path, columns):
    rows = []
    for i in range(40):
        case, own = f"c{i}", "甲局" if i % 2 else "乙局"
        at = pd.Timestamp("2022-01-01") + pd.Timedelta(days=i)
        way = [own] if i % 5 else [own, "丙局", own]
        for k, u in enumerate(way):
            rows.append((case, at + pd.Timedelta(hours=k), u, "closed" if k == len(way) - 1 else "replied", "水" if i % 2 else "路"))
    t = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "topic"])
    t[columns].to_csv(tmp_path / "log.csv", index=False)
    return tmp_path / "log.csv"


@pytest.mark.parametrize(
    "columns",
    [
        ["case_id", "timestamp", "unit", "activity", "topic"],
        ["case_id", "timestamp", "unit", "activity"],
    ],
    ids=["topics", "no topics"],
)
def test_the_study_runs_on_small_and_poor_logs(tmp_path, columns, page_of):
    page = page_of("buckpassing", log_file(tmp_path, columns), lang="en")
    assert ("Without a column topic" in page) == ("topic" not in columns)


def test_the_study_says_so_where_nothing_was_passed_on(tmp_path, page_of):
    t = pd.DataFrame(dict(case_id=["1", "2"], timestamp=["2022-02-17", "2022-02-18"], unit=["A", "B"], activity="closed"))
    t.to_csv(tmp_path / "log.csv", index=False)
    page = page_of("buckpassing", tmp_path / "log.csv", lang="en")
    assert "nothing to judge" in page


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(LogError, match=", ".join(parameters.studies())):
        report.render("everything", out=tmp_path)


def test_the_bulletin_names_rule_clock_denominator_interval_and_exclusions(made):
    page, out = made("bulletin", lang="en", month="2022-05", card="lianyungang_2022-02")
    stored = report.html_of(nbformat.read(ROOT / "nbs/studies/bulletin.ipynb", 4), "月度通报", "zh")
    for zh, en in (
        ("", "May 2022"),
        ("3个工作日", "3 working days"),
        ("工作时间", "working time"),
        ("次日为第 1 日", "the next day is day 1"),
        ("剔除考核：计入与不计入", "Left out of the appraisal: with and without"),
        ("不作任何假定", "without assuming"),
        ("", "Reliability"),
        ("只列出、不比较", "Listed, not compared"),
        ("", "inferred"),
        ("模拟数据", "SIMULATED"),
    ):
        assert en in page and zh in stored
    assert not re.search(r"""<link|@import|src=["']?(https?:)?//""", page)  # an address of a source is a link to click; nothing is loaded
    t = pd.read_csv(out / "tables" / "city.csv")
    rate = t[t.iloc[:, 0].isin(["按时办结率", "On-time rate"])].iloc[0]
    cases = pd.read_parquet(ROOT / "data" / "sample" / "cases.parquet")
    mine = cases[(cases.submitted_at >= "2022-05-01") & (cases.submitted_at < "2022-06-01")]
    assert (rate.iloc[1], rate.iloc[2]) == ((mine.closed_at <= mine.due_at).sum(), len(mine))
    assert {"chain", "unheard", "by_unit", "scores"} <= set(json.loads((out / "run.json").read_text("utf-8"))["figures"])


def test_the_bulletin_runs_on_a_log_with_nothing_but_events_and_says_what_is_missing(tmp_path, page_of):
    path = log_file(tmp_path, ["case_id", "timestamp", "unit", "activity"])
    page = page_of("bulletin", path, lang="en")
    assert "What these data cannot answer" in page and "due dates: a column due_at" in page and "The mapping names no rules" in page


def test_the_bulletin_takes_an_offices_own_rules(tmp_path, page_of):
    path = log_file(tmp_path, ["case_id", "timestamp", "unit", "activity"])
    (tmp_path / "own.toml").write_text(
        'zh = "本市办法"\nen = "Our rule"\nsource = "art. 9"\n[[limits]]\nstep = "handle"\nlimit = "1wd"\n', "utf-8"
    )
    (tmp_path / "m.toml").write_text(
        'rules = ["own.toml"]\n[calendar]\nhours = [["08:30", "12:00"], ["14:30", "17:30"]]\ncutoff = "17:30"\n', "utf-8"
    )
    page = page_of("bulletin", path, mapping=tmp_path / "m.toml", lang="en")
    assert "1 working day" in page and "Our rule art. 9" in page and "08:30–12:00, 14:30–17:30" in page and "from 17:30 on" in page


@pytest.fixture(scope="module")
def log():
    return read_log()


@pytest.mark.parametrize(("month", "says"), [("2030-01", "2021-01 to 2023-12"), ("May", "write a month of the log")])
def test_a_month_that_the_log_does_not_hold_is_refused_in_words(log, month, says):
    with pytest.raises(LogError, match=says):
        study.month_of(log, month)


def test_the_month_of_a_bulletin_is_the_last_whose_limits_have_all_run_out(log):
    cases = pd.read_parquet(ROOT / "data" / "sample" / "cases.parquet")
    last = cases.groupby(cases.submitted_at.dt.to_period("M")).due_at.max()
    assert study.month_of(log) == last[last <= log.end].index.max().to_timestamp()


@pytest.mark.parametrize(
    ("study", "value", "says"),
    [
        ("report", dict(month="2022-05"), "'report' does not take month; .* month belongs to bulletin"),
        ("bulletin", dict(controls="x.csv"), "'bulletin' does not take controls; .* controls belongs to report, campaign"),
        ("bulletin", dict(start="2022-02-17"), "start belongs to report, buckpassing, campaign"),
        ("buckpassing", dict(plan="p.toml"), "it takes source, mapping, start, only, accept, out, lang. plan belongs to campaign"),
        ("campaign", dict(robustness=True), "it takes source, mapping, start, controls, plan, only, accept, out, lang.$"),
    ],
)
def test_a_study_refuses_what_it_does_not_take_and_says_who_does(tmp_path, study, value, says):
    with pytest.raises(LogError, match=says):
        report.render(study, out=tmp_path, lang="en", **value)


def test_a_rendered_notebook_holds_what_was_given_and_explains_it(made):
    _page, out = made("bulletin", lang="en", month="2022-05", card="lianyungang_2022-02")
    nb = nbformat.read(out / "bulletin.ipynb", 4)
    cell = next(c for c in nb.cells if "parameters" in c.metadata.get("tags", []))
    assert "month = '2022-05'" in cell.source and "# month of the bulletin" in cell.source and "MONTH: 通报的月份" in cell.source
    _example, *paragraphs = cell.source.split("\n\n")
    assert [p.name for p in map(parameters.Parameter.read, paragraphs)] == list(parameters.studies()["bulletin"].takes)
