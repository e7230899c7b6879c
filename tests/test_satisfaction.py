"The telephone evaluation against plain loops on a random and dirty log; bounds, weights and tilt against every possible truth; the chain must balance"

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval import satisfaction
from liuan_eval.log import CaseLog

UNITS = ["甲局", "乙局", "丙镇"]


def dirty(seed, n=250):
    "Events and calls without order or sense: calls before closing, closings without claim, reopenings without review, empty answers"
    rng = np.random.default_rng(seed)
    events, calls = [], []
    for i in range(n):
        case, unit, at = f"c{i:03d}", str(rng.choice(UNITS)), pd.Timestamp("2022-01-01") + pd.Timedelta(hours=int(rng.integers(0, 3000)))
        acts = [("热线", "received")] if rng.random() < 0.8 else []
        acts += [(unit, "dispatched")] if rng.random() < 0.9 or not acts else []
        acts += [(unit, a) for a, p in (("claimed", 0.8), ("contacted", 0.6), ("replied", 0.5), ("closed", 0.8)) if rng.random() < p]
        if rng.random() < 0.2:
            acts += [("热线", "reviewed")]
        if rng.random() < 0.25:
            acts += [("热线", "reopened")] + ([(unit, "closed")] if rng.random() < 0.7 else [])
        for who, what in acts:
            events.append((case, at, who, what))
            at += pd.Timedelta(hours=int(rng.integers(1, 40)))
        for kind, p in (("first", 0.7), ("first", 0.2), ("review", 0.2), ("final", 0.3), ("lookback", 0.2)):
            if rng.random() < p:
                reached = [True, False, None][rng.choice(3, p=[0.6, 0.3, 0.1])]
                said, solved = ([True, False, None][rng.choice(3, p=[0.5, 0.3, 0.2])] for _ in range(2))
                at += pd.Timedelta(hours=1)
                calls.append((case, kind, at, str(rng.choice(["hotline", "unit", "third_party"])), reached, solved, said))
    events = pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity"])
    calls = pd.DataFrame(calls, columns=["case_id", "round", "called_at", "surveyor", "reached", "resolved", "satisfied"])
    for c in ("reached", "resolved", "satisfied"):
        calls[c] = calls[c].astype("boolean")
    return events, calls


def log_of(seed):
    events, calls = dirty(seed)
    return events, calls, CaseLog.from_frame(events, callbacks=calls, dispatchers=["热线"])


@pytest.fixture(scope="module")
def made():
    return log_of(1)


def told(calls):
    "case -> what its calls say, in plain loops; an answer counts unless the log says that nobody was reached"
    out = {}
    for case, g in calls.groupby("case_id"):
        d = dict(
            called=False, reached=False, first=None, solved=None, last=None, again=False, final=None, looked=False, holds=None, by=None
        )
        for r in g.sort_values("called_at").itertuples():
            yes = lambda v: None if pd.isna(v) else bool(v)
            heard = True if pd.isna(r.reached) else bool(r.reached)
            got = bool(r.reached) if not pd.isna(r.reached) else (yes(r.satisfied) is not None or yes(r.resolved) is not None)
            heard = got
            if r.round == "first":
                d["by"] = d["by"] or r.surveyor
                d["called"], d["reached"] = True, d["reached"] or got
                if heard and d["first"] is None:
                    d["first"] = yes(r.satisfied)
                if heard and d["solved"] is None:
                    d["solved"] = yes(r.resolved)
            if r.round in ("first", "final") and heard and yes(r.satisfied) is not None:
                d["last"] = yes(r.satisfied)
            if r.round == "final":
                d["again"] = True
                if heard and yes(r.satisfied) is not None:
                    d["final"] = max(d["final"] or False, yes(r.satisfied))
            if r.round == "lookback":
                d["looked"] = True
                now = yes(r.resolved) if yes(r.resolved) is not None else yes(r.satisfied)
                if heard and now is not None:
                    d["holds"] = now if d["holds"] is None else (d["holds"] and now)
        out[case] = d
    return out


@pytest.mark.parametrize("seed", [1, 2])
def test_rates_are_those_of_plain_loops_over_the_calls(seed):
    events, calls, log = log_of(seed)
    said = told(calls)
    closed = set(events[events.activity == "closed"].case_id)
    count = lambda f: tuple(f(log)[["numerator", "denominator"]].iloc[0])
    first = [d["first"] for d in said.values() if d["first"] is not None]
    assert count(satisfaction.satisfaction_rate) == (sum(first), len(first))
    solved = [d["solved"] for d in said.values() if d["solved"] is not None]
    assert count(satisfaction.resolution_rate) == (sum(solved), len(solved))
    last = [d["last"] for d in said.values() if d["last"] is not None]
    assert count(satisfaction.final_satisfaction_rate) == (sum(last), len(last))
    called = [c for c in closed if c in said and said[c]["called"]]
    assert count(satisfaction.called_rate) == (len(called), len(closed))
    assert count(satisfaction.callback_coverage) == (sum(said[c]["reached"] for c in called), len(closed))
    every = [d for d in said.values() if d["called"]]
    assert count(satisfaction.reach_rate) == (sum(d["reached"] for d in every), len(every))
    turned = [d for d in said.values() if d["first"] is False and d["final"] is not None]
    assert count(satisfaction.turned_rate) == (sum(bool(d["last"]) for d in turned), len(turned))


def test_the_evaluation_by_surveyor_adds_up_to_the_whole(made):
    events, calls, log = made
    said = told(calls)
    whole, parts = satisfaction.evaluation(log).iloc[0], satisfaction.evaluation(log, by="surveyor")
    for c in ("closed", "called", "reached", "answered", "satisfied"):
        assert parts[c].sum() == whole[c]
    closed = set(events[events.activity == "closed"].case_id)
    for r in parts.dropna(subset="surveyor").itertuples():
        assert r.called == sum(said[c]["by"] == r.surveyor for c in closed if c in said)
    assert whole.coverage == whole.answered / whole.closed and whole.low <= whole.value <= whole.high


@pytest.mark.parametrize(("weight", "want"), [(None, (2, 3)), (0, (2, 5)), (0.5, (3, 5)), (1, (4, 5))])
def test_basically_satisfied_counts_for_what_the_user_says(weight, want):
    events = pd.DataFrame(dict(case_id=list("12345"), timestamp="2022-02-18", unit="A", activity="closed"))
    calls = pd.DataFrame(
        dict(case_id=list("12345"), called_at="2022-02-20", satisfied=["满意", "非常满意", "基本满意", "比较满意", "不满意"])
    )
    log = CaseLog.from_frame(events, callbacks=calls, basically_satisfied=weight)
    assert tuple(satisfaction.satisfaction_rate(log)[["numerator", "denominator"]].iloc[0]) == want
    assert satisfaction.callback_coverage(log).numerator[0] == 5  # reached they were, whatever the answer counts for
    assert ("basically" in set(log.check("en").code)) == (weight is None)


def test_bounds_enclose_every_possible_truth():
    events = pd.DataFrame(dict(case_id=[str(i) for i in range(7)], timestamp="2022-02-18", unit="A", activity="closed"))
    calls = pd.DataFrame(dict(case_id=["0", "1", "2"], round="first", called_at="2022-02-20", reached=True, satisfied=[True, True, False]))
    u = satisfaction.unheard(CaseLog.from_frame(events, callbacks=calls)).iloc[0]
    truths = [(2 + sum(rest)) / 7 for rest in product([0, 1], repeat=4)]
    assert (u.worst, u.best) == (min(truths), max(truths))
    assert u.worst_low <= u.worst and u.best <= u.best_high


@given(
    st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))),
    st.floats(0.01, 0.99),
    st.floats(1e-3, 1e3),
)
def test_tipping_finds_the_odds_with_which_tilt_comes_to_the_target(size, rate, odds):
    closed, answered = size
    low, high = satisfaction.tilt(closed, answered, rate, [0, 1e15])
    at = float(satisfaction.tilt(closed, answered, rate, odds))
    assert low - 1e-12 <= at <= high + 1e-9
    assert float(satisfaction.tilt(closed, answered, rate, 1.0)) == pytest.approx(rate)
    if closed > answered and 1e-6 < at < 1 - 1e-6:
        share, back = satisfaction.tipping(closed, answered, rate, at)
        assert back == pytest.approx(odds, rel=1e-5)
        assert share == pytest.approx(odds * rate / (1 - rate + odds * rate), rel=1e-6)


def test_a_target_that_no_answer_of_the_silent_could_bring_has_no_tipping_point():
    assert np.isnan(satisfaction.tipping(100, 90, 0.5, 0.9)).all() and np.isnan(satisfaction.tipping(100, 100, 0.5, 0.6)).all()


def test_weights_recover_the_truth_where_answering_depends_on_the_cell_and_their_interval_covers():
    rng = np.random.default_rng(11)
    sizes, likes, answers = np.array([300, 200, 100]), np.array([0.9, 0.6, 0.3]), np.array([0.2, 0.6, 0.9])
    truth, hits, plain, weighted = float((sizes * likes).sum() / sizes.sum()), 0, [], []
    for _ in range(400):
        m = rng.binomial(sizes, answers)
        s = rng.binomial(m, likes)
        r = satisfaction._post_stratified(pd.DataFrame(dict(N=sizes, m=m, s=s)).astype(float))
        hits += r["weighted_low"] <= truth <= r["weighted_high"]
        weighted.append(r["weighted"])
        plain.append(s.sum() / m.sum())
    assert abs(np.mean(weighted) - truth) < 0.01 < 0.1 < abs(np.mean(plain) - truth)
    assert hits / 400 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)


def balanced(f):
    into, out = f.groupby("to").cases.sum(), f.groupby("stage").cases.sum()
    return all(into.get(s, 0) == out.get(s, 0) for s in satisfaction.STAGES if s not in ("received", "closed_once")) and out.get(
        "closed_once", 0
    ) == out.get("closed", 0)


@settings(max_examples=12, deadline=None)
@given(st.integers(10, 10_000))
def test_the_chain_balances_on_any_log_by_any_group(seed):
    events, _, log = log_of(seed)
    n = events.case_id.nunique()
    f = satisfaction.chain(log)
    assert balanced(f) and f[f.stage == "received"].cases.sum() == n
    assert (f.groupby("stage").cases.sum() <= n).all()
    for more, key in ((dict(by="unit"), "unit"), (dict(period="month"), "period")):
        g = satisfaction.chain(log, **more)
        assert all(balanced(part) for _, part in g.groupby(key, dropna=False))
        pd.testing.assert_series_equal(g.groupby(["stage", "to"]).cases.sum(), f.groupby(["stage", "to"]).cases.sum())


def test_the_chain_counts_each_stage_as_plain_loops_do(made):
    events, calls, log = made
    said, acts = told(calls), events.groupby("case_id").activity.agg(list)
    got = satisfaction.chain(log).set_index(["stage", "to"]).cases
    shut = [c for c in acts.index if "closed" in acts[c]]
    none = dict(called=False, reached=False, first=None, looked=False, holds=None)
    of = lambda c: said.get(c, none)
    assert got["closed", "called"] == sum(of(c)["called"] for c in shut)
    assert got["called", "reached"] == sum(of(c)["called"] and of(c)["reached"] for c in shut)
    unhappy = [c for c in shut if of(c)["reached"] and of(c)["first"] is False]
    assert got["reached", "unsatisfied"] == len(unhappy)
    assert got["looked_back", "relapsed"] == sum(of(c)["looked"] and of(c)["holds"] is False for c in shut)
    early = sum(of(c)["called"] for c in acts.index if c not in shut)
    assert early > 0 and got["open", "called_while_open"] == early
