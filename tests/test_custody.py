"Custody against a naive oracle, and the small sequences that a wrong definition gets wrong"

from datetime import datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from ibis import _
from ibis.expr.operations import InMemoryTable, PhysicalTable
from oracle import Event, custody, marks, seconds, tallies

from liuan_eval import custody as room
from liuan_eval import metrics
from liuan_eval.custody.spells import coded_cases, coded_spells
from liuan_eval.intake.log import CaseLog

START = datetime(2022, 2, 17, 9)
UNITS = ["A", "B", "C", "D", "H", "I"]
ACTIVITIES = [
    "dispatched",
    "replied",
    "returned",
    "closed",
    "reopened",
    "sent_back",
    "called",
    "urged",
    "archived",
    "some word",
    "claimed",
    "designated",
]
COLUMNS = dict(
    spells="case_id spell unit entered_at left_at is_dispatcher next_unit exit",
    hops="case_id hop from_unit to_unit at held_seconds via_dispatcher kind pingpong boomerang",
    cases="case_id opened_at closed_at first_unit resolver n_spells n_units n_hops n_pingpong n_bounced n_revisits limbo_seconds duration_seconds",
)
TREES = [{}, {"B": "A", "C": "B"}, {"A": "D", "B": "D", "D": "C"}, {"A": "H", "B": "H"}]


def plain(value):
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, (datetime, pd.Timestamp)):
        return pd.Timestamp(value).to_pydatetime()
    if isinstance(value, float):
        return round(value, 6)
    return value.item() if hasattr(value, "item") else value


def table(rows, columns):
    "Rows of dicts as a sorted list of tuples of plain values"
    return sorted((tuple(plain(r[c]) for c in columns) for r in rows), key=lambda r: (r[0], str(r[1]).zfill(9)))


def compare(log, expected, extra=""):
    for name, want in zip(("spells", "hops", "cases"), expected):
        frame = getattr(room, name)(log).execute()
        columns = COLUMNS[name].split()
        assert list(frame.columns)[: len(columns)] == columns
        got = table(frame.to_dict("records"), columns)
        want = table(want, columns)
        assert len(got) == len(want), f"{name}{extra}: {len(got)} rows, {len(want)} expected"
        for g, w in zip(got, want):
            assert dict(zip(columns, g)) == dict(zip(columns, w)), f"{name}{extra}"


def as_log(events, dispatchers=(), complete=False, closed_at=None, submitted_at=None, parent=None):
    frame = pd.DataFrame(events, columns=Event._fields)
    frame["unit"] = frame.unit.astype(object)
    cases = None
    if closed_at is not None or submitted_at is not None:
        ids = list(dict.fromkeys(frame.case_id))
        cases = pd.DataFrame(
            {"case_id": ids}
            | {
                n: pd.to_datetime([o.get(i) for i in ids])
                for n, o in (("closed_at", closed_at), ("submitted_at", submitted_at))
                if o is not None
            }
        )
    units = [dict(unit=u) | ({"parent": parent[u]} if u in parent else {}) for u in UNITS] if parent else []
    return CaseLog.from_frame(
        frame, cases=cases, dispatchers=list(dispatchers), complete=complete, units=units, ties="oldest_first", repeats="keep"
    )


GAPS = [timedelta(0), timedelta(0), timedelta(hours=1), timedelta(days=2), timedelta(seconds=59, microseconds=250_001), timedelta(hours=-3)]


def random_events(seed, n=150):
    "Events of cases, their rows shuffled together, and for some cases when they were closed and submitted"
    rng, rows, closed_at, submitted_at = np.random.default_rng(seed), [], {}, {}
    for i in range(n):
        at, case = START + timedelta(hours=int(rng.integers(0, 400))), f"c{i:03d}"
        closes, opens = rng.choice([None, None, -30, 0, 5, 100]), rng.choice([None, 0, -7])
        if closes is not None:
            closed_at[case] = at + timedelta(hours=closes)
        if opens is not None:
            submitted_at[case] = at + timedelta(hours=opens)
        for j in range(rng.integers(1, 10)):
            at += GAPS[rng.integers(len(GAPS))]
            unit, activity = (
                rng.choice([*UNITS, "A", "H", None]),
                str(rng.choice([*ACTIVITIES, *["dispatched"] * 2, *["returned"] * 2, "closed"])),
            )
            rows.append((j * 7 + i % 5, Event(case, at, unit, activity)))
    return [e for _, e in sorted(rows, key=lambda r: r[0])], closed_at, submitted_at


SETTINGS = [  # dispatchers, complete, closings said, submissions said, the tree of units
    (("H",), False, False, True, TREES[1]),
    ((), False, True, False, TREES[2]),
    (("H", "I"), True, True, True, TREES[3]),
    (("H",), True, False, False, TREES[2]),
    (("H", "I"), False, True, False, TREES[0]),
    ((), True, True, True, TREES[0]),
    (("H",), False, True, True, TREES[3]),
    (("H", "I"), False, False, False, TREES[1]),
]


@pytest.mark.parametrize("seed", range(len(SETTINGS)))
def test_custody_is_that_of_plain_loops_on_random_logs(seed):
    events, closed_at, submitted_at = random_events(seed)
    dispatchers, complete, closings, submissions, parent = SETTINGS[seed]
    made = dict(dispatchers=dispatchers, complete=complete, parent=parent)
    made |= dict(closed_at=closed_at if closings else None, submitted_at=submitted_at if submissions else None)
    log, want = as_log(events, **made), custody(events, **made)
    compare(log, want)
    compare_marks(log, events, want)


def compare_marks(log, events, want):
    "What stays are marked as, and how many of each a case has; a case with a return that no unit is named for has unknown ones"
    names = dict(log.units[["code", "unit"]].values)
    spells, hops, cases = want
    cut = {c["case_id"]: c for c in cases}
    table = lambda t: t.join(log.case_ids, "case").execute()
    got = {(r["case_id"], r["spell"]): r for r in table(coded_spells(log)).to_dict("records")}
    numbers = table(coded_cases(log)).set_index("case_id").to_dict("index")
    for case, c in cut.items():
        own = [s for s in spells if s["case_id"] == case]
        found = marks(own, [h for h in hops if h["case_id"] == case], c["closed_at"])
        unsaid = sum(e.case_id == case and e.activity == "returned" and e.unit is None for e in events)
        for s, m in zip(own, found):
            g = {k: plain(v) for k, v in got[case, s["spell"]].items()}
            g["follows"] = names.get(g["follows"])
            expected = m | dict(returned=m["returned"] or (None if unsaid else False))
            assert {k: g[k] for k in m} == {k: plain(v) for k, v in expected.items()}, (case, s["spell"])
        n = {k: plain(v) for k, v in numbers[case].items()}
        expected = tallies(own, found)
        expected["n_returned"] += unsaid
        first = next((s["entered_at"] for s in own if not s["is_dispatcher"]), None)
        expected |= dict(course=course(c), in_units_seconds=seconds(c["closed_at"], first))
        assert {k: n[k] for k in expected} == {k: plain(v) for k, v in expected.items()}, case


STEPS = "dispatched dispatched dispatched claimed claimed replied replied returned returned return_rejected designated closed reopened called".split()
TOGETHER = [  # together, whether units assist, dispatchers, complete
    ("evidence", True, ("H",), False),
    ("always", True, (), False),
    ("never", True, ("H",), True),
    ("evidence", False, ("H",), False),
    ("always", False, ("H",), True),
]


@pytest.mark.parametrize("seed", range(len(TOGETHER)))
def test_threads_are_those_of_plain_loops_on_random_logs(seed):
    together, assist, dispatchers, complete = TOGETHER[seed]
    rng, events = np.random.default_rng([15, seed]), []
    for i in range(400):
        at, units = START, [*rng.choice(UNITS[:4], rng.integers(2, 4), replace=False), "H"]
        for _step in range(rng.integers(2, 12)):
            at += [timedelta(0), timedelta(hours=1), timedelta(minutes=7)][rng.integers(3)]
            act = str(rng.choice([*STEPS, *["assisted"] * 2 * assist]))
            nameless = act in ("returned", "return_rejected") and rng.random() < 0.3
            events.append(Event(f"c{i:03d}", at, None if nameless else str(rng.choice(units)), act))
    frame = pd.DataFrame(events, columns=Event._fields).astype({"unit": object})
    made = dict(dispatchers=list(dispatchers), complete=complete, together=together, ties="oldest_first", repeats="keep")
    want = custody(events, dispatchers, complete, together=together)
    compare(CaseLog.from_frame(frame, **made), want)
    assert (max(s["thread"] for s in want[0]) > 1) == (together != "never")


def test_a_unit_that_assists_closes_its_own_part_only():
    log = as_log(
        events_of(a="A:dispatched B:assisted B:closed A:replied", b="A:dispatched B:assisted B:closed A:closed", c="B:assisted B:closed")
    )
    c = room.cases(log).execute().set_index("case_id")
    assert c.closed_at.notna().to_dict() == dict(a=False, b=True, c=True) and c.n_hops.sum() == 0
    assert (c.closed_at["b"], c.resolver["b"]) == (pd.Timestamp(START + timedelta(hours=3)), "A")


def course(c):
    if not c["n_spells"]:
        return "none"
    return "stayed" if not c["n_hops"] else "linear" if c["n_units"] == c["n_spells"] else "circular"


def test_a_return_is_late_after_the_window_of_its_channel_from_its_start():
    paths = dict(
        a="A B:claimed * * B:returned",
        b="A * B:returned",
        c="A B B:claimed B:returned",
        d="A * * * B:returned",
        e="A B:closed",
        f="A:returned",
    )
    events, channel = events_of(**paths), dict(a="petition", b="petition", c="hotline", d="hotline", e="hotline", f="hotline")
    frame = pd.DataFrame(events, columns=Event._fields).astype({"unit": object})
    # B comes by its first own event, so only waits within the stay count: 3 h after the claim, none without a claim, 2 h after entering
    rules = (dict(step="return", limit="2h", channel="petition", start="claimed"), dict(step="return", limit="1h", start="received"))
    cases = pd.DataFrame(dict(case_id=list(channel), channel=list(channel.values())))
    log = CaseLog.from_frame(frame, cases=cases, rules=rules)
    t = coded_spells(log).filter(_.returned_late.notnull()).join(log.case_ids, "case").execute()
    assert dict(zip(t.case_id, t.returned_late)) == dict(a=True, c=True, d=False, f=False)
    n = coded_cases(log).join(log.case_ids, "case").execute().set_index("case_id")
    assert n.n_late.to_dict() == dict(a=1, b=0, c=1, d=0, e=0, f=0) and n.n_windowed.to_dict() == dict(a=1, b=0, c=1, d=1, e=0, f=1)


def events_of(**paths):
    "One event an hour; `*` is an event without a unit; `u:act` names the activity"
    res = []
    for case, steps in paths.items():
        for i, s in enumerate(steps.split()):
            unit, _, act = s.partition(":")
            res.append(Event(case, START + timedelta(hours=i), None if unit == "*" else unit, act or "replied"))
    return res


SEQUENCES = {  # hops, ping-pong, revisits
    "A": (0, 0, 0),
    "A B": (1, 0, 0),
    "A B A": (2, 1, 1),
    "A B A B": (3, 2, 2),
    "A B A C A": (4, 2, 2),
    "A B C A": (3, 0, 1),
    "A A B A": (2, 1, 1),
    "A * A": (0, 0, 0),
    "* *": (0, 0, 0),
    "H A H A": (1, 0, 1),
    "A H B H A": (2, 1, 1),
    "A B H B A": (3, 0, 2),
    "H H": (0, 0, 0),
    "H I A I H B": (1, 0, 0),
}


def test_hops_pingpong_and_revisits_of_sequences():
    made = dict(events=events_of(**{steps: steps for steps in SEQUENCES}), dispatchers=("H", "I"), complete=True)
    log = as_log(**made)
    c = room.cases(log).execute().set_index("case_id")
    assert {s: tuple(r) for s, r in zip(c.index, c[["n_hops", "n_pingpong", "n_revisits"]].values.tolist())} == SEQUENCES
    compare(log, custody(**made))


def test_a_rejected_return_is_a_bounce_of_two_spells():
    log = as_log(events_of(c="H A H A:closed"), ("H",))
    assert room.hops(log).execute()[["from_unit", "to_unit", "kind", "via_dispatcher", "held_seconds"]].values.tolist() == [
        ["A", "A", "bounce", True, 3600.0]
    ]
    assert room.spells(log).order_by("spell").execute().exit.tolist() == ["passed", "bounced", "passed", "resolved"]


CLOSED = {
    "A:replied A:closed": True,
    "A:closed B:reopened": False,
    "A:closed B:reopened A:closed": True,
    "A:closed B:replied": True,
    "A:reopened": False,
    "A:closed H:sent_back": False,
    "A": False,
}


def test_a_case_is_closed_when_nothing_reopened_it_after_its_last_closing():
    made = dict(events=events_of(**{steps: steps for steps in CLOSED}), dispatchers=("H",))
    log = as_log(**made)
    c = room.cases(log).execute().set_index("case_id")
    assert c.closed_at.notna().to_dict() == CLOSED
    compare(log, custody(**made))


def test_custody_ends_with_the_closing():
    log = as_log(events_of(c="A B:closed A:replied"))
    assert room.cases(log).execute()[["n_hops", "resolver"]].values.tolist() == [[1, "B"]]


def test_a_closing_time_before_the_first_event_is_ignored():
    made = dict(events=events_of(c="A B:closed"), closed_at={"c": START - timedelta(days=1)})
    log = as_log(**made)
    assert room.cases(log).execute().closed_at[0] == pd.Timestamp(START + timedelta(hours=1))
    compare(log, custody(**made))


def test_a_case_without_any_event_is_counted_and_held_by_nobody():
    frame = pd.DataFrame(events_of(c="A B:closed"), columns=Event._fields)
    log = CaseLog.from_frame(frame, cases=pd.DataFrame({"case_id": ["c", "d"], "channel": ["radio", "petition"]}))
    d = room.cases(log).execute().set_index("case_id").loc["d"]
    assert (
        d[["n_spells", "n_hops", "n_revisits"]].tolist() == [0, 0, 0]
        and d.channel == "petition"
        and pd.isna(d.closed_at)
        and pd.isna(d.duration_seconds)
    )
    assert coded_cases(log).closing_unknown.execute().tolist() == [False, False]  # open, and known to be


def test_case_attributes_travel_with_cases():
    frame = pd.DataFrame(events_of(c="A B:closed"), columns=Event._fields).assign(channel="政风行风热线", topic="噪音")
    c = room.cases(CaseLog.from_frame(frame)).execute().iloc[0]
    assert (c.channel, c.topic) == ("radio", "噪音")


def test_custody_is_computed_once():
    log = as_log(events_of(a="H A H B:returned H A:closed", b="A B A:closed", c="A B"), ("H",))
    metrics.compute(log, "pingpong_rate", by="unit")
    first = {k: log.kept[k] for k in ("spells", "cases")}

    def everything():
        for name in metrics.available(log)[0]:
            metrics.compute(log, name, by="unit")
        metrics.compute(log, "pingpong_rate", by=["from_unit", "to_unit"])
        room.spells(log), room.hops(log), room.cases(log)
        return {t for t in log.con.list_tables() if t.startswith("ibis_cached")}, dict(log.kept)

    tables, kept = everything()
    again = everything()
    for k, t in first.items():
        assert kept[k] is t, f"{k} was made again"
    assert again[0] == tables and {k: v is kept[k] for k, v in again[1].items()} == dict.fromkeys(kept, True)
    made = [t for t in kept.values() if isinstance(t, ibis.Table) and isinstance(t.op(), PhysicalTable)]  # the others only read from these
    made = [t for t in made if not isinstance(t.op(), InMemoryTable)]  # counted, small, and with us
    assert len(tables) == len({"core", "case_ids"}) + len(made)  # each once
