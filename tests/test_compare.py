"Units side by side: published values of the method, and its promises on cities in which nobody is worse"

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from liuan_eval import custody
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.judge import compare
from liuan_eval.truth.city import SHIRKERS, City, simulate
from liuan_eval.words.text import LogError

ROOT = Path(__file__).parents[1]


def test_bugs_surgical_limits_spread_and_shrinkage_as_r_gives_them(data_dir):
    d = pd.read_csv(data_dir("bugs_surgical") / "surgical.csv")
    p = d.r.sum() / d.n.sum()
    assert np.isclose(p, 0.073916134, atol=5e-10)
    assert np.allclose(compare.funnel_limits(p, 148), [[0.013617357, 0.030899591, 0.11521957, 0.14493476]], atol=5e-9)
    assert np.isclose(compare.dispersion((d.r / d.n - p) / np.sqrt(p * (1 - p) / d.n))[0], 3.2129699, atol=5e-8)
    s = compare.shrink(d.r, d.n)  # R: glmer, 25 quadrature points
    assert np.isclose(s.mu, -2.5439621, atol=2e-5) and np.isclose(s.sigma, 0.357701, atol=2e-5)
    assert np.allclose(s.units.value[[0, 7]], [0.053788, 0.123086], atol=1e-6)


def test_bugs_surgical_variance_between_hospitals_as_r_metafor_gives_it_by_dersimonian_and_laird(data_dir):
    d = pd.read_csv(data_dir("bugs_surgical") / "surgical.csv")
    half = np.where(d.r == 0, 0.5, 0.0)  # metafor's default: only where a count is zero
    hits, rest = d.r + half, d.n - d.r + half
    assert round(compare._tau2(np.log(hits / rest), 1 / hits + 1 / rest), 4) == 0.1412


def test_bowel_cancer_funnel_of_spiegelhalters_379_districts_as_r_gives_it(data_dir):
    d = pd.read_csv(data_dir("funnel_bowel_cancer") / "bowel_cancer.csv")
    deaths, people = d.n, d.d
    target = deaths.sum() / people.sum()
    assert np.isclose(1e5 * target, 17.62423, atol=5e-6)
    z = (deaths / people - target) / np.sqrt(target * (1 - target) / people)
    assert np.allclose(compare.dispersion(z), [1.4848588, 0.94495145], atol=5e-8)
    assert np.allclose(1e5 * compare.funnel_limits(target, 100_000), [[5.6210283, 9.3502515, 25.823387, 31.496099]], atol=5e-6)
    limit, rate = compare.funnel_limits(target, people), (deaths / people).to_numpy()
    assert ((rate < limit.low95) | (rate > limit.high95)).sum() == 33 and ((rate < limit.low998) | (rate > limit.high998)).sum() == 2


def test_child_heart_surgery_bristol_alone_lies_above_the_outer_limit_in_1991_95_and_nobody_in_2012_15(data_dir):
    above = {}
    for year in (1991, 2012):
        d = pd.read_csv(data_dir("child_heart_surgery") / f"child_heart_{year}.csv")
        limit = compare.funnel_limits(d.Deaths.sum() / d.Operations.sum(), d.Operations)
        above[year] = d.Hospital[(d.Deaths / d.Operations).to_numpy() > limit.high998].tolist()
    assert above == {1991: ["Bristol"], 2012: []}


def test_limits_hold_between_whole_counts():
    low = compare.funnel_limits(0.1, np.arange(5, 400))
    assert (low.low998 <= low.low95).all() and (low.high95 <= low.high998).all() and (low >= 0).all().all()
    k = binom(200, 0.1).ppf(0.975)
    assert k - 1 <= 200 * compare.funnel_limits(0.1, 200).high95.item() <= k


def test_shrinkage_is_right_where_units_are_so_large_that_their_posterior_is_a_needle():
    rng, n = np.random.default_rng(3), np.full(40, 1_000_000)
    b = 0.45 * rng.standard_normal(40)
    y = rng.binomial(n, expit(-2 + b))
    s, se = compare.shrink(y, n), 1 / np.sqrt(n * (y / n) * (1 - y / n))
    log_odds = {k: np.log(s.units[k] / (1 - s.units[k])) for k in s.units}
    assert np.isclose(s.mu, (b - 2).mean(), atol=2e-3) and np.isclose(s.sigma, b.std(), atol=2e-3)
    assert np.allclose(s.units.value, y / n, rtol=3e-4)
    assert np.allclose((log_odds["high"] - log_odds["low"]) / se, 2 * 1.959964, rtol=3e-3)


def test_units_that_do_not_differ_are_shrunk_to_one_rate():
    rng = np.random.default_rng(4)
    s = compare.shrink(rng.binomial(400, 0.1, 60), np.full(60, 400))
    assert s.sigma < 0.12 and s.units.value.std() < 0.2 * np.sqrt(0.09 / 400)


def test_the_posterior_of_many_cases_is_the_rate_and_of_none_the_citys():
    s = compare.shrink(np.array([100_000, 0, 30, 10, 5]), np.array([1_000_000, 0, 100, 100, 100]))
    rate = 1 / (1 + np.exp(-s.mu))
    assert np.isclose(s.units.value[0], 0.1, atol=1e-3) and np.isclose(s.units.value[1], rate, atol=1e-4)
    assert s.units.low[1] < s.units.low[2] and rate < s.units.value[2] < 0.3


def test_shrunk_intervals_hold_the_true_rates_of_a_city_as_often_as_they_claim():
    rng, hits = np.random.default_rng(6), []
    for _run in range(25):
        true = 1 / (1 + np.exp(-(-2 + 0.5 * rng.standard_normal(40))))
        n = rng.integers(5, 400, 40)
        u = compare.shrink(rng.binomial(n, true), n).units
        hits.append(((u.low <= true) & (true <= u.high)).mean())
    assert 0.92 < np.mean(hits) < 0.98


def test_misses_are_shrunk_as_the_mirror_of_hits():
    y, n = np.array([0, 1, 2, 9, 30]), np.array([40, 100, 90, 200, 300])
    hits, misses = compare.shrink(y, n), compare.shrink(n - y, n)
    assert np.isclose(hits.mu, -misses.mu, atol=1e-5) and np.isclose(hits.sigma, misses.sigma, atol=1e-5)
    mirror = 1 - misses.units[["value", "high", "low"]].to_numpy()
    assert np.allclose(hits.units[["value", "low", "high"]], mirror, atol=1e-6)


def cells(rng, rates, worse=()):
    rows = []
    for u in range(25):
        n = rng.multinomial(rng.integers(80, 600), rng.dirichlet(np.ones(len(rates))))
        rows += [(f"u{u}", str(t), k, rng.binomial(k, rates[t] * (2.2 if u in worse else 1))) for t, k in enumerate(n) if k]
    return pd.DataFrame(rows, columns=["unit", "topic", "n", "passed"])


def test_of_units_that_differ_only_in_mix_about_one_in_twenty_lies_outside_and_two_worse_ones_are_found():
    rng = np.random.default_rng(7)
    out = [compare.compare_cells(cells(rng, [0.05, 0.15, 0.3]), ["topic"]).units.outside for _run in range(80)]
    assert 0.015 < np.mean([(o != "").mean() for o in out]) < 0.07 and np.mean([o.isin(["+99.8", "-99.8"]).mean() for o in out]) < 0.006
    found = [compare.compare_cells(cells(rng, [0.05, 0.15, 0.3], (2, 9)), ["topic"]).units for _run in range(10)]
    assert np.mean([set(u.unit[:2]) == {"u2", "u9"} for u in found]) > 0.8


def test_interval_of_a_ratio_is_garwoods_over_the_expected():
    c = compare.compare_cells(cells(np.random.default_rng(8), [0.1, 0.2]), ["topic"]).units
    r = c.iloc[0]
    from statsmodels.stats.rates import confint_poisson

    low, high = confint_poisson(r.observed, 1, method="exact-c")
    assert np.allclose([r.low, r.high], [low / r.expected, high / r.expected])
    assert np.isclose(c.expected.sum(), c.observed.sum(), rtol=1e-6)  # the model's intercept sees to that


def test_own_share_is_how_much_of_a_units_excess_is_thereupon_expected_of_it():
    f = cells(np.random.default_rng(11), [0.1, 0.3])
    f = pd.concat(
        [f, pd.DataFrame([("own", "2", 400, 80), ("own", "0", 100, 10), ("u1", "2", 50, 5)], columns=f.columns)], ignore_index=True
    )
    base = compare.expected(f, ["topic"])[0].set_index("unit")
    assert base.own_share.between(0, 1).all()
    for unit in ("own", "u1", "u7"):
        rate = f.passed.groupby(f.topic).transform("sum") / f.n.groupby(f.topic).transform("sum")
        step = 1e-3 * f.n * rate * (1 - rate) * (f.unit == unit)  # its odds a thousandth higher in every topic
        more = compare.expected(f.assign(passed=f.passed + step), ["topic"])[0].set_index("unit")
        assert np.isclose((more.expected - base.expected)[unit] / step.sum(), base.own_share[unit], atol=1e-3)
    assert base.own_share["own"] > 0.7 and base.own_share["u7"] < 0.2


def test_a_unit_that_alone_has_a_topic_is_its_own_measure_and_one_of_which_nothing_is_expected_has_no_ratio():
    f = cells(np.random.default_rng(12), [0.1, 0.3])
    f = pd.concat([f, pd.DataFrame([("S", "own", 300, 250), ("N", "never", 200, 0), ("A", "always", 50, 50)], columns=f.columns)])
    with np.errstate(all="raise", under="ignore"):
        u = compare.compare_cells(f.reset_index(drop=True), ["topic"]).units.set_index("unit")
    assert np.isclose(u.ratio["S"], 1) and np.isclose(u.own_share["S"], 1) and u.outside["S"] == ""
    assert u.expected["N"] == 0 and u.loc["N", ["ratio", "low", "high", "z", "shrunk", "high95"]].isna().all()
    assert u.ratio["A"] == 1 and u.loc["A", ["z", "shrunk", "high95"]].isna().all()
    rest = compare.compare_cells(f[~f.unit.isin(["N", "A"])].reset_index(drop=True), ["topic"]).units.set_index("unit")
    assert np.allclose(rest.ratio, u.ratio[rest.index])  # a category that is certain changes nothing for the others


def test_variance_between_units_is_found_again():
    rng, found = np.random.default_rng(13), {0.0: [], 0.25: []}
    for tau2, got in found.items():
        for _run in range(25):
            n = rng.integers(100, 900, 40)
            rate = 0.1 * np.exp(np.sqrt(tau2) * rng.standard_normal(40) - tau2 / 2)
            f = pd.DataFrame(dict(unit=[f"u{i}" for i in range(40)], n=n, passed=rng.binomial(n, np.minimum(rate, 1))))
            got.append(compare.compare_cells(f, []).tau2)
    assert np.mean(found[0.0]) < 0.01 and np.isclose(np.mean(found[0.25]), 0.25, atol=0.05)


def test_rare_topics_are_taken_together_named_and_counted():
    rare = pd.DataFrame([("u1", "rare", 3, 1), ("u2", "odd", 5, 0)], columns=["unit", "topic", "n", "passed"])
    c = compare.compare_cells(pd.concat([cells(np.random.default_rng(9), [0.1, 0.2]), rare], ignore_index=True), ["topic"])
    assert c.pooled.values.tolist() == [["topic", "odd", 5, 0], ["topic", "rare", 3, 1]]


def test_a_category_of_twenty_cases_stands_alone_and_one_of_nineteen_does_not():
    f = pd.DataFrame([("A", "x", 10, 1), ("B", "x", 10, 0), ("A", "y", 19, 2), ("B", "z", 40, 3)], columns=["unit", "topic", "n", "passed"])
    t, were = compare.pooled(f, ["topic"])
    assert t.topic.tolist() == ["x", "x", "other", "z"] and were.values.tolist() == [["topic", "y", 19, 2]]


def test_two_units_and_one_passed_case_can_be_compared_and_few_numbers_have_no_spread():
    f = pd.DataFrame([("A", 30, 1), ("B", 30, 0)], columns=["unit", "n", "passed"])
    assert compare.compare_cells(f, []).units.expected.tolist() == pytest.approx([0.5, 0.5])
    f.passed = [30, 29]
    assert compare.compare_cells(f, []).units.expected.tolist() == pytest.approx([29.5, 29.5])
    assert np.isnan(compare.dispersion([])).all() and np.isnan(compare._tau2(pd.Series([0.1]), pd.Series([1.0])))
    assert compare._tau2(pd.Series([0.0, 2.0]), pd.Series([1.0, 1.0])) == 1  # (2 - 1) / (2 - 2 / 2)
    assert compare._tau2(pd.Series([0.0, 0.1]), pd.Series([1.0, 1.0])) == 0


def test_limits_are_those_of_the_other_units_and_end_at_nought():
    from statsmodels.stats.meta_analysis import combine_effects

    f = pd.DataFrame([("A", 100, 40), ("B", 100, 10), ("C", 100, 0)], columns=["unit", "n", "passed"])
    c = compare.compare_cells(f, [])
    z = (np.array([40, 10, 0]) - 50 / 3) / np.sqrt(100 / 6 * 5 / 6)
    assert c.units.unit.tolist() == ["A", "B", "C"] and np.allclose(c.units.z, z) and np.isclose(c.phi, (z**2).mean())
    assert (c.units.low998 == 0).all() and (c.units.low95 < 1e-3).all() and (c.units.outside == "").all()
    half = np.array([40, 10, 0.5])
    assert np.isclose(c.tau2, combine_effects(np.log(half * 6 / 100), 1 / half, method_re="dl").tau2)


def test_a_unit_far_out_does_not_stretch_the_limits_that_judge_it():
    f = pd.DataFrame(dict(unit=[f"u{i}" for i in range(20)], n=400, passed=[40, 36, 44, 38, 42] * 4))
    near = compare.compare_cells(f, []).units.set_index("unit")
    far = compare.compare_cells(f.assign(passed=f.passed.where(f.unit != "u0", 160)), []).units.set_index("unit")
    assert (near.outside == "").all() and far.outside["u0"] == "+99.8" and (far.outside.drop("u0") == "").all()
    high = [u.high998["u0"] * u.expected["u0"] for u in (near, far)]
    assert np.isclose(*high, rtol=0.02)  # by the same others, whatever its own count


def test_cities_are_what_they_are_called_and_what_is_promised_of_them_is_kept_or_said():
    x, _n, e, deff = compare._thirty("sd 0.2, two worse", 1)
    assert len(x) == 30 and np.isclose(e.sum(), x.sum()) and (x / e)[28:].min() > 1.3 and (deff == 1).all()
    assert compare._thirty("30 % in tens", 1)[3].mean() > 2
    assert abs(np.mean([np.log(x / e).std() for x, _n, e, _d in (compare._thirty("sd 0.3", s) for s in range(20))]) - 0.33) < 0.08
    assert len(compare.promises()) == 7 and all(p.kept or p.said.en for p in compare.promises())


STEP = st.sampled_from(["A", "B", "C", "乡", "H"])


@settings(max_examples=6, deadline=None)  # few logs of many paths: building the log is what takes time
@given(st.lists(st.tuples(st.lists(STEP, min_size=1, max_size=6), st.sampled_from(["x", "y", None])), min_size=1, max_size=30))
def test_cells_of_any_log_are_what_the_words_of_the_definition_count(paths):
    steps = [(str(i), pd.Timestamp("2022-02-17") + pd.Timedelta(hours=k), u) for i, (p, _t) in enumerate(paths) for k, u in enumerate(p)]
    events = pd.DataFrame(steps, columns=["case_id", "timestamp", "unit"]).assign(activity="replied")
    topics = pd.DataFrame(dict(case_id=[str(i) for i in range(len(paths))], topic=pd.array([t for _p, t in paths], "string")))
    log = CaseLog.from_frame(events, cases=topics, dispatchers=["H"], units=[dict(unit=u) for u in "ABC"] + [dict(unit="乡", parent="A")])
    n, passed = {}, {}
    for p, topic in paths:
        spells = [u for i, u in enumerate(p) if not i or p[i - 1] != u]
        stays = [u for u in spells if u != "H"]
        out = {a for a, b in pairwise(stays) if {a, b} != {"A", "乡"}}  # between a unit and its own township: delegation
        for u in set(stays):
            key = (u, "?" if topic is None else topic)
            n[key], passed[key] = n.get(key, 0) + 1, passed.get(key, 0) + (u in out)
    f = compare.cells(log, ["topic"]).set_index(["unit", "topic"])
    assert f.n.to_dict() == n and f.passed.to_dict() == passed


def test_cells_of_a_log_are_what_loops_count():
    log = read_log()
    f = compare.cells(log, ["topic", "month"])
    s = custody.coded_spells(log).filter(lambda t: ~t.is_dispatcher).execute()
    assert f.index.tolist() == list(range(len(f))) and f.equals(f.sort_values(["unit", "topic", "month"], ignore_index=True))
    one = s.assign(out=s.kind.isin(["lateral", "bounce"])).groupby(["case", "unit"]).agg(out=("out", "max"), at=("entered_at", "min"))
    assert f.n.sum() == len(one) and f.passed.sum() == one.out.sum()
    own = one.reset_index().groupby("unit").out.agg(["size", "sum"])
    got = f.groupby("unit")[["n", "passed"]].sum()
    names = dict(zip(log.units.code, log.units.unit))
    assert got.sort_index().values.tolist() == own.rename(index=names).sort_index().values.tolist()
    assert f.groupby("month").n.sum().to_dict() == one["at"].dt.strftime("%Y%m").value_counts().to_dict()


def test_planted_shirkers_lead_where_units_are_held_against_others_and_hide_where_they_are_their_own_measure():
    made = simulate(City(seed=3, n_cases=4_000, misdispatch=0.0, misroute=0.0, pairs=()))
    mapping = {k: v for k, v in made.mapping().items() if k != "tables"}
    log = CaseLog.from_frame(made.events, cases=made.cases, callbacks=made.callbacks, mapping=mapping)
    u = compare.compare_units(log, ["channel", "request_type", "month"]).units.query("n >= 50").set_index("unit")
    assert set(u.index[:4]) == set(SHIRKERS) and (u.ratio[:4] > 1).all() and (u.own_share[:4] < 0.1).all()
    assert (
        not u.outside[4:].isin(["+95", "+99.8"]).any() and u.outside[:4].eq("+95").any()
    )  # four of twenty are a crowd: they widen each other's limits
    topic = compare.compare_units(log).units.set_index("unit").loc[list(SHIRKERS)]  # one owner a topic
    assert (topic.own_share > 0.6).all() and (topic.ratio < 0.6 * u.ratio[topic.index]).all()


def test_six_hundred_teams_of_a_real_log_are_compared_without_a_warning(data_dir, recwarn):
    log = read_log(next(data_dir("bpic2013_incidents").glob("*.xes.gz")), mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    c = compare.compare_units(log)
    assert len(c.units) == 649 and np.isclose(c.units.expected.sum(), c.units.observed.sum())
    u = c.units.dropna(subset="shrunk")
    assert len(u) > 600 and (u.shrunk_low <= u.shrunk).all() and (u.shrunk <= u.shrunk_high).all()
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_what_cannot_be_compared_is_said():
    def one_event(*rows):
        return CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), dispatchers=["H"])

    still = [
        one_event(("1", "2022-02-17", "A", "replied")),
        one_event(("1", "2022-02-17", "A", "replied"), ("2", "2022-02-17", "B", "closed")),
    ]
    for log in [*still, one_event(("1", "2022-02-17", "H", "replied"))]:
        with pytest.raises(LogError, match="nothing to compare"):
            compare.compare_units(log)
    apart = pd.DataFrame([("A", "x", 60, 60), ("B", "y", 60, 0)], columns=["unit", "topic", "n", "passed"])
    with pytest.raises(LogError, match="same kinds of case"):
        compare.compare_cells(apart, ["topic"])
    with pytest.raises(LogError, match="street"):
        compare.compare_units(read_log(), ["street"])
