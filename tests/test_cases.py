"""Inputs that once failed, one test for each kind: made small by code, with others of the kind, and the right value.

Later, with the issues they belong to: scripts in the page, mathematics in names, the output folder, the privacy recipe, a return refused that is not seen.
"""

import gzip
import tempfile
import warnings
import xml.dom.minidom
from datetime import datetime, timedelta
from pathlib import Path

import here
import ibis
import numpy as np
import pandas as pd
import pytest
import tomli_w
from cases.make import (
    HEADER,
    MAPPING,
    ROWS,
    XES_MAPPING,
    book,
    changed,
    event,
    html,
    locked,
    many,
    ods,
    old_book,
    slow,
    text,
    times,
    xes,
    xml2003,
    zipped,
)
from cases.read import answered, asks, cases, codes, got, numbers, refused, said_well, units, value

from liuan_eval import custody, metrics
from liuan_eval.effects import many as families
from liuan_eval.effects import power
from liuan_eval.effects.cases import survival
from liuan_eval.effects.choices import agreement, specification_curve
from liuan_eval.effects.designs.its import its
from liuan_eval.effects.designs.placebo import in_space
from liuan_eval.effects.designs.registry import known
from liuan_eval.effects.designs.series import difference_series
from liuan_eval.effects.designs.synthetic import synthetic_did
from liuan_eval.effects.estimate import Estimate, TooFew, same, t_interval
from liuan_eval.effects.panel import Panel
from liuan_eval.figures import effects as figures
from liuan_eval.flow.graph import flow_graph, write_graph
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.report import cli
from liuan_eval.report import render as rendering
from liuan_eval.words.text import DATA, LogError

TRUTH = dict(cases=3, hops=2, pingpong=1, open=1, days=3.552)  # of ROWS


def wide(*steps, **columns):
    "A mapping of a ticket per row"
    return dict(
        layout="wide", dispatchers=["热线办"], returned="unit_to_dispatcher", steps=list(steps), columns=dict(case_id="工单编号") | columns
    )


STEPS = (
    dict(activity="received", time="受理时间"),
    dict(activity="dispatched", time="派单时间", unit="承办单位"),
    dict(activity="closed", time="办结时间", unit="承办单位"),
)


def each(names, rows, where, column=2):
    "A copy of the rows for each name, which stands in one cell of it"
    return [r for k, n in enumerate(names) for r in changed([[f"{r[0]}-{k}", *r[1:]] for r in rows], where, n, column)]


# bad-row-longer-than-10000-bytes


@pytest.mark.parametrize("sep,encoding,rows", [(",", "utf-8", 12), ("\t", "utf-8", 200), (";", "gb18030", 200), (",", "utf-16", 12)])
def test_a_bad_row_of_any_length_is_named_or_set_aside(tmp_path, sep, encoding, rows):
    body = [[*r, "内容"] for r in many(20)[:rows]]
    body[10] = [*body[10][:4], "诉" * 4000, "多出的一格"]
    path = text(tmp_path / "长.csv", body, [*HEADER, "诉求内容"], sep=sep, encoding=encoding)
    try:
        log = got(path, MAPPING)
    except LogError as e:
        return said_well(e, "长.csv", "12")
    aside = check(log, "en")
    assert "12" in " ".join(map(str, aside.examples)) and log.counts["events"] >= rows - 1


# blanks-as-units, placeholders-as-units


BLANKS = ["NULL", "-", "无", "　", "nan", "/", "？", "?", "#N/A", "暂无", "\\N", " — ", "null ", "N/A"]


def test_what_stands_for_nothing_is_no_unit(tmp_path):
    log = got(text(tmp_path / "ph.csv", each(BLANKS, ROWS, 2)), MAPPING)
    assert units(log) == ["住建局", "城管局", "水务局", "热线办"]
    assert (numbers(log)["hops"], numbers(log)["pingpong"]) == (0, 0) and codes(log)["no_unit"] == len(BLANKS)


def test_what_stands_for_nothing_is_no_case(tmp_path):
    blanks = ["NULL", "—", "无", "#N/A"]
    rows = [r for k, b in enumerate(blanks) for r in changed(changed([[f"{r[0]}-{k}", *r[1:]] for r in ROWS], 2, b, 0), 6, b, 0)]
    log = got(text(tmp_path / "null.csv", rows), MAPPING | dict(accept=0.5))
    assert len(cases(log)) == 3 * len(blanks) and codes(log)["no_case"] == 2 * len(blanks)


def test_the_mapping_may_name_other_blanks_and_only_those_count(tmp_path):
    path = text(tmp_path / "待定.csv", changed(ROWS, 2, "待定"))
    assert "待定" in units(got(path, MAPPING))
    assert "待定" not in units(got(path, MAPPING | dict(missing=["待定"])))


def test_blanks_in_a_wide_table_are_no_units_either(tmp_path):
    rows = [
        ["A1", "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 10:00"],
        ["A2", "2024-03-01 09:00", "2024-03-01 10:00", "暂无", "—"],
    ]
    log = got(
        text(tmp_path / "w.csv", rows, ["工单编号", "受理时间", "派单时间", "承办单位", "办结时间"]), wide(*STEPS, submitted_at="受理时间")
    )
    assert units(log) == ["住建局"] or units(log) == ["住建局", "热线办"]
    assert numbers(log)["open"] == 1


# chinese-time-with-seconds, and its kin


@pytest.mark.parametrize(
    "form",
    [
        lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}时{t.minute}分{t.second}秒",
        lambda t: f"{t:%Y年%m月%d日} {t:%H时%M分%S秒}",
        lambda t: f"{t:%Y年%m月%d日} {t:%H:%M:%S}",
        lambda t: f"{t.year}-{t.month}-{t.day} {'上午' if t.hour < 12 else '下午'}{(t.hour - 1) % 12 + 1}:{t:%M:%S}",
        lambda t: f"{t.year}/{t.month}/{t.day} {(t.hour - 1) % 12 + 1}:{t:%M:%S} {'AM' if t.hour < 12 else 'PM'}",
        lambda t: f"{t:%Y%m%d%H%M%S}",
        lambda t: f"{t:%Y%m%d%H%M}",
        lambda t: f"{t:%Y-%m-%d %H:%M:%S}".translate(str.maketrans("0123456789:-", "０１２３４５６７８９：－")),
        lambda t: f"{t:%Y-%m-%d}　{t:%H:%M:%S}",
        lambda t: f"{t:%Y-%m-%d}\u00a0{t:%H:%M:%S}",
        lambda t: f"'{t:%Y-%m-%d %H:%M:%S}",
        lambda t: f"{t:%Y-%m-%d %H:%M:%S},123",
        lambda t: f"{t:%Y-%m-%d} 星期{'一二三四五六日'[t.weekday()]} {t:%H:%M:%S}",
        lambda t: f"{t:%Y-%m-%d} {t:%Hh%M}",
        lambda t: str(int((t - datetime(1970, 1, 1, 8)).total_seconds())),
        lambda t: str(int((t - datetime(1970, 1, 1, 8)).total_seconds() * 1000)),
        lambda t: f"{(t - datetime(1899, 12, 30)).total_seconds() / 86400:.6f}",
        lambda t: f"{t.day} {'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()[t.month - 1]} {t.year} {t:%H:%M}",
        lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.000Z",
    ],
    ids="年月日时分秒 年月日_时分秒 年月日_colon 上午下午 ampm digits14 digits12 full_width ideographic_space nbsp apostrophe comma_ms weekday h epoch ms serial english iso_z".split(),
)
def test_times_of_offices_are_read(tmp_path, form):
    rows = times(many(20), lambda t: form(t + timedelta(seconds=30)))
    log = got(text(tmp_path / "秒.csv", rows), MAPPING)
    assert numbers(log) == dict(cases=60, hops=40, pingpong=20, open=20, days=3.552), codes(log)
    first = log.events.execute().timestamp.min()
    hour = 17 if form(datetime(2023, 3, 1)).endswith("Z") else 9  # written in UTC, shown in Beijing
    assert first.floor("min") == pd.Timestamp(2023, 3, 1, hour)


# two-digit-year, two-digit-years


@pytest.mark.parametrize(
    "form,order",
    [
        ("%m/%d/%y %H:%M", "mdy"),
        ("%y/%m/%d %H:%M", "ymd"),
        ("%d-%m-%y %H:%M", "dmy"),
        ("%d/%m/%Y %H:%M", "dmy"),
        ("%m/%d/%Y %I:%M:%S %p", "mdy"),
        ("%d.%m.%y %H:%M:%S", "dmy"),
    ],
)
def test_days_months_and_years_of_two_digits_are_asked_for_or_told_by_the_data(tmp_path, form, order):
    year = 2009 if order == "mdy" else 2023
    rows = [[r[0], r[1].replace("2023", str(year)), *r[2:]] for r in ROWS]
    path = text(tmp_path / "yy.csv", times(rows, form))
    log, asked = answered(path, MAPPING, {"times.order": order, "times": order})
    assert set(asked) <= {"times.order", 'times."时间".order', "times.时间.order"}, asked
    c = cases(log)
    assert c.opened_at.dt.year.unique().tolist() == [year] and c.duration_seconds["W001"] == 349200 and numbers(log) == TRUTH


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"])
def test_a_day_above_twelve_settles_the_order(tmp_path, form):
    rows = [[r[0], r[1].replace("2023-03-0", "2023-03-2"), *r[2:]] for r in ROWS]
    log = got(text(tmp_path / "d.csv", times(rows, form)), MAPPING)
    assert numbers(log) == TRUTH and cases(log).opened_at.min() == pd.Timestamp("2023-03-21 09:00")


def test_years_that_cannot_be_are_bad_times_and_move_nothing(tmp_path):
    rows = [
        *many(10),
        ["X1", "2122-02-07 10:00", "城管局", "派单"],
        ["X2", "0022-02-07 10:00", "城管局", "派单"],
        ["X3", "infinity", "城管局", "派单"],
        ["X4", "2023-03-01 (BC)", "城管局", "派单"],
        ["X5", "290000-01-01", "城管局", "派单"],
    ]
    log = got(text(tmp_path / "bad.csv", rows), MAPPING | dict(accept=0.2))
    found = codes(log)
    assert log.end <= pd.Timestamp("2023-03-06") and log.counts["cases"] in (30, 35)
    assert found.get("wild_time", 0) + found.get("bad_time", 0) == 5
    assert len(metrics.compute(log, ["n_cases"], period="year")) == 1


# one-wild-year, one-odd-date-stops-all


@pytest.mark.parametrize(
    "row,when",
    [
        (9, "2032-03-02 14:00"),
        (4, "2203-03-05 10:00"),
        (2, "1900-01-01"),
        (2, "1970-01-01 08:00"),
        (0, "1023-03-01 09:00"),
        (9, "2099-12-31 23:59:59"),
    ],
)
def test_one_odd_time_moves_nothing_and_is_counted(tmp_path, row, when):
    due = lambda rows: [[*r, "2023-03-10"] for r in rows]
    mapping = MAPPING | dict(columns=MAPPING["columns"] | dict(due_at="截止时间"))
    body = many(20)
    base = got(text(tmp_path / "base.csv", due(body), [*HEADER, "截止时间"]), mapping)
    log = got(text(tmp_path / "typo.csv", due(changed(body, row, when, 1)), [*HEADER, "截止时间"]), mapping)
    assert log.end == base.end and codes(log)["wild_time"] == 1
    assert value(log, "open_cases")["numerator"] == value(base, "open_cases")["numerator"]
    for name in ("resolution_days", "on_time_rate", "overdue_share") if row != 4 else ():  # the closing of a case that is then unknown
        a, b = value(base, name)["value"], value(log, name)["value"]
        assert abs(float(a) - float(b)) < 0.05 if pd.notna(a) else pd.isna(b), name
    assert value(log, "working_close_hours") is not None  # the clock of the office stops at nothing


@pytest.mark.parametrize("null", ["1900-01-01", "1970-01-01 08:00:00", "0001-01-01", "9999-12-31"])
def test_a_database_null_is_no_due_date(tmp_path, null):
    mapping = MAPPING | dict(columns=MAPPING["columns"] | dict(due_at="截止时间"))
    log = got(text(tmp_path / "due.csv", [[*r, null] for r in many(20)], [*HEADER, "截止时间"]), mapping)
    assert value(log, "on_time_rate")["denominator"] in (0, None) or pd.isna(value(log, "on_time_rate")["value"])
    assert log.times["截止时间"].n_wild + log.times["截止时间"].n_bad == 200


# unreadable-closing


TICKETS = ["工单编号", "受理时间", "派单时间", "承办单位", "办结时间", "截止时间"]


def test_an_unreadable_closing_is_unknown_and_never_open(tmp_path):
    t = "2024-03-01 09:00", "2024-03-01 10:00", "住建局"
    rows = [
        ["A1", *t, "2024-03-02 下午3:05", "2024-03-08"],
        ["A2", *t, "2024-03-02 15:05", "2024年3月8日 下午5时"],
        ["A3", *t, "２０２４－０３－０２ １５：０５", "2024-03-08"],
        ["A4", *t, "—", "2024-03-08"],
        ["A5", "2024-03-20 09:00", "2024-03-20 10:00", "住建局", "2024-03-21 10:00", "2024-03-25"],
    ]
    log = got(text(tmp_path / "x.csv", rows, TICKETS), wide(*STEPS, submitted_at="受理时间", due_at="截止时间", closed_at="办结时间"))
    assert value(log, "open_cases")["value"] == 1
    on_time = value(log, "on_time_rate")
    assert (on_time["numerator"], on_time["denominator"]) == (3, 4)  # A5 is not due before the log ends


@pytest.mark.parametrize("bad", ["三月二号", "2024-13-45 10:00", "已办结", "见附件"])
def test_a_closing_that_nobody_can_read_leaves_the_rates_and_is_counted(tmp_path, bad):
    rows = [[f"A{i}", "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 15:05", "2024-03-08"] for i in range(40)]
    rows += [["B", "2024-03-20 09:00", "2024-03-20 10:00", "住建局", "2024-03-21 15:05", "2024-03-25"]]  # not due before the log ends
    rows[7][4] = bad
    log = got(text(tmp_path / "x.csv", rows, TICKETS), wide(*STEPS, submitted_at="受理时间", due_at="截止时间", closed_at="办结时间"))
    assert value(log, "open_cases")["value"] == 0 and value(log, "on_time_rate")["denominator"] == 39
    assert codes(log).get("bad_time", 0) >= 1


@pytest.mark.parametrize("column", ["受理时间", "截止时间", "办结时间", "派单时间"])
def test_every_column_of_times_is_checked(tmp_path, column):
    rows = [[f"A{i}", "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 15:05", "2024-03-08"] for i in range(40)]
    rows[3][TICKETS.index(column)] = "不详说明"
    log = got(text(tmp_path / "x.csv", rows, TICKETS), wide(*STEPS, submitted_at="受理时间", due_at="截止时间", closed_at="办结时间"))
    assert (log.times[column].n_bad, log.times[column].n_wild) == (1, 0)


# closing-is-a-date-without-clock


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y%m%d"])
def test_closings_known_by_day_end_with_their_day(tmp_path, form):
    rng, rows = np.random.default_rng(5), []
    for i in range(200):
        t = datetime(2023, 3, 1, 9) + timedelta(hours=int(rng.integers(0, 700)), minutes=int(rng.integers(60)))
        done = t + timedelta(hours=float(rng.exponential(52)))
        rows.append(
            [
                f"K{i:03d}",
                f"{t:%Y-%m-%d %H:%M}",
                f"{t + timedelta(minutes=20):%Y-%m-%d %H:%M}",
                "住建局",
                done,
                f"{t + timedelta(days=3):%Y-%m-%d}",
            ]
        )
    rows.append(
        ["Z", "2023-06-01 09:00", "2023-06-01 10:00", "住建局", datetime(2023, 6, 2, 9), "2023-06-09"]
    )  # by its end all others are due
    whole = [[*r[:4], f"{r[4]:%Y-%m-%d %H:%M}", r[5]] for r in rows]
    days = [[*r[:4], r[4].strftime(form), r[5]] for r in rows]
    mapping = wide(*STEPS, submitted_at="受理时间", due_at="截止时间", closed_at="办结时间")
    a, b = (got(text(tmp_path / f"{k}.csv", x, TICKETS), mapping) for k, x in dict(whole=whole, days=days).items())
    assert value(b, "resolution_days")["n"] == value(a, "resolution_days")["n"] == 201
    assert value(b, "on_time_rate")["denominator"] == value(a, "on_time_rate")["denominator"] == 200
    assert value(b, "on_time_rate")["numerator"] == value(a, "on_time_rate")["numerator"]
    assert abs(value(b, "resolution_days")["value"] - value(a, "resolution_days")["value"]) < 0.6
    assert numbers(b)["open"] == 0 and codes(b).get("closed_early", 0) == 0
    assert not cases(b).duration_seconds.lt(0).any()


# clock-change-in-a-zone


CLOCKS = [
    (
        "Europe/Amsterdam",
        ["2013-10-27T01:00:00+02:00", "2013-10-27T02:50:00+02:00", "2013-10-27T02:10:00+01:00", "2013-10-27T04:00:00+01:00"],
        1200,
        14400,
    ),
    (
        "Europe/Amsterdam",
        ["2013-03-31T00:30:00+01:00", "2013-03-31T01:30:00+01:00", "2013-03-31T03:30:00+02:00", "2013-03-31T04:30:00+02:00"],
        3600,
        10800,
    ),
    (
        "America/New_York",
        ["2021-11-07T00:30:00-04:00", "2021-11-07T01:45:00-04:00", "2021-11-07T01:15:00-05:00", "2021-11-07T05:00:00-05:00"],
        1800,
        19800,
    ),
    (
        "Australia/Sydney",
        ["2022-04-03T00:00:00+11:00", "2022-04-03T02:40:00+11:00", "2022-04-03T02:20:00+10:00", "2022-04-03T04:00:00+10:00"],
        2400,
        18000,
    ),
]


@pytest.mark.parametrize("zone,when,held,whole", CLOCKS, ids=lambda x: str(x)[:20])
def test_where_clocks_change_order_and_durations_are_those_of_instants(tmp_path, zone, when, held, whole):
    rows = [["A", t, u, w] for t, u, w in zip(when, ("热线办", "住建局", "城管局", "城管局"), ("受理", "派单", "移送", "办结"))]
    log = got(text(tmp_path / "dst.csv", rows), MAPPING | dict(timezone=zone))
    hops, c = custody.hops(log).execute(), cases(log)
    assert hops[["from_unit", "to_unit"]].values.tolist() == [["住建局", "城管局"]] and hops.held_seconds.tolist() == [held]
    assert (c.duration_seconds["A"], c.n_pingpong["A"], c.first_unit["A"]) == (whole, 0, "住建局")


def test_all_durations_of_a_public_dutch_log_are_those_of_instants(data_dir):
    path = data_dir("receipt") / "receipt.csv"
    c = cases(read_log(path, DATA / "mappings" / "receipt.toml")).duration_seconds
    r = pd.read_csv(path)
    g = pd.to_datetime(r["time:timestamp"], utc=True, format="mixed").groupby(r["case:concept:name"])
    assert ((c - (g.max() - g.min()).dt.total_seconds()).abs() > 1).sum() == 0 and len(c) == 1434


# newest-first-with-ties


TIES = [
    ["W1", "2023-03-01 09:00", "热线办", "受理"], ["W1", "2023-03-01 10:00", "住建局", "派单"], ["W1", "2023-03-01 10:00", "城管局", "移送"], ["W1", "2023-03-02 12:00", "城管局", "办结"],
    ["W2", "2023-03-02 09:00", "热线办", "受理"], ["W2", "2023-03-02 09:00", "水务局", "派单"], ["W2", "2023-03-02 12:00", "水务局", "办结"],
    ["W3", "2023-03-03 09:00", "热线办", "受理"], ["W3", "2023-03-03 10:00", "住建局", "派单"], ["W3", "2023-03-03 10:00", "住建局", "退单"], ["W3", "2023-03-03 10:00", "热线办", "受理"],
    ["W3", "2023-03-03 10:00", "水务局", "派单"], ["W3", "2023-03-04 10:00", "水务局", "办结"],
]  # fmt: skip


@pytest.mark.parametrize("n,sort", [(1, "whole file"), (7, "whole file"), (7, "by case")])
def test_an_export_that_is_newest_first_has_the_numbers_of_one_that_is_not(tmp_path, n, sort):
    rows = many(n, TIES)
    ids = list(dict.fromkeys(r[0] for r in rows))
    back = rows[::-1] if sort == "whole file" else [r for i in ids for r in [x for x in rows if x[0] == i][::-1]]
    oldest = got(text(tmp_path / "old.csv", rows), MAPPING)
    newest, asked = answered(text(tmp_path / "new.csv", back), MAPPING, dict(ties="newest_first"))
    assert set(asked) <= {"ties"} and numbers(newest) == numbers(oldest)
    for log in (oldest, newest):
        assert value(log, "pingpong_rate")["numerator"] == 0 and value(log, "bounce_rate")["numerator"] == 0


def test_ties_of_a_file_are_counted(tmp_path):
    assert sum(n for code, n in codes(got(text(tmp_path / "old.csv", TIES), MAPPING)).items() if code.startswith("tie")) >= 3


# next-year


@pytest.mark.parametrize("year", [2026, 2027, 2029])
def test_a_year_without_a_calendar_is_counted_on_weekdays(tmp_path, year):
    rows = []
    for i in range(60):
        t = datetime(year, 12, 1, 9) + timedelta(hours=12 * i)
        rows += [
            [f"A{i:03d}", f"{t + timedelta(hours=h):%Y-%m-%d %H:%M:%S}", u, w]
            for h, u, w in ((0, "热线办", "受理"), (1, "水务局", "派单"), (48, "水务局", "办结"))
        ]
    path = text(tmp_path / "export.csv", rows)
    log = got(path, MAPPING | dict(rules=[dict(step="handle", limit="10wd")]))
    assert value(log, "on_time_rate")["value"] == 1 and 30 <= value(log, "on_time_rate")["denominator"] < 60  # the last are not due yet
    assert value(log, "working_close_hours")["value"] is not None
    free = got(
        path,
        MAPPING
        | dict(rules=[dict(step="handle", limit="1wd")], calendar=dict(holidays=[f"{year}-12-02", f"{year}-12-03", f"{year}-12-04"])),
    )
    assert value(free, "on_time_rate")["denominator"] >= 50


# order-duplicates, total-row-order, the-same-export-appended-twice


def test_rows_are_duplicates_only_where_every_column_is_equal(tmp_path):
    rows = [
        ["1", "2024-01-01 10:00", "A", "派单", "5"],
        ["1", "2024-01-01 10:00", "A", "派单", "6"],
        ["2", "2024-01-01 10:00", "B", "派单", "5"],
        ["2", "2024-01-02 10:00", "B", "办结", "6"],
    ]
    log = got(
        text(tmp_path / "o.csv", rows, [*HEADER, "nr"]), MAPPING | dict(dispatchers=[], columns=MAPPING["columns"] | dict(order="nr"))
    )
    assert "duplicate" not in codes(log)


def test_rows_equal_in_every_column_are_one(tmp_path):
    rows = [
        ["1", "2024-01-01 10:00", "A", "派单", "x"],
        ["1", "2024-01-01 10:00", "A", "派单", "x"],
        ["1", "2024-01-02 10:00", "B", "办结", "y"],
    ]
    log = got(text(tmp_path / "o.csv", rows, [*HEADER, "备注"]), MAPPING | dict(dispatchers=[]))
    f = check(log, "en").set_index("code")
    assert f.loc["duplicate", "count"] == 1 and "3" in str(f.loc["duplicate", "examples"])  # the line in the file


@pytest.mark.parametrize("again", ["whole", "last month", "header between"])
def test_an_export_appended_to_itself_changes_nothing(tmp_path, again):
    once = TIES[:4] + many(5, TIES)
    more = once[8:] if again == "last month" else once
    raw = (
        text(tmp_path / "once.csv", once).read_bytes()
        + text(tmp_path / "more.csv", more, HEADER if again == "header between" else None).read_bytes()
    )
    (tmp_path / "twice.csv").write_bytes(raw)
    a = got(tmp_path / "once.csv", MAPPING)
    b, _asked = answered(tmp_path / "twice.csv", MAPPING, dict(repeats="once"))
    assert numbers(a) == numbers(b) and codes(b)["duplicate"] == len(more)


@pytest.mark.parametrize(
    "total", [["合计", "3", "", "", ""], ["小计：", "3", "", "", ""], ["", "总计", "3", "", ""], ["合 计", "", "", "", "3"]]
)
def test_a_row_of_totals_is_no_event_and_stops_nothing(tmp_path, total):
    rows = [[str(i + 1), *r] for i, r in enumerate(many(7))] + [total]
    for more in ({}, dict(order="序号")):
        log = got(text(tmp_path / "t.csv", rows, ["序号", *HEADER]), MAPPING | dict(columns=MAPPING["columns"] | more))
        assert numbers(log) == dict(cases=21, hops=14, pingpong=7, open=7, days=3.552)
        assert codes(log)  # it is counted


# footer-row-becomes-a-case


@pytest.mark.parametrize("foot", [[None, None, None, None], []])
@pytest.mark.parametrize(
    "line",
    [
        ["制表人：某某", "2023-04-01", "审核人：某某", None],
        ["注：本表由热线办导出", None, None, None],
        ["填报单位（盖章）：", None, "2023年4月1日", None],
    ],
)
def test_a_line_of_signatures_is_no_case(tmp_path, foot, line):
    path = book(tmp_path / "footer.xlsx", {"工单": [HEADER, *ROWS, *([foot] if foot else []), line]})
    log = got(path, MAPPING)
    assert numbers(log) == TRUTH and log.end == pd.Timestamp("2023-03-05 10:00") and len(units(log)) == 4


@pytest.mark.parametrize("line", ["制表人：某某,2023-04-01,审核人：某某,\n", "\n共 10 条记录\n", "\n导出时间：2023-04-01 10:00:00\n"])
def test_nor_is_one_below_a_text_table(tmp_path, line):
    log = got(text(tmp_path / "f.csv", many(3), below=line), MAPPING)
    assert numbers(log) == dict(cases=9, hops=6, pingpong=3, open=3, days=3.552)


# title-row-and-mixed-line-ends


@pytest.mark.parametrize("above", ["工单导出\r\n", "2023年3月工单导出\r\n\r\n", "工单导出,,,\r\n导出时间：2023-04-01,,,\r\n", ""])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_titles_and_line_ends_of_two_kinds(tmp_path, above, encoding):
    assert numbers(got(text(tmp_path / "mixed.csv", ROWS, above=above, encoding=encoding), MAPPING)) == TRUTH


@pytest.mark.parametrize("sep,encoding", [(";", "utf-8-sig"), (";", "utf-16"), ("\t", "utf-8"), ("|", "gb18030")])
def test_the_line_that_names_the_separator(tmp_path, sep, encoding):
    assert numbers(got(text(tmp_path / "sep.csv", ROWS, sep=sep, above=f"sep={sep}\r\n", end="\r\n", encoding=encoding), MAPPING)) == TRUTH


@pytest.mark.parametrize("raw", ["trailing", "header again", "bom between", "short"])
def test_other_ragged_tables(tmp_path, raw):
    rows = many(10)
    lines = [",".join(r) for r in rows]
    if raw == "trailing":
        lines = [x + "," for x in lines]
    elif raw == "header again":
        lines[40:40] = [",".join(HEADER)]
    elif raw == "bom between":
        lines[40] = "\ufeff" + lines[40]
    else:
        lines[40:40] = ["W999"]
    (tmp_path / "r.csv").write_text("\n".join([",".join(HEADER), *lines, ""]), encoding="utf-8")
    assert numbers(got(tmp_path / "r.csv", MAPPING)) == dict(cases=30, hops=20, pingpong=10, open=10, days=3.552)


# sheets-dropped, what-offices-call-excel


def test_all_sheets_with_the_same_header_are_read(tmp_path):
    late = [[r[0].replace("W", "X"), r[1].replace("-03-", "-04-"), *r[2:]] for r in ROWS]
    for kind in ("xlsx", "ods"):
        sheets = {"1月": [HEADER, *ROWS], "2月": [HEADER, *late]}
        path = book(tmp_path / "two.xlsx", sheets) if kind == "xlsx" else ods(tmp_path / "two.ods", sheets)
        assert numbers(got(path, MAPPING))["cases"] == 6, kind
        assert numbers(got(path, MAPPING | dict(sheets=["2月"])))["cases"] == 3, kind


@pytest.mark.parametrize("other", [[["说明"], ["本表由热线办导出"]], [["单位", "件数"], ["住建局", 3]], []])
def test_a_sheet_that_is_no_part_of_the_table_is_left(tmp_path, other):
    for sheets in ({"工单": [HEADER, *ROWS], "说明": other}, {"说明": other, "工单": [HEADER, *ROWS]}):
        log, _asked = answered(book(tmp_path / "s.xlsx", sheets), MAPPING, dict(sheets=["工单"]))
        assert numbers(log) == TRUTH


def test_hidden_sheets_and_columns_in_another_order(tmp_path):
    turned = [[r[1], r[0], r[3], r[2]] for r in [HEADER, *[[r[0].replace("W", "X"), *r[1:]] for r in ROWS]]]
    log, _asked = answered(book(tmp_path / "s.xlsx", {"1月": [HEADER, *ROWS], "2月": turned}), MAPPING, dict(sheets=["1月", "2月"]))
    assert numbers(log)["cases"] == 6
    log, _asked = answered(
        book(tmp_path / "h.xlsx", {"底稿": [HEADER, *many(2)], "工单": [HEADER, *ROWS]}, hidden=["底稿"]), MAPPING, dict(sheets=["工单"])
    )
    assert numbers(log)["cases"] == 3


@pytest.mark.parametrize("encoding", ["gb2312", "utf-8", "utf-16"])
@pytest.mark.parametrize("above", ["", "<tr><td colspan='4'>工单明细表</td></tr>"])
def test_a_page_called_a_workbook_is_read_as_a_page(tmp_path, encoding, above):
    assert numbers(got(html(tmp_path / "html.xls", [HEADER, *ROWS], encoding, above), MAPPING)) == TRUTH


@pytest.mark.parametrize(
    "name,encoding", [("tab.xls", "gb18030"), ("tab.xlsx", "utf-8-sig"), ("comma.xls", "utf-16"), ("comma.xls", "gb18030")]
)
def test_text_called_a_workbook_is_read_as_text(tmp_path, name, encoding):
    assert numbers(got(text(tmp_path / name, ROWS, sep="," if "comma" in name else "\t", encoding=encoding), MAPPING)) == TRUTH


def test_other_workbooks(tmp_path):
    assert numbers(got(xml2003(tmp_path / "2003.xls", [HEADER, *ROWS]), MAPPING)) == TRUTH
    assert numbers(got(ods(tmp_path / "t.ods", {"工单": [HEADER, *ROWS]}), MAPPING)) == TRUTH
    assert numbers(got(old_book(tmp_path / "old.xls", [HEADER, *ROWS]), MAPPING)) == TRUTH
    (tmp_path / "wrong.xls").write_bytes(book(tmp_path / "x.xlsx", {"s": [HEADER, *ROWS]}).read_bytes())
    assert numbers(got(tmp_path / "wrong.xls", MAPPING)) == TRUTH
    (tmp_path / "t.et").write_bytes((tmp_path / "old.xls").read_bytes())
    assert numbers(got(tmp_path / "t.et", MAPPING)) == TRUTH


def test_a_workbook_of_serial_dates_and_one_of_real_ones(tmp_path):
    serial = times(ROWS, lambda t: (t - datetime(1899, 12, 30)).total_seconds() / 86400)
    real = times(ROWS, lambda t: t)
    for rows in (serial, real):
        assert numbers(got(book(tmp_path / "d.xlsx", {"工单": [HEADER, *rows]}), MAPPING)) == TRUTH


def test_a_chart_before_the_table_is_passed_by(tmp_path):
    log, _asked = answered(book(tmp_path / "chart.xlsx", {"工单": [HEADER, *ROWS]}, chart="图表"), MAPPING, dict(sheets=["工单"]))
    assert numbers(log) == TRUTH


def test_a_password_is_named(tmp_path):
    e = refused(locked(tmp_path / "锁.xlsx"), MAPPING, "锁.xlsx")
    assert "密码" in e.text.zh and "password" in e.text.en


def test_archives(tmp_path):
    import bz2

    plain = text(tmp_path / "a.csv", ROWS, encoding="gb18030").read_bytes()
    (tmp_path / "b.csv.bz2").write_bytes(bz2.compress(plain))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(plain))
    for path in (
        zipped(tmp_path / "export.csv.zip", **{"export.csv": plain}),
        zipped(tmp_path / "工单.zip", **{"工单/1月.csv": plain}),
        tmp_path / "b.csv.bz2",
        tmp_path / "c.csv.gz",
    ):
        assert numbers(got(path, MAPPING)) == TRUTH, path.name


def test_a_header_in_two_rows_and_cells_merged_downwards(tmp_path):
    top = ["工单编号", "办理", None, None]
    below = [None, "时间", "承办单位", "环节"]
    body = [[r[0] if i in (0, 5, 8) else None, *r[1:]] for i, r in enumerate(ROWS)]
    path = book(
        tmp_path / "m.xlsx",
        {"工单": [["工单明细", None, None, None], top, below, *body]},
        merged=["A1:D1", "A2:A3", "B2:D2", "A4:A8", "A9:A11", "A12:A13"],
    )
    columns = dict(case_id="工单编号", timestamp="办理时间", unit="承办单位", activity="办理环节")
    assert numbers(got(path, MAPPING | dict(columns=columns))) == TRUTH


# columns-that-differ-in-case


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame", "xlsx"])
@pytest.mark.parametrize("other", ["Unit"])
def test_names_that_differ_by_case_only_are_two_columns(tmp_path, kind, other):
    rows = [["x", r[0], r[1], r[2], r[3]] for r in ROWS]
    header = [other, "case_id", "timestamp", "unit", "activity"]
    frame = pd.DataFrame(rows, columns=header)
    if kind == "csv":
        source = text(tmp_path / "case.csv", rows, header)
    elif kind == "parquet":
        source = tmp_path / "case.parquet"
        frame.to_parquet(source)
    elif kind == "xlsx":
        source = book(tmp_path / "case.xlsx", {"s": [header, *rows]})
    else:
        source = frame
    try:
        log = got(source, dict(dispatchers=["热线办"]))
    except LogError as e:
        said_well(e, other, "unit")
    else:
        assert units(log) == ["住建局", "城管局", "水务局", "热线办"] and numbers(log)["hops"] == 2


@pytest.mark.parametrize("name", ["self", "time_text", "__line__", "", "名\n称", "count", "工单编号"])
def test_odd_names_of_columns_do_no_harm(tmp_path, name):
    for source in (
        text(tmp_path / "odd.csv", [[*r, "x"] for r in ROWS], [*HEADER, name]),
        pd.DataFrame([[*r, "x"] for r in ROWS], columns=[*HEADER, name]),
    ):
        if name in HEADER and isinstance(source, pd.DataFrame):  # a file's second one is renamed as it is read
            with pytest.raises(LogError, match="has two columns called"):
                got(source, MAPPING)
        else:
            assert numbers(got(source, MAPPING)) == TRUTH


# control-character-in-a-name


def test_control_characters_go_when_names_are_read(tmp_path):
    signs = ["\x0b", "\x07", "\x1f", "\ufeff", "\u200e"]
    rows = [[f"{r[0]}-{k}", r[1], r[2].replace("住建", f"住{sign}建"), r[3]] for k, sign in enumerate(signs) for r in ROWS]
    log = got(text(tmp_path / "vt.csv", rows), MAPPING)
    assert numbers(log)["pingpong"] == 5 and units(log) == ["住建局", "城管局", "水务局", "热线办"]
    for kind in ("gexf", "graphml"):
        xml.dom.minidom.parse(str(write_graph(flow_graph(log), tmp_path / f"g.{kind}")))


# invisible-characters-in-names


STAYS = [[*r[:2], "住建局" if r[0] == "W001" and r[2] != "热线办" else r[2], r[3]] for r in ROWS]


def test_names_that_look_alike_are_one(tmp_path):
    names = ["住建局　", "住建局\u00a0", "住建局\u200b", "\ufeff住建局", "住建局\u2003", "'住建局", "住\u200d建局", "住建局\t", " 住建局"]
    log = got(text(tmp_path / "n.csv", each(names, STAYS, 2)), MAPPING)
    assert units(log) == ["住建局", "城管局", "水务局", "热线办"] and (numbers(log)["hops"], numbers(log)["pingpong"]) == (0, 0)


@pytest.mark.parametrize("a,b", [("市住建局（本级）", "市住建局(本级)"), ("ＡＢ公司", "AB公司"), ("㈱水务", "(株)水务")])
def test_names_of_one_normal_form_are_one(tmp_path, a, b):
    rows = [[*r[:2], a if r[2] == "住建局" else r[2], r[3]] for r in STAYS]
    log = got(text(tmp_path / "b.csv", changed(rows, 2, b)), MAPPING)
    assert len(units(log)) == 4 and numbers(log)["pingpong"] == 0


def test_numbers_that_look_alike_are_one_case(tmp_path):
    rows = []
    for k, form in enumerate(["{}　", "{}\u200b", "'{}", " {}", "{}\u00a0", "Ｗ{}"]):
        own = [[f"W{k}{r[0][1:]}", *r[1:]] for r in ROWS]
        rows += [[form.format(r[0][1:] if "Ｗ" in form else r[0]), *r[1:]] if i < 2 else r for i, r in enumerate(own)]
    assert numbers(got(text(tmp_path / "i.csv", rows), MAPPING)) == dict(cases=18, hops=12, pingpong=6, open=6, days=3.552)


def test_numbers_that_differ_by_case_are_one_case_or_told(tmp_path):
    log, _asked = answered(text(tmp_path / "i.csv", changed(changed(ROWS, 0, "w001", 0), 1, "w001", 0)), MAPPING, dict(ids="unique"))
    assert numbers(log)["cases"] == 3 or codes(log), "two cases in silence"


@pytest.mark.parametrize("form", ["2.02203E+13", "2.02203E+14", "2.0220301e+13"])
def test_numbers_that_excel_shortened_are_an_error_that_explains(tmp_path, form):
    rows = [[form, *r[1:]] for r in ROWS]
    e = refused(text(tmp_path / "sci.csv", rows), MAPPING, "Excel")
    assert form in str(e)


def test_numbers_of_a_workbook_lose_their_point(tmp_path):
    rows = [[float(r[0][1:]), *r[1:]] for r in ROWS]
    assert sorted(cases(got(book(tmp_path / "f.xlsx", {"s": [HEADER, *rows]}), MAPPING)).index) == ["1", "2", "3"]


def test_numbers_that_start_anew_each_year_are_asked_about(tmp_path):
    rows = [[f"{int(r[0][1:]) + 3 * k}", r[1].replace("2023", str(y)), *r[2:]] for y in (2021, 2022, 2023) for k in range(10) for r in ROWS]
    asks(text(tmp_path / "y.csv", rows), MAPPING, "ids")
    log, _asked = answered(tmp_path / "y.csv", MAPPING, dict(ids="yearly"))
    assert numbers(log)["cases"] == 90 and numbers(log)["days"] == TRUTH["days"]


# folder-with-equals-sign, glob-reads-another-file


@pytest.mark.parametrize(
    "folder,kind", [("承办单位=甲局", "csv"), ("时间=2020-01-01", "csv"), ("工单编号=7", "parquet"), ("承办单位=甲局", "parquet")]
)
def test_names_of_folders_are_no_columns(tmp_path, folder, kind):
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / f"a.{kind}"
    text(path, ROWS) if kind == "csv" else pd.DataFrame(ROWS, columns=HEADER).to_parquet(path)
    log = got(path, MAPPING)
    assert numbers(log) == TRUTH and folder.partition("=")[0] not in set(log.events.columns) - set(HEADER)


@pytest.mark.parametrize(
    "named,other",
    [
        ("工单[1].csv", "工单1.csv"),
        ("工单*.csv", "工单x.csv"),
        ("工单?.csv", "工单1.csv"),
        ("{a,b}.csv", "a.csv"),
        ("[ab].parquet", "a.parquet"),
    ],
)
def test_a_name_opens_that_file_or_nothing(tmp_path, named, other):
    old = [[r[0].replace("W", "OLD"), *r[1:]] for r in many(2)]
    save = lambda p, rows: text(p, rows) if p.suffix == ".csv" else pd.DataFrame(rows, columns=HEADER).to_parquet(p)
    save(tmp_path / other, old)
    refused(tmp_path / named, MAPPING, named)
    save(tmp_path / named, ROWS)
    assert numbers(got(tmp_path / named, MAPPING)) == TRUTH


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://b/a.parquet", "http://127.0.0.1:9/a.xlsx"])
def test_an_address_is_no_file(address):
    refused(address, MAPPING)


# same-label


@pytest.mark.parametrize("zh,en", [("卫健局", "Health"), ("甲", "A")])
def test_two_units_of_one_label_stay_two(zh, en):
    tree = [
        dict(unit="住建局", zh=zh, en=en),
        dict(unit="城管局", zh=zh, en=en),
        dict(unit="水务局", zh="丙", en="C"),
        dict(unit="热线办", kind="dispatcher"),
    ]
    try:
        log = CaseLog.from_frame(pd.DataFrame(many(20), columns=HEADER), mapping=MAPPING | dict(units=tree))
    except LogError as e:
        return said_well(e, "住建局", "城管局")
    for lang in ("zh", "en"):
        f = metrics.translated(log, metrics.compute(log, ["n_cases"], by="unit"), lang)
        assert f[metrics.header("unit", lang)].is_unique


# stars-as-satisfied


CALLS = ["工单编号", "受理时间", "派单时间", "承办单位", "办结时间", "回访时间", "满意度"]


def stars(*values):
    t = "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 10:00", "2024-03-04 10:00"
    return [[f"A{i}", *t, v] for i, v in enumerate(values)]


@pytest.mark.parametrize("values", [(5, 5, 4, 1), (10, 8, 1, 2), ("5星", "4星", "1星"), ("5.0", "1.0", "3.0")])
def test_numbers_that_are_a_scale_are_asked_about(tmp_path, values):
    mapping = wide(*STEPS, dict(activity="called", time="回访时间"), submitted_at="受理时间", called_at="回访时间", satisfied="满意度")
    path = text(tmp_path / "stars.csv", stars(*values), CALLS)
    asks(path, mapping, "scale.satisfied")
    log, _asked = answered(path, mapping, {"scale.satisfied": 4, "scale": 4})
    high = [float(str(v).rstrip("星")) >= 4 for v in values]
    found = value(log, "satisfaction_rate")
    assert (found["numerator"], found["denominator"]) == (sum(high), len(high))


@pytest.mark.parametrize("values", [(1, 0, 1), (1, 1)])
def test_ones_and_zeros_are_no_scale(tmp_path, values):
    mapping = wide(*STEPS, dict(activity="called", time="回访时间"), submitted_at="受理时间", called_at="回访时间", satisfied="满意度")
    found = value(got(text(tmp_path / "b.csv", stars(*values), CALLS), mapping), "satisfaction_rate")
    assert (found["numerator"], found["denominator"]) == (sum(values), len(values))


# start-and-complete-events, xes-in-gbk, xes-silent-loss


def test_start_and_complete_of_a_piece_of_work_are_one_stay(tmp_path):
    at = "2023-03-01T{}:00:00+08:00".format
    step = lambda u, h, w, phase: event(u, w, at(h), lifecycle_transition=phase)
    path = xes(
        tmp_path / "life.xes",
        {
            "case-1": [
                event("热线办", "a", at("09")),
                step("住建局", "10", "b", "start"),
                step("城管局", "11", "c", "start"),
                step("住建局", "12", "b", "complete"),
                step("城管局", "13", "c", "complete"),
            ]
        },
    )
    log, _asked = answered(path, XES_MAPPING, {})
    assert numbers(log)["hops"] <= 1 and numbers(log)["pingpong"] == 0


@pytest.mark.parametrize("phase", ["complete", "COMPLETE"])
def test_a_log_of_completions_is_what_it_was(tmp_path, phase):
    at = "2023-03-0{}T10:00:00+08:00".format
    path = xes(
        tmp_path / "c.xes",
        {"1": [event(u, w, at(i + 1), lifecycle_transition=phase) for i, (u, w) in enumerate(zip(("住建局", "城管局", "住建局"), "abc"))]},
    )
    assert numbers(got(path, XES_MAPPING | dict(dispatchers=[])))["pingpong"] == 1


@pytest.mark.parametrize(
    "encoding,name", [("UTF-8", "a.xes"), ("GBK", "a.xes"), ("GB18030", "a.xes.gz"), ("gb2312", "a.xes"), ("UTF-16", "a.xes.gz")]
)
def test_an_event_log_is_read_in_the_encoding_it_declares(tmp_path, encoding, name):
    at = "2023-03-01T{}:00:00+08:00".format
    path = xes(
        tmp_path / name,
        {"case-1": [event(u, w, at(h)) for u, w, h in zip(("热线办", "住建局", "城管局", "住建局"), "abcd", ("09", "10", "11", "12"))]},
        encoding,
    )
    log = got(path, XES_MAPPING)
    assert numbers(log)["hops"] == 2 and "dispatcher_unseen" not in codes(log) and "住建局" in units(log)


def test_times_of_an_event_log_without_a_zone_are_on_the_clock_of_the_log(tmp_path):
    log = got(
        xes(tmp_path / "z.xes", {"1": [event("甲", "a", "2023-03-01T09:00:00.000"), event("乙", "b", "2023-03-01T10:00:00.000")]}),
        XES_MAPPING | dict(dispatchers=[]),
    )
    assert log.events.execute().timestamp.min() == pd.Timestamp("2023-03-01 09:00")


def _logs():
    "An event log of forty cases, and what may happen to it on its way"
    when = "2022-01-{:02d}T10:00:00+08:00".format
    whole = {f"C{i:05d}": [event("甲局", "派单", when(1 + i % 28)), event("甲局", "办结", when(1 + i % 28))] for i in range(40)}
    with tempfile.TemporaryDirectory() as t:
        x = xes(Path(t) / "x.xes", whole).read_text("utf-8")
    k, end = x.index("C00010"), x.index("</trace>", x.index("C00010"))
    return {
        "bare_ampersand": x.replace('value="甲局"', 'value="甲&局"', 1),
        "one_lt": x[:k] + "<" + x[k + 1 :],
        "quote_lost": x.replace('"C00010"', '"C00010', 1),
        "endtag_damaged": x[:end] + "</trbce>" + x[end + 8 :],
        "nul": x[:k] + "\0" + x[k + 1 :],
        "middle_gone": x[:k] + x[k + 900 :],
        "end_in_comment": x[:k] + "<!-- </log> -->",
        "two_logs": x + x,
        "cut": x[: len(x) // 2],
    }


@pytest.mark.parametrize("damage", sorted(_logs()))
@pytest.mark.parametrize("name", ["d.xes"])
def test_damage_to_an_event_log_is_told_and_never_a_loss(tmp_path, damage, name):
    raw = _logs()[damage].encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    try:
        log = got(tmp_path / name, XES_MAPPING | dict(dispatchers=[]))
    except LogError as e:
        return said_well(e, name)
    assert log.counts["events"] >= 79, damage  # all but what was damaged, or told


def test_a_byte_that_is_no_text_in_an_event_log(tmp_path):
    raw = _logs()["two_logs"].encode()
    raw = raw[: len(raw) // 2]
    i = raw.index("甲局".encode())
    (tmp_path / "b.xes").write_bytes(raw[:i] + b"\xff" + raw[i + 1 :])
    try:
        assert got(tmp_path / "b.xes", XES_MAPPING | dict(dispatchers=[])).counts["events"] == 80
    except LogError as e:
        said_well(e, "b.xes")


# wide-false-pingpong, wide-ticket-vanishes


PRESENT = ["工单编号", "受理时间", "派单时间", "首派单位", "退回时间", "退回单位", "退回原因", "改派时间", "承办单位", "办结时间"]
GIVEN_BACK = [
    [
        "A1",
        "2024-03-01 09:00",
        "2024-03-01 10:00",
        "城管局",
        "2024-03-01 15:00",
        "城管局",
        "不属本单位职责",
        "2024-03-02 09:00",
        "住建局",
        "2024-03-05 10:00",
    ],
    ["A2", "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "", "", "", "", "住建局", "2024-03-05 10:00"],
]


def drafted(path, **answers):
    "The mapping that the draft proposes for a file, with these answers"
    import tomllib

    try:
        from liuan_eval.intake.draft import draft
    except ImportError:
        from liuan_eval.intake.mapping import draft
    made = draft(path)
    return tomllib.loads(made if isinstance(made, str) else made.toml) | answers


@pytest.mark.parametrize("first", [True, False])
def test_the_present_holder_is_not_the_first(tmp_path, first):
    keep = [i for i, c in enumerate(PRESENT) if first or c != "首派单位"]
    path = text(tmp_path / "export.csv", [[r[i] for i in keep] for r in GIVEN_BACK], [PRESENT[i] for i in keep])
    mapping = drafted(path, returned="unit_to_dispatcher", dispatchers=["热线"])
    mapping["steps"] = [s | (dict(unit="退回单位") if s.get("time") == "退回时间" else {}) for s in mapping["steps"]]
    log, _asked = answered(path, mapping, {})
    c = cases(log)
    assert c.n_pingpong.sum() == 0 and c.n_hops["A1"] == 1 and c.n_hops["A2"] == 0
    assert c.resolver["A1"] == "住建局" and value(log, "boomerang_rate")["numerator"] == 0


def test_a_ticket_without_any_time_is_counted(tmp_path):
    header = ["工单编号", "渠道", "受理时间", "派单时间", "承办单位", "办结时间"]
    t = "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 10:00"
    rows = [[f"A{i}", "热线", *t] for i in range(40)] + [
        ["B2", "热线", "", "", "住建局", ""],
        ["B3", "信访", "", "", "城管局", ""],
        ["", "热线", *t],
    ]
    log = got(
        text(tmp_path / "w.csv", rows, header),
        wide(*STEPS, channel="渠道", submitted_at="受理时间", closed_at="办结时间") | dict(accept=0.1),
    )
    found = codes(log)
    assert found["no_time"] == 2 and found["no_case"] >= 1
    shown = check(log, "zh").set_index("code")
    assert "B2" in str(shown.loc["no_time", "examples"])


@pytest.mark.parametrize("unread", ["日期不详说明", "2024-99-99"])
def test_nor_is_one_lost_whose_times_cannot_be_read(tmp_path, unread):
    t = "2024-03-01 09:00", "2024-03-01 10:00", "住建局", "2024-03-02 10:00"
    rows = [[f"A{i}", *t] for i in range(60)] + [["B1", unread, unread, "住建局", unread]]
    log = got(
        text(tmp_path / "w.csv", rows, ["工单编号", "受理时间", "派单时间", "承办单位", "办结时间"]),
        wide(*STEPS, submitted_at="受理时间", closed_at="办结时间"),
    )
    shown = check(log, "zh")
    assert "B1" in " ".join(map(str, shown.examples))


# campaign-crash-empty, campaign-crash-slow, constant-outcome


def panel_of(y, before, unit="share", indicator="on_time_rate"):
    "A panel of months from a matrix of months by units, the first treated"
    months = pd.date_range("2020-01-01", periods=len(y), freq="MS")
    rows = [(f"u{j}", months[i], y[i, j] * 100, 100.0, y[i, j], 0.01) for i in range(y.shape[0]) for j in range(y.shape[1])]
    return Panel(
        pd.DataFrame(rows, columns=["unit", "period", "numerator", "denominator", "value", "se"]),
        months[before],
        ("u0",),
        "month",
        indicator,
        unit,
    )


WORLDS = {
    "all alike": (np.full((30, 8), 0.8), "share"),
    "all at the top": (np.full((24, 6), 1.0), "share"),
    "all at the bottom": (np.zeros((24, 6)), "share"),
    "each at its level": (np.tile(np.linspace(0.71, 0.93, 8), (36, 1)), "share"),
    "a third": (np.full((20, 5), 1 / 3), "share"),
    "hours": (np.full((30, 6), 5.3), "hours"),
    "together": (np.tile(0.9 + 0.01 * np.sin(np.arange(30.0))[:, None], (1, 8)), "share"),
}


@pytest.mark.parametrize("world", WORLDS)
def test_where_nothing_moves_no_design_finds_a_change(world):
    y, unit = WORLDS[world]
    p = panel_of(y, len(y) * 3 // 5, unit, "close_hours" if unit == "hours" else "on_time_rate")
    for name, d in known().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                e = d.run(p)
            except LogError:  # all alike: one unit under several names
                assert name in ("synthetic_control", "synthetic_did") and world in (
                    "all alike",
                    "all at the top",
                    "all at the bottom",
                    "a third",
                    "hours",
                    "together",
                ), name
                continue
        if world == "together" and name in ("its", "its_nw", "before_after", "structural"):
            continue  # the city's own series does move
        assert not e.found and "-0.0" not in e.number(e.value), name
        assert e.value == (1.0 if e.scale == "ratio" else 0.0) and np.isnan([e.low, e.high, e.p]).all() and e.refused is not None, (name, e)
        assert "nan" not in e.summary("en") + e.summary("zh") + e.checks("en").to_string(), name


@pytest.mark.parametrize("level", np.round(np.arange(0.5, 1.001, 0.07), 2))
@pytest.mark.parametrize("n,before", [(24, 12), (30, 18), (36, 14), (20, 8)])
def test_an_interrupted_series_finds_nothing_in_a_constant(level, n, before):
    e = its(panel_of(np.full((n, 1), level), before))
    assert not e.found and e.value == 0


def test_donors_without_variance_give_no_error():
    y = np.full((30, 8), 0.99)
    y[:, 0] = 0.9 + 0.01 * np.random.default_rng(0).standard_normal(30)
    p = panel_of(y, 18)
    for e in (synthetic_did(p), in_space(p)):
        assert np.isnan([e.low, e.high, e.p]).all() and not e.found and e.refused is not None
    assert difference_series(p).found is False  # its own series does move


def test_nan_never_gives_p_0():
    assert np.isnan([t_interval(float("nan"), 1.0)[2], t_interval(float("nan"), float("nan"))[2], t_interval(1.0, 0.0)[2]]).all()
    flat = panel_of(np.full((30, 8), 0.8), 18)
    f = families.stepdown(dict(a=flat, b=panel_of(0.8 + 0.01 * np.random.default_rng(1).standard_normal((30, 8)), 18)))
    assert np.isnan(f.p[0]) and np.isnan(f.romano_wolf[0]) and f.p[1] > 0 and f.romano_wolf[1] > 0
    with pytest.raises(TooFew):
        power.minimum_detectable(flat)


def test_figures_of_nothing_say_so():
    flat = in_space(panel_of(np.full((30, 8), 0.8), 18))

    def fails(**_choice) -> Estimate:
        raise TooFew("太少", "too few")

    curve = specification_curve(fails, dict(a={"x": 1, "y": 2}))
    for draw in (
        lambda: agreement(curve),
        lambda: figures.specifications(curve),
        lambda: figures.placebos(flat),
        lambda: figures.estimate_dots({}),
    ):
        with pytest.raises(LogError) as e:
            draw()
        said_well(e.value)
    none = Estimate(estimand=same("x"), value=0.0, low=float("nan"), high=float("nan"), method=same("m"), inference=same("none"))
    assert figures.estimate_dots(dict(a=none)) is not None


@pytest.mark.parametrize("days", [50, 45, 33])
def test_waits_longer_than_tau_have_no_ratio(tmp_path, days):
    log = got(text(tmp_path / "slow.csv", slow(120, days)), MAPPING)
    e = survival.rmst_difference(log, start="2023-04-15", tau=20)
    c = e.detail["contrasts"]
    assert e.value == 0 and not e.found and np.isnan([e.low, e.p, c.value["ratio of time lost"], c.p["ratio of time lost"]]).all()
    assert any("nothing" in w.en and "no ratio" in w.en for w in e.warnings)


def test_one_arm_may_close_nothing_and_the_other_all_at_once():
    arm = lambda after, x, done: pd.DataFrame(dict(after=after, x=np.asarray(x, float), closed=done))
    none, all_, at_once = arm(False, [40, 50, 60], True), arm(True, [1, 2, 3], True), arm(True, [0, 0, 0], True)
    for other in (all_, at_once):
        t = ibis.memtable(pd.concat([none, other]))
        c = survival.rmst_contrasts(t, 30)
        assert np.isnan(c.p["ratio of time lost"]) and (c.value["difference"] < 0)
    assert np.isnan(survival.rmst_contrasts(ibis.memtable(pd.concat([none, at_once])), 30).value["ratio"])
    table = ibis.memtable(pd.concat([none.assign(end=None, closed=False), all_.assign(end=None, closed=False)]).astype({"end": "string"}))
    f = survival.risk_table(table)
    assert np.isnan(survival.logrank(f)[2]) and np.isnan(survival.gray(f)[2])
    with pytest.raises(TooFew):
        survival.cox_fit(np.ones((5, 2)), np.zeros((5, 2)), np.array([[0.0], [1.0]]))
    with pytest.raises(TooFew):
        survival.rmst_contrasts(ibis.memtable(all_), 30)


@pytest.mark.parametrize("start,days", [("2023-04-15", 50), ("2023-02-15", 3)])
def test_the_page_of_a_campaign_is_written_whatever_the_log_holds(tmp_path, start, days, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = slow(90, days)
    if days == 3:  # months without a case: no logarithm
        rows = [r for r in rows if r[1] < "2023-03-01" or r[1] > "2023-04-25"]
    path, mapping = text(tmp_path / "export.csv", rows), tmp_path / "m.toml"
    mapping.write_text(tomli_w.dumps(MAPPING), encoding="utf-8")
    monkeypatch.setattr(rendering, "executed", here.executed)
    cli.run(["campaign", str(path), "-m", str(mapping), "--start", start, "--lang", "en", "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "no design could be computed for this outcome" in page if days == 3 else "no ratio" in page
