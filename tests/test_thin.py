"Thin and odd logs, series and bulletins: every room gives a number, nothing, or a reason in words; never the error or the warning of a library"

import json
import re
import signal
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases.make import old_book
from conftest import ROOT
from matplotlib.figure import Figure
from matplotlib.text import Text as MPLText

from liuan_eval import CaseLog, custody, figures, metrics, read_log
from liuan_eval.effects import evaluate, many, power
from liuan_eval.effects.bulletins import read_bulletins
from liuan_eval.effects.cases import percase, survival
from liuan_eval.effects.designs.registry import known
from liuan_eval.effects.designs.trends import folded_quantile
from liuan_eval.effects.estimate import t_interval
from liuan_eval.effects.panel import Panel, panel, with_controls
from liuan_eval.effects.plan import Plan
from liuan_eval.flow import competence, excess, graph, hierarchy, tossing
from liuan_eval.indicators import phone, volume
from liuan_eval.judge import compare, gaming
from liuan_eval.report import kernel
from liuan_eval.report.study import Study
from liuan_eval.report.trouble import machine
from liuan_eval.words.text import LogError

# --- series

NOTHING = re.compile(r"(?<![\w.])(nan|NaN|NaT|None|-?inf)(?!\w)")


def series(y, at, unit="share", skip=()):
    "Months by cities as a panel; the first city is treated from month `at` on"
    days = pd.date_range("2018-01-01", periods=len(y), freq="MS")
    rows = [(f"u{j}", d, v * 100, 100.0, v, 0.01) for i, d in enumerate(days) if i not in skip for j, v in enumerate(y[i])]
    table = pd.DataFrame(rows, columns=["unit", "period", "numerator", "denominator", "value", "se"])
    name = dict(share="on_time_rate", cases="n_cases", hours="close_hours")[unit]
    return Panel(table, pd.Timestamp("2018-01-01") + pd.DateOffset(months=at), ("u0",), "month", name, unit)


def odd_series():
    "Series of every kind that a design may trip over, by name"
    rng = np.random.default_rng(0)
    noise = lambda n=30, k=6: 0.8 + 0.03 * rng.standard_normal((n, k))
    change = lambda y, **at: [y.__setitem__(tuple(k), v) for k, v in at.pop("to")] and y
    few = {
        f"{n} months, start {b}, {k} cities": series(noise(n, k), b)
        for n, b in ((30, 18), (4, 3), (4, 1), (1, 1), (1, 0))
        for k in (1, 2, 6)
    }
    flat = {f"always {v}, {k} cities": series(np.full((30, k), v), 18) for v in (0.0, 0.8, 1.0) for k in (1, 6)}
    one = [slice(None), 0]
    odd = dict(
        no_after=series(noise(), 30),
        treated_flat=series(change(noise(), to=[(one, 1.0)]), 18),
        others_flat=series(change(noise(), to=[([slice(None), slice(1, None)], 0.99)]), 18),
        one_spike=series(change(np.full((30, 6), 0.8), to=[([20, 4], 0.9)]), 18),
        all_alike=series(np.repeat(noise(k=1), 6, axis=1), 18),
        missing=series(change(noise(), to=[([5, 2], np.nan)]), 18),
        nothing=series(np.full((30, 6), np.nan), 18),
        infinite=series(change(noise(), to=[([7, 3], np.inf)]), 18),
        gaps=series(noise(), 18, skip=(3, 4, 17, 18, 25)),
        one_month_after=series(noise(), 18, skip=range(18, 29)),
        no_cases=series(np.zeros((30, 6)), 18, "cases"),
        no_hours=series(np.zeros((30, 6)), 18, "hours"),
    )
    return few | flat | odd


QUICK = ("difference_series", "conformal", "in_space", "in_time", "its", "did", "before_after", "clustered")


def test_designs_answer_odd_series_with_a_number_that_can_be_or_in_words():
    there, answers = known(), 0
    for name, p in odd_series().items():
        found = {}
        for d in QUICK:
            try:
                e = there[d].run(p)
            except LogError:
                continue
            found[d] = e
            assert np.isfinite(e.value) and not e.p == 0 and not (e.low == e.high), (name, d)
            assert np.isnan(e.p) or e.p >= e.smallest_p - 1e-9, (name, d)
            assert not np.isnan(e.p) or e.refused is not None, (name, d)
            assert not (name.startswith("always") and e.found), (name, d)
        plan = Plan(start=p.start, period="month", design="difference_series", primary=(p.indicator,))
        shown = evaluate.shown_table({p.indicator: found})
        n = p.indicator
        said = [evaluate.findings({n: p}, {n: found}, plan, {n: evaluate.detectable(p)})[n].words(lang) for lang in ("zh", "en")]
        assert all(said) and len(shown) == len(found)
        said += [str(t) for t in shown.to_numpy().ravel()] + [str(t) for e in found.values() for t in e.checks("en").to_numpy().ravel()]
        assert [t for t in said if NOTHING.search(t)] == [], name
        answers += len(found)
    assert answers > 50


@pytest.mark.parametrize("wrong", [0, 1, -0.1, 95, float("nan"), "0.05", True], ids=str)
def test_a_level_lies_between_0_and_1_wherever_it_is_taken(wrong):
    p = series(np.random.default_rng(1).random((30, 6)), 18)
    taken = [
        lambda: Plan(start="2020-01-01", period="month", design="its", primary=("n_cases",), alpha=wrong),
        *(
            lambda d=d: known()[d].function(p, level=wrong)
            for d in ("difference_series", "conformal", "its", "structural", "synthetic_did")
        ),
        lambda: known()["its"].run(p, wrong),
        lambda: power.minimum_detectable(p, alpha=wrong),
        lambda: power.multiple(0.05, wrong),
        lambda: power.power_two_rates(0.5, 0.6, 100, wrong),
        lambda: many.adjust({}, {}, wrong),
        lambda: t_interval(1.0, 1.0, level=wrong),
        lambda: folded_quantile(0.0, wrong),
    ]
    for f in taken:
        with pytest.raises(LogError, match=r"between 0 and 1|must be a number"):
            f()


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(start="spring"), "'start' is 'spring'"),
        (dict(start=2022), "'start' is '2022'"),
        (dict(design="difference_serie"), "difference_series"),
        (dict(primary=["on_time"]), "near it are: on_time_rate"),
        (dict(primary=["n_cases", "n_cases"]), "twice"),
        (dict(secondary=["n_cases"]), "in 'primary' already"),
        (dict(primary="n_cases"), "'primary' must be a list"),
        (dict(period="fortnight"), "'period' is 'fortnight'"),
        (dict(donut=[["2022-05-01", "2022-04-01"]]), "later than"),
        (dict(donut=[["2022-05-01"]]), "pairs of days"),
        (dict(shocks=[{"from": "soon", "zh": "改革", "en": "reform"}]), "'shocks' is 'soon'"),
        (dict(robustness=["magic"]), "'robustness' is 'magic'"),
    ],
    ids=str,
)
def test_a_plan_names_the_key_that_is_wrong(change, words):
    right = dict(start="2022-02-17", period="month", design="its", primary=["n_cases"])
    with pytest.raises(LogError, match=words):
        Plan(**right | change)


def test_a_lock_that_was_cut_off_is_named(tmp_path):
    (tmp_path / "plan.lock").write_text('{"sha256": "ab', "utf-8")
    for f in (Plan.read().verify, Plan.read().freeze):
        with pytest.raises(LogError, match="no whole lock"):
            f(tmp_path)


# --- bulletins of other cities


def bulletins(**change):
    "Three cities by month, one value changed in the second row of the second city"
    months = pd.date_range("2021-01-01", periods=24, freq="MS").strftime("%Y-%m")
    t = pd.DataFrame([(u, m, "on_time_rate", 90, 100, 0.9) for u in ("甲市", "乙市", "丙市") for m in months])
    t = t.set_axis(["unit", "period", "indicator", "numerator", "denominator", "value"], axis=1).astype(object)
    for column, value in change.items():
        t.loc[25, column] = value
    return t


WRONG = [
    (dict(value=90), "value: '90' lies outside 0"),
    (dict(value="90%"), "value: '90%' is no plain number"),
    (dict(value="0,9"), "value: '0,9' is no plain number"),
    (dict(value="inf"), "value: 'inf' is no plain number"),
    (dict(value="NaN"), "value: 'NaN' is no plain number"),
    (dict(value=-0.1), "value: '-0.1' is below 0"),
    (dict(value=0.8), "value: '0.8' is not numerator / denominator"),
    (dict(numerator=101), "numerator: '101' is more than its denominator"),
    (dict(denominator=0, numerator=0), "denominator: '0' is 0"),
    (dict(denominator="many"), "denominator: 'many' is no plain number"),
    (dict(indicator="on_time"), "indicator: 'on_time' is no indicator; near it are on_time_rate"),
    (dict(period="Februar"), "period: 'Februar' is no day"),
    (dict(period="02/01/2021"), "period: '02/01/2021' is no day"),
    (dict(period="2991-02"), "period: '2991-02' lies in the future"),
    (dict(period="2021-01"), "is the second of two rows of 乙市"),
    (dict(unit=""), "unit: '' names no city"),
    (dict(numerator=-1), "numerator: '-1' is below 0"),
    (dict(numerator=90.5), "numerator: '90.5' is no whole number"),
    (dict(numerator="", value=""), "value: '' is left out, and of its counts there is only one"),
    (dict(numerator=1, denominator=100, value=0.014), "value: '0.014' is not numerator / denominator"),
    (dict(numerator="", denominator="", value=0.009), "value: '0.009' is about a hundred times"),
    *((dict(period=p), f"period: '{p}' is no day") for p in ("Feb-22", "2021.2", "22-02", "44593", "2021-02-30", "2021Q5", "2021年上半年")),
    (dict(period="2021Q1"), "period: '2021Q1' is a quarter, but what is compared is a month"),
    (dict(period="2021-W06"), "period: '2021-W06' is a week, but what is compared is a month"),
    (dict(period="2021"), "period: '2021' is a year, but what is compared is a month"),
]


@pytest.mark.parametrize("change, words", WRONG, ids=str)
def test_a_cell_of_a_bulletin_that_cannot_be_right_is_named_by_row_and_column(change, words, tmp_path):
    bulletins(**change).to_csv(tmp_path / "b.csv", index=False, encoding="gb18030")
    where = "" if words.startswith("is the second") else "column "
    with pytest.raises(LogError, match=rf"b\.csv, row \d+, .*{where}{re.escape(words)}"):
        read_bulletins(tmp_path / "b.csv", "month")


@pytest.mark.parametrize(
    "write",
    [
        "{:%Y-%m}",
        "{:%Y%m}",
        "{:%Y.%m}",
        "{:%Y/%m/%d}",
        "{:%Y%m%d}",
        "{0.year}年{0.month}月",
        "{0.year}年{0.month}月份",
        "{:%b %Y}",
        "{:%m/%Y}",
        "{:%Y-%m-%d %H:%M:%S}",
    ],
)
def test_a_month_is_read_however_it_is_written(write):
    own = series(np.full((24, 1), 0.9), 12)
    t = bulletins().assign(period=[write.format(d) for d in own.periods] * 3)
    assert list(read_bulletins(t, "month").period[:24]) == list(own.periods)
    assert with_controls(own, t).controls == ("甲市", "乙市", "丙市")


def test_numbers_that_are_whole_months_in_a_workbook_are_read(tmp_path):
    t = bulletins()
    t.assign(period=t.period.str.replace("-", "").astype(int)).to_excel(tmp_path / "b.xlsx", index=False)
    assert read_bulletins(tmp_path / "b.xlsx", "month").period.min() == pd.Timestamp("2021-01-01")


def test_a_value_left_out_is_made_from_its_counts():
    t = bulletins().assign(value=None)
    assert (read_bulletins(t, "month").value == 0.9).all()
    counts = t.assign(indicator="n_cases", denominator=None)
    assert (read_bulletins(counts, "month").value == 90).all()


def test_the_treated_city_is_known_among_its_own_controls_by_its_numbers():
    rng = np.random.default_rng(4)
    own = series(np.round(0.9 + 0.02 * rng.standard_normal((24, 1)), 4), 12)
    y = own.one().value.to_numpy()
    t = bulletins().assign(period=[f"{d:%Y-%m}" for d in own.periods] * 3, numerator=None, denominator=None)
    other = np.round(0.9 + 0.02 * rng.standard_normal(72), 3)
    for twin in (y, np.round(y, 2), np.round(y, 3) - 0.02, np.where(np.arange(24) % 8 == 0, 0.9, np.round(y, 3))):
        mine = np.where(t.unit == "乙市", np.tile(twin, 3), other)
        with pytest.raises(LogError, match="'乙市' of the bulletins has the numbers of the treated unit 'u0'"):
            with_controls(own, t.assign(value=mine))
    assert with_controls(own, t.assign(value=other)).controls == ("甲市", "乙市", "丙市")
    assert with_controls(own, t.assign(value=0.9)).controls == ("甲市", "乙市", "丙市")  # that never move are no twins
    with pytest.raises(LogError, match="a percentage, it seems"):
        with_controls(own, t.assign(value=np.where(t.unit == "乙市", 0.009, other)))


def test_a_city_in_percent_is_refused_before_it_is_found(tmp_path):
    t = bulletins()
    t.loc[t.unit == "乙市", "value"] = 90
    with pytest.raises(LogError, match=r"row 25, column value: '90.0' lies outside 0 … 1; write 0.93 for 93 %"):
        read_bulletins(t)


def test_bulletins_are_read_in_any_encoding_and_from_a_workbook(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "gbk", "utf-16"):
        bulletins().to_csv(tmp_path / "b.csv", index=False, encoding=encoding)
        assert list(read_bulletins(tmp_path / "b.csv", "month").unit.unique()) == ["甲市", "乙市", "丙市"]
    bulletins().to_excel(tmp_path / "b.xlsx", index=False)
    assert len(read_bulletins(tmp_path / "b.xlsx", "month")) == 72
    (tmp_path / "empty.csv").touch()
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    for name, words in (("no.csv", "no such file"), ("empty.csv", "empty"), ("odd.csv", "odd.csv")):
        with pytest.raises(LogError, match=words):
            read_bulletins(tmp_path / name)


def test_cities_that_cannot_serve_are_named_in_a_note():
    own = series(np.full((24, 1), 0.9), 12)
    t = bulletins().assign(period=[f"{d:%Y-%m}" for d in own.periods] * 3)
    t = pd.concat([t.drop(index=30), t[t.unit == "甲市"].assign(unit="u0")])
    p = with_controls(own, t)
    said = " ".join(n.en for n in p.notes)
    assert p.controls == ("甲市", "丙市") and "not used: 乙市" in said and "own bulletins not used: u0" in said


# --- logs

START = "2022-03-01"


def tables(n=40, days=300):
    "Cases of four units that are passed on, returned and answered for"
    rng, events, cases, answers = np.random.default_rng(3), [], [], []
    units = ("住建局", "水务局", "城管局", "教育局")
    for i in range(n):
        t, c, own, other = (
            pd.Timestamp("2021-10-01") + pd.Timedelta(hours=24 * days * i / n),
            f"c{i:03d}",
            units[i % 4],
            units[(i + 1 + i % 3) % 4],
        )
        events += [(c, t, "热线", "dispatched"), (c, t + pd.Timedelta(hours=1), own, "claimed")]
        events += [(c, t + pd.Timedelta(hours=2), other, "claimed")] * (i % 3 > 0)
        end = t + pd.Timedelta(hours=float(rng.uniform(4, 400)))
        events.append((c, end, other if i % 3 else own, "closed"))
        cases.append(
            (
                c,
                ("电话", "网络")[i % 2],
                "投诉",
                ("物业", "供水")[i // 2 % 2],
                ("东区", "西区")[i // 4 % 2],
                t,
                t + pd.Timedelta(days=5),
                end,
            )
        )
        answers.append((c, "first", end + pd.Timedelta(days=1), True, bool(rng.random() < 0.7), bool(rng.random() < 0.6)))
    return (
        pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity"]),
        pd.DataFrame(cases, columns=["case_id", "channel", "request_type", "topic", "area", "submitted_at", "due_at", "closed_at"]),
        pd.DataFrame(answers, columns=["case_id", "round", "called_at", "reached", "resolved", "satisfied"]),
    )


def thin_logs():
    "By name: events, cases, calls"
    e, c, a = tables()
    at, one = pd.Timestamp("2022-03-01 09:00"), e.case_id == "c001"
    strange = dict(zip(("住建局", "水务局", "城管局", "教育局"), ("***", "🙂" + "长" * 200, "nan", "12345")))
    back = a.assign(called_at=a.called_at - pd.Timedelta(days=900))
    return dict(
        one_event=(e[one].tail(1), None, None),
        one_case=(e[one], c[c.case_id == "c001"], a[a.case_id == "c001"]),
        one_moment=(e.assign(timestamp=at), c.assign(submitted_at=at, due_at=at, closed_at=at), a.assign(called_at=at)),
        one_unit=(e.assign(unit="住建局"), c, a),
        never_closed=(e[e.activity != "closed"], c.assign(closed_at=pd.NaT), None),
        nobody_reached=(e, c, a.assign(reached=False, resolved=None, satisfied=None)),
        ends_before_it_begins=(e[e.activity != "closed"], c.assign(closed_at=c.submitted_at - pd.Timedelta(days=9)), back),
        a_unit_each=(e.assign(unit=e.unit.where(e.unit == "热线", e.unit + e.case_id)), c, a),
        strange_names=(e.assign(unit=e.unit.replace(strange)), c.assign(topic=None, due_at=pd.NaT, channel="电话"), a),
    )


def asked(log, start):
    "What studies ask of a log, by name"
    plan = lambda: evaluate.usual_plan(log, start)
    return dict(
        log=lambda: (log.summary("zh"), log.counts, log.endings),
        custody=lambda: [f(log).to_pandas() for f in (custody.spells, custody.hops, custody.cases)],
        compute=lambda: metrics.compute(log),
        graph=lambda: (graph.edges(log), graph.pingpong_pairs(log), graph.paths(log), graph.flow_graph(log)),
        verdicts=lambda: competence.verdicts(log),
        excess=lambda: excess.excess_flows(log),
        ranking=lambda: hierarchy.ranking(log),
        direct=lambda: tossing.what_if_direct(log),
        compare=lambda: compare.compare_units(log),
        signs=lambda: gaming.signs(log),
        unheard=lambda: phone.unheard(log),
        chain=lambda: phone.chain(log),
        again=lambda: volume.repeat_sensitivity(log),
        panels=lambda: evaluate.panels(log, plan()),
        by_unit=lambda: panel(log, "n_cases", by="unit", start=start),
        rmst=lambda: survival.rmst_difference(log, start=start).summary(),
        cox=lambda: survival.cox(log, start=start).summary(),
        ends=lambda: survival.gray(survival.risk_table(survival.times_to(log, start=start), end="resolved")),
        logrank=lambda: survival.logrank(survival.risk_table(survival.times_to(log, start=start))),
        hops=lambda: percase.hops_difference(log, ("topic",), start).summary(),
        satisfied=lambda: percase.risk_difference(log, start=start).summary(),
        mix=lambda: percase.decompose(percase.answer_cells(log, start=start), draws=20),
        fig_open=lambda: figures.resolution_curve(log),
        fig_matrix=lambda: figures.flow_matrix(log),
        fig_who=lambda: figures.competence_map(log),
        fig_funnel=lambda: figures.funnel(log),
        fig_verdicts=lambda: figures.verdict_bars(log),
        fig_hops=lambda: figures.hops_distribution(log),
    )


def written_in(fig):
    "All text of a figure but the names of units"
    return {t.get_text() for t in fig.findobj(MPLText)} - {"nan"}


@pytest.mark.parametrize(
    "name", ["one_case", "one_moment", "never_closed", "nobody_reached", "ends_before_it_begins", "a_unit_each", "strange_names"]
)
def test_rooms_answer_thin_logs_with_a_number_or_in_words(name):
    e, c, a = thin_logs()[name]
    log, failed = CaseLog.from_frame(e, c, a, dispatchers=["热线"], returned="unit_to_dispatcher"), {}
    for what, ask in asked(log, START).items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", ResourceWarning)
            warnings.filterwarnings("ignore", "Glyph")  # a sign that the font does not have is drawn as a box
            try:
                got = ask()
                if isinstance(got, Figure):
                    got.draw_without_rendering()
                    assert not [t for t in written_in(got) if NOTHING.search(t)]
            except LogError as error:
                assert error.text.zh and error.text.en
            except Exception as error:  # each is a fault; all are told at once
                failed[what] = repr(error)
    assert failed == {}


# --- pages


def written(study, log, tmp_path, monkeypatch, **values):
    "A study run in this process without its pictures; what it could not show"
    made = []

    def opened(cls, *_args):
        made.append(Study(log, "en", Path(tmp_path)))
        return made[-1]

    monkeypatch.setattr(Study, "open", classmethod(opened))
    monkeypatch.setattr(Study, "figure", lambda self, name, fig, zh, en, **more: self.figures.append(name))
    names = {}
    for cell in json.loads((ROOT / "nbs" / "studies" / f"{study}.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{study} {cell['id']}", "exec"), names)
            if "parameters" in cell["metadata"].get("tags", []):
                names |= dict(source="log", lang="en") | values
    return made[0].missing


@pytest.mark.parametrize(
    "study, name", dict(report="one_event", bulletin="one_event", buckpassing="one_unit", campaign="nobody_reached").items()
)
def test_a_study_of_a_thin_log_reaches_its_end(study, name, tmp_path, monkeypatch, capsys):
    e, c, a = thin_logs()[name]
    log = CaseLog.from_frame(e, c, a, dispatchers=["热线"], returned="unit_to_dispatcher")
    assert written(study, log, tmp_path, monkeypatch, **({} if study in ("report", "bulletin") else dict(start=START))) == []
    assert (tmp_path / "run.json").exists()


def test_what_cannot_be_drawn_takes_nothing_beside_it_away(tmp_path, monkeypatch, capsys):
    e, c, a = tables()
    log = CaseLog.from_frame(e, c, a, dispatchers=["热线"], returned="unit_to_dispatcher")

    def broken(panel, *_more):
        if panel.indicator == "n_cases":
            raise LogError("画不出。", "It cannot be drawn.")
        raise IndexError("no estimate to draw") if panel.indicator == "on_time_rate" else LogError("无。", "None.")

    monkeypatch.setattr(figures, "cities", broken)
    missing = written("campaign", log, tmp_path, monkeypatch, start=START)
    assert any("It cannot be drawn." in m["why"] for m in missing) and any("nobody foresaw (IndexError)" in m["why"] for m in missing)
    assert (tmp_path / "run.json").exists()


# --- machines


def test_a_command_without_the_memory_to_load_ends_in_a_sentence():
    resource = pytest.importorskip("resource", reason="this system limits no memory")
    if sys.platform != "linux":
        pytest.skip("only Linux limits the memory of a process so")
    code = "import sys; from liuan_eval.report.stop import start; sys.argv = ['liuan-eval', 'check']; start()"
    for megabytes in (130, 300, 430):
        limit = lambda m=megabytes: resource.setrlimit(resource.RLIMIT_AS, (m << 20, m << 20))
        run = subprocess.run([sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, encoding="utf-8")
        assert run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1, run.stderr
        assert "内存不够" in run.stderr and "not enough memory" in run.stderr


def test_an_error_that_a_process_could_not_show_or_came_of_no_memory_is_known():
    from nbformat.v4 import new_code_cell, new_output

    cell = new_code_cell("x")
    for _ in "twice":
        kernel._noted(cell, dict(content=dict(ename="ImportError", evalue="numpy", traceback=["failed to map segment"], status="error")))
    assert [o.ename for o in cell.outputs] == ["ImportError"] and "memory" in machine(cell.outputs[0]).text.en
    assert machine(new_output("error", ename="KeyError", evalue="'unit'", traceback=[])) is None
    for error in (OSError(12, "Cannot allocate memory"), RuntimeError("can't start new thread"), MemoryError()):
        assert "memory" in machine(error).text.en


def test_a_process_that_does_nothing_is_ended_and_one_that_works_is_not(monkeypatch):
    if not Path("/proc/self/stat").exists():
        pytest.skip("only Linux tells what a process does")
    monkeypatch.setattr(kernel, "_QUIET", 0.6)
    monkeypatch.setattr(kernel, "_LOOKS", 0.2)
    for code, ends in (("import time; time.sleep(30)", -signal.SIGKILL), ("while True: pass", None)):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        try:
            with kernel._watched(process.pid):
                until = time.monotonic() + (20 if ends else 2)
                while process.poll() is None and time.monotonic() < until:
                    time.sleep(0.05)
            assert process.poll() == ends
        finally:
            process.kill()
            process.wait()


def test_an_old_workbook_with_a_password_is_told_as_one(tmp_path):
    pytest.importorskip("xlwt", reason="xlwt writes old workbooks")
    raw = bytearray(old_book(tmp_path / "old.xls", [["case_id", "timestamp"], ["1", "2022-03-01"]]).read_bytes())
    after = raw.index(b"\x09\x08\x10\x00") + 20
    raw[after : after + 10] = struct.pack("<HHHHH", 0x2F, 6, 0, 1, 2)  # FILEPASS
    (tmp_path / "locked.xls").write_bytes(raw)
    with pytest.raises(LogError, match=r"locked\.xls: is protected by a password"):
        read_log(tmp_path / "locked.xls")
