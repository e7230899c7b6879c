"The chain of departments: against plain linear algebra, against counting, and on the Eclipse bug reports"

from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval import custody
from liuan_eval.flow import graph, tossing
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.truth.city import City, simulate

WAYS = st.lists(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6).map(tuple), min_size=1, max_size=12)


def table(ways):
    return pd.Series(ways).value_counts().rename_axis("path").reset_index(name="n")


@settings(max_examples=80, deadline=None)
@given(WAYS)
def test_the_chain_is_what_first_step_equations_say_and_its_mean_is_the_counted_one(ways):
    c = tossing.chain_of(table(ways), repeats=0)
    hops, stays, done = {}, {}, {}
    for w in ways:
        for i, u in enumerate(w):
            stays[u] = stays.get(u, 0) + 1
            if i + 1 < len(w):
                hops[u, w[i + 1]] = hops.get((u, w[i + 1]), 0) + 1
        done[w[-1]] = done.get(w[-1], 0) + 1
    h = c.units.set_index("unit").hops_to_resolution
    for u in stays:
        assert np.isclose(h[u], sum(k / stays[u] * (1 + h[b]) for (a, b), k in hops.items() if a == u))
    assert np.isclose(c.mean_hops, c.log_hops) and np.isclose(c.log_hops, np.mean([len(w) - 1 for w in ways]))
    assert {(r.from_unit, r.to_unit): r.hops for r in c.actual.itertuples()} == hops
    assert c.pingpongs == sum(w[i] == w[i + 2] != w[i + 1] for w in ways for i in range(len(w) - 2))
    goal = {}
    for w in ways:
        for u in set(w) - {w[-1]}:
            goal[u, w[-1]] = goal.get((u, w[-1]), 0) + 1
    assert {(r.unit, r.resolver): r.tosses for r in c.goal.itertuples()} == goal
    assert (c.ends.groupby("unit").probability.sum() <= 1 + 1e-9).all()


def test_where_cases_end_is_what_a_walk_through_the_chain_gives():
    ways = table([("A", "B", "A", "C"), ("A", "C"), ("B", "C"), ("C", "A"), ("B",), ("A", "A", "B")] * 3)
    c = tossing.chain_of(ways, repeats=0)
    rng, n = np.random.default_rng(1), 20_000
    out = {u: (g.to_unit.tolist(), g.probability.cumsum().to_numpy()) for u, g in c.actual.groupby("from_unit")}
    ends = {"A": 0, "B": 0, "C": 0}
    for _i in range(n):
        u = "A"
        while True:
            to, up_to = out.get(u, ([], np.zeros(1)))
            x = rng.random()
            if x >= up_to[-1]:
                break
            u = to[np.searchsorted(up_to, x, side="right")]
        ends[u] += 1
    p = c.ends[c.ends.unit == "A"].set_index("resolver").probability
    assert all(abs(ends[u] / n - p[u]) < 4 * np.sqrt(0.25 / n) for u in ends)


def test_the_bootstrap_holds_the_truth_about_as_often_as_it_claims():
    rng, hits = np.random.default_rng(2), []
    q = {"A": (("B", 0.4), ("C", 0.2)), "B": (("A", 0.3),), "C": ()}
    truth = np.linalg.solve(np.array([[1, -0.4, -0.2], [-0.3, 1, 0], [0, 0, 1]]), [0.6, 0.3, 0])
    for seed in range(60):
        ways = []
        for _i in range(150):
            way = [str(rng.choice(list("AAB")))]
            while True:
                x, u = rng.random(), None
                for to, p in q[way[-1]]:
                    if x < p:
                        u = to
                        break
                    x -= p
                if u is None:
                    break
                way.append(u)
            ways.append(tuple(way))
        t = tossing.chain_of(table(ways), repeats=120, seed=seed).units.set_index("unit")
        hits.append([t.low[u] <= h <= t.high[u] for u, h in zip("AB", truth)])
    assert 0.86 <= np.mean(hits) <= 1


def test_a_log_and_its_custody_agree():
    log = read_log()
    c, cases = tossing.tossing_chain(log, repeats=0), custody.cases(log).execute()
    done = cases[cases.closed_at.notna() & (cases.n_spells > 0)]
    assert c.n_cases == len(done) and np.isclose(c.log_hops, done.n_hops.mean()) and c.pingpongs == done.n_pingpong.sum()
    assert c.units.visits.sum() == done.n_spells.sum() and c.units.resolved.sum() == len(done)
    e = graph.edges(log)
    assert c.actual.hops.sum() <= e.hops.sum()


def test_the_straight_way_saves_what_loops_add_up():
    made = simulate(City(seed=5, n_cases=1_500))
    mapping = {k: v for k, v in made.mapping().items() if k != "tables"}
    log = CaseLog.from_frame(made.events, cases=made.cases, callbacks=made.callbacks, mapping=mapping)
    w = tossing.what_if_direct(log).set_index("measure")
    c = custody.coded_cases(log).execute()
    c = c[c.closed_at.notna() & (c.n_spells > 0)]
    s = custody.coded_spells(log).execute()
    s = s[s.case.isin(c.case) & s.kind.notna()]
    s = s.assign(hours=(s.next_at - s.entered_at).dt.total_seconds() / 3600)
    hours = s[s.kind.isin(["lateral", "bounce"])].groupby("case").hours.sum().reindex(c.case, fill_value=0)
    assert w.numerator["hops"] == (c.n_lateral + c.n_bounced).sum() and w.denominator["hops"] == len(c)
    assert np.isclose(w.numerator["hours"], hours.sum()) and np.isclose(
        w.numerator[["hours", "vertical_hours"]].sum(), c.limbo_seconds.sum() / 3600
    )
    assert np.isclose(w.high["hours"] - w.value["hours"], 1.96 * hours.std(ddof=0) / np.sqrt(len(c) - 1), rtol=1e-3)


def test_eclipse_bugs_have_the_published_tosses_and_edges_of_wu_liu_ma_2018(data_dir):
    folder = data_dir("tossing_eclipse")
    lines = [line for f in sorted((folder / "FilterResult_Eclipse").glob("*.csv")) for line in f.read_text("utf-8").splitlines() if line]
    ways = table([tuple(line.split(",")[1:]) for line in lines])
    tosses = ways.path.map(len) - 1
    assert ways.n.sum() == 199_960 and (ways.n * tosses).sum() == 131_503
    tossed = ways.n[tosses > 0].sum()
    assert tossed == 74_089 and round(100 * tossed / 199_960, 2) == 37.05 and round(131_503 / tossed, 3) == 1.775
    s = tossing.steps(ways)
    edges = {(s.units[a], s.units[b]) for a, b in zip(s.a, s.b)}
    published = pd.read_csv(folder / "features_input_tossingProb.csv")
    assert len(edges) == 18_083 and edges == set(zip(published.Devname1, published.Devname2))
    # their probabilities are no frequencies: an edge counts once for every place (length of path, position) in which it occurs at all
    places = {(a, b, len(p), i) for p in ways.path for i, (a, b) in enumerate(pairwise(p))}
    n = pd.DataFrame(list(places), columns=["a", "b", "length", "at"]).groupby(["a", "b"]).size()
    theirs = published.set_index(["Devname1", "Devname2"]).Tossingprob
    assert (n / n.groupby("a").transform("sum") - theirs.reindex(n.index)).abs().max() < 6e-4


def test_bpic2013_the_chain_of_649_teams_has_the_logs_mean_of_hops(data_dir):
    from conftest import ROOT

    path = next(data_dir("bpic2013_incidents").glob("*.xes.gz"))
    log = read_log(path, mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    c = tossing.tossing_chain(log, repeats=2)
    assert len(c.units) == 649 and np.isclose(c.mean_hops, 9454 / 7554) and c.pingpongs == 2394
