"Points, places and reliability: published pairs, and promises held to simulation"

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, hypergeom

from liuan_eval import metrics
from liuan_eval.intake.log import read_log
from liuan_eval.judge import scorecard
from liuan_eval.judge.scorecard import Item, Scorecard, points, reliability, score, which_denominator
from liuan_eval.words.text import LogError, Text

LINE = Item("r", 100, "line", Text("线", "line"))


def card(*items, **more):
    return Scorecard(Text("试", "try"), "-", "read", items or (LINE,), **more)


def rates(name="r", **counts):
    return pd.DataFrame([(name, u, x, n) for u, (x, n) in counts.items()], columns=["indicator", "unit", "numerator", "denominator"])


# what cities printed; the shapes of Lianyungang are inferred from these very pairs: the tests hold the cards to them, not to the rule


@pytest.mark.parametrize(("rate", "printed"), [(4 / 5, "5"), (0.6667, "0"), (0.8982, "14.82")])
def test_lianyungang_bulletins_2021_07_2022_02_2023_01_points_for_closing_on_time(rate, printed):
    item = Scorecard.read("lianyungang_2022-02").items[0]
    assert item.label.zh == "按时办结率" and round(float(points(item, rate)), 2) == float(printed)


@pytest.mark.parametrize(("rate", "printed"), [(0.7059, "12.8"), (0.6667, "12.5"), (0.5, "12.5")])
def test_lianyungang_bulletin_2022_02_points_for_callback_satisfaction(rate, printed):
    item = Scorecard.read("lianyungang_2022-02").items[1]
    assert item.label.zh == "回访满意率" and round(float(points(item, rate)), 1) == float(printed)


@pytest.mark.parametrize(
    ("x", "n", "rate", "printed"),
    [(3, 4, "75", "13.5"), (1, 2, "50", "12.5"), (5, 7, "71.43", "12.5"), (5, 6, "83.33", "17.67"), (7, 8, "87.5", "19.75")],
)
def test_lianyungang_bulletins_2022_08_2023_01_points_for_satisfaction_with_cases_from_the_province(x, n, rate, printed):
    item = Scorecard.read("lianyungang_province_2022-08").items[0]
    assert round(100 * x / n, 2) == float(rate)  # the smallest counts that print as this rate
    assert round(float(points(item, x / n)), 2) == float(printed)


def test_lianyungang_bulletin_2022_02_sign_in_is_compatible_with_many_shapes_and_so_in_no_card():
    for item in (
        Item("s", 10, "cliff", Text("s", "s"), edge=95, below=0),
        Item("s", 10, "cliff", Text("s", "s"), edge=80.01, below=0),
        Item("s", 10, "target", Text("s", "s"), target=90, per_point=1, floor=0),
    ):
        assert points(item, [0.8, 0.7727]).tolist() == [0, 0]  # 80 % -> 0, 77.27 % -> 0
    assert not any("签收" in i.label.zh for n in ("lianyungang_2022-02", "lianyungang_province_2022-08") for i in Scorecard.read(n).items)


def test_lianyungang_cards_say_that_they_are_inferred_and_dachuans_that_it_was_read():
    status = {n: Scorecard.read(n).status for n in ("lianyungang_2022-02", "lianyungang_province_2022-08", "petitions_2022")}
    assert list(status.values()) == ["inferred", "inferred", "read"]


def test_dachuan_petitions_points_are_rate_times_5_10_10_5():
    c = Scorecard.read("petitions_2022")
    assert [(i.label.zh, i.points) for i in c.items] == [("及时受理率", 5), ("按期答复率", 10), ("参评群众满意率", 10), ("群众参评率", 5)]
    s = score(pd.concat([rates(i.indicator, A=(9, 10)) for i in c.items]), c)
    assert s.units.score.tolist() == [27.0] and c.out_of == 30


NINGGUO = pd.DataFrame(
    [("住建局", 99, 87, 12, 8, "9%"), ("公安局", 77, 70, 7, 6, "9%"), ("城管局", 68, 66, 2, 5, "8%"), ("卫健委", 68, 63, 5, 3, "5%")]
    + [("市场监督管理局", 41, 39, 2, 5, "13%")],
    columns=["unit", "total", "hotline", "mailbox", "dissatisfied", "printed"],
)


def test_ningguo_bulletin_2022_04_dissatisfaction_is_of_the_hotlines_cases_not_of_all():
    assert (NINGGUO.total == NINGGUO.hotline + NINGGUO.mailbox).all()
    w = which_denominator(NINGGUO.dissatisfied, NINGGUO.printed, {c: NINGGUO[c] for c in ("total", "hotline", "mailbox")})
    assert w.groupby("candidate").fits.sum().to_dict() == dict(hotline=5, total=0, mailbox=0)


def test_ningguo_bulletin_2022_04_597_of_601_prints_as_99():
    w = which_denominator([597, 597], ["99%", "99.33%"], dict(dispatched=[601, 601]))
    assert w.fits.all() and not which_denominator([597], ["99.3％"], dict(accepted=[2877])).fits.any()


def test_a_half_may_have_been_rounded_either_way_and_nothing_is_a_share_of_nothing():
    w = which_denominator([1, 1, 1, 0], ["12%", "13%", "12.5%", "0%"], dict(a=[8, 8, 8, 0]))
    assert w.fits.tolist() == [True, True, True, False]
    assert not which_denominator([1], ["33.334%"], dict(a=[3])).fits.any()  # 0.00067 off, of at most 0.0005
    with pytest.raises(LogError, match="no percentage"):
        which_denominator([1], ["most"], dict(a=[8]))


# shapes

ITEMS = (
    LINE,
    Item("r", 15, "target", Text("r", "r"), target=90, per_point=1, floor=0),
    Item("r", 25, "target", Text("r", "r"), target=95, per_point=0.5, floor=12.5),
    Item("r", 10, "cliff", Text("r", "r"), edge=80, below=2),
)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from(ITEMS))
def test_points_never_fall_as_the_rate_rises_and_stay_within_full_marks(p, item):
    got = points(item, np.sort(p))
    assert (np.diff(got) >= 0).all() and (got >= 0).all() and (got <= item.points).all()


def test_29_of_100_is_29_percent():
    assert points(Item("r", 1, "cliff", Text("r", "r"), edge=29, below=0), [0.29, 29 / 100, 0.2899]).tolist() == [1, 1, 0]
    assert np.isnan(points(ITEMS[3], np.nan)) and np.isnan(points(ITEMS[1], np.nan))


# cards

GOOD = 'zh = "试"\nen = "try"\nsource = "-"\nstatus = "read"\n{top}\n[[items]]\nindicator = "on_time_rate"\npoints = 10\nshape = "line"\n{item}\n'
BAD = {
    "status": dict(replace=('"read"', '"guess"'), says="status = 'guess'"),
    "unknown key": dict(top="mincases = 3", says="unknown key 'mincases'"),
    "missing key": dict(replace=('en = "try"\n', ""), says="'en' is missing"),
    "min_cases": dict(top="min_cases = 2.5", says="min_cases = 2.5"),
    "no items": dict(replace=("[[items]]", "[other]"), says="unknown key 'other'"),
    "items": dict(replace=("[[items]]", "[items]"), says=r"no \[\[items\]\]"),
    "twice": dict(item='[[items]]\nindicator = "on_time_rate"\npoints = 5\nshape = "line"', says="stands in two items"),
    "shape": dict(replace=('"line"', '"slope"'), says=r"item 1 \(on_time_rate\): shape = 'slope'"),
    "no shape": dict(replace=('shape = "line"', ""), says="shape = None"),
    "key of another shape": dict(item="target = 90", says="unknown key 'target'"),
    "key of the shape": dict(replace=('"line"', '"cliff"\nedge = 80'), says="'below' is missing"),
    "edge": dict(replace=('"line"', '"cliff"\nedge = 101\nbelow = 0'), says="edge = 101"),
    "below": dict(replace=('"line"', '"cliff"\nedge = 90\nbelow = 11'), says="below = 11"),
    "floor": dict(replace=('"line"', '"target"\ntarget = 90\nper_point = 1\nfloor = 11'), says="floor = 11"),
    "slope": dict(replace=('"line"', '"target"\ntarget = 90\nper_point = -1\nfloor = 0'), says="per_point = -1"),
    "points": dict(replace=("points = 10", "points = true"), says="points = True"),
    "no points": dict(replace=("points = 10", "points = 0"), says="points = 0"),
    "infinite": dict(replace=("points = 10", "points = inf"), says="points = inf"),
    "label": dict(item='zh = ""', says="zh = ''"),
    "lower is better": dict(replace=("on_time_rate", "pingpong_rate"), says="no rate of which more is better"),
    "no rate": dict(replace=("on_time_rate", "resolution_days"), says="no rate of which more is better"),
    "toml": dict(top="= 3", says="not TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_error_in_a_card_is_refused_with_its_place(name, tmp_path):
    b = BAD[name]
    text = GOOD.format(top=b.get("top", ""), item=b.get("item", "")).replace(*b.get("replace", ("", "")))
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(LogError, match=b["says"]) as e:
        Scorecard.read(tmp_path / "mine.toml")
    assert all(re.match(r"\S*mine\.toml\b", x) for x in (e.value.text.en, e.value.text.zh)) and "。" in e.value.text.zh


def test_the_card_that_the_errors_are_made_from_is_right(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD.format(top="min_cases = 5", item=""), "utf-8")
    c = Scorecard.read(str(tmp_path / "mine.toml"))
    assert c.min_cases == 5 and c.items[0].label.zh == metrics.INDICATORS["on_time_rate"].label.zh
    (tmp_path / "mine.toml").write_text(GOOD.format(top="", item="").replace("points = 10", "points = 0.5"), "utf-8")
    assert Scorecard.read(tmp_path / "mine.toml").out_of == 0.5


def test_unknown_cards_are_said_with_those_that_there_are():
    with pytest.raises(LogError, match=r"petitions_2022.*\n.*did you mean lianyungang_2022-02"):
        Scorecard.read("lianyungang_2022")
    with pytest.raises(LogError, match="no such scorecard"):
        Scorecard.read("nowhere.toml")


# scores


def test_interval_of_an_item_is_the_jeffreys_interval_put_through_the_shape():
    s = score(rates(A=(4, 5), B=(0, 5), C=(5, 5)), card()).items.set_index("unit")
    low, high = beta(4.5, 1.5).ppf([0.025, 0.975])
    assert np.allclose(s.loc["A", ["low", "high"]].astype(float), [100 * low, 100 * high])
    assert (s.low["B"], s.high["C"]) == (0, 100) and s.high["B"] < 100 and s.low["C"] > 0


def test_a_total_of_one_item_is_drawn_as_its_interval_is_computed():
    s = score(rates(A=(40, 50), B=(30, 50)), card(), draws=40_000)
    assert np.allclose(s.units.sort_values("unit")[["low", "high"]], s.items[["low", "high"]], atol=0.5)


def test_no_cases_is_not_100_percent_and_few_cases_have_no_band():
    s = score(rates(A=(9, 10), B=(0, 0), C=(1, 1), D=(5, 10)), card(min_cases=5))
    u = s.units.set_index("unit")
    assert u["first"]["A"] == 1 and u["last"].max() == 2 and u.band.notna().sum() == 2
    assert u.score["C"] == 100 and u.low["C"] < 50 and pd.isna(u.score["B"]) and pd.isna(u.band["C"])
    assert s.apart[["unit", "why"]].to_numpy().tolist() == [["B", "no cases"], ["C", "few cases"]]


def test_a_unit_without_one_of_two_items_has_no_total_but_the_points_it_has():
    two = card(Item("a", 10, "line", Text("a", "a")), Item("b", 10, "line", Text("b", "b")))
    s = score(pd.concat([rates("a", A=(1, 2), B=(1, 2)), rates("b", A=(1, 2))]), two)
    u = s.units.set_index("unit")
    assert (u.score["A"], u.out_of["A"]) == (10, 20) and pd.isna(u.score["B"])
    assert s.apart.to_numpy().tolist() == [["B", "b", 0, "no cases"]] and s.items[s.items.unit == "B"].points.tolist()[0] == 5


def test_nobody_has_cases():
    s = score(rates(A=(0, 0), B=(0, 0)), card())
    assert s.units.score.isna().all() and len(s.apart) == 2


def test_ties_share_their_band():
    u = score(rates(A=(5, 5), B=(5, 5), C=(0, 500)), card(Item("r", 10, "cliff", Text("r", "r"), edge=10, below=0))).units.set_index("unit")
    assert u[["band", "band_last"]].values.tolist() == [[1, 1], [1, 1], [2, 2]]
    assert u.loc["A", ["first", "last"]].tolist() == [1, 2] and u.loc["C", ["first", "last"]].tolist() == [3, 3]


def test_the_order_of_rows_changes_nothing():
    t = rates(A=(9, 10), B=(8, 10), C=(4, 5), D=(70, 90))
    one, two = (score(f, card()).units for f in (t, t.sample(frac=1, random_state=1)))
    pd.testing.assert_frame_equal(one, two)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda p: (min(p), max(p))), min_size=1, max_size=6),
    st.sampled_from(ITEMS),
)
def test_intervals_hold_what_is_printed(counts, item):
    s = score(rates(**{f"u{i}": c for i, c in enumerate(counts)}), card(item), draws=200)
    for f, v in ((s.items, "points"), (s.units, "score")):
        f = f.dropna(subset=[v])
        assert ((f.low <= f[v] + 1e-9) & (f[v] <= f.high + 1e-9)).all()
    r = s.units.dropna(subset=["band"])
    own = r.score.round(9).rank(method="min", ascending=False)
    assert ((r["first"] <= own) & (own <= r["last"]) & (r.band <= r.band_last)).all() and len(r) + s.apart.unit.nunique() == len(counts)


def test_weights_may_be_fractions():
    assert score(rates(A=(4.5, 6.25), B=(1.5, 2)), card()).units.score.tolist() == [75.0, 72.0]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (rates(A=(2, 1)), "not between 0 and its denominator"),
        (rates(A=(-1, 1)), "not between 0"),
        (pd.concat([rates(A=(1, 2)), rates(A=(1, 3))]), "two rows"),
        (rates("other", A=(1, 2)), "has no 'r'"),
        (rates(A=(1, 2)).drop(columns="unit"), "has no 'unit'"),
    ],
)
def test_tables_that_are_no_rates_by_unit_are_refused(table, says):
    with pytest.raises(LogError, match=says):
        score(table, card())


def test_periods_are_scored_apart():
    t = pd.concat([rates(A=(9, 10), B=(5, 10)).assign(period="2022-01"), rates(A=(1, 10), B=(5, 10)).assign(period="2022-02")])
    u = score(t, card()).units
    assert u.groupby("period").head(1)[["period", "unit"]].to_numpy().tolist() == [["2022-01", "A"], ["2022-02", "B"]]
    alone = score(t[t.period == "2022-01"].drop(columns="period"), card()).units
    pd.testing.assert_frame_equal(u[u.period == "2022-01"].drop(columns="period"), alone)
    r = reliability(t, draws=200)
    assert r.columns.tolist()[:2] == ["indicator", "period"] and len(r) == 2


def test_on_the_sample_every_unit_has_a_band_or_is_counted_apart():
    log, c = read_log(), Scorecard.read("lianyungang_2022-02")
    t = metrics.compute(log, [i.indicator for i in c.items], by="unit")
    s = score(t, c)
    assert s.units.band.notna().sum() + s.apart.unit.nunique() == (~log.units.is_dispatcher).sum()
    assert set(s.apart.unit) == {"市评价办"}


# reliability


def test_reliability_by_hand():
    r = reliability(rates(A=(9, 10), B=(5, 10)), draws=20_000).iloc[0]
    q = 10 * (0.2**2 + 0.2**2) / 0.21
    rho = (q - 1) / 9
    assert np.allclose([r.n, r.rate, r.tau2, r.reliability], [10, 0.7, rho * 0.21, 10 * rho / (1 + 9 * rho)])
    exact = sum(hypergeom(20, 14, 10).pmf(k) for k in (4, 5, 9, 10))  # SciPy's hypergeometric law
    assert abs(r.p - exact) < 0.01


def test_variance_between_units_is_that_of_dersimonian_and_laird_in_statsmodels_times_n_over_n_less_1():
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(1)
    x = rng.binomial(40, rng.uniform(0.6, 0.95, 25))
    p = x.sum() / 1000
    dl = combine_effects(x / 40, np.full(25, p * (1 - p) / 40), method_re="dl").tau2
    ours = reliability(rates(**{f"u{i}": (k, 40) for i, k in enumerate(x)}), draws=10).tau2[0]
    assert np.isclose(ours, dl * 40 / 39)


def test_correlation_within_units_is_that_of_a_beta_binomial_law_on_many_units():
    rng, n = np.random.default_rng(2), np.tile([5, 20, 80], 4000)
    x = rng.binomial(n, rng.beta(8, 2, len(n)))  # correlation 1 / 11
    assert abs(scorecard._rho(x, n)[1] - 1 / 11) < 0.003


def test_reliability_is_the_correlation_of_one_month_with_another_like_it():
    rng = np.random.default_rng(4)
    truth = rng.beta(16, 4, 4000)
    one, two = rng.binomial(30, truth), rng.binomial(30, truth)
    r = scorecard._stepped_up(scorecard._rho(one, np.full(4000, 30))[1], 30)
    assert abs(r - np.corrcoef(one, two)[0, 1]) < 0.03 and abs(r - 30 / 50) < 0.03


@pytest.mark.parametrize(("truth", "p"), [(0.0, 0.99), (0.5, 0.9), (0.8, 0.8)])
def test_interval_of_reliability_holds_the_truth_19_times_of_20(truth, p):
    rng, n = np.random.default_rng(6), np.tile([20, 50, 120], 8)
    typical = len(n) / (1 / n).sum()
    rho, hit = truth / (typical - (typical - 1) * truth), []
    for _run in range(60):
        x = rng.binomial(n, rng.beta(p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho, len(n)) if rho else p)
        low, high = scorecard._bounds(x, n, typical, 200)
        hit.append(low <= truth <= high)
    assert 53 <= sum(hit)  # of 60; with 95 % fewer than 53 come about once in a hundred times


def test_p_is_even_for_units_that_are_all_alike_at_99_8_percent():
    rng, n = np.random.default_rng(9), np.tile([30, 60, 200], 20)
    p = np.array([scorecard._unlike(rng.binomial(n, 0.998), n, 200) for _run in range(200)])
    assert (p <= 0.05).mean() < 0.09 and (p <= 0.5).mean() < 0.6


def test_where_all_is_perfect_nothing_is_known_of_who_is_better():
    r = reliability(rates(A=(10, 10), B=(20, 20), C=(5, 5))).iloc[0]
    assert (r.reliability, r.low, r.high, r.p) == (0, 0, 1, 1)


def test_one_unit_and_single_cases_have_no_reliability():
    t = pd.concat([rates("one", A=(3, 4)), rates("none", A=(0, 0), B=(0, 0)), rates("single", A=(1, 1), B=(0, 1))])
    r = reliability(t, draws=50).set_index("indicator")
    assert r.reliability.isna().all() and r.units.to_dict() == dict(one=1, none=0, single=2)


def test_a_billion_cases():
    big = 10**9
    r = reliability(rates(A=(int(0.9 * big), big), B=(int(0.8 * big), big), C=(5, 10)), draws=100).iloc[0]
    assert r.units == 3 and r.p < 0.05 and 0 < r.reliability < 1


def test_weighted_counts_have_no_reliability():
    with pytest.raises(LogError, match=r"不是整数.*\n.*no whole numbers"):
        reliability(rates(A=(4.5, 6.25), B=(1, 2)))


def test_none_hit_and_all_hit_have_no_spread_and_a_unit_without_cases_may_have_no_numerator():
    n = np.array([10, 20])
    assert [x.tolist() for x in scorecard._rho(np.array([0, 0]), n)] == [x.tolist() for x in scorecard._rho(n, n)] == [0, 0]
    s = score(rates(A=(9, 10), B=(np.nan, 0)), card())
    assert s.items[["unit", "numerator", "denominator"]].values.tolist() == [["A", 9, 10], ["B", 0, 0]] and s.apart.unit.tolist() == ["B"]


def test_totals_bands_and_reliability_are_measured_on_100_tables_of_thirty_units(monkeypatch):
    held = pd.DataFrame([scorecard._scored(spread, 0.6, seed) for spread in (0.08, 0.02) for seed in range(8)])
    assert held["total held"].mean() > 0.93 > held["total held, items apart"].mean() > 0.8 and held["all places held"].mean() > 0.8
    drawn = []
    monkeypatch.setattr(scorecard, "_bounds", lambda x, n, typical, draws: drawn.append((x, n)) or (0.69, 0.71))
    for seed in range(40):
        found = scorecard._covered(0.9, 0.7, seed)
        assert found["holds the truth"] and -1 < found["mean estimate"] < 1
    x, n = map(np.array, zip(*drawn))
    typical = 30 / (1 / n[0]).sum()
    assert n.shape == (40, 30) and abs((x / n).mean() - 0.9) < 0.01
    assert abs(np.mean([scorecard._stepped_up(scorecard._rho(a, n[0])[1], typical) for a in x]) - 0.7) < 0.1
    scorecard._covered(0.9, 0, 1)
    assert abs((drawn[-1][0] / n[0]).mean() - 0.9) < 0.05
    monkeypatch.setattr(scorecard, "_scored", lambda spread, latent, seed: dict(x=spread + latent))
    monkeypatch.setattr(scorecard, "_covered", lambda p, truth, seed: dict(y=p * truth))
    c = scorecard.calibrate()
    assert set(c.worlds) == {100} and c.index.tolist() == list(range(14))
    assert all(p.kept or p.said.en for p in scorecard.promises())


def test_interval_of_reliability_lies_about_the_truth_where_units_have_two_cases_each():
    rng, n = np.random.default_rng(12), np.full(3000, 2)
    x = rng.binomial(n, rng.beta(1.6, 0.4, 3000))  # correlation 1 / 3, so 2 / 3 over 4 / 3
    low, high = scorecard._bounds(x, n, 2, 100)
    assert 0.42 < low < 0.5 < high < 0.58
