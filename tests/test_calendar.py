"The calendar, the four clocks and limits, against oracles that walk the days one by one"

from datetime import date, datetime, time, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from chinese_calendar import is_workday
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from walk import DAY, moment, runs_out, time_between

from liuan_eval.words.calendar import WorkCalendar, known_days, limit_text, noticed, on_provisional, parse_limit, provisional_years
from liuan_eval.words.rules import Rules
from liuan_eval.words.text import LogError

quick = settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking a query takes minutes
SPLIT = (("08:30", "12:00"), ("14:30", "17:30"))


def frame(**columns):
    return pd.DataFrame(
        {
            k: pd.Series(pd.to_datetime(v, format="ISO8601") if isinstance(v[0], str) else v, dtype="datetime64[us]")
            if k in ("a", "b")
            else v
            for k, v in columns.items()
        }
    )


def due(cal, start, limit):
    return cal.due(frame(a=[start]), "a", limit).due_at[0]


# The days


def test_working_days_a_year_are_those_of_the_State_Council_notices():
    d = known_days().set_index("day").work
    assert {y: int(d[str(y)].sum()) for y in (2021, 2022, 2023, 2024)} == {2021: 250, 2022: 249, 2023: 249, 2024: 251}


def test_the_last_day_of_2022_is_off_by_the_notice_for_2023_and_swapped_weekend_days_near_launch_are_worked():
    d = known_days().set_index("day").work
    assert d["2022-12-31"] == 0 and d["2022-04-05"] == 0
    assert d[["2022-01-29", "2022-01-30", "2022-04-02", "2022-04-24", "2022-05-07", "2022-10-08", "2022-10-09"]].eq(1).all()
    assert pd.DatetimeIndex(["2022-01-29", "2022-01-30", "2022-04-02", "2022-04-24"]).day_of_week.min() >= 5


def test_the_table_of_days_is_the_calendar_day_by_day_without_a_gap():
    d = known_days()
    assert (d.day.diff().dropna() == DAY).all() and d.n.tolist() == np.cumsum(d.work).tolist()
    noticed_ = d[~d.provisional]
    assert noticed_.day.dt.year.unique().tolist() == list(range(noticed()[0], noticed()[1] + 1))
    assert noticed_.work.tolist() == [int(is_workday(x.date())) for x in noticed_.day]
    rest = d[d.provisional]
    assert len(rest) and rest.work.tolist() == (rest.day.dt.day_of_week < 5).astype(int).tolist()  # plain weekdays, no holiday guessed


def test_days_that_the_office_gives_count_in_every_year_and_make_a_year_known():
    last = noticed()[1]
    cal = WorkCalendar(holidays=[f"{last + 1}-01-01", "2022-03-03", date(2022, 3, 4)], workdays=["2022-03-05"])
    d, plain = cal.days.set_index("day"), known_days().set_index("day")
    assert d.work[["2022-03-03", "2022-03-04", "2022-03-05", f"{last + 1}-01-01"]].tolist() == [0, 0, 1, 0]
    changed = d.index[d.work != plain.work]
    assert set(changed) <= set(pd.to_datetime(["2022-03-03", "2022-03-04", "2022-03-05", f"{last + 1}-01-01"]))
    assert sorted(d.index[d.provisional != plain.provisional].year.unique()) == [last + 1]
    assert str(due(cal, "2022-03-02", "2wd").date()) == "2022-03-07"  # Saturday is worked, Thursday and Friday are not
    assert str(due(WorkCalendar(), "2022-03-02", "2wd").date()) == "2022-03-04"


@pytest.mark.parametrize("key", ["holidays", "workdays"])
@pytest.mark.parametrize(
    "bad", ["1 May", "2027-02-30", "2027-02-12/2027-02-10", "2027-01-01/", "1889-01-01", "2061-01-01", 20270101.5, "", 5, "2027-1"]
)
def test_a_day_that_is_none_is_refused_with_what_to_write(key, bad):
    with pytest.raises(LogError) as e:
        WorkCalendar(**{key: [bad]})
    both(e, key, str(bad), "2027-02-05/2027-02-11")


def test_days_are_given_one_by_one_or_from_the_first_to_the_last_on_all_that_the_calendar_has():
    cal = WorkCalendar(holidays=["2027-02-05 / 2027-02-07", "1990-01-01/1990-01-01", "2060-12-31"], workdays="2027-03-06/2027-03-07")
    assert cal.holidays == ("1990-01-01", "2027-02-05", "2027-02-06", "2027-02-07", "2060-12-31")
    assert cal.workdays == ("2027-03-06", "2027-03-07")
    for bad in ("1989-12-31/1990-01-02", "2060-12-30/2061-01-01", "2027-01-01/2027-01-02/2027-01-03"):
        with pytest.raises(LogError) as e:
            WorkCalendar(holidays=[bad])
        both(e, bad, "1990", "2060")
    with pytest.raises(LogError) as e:
        WorkCalendar(holidays=["2027-01-01/2027-01-09"], workdays=["2027-01-04", "2027-01-03"])
    both(e, "2027-01-03")


def test_clock_times_are_read_to_the_second_and_with_one_digit():
    assert WorkCalendar(hours=[["09:00", "12:00"], ["13:00", "17:00"]]) == WorkCalendar() and hash(WorkCalendar(hours=[["09:00", "12:00"]]))
    cal = WorkCalendar(hours=(("08:30:15", "12:00"), ("23:00", "24:00")))
    assert (
        WorkCalendar(hours=(("8:30", "12:00"),)).day_hours == 3.5
        and cal.size == ((3 * 60 + 29) * 60 + 45 + 3600) * 10**6
        and cal.day_hours == cal.size / 3.6e9
    )


# Due dates: the table of DOMAIN section 7


VECTORS = """
2022-02-17 02-18/02-17 02-22/02-21 02-24/02-23 03-03/03-02
2022-03-31 04-01/03-31 04-06/04-02 04-08/04-07 04-15/04-14
2022-04-02 04-06/04-02 04-08/04-07 04-12/04-11 04-19/04-18
2022-04-28 04-29/04-28 05-06/05-05 05-09/05-07 05-16/05-13
2022-04-30 05-05/05-05 05-07/05-07 05-10/05-10 05-17/05-17
2022-09-30 10-08/09-30 10-10/10-09 10-12/10-11 10-19/10-18
2022-12-30 2023-01-03/12-30 2023-01-05/2023-01-04 2023-01-09/2023-01-06 2023-01-16/2023-01-13
2023-01-19 01-20/01-19 01-29/01-28 01-31/01-30 02-07/02-06
2024-02-08 02-09/02-08 02-19/02-18 02-21/02-20 02-28/02-27
"""


def full(day, year):
    return day if len(day) > 5 else f"{year}-{day}"


@pytest.mark.parametrize("first", ["next", "same"])
def test_due_dates_in_working_days_are_those_of_the_domain_table_at_any_hour(first):
    rows = [
        (f"{start} {clock}", f"{n}wd", full(cell.split("/")[first == "same"], start[:4]))
        for start, *cells in (line.split() for line in VECTORS.strip().splitlines())
        for n, cell in zip((1, 3, 5, 10), cells)
        for clock in ("00:00", "08:59:59.999999", "12:30", "17:00", "23:59:59.999999")
    ]
    f = pd.DataFrame(rows, columns=["a", "limit", "day"]).astype({"a": "datetime64[us]"})
    got = WorkCalendar(first=first).due(f, "a", "limit")
    assert len(f) == 9 * 4 * 5 and got.due_at.tolist() == [pd.Timestamp(f"{d} 23:59:59") for d in f.day]
    for hours in (SPLIT, (("00:00", "24:00"),)):  # a limit in days knows no hours
        assert (WorkCalendar(first=first, hours=hours).due(f, "a", "limit").due_at == got.due_at).all()


def test_two_conventions_can_differ_by_nine_calendar_days():
    got = [due(WorkCalendar(first=f), "2024-02-08", "2wd") for f in ("next", "same")]
    assert [f"{x:%m-%d}" for x in got] == ["02-18", "02-09"]


# PM4Py's failures


def test_the_work_calendar_is_used_and_not_only_accepted_as_in_pm4py_issue_558():
    f = frame(a=["2022-01-28 17:00"], b=["2022-02-08 17:00"])
    plain, split, whole = (
        WorkCalendar(hours=h).elapsed(f, "a", "b", "wh").elapsed[0] for h in ((("08:00", "16:00"),), SPLIT, (("00:00", "24:00"),))
    )
    assert [plain, split] == [
        32,
        0.5 + 6.5 * 3 + 6,
    ] and whole == 7 + 24 * 3 + 17  # Sat 29, Sun 30, Mon 7, Tue 8 are worked; closed on Fri at 17:30
    assert (pd.Timestamp("2022-02-08 17:00") - pd.Timestamp("2022-01-28 17:00")) / pd.Timedelta(hours=1) == 264


def test_32_business_hours_of_eight_hour_days_are_four_days_and_not_a_third_more_than_one_as_in_pm4py_issue_559():
    eight = WorkCalendar(hours=(("08:00", "16:00"),))
    f = frame(a=["2022-01-28 17:00"], b=["2022-02-08 17:00"])
    assert eight.elapsed(f, "a", "b", "wh").elapsed[0] / eight.day_hours == 4.0 == eight.elapsed(f, "a", "b", "wd").elapsed[0]


# Random calendars, times and limits


def clock_text(seconds):
    h, m, s = seconds // 3600, seconds // 60 % 60, seconds % 60
    return "24:00" if h == 24 else f"{h:02d}:{m:02d}" + (f":{s:02d}" if s else "")


@st.composite
def offices(draw):
    "Office hours of one to three spans, in seconds or in half hours"
    step, k = draw(st.sampled_from([1, 1800])), draw(st.integers(1, 3))
    edges = sorted(draw(st.lists(st.integers(0, 86400 // step), min_size=2 * k, max_size=2 * k, unique=True)))
    assume_long = [edges[0], max(edges[-1], edges[0] + 7200 // step)] if edges[-1] - edges[0] < 3600 // step else edges
    edges = [clock_text(min(e * step, 86400)) for e in assume_long]
    return tuple(zip(edges[::2], edges[1::2]))


@st.composite
def times(draw, hours):
    "Days near launch and holidays or any, at edges of the office hours or at any microsecond"
    near = [
        date(2022, 1, 28),
        date(2022, 2, 17),
        date(2022, 4, 1),
        date(2022, 4, 30),
        date(2022, 9, 30),
        date(2022, 12, 30),
        date(2024, 2, 8),
    ]
    day = (
        draw(st.sampled_from(near)) + DAY * draw(st.integers(-3, 12))
        if draw(st.booleans())
        else draw(st.dates(date(2021, 1, 1), date(2024, 6, 1)))
    )
    kind = draw(st.integers(0, 3))
    if kind == 0:  # whole minutes
        return datetime.combine(day, time()) + timedelta(minutes=draw(st.integers(0, 1439)))
    if kind == 1:  # midnight, an edge of the office hours, or a moment beside one
        at = draw(st.sampled_from([moment(day, c) for span in hours for c in span] + [moment(day, "00:00"), moment(day, "12:30")]))
        return at + timedelta(microseconds=draw(st.sampled_from([-1_000_000, -1, 0, 1, 1_000_000])))
    return datetime.combine(day, time()) + timedelta(microseconds=draw(st.integers(0, 86_400_000_000 - 1)))


@st.composite
def questions(draw):
    hours = draw(offices())
    starts = draw(st.lists(times(hours), min_size=20, max_size=20))
    more = draw(st.lists(st.one_of(st.integers(0, 3 * 86_400 * 10**6), st.integers(0, 40 * 86_400 * 10**6)), min_size=20, max_size=20))
    ends = [a + timedelta(microseconds=m) if i % 3 else b for i, (a, b, m) in enumerate(zip(starts, [*starts[1:], starts[0]], more))]
    pairs = [(a, b) if a <= b else (b, a) for a, b in zip(starts, ends)]
    return hours, [(a, b if b - a < 60 * DAY else a + 60 * DAY) for a, b in pairs], draw(st.sampled_from(["next", "same"]))


@quick
@given(questions())
def test_time_between_is_what_walking_the_days_adds_up(q):
    hours, pairs, first = q
    f = frame(a=[a for a, _ in pairs], b=[b for _, b in pairs])
    for clock in ("wd", "wh", "d", "h"):
        got = WorkCalendar(hours=hours, first=first).elapsed(f, "a", "b", clock).elapsed.tolist()
        assert got == [time_between(a, b, clock, hours, first) for a, b in pairs], clock


@st.composite
def limits(draw):
    hours, pairs, first = draw(questions())
    cutoff = draw(st.one_of(st.none(), st.integers(0, 86399).map(clock_text)))
    rows = []
    for a, _ in pairs:
        clock = draw(st.sampled_from(["wd", "wh", "d", "h"]))
        pause = draw(st.integers(0, 5)) if clock in ("wd", "d") else draw(st.integers(0, 640)) / 64
        rows.append((a, draw(st.integers(1, 12)), clock, pause if draw(st.booleans()) else 0))
    return WorkCalendar(hours=hours, first=first, cutoff=cutoff), rows


@quick
@given(limits())
def test_due_moments_are_what_walking_the_days_finds(q):
    cal, rows = q
    f = frame(a=[a for a, *_ in rows], limit=[f"{n}{c}" for _, n, c, _ in rows], pause=[float(p) for *_, p in rows])
    walk = lambda a, n, c, p: runs_out(a, n, c, cal.hours, cal.first, cal.cutoff, p)
    assert cal.due(f, "a", "limit", pause="pause").due_at.tolist() == [walk(*r) for r in rows]
    assert cal.due(f, "a", "limit").due_at.tolist() == [walk(a, n, c, 0) for a, n, c, _ in rows]


@settings(quick, max_examples=6)
@given(questions(), st.integers(1, 30))
def test_from_start_to_due_the_office_is_open_exactly_for_the_limit(q, n):
    hours, pairs, first = q
    cal = WorkCalendar(hours=hours, first=first)
    f = cal.due(frame(a=[a for a, _ in pairs]), "a", f"{n}wh")
    assert cal.elapsed(f, "a", "due_at", "wh").elapsed.tolist() == [float(n)] * len(pairs)
    f = cal.due(f, "a", f"{n}wd")
    assert cal.elapsed(f, "a", "due_at", "wd").elapsed.tolist() == [n] * len(pairs)  # a day is due on the day of its number


def test_working_time_is_what_counting_minutes_gives():
    rng = np.random.default_rng(3)
    a = [datetime(2022, 1, 24) + timedelta(minutes=int(m)) for m in rng.integers(0, 20 * 1440, 8)]
    b = [x + timedelta(minutes=int(m)) for x, m in zip(a, rng.integers(0, 8 * 1440, 8))]
    inside = lambda t: is_workday(t.date()) and any(moment(t.date(), o) <= t < moment(t.date(), e) for o, e in SPLIT)
    counted = [sum(inside(x + timedelta(minutes=i)) for i in range((y - x) // timedelta(minutes=1))) / 60 for x, y in zip(a, b)]
    assert np.allclose(WorkCalendar(hours=SPLIT).elapsed(frame(a=a, b=b), "a", "b", "wh").elapsed, counted, rtol=1e-12)
    assert sum(counted) > 60


@pytest.mark.parametrize(
    "start, limit, ends",
    [
        ("2022-04-03 10:00", "1wh", "2022-04-06 09:30"),  # a rest day
        ("2022-04-06 13:00", "1wh", "2022-04-06 15:30"),  # in the lunch break
        ("2022-04-06 00:00", "3wh", "2022-04-06 11:30"),  # at midnight
        ("2022-04-06 18:00", "1wh", "2022-04-07 09:30"),  # after closing
        ("2022-04-06 17:30", "1wh", "2022-04-07 09:30"),  # at closing sharp
        ("2022-04-06 17:29:59.999999", "1wh", "2022-04-07 09:29:59.999999"),
        ("2022-04-06 08:30", "6wh", "2022-04-06 17:00"),
        ("2022-04-06 08:30", "13wh", "2022-04-07 17:30"),  # two whole days end at closing, not the next morning
    ],
)
def test_working_hours_run_out_by_hand_with_a_long_lunch_break(start, limit, ends):
    got = due(WorkCalendar(hours=(("08:30", "12:00"), ("14:30", "17:30"))), start, limit)
    assert got == pd.Timestamp(ends)


def test_from_the_cutoff_on_a_working_day_it_counts_as_received_on_the_next_one():
    early, late = ("2022-03-31 15:59:59.999999", "2022-03-31 16:00")
    for first, days in (("next", ["04-01", "04-02"]), ("same", ["03-31", "04-01"])):
        assert [f"{due(WorkCalendar(cutoff='16:00', first=first), s, '1wd'):%m-%d}" for s in (early, late)] == days
    assert [due(WorkCalendar(cutoff="16:00"), s, "1wh") for s in (early, late)] == [
        pd.Timestamp("2022-03-31 16:59:59.999999"),
        pd.Timestamp("2022-04-01 10:00"),
    ]
    rest = [due(WorkCalendar(cutoff=c), "2022-04-03 18:00", "1wd") for c in (None, "16:00")]
    assert rest[0] == rest[1] == pd.Timestamp("2022-04-06 23:59:59")  # on a rest day it changes nothing


# Frames and tables


def mixed(n=400):
    rng = np.random.default_rng(4)
    a = pd.Timestamp("2021-05-01") + pd.to_timedelta(rng.integers(0, 900 * 86400 * 10**6, n), unit="us")
    b = a + pd.to_timedelta(rng.integers(-10 * 86400 * 10**6, 30 * 86400 * 10**6, n), unit="us")
    f = pd.DataFrame(
        dict(case=range(n), a=a, b=b, limit=rng.choice(["3wd", "7wh", "5d", "24h", None], n), pause=rng.integers(0, 4, n).astype(float))
    )
    f.loc[::17, "a"], f.loc[::13, "b"], f.loc[::11, "pause"] = pd.NaT, pd.NaT, np.nan
    return f.sample(frac=1, random_state=1, ignore_index=True)


@pytest.mark.parametrize("clock", ["wd", "wh", "d", "h"])
def test_a_pandas_frame_and_an_ibis_table_give_the_same_and_unknown_times_stay_unknown(clock):
    f = mixed()
    got = WorkCalendar().elapsed(f, "a", "b", clock)
    assert got.columns.tolist() == [*f.columns, "elapsed"] and got.case.tolist() == f.case.tolist()  # in the order they came in
    assert got.elapsed.isna().tolist() == (f.a.isna() | f.b.isna()).tolist()
    table = WorkCalendar().elapsed(ibis.memtable(f), "a", "b", clock).execute().sort_values("case")
    assert table.elapsed.astype(float).tolist() == pytest.approx(got.sort_values("case").elapsed.astype(float).tolist(), nan_ok=True)


def test_due_of_a_frame_and_of_a_table_are_the_same_and_unknown_stays_unknown():
    f, cal = mixed(), WorkCalendar(hours=SPLIT, cutoff="16:00")
    got = cal.due(f, "a", "limit", pause="pause")
    assert got.columns.tolist() == [*f.columns, "due_at"] and got.case.tolist() == f.case.tolist()
    assert got.due_at.isna().tolist() == (f.a.isna() | f.limit.isna()).tolist()  # an unknown pause is none
    table = cal.due(ibis.memtable(f), "a", "limit", pause="pause").execute().set_index("case").due_at
    pd.testing.assert_series_equal(table.reindex(f.case), got.set_index("case").due_at)
    known = got.dropna(subset=["due_at"])
    walk = lambda r: runs_out(r.a.to_pydatetime(), *parse_limit(r.limit), SPLIT, cutoff="16:00", pause=int(np.nan_to_num(r.pause)))
    assert known.due_at.tolist() == [walk(r) for r in known.itertuples()] and len(known) > 200


def test_nothing_but_unknown_times_is_answered_with_unknown():
    f = pd.DataFrame(dict(a=pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us]"), b=pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us]")))
    for clock in ("wd", "wh", "d", "h"):
        assert WorkCalendar().elapsed(f, "a", "b", clock).elapsed.isna().all()
        assert WorkCalendar().due(f, "a", f"3{clock}").due_at.isna().all()


def test_office_hours_since_the_beginning_differ_by_the_time_between():
    f, cal = mixed(), WorkCalendar(hours=SPLIT)
    got = cal.office_hours(f, dict(x="a", y="b"))
    want = cal.elapsed(f, "a", "b", "wh").elapsed
    assert np.allclose(got.y - got.x, want, equal_nan=True) and got.case.tolist() == f.case.tolist()


# Errors


def both(error, *words):
    "The English and the Chinese text of an error, each with the words"
    assert error.value.text.en != error.value.text.zh and all(w in error.value.text.en and w in error.value.text.zh for w in words), (
        error.value
    )
    return error.value


def weekday(on):
    "A working day, where years without a notice have plain weekdays"
    return is_workday(on) if noticed()[0] <= on.year <= noticed()[1] else on.weekday() < 5


@pytest.mark.parametrize("at", ["2003-12-31 23:59:59", f"{noticed()[1] + 1}-01-01", "1999-05-05", "1990-01-01", "2060-12-31"])
def test_a_year_without_a_notice_is_counted_on_plain_weekdays_and_stops_nothing(at):
    f, cal = frame(a=["2022-02-17", at], b=[at, "2022-02-18"]), WorkCalendar()
    a, b = (date.fromisoformat(x[:10]) for x in ("2022-02-17", at))
    days = sum(weekday(min(a, b) + timedelta(days=i)) for i in range(1, abs((b - a).days) + 1))
    assert abs(cal.elapsed(f, "a", "b", "wd").elapsed[0]) == days
    for clock in ("wd", "wh", "d", "h"):
        assert cal.elapsed(f, "a", "b", clock).elapsed.notna().all() and cal.due(f, "a", f"1{clock}").due_at.notna()[0]


@pytest.mark.parametrize("at", ["1900-01-01", "1970-01-01 08:00", "1989-12-31 23:59:59", "2061-01-01", "2999-12-31", None])
def test_a_time_outside_the_calendar_is_unknown_in_working_time_and_stops_nothing(at):
    f = frame(a=["2022-02-17", at], b=["2022-02-18", at])
    for clock in ("wd", "wh"):
        assert WorkCalendar().elapsed(f, "a", "b", clock).elapsed.isna().tolist() == [False, True]
        assert WorkCalendar().due(f, "a", f"1{clock}").due_at.isna().tolist() == [False, True]
    assert WorkCalendar().office_hours(f, dict(x="a")).x.isna().tolist() == [False, True]


NEXT = noticed()[1] + 1


@pytest.mark.parametrize("limit", ["1wd", "9wd", "10wd", "30wd", "8wh", "200wh"])
def test_a_limit_that_runs_on_into_a_year_without_a_notice_ends_there(limit):
    start, cal = datetime(NEXT - 1, 12, 18, 10), WorkCalendar()
    n, clock = parse_limit(limit)
    got, left, day = due(cal, str(start), limit), n if clock == "wd" else -(-(n - 6) // 7), start.date()
    while left:  # in hours: six are left of the first day, seven of every other
        day += timedelta(days=1)
        left -= weekday(day)
    assert got.date() == day
    rules, t = Rules.read(dict(step="handle", limit=limit)), ibis.memtable(frame(a=[str(start)]))
    assert rules.due(t, "handle", dict(received="a"), cal).execute().due_at[0] == got


def test_a_limit_that_runs_past_the_last_day_of_all_is_unknown():
    assert pd.isna(due(WorkCalendar(), "2060-12-30", "10wd"))


def test_a_pause_may_run_on_into_a_year_without_a_notice():
    f = frame(a=[f"{NEXT - 1}-12-21"], pause=[30.0])
    got = WorkCalendar().due(f, "a", "2wd", pause="pause").due_at[0]
    assert got == due(WorkCalendar(), f"{NEXT - 1}-12-21", "32wd") and got.year == NEXT


def test_what_rests_on_a_year_without_a_notice_is_told():
    cal, given = WorkCalendar(), WorkCalendar(holidays=[f"{NEXT}-01-01/{NEXT}-01-03"])
    spans = [
        ("2022-01-01", "2022-12-31"),
        (f"{NEXT - 1}-12-01", f"{NEXT}-01-01"),
        (f"{NEXT}-06-01", f"{NEXT + 1}-01-01"),
        ("1970-01-01", "1970-01-02"),
    ]
    t = ibis.memtable(frame(a=[a for a, _ in spans], b=[b for _, b in spans]).assign(i=range(4)))
    told = lambda c: t.select("i", x=on_provisional(c, t.a, t.b)).order_by("i").execute().x.tolist()
    assert told(cal) == [False, True, True, True] and told(given) == [False, False, True, True]
    assert [provisional_years(cal, *s) for s in spans] == [[], [NEXT], [NEXT, NEXT + 1], [1970]]
    assert [provisional_years(given, *s) for s in spans[:3]] == [[], [], [NEXT + 1]]
    for lang, word in (("zh", "暂按周一至周五"), ("en", "Monday to Friday")):
        assert word in cal.words(lang, [NEXT]) and str(NEXT) in cal.words(lang, [NEXT]) and word not in cal.words(lang)
        assert "3" in given.words(lang) and given.words(lang) != cal.words(lang)


def test_a_year_begins_with_its_first_moment():
    "One year is given, two before it are not: their last moment rests on no notice, the first of the given year does"
    given = WorkCalendar(holidays=[f"{NEXT + 2}-05-01"])
    first, last = noticed()
    moments = {  # first, last -> provisional
        (f"{first}-01-01", f"{first}-01-02"): False,
        (f"{first - 1}-12-31 23:59:59", f"{first}-01-02"): True,
        (f"{last}-12-30", f"{last}-12-31 23:59:59"): False,
        (f"{last}-12-30", f"{NEXT}-01-01"): True,
        (f"{NEXT + 1}-12-31 23:59:59", f"{NEXT + 2}-01-02"): True,
        (f"{NEXT + 2}-01-01", f"{NEXT + 2}-12-31 23:59:59"): False,
        (f"{NEXT + 2}-12-30", f"{NEXT + 3}-01-01"): True,
        (f"{first}-05-01", f"{NEXT + 2}-05-01"): True,
    }
    t = ibis.memtable(frame(a=[a for a, _ in moments], b=[b for _, b in moments]).assign(i=range(len(moments))))
    assert t.select("i", x=on_provisional(given, t.a, t.b)).order_by("i").execute().x.tolist() == list(moments.values())
    assert provisional_years(given, None, "2022-01-01") == provisional_years(given, "2030-01-01", None) == []


@pytest.mark.parametrize("bad", ["3", "3 days", "0wd", "-1d", "wd", "", "1.5h", "3WD", None, "3wd 4h"])
def test_a_bad_limit_is_refused_with_what_to_write(bad):
    with pytest.raises(LogError) as e:
        parse_limit(bad)
    both(e, str(bad), "3wd", "16wh", "15d", "24h")
    with pytest.raises(LogError) as e:
        WorkCalendar().due(frame(a=["2022-02-17"], limit=[str(bad)]), "a", "limit")
    both(e, str(bad))


def test_limits_are_read_and_said_in_both_languages():
    assert [parse_limit(x) for x in ("3wd", " 16 wh ", "15d", "24h")] == [(3, "wd"), (16, "wh"), (15, "d"), (24, "h")]
    said = [limit_text(x, lang) for x in ("1wd", "16wh", "15d", "24h") for lang in ("en", "zh")]
    assert said == ["1 working day", "1个工作日", "16 working hours", "16个工作小时", "15 calendar days", "15日", "24 hours", "24小时"]


@pytest.mark.parametrize(
    "bad",
    [
        (),
        (("12:00", "09:00"),),
        (("09:00", "12:00"), ("11:00", "17:00")),
        (("13:00", "17:00"), ("09:00", "12:00")),
        (("09:00", "09:00"),),
        (("09:00",),),
        (("09:00", "12:00", "17:00"),),
        (("09:00", "12:00"), ("12:00", "17:00")),
        (("09:00", "12:00"), ("14:30",)),
    ],
    ids=str,
)
def test_office_hours_that_are_no_spans_in_order_are_refused(bad):
    with pytest.raises(LogError) as e:
        WorkCalendar(hours=bad)
    both(e, "08:30", "14:30")


@pytest.mark.parametrize("bad", ["25:00", "noon", "8.5", "", 8, "24:01", "8点"])
def test_what_is_no_clock_time_is_refused_as_an_hour_and_as_a_cutoff(bad):
    for more in (dict(hours=((bad, "24:00"),)), dict(cutoff=bad)):
        with pytest.raises(LogError) as e:
            WorkCalendar(**more)
        both(e, str(bad), "08:30", "[calendar]")


def test_a_convention_that_is_none_is_refused():
    with pytest.raises(LogError) as e:
        WorkCalendar(first="tomorrow")
    both(e, "tomorrow", "next", "same")


def test_the_calendar_in_words_names_every_choice():
    for lang, late in (("en", "from 16:00 on"), ("zh", "16:00 起")):
        words = [WorkCalendar(hours=SPLIT, cutoff=c, first=f).words(lang) for c in (None, "16:00") for f in ("next", "same")]
        assert len(set(words)) == 4 and all("14:30–17:30" in w for w in words) and [late in w for w in words] == [False, False, True, True]
