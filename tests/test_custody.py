"Custody against a naive oracle, and the small sequences that a wrong definition gets wrong"

from datetime import datetime, timedelta

import ibis
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Event, custody

from liuan_eval import custody as room
from liuan_eval import metrics
from liuan_eval.intake.log import CaseLog

START = datetime(2022, 2, 17, 9)
UNITS = ["A", "B", "C", "D", "H", "I"]
ACTIVITIES = ["dispatched", "replied", "returned", "closed", "reopened", "sent_back", "called", "urged", "archived", "some word"]
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


gap = st.sampled_from(
    [timedelta(0), timedelta(0), timedelta(hours=1), timedelta(days=2), timedelta(seconds=59, microseconds=250_001), timedelta(hours=-3)]
)
step = st.tuples(gap, st.sampled_from([*UNITS, "A", "H", None]), st.sampled_from([*ACTIVITIES, "dispatched", "dispatched", "closed"]))
path = st.tuples(
    st.integers(0, 400),
    st.lists(step, min_size=1, max_size=9),
    st.sampled_from([None, None, -30, 0, 5, 100]),
    st.sampled_from([None, 0, -7]),
)


@st.composite
def logs(draw):
    "30 cases in one log, their rows shuffled together"
    rows, closed_at, submitted_at = [], {}, {}
    for i, (hour, steps, closes, opens) in enumerate(draw(st.lists(path, min_size=30, max_size=30))):
        at, case = START + timedelta(hours=hour), f"c{i:02d}"
        if closes is not None:
            closed_at[case] = at + timedelta(hours=closes)
        if opens is not None:
            submitted_at[case] = at + timedelta(hours=opens)
        for j, (gap, unit, activity) in enumerate(steps):
            at += gap
            rows.append((j * 7 + i % 5, Event(case, at, unit, activity)))
    events = [e for _, e in sorted(rows, key=lambda r: r[0])]
    return dict(
        events=events,
        dispatchers=draw(st.sampled_from([(), ("H",), ("H", "I")])),
        complete=draw(st.booleans()),
        closed_at=draw(st.sampled_from([None, closed_at])),
        submitted_at=draw(st.sampled_from([None, submitted_at])),
        parent=draw(st.sampled_from(TREES)),
    )


@settings(
    max_examples=35, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # no shrinking: slow, and a case is short
@given(logs())
def test_custody_equals_the_naive_oracle_on_random_logs(made):
    compare(as_log(**made), custody(**made))


def events_of(**paths):
    "One event an hour; `*` is an event without a unit; `u:act` names the activity"
    res = []
    for case, steps in paths.items():
        for i, s in enumerate(steps.split()):
            unit, _, act = s.partition(":")
            res.append(Event(case, START + timedelta(hours=i), None if unit == "*" else unit, act or "replied"))
    return res


@pytest.mark.parametrize(
    "steps, hops, pingpong, revisits",
    [
        ("A", 0, 0, 0),
        ("A B", 1, 0, 0),
        ("A B A", 2, 1, 1),
        ("A B A B", 3, 2, 2),
        ("A B A C A", 4, 2, 2),
        ("A B C A", 3, 0, 1),
        ("A A B A", 2, 1, 1),
        ("A * A", 0, 0, 0),
        ("* *", 0, 0, 0),
        ("H A H A", 1, 0, 1),
        ("A H B H A", 2, 1, 1),
        ("A B H B A", 3, 0, 2),
        ("H H", 0, 0, 0),
        ("H I A I H B", 1, 0, 0),
    ],
)
def test_hops_pingpong_and_revisits_of_a_sequence(steps, hops, pingpong, revisits):
    made = dict(events=events_of(c=steps), dispatchers=("H", "I"), complete=True)
    log = as_log(**made)
    c = room.cases(log).execute().iloc[0]
    assert (c.n_hops, c.n_pingpong, c.n_revisits) == (hops, pingpong, revisits)
    compare(log, custody(**made), f" of {steps}")


def test_a_rejected_return_is_a_bounce_of_two_spells():
    log = as_log(events_of(c="H A H A:closed"), ("H",))
    assert room.hops(log).execute()[["from_unit", "to_unit", "kind", "via_dispatcher", "held_seconds"]].values.tolist() == [
        ["A", "A", "bounce", True, 3600.0]
    ]
    assert room.spells(log).order_by("spell").execute().exit.tolist() == ["passed", "bounced", "passed", "resolved"]


@pytest.mark.parametrize(
    "steps, closed",
    [
        ("A:replied A:closed", True),
        ("A:closed B:reopened", False),
        ("A:closed B:reopened A:closed", True),
        ("A:closed B:replied", True),
        ("A:reopened", False),
        ("A:closed H:sent_back", False),
        ("A", False),
    ],
)
def test_a_case_is_closed_when_nothing_reopened_it_after_its_last_closing(steps, closed):
    made = dict(events=events_of(c=steps), dispatchers=("H",))
    log = as_log(**made)
    assert pd.notna(room.cases(log).execute().closed_at[0]) == closed
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
    assert len(tables) == len({"core", "case_ids"}) + sum(isinstance(t, ibis.Table) for t in kept.values())  # each once
