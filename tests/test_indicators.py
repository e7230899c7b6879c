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
    due = pd.to_datetime(cases.set_index("case_id").due_at)
    due = due.where(due != due.dt.normalize(), due + pd.Timedelta(days=1) - pd.Timedelta(seconds=1))  # a date alone ends with its day
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
            add(
                "pingpong_rate",
                unit,
                any(h["pingpong"] and h["kind"] == "lateral" and (mine(h["from_unit"]) or mine(h["to_unit"])) for h in passed),
            )
            add("revisit_rate", unit, c["n_revisits"] > 0 if unit is None else units.count(unit) > 1)
            add("hops_per_case", unit, sum(mine(h["from_unit"]) for h in passed))
            if c["closed_at"]:
                add(
                    "boomerang_rate",
                    unit,
                    any(h["from_unit"] == c["resolver"] and h["kind"] in ("lateral", "bounce") and mine(h["from_unit"]) for h in passed),
                )
        for unit in {None, last[i]}:
            if due[i] <= end and not (c["closed_at"] and c["closed_at"] < c["opened_at"]):
                add("on_time_rate", unit, bool(c["closed_at"] and c["closed_at"] <= due[i]))
            first = calls[(calls.case_id == i) & (calls["round"] == "first")]
            given = first[first.reached.astype("boolean").fillna(True).astype(bool)].satisfied.dropna()
            if c["closed_at"]:
                add("callback_coverage", unit, bool(first.reached.any()))
            if len(given):
                add("satisfaction_rate", unit, bool(given.iloc[0]))
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


TICKETS = pd.DataFrame(
    {
        "工单编号": ["1", "2"],
        "承办单位": ["甲", "乙"],
        "派单时间": "2022-02-17 09:00",
        "办结时间": "2022-02-20 15:00",
        "截止时间": "2022-02-20",
    }
)
STEPS = [dict(activity="dispatched", time="派单时间", unit="承办单位"), dict(activity="closed", time="办结时间", unit="承办单位")]


def test_a_table_of_tickets_with_one_column_of_units_shows_no_hops_rather_than_none():
    log = CaseLog.from_frame(TICKETS, layout="wide", steps=STEPS, case_id="工单编号", due_at="截止时间")
    assert not {"pingpong_rate", "hops_per_case", "bounce_rate", "limbo_share"} & set(metrics.available(log)[0])
    with pytest.raises(LogError, match="single column of units"):
        metrics.compute(log, "pingpong_rate")


def test_a_due_date_without_a_clock_time_ends_with_its_day():
    log = CaseLog.from_frame(
        TICKETS.assign(**{"办结时间": ["2022-02-20 15:00", "2022-02-21 15:00"]}),
        layout="wide",
        steps=STEPS,
        case_id="工单编号",
        due_at="截止时间",
    )
    assert metrics.compute(log, "on_time_rate")[["numerator", "denominator"]].values.tolist() == [[1, 2]]


def test_cases_that_still_have_time_are_in_no_on_time_rate():
    log = CaseLog.from_frame(
        TICKETS.assign(**{"截止时间": ["2022-02-19", "2022-03-01"]}), layout="wide", steps=STEPS, case_id="工单编号", due_at="截止时间"
    )
    assert metrics.compute(log, "on_time_rate")[["numerator", "denominator"]].values.tolist() == [[0, 1]]


def test_answers_of_citizens_who_were_not_reached_count_nowhere_and_check_says_so():
    calls = pd.DataFrame({"工单编号": ["1", "2"], "round": "first", "reached": [True, False], "satisfied": [True, False]})
    log = CaseLog.from_frame(TICKETS, callbacks=calls, layout="wide", steps=STEPS, case_id="工单编号")
    assert metrics.compute(log, "satisfaction_rate")[["numerator", "denominator"]].values.tolist() == [[1, 1]]
    assert "answer_unreached" in set(log.check().code)


def test_an_unknown_answer_is_named_by_check():
    calls = pd.DataFrame({"工单编号": ["1", "2"], "round": "first", "reached": True, "satisfied": ["满意", "基本满意"]})
    log = CaseLog.from_frame(TICKETS, callbacks=calls, layout="wide", steps=STEPS, case_id="工单编号")
    assert log.check().set_index("code").examples["word_satisfied"] == "基本满意"
    counted = CaseLog.from_frame(
        TICKETS, callbacks=calls, layout="wide", steps=STEPS, case_id="工单编号", words={"satisfied": {"基本满意": True}}
    )
    assert metrics.compute(counted, "satisfaction_rate").numerator.item() == 2


def test_a_case_closed_before_it_was_submitted_is_counted_by_check_and_left_out_of_durations():
    tickets = TICKETS.assign(**{"受理时间": ["2022-02-16", "2023-01-01"]})
    log = CaseLog.from_frame(tickets, layout="wide", steps=STEPS, case_id="工单编号", submitted_at="受理时间")
    assert log.check().set_index("code")["count"]["closed_early"] == 1
    assert metrics.compute(log, "resolution_days").n.item() == 1


def test_delegation_and_back_is_no_ping_pong():
    rows = [("1", f"2022-02-17 0{i}:00", u, "replied") for i, u in enumerate(["县", "乡", "县"])]
    frame = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    for units, n in (((), 1), ((dict(unit="县"), dict(unit="乡", parent="县")), 0)):
        assert metrics.compute(CaseLog.from_frame(frame, units=units), "pingpong_rate").numerator.item() == n
