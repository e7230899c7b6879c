"Numbers that others have published or computed: process-mining logs, R's survival analysis, statsmodels' intervals"

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from liuan_eval import custody, metrics
from liuan_eval.indicators import shapes as measure
from liuan_eval.intake.log import CaseLog, read_log

BPIC = dict(case_id="case:concept:name", timestamp="time:timestamp", activity="concept:name", timezone="UTC", complete=True)


@pytest.fixture(scope="module")
def bpic_tables():
    "The incident log, read once"
    from conftest import find_data

    from liuan_eval.intake.source import connect, open_table

    path = next(find_data("bpic2013_incidents").glob("*.xes.gz"))
    return open_table(connect(path), path).table


# unit column: units, hops, cases with a hop, ping-pong cases, ping-pongs, cases with a revisit, revisits
BPIC_TABLE = {
    "org:group": (649, 9454, 3820, 1177, 2394, 1258, 3286),
    "organization involved": (25, 4350, 2034, 883, 1876, 891, 2058),
    "org:resource": (1440, 20649, 5602, 1186, 1783, 1879, 3992),
}


@pytest.mark.parametrize("unit", BPIC_TABLE)
def test_bpic2013_incidents_have_the_known_hops_and_pingpongs(bpic_tables, unit):
    log = CaseLog.from_frame(bpic_tables, unit=unit, missing=[], **BPIC)  # the table counts the resource "-" as one
    assert (log.counts["events"], log.counts["cases"], log.counts["used"]) == (65_533, 7_554, 65_533)
    units, hops, with_hop, pingpong_cases, pingpongs, revisit_cases, revisits = BPIC_TABLE[unit]
    c = custody.cases(log).execute()
    assert log.counts["units"] == units
    assert (c.n_hops.sum(), (c.n_hops > 0).sum()) == (hops, with_hop)
    assert (c.n_pingpong.sum(), (c.n_pingpong > 0).sum()) == (pingpongs, pingpong_cases)
    assert (c.n_revisits.sum(), (c.n_revisits > 0).sum()) == (revisits, revisit_cases)
    h = custody.hops(log)
    assert (h.count().execute(), h.pingpong.sum().execute()) == (hops, pingpongs)
    assert c.closed_at.notna().all()
    m = metrics.compute(log, ["pingpong_rate", "revisit_rate", "hops_per_case"]).set_index("indicator")
    assert m.numerator.to_dict() == dict(pingpong_rate=pingpong_cases, revisit_rate=revisit_cases, hops_per_case=hops)
    assert (m.denominator == 7_554).all()


def test_bpic2013_incidents_take_12_days_on_average_as_published(bpic_tables):
    days = custody.cases(CaseLog.from_frame(bpic_tables, unit="org:group", **BPIC)).duration_seconds.mean().execute() / 86400
    assert round(days, 2) == 12.08


def test_bpic2013_incidents_through_the_shipped_mapping(data_dir):
    from conftest import ROOT

    path = next(data_dir("bpic2013_incidents").glob("*.xes.gz"))
    log = read_log(path, mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    assert custody.hops(log).count().execute() == 9454


def test_receipt_log_has_the_known_hops_and_pingpongs(data_dir):
    from conftest import ROOT

    log = read_log(data_dir("receipt") / "receipt.csv", mapping=ROOT / "data/mappings/receipt.toml")
    c = custody.cases(log).execute()
    assert (log.counts["cases"], log.counts["events"], log.counts["used"]) == (1_434, 8_577, 8_577)
    assert (c.n_hops.sum(), (c.n_pingpong > 0).sum(), (c.n_revisits > 0).sum()) == (5_440, 269, 577)


END = pd.Timestamp("2022-06-01")


def survival_log(days, ended, group="all"):
    "A log whose cases last so many days: closed where `ended`, else open until the last event"
    opened = END - pd.to_timedelta(days, unit="D")
    frame = pd.DataFrame(
        {"case_id": [str(i) for i in range(len(days))], "timestamp": opened, "unit": "A", "activity": "received", "topic": group}
    )
    closing = frame[ended].assign(activity="closed", timestamp=END)
    return CaseLog.from_frame(pd.concat([frame, closing], ignore_index=True))


def medians(frame, group):
    log = survival_log(frame.days, frame.ended, group)
    assert log.end == END
    return log, metrics.compute(log, "resolution_days", by="topic").sort_values("topic").reset_index(drop=True)


@pytest.fixture
def lung(data_dir):
    f = pd.read_csv(data_dir("lung") / "lung.csv")
    return f.assign(days=f.time, ended=f.status == 2, sex=f.sex.astype(str))


def test_lung_median_and_loglog_interval_are_those_of_R(lung):
    _, m = medians(lung, "all")
    assert m[["n", "n_open", "value", "low", "high"]].values.tolist() == [[228, 63, 310, 284, 361]]


def test_lung_medians_by_sex_are_those_of_R(lung):
    _, m = medians(lung, lung.sex)
    assert m[["n", "n_open", "value"]].values.tolist() == [[138, 26, 270], [90, 37, 426]]


@pytest.mark.parametrize("sex", ["1", "2"])
def test_lung_loglog_intervals_by_sex_are_those_of_statsmodels(lung, sex):
    from statsmodels.duration.survfunc import SurvfuncRight

    f = lung[lung.sex == sex]
    s = SurvfuncRight(f.days.to_numpy(), f.ended.astype(int).to_numpy())
    _, m = medians(f, f.sex)
    assert (m.low[0], m.high[0]) == s.quantile_ci(0.5, method="cloglog")


def test_veteran_medians_are_those_of_R_in_the_middle_of_a_flat_stretch(data_dir):
    f = pd.read_csv(data_dir("veteran") / "veteran.csv")
    _, m = medians(f.assign(days=f.time, ended=f.status == 1), f.trt.astype(str))
    assert m.value.tolist() == [103.0, 52.5]


def test_no_median_where_too_few_have_closed():
    log = survival_log(np.array([1.0, 2, 3, 4, 5, 6]), pd.Series([True, False, False, False, False, False]))
    r = metrics.compute(log, "resolution_days").iloc[0]
    assert (r.n, r.n_open) == (6, 5) and pd.isna(r.value) and pd.isna(r.high)


@pytest.mark.parametrize("x, n", [(0, 1), (1, 1), (0, 20), (1, 7), (20, 20), (37, 411), (999_000, 1_000_000)])
def test_rate_interval_is_the_wilson_interval_of_statsmodels(x, n):
    from statsmodels.stats.proportion import proportion_confint

    assert np.allclose(measure.wilson(x, n), proportion_confint(x, n, method="wilson"), atol=1e-12)


@pytest.mark.parametrize("x", [0, 1, 2, 10, 123, 1_000_000])
def test_count_interval_is_garwoods_exact_interval_by_the_chi_square_formula(x):
    assert np.allclose(measure.garwood(x), (stats.chi2.ppf(0.025, 2 * x) / 2 if x else 0, stats.chi2.ppf(0.975, 2 * x + 2) / 2), rtol=1e-9)


def test_count_interval_is_statsmodels_exact_interval():
    from statsmodels.stats.rates import confint_poisson

    assert np.allclose(measure.garwood(17), confint_poisson(17, 1, method="exact-c"), rtol=1e-9)


@pytest.fixture(scope="module")
def random_cases():
    rng = np.random.default_rng(7)
    rows = []
    for i in range(900):  # enough for the intervals that are symmetric
        at = pd.Timestamp("2022-01-01") + pd.Timedelta(hours=int(rng.integers(0, 2000)))
        units = rng.choice(list("ABC"), rng.integers(1, 6))
        for j, u in enumerate(units):
            rows.append((f"{i:03d}", at, u, "closed" if j == len(units) - 1 else "replied", "x" if i % 3 else "y"))
            at += pd.Timedelta(minutes=int(rng.integers(1, 5000)))
    log = CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "topic"]), within=dict(every=0))
    first = custody.spells(log).filter(lambda t: t.spell == 1).execute().set_index("case_id").entered_at
    c = custody.cases(log).execute().set_index("case_id")
    return log, c.assign(held=(c.closed_at - first).dt.total_seconds())


@pytest.mark.parametrize("topic", ["x", "y"])
def test_mean_and_its_interval_are_those_of_scipy(random_cases, topic):
    log, c = random_cases
    r = metrics.compute(log, "hops_per_case", by="topic").set_index("topic").loc[topic]
    x = c[c.topic == topic].n_hops
    low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
    assert (r.numerator, r.denominator) == (x.sum(), len(x))
    assert np.allclose([r.value, r.low, r.high], [x.mean(), low, high], rtol=1e-10)


@pytest.mark.parametrize("topic", ["x", "y"])
def test_ratio_and_its_interval_are_the_delta_method_on_residuals(random_cases, topic):
    log, c = random_cases
    r = metrics.compute(log, "limbo_share", by="topic").set_index("topic").loc[topic]
    o = c[c.topic == topic]
    y, x = o.limbo_seconds / 86400, o.held / 86400
    ratio = y.sum() / x.sum()
    se = np.std(y - ratio * x, ddof=1) / np.sqrt(len(x)) / x.mean()
    half = stats.t.ppf(0.975, len(x) - 1) * se
    assert np.allclose(
        [r.numerator, r.denominator, r.value, r.low, r.high], [y.sum(), x.sum(), ratio, ratio - half, ratio + half], rtol=1e-9
    )


def test_rate_counts_cases_with_a_direct_count(random_cases):
    log, c = random_cases
    r = metrics.compute(log, "revisit_rate", period="month").set_index("period")
    want = (c.n_revisits > 0).groupby(c.opened_at.dt.to_period("M").dt.start_time).agg(["sum", "count"])
    assert r.numerator.tolist() == want["sum"].tolist() and r.denominator.tolist() == want["count"].tolist()
    assert [pd.Timestamp(i) for i in r.index] == want.index.tolist()
