"When steps were done and time ran out: plain loops on random logs with pauses, extensions and rules of every kind"

from datetime import date, datetime, timedelta

import pandas as pd
import pytest
from steps import DISPATCHER, deadline, known, pauses_of, random_log, rule_for, steps
from walk import runs_out

from liuan_eval.custody.milestones import REFUSED, deadlines, endings, milestones, pauses, step_due, with_endings
from liuan_eval.custody.spells import coded_cases
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.calendar import parse_limit

HOURS = (("08:30", "12:00"), ("14:30", "17:30"))


def law(turn=0):
    "Rules on every clock, for two channels, some from the claim and by date, with an extension for some; other cases have none"
    a, b, c, d = [*("4wd", "20wh", "6d", "90h") * 2][turn : turn + 4]
    return [
        dict(step="handle", limit=a, channel="hotline", urgency="general"),
        dict(step="handle", limit=b, channel="hotline"),
        dict(step="handle", limit=c, channel="petition", start="claimed", valid_to=date(2022, 2, 28)),
        dict(step="handle", limit=d, channel="petition", start="dispatched", valid_from=date(2022, 3, 1)),
        dict(step="extend", limit=a, request_type_not="consult", channel="hotline"),
        dict(step="extend", limit=b, request_type_not="consult"),
        dict(step="claim", limit="4wh", start="dispatched", urgency_not="complex"),
        dict(step="respond", limit="1wd"),
    ]


def log_of(events, cases, **more):
    "Without follow-up windows, which tests/test_follow.py counts"
    kinds = dict(dispatchers=[DISPATCHER], returned="unit_to_dispatcher", within=dict(every=0))
    return CaseLog.from_frame(events, cases=cases, **kinds, **more)


def by_case(log, table):
    "Rows as dicts of Python values, in the order of the table of cases"
    t = table.join(log.case_ids, "case").execute()
    order = {c: i for i, c in enumerate(log.raw["cases"].execute().case_id)}
    return [{k: known(v) for k, v in r.items()} for r in sorted(t.to_dict("records"), key=lambda r: order[r["case_id"]])]


MOMENTS = ["opened_at", "dispatched_at", "claimed_at", "contacted_at", "replied_at", "first_closed_at", "closed_at", "extended_at"]


@pytest.mark.parametrize("seed", [1])
def test_first_times_and_counts_are_those_of_loops(seed):
    events, cases = random_log(seed)
    log = log_of(events, cases)
    got, want = by_case(log, milestones(log)), steps(events, cases)
    for g, w in zip(got, want):
        for k in [*MOMENTS, "n_extended", "n_urged", "n_reopened"]:
            assert g[k] == w[k], (g["case_id"], k)
    assert len(got) == len(cases) and all(any(w[k] is not None for w in want) and any(w[k] is None for w in want) for k in MOMENTS[2:])


def test_a_case_came_when_it_was_last_sent_unless_its_first_unit_says_so_itself():
    steps = dict(
        sent="H:dispatched H:dispatched 甲局:claimed", own="H:dispatched H:received 甲局:dispatched", late="甲局:claimed H:dispatched"
    )
    rows = [(c, datetime(2022, 3, 1, hour), *s.split(":")) for c, told in steps.items() for hour, s in enumerate(told.split(), 9)]
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    log = CaseLog.from_frame(events, dispatchers=["H"])
    got = {r["case_id"]: known(r["dispatched_at"]) for r in milestones(log).join(log.case_ids, "case").execute().to_dict("records")}
    assert got == dict(sent=datetime(2022, 3, 1, 10), own=datetime(2022, 3, 1, 11), late=None)


def test_of_two_closings_at_one_moment_the_later_row_says_how_it_ended_in_any_case_and_with_blanks():
    rows = [
        ("a", 1, "解释"),
        ("a", 1, " Resolved "),
        ("b", 1, "RESOLVED"),
        ("b", 1, "解释"),
        ("c", 2, "解释"),
        ("c", 1, "解决"),
        ("d", 1, "some word"),
    ]
    at = [datetime(2022, 3, 1, hour) for _, hour, _ in rows]
    events = pd.DataFrame(dict(case_id=[c for c, _, _ in rows], timestamp=at, unit="甲局", activity="closed", result=[r for *_, r in rows]))
    log = CaseLog.from_frame(events, ties="oldest_first", repeats="keep")
    got = {r["case_id"]: r["ending"] for r in endings(log).join(log.case_ids, "case").execute().to_dict("records")}
    assert got == dict(a="resolved", b="explained", c="explained", d="some word")


def test_an_ending_that_the_ticket_says_is_that_of_a_closed_case_alone():
    events = pd.DataFrame(
        dict(case_id=["a", "b"], timestamp=datetime(2022, 3, 1), unit="甲局", activity=["closed", "replied"], result="解释")
    )
    log = CaseLog.from_frame(events, cases=pd.DataFrame(dict(case_id=["a", "b"], ending=["解决", "解决"])))
    got = {r["case_id"]: known(r["ending"]) for r in endings(log).join(log.case_ids, "case").execute().to_dict("records")}
    assert got == dict(a="resolved", b=None)
    told = with_endings(log, coded_cases(log))  # which has the ticket's word already
    assert sorted(told.columns) == sorted(coded_cases(log).columns) and by_case(log, told)[1]["ending"] is None
    assert by_case(log, with_endings(log, coded_cases(log).select("case")))[0]["ending"] == "resolved"


def test_endings_are_the_words_of_the_last_closing_and_none_while_open():
    events, cases = random_log(3)
    log = log_of(events, cases)
    code = {"解决": "resolved", "解释": "explained", "合并": "merged", None: None}
    assert [g["ending"] for g in by_case(log, endings(log))] == [code[w["ending"]] for w in steps(events, cases)]


@pytest.mark.parametrize("seed", [4])
def test_pauses_are_those_of_a_walk_through_the_events(seed):
    events, cases = random_log(seed, n=200)
    log, found = log_of(events, cases), {}
    for r in by_case(log, pauses(log)):
        found.setdefault(r["case_id"], []).append((r["nth"], r["from_at"], r["to_at"]))
    want = {w["case_id"]: w["pauses"] for w in steps(events, cases) if w["pauses"]}
    assert {c: [p[1:] for p in sorted(v)] for c, v in found.items()} == want
    assert len(want) > 50 and max(map(len, want.values())) > 1


def test_double_suspensions_are_one_and_what_is_never_resumed_ends_with_the_case_or_the_log():
    at = lambda d: datetime(2022, 3, d, 10)
    acts = dict(
        twice=[("suspended", 2), ("suspended", 4), ("resumed", 7), ("resumed", 8)],
        open=[("suspended", 2)],
        closed=[("suspended", 2), ("closed", 9)],
        closed_while=[("suspended", 2), ("closed", 9), ("resumed", 11)],
        after=[("closed", 3), ("suspended", 4), ("resumed", 8)],
        at_once=[("suspended", 4), ("resumed", 4)],
        resumed_first=[("resumed", 2), ("suspended", 3), ("resumed", 4), ("suspended", 8)],
    )
    rows = [(c, at(1), "甲局", "dispatched") for c in acts] + [(c, at(d), "甲局", a) for c, own in acts.items() for a, d in own]
    rows += [("open", at(20), None, "note")]
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    log = log_of(events, pd.DataFrame(dict(case_id=list(acts), channel="hotline")))
    got = {}
    for r in by_case(log, pauses(log)):
        got.setdefault(r["case_id"], []).append((r["from_at"].day, r["to_at"].day))
    got = {c: sorted(v) for c, v in got.items()}
    assert got == dict(twice=[(2, 7)], open=[(2, 20)], closed=[(2, 9)], closed_while=[(2, 9)], resumed_first=[(3, 4), (8, 20)])
    assert pauses_of([], at(1)) == []


@pytest.mark.parametrize("turn, first, cutoff", [(0, "next", None), (1, "same", "16:00")])
def test_due_dates_with_pauses_and_extensions_are_those_of_loops(turn, first, cutoff):
    events, cases = random_log(10 + turn, n=200)
    calendar = dict(hours=HOURS, first=first) | (dict(cutoff=cutoff) if cutoff else {})
    log = log_of(events, cases, rules=tuple(law(turn)), calendar=calendar)
    got, seen = by_case(log, deadlines(log)), set()
    for g, case in zip(got, steps(events, cases)):
        want = deadline(case, law(turn), HOURS, first, cutoff)
        for k in ("due_at", "extended_due_at", "rule", "of_ticket"):
            assert g[k] == want[k], (case["case_id"], k, g[k], want[k])
        assert (g["pause"] or 0) == pytest.approx(want["pause"], rel=1e-12)
        seen |= {
            (want["rule"], want["of_ticket"]),
            ("paused", want["pause"] > 0 and want["rule"]),
            ("extended", want["extended_due_at"] == want["due_at"]),
        }
    assert {
        (0, True),
        (0, False),
        (1, False),
        (2, False),
        (3, False),
        (4, False),
        *(("paused", i) for i in (1, 2, 3, 4)),
        ("extended", False),
    } <= seen


def test_without_rules_a_ticket_keeps_its_dates_and_an_extension_nobody_dates_is_unknown():
    events, cases = random_log(13)
    log = log_of(events, cases)
    for g, case in zip(by_case(log, deadlines(log)), steps(events, cases)):
        want = deadline(case, [], HOURS)
        assert [g[k] for k in ("due_at", "extended_due_at", "of_ticket", "rule", "pause")] == [
            want["due_at"],
            want["extended_due_at"],
            want["of_ticket"],
            0,
            None,
        ]


def test_without_rules_and_tickets_nothing_is_due():
    events, cases = random_log(14, n=30, ticket_dates=False)
    log = log_of(events, cases)
    assert all(g["due_at"] is None and g["extended_due_at"] is None and not g["of_ticket"] for g in by_case(log, deadlines(log)))


def test_other_steps_run_out_without_pauses():
    events, cases = random_log(15)
    log = log_of(events, cases, rules=tuple(law()), calendar=dict(hours=HOURS))
    for step in ("claim", "respond"):
        n = 0
        for g, case in zip(by_case(log, step_due(log, step)), steps(events, cases)):
            started = dict(received=case["opened_at"], dispatched=case["dispatched_at"], claimed=case["claimed_at"])
            rule, limit, start = rule_for(law(), step, case, started)
            want = runs_out(start, *parse_limit(limit), HOURS) if limit and start else None
            assert (g["rule"], g["due_at"], g["limit"], g["started_at"]) == (rule, want, limit, start)
            n += want is not None
        assert n > 30 and "extended_due_at" not in step_due(log, step).columns


HAND = dict(  # limit and its start, events, day it is due
    on_the_last_day=(
        "5wd",
        "received",
        [("02-17 16:00", "dispatched"), ("02-24 16:00", "suspended"), ("02-28 09:00", "resumed")],
        "2022-02-28",
    ),
    on_saturday_after_friday=(
        "6wd",
        "received",
        [("02-17 16:00", "dispatched"), ("02-26 10:00", "suspended"), ("03-01 17:00", "resumed")],
        "2022-02-25",
    ),
    on_friday_night=(
        "6wd",
        "received",
        [("02-17 16:00", "dispatched"), ("02-25 23:00", "suspended"), ("03-01 17:00", "resumed")],
        "2022-03-01",
    ),
    an_hour_after_closing=(
        "43wh",
        "received",
        [("02-17 16:00", "dispatched"), ("02-25 18:00", "suspended"), ("03-01 17:00", "resumed")],
        "2022-02-25",
    ),
    at_the_very_moment=(
        "43wh",
        "received",
        [("02-17 16:00", "dispatched"), ("02-25 17:00", "suspended"), ("03-01 17:00", "resumed")],
        "2022-03-01",
    ),
    before_the_claim=(
        "5d",
        "claimed",
        [("02-10 09:00", "dispatched"), ("02-11 09:00", "suspended"), ("02-17 09:00", "claimed"), ("02-18 09:00", "resumed")],
        "2022-02-23",
    ),
    until_the_claim=(
        "5d",
        "claimed",
        [("02-10 09:00", "dispatched"), ("02-11 09:00", "suspended"), ("02-17 09:00", "resumed"), ("02-17 09:00", "claimed")],
        "2022-02-22",
    ),
    never_claimed=("5d", "claimed", [("02-10 09:00", "dispatched"), ("02-11 09:00", "suspended"), ("02-17 09:00", "resumed")], "NaT"),
    again_within_what_the_first_gave=(
        "5wd",
        "received",
        [
            ("02-17 16:00", "dispatched"),
            *(("02-21 09:00", "suspended"), ("02-23 09:00", "resumed")),
            *(("02-25 09:00", "suspended"), ("02-28 10:00", "resumed")),
        ],
        "2022-03-01",
    ),
    again_when_that_was_up_too=(
        "5wd",
        "received",
        [
            ("02-17 16:00", "dispatched"),
            *(("02-21 09:00", "suspended"), ("02-22 15:00", "resumed")),
            *(("02-26 09:00", "suspended"), ("03-01 10:00", "resumed")),
        ],
        "2022-02-25",
    ),
    extended=("5d", "received", [("02-10 09:00", "dispatched"), ("02-11 09:00", "extended")], "2022-02-15"),
    extended_at_the_very_moment=("43wh", "received", [("02-17 16:00", "dispatched"), ("02-25 17:00", "extended")], "2022-02-25"),
    extended_by_rule=("43wh", "received", [("02-17 16:00", "dispatched"), ("02-25 17:00", "extended")], "2022-02-25"),
    two_years_on=(
        "1800d",
        "received",
        [("02-10 09:00", "dispatched"), ("02-11 09:00", "suspended"), ("02-13 09:00", "resumed")],
        "2027-01-17",
    ),
)


@pytest.fixture(scope="module")
def hand():
    "The cases of HAND, each with its own rule, in one log"
    rows = [(c, f"2022-{at}", "甲局", act, c) for c, (_, _, own, _) in HAND.items() for at, act in own]
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "channel"])
    rules = [dict(step="handle", limit=limit, start=start, channel=c) for c, (limit, start, _, _) in HAND.items()]
    log = CaseLog.from_frame(events, rules=(*rules, dict(step="extend", limit="2d", channel="extended_by_rule")))
    return deadlines(log).join(log.case_ids, "case").execute().set_index("case_id")


@pytest.mark.parametrize("name", HAND)
def test_time_that_is_up_is_not_revived_and_a_clock_that_has_not_begun_does_not_stand_still(hand, name):
    assert str(hand.due_at.dt.date[name]) == HAND[name][-1]  # the last one runs on into a year without a notice: calendar days need none


def test_an_extension_that_no_rule_dates_is_unknown_even_where_others_have_a_rule(hand):
    unknown = ("extended", "extended_at_the_very_moment", "never_claimed")
    assert hand.extended_due_at.isna().to_dict() == {c: c in unknown for c in HAND}
    assert f"{hand.extended_due_at['extended_by_rule']:%m-%d %H:%M}" == "02-27 23:59"


def test_a_pause_is_counted_where_a_clock_stood_still_and_unknown_elsewhere(hand):
    assert hand.pause.dropna().to_dict() == dict(
        on_the_last_day=2, on_friday_night=2, at_the_very_moment=14, before_the_claim=1, two_years_on=2
    ) | dict(again_within_what_the_first_gave=3, again_when_that_was_up_too=1)


def test_each_of_two_clocks_stands_still():
    rows = [
        (c, f"2022-02-{at}", "甲局", act, c) for c in ("d", "wd") for at, act in ((17, "dispatched"), (18, "suspended"), (22, "resumed"))
    ]
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "channel"])
    log = CaseLog.from_frame(events, rules=[dict(step="handle", limit=f"5{c}", channel=c) for c in ("d", "wd")])
    assert [f"{at:%m-%d}" for at in deadlines(log).order_by("case").execute().due_at] == ["02-26", "02-28"]


def test_what_runs_beyond_the_calendar_has_no_date_and_all_its_pauses():
    days = ((1, "dispatched"), (2, "suspended"), (20, "resumed"), (21, "suspended"), (23, "resumed"))
    events = pd.DataFrame([("1", f"2060-12-{d:02}", "甲局", act) for d, act in days], columns=["case_id", "timestamp", "unit", "activity"])
    got = deadlines(CaseLog.from_frame(events, rules=[dict(step="handle", limit="20wd")])).execute()
    assert got.due_at.isna().all() and got.pause.tolist() == [14]


def test_a_pause_that_moves_a_working_limit_into_a_year_without_a_notice_moves_it_on_plain_weekdays():
    rows = [("2026-12-01 09:00", "dispatched"), ("2026-12-02 09:00", "suspended"), ("2026-12-30 09:00", "resumed")]
    events = pd.DataFrame([("1", *r) for r in rows], columns=["case_id", "timestamp", "activity"]).assign(unit="甲局")
    law = (dict(step="handle", limit="10wd"),)
    due = lambda **more: str(deadlines(CaseLog.from_frame(events, rules=law, **more)).execute().due_at[0].date())
    free = ["2027-01-01"]  # given here, so that the test holds when the notice for 2027 is out
    assert due(calendar=dict(holidays=free)) == "2027-01-13"  # one day gone, twenty stood still: nine after the 30th
    assert due(calendar=dict(holidays=[*free, "2027-01-04"])) == "2027-01-14"


def test_a_refused_extension_is_none():
    said = {w: 0 for w in (*REFUSED, "Rejected", " 驳回 ")} | {"同意": 1, None: 1}
    rows = [(str(i), "2022-02-11", "甲局", "extended", w) for i, w in enumerate(said)]
    m = milestones(CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "result"]))).order_by("case")
    f = m.execute()
    assert f.n_extended.tolist() == [said[k] for k in [list(said)[int(i)] for i in sorted(map(str, range(len(said))))]]
    assert f.extended_at.notna().tolist() == (f.n_extended > 0).tolist()


def test_the_pause_of_the_oracle_is_what_a_hand_would_count():
    case = dict(
        opened_at=datetime(2022, 2, 17, 10),
        dispatched_at=None,
        claimed_at=None,
        ticket_due_at=None,
        ticket_extended_at=None,
        extended_at=None,
    )
    case["pauses"] = [(datetime(2022, 2, 21, 9), datetime(2022, 2, 23, 15))]
    d = deadline(case, [dict(step="handle", limit="5wd")], HOURS)
    assert d["due_at"] == datetime(2022, 3, 1) - timedelta(seconds=1) and d["pause"] == 2
