"""Benchmark (not a test): rows that are read a CPU second, by liuan_eval, pandas, Polars and DuckDB alone, from the same simulated log in four formats.

python tools/reading.py make FOLDER          the log of tools/bench.py (in FOLDER, or made there) as CSV, XES and, its first 200,000 rows, xlsx
python tools/reading.py run NAME FOLDER      one task in this process; prints a JSON line
python tools/reading.py table FOLDER [RUNS]  every task in a process of its own, in turns; the medians go to tools/measured/reading.csv
"""

import csv
import json
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from importlib import import_module
from pathlib import Path

import bench

FILES = dict(parquet="events.parquet", csv="events.csv", xes="events.xes", xlsx="events_200k.xlsx")


def _xes(frame, path: Path):
    "In the plainest way that it is written."
    cases = frame.sort_values(["case_id", "timestamp"], kind="stable")
    value = '<string key="{}" value="{}"/>\n'
    with path.open("w") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n')
        for case, rows in cases.groupby("case_id", sort=False):
            out.write("<trace>\n" + value.format("concept:name", case))
            for at, unit, activity in zip(rows.timestamp, rows.unit, rows.activity):
                date = f'<date key="time:timestamp" value="{at:%Y-%m-%dT%H:%M:%S}.000+08:00"/>\n'
                out.write(f"<event>\n{value.format('concept:name', activity)}{date}{value.format('org:group', unit)}</event>\n")
            out.write("</trace>\n")
        out.write("</log>\n")


WRITE = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "xlsx": lambda frame, path: frame.iloc[:200_000].to_excel(path, index=False),
    "xes": _xes,
}


def make(folder: Path):
    "The log in the other formats that are not there."
    import pandas as pd

    if not (folder / FILES["parquet"]).exists():
        bench.make(folder)
    frame = pd.read_parquet(folder / FILES["parquet"])
    for kind, write in WRITE.items():
        if not (folder / FILES[kind]).exists():
            write(frame, folder / FILES[kind])


def _pandas(path: Path) -> int:
    import pandas as pd

    if path.suffix == ".xlsx":
        return len(pd.read_excel(path, engine="calamine"))
    return len(pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, parse_dates=["timestamp"]))


def _polars(path: Path) -> int:
    import polars as pl

    return len(pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True))


def _duckdb(path: Path) -> int:
    import duckdb

    con = duckdb.connect()
    con.execute(f"create table t as from '{path}'")
    return con.execute("select count(*) from t").fetchone()[0]


def _opened(path: Path) -> int:
    from liuan_eval.intake.source import connect, open_table

    return open_table(connect(path), path).table.count().to_pyarrow().as_py()


def _log(path: Path) -> int:
    from liuan_eval.intake.log import read_log

    return read_log(path, dispatchers=["unit 000"]).counts["events"]


OURS = "ibis.backends.duckdb liuan_eval.intake.log"
WAYS = {  # name: (what, what does it, modules loaded before the clock starts, formats)
    "read_log": ("checked, cleaned, coded and encoded: a log", _log, OURS, "parquet csv xes xlsx"),
    "open_table": ("opened: rows that are no data set aside, every column as it is", _opened, OURS, "parquet csv xes xlsx"),
    "pandas": ("a frame (xlsx by calamine)", _pandas, "pandas pyarrow.parquet", "parquet csv xlsx"),
    "polars": ("a frame", _polars, "polars", "parquet csv"),
    "duckdb": ("a table in memory", _duckdb, "duckdb", "parquet csv"),
}


def _cpu() -> float:
    "CPU seconds of this process and of those it started and waited for."
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def run(name: str, folder: Path):
    way, kind = name.split(":")
    for m in WAYS[way][2].split():
        import_module(m)
    cpu, wall = _cpu(), time.perf_counter()
    n = WAYS[way][1](folder / FILES[kind])
    print(json.dumps(dict(task=name, rows=n, cpu=_cpu() - cpu, wall=time.perf_counter() - wall)))


def table(folder: Path, runs: int):
    "The medians, stored; a way whose package is not installed is left out."
    seen: dict[str, list] = {}
    for _ in range(runs):
        for way, (_what, _do, _modules, kinds) in WAYS.items():
            for kind in kinds.split():
                out = subprocess.run([sys.executable, __file__, "run", f"{way}:{kind}", str(folder)], capture_output=True, text=True)
                if out.returncode == 0:
                    seen.setdefault(f"{way}:{kind}", []).append(json.loads(out.stdout.splitlines()[-1]))
                elif "ModuleNotFoundError" not in out.stderr:
                    sys.exit(out.stderr)
    how = dict(runs=runs, date=date.today().isoformat(), machine=bench.machine())
    how["versions"] = bench.versions("duckdb", "ibis-framework", "pandas", "polars", "pyarrow", "python-calamine")
    with (bench.STORED.parent / "reading.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["file", "mb", "by", "what", "rows", "cpu", "wall", *how])
        for kind in FILES:
            for name, rs in seen.items():
                way, k = name.split(":")
                if k == kind:
                    mb = round((folder / FILES[kind]).stat().st_size / 1e6, 1)
                    times = [round(statistics.median(r[c] for r in rs), 3) for c in ("cpu", "wall")]
                    out.writerow([kind, mb, way, WAYS[way][0], rs[0]["rows"], *times, *how.values()])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make(Path(folder))
        case ["run", name, folder]:
            run(name, Path(folder))
        case ["table", folder, *more]:
            table(Path(folder), int(more[0]) if more else 3)
        case _:
            sys.exit(__doc__)
