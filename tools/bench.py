"""Benchmark (not a test): CPU seconds and peak memory of liuan_eval and, in an environment of its own, of PM4Py on the same simulated log.

    python tools/bench.py make FOLDER            write the log: 120,000 cases, 1,000,000 events, 200 units, as Parquet
    python tools/bench.py run NAME FOLDER        one task in this process; prints a JSON line
    python tools/bench.py table FOLDER           Markdown from FOLDER/*.json lines on standard input
"""
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

CASES, EVENTS, UNITS, SEED = 120_000, 1_000_000, 200, 20220217


def make(folder: Path):
    "A simulated log of random walks over units: every case starts at the dispatcher; units return, pass on, and close."
    import numpy as np
    import pandas as pd
    rng = np.random.default_rng(SEED)
    sizes = 2 + rng.multinomial(EVENTS - 2 * CASES, np.full(CASES, 1 / CASES))
    case = np.repeat(np.arange(CASES), sizes)
    first = np.r_[True, case[1:] != case[:-1]]
    last = np.r_[first[1:], True]
    stay = rng.random(EVENTS) < 0.6                       # the same unit acts again
    unit = rng.zipf(1.3, EVENTS) % (UNITS - 1) + 1
    run = np.maximum.accumulate(np.where(first | ~stay, np.arange(EVENTS), 0))
    unit = np.where(rng.random(EVENTS) < 0.1, 0, unit[run])
    unit[first] = 0
    gap = rng.exponential(86_400, EVENTS).astype("int64")
    start = rng.integers(0, 3 * 365 * 86_400, CASES)
    total = np.cumsum(gap)
    seconds = start[case] + total - total[np.flatnonzero(first)][case]
    acts = np.array(["replied", "claimed", "dispatched", "returned"])[rng.choice(4, EVENTS, p=[0.5, 0.2, 0.2, 0.1])]
    acts[first], acts[last] = "received", "closed"
    names = np.array([f"unit {i:03d}" for i in range(UNITS)])
    frame = pd.DataFrame(dict(case_id=np.char.add("C", np.char.zfill(case.astype(str), 7)), timestamp=pd.Timestamp("2021-01-01") + pd.to_timedelta(seconds, "s"), unit=names[unit], activity=acts))
    folder.mkdir(parents=True, exist_ok=True)
    frame.sort_values("timestamp", kind="stable").to_parquet(folder / "events.parquet", index=False)


def _log(folder: Path):
    from liuan_eval.log import read_log
    return read_log(folder / "events.parquet", dispatchers=["unit 000"])


def ours_indicators(folder: Path):
    "read Parquet, custody, all indicators by unit"
    from liuan_eval import metrics
    return lambda: metrics.compute(_log(folder), by="unit")


def ours_edges(folder: Path):
    "read Parquet, hand-overs by pair of units"
    from liuan_eval.caseflow import edges
    return lambda: edges(_log(folder))


def ours_durations(folder: Path):
    "read Parquet, duration of every case"
    from liuan_eval.custody import cases
    return lambda: cases(_log(folder)).select("case_id", "duration_seconds").execute()


def ours_xes(folder: Path):
    "read XES into a log"
    from liuan_eval.log import read_log
    return lambda: read_log(folder / "events.xes").counts


def _pm4py_frame(folder: Path):
    import pandas as pd
    import pm4py
    frame = pd.read_parquet(folder / "events.parquet").rename(columns={"unit": "org:resource"})
    return pm4py.format_dataframe(frame, case_id="case_id", activity_key="activity", timestamp_key="timestamp")


def pm4py_handover(folder: Path):
    "discover_handover_of_work_network, frame in memory"
    import pm4py
    frame = _pm4py_frame(folder)
    return lambda: pm4py.discover_handover_of_work_network(frame)


def pm4py_dfg(folder: Path):
    "discover_dfg(activity_key=unit), frame in memory"
    import pm4py
    frame = _pm4py_frame(folder)
    return lambda: pm4py.discover_dfg(frame, activity_key="org:resource")


def pm4py_durations(folder: Path):
    "get_all_case_durations, frame in memory"
    import pm4py
    frame = _pm4py_frame(folder)
    return lambda: pm4py.get_all_case_durations(frame)


def pm4py_write(folder: Path):
    "write the log as XES (to have it; no comparison)"
    import pm4py
    frame = _pm4py_frame(folder)
    frame["org:group"] = frame["org:resource"]
    return lambda: pm4py.write_xes(frame, str(folder / "events.xes"))


def pm4py_xes(folder: Path):
    "read_xes"
    import pm4py
    return lambda: pm4py.read_xes(str(folder / "events.xes"))


def numpy_hops(folder: Path):
    "plain numpy: sort by case and time, count changes of unit by pair, arrays in memory"
    import numpy as np
    import pandas as pd
    frame = pd.read_parquet(folder / "events.parquet")

    def hops():
        case, unit = pd.factorize(frame.case_id)[0], pd.factorize(frame.unit)[0]
        order = np.lexsort((frame.timestamp.to_numpy(), case))
        case, unit = case[order], unit[order]
        change = (case[1:] == case[:-1]) & (unit[1:] != unit[:-1])
        return np.unique(unit[:-1][change] * UNITS + unit[1:][change], return_counts=True)
    return hops


TASKS = {f.__name__: f for f in (ours_indicators, ours_edges, ours_durations, ours_xes, pm4py_handover, pm4py_dfg, pm4py_durations, pm4py_write, pm4py_xes, numpy_hops)}


def run(name: str, folder: Path):
    "Prepare untimed, run once timed; CPU seconds of this process, wall seconds, peak resident memory of the process."
    work = TASKS[name](folder)
    cpu, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    end = resource.getrusage(resource.RUSAGE_SELF)
    used = end.ru_utime - cpu.ru_utime + end.ru_stime - cpu.ru_stime
    print(json.dumps(dict(task=name, what=TASKS[name].__doc__, cpu=used, wall=time.perf_counter() - wall, mb=end.ru_maxrss / 1024)))


def table():
    "Markdown of all results, with each peer's CPU seconds over ours for the same question."
    from importlib.metadata import PackageNotFoundError, version
    rows = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    best: dict = {}
    for r in rows: best.setdefault(r["task"], []).append(r)
    best = {k: sorted(v, key=lambda r: r["cpu"])[len(v) // 2] for k, v in best.items()}
    ours = dict(pm4py_handover="ours_edges", pm4py_dfg="ours_edges", numpy_hops="ours_edges", pm4py_durations="ours_durations", pm4py_xes="ours_xes")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"Simulated log: {EVENTS:,} events, {CASES:,} cases, {UNITS} units. Machine: {cpu}, {os.cpu_count()} cores. Python {platform.python_version()}. Median of {len(rows) // len(best)} runs.\n")
    names = []
    for p in ("duckdb", "ibis-framework", "pandas"):
        try: names.append(f"{p} {version(p)}")
        except PackageNotFoundError: names.append(f"{p} ?")
    print("Versions: " + ", ".join(names) + (f", PM4Py {os.environ['PM4PY_VERSION']}" if os.environ.get("PM4PY_VERSION") else "") + ".\n")
    print("| task | what is timed | CPU s | wall s | peak MB | CPU, times ours |\n|---|---|---|---|---|---|")
    for k, r in best.items():
        if k == "pm4py_write": continue
        mine = best.get(ours.get(k, ""))
        times = f"{r['cpu'] / mine['cpu']:.1f}" if mine else ""
        print(f"| `{k}` | {r['what']} | {r['cpu']:.2f} | {r['wall']:.2f} | {r['mb']:,.0f} | {times} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]: make(Path(folder))
        case ["run", name, folder]: run(name, Path(folder))
        case ["table"]: table()
        case _: sys.exit(__doc__)
