"Few clusters, difference in differences, sensitivity to trends: against published numbers and naive oracles"

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import find_data
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval.effects.cluster import cr2, wild_bootstrap
from liuan_eval.effects.designs.did import did, event_study
from liuan_eval.effects.designs.staggered import staggered
from liuan_eval.effects.designs.synthetic import synthetic_control, synthetic_did
from liuan_eval.effects.designs.trends import flci, folded_quantile, optimal, sensitivity, widening
from liuan_eval.effects.estimate import TooFew
from liuan_eval.effects.panel import Panel
from liuan_eval.words.text import LogError


def panel_of(y, treated, first):
    "Units x years, the campaign in year `first` (a column)."
    n, years = y.shape
    names = [f"u{i:03d}" for i in range(n)]
    t = pd.DataFrame(
        dict(
            unit=np.repeat(names, years),
            period=pd.to_datetime([f"{2000 + k}-01-01" for k in range(years)] * n),
            value=y.ravel(),
            numerator=np.nan,
            denominator=np.nan,
            se=np.nan,
        )
    )
    return Panel(t, pd.Timestamp(f"{2000 + first}-01-01"), tuple(names[:treated]), "year", "toy", "log")


# --- sensitivity to trends: the example data of the authors' package HonestDiD (Benzarti & Carloni), and numbers R gave for
# them, as kept in test/reference.jl of github.com/eohne/HonestDiD.jl (MIT)

BC_BETA = np.array([0.006696351804, 0.02934503369, -0.006472972222, 0.0730149895, 0.1959611177, 0.3120639026, 0.2395415455, 0.1260425001])
BC_LOWER = """8.428358124
4.768686777 6.425420288
2.618051076 3.987425007 5.229949602
2.354220342 2.435515198 2.11768609 3.089595411
1.676371467 2.201960306 1.840722252 1.197866077 3.59970436
1.128707663 1.804591157 1.45852784 1.334081317 2.478818642 4.263949813
.1992816215 .384376508 .7005197403 1.016335009 1.749579242 2.171437809 4.886697861
-1.368265366 -.2960421989 .5952994979 1.079051726 1.654256921 2.892747871 3.805322049 7.61739444"""
BC_TIMES = np.array([-5, -4, -3, -2, 0, 1, 2, 3])


def bc_cov():
    C = np.zeros((8, 8))
    for i, row in enumerate(BC_LOWER.splitlines()):
        C[i, : i + 1] = [float(v) for v in row.split()]
    return (C + np.tril(C, -1).T) * 1e-4


@pytest.mark.parametrize(
    "m, low, high", [(0, 0.131411316, 0.2161696482), (0.1, 0.1194440001, 0.4185082143), (0.2, 0.01944400015, 0.5185082143)]
)
def test_benzarti_carloni_flci_as_r_honestdid(m, low, high):
    found, C = np.array(flci(BC_BETA, bc_cov(), BC_TIMES, m, [1, 0, 0, 0])), bc_cov()
    assert abs(found.mean() - (low + high) / 2) < 2e-6  # the same estimator (the weights of R's solver are good to about 1e-6)
    # R draws its quantile a million times: within four Monte Carlo errors of it. At M = 0 |N(0, 1)| has density .117 at 1.96;
    # at M = .1 and .2 the weights are those R prints, (0, 0, 0, 1 | 1, 0, 0, 0), and the density at the quantile is .103
    a, density = np.array([0, 0, 0, 1, 1, 0, 0, 0]), 0.117 if m == 0 else 0.103
    sd = (found[1] - found[0]) / 2 / 1.959964 if m == 0 else np.sqrt(a @ C @ a)
    assert abs((found[1] - found[0]) - (high - low)) / 2 < 4 * sd * np.sqrt(0.05 * 0.95 / 1e6) / density


def test_ar1_example_flci_as_honestdid_jl_printed():
    se, i = np.array([0.060, 0.050, 0.055, 0.050, 0.052, 0.060, 0.065, 0.070]), np.arange(8)
    cov, beta = np.outer(se, se) * 0.6 ** abs(i[:, None] - i), np.array([0.02, -0.01, 0.03, 0.15, 0.20, 0.25, 0.22, 0.18])
    want = {
        0: (0.03849, 0.23376),
        0.01: (0.027367, 0.2422),
        0.02: (0.0061132, 0.25851),
        0.03: (-0.01481, 0.27416),
        0.04: (-0.028729, 0.294),
        0.05: (-0.041775, 0.31396),
        0.06: (-0.054089, 0.33366),
    }
    for m, w in want.items():  # five printed digits, the last of them unsure
        np.testing.assert_allclose(flci(beta, cov, np.array([-4, -3, -2, 0, 1, 2, 3, 4]), m, [1, 0, 0, 0, 0]), w, atol=1e-5)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_quantile_of_a_folded_normal_is_where_its_distribution_says(level):
    from scipy.stats import norm

    for b in (0, 0.3, 2, 29.9, 30.1, 500):
        q = folded_quantile(b, level)
        assert abs(norm.cdf(q - b) - norm.cdf(-q - b) - level) < 1e-6


def test_a_negative_bend_is_refused():
    with pytest.raises(LogError, match="negative"):
        flci(BC_BETA, bc_cov(), BC_TIMES, -0.1)


def test_flci_covers_under_the_worst_bend_of_the_trend():
    "The slope changes by M at the base and after it: in 95 % of draws or more the interval holds the truth, the plain one does not."
    rng, m, times = np.random.default_rng(5), 0.3, np.array([-4, -3, -2, 0, 1])
    C, l = 0.02 * (np.eye(5) + 1), np.array([0, 0, 0, 0.5, 0.5])
    bent, sd = m * np.array([0, 0, 0, 1.0, 3.0]), np.sqrt(l @ C @ l)
    low, high = flci(np.zeros(5), C, times, m)
    a = optimal(C, times, m)[0]
    draws = bent + 0.1 * (times + 1) + rng.multivariate_normal(np.zeros(5), C, 4000)
    held = np.abs(draws @ a) <= (high - low) / 2
    assert held.mean() > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 4000)
    assert (np.abs(draws @ l) > 1.96 * sd).mean() > 0.5


@pytest.mark.parametrize("treated, others, years", [(5, 11, 3), (10, 20, 3), (3, 9, 2)])
def test_sensitivity_keeps_its_size_with_few_units(treated, others, years):
    "Straight trends, no effect: the covariance is estimated from the units, and 5 % are missed all the same."
    rng, missed, runs = np.random.default_rng(7), 0, 0
    for _run in range(300):
        y = rng.standard_normal((treated + others, years + 4)).cumsum(axis=1) * 0.5 + rng.standard_normal((treated + others, years + 4))
        y[:treated] += 0.3 * np.arange(years + 4)
        try:
            f = sensitivity_at_zero(event_study(panel_of(y, treated, years + 1)))
        except TooFew:
            continue
        missed, runs = missed + (not f[0] <= 0 <= f[1]), runs + 1
    assert runs > 150 and missed / runs < 0.05 + 4 * np.sqrt(0.05 * 0.95 / runs)


def sensitivity_at_zero(e):
    "The interval at M = 0 without the search for the breakdown."
    d = e.detail
    return flci(d["beta"], d["cov"] * widening(d["df"], d["n_pre"] - 1), d["event_time"], 0.0, base=d["base"])


def test_breakdown_is_where_the_finding_is_lost_and_zero_where_nothing_is_found():
    y = np.random.default_rng(1).standard_normal((24, 8)) * 0.1
    assert sensitivity(event_study(panel_of(y, 12, 4)), [0.0]).attrs["breakdown"] == 0
    y[:12, 4:] += 1
    e = event_study(panel_of(y, 12, 4))
    f = sensitivity(e, [0.0, 0.05])
    b = f.attrs["breakdown"]
    assert f.found.all() and 0.05 < b < 1
    assert list(sensitivity(e, [0.99 * b, 1.01 * b]).found) == [True, False]


def test_sensitivity_refuses_more_leads_than_units_can_weigh():
    y = np.random.default_rng(1).standard_normal((6, 10))
    with pytest.raises(TooFew, match="degrees of freedom"):
        sensitivity(event_study(panel_of(y, 3, 7)), [0.0])


# --- difference in differences

ATT_SE = {
    (2004, 2004): (-0.0105032, 0.0232510),
    (2004, 2005): (-0.0704232, 0.0309848),
    (2004, 2006): (-0.1372587, 0.0364357),
    (2004, 2007): (-0.1008114, 0.0343592),
    (2006, 2006): (-0.0045946, 0.0177552),
    (2006, 2007): (-0.0412245, 0.0202292),
    (2007, 2007): (-0.0260544, 0.0166554),
}


@pytest.mark.parametrize("first, year", ATT_SE)
def test_mpdta_att_and_its_standard_error_as_callaway_santanna_did(first, year):
    "Their standard error divides each group's squares by n, CR2 by n - 1: one from the other to the printed digits."
    d = pd.read_csv(find_data("mpdta") / "mpdta.csv")
    d.columns = [c.replace(".", "_") for c in d.columns]
    d = d[d.first_treat.isin([0, first]) & d.year.isin([first - 1, year])]
    w = d.pivot(index=["first_treat", "countyreal"], columns="year", values="lemp").sort_index(ascending=False)
    treated = int((w.index.get_level_values(0) == first).sum())
    e = did(panel_of(w.to_numpy(), treated, 1))
    value, se = ATT_SE[first, year]
    np.testing.assert_allclose(e.value, value, rtol=0, atol=0.5e-7)
    g = e.detail["changes"].groupby("treated").change
    np.testing.assert_allclose(np.sqrt((g.var(ddof=0) / g.size()).sum()), se, rtol=0, atol=0.51e-7)
    np.testing.assert_allclose(e.se**2, (g.var(ddof=1) / g.size()).sum(), rtol=1e-9)
    assert e.se > se


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(2, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9999))
def test_did_equals_two_way_dummies(treated, others, before, after, seed):
    y = np.random.default_rng(seed).standard_normal((treated + others, before + after))
    n, T = y.shape
    units, years = np.kron(np.eye(n), np.ones((T, 1))), np.kron(np.ones((n, 1)), np.eye(T))
    d = np.kron(np.arange(n) < treated, np.arange(T) >= before).astype(float)
    beta = np.linalg.lstsq(np.column_stack([d, units, years]), y.ravel(), rcond=None)[0]
    np.testing.assert_allclose(did(panel_of(y, treated, before)).value, beta[0], atol=1e-9)


def test_leads_jointly_as_hotelling_by_hand():
    y = np.random.default_rng(3).standard_normal((9, 6))
    e = event_study(panel_of(y, 4, 4))
    z = y[:, :3] - y[:, 3:4]
    a, b = z[:4], z[4:]
    S = ((a - a.mean(0)).T @ (a - a.mean(0)) + (b - b.mean(0)).T @ (b - b.mean(0))) / 7
    gap = a.mean(0) - b.mean(0)
    F = 4 * 5 / 9 * gap @ np.linalg.solve(S, gap) * (9 - 1 - 3) / (7 * 3)
    r = e.detail["leads"]
    np.testing.assert_allclose([r["F"], r["df1"], r["df2"]], [F, 3, 5], rtol=1e-9)


def joint(e):
    return next(a for a in e.assumptions if a.says["en"] == "all leads are zero")


def test_joint_test_of_leads_keeps_its_size_and_never_says_parallel():
    rng, false = np.random.default_rng(4), 0
    for _run in range(200):
        holds = joint(event_study(panel_of(rng.standard_normal((9, 6)), 4, 4))).holds
        assert holds is not True
        false += holds is False
    assert abs(false / 200 - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 200)


def test_leads_that_part_are_told():
    y = np.random.default_rng(4).standard_normal((20, 6)) * 0.1
    y[:10] += np.arange(6)
    assert joint(event_study(panel_of(y, 10, 4))).holds is False


@pytest.mark.parametrize(
    "units, treated, words",
    [(6, 3, "too few units for so many leads"), (4, 2, "too few units for so many leads"), (4, 1, "fewer than two")],
)
def test_more_leads_than_units_and_one_treated_unit_are_answered_in_words(units, treated, words):
    e = event_study(panel_of(np.random.default_rng(5).standard_normal((units, 9)), treated, 6))  # five leads
    assert e.detail["leads"] is None and joint(e).holds is None and words in joint(e).found["en"]


def test_five_leads_of_seven_units_can_just_be_tested():
    e = event_study(panel_of(np.random.default_rng(5).standard_normal((7, 9)), 3, 6))
    assert (e.detail["leads"]["df1"], e.detail["leads"]["df2"]) == (5, 1) and 0 < e.detail["leads"]["p"] < 1


# --- what allows no answer is answered in words

MONTHS = 12


def cities(**values):
    "Cities by month, A treated from the seventh on."
    months = pd.date_range("2022-01-01", periods=MONTHS, freq="MS")
    t = pd.concat([pd.DataFrame(dict(unit=u, period=months, value=v)) for u, v in values.items()], ignore_index=True)
    return Panel(t.assign(numerator=np.nan, denominator=np.nan, se=np.nan), months[6], ("A",), "month", "toy", "log")


RNG = np.random.default_rng(8)
MOVING = {u: RNG.standard_normal(MONTHS) for u in "ABCDEFG"}
FLAT = {u: np.full(MONTHS, 1.0 + i) for i, u in enumerate("ABCDEFG")}
MIXED = MOVING | dict(A=MOVING["B"] / 4 + 3 * MOVING["C"] / 4)
ODD = dict(
    constant_donors=FLAT | dict(A=MOVING["A"]),
    one_step=FLAT | dict(A=1.0 + (np.arange(MONTHS) >= 6)),
    constant_treated=MOVING | dict(A=FLAT["A"]),
    constant_all=FLAT,
    same_before=MOVING | dict(A=np.where(np.arange(MONTHS) < 6, 2.0, 5.0)),
    no_fit_left=MIXED,
    treated_among_controls=MOVING | dict(B=MOVING["A"]),
    identical_donors=MOVING | dict(C=MOVING["D"]),
    one_donor=dict(A=MOVING["A"], B=MOVING["B"]),
    missing=MOVING | dict(C=np.where(np.arange(MONTHS) == 3, np.nan, MOVING["C"])),
)
WORDS = dict(
    treated_among_controls="'A' and 'B' have the same values",
    identical_donors="'C' and 'D' have the same values",
    one_donor="1 control unit",
    missing="no value in 1 of 12",
)


@pytest.mark.parametrize("kind", ODD)
def test_what_allows_no_answer_is_refused_in_both_languages(kind):
    "Never an interval of no width, never p = 0: a refusal with its reason, or an interval that has some width."
    panel = cities(**ODD[kind])
    starts = {u: f"2022-{m:02d}-01" for u, m in zip("AEF", (7, 9, 9))}
    ways = [partial(synthetic_control, weights=w) for w in ("exact", "authors", "ridge")] + [synthetic_did, did]
    ways += [lambda p: staggered(p, {u: d for u, d in starts.items() if u in ODD[kind]})]
    for way in ways:
        try:
            e = way(panel)
        except LogError as error:
            assert kind in WORDS and (way not in ways[:4] or WORDS[kind] in error.text.en) and error.text.zh
            continue
        assert kind not in WORDS or way is ways[-1] or way is did, kind  # these must be refused by name
        assert np.isnan(e.low) == np.isnan(e.high) == np.isnan(e.p)
        if np.isnan(e.p):
            assert e.refused["zh"] and e.refused["en"] and e.summary("zh") and e.summary("en")
        else:
            assert e.low < e.high and 0 < e.p <= 1 and e.se > 0 and kind not in ("constant_donors", "one_step", "constant_all")


def test_an_interval_of_few_districts_says_what_it_can():
    "One district that starts, or one left: no interval, a reason; two and two: one, and wide."
    y = np.random.default_rng(3).standard_normal((6, 8))
    for own, refused in ((1, True), (2, False), (5, True)):
        p = panel_of(y, own, 4)
        e = staggered(p, {u: f"{2004 + i % 2}-01-01" for i, u in enumerate(p.treated)})
        assert (e.refused is not None, bool(np.isnan(e.p))) == (refused, refused)


def test_with_one_date_staggered_is_did_of_the_last_period_before():
    y = np.random.default_rng(4).standard_normal((9, 5))
    p = panel_of(y, 4, 3)
    a, b = staggered(p, {u: "2003-01-01" for u in p.treated}), did(panel_of(np.column_stack([y[:, 2], y[:, 3:].mean(axis=1)]), 4, 1))
    np.testing.assert_allclose([a.value, a.se, a.low, a.p], [b.value, b.se, b.low, b.p], rtol=1e-9)


# --- few clusters


def naive_wild(X, y, groups, j):
    "Every flip by a loop: refit, CR1, compare."

    def t_of(y):
        M = np.linalg.inv(X.T @ X)
        b = M @ X.T @ y
        e, meat = y - X @ b, np.zeros(X.shape[1:] * 2)
        for g in np.unique(groups):
            s = X[groups == g].T @ e[groups == g]
            meat += np.outer(s, s)
        return b[j] / np.sqrt((M @ meat @ M)[j, j])

    Z = np.delete(X, j, axis=1)
    fit = Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    flips = [t_of(fit + (y - fit) * np.array(s)[groups]) for s in product((1, -1), repeat=groups.max() + 1)]
    return np.mean(np.abs(flips) >= abs(t_of(y)) * (1 - 1e-10))


@settings(max_examples=15, deadline=None)
@given(st.integers(5, 7), st.integers(0, 9999))
def test_wild_bootstrap_equals_every_flip_by_hand(G, seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(G), rng.integers(3, 6, G))
    X = np.column_stack([np.ones(len(groups)), groups < 2, rng.standard_normal(len(groups))]).astype(float)
    y = rng.standard_normal(len(groups))
    _t, p, least = wild_bootstrap(X, y, groups, 1)
    assert p == pytest.approx(naive_wild(X, y, groups, 1), abs=1e-12)
    assert least == 2 / 2**G <= p


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 9), st.integers(0, 9999))
def test_cr2_is_unbiased_and_its_df_are_the_moments_of_a_quadratic_form(G, seed):
    "CR2 and Satterthwaite's degrees of freedom from the full n x n residual maker, no shortcuts."
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(G), rng.integers(2, 5, G))
    n = len(groups)
    X, y = np.column_stack([np.ones(n), rng.standard_normal(n)]), rng.standard_normal(n)
    M = np.linalg.inv(X.T @ X)
    R = np.eye(n) - X @ M @ X.T
    Q = np.zeros((n, n))  # the variance is y' Q y
    for g in range(G):
        k = groups == g
        value, vector = np.linalg.eigh(R[np.ix_(k, k)])
        q = R[:, k] @ (vector / np.sqrt(value)) @ vector.T @ X[k] @ M[:, 1]
        Q += np.outer(q, q)
    f = cr2(X, y, groups).iloc[1]
    np.testing.assert_allclose([f.se**2, np.trace(Q)], [y @ Q @ y, M[1, 1]], rtol=1e-8)  # unbiased for independent errors
    np.testing.assert_allclose(f.df, np.trace(Q) ** 2 / np.trace(Q @ Q), rtol=1e-8)


def test_petersen_jackknife_as_statsmodels_cluster_crv3():
    import statsmodels.api as sm

    p = pd.read_csv(find_data("petersen_cluster") / "petersen.csv")
    X = np.column_stack([np.ones(len(p)), p.x])
    theirs = sm.OLS(p.y, X).fit(cov_type="cluster-crv3", cov_kwds=dict(groups=p.year)).bse.iloc[1]
    np.testing.assert_allclose(cr2(X, p.y, p.year).cr3[1] * np.sqrt(9 / 10), theirs, rtol=1e-6)
    np.testing.assert_allclose(theirs, 0.0334071, atol=0.5e-7)
