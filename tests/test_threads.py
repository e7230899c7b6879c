"""Several units at once: threads, hands and stays against plain loops, what must not change them, and cases that an office would know."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Event, Stay, custody, hands, helping, late, replies, side_by_side
from test_custody import START, compare, plain, table

from liuan_eval import custody as room
from liuan_eval.custody.hands import coded_hands
from liuan_eval.custody.hands import hands as hands_of
from liuan_eval.custody.milestones import endings
from liuan_eval.custody.spells import coded_cases, readings
from liuan_eval.intake.log import CaseLog, assisting

LOOSE = dict(ties="oldest_first", repeats="keep")
STEPS = "dispatched dispatched assisted assisted claimed replied returned transferred designated return_rejected closed".split()


def as_log(events, cases=None, **more):
    frame = pd.DataFrame(events, columns=Event._fields).astype({"unit": object})
    return CaseLog.from_frame(frame, cases=cases, **LOOSE | dict(dispatchers=["H"]) | more)


def of(**paths):
    "Events of cases `A:dispatched A:claimed`, one an hour, `A:claimed@3` at three o'clock; `*` is no unit"
    res = []
    for case, steps in paths.items():
        for i, s in enumerate(steps.split()):
            said, _, at = s.partition("@")
            unit, _, act = said.partition(":")
            res.append(Event(case, START + timedelta(hours=float(at or i)), None if unit == "*" else unit, act))
    return res


def random_cases(seed, n, acts=STEPS, units="ABCH", most=12):
    rng, res = np.random.default_rng([150, seed]), []
    for i in range(n):
        at = START
        for _ in range(rng.integers(2, most)):
            at += timedelta(hours=int(rng.integers(2)))
            act = str(rng.choice(acts))
            nameless = act in ("returned", "return_rejected") and rng.random() < 0.2
            res.append(Event(f"c{i:04d}", at, None if nameless else str(rng.choice([*units])), act))
    return res


def by_case(events):
    res = {}
    for e in events:
        res.setdefault(e.case_id, []).append(e)
    return {k: sorted(v, key=lambda e: e.timestamp) for k, v in res.items()}


def test_who_assists_is_what_a_walk_along_the_case_says_however_often_units_take_turns():
    turns = "A:returned A:assisted A:claimed A:dispatched@4 A:assisted@4 B:assisted"  # each turn tells anew who has the case in the next
    long = [Event("turns", e.timestamp + timedelta(hours=9 * i), e.unit, e.activity) for i in range(8) for e in of(t=turns)]
    events = random_cases(1, 3000, most=15) + long
    log, own = as_log(events), by_case(events)
    t = assisting(log).join(log.case_ids, "case").execute()
    got = {k: {*seq} for k, seq in t.groupby("case_id").seq}
    for case, rows in own.items():
        assert got.get(case, set()) == helping(rows, ("H",)), (case, rows)
    assert sum(k.startswith("rows_beside_") for k in log.kept) > 10  # a case of eight turns needs many passes, and gets them


@pytest.mark.parametrize("together", ["evidence", "always", "never"])
def test_hands_are_those_of_plain_loops_assisting_units_too(together):
    events, rng = random_cases(2, 400), np.random.default_rng(2)
    due = {case: START + timedelta(hours=int(rng.integers(14))) for case in by_case(events) if rng.random() < 0.8}
    cases = pd.DataFrame(dict(case_id=[*by_case(events)])).assign(due_at=lambda t: pd.to_datetime(t.case_id.map(due)))
    cases["due_at"] += pd.Timedelta(minutes=1)  # a due date at midnight would end with its day
    log = as_log(events, cases, together=together)
    spells, _, found = custody(events, ("H",), together=together)
    end, n = max(e.timestamp for e in events), coded_cases(log).join(log.case_ids, "case").execute().set_index("case_id")
    want, closed = [], {c["case_id"]: c["closed_at"] for c in found}
    for case, rows in by_case(events).items():
        own = hands(rows, [s for s in spells if s["case_id"] == case], ("H",), closed[case])
        limit = due[case] + timedelta(minutes=1) if case in due else None
        want += [dict(case_id=case, **h, late=late(h, limit, end)) for h in own]
        r = n.loc[case]
        assert (r.n_hands, plain(r.first_reply_at), plain(r.last_reply_at)) == replies(own), rows
    columns = "case_id thread unit lead assists entered_at claimed_at replied_at left_at late".split()
    key = lambda rows: sorted(table(rows, columns), key=str)
    got, loops = key(hands_of(log).execute().to_dict("records")), key(want)
    for g, w in zip(got, loops, strict=True):
        assert dict(zip(columns, g)) == dict(zip(columns, w)), [(e.unit, e.activity) for e in by_case(events)[w[0]]]
    assert sum(h["late"] is True for h in want) > 50 < sum(h["late"] is False for h in want)
    assert coded_hands(log).count().execute() == len(want)


def test_how_a_case_ended_is_said_by_the_unit_that_had_it_not_by_one_that_assisted():
    events = of(a="A:dispatched K:assisted A:closed K:closed", b="A:dispatched K:assisted K:closed", c="K:assisted K:closed")
    said = [dict(A="解决", K="解释").get(e.unit) if e.activity == "closed" else None for e in events]
    frame = pd.DataFrame(events, columns=Event._fields).assign(result=said)
    log = CaseLog.from_frame(frame, **LOOSE)
    t = endings(log).join(log.case_ids, "case").execute().set_index("case_id").ending
    assert t.fillna("").to_dict() == dict(a="resolved", b="", c="explained")
    assert room.cases(log).execute().set_index("case_id").closed_at["a"] == pd.Timestamp(START + timedelta(hours=2))


def log_of_stays(stays, **more):
    frame = pd.DataFrame(stays, columns=["case_id", "unit", "received_at", "sent_at", "outcome"])
    return CaseLog.from_frame(frame.astype({"outcome": object}), layout="stays", **LOOSE | more)


def random_stays(seed, n):
    "Stays whose intervals touch, overlap, last no time or have not ended; of one unit another stay begins only when others have since its last ended"
    rng, res = np.random.default_rng([151, seed]), []
    for i in range(n):
        at, own = START, []
        for _ in range(rng.integers(1, 7)):
            at += timedelta(hours=int(rng.integers(3)))
            last = {s.unit: s.left for s in own}
            later = lambda u, last=last, own=own: u not in last or (last[u] and any(s.unit != u and s.came > last[u] for s in own))
            if not (units := [u for u in "ABCD" if later(u)]):
                continue
            left = None if rng.random() < 0.1 else at + timedelta(hours=int(rng.integers(5)))
            outcome = None if left is None else rng.choice(["returned", "replied", "transferred", "replied", None, "closed"])
            own.append(Stay(f"c{i:04d}", str(rng.choice(units)), at, left, outcome))
        res += own
    return res


@pytest.mark.parametrize("seed", range(2))
def test_stays_that_overlap_in_time_are_threads_as_their_intervals_say(seed):
    stays = random_stays(seed, 500)
    log = log_of_stays(stays)
    spells = room.spells(log).order_by("case_id", "thread", "spell").execute()
    hops = room.hops(log).order_by("case_id", "hop").execute()
    several = 0
    for case in dict.fromkeys(s.case_id for s in stays):
        own = [s for s in stays if s.case_id == case]
        lines, passed = side_by_side(own)
        got = spells[spells.case_id == case].groupby("thread")[["unit", "entered_at"]].apply(lambda t: [*map(tuple, t.values.tolist())])
        assert [[(u, plain(at)) for u, at in line] for line in got] == lines, own
        h = hops[hops.case_id == case][["from_unit", "to_unit", "at", "pingpong"]].values.tolist()
        assert [(a, b, plain(at), p) for a, b, at, p in h] == passed, own
        several += len(lines) > 1
    assert several > 100


KINDS = {  # the rows of a case -> hops, ping-pongs, bounces, hands
    # both are given the case
    "H:received A:dispatched B:dispatched A:claimed B:claimed A:replied B:replied A:closed": (0, 0, 0, 2),
    "H:received A:dispatched@1 B:dispatched@1 B:replied@2 B:closed@3": (0, 0, 0, 2),
    "H:received A:dispatched@1 B:dispatched@1 A:claimed@2 A:closed@3 B:replied@4": (0, 0, 0, 2),  # the lead closes first
    "H:received A:dispatched B:dispatched A:claimed A:replied A:closed": (0, 0, 0, 2),  # B does nothing
    "A:claimed B:claimed A:replied B:replied A:closed": (0, 0, 0, 2),  # nobody wrote down the dispatch
    "H:received A:dispatched A:claimed B:contacted A:replied A:closed": (0, 0, 0, 2),  # B was never given it
    "A:dispatched B:dispatched A:claimed B:claimed A:designated A:replied A:closed": (0, 0, 0, 2),  # the arbiter names one that has it
    "H:received A:dispatched@1 B:dispatched@1 B:returned@2 H:received@3 A:claimed@4 A:closed@5": (0, 0, 0, 2),  # A claims its own part
    "A:dispatched A:replied B:dispatched@5 A:dispatched@5 B:replied@6 A:closed@7": (0, 0, 0, 2),  # B comes in, A goes on
    "H:received A:dispatched@1 B:dispatched@1 A:returned@2 H:received@3 C:dispatched@4 B:claimed@5 C:replied@6 B:closed@7": (1, 0, 0, 2),
    "A:dispatched B:dispatched A:returned C:dispatched B:claimed C:replied B:closed": (1, 0, 0, 2),  # C has A's part
    "H:received A:dispatched@1 B:dispatched@1 B:returned@2 B:dispatched@3 A:replied@4 B:replied@5 A:closed@6": (1, 0, 1, 2),
    # one assists
    "H:received A:dispatched K:assisted A:claimed K:replied A:replied A:closed": (0, 0, 0, 2),
    "H:received K:dispatched@1 K:assisted@1 A:dispatched@1 K:replied@2 A:closed@3": (0, 0, 0, 2),
    "A:dispatched K:assisted K:returned A:replied A:closed": (0, 0, 0, 2),
    "H:received A:dispatched K:assisted K:returned H:received L:assisted A:replied L:replied A:closed": (0, 0, 0, 3),
    "H:received A:dispatched K:assisted K:returned H:received L:dispatched A:replied L:replied A:closed": (0, 0, 0, 3),
    "H:received A:dispatched K:assisted K:returned H:received K:dispatched K:replied A:closed": (0, 0, 0, 2),
    "A:dispatched K:assisted K:returned K:return_rejected K:replied A:closed": (0, 0, 0, 2),
    "A:dispatched K:assisted K:claimed L:transferred L:replied A:replied A:closed": (0, 0, 0, 3),  # K passes its part on
    "A:dispatched K:assisted A:returned K:dispatched K:replied K:closed": (1, 0, 0, 2),  # K leads now
    "A:dispatched K:assisted A:returned B:dispatched K:replied B:closed": (1, 0, 0, 2),
    # a return that is refused
    "A:dispatched A:returned A:dispatched A:closed": (1, 0, 1, 1),
    "H:received A:dispatched A:returned H:received A:dispatched A:closed": (1, 0, 1, 1),
    "H:received A:dispatched *:returned H:received A:dispatched *:returned H:received A:dispatched A:closed": (2, 0, 2, 1),
    "A:dispatched *:returned *:return_rejected A:claimed A:closed": (1, 0, 1, 1),
    "A:dispatched A:returned A:returned A:dispatched A:closed": (1, 0, 1, 1),
    "A:dispatched A:returned A:return_rejected A:dispatched A:closed": (1, 0, 1, 1),
    # and what is passed on all the same
    "A:dispatched A:returned B:dispatched B:returned A:dispatched A:closed": (2, 1, 0, 1),
    "A:dispatched A:claimed B:transferred A:claimed A:closed": (2, 1, 0, 1),  # A passed it on; B did nothing: it came back
    "A:dispatched B:dispatched B:claimed B:closed": (1, 0, 0, 1),
    "A:claimed A:returned B:claimed B:returned A:claimed A:closed": (2, 1, 0, 1),
}


def test_no_case_has_a_hop_that_an_office_would_not_call_one():
    c = coded_cases(log := as_log(of(**{steps: steps for steps in KINDS}))).join(log.case_ids, "case").execute().set_index("case_id")
    got = {s: tuple(map(int, r)) for s, r in zip(c.index, c[["n_hops", "n_pingpong", "n_bounced", "n_hands"]].values)}
    assert got == KINDS
    compare(log, custody(of(**{steps: steps for steps in KINDS}), ("H",)))


def test_a_unit_that_gave_its_part_back_left_then_and_is_not_late():
    steps = dict(
        a="A:dispatched@1 B:dispatched@1 A:returned@2 B:claimed@3 B:closed@9",
        b="A:dispatched K:assisted K:returned A:closed@9",
        c="A:dispatched K:assisted A:returned K:dispatched K:closed@9",
    )
    log = as_log(of(**steps), pd.DataFrame(dict(case_id=[*steps], due_at=START + timedelta(hours=5))))
    t = hands_of(log).execute().sort_values(["case_id", "thread", "entered_at"])
    hour = t.left_at.map(lambda at: (plain(at) - START) // timedelta(hours=1))
    assert [*zip(t.case_id, t.unit, hour, t.late.astype(object).where(t.late.notna(), None))] == [
        ("a", "A", 2, None),
        ("a", "B", 9, True),
        ("b", "A", 9, True),
        ("b", "K", 2, None),
        ("c", "A", 3, None),
        ("c", "K", 9, True),
        ("c", "K", 3, None),  # it assisted until it was given the case
    ]


# what must not change anything

NAMES = {"A": "丁局", "B": "丙局", "C": "乙局", "H": "热线"}
rows = st.tuples(st.sampled_from("ABCH"), st.sampled_from(STEPS), st.integers(0, 1), st.booleans())
logs = st.lists(st.lists(rows, min_size=2, max_size=9), min_size=40, max_size=60)
few = settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=[*HealthCheck])


def events_in(paths):
    res = []
    for i, path in enumerate(paths):
        at = START
        for unit, act, hours, nameless in path:
            at += timedelta(hours=hours)
            res.append(Event(f"c{i:03d}", at, None if nameless and act == "returned" else unit, act))
    return res


def numbers(log):
    "Spells and hops by case, and hands; no codes and no names of columns that depend on the order of units"
    s, h, a = (t.execute() for t in (room.spells(log), room.hops(log), hands_of(log)))
    order = lambda t, *by: sorted(map(tuple, t[[*by]].astype(object).where(t[[*by]].notna(), None).values.tolist()), key=str)
    return (
        order(s, "case_id", "thread", "spell", "unit", "entered_at", "left_at", "next_unit", "exit"),
        order(h, "case_id", "hop", "from_unit", "to_unit", "at", "kind", "pingpong", "boomerang"),
        order(a, "case_id", "thread", "unit", "assists", "entered_at", "replied_at", "left_at"),
    )


@few
@given(logs, st.randoms(use_true_random=False))
def test_names_cases_zero_hour_and_the_place_of_other_rows_change_nothing(paths, random):
    events = events_in(paths)
    plainly = numbers(as_log(events))
    later = lambda t: t + timedelta(days=365) if isinstance(t, (datetime, pd.Timestamp)) else t
    case = lambda x: f"x{x[1:]}" if isinstance(x, str) and x[:1] == "c" and x[1:].isdigit() else NAMES.get(x, x)
    moved = [Event(case(e.case_id), e.timestamp + timedelta(days=365), NAMES.get(e.unit, e.unit), e.activity) for e in events]
    queues = {k: [e for e in moved if e.case_id == k] for k in {e.case_id for e in moved}}
    mixed = []  # cases in any order among each other, the rows of each in their own
    while queues:
        k = random.choice(sorted(queues))
        mixed.append(queues[k].pop(0))
        queues = {k: q for k, q in queues.items() if q}
    told = [sorted((tuple(later(case(x)) for x in r) for r in part), key=str) for part in plainly]
    assert [*numbers(as_log(mixed, dispatchers=["热线"]))] == told


@few
@given(logs)
def test_threads_hops_and_hands_hang_together(paths):
    log = as_log(events_in(paths))
    s, h, a = (t.execute() for t in (room.spells(log), room.hops(log), hands_of(log)))
    c = coded_cases(log).join(log.case_ids, "case").execute().set_index("case_id")
    own = s[~s.is_dispatcher].sort_values(["case_id", "thread", "spell"])
    after = own.groupby(["case_id", "thread"])[["unit", "entered_at"]].shift(-1)
    joined = own.assign(to=after.unit, at=after.entered_at).dropna(subset="to")  # a hop is from one spell to the next of one thread
    assert sorted(zip(joined.case_id, joined.unit, joined.to, joined["at"])) == sorted(zip(h.case_id, h.from_unit, h.to_unit, h["at"]))
    threads = own.groupby("case_id").thread.nunique()
    assert (c.n_hops == c.n_spells - threads.reindex(c.index).fillna(0)).all()
    assert not a.duplicated(["case_id", "thread", "unit", "entered_at", "assists"]).any() and (len(own) + a.assists.sum()) == len(a)
    assert (threads.reindex(c.index).fillna(0) + a[a.assists].groupby("case_id").size().reindex(c.index).fillna(0) == c.n_hands).all()
    assert own.groupby("case_id").thread.min().eq(1).all()


@few
@given(logs)
def test_never_is_the_chain_of_old_and_where_nothing_overlaps_all_readings_are_one(paths):
    events = [e for e in events_in(paths) if e.activity != "assisted"]
    if not events:
        return
    never, always = as_log(events, together="never"), as_log(events, together="always")
    assert (room.spells(never).execute().thread == 1).all()
    compare(never, custody(events, ("H",), together="never"))
    several = {*(t := room.spells(always).execute()).case_id[t.thread > 1]}
    t = readings(alone := as_log([e for e in events if e.case_id not in several] or of(x="A:dispatched")))
    assert len(t[["n_hops", "n_pingpong"]].drop_duplicates()) == 1
    assert (room.spells(alone).execute().thread == 1).all()
