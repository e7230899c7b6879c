"Designs keep their promises, refuse what they cannot give, and say it in words"

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval.effects import calibration, choices, estimate, evaluate, many
from liuan_eval.effects.calibration import simulated_panel
from liuan_eval.effects.cases import survival
from liuan_eval.effects.designs import did, its, placebo, registry, series, structural, synthetic, trends
from liuan_eval.effects.errors import ols, reml_ar1
from liuan_eval.effects.panel import Panel, panel, with_controls
from liuan_eval.effects.plan import Plan
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.truth.province import OUTCOMES, Province, true_effect
from liuan_eval.words.text import LogError, Text

ALONE = (its.its, structural.structural)
AGAINST_OTHERS = (
    series.difference_series,
    placebo.conformal,
    placebo.in_space,
    placebo.in_time,
    synthetic.synthetic_control,
    synthetic.synthetic_did,
    did.did,
    structural.structural,
)


@pytest.fixture(scope="module")
def log():
    return read_log()


@pytest.fixture(scope="module")
def months():
    return simulated_panel(Province(), "on_time_rate", "month")


# --- one result


@pytest.mark.parametrize("design", dict.fromkeys([*ALONE, *AGAINST_OTHERS]), ids=lambda f: f.__name__)
def test_every_design_returns_the_same_frozen_estimate(months, design):
    e = design(months)
    assert isinstance(e, estimate.Estimate) and e.simulated and e.start == months.start
    assert (e.n_before, e.n_after, e.n_treated) == (months.n_before, months.n_after, 1)
    assert e.assumptions and all(isinstance(w, Text) and w.zh and w.en for a in e.assumptions for w in (a.says, a.checked, a.found))
    assert list(e.path.columns) == list(estimate.PATH)
    assert np.isnan(e.p) or e.p >= e.smallest_p - 1e-12
    assert np.isnan(e.p) == (e.refused is not None)
    for lang in ("zh", "en"):
        text = e.summary(lang)
        assert (
            ("模拟" if lang == "zh" else "SIMULATED") in text
            and e.tidy(lang).shape == (1, 13)
            and len(e.checks(lang)) == len(e.assumptions)
        )
    with pytest.raises(AttributeError):
        e.value = 0


@pytest.mark.parametrize("design", AGAINST_OTHERS, ids=lambda f: f.__name__)
def test_what_all_cities_share_changes_no_comparison(months, design):
    "A shock common to all periods or constant in a city cancels on the scale of the analysis: for shares the log-odds; structural series learn levels, not shapes."
    if design in (structural.structural, synthetic.synthetic_control):
        pytest.skip("a mixture of cities does not leave out a city's level")
    t = months.table
    periods = pd.Series(np.random.default_rng(1).normal(0, 0.05, len(months.periods)), months.periods)
    shock = t.period.map(periods) + t.unit.map({u: 0.01 * i for i, u in enumerate(t.unit.unique())})
    whole = replace(months, table=t.assign(denominator=np.nan))  # without counts: no half case
    moved = replace(whole, table=whole.table.assign(value=1 / (1 + np.exp(-np.log(t.value / (1 - t.value)) - shock))))
    a, b = design(whole), design(moved)
    near = 2e-3 if design is synthetic.synthetic_did else 1e-9
    np.testing.assert_allclose(np.log(b.odds[0]), np.log(a.odds[0]), atol=near)
    a, b = (design(replace(p, plain=True)) for p in (whole, replace(whole, table=whole.table.assign(value=t.value + shock - 0.2))))
    np.testing.assert_allclose(b.value, a.value, atol=near)


# --- inference with one treated unit


def naive_conformal(d, after):
    "All shifts, one by one."
    r = [x - sum(d) / len(d) for x in d]
    where = [i for i, a in enumerate(after) if a]
    stats = [abs(sum(r[(i + s) % len(d)] for i in where) / len(where)) for s in range(len(d))]
    return sum(s >= stats[0] * (1 - 1e-12) for s in stats) / len(stats)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=4, max_size=20), st.data())
def test_conformal_p_equals_shifting_by_hand(d, data):
    k = data.draw(st.integers(1, len(d) - 2))
    after = np.arange(len(d)) >= len(d) - k
    if np.ptp(d) < 1e-9:
        return
    p = placebo.shifted(np.array(d), after, 0.0)[0]
    assert p == pytest.approx(naive_conformal(d, after)) and p >= 1 / len(d) - 1e-12


def test_conformal_interval_holds_what_its_p_does_not_reject(months):
    e, d = placebo.conformal(months), series.gap(months).to_numpy()
    low, high = np.log(e.odds[1:])
    for tau, inside in ((low + 1e-4, True), (high - 1e-4, True), (low - 1e-3, False), (high + 1e-3, False)):
        assert (placebo.shifted(d, months.after, tau)[0] > 0.05) == inside


def test_the_smallest_p_over_sixteen_cities_is_one_sixteenth(months):
    huge = months.table.assign(value=lambda t: t.value.mask((t.unit == "city") & (t.period >= months.start), 0.001))
    e = placebo.in_space(replace(months, table=huge))
    assert e.p == e.smallest_p == 1 / 16 and "0.0625" in e.summary("en")


def test_a_share_is_compared_by_its_odds_and_told_in_points(months):
    "What moves all cities alike on the log-odds is no effect, wherever the treated city stands; in points it is one."
    t = months.table
    own, later = t.unit == "city", t.period >= months.start
    for level in (0.6, 0.8, 0.95):
        a = np.log(level / (1 - level)) - np.log(9)
        share = 1 / (1 + np.exp(-np.log(9) - a * own - 0.5 * later))
        flat = replace(months, table=t.assign(value=share, denominator=np.nan))
        assert np.abs(series.gap(flat) - a).max() < 1e-9 and np.ptp(series.gap(replace(flat, plain=True))) > 0.005
        planted = replace(flat, table=flat.table.assign(value=share - 0.07 * (own & later)))
        e = placebo.conformal(planted)
        assert e.value == pytest.approx(-0.07) and e.unit == "share" and e.odds[0] < 1 and e.scale == "difference"


def test_one_empty_month_ends_nothing_and_what_cannot_be_a_share_is_refused(months):
    counts = simulated_panel(Province(), "n_cases", "month")
    t = counts.table
    empty = replace(counts, table=t.assign(value=t.value.mask((t.unit == "05市") & (t.period == t.period.iloc[64]), 0.0)))
    for design in AGAINST_OTHERS:
        whole, e = design(counts), design(empty)
        assert np.isfinite(e.value) and abs(np.log(e.value / whole.value)) < 0.1
    for value, words in ((93.0, "write 0.93"), (-0.2, "no share can be")):
        with pytest.raises(LogError, match=words):
            series.difference_series(replace(months, table=months.table.assign(value=lambda t, v=value: t.value.mask(t.unit == "03市", v))))
    with pytest.raises(estimate.TooFew, match="without counts"):
        series.difference_series(
            replace(months, table=months.table.assign(denominator=np.nan, value=lambda t: t.value.mask(t.unit == "03市", 1.0)))
        )


def test_clustered_inference_is_refused_with_one_treated_unit(months):
    for e in (did.did(months), did.event_study(months, 3)):
        assert e.refused and np.isnan([e.p, e.se, e.low, e.high]).all() and "half" in e.refused["en"] and "半数" in e.summary("zh")
    two = simulated_panel(Province(), "on_time_rate", "month", treated=2)
    assert did.did(two).refused is None and np.isfinite(did.did(two).p)
    one_control = months.only(["city", "01市"])
    assert did.did(one_control).refused


def test_a_noisy_treated_city_is_warned_of():
    e = placebo.in_space(simulated_panel(Province(noisy=6, cases=500, effect=0), "on_time_rate"))
    assert any("noisy" in w["en"] for w in e.warnings)


REPS = 120
QUICK = ("clustered", "before_after", "difference_series", "conformal", "in_space")


@pytest.fixture(scope="module")
def null():
    "A quick version of `make calibrate`: one cell, nothing happens, a reform ten days before"
    cell = calibration.Cell(52, 26, 0.5, 1.0, True, 0.0)
    return calibration.summarise(cell, calibration.run(cell, QUICK, REPS, seed=900)).set_index("design")


@pytest.mark.parametrize("design", ["difference_series", "conformal", "in_space"])
def test_designs_for_one_treated_city_keep_their_size_under_a_reform_of_all(null, design):
    r = null.loc[design]
    measured = dict(difference_series=0.055, conformal=0.047, in_space=0.0625)[design]  # STATS, rho .5
    assert r.rejected <= measured + 4 * np.sqrt(measured * (1 - measured) / REPS)


def test_clustered_and_before_after_do_not(null):
    assert null.rejected["clustered"] > 0.4 and null.rejected["before_after"] > 0.25


def test_a_planted_effect_is_found_with_honest_intervals():
    cell = calibration.Cell(104, 52, 0.5, 1.0, True, 1.0)
    f = calibration.summarise(cell, calibration.run(cell, ("difference_series", "conformal"), 60, seed=500)).set_index("design")
    assert (f.covered > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 60)).all()
    assert (f.bias.abs() < 4 * f.rmse / np.sqrt(60)).all()


def test_the_shipped_calibration_is_of_this_grid_and_its_failures_reach_the_estimates(months):
    t = registry.calibration()
    assert set(t.design) == {d.name for d in registry.known().values() if d.runs} and (t.reps > 0).all()
    null = t[(t.effect == 0) & (t.noisy == 1)]
    rate = null.groupby("design").rejected.mean()
    assert rate["clustered"] > 0.4 and rate["difference_series"] < 0.12 and rate["conformal"] < 0.1
    alone = simulated_panel(Province(effect=0, start="2020-02-17", end="2022-12-31"), "on_time_rate")
    assert any("simulations nearest in length" in w["en"] for w in its.its(alone).warnings)


# --- interrupted time series


def test_slope_counts_from_the_start_and_the_common_error_is_another_number(months):
    x, _left = its.terms(months)
    y = months.one().value.to_numpy()
    right = ols(y, x.to_numpy())
    wrong = x.assign(slope=(x.trend - x.trend.min()) * x.level)
    k = list(x).index("level")
    shift = -x.trend.min()
    other = ols(y, wrong.to_numpy())
    np.testing.assert_allclose(other.resid, right.resid, atol=1e-8)
    np.testing.assert_allclose(other.beta[k], right.beta[k] - right.beta[list(x).index("slope")] * shift, atol=1e-8)


def test_reml_honours_gaps(months):
    hole = months.without(("2021-06-01", "2021-08-31"))
    assert np.diff(hole.positions()).max() == 4
    y, X = hole.one().value.to_numpy(), np.ones((len(hole.periods), 1))
    assert reml_ar1(y, X, hole.positions()).rho != reml_ar1(y, X).rho


def test_a_shock_named_twice_is_told_not_hidden(months):
    e = its.its(months, shocks=[("2022-04-01", "2022-05-31", "a"), ("2022-04-01", "2022-05-31", "b")])
    assert any("left out: b" in a.found["en"] for a in e.assumptions)


# --- panels


def test_panel_counts_what_is_left_out(log):
    p = panel(log, "n_cases", period="month")
    assert any("2022-02-17" in n["en"] for n in p.notes) and pd.Timestamp("2022-02-01") not in p.periods
    q = p.without(("2022-04-04", "2022-05-02"))
    assert len(q.periods) == len(p.periods) - 2 and "2 periods" in q.notes[-1]["en"]


@pytest.mark.parametrize(
    "indicator", ["n_cases", "close_hours", "on_time_rate", "return_rate", "pingpong_rate", "satisfaction_rate", "callback_coverage"]
)
def test_outcomes_come_from_the_log_as_the_door_gives_them(log, indicator):
    from liuan_eval import metrics

    p = panel(log, indicator, period="month")
    want = (
        metrics.compute(log, indicator, period="month")
        .assign(period=lambda d: pd.to_datetime(d.period))
        .set_index("period")
        .value.astype(float)
    )
    np.testing.assert_allclose(p.one().value, want.reindex(p.periods))


def test_panel_by_area_has_every_unit_in_every_period(log):
    p = panel(log, "on_time_rate", by="area", period="quarter", treated=["341522", "341523"])
    assert len(p.table) == len(p.periods) * 8 and len(p.controls) == 6
    e = did.did(p)
    assert e.refused is None and not e.found and e.detail["wild_smallest_p"] == 2 / 2**8


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.drop(columns="numerator"), "no column numerator"),
        (lambda t: t.assign(period="spring"), "row 2, column period"),
        (lambda t: t.assign(value="many"), "row 2, column value"),
        (lambda t: t.assign(value=6), "is not numerator / denominator"),
        (lambda t: t.assign(indicator="cases"), "near it are n_cases"),
        (lambda t: t.assign(indicator="open_cases"), "no row for the indicator"),
        (lambda t: pd.concat([t, t.head(1)]), "two rows of B"),
    ],
)
def test_bulletins_that_cannot_be_read_are_named_by_row_and_column(log, change, words, tmp_path):
    p = panel(log, "n_cases", period="month")
    t = pd.DataFrame(dict(unit="B", period=p.periods.strftime("%Y-%m"), indicator="n_cases", numerator=5, denominator=1, value=5))
    change(t).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(LogError, match=words):
        with_controls(p, tmp_path / "b.csv")


def test_too_few_periods_are_an_answer_in_words(months):
    short = replace(months, table=months.table[months.table.period >= "2021-12-01"])
    for design in (its.its, series.difference_series, placebo.conformal, synthetic.synthetic_did):
        with pytest.raises(estimate.TooFew, match=r"at least 3 and 3 \(EPOC\)") as e:
            design(short)
        assert "不给出数字" in e.value.text.zh


# --- many, choices, plan


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000))
def test_romano_wolf_lies_between_the_plain_p_and_bonferroni(k, seed):
    rng = np.random.default_rng(seed)
    draws = np.abs(rng.standard_normal((50, k)))
    real = draws[0]
    p = many.romano_wolf(real, draws)
    plain = (draws >= real * (1 - 1e-12)).mean(axis=0)
    assert (p >= plain - 1e-12).all() and (p <= np.minimum(1, plain * k) + 1e-12).sum() >= 1
    top = int(np.argmax(real))
    assert p[top] == pytest.approx((draws.max(axis=1) >= real[top] * (1 - 1e-12)).mean())


def test_a_family_that_can_find_nothing_is_called_hopeless():
    e = estimate.Estimate(Text("", ""), 1.0, 0.0, 2.0, Text("", ""), Text("", ""), p=1 / 16, smallest_p=1 / 16)
    f = many.adjust({"a": e, "b": replace(e, p=np.nan)}, dict(x=["a", "b"]))
    assert f.hopeless.all() and f["of"].tolist() == [1, 1]


def test_a_specification_without_a_number_stays_in_the_table(months):
    c = choices.specification_curve(
        lambda donut: series.difference_series(months.without(*donut)), dict(donut={"none": (), "all": (("2022-03-01", "2023-12-31"),)})
    )
    assert (c.failed != "").sum() == 1 and choices.agreement(c)["failed"] == 1


def test_the_example_plan_reads_and_its_outcomes_are_simulated_too():
    plan = Plan.read()
    assert set(plan.outcomes) == set(OUTCOMES.index) and plan.start == pd.Timestamp("2022-02-17")


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(design="nonsense"), "'design' is 'nonsense'; known: "),
        (dict(design="clustered"), "'design' is 'clustered'"),
        (dict(robustness=["its", "nonsense"]), "'robustness' is 'nonsense'"),
        (dict(robustness="its"), "must be a list"),
        (dict(period="fortnight"), "'period' is 'fortnight'"),
        (dict(start="spring"), "is no date"),
        (dict(primary=[]), "'primary' is missing"),
        (dict(primary=["speed"]), "'primary' is 'speed'"),
        (dict(alpha=5), "between 0 and 1"),
        (dict(alpha="0.05"), "between 0 and 1"),
        (dict(donut=["2022-04-04"]), "pairs of days"),
        (dict(donut=[["2022-04-04", "Easter"]]), "is no date"),
        (dict(shocks=[{"from": "2022-02-07"}]), "lacks zh, en"),
        (dict(title=1), "must be text"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_is_refused_wherever_it_is_made(change, words):
    with pytest.raises(LogError, match=words):
        replace(Plan.read(), **change)


def test_a_plan_is_checked_when_it_is_made():
    with pytest.raises(LogError):
        Plan(dict(design="nonsense"))
    with pytest.raises(LogError, match="'start' is missing"):
        Plan()


def test_the_hash_is_of_what_is_planned_not_of_how_it_is_written(tmp_path):
    plan, text = Plan.read(), Plan.read().path.read_text(encoding="utf-8")
    head, *shocks = text.split("[[shocks]]")
    lines = sorted(x for x in head.splitlines() if "=" in x)
    (tmp_path / "p.toml").write_text("\n\n".join(lines) + "\n[[shocks]]" + "[[shocks]]".join(shocks), encoding="utf-8")
    again = Plan.read(tmp_path / "p.toml")
    assert again == plan and again.sha256 == plan.sha256
    for change in (
        dict(alpha=0.01),
        dict(secondary=plan.secondary[1:]),
        dict(robustness=["its"]),
        dict(donut=[("2022-04-04", "2022-05-02")]),
    ):
        assert replace(plan, **change).sha256 != plan.sha256
    assert Plan(**plan.content).sha256 == plan.sha256


def told(p, found, plan, **more):
    "What was found of one outcome"
    return evaluate.findings({p.indicator: p}, {p.indicator: found}, plan, {p.indicator: evaluate.detectable(p, plan.alpha)}, **more)[
        p.indicator
    ]


def test_alpha_of_the_plan_decides():
    "A p between .001 and .05: a change at .05 and none at .001, in the decision, in the sentence and in the interval"
    p = simulated_panel(Province(seed=19, effect=0.4), "close_hours", "month")
    said = {}
    for alpha in (0.05, 0.001):
        plan = replace(Plan.read(), alpha=alpha, robustness=["conformal"])
        found = evaluate.designs(p, plan)[0]
        e = found["difference_series"]
        assert e.level == 1 - alpha and 0.001 < e.p < 0.05 and e.found == (alpha == 0.05)
        said[alpha] = told(p, found, plan).words("en")
        assert f"{100 * (1 - alpha):g} % interval" in evaluate.shown_table({"close_hours": found}, "en")
        assert f"({100 * (1 - alpha):g}% interval" in e.summary("en")
    assert "a change was found" in said[0.05] and "no change was found" in said[0.001]


def test_a_secondary_outcome_is_found_only_after_the_correction(months):
    "One rule: the plan's alpha, its looks, Holm within the primary and within the other outcomes; the sentence says which p counted"
    plan, base = Plan.read(), series.difference_series(months)
    for p, alpha, looks, primary, others in (
        (0.04, 0.05, 1, True, False),
        (0.008, 0.05, 1, True, True),
        (0.008, 0.05, 12, True, False),
        (0.03, 0.05, 12, False, False),
        (0.0002, 0.0001, 1, False, False),
        (1e-9, 0.0001, 12, True, True),
    ):
        q = replace(plan, alpha=alpha, looks=looks)
        e = replace(base, p=p, level=1 - alpha)
        found = {n: dict(difference_series=e) for n in q.outcomes}
        f = evaluate.findings({n: replace(months, indicator=n) for n in q.outcomes}, found, q)
        assert [f[n].found for n in q.outcomes] == [primary, *[others] * 6], (p, alpha, looks)
        for lang, words in (("en", "a change was found"), ("zh", "：发现变化")):
            assert all((words in f[n].words(lang)) == f[n].found for n in q.outcomes)
        assert "6 secondary outcomes (Holm)" in f["n_cases"].words("en") and "0.0000" not in f["n_cases"].words("en")


def test_what_the_plan_says_of_margins_and_negative_controls_reaches_the_sentence():
    months = simulated_panel(Province(effect=0, seed=4), "on_time_rate", "month")
    plan = replace(Plan.read(), primary=["on_time_rate"], secondary=[], robustness=["conformal"])
    found = evaluate.designs(months, plan)[0]
    for margin, words in ((0.3, "is ruled out"), (0.001, "is not ruled out"), (None, "")):
        f = told(months, found, replace(plan, margins=dict(on_time_rate=margin) if margin else {}))
        assert words in f.words("en") and (f.equivalent is None) == (margin is None) and not f.found
    f = told(months, found, plan, odd=[Text("甲", "the control")])
    assert "cannot be relied on" in f.words("en") and "甲" in f.words("zh")
    begun = {Text("甲", "a"): replace(found["difference_series"], p=0.0001)}
    assert evaluate.false_alarms(begun, plan) == tuple(begun) and evaluate.false_alarms({}, plan) == ()
    t = evaluate.spillovers(months, replace(plan, neighbours=["01市", "nobody"]), "en")
    assert len(t) == 2 + len(evaluate.GOT) and t.estimate.notna().all()
    both = evaluate.shown_table({"on_time_rate": found}, "en")
    assert len(both) == 3 and "points as they are" in both.design[1] and "odds ratio" in both.value[0]


@pytest.mark.parametrize("design", [n for n, d in registry.known(studied=True).items()])
def test_every_design_that_a_plan_may_name_decides_at_its_alpha(months, design):
    for alpha in (0.05, 0.001):
        e = registry.known()[design].run(months, 1 - alpha)
        assert e.design == design and e.level == 1 - alpha
        plan = replace(Plan.read(), design=design, alpha=alpha)
        f = told(replace(months, indicator="close_hours"), {design: e}, plan)
        if abs(e.p - alpha) > 0.002:  # quantiles of a thousand paths and their share beyond 0 are not one number
            assert f.found == (e.p <= alpha)
        if e.smallest_p > alpha:
            assert not f.found and "at the plan's alpha it can find no change" in f.words("en")


def test_the_designs_of_the_plan_run_and_no_others(months):
    plan = replace(Plan.read(), design="conformal", robustness=["in_time", "difference_series"])
    assert list(evaluate.designs(months, plan)[0]) == ["conformal", "in_time", "difference_series"]
    free = replace(plan, robustness=[])
    assert set(free.designs) == set(registry.known(studied=True)) and free.designs[0] == "conformal"
    alone = months.only(months.treated)
    assert set(evaluate.designs(alone, free)[0]) == {"its", "structural"}
    done, lack = evaluate.designs(alone, plan)
    assert not done and set(lack) == {"in_time", "difference_series"}


@pytest.fixture(scope="module")
def small(log):
    "The sample's primary outcome by month, by plan: what ran"

    def run(ran):
        made = evaluate.panels(log, ran, evaluate.SAMPLE_BULLETINS)[0]
        found = {n: evaluate.designs(p, ran)[0] for n, p in made.items()}
        return made, found, evaluate.findings(made, found, ran)

    return replace(Plan.read(), secondary=[], robustness=["conformal"]), run


@pytest.mark.parametrize(
    "change",
    [
        {},
        dict(alpha=0.001),
        dict(design="conformal", robustness=["difference_series"]),
        dict(robustness=["conformal", "in_space"]),
        dict(donut=[("2022-04-04", "2022-05-02")]),
        dict(start="2022-04-17"),
        dict(primary=["on_time_rate"], secondary=["close_hours"]),
    ],
    ids=lambda c: "+".join(c) or "none",
)
def test_what_ran_otherwise_than_planned_is_a_deviation(small, change):
    plan, run = small
    done = evaluate.carried_out(plan, *run(replace(plan, **change)))
    assert set(plan.deviations(done, "en").key) == ({"secondary"} if "primary" in change else set(change))


def test_another_period_and_an_outcome_without_a_number_are_deviations(small):
    plan, run = small
    weekly = plan.deviations(evaluate.carried_out(plan, *run(replace(plan, period="week", robustness=["its"]))), "en").set_index("key")
    assert weekly.done["period"] == "week" and weekly.done["design"] == "its"  # the others publish by month
    lost = replace(plan, secondary=["on_time_rate"])
    f = lost.deviations(evaluate.carried_out(lost, *run(plan)), "en")
    assert f.to_numpy().tolist() == [["secondary", "on_time_rate", "–"]]


def test_a_registered_design_can_be_named_by_a_plan_and_one_that_is_only_measured_cannot(months):
    @registry.design("mean_gap", Text("均值之差", "mean gap"), compares=True, studied=False, runs=0)
    def mean_gap(panel, level=0.95):
        return series.result(panel, 0.0, -1.0, 1.0, method=Text("", ""), inference=Text("", ""), level=level)

    try:
        with pytest.raises(LogError, match="'design' is 'mean_gap'"):
            replace(Plan.read(), design="mean_gap")
        registry.design("mean_gap", Text("均值之差", "mean gap"), compares=True, runs=0)(mean_gap.__wrapped__)
        plan = replace(Plan.read(), design="mean_gap", robustness=["conformal"])
        found = evaluate.designs(months, plan)[0]
        assert list(found) == ["mean_gap", "conformal"] and "mean gap" in evaluate.as_table({"on_time_rate": found}, "en").design.tolist()
    finally:
        del registry.DESIGNS["mean_gap"]


# --- trends


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.3))
def test_flci_widens_with_m_and_holds_the_straight_line(seed, m):
    rng = np.random.default_rng(seed)
    R = rng.standard_normal((6, 6))
    cov, t = R @ R.T / 20 + 0.05 * np.eye(6), np.array([-5, -4, -3, -2, 0, 1])
    beta = rng.standard_normal(6)
    low, high = trends.flci(beta, cov, t, m)
    l2, h2 = trends.flci(beta, cov, t, m + 0.1)
    assert h2 - l2 >= high - low - 1e-6
    shifted = beta + 3.0 * (t + 1)  # a straight line through the base changes nothing
    np.testing.assert_allclose(trends.flci(shifted, cov, t, m), (low, high), atol=1e-4)


# --- waits


def test_waits_of_cases_open_at_the_start_are_censored_there():
    at = pd.to_datetime
    events = pd.DataFrame(
        [
            ("a", at("2022-01-10"), "u", "dispatched"),
            ("a", at("2022-01-12"), "u", "closed"),
            ("b", at("2022-02-15"), "u", "dispatched"),
            ("b", at("2022-02-25"), "u", "closed"),
            ("c", at("2022-02-20"), "u", "dispatched"),
            ("c", at("2022-02-23"), "u", "closed"),
        ],
        columns=["case_id", "timestamp", "unit", "activity"],
    )
    log = CaseLog.from_frame(events, case_id="case_id", timestamp="timestamp", unit="unit", activity="activity")
    t = survival.times_to(log, start="2022-02-17").execute().sort_values("x")
    assert t[["x", "closed", "after"]].to_numpy().tolist() == [[2.0, True, False], [2.0, False, False], [3.0, True, True]]
    risk, events_ = survival._counts(survival._episodes(survival.times_to(log, start="2022-02-17"), 12), 12)
    assert events_.sum(axis=0).tolist() == [1, 2] and risk[0].tolist() == [2, 1] and risk[2].tolist() == [0, 2]


def test_cox_on_counts_equals_cox_on_cases_with_two_episodes(log):
    import statsmodels.api as sm

    t = survival.times_to(log).execute()
    t = t.sort_values(list(t.columns)).sample(1500, random_state=1)  # an engine returns rows in any order
    tau = 40
    whole, turn = np.minimum(np.ceil(t.whole), tau), np.clip(np.floor(t.s), 0, tau)
    done = t.ended & (np.ceil(t.whole) <= tau)
    a = pd.DataFrame(dict(entry=0.0, exit=np.minimum(whole, turn), d=done & (whole <= turn), x=0.0))[lambda f: f.exit > 0]
    b = pd.DataFrame(dict(entry=turn, exit=whole, d=done, x=1.0))[lambda f: f.exit > f.entry]
    f = pd.concat([a, b])
    m = sm.PHReg(f.exit, f[["x"]], status=f.d.astype(int), entry=f.entry + 0.5, ties="efron").fit()
    risk, events = np.zeros((tau + 1, 2)), np.zeros((tau + 1, 2))
    for r in f.itertuples():
        risk[int(r.entry) + 1 : int(r.exit) + 1, int(r.x)] += 1
        events[int(r.exit), int(r.x)] += r.d
    beta, _v = survival.cox_fit(risk, events, np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(beta[0], m.params[0], atol=1e-6)


# --- the sentence


@pytest.mark.parametrize("seed", range(3))
def test_with_a_reform_and_no_effect_the_sentence_credits_nothing(seed):
    plan, p = Plan.read(), simulated_panel(Province(seed=20 + seed, effect=0), "pingpong_rate", "month")
    alone = p.only(p.treated)
    text = told(alone, evaluate.designs(alone, plan, ("its",))[0], plan).words("en")
    assert "nothing can be credited" in text
    f = told(p, evaluate.designs(p, plan, ("difference_series",))[0], plan)
    assert ("把握能看到" in f.words("zh")) != f.found


def test_true_effect_is_what_the_panel_shows_without_noise():
    quiet = Province(cases=1e8, noisy=0, common=0, outbreak_cities=0, recording={}, rho=0.0, seed=3)
    p = simulated_panel(quiet, "callback_coverage", "month")
    assert abs(series.difference_series(p).value - true_effect(quiet, "callback_coverage", "month")) < 0.02


# --- nothing to go by


def _drawn_panel(y, unit):
    "Values by month and unit as a panel of 18 months before; a hundred cases each, or one"
    names, months = [f"u{j}" for j in range(y.shape[1])], pd.date_range("2020-01-01", periods=len(y), freq="MS")
    n = 1.0 if set(np.unique(y)) == {0.0, 1.0} else 100.0
    se = np.sqrt(np.clip(y * (1 - y), 0, None) / n) if unit == "share" else 0.1 * y
    columns = dict(value=y.ravel(), numerator=y.ravel() * n, denominator=n, se=se.ravel())
    table = pd.DataFrame(dict(unit=np.tile(names, len(y)), period=np.repeat(months, y.shape[1])) | columns)
    return Panel(table, months[18], ("u0",), "month", dict(share="on_time_rate", hours="close_hours", cases="n_cases")[unit], unit)


def _nothing():
    "Series without anything to estimate an error from, and series in which only one side moves"
    rng = np.random.default_rng(0)
    flat, moving = np.full((30, 8), 0.8), np.round(0.8 + 0.02 * rng.standard_normal((30, 8)), 4)
    after, own = np.arange(30)[:, None] >= 18, np.arange(8)[None, :] == 0
    return dict(
        constant=(flat, True),
        all_on_time=(np.ones((30, 8)), True),
        none_on_time=(np.zeros((30, 8)), True),
        rounding=(flat + 1e-10 * rng.standard_normal((30, 8)), True),
        rounding_step=(flat + 1e-10 * (after & own), True),
        clean_step=(np.where(after & own, 0.9, flat), True),
        same_everywhere=(np.repeat(moving[:, :1], 8, axis=1), None),
        treated_constant=(np.where(own, 0.8, moving), None),
        others_constant=(np.where(own, moving, 0.8), None),
        constant_after=(np.where(after, 0.8, moving), None),
        constant_before=(np.where(after, moving, 0.8), None),
        one_blip=(np.where((np.arange(30)[:, None] == 3) & own, 0.81, flat), None),
        one_case_each=((moving > 0.8).astype(float), None),
        a_gap=(np.where((np.arange(30)[:, None] == 4) & (np.arange(8) < 3), np.nan, moving), None),
    )


@pytest.mark.parametrize("unit", ["share", "cases"])
@pytest.mark.parametrize("kind", list(_nothing()))
def test_no_design_finds_a_change_where_there_is_nothing_to_go_by(kind, unit):
    y, empty = _nothing()[kind]
    p = _drawn_panel(y if unit == "share" or kind == "one_case_each" else 100 * y, unit)
    for name, d in registry.known().items():
        try:
            e = d.run(p)
        except LogError:
            continue  # refused in words
        here = (name, kind, unit, e.value, e.low, e.high, e.p)
        assert not e.p < e.smallest_p - 1e-12 and not e.high - e.low <= 1e-9 * abs(e.value), here
        if empty:
            assert np.isnan(e.p) and e.found is None and e.refused is not None, here
            assert kind == "clean_step" or abs(e.value - e.null) < 1e-6, here
