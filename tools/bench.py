"""Benchmark (not a test): CPU seconds and peak memory of liuan_eval and, in an environment of its own, of PM4Py on the same simulated log.

python tools/bench.py make FOLDER [EVENTS]   write the log: 1,000,000 events (or so many), 120,000 cases to a million, 200 units, as Parquet
python tools/bench.py run NAME FOLDER        one task in this process; prints a JSON line
python tools/bench.py xes FOLDER             the same log as XES (needs PM4Py)
python tools/bench.py table                  Markdown from JSON lines on standard input
"""

import json
import os
import platform
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

CASES, EVENTS, UNITS, SEED = 120_000, 1_000_000, 200, 20220217
INTERVALS = 10_000_000


def make(folder: Path, events: int = EVENTS):
    "A simulated log of random walks over units: every case starts at the dispatcher; units return, pass on, and close."
    import numpy as np
    import pandas as pd

    rng, cases = np.random.default_rng(SEED), events * CASES // EVENTS
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
    start = rng.integers(0, 3 * 365 * 86_400, cases)
    total = np.cumsum(gap)
    seconds = start[case] + total - total[np.flatnonzero(first)][case]
    acts = np.array(["replied", "claimed", "dispatched", "returned"])[rng.choice(4, events, p=[0.5, 0.2, 0.2, 0.1])]
    acts[first], acts[last] = "received", "closed"
    names = np.array([f"unit {i:03d}" for i in range(UNITS)])
    frame = pd.DataFrame(
        dict(
            case_id=np.char.add("C", np.char.zfill(case.astype(str), 7)),
            timestamp=pd.Timestamp("2021-01-01") + pd.to_timedelta(seconds, "s"),
            unit=names[unit],
            activity=acts,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    frame.sort_values("timestamp", kind="stable").to_parquet(folder / "events.parquet", index=False)


def _log(folder: Path):
    from liuan_eval.intake.log import read_log

    return read_log(folder / "events.parquet", dispatchers=["unit 000"])


def _frame(folder: Path):
    import pandas as pd
    import pm4py

    frame = pd.read_parquet(folder / "events.parquet").rename(columns={"unit": "org:resource"})
    return pm4py.format_dataframe(frame, case_id="case_id", activity_key="activity", timestamp_key="timestamp")


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
TASKS = {  # name: (task, what it starts from, modules loaded before the clock starts)
    "ours_indicators": (ours_indicators, _log, OURS),
    "ours_edges": (ours_edges, _log, OURS),
    "ours_durations": (ours_durations, _log, OURS),
    "ours_business": (ours_business, _log, OURS),
    "ours_intervals": (ours_intervals, _intervals, OURS),
    "ours_due": (ours_due, _intervals, OURS),
    "ours_xes": (ours_xes, Path, OURS),
    "floor_indicators": (floor_indicators, _engine, FLOOR),
    "floor_edges": (floor_edges, _engine, FLOOR),
    "floor_durations": (floor_durations, _engine, FLOOR),
    "floor_business": (floor_business, _engine, FLOOR),
    "pm4py_handover": (pm4py_handover, _frame, PEER),
    "pm4py_dfg": (pm4py_dfg, _frame, PEER),
    "pm4py_durations": (pm4py_durations, _frame, PEER),
    "pm4py_business": (pm4py_business, _frame, PEER),
    "pm4py_xes": (pm4py_xes, Path, PEER),
    "numpy_hops": (numpy_hops, _arrays, "numpy pandas"),
}


def run(name: str, folder: Path):
    "CPU seconds of this process to read the log and to do the task, wall seconds of both, peak resident memory."
    work, prepare, modules = TASKS[name]
    for m in modules.split():
        import_module(m)
    marks = [(time.process_time(), time.perf_counter())]
    for step in (prepare, work):
        folder = step(folder)
        marks.append((time.process_time(), time.perf_counter()))
    (c0, w0), (c1, _), (c2, w2) = marks
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(dict(task=name, what=work.__doc__, read=c1 - c0, cpu=c2 - c1, wall=w2 - w0, mb=peak)))


INTRO = """# Speed and memory · 速度与内存

Written by `make bench`, which is no test: numbers differ from machine to machine. Every task runs in a process of its own, in turns, on the same file; modules are loaded before the clock starts.
*read* is what comes before the question (ours: opening, coding and encoding the log; PM4Py: `read_parquet` and `format_dataframe`), *task* is the question itself.
The tasks are alike, not equal. Ours skip dispatchers, respect closings, and leave behind the tables of custody from which every further indicator is computed; PM4Py's and the plain numpy count only change of unit or last time minus first.
*floor* is what the same engine needs for the like in SQL written by hand for this one log: read, encode, one sort, neighbours in passing, group. It checks nothing, knows no unit that assists and no case without a closing; how far above it we are is what our care costs.
"""


def table():
    "Markdown of all results, with each peer's CPU seconds over ours for the same question, from the file and from the log in memory."
    rows = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    runs: dict = {}
    for r in rows:
        runs.setdefault(r["task"], []).append(r)
    typical = {k: sorted(v, key=lambda r: r["read"] + r["cpu"])[len(v) // 2] for k, v in runs.items()}
    ours = dict(
        pm4py_handover="ours_edges",
        pm4py_dfg="ours_edges",
        numpy_hops="ours_edges",
        pm4py_durations="ours_durations",
        pm4py_business="ours_business",
        pm4py_xes="ours_xes",
        floor_indicators="ours_indicators",
        floor_edges="ours_edges",
        floor_durations="ours_durations",
        floor_business="ours_business",
    )
    info = Path("/proc/cpuinfo")
    cpu = (
        next((line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), "")
        if info.exists()
        else platform.processor()
    )
    names = ", ".join(f"{p} {version(p)}" for p in ("duckdb", "ibis-framework", "pandas"))
    print(INTRO)
    print(
        f"Simulated log of {EVENTS:,} events, {CASES:,} cases, {UNITS} units, in Parquet and XES. {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {names}, "
        f"PM4Py {os.environ.get('PM4PY_VERSION', '?')}. Of {len(rows) // len(typical)} runs the median one.\n"
    )
    print(
        "| task | what | read, CPU s | task, CPU s | wall s | peak MB | from the file, times ours | in memory, times ours |\n|---|---|---|---|---|---|---|---|"
    )
    for k, r in typical.items():
        mine = typical.get(ours.get(k, ""))
        times = [f"{(r['read'] + r['cpu']) / (mine['read'] + mine['cpu']):.1f}", f"{r['cpu'] / mine['cpu']:.1f}"] if mine else ["", ""]
        print(f"| `{k}` | {r['what']} | {r['read']:.2f} | {r['cpu']:.2f} | {r['wall']:.2f} | {r['mb']:,.0f} | {times[0]} | {times[1]} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, *events]:
            make(Path(folder), *map(int, events))
        case ["run", name, folder]:
            run(name, Path(folder))
        case ["xes", folder]:
            write_xes(Path(folder))
        case ["table"]:
            table()
        case _:
            sys.exit(__doc__)
