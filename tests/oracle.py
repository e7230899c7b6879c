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
            res.append(dict(unit=e.unit, entered_at=e.timestamp, left_at=closed_at, is_dispatcher=e.unit in dispatchers, events=[]))
        res[-1]["events"].append(e)
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


def times(spell, activity):
    return [e.timestamp for e in spell["events"] if e.activity == activity]


def marks(spells, hops, done):
    "What each stay of a case is counted as, in the order of the spells"
    own, res, asked = [s for s in spells if not s["is_dispatcher"]], [], {}
    for s in spells:
        i = own.index(s) if s in own else None
        hop = hops[i] if i is not None and i < len(hops) else None
        follows, before = hop and hop["to_unit"], own[i - 1]["unit"] if i else None
        later = [j for j, o in enumerate(own) if i is not None and j > i and o["unit"] == s["unit"]]
        asked.setdefault(s["unit"], []).extend(times(s, "designated"))
        across, tossed = bool(hop) and hop["kind"] == "lateral", bool(hop) and done is not None and s["unit"] == spells[-1]["unit"]
        middle = bool(hop) and before == follows != s["unit"]
        first, at = s["events"][0], spells.index(s)
        back, claims = times(s, "returned"), times(s, "claimed")
        sent = spells[at - 1]["events"][-1].timestamp if at and spells[at - 1]["is_dispatcher"] else None
        res.append(
            dict(
                dispatched_at=sent if first.activity == "claimed" else first.timestamp,
                returned_at=min(back, default=None),
                claimed_at=min(claims, default=None),
                kind=hop and hop["kind"],
                follows=follows,
                returned=bool(back),
                designated=bool(asked[s["unit"]]),
                defied=bool(back) and bool(asked[s["unit"]]) and max(back) >= min(asked[s["unit"]]),
                boomerang=tossed,
                boomerang_across=tossed and hop["kind"] not in ("down", "up"),
                pingpong=bool(hop) and hop["pingpong"],
                pingpong_across=bool(hop) and hop["pingpong"] and across,
                in_pingpong_across=(middle or (bool(hop) and hop["pingpong"])) and across,
                detour_across=across and bool(later) and later[0] > i + 2,
                delay_seconds=seconds(s["left_at"], s["entered_at"]) if across and not tossed else 0.0,
                revisit=i is not None and any(o["unit"] == s["unit"] for o in own[:i]),
            )
        )
    return res


def tallies(spells, found):
    "The numbers of a case: how many of its stays are each"
    of = list(zip(spells, found))
    n = lambda test: sum(bool(test(s, m)) for s, m in of)
    decided = lambda s, m: m["returned"] and m["follows"] is not None
    return dict(
        n_pingpong_across=n(lambda s, m: m["pingpong_across"]),
        n_boomerang_across=n(lambda s, m: m["boomerang_across"]),
        n_detours_across=n(lambda s, m: m["detour_across"]),
        n_decided=n(decided),
        n_upheld=n(lambda s, m: decided(s, m) and s["exit"] == "passed"),
        n_unjustified=n(lambda s, m: m["returned"] and (s["exit"] == "bounced" or m["boomerang"])),
        n_designated=n(lambda s, m: m["designated"] and not s["is_dispatcher"]),
        n_defied=n(lambda s, m: m["defied"]),
        n_returned=n(lambda s, m: m["returned"] and not s["is_dispatcher"]),
        **{f"n_{kind}": n(lambda s, m, kind=kind: m["kind"] == kind) for kind in ("lateral", "down", "up")},
        delay_seconds=sum(m["delay_seconds"] for m in found),
    )


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
