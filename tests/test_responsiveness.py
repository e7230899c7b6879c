"Rates, waits, stocks and repeats against plain loops on a random log; medians against statsmodels"

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from chinese_calendar import is_workday
from statsmodels.duration.survfunc import SurvfuncRight

from liuan_eval import metrics
from liuan_eval import responsiveness as r
from liuan_eval.log import CaseLog

UNITS = ["甲局", "乙局", "丙镇"]
HOURS = [("08:30", "12:00"), ("14:30", "17:30")]
END = pd.Timestamp("2022-06-30 12:00")
RULES = [
    dict(step="handle", request_type=["consult"], limit="3wd"),
    dict(step="handle", request_type_not=["consult"], limit="10wd"),
    dict(step="claim", limit="8h", start="dispatched"),
    dict(step="extend", limit="5wd"),
]


def made(seed=3, n=220):
    "Events and cases; several stays, some unclaimed, some never closed, some reopened"
    rng = np.random.default_rng(seed)
    events, cases = [], []
    for i in range(n):
        case, at = f"c{i:03d}", pd.Timestamp("2022-01-04 08:00") + pd.Timedelta(minutes=int(rng.integers(0, 160 * 1440)))
        opened = at
        events.append((case, at, "热线", "received", None))
        stays = [str(rng.choice(UNITS)) for _ in range(int(rng.integers(1, 4)))]
        for unit in [u for j, u in enumerate(stays) if not j or u != stays[j - 1]]:
            at += pd.Timedelta(minutes=int(rng.integers(5, 900)))
            events.append((case, at, unit, "dispatched", None))
            if rng.random() < 0.75:
                at += pd.Timedelta(minutes=int(rng.integers(1, 900)))
                events.append((case, at, unit, "claimed", None))
        for what, p in (("contacted", 0.7), ("extended", 0.2), ("replied", 0.8), ("closed", 0.85)):
            if rng.random() < p:
                at += pd.Timedelta(minutes=int(rng.integers(1, 5 * 1440)))
                refused = what == "extended" and rng.random() < 0.3
                events.append((case, at, unit, what, "驳回" if refused else "解决" if what == "closed" else None))
                if what == "closed" and rng.random() < 0.2:
                    at += pd.Timedelta(minutes=int(rng.integers(1, 2000)))
                    events.append((case, at, "热线", "reopened", None))
                    if rng.random() < 0.6:
                        at += pd.Timedelta(minutes=int(rng.integers(1, 4000)))
                        events.append((case, at, unit, "closed", str(rng.choice(["解决", "解释"]))))
        if rng.random() < 0.1:
            events.append((case, at, "热线", "urged", None))
        cases.append((case, opened, str(rng.choice(["consult", "help"])), f"p{rng.integers(0, 60)}", str(rng.choice(["水", "路"])), "A"))
    events.append(("c000", END, None, "note", None))
    events = pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity", "result"])
    events = events[events.timestamp <= END].sort_values("timestamp", kind="stable", ignore_index=True)
    cases = pd.DataFrame(cases, columns=["case_id", "submitted_at", "request_type", "person_key", "topic", "area"])
    return events, cases


@pytest.fixture(scope="module")
def tables():
    return made()


@pytest.fixture(scope="module")
def log(tables):
    return CaseLog.from_frame(tables[0], cases=tables[1], dispatchers=["热线"], rules=RULES, calendar=dict(hours=HOURS))


def end_of(day, n):
    "The end of the n-th working day after a day"
    day = day.date()
    while n:
        day += timedelta(days=1)
        n -= is_workday(day)
    return pd.Timestamp(datetime.combine(day, datetime.min.time())) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)


def office(a, b):
    "Office hours between two times, day by day"
    if b < a:
        return -office(b, a)
    total, day = 0.0, a.normalize()
    while day <= b:
        if is_workday(day.date()):
            for o, e in HOURS:
                lo, hi = max(a, pd.Timestamp(f"{day:%Y-%m-%d} {o}")), min(b, pd.Timestamp(f"{day:%Y-%m-%d} {e}"))
                total += max((hi - lo).total_seconds(), 0) / 3600
        day += pd.Timedelta(days=1)
    return total


@pytest.fixture(scope="module")
def truth(tables):
    "One dict a case, in plain loops"
    events, cases = tables
    out = []
    for c in cases.itertuples():
        e = events[events.case_id == c.case_id]
        at = lambda what, e=e: next((x.timestamp for x in e.itertuples() if x.activity == what), None)
        acts = [x for x in e.itertuples() if x.activity in ("closed", "reopened")]
        shut = acts[-1].timestamp if acts and acts[-1].activity == "closed" else None
        stays = []
        for x in e.itertuples():
            if shut is not None and x.timestamp > shut:
                break
            if x.unit in UNITS and x.activity not in ("urged", "reopened"):
                if not stays or stays[-1]["unit"] != x.unit:
                    stays.append(dict(unit=x.unit, at=x.timestamp, claimed=None))
                if x.activity == "claimed" and stays[-1]["claimed"] is None:
                    stays[-1]["claimed"] = x.timestamp
        for s, nxt in zip(stays, [*stays[1:], None]):
            s["left"] = nxt["at"] if nxt else shut
        granted = [x.timestamp for x in e.itertuples() if x.activity == "extended" and x.result != "驳回"]
        due = end_of(c.submitted_at, 3 if c.request_type == "consult" else 10)
        extended = granted[0] if granted else None
        out.append(
            dict(
                case=c.case_id,
                opened=c.submitted_at,
                person=c.person_key,
                topic=c.topic,
                due=due,
                extended=extended,
                longer=end_of(due, 5) if extended is not None and extended <= due else due,
                first_closed=at("closed"),
                closed=shut,
                stays=stays,
                **{k: at(k) for k in ("contacted", "replied", "claimed", "urged", "reopened")},
            )
        )
    return out


def median(times, ended):
    "Kaplan-Meier median from statsmodels' curve, the middle where it lies on one half for a while, as R does"
    s = SurvfuncRight(np.array(times), np.array(ended))
    here, below = s.surv_times[s.surv_prob <= 0.5 + 1e-9], s.surv_times[s.surv_prob < 0.5 - 1e-9]
    return (here[0] + (below[0] if len(below) else here[0])) / 2


def share(hits):
    hits = list(hits)
    return sum(hits), len(hits)


def counted(f, log):
    return tuple(int(v) for v in f(log)[["numerator", "denominator"]].iloc[0])


def by_unit(f, log):
    return {x.unit: (int(x.numerator), int(x.denominator)) for x in f(log, by="unit").itertuples() if x.unit in UNITS}


def mine(truth, test, among=lambda c: True):
    "unit -> (hits, cases) of the unit that answers for the case"
    of = {u: [test(c) for c in truth if among(c) and c["stays"] and c["stays"][-1]["unit"] == u] for u in UNITS}
    return {u: share(v) for u, v in of.items()}


def test_three_on_time_rates(log, truth):
    ripe = lambda k: lambda c: c[k] <= END
    in_time = lambda k: lambda c: c["closed"] is not None and c["closed"] <= c[k]
    assert counted(r.on_time_rate, log) == share(in_time("due")(c) for c in truth if ripe("due")(c))
    assert counted(r.on_time_extended_rate, log) == share(in_time("longer")(c) for c in truth if ripe("longer")(c))
    assert counted(r.on_time_closed_rate, log) == share(in_time("due")(c) for c in truth if c["closed"] is not None)
    assert by_unit(r.on_time_rate, log) == mine(truth, in_time("due"), ripe("due"))
    assert sum(c["longer"] != c["due"] for c in truth) > 10


def test_lateness_covered_closed_without_contact_urged_reopened_extended(log, truth):
    late = [c for c in truth if c["due"] <= END and (c["first_closed"] is None or c["first_closed"] > c["due"])]
    assert counted(r.covered_rate, log) == share(c["extended"] is not None and c["extended"] <= c["due"] for c in late)
    shut = [c for c in truth if c["first_closed"] is not None]
    assert counted(r.no_contact_rate, log) == share(c["contacted"] is None or c["contacted"] > c["first_closed"] for c in shut)
    assert counted(r.reopening_rate, log) == share(c["reopened"] is not None for c in shut)
    with_unit = [c for c in truth if c["stays"]]
    assert counted(r.urging_rate, log) == share(c["urged"] is not None for c in with_unit)
    assert counted(r.extension_rate, log) == share(c["extended"] is not None for c in with_unit)


def test_signing_in_time_counts_every_stay(log, truth):
    eight = pd.Timedelta(hours=8)
    ripe = lambda c: [s for s in c["stays"] if s["at"] + eight <= END]
    good = lambda s: s["claimed"] is not None and s["claimed"] <= s["at"] + eight
    assert counted(r.claimed_in_time_rate, log) == share(all(map(good, ripe(c))) for c in truth if ripe(c))
    want = {u: share(all(good(s) for s in ripe(c) if s["unit"] == u) for c in truth if any(s["unit"] == u for s in ripe(c))) for u in UNITS}
    assert by_unit(r.claimed_in_time_rate, log) == want


def test_age_of_what_is_overdue(log, truth):
    ages = [(END - c["due"]).total_seconds() / 86400 for c in truth if c["closed"] is None and c["due"] <= END]
    got = r.overdue_days(log).iloc[0]
    assert got.n == len(ages) > 5 and got.value == pytest.approx(np.median(ages))


def test_backlog_at_any_moment_and_by_the_unit_that_held_it(log, truth):
    moments = [pd.Timestamp(m) for m in ("2022-01-10", "2022-02-17 09:30", "2022-04-04", "2022-06-30 12:00")]
    open_ = lambda a, b, m: a <= m and (b is None or b > m)
    got = r.backlog(log, moments).set_index("at")
    for m in moments:
        here = [c for c in truth if open_(c["opened"], c["closed"], m)]
        assert (got.open[m], got.overdue[m]) == (len(here), sum(c["due"] <= m for c in here))
    units = r.backlog(log, moments, by="unit").set_index(["unit", "at"])
    for u in UNITS:
        for m in moments:
            here = [(c, s) for c in truth for s in c["stays"] if s["unit"] == u and open_(s["at"], s["left"], m)]
            assert (units.open[u, m], units.overdue[u, m]) == (len(here), sum(c["due"] <= m for c, _s in here))


def test_stock_at_the_end_of_each_month(log, truth):
    got = r.open_cases(log, period="month").set_index("period").numerator
    late = r.overdue_share(log, period="month").set_index("period")
    for first in pd.date_range("2022-01-01", "2022-06-01", freq="MS"):
        last = min(first + pd.DateOffset(months=1) - pd.Timedelta(microseconds=1), END)
        here = [c for c in truth if c["opened"] <= last and (c["closed"] is None or c["closed"] > last)]
        assert got[first] == len(here)
        assert (late.numerator[first], late.denominator[first]) == (sum(c["due"] <= last for c in here), len(here))


@pytest.mark.parametrize("days", [7, 30])
def test_repeats_against_every_pair_of_cases(log, truth, days):
    x, start = pd.Timedelta(days=days), min(c["opened"] for c in truth)
    same = lambda a, b: a is not b and a["person"] == b["person"] and a["topic"] == b["topic"]
    order = {c["case"]: i for i, c in enumerate(truth)}
    before = lambda a, b: (a["opened"], order[a["case"]]) < (b["opened"], order[b["case"]])
    seen = [c for c in truth if c["opened"] >= start + x]
    again = share(any(same(a, c) and before(a, c) and c["opened"] - a["opened"] <= x for a in truth) for c in seen)
    shut = [c for c in truth if c["first_closed"] is not None and c["first_closed"] <= END - x]
    back = share(any(same(a, c) and c["first_closed"] < a["opened"] <= c["first_closed"] + x for a in truth) for c in shut)
    t = r.repeat_sensitivity(log, days=(days,)).query("same == 'topic'").set_index("counted")
    assert tuple(t.loc["from submission", ["numerator", "denominator"]]) == again and again[0] > 3
    assert tuple(t.loc["from closing", ["numerator", "denominator"]]) == back and back[0] > 0
    if days == 30:
        assert counted(r.repeat_rate, log) == again and counted(r.comeback_rate, log) == back


STEPS = dict(claim="claimed", contact="contacted", reply="replied", close="closed")
WAITS = [(u, s, w) for u in STEPS for s in ("entered", "claimed") for w in (False, True) if (u, s) != ("claim", "claimed")]


@pytest.mark.parametrize(("until", "start", "working"), WAITS)
def test_waits_have_the_median_of_statsmodels(log, truth, until, start, working):
    name = ("working_" if working else "") + f"{until}_hours" + ("_from_claim" if start == "claimed" else "")
    times, ended = [], []
    for c in truth:
        a = c["claimed"] if start == "claimed" else c["stays"][0]["at"] if c["stays"] else None
        b = c[STEPS[until]]
        if a is None or (b is not None and b < a):
            continue
        stop = END if b is None else b
        times.append(office(a, stop) if working else (stop - a).total_seconds() / 3600)
        ended.append(int(b is not None))
    got = getattr(r, name)(log).iloc[0]
    assert (got.n, got.n_open) == (len(times), len(times) - sum(ended))
    assert got.value == pytest.approx(median(times, ended), abs=1e-6)


def test_time_to_claim_by_unit_is_of_each_stay(log, truth):
    got = r.claim_hours(log, by="unit").set_index("unit")
    for u in UNITS:
        stays = [s for c in truth for s in c["stays"] if s["unit"] == u]
        times = [((s["claimed"] or END) - s["at"]).total_seconds() / 3600 for s in stays]
        want = median(times, [int(x["claimed"] is not None) for x in stays])
        assert got.n[u] == len(stays) and got.value[u] == pytest.approx(want, abs=1e-6)


def test_the_ways_to_end_add_up_to_the_share_closed(log, truth):
    days = (1.0, 5.0, 20.0, 60.0)
    e = r.ends(log, days).groupby("at").value.sum()
    times = np.array([((c["closed"] or END) - c["opened"]).total_seconds() / 86400 for c in truth])
    s = SurvfuncRight(times, np.array([int(c["closed"] is not None) for c in truth]))
    for d in days:
        assert e[d] == pytest.approx(1 - s.surv_prob[s.surv_times <= d][-1])


def test_without_open_cases_the_ways_to_end_are_plain_shares():
    e = pd.DataFrame(
        [
            (f"c{i}", f"2022-02-{1 + d:02d}", "A", a, w)
            for i, (d0, w0) in enumerate([(2, "解决"), (3, "合并"), (5, "解决"), (9, "不受理")])
            for d, a, w in ((0, "dispatched", None), (d0, "closed", w0))
        ],
        columns=["case_id", "timestamp", "unit", "activity", "result"],
    )
    got = r.ends(CaseLog.from_frame(e), (4, 10)).set_index(["end", "at"]).value.to_dict()
    assert {k: round(v, 12) for k, v in got.items()} == {
        ("merged", 4.0): 0.25,
        ("merged", 10.0): 0.25,
        ("not_accepted", 4.0): 0.0,
        ("not_accepted", 10.0): 0.25,
        ("resolved", 4.0): 0.25,
        ("resolved", 10.0): 0.5,
    }


def test_every_indicator_of_the_room_has_a_passport_with_its_clock_and_rule():
    for name, o in metrics.INDICATORS.items():
        assert (o.unit in ("hours", "days")) <= bool(o.clock) or name in ("limbo_hours", "delay_hours")
        assert ("due_at" in o.needs) <= bool(o.step)
