"Studies run again: the stored results of a page on public data are those its code gives, and the study of passing the buck runs on any log"

import json

import nbformat
import pandas as pd
import pytest
from conftest import ROOT
from nbclient import NotebookClient

from liuan_eval import report

PAGES = {"pingpong": "bpic2013_incidents"}


def shown(nb):
    "Text of all outputs, pictures left out"
    out = []
    for c in nb.cells:
        for o in c.get("outputs", []):
            d = o.get("data", {})
            out.append("".join(d.get("text/markdown") or d.get("text/plain") or o.get("text", "")))
    return [t for t in out if not t.startswith("<Figure")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_public_data_shows_what_its_code_gives(name, data_dir, monkeypatch):
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir(PAGES[name]).parent))
    pytest.importorskip("r4pm", reason="r4pm is not installed: pip install 'liuan_eval[xes]'")
    path = ROOT / "nbs" / "studies" / f"{name}.ipynb"
    nb = nbformat.read(path, 4)
    stored = shown(nb)
    NotebookClient(nb, timeout=None, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert len(stored) > 8 and shown(nb) == stored


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_study_of_passing_the_buck_names_the_planted_shirkers(tmp_path, lang):
    page = report.render(out=tmp_path, lang=lang, study="buckpassing").read_text("utf-8")
    assert ("谁在推诿" if lang == "zh" else "Who passes the buck") in page and ("模拟数据" if lang == "zh" else "SIMULATED") in page
    assert page.count("<figure>") >= 6 and "http" not in page.replace("http://www.w3.org", "").replace("https://www.w3.org", "")
    u = pd.read_csv(tmp_path / "tables" / "verdicts_units.csv")
    u = u[(u.measure == "shirked") & (u.denominator > 50)]
    from liuan_eval.simulate import SHIRKERS

    assert set(u.nlargest(4, "value").unit) == set(SHIRKERS)
    run = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert {"verdicts", "funnel", "competence", "pairs", "limbo", "change"} <= set(run["figures"])
    assert (tmp_path / "buckpassing.ipynb").exists()


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
def test_the_study_runs_on_small_and_poor_logs(tmp_path, columns):
    page = report.render(log_file(tmp_path, columns), out=tmp_path / "out", lang="en", study="buckpassing").read_text("utf-8")
    assert ("Without a column topic" in page) == ("topic" not in columns)


def test_the_study_says_so_where_nothing_was_passed_on(tmp_path):
    t = pd.DataFrame(dict(case_id=["1", "2"], timestamp=["2022-02-17", "2022-02-18"], unit=["A", "B"], activity="closed"))
    t.to_csv(tmp_path / "log.csv", index=False)
    page = report.render(tmp_path / "log.csv", out=tmp_path / "out", lang="en", study="buckpassing").read_text("utf-8")
    assert "nothing to judge" in page


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(report.LogError, match="buckpassing, report"):
        report.render(out=tmp_path, study="everything")
