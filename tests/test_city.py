"The simulated city: the same every time, consistent, and what was planted can be found in it."

import io
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chinese_calendar import is_workday
from pandas.testing import assert_frame_equal

from liuan_eval.truth.city import CHANNELS, FESTIVAL_DAYS, REQUESTS, City, intensity, office_add, office_hours, simulate
from liuan_eval.truth.province import bulletins
from liuan_eval.words.text import packaged

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "sample"
TABLES = ("events", "cases", "callbacks")
COLUMNS = dict(
    events=["case_id", "timestamp", "unit", "activity", "result", "reason"],
    cases=[
        "case_id",
        "channel",
        "request_type",
        "topic",
        "area",
        "submitted_at",
        "due_at",
        "extended_due_at",
        "closed_at",
        "person_key",
        "excluded",
        "exclusion_reason",
        "exclusion_by",
        "ending",
    ],
    callbacks=["case_id", "round", "called_at", "surveyor", "reached", "resolved", "satisfied"],
)


@pytest.fixture(scope="module")
def sim():
    return simulate()


def within(found, planted, n, z=4):
    "A share found among n is within z standard errors of the planted one."
    assert abs(found - planted) < z * np.sqrt(planted * (1 - planted) / n), (found, planted, n)


def ledger(sim, *activities):
    "The events of some kinds, case by case."
    return sim.events[sim.events.activity.isin(activities)].reset_index(names="row").sort_values(["case_id", "row"])


def spells(sim):
    "Arrivals before the first close, how they ended, and whether the unit was competent."
    e = ledger(sim, "dispatched", "transferred", "returned", "closed")
    e["exit"] = e.groupby("case_id").activity.shift(-1)
    e["exit_unit"] = e.groupby("case_id").unit.shift(-1)
    e = e[e.activity.eq("closed").groupby(e.case_id).cumsum() == 0]
    e = e[e.activity.ne("returned") & e.exit.notna()].merge(sim.cases[["case_id", "topic", "area"]], on="case_id")
    owner = e.topic.map({k: v["competent"] for k, v in sim.truth["topics"].items()})
    return e.assign(own=e.unit == owner.where(owner != "area", e.area.map(sim.truth["areas"])), after=e.timestamp >= sim.city.campaign)


def read_back(table):
    "As a CSV gives it"
    text = io.StringIO(table.to_csv(index=False, float_format="%.6g"))
    return pd.read_csv(text, parse_dates=["period"])


def test_the_sample_on_disk_is_this_city(sim):
    for name in TABLES:
        assert_frame_equal(pd.read_parquet(SAMPLE / f"{name}.parquet"), getattr(sim, name))
    assert json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8")) == sim.truth
    assert tomllib.loads((SAMPLE / "mapping.toml").read_text(encoding="utf-8")) == sim.mapping()
    assert_frame_equal(pd.read_csv(SAMPLE / "bulletins.csv", parse_dates=["period"]), read_back(bulletins()))
    assert (SAMPLE / "README.md").read_text(encoding="utf-8").startswith("# SIMULATED DATA 模拟数据\n")
    assert sum(f.stat().st_size for f in SAMPLE.iterdir()) <= 3 * 2**20


def test_the_data_card_tells_the_truth(sim):
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", text, flags=re.M))
    told = sim.truth["parameters"] | sim.truth["realised"]
    assert len(rows) > 20 and {k: str(told[k]) for k in rows} == rows
    for unit, p in sim.city.shirkers.items():
        assert f"{unit} {p}" in text
    for one, two in sim.city.pairs:
        assert f"{one} with {two}" in text
    for name in TABLES:
        assert ", ".join(COLUMNS[name]) in text


def test_same_seed_same_city(sim):
    again, other = simulate(), simulate(City(seed=1))
    for name in TABLES:
        assert_frame_equal(getattr(again, name), getattr(sim, name))
    assert again.truth == sim.truth and not other.cases.equals(sim.cases)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    small = simulate(City(n_cases=300))
    one, two = small.save(tmp_path / "one"), small.save(tmp_path / "two")
    assert {f.name: f.read_bytes() for f in one.iterdir()} == {f.name: f.read_bytes() for f in two.iterdir()}


def test_columns_and_types(sim):
    for name, columns in COLUMNS.items():
        assert list(getattr(sim, name)) == columns
    assert sim.cases.case_id.is_unique and sim.cases.case_id.str.fullmatch(r"LA\d{8}-\d{6}").all()
    assert sim.cases.person_key.str.fullmatch(r"[0-9a-f]{16}").all() and sim.cases.person_key.nunique() < len(sim.cases)
    assert set(sim.events.unit.dropna()) <= set(sim.units.unit) and set(sim.events[sim.events.unit.isna()].activity) == {"note"}
    assert (sim.cases.excluded == sim.cases.exclusion_reason.notna()).all()
    assert set(sim.callbacks["round"]) == {"first", "final", "review", "lookback"} and set(sim.callbacks.surveyor) == {"hotline", "office"}
    assert sim.callbacks[~sim.callbacks.reached][["resolved", "satisfied"]].isna().all(axis=None)


def test_the_vocabulary_is_known(sim):
    words = packaged("dictionaries/words")
    assert set(sim.events.activity) <= set(words["activity"]) and set(sim.cases.channel) == set(CHANNELS.columns) <= set(words["channel"])
    assert set(sim.cases.request_type) == set(words["request_type"]) and set(sim.units.kind) <= set(words["kind"])


def test_each_case_is_consistent(sim):
    e, c = sim.events, sim.cases.set_index("case_id")
    assert e.timestamp.is_monotonic_increasing and e.timestamp.max() < pd.Timestamp("2024-01-01")
    assert (e.timestamp.to_numpy() >= c.submitted_at.loc[e.case_id].to_numpy()).all()
    assert (e.drop_duplicates("case_id").activity == "received").all()
    last = e[e.activity.isin(["closed", "reopened"])].drop_duplicates("case_id", keep="last").set_index("case_id").reindex(c.index)
    pd.testing.assert_series_equal(c.closed_at, last.timestamp.where(last.activity == "closed"), check_names=False)
    assert (e[e.activity == "closed"].groupby("case_id").size() <= 2).all()
    assert 0 < c.closed_at.isna().mean() < 0.05


def test_custody_rows_bear_the_unit_where_the_case_lies(sim):
    at_units = ["dispatched", "transferred", "claimed", "contacted", "replied", "returned", "closed", "extended"]
    e = ledger(sim, "received", "return_rejected", *at_units)
    at_hotline = e.activity.isin(["received", "return_rejected"])
    assert (e.unit[at_hotline] == "市热线办").all() and (e.unit[~at_hotline] != "市热线办").all()
    moves = e.activity.isin(["received", "return_rejected", "dispatched", "transferred"])
    holder = e.unit.where(moves).groupby(e.case_id).ffill()
    assert (holder == e.unit).all()


def test_a_bounce_goes_back_to_the_same_unit(sim):
    e = ledger(sim, "returned", "return_rejected", "received", "dispatched")
    before, later = e.groupby("case_id").shift(1), e.groupby("case_id").shift(-1)
    k = (e.activity == "return_rejected") & later.activity.notna()
    assert k.sum() > 100 and (before.unit[k] == later.unit[k]).all()
    assert (before.activity[k] == "returned").all() and (later.activity[k] == "dispatched").all()
    k = (e.activity == "received") & (before.activity == "returned") & later.activity.notna()
    assert k.sum() > 1000 and (before.unit[k] != later.unit[k]).mean() > 0.98  # misrouting may choose the same unit again


@pytest.fixture(scope="module")
def alone():
    "The campaign alone: no reform of the province, no good and bad weeks"
    return simulate(City(reform=None, wobble=0))


def test_the_volume_ratio_comes_back(alone):
    sim = alone
    without = intensity(sim.city, campaign=False).sum(axis=1)
    e1, e0 = without[without.index >= "2022-02-17"].sum(), without[without.index < "2022-02-17"].sum()
    n1 = (sim.cases.submitted_at >= "2022-02-17").sum()
    n0 = len(sim.cases) - n1
    assert abs(np.log(n1 / n0 * e0 / e1 / sim.city.volume_ratio)) < 4 * np.sqrt(1 / n0 + 1 / n1)


def test_who_shirks_comes_back(sim):
    s = spells(sim)
    s = s[s.own].assign(shirked=lambda d: d.exit.eq("returned") | (d.exit.eq("transferred") & d.exit_unit.ne(d.unit)))
    for (unit, after), g in s.groupby(["unit", "after"]):
        if len(g) > 100:
            within(g.shirked.mean(), sim.truth["units"][unit]["shirk_after" if after else "shirk_before"], len(g))
    assert s.shirked.sum() > 500


def test_wrong_dispatches_come_back(sim):
    first = spells(sim).drop_duplicates("case_id")
    within((~first.own).mean(), sim.city.misdispatch, len(first))


def test_pairs_play_ping_pong(sim):
    e = ledger(sim, "dispatched", "transferred")
    a, b = e.groupby("case_id").unit.shift(2), e.groupby("case_id").unit.shift(1)
    direct = e.activity.eq("transferred") & e.groupby("case_id").activity.shift(1).eq("transferred") & (a == e.unit)
    found = pd.Series([frozenset(p) for p in zip(a[direct], b[direct])]).value_counts()
    assert set(found.index[:2]) == {frozenset(p) for p in sim.city.pairs} and found.iloc[:2].sum() > 0.8 * found.sum()


def test_speed_comes_back(sim):
    e = ledger(sim, "dispatched", "claimed")
    was, since = e.groupby("case_id").activity.shift(), e.groupby("case_id").timestamp.shift()
    k = (e.activity == "claimed") & (was == "dispatched")
    hours = np.log(office_hours(since[k].to_numpy().astype("M8[s]"), e.timestamp[k].to_numpy().astype("M8[s]")))
    after = (since[k] >= sim.city.campaign).to_numpy()
    se = np.sqrt(hours[after].var() / after.sum() + hours[~after].var() / (~after).sum())
    assert abs(hours[after].mean() - hours[~after].mean() - np.log(sim.city.claim_ratio)) < 4 * se
    assert np.exp(hours[~after].mean()) == pytest.approx(sim.city.claim_hours, rel=0.05)


def test_coverage_and_hollow_closes_come_back(sim):
    e = ledger(sim, "contacted", "closed")
    first = e.assign(hollow=e.groupby("case_id").activity.shift() != "contacted").query("activity == 'closed'").drop_duplicates("case_id")
    first = first[first.timestamp < "2023-12-01"]  # later ones could not all be called within the log
    called = first.case_id.isin(sim.callbacks.case_id[sim.callbacks["round"] == "first"])
    for after, g in first.groupby(first.timestamp >= sim.city.campaign):
        within(called[g.index].mean(), sim.city.coverage[after], len(g))
    far = first[(first.timestamp < "2022-02-17") | (first.timestamp > "2022-06-01")]  # the rest were begun before and closed after
    for after, g in far.groupby(far.timestamp >= sim.city.campaign):
        within(g.hollow.mean(), sim.city.hollow * (sim.city.hollow_ratio if after else 1), len(g))


def test_non_response_comes_back():
    "On a city where every case is called and the citizens' minds are known from the truth."
    sim = simulate(City(coverage=(1, 1), seed=7))
    first = sim.callbacks[sim.callbacks["round"] == "first"]
    p = pd.Series(sim.truth["realised"]["satisfied_at_first_close"])
    after = first.called_at >= "2022-02-17"
    odds = dict(no=sim.city.reach_odds, yes=sim.city.reach_odds * sim.city.reach_ratio)
    for when, g in (("before", first[~after]), ("after", first[after])):
        want = p[when] * odds["yes"] / (1 + odds["yes"]) + (1 - p[when]) * odds["no"] / (1 + odds["no"])
        within(g.reached.mean(), want, len(g))
        answers = g.satisfied.dropna()
        within(answers.mean(), p[when] * odds["yes"] / (1 + odds["yes"]) / want, len(answers))
        assert answers.mean() > p[when]


def test_a_city_without_campaign_shows_none():
    sim = simulate(City(campaign=None, reform=None, wobble=0))
    without = intensity(sim.city).sum(axis=1)
    n1 = (sim.cases.submitted_at >= "2022-02-17").sum()
    n0 = len(sim.cases) - n1
    ratio = n1 / n0 * without[without.index < "2022-02-17"].sum() / without[without.index >= "2022-02-17"].sum()
    assert abs(np.log(ratio)) < 4 * np.sqrt(1 / n0 + 1 / n1)
    share = (sim.cases.request_type == "suggestion").groupby(sim.cases.submitted_at >= "2022-02-17").agg(["mean", "size"])
    for mean, n in share.itertuples(index=False):
        within(mean, REQUESTS["suggestion"], n)
    assert set(sim.callbacks.surveyor[sim.callbacks["round"] == "first"]) == {"hotline"}
    assert all(u["shirk_before"] == u["shirk_after"] for u in sim.truth["units"].values())


def test_office_time_is_the_inverse_of_itself():
    rng = np.random.default_rng(0)
    t = np.datetime64("2021-01-01T00:00:00") + rng.integers(0, 3 * 365 * 86400, 5000).astype("m8[s]")
    hours = rng.exponential(20, 5000) + 0.02
    end = office_add(t, hours)
    assert np.abs(office_hours(t, end) - hours).max() < 2 / 3600 and (end > t).all()
    assert all(is_workday(d) for d in np.unique(end.astype("M8[D]")).tolist())


def test_festivals_are_days_off_and_the_profile_says_the_same():
    profile = tomllib.loads((DATA / "profiles" / "liuan.toml").read_text(encoding="utf-8"))
    days = np.concatenate([np.arange(f["start"], np.datetime64(f["end"]) + 1, dtype="M8[D]") for f in profile["spring_festivals"]])
    assert (days == FESTIVAL_DAYS).all()
    assert str(profile["campaign"]["start"]) == City().campaign
    assert [a["code"] for a in profile["areas"]] == list(simulate(City(n_cases=50)).truth["areas"])
    calendar = pytest.importorskip("chinese_calendar")
    assert all(calendar.is_holiday(d.item()) for d in days)


def test_a_bigger_city_is_made_of_the_same_functions():
    big = simulate(City(n_cases=30_000, towns=23))
    assert len(big.units) > 200 and big.units.unit.is_unique and len(big.events) > 8 * 30_000


def test_nothing_can_be_planted_on_an_unknown_unit():
    with pytest.raises(ValueError, match="no unit is called"):
        City(shirkers={"某局": 0.5})
    with pytest.raises(ValueError, match="no unit is called"):
        City(pairs=(("城管二局", "某局"),))
