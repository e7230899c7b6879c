"""Benchmark (not a test): CPU and wall seconds and peak memory of liuan_eval, of hand-written SQL (the floor), of Spark and, in an environment of its own, of PM4Py, on the same simulated logs.

python tools/bench.py make FOLDER [EVENTS]   write the log: 1,000,000 events (or so many), 120,000 cases to a million, 200 units, as Parquet
python tools/bench.py run NAME FOLDER        one task in this process; prints a JSON line
python tools/bench.py xes FOLDER             the same log as XES (needs PM4Py)
python tools/bench.py keep                   the medians of JSON lines on standard input replace the stored ones (tools/measured/bench.csv)
python tools/bench.py page                   Markdown of what is stored
python tools/bench.py limits FOLDER          all indicators with less and less memory for the engine (tools/measured/memory.csv)
python tools/bench.py postgres FOLDER ADDRESS    the log in a server on this machine, with and without an index and memory to sort in (tools/measured/postgres.csv)
"""

import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CASES, EVENTS, UNITS, SEED = 120_000, 1_000_000, 200, 20220217
YEARS = 3 * 365 * 86_400  # in seconds: when cases begin
INTERVALS = 10_000_000
BEGIN = "2021-01-01"
STORED = Path(__file__).parent / "measured" / "bench.csv"


def _piece(k: int, pieces: int, events: int):
    "One of so many pieces of the log, as a table of Arrow: cases of its own, which begin in its part of the years."
    import numpy as np
    import pyarrow as pa

    rng, cases = np.random.default_rng([SEED, k]), events * CASES // EVENTS
    sizes = 2 + rng.multinomial(events - 2 * cases, np.full(cases, 1 / cases))
    case = np.repeat(np.arange(cases), sizes)
    first = np.r_[True, case[1:] != case[:-1]]
    last = np.r_[first[1:], True]
    stay = rng.random(events) < 0.6  # the same unit acts again
    unit = rng.zipf(1.3, events) % (UNITS - 1) + 1
    run = np.maximum.accumulate(np.where(first | ~stay, np.arange(events), 0))
    unit = np.where(rng.random(events) < 0.1, 0, unit[run])
    unit[first] = 0
    gap = rng.exponential(86_400, events).astype("int64")
    start = rng.integers(YEARS * k // pieces, YEARS * (k + 1) // pieces, cases)
    total = np.cumsum(gap)
    seconds = start[case] + total - total[np.flatnonzero(first)][case]
    act = rng.choice(4, events, p=[0.5, 0.2, 0.2, 0.1])
    act[first], act[last] = 4, 5
    took = dict(case_id=case, unit=unit, activity=act)
    words = dict(
        case_id=[f"C{k * cases + i:08d}" for i in range(cases)],
        unit=[f"unit {i:03d}" for i in range(UNITS)],
        activity=["replied", "claimed", "dispatched", "returned", "received", "closed"],
    )
    columns = {c: pa.array(words[c]).take(pa.array(took[c])) for c in took}
    at = np.datetime64(BEGIN, "us") + seconds * np.timedelta64(1_000_000, "us")
    return pa.table(columns | dict(timestamp=pa.array(at))).select(["case_id", "timestamp", "unit", "activity"])


def make(folder: Path, events: int = EVENTS):
    "A simulated log of random walks over units, in the order of time: every case starts at the dispatcher; units return, pass on, and close. Made a million events at a time."
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    pieces, part = max(events // EVENTS, 1), folder / "events.part"
    waiting = _piece(0, pieces, events // pieces)
    with pq.ParquetWriter(part, waiting.schema) as out:
        for k in range(1, pieces + 1):
            waiting = waiting.sort_by("timestamp")
            next_begins = pd.Timestamp(BEGIN) + pd.Timedelta(seconds=YEARS * k // pieces)
            n = pc.sum(pc.less(waiting["timestamp"], next_begins)).as_py() if k < pieces else len(waiting)
            out.write_table(waiting.slice(0, n))
            if k < pieces:
                waiting = pa.concat_tables([waiting.slice(n), _piece(k, pieces, events // pieces)])
    part.rename(folder / "events.parquet")


def _log(folder: Path):
    from liuan_eval.intake.log import read_log

    return read_log(folder / "events.parquet", dispatchers=["unit 000"])


def _frame(folder: Path):
    import pandas as pd
    import pm4py

    frame = pd.read_parquet(folder / "events.parquet").rename(columns={"unit": "org:resource"})
    return pm4py.format_dataframe(frame, case_id="case_id", activity_key="activity", timestamp_key="timestamp")


def _session():
    "Spark inside this process and one Java beside it, on two threads."
    from pyspark.sql import SparkSession

    conf = dict(zip(("spark.driver.bindAddress", "spark.driver.host"), ("127.0.0.1",) * 2))
    conf |= {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.driver.memory": "4g", "spark.log.level": "ERROR"}
    conf |= {"spark.sql.session.timeZone": "Asia/Shanghai", "spark.sql.shuffle.partitions": "4"}
    return SparkSession.builder.master("local[2]").config(map=conf).getOrCreate()


def _on_spark(folder: Path):
    from liuan_eval.intake.log import CaseLog

    return CaseLog.from_frame(_session().read.parquet(str(folder / "events.parquet")), dispatchers=["unit 000"])


def _arrays(folder: Path):
    import pandas as pd

    return pd.read_parquet(folder / "events.parquet")


def ours_indicators(log):
    "custody and all indicators by unit"
    from liuan_eval import metrics

    return metrics.compute(log, by="unit")


def ours_edges(log):
    "custody and hand-overs by pair of units"
    from liuan_eval.flow.graph import edges

    return edges(log)


def ours_durations(log):
    "the table of cases with their durations"
    from liuan_eval.custody.spells import coded_times

    return log.case_ids.join(coded_times(log), "case").select("case_id", "duration_seconds").execute()


def ours_business(log):
    "the working hours from opening to closing of every case, swapped working days counted"
    from liuan_eval.custody.spells import coded_times

    t = log.case_ids.join(coded_times(log), "case").select("case_id", "opened_at", "closed_at")
    return log.calendar.elapsed(t, "opened_at", "closed_at", "wh").select("case_id", "elapsed").execute()


def _intervals(_folder: Path):
    import ibis

    con = ibis.duckdb.connect()
    t = con.sql(
        f"select timestamp '2021-01-01' + to_seconds((i * 7919) % 90000000) a, (i * 104729) % 5000000 s from range({INTERVALS}) t(i)"
    )
    return t.mutate(b=t.a + t.s.cast("int64").as_interval("s")).cache()


def ours_intervals(t):
    "working hours of 10 million intervals of up to 58 days, swapped working days counted, and their mean"
    from liuan_eval.words.calendar import WorkCalendar

    x = WorkCalendar().elapsed(t, "a", "b", "wh")
    return x.agg(mean=x.elapsed.mean()).execute()


def ours_due(t):
    "when a limit of 10 working days runs out for 10 million cases, and the latest"
    from liuan_eval.words.calendar import WorkCalendar

    x = WorkCalendar().due(t, "a", "10wd")
    return x.agg(last=x.due_at.max()).execute()


def ours_xes(folder):
    "read XES into a log, encoded and counted"
    from liuan_eval.intake.log import read_log

    return read_log(folder / "events.xes").counts


CORE = """
create table ids as select case_id, row_number() over (order by case_id)::int c from (select distinct case_id from e);
create table names as select unit, row_number() over (order by unit)::int u from (select distinct unit from e);
create table core as select c, u, timestamp t, activity a from e join ids using (case_id) join names using (unit) order by c, t, file_row_number"""
SPELLS = """create table spells as select c, u, t, lead(case when c = c2 then u end) over () u2 from (
  select *, lag(c) over () c2 from (select c, u, t from (select *, lag(c) over () pc, lag(u) over () pu from core)
  where c is distinct from pc or u <> pu) where u <> 1)"""  # unit 1 is the dispatcher
TIMES = (
    "create table times as select case_id, min(timestamp) a, max(timestamp) filter (where activity = 'closed') b from e group by case_id"
)


def _engine(folder: Path):
    import duckdb

    con = duckdb.connect()
    con.execute(f"create view e as select *, file_row_number from read_parquet('{folder / 'events.parquet'}', file_row_number = true)")
    return con


def _encoded(folder: Path):
    con = _engine(folder)
    con.execute(CORE)
    con.execute("create table loose as select * from core order by hash(c, t)")
    return con


def floor_sort(con):
    "one sort of the encoded table by case and time, in the same engine"
    con.execute("create table sorted as select * from loose order by c, t")


def floor_edges(con):
    "the floor, in SQL by hand: encode, one sort, neighbours in passing, hand-overs by pair"
    con.execute(CORE)
    con.execute(SPELLS)
    return con.execute("select u, u2, count(*) n from spells where u2 is not null group by all").df()


def floor_durations(con):
    "the floor, in SQL by hand: first event to closing, by case"
    con.execute(TIMES)
    return con.execute("select case_id, epoch(b - a) s from times").df()


def floor_business(con):
    "the floor, in SQL by hand: the same in working hours, each end looked up in the table of days"
    from liuan_eval.words.calendar import known_days

    con.register("known", known_days())
    con.execute('create table days as select day::date d, "work" w, n from known')
    con.execute(TIMES)
    gone = "least(greatest(epoch({0}::time) - 32400, 0), 10800) + least(greatest(epoch({0}::time) - 46800, 0), 14400)"
    at = "({1}.n - {1}.w) * 25200 + {1}.w * (" + gone + ")"
    sql = f"select case_id, ({at.format('b', 'y')} - ({at.format('a', 'x')})) / 3600 h from times left join days x on x.d = a::date left join days y on y.d = b::date"
    return con.execute(sql).df()


def floor_indicators(con):
    "the floor, in SQL by hand: encode, one sort, neighbours in passing; a dozen counts, means and medians by unit"
    con.execute(CORE)
    con.execute(SPELLS)
    con.execute("create table held as select c, u, count(*) n, count(u2) passed, min(t) t from spells group by all")
    con.execute(
        "create table ends as select c, min(t) a, max(t) filter (where a = 'closed') b, last(u) u, min(t) filter (where a = 'claimed') k, min(t) filter (where a = 'replied') r from core group by c"
    )
    spells = "select u, count(*) cases, sum(passed) hops, avg(passed) mean, count(*) filter (where n > 1) again, sum(passed * passed) xx from held group by u"
    waits = ", ".join(f"quantile_disc(epoch({x}), [0.45, 0.5, 0.55, 0.9])" for x in ("b - a", "k - a", "r - a", "b - k", "r - k"))
    return con.execute(spells).df().merge(con.execute(f"select u, count(*) n, {waits} from ends group by u").df(), on="u")


def pm4py_handover(frame):
    "discover_handover_of_work_network"
    import pm4py

    return pm4py.discover_handover_of_work_network(frame)


def pm4py_dfg(frame):
    "discover_dfg(activity_key=unit)"
    import pm4py

    return pm4py.discover_dfg(frame, activity_key="org:resource")


def pm4py_durations(frame):
    "get_all_case_durations"
    import pm4py

    return pm4py.get_all_case_durations(frame)


def pm4py_business(frame):
    "get_all_case_durations(business_hours=True): Monday to Friday, no holidays"
    import pm4py

    return pm4py.get_all_case_durations(frame, business_hours=True)


def pm4py_xes(folder):
    "read_xes"
    import pm4py

    return pm4py.read_xes(str(folder / "events.xes"))


def numpy_hops(frame):
    "plain numpy: sort by case and time, count changes of unit by pair; no dispatcher, no check, no case left open"
    import numpy as np
    import pandas as pd

    case, unit = pd.factorize(frame.case_id)[0], pd.factorize(frame.unit)[0]
    order = np.lexsort((frame.timestamp.to_numpy(), case))
    case, unit = case[order], unit[order]
    change = (case[1:] == case[:-1]) & (unit[1:] != unit[:-1])
    return np.unique(unit[:-1][change] * UNITS + unit[1:][change], return_counts=True)


def write_xes(folder: Path):
    "The log as XES, by PM4Py: to have one, not to compare."
    import pm4py

    frame = _frame(folder)
    frame["org:group"] = frame["org:resource"]
    pm4py.write_xes(frame, str(folder / "events.xes"))


FLOOR = "duckdb pandas liuan_eval.words.calendar"
OURS, PEER = "ibis.backends.duckdb scipy.special liuan_eval.intake.log liuan_eval.metrics liuan_eval.flow.graph", "pandas pm4py"
SPARK = f"{OURS} ibis.backends.pyspark"
TASKS = {  # name: (task, what it starts from, modules loaded before the clock starts)
    "ours_edges": (ours_edges, _log, OURS),
    "ours_durations": (ours_durations, _log, OURS),
    "ours_business": (ours_business, _log, OURS),
    "ours_indicators": (ours_indicators, _log, OURS),
    "ours_xes": (ours_xes, Path, OURS),
    "ours_intervals": (ours_intervals, _intervals, OURS),
    "ours_due": (ours_due, _intervals, OURS),
    "floor_edges": (floor_edges, _engine, FLOOR),
    "floor_durations": (floor_durations, _engine, FLOOR),
    "floor_business": (floor_business, _engine, FLOOR),
    "floor_indicators": (floor_indicators, _engine, FLOOR),
    "floor_sort": (floor_sort, _encoded, FLOOR),
    "spark_edges": (ours_edges, _on_spark, SPARK),
    "spark_durations": (ours_durations, _on_spark, SPARK),
    "spark_business": (ours_business, _on_spark, SPARK),
    "spark_indicators": (ours_indicators, _on_spark, SPARK),
    "pm4py_dfg": (pm4py_dfg, _frame, PEER),
    "pm4py_handover": (pm4py_handover, _frame, PEER),
    "pm4py_durations": (pm4py_durations, _frame, PEER),
    "pm4py_business": (pm4py_business, _frame, PEER),
    "pm4py_xes": (pm4py_xes, Path, PEER),
    "numpy_hops": (numpy_hops, _arrays, "numpy pandas"),
}


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{cpu}, {os.cpu_count()} cores, {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"


def versions(*packages: str) -> str:
    found = [f"Python {platform.python_version()}"]
    for p in packages:
        try:
            found.append(f"{p} {version(p)}")
        except PackageNotFoundError:
            pass
    return ", ".join(found)


def _java() -> str:
    "The process of Spark's Java, where this process has one."
    spark = sys.modules.get("pyspark")
    context = spark.SparkContext._active_spark_context if spark else None
    return str(context._jvm.java.lang.ProcessHandle.current().pid()) if context else ""


def _cpu(java: str) -> float:
    "CPU seconds of this process, and of its Java."
    if not java:
        return time.process_time()
    ticks = Path(f"/proc/{java}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _peak(java: str) -> float:
    "The most MB in memory at one time, of this process and of its Java."
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = Path(f"/proc/{java}/status").read_text().splitlines() if java else []
    return own + sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _rows(folder: Path) -> int:
    import pyarrow.parquet as pq

    return pq.read_metadata(folder / "events.parquet").num_rows


def run(name: str, folder: Path, limit: str = ""):
    "CPU seconds of this process to read the log and to do the task, wall seconds of both, peak resident memory; with a limit on what our engine may take."
    work, prepare, modules = TASKS[name]
    for m in modules.split():
        import_module(m)
    if limit:
        import_module("liuan_eval.intake.engine")._memory = lambda: limit
    if name.startswith("spark_"):
        _session().range(1).count()
    java, events = _java(), _rows(folder)
    marks = [(_cpu(java), time.perf_counter())]
    step = folder
    for do in (prepare, work):
        step = do(step)
        marks.append((_cpu(java), time.perf_counter()))
    (c0, w0), (c1, _), (c2, w2) = marks
    packages = versions("pm4py", "pandas") if name.startswith("pm4py") else versions("duckdb", "ibis-framework", "pandas", "pyspark")
    took = dict(read=c1 - c0, cpu=c2 - c1, wall=w2 - w0, mb=_peak(java))
    print(json.dumps(dict(task=name, events=events, **took, machine=machine(), versions=packages)))


NUMBERS = ("read", "cpu", "wall", "mb")


def stored() -> dict[tuple[str, int], dict]:
    "What was measured last: by task and number of events."
    if not STORED.exists():
        return {}
    with STORED.open(encoding="utf-8", newline="") as file:
        rows = [r | dict(events=int(r["events"]), runs=int(r["runs"])) | {k: float(r[k]) for k in NUMBERS} for r in csv.DictReader(file)]
    return {(r["task"], r["events"]): r for r in rows}


def keep():
    "The medians of what comes in take the place of what is stored of the same tasks on as many events."
    came: dict[tuple[str, int], list] = {}
    for line in sys.stdin:
        if line.startswith("{"):
            r = json.loads(line)
            came.setdefault((r["task"], r["events"]), []).append(r)
    rows = stored()
    for key, runs in came.items():
        typical = {k: round(statistics.median(r[k] for r in runs), 3) for k in NUMBERS}
        rows[key] = runs[-1] | typical | dict(runs=len(runs), date=date.today().isoformat())
    STORED.parent.mkdir(exist_ok=True)
    with STORED.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, ["task", "events", *NUMBERS, "runs", "date", "machine", "versions"], lineterminator="\n")
        out.writeheader()
        out.writerows(rows[key] for key in sorted(rows, key=lambda k: (k[1], list(TASKS).index(k[0]))))


def limits(folder: Path):
    "All indicators with less and less memory for the engine, until it says that it has not enough."
    rows = []
    for mib in (4000, 2000, 1000, 500, 250, 150, 100, 50):
        command = [sys.executable, __file__, "run", "ours_indicators", str(folder), f"{mib}MiB"]
        done = subprocess.run(command, capture_output=True, text=True)
        got = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else dict(events=_rows(folder), machine=machine())
        times = [round(got["read"] + got["cpu"], 2), round(got["wall"], 2), round(got["mb"])] if "cpu" in got else ["", "", ""]
        said = "" if "cpu" in got else done.stderr.strip().splitlines()[-1]
        rows.append([mib, got["events"], *times, said, date.today().isoformat(), got["machine"]])
        if said:
            break
    with (STORED.parent / "memory.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerows([["limit_mib", "events", "cpu", "wall", "mb", "said", "date", "machine"], *rows])


SERVER = {  # what is tried: (has the table an index, settings of the role)
    "as it comes": (False, {}),
    "index on case_id, timestamp": (True, {}),
    "work_mem 256 MB": (False, dict(work_mem="256MB")),
    "work_mem 256 MB, no jit": (False, dict(work_mem="256MB", jit="off")),
    "these, temp_buffers 512 MB and the index": (True, dict(work_mem="256MB", jit="off", temp_buffers="512MB")),
}


def _loaded(con, folder: Path):
    "The log as a table of a database, its rows as they lie in the file."
    import pandas as pd

    con.execute('drop table if exists bench; create table bench (case_id text, "timestamp" timestamp, unit text, activity text)')
    with con.cursor() as cur, cur.copy("copy bench from stdin (format csv)") as copy:
        copy.write(pd.read_parquet(folder / "events.parquet").to_csv(index=False, header=False))
    con.execute("vacuum analyze bench")


def _cpu_of(server: str) -> float:
    "CPU seconds of a server: of the process, of those it started, and of those of them that have ended."
    mine = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[11:15]
    below = [
        Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()[11:13]
        for p in Path(f"/proc/{server}/task/{server}/children").read_text().split()
    ]
    return sum(int(x) for part in (mine, *below) for x in part) / os.sysconf("SC_CLK_TCK")


def server(folder: Path, address: str):
    "Hand-overs and all indicators in a server of this machine: CPU seconds of the server, wall seconds."
    import psycopg

    from liuan_eval.intake.log import read_log

    rows, tasks = [], (ours_edges, ours_indicators)
    with psycopg.connect(address, autocommit=True) as con:
        _loaded(con, folder)
        backend = con.execute("select pg_backend_pid()").fetchone()[0]
        pid = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        for name, (index, settings) in SERVER.items():
            con.execute('create index if not exists of_bench on bench (case_id, "timestamp")' if index else "drop index if exists of_bench")
            con.execute("alter role current_user reset all")
            for key, value in settings.items():
                con.execute(f"alter role current_user set {key} = '{value}'")
            begun, wall = _cpu_of(pid), time.perf_counter()
            log = read_log(address, tables=dict(events="bench"), dispatchers=["unit 000"])
            took = [dict(what="read", cpu=_cpu_of(pid) - begun, wall=time.perf_counter() - wall)]
            for task in tasks:
                begun, wall = _cpu_of(pid), time.perf_counter()
                task(log)
                took.append(dict(what=task.__name__.removeprefix("ours_"), cpu=_cpu_of(pid) - begun, wall=time.perf_counter() - wall))
            del log
            made = dict(server=con.info.server_version // 10000, events=_rows(folder), date=date.today().isoformat(), machine=machine())
            rows += [dict(tried=name) | {k: round(v, 2) if k in ("cpu", "wall") else v for k, v in t.items()} | made for t in took]
            print(json.dumps(rows[-len(took) :]), flush=True)
        con.execute("alter role current_user reset all; drop table bench")
    with (STORED.parent / "postgres.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


QUESTIONS = {  # a question: the tasks of others that are asked the like
    "edges": ["pm4py_dfg", "pm4py_handover", "numpy_hops"],
    "durations": ["pm4py_durations"],
    "business": ["pm4py_business"],
    "xes": ["pm4py_xes"],
    "indicators": [],
    "intervals": [],
    "due": [],
}
SIZES = (EVENTS, 10 * EVENTS, 100 * EVENTS)
TARGETS = (  # question, events, against what, at least so many times ahead in CPU and in wall seconds; or not more than so much
    ("edges", SIZES[0], "pm4py_dfg", 2),
    ("edges", SIZES[1], "pm4py_dfg", 4),
    ("durations", SIZES[0], "pm4py_durations", 1),
    ("durations", SIZES[1], "pm4py_durations", 4),
    ("business", SIZES[0], "pm4py_business", 10),
    ("business", SIZES[1], "pm4py_business", 15),
    ("xes", SIZES[0], "pm4py_xes", 8),
    ("indicators", SIZES[0], "CPU s", 2.5),
    ("indicators", SIZES[0], "wall s", 2.5),
    ("indicators", SIZES[1], "CPU s", 15),
    ("indicators", SIZES[1], "GB", 2.5),
    ("indicators", SIZES[1], "sorts", 5),
)


def _all(r: dict) -> float:
    "CPU seconds from the file."
    return r["read"] + r["cpu"]


def target(rows: dict, question: str, events: int, against: str, bound: float) -> tuple[str, bool] | None:
    "What was reached, and whether that is enough; None where it was not measured."
    mine, other = rows.get((f"ours_{question}", events)), rows.get((against, events))
    sort = rows.get(("floor_sort", events))
    if mine is None or (against in TASKS and other is None) or (against == "sorts" and sort is None):
        return None
    if other:
        cpu, wall = _all(other) / _all(mine), other["wall"] / mine["wall"]
        return f"{cpu:.1f} CPU, {wall:.1f} wall", min(cpu, wall) >= bound
    worth = {"CPU s": _all(mine), "wall s": mine["wall"], "GB": mine["mb"] / 1000, "sorts": _all(mine) / sort["cpu"] if sort else 0}
    return f"{worth[against]:.1f}", worth[against] <= bound


def _cell(r: dict | None) -> str:
    "CPU seconds from the file, wall seconds and peak memory."
    return f"{_all(r):.2f} / {r['wall']:.2f} / {r['mb']:,.0f}" if r else ""


INTRO = """# Speed and memory · 速度与内存

Written by `make bench`, which is no test: numbers differ from machine to machine. Every task runs in a process of its own, in turns, on the same file; modules are loaded before the clock starts.
Each cell: **CPU seconds / wall seconds / peak memory in MB**, from the file to the answer. *Times ahead* is what the other tool takes over what ours takes, in CPU and in wall seconds.
The tasks are alike, not equal. Ours check the log, skip dispatchers, respect closings, and leave behind the tables from which further indicators are computed; PM4Py's and the plain numpy count only change of unit or last time minus first.
*Floor* is what the same engine needs for the like in SQL written by hand for this one log: read, encode, one sort, neighbours in passing, group. It checks nothing, knows no unit that assists and no case without a closing; how far above it we are is what our care costs.
*Spark* is the same code on a session of `local[2]`, its Java counted in; its start is not.

每格：处理器秒数 / 实际秒数 / 内存峰值（MB），从文件到答案。各任务独立进程、轮流运行；“下限”是同一引擎手写 SQL 所需；“领先倍数”是对方用时除以我方用时。各工具所答的问题相近而不相同。
"""


def _asked(task: str) -> str:
    return (TASKS[task][0].__doc__ or "").replace("|", "/")


def _compared(rows: dict, events: int):
    "A table of every question at one size."
    print(f"\n## {events:,} events\n")
    print(
        "| question | ours | floor | ours / floor, CPU | Spark | another tool | it takes | times ahead, CPU / wall |\n|---|---|---|---|---|---|---|---|"
    )
    for question, others in QUESTIONS.items():
        mine, floor, spark = (rows.get((f"{kind}_{question}", events)) for kind in ("ours", "floor", "spark"))
        if mine is None:
            continue
        far = f"{_all(mine) / _all(floor):.1f}" if floor else ""
        start = [_asked(f"ours_{question}"), _cell(mine), _cell(floor), far, _cell(spark)]
        found = [o for o in others if (o, events) in rows]
        for i, name in enumerate(found or [""]):
            other = rows.get((name, events))
            ahead = f"{_all(other) / _all(mine):.2g} / {other['wall'] / mine['wall']:.2g}" if other else ""
            what = f"{name.partition('_')[0]}: {_asked(name)}" if name else ""
            print("| " + " | ".join([*(start if i == 0 else [""] * 5), what, _cell(other), ahead]) + " |")


def _reached(rows: dict):
    print("\n## What it shall reach, and whether it does\n\n| question | events | shall | is | reached |\n|---|---|---|---|---|")
    for question, events, against, bound in TARGETS:
        got = target(rows, question, events, against, bound)
        shall = f"≥ {bound} times ahead of `{against}`" if against in TASKS else f"≤ {bound} {against}"
        is_, yes = got or ("not measured", False)
        print(f"| {question} | {events:,} | {shall} | {is_} | {'true' if yes else 'false'} |")
    print("\n*sorts*: the CPU seconds in units of one sort of the encoded table by case and time in the same engine.")


def _growth(rows: dict):
    "Cost per million events: the same at every size where cost is linear."
    sizes = [n for n in SIZES if ("ours_edges", n) in rows]
    print("\n## How cost grows\n\nCPU seconds per million events, and peak memory in GB.\n")
    print("| question | " + " | ".join(f"{n / EVENTS:,.0f} M" for n in sizes) + " |\n|---" + "|---" * len(sizes) + "|")
    for question in QUESTIONS:
        found = [rows.get((f"ours_{question}", n)) for n in sizes]
        if found[-1]:
            cells = [f"{_all(r) / n * EVENTS:.2f} s, {r['mb'] / 1000:.1f} GB" if r else "" for r, n in zip(found, sizes)]
            print(f"| {_asked(f'ours_{question}')} | " + " | ".join(cells) + " |")


def page():
    rows = stored()
    print(INTRO)
    print(f"Simulated log of {UNITS} units, {CASES:,} cases to a million events, in Parquet and XES.")
    for n in SIZES:
        some = [r for (_, events), r in rows.items() if events == n]
        parts = [sorted({str(r[k]) for r in some}) for k in ("date", "machine", "runs")]
        if some:
            tools = sorted({v for r in some for v in r["versions"].split(", ")})
            print(
                f"\n* {n / EVENTS:,.0f} M: {', '.join(parts[0])}; {'; '.join(parts[1])}; {', '.join(tools)}; medians of {' or '.join(parts[2])}"
            )
    _reached(rows)
    for events in SIZES:
        if ("ours_edges", events) in rows:
            _compared(rows, events)
    _growth(rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, *events]:
            make(Path(folder), *map(int, events))
        case ["run", name, folder, *limit]:
            run(name, Path(folder), *limit)
        case ["limits", folder]:
            limits(Path(folder))
        case ["xes", folder]:
            write_xes(Path(folder))
        case ["keep"]:
            keep()
        case ["page"]:
            page()
        case ["postgres", folder, address]:
            server(Path(folder), address)
        case _:
            sys.exit(__doc__)
