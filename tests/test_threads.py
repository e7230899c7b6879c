"""Several units at once: threads, hands and stays against plain loops, what must not change them, and cases that an office would know."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Event, custody, hands, helping, late, replies
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
