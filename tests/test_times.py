"Times of every spelling are read back exactly, or asked about; wild ones do not move a log; unreadable closings are unknown"

from datetime import UTC, datetime, timedelta

import ibis
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liuan_eval import custody, metrics
from liuan_eval.indicators.needs import lacking
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog, closings
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.times import plausible, with_times
from liuan_eval.words.text import LogError, Question

NAMES = ["case_id", "timestamp", "unit", "activity"]
FEW = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])


def read(said, **more):
    "What is known of a column that says this, its times, and why there is none"
    frame = pd.DataFrame({"case_id": [f"c{i}" for i in range(len(said))], "timestamp": said, "__row__": range(len(said))})
    tables, known = with_times(dict(events=ibis.memtable(frame)), Mapping(**more))
    f = tables["events"].order_by("__row__").execute()
    return known["timestamp"], f["__time__:timestamp"].tolist(), f["__why__:timestamp"].fillna("").tolist()


# spellings

FULL = str.maketrans("0123456789:-/ ", "０１２３４５６７８９：－／　")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
WEEKDAYS = "一二三四五六日"


def half(t):
    return "上午" if t.hour < 12 else "下午", t.hour % 12 or 12


SPELLINGS = {  # how a person or a system writes an instant, to the second unless said otherwise
    "iso": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "iso_t": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}",
    "slashes": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute:02}:{t.second:02}",
    "dots": lambda t: f"{t.year}.{t.month}.{t.day} {t:%H:%M:%S}",
    "chinese": lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}时{t.minute}分{t.second}秒",
    "chinese_padded": lambda t: f"{t:%Y年%m月%d日 %H时%M分%S秒}",
    "chinese_clock": lambda t: f"{t:%Y年%m月%d日 %H:%M:%S}",
    "forenoon": lambda t: f"{t:%Y/%m/%d} {half(t)[0]}{half(t)[1]}:{t:%M:%S}",
    "forenoon_words": lambda t: f"{t.year}年{t.month}月{t.day}日 {half(t)[0]}{half(t)[1]}时{t.minute}分{t.second}秒",
    "am": lambda t: f"{t:%Y-%m-%d %I:%M:%S %p}",
    "named_am": lambda t: f"{MONTHS[t.month - 1]} {t.day}, {t.year} {t:%I:%M:%S %p}",
    "named": lambda t: f"{t.day:02}-{MONTHS[t.month - 1]}-{t.year} {t:%H:%M:%S}",
    "weekday": lambda t: f"{t:%Y-%m-%d} 星期{WEEKDAYS[t.weekday()]} {t:%H:%M:%S}",
    "weekday_bracket": lambda t: f"{t:%Y-%m-%d}（周{WEEKDAYS[t.weekday()]}）{t:%H:%M:%S}",
    "full_width": lambda t: f"{t:%Y-%m-%d %H:%M:%S}".translate(FULL),
    "no_break": lambda t: f"{t:%Y-%m-%d}\u00a0{t:%H:%M:%S}",
    "apostrophe": lambda t: f"'{t:%Y-%m-%d %H:%M:%S}",
    "mark": lambda t: f"\ufeff{t:%Y-%m-%d %H:%M:%S}",
    "milliseconds": lambda t: f"{t:%Y-%m-%d %H:%M:%S},000",
    "compact": lambda t: f"{t:%Y%m%d%H%M%S}",
    "compact_t": lambda t: f"{t:%Y%m%dT%H%M%S}",
    "zulu": lambda t: f"{t - timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}",
    "offset": lambda t: f"{t:%Y-%m-%d %H:%M:%S+0800}",
    "gmt": lambda t: f"{t:%Y-%m-%d %H:%M:%S} GMT+8",
    "utc": lambda t: f"{t + timedelta(hours=1):%Y-%m-%d %H:%M:%S} UTC+09:00",
    "javascript": lambda t: f"{t:%a %b %d %Y %H:%M:%S} GMT+0800 (中国标准时间)",
    "mail": lambda t: f"{t:%a, %d %b %Y %H:%M:%S} +0800",
    "epoch": lambda t: str(int((t - timedelta(hours=8)).replace(tzinfo=UTC).timestamp())),
    "epoch_ms": lambda t: str(int((t - timedelta(hours=8)).replace(tzinfo=UTC).timestamp()) * 1000),
    "excel": lambda t: repr((t - datetime(1899, 12, 30)) / timedelta(days=1)),
}
instants = st.datetimes(datetime(2022, 1, 1), datetime(2023, 12, 31)).map(lambda t: t.replace(microsecond=0))


@pytest.mark.parametrize("how", SPELLINGS)
@FEW
@given(times=st.lists(instants, min_size=1, max_size=50))
def test_instants_are_read_back_from_every_spelling(how, times):
    assert read([SPELLINGS[how](t) for t in times])[1] == times


@FEW
@given(
    times=st.lists(
        st.tuples(instants, st.sampled_from([k for k in SPELLINGS if k not in ("zulu", "offset", "gmt", "utc", "javascript", "mail")])),
        min_size=2,
        max_size=8,
    )
)
def test_spellings_may_be_mixed_in_a_column(times):
    assert read([SPELLINGS[how](t) for t, how in times])[1] == [t for t, _how in times]


@pytest.mark.parametrize(
    "said, want",
    [
        ("202303010900", "2023-03-01 09:00"),
        ("20230301", "2023-03-01"),
        ("20230301 0900", "2023-03-01 09:00"),
        ("2023-03-01 09h00", "2023-03-01 09:00"),
        ("2023年3月8日 下午5时", "2023-03-08 17:00"),
        ("2023年3月8日 下午5点半", "2023-03-08 17:30"),
        ("2023-03-01 中午12:30", "2023-03-01 12:30"),
        ("2023年3月1日中午1点", "2023-03-01 13:00"),
        ("2023-03-01 晚上8:30", "2023-03-01 20:30"),
        ("2023-03-01 凌晨12:30", "2023-03-01 00:30"),
        ("2023-03-01 12:30 a.m.", "2023-03-01 00:30"),
        ("2023-03-01 24:00", "2023-03-02 00:00"),
        ("2023-03-01 09:00:00.123456", "2023-03-01 09:00:00.123456"),
        ("2023-03-01-09.00.00.000000", "2023-03-01 09:00"),
        ("01-3月 -23 09.00.00.000000 上午", "2023-03-01 09:00"),
        ("23年3月1日 9:00", "2023-03-01 09:00"),
        ("2023-03-01T09:00:00+08:00[Asia/Shanghai]", "2023-03-01 09:00"),
        ("2023-03-01 09:00（北京时间）", "2023-03-01 09:00"),
        ("44986.375", "2023-03-01 09:00"),
        (44986.375, "2023-03-01 09:00"),
        (44986, "2023-03-01"),
        (20230301090000, "2023-03-01 09:00"),
        (1677632400, "2023-03-01 09:00"),
        (1677632400000.0, "2023-03-01 09:00"),
    ],
)
def test_a_spelling(said, want):
    assert read([said])[1] == [pd.Timestamp(want)]


@pytest.mark.parametrize(
    "said",
    "infinity|-infinity|290000-01-01|2023-03-01 (BC)|epoch|now|2023-02-29|2023-13-01|25:00|2023-03-01 25:00|昨天|3月1日|2023年3月|0/0/0|12345|2023-03-01 13:00 AM|2023-03-01 09:00 Mars|2023-03-01 晚上12:00".split(
        "|"
    ),
)
def test_what_is_no_time_is_counted_and_kept(said):
    column, times, why = read([said, "2023-03-01 09:00"])
    assert pd.isna(times[0]) and column.n_bad == 1 and why == ["bad_time", ""]


@pytest.mark.parametrize("said", ["0022-02-07", "1900-01-01", "1970-01-01 08:00:00", "2122-02-07 09:00", "9999-12-31 23:59:59"])
def test_a_time_far_from_all_others_is_wild(said):
    column, times, why = read([said, *[f"2022-02-{d:02} 09:00" for d in range(1, 10)]])
    assert pd.isna(times[0]) and column.n_wild == 1 and why == ["wild_time"] + [""] * 9


@pytest.mark.parametrize("blank", ["—", "", " ", "/", "无", "NULL", "N/A"])
def test_a_word_for_nothing_is_no_time(blank):
    column, _times, why = read([blank, "2022-02-01 09:00"])
    assert (column.n, column.n_bad) == (1, 0) and why == ["no_time", ""]


# order of day, month and year


def by_order(o, t, long=False):
    y = t.year if long else f"{t:%y}"
    return "/".join(str(x) for x in dict(ymd=(y, t.month, t.day), dmy=(t.day, t.month, y), mdy=(t.month, t.day, y))[o]) + f"{t: %H:%M:%S}"


@pytest.mark.parametrize("o, long", [("ymd", False), ("dmy", False), ("mdy", False), ("dmy", True), ("mdy", True)])
@FEW
@given(times=st.lists(instants, min_size=1, max_size=6))
def test_an_order_is_right_or_asked(o, long, times):
    said = [by_order(o, t, long) for t in times]
    try:
        assert read(said)[1] == times
    except Question as q:
        assert q.key == "times.order" and o in q.answers and len(q.rows) == min(3, len(times))
    assert read(said, times=dict(order=o))[1] == times


@pytest.mark.parametrize("o", ["ymd", "dmy", "mdy"])
def test_days_beyond_the_twelfth_or_months_that_follow_settle_the_order(o):
    t = [datetime(2023, 1, 20, 9) + timedelta(days=2 * i) for i in range(40)]
    frame = pd.DataFrame(
        {"case_id": [f"c{i // 20}" for i in range(40)], "timestamp": [by_order(o, x) for x in t], "unit": "A", "activity": "claimed"}
    )
    log = CaseLog.from_frame(frame)
    assert log.events.order_by("__row__").execute().timestamp.tolist() == t and log.times["timestamp"].order == o
    assert check(log).empty


def test_columns_of_a_table_settle_each_other():
    rows = pd.DataFrame({"id": ["1", "2"], "in": ["3/1/23 9:00", "3/2/23 9:00"], "out": ["3/17/23 9:00", "3/18/23 9:00"]})
    steps = [dict(activity="received", time="in"), dict(activity="closed", time="out")]
    log = CaseLog.from_frame(rows, layout="wide", steps=steps, dispatchers=["H"], case_id="id")
    assert log.times["in"].order == "mdy" and log.core.timestamp.min().execute() == pd.Timestamp("2023-03-01 09:00")


def test_a_column_can_have_an_order_and_a_format_of_its_own():
    rows = pd.DataFrame({"id": ["1", "2"], "in": ["3/1/23 9:00", "3/2/23 9:00"], "out": ["05.03.2023 um 9", "06.03.2023 um 9"]})
    steps = [dict(activity="received", time="in"), dict(activity="closed", time="out")]
    times = {"in": dict(order="mdy"), "out": dict(format="%d.%m.%Y um %H")}
    log = CaseLog.from_frame(rows, layout="wide", steps=steps, dispatchers=["H"], case_id="id", times=times)
    assert log.events.order_by("__row__").execute().timestamp.dt.day.tolist() == [1, 5, 2, 6]
    with pytest.raises(LogError, match="No column 'outt'"):
        CaseLog.from_frame(rows, layout="wide", steps=steps, dispatchers=["H"], case_id="id", times=times | {"outt": dict(order="dmy")})


# zones


@pytest.mark.parametrize("said, zone", [("Wed Mar 01 09:00:00 CST 2023", "Asia/Shanghai"), ("2023-03-01 06:30 IST", "Asia/Kolkata")])
def test_a_zone_with_several_meanings_is_asked(said, zone):
    with pytest.raises(Question) as q:
        read([said])
    assert q.value.key == "times.zone" and zone in q.value.answers
    assert read([said], times=dict(zone=zone))[1] == [pd.Timestamp("2023-03-01 09:00")]


def test_times_with_and_without_a_zone_in_one_column_are_asked():
    said = ["2023-03-01T01:00:00Z", "2023-03-01 09:00"]
    with pytest.raises(Question) as q:
        read(said)
    assert q.value.key == "times.zone" and q.value.rows == ("2: 2023-03-01 09:00", "1: 2023-03-01T01:00:00Z")
    assert read(said, times=dict(zone="Asia/Shanghai"))[1] == [pd.Timestamp("2023-03-01 09:00")] * 2


# span


@st.composite
def logs(draw):
    "Months with times of a log of one to fifteen years, each no more than a year from the one before"
    at, found = draw(st.integers(1995 * 12, 2015 * 12)), []
    for gap in draw(st.lists(st.integers(1, 12), min_size=1, max_size=60)):
        found.append((at, draw(st.integers(1, 1000))))
        at += gap
    return pd.DataFrame([(m, n, m * 10.0, m * 10.0 + 5) for m, n in found], columns=["month", "n", "low", "high"])


@settings(max_examples=200, deadline=None)
@given(log=logs(), off=st.sampled_from([-100 * 12, -62, 38, 10 * 12, 100 * 12]))
def test_no_true_time_is_lost_and_a_lone_far_one_is_found(log, off):
    first, last = log.month.min(), log.month.max()
    low, high = plausible(log)
    assert (low.year * 12 + low.month - 1, high.year * 12 + high.month - 1) == (first, last + 1)
    far = (first if off < 0 else last) + off
    more = pd.concat([log, pd.DataFrame([(far, 1, far * 10.0, far * 10.0)], columns=log.columns)])
    if log.n.sum() >= 200:
        assert plausible(more) == (low, high)


def events(n=60):
    rows = []
    for i in range(n):
        day = f"2023-03-{i % 9 + 1:02}"
        rows += [
            (f"c{i}", f"{day} 09:00", "H", "received"),
            (f"c{i}", f"{day} 10:00", "A", "dispatched"),
            (f"c{i}", f"2023-03-{i % 9 + 3:02} 10:00", "A", "closed"),
        ]
    return pd.DataFrame(rows, columns=NAMES)


@pytest.mark.parametrize("typo", ["1900-01-01", "1970-01-01 08:00", "2032-03-02 14:00", "2122-03-02"])
def test_one_wild_event_changes_no_number_of_the_other_cases(typo):
    frame = events()
    bad = frame.copy()
    bad.loc[4, "timestamp"] = typo  # a dispatch
    names = ["resolution_days", "open_cases", "n_cases"]
    want, got = (metrics.compute(CaseLog.from_frame(f, dispatchers=["H"]), names) for f in (frame, bad))
    pd.testing.assert_frame_equal(got, want)


def test_due_dates_may_lie_after_the_last_event_but_not_in_another_age():
    due = ["2023-12-31"] * 177 + ["1900-01-01", "2032-03-01", "2122-03-01"]
    log = CaseLog.from_frame(events().assign(due_at=due))
    assert (log.times["due_at"].n_wild, log.times["due_at"].n, log.attributes.due_at.max().execute()) == (
        3,
        180,
        pd.Timestamp("2023-12-31 23:59:59"),
    )


def test_the_span_and_the_day_of_export_can_be_said():
    frame = events()
    log = CaseLog.from_frame(frame, span=dict(extracted="2023-03-20"))
    assert log.end == pd.Timestamp("2023-03-20 23:59:59") and "extracted" in log.end_from.en and "time of export" in log.summary()
    log = CaseLog.from_frame(frame, span={"from": "2023-03-02", "to": "2023-03-05"})
    assert (log.core.timestamp.min().execute().day, log.core.timestamp.max().execute()) == (2, pd.Timestamp("2023-03-05 10:00"))
    assert log.times["timestamp"].n_wild == log.counts["events"] - log.counts["used"]
    frame.loc[0, "timestamp"] = "2032-03-01 09:00"
    assert CaseLog.from_frame(frame, span={"to": "2033-01-01"}).counts["used"] == len(frame)


@pytest.mark.parametrize("typed", [False, True])
def test_a_table_that_comes_typed_has_a_span_too(typed):
    import ibis

    frame = events()
    frame.loc[5, "timestamp"] = "2032-03-01 09:00"  # a closing
    frame["timestamp"] = pd.to_datetime(frame.timestamp).astype("datetime64[us]") if typed else frame.timestamp
    con = ibis.duckdb.connect()
    log = CaseLog.from_frame(con.create_table("e", frame))
    assert log.end.year == 2023 and closings(log).filter(lambda t: t.unknown).count().execute() == 1


# closings

TICKETS = pd.DataFrame(
    {
        "id": ["A1", "A2", "A3", "A4", "A5", "A6"],
        "in": ["2024-03-01 09:00"] * 5 + ["2024-03-20 09:00"],
        "sent": ["2024-03-01 10:00"] * 5 + ["2024-03-20 10:00"],
        "who": "住建局",
        "out": ["2024-03-02 下午3:05", "2024-03-02 15:05", "２０２４－０３－０２　１５：０５", "—", "三月初", "2024-03-21 10:00"],
        "due": ["2024-03-08", "2024年3月8日 下午5时", "2024-03-08", "2024-03-08", "2024-03-08", "2024-03-25"],
    }
)
STEPS = [
    dict(activity="received", time="in"),
    dict(activity="dispatched", time="sent", unit="who"),
    dict(activity="closed", time="out", unit="who"),
]
COLUMNS = dict(case_id="id", submitted_at="in", due_at="due")


@pytest.mark.parametrize("bad", ["三月初", "2204-03-02 15:05", "2024-02-30"])
def test_an_unreadable_or_wild_closing_is_unknown_never_open(bad):
    frame = TICKETS.assign(out=TICKETS.out.replace("三月初", bad))
    log = CaseLog.from_frame(
        frame, layout="wide", steps=STEPS, dispatchers=["H"], mapping=dict(columns=COLUMNS, layout="wide", steps=STEPS), accept=0.2
    )
    f = metrics.compute(log, ["open_cases", "on_time_rate", "resolution_days", "overdue_share", "n_cases"]).set_index("indicator")
    assert f.numerator["open_cases"] == 1 and f.loc["on_time_rate", ["numerator", "denominator"]].tolist() == [3, 4]
    assert (
        f.n["resolution_days"] == 5
        and f.loc["overdue_share", ["numerator", "denominator"]].tolist() == [1, 1]
        and f.numerator["n_cases"] == 6
    )
    assert check(log, "en").set_index("code")["count"]["closing_unknown"] == 1
    assert f.numerator["open_cases"] == metrics.compute(log, ["open_cases"], by="unit").numerator.sum()


@pytest.mark.parametrize("bad", ["三月初", "2204-03-02 15:05"])
def test_a_closing_attribute_that_is_no_time_is_unknown_unless_an_event_says(bad):
    frame = pd.DataFrame([(c, f"2024-03-0{d} 09:00", "A", a) for c in "123" for d, a in ((1, "dispatched"), (2, "claimed"))], columns=NAMES)
    frame.loc[len(frame)] = ["3", "2024-03-03 09:00", "A", "closed"]
    cases = pd.DataFrame({"case_id": ["1", "2", "3"], "closed_at": [bad, None, bad]})
    log = CaseLog.from_frame(frame, cases=cases)
    t = closings(log).join(log.case_ids, "case").order_by("case_id").execute()
    assert t.unknown.tolist() == [True, False, False] and t.closed_at.notna().tolist() == [False, False, True]


def test_in_a_log_of_finished_cases_a_last_event_without_a_right_time_leaves_the_closing_unknown():
    frame = pd.DataFrame([(c, f"2024-03-0{d} 09:00", "A", a) for c in "12" for d, a in ((1, "x"), (2, "y"), (3, "z"))], columns=NAMES)
    frame.loc[2, "timestamp"], frame.loc[4, "timestamp"] = "??", "??"  # the last of one, the middle of the other
    t = closings(CaseLog.from_frame(frame, complete=True)).order_by("case").execute()
    assert t.unknown.tolist() == [True, False] and t.closed_at.notna().tolist() == [False, True]


# days without a clock


def by_days(dates):
    rows = pd.DataFrame({"id": [f"c{i}" for i in range(30)], "in": [f"2024-03-{i % 28 + 1:02} 09:{i:02}" for i in range(30)]})
    rows["sent"], rows["who"] = rows["in"].str.replace(" 09", " 10"), "A"
    later = pd.to_datetime(rows["in"]) + pd.to_timedelta([i % 3 for i in range(30)], "D") + pd.Timedelta(hours=8)
    rows["out"] = later.dt.strftime(dates)
    return CaseLog.from_frame(
        rows, layout="wide", steps=STEPS, dispatchers=["H"], mapping=dict(columns=COLUMNS | {"due_at": "out"}, layout="wide", steps=STEPS)
    )


@pytest.mark.parametrize("dates", ["%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d 00:00:00"])
def test_a_closing_known_by_the_day_ends_with_it(dates):
    exact, log = by_days("%Y-%m-%d %H:%M"), by_days(dates)
    f, g = (metrics.compute(x, ["resolution_days"]).iloc[0] for x in (exact, log))
    assert (g.n, g.n_open) == (30, 0) and f.value < g.value < f.value + 1
    assert check(log).code.tolist() == check(exact).code.tolist() and log.times["out"].by_day
    assert lacking(log, ["clock_closed", "clock_dispatched"]) == ["clock_closed"] and not exact.by_day
    with pytest.raises(LogError, match="dates without a clock"):
        metrics.compute(log, ["close_hours"])


def test_a_log_of_dates_differs_by_whole_days():
    frame = pd.DataFrame(
        [
            ("1", "2024-03-01", "A", "dispatched"),
            ("1", "2024-03-01", "A", "closed"),
            ("2", "2024-03-01", "A", "dispatched"),
            ("2", "2024-03-03", "A", "closed"),
        ],
        columns=NAMES,
    )
    log = CaseLog.from_frame(frame)
    assert sorted(custody.cases(log).execute().duration_seconds) == [0, 2 * 86400] and "timestamp" in log.by_day


def test_a_step_known_by_the_day_stands_after_what_came_before_it():
    rows = pd.DataFrame(
        {
            "id": ["1"],
            "in": ["2024-03-01 09:00"],
            "sent": ["2024-03-01 10:00"],
            "signed": ["2024-03-01"],
            "out": ["2024-03-01 15:00"],
            "who": ["A"],
        }
    )
    steps = [*STEPS[:2], dict(activity="claimed", time="signed", unit="who"), STEPS[2]]
    log = CaseLog.from_frame(rows, layout="wide", steps=steps, dispatchers=["H"], case_id="id")
    assert log.core.order_by("seq").execute().timestamp.dt.hour.tolist() == [9, 10, 10, 15]


# the mapping


@pytest.mark.parametrize(
    "more, word",
    [
        (dict(times=dict(order="dym")), "order"),
        (dict(times=dict(formats="%Y")), "formats"),
        (dict(times=dict(format="%H:%M")), "format"),
        (dict(times=dict(format="%Y-%m-%d %Q")), "format"),
        (dict(times=dict(zone="Beijing")), "Beijing"),
        (dict(times={"办结时间": dict(order="x")}), "办结时间"),
        (dict(span=dict(until="2024-01-01")), "until"),
        (dict(span={"from": "soon"}), "soon"),
        (dict(span={"from": "2024-01-02", "to": "2024-01-01"}), "to"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(more, word):
    with pytest.raises(LogError) as e:
        Mapping(**more)
    assert word in e.value.text.zh and word in e.value.text.en
