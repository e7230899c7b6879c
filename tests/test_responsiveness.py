"Rates, waits, backlog, ends and repeats against plain loops over a random log with pauses, extensions and rules on every clock"

from bisect import bisect_right
from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight
from steps import deadline, random_log, rule_for, runs_out, steps
from test_milestones import HOURS, law, log_of
from walk import time_between

from liuan_eval.indicators import punctuality, speed, volume
from liuan_eval.indicators.shapes import INDICATORS
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.calendar import parse_limit

RULES = law(0)
CODE = {"解决": "resolved", "解释": "explained", "合并": "merged", None: "unsaid"}


@pytest.fixture(scope="module")
def tables():
    return random_log(31, n=220)


@pytest.fixture(scope="module")
def log(tables):
    return log_of(*tables, rules=tuple(RULES), calendar=dict(hours=HOURS))


@pytest.fixture(scope="module")
def found(tables):
    return [c | deadline(c, RULES, HOURS) for c in steps(*tables)]


def ripe(c, k):
    return c[k] is not None and c[k] <= c["end"] and (c["closed_at"] is None or c["closed_at"] >= c["opened_at"])


def by_then(a, b):
    return a is not None and b is not None and a <= b


RATES = dict(  # among which cases, and which of them count
    on_time_rate=(lambda c: ripe(c, "due_at"), lambda c: by_then(c["closed_at"], c["due_at"])),
    on_time_closed_rate=(lambda c: c["due_at"] and by_then(c["opened_at"], c["closed_at"]), lambda c: c["closed_at"] <= c["due_at"]),
    on_time_extended_rate=(lambda c: ripe(c, "extended_due_at"), lambda c: by_then(c["closed_at"], c["extended_due_at"])),
    covered_rate=(
        lambda c: by_then(c["due_at"], c["end"]) and not by_then(c["first_closed_at"], c["due_at"]),
        lambda c: by_then(c["extended_at"], c["due_at"]),
    ),
    no_contact_rate=(lambda c: c["first_closed_at"], lambda c: not by_then(c["contacted_at"], c["first_closed_at"])),
    extension_rate=(lambda c: c["stays"], lambda c: c["n_extended"] > 0),
    urging_rate=(lambda c: c["stays"], lambda c: c["n_urged"] > 0),
    reopening_rate=(lambda c: c["first_closed_at"], lambda c: c["n_reopened"] > 0),
)


def tally(rows):
    "group -> [numerator, denominator] of (group, hit)"
    out = defaultdict(lambda: [0, 0])
    for group, hit in rows:
        out[group][0] += bool(hit)
        out[group][1] += 1
    return out


def pairs(f, key):
    return {k: v for k, v in zip(f[key], f[["numerator", "denominator"]].values.tolist())}


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_what_plain_loops_count_over_all_by_unit_and_by_month(log, found, name):
    among, hit = RATES[name]
    of = [c for c in found if among(c)]
    whole = tally((None, hit(c)) for c in of)[None]
    assert INDICATORS[name](log)[["numerator", "denominator"]].values.tolist() == [whole] and 0 < whole[0] < whole[1]
    want = tally((c["unit"], hit(c)) for c in of)
    got = pairs(INDICATORS[name](log, by="unit"), "unit")
    assert {u: v for u, v in got.items() if v[1]} == dict(want) and len(want) > 3
    month = tally((datetime(c["opened_at"].year, c["opened_at"].month, 1), hit(c)) for c in of)
    assert pairs(INDICATORS[name](log, period="month"), "period") == dict(month)


def test_a_case_is_claimed_in_time_if_it_was_at_every_stay_whose_time_has_run_out(log, found):
    whole, units = [], []
    for c in found:
        late = []
        for s in c["stays"]:
            _, limit, start = rule_for(RULES, "claim", c, dict.fromkeys(("received", "dispatched", "claimed"), s["entered_at"]))
            due = runs_out(start, *parse_limit(limit), HOURS) if limit else None
            if by_then(due, c["end"]):
                late.append((s["unit"], not by_then(s["claimed_at"], due)))
        whole += [(None, not any(x for _, x in late))] if late else []
        units += [(u, not any(x for v, x in late if v == u)) for u in {u for u, _ in late}]
    assert punctuality.claimed_in_time_rate(log)[["numerator", "denominator"]].values.tolist() == [tally(whole)[None]]
    assert pairs(punctuality.claimed_in_time_rate(log, by="unit"), "unit") == dict(tally(units))
    assert len(units) > len(whole) > 50


def test_the_age_of_what_is_overdue_is_the_median_of_days_since_the_due_date(log, found):
    late = [c for c in found if c["closed_at"] is None and by_then(c["due_at"], c["end"])]
    age = lambda cs: np.median([(c["end"] - c["due_at"]) / timedelta(days=1) for c in cs])
    whole = punctuality.overdue_days(log).iloc[0]
    assert (whole.n, whole.n_open) == (len(late), 0) and np.isclose(whole.value, age(late), rtol=1e-12) and len(late) > 40
    for r in punctuality.overdue_days(log, by="unit").itertuples():
        own = [c for c in late if c["unit"] == r.unit]
        assert r.n == len(own) and (np.isclose(r.value, age(own), rtol=1e-12) if own else np.isnan(r.value))


# Stocks


def open_at(found, m):
    return [c for c in found if c["opened_at"] <= m and not by_then(c["closed_at"], m)]


def lying_at(found, m):
    "(unit, case) of stays at a moment"
    return [(s["unit"], c) for c in found for s in c["stays"] if s["entered_at"] <= m and not by_then(s["left_at"], m)]


def test_the_backlog_at_any_moment_is_what_loops_find_and_by_unit_what_lay_with_it(log, found):
    rng = np.random.default_rng(5)
    at = [datetime(2022, 1, 1) + timedelta(seconds=int(s)) for s in rng.integers(0, 200 * 86400, 12)]
    at += [
        found[0]["opened_at"],
        next(c["closed_at"] for c in found if c["closed_at"]),
        next(c["due_at"] for c in found if c["due_at"]),
        found[0]["end"],
    ]
    late = lambda cs, m: sum(by_then(c["due_at"], m) for c in cs)
    got = volume.backlog(log, at).set_index("at")
    assert all([got.open[m], got.overdue[m]] == [len(open_at(found, m)), late(open_at(found, m), m)] for m in map(pd.Timestamp, at))
    own = volume.backlog(log, at, by="unit")
    for r in own.itertuples():
        cases = [c for u, c in lying_at(found, r.at) if u == r.unit]
        assert (r.open, r.overdue) == (len(cases), late(cases, r.at))
    assert len(own) == len(at) * 4 and got.overdue.max() > 20


def test_stocks_by_month_are_the_backlog_at_the_ends_of_months(log, found, tables):
    first, end = tables[0].timestamp.min(), found[0]["end"]
    ends = [
        min(m + pd.offsets.MonthBegin() - pd.Timedelta(microseconds=1), pd.Timestamp(end))
        for m in pd.date_range(first.replace(day=1).normalize(), end, freq="MS")
    ]
    n, late = ([len(open_at(found, m)) for m in ends], [sum(by_then(c["due_at"], m) for c in open_at(found, m)) for m in ends])
    r, s = volume.open_cases(log, period="month"), punctuality.overdue_share(log, period="month")
    assert r.numerator.tolist() == n and r.period.tolist() == [m.replace(day=1).normalize() for m in ends]
    assert s[["numerator", "denominator"]].values.tolist() == [list(x) for x in zip(late, n)] and np.allclose(s.value, np.divide(late, n))
    assert volume.open_cases(log).numerator.item() == n[-1]
    by = volume.open_cases(log, by="unit", period="month").groupby("period").numerator.sum()
    assert by.tolist() == [len(lying_at(found, m)) for m in ends]


def test_what_is_overdue_is_unknown_where_nothing_has_a_due_date():
    events, cases = random_log(32, n=30, ticket_dates=False)
    f = volume.backlog(log_of(events, cases), [datetime(2022, 3, 1)])
    assert f.open.item() > 0 and f.overdue.isna().all()


# Waits


def plain_median(rows):
    "Kaplan-Meier median of (duration, ended) in fractions; the middle where the curve lies on one half for a while"
    s, left, half = Fraction(1), len(rows), None
    for t in sorted({x for x, _ in rows}):
        here = [e for x, e in rows if x == t]
        s *= Fraction(left - sum(here), left)
        left -= len(here)
        if s < Fraction(1, 2):
            return t if half is None else (half + t) / 2
        half = t if s == Fraction(1, 2) and half is None else half
    return half


class Office:
    "Office hours between two moments, from days walked once"

    def __init__(self, first):
        self.days = [first + timedelta(days=i) for i in range(400)]
        per = [time_between(d, d + timedelta(days=1), "wh", HOURS) for d in self.days]
        self.until = np.concatenate([[0], np.cumsum(per)])

    def __call__(self, t):
        i = bisect_right(self.days, t) - 1
        return self.until[i] + time_between(self.days[i], t, "wh", HOURS)


OFFICE = Office(datetime(2021, 12, 1))


def durations(rows, end, working):
    "(hours, ended) of (start, then); what has not come is open at the end of the log, what came before its start is left out"
    out = []
    for start, then in rows:
        if start is not None:
            a, b = start, then or end
            x = round(OFFICE(b) - OFFICE(a), 9) if working else (b - a) / timedelta(hours=1)
            out += [(x, then is not None)] if x >= 0 else []
    return out


WAITS = [("claim", "dispatched"), *((k, s) for k in ("contact", "reply", "close") for s in ("dispatched", "claimed"))]
KEY = dict(claim="claimed_at", contact="contacted_at", reply="replied_at", close="closed_at")


@pytest.mark.parametrize("working", [False, True], ids=["calendar", "working"])
@pytest.mark.parametrize("step, start", WAITS)
def test_a_wait_is_the_plain_kaplan_meier_median_of_hours_walked(log, found, step, start, working):
    name = f"{'working_' if working else ''}{step}_hours{'_from_claim' if start == 'claimed' else ''}"
    rows = durations([(c[f"{start}_at"], c[KEY[step]]) for c in found], found[0]["end"], working)
    r = INDICATORS[name](log).iloc[0]
    assert (r.n, r.n_open) == (len(rows), sum(not e for _, e in rows)) and r.n > 50
    want = plain_median(rows)
    assert np.isclose(r.value, want, rtol=1e-9) if want is not None else np.isnan(r.value)
    s = SurvfuncRight(*np.array(rows, float).T)
    s.surv_prob_se *= np.sqrt(r.deff)  # cases of one matter hang together
    assert 1 < r.deff < 1.5
    low, high = s.quantile_ci(0.5, method="cloglog")
    assert (np.isnan(r.high) and not np.isfinite(high)) or np.isclose(r.high, high, rtol=1e-6)
    assert np.isclose(r.low, low, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("working", [False, True], ids=["calendar", "working"])
def test_by_unit_the_wait_for_a_claim_is_of_every_stay_and_the_wait_for_a_closing_of_the_last_unit(log, found, working):
    pre = "working_" if working else ""
    stays = speed.WAITS[f"{pre}claim_hours"](log, by="unit").set_index("unit")
    closes = speed.WAITS[f"{pre}close_hours"](log, by="unit").set_index("unit")
    for u in stays.index:
        own = [(s["came_at"], s["claimed_at"]) for c in found for s in c["stays"] if s["unit"] == u and s["came_at"]]
        own = durations(own, found[0]["end"], working)
        done = durations([(c["dispatched_at"], c["closed_at"]) for c in found if c["unit"] == u], found[0]["end"], working)
        for r, rows in ((stays.loc[u], own), (closes.loc[u], done)):
            want = plain_median(rows)
            assert (r.n, r.n_open) == (len(rows), sum(not e for _, e in rows))
            assert np.isclose(r.value, want, rtol=1e-9) if want is not None else np.isnan(r.value)


# Ends


def lives(found):
    return [
        ((c["closed_at"] or c["end"]) - c["opened_at"], c["closed_at"] and CODE[c["ending"]])
        for c in found
        if not c["closed_at"] or c["closed_at"] >= c["opened_at"]
    ]


def aalen_johansen(rows, until):
    "end -> the share that has ended so by `until`; the share that has ended at all"
    F, s, left = defaultdict(Fraction), Fraction(1), len(rows)
    for t in sorted({x for x, _ in rows if x <= until}):
        here = [e for x, e in rows if x == t]
        for e in filter(None, here):
            F[e] += s / left
        s *= Fraction(left - sum(map(bool, here)), left)
        left -= len(here)
    return {e: float(v) for e, v in F.items()}, float(1 - s)


def test_ends_are_the_plain_aalen_johansen_estimate_and_add_up_to_the_share_closed(log, found):
    rows, days = lives(found), (1, 5, 20, 60)
    got = speed.ends(log, days=days).set_index(["end", "at"]).value
    for d in days:
        shares, closed = aalen_johansen(rows, timedelta(days=d))
        assert {e: got[e, d] for e in got.index.levels[0] if got[e, d] > 0} == pytest.approx(shares, rel=1e-9)
        assert got.xs(d, level="at").sum() == pytest.approx(closed, rel=1e-12)
    assert set(got.index.levels[0]) == set(CODE.values())


@pytest.mark.parametrize("step", ["claim", "contact", "reply"])
def test_a_case_closed_without_a_step_has_ended_and_is_not_censored(log, found, step):
    rows = [
        ((c[KEY[step]] or c["closed_at"] or c["end"]) - c["dispatched_at"], step if c[KEY[step]] else c["closed_at"] and "closed")
        for c in found
        if c["dispatched_at"]
    ]
    rows, hours = [r for r in rows if r[0] >= timedelta(0)], (4, 48, 400)
    got = speed.steps_come(log, step, hours).set_index(["end", "at"]).value
    assert {e for _, e in rows if e} == set(got.index.levels[0]) == {step, "closed"}
    for h in hours:
        shares, _ = aalen_johansen(rows, timedelta(hours=h))
        assert {e: got[e, h] for e in (step, "closed") if got[e, h] > 0} == pytest.approx(shares, rel=1e-9)


def test_without_open_cases_ends_are_plain_shares(tables, found):
    done = {c["case_id"] for c in found if c["closed_at"]}
    events, cases = (f[f.case_id.isin(done)].reset_index(drop=True) for f in tables)
    own = steps(events, cases)
    assert all(c["closed_at"] for c in own)
    rows, got = lives(own), speed.ends(log_of(events, cases), days=(2, 10, 50)).set_index(["end", "at"])
    for (e, d), r in got.iterrows():
        n = sum(w == e and x <= timedelta(days=d) for x, w in rows)
        assert (r.ended, r.n) == (n, len(rows)) and r.value == pytest.approx(n / len(rows), rel=1e-9)


def test_ends_by_unit_count_the_cases_of_the_unit(log, found):
    got = speed.ends(log, days=(30,), by="unit").groupby("unit").n.first()
    for u in ("甲局", "丁镇"):
        assert got[u] == len(lives([c for c in found if c["unit"] == u]))


# The same citizen again


def again(found, days, same, closing):
    "[numerator, denominator] by comparing every case with every other"
    who = [c for c in found if c["person_key"] and c[same]]
    like = lambda a, b: a is not b and (a["person_key"], a[same]) == (b["person_key"], b[same])
    span, first = timedelta(days=days), min(c["opened_at"] for c in who)
    if closing:
        of = [c for c in who if by_then(c["opened_at"], c["first_closed_at"]) and c["first_closed_at"] <= c["end"] - span]
        hit = lambda c: any(like(c, o) and c["first_closed_at"] < o["opened_at"] <= c["first_closed_at"] + span for o in who)
    else:
        of = [c for c in who if c["opened_at"] >= first + span]
        hit = lambda c: any(like(c, o) and c["opened_at"] - span <= o["opened_at"] < c["opened_at"] for o in who)
    return [sum(map(hit, of)), len(of)]


def test_repeats_are_those_of_comparing_every_case_with_every_other(log, found):
    assert volume.repeat_rate(log)[["numerator", "denominator"]].values.tolist() == [again(found, 30, "topic", False)]
    assert volume.comeback_rate(log)[["numerator", "denominator"]].values.tolist() == [again(found, 30, "topic", True)]
    r = volume.repeat_sensitivity(log, days=(3, 20, 60))
    want = [
        (closing, same, d, *again(found, d, same, closing)) for same in ("topic", "area") for closing in (False, True) for d in (3, 20, 60)
    ]
    got = [(a == "from closing", *x) for a, *x in r[["counted", "same", "days", "numerator", "denominator"]].itertuples(index=False)]
    assert got == want and all(0 < w[3] <= w[4] for w in want) and sum(w[3] < w[4] for w in want) > 8


def hand(rows, **more):
    "A log of (case, submitted, closed) of one citizen and one topic, and a last event far away"
    events = [(c, t, "甲局", a) for c, o, x in rows for t, a in ((o, "dispatched"), (x, "closed"))] + [("z", "2022-12-31", "甲局", "note")]
    cases = pd.DataFrame(dict(case_id=[r[0] for r in rows], person_key="p", topic="水")).assign(**more)
    return CaseLog.from_frame(pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity"]), cases=cases)


def test_windows_of_repetition_include_their_last_moment_and_the_moment_of_closing_is_not_after_it():
    made = [
        ("1", "2022-03-01", "2022-03-05"),
        ("2", "2022-03-31", "2022-04-01"),
        ("3", "2022-05-01", "2022-05-02"),
        ("4", "2022-05-02", "2022-05-03"),
    ]
    log = hand(made)
    assert volume.repeat_rate(log)[["numerator", "denominator"]].values.tolist() == [
        [2, 3]
    ]  # 31 March is 30 days after the first, 1 May 31 after that
    assert volume.comeback_rate(log)[["numerator", "denominator"]].values.tolist() == [
        [2, 4]
    ]  # 3 May ends the log of none; 2 May is 3's own closing
    assert hand(made).rules.rows == ()


def test_a_case_that_was_closed_before_it_was_submitted_is_not_its_own_repeat():
    log = hand([("1", "2022-03-01", "2022-03-05")], submitted_at="2022-03-20")
    assert volume.comeback_rate(log)[["numerator", "denominator"]].values.tolist() == [[0, 0]]


def test_what_is_done_at_the_very_moment_is_done_in_time_and_what_ran_out_with_the_log_counts():
    at = lambda text: pd.Timestamp(f"2022-01-{text}")
    steps = dict(
        on_the_dot="01 10:00 dispatched, 03 12:00 closed",
        at_once="02 10:00 dispatched, 02 10:00 closed",
        due_with_the_log="09 12:00 dispatched, 10 12:00 note",
        extended="01 10:00 dispatched, 05 12:00 extended",
        quick="02 10:00 dispatched, 03 10:00 claimed, 04 10:00 contacted",
        two_units="03 10:00 dispatched, 04 10:00 claimed, 05 10:00 dispatched 乙局",
        slow="08 12:00 dispatched, 09 12:01 claimed, 10 12:00 contacted",
    )
    rows = [(c, at(s[:8]), *(s[9:].split() + ["甲局"])[1::-1]) for c, told in steps.items() for s in told.split(", ")]
    due = dict(on_the_dot="03 12:00", at_once="03 12:00", due_with_the_log="10 12:00", extended="05 12:00")
    cases = pd.DataFrame([(c, at(due[c]) if c in due else pd.NaT) for c in steps], columns=["case_id", "due_at"])
    cases["extended_due_at"] = cases.due_at.where(cases.case_id == "on_the_dot")
    rules = [dict(step="claim", limit="24h", start="dispatched"), dict(step="respond", limit="48h", start="dispatched")]
    log = CaseLog.from_frame(
        pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), cases=cases, rules=rules, ties="oldest_first"
    )
    want = dict(
        on_time_rate=[2, 4],
        on_time_closed_rate=[2, 2],
        on_time_extended_rate=[2, 3],  # nobody says until when the third one is extended
        covered_rate=[1, 2],
        claimed_in_time_rate=[1, 7],
        response_rate=[2, 6],
    )
    got = {k: INDICATORS[k](log)[["numerator", "denominator"]].values.tolist()[0] for k in want}
    assert got == want
    units = INDICATORS["claimed_in_time_rate"](log, by="unit").set_index("unit")
    assert units.loc["甲局", ["numerator", "denominator"]].tolist() == [2, 7] and units.loc[
        "乙局", ["numerator", "denominator"]
    ].tolist() == [0, 1]
    late = INDICATORS["overdue_days"](log).iloc[0]
    assert late.n == 2 and INDICATORS["overdue_share"](log)[["numerator", "denominator"]].values.tolist() == [[2, 5]]
