"""Tables of simulated worlds, made once and stored: `make calibrate` writes data/calibration/NAME.csv for each of TABLES.

python tools/calibrate.py              all of them, about half an hour on two cores; cost.csv tells what each took
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
from time import perf_counter, process_time  # noqa: E402

import pandas as pd  # noqa: E402

FAILURES = "liuan_eval.effects.failures"
TABLES = {
    n: f"{FAILURES}:{n}"
    for n in "errors cluster placebo did its synthetic trends many choices power detectable looks warned province".split()
} | {
    n: f"liuan_eval.{floor}.{n}:calibrate"
    for floor, names in dict(
        indicators=["coverage"],
        flow=["competence", "excess", "hierarchy"],
        judge=["compare", "gaming", "ranks", "scorecard", "watch"],
    ).items()
    for n in names
}
TABLES |= dict(
    shrunken="liuan_eval.effects.many:calibrate",
    evaluate="liuan_eval.effects.evaluate:calibrate",
    early="liuan_eval.effects.early:calibrate",
    units="liuan_eval.effects.cluster:calibrate",
    staggered="liuan_eval.effects.designs.staggered:calibrate",
    mixtures="liuan_eval.effects.designs.synthetic:calibrate",
    limbo="liuan_eval.indicators.limbo:calibrate",
    competence_bounds="liuan_eval.flow.competence:calibrate_bounds",
)
TABLES["designs"] = "liuan_eval.effects.calibration:jobs"
OUT = Path(__file__).parents[1] / "data" / "calibration"


def function(where: str):
    module, name = where.split(":")
    return getattr(import_module(module), name)


def table(where: str) -> tuple[pd.DataFrame, float]:
    "What the function makes, and the seconds of one processor that it took."
    start = process_time()
    return function(where)(), process_time() - start


def part(job) -> tuple[pd.DataFrame, float]:
    "The same for a part of the study of designs."
    from liuan_eval.effects.calibration import one

    start = process_time()
    return one(job), process_time() - start


def designs() -> tuple[pd.DataFrame, float]:
    "The study of all designs, its parts spread over the processors; the same parts and seeds give the same table on any number of them."
    todo, done, start = function(TABLES["designs"])(), [], perf_counter()
    with ProcessPoolExecutor() as pool:
        for i, found in enumerate(pool.map(part, todo), 1):
            done.append(found)
            print(f"\r{i}/{len(todo)} cells, {perf_counter() - start:.0f} s", end="", flush=True)
    print()
    return pd.concat([made for made, _seconds in done], ignore_index=True), sum(seconds for _made, seconds in done)


def write(name: str, made: pd.DataFrame, seconds: float) -> None:
    "Store a table, and in cost.csv what it took."
    made.to_csv(OUT / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    cost = pd.read_csv(OUT / "cost.csv", index_col="table") if (OUT / "cost.csv").exists() else pd.DataFrame(columns=["seconds"])
    cost.loc[name] = round(seconds, 1)
    cost[cost.index.isin([*TABLES])].sort_index().to_csv(OUT / "cost.csv", index_label="table", lineterminator="\n")
    print(f"{OUT / name}.csv, {seconds:.0f} s")


if __name__ == "__main__":
    names = sys.argv[1:] or list(TABLES)
    if odd := [n for n in names if n not in TABLES]:
        sys.exit(f"no table {', '.join(odd)}; there are: {', '.join(TABLES)}")
    quick = [n for n in names if n != "designs"]
    with ProcessPoolExecutor() as pool:
        for name, made in zip(quick, pool.map(table, [TABLES[n] for n in quick])):
            write(name, *made)
    if "designs" in names:
        write("designs", *designs())
