"The tool that changes rooms: its changes are those that it says, and what is listed as making no difference is still in the code"

import tomllib

import pytest
from mutants import ROOT, STORE, mutants

EQUIVALENT = tomllib.loads((STORE / "equivalent.toml").read_text("utf-8"))

SOURCE = """
__all__ = ["f"]
LIMIT: int = 2
def f(t, n: int = 0):
    "At most 3"
    if t.x < n and not t.open:
        raise ValueError("no 4")
    return t.filter(t.x.lag().over(order_by=t.at) > 1.5).agg(n=t.y.max(), text=f"{n + 1}")
"""
CHANGES = """
the room: 2 → 3
the room: 2 → 1
f: 0 → 1
f: 0 → -1
f: t.x < n → t.x <= n
f: t.x < n and (not t.open) → t.x < n or not t.open
f: t.x < n and (not t.open) → not (t.x < n and (not t.open))
f: not t.open → t.open
f: raise ValueError('no 4') → nothing
f: t.filter(t.x.lag().over(order_by=t.at) > 1.5) → without filter
f: t.x.lag().over(order_by=t.at) > 1.5 → t.x.lag().over(order_by=t.at) >= 1.5
f: t.x.lag().over(… order_by=t.at) without it
f: t.x.lag() → lead
f: 1.5 → 2.5
f: t.y.max() → min
"""


def test_every_change_is_one_that_computes_and_stands_alone():
    found = mutants(SOURCE)
    assert sorted(m.what for m in found) == sorted(CHANGES.strip().splitlines())
    for m in found:
        lines = [(a, b) for a, b in zip(SOURCE.splitlines(), m.source.splitlines()) if a != b]
        assert len(lines) == 1 and lines[0][0] == SOURCE.splitlines()[m.line - 1], m.what


@pytest.mark.parametrize("room", EQUIVALENT)
def test_what_makes_no_difference_is_a_change_of_the_room_as_it_is(room):
    known = {m.what for m in mutants((ROOT / f"liuan_eval/{room}.py").read_text("utf-8"))}
    assert {row["what"] for row in EQUIVALENT[room]} <= known and all(row["why"] for row in EQUIVALENT[room])
