"Machines that give up: disk, memory, a database that refuses or goes away, addresses and what they hide, what is left behind"

import os
import subprocess
import sys
import threading
import time

import duckdb
import pandas as pd
import pytest

from liuan_eval import metrics
from liuan_eval.intake import engine
from liuan_eval.intake.address import ADDRESS, is_address, masked, unsaid, whole
from liuan_eval.intake.engine import duck, of_engine, private_folder
from liuan_eval.intake.log import read_log
from liuan_eval.words.text import LogError

MAPPING = dict(returned="unit_to_dispatcher")


@pytest.mark.parametrize("secret", ["s3cret", "p@ss:w/o#r?d&x", "100%", "it's", 'say "x"', "tail\\", "密码 a b"])
def test_no_form_of_an_address_shows_its_password(secret):
    from urllib.parse import quote

    quoted = "'" + secret.replace("\\", "\\\\").replace("'", "\\'") + "'"
    forms = [
        f"postgresql://u:{secret}@h:5432/d",
        f"postgres://u:{quote(secret, safe='')}@h/d?sslmode=require",
        f"postgresql://h/d?user=u&password={quote(secret, safe='')}&sslmode=require",
        f"postgresql://h/d?user=u&pass%77ord={quote(secret, safe='')}",
        f"jdbc:postgresql://h/d?user=u&password={quote(secret, safe='')}",
        f"host=h dbname=d user=u password={quoted}",
        f"password = {quoted} host = h",
        f"host=h password={secret} user=u",
    ]
    for form in forms:
        assert is_address(form)
        shown = masked(form)
        assert "***" in shown and masked(shown) == shown
        for piece in {secret, quote(secret, safe=""), *secret.split()} - {"a", "b", "x"}:
            assert piece not in shown, form
    assert secret not in unsaid(f'invalid "{secret}"', forms[0])


def test_the_environment_holds_the_password_of_its_own_address_only(monkeypatch):
    full = "host=h dbname=d user=u password=s3cret"
    monkeypatch.setenv(ADDRESS, full)
    assert whole(masked(full)) == full
    assert whole("postgresql://u:other@h/e") == "postgresql://u:other@h/e"  # what was written is read
    with pytest.raises(LogError, match="does not hold the password") as e:
        whole("host=h dbname=e user=u password=***")
    assert "s3cret" not in str(e.value) and "dbname=d" in str(e.value)


@pytest.mark.parametrize("form", ["postgresql://u:s3cret@127.0.0.1:1/d", "host=127.0.0.1 port=1 password=s3cret", "mysql://u:s3cret@h/d"])
def test_no_command_shows_a_password(cli, form):
    for words in (["metrics", form], ["check", *form.split(), "more"], [form], ["mapping", form], ["report", form, "-m", "none.toml"]):
        said = cli(*words, "--lang", "en")
        assert said.returncode == 2 and "Traceback" not in said.stderr
        assert "s3cret" not in said.stdout + said.stderr


def test_the_engine_fetches_loads_and_draws_nothing(capfd):
    con = duck()
    for wish in (
        "from 'https://example.invalid/x.csv'",
        "from read_parquet('s3://b/x')",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
    ):
        with pytest.raises(duckdb.Error):
            con.raw_sql(wish)
    assert not con.sql("select current_setting('enable_progress_bar') as x").execute().x[0]
    assert con.sql("select current_setting('temp_directory') as x").execute().x[0] == str(private_folder())


def test_what_a_killed_run_left_is_gone_with_the_next(tmp_path):
    if not engine.fcntl:
        pytest.skip("no locks and signals of POSIX here")
    code = (
        "from liuan_eval.intake.engine import private_folder as f; import os, sys; p = f(); (p / 'ticket').touch(); print(p, flush=True); "
    )
    alive = subprocess.Popen(
        [sys.executable, "-c", code + "sys.stdin.read()"], stdin=-1, stdout=-1, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    mine = alive.stdout.readline().strip()
    assert os.stat(mine).st_mode & 0o777 == 0o700
    (tmp_path / "liuan_eval-somebody").mkdir()  # without a lock, and young: in the making
    subprocess.run(
        [sys.executable, "-c", code + "os.kill(os.getpid(), 9)"], stdout=-1, env=os.environ | {"TMPDIR": str(tmp_path)}, check=False
    )
    assert len(list(tmp_path.iterdir())) == 3
    subprocess.run([sys.executable, "-c", code], stdout=-1, env=os.environ | {"TMPDIR": str(tmp_path)}, check=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([os.path.basename(mine), "liuan_eval-somebody"])
    alive.communicate("")
    assert [p.name for p in tmp_path.iterdir()] == ["liuan_eval-somebody"]


ROWS = "select range as i, md5(range::varchar) as a, md5((range * 7)::varchar) as b from range(1500000)"


def test_what_has_no_room_in_memory_goes_to_the_disk_or_is_a_sentence(monkeypatch):
    monkeypatch.setattr(engine, "_memory", lambda: "64MiB")
    con = duck()
    made = con.create_table("t", con.sql(ROWS), temp=True)
    assert made.i.max().execute() == 1_499_999 and any(f.name.startswith("duckdb_temp") for f in private_folder().iterdir())
    with pytest.raises(LogError, match="not enough memory"):
        con.sql("select list(range) as x from range(30000000)").execute()


def test_a_full_disk_is_a_sentence(tmp_path):
    con = engine.ibis.duckdb.connect(temp_directory=str(tmp_path), memory_limit="64MiB")
    con.raw_sql("set max_temp_directory_size = '1MiB'")
    with pytest.raises(LogError, match="no space left on the disk"):
        engine.telling(con).create_table("t", con.sql(ROWS), temp=True)


class Py4JJavaError(Exception):
    "As py4j calls it"


@pytest.mark.parametrize(
    "error, says",
    [
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device"), "no space left"),
        (duckdb.OutOfMemoryException("could not allocate block"), "not enough memory"),
        (Py4JJavaError("java.lang.OutOfMemoryError: Java heap space"), "Spark has not enough memory"),
        (Py4JJavaError("IllegalStateException: Cannot call methods on a stopped SparkContext."), "Spark went away"),
        (RuntimeError("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number."), "needs Java 17"),
        (KeyError("unit"), None),
        (duckdb.ConversionException("Could not convert string"), None),
        (OSError(2, "No such file"), None),
        (duckdb.IOException("Cannot open file"), None),
    ],
)
def test_what_a_machine_says_is_known_by_name(error, says):
    said = of_engine(error)
    assert said is None if says is None else says in said.text.en and said.text.zh != said.text.en


# PostgreSQL

SERVER = os.environ.get("LIUAN_EVAL_POSTGRES", "")
NAME = f"liuan_eval_{os.getpid()}"
ROLES = dict(reads="", locked="alter role {r} set default_transaction_read_only = on", slow="", stranger="")


@pytest.fixture(scope="module")
def roles():
    "A schema with events, and accounts that may read it and no more, are set to read-only, have little time, or may not read it"
    if not SERVER:
        pytest.skip("no PostgreSQL: set LIUAN_EVAL_POSTGRES to the address of a server for tests, postgresql://user:password@host/database")
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'liuan_eval[postgres]'")
    known = psycopg.conninfo.conninfo_to_dict(SERVER)
    with psycopg.connect(SERVER, autocommit=True) as con:
        db = con.execute("select current_database()").fetchone()[0]
        con.execute(f"create schema {NAME}")
        con.execute(
            f'create table {NAME}.events (case_id text, "timestamp" timestamptz, unit text, activity text, n numeric, j jsonb, u uuid)'
        )
        con.execute(
            f"insert into {NAME}.events select (i / 4)::text, timestamptz '2022-01-01 08:00+08' + i * interval '3 hour', 'unit ' || i % 7, "
            "(array['submitted', 'dispatched', 'replied', 'closed'])[1 + i % 4], i / 3.0, '{\"a\": 1}', gen_random_uuid() from generate_series(0, 1999) i"
        )
        had = con.execute(f"select has_database_privilege('public', '{db}', 'TEMP')").fetchone()[0]
        con.execute(f'revoke temporary on database "{db}" from public')
        for role, more in ROLES.items():
            con.execute(f"create role {NAME}_{role} login password 's3cret-Pw'")
            con.execute(f"grant usage on schema {NAME} to {NAME}_{role}")
            if role != "stranger":
                con.execute(f"grant select on all tables in schema {NAME} to {NAME}_{role}")
            if role not in ("reads", "stranger"):
                con.execute(f'grant temporary on database "{db}" to {NAME}_{role}')
            if more:
                con.execute(more.format(r=f"{NAME}_{role}"))
        yield (
            con,
            lambda role, **more: psycopg.conninfo.make_conninfo(
                **{k: v for k, v in known.items() if k != "password"} | dict(user=f"{NAME}_{role}", password="s3cret-Pw") | more
            ),
        )
        con.execute(f"drop schema {NAME} cascade")
        if had:
            con.execute(f'grant temporary on database "{db}" to public')
        for role in ROLES:
            con.execute(f"drop owned by {NAME}_{role}")
            con.execute(f"drop role {NAME}_{role}")


def read(address, events=f"{NAME}.events"):
    return read_log(address, mapping=MAPPING | dict(tables=dict(events=events)))


def test_an_account_that_may_only_read_gets_the_numbers_of_one_that_may_more(roles):
    names = ["n_cases", "pingpong_rate", "resolution_days"]
    want = read(SERVER)
    numbers = metrics.compute(want, names, by="unit", period="quarter")
    for role in ("reads", "locked"):
        log = read(roles[1](role))
        assert log.con.name == "duckdb" != want.con.name and "copied" in log.notes[0].en
        assert log.counts == want.counts and log.end == want.end
        got = metrics.compute(log, names, by="unit", period="quarter")
        pd.testing.assert_frame_equal(got, numbers, check_dtype=False, rtol=1e-9)


def test_whatever_a_database_refuses_is_one_sentence_without_the_password(roles, cli, tmp_path):
    con, of = roles
    (tmp_path / "m.toml").write_text(f'returned = "unit_to_dispatcher"\n[tables]\nevents = "{NAME}.events"\n', encoding="utf-8")
    (tmp_path / "no.toml").write_text('returned = "unit_to_dispatcher"\n[tables]\nevents = "no.such"\n', encoding="utf-8")
    con.execute(f"alter role {NAME}_slow set statement_timeout = '1ms'")
    cases = {
        of("reads", password="s3cret-wrong"): "password are wrong",
        of("reads", dbname="no_such"): "no such database",
        of("reads", port=1): "nothing answers",
        of("reads", host="no.such.host.invalid"): "no host of this name",
        of("reads", sslmode="require"): "no encryption",
        of("stranger"): "may not read this table",
        of("slow"): "statement_timeout",
        of("reads") + " oh no": "not an address",
    }
    for address, says in cases.items():
        said = cli("metrics", address, "-m", "m.toml", "--lang", "en")
        assert said.returncode == 2 and said.stderr.count("\n") == 1, said.stderr
        assert says in said.stderr and "s3cret" not in said.stderr and f"{NAME}_" in said.stderr
    said = cli("metrics", of("reads"), "-m", "no.toml", "--lang", "en")
    assert said.returncode == 2 and f"it has: {NAME}.events" in said.stderr
    con.execute(f"alter role {NAME}_slow reset statement_timeout")


def test_a_connection_that_goes_away_is_one_sentence(roles, capfd):
    log = read(roles[1]("slow"))
    stop = threading.Event()

    def end():
        import psycopg

        with psycopg.connect(SERVER, autocommit=True) as other:
            while not stop.wait(0.02):
                other.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (f"{NAME}_slow",))

    ending = threading.Thread(target=end)
    ending.start()
    try:
        with pytest.raises(LogError, match="connection to the database was lost"):
            while True:
                metrics.compute(log, ["n_cases", "pingpong_rate"], by="unit")
                time.sleep(0.02)
    finally:
        stop.set()
        ending.join()
    del log
    assert "Traceback" not in capfd.readouterr().err
