"Cases that hang together: which they are, what their sums come to in plain pandas, and that nothing changes where there are none"

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis import _
from steps import DISPATCHER, random_log

from liuan_eval import metrics
from liuan_eval.custody import cases
from liuan_eval.indicators.clusters import batched, cluster_words, clusters
from liuan_eval.indicators.coverage import as_if_clustered, promises
from liuan_eval.indicators.shapes import Count, Mean, Rate, Ratio, counted, shared, wilson
from liuan_eval.intake.log import CaseLog
from liuan_eval.truth.trials import NOT_SAID

URGED = Rate(case=_.n_hops > 1, among=_.n_spells > 0)
HOPS = Mean(case=_.n_hops, among=_.n_spells > 0)
LIMBO = Ratio(top=_.n_hops, bottom=_.n_spells, among=_.n_spells > 0)
MANY = Count(case=_.n_hops > 1, among=_.n_spells > 0)


def of(events, about):
    return CaseLog.from_frame(events, cases=about, dispatchers=[DISPATCHER], returned="unit_to_dispatcher")


def frame(log):
    "Cases with their cluster, by the words of the page"
    t = cases(log).execute()
    known, own = t.person_key.notna(), t.case_id
    week = t.opened_at.dt.to_period("W").astype(str)
    key = t.person_key.astype(str) + "|" + t.topic.fillna("").astype(str) + "|" + t.area.fillna("").astype(str) + "|" + week
    key = key.where(known, own)
    if "episode" in t:
        key = ("e" + t.episode.astype(str)).where(t.episode.notna(), key)
    return t.assign(key=key)[lambda f: f.n_spells > 0]


def effect(e, key, tells):
    "The design effect of residuals, in plain words"
    f = pd.DataFrame(dict(e=e, key=key))
    n, g = len(f), f.groupby("key").e
    pairs = (g.size() * (g.size() - 1)).astype(float)
    if pairs.sum() == 0:
        return 1.0
    cross = (g.sum() ** 2 - (f.e**2).groupby(f.key).sum()).sum()
    alike = max(cross, 0) / pairs.sum() / ((f.e**2).sum() / n) if (f.e**2).sum() > 0 else 1.0
    seen = pairs.sum() ** 2 / (pairs**2).sum() * tells
    return 1 + (seen * alike + 2) / (seen + 2) * pairs.sum() / n


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_sums_of_clusters_are_those_of_plain_pandas(seed, matters):
    events, about = random_log(seed, n=150)
    rng = np.random.default_rng(seed)
    if matters:
        about["episode"] = [f"m{i}" if i < 12 else None for i in rng.integers(0, 25, len(about))]
    log = of(events, about)
    t = frame(log)
    tables = {i: i(log, by="channel").assign(own=lambda g: g.channel.fillna("-")).set_index("own") for i in (URGED, HOPS, LIMBO, MANY)}
    for f in t.groupby(t.channel.fillna("-")):
        x = f[1].assign(hit=f[1].n_hops > 1)
        n, p, m = len(x), x.hit.mean(), x.n_hops.mean()
        at = lambda i, c=f[0]: tables[i].loc[c]
        even = (x.hit.sum() + 2) / (n + 4)
        few = min((np.sum(x.n_hops > 0) + 2) / (n + 4), 0.1)
        assert at(URGED).deff == pytest.approx(effect(x.hit - p, x.key, even * (1 - even)))
        assert at(HOPS).deff == pytest.approx(effect(x.n_hops - m, x.key, few))
        r = x.n_hops.sum() / x.n_spells.sum()
        assert at(LIMBO).deff == pytest.approx(effect(x.n_hops - r * x.n_spells, x.key, few))
        hits = x[x.hit].groupby("key").size()
        if len(hits):
            assert at(MANY).deff == pytest.approx((hits**2).sum() / hits.sum())


def test_where_no_case_has_company_nothing_is_added_and_nothing_changes():
    events, about = random_log(3, n=150)
    alone, nobody = of(events, about.assign(person_key=about.case_id)), of(events, about.drop(columns="person_key"))
    one, other = (
        metrics.compute(log, ["n_cases", "return_rate", "hops_per_case", "resolution_days"], by="channel") for log in (alone, nobody)
    )
    pd.testing.assert_frame_equal(one, other)
    assert "deff" not in one and batched(alone) is None and "person_key" in cluster_words(nobody)["en"]
    assert clusters(alone).execute().cluster.is_unique
    low, high = wilson(3, 30)
    assert shared(pd.DataFrame(dict(numerator=[3], denominator=[30])))[["low", "high"]].values.tolist() == [[low, high]]


def test_forty_of_one_matter_say_as_much_as_one_and_the_column_says_so():
    lamp = pd.DataFrame(dict(case_id=[f"l{i}" for i in range(40)], episode="lamp", late=True))
    rest = pd.DataFrame(dict(case_id=[f"r{i}" for i in range(60)], episode=None, late=False))
    about = pd.concat([lamp, rest], ignore_index=True).assign(submitted_at=pd.Timestamp("2022-03-01"))
    events = about[["case_id"]].assign(timestamp=pd.Timestamp("2022-03-01"), unit="A", activity="dispatched")
    more = events[about.late].assign(timestamp=pd.Timestamp("2022-03-02"), unit="B")
    f = Rate(case=_.n_hops > 0)(CaseLog.from_frame(pd.concat([events, more]), cases=about.drop(columns="late"))).iloc[0]
    assert (f.numerator, f.denominator) == (40, 100) and f.deff > 16
    low, high = wilson(40, 100)
    assert f.low < low / 2 and f.high > high * 1.3
    words = metrics.header("deff", "en"), metrics.header("deff", "zh")
    assert words == ("Design effect", "设计效应")


def test_a_share_that_cannot_vary_has_no_design_effect():
    events, about = random_log(5, n=150)
    about["person_key"] = [f"p{i}" for i in np.random.default_rng(5).integers(0, 4, len(about))]
    log = of(events, about)
    f = metrics.compute(log, ["delay_share", "delay_hours"]).set_index("indicator")
    assert f.loc["delay_share", ["value", "low", "high", "deff"]].tolist() == [1, 1, 1, 1] and f.deff["delay_hours"] > 1


def test_a_unit_of_which_nothing_is_known_to_be_positive_has_an_interval_and_one_of_few_cases_none():
    rng = np.random.default_rng(1)
    n = dict(A=45, B=200, C=12)
    rows = [(f"{u}{i}", u, u != "A" and rng.random() < 0.3) for u, k in n.items() for i in range(k)]
    about = pd.DataFrame(rows, columns=["case_id", "channel", "goes"])
    events = about[["case_id"]].assign(timestamp=pd.Timestamp("2022-03-01"), unit="X", activity="dispatched")
    more = events[about.goes].assign(timestamp=pd.Timestamp("2022-03-02"), unit="Y")
    log = CaseLog.from_frame(pd.concat([events, more]), cases=about[["case_id", "channel"]])
    f = HOPS(log, by="channel").set_index("channel")
    assert (f.value["A"], f.low["A"]) == (0, 0) and 0.02 < f.high["A"] < 0.1
    assert f.low["B"] > 0 and f[["low", "high"]].isna().all(axis=1).to_dict() == dict(A=False, B=False, C=True)


def test_widened_is_what_a_design_effect_would_do():
    f = shared(pd.DataFrame(dict(numerator=[30], denominator=[300])))
    assert as_if_clustered(f, 5)[["low", "high"]].values.ravel() == pytest.approx(np.ravel(wilson(6, 60)))
    g = counted(pd.DataFrame(dict(numerator=[80])))
    assert as_if_clustered(g, 2).high[0] > g.high[0] and as_if_clustered(g, 1)[["low", "high"]].equals(g[["low", "high"]])


def test_what_is_not_kept_is_said():
    rows = promises()
    assert len(rows) > 60 and not [p.what.en for p in rows if not p.kept and p.said == NOT_SAID]
    assert {p.said != NOT_SAID for p in rows if "nobody known" in p.what.en} == {True}
