"""Compare every indicator, by nothing, unit, channel and month, between this tree and another revision: `python tools/same_numbers.py v0.4.0`.

Both compute on their own embedded sample. Each number must be the same to 1e-12 and each row must be there; what differs is listed, and the exit code is 1.
The proof that a change of the code did not change what it says.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
WAYS = dict(nothing=(None, None), unit=("unit", None), channel=("channel", None), month=(None, "month"))
KEYS, NUMBERS = ["indicator", "by", "group"], ["numerator", "denominator", "n", "n_open", "value", "low", "high"]


def table() -> pd.DataFrame:
    "One row per indicator, way and group, from the package that Python finds"
    from liuan_eval import metrics

    try:
        from liuan_eval.intake.log import read_log
    except ImportError:  # up to 0.4.0
        from liuan_eval.log import read_log
    log, frames = read_log(), []
    for name in metrics.available(log)[0]:
        for way, (by, period) in WAYS.items():
            try:
                f = metrics.compute(log, name, by, period).rename(columns={by: "group", "period": "group"})
            except ValueError as e:  # cannot be broken down so, in both trees or in one
                f = pd.DataFrame(dict(group=[type(e).__name__]))
            group = f["group"].astype(str) if "group" in f else ""
            frames.append(f.reindex(columns=NUMBERS).astype("float64").assign(indicator=name, by=way, group=group))
    return pd.concat(frames, ignore_index=True)


def of(tree: Path, folder: Path) -> pd.DataFrame:
    "The table of a tree"
    out = folder / f"{tree.name}.parquet"
    subprocess.run([sys.executable, __file__, "--write", str(out)], check=True, env=os.environ | dict(PYTHONPATH=str(tree)), cwd=folder)
    return pd.read_parquet(out)


def differences(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    "What is not the same, in words"
    both = old.merge(new, on=KEYS, how="outer", suffixes=("", " now"), indicator="where")
    said = [
        f"{r.indicator} by {r.by}, {r.group}: only {'before' if r.where == 'left_only' else 'now'}"
        for r in both.itertuples()
        if r.where != "both"
    ]
    for c in NUMBERS:
        a, b = both[c], both[f"{c} now"]
        off = ~(np.isclose(a, b, rtol=1e-12, atol=1e-12) | (a.isna() & b.isna())) & (both["where"] == "both")
        said += [f"{r.indicator} by {r.by}, {r.group}: {c} {a[i]} is now {b[i]}" for i, r in both[off].iterrows()]
    return said


def main(revision: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", "-f", str(before), revision], cwd=ROOT, check=True, capture_output=True)
        try:
            old, new = of(before, Path(folder)), of(ROOT, Path(folder))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)
    said = differences(old, new)
    print(*said[:40], sep="\n", end="\n" if said else "")
    print(f"{new.indicator.nunique()} indicators, {len(new):,} rows: {f'{len(said)} differences' if said else 'all equal'} to {revision}")
    return bool(said)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        table().to_parquet(sys.argv[2])
    elif len(sys.argv) == 2:
        sys.exit(main(sys.argv[1]))
    else:
        sys.exit(__doc__)
