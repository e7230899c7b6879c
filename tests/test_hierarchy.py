"Ranks and structure against numerical minimisation, closed forms, networkx, and simulated truth"

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from city import MAPPING, city
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from liuan_eval.flow.graph import edges
from liuan_eval.flow.hierarchy import (
    _drawn,
    _expected,
    _flows,
    _numbers,
    communities,
    direction_test,
    ranking,
    ranking_of,
    springrank,
    structure,
    structure_of,
)
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.words.text import LogError

PAIRS = [(a, b) for a in "ABCDEF" for b in "ABCDEF" if a != b]
FLOWS = st.dictionaries(st.sampled_from(PAIRS), st.integers(1, 9), min_size=1, max_size=14)


def table(flows):
    return pd.DataFrame([dict(from_unit=a, to_unit=b, hops=n) for (a, b), n in flows.items()])


def graph(flows):
    g = nx.DiGraph()
    g.add_weighted_edges_from((a, b, n) for (a, b), n in flows.items())
    return g


def energy(s, flows):
    return sum(n * (s[a] - s[b] - 1) ** 2 for (a, b), n in flows.items()) / 2


@pytest.fixture(scope="module")
def small_city():
    events, cases, callbacks = city()
    return CaseLog.from_frame(events, cases=cases, callbacks=callbacks, mapping=MAPPING)


@settings(max_examples=60, deadline=None)
@given(FLOWS)
def test_ranks_are_where_scipy_optimize_finds_the_least_energy(flows):
    r = springrank(table(flows)).set_index("unit")
    names = list(r.index)
    best = optimize.minimize(lambda x: energy(dict(zip(names, x, strict=True)), flows), np.zeros(len(names)), method="BFGS", tol=1e-10)
    mine = energy(r["rank"], flows)
    assert mine == pytest.approx(best.fun, abs=1e-5)
    for part in nx.connected_components(graph(flows).to_undirected()):
        part = sorted(part)
        x = np.array([best.x[names.index(u)] for u in part])
        assert r["rank"][part].to_numpy() == pytest.approx(x - x.mean(), abs=1e-3)
        assert r["component"][part].nunique() == 1
    t = direction_test(table(flows), 9).iloc[0]
    assert t.energy * t.hops == pytest.approx(mine, abs=1e-9)
    assert t.components == r["component"].nunique() == nx.number_weakly_connected_components(graph(flows))


@settings(max_examples=60, deadline=None)
@given(FLOWS)
def test_reciprocity_circulation_and_one_way_streets_are_nested_and_agree_with_networkx(flows):
    names, a, b, w = _flows(table(flows))
    one_way, reciprocal, circular, inside, groups = _numbers(len(names), a, b, w, 0)
    total = sum(flows.values())
    assert reciprocal == sum(min(n, flows.get((b, a), 0)) for (a, b), n in flows.items())
    assert reciprocal <= circular + 1e-7 and circular <= total - one_way + 1e-7
    g = graph(flows)
    assert one_way / total == pytest.approx(nx.flow_hierarchy(g, weight="weight"))
    # the largest circulation by another algorithm: the cheapest one where every hop costs -1
    for _u, _v, d in g.edges(data=True):
        d |= dict(capacity=int(d["weight"]), cost=-1)
    assert circular == pytest.approx(-nx.cost_of_flow(g, nx.min_cost_flow(g, weight="cost"), weight="cost"))
    assert 1 <= groups <= len(names) and inside <= total


def test_modularity_is_that_of_networkx():
    rng = np.random.default_rng(2)
    flows = {(a, b): int(rng.integers(1, 9)) for a, b in PAIRS if rng.random() < 0.7}
    names, a, b, w = _flows(table(flows))
    *_, inside, groups = _numbers(len(names), a, b, w, 0)
    g = nx.relabel_nodes(graph(flows), {n: i for i, n in enumerate(names)})
    h = nx.DiGraph()
    h.add_nodes_from(range(len(names)))
    h.add_weighted_edges_from(zip(a.tolist(), b.tolist(), w.tolist(), strict=True))
    found = nx.community.louvain_communities(h, seed=0)
    assert len(found) == groups
    assert inside / w.sum() == pytest.approx(nx.community.modularity(g, found))


def test_a_planted_order_is_recovered_and_called_significant():
    "Hops drawn from the paper's own model: direction by a logistic in the difference of ranks"
    rng, truth = np.random.default_rng(4), np.linspace(2, -2, 20)
    flows = {}
    for _ in range(3000):
        i, j = rng.choice(20, 2, replace=False)
        if rng.random() > 1 / (1 + np.exp(-2 * 1.5 * (truth[i] - truth[j]))):
            i, j = j, i
        flows[f"{i:02}", f"{j:02}"] = flows.get((f"{i:02}", f"{j:02}"), 0) + 1
    r = springrank(table(flows)).set_index("unit")["rank"].sort_index()
    assert stats.spearmanr(r, truth).statistic > 0.98
    t = direction_test(table(flows)).iloc[0]
    assert t.p == t.smallest_p == 1 / 1000


def test_where_pairs_have_their_own_directions_and_no_order_p_is_uniform_and_the_energy_has_its_exact_mean():
    rng = np.random.default_rng(5)
    lo, hi = np.triu_indices(10, 1)
    n = rng.integers(1, 30, len(lo))
    ps = []
    for seed in range(200):
        up = rng.binomial(n, rng.beta(0.7, 0.7, len(lo)))
        e = pd.DataFrame(dict(from_unit=np.r_[lo, hi], to_unit=np.r_[hi, lo], hops=np.r_[up, n - up]))
        ps.append(direction_test(e, 199, seed).p.item())
    assert stats.kstest(ps, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.1
    laplace = np.zeros((10, 10))
    np.add.at(laplace, (lo, hi), -n)
    laplace += laplace.T
    inverse = np.linalg.pinv(laplace - np.diag(laplace.sum(1)))
    resistance = inverse[lo, lo] + inverse[hi, hi] - 2 * inverse[lo, hi]
    mean = (1 - ((2 * up - n) ** 2 * resistance).sum() / n.sum()) / 2
    assert direction_test(e, 4000).random.item() == pytest.approx(mean, abs=0.005)


def test_what_is_promised_of_the_order_is_kept_in_every_kind_of_pairs():
    from liuan_eval.flow.hierarchy import promises

    assert len(promises()) == 4 and all(p.kept for p in promises())


def walks(share, n, rng):
    "Edges and paths of n closed cases with one hop each, drawn from shares of flow"
    i, j = np.unravel_index(rng.choice(share.size, n, p=share.ravel()), share.shape)
    flows = pd.Series(list(zip((f"U{k}" for k in i), (f"U{k}" for k in j), strict=True))).value_counts()
    f = pd.DataFrame([dict(from_unit=a, to_unit=b, hops=k) for (a, b), k in flows.items()])
    return f, flows.rename_axis("path").rename("n").reset_index()


def walked(paths):
    "The same cases as a log"
    rows = [
        (f"{a} {b} {i}", f"2022-02-17 0{j}:00", u, "closed" if j else "replied")
        for (a, b), n in paths.itertuples(index=False)
        for i in range(n)
        for j, u in enumerate((a, b))
    ]
    return CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]))


def test_intervals_of_ranks_cover_the_ranks_of_the_flow_that_hops_were_drawn_from():
    rng = np.random.default_rng(6)
    share = rng.dirichlet(np.full(36, 2)).reshape(6, 6) * (1 - np.eye(6))
    share /= share.sum()
    flows = {(f"U{i}", f"U{j}"): share[i, j] for i in range(6) for j in range(6) if i != j}
    truth, hit = springrank(table(flows)).set_index("unit")["rank"], 0.0
    for seed in range(20):
        e, paths = walks(share, 400, rng)
        r = ranking_of(e, paths, 100, seed).set_index("unit").loc[truth.index]
        hit += ((r.low <= truth) & (truth <= r.high)).mean()
    assert 0.87 <= hit / 20 <= 0.99


def test_ranks_of_a_log_are_those_of_its_lateral_hops(small_city):
    e = edges(small_city)
    r = ranking(small_city, 50)
    pd.testing.assert_frame_equal(r.drop(columns=["low", "high"]), springrank(e[e.kind == "lateral"]), check_like=True)
    assert (r.low < r["rank"]).all() and (r["rank"] < r.high).all()
    assert r.passed.sum() == r.received.sum() == e.hops[e.kind == "lateral"].sum()


def test_random_flows_keep_what_every_unit_passes_and_receives_on_average():
    rng = np.random.default_rng(7)
    a, b, w = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 0, 2]), np.array([500.0, 400.0, 300.0, 200.0, 100.0])
    e, out, into = _expected(4, a, b, w), [], []
    for _run in range(300):
        x, y, v = _drawn(e, rng)
        assert (x != y).all() and v.sum() == w.sum()
        out.append(np.bincount(x, v, 4))
        into.append(np.bincount(y, v, 4))
    assert np.allclose(np.mean(out, axis=0), [600, 400, 300, 200], rtol=0.02)
    assert np.allclose(np.mean(into, axis=0), [200, 500, 500, 300], rtol=0.02)


def test_planted_communities_are_found_and_flows_without_pattern_stay_in_the_random_range():
    rng = np.random.default_rng(8)
    share = np.kron(np.eye(3), np.ones((4, 4))) * 20 + 1
    np.fill_diagonal(share, 0)
    e, paths = walks(share / share.sum(), 2000, rng)
    log = walked(paths)
    c = communities(log).set_index("unit")["community"]
    assert {frozenset(g) for g in c.groupby(c).groups.values()} == {frozenset(f"U{4 * k + i}" for i in range(4)) for k in range(3)}
    s = structure(log).set_index("measure")
    assert s.value["modularity"] > s.random_high["modularity"]
    assert structure_of(e, 1).numerator[:3].tolist() == pytest.approx(s.numerator[:3].tolist())
    strength = rng.dirichlet(np.full(12, 3))
    plain = np.outer(strength, strength) * (1 - np.eye(12))
    outside = []
    for seed in range(12):
        s = (
            structure_of(walks(plain / plain.sum(), 1500, rng)[0], seed=seed)
            .set_index("measure")
            .loc[["reciprocity", "circulation", "modularity"]]
        )
        outside += [*((s.value < s.random_low) | (s.value > s.random_high))]
    assert np.mean(outside) <= 0.2


def test_structure_of_a_log_by_hand():
    "A→B twice, B→A once, C→D once; delegation within the tree is left out"
    hops = ["AB", "AB", "BA", "CD", "XY"]
    rows = [(str(i), f"2022-02-17 0{j}:00", u, "closed" if j else "replied") for i, way in enumerate(hops) for j, u in enumerate(way)]
    units = [*(dict(unit=u) for u in "ABCD"), dict(unit="X", kind="county"), dict(unit="Y", kind="township", parent="X")]
    log = CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), units=units)
    s = structure(log, 5).set_index("measure")
    assert s.numerator[["flow_hierarchy", "reciprocity", "circulation"]].tolist() == pytest.approx([1, 2, 2])
    assert (s.denominator.iloc[:4] == 4).all() and s.value["communities"] == 2
    assert s.value["modularity"] == pytest.approx(1 - (9 + 1) / 16)
    c = communities(log).set_index("unit")
    assert c["community"].to_dict() == dict(A=1, B=1, C=2, D=2) and (c.inside_share == 1).all()
    assert (c.numerator.to_dict(), c.low["C"]) == (dict(A=3, B=3, C=1, D=1), pytest.approx(0.2065, abs=1e-4))


def test_a_log_without_lateral_hops_is_told_so():
    log = CaseLog.from_frame(pd.DataFrame(dict(case_id=["1"], timestamp=["2022-02-17"], unit=["A"], activity=["closed"])))
    for f in (ranking, structure, communities, lambda x: springrank(edges(x)), lambda x: direction_test(edges(x))):
        with pytest.raises(LogError, match="no order to look for"):
            f(log)


def test_649_groups_of_bpic2013_have_their_known_order_and_circles(data_dir):
    from conftest import ROOT

    log = read_log(next(data_dir("bpic2013_incidents").glob("*.xes.gz")), mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    t, s = direction_test(edges(log)).iloc[0], structure(log).set_index("measure").value
    ranking(log)
    assert (t.hops, t.pairs, t.units, t.components, t.p) == (9_454, 1_853, 628, 5, 0.001)
    assert s["reciprocity"] == pytest.approx(4_618 / 9_454) and s["circulation"] == pytest.approx(5_947 / 9_454)
