"Curves, quantiles, restricted means and incidences: R's and statsmodels' numbers, exact cases, coverage"

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from liuan_eval.indicators.lifetable import Z, incidence, km_curve, km_quantiles, restricted_mean


@pytest.fixture
def lung(data_dir):
    f = pd.read_csv(data_dir("lung") / "lung.csv")
    return f.assign(x=f.time.astype(float), closed=f.status == 2)[["sex", "x", "closed"]]


@pytest.fixture
def mgus2(data_dir):
    "Months to a plasma cell malignancy (pcm) or to death before one"
    f = pd.read_csv(data_dir("mgus2") / "mgus2.csv")
    pcm, died = f.pstat == 1, f.death == 1
    return f.assign(x=f.ptime.where(pcm, f.futime).astype(float), end=np.where(pcm, "pcm", np.where(died, "death", None)))[
        ["sex", "x", "end"]
    ]


@pytest.fixture
def pbc(data_dir):
    f = pd.read_csv(data_dir("rmst_pbc") / "rmst2_sample_data.csv")
    return f.rename(columns=dict(time="x")).assign(closed=f.status == 1)[["arm", "x", "closed"]]


# Curve and quantiles


def test_lung_median_and_loglog_interval_are_those_of_R(lung):
    m = km_quantiles(ibis.memtable(lung), [])
    assert m.values.tolist() == [[0.5, 228, 63, 310, 284, 361]]


def test_lung_medians_by_sex_are_those_of_R_with_the_loglog_intervals_of_statsmodels(lung):
    "R's intervals by sex, 212-310 and 348-550, are of its default type log"
    m = km_quantiles(ibis.memtable(lung), ["sex"])
    assert m[["n", "n_open", "value"]].values.tolist() == [[138, 26, 270], [90, 37, 426]]
    for sex, r in m.groupby("sex"):
        f = lung[lung.sex == sex]
        s = SurvfuncRight(f.x.to_numpy(), f.closed.astype(int).to_numpy())
        assert (r.low.iloc[0], r.high.iloc[0]) == s.quantile_ci(0.5, method="cloglog")


def test_veteran_medians_are_those_of_R_in_the_middle_of_a_flat_stretch(data_dir):
    f = pd.read_csv(data_dir("veteran") / "veteran.csv")
    t = ibis.memtable(pd.DataFrame(dict(trt=f.trt, x=f.time.astype(float), closed=f.status == 1)))
    assert km_quantiles(t, ["trt"]).value.tolist() == [103.0, 52.5]


def test_many_cases_of_one_time_are_one_step_in_whatever_order_an_engine_takes_them(rng=np.random.default_rng(7)):
    "Half a million rows with seven times: row by row is as step by step, for both bands and the mean too"
    n = 500_000
    f = pd.DataFrame(dict(g=rng.integers(0, 5_000, n), x=rng.integers(0, 7, n).astype(float), closed=rng.random(n) < 0.7))
    t = ibis.memtable(f)
    curve, found = km_curve(t, ["g"]).execute().sort_values(["g", "x"]), km_quantiles(t, ["g"]).set_index("g")
    for name, s in dict(value="surv", low="low", high="high").items():
        here, below = (curve[curve[s] <= 0.5 + e].groupby("g").x.min().reindex(found.index) for e in (1e-9, -1e-9))
        pd.testing.assert_series_equal(found[name], (here + below.fillna(here)) / 2, check_names=False)
    wide = curve.pivot(index="g", columns="x", values="surv").ffill(axis=1).fillna(1.0).reindex(columns=np.arange(6.0)).ffill(axis=1)
    np.testing.assert_allclose(restricted_mean(t, ["g"], 6.0).value, wide.sum(axis=1), rtol=1e-12)


def test_lung_curve_and_its_loglog_band_are_those_of_R_and_statsmodels(lung):
    curve = km_curve(ibis.memtable(lung), ["sex"]).execute().sort_values(["sex", "x"])
    r = {1: [0.84783, 0.64447, 0.33609], 2: [0.93333, 0.84240, 0.52646]}  # R 4.2.2: S(90), S(180), S(365)
    for sex, c in curve.groupby("sex"):
        assert [round(c[c.x <= d].surv.iloc[-1], 5) for d in (90, 180, 365)] == pytest.approx(r[sex], abs=1e-9)
        f = lung[lung.sex == sex]
        s = SurvfuncRight(f.x.to_numpy(), f.closed.astype(int).to_numpy())
        assert np.allclose(c.surv, s.surv_prob, rtol=1e-12) and np.allclose(c.r, s.n_risk)
        theta = stats.norm.ppf(0.975) * s.surv_prob_se / (s.surv_prob * np.log(s.surv_prob))
        keep = (s.surv_prob > 0) & (s.surv_prob < 1)
        assert np.allclose(c.low[keep], (s.surv_prob ** np.exp(-theta))[keep], rtol=1e-9)
        assert np.allclose(c.high[keep], (s.surv_prob ** np.exp(theta))[keep], rtol=1e-9)


@pytest.mark.parametrize("name", ["g", "r", "d", "surv", "end0", "key1"])
def test_a_group_may_have_any_name(lung, name):
    t = ibis.memtable(lung)
    t, named = t.mutate(end=t.closed.ifelse("died", None)), t.mutate(end=t.closed.ifelse("died", None)).rename({name: "sex"})
    for f, more in ((km_quantiles, [(0.25, 0.5)]), (restricted_mean, [500]), (incidence, [[90, 500]])):
        pd.testing.assert_frame_equal(f(named, [name], *more), f(t, ["sex"], *more).rename(columns=dict(sex=name)))


def test_no_cases_no_value():
    t = ibis.memtable(pd.DataFrame(dict(x=[], closed=[])), schema=dict(x="float64", closed="boolean"))
    for f in (km_quantiles(t, []), restricted_mean(t, [], 5)):
        assert f[["n", "n_open"]].values.tolist() == [[0, 0]] and f[["value", "low", "high"]].isna().all(axis=None)


# Restricted mean


def test_lung_restricted_means_are_those_of_R_print_rmean(lung):
    m = restricted_mean(ibis.memtable(lung), ["sex"], 500)
    assert m.value.round(2).tolist() == [278.76, 360.91] and m.se.round(3).tolist() == [14.355, 16.801]
    assert np.allclose([m.low, m.high], [m.value - 1.959964 * m.se, m.value + 1.959964 * m.se], rtol=1e-7)


def test_pbc_restricted_means_at_ten_years_are_those_of_survRM2(pbc):
    m = restricted_mean(ibis.memtable(pbc), ["arm"], 10).set_index("arm").loc[[1, 0]]
    assert m.value.round(7).tolist() == [7.1464930, 7.2834158] and m.se.round(7).tolist() == [0.2827748, 0.2954781]


def between(m, what):
    "Arm 1 against arm 0 with its normal interval; ratios on the log scale"
    y, se = (m.value, m.se) if what != "lost" else (m.tau - m.value, m.se)
    if what != "difference":
        y, se = np.log(y), se / y
    d = y[1] - y[0] + np.array([0, -1, 1]) * stats.norm.ppf(0.975) * np.hypot(se[1], se[0])
    return d if what == "difference" else np.exp(d)


@pytest.mark.parametrize(
    "tau, what, r",
    [
        (10, "difference", [-0.1369228, -0.9385191, 0.6646736]),
        (10, "ratio", [0.9812007, 0.8780524, 1.0964663]),
        (10, "lost", [1.0504025, 0.7872418, 1.4015331]),
        (5, "difference", [0.1195953, -0.1929863, 0.4321768]),
    ],
)
def test_pbc_contrasts_from_the_two_rows_are_those_of_survRM2(pbc, tau, what, r):
    m = restricted_mean(ibis.memtable(pbc), ["arm"], tau).set_index("arm")
    assert between(m, what).tolist() == pytest.approx(r, abs=6e-8)


def test_restricted_mean_needs_the_curve_up_to_tau(pbc):
    "survRM2's rule: tau may pass the longest time only where that one ended"
    rows = [("open", 1.0, True), ("open", 4.0, False), ("ended", 1.0, True), ("ended", 4.0, True), ("none", 9.0, False)]
    t = ibis.memtable(pd.DataFrame(rows, columns=["g", "x", "closed"]))
    at5, at4 = (restricted_mean(t, ["g"], tau).set_index("g") for tau in (5, 4))
    assert at5.value.isna().to_dict() == dict(ended=False, none=False, open=True) and at5.se.isna()["open"]
    assert at5.value["ended"] == at4.value["ended"] == 2.5 and at4.value["open"] == 2.5
    assert (at5.value["none"], at5.se["none"]) == (5, 0) and pd.isna(at5.low["none"])  # nothing ended: no interval


def test_without_open_cases_the_restricted_mean_is_the_mean_with_its_standard_error():
    rng = np.random.default_rng(2)
    x = rng.exponential(10, 3000).round(1)
    r = restricted_mean(ibis.memtable(pd.DataFrame(dict(x=x, closed=True))), [], 12).iloc[0]
    y = np.minimum(x, 12)
    assert np.allclose([r.value, r.se], [y.mean(), y.std() / np.sqrt(3000)], rtol=1e-12)


# Incidence


def test_mgus2_incidence_of_malignancy_is_that_of_R_survival_and_cmprsk(mgus2):
    f = incidence(ibis.memtable(mgus2), ["sex"], [60, 120, 240])
    assert len(f) == 12 and f.groupby("sex").n.first().to_dict() == dict(F=631, M=753)
    pcm = f[f.end == "pcm"].set_index("sex").value.round(7)
    assert pcm["F"].tolist() == [0.0397896, 0.0738857, 0.1049407] and pcm["M"].tolist() == [0.0293463, 0.0553102, 0.0956508]


def test_mgus2_standard_errors_are_those_of_statsmodels(mgus2):
    f = mgus2[mgus2.sex == "F"]
    s = CumIncidenceRight(f.x.to_numpy(), f.end.map(dict(pcm=1, death=2)).fillna(0).astype(int).to_numpy())
    got = incidence(ibis.memtable(f), [], [60, 120, 240]).set_index("end")
    where = np.searchsorted(s.times, [60, 120, 240], side="right") - 1
    for i, end in enumerate(["pcm", "death"]):
        assert np.allclose(got.loc[end, "value"], s.cinc[i][where], rtol=1e-12)
        assert np.allclose(got.loc[end, "se"], s.cinc_se[i][where], rtol=1e-9)


def test_without_open_cases_incidence_is_a_share_with_its_binomial_standard_error():
    rng = np.random.default_rng(4)
    n = 20_000
    t = pd.DataFrame(dict(x=rng.exponential(30, n), end=rng.choice(["a", "b", "rare"], n, p=[0.6, 0.39, 0.01])))
    f = incidence(ibis.memtable(t), [], [0.01, 1, 30, 200, 1000])
    share = f.ended / n
    assert np.allclose(f.value, share, rtol=1e-10) and np.allclose(f.se, np.sqrt(share * (1 - share) / n), rtol=1e-9)
    assert (f.low.isna() == (f.ended == 0)).all()


def test_incidence_of_a_group_knows_only_what_was_seen_there():
    rows = [("p", 1.0, "a"), ("p", 3.0, None), ("q", 1.0, "b"), ("q", 2.0, "b"), ("r", 5.0, None)]
    f = incidence(ibis.memtable(pd.DataFrame(rows, columns=["g", "x", "end"])), ["g"], [0.5, 2, 4]).set_index(["g", "end"])
    assert set(f.index) == {("p", "a"), ("q", "b")}  # r had no end at all
    assert f.loc[("p", "a"), "value"].tolist()[:2] == [0, 0.5] and pd.isna(f.loc[("p", "a"), "value"].iloc[2])  # open since 3
    q = f.loc[("q", "b")]
    assert q.value.tolist() == [0, 1, 1] and q.se.tolist() == [0, 0, 0] and q.low.isna().all()
    empty = incidence(
        ibis.memtable(pd.DataFrame(rows[-1:], columns=["g", "x", "end"]), schema=dict(g="string", x="float64", end="string")), ["g"], [1]
    )
    assert empty.empty and list(empty.columns) == list(f.reset_index().columns)


# On random small tables with ties: every group is a table, so that an engine is asked once


def tables(seed, n=60):
    "g, x, end, closed: 2 to 25 cases a group; a few of unknown duration, which are nobody's"
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n), rng.integers(2, 26, n))
    x, end = rng.integers(1, 10, len(g)).astype(float), rng.choice(["a", "b", None], len(g))
    lost = pd.DataFrame(dict(g=np.arange(n), x=np.nan, end="a"))
    f = pd.concat([pd.DataFrame(dict(g=g, x=x, end=end)), lost[: n // 2]], ignore_index=True)
    return f.assign(closed=f.end.notna())


def table(f):
    return ibis.memtable(
        f.assign(x=f.x.astype(object).where(f.x.notna(), None)), schema=dict(g="int64", x="float64", end="string", closed="boolean")
    )


def by_group(found, f):
    "What was found and the known cases, group by group"
    assert set(found.g) <= set(f.g) and found.g.is_monotonic_increasing and found.index.equals(pd.RangeIndex(len(found)))
    return [(found[found.g == g].sort_index(), own) for g, own in f[f.x.notna()].groupby("g")]


def band(s):
    "The log-log band of a curve of statsmodels; none where nothing or everything has ended"
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = stats.norm.ppf(0.975) * s.surv_prob_se / (s.surv_prob * np.log(s.surv_prob))
        inside = (s.surv_prob > 0) & (s.surv_prob < 1)
        return [np.where(inside, s.surv_prob ** np.exp(sign * theta), np.nan) for sign in (-1, 1)]


def first(x, reached):
    return x[reached].min() if reached.any() else np.nan


def test_curve_band_and_quantiles_are_those_of_statsmodels():
    f = tables(1)
    q = np.sqrt([0.02, 0.13, 0.37, 0.61])  # no product of ratios hits these, so no flat stretch does
    curve, found = km_curve(table(f), ["g"]).execute().sort_values(["g", "x"], ignore_index=True), km_quantiles(table(f), ["g"], q)
    for (c, own), (got, _) in zip(by_group(curve, f), by_group(found, f)):
        s = SurvfuncRight(own.x.to_numpy(), own.closed.astype(int).to_numpy())
        steps, (low, high) = s.n_events > 0, band(s)  # statsmodels has a row for a last time without an end too
        assert np.allclose(c[["x", "r", "d", "surv"]], np.c_[s.surv_times, s.n_risk, s.n_events, s.surv_prob][steps], atol=1e-12)
        assert np.allclose(c[["low", "high"]], np.c_[low, high][steps], equal_nan=True)
        assert np.allclose(got.value, [s.quantile(p) for p in q], equal_nan=True)
        for name, edge in (("low", low), ("high", high)):
            assert np.allclose(got[name], [first(s.surv_times[steps], edge[steps] <= 1 - p) for p in q], equal_nan=True)
        assert got.q.tolist() == sorted(q) and {*got.n} == {len(own)} and {*got.n_open} == {(~own.closed).sum()}


def test_a_quantile_on_a_flat_stretch_is_its_middle_and_none_where_the_curve_does_not_come_down():
    t = ibis.memtable(pd.DataFrame(dict(x=[1.0, 4.0, 6.0, 8.0], closed=[True, True, True, False])))
    f = km_quantiles(t, [], [0.75, 0.25, 0.5])
    assert f.q.tolist() == [0.25, 0.5, 0.75] and f.value.tolist() == [2.5, 5.0, 6.0]
    assert km_quantiles(t, [], [0.8]).value.isna().all() and km_quantiles(t, []).q.tolist() == [0.5]


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning:statsmodels")
def test_incidence_its_standard_error_and_its_interval_are_those_of_statsmodels():
    "statsmodels sums the same three terms (delta method, Marubini & Valsecchi); where all at risk end at once it divides 0 by 0 and has none"
    f, times = tables(2), np.arange(1.0, 10)
    for got, own in by_group(incidence(table(f), ["g"], times[::-1]), f):
        s = CumIncidenceRight(own.x.to_numpy(), own.end.map(dict(a=1, b=2)).fillna(0).astype(int).to_numpy())
        known = (times <= own.x.max()) | own.closed[own.x == own.x.max()].all()
        assert set(got.end) == set(own.end.dropna())
        for end, g in got.groupby("end"):
            i, last = "ab".index(end), np.searchsorted(s.times, times, side="right") - 1
            assert g["at"].tolist() == times.tolist() and (g.value.notna() == known).all() and {*g.n} == {len(own)}
            assert g.ended.tolist() == [((own.end == end) & (own.x <= a)).sum() for a in times]
            value, se = (np.where(last < 0, 0, y[i][last]) for y in (s.cinc, s.cinc_se))
            assert np.allclose(g.value[known], value[known], atol=1e-12)
            there = np.isfinite(se) & known
            assert np.allclose(g.se[there] ** 2, se[there] ** 2, atol=1e-12)
            inside = there & (value > 0) & (value < 1 - 1e-12)
            half = stats.norm.ppf(0.975) * se[inside] / ((1 - value[inside]) * -np.log(1 - value[inside]))
            assert np.allclose(g.low[inside], 1 - (1 - value[inside]) ** np.exp(-half))
            assert np.allclose(g.high[inside], 1 - (1 - value[inside]) ** np.exp(half))
            assert g.low[(value == 0) & known].isna().all()


@pytest.mark.parametrize("tau", [0.5, 4, 4.5, 9.0])
def test_restricted_mean_is_the_area_and_the_ends_add_up_to_the_curve(tau):
    f = tables(3)
    ends = incidence(table(f), ["g"], [tau]).groupby("g").value.agg(lambda v: v.sum(skipna=False))
    for (r, own), g in zip(by_group(restricted_mean(table(f), ["g"], tau), f), sorted(set(f.g))):
        s, r = SurvfuncRight(own.x.to_numpy(), own.closed.astype(int).to_numpy()), r.iloc[0]
        known = own.x.max() >= tau or own.closed[own.x == own.x.max()].all()
        assert pd.notna(r.value) == known and (r.n, r.n_open, r.tau) == (len(own), (~own.closed).sum(), tau)
        if not known:
            assert pd.isna(r.se) and pd.isna(r.low)
            continue
        steps = s.surv_times < tau
        t, y = np.r_[0, s.surv_times[steps], tau], np.r_[1, s.surv_prob[steps]]
        areas = np.diff(t) * y
        d, n, after = s.n_events[steps], s.n_risk[steps], np.cumsum(areas[::-1])[::-1][1:]
        left = np.where(n > d, n - d, 1)  # where all end, no area is left
        se = np.sqrt((after**2 * d / (n * left)).sum())
        assert np.allclose([r.value, r.se], [areas.sum(), se], atol=1e-12)
        assert np.allclose([r.low, r.high], [r.value - Z * se, r.value + Z * se] if se > 0 else np.nan, equal_nan=True)
        if g in ends.index:
            assert np.isclose(ends[g], 1 - np.r_[1, s.surv_prob[s.surv_times <= tau]][-1])


def test_intervals_cover():
    "400 towns of 120 cases, exponential ends (rates 1 and 1/2) and windows: the truth is known in closed form"
    rng = np.random.default_rng(11)
    towns, n = 400, 120
    x, window = rng.exponential(1 / 1.5, (towns, n)), rng.uniform(0, 3, (towns, n))
    end = np.where(x <= window, np.where(rng.random((towns, n)) < 2 / 3, "good", "other"), None)
    town = np.repeat(np.arange(towns), n)
    t = ibis.memtable(pd.DataFrame(dict(town=town, x=np.minimum(x, window).ravel(), end=end.ravel())))
    t = t.mutate(closed=t["end"].notnull())
    F = incidence(t, ["town"], [0.5, 1.0]).set_index("end").loc["good"]
    truth = 2 / 3 * (1 - np.exp(-1.5 * F["at"]))
    R = restricted_mean(t, ["town"], 1.0)
    Q = km_quantiles(t, ["town"])
    for low, high, true in [
        (F.low, F.high, truth),
        (R.low, R.high, (1 - np.exp(-1.5)) / 1.5),
        (Q.low, Q.high, np.log(2) / 1.5),
    ]:
        assert 0.92 < ((low <= true) & (true <= high)).mean() < 0.98
    assert F.se.groupby(F["at"]).mean().to_numpy() == pytest.approx(F.value.groupby(F["at"]).std().to_numpy(), rel=0.1)
