"""Measure how often each design is wrong: `make calibrate` writes data/calibration.csv. Seeded; about twenty minutes on two cores.

The same cells and seeds give the same table, whatever the number of processes."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # many small matrices: one thread a process

from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter  # noqa: E402

import pandas as pd  # noqa: E402

from liuan_eval.effects.calibration import DESIGNS, GRID, REPS, Cell, run, summarise  # noqa: E402


def jobs() -> list[tuple[Cell, tuple[str, ...], int]]:
    "The quick designs together, each slow one alone; synthetic DiD only where a fit is quick, on two years of weeks."
    quick = tuple(n for n in DESIGNS if n not in REPS)
    slow = [(c, (n,), r) for n, r in REPS.items() for c in GRID if n != "synthetic_did" or c.before == 104]
    return [(c, quick, 200) for c in GRID] + slow


def one(job: tuple[Cell, tuple[str, ...], int]) -> pd.DataFrame:
    cell, designs, reps = job
    return summarise(cell, run(cell, designs, reps))


if __name__ == "__main__":
    start, todo, done = perf_counter(), jobs(), []
    with ProcessPoolExecutor() as pool:
        for i, table in enumerate(pool.map(one, todo), 1):
            done.append(table)
            print(f"\r{i}/{len(todo)} cells, {perf_counter() - start:.0f} s", end="", flush=True)
    out = Path(__file__).parents[1] / "data" / "calibration.csv"
    pd.concat(done, ignore_index=True).to_csv(out, index=False, float_format="%.6g")
    print(f"\n{out}")
