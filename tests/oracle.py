"""Custody in plain loops, written from the text of DESIGN section 4 and of the pages `runs`, `overlaps` and `threads`, not from the package: the tests compare the two.

Some refinements are documented there: an activity that is no custody (a call, an urging) moves nothing, what happens after a case's closing holds no custody,
a unit that is given a case again after its return has a new spell, and units may hold a case together."""

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


def closing(events, complete, said, beside=()):
    "(closing time or None, the events up to it); `events` are in order, `said` is the attribute closed_at"
    if said is not None and said >= events[0].timestamp:
        return said, [e for e in events if e.timestamp <= said]
    if complete:
        return events[-1].timestamp, events
    closed = [i for i, e in enumerate(events) if e.activity == "closed" and i not in beside]
    if not closed:
        return None, events
    if any(e.activity in REOPENING for e in events[closed[-1] + 1 :]):
        return None, events
    return events[closed[-1]].timestamp, events[: closed[-1] + 1]


OWN = set("claimed contacted replied extended returned closed".split())


def helping(events, dispatchers):
    "The places of the rows of units that assist, from the words of the page `runs`, and of dispatchers about their parts; none where nobody else has the case"
    named = {(e.unit, e.timestamp) for e in events if e.activity == "assisted"}
    own = lambda e: e.unit is not None and e.unit not in dispatchers
    moved = [e for e in events if own(e) and e.activity not in NO_CUSTODY]
    first = next((e.unit for e in [e for e in moved if (e.unit, e.timestamp) not in named or e.activity != "dispatched"] + moved), None)
    assists, has, res, led, part = set(), None, set(), False, False  # `part`: one that assists has returned its part
    for at, e in enumerate(events):
        if e.activity in NO_CUSTODY - {"assisted"}:
            continue
        u, gives = e.unit, e.activity not in OWN | NO_CUSTODY
        back, routed = has is not None and has.activity == "returned", has is not None and has.unit in dispatchers
        leads = has is not None and not back and not routed
        if own(e):
            if e.activity == "assisted" and not (has is not None and has.unit == u and not back):
                assists.add(u)
            elif e.activity == "dispatched" and (u, e.timestamp) in named and u != first and not back:
                assists.add(u)
            elif gives and part and leads and has.unit != u:
                assists.add(u)
            elif gives and e.activity != "return_rejected" and (e.activity != "dispatched" or not leads):
                assists.discard(u)
            if u in assists:
                res.add(at)
            if gives or u in assists or e.activity == "assisted":
                part = u in assists and e.activity == "returned"
        elif u is not None and part and leads and e.activity not in ("assisted", "closed"):
            res.add(at)
        if e.activity not in NO_CUSTODY and at not in res and (u is not None or e.activity == "returned"):
            has, led = e, led or own(e)
    return res if led else set()


def stretches(events, dispatchers, beside=()):
    "Runs of one case as dicts"
    res, unit, before = [], None, None
    for at, e in enumerate(events):
        if e.activity in NO_CUSTODY or (e.unit is None and e.activity not in ("returned", "return_rejected")):
            continue
        last, said, unit = unit, e.unit is not None, e.unit or unit
        if unit is None or at in beside:
            unit = last
            continue
        gives = e.activity not in OWN
        given = gives or (e.activity == "claimed" and last in dispatchers)
        again = gives and last == unit and unit not in dispatchers and res[-1]["back"]
        if last != unit or again:
            came = before.timestamp if last in dispatchers else None
            res.append(
                dict(
                    unit=unit,
                    rows=[],
                    given=given,
                    sent=e.activity == "dispatched",
                    back=False,
                    came=came,
                    is_dispatcher=unit in dispatchers,
                )
            )
        run = res[-1]
        run["back"] = e.activity == "returned" or (run["back"] and not gives)
        run["rows"].append((at, e, said, given))
        before = e
    return res


def pos(runs, test):
    "The last row of some runs of which something is true, -1 where there is none"
    return max((at for r in runs for at, e, said, given in r["rows"] if test(e, given)), default=-1)


def overlapping(runs, clock):
    "(place of the run, evident, at once) for each run that begins while another unit may have the case too"
    own = [r for r in runs if not r["is_dispatcher"]]
    if not any(r["given"] or any(e.activity == "claimed" for _, e, _, _ in r["rows"]) for r in own):
        return at_once(runs, clock)

    def mine(i):
        return [o for o in own[:i] if o["unit"] == own[i]["unit"]]

    def holds(i):
        earlier = mine(i)
        if not earlier or own[i - 1]["unit"] == own[i]["unit"]:
            return False
        gave, back = pos(earlier, lambda e, given: given), pos(earlier, lambda e, given: e.activity == "returned")
        return (gave if gave >= 0 else earlier[0]["rows"][0][0]) > back

    def free(i):
        earlier = mine(i)
        gave, back = pos(earlier, lambda e, given: given), pos(earlier, lambda e, given: e.activity == "returned")
        return bool(earlier) and not own[i]["given"] and (gave if gave >= 0 else earlier[0]["rows"][0][0]) > back

    res, chain = [], False
    for i, r in enumerate(own):
        if not holds(i):
            chain = False
            continue
        other = [o for o in own[:i] if o["unit"] == own[i - 1]["unit"]]
        later = next((k for k in range(i, len(own)) if own[k]["unit"] == own[i - 1]["unit"]), None)
        last = max(k for k in range(i) if own[k]["unit"] == r["unit"])
        answered = pos(other, lambda e, given: e.activity in ("replied", "closed")) > pos(other, lambda e, given: given)
        sent = [max((o["rows"][0][1].timestamp for o in some if o["sent"]), default=None) for some in (other, [*mine(i), r])]
        idle = own[i - 1]["sent"] and own[i - 1]["rows"][-1][3] and any(o["sent"] for o in mine(i))
        never = pos(other, lambda e, given: given) < 0
        told = idle or never or answered or (later is not None and free(later)) or (holds(last + 1) and free(last + 1))
        once = clock and sent[0] is not None and sent[0] == sent[1]
        claims = any(e.activity == "claimed" and e.timestamp == r["rows"][0][1].timestamp for _, e, _, _ in r["rows"])
        chain = chain or (told and not r["given"]) or (once and (claims or r["sent"] or not r["given"]))
        if chain or not r["given"]:
            res.append((runs.index(r), chain, False))
    return res + [o for o in at_once(runs, clock) if o[0] not in {i for i, _, _ in res}]


def at_once(runs, clock):
    res, groups = [], {}
    for i, r in enumerate(runs):
        if r["sent"] and not r["is_dispatcher"]:
            groups.setdefault(r["rows"][0][1].timestamp, []).append(i)
    for some in groups.values() if clock else ():
        units, backs = {runs[i]["unit"] for i in some}, [i for i in some if any(e.activity == "returned" for _, e, _, _ in runs[i]["rows"])]
        if len(units) > 1 and some[-1] - some[0] == len(units) - 1 and backs in ([], [some[-1]]):
            res += [(i, True, True) for i in some[1:]]
    return res


def stays(events, closed_at, dispatchers, together="evidence", clock=True, beside=()):
    "Spells of one case as dicts"
    runs = stretches(events, dispatchers, beside)
    found = [] if together == "never" else [o for o in overlapping(runs, clock) if o[1] or together == "always"]
    joins, alone = {i for i, _, once in found if not once}, {i for i, _, once in found if once}
    res = []
    for i, r in enumerate(runs):
        if i in joins:
            next(s for s in reversed(res) if s["unit"] == r["unit"])["rows"].extend(r["rows"])
        else:
            res.append(r | dict(rows=[*r["rows"]], at_once=i in alone))
    steps = [(s["rows"][0][0], 0, i) for i, s in enumerate(res)] + [(s["rows"][-1][0], 1, i) for i, s in enumerate(res)]
    let_go, chain = [], {}
    for _, ends, i in sorted(steps):
        if ends:
            let_go.append(i)
        else:
            chain[i] = chain[let_go.pop()] if let_go and not res[i]["at_once"] else i
    lasts, ids = {}, []
    for i, s in enumerate(res):
        before = lasts.get(chain[i])
        returned = before and pos([before], lambda e, given: e.activity == "returned") > pos([before], lambda e, given: given)
        if before and before["unit"] == s["unit"] and not returned:  # it goes on
            before["rows"].extend(s["rows"])
        else:
            lasts[chain[i]] = s
            ids.append(i)
    chain, res = {n: chain[i] for n, i in enumerate(ids)}, [res[i] for i in ids]
    roots = sorted(
        {*chain.values()}, key=lambda k: (min((i for i in chain if chain[i] == k and not res[i]["is_dispatcher"]), default=99), k)
    )
    for i, s in enumerate(res):
        said = [e for _, e, said, _ in s["rows"] if said]
        s |= dict(
            thread=roots.index(chain[i]) + 1,
            spell=i + 1,
            entered_at=s["rows"][0][1].timestamp,
            events=[e for _, e, _, _ in s["rows"]],
            said=said,
        )
    closer = max(((at, s["thread"]) for s in res for at, e, _, _ in s["rows"] if e.activity == "closed"), default=(0, 1))[1]
    for s in res:
        s["ends"] = s["thread"] == (closer if found else 1)
        after = [o for o in res if o["thread"] == s["thread"] and o["spell"] > s["spell"]]
        own = [o["unit"] for o in after if not o["is_dispatcher"]]
        replied = max((e.timestamp for e in s["events"] if e.activity in ("replied", "closed")), default=None)
        back = max((e.timestamp for e in s["said"] if e.activity == "returned"), default=None)
        s["gave_back"] = not s["ends"] and not after and back is not None and (replied is None or back >= replied)
        last = back if s["gave_back"] else closed_at if s["ends"] or s["thread"] == 1 or replied is None else replied
        s["left_at"] = after[0]["entered_at"] if after else last
        # where the case went: for a unit the next unit, past dispatchers; for a dispatcher whoever came next
        s["next_unit"] = own[0] if own and not s["is_dispatcher"] else after[0]["unit"] if after else None
        if not after:
            s["exit"] = "open" if closed_at is None else "resolved" if s["ends"] else "assisted"
        else:
            s["exit"] = "bounced" if not s["is_dispatcher"] and own and own[0] == s["unit"] else "passed"
    return res


def above(unit, parent):
    res = []
    while parent.get(unit) and parent[unit] not in res and parent[unit] != unit:
        unit = parent[unit]
        res.append(unit)
    return res


def of_thread(spells, s):
    "The spells of units in a spell's thread"
    return [o for o in spells if o["thread"] == s["thread"] and not o["is_dispatcher"]]


def passes(spells, done, parent):
    "Hops of one case as dicts"
    res, n = [], 0
    for thread in sorted({s["thread"] for s in spells}):
        line = [s for s in spells if s["thread"] == thread]
        own, first = [s for s in line if not s["is_dispatcher"]], len(res)
        n += bool(own)
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
                    hop=len(res) + n,  # the last spell of a thread has a number and no hop
                    from_unit=a["unit"],
                    to_unit=b["unit"],
                    at=b["entered_at"],
                    held_seconds=seconds(a["left_at"], a["entered_at"]),
                    via_dispatcher=line.index(b) - line.index(a) > 1,
                    kind=kind,
                    boomerang=done is not None and a["unit"] == line[-1]["unit"],
                    pingpong=False,
                    spell=a["spell"],
                )
            )
        for h, g in pairwise(res[first:]):
            h["pingpong"] = h["from_unit"] != h["to_unit"] and (g["from_unit"], g["to_unit"]) == (h["to_unit"], h["from_unit"])
    return res


def hands(events, spells, dispatchers, closed_at):
    "The hands of one case as dicts, from the words of the page `hands`; `events` are all of the case, in order, `stays`: the unit had it to the end"
    n = len({s["thread"] for s in spells if not s["is_dispatcher"]})
    res = [
        dict(
            unit=s["unit"],
            thread=s["thread"],
            lead=s["thread"] == 1,
            assists=False,
            entered_at=s["entered_at"],
            claimed_at=min(times(s, "claimed"), default=None),
            replied_at=max(times(s, "replied") + times(s, "closed"), default=None),
            left_at=s["left_at"],
            stays=s["exit"] in ("open", "resolved", "assisted") and not s["gave_back"],
        )
        for s in spells
        if not s["is_dispatcher"]
    ]
    stints = {}
    for at in sorted(helping(events, dispatchers)):
        if events[at].unit not in dispatchers:
            stints.setdefault(events[at].unit, []).append(events[at])
    for i, (unit, rows) in enumerate(stints.items()):
        at = lambda *acts, rows=rows: [e.timestamp for e in rows if e.activity in acts]
        took = min((s["entered_at"] for s in spells if s["unit"] == unit and s["entered_at"] >= rows[-1].timestamp), default=None)
        replied, back = max(at("replied", "closed"), default=None), rows[-1].timestamp if rows[-1].activity == "returned" else None
        res.append(
            dict(
                unit=unit,
                thread=n + i + 1,
                lead=False,
                assists=True,
                entered_at=rows[0].timestamp,
                claimed_at=min(at("claimed"), default=None),
                replied_at=replied,
                left_at=took or back or replied or closed_at,
                stays=took is None and back is None,
            )
        )
    return res


def late(hand, due, end):
    "Whether a hand answered late; None where it did not keep the case or nothing was due yet"
    done = hand["replied_at"] or hand["left_at"]
    if due is None or not hand["stays"] or (done is None and due > end):
        return None
    return (done or end) > due


def replies(own):
    "(number of hands, first and last reply) of a case: of each thread and each assisting unit its last"
    last = {}
    for h in own:
        last[h["thread"]] = max((t for t in (last.get(h["thread"]), h["replied_at"]) if t is not None), default=None)
    said = [t for t in last.values() if t is not None]
    return len(last), min(said, default=None), max(said, default=None)


def times(spell, activity):
    return [e.timestamp for e in spell["events" if activity != "returned" else "said"] if e.activity == activity]


def marks(spells, hops, done):
    "What each stay of a case is counted as, in the order of the spells"
    res, asked, sent = [], {}, {s["spell"]: h for h in hops for s in spells if s["spell"] == h["spell"]}
    for s in spells:
        own = of_thread(spells, s)
        line = [o for o in spells if o["thread"] == s["thread"]]
        i = own.index(s) if s in own else None
        hop = sent.get(s["spell"])
        follows, before = hop and hop["to_unit"], own[i - 1]["unit"] if i else None
        later = [j for j, o in enumerate(own) if i is not None and j > i and o["unit"] == s["unit"]]
        asked.setdefault((s["thread"], s["unit"]), []).extend(times(s, "designated"))
        across, tossed = bool(hop) and hop["kind"] == "lateral", bool(hop) and done is not None and s["unit"] == line[-1]["unit"]
        middle = bool(hop) and before == follows != s["unit"]
        first, (back, claims) = s["events"][0], (times(s, "returned"), times(s, "claimed"))
        res.append(
            dict(
                dispatched_at=s["came"] if first.activity == "claimed" else first.timestamp,
                returned_at=min(back, default=None),
                claimed_at=min(claims, default=None),
                kind=hop and hop["kind"],
                follows=follows,
                returned=bool(back),
                designated=bool(asked[s["thread"], s["unit"]]),
                defied=bool(back) and bool(asked[s["thread"], s["unit"]]) and max(back) >= min(asked[s["thread"], s["unit"]]),
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


def custody(events, dispatchers=(), complete=False, closed_at=None, submitted_at=None, parent=None, together="evidence", clock=True):
    "(spells, hops, cases) as lists of dicts, from events in the order of their source"
    closed_at, submitted_at, parent = closed_at or {}, submitted_at or {}, parent or {}
    all_spells, all_hops, all_cases = [], [], []
    end = max(e.timestamp for e in events)
    for case_id in dict.fromkeys(e.case_id for e in events):
        own = sorted((e for e in events if e.case_id == case_id), key=lambda e: e.timestamp)  # stable: ties stay in the order of the source
        beside = helping(own, dispatchers)
        done, until = closing(own, complete, closed_at.get(case_id), beside)
        spells = stays(until, done, dispatchers, together, clock, beside)
        units, ending = [s for s in spells if not s["is_dispatcher"]], [s for s in spells if s["ends"]]
        lead = [s for s in ending if not s["is_dispatcher"]]
        resolver = ending[-1]["unit"] if ending and done is not None else None
        hops = passes(spells, done, parent)
        opened = submitted_at.get(case_id) or own[0].timestamp
        n = len({(s["thread"], s["unit"]) for s in units})
        all_cases.append(
            dict(
                case_id=case_id,
                opened_at=opened,
                closed_at=done,
                first_unit=next((s["unit"] for s in units if s["thread"] == 1), None),
                resolver=resolver,
                n_spells=len(units),
                n_units=n,
                n_hops=len(hops),
                n_pingpong=sum(h["pingpong"] for h in hops),
                n_bounced=sum(h["kind"] == "bounce" for h in hops),
                n_revisits=len(units) - n,
                limbo_seconds=seconds(lead[-1]["entered_at"], lead[0]["entered_at"]) if lead and done is not None else None,
                duration_seconds=seconds(done or end, opened),
            )
        )
        all_spells += [dict(case_id=case_id, **s) for s in spells]
        all_hops += [dict(case_id=case_id, **h) for h in hops]
    return all_spells, all_hops, all_cases


class Stay(NamedTuple):
    case_id: str
    unit: str
    came: datetime
    left: datetime | None  # None: it has not ended
    outcome: str | None


def side_by_side(stays):
    "(threads as lists of (unit, came), hops as (from, to, at, ping-pong)) of the stays of one case, from their intervals"
    points = [(s.came, 1, 2 * i, i) for i, s in enumerate(stays)]
    points += [(s.left, int(s.left == s.came), 2 * i + 1, i) for i, s in enumerate(stays) if s.left is not None]
    points.sort()
    closed = max((n for n, (*_, row, i) in enumerate(points) if row % 2 and stays[i].outcome == "closed"), default=len(points))
    lines, let_go, of = [], [], {}
    for _, _, row, i in points[: closed + 1]:
        if row % 2:
            let_go.append(of[i])
        else:
            of[i] = let_go.pop() if let_go else len(lines)
            lines += [[]] if of[i] == len(lines) else []
            before = lines[of[i]][-1:]
            if not before or before[0].unit != stays[i].unit or before[0].outcome == "returned":  # else it goes on
                lines[of[i]].append(stays[i])
    hops = []
    for line in lines:
        units = [s.unit for s in line]
        for j, (a, b) in enumerate(pairwise(line)):
            hops.append((a.unit, b.unit, b.came, a.unit != b.unit and units[j + 2 : j + 3] == [a.unit]))
    return [[(s.unit, s.came) for s in line] for line in lines], hops
