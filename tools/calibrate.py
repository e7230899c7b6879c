"""Tables of simulated worlds, made once and stored: `make calibrate` writes data/calibration/NAME.csv for each of TABLES.

python tools/calibrate.py              all of them; `designs` takes about seven minutes on two cores, the rest about ten
python tools/calibrate.py did trends   only these

Each function is called without arguments and gives a table; all are seeded. A page that shows such a table reads the file
and checks a few worlds live."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # many small matrices: one thread a process

import sys  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter  # noqa: E402

import pandas as pd  # noqa: E402

FAILURES = "liuan_eval.effects.failures"
TABLES = {
    n: f"{FAILURES}:{n}"
    for n in "errors cluster placebo did its synthetic trends many choices power detectable looks warned province".split()
} | {
    n: f"liuan_eval.{floor}.{n}:calibrate"
    for floor, names in dict(flow=("competence", "excess"), judge=("compare", "gaming", "scorecard")).items()
    for n in names
}
TABLES["shrunken"] = "liuan_eval.effects.many:calibrate"
TABLES["evaluate"] = "liuan_eval.effects.evaluate:calibrate"
TABLES["designs"] = "liuan_eval.effects.calibration:jobs"
OUT = Path(__file__).parents[1] / "data" / "calibration"


def function(where: str):
    module, name = where.split(":")
    return getattr(import_module(module), name)


def table(where: str) -> pd.DataFrame:
    return function(where)()


def designs() -> pd.DataFrame:
    "The study of all designs, its parts spread over the processors; the same parts and seeds give the same table on any number of them."
    from liuan_eval.effects.calibration import one

    todo, done, start = function(TABLES["designs"])(), [], perf_counter()
    with ProcessPoolExecutor() as pool:
        for i, part in enumerate(pool.map(one, todo), 1):
            done.append(part)
            print(f"\r{i}/{len(todo)} cells, {perf_counter() - start:.0f} s", end="", flush=True)
    print()
    return pd.concat(done, ignore_index=True)


def write(name: str, made: pd.DataFrame) -> None:
    made.to_csv(OUT / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    print(OUT / f"{name}.csv")


if __name__ == "__main__":
    names = sys.argv[1:] or list(TABLES)
    if odd := [n for n in names if n not in TABLES]:
        sys.exit(f"no table {', '.join(odd)}; there are: {', '.join(TABLES)}")
    quick = [n for n in names if n != "designs"]
    with ProcessPoolExecutor() as pool:
        for name, made in zip(quick, pool.map(table, [TABLES[n] for n in quick])):
            write(name, made)
    if "designs" in names:
        write("designs", designs())
