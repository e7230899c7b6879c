"The graph of departments against counts made by hand and by plain loops"

import random
from itertools import pairwise
from statistics import median

import networkx as nx
import pandas as pd
import pytest

from liuan_eval.flow.graph import edges, flow_graph, write_graph
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.text import LogError

UNITS = [
    dict(unit="H", kind="dispatcher"),
    dict(unit="县", kind="county", en="County"),
    dict(unit="乡", kind="township", parent="县"),
    dict(unit="A"),
    dict(unit="B"),
    dict(unit="闲"),
]


def log_of(paths, closed=True):
    rows = []
    for case, path in paths.items():
        at = pd.Timestamp("2022-02-17")
        for i, (unit, hours) in enumerate(path):
            rows.append((case, at, unit, "closed" if closed and i == len(path) - 1 else "replied"))
            at += pd.Timedelta(hours=hours)
    return CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), units=UNITS)


@pytest.fixture
def small():
    return log_of(
        dict(
            a=[("H", 1), ("A", 2), ("B", 4), ("A", 1)],  # ping-pong
            b=[("A", 6), ("H", 3), ("A", 5), ("B", 1)],  # a bounce, then on to B
            c=[("县", 8), ("乡", 1)],  # delegation
            d=[("H", 1)],
        )
    )  # the hotline answers


def test_edges_by_hand(small):
    e = edges(small).set_index(["from_unit", "to_unit"])
    assert e.loc[("A", "B")].to_dict() == dict(kind="lateral", hops=2, cases=2, median_hours=3.5, pingpongs=1, bounces=0)
    assert e.loc[("B", "A")].to_dict() == dict(kind="lateral", hops=1, cases=1, median_hours=4.0, pingpongs=0, bounces=0)
    assert e.loc[("A", "A")].to_dict() == dict(kind="bounce", hops=1, cases=1, median_hours=6.0, pingpongs=0, bounces=1)
    assert e.loc[("县", "乡")].to_dict() == dict(kind="down", hops=1, cases=1, median_hours=8.0, pingpongs=0, bounces=0)
    assert len(e) == 4


def test_nodes_by_hand(small):
    g = flow_graph(small)
    assert {n: (d["received"], d["passed"], d["resolved"]) for n, d in g.nodes(data=True)} == {
        "H": (3, 2, 1),
        "县": (1, 1, 0),
        "乡": (1, 0, 1),
        "A": (2, 2, 1),
        "B": (2, 1, 1),
    }
    assert g.nodes["县"] == dict(received=1, passed=1, resolved=0, kind="county", zh="县", en="County", is_dispatcher=False)
    assert g.nodes["A"]["kind"] == "" and g.nodes["H"]["is_dispatcher"] is True
    assert g.degree("H") == 0 and "闲" not in g
    assert g.graph == dict(source="DataFrame", simulated=False)


def test_against_loops():
    rng = random.Random(5)
    paths = {str(i): [(rng.choice("HAAB县乡"), rng.randint(1, 9)) for _ in range(rng.randint(1, 9))] for i in range(150)}
    hops, pingpongs = {}, {}
    for path in paths.values():
        spells = []  # unit, hours, right after the spell before
        for unit, h in path:
            if spells and spells[-1][0] == unit:
                spells[-1][1] += h
            else:
                spells.append([unit, h])
        spells = [s for s in spells if s[0] != "H"]
        steps = [((a[0], b[0]), a[1]) for a, b in pairwise(spells)]
        for pair, h in steps:
            hops.setdefault(pair, []).append(h)
        for (one, _), (two, _) in pairwise(steps):
            if one == two[::-1] and one[0] != one[1]:
                pingpongs[one] = pingpongs.get(one, 0) + 1
    e = edges(log_of(paths)).set_index(["from_unit", "to_unit"])
    assert e.hops.to_dict() == {k: len(v) for k, v in hops.items()}
    assert e.median_hours.to_dict() == pytest.approx({k: median(v) for k, v in hops.items()})
    assert e.pingpongs[e.pingpongs > 0].to_dict() == pingpongs
    assert e.bounces.sum() == sum(len(v) for (a, b), v in hops.items() if a == b)


def test_no_hops():
    log = log_of(dict(a=[("A", 1)], b=[("H", 1)]))
    assert edges(log).empty and edges(log).columns[0] == "from_unit"
    assert flow_graph(log).number_of_edges() == 0 and set(flow_graph(log)) == {"A", "H"}


@pytest.mark.parametrize("suffix", ["graphml", "gexf"])
def test_round_trip(small, tmp_path, suffix):
    g = flow_graph(small)
    path = write_graph(g, tmp_path / "new" / f"flow.{suffix}")
    back = getattr(nx, f"read_{suffix}")(path)
    assert set(back.nodes) == set(g.nodes) and set(back.edges) == set(g.edges)
    for n, d in g.nodes(data=True):
        assert d.items() <= back.nodes[n].items()
    for a, b, d in g.edges(data=True):
        assert d.items() <= back[a][b].items()


def test_missing_values_are_left_away(tmp_path):
    g = nx.DiGraph(source="x & <y>", simulated=True)
    g.add_node("A", kind=None, zh="甲", n=pd.NA)
    g.add_edge("A", "B", hops=1, median_hours=float("nan"), kind=None)
    for suffix in ("graphml", "gexf"):
        back = getattr(nx, f"read_{suffix}")(write_graph(g, tmp_path / f"flow.{suffix}"))
        assert "kind" not in back.nodes["A"] and back.nodes["A"]["zh"] == "甲" and "median_hours" not in back["A"]["B"]
    assert "SIMULATED" in (tmp_path / "flow.gexf").read_text("utf-8")
    f = pd.read_csv(write_graph(g, tmp_path / "flow.csv"))
    assert f.from_unit.tolist() == ["A"] and f.simulated.tolist() == ["SIMULATED 模拟数据"]


def test_no_edges_can_be_written(tmp_path):
    f = pd.read_csv(write_graph(flow_graph(log_of(dict(a=[("A", 1)]))), tmp_path / "flow.csv"))
    assert f.empty and f.columns.tolist() == ["from_unit", "to_unit", "kind", "hops", "cases", "median_hours", "pingpongs", "bounces"]


def test_csv_opens_in_excel(small, tmp_path):
    assert write_graph(flow_graph(small), tmp_path / "flow.CSV").read_bytes().startswith(b"\xef\xbb\xbf")


def test_unknown_ending(small, tmp_path):
    with pytest.raises(LogError, match=r"后缀.*\n.*\.graphml"):
        write_graph(flow_graph(small), tmp_path / "flow.png")
    assert not list(tmp_path.iterdir())
