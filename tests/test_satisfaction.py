"Calls, rates, the silent and the chain, against plain loops, enumeration and simulated truths"

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from steps import known, random_log, rule_for, runs_out, steps
from test_milestones import HOURS, law, log_of

from liuan_eval.indicators import phone as room
from liuan_eval.indicators.shapes import INDICATORS
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.calendar import parse_limit
from liuan_eval.words.text import LogError

FLAGS = ["called", "called_again", "looked_back", "reached", "reached_again", "reviewed"]


def random_calls(seed, cases):
    "Calls in any order and number, of every round, with every answer, some without a time, a surveyor or a word on reaching"
    rng, rows = np.random.default_rng(seed), []
    pick = lambda *x, p=None: x[rng.choice(len(x), p=p)]
    for i in cases.case_id:
        for _ in range(int(rng.choice([0, 1, 3, 6], p=[0.2, 0.3, 0.3, 0.2]))):
            at = pd.Timestamp("2022-02-01") + pd.Timedelta(seconds=int(rng.integers(0, 120 * 86400)))
            answer = pick("满意", "不满意", "基本满意", "随便", None, p=[0.4, 0.25, 0.1, 0.05, 0.2])
            rows.append(
                dict(
                    case_id=i,
                    round=pick("first", "final", "review", "lookback", p=[0.4, 0.3, 0.1, 0.2]),
                    called_at=at,
                    surveyor=pick("unit", "hotline", "third_party"),
                    reached=pick("是", "否", None, p=[0.6, 0.2, 0.2]),
                    resolved=pick("是", "否", None, p=[0.4, 0.2, 0.4]),
                    satisfied=answer,
                )
            )
    return pd.DataFrame(rows).astype(object).assign(called_at=lambda f: pd.to_datetime(f.called_at))


def heard(calls, weight):
    "What each case's calls found: one dict a case, from the words of the notebook"
    worth = {"满意": 1.0, "不满意": 0.0, "基本满意": weight}
    out = defaultdict(
        lambda: (
            dict.fromkeys(FLAGS[:5], False)
            | dict.fromkeys(
                ("satisfied", "resolved", "satisfied_last", "resolved_last", "satisfied_again", "holds", "surveyor", "review"), None
            )
        )
    )
    for r in sorted(calls.to_dict("records"), key=lambda r: r["called_at"]):
        o, kind = out[r["case_id"]], r["round"]
        s, done = worth.get(known(r["satisfied"])), {"是": 1.0, "否": 0.0}.get(known(r["resolved"]))
        spoke = known(r["satisfied"]) in worth or done is not None
        reached = {"是": True, "否": False}.get(known(r["reached"]), spoke)
        names = dict(
            first=("called", "reached"), final=("called_again", "reached_again"), lookback=("looked_back", None), review=("review", None)
        )[kind]
        o[names[0]] = True
        if names[1] and reached:
            o[names[1]] = True
        if kind == "first" and o["surveyor"] is None:
            o["surveyor"] = r["surveyor"]
        for what, x in (("satisfied", s), ("resolved", done)):
            if reached and x is not None and kind in ("first", "final"):
                if kind == "first" and o[what] is None:
                    o[what] = x
                o[f"{what}_last"] = x
        if reached and kind == "final" and s is not None:
            o["satisfied_again"] = max(s, o["satisfied_again"] or 0.0)
        late = done if done is not None else s
        if reached and kind == "lookback" and late is not None:
            o["holds"] = late if o["holds"] is None else min(late, o["holds"])
    return out


@pytest.fixture(scope="module", params=[None, 0.5], ids=["none", "half"])
def world(request):
    "(log, cases in loops) with 基本满意 at a weight or none"
    events, cases = random_log(41, n=260)
    rng = np.random.default_rng(41)
    last = events.groupby("case_id", as_index=False).timestamp.max()
    extra = last[rng.random(len(last)) < 0.3].assign(activity="reviewed", unit=None, result=None)
    events = pd.concat([events, extra], ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
    cases["excluded"] = rng.choice(["是", "否", None], len(cases))
    calls = random_calls(41, cases)
    log = log_of(events, cases, callbacks=calls, basically_satisfied=request.param, rules=tuple(law()), calendar=dict(hours=HOURS))
    found = heard(calls, request.param)
    seen = set(events.case_id[events.activity == "reviewed"])
    rows = [c | found[c["case_id"]] for c in steps(events, cases)]
    return log, [c | dict(reviewed=bool(c["review"]) or c["case_id"] in seen) for c in rows], request.param


def test_what_the_calls_of_a_case_found_is_what_a_loop_finds(world):
    log, found, _ = world
    got = room.calls(log).join(log.case_ids, "case").execute().set_index("case_id")
    for c in found:
        g = got.loc[c["case_id"]]
        for k in FLAGS:
            assert bool(g[k]) == c[k], (c["case_id"], k)
        for k in ("satisfied", "resolved", "satisfied_last", "resolved_last", "satisfied_again", "holds", "surveyor"):
            assert known(g[k]) == c[k], (c["case_id"], k)


def shares(rows):
    out = defaultdict(lambda: [0.0, 0])
    for k, x in rows:
        out[k][0] += x
        out[k][1] += 1
    return {k: v for k, v in out.items()}


RATES = dict(
    called_rate=(lambda c: c["first_closed_at"], lambda c: c["called"]),
    reach_rate=(lambda c: c["called"], lambda c: c["reached"]),
    callback_coverage=(lambda c: c["first_closed_at"], lambda c: c["reached"]),
    resolution_rate=(lambda c: c["resolved"] is not None, lambda c: c["resolved"] == 1),
    satisfaction_rate=(lambda c: c["satisfied"] is not None, lambda c: c["satisfied"]),
    final_satisfaction_rate=(lambda c: c["satisfied_last"] is not None, lambda c: c["satisfied_last"]),
    hollow_rate=(
        lambda c: c["first_closed_at"] and c["resolved"] is not None and c["ending"] in (None, "解决"),
        lambda c: c["resolved"] == 0,
    ),
    turned_rate=(lambda c: c["satisfied"] == 0 and c["satisfied_again"] is not None, lambda c: c["satisfied_last"] > 0),
    exclusion_rate=(lambda c: True, lambda c: c["excluded"] == "是"),
)


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_what_loops_count_over_all_and_by_unit(world, name):
    log, found, _ = world
    among, hit = RATES[name]
    of = [c for c in found if among(c)]
    for by in (None, "unit"):
        want = shares((c["unit"] if by else None, float(hit(c))) for c in of)
        r = INDICATORS[name](log, by=by)
        got = dict(zip(r["unit"] if by else [None], r[["numerator", "denominator"]].values.tolist()))
        assert {k: v for k, v in got.items() if v[1]} == {k: [pytest.approx(v[0]), v[1]] for k, v in want.items()}
        assert ((r.low <= r.value) & (r.value <= r.high))[r.denominator > 0].all()
    assert 0 < shares((None, float(hit(c))) for c in of)[None][0] < len(of)


def test_the_response_rate_asks_for_claim_and_contact_within_the_limit(world):
    log, found, _ = world
    rows = []
    for c in found:
        started = dict(received=c["opened_at"], dispatched=c["dispatched_at"], claimed=c["claimed_at"])
        _, limit, start = rule_for(law(), "respond", c, started)
        due = runs_out(start, *parse_limit(limit), HOURS)
        if due <= c["end"]:
            rows.append((None, float(all(c[k] is not None and c[k] <= due for k in ("claimed_at", "contacted_at")))))
    assert INDICATORS["response_rate"](log)[["numerator", "denominator"]].values.tolist() == [shares(rows)[None]]


@pytest.mark.parametrize("final", [False, True])
def test_the_evaluation_by_surveyor_has_all_its_denominators(world, final):
    log, found, _ = world
    what = "satisfied_last" if final else "satisfied"
    r = room.evaluation(log, by="surveyor", final=final)
    closed = [c for c in found if c["first_closed_at"]]
    assert len(r) == len({c["surveyor"] for c in closed}) == 4
    for g in r.to_dict("records"):
        own = [c for c in closed if c["surveyor"] == known(g["surveyor"])]
        answers = [c[what] for c in own if c[what] is not None]
        assert [g[k] for k in ("closed", "called", "reached", "answered")] == [
            len(own),
            sum(c["called"] for c in own),
            sum(c["reached"] for c in own),
            len(answers),
        ]
        assert g["satisfied"] == pytest.approx(sum(answers)) and g["coverage"] == pytest.approx(len(answers) / len(own))
        assert g["value"] == pytest.approx(np.mean(answers)) if answers else np.isnan(g["value"])
    months = room.evaluation(log, by="surveyor", period="month", final=final)
    assert (
        months[["closed", "called", "reached", "answered"]].sum().tolist() == r[["closed", "called", "reached", "answered"]].sum().tolist()
    )


@pytest.mark.parametrize("weight, top, n", [(None, 2, 3), (0, 2, 5), (0.5, 3, 5), (1, 4, 5)])
def test_basically_satisfied_counts_for_what_the_mapping_says_and_for_nothing_where_it_is_silent(weight, top, n):
    events = pd.DataFrame(dict(case_id=list("12345"), timestamp="2022-02-18", unit="甲局", activity="closed"))
    calls = pd.DataFrame(
        dict(case_id=list("12345"), called_at="2022-02-20", satisfied=["满意", "非常满意", "基本满意", "比较满意", "不满意"])
    )
    log = CaseLog.from_frame(events, callbacks=calls, basically_satisfied=weight)
    for f in (room.satisfaction_rate, room.final_satisfaction_rate):
        assert f(log)[["numerator", "denominator"]].values.tolist() == [[top, n]]
    e = room.evaluation(log).iloc[0]
    assert (e.answered, e.satisfied, e.reached) == (n, top, 5)
    assert dict(zip((c := check(log)).code, c["count"])).get("basically", 0) == (2 if weight is None else 0)


@pytest.mark.parametrize("bad", [-0.1, 1.5, "half", True])
def test_a_weight_outside_nought_to_one_is_refused(bad):
    with pytest.raises(LogError, match="basically_satisfied") as e:
        CaseLog.from_frame(
            pd.DataFrame(dict(case_id=["1"], timestamp="2022-02-18", unit="甲局", activity="closed")), basically_satisfied=bad
        )
    assert str(bad) in e.value.text.zh


# Those who did not answer


def table(answers, unit):
    "A log of closed cases with the answer 1, 0 or none of each, and its unit"
    ids = [f"{i:04d}" for i in range(len(answers))]
    events = pd.DataFrame(dict(case_id=ids, timestamp="2022-02-18", unit=unit, activity="closed"))
    calls = pd.DataFrame(
        dict(
            case_id=ids,
            round="first",
            called_at="2022-02-20",
            reached=[a is not None for a in answers],
            satisfied=[None if a is None else bool(a) for a in answers],
        )
    )
    return CaseLog.from_frame(events, callbacks=calls.astype({"satisfied": "boolean"}))


def test_bounds_are_the_lowest_and_the_highest_of_all_completions():
    answers = [1, 1, 0, None, None, 1, None, 0]
    u = room.unheard(table(answers, ["甲局"] * 5 + ["乙局"] * 3)).iloc[0]
    gaps = [i for i, a in enumerate(answers) if a is None]
    shares_ = [np.mean([dict(zip(gaps, fill)).get(i, a) for i, a in enumerate(answers)]) for fill in product((0, 1), repeat=len(gaps))]
    assert (u.worst, u.best) == (min(shares_), max(shares_)) == (3 / 8, 6 / 8)
    assert (u.closed, u.answered, u.value) == (8, 5, 0.6) and u.worst_low < u.worst and u.best_high > u.best


@pytest.mark.parametrize("by", [None, "unit", "channel"])
def test_the_silent_of_a_random_log_by_cells_taken_together_as_the_page_says(world, by):
    log, found, _ = world
    got = room.unheard(log, by=by)
    groups = defaultdict(list)
    for c in found:
        if c["first_closed_at"]:
            groups[c[by] if by else None].append(c)
    assert len(got) == len(groups)
    for g in got.to_dict("records"):
        own = groups[known(g[by]) if by else None]
        cells = defaultdict(lambda: [0, 0, 0.0])
        for c in own:
            cell = cells[tuple(c[k] for k in ("unit", "topic", "channel", "request_type") if k != by)]
            cell[0] += 1
            cell[1] += c["satisfied"] is not None
            cell[2] += c["satisfied"] or 0.0
        big = [x for x in cells.values() if x[1] >= 5]
        few = np.sum([x for x in cells.values() if x[1] < 5], axis=0).tolist() if len(big) < len(cells) else [0, 0, 0]
        heard_ = [x for x in (*big, few) if x[1]]
        n, m, s = (sum(x[i] for x in cells.values()) for i in range(3))
        assert (g["closed"], g["answered"]) == (n, m) and g["worst"] == pytest.approx(s / n) and g["best"] == pytest.approx((s + n - m) / n)
        assert g["in_silent_cells"] == n - sum(x[0] for x in heard_) and g["cells"] == len(heard_)
        if heard_:
            assert g["weighted"] == pytest.approx(sum(x[0] * x[2] / x[1] for x in heard_) / sum(x[0] for x in heard_))
        if not g["in_silent_cells"]:
            assert g["worst"] - 1e-12 <= g["weighted"] <= g["best"] + 1e-12


def frame(N, m, s):
    return pd.DataFrame(dict(N=np.asarray(N, float), m=np.asarray(m, float), s=np.asarray(s, float)))


def test_weights_recover_the_truth_and_their_interval_covers_it_where_answering_depends_on_the_cell_only():
    "400 towns of six cells: who is content answers more readily, but only because of the cell"
    rng, towns = np.random.default_rng(6), 400
    size, content, answers = (
        [80, 60, 50, 40, 40, 30],
        np.array([0.95, 0.85, 0.7, 0.55, 0.4, 0.25]),
        np.array([0.8, 0.7, 0.5, 0.4, 0.3, 0.3]),
    )
    got, truth, plain = [], [], []
    share = np.array(size) / 300
    for _ in range(towns):
        N = rng.multinomial(300, share)
        m = rng.binomial(N, answers)
        s = rng.binomial(m, content)
        got.append(room._post_stratified(frame(N, m, s)))
        truth.append((share * content).sum())
        plain.append(s.sum() / m.sum())
    f = pd.DataFrame(got)
    assert abs(f.weighted.mean() - np.mean(truth)) < 0.005 and np.mean(plain) - np.mean(truth) > 0.08
    assert 0.92 < ((f.weighted_low <= truth) & (truth <= f.weighted_high)).mean() < 0.98


def test_where_everybody_answered_weights_change_nothing_and_no_interval_is_given_at_nought_or_one():
    whole = room._post_stratified(frame([10, 20], [10, 20], [4, 15]))
    assert whole["weighted"] == pytest.approx(19 / 30) and whole["weighted_low"] < 19 / 30 < whole["weighted_high"]
    for s in ([0, 0], [10, 20]):
        r = room._post_stratified(frame([10, 20], [10, 20], s))
        assert np.isnan([r["weighted_low"], r["weighted_high"]]).all() and r["weighted"] == (s[0] > 0)
    silent = room._post_stratified(frame([10, 20], [0, 0], [0, 0]))
    assert np.isnan(silent["weighted"]) and silent["in_silent_cells"] == 30


counts = (
    st.integers(1, 400)
    .flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
    .flatmap(lambda x: st.tuples(st.just(x[0]), st.just(x[1]), st.integers(0, x[1])))
)
fast = settings(max_examples=100, deadline=None)


@fast
@given(counts, st.floats(0.001, 1000), st.floats(0.001, 1000))
def test_the_tilt_is_monotone_the_plain_rate_at_one_and_the_bounds_at_nought_and_infinity(nms, a, b):
    n, m, s = nms
    low, high = sorted((a, b))
    at = room.tilt(n, m, s / m, [0, low, high, np.inf])
    assert (np.diff(at) >= -1e-12).all()
    assert room.tilt(n, m, s / m, 1) == pytest.approx(s / m)
    assert at[[0, -1]] == pytest.approx([s / n, (s + n - m) / n])


@fast
@given(counts, st.floats(0.01, 100))
def test_the_tipping_point_is_where_the_tilt_comes_to_the_target(nms, odds):
    n, m, s = nms
    assume(0 < s < m < n)
    target = float(room.tilt(n, m, s / m, odds))
    share, found = room.tipping(n, m, s / m, target)
    assert found == pytest.approx(odds, rel=1e-6) and (s + (n - m) * share) / n == pytest.approx(target)
    for bound, o in ((s / n, 0), ((s + n - m) / n, np.inf)):
        share, found = room.tipping(n, m, s / m, bound)
        assert share == pytest.approx(float(o > 0), abs=1e-9) and (found == pytest.approx(0, abs=1e-6) if o == 0 else found > 1e6)
        assert room.tilt(n, m, s / m, found) == pytest.approx(bound)
    for beyond in (s / n - 0.001, (s + n - m) / n + 0.001):
        assert np.isnan(room.tipping(n, m, s / m, beyond)).all()


def test_without_silent_cases_nothing_tips():
    assert np.isnan(room.tipping(10, 10, 0.5, 0.6)).all()


# The chain


def way(c):
    "(stage, to) of one case, following it by hand"
    out = [("open", "called_while_open")] if c["called"] and not c["first_closed_at"] else []
    unit, done = bool(c["stays"]), c["first_closed_at"] is not None
    claimed = unit and c["claimed_at"] is not None
    out.append(("received", "dispatched" if unit else "closed" if done else "waiting"))
    if unit:
        out.append(("dispatched", "claimed" if claimed else "closed" if done else "unclaimed"))
    if claimed:
        out.append(("claimed", "closed" if done else "in_hand"))
    if not done:
        return out
    out.append(("closed_once", "looked_back" if c["looked_back"] else "not_looked_back"))
    if c["looked_back"]:
        out.append(("looked_back", "no_answer_late" if c["holds"] is None else "relapsed" if c["holds"] == 0 else "holds"))
    out.append(("closed", "called" if c["called"] else "not_called"))
    if not c["called"]:
        return out
    out.append(("called", "reached" if c["reached"] else "not_reached"))
    if not c["reached"]:
        return out
    out.append(("reached", "no_answer" if c["satisfied"] is None else "unsatisfied" if c["satisfied"] == 0 else "satisfied"))
    if c["satisfied"] != 0:
        return out
    again = c["n_reopened"] > 0
    out.append(("unsatisfied", "reviewed" if c["reviewed"] else "rehandled" if again else "left"))
    if c["reviewed"]:
        out.append(("reviewed", "rehandled" if again else "not_rehandled"))
    if again:
        out.append(("rehandled", "called_again" if c["called_again"] else "not_called_again"))
        if c["called_again"]:
            said = c["satisfied_again"]
            out.append(("called_again", "no_answer_again" if said is None else "still_unsatisfied" if said == 0 else "content"))
    return out


def balanced(f, n):
    "What comes into a stage leaves it; all are received; a case is in a stage at most once"
    into, out = Counter(), Counter()
    for r in f.itertuples():
        into[r.to] += r.cases
        out[r.stage] += r.cases
    assert out["received"] == n and out["closed_once"] == out["closed"] and max(out.values()) <= n
    assert all(into[s] == out[s] for s in room.STAGES if s not in ("received", "closed_once"))
    assert all(to in room.STAGES or to in room.EXITS or to == "called_while_open" for to in f.to)


@pytest.mark.parametrize("by, period", [(None, None), ("unit", None), (None, "month"), ("unit", "month"), ("channel", "2022-02-17")])
def test_the_chain_balances_and_is_the_way_of_every_case_followed_by_hand(world, by, period):
    log, found, _ = world
    f = room.chain(log, by=by, period=period)
    when = dict(month=lambda t: pd.Timestamp(t.year, t.month, 1)).get(
        period, lambda t: "after" if t >= pd.Timestamp("2022-02-17") else "before"
    )
    key = lambda c: ((c[by],) if by else ()) + ((when(c["opened_at"]),) if period else ())
    want = Counter((*key(c), *w) for c in found for w in way(c))
    keys = [*([by] if by else []), *(["period"] if period else [])]
    got = {
        tuple(known(x) if not isinstance(x, pd.Timestamp) else x for x in r[:-1]): r[-1]
        for r in f[[*keys, "stage", "to", "cases"]].itertuples(index=False)
    }
    assert got == dict(want)
    sizes = Counter(key(c) for c in found)
    for k, n in sizes.items():
        own = f
        for name, x in zip(keys, k):
            own = own[own[name].isna() if x is None else own[name] == x]
        balanced(own, n)
    assert sum(sizes.values()) == len(found)


def test_dirty_logs_reach_every_exit_of_the_chain(world):
    _, found, _ = world
    seen = {to for c in found for _, to in way(c)}
    assert {"called_while_open", "unclaimed", "in_hand", "left", "not_rehandled", "not_called_again", "content", "relapsed"} <= seen


def test_a_chain_without_calls_is_refused_in_both_languages():
    log = CaseLog.from_frame(pd.DataFrame(dict(case_id=["1"], timestamp="2022-02-18", unit="甲局", activity="closed")))
    for f in (room.chain, room.satisfaction_rate, room.called_rate):
        with pytest.raises(LogError) as e:
            f(log)
        assert "callbacks" in e.value.text.en and "回访" in e.value.text.zh
