"Indicators by unit and over all, against plain Python loops over the oracle's custody of a random city"

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from city import MAPPING, city
from oracle import Event, closing, custody

from liuan_eval import metrics
from liuan_eval.log import CaseLog
from liuan_eval.source import LogError

CODES = dict(
    受理="received",
    派单="dispatched",
    签收="claimed",
    退单="returned",
    改派="dispatched",
    办结="closed",
    重办="reopened",
    回访="called",
    回复="replied",
)


@pytest.fixture(scope="module")
def tables():
    return city(seed=7)


@pytest.fixture(scope="module")
def log(tables):
    events, cases, calls = tables
    return CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)


@pytest.fixture(scope="module")
def truth(tables):
    "indicator -> (unit or None) -> [numerator, denominator], counted by loops"
    events, cases, calls = tables
    until = pd.Timestamp(MAPPING["aliases"][0]["valid_to"]) + pd.Timedelta(days=1)
    own = [
        Event(e.case_id, e.timestamp.to_pydatetime(), "市场局" if e.unit == "工商局" and e.timestamp < until else e.unit, CODES[e.activity])
        for e in events.itertuples()
    ]
    end, parent = max(e.timestamp for e in own), {u["unit"]: u["parent"] for u in MAPPING["units"] if "parent" in u}
    spells, hops, found = custody(own, MAPPING["dispatchers"], parent=parent)
    of = {name: defaultdict(list) for name in ("events", "spells", "hops")}
    for name, rows in dict(spells=[s for s in spells if not s["is_dispatcher"]], hops=hops).items():
        for r in rows:
            of[name][r["case_id"]].append(r)
    for e in own:
        of["events"][e.case_id].append(e)
    last = {s["case_id"]: s["unit"] for s in spells}
    due = cases.set_index("case_id").due_at
    res = defaultdict(lambda: defaultdict(lambda: [0, 0]))

    def add(name, unit, hit):
        res[name][unit][0] += hit
        res[name][unit][1] += 1

    for c in found:
        i = c["case_id"]
        units, passed = [s["unit"] for s in of["spells"][i]], of["hops"][i]
        held = closing(sorted(of["events"][i], key=lambda e: e.timestamp), False, None)[1]
        returned = {e.unit for e in held if e.activity == "returned"} - set(MAPPING["dispatchers"])
        for unit in [None, *set(units)] if units else []:
            mine = lambda u, unit=unit: unit is None or u == unit
            add("return_rate", unit, any(map(mine, returned)))
            add("bounce_rate", unit, any(h["kind"] == "bounce" and mine(h["from_unit"]) for h in passed))
            add("pingpong_rate", unit, any(h["pingpong"] and (mine(h["from_unit"]) or mine(h["to_unit"])) for h in passed))
            add("revisit_rate", unit, c["n_revisits"] > 0 if unit is None else units.count(unit) > 1)
            add("hops_per_case", unit, sum(mine(h["from_unit"]) for h in passed))
            if c["closed_at"]:
                add("boomerang_rate", unit, any(h["from_unit"] == c["resolver"] and mine(h["from_unit"]) for h in passed))
        for unit in {None, last[i]}:
            if pd.notna(due[i]) and (c["closed_at"] or due[i] <= end):
                add("on_time_rate", unit, bool(c["closed_at"] and c["closed_at"] <= due[i]))
            first = calls[(calls.case_id == i) & (calls["round"] == "first")]
            if c["closed_at"]:
                add("callback_coverage", unit, bool(first.reached.any()))
            if first.satisfied.notna().any():
                add("satisfaction_rate", unit, bool(first.satisfied.dropna().iloc[0]))
    return res


@pytest.mark.parametrize(
    "name",
    [
        "return_rate",
        "bounce_rate",
        "pingpong_rate",
        "revisit_rate",
        "hops_per_case",
        "boomerang_rate",
        "on_time_rate",
        "callback_coverage",
        "satisfaction_rate",
    ],
)
def test_an_indicator_is_what_plain_loops_count(log, truth, name):
    r = metrics.compute(log, name)
    assert r[["numerator", "denominator"]].values.tolist() == [truth[name][None]]
    r = metrics.compute(log, name, by="unit")
    own = {u: truth[name].get(u, [0, 0]) for u in r.unit}
    assert dict(zip(r.unit, r[["numerator", "denominator"]].values.tolist())) == own
    assert set(log.units.unit[~log.units.is_dispatcher]) <= set(r.unit)  # units without a case have a row


def test_days_to_resolution_are_the_kaplan_meier_median_of_statsmodels(log, tables):
    from statsmodels.duration.survfunc import SurvfuncRight

    from liuan_eval import custody as room

    c = room.cases(log).execute()
    for channel, f in c.groupby("channel"):
        s = SurvfuncRight((f.duration_seconds / 86400).to_numpy(), f.closed_at.notna().astype(int).to_numpy())
        r = metrics.compute(log, "resolution_days", by="channel").set_index("channel").loc[channel]
        flat = s.surv_times[np.isclose(s.surv_prob, 0.5)]  # on one half for a while: R, and we, take the middle of it
        assert np.isclose(r.value, (flat[0] + s.surv_times[s.surv_prob < 0.5 - 1e-9][0]) / 2 if len(flat) else s.quantile(0.5))
        assert np.allclose([r.low, r.high], s.quantile_ci(0.5, method="cloglog"))


def test_counts_by_period_and_channel_add_up(log, tables):
    r = metrics.compute(log, "n_cases", by="channel", period="month")
    assert r.numerator.sum() == len(tables[1]) == metrics.compute(log, "n_cases").numerator[0]


def test_a_unit_without_cases_has_no_value(tables):
    events, cases, calls = tables
    more = MAPPING | dict(units=[*MAPPING["units"], dict(unit="气象局")])
    r = metrics.compute(CaseLog.from_frame(events, cases=cases, callbacks=calls, **more), by="unit")
    idle = r[(r.unit == "气象局") & (r.indicator != "n_cases")]
    assert len(idle) == len(metrics.ORDER) - 1 and idle[["value", "low", "high"]].isna().all().all()


@pytest.mark.parametrize("name", metrics.ORDER)
def test_what_a_log_cannot_serve_is_said_in_both_languages(name):
    bare = CaseLog.from_frame(pd.DataFrame({"case_id": ["1"], "timestamp": ["2022-02-17"], "unit": ["A"], "activity": ["replied"]}))
    if name in metrics.available(bare)[0]:
        assert metrics.compute(bare, name).indicator.tolist() == [name]
    else:
        with pytest.raises(LogError, match=name) as e:
            metrics.compute(bare, name)
        assert "需要" in e.value.zh and "needs" in e.value.en


@pytest.mark.parametrize(
    "call",
    [
        dict(indicators="pingpong_rat"),
        dict(indicators="n_cases", by="street"),
        dict(indicators="n_cases", period="fortnight"),
        dict(indicators="n_cases", by=["from_unit", "exit"]),
    ],
    ids=str,
)
def test_a_wrong_question_is_refused_and_the_right_ones_named(log, call):
    with pytest.raises(LogError) as e:
        metrics.compute(log, **call)
    assert e.value.en != e.value.zh
