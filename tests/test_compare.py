"Units side by side: published values of the method, and its promises on cities in which nobody is worse"

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from liuan_eval import compare, custody
from liuan_eval.log import CaseLog, read_log
from liuan_eval.source import LogError


def test_bugs_surgical_limits_spread_and_shrinkage_as_r_gives_them(data_dir):
    d = pd.read_csv(data_dir("bugs_surgical") / "surgical.csv")
    p = d.r.sum() / d.n.sum()
    assert np.isclose(p, 0.073916134, atol=5e-10)
    assert np.allclose(compare.funnel_limits(p, 148), [[0.013617357, 0.030899591, 0.11521957, 0.14493476]], atol=5e-9)
    assert np.isclose(compare.dispersion((d.r / d.n - p) / np.sqrt(p * (1 - p) / d.n))[0], 3.2129699, atol=5e-8)
    s = compare.shrink(d.r, d.n)  # R: glmer, 25 quadrature points
    assert np.isclose(s.mu, -2.5439621, atol=2e-5) and np.isclose(s.sigma, 0.357701, atol=2e-5)
    assert np.allclose(s.units.value[[0, 7]], [0.053788, 0.123086], atol=2e-5)


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


@pytest.mark.parametrize("kind", ["binomial", "poisson"])
def test_limits_hold_between_whole_counts(kind):
    low = compare.funnel_limits(0.1, np.arange(5, 400), kind)
    assert (low.low998 <= low.low95).all() and (low.high95 <= low.high998).all() and (low >= 0).all().all()
    k = binom(200, 0.1).ppf(0.975)
    assert k - 1 <= 200 * compare.funnel_limits(0.1, 200).high95.item() <= k


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


def cells(rng, rates, worse=()):
    rows = []
    for u in range(25):
        n = rng.multinomial(rng.integers(80, 600), rng.dirichlet(np.ones(len(rates))))
        rows += [(f"u{u}", str(t), k, rng.binomial(k, rates[t] * (2.2 if u in worse else 1))) for t, k in enumerate(n) if k]
    return pd.DataFrame(rows, columns=["unit", "topic", "n", "passed"])


def test_of_units_that_differ_only_in_mix_about_one_in_twenty_lies_outside_and_two_worse_ones_are_found():
    rng = np.random.default_rng(7)
    out = [compare.compare_cells(cells(rng, [0.05, 0.15, 0.3]), ["topic"]).units.outside for _run in range(80)]
    assert 0.02 < np.mean([(o != "").mean() for o in out]) < 0.07 and np.mean([o.isin(["+99.8", "-99.8"]).mean() for o in out]) < 0.006
    found = [compare.compare_cells(cells(rng, [0.05, 0.15, 0.3], (2, 9)), ["topic"]).units for _run in range(10)]
    assert np.mean([set(u.unit[:2]) == {"u2", "u9"} for u in found]) > 0.8


def test_interval_of_a_ratio_is_garwoods_over_the_expected():
    c = compare.compare_cells(cells(np.random.default_rng(8), [0.1, 0.2]), ["topic"]).units
    r = c.iloc[0]
    from statsmodels.stats.rates import confint_poisson

    low, high = confint_poisson(r.observed, 1, method="exact-c")
    assert np.allclose([r.low, r.high], [low / r.expected, high / r.expected])
    assert np.isclose(c.expected.sum(), c.observed.sum(), rtol=1e-6)  # the model's intercept sees to that
    assert (norm.sf(abs(c.z)) <= 1).all()


def test_a_rare_topic_is_taken_together_and_named():
    f = pd.concat(
        [cells(np.random.default_rng(9), [0.1, 0.2]), pd.DataFrame([("u1", "rare", 3, 1)], columns=["unit", "topic", "n", "passed"])]
    )
    assert compare.compare_cells(f.reset_index(drop=True), ["topic"]).pooled == {"topic": ["rare"]}


def test_cells_of_a_log_are_what_loops_count():
    log = read_log()
    f = compare.cells(log, ["topic", "month"])
    s = custody.coded_spells(log).filter(lambda t: ~t.is_dispatcher).execute()
    one = s.assign(out=s.kind.isin(["lateral", "bounce"])).groupby(["case", "unit"]).agg(out=("out", "max"), at=("entered_at", "min"))
    assert f.n.sum() == len(one) and f.passed.sum() == one.out.sum()
    own = one.reset_index().groupby("unit").out.agg(["size", "sum"])
    got = f.groupby("unit")[["n", "passed"]].sum()
    names = dict(zip(log.units.code, log.units.unit))
    assert got.sort_index().values.tolist() == own.rename(index=names).sort_index().values.tolist()
    assert f.groupby("month").n.sum().to_dict() == one["at"].dt.strftime("%Y%m").value_counts().to_dict()


def test_what_cannot_be_compared_is_said():
    still = CaseLog.from_frame(pd.DataFrame(dict(case_id=["1"], timestamp=["2022-02-17"], unit=["A"], activity=["closed"])))
    with pytest.raises(LogError, match="nothing to compare"):
        compare.compare_units(still)
    with pytest.raises(LogError, match="street"):
        compare.compare_units(read_log(), ["street"])
