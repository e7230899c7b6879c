"""Several units at once: threads, hands and stays against plain loops, what must not change them, and cases that an office would know."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Event, Stay, custody, hands, helping, late, replies, side_by_side
from test_custody import COLUMNS, START, compare, plain, table

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
