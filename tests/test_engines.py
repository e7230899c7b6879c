"Custody and every indicator on PostgreSQL and Spark: the same as on DuckDB, computed where the tables lie"

import os
import re
import shutil
from contextlib import suppress
from itertools import takewhile
from urllib.parse import quote, urlsplit, urlunsplit

import ibis
import numpy as np
import pandas as pd
import pytest
from city import MAPPING, city, together

from liuan_eval import custody, metrics
from liuan_eval.flow import competence
from liuan_eval.flow import graph as caseflow
from liuan_eval.indicators import lifetable, speed, volume
from liuan_eval.indicators import phone as satisfaction
from liuan_eval.indicators.clusters import batched, clusters
from liuan_eval.indicators.shapes import Wait
from liuan_eval.intake.balance import balance, columns
from liuan_eval.intake.checks import check, concerned
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.overlaps import overlaps
from liuan_eval.words.calendar import WorkCalendar
from liuan_eval.words.text import LogError

ASSISTS = {"assist_late_rate", "assist_reply_hours"}  # in the city no unit assists; in that of several hands many do
SERVED = [i for i in metrics.INDICATORS if i not in ASSISTS]
BY_HOPS = ["n_cases", "bounce_rate", "pingpong_rate", "boomerang_rate"]
GROUPS = {
    "all": {},
    "unit": dict(by="unit"),
    "channel": dict(by="channel"),
    "month": dict(period="month"),
    "unit and quarter": dict(by="unit", period="quarter"),
    "resolver and week": dict(by=["resolver", "request_type"], period="week"),
    "hops": dict(by=["from_unit", "to_unit"], indicators=BY_HOPS),
    "kind": dict(by="kind", indicators=BY_HOPS),
    "exit": dict(by="exit", indicators=["n_cases", "return_rate"]),
    "day": dict(period="day", indicators=["n_cases", "limbo_share"]),
    "year": dict(period="year", indicators=["resolution_days", "limbo_hours"]),
    "reason": dict(by="return_reason", indicators=["returned_cases"]),
    "course": dict(by=["course", "channel"], indicators=["n_cases", "limbo_share"]),
    "topic": dict(by="topic", indicators=["downward_shift_rate", "delay_share", "late_return_rate"], period="quarter"),
}
# a query takes Spark a second, whatever its size: there every indicator is computed over all and by unit, and these groups besides
SPARK_GROUPS = ["all", "unit", "hops", "exit", "year", "reason", "course", "topic"]


@pytest.fixture(scope="module")
def frames():
    return city()


@pytest.fixture(scope="module")
def duck(frames):
    events, cases, calls = frames
    log = CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)
    assert metrics.available(log)[0] == SERVED
    c = custody.cases(log).execute()
    assert (
        min(c.n_bounced.sum(), c.n_pingpong.sum(), c.closed_at.isna().sum(), custody.hops(log).kind.nunique().execute()) > 3
    )  # the city has what the tests are about
    assert batched(log).count().execute() > 10  # of one person in one week
    return log


def in_matters():
    "Cases of several hands, a third of them of one of twelve matters"
    events, cases, calls = together()
    drawn = np.random.default_rng(3).integers(0, 36, len(cases))
    return events, cases.assign(episode=[f"m{i}" if i < 12 else None for i in drawn]), calls


@pytest.fixture(scope="module")
def duck_together():
    events, cases, calls = in_matters()
    log = CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)
    h, s = custody.hands(log).execute(), custody.spells(log).execute()
    kinds = [h.assists, ~h.lead & ~h.assists, h.assists & (h.late == True), h.assists & h.replied_at.isna(), s.exit == "assisted"]  # noqa: E712
    assert min(k.sum() for k in kinds) > 5 and overlaps(log).evident.nunique().execute() == 2 and log.has("return_rejected")
    assert ASSISTS < {*metrics.available(log)[0]}
    assert batched(log).count().execute() > 50 and metrics.compute(log, ["return_rate"]).deff[0] > 1.2
    return log


def ordered(frame, keys):
    frame = frame.sort_values(keys, ignore_index=True)
    for c in frame.columns:
        if str(frame[c].dtype).startswith("datetime"):
            frame[c] = frame[c].astype("datetime64[us]")
    return frame


def equal(got, want, keys, floats):
    "Equal frames: numbers in `floats` to 1e-9, everything else exactly"
    assert list(got.columns) == list(want.columns)
    got, want = ordered(got, keys), ordered(want, keys)
    assert len(got) == len(want)
    for c in want.columns:
        if c in floats:
            np.testing.assert_allclose(got[c].astype(float), want[c].astype(float), rtol=1e-9, atol=1e-12, err_msg=c)
        else:
            assert (
                got[c].astype(object).where(got[c].notna(), None).tolist() == want[c].astype(object).where(want[c].notna(), None).tolist()
            ), c


def same_custody(log, duck):
    spell = ["case_id", "spell"]
    hand = ["case_id", "unit", "thread", "entered_at", "left_at", "claimed_at"]
    for name, keys in dict(spells=spell, waits=spell, hops=["case_id", "hop"], cases=["case_id"], hands=hand).items():
        want = getattr(custody, name)(duck).execute()
        equal(getattr(custody, name)(log).execute(), want, keys, {c for c in want.columns if c.endswith("_seconds")})
    pd.testing.assert_frame_equal(custody.unit_waits(log), custody.unit_waits(duck), rtol=1e-9)


def same_indicators(log, duck, group):
    more = GROUPS[group]
    got, want = metrics.compute(log, **more), metrics.compute(duck, **more)
    assert set(want.indicator) == set(more.get("indicators", metrics.available(duck)[0]))
    pd.testing.assert_series_equal(got.dtypes, want.dtypes)
    keys = [c for c in want.columns if c not in metrics.COLUMNS]
    sums = want.indicator.isin(
        ["limbo_share", "limit_used_share", "delay_hours", "delay_share"]
    )  # sums of time, all others are counts, or halves
    for part in (sums, ~sums):
        equal(got[part], want[part], keys, {"value", "low", "high", "deff"} | ({"numerator", "denominator"} if part is sums else set()))
    assert got[keys].astype(str).values.tolist() == want[keys].astype(str).values.tolist()  # in the same order, too


def same_together(log, duck, groups):
    "Cases that several units hold at once: who had a hand, where they overlap, and all indicators"
    same_custody(log, duck)
    equal(clusters(log).execute(), clusters(duck).execute(), ["case"], set())
    equal(overlaps(log).execute(), overlaps(duck).execute(), ["case", "run"], set())
    for group in groups:
        same_indicators(log, duck, group)


def same_science(log, duck):
    "The small tables from which chains, permutations and verdicts are made"
    for more in (dict(), dict(by=["topic"], period="2022-03-01")):
        pd.testing.assert_frame_equal(caseflow.paths(log, **more), caseflow.paths(duck, **more))
    pd.testing.assert_frame_equal(caseflow.pingpong_pairs(log), caseflow.pingpong_pairs(duck))
    got, want = (competence.verdicts(each, repeats=20) for each in (log, duck))
    for name in ("units", "dispatch", "flows"):
        pd.testing.assert_frame_equal(getattr(got, name), getattr(want, name), check_dtype=False)


def same_life_tables(log, duck):
    "Quantiles, restricted means and incidences"

    def tables(log):
        c = custody.coded_cases(log)
        closed = c.closed_at.notnull()
        t = c.select("channel", x=c.duration_seconds / 86400, closed=closed, end=closed.ifelse(c.course, None))
        yield from (lifetable.km_quantiles(t, keys, (0.1, 0.5, 0.9)) for keys in ([], ["channel"]))
        yield from (lifetable.restricted_mean(t, keys, 3) for keys in ([], ["channel"]))
        yield from (lifetable.incidence(t, keys, [1, 3, 200]) for keys in ([], ["channel"]))

    for got, want in zip(tables(log), tables(duck)):
        assert len(want) and want.low.notna().any()
        pd.testing.assert_frame_equal(got, want, check_dtype=False, rtol=1e-9, atol=1e-12)


def same_deadlines(log, duck):
    want = custody.deadlines(duck).execute()
    assert want.pause.gt(0).sum() > 5 and (want.extended_due_at > want.due_at).sum() > 5 and want.of_ticket.nunique() == 2
    equal(custody.deadlines(log).execute(), want, ["case"], {c for c in want.columns if c.endswith("_seconds")} | {"pause"})


def same_tables(log, duck):
    "Ends, backlog, repeats, the chain, the unheard and the evaluation"
    moments = [pd.Timestamp(d) for d in ("2022-02-17", "2022-04-01 12:00", "2023-01-01")]
    for of in (
        lambda g: speed.ends(g, (1, 10), by="channel"),
        lambda g: volume.backlog(g, moments),
        lambda g: volume.backlog(g, moments, by="unit"),
        lambda g: volume.repeat_sensitivity(g, (7, 30)),
        lambda g: satisfaction.chain(g, by="channel", period="quarter"),
        lambda g: satisfaction.unheard(g, by="unit", what="resolved_last"),
        lambda g: satisfaction.evaluation(g, by="surveyor", final=True),
    ):
        want = of(duck)
        assert len(want) > 3 or len(want) == len(moments)
        pd.testing.assert_frame_equal(of(log), want, check_dtype=False, rtol=1e-9, atol=1e-12)


def same_part(log, duck):
    "The account of rows and cases, what stands in the columns, and a part cut out"
    cut = dict(since="2022-02-01", until="2022-03-31", channel="hotline")
    for got, want in ((log, duck), (log.only(**cut), duck.only(**cut))):
        assert got.endings == want.endings and got.counts == want.counts and got.end == want.end
        pd.testing.assert_frame_equal(balance(got, "en"), balance(want, "en"))
        seen, known = (columns(x).sort_values(["table", "column"], ignore_index=True) for x in (got, want))
        pd.testing.assert_frame_equal(seen.drop(columns="unknown"), known.drop(columns="unknown"))
        equal(custody.cases(got).execute(), custody.cases(want).execute(), ["case_id"], {"limbo_seconds", "duration_seconds"})
    assert concerned(log, "no_unit").case_id.value_counts().to_dict() == concerned(duck, "no_unit").case_id.value_counts().to_dict()


def plainer(events, cases, calls):
    "A log whose endings stand in the events, whose due dates are those of the rules, and whose answers are yes and no"
    cases = cases.drop("ending", "due_at", "extended_due_at")
    calls = calls.mutate(satisfied=calls.satisfied == "满意").drop("surveyor", "resolved")
    return CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)


def same_plainer(log, duck):
    for names in (["on_time_rate", "on_time_extended_rate", "satisfaction_rate", "final_satisfaction_rate"],):
        pd.testing.assert_frame_equal(metrics.compute(log, names, by="unit"), metrics.compute(duck, names, by="unit"), rtol=1e-9)
    want = speed.ends(duck, (5,))
    assert {"resolved", "merged", "unsaid"} <= set(want.end)
    pd.testing.assert_frame_equal(speed.ends(log, (5,)), want, check_dtype=False, rtol=1e-9)


def clocks():
    "Pairs of times around office hours, weekends and the spring festival, limits on all clocks, and pauses"
    rng = np.random.default_rng(5)
    n = 200
    a = pd.Timestamp("2022-01-20") + pd.to_timedelta(rng.integers(0, 40 * 86400 * 10**6, n), unit="us")
    a = a.where(rng.random(n) > 0.2, a.normalize() + pd.to_timedelta(rng.choice([0, 8.5, 12, 14.5, 17, 17.5], n), unit="h"))
    b = a + pd.to_timedelta(rng.integers(0, 20 * 86400 * 10**6, n), unit="us")
    limit = rng.choice(["1wd", "5wd", "8wh", "16wh", "15d", "24h"], n)
    pause = pd.Series(rng.integers(0, 9, n) / 2).where(rng.random(n) > 0.2)
    return pd.DataFrame(dict(i=range(n), a=a.astype("datetime64[us]"), b=b.astype("datetime64[us]"), limit=limit, pause=pause))


def same_clocks(table):
    "Elapsed time, due dates and office hours of a table in an engine, against those of a frame"
    frame = clocks()
    summer = WorkCalendar(zone="Australia/Sydney", holidays=["2022-02-21"], workdays=["2022-02-26"])  # an hour before the wall there
    for cal in (WorkCalendar(), WorkCalendar(**MAPPING["calendar"], first="same"), summer):
        for of in (
            *[lambda t, cal=cal, c=c: cal.elapsed(t, "a", "b", c) for c in ("wd", "wh", "d", "h")],
            lambda t, cal=cal: cal.due(t, "a", "limit"),
            lambda t, cal=cal: cal.due(t, "a", "limit", pause="pause"),
            *[lambda t, cal=cal, x=x: cal.due(t, "a", x) for x in ("3wd", "10wh", "2d", "36h")],
            lambda t, cal=cal: cal.office_hours(t, dict(x="a", y="b")),
        ):
            equal(of(table).execute(), of(frame), ["i"], {"elapsed", "x", "y", "pause"})


TICKETS = pd.DataFrame(
    {
        "工单编号": ["1", "2", "3"],
        "受理时间": pd.to_datetime(["2022-02-17 09:00", "2022-02-17 09:30", "2022-02-21 08:00"]),
        "派单时间": pd.to_datetime(["2022-02-17 10:00", None, "2022-02-21 09:00"]),
        "承办单位": ["城管局", None, "住建局"],
        "退单时间": pd.to_datetime(["2022-02-18 10:00", None, None]).tz_localize("Asia/Shanghai"),
        "办结时间": pd.to_datetime(["2022-02-19", "2022-02-18", None]),
        "渠道": "热线",
    }
)
WIDE = dict(
    layout="wide",
    dispatchers=["热线办"],
    returned="unit_to_dispatcher",
    steps=[
        dict(activity="受理", time="受理时间"),
        dict(activity="派单", time="派单时间", unit="承办单位"),
        dict(activity="退单", time="退单时间", unit="承办单位"),
        dict(activity="办结", time="办结时间", unit="承办单位"),
    ],
)


@pytest.fixture(scope="module")
def duck_plainer(frames):
    con = ibis.duckdb.connect()
    return plainer(*[con.create_table(n, f) for n, f in zip(("events", "cases", "callbacks"), frames)])


@pytest.fixture(scope="module")
def duck_tickets():
    log = CaseLog.from_frame(TICKETS, **WIDE)
    assert custody.cases(log).order_by("case_id").execute().n_spells.tolist() == [1, 0, 1]
    return log


# PostgreSQL

ADDRESS = os.environ.get("LIUAN_EVAL_POSTGRES", "")
SCHEMA = f"liuan_eval_test_{os.getpid()}"
TABLES = {"events": f"{SCHEMA}.events", "cases": f"{SCHEMA}.cases", "callbacks": f"{SCHEMA}.callbacks"}


@pytest.fixture(scope="module")
def server(frames):
    "The test server with the city in a schema of its own: `events` with an order, `zoned` with timestamptz, `unordered` without order"
    if not ADDRESS:
        pytest.skip("no PostgreSQL: set LIUAN_EVAL_POSTGRES to the address of a server for tests, postgresql://user:password@host/database")
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'liuan_eval[postgres]'")
    events, cases, calls = frames
    columns = {
        "events": 'case_id text, "timestamp" timestamp, unit text, activity text, result text, "order" bigint, reason text',
        "zoned": 'case_id text, "timestamp" timestamptz, unit text, activity text, result text, "order" bigint, reason text',
        "cases": "case_id text, channel text, request_type text, topic text, submitted_at timestamp, due_at timestamp, area text, "
        "urgency text, person_key text, extended_due_at timestamp, ending text, excluded boolean, exclusion_reason text, exclusion_by text",
        "unordered": 'case_id text, "timestamp" timestamp, unit text, activity text, result text, reason text',
        "callbacks": "case_id text, round text, called_at timestamptz, surveyor text, reached boolean, resolved boolean, satisfied text",
    }
    zoned = events.assign(timestamp=events.timestamp.dt.tz_localize("Asia/Shanghai"))
    rows = dict(
        events=events,
        zoned=zoned,
        cases=cases,
        unordered=events.drop(columns="order"),
        callbacks=calls.assign(called_at=calls.called_at.dt.tz_localize("Asia/Shanghai")),
    )
    with psycopg.connect(ADDRESS, autocommit=True) as con:
        con.execute(f"create schema {SCHEMA}")
        for name, what in columns.items():
            assert re.findall(r'(?:^|, )"?(\w+)', what) == list(rows[name].columns)
            con.execute(f"create table {SCHEMA}.{name} ({what})")
            with con.cursor() as cur, cur.copy(f"copy {SCHEMA}.{name} from stdin") as copy:
                for row in rows[name].itertuples(index=False):
                    copy.write_row([None if pd.isna(v) else v for v in row])
        yield ADDRESS
        con.execute(f"drop schema {SCHEMA} cascade")


def mapping(**more):
    return Mapping.make(MAPPING | dict(tables=TABLES | more))


@pytest.fixture(scope="module")
def fetched():
    "The most rows that any one query of ibis brought to the client, while the module runs"
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'liuan_eval[postgres]'")
    seen = {"rows": 0}
    patch = pytest.MonkeyPatch()
    for kind in (psycopg.Cursor, psycopg.ServerCursor, psycopg.ClientCursor):
        for name in ("fetchall", "fetchmany"):

            def spy(self, *args, _true=getattr(kind, name), **more):
                rows = _true(self, *args, **more)
                seen["rows"] = max(seen["rows"], len(rows))
                return rows

            patch.setattr(kind, name, spy)
    yield seen
    patch.undo()


@pytest.fixture(scope="module")
def postgres(server, fetched):
    return read_log(server, mapping=mapping())


@pytest.mark.parametrize("group", GROUPS)
def test_postgres_gives_the_indicators_of_duckdb(postgres, duck, group):
    same_indicators(postgres, duck, group)


def test_postgres_is_read_where_it_lies_and_never_pulled_whole(server, duck, fetched, frames):
    "Everything computed anew: no query brings more rows to the client than a table of results has, and what is derived is temporary there"
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(server) as con:
        before = con.execute(
            "select table_schema, table_name from information_schema.tables where table_schema not like 'pg_temp%'"
        ).fetchall()
    fetched["rows"] = 0
    log = read_log(server, mapping=mapping())
    for more in (dict(), dict(by="unit"), dict(by="channel")):
        metrics.compute(log, **more)
    check(log, "en")
    assert {
        t._find_backend().name
        for t in (log.events, log.core, log.case_ids, log.attributes, log.callbacks, log.kept["spells"], log.kept["cases"])
    } == {"postgres"}
    most = len(log.units) * sum(isinstance(o, Wait) for o in metrics.INDICATORS.values())  # every wait of every unit, in one query
    assert 0 < fetched["rows"] <= most < 300 == len(frames[1])
    with log.con.con.cursor() as cur:
        temp = cur.execute("select count(*) from pg_class where relnamespace = pg_my_temp_schema() and relkind = 'r'").fetchone()[0]
    assert temp >= len({"core", "case_ids", "attributes", "closings", "spells", "cases"})
    with psycopg.connect(server) as con:
        after = con.execute(
            "select table_schema, table_name from information_schema.tables where table_schema not like 'pg_temp%'"
        ).fetchall()
    assert sorted(before) == sorted(after)


def test_a_log_from_an_ibis_table_stays_in_its_database(server, duck, fetched):
    con = ibis.connect(server)
    fetched["rows"] = 0
    log = CaseLog.from_frame(*[con.table(t, database=SCHEMA) for t in ("zoned", "cases", "callbacks")], **MAPPING)
    same_indicators(log, duck, "all")
    assert log.con is con and fetched["rows"] < 150  # the longest: how many cases are how many days old


def test_postgres_custody_is_that_of_duckdb(postgres, duck):
    same_custody(postgres, duck)


def test_postgres_cases_of_several_hands_are_those_of_duckdb(server, duck_together):
    con = ibis.connect(server)
    tables = [con.create_table(n, f, temp=True) for n, f in zip(("events", "cases", "callbacks"), in_matters())]
    log = CaseLog.from_frame(*tables, **MAPPING)
    same_together(log, duck_together, ["all", "unit", "month", "hops", "unit and quarter"])
    pd.testing.assert_frame_equal(custody.readings(log), custody.readings(duck_together))


def test_postgres_paths_pairs_and_verdicts_are_those_of_duckdb(postgres, duck):
    same_science(postgres, duck)


def test_postgres_life_tables_are_those_of_duckdb(postgres, duck):
    same_life_tables(postgres, duck)


def test_postgres_deadlines_are_those_of_duckdb(postgres, duck):
    same_deadlines(postgres, duck)


def test_postgres_ends_backlog_repeats_and_evaluation_are_those_of_duckdb(postgres, duck):
    same_tables(postgres, duck)


def test_postgres_reads_endings_in_events_and_plain_answers_as_duckdb_does(postgres, duck_plainer):
    tables = [postgres.con.table(t, database=SCHEMA) for t in ("events", "cases", "callbacks")]
    same_plainer(plainer(*tables), duck_plainer)


def test_postgres_clocks_are_those_of_a_frame(postgres):
    same_clocks(postgres.con.create_table("clocks", clocks(), temp=True))


def test_postgres_check_is_that_of_duckdb(postgres, duck):
    assert check(postgres, "en")[["code", "count", "of"]].values.tolist() == check(duck, "en")[["code", "count", "of"]].values.tolist()


def test_postgres_keeps_the_account_of_duckdb_and_cuts_out_the_same_part(postgres, duck):
    same_part(postgres, duck)


def test_postgres_times_with_a_zone_are_shown_on_beijing_time(server, duck):
    log = read_log(server, mapping=mapping(events=f"{SCHEMA}.zoned"))
    same_custody(log, duck)
    same_indicators(log, duck, "month")
    assert log.end == duck.end


def test_postgres_times_with_a_zone_are_shown_on_the_walls_of_another(server, frames):
    events, cases, _ = frames
    away = MAPPING | dict(timezone="Australia/Sydney")
    want = CaseLog.from_frame(events.assign(timestamp=events.timestamp.dt.tz_localize("Asia/Shanghai")), cases=cases, **away)
    tables = dict(events=f"{SCHEMA}.zoned", cases=TABLES["cases"])
    got = read_log(server, mapping=Mapping.make(away | dict(tables=tables)))
    same_custody(got, want)
    same_deadlines(got, want)
    for more in (dict(period="month"), dict(period="day", by="unit")):
        pd.testing.assert_frame_equal(metrics.compute(got, "n_cases", **more), metrics.compute(want, "n_cases", **more), check_dtype=False)


def test_postgres_ties_without_an_order_are_counted_and_come_out_the_same_every_time(server, frames):
    events = frames[0].drop(columns="order").drop_duplicates()  # without an order, rows that are equal are one
    logs = [read_log(server, mapping=mapping(events=f"{SCHEMA}.unordered")) for _ in range(2)]
    tied = events.duplicated(["case_id", "timestamp"], keep=False).sum()
    assert tied > 50 and [check(log, "en").set_index("code")["count"]["tie"] for log in logs] == [tied, tied]
    a, b = (custody.spells(log).execute() for log in logs)
    equal(a, b, ["case_id", "spell"], set())


def test_postgres_reads_a_row_a_ticket(server, duck_tickets):
    import psycopg

    with psycopg.connect(server, autocommit=True) as con:
        con.execute(f"drop table if exists {SCHEMA}.tickets")
        con.execute(
            f"create table {SCHEMA}.tickets (工单编号 text, 受理时间 timestamp, 派单时间 timestamp, "
            "承办单位 text, 退单时间 timestamptz, 办结时间 date, 渠道 text)"
        )
        for row in TICKETS.itertuples(index=False):
            con.execute(f"insert into {SCHEMA}.tickets values (%s, %s, %s, %s, %s, %s, %s)", [None if pd.isna(v) else v for v in row])
    log = read_log(server, mapping=Mapping.make(WIDE | dict(tables={"events": f"{SCHEMA}.tickets"})))
    same_custody(log, duck_tickets)


def test_postgres_times_that_are_text_are_refused_with_a_remedy(server):
    import psycopg

    with psycopg.connect(server, autocommit=True) as con:
        con.execute(
            f"create table if not exists {SCHEMA}.texts as select 'a' case_id, '2022-02-17' \"timestamp\", 'u' unit, 'closed' activity"
        )
    with pytest.raises(LogError, match="view") as e:
        read_log(server, mapping=Mapping(tables={"events": f"{SCHEMA}.texts"}))
    assert "timestamp" in e.value.text.zh


def test_postgres_without_the_name_of_the_table_is_refused(server):
    with pytest.raises(LogError, match="tables"):
        read_log(server, mapping=Mapping())
    with pytest.raises(LogError, match="nowhere"):
        read_log(server, mapping=mapping(events=f"{SCHEMA}.nowhere"))
    with pytest.raises(LogError, match="nowhere"):
        read_log(server, mapping=mapping(events="nowhere.events"))
    with pytest.raises(LogError, match="科室"):
        read_log(server, mapping=mapping(), unit="科室")


def with_password(address, password):
    u = urlsplit(address)
    return urlunsplit(u._replace(netloc=f"{u.username}:{quote(password, safe='')}@{u.hostname}:{u.port or 5432}"))


@pytest.mark.parametrize("secret", ["sEcReT-99", "p@ss:w/rd", "密码%20"])
def test_a_wrong_password_is_refused_and_never_shown(server, secret):
    address = with_password(server, secret)
    try:
        log = read_log(address, mapping=mapping())
    except LogError as e:
        text = str(e) + repr(e) + repr(e.__cause__) + repr(e.args)
    else:
        text = f"{log!r} {log.source}"  # a server that trusts everybody
    assert secret not in text and quote(secret, safe="") not in text and "***" in text


def test_an_unreachable_server_is_refused_without_the_password():
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'liuan_eval[postgres]'")
    with pytest.raises(LogError, match="no connection") as e:
        read_log("postgresql://office:s3cr3t@127.0.0.1:1/x", mapping=mapping())
    assert "s3cr3t" not in str(e.value) and re.search("[\u4e00-\u9fff]", e.value.text.zh)


def test_a_password_is_not_in_the_log_of_a_database(postgres, server):
    secret = urlsplit(server).password or "no password in the address"
    text = f"{postgres!r} {postgres.source} {postgres.mapping} {postgres.mapping.toml()} {postgres.events!r} {postgres.con!r}"
    assert secret not in text and (not urlsplit(server).password or ":***@" in postgres.source["name"])


# Spark


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: pip install 'liuan_eval[spark]'")
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        pytest.skip("no Java: Spark needs a Java runtime (Debian: openjdk-17-jre-headless)")
    conf = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.session.timeZone": "Asia/Shanghai",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.log.level": "ERROR",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.adaptive.enabled": "false",
    }
    builder = sql.SparkSession.builder.master("local[1]").appName("liuan_eval tests")
    for k, v in conf.items():
        builder = builder.config(k, v)
    session = builder.getOrCreate()
    yield session
    with suppress(Exception):
        session.stop()


@pytest.fixture(scope="module")
def spark_tables(spark, frames, tmp_path_factory):
    "A function `name -> ibis table`: the city as Parquet, read by Spark"
    events, cases, calls = frames
    folder = tmp_path_factory.mktemp("city")
    zoned = events.assign(timestamp=events.timestamp.dt.tz_localize("Asia/Shanghai"))
    con = ibis.pyspark.connect(spark)
    for name, frame in dict(events=events, zoned=zoned, cases=cases, callbacks=calls, clocks=clocks()).items():
        frame.to_parquet(folder / f"{name}.parquet", coerce_timestamps="us")
        spark.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(f"city_{name}")
    return lambda name: con.table(f"city_{name}")


@pytest.fixture(scope="module")
def planned(spark):
    "What is asked of Spark while the module runs: the physical plan, and how many rows came here"
    kind, seen, patch = type(spark.range(1)), [], pytest.MonkeyPatch()
    for name in ("toPandas", "toArrow", "collect", "localCheckpoint"):

        def asked(self, *args, _stays=name == "localCheckpoint", _true=getattr(kind, name), **more):
            plan, got = self._jdf.queryExecution().executedPlan().toString(), _true(self, *args, **more)
            seen.append((plan, 0 if _stays else len(got)))
            return got

        patch.setattr(kind, name, asked)
    yield seen
    patch.undo()


@pytest.fixture(scope="module")
def on_spark(spark_tables, planned):
    return CaseLog.from_frame(spark_tables("events"), cases=spark_tables("cases"), callbacks=spark_tables("callbacks"), **MAPPING)


def test_spark_times_are_of_both_kinds(spark, spark_tables):
    kinds = {n: dict(spark.table(f"city_{n}").dtypes)["timestamp"] for n in ("events", "zoned")}
    assert kinds == dict(events="timestamp_ntz", zoned="timestamp")


def test_spark_custody_is_that_of_duckdb(on_spark, duck):
    assert on_spark.core._find_backend().name == "pyspark"
    same_custody(on_spark, duck)


@pytest.mark.parametrize("group", SPARK_GROUPS)
def test_spark_gives_the_indicators_of_duckdb(on_spark, duck, group):
    same_indicators(on_spark, duck, group)


def test_spark_periods_and_limits_are_those_of_the_walls(spark_tables, frames):
    events, cases, _ = frames
    away = MAPPING | dict(timezone="Australia/Sydney")
    got = CaseLog.from_frame(spark_tables("events"), cases=spark_tables("cases"), **away)
    want = CaseLog.from_frame(events, cases=cases, **away)
    same_custody(got, want)
    same_deadlines(got, want)


def test_spark_reads_a_row_a_ticket_from_a_frame_of_its_own(spark, duck_tickets, tmp_path):
    TICKETS.to_parquet(tmp_path / "t.parquet", coerce_timestamps="us")
    log = CaseLog.from_frame(spark.read.parquet(str(tmp_path / "t.parquet")), **WIDE)
    assert log.core._find_backend().name == "pyspark"
    same_custody(log, duck_tickets)


def test_spark_cases_of_several_hands_are_those_of_duckdb(spark, duck_together, tmp_path):
    tables = []
    for name, frame in zip(("events", "cases", "callbacks"), in_matters()):
        frame.to_parquet(tmp_path / f"{name}.parquet", coerce_timestamps="us")
        tables.append(spark.read.parquet(str(tmp_path / f"{name}.parquet")))
    same_together(CaseLog.from_frame(*tables, **MAPPING), duck_together, ["all", "unit", "hops"])


def test_spark_paths_pairs_and_verdicts_are_those_of_duckdb(on_spark, duck):
    same_science(on_spark, duck)


def test_spark_life_tables_are_those_of_duckdb(on_spark, duck):
    same_life_tables(on_spark, duck)


def test_spark_deadlines_are_those_of_duckdb(on_spark, duck):
    same_deadlines(on_spark, duck)


def test_spark_ends_backlog_repeats_and_evaluation_are_those_of_duckdb(on_spark, duck):
    same_tables(on_spark, duck)


def test_spark_reads_endings_in_events_and_plain_answers_as_duckdb_does(spark_tables, duck_plainer):
    same_plainer(plainer(*[spark_tables(t) for t in ("events", "cases", "callbacks")]), duck_plainer)


def test_spark_clocks_are_those_of_a_frame(spark_tables):
    same_clocks(spark_tables("clocks"))


def test_spark_check_is_that_of_duckdb(on_spark, duck):
    assert check(on_spark, "en")[["code", "count", "of"]].values.tolist() == check(duck, "en")[["code", "count", "of"]].values.tolist()


def test_spark_keeps_the_account_of_duckdb_and_cuts_out_the_same_part(on_spark, duck):
    same_part(on_spark, duck)


def test_spark_times_with_a_zone_are_shown_on_beijing_time(spark_tables, duck):
    log = CaseLog.from_frame(spark_tables("zoned"), cases=spark_tables("cases"), callbacks=spark_tables("callbacks"), **MAPPING)
    assert log.end == duck.end
    same_custody(log, duck)
    same_indicators(log, duck, "day")


def nested(plan):
    "The steps of a plan that pair every row with every row, but for a table of a few rows that stands in the plan itself"
    lines = [re.match(r"([ :+\-]*)(?:\*\(\d+\) )?(\w*)", line) for line in re.split(r"\n(?=[ :]*[+:]- )", plan)]
    for i, m in enumerate(lines):
        if m[2] == "CartesianProduct":
            yield m[0]
        elif m[2] == "BroadcastNestedLoopJoin":
            below = list(takewhile(lambda x, own=len(m[1]): len(x[1]) > own, lines[i + 1 :]))
            second = [j for j, x in enumerate(below) if len(x[1]) == len(m[1]) + 3][1]  # BuildRight: what is small stands second
            if not {x[2] for x in below[second:]} <= {"BroadcastExchange", "LocalTableScan"}:
                yield m[0]


def test_a_join_of_every_row_with_every_row_is_seen():
    join = "Project [a]\n+- BroadcastNestedLoopJoin BuildRight, Inner\n   :- Scan ExistingRDD[a]\n   +- BroadcastExchange IdentityBroadcastMode\n      +- "
    assert [len(list(nested(p))) for p in (f"{join}LocalTableScan [b]", f"{join}Scan ExistingRDD[b]", "+- CartesianProduct")] == [0, 1, 1]


def test_spark_plans_have_no_python_no_cartesian_join_and_bring_no_rows_here(on_spark, planned):
    "All that the tests above asked of Spark for this log, and its indicators by unit"
    before = len(planned)
    metrics.compute(on_spark, by="unit")
    plans = [plan for plan, _ in planned]
    assert before > 20 and sum(p.count("Join ") for p in plans) > 50
    assert not [p for p in plans if re.search(r"Python|Pandas|ArrowEval|UDF", p)]
    assert [step for p in plans for step in nested(p)] == []
    most = len(on_spark.units) * sum(isinstance(o, Wait) for o in metrics.INDICATORS.values())
    assert max(rows for _, rows in planned[before:]) <= most < 300


def test_spark_and_duckdb_read_a_folder_of_parts(spark, frames, tmp_path):
    events = frames[0]
    for month, part in events.groupby(events.timestamp.dt.strftime("%Y-%m")):
        (tmp_path / f"month={month}").mkdir()
        part.to_parquet(tmp_path / f"month={month}" / "part-0.parquet", coerce_timestamps="us")
    want = CaseLog.from_frame(events, **MAPPING)
    same_custody(read_log(tmp_path, **MAPPING), want)
    got = CaseLog.from_frame(spark.read.parquet(str(tmp_path)), **MAPPING)
    equal(custody.spells(got).execute(), custody.spells(want).execute(), ["case_id", "spell"], set())
