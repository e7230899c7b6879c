"Zones whose clocks change: order and durations by instants, days by the wall; and logs that run into a year without a notice"

import tomllib
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pytest
from conftest import find_data
from hypothesis import given
from hypothesis import strategies as st
from test_calendar import quick, weekday
from walk import runs_out, time_between

from liuan_eval import custody, metrics
from liuan_eval.effects.cases.percase import hop_counts
from liuan_eval.indicators.volume import backlog
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.report.study import month_of
from liuan_eval.words.calendar import WorkCalendar, noticed
from liuan_eval.words.text import LogError
from liuan_eval.words.time import shown_before, standard, wall

CHANGING = [
    "Europe/Amsterdam",
    "America/New_York",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Europe/Moscow",
    "Africa/Casablanca",
]
FIXED = ["Asia/Shanghai", "UTC", "Asia/Tokyo", "Asia/Kolkata", "Asia/Hong_Kong"]
TURNS = {"Europe/Amsterdam": ["2013-03-31", "2013-10-27"], "America/New_York": ["2013-03-10", "2013-11-03"]}  # days on which clocks change


def column(times):
    return ibis.memtable(pd.DataFrame(dict(i=range(len(times)), at=pd.Series(times, dtype="datetime64[us]"))))


def read(table, expression):
    return table.select("i", x=expression).order_by("i").execute().x


def local(instant, zone):
    "A moment as the wall shows it, by Python's own zones"
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


# Two clocks


@pytest.mark.parametrize("zone", CHANGING)
def test_every_instant_is_on_the_wall_what_python_says_and_keeps_its_distance_from_every_other(zone):
    rng = np.random.default_rng(3)
    days = pd.date_range("1992-01-02", "2024-01-01", freq="D")
    found = pd.DatetimeIndex(
        [
            d
            for d in days
            if d.tz_localize("UTC").tz_convert(zone).utcoffset()
            != (d + pd.Timedelta(days=1)).tz_localize("UTC").tz_convert(zone).utcoffset()
        ]
    )
    near = rng.choice(found, 400) + pd.to_timedelta(rng.integers(-3, 27 * 60, 400), unit="min")
    instants = pd.DatetimeIndex(
        [*near, *(pd.Timestamp("1995-01-01") + pd.to_timedelta(rng.integers(0, 28 * 365 * 24 * 60, 200), unit="min"))]
    ).tz_localize("UTC")
    t = ibis.memtable(pd.DataFrame(dict(i=range(len(instants)), at=instants.astype("datetime64[us, UTC]"))))
    s = read(t, standard(t.at, zone))
    assert (s - s[0]).tolist() == [i - instants[0] for i in instants]
    on_wall = [local(i.to_pydatetime(), zone) for i in instants]
    t = column(s)
    assert read(t, wall(t.at, zone)).tolist() == on_wall
    assert [wall(x, zone) for x in s] == on_wall
    w = column(on_wall)
    back = read(w, standard(w.at, zone))
    assert [wall(x, zone) for x in back] == on_wall  # what the wall shows, it shows then
    assert [standard(pd.Timestamp(x), zone) for x in on_wall] == back.tolist()
    assert (back >= s).all()  # of two moments the later
    earlier = [{local((i - pd.Timedelta(minutes=m)).to_pydatetime(), zone) for m in (30, 60)} for i in instants]
    assert read(t, shown_before(t.at, zone)).tolist() == [w in e for w, e in zip(on_wall, earlier)]


@pytest.mark.parametrize("zone", FIXED)
def test_where_clocks_do_not_change_nothing_is_done_and_nothing_added_to_a_query(zone):
    t = column([datetime(2022, 2, 17, 9)])
    assert wall(t.at, zone).equals(t.at) and standard(t.at, zone).equals(t.at)
    assert wall(pd.Timestamp("2022-02-17"), zone) == standard(pd.Timestamp("2022-02-17"), zone) == pd.Timestamp("2022-02-17")


def test_a_log_of_shanghai_asks_the_engine_for_no_zone():
    log = read_log()
    for t in (custody.spells(log), custody.cases(log), log.calendar.elapsed(custody.coded_cases(log), "opened_at", "closed_at", "wh")):
        assert "timezone" not in str(ibis.to_sql(t)).lower()


@pytest.mark.parametrize("zone, shown, meant", [
    ("Europe/Amsterdam", "2013-10-27 02:30", "2013-10-27T01:30:00Z"),  # shown twice: the second
    ("Europe/Amsterdam", "2013-03-31 02:30", "2013-03-31T01:30:00Z"),  # never shown: as if not yet put forward
    ("America/New_York", "2013-11-03 01:30", "2013-11-03T06:30:00Z"),
    ("America/New_York", "2013-03-10 02:30", "2013-03-10T07:30:00Z"),
    ("America/New_York", "2013-07-01 12:00", "2013-07-01T16:00:00Z"),
])  # fmt: skip
def test_a_time_without_a_zone_is_what_the_wall_showed_by_the_stated_rule(zone, shown, meant):
    t = ibis.memtable(pd.DataFrame(dict(i=[0], at=pd.to_datetime([meant]).astype("datetime64[us, UTC]"))))
    assert read(t, standard(t.at, zone))[0] == standard(pd.Timestamp(shown), zone)
    log = CaseLog.from_frame(
        pd.DataFrame(dict(case_id="1", timestamp=[shown, meant], unit=["A", "B"], activity=["dispatched", "transferred"])),
        timezone=zone,
        times=dict(zone=zone),
    )
    assert custody.hops(log).execute().held_seconds.tolist() == [0.0]


# Custody


def made(rows, zone, **more):
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    return CaseLog.from_frame(events, timezone=zone, dispatchers=["H"], returned="unit_to_dispatcher", **more)


NIGHTS = [
    ("A", "2013-10-27T01:00:00+02:00", "H", "受理"),
    ("A", "2013-10-27T02:50:00+02:00", "住建局", "派单"),
    ("A", "2013-10-27T02:10:00+01:00", "城管局", "移送"),
    ("A", "2013-10-27T04:00:00+01:00", "城管局", "办结"),
    ("B", "2013-03-31T00:30:00+01:00", "H", "受理"),
    ("B", "2013-03-31T01:30:00+01:00", "住建局", "派单"),
    ("B", "2013-03-31T03:30:00+02:00", "城管局", "移送"),
    ("B", "2013-03-31T04:30:00+02:00", "城管局", "办结"),
]


def test_no_pingpong_is_invented_when_clocks_go_back_and_no_hour_when_they_go_forward():
    log = made(NIGHTS, "Europe/Amsterdam")
    h, c = custody.hops(log).execute().set_index("case_id"), custody.cases(log).execute().set_index("case_id")
    assert h.held_seconds.to_dict() == dict(A=1200.0, B=3600.0) and not h.pingpong.any()
    assert c.duration_seconds.to_dict() == dict(A=14400.0, B=10800.0) and c.n_pingpong.sum() == 0
    assert h["at"].astype(str).to_dict() == dict(A="2013-10-27 02:10:00", B="2013-03-31 03:30:00")  # people see the wall
    assert check(log).empty


NUMBERS = dict(
    spells="case_id spell unit is_dispatcher next_unit exit",
    hops="case_id hop from_unit to_unit held_seconds via_dispatcher kind pingpong boomerang",
    cases="case_id first_unit resolver n_spells n_units n_hops n_pingpong n_bounced n_revisits limbo_seconds duration_seconds",
)


@quick
@given(st.integers(0, 10**6), st.sampled_from(sorted(TURNS)))
def test_custody_of_a_log_with_offsets_is_that_of_the_same_log_in_utc_and_its_months_are_local(seed, zone):
    rng = np.random.default_rng(seed)
    n = 60
    at = pd.to_datetime(rng.choice(TURNS[zone], n)) + pd.to_timedelta(rng.integers(-600, 1500, n), unit="min")
    at = at.where(rng.random(n) > 0.3, pd.Timestamp("2013-12-31 12:00") + pd.to_timedelta(rng.integers(0, 1440, n), unit="min"))
    instants = pd.Series(at).dt.tz_localize("UTC").sample(frac=1, random_state=seed, ignore_index=True)
    rows = pd.DataFrame(dict(case_id=rng.integers(0, 9, n).astype(str), timestamp=instants, unit=rng.choice(["A", "B", "C", "H"], n)))
    rows["activity"] = rng.choice(["dispatched", "returned", "closed", "urged"], n, p=[0.7, 0.1, 0.1, 0.1])
    texts = rows.assign(timestamp=[i.tz_convert(zone).isoformat() for i in instants])
    logs = [made(texts, zone), made(rows, zone), made(texts, "UTC")]
    for name, columns in NUMBERS.items():
        parts = [getattr(custody, name)(log).execute().sort_values(columns.split()[:2], ignore_index=True) for log in logs]
        for part in parts[:2]:
            pd.testing.assert_frame_equal(part[columns.split()], parts[2][columns.split()])
        for c in [c for c in parts[0] if str(parts[0][c].dtype).startswith("datetime")]:
            shown = parts[2][c].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
            assert parts[0][c].tolist() == shown.tolist() == parts[1][c].tolist(), c
    first = instants.groupby(rows.case_id).min().dt.tz_convert(zone).dt.tz_localize(None)
    for period, freq in dict(day="D", month="M", year="Y").items():
        got = metrics.compute(logs[0], "n_cases", period=period).set_index("period").value
        want = first.dt.to_period(freq).dt.start_time.value_counts()
        assert got[got > 0].to_dict() == want.to_dict()


def test_a_public_log_of_dutch_permits_lasts_as_long_as_pandas_says_on_utc():
    path = find_data("receipt") / "receipt.csv"
    got = custody.cases(read_log(path, "liuan_eval/data/mappings/receipt.toml")).execute().set_index("case_id").duration_seconds
    f = pd.read_csv(path)
    at = pd.to_datetime(f["time:timestamp"], utc=True).groupby(f["case:concept:name"])
    want = (at.max() - at.min()).dt.total_seconds()
    assert len(got) == 1434 and (got - want.reindex(got.index)).abs().max() < 1e-6


# Days, campaigns, limits


def summer(*times, **more):
    "A log of cases that come in at local times of New York, each closed an hour later"
    rows = [(str(i), t, "A", "dispatched") for i, t in enumerate(times)]
    done = [(str(i), str(pd.Timestamp(t) + pd.Timedelta(hours=1)), "A", "closed") for i, t in enumerate(times)]
    return made([*rows, *done], "America/New_York", **more)


def test_a_campaign_begins_at_local_midnight_and_a_period_is_local():
    log = summer("2013-06-30 23:30", "2013-07-01 00:10", "2013-07-01 22:50", "2013-07-31 21:30", start="2013-07-01")
    by = metrics.compute(log, "n_cases", period="2013-07-01").set_index("period").value
    assert by.to_dict() == dict(before=1, after=3)
    assert hop_counts(log).groupby("after").n.sum().to_dict() == {False: 1, True: 3}
    months = metrics.compute(log, "n_cases", period="month").set_index("period").value
    assert {f"{k:%m}": v for k, v in months.items()} == {"06": 1, "07": 3}
    assert [f"{x:%m-%d %H:%M}" for x in log.ends] == ["06-30 23:30", "07-31 22:30"] and "2013-07-31" in log.summary()
    assert month_of(log, "2013-06") == pd.Timestamp("2013-06-01")


def test_the_backlog_at_a_moment_is_that_of_the_wall():
    log = summer("2013-07-01 12:00")
    assert backlog(log, ["2013-07-01 11:59", "2013-07-01 12:00", "2013-07-01 12:59", "2013-07-01 13:00"]).open.tolist() == [0, 1, 1, 0]
    two = made(
        [
            ("1", "2013-07-01 12:00", "A", "dispatched"),
            ("2", "2013-07-02 12:00", "A", "dispatched"),
            ("1", "2013-07-02 23:30", "A", "closed"),
        ],
        "America/New_York",
    )
    assert metrics.compute(two, "open_cases", period="day").value.tolist() == [1, 1]


def test_a_due_date_without_an_hour_ends_with_its_local_day_and_a_name_with_its_own():
    cases = pd.DataFrame(dict(case_id=["0", "1"], due_at=["2013-07-01", "2013-07-01 12:00"]))
    events = [
        ("0", "2013-06-30 10:00", "A", "dispatched"),
        ("0", "2013-07-01 23:50", "A", "closed"),
        ("1", "2013-06-30 10:00", "A", "dispatched"),
    ]
    events += [("1", "2013-07-01 12:01", "A", "closed"), ("2", "2013-07-02 00:10", "A", "dispatched")]
    log = made(events, "America/New_York", cases=cases, aliases=[dict(alias="A", unit="B", valid_from="2013-07-02")])
    assert custody.cases(log).execute().set_index("case_id").due_at.map(str).to_dict() == {
        "0": "2013-07-01 23:59:59",
        "1": "2013-07-01 12:00:00",
        "2": "NaT",
    }
    assert metrics.compute(log, "on_time_closed_rate").numerator.tolist() == [1]
    assert custody.spells(log).execute().set_index("case_id").unit.to_dict() == {"0": "A", "1": "A", "2": "B"}


@quick
@given(st.integers(0, 10**6), st.sampled_from(sorted(TURNS)))
def test_limits_and_working_time_are_those_of_the_wall(seed, zone):
    rng = np.random.default_rng(seed)
    n, hours = 24, (("08:30", "12:00"), ("14:30", "17:30"))
    a = pd.to_datetime(rng.choice(TURNS[zone], n)) + pd.to_timedelta(rng.integers(-5000, 5000, n), unit="min")
    b = a + pd.to_timedelta(rng.integers(0, 9000, n), unit="min")
    a, b = (pd.Series([standard(x, zone) for x in c], dtype="datetime64[us]") for c in (a, b))
    f = pd.DataFrame(dict(a=a, b=b, limit=rng.choice(["1wd", "3wd", "8wh", "2d"], n)))
    cal = WorkCalendar(hours=hours, zone=zone)
    shown = lambda c: [wall(x, zone).to_pydatetime() for x in c]
    for x, end, limit in zip(shown(f.a), shown(cal.due(f, "a", "limit").due_at), f["limit"]):
        assert end == runs_out(x, int(limit[0]), limit[1:], hours, "next", None)
    for clock in ("wd", "wh", "d"):
        want = [time_between(x, y, clock, hours, "next") for x, y in zip(shown(f.a), shown(f.b))]
        assert np.allclose(cal.elapsed(f, "a", "b", clock).elapsed, want)
    assert cal.elapsed(f, "a", "b", "h").elapsed.tolist() == [(y - x).total_seconds() / 3600 for x, y in zip(f.a, f.b)]


def test_a_rule_holds_from_its_local_day_on():
    law = [dict(step="handle", limit="1d", valid_from=date(2013, 7, 1)), dict(step="handle", limit="9d")]
    log = summer("2013-06-30 23:30", "2013-07-01 00:30", rules=law)
    d = custody.deadlines(log).join(log.case_ids, "case").order_by("case_id").execute()
    assert d["limit"].tolist() == ["9d", "1d"]
    assert [str(wall(x, "America/New_York")) for x in d.due_at] == ["2013-07-09 23:59:59", "2013-07-02 23:59:59"]


def test_the_zone_of_an_office_is_that_of_its_log():
    assert Mapping(timezone="Europe/Amsterdam", calendar=dict(cutoff="16:00")).office.zone == "Europe/Amsterdam"
    with pytest.raises(LogError, match="holidays"):
        Mapping(calendar=dict(zone="UTC"))


# Years without a notice

NEXT = noticed()[1] + 1
DECEMBER = datetime(NEXT - 1, 12, 1, 9)


def december(n=40, **more):
    "One case a day, closed after two days"
    rows = [
        (f"{i:02}", DECEMBER + timedelta(days=i, hours=h), "水务局", a)
        for i in range(n)
        for h, a in ((0, "派单"), (1, "签收"), (48, "办结"))
    ]
    return CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), **more)


def rests(log):
    f = check(log).set_index("code")
    return int(f.loc["calendar_provisional", "count"]) if "calendar_provisional" in f.index else 0


@pytest.mark.parametrize("limit", [None, "1wd", "10wd", "70wh", "15d"])
def test_december_and_january_are_reported_and_the_cases_that_rest_on_the_new_year_counted(limit):
    law = () if limit is None else (dict(step="handle", limit=limit),)
    log = december(rules=law)
    got = metrics.compute(log, ["on_time_closed_rate"] if limit else ["working_close_hours"])
    assert (got.denominator if limit else got.n).tolist() == [40]

    def last_day(i):
        closed, day = (DECEMBER + timedelta(days=i + 2)).date(), (DECEMBER + timedelta(days=i)).date()
        n = {"1wd": 1, "10wd": 10}.get(limit, 0)
        n = (9 if weekday(day) else 10) if limit == "70wh" else n
        while n:
            day += timedelta(days=1)
            n -= weekday(day)
        return max(closed, day)

    assert rests(log) == sum(last_day(i).year == NEXT for i in range(40))
    given_ = december(rules=law, calendar=dict(holidays=[f"{NEXT}-01-01"]))
    assert rests(given_) == 0
    assert "calendar_provisional" not in check(december(5, rules=law)).code.tolist() or limit in ("10wd", "70wh")


def test_the_days_off_that_a_mapping_gives_move_due_dates(tmp_path):
    m = tmp_path / "m.toml"
    m.write_text(
        f'rules = [{{step = "handle", limit = "3wd"}}]\n[calendar]\nholidays = ["{NEXT}-01-01/{NEXT}-01-03"]\nworkdays = [{NEXT}-01-09]\n',
        "utf-8",
    )
    mapping = Mapping.read(m)
    assert mapping.office.holidays == tuple(f"{NEXT}-01-0{i}" for i in (1, 2, 3)) and mapping.office.workdays == (f"{NEXT}-01-09",)
    assert Mapping.make(tomllib.loads(mapping.toml())).office == mapping.office  # written and read again it is the same
    plain, given_ = (
        custody.deadlines(december(rules=mapping.rules, calendar=c)).order_by("case").execute().due_at for c in ({}, mapping.calendar)
    )
    assert (given_ >= plain).sum() > 30 and (given_ > plain).sum() >= 1


@pytest.mark.parametrize("odd", ["1900-01-01", "1970-01-01 08:00", "2003-12-31", None])
def test_one_odd_or_missing_time_stops_nothing(odd):
    rows = [(f"{i}", f"2024-03-{i + 1:02} {h:02}:00", "水务局", a) for i in range(20) for h, a in ((9, "派单"), (10, "签收"), (15, "办结"))]
    rows[31] = (*rows[31][:1], odd, *rows[31][2:])
    log = CaseLog.from_frame(
        pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]),
        rules=(dict(step="handle", limit="5wd"), dict(step="claim", limit="1wd")),
    )
    f = metrics.compute(log, list(metrics.available(log)[0]))
    assert f.set_index("indicator").loc["working_close_hours", "n"] >= 19 and len(check(log)) >= (odd is not None)
