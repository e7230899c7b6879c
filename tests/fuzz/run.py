"""Read broken exports for as long as you like, and keep those that are read wrong.

python tests/fuzz/run.py --minutes 60 --seed 1 [--kind csv] [--keep FOLDER]     exit code 1 where something went wrong
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests" / "fuzz"), str(ROOT / "tests"), str(ROOT)]


def main():
    from mutate import FILES, Reader, made

    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--minutes", type=float, default=1)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--kind", choices=FILES, action="append")
    ask.add_argument("--keep", type=Path, default=None, help="folder for the files that went wrong")
    args = ask.parse_args()
    end, seed, reader, seen, wrong = time.monotonic() + 60 * args.minutes, args.seed, Reader(), Counter(), 0
    while time.monotonic() < end:
        for kind in args.kind or FILES:
            with tempfile.TemporaryDirectory() as folder:
                path, least, _most, mapping, done = made(folder, kind, seed)
                what, problem, seconds = reader.read(path, least, mapping)
                seen[what] += 1
                if problem:
                    wrong += 1
                    print(f"## {kind} seed {seed} ({done}): {what}, {seconds:.1f} s\n{problem}\n", flush=True)
                    if args.keep:
                        args.keep.mkdir(parents=True, exist_ok=True)
                        shutil.copy(path, args.keep / f"{kind}-{seed}-{path.name}")
        seed += 1
    reader.close()
    print(f"seeds {args.seed} to {seed - 1}: {sum(seen.values())} files, {dict(seen)}, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
