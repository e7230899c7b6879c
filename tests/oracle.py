"""Custody in plain loops, written from the text of DESIGN section 4 and not from the package: the tests compare the two.

Two refinements are documented in the notebooks `words` and `custody`: an activity that is no custody (a call, an urging)
moves nothing, and what happens after a case's closing holds no custody."""

from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

NO_CUSTODY = set("sent_back suspended resumed urged supervised assisted archived called reviewed lookback reopened note".split())
REOPENING = {"reopened", "sent_back"}


class Event(NamedTuple):
    case_id: str
    timestamp: datetime
    unit: str | None
    activity: str


def seconds(later, earlier):
    return None if later is None or earlier is None else (later - earlier).total_seconds()


def closing(events, complete, said):
    "(closing time or None, the events up to it); `events` are in order, `said` is the attribute closed_at"
    if said is not None and said >= events[0].timestamp:
        return said, [e for e in events if e.timestamp <= said]
    if complete:
        return events[-1].timestamp, events
    closed = [i for i, e in enumerate(events) if e.activity == "closed"]
    if not closed:
        return None, events
    if any(e.activity in REOPENING for e in events[closed[-1] + 1 :]):
        return None, events
    return events[closed[-1]].timestamp, events[: closed[-1] + 1]


def stays(events, closed_at, dispatchers):
    "Spells of one case as dicts"
    res = []
    for e in events:
        if e.unit is None or e.activity in NO_CUSTODY:
            continue
        if not res or res[-1]["unit"] != e.unit:
            if res:
                res[-1]["left_at"] = e.timestamp
            res.append(dict(unit=e.unit, entered_at=e.timestamp, left_at=closed_at, is_dispatcher=e.unit in dispatchers))
    for i, s in enumerate(res):
        own = [o["unit"] for o in res[i + 1 :] if not o["is_dispatcher"]]
        after = [o["unit"] for o in res[i + 1 :]]
        s["spell"] = i + 1
        # where the case went: for a unit the next unit, past dispatchers; for a dispatcher whoever came next
        s["next_unit"] = own[0] if own and not s["is_dispatcher"] else after[0] if after else None
        if not after:
            s["exit"] = "open" if closed_at is None else "resolved"
        else:
            s["exit"] = "bounced" if not s["is_dispatcher"] and own and own[0] == s["unit"] else "passed"
    return res


def above(unit, parent):
    res = []
    while parent.get(unit) and parent[unit] not in res and parent[unit] != unit:
        unit = parent[unit]
        res.append(unit)
    return res


def passes(spells, resolver, parent):
    "Hops of one case as dicts"
    own = [s for s in spells if not s["is_dispatcher"]]
    res = []
    for a, b in pairwise(own):
        kind = (
            "bounce"
            if a["unit"] == b["unit"]
            else "down"
            if a["unit"] in above(b["unit"], parent)
            else "up"
            if b["unit"] in above(a["unit"], parent)
            else "lateral"
        )
        res.append(
            dict(
                hop=len(res) + 1,
                from_unit=a["unit"],
                to_unit=b["unit"],
                at=b["entered_at"],
                held_seconds=seconds(a["left_at"], a["entered_at"]),
                via_dispatcher=b["spell"] - a["spell"] > 1,
                kind=kind,
                boomerang=a["unit"] == resolver,
                pingpong=False,
            )
        )
    for h, g in pairwise(res):
        h["pingpong"] = h["from_unit"] != h["to_unit"] and (g["from_unit"], g["to_unit"]) == (h["to_unit"], h["from_unit"])
    return res


def custody(events, dispatchers=(), complete=False, closed_at=None, submitted_at=None, parent=None):
    "(spells, hops, cases) as lists of dicts, from events in the order of their source"
    closed_at, submitted_at, parent = closed_at or {}, submitted_at or {}, parent or {}
    all_spells, all_hops, all_cases = [], [], []
    end = max(e.timestamp for e in events)
    for case_id in dict.fromkeys(e.case_id for e in events):
        own = sorted((e for e in events if e.case_id == case_id), key=lambda e: e.timestamp)  # stable: ties stay in the order of the source
        done, until = closing(own, complete, closed_at.get(case_id))
        spells = stays(until, done, dispatchers)
        units = [s for s in spells if not s["is_dispatcher"]]
        resolver = spells[-1]["unit"] if spells and done is not None else None
        hops = passes(spells, resolver, parent)
        opened = submitted_at.get(case_id) or own[0].timestamp
        n = len({s["unit"] for s in units})
        all_cases.append(
            dict(
                case_id=case_id,
                opened_at=opened,
                closed_at=done,
                first_unit=units[0]["unit"] if units else None,
                resolver=resolver,
                n_spells=len(units),
                n_units=n,
                n_hops=len(hops),
                n_pingpong=sum(h["pingpong"] for h in hops),
                n_bounced=sum(h["kind"] == "bounce" for h in hops),
                n_revisits=len(units) - n,
                limbo_seconds=seconds(units[-1]["entered_at"], units[0]["entered_at"]) if units and done is not None else None,
                duration_seconds=seconds(done or end, opened),
            )
        )
        all_spells += [dict(case_id=case_id, **s) for s in spells]
        all_hops += [dict(case_id=case_id, **h) for h in hops]
    return all_spells, all_hops, all_cases
