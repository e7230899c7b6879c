"Whose case it was: pooling against plain arithmetic, cross-fitting, and verdicts where the simulator planted the truth"

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval.flow import competence as room
from liuan_eval.intake.log import CaseLog
from liuan_eval.truth.city import AREAS, SHIRKERS, TOPICS, City, simulate
from liuan_eval.words.text import LogError

OWNER = {t.topic: t.competent for t in TOPICS.itertuples()}


def log_of(made):
    mapping = {k: v for k, v in made.mapping().items() if k != "tables"}
    return CaseLog.from_frame(made.events, cases=made.cases, callbacks=made.callbacks, mapping=mapping)


def owners(t):
    "The competent unit of every row, as planted"
    return np.array([AREAS[a][1] if OWNER[c] == "area" else OWNER[c] for c, a in zip(t.topic, t.area)])


def planted(log):
    "unit -> (unjustified passes, passes, cases first sent to it by mistake, cases first sent to it), counted with the truth"
    cells, names = room._judged_cells(log, ["topic", "area"]), dict(zip(log.units.code, log.units.unit))
    t, f = cells["passes"], cells["first"]
    t, f = t.assign(unit=t.from_unit.map(names)), f.assign(unit=f.unit.map(names))
    t, f = t.assign(own=t.unit == owners(t)), f.assign(own=f.unit == owners(f))
    a = pd.DataFrame(dict(unjustified=t[t.own].groupby("unit").n.sum(), passes=t.groupby("unit").n.sum()))
    b = pd.DataFrame(dict(misdispatched=f[~f.own].groupby("unit").n.sum(), first=f.groupby("unit").n.sum()))
    return a.join(b, how="outer").fillna(0)


@pytest.fixture(scope="module")
def judged():
    "Verdicts on five cities, with the planted truth"
    out = []
    for seed in range(5):
        log = log_of(simulate(City(seed=seed, n_cases=8_000)))
        out.append((room.verdicts(log, repeats=200), planted(log)))
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("pq"), st.sampled_from("xy"), st.integers(0, 4), st.sampled_from([1, 2, 3])), min_size=1, max_size=30
    )
)
def test_probability_is_the_pooled_share_of_plain_loops_and_never_counts_its_own_fold(cases):
    f = pd.DataFrame(cases, columns=["topic", "area", "fold", "unit"])
    votes = f.groupby(["topic", "area", "fold", "unit"], as_index=False).size().rename(columns=dict(size="n"))
    alpha = pd.DataFrame({"topic": 3.0, "area": 7.0}, index=sorted(f.topic.unique()))
    made = room.Competence(("topic", "area"), alpha, votes, pd.DataFrame())
    lines = pd.DataFrame(dict(unit=[1, 2, 3, 2], line=[1, 2, 3, 1]))  # 2 stands below 1
    rows = pd.DataFrame([(t, a, k, u) for t, a, k, u in cases], columns=["topic", "area", "fold", "unit"])
    got, _draws = made.probability(rows, lines)
    below = {1: {1, 2}, 2: {2}, 3: {3}}
    for p, (topic, area, fold, unit) in zip(got, cases):
        others = [c for c in cases if c[2] != fold]
        want = 0.0
        for k, a in ((0, 0.5), (1, 3.0), (2, 7.0)):
            cell = [c for c in others if c[:k] == (topic, area)[:k]]
            want = (sum(c[3] in below[unit] for c in cell) + a * want) / (len(cell) + a)
        assert np.isclose(p, want)


def test_intervals_of_the_counts_hold_the_planted_truth_about_as_often_as_they_claim(judged):
    hits = []
    for v, truth in judged:
        t = v.units.set_index(["unit", "measure"])
        for unit, row in truth.iterrows():
            for name, of in (("unjustified", "passes"), ("misdispatched", "first")):
                if row[of] >= 20:
                    r = t.loc[(unit, name)]
                    assert r.denominator == row[of]
                    hits.append(r.low * r.denominator - 0.5 <= row[name] <= r.high * r.denominator + 0.5)
    assert len(hits) > 150 and np.mean(hits) > 0.9, np.mean(hits)


def test_the_dispatchers_rate_holds_the_planted_one(judged):
    d = [(v.dispatch.set_index("measure").loc["first"], truth) for v, truth in judged]
    assert sum(r.low <= truth.misdispatched.sum() / truth["first"].sum() <= r.high for r, truth in d) >= 4
    assert all(abs(r.value - truth.misdispatched.sum() / truth["first"].sum()) < 0.01 for r, truth in d)


def test_the_four_planted_shirkers_come_out_first_and_wrongly_addressed_offices_do_not(judged):
    for v, _truth in judged:
        t = v.units[(v.units.measure == "shirked") & (v.units.denominator > 50)]
        assert set(t.nlargest(4, "value").unit) == set(SHIRKERS)
    u = pd.concat([v.units for v, _t in judged])
    wrong = u[(u.unit == "水务六局") & (u.measure == "unjustified")]  # nothing in this city is its own: all its passes are right
    assert len(wrong) == 5 and wrong.value.max() < 0.05


def test_unjustified_and_justified_make_up_all_passes(judged):
    for v, _t in judged:
        n = v.units.pivot(index="unit", columns="measure", values="numerator")
        d = v.units.pivot(index="unit", columns="measure", values="denominator").unjustified
        assert np.allclose((n.unjustified + n.justified).dropna(), d.dropna())
        f = v.flows
        assert np.allclose(f.unjustified + f.corrected + f.blind, f.hops) or (f[f.kind == "bounce"].blind == 0).all()
        assert (f[["unjustified", "corrected", "blind"]] >= -1e-9).all().all()


def test_coarse_topics_are_flagged_as_not_clear():
    made = simulate(City(seed=3, n_cases=6_000))
    coarse = made.cases.assign(topic="everything")
    mapping = {k: v for k, v in made.mapping().items() if k not in ("tables", "owners")}
    log = CaseLog.from_frame(made.events, cases=coarse, callbacks=made.callbacks, mapping=mapping)
    u = room.verdicts(log, ["topic"], repeats=20).units
    t = u[u.measure == "clear"]
    assert t.numerator.sum() / t.denominator.sum() < 0.1


def test_a_posterior_of_few_votes_is_wide():
    rows = [(f"c{i}", "2022-02-17", "A" if i else "B", "closed") for i in range(5)]
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    log = CaseLog.from_frame(events, cases=pd.DataFrame(dict(case_id=events.case_id, topic="t")))
    r = room.competence(log).table.set_index("unit").loc["A"]
    assert r.n == 4 and r.of == 5 and r.low < 0.55 and r.high > 0.9


def test_a_log_in_which_nothing_was_closed_is_refused():
    log = CaseLog.from_frame(
        pd.DataFrame(dict(case_id=["1"], timestamp=["2022-02-17"], unit=["A"], activity=["replied"])),
        cases=pd.DataFrame(dict(case_id=["1"], topic=["t"])),
    )
    with pytest.raises(LogError, match="No unit closed"):
        room.verdicts(log)


def test_a_log_without_a_single_pass_has_verdicts_without_rows():
    log = CaseLog.from_frame(
        pd.DataFrame(dict(case_id=["1"], timestamp=["2022-02-17"], unit=["A"], activity=["closed"])),
        cases=pd.DataFrame(dict(case_id=["1"], topic=["t"])),
    )
    v = room.verdicts(log)
    assert v.flows.empty and set(v.units.measure) == {"misdispatched"}
