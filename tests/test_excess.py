"Flows against chance and against the time before: margins, known references, and the promises of the tests kept on simulated flows"

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, fisher_exact, hypergeom

from liuan_eval.flow import excess
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.truth.city import City
from liuan_eval.words.text import LogError

FLOWS = st.dictionaries(
    st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE")).filter(lambda p: p[0] != p[1]), st.integers(1, 30), min_size=1
)


def counts(flows, stratum=""):
    return pd.DataFrame(
        [(stratum, a, b, n, n) for (a, b), n in flows.items()], columns=["stratum", "from_unit", "to_unit", "cases", "hops"]
    )


@settings(max_examples=60, deadline=None)
@given(FLOWS)
def test_expected_flows_keep_what_units_give_and_receive_and_stay_off_the_diagonal(flows):
    t = counts(flows)
    a, b = sorted(set(t.from_unit)), sorted(set(t.to_unit))
    x = t.pivot_table(index="from_unit", columns="to_unit", values="cases", fill_value=0).loc[a, b].to_numpy(float)
    allowed = np.array([[u != w for w in b] for u in a])
    e = excess.quasi_independent(x, allowed)
    assert np.allclose(e.sum(axis=1), x.sum(axis=1), rtol=1e-2, atol=0.05) and np.allclose(
        e.sum(axis=0), x.sum(axis=0), rtol=1e-2, atol=0.05
    )
    assert (e[~allowed] == 0).all()


def test_without_structural_zeros_the_tail_is_close_to_fishers_exact_test():
    for a, b, c, d in ((12, 5, 6, 20), (3, 1, 2, 9), (40, 60, 50, 200)):
        n, e = a + b + c + d, (a + b) * (a + c) / (a + b + c + d)
        v = e * (1 - e / (a + b)) * (1 - e / (a + c))
        got = excess._tail(np.array([float(a)]), np.array([e]), np.array([v]))[0]
        want = fisher_exact([[a, b], [c, d]], alternative="greater")[1]
        assert np.isclose(want, hypergeom.sf(a - 1, n, a + b, a + c)) and 0.6 < got / want < 1.6
    assert np.isclose(excess._tail(np.array([4.0]), np.array([2.0]), np.array([1.6]))[0], binom.sf(3, 10, 0.2))


def test_benjamini_and_hochberg_1995_reject_four_of_their_fifteen(data_dir):
    p = pd.read_csv(data_dir("bh1995_pvalues") / "bh1995.csv").iloc[:, -1].to_numpy()
    assert (false_discovery_control(p) <= 0.05).sum() == 4  # what excess_of uses


def test_pairs_without_flow_count_among_the_possible_ones():
    flows = {("A", "B"): 5, ("B", "C"): 5, ("C", "A"): 5, ("A", "C"): 1}
    r = excess.excess_of(counts(flows))
    assert r.attrs["pairs"] == 6 and np.allclose(r.q, false_discovery_control(np.r_[r.p, 1.0, 1.0])[:4])


def test_units_above_and_below_each_other_have_no_lateral_flow_to_expect():
    flows = {("A", "B"): 5, ("A", "C"): 5, ("B", "C"): 5, ("C", "A"): 5}
    r = excess.excess_of(counts(flows), frozenset({("B", "A"), ("A", "B")}) - {("A", "B")})
    assert r.attrs["pairs"] == 5


def test_within_strata_what_a_topic_explains_is_no_excess():
    one = {(a, b): 20 for a in "AB" for b in "AB" if a != b}
    two = {(a, b): 20 for a in "CD" for b in "CD" if a != b}
    mixed = pd.concat([counts(one, "x"), counts(two, "y")])
    assert (excess.excess_of(mixed.assign(stratum="")).q < 0.05).all() and (excess.excess_of(mixed).p > 0.4).all()


def ways(rng, n, rate, after):
    k = rng.binomial(n, rate)
    return [(("A", "B", "A", "B"), after, k), (("A",), after, n - k)]


def test_a_difference_is_standardised_to_the_cases_after():
    rows = []
    for stratum, (n0, k0), (n1, k1) in (("x", (100, 10), (50, 10)), ("y", (10, 5), (150, 60))):
        rows += [
            (("A", "B"), stratum, False, k0),
            (("A",), stratum, False, n0 - k0),
            (("A", "B"), stratum, True, k1),
            (("A",), stratum, True, n1 - k1),
        ]
    t = pd.DataFrame(rows, columns=["path", "stratum", "after", "n"])
    r = excess.change_of(t, repeats=99).iloc[0]
    assert np.isclose(r.difference, 50 / 200 * (0.2 - 0.1) + 150 / 200 * (0.4 - 0.5)) and (r.before, r.after, r.n_before, r.n_after) == (
        15,
        70,
        110,
        200,
    )


def test_permutation_of_cases_keeps_its_size_and_finds_what_is_there():
    rng, columns = np.random.default_rng(4), ["path", "after", "n"]

    def p(rates, seed):
        t = pd.DataFrame(ways(rng, 300, rates[0], False) + ways(rng, 300, rates[1], True), columns=columns).assign(stratum="")
        return excess.change_of(t, repeats=199, seed=seed).p_family.min()

    assert np.mean([p((0.06, 0.06), s) <= 0.05 for s in range(120)]) < 0.11
    assert np.mean([p((0.06, 0.16), s) <= 0.05 for s in range(20)]) > 0.8


def test_p_of_a_single_flow_is_the_hypergeometric_one():
    t = pd.DataFrame(
        [(("A", "B"), False, 3), (("A",), False, 17), (("A", "B"), True, 9), (("A",), True, 11)], columns=["path", "after", "n"]
    )
    r = excess.change_of(t.assign(stratum=""), repeats=20_000).iloc[0]
    x = np.arange(0, 13)
    far = np.abs(x / 20 - (12 - x) / 20) >= 0.3 - 1e-9
    want = hypergeom.pmf(x, 40, 12, 20)[far].sum()
    assert abs(r.p - want) < 0.01 and np.isclose(r.p, r.p_family)


def test_the_planted_pairs_are_in_excess_of_their_volumes():
    f = excess.excess_flows(read_log()).head(6)
    found = {frozenset(p) for p in zip(f.from_unit, f.to_unit)}
    assert all(frozenset(p) in found for p in City().pairs)


def test_what_cannot_be_asked_is_said():
    still = CaseLog.from_frame(pd.DataFrame(dict(case_id=["1"], timestamp=["2022-02-17"], unit=["A"], activity=["closed"])))
    for call in (excess.excess_flows, excess.changed_flows, lambda log: excess.changed_flows(log, "2030-01-01")):
        with pytest.raises(LogError) as e:
            call(still)
        assert e.value.text.zh != e.value.text.en


def test_bpic2013_with_649_teams_is_answered(data_dir):
    from conftest import ROOT

    path = next(data_dir("bpic2013_incidents").glob("*.xes.gz"))
    log = read_log(path, mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    f = excess.excess_flows(log)
    assert f.hops.sum() == 9454 and f.attrs["pairs"] > 300_000
    change = excess.changed_flows(log, "2012-05-02", repeats=199)
    assert len(change) == len(f)
