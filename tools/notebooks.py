"""Run notebooks in a copy of this tree and compare what comes out with what is stored: prose on the site that is computed must still be true.

    pytest tests/test_notebooks.py               every notebook must give what it stores
    python tools/notebooks.py [NOTEBOOK...]      run them (all, if none is named) and store what truly differs; make docs EXECUTE=1 does this

Words must be the same. A number may differ by a thousandth or by one in its last printed digit. A picture may differ as far as no eye can see.
Numbers that come from simulated worlds say so in their cell: `#| monte_carlo: 200` lets counts and shares of 200 worlds differ by four standard errors.
So a run on another processor passes, and leaves nothing to commit.
"""

import base64
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from itertools import zip_longest
from math import sqrt
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
MADE = [
    ".*",
    "_docs",
    "_proc",
    "_site_src",
    "report",
    "report_*",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
]  # at the top, and not copied
NUMBER = re.compile(r"(?:(?<![\w.)\]#])[-−])?(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: ?%)?")
PASSING = [  # what is of the moment and of the machine
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)?",
    r"\b0x[0-9a-f]+\b",
    r"\b\d+(?:\.\d+)? ?(?:ms|µs|s)\b",
    r"(?<![\w.:/])/[\w.-]+/[\w./-]+",
]
LIBRARIES = "nbdev.test execnb.shell pandas ibis.backends.duckdb pyarrow.parquet matplotlib.figure scipy.stats statsmodels.api".split()


# --- words and numbers


def parts(text: str) -> tuple[str, list[str]]:
    "Words and numbers of a text apart, without what passes: `('n = #, p = #', ['12', '0.031'])`"
    for pattern in PASSING:
        text = re.sub(pattern, " ", text)
    return re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip(), NUMBER.findall(text)


def value(number: str) -> float:
    return float(number.rstrip(" %").replace(",", "").replace("−", "-"))


def near(a: str, b: str) -> bool:
    "Whether two printed numbers are one number"
    if a == b:
        return True
    if a.endswith("%") != b.endswith("%"):
        return False
    x, y = value(a), value(b)
    digits, _, power = a.rstrip(" %").partition("e")
    last = 10.0 ** (int(power or 0) - len(digits.partition(".")[2])) if "." in a else 0.0
    return abs(x - y) <= max(1e-3 * max(abs(x), abs(y)) if "." in a else 0.0, 1.001 * last)


def by_chance(a: str, b: str, worlds: int) -> bool:
    "Whether two numbers can be the same count, or share, of so many simulated worlds: at most four standard errors apart"
    size = 100 if a.endswith("%") else 1 if "." in a + b else worlds
    p, q = value(a) / size, value(b) / size
    mean = (p + q) / 2
    return a.endswith("%") == b.endswith("%") and min(p, q) >= 0 and max(p, q) <= 1 and abs(p - q) <= 4 * sqrt(mean * (1 - mean) / worlds)


def difference(old: str, new: str, worlds: int | None = None) -> str | None:
    "The first way in which two texts differ, in words; None where they do not"
    (words, numbers), (words_now, numbers_now) = parts(old), parts(new)
    if words != words_now:
        i = next(i for i, (a, b) in enumerate(zip_longest(words, words_now)) if a != b)
        return f"stored …{words[max(i - 40, 0) : i + 80]}…\n   now    …{words_now[max(i - 40, 0) : i + 80]}…"
    same = lambda a, b: near(a, b) or (worlds is not None and by_chance(a, b, worlds))
    far = [f"{a} is now {b}" for a, b in zip(numbers, numbers_now, strict=True) if not same(a, b)]
    return f"{len(far)} of {len(numbers)} numbers: " + "; ".join(far[:8]) if far else None


# --- cells


def shown(output: dict) -> str:
    "What a reader sees of an output, as words; a picture is its kind"
    if "text" in output:
        return "".join(output["text"])
    if "ename" in output:
        return f"{output['ename']}: {output['evalue']}"
    data = output.get("data", {})
    for kind in ("text/html", "text/markdown", "image/svg+xml", "image/png", "text/plain"):
        if kind not in data:
            continue
        if kind.startswith("image"):
            return f"[{kind}]"
        text = "".join(data[kind])
        text = re.sub(r"<style.*?</style>", " ", text, flags=re.S) if kind == "text/html" else text
        return unescape(re.sub(r"<[^>]*>", " ", text)) if kind == "text/html" else text
    return ""


def drawn(cell: dict) -> list[bytes]:
    "The pictures of a cell"
    return [base64.b64decode("".join(o["data"]["image/png"])) for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]


def monte_carlo(cell: dict) -> int | None:
    "From how many simulated worlds the numbers of a cell come, where it says so"
    found = re.search(r"^#\|\s*monte_carlo:\s*(\d+)\s*$", "".join(cell["source"]), re.M)
    return int(found[1]) if found else None


def cell_difference(old: dict, new: dict) -> str | None:
    "The first way in which the outputs of two cells differ, in words"
    from liuan_eval.figures.files import same_picture

    texts = ("\n\n".join(shown(o) for o in c.get("outputs", [])) for c in (old, new))
    changed = [i for i, (a, b) in enumerate(zip(drawn(old), drawn(new)), 1) if a != b and not same_picture(a, b)]
    return difference(*texts, monte_carlo(old)) or (f"picture {', '.join(map(str, changed))} draws something else" if changed else None)


def differences(stored: dict, fresh: dict) -> Iterator[tuple[dict, dict, str]]:
    "Each cell whose outputs are not what is stored: the stored cell, the fresh one, and how they differ"
    now = {c["id"]: c for c in fresh["cells"]}
    for cell in stored["cells"]:
        new = now.get(cell["id"], {})
        if found := cell_difference(cell, new):
            yield cell, new, found


# --- the copy, and a run in it


def names(root: Path = ROOT) -> list[str]:
    "Every notebook by its path in the tree"
    return sorted(p.relative_to(root).as_posix() for p in (root / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def copied(folder: Path) -> Path:
    "A copy of this tree, in which notebooks may write what they like"

    def ignored(path: str, names: list[str]) -> set[str]:
        return shutil.ignore_patterns(*(MADE if Path(path) == ROOT else ("__pycache__", ".ipynb_checkpoints")))(path, names)

    return Path(shutil.copytree(ROOT, folder / ROOT.name, symlinks=True, ignore=ignored))


def tried(copy: Path, name: str, said: Path) -> None:
    "In a process of its own: run a notebook with nbdev's runner and store its outputs; what it says goes to a file"
    with said.open("w") as f:
        os.dup2(f.fileno(), 1), os.dup2(f.fileno(), 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    os.environ["PYTHONPATH"] = str(copy)
    from nbdev.test import nbdev_test

    nbdev_test(str(copy / name), save=True)


def run(copy: Path, name: str) -> str | None:
    "Run one notebook of a copy in a process forked from one that has imported the libraries: what went wrong, or None"
    forks, said = get_context("forkserver"), copy.parent / f"{name.replace('/', '-')}.txt"
    forks.set_forkserver_preload(LIBRARIES)
    process = forks.Process(target=tried, args=(copy, name, said))
    process.start()
    process.join()
    return f"{name} fails\n{said.read_text()}" if process.exitcode else None


def new_figures(copy: Path, since: float = 0.0) -> list[Path]:
    "The files in figures/ that the copy's notebooks wrote since a moment; one that draws what stood there is left alone by `figures.save`"
    written = (p for p in sorted((copy / "figures").iterdir()) if p.stat().st_mtime >= since)
    return [p for p in written if not (ROOT / "figures" / p.name).exists() or (ROOT / "figures" / p.name).read_bytes() != p.read_bytes()]


# --- storing


def store(copy: Path, name: str) -> list[str]:
    "Write back the outputs of a notebook that differ from what is stored, and say which"
    stored, said = read(ROOT / name), []
    for cell, new, found in differences(stored, read(copy / name)):
        cell["outputs"] = new.get("outputs", [])
        said.append(f"{name}, cell {cell['id']}: {found}")
    if said:
        (ROOT / name).write_text(json.dumps(stored, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    return said


def store_figures(copy: Path) -> list[str]:
    "Write back the figures that draw something else than what is stored, and say which"
    return [str(Path(shutil.copy2(p, ROOT / "figures" / p.name)).relative_to(ROOT)) for p in new_figures(copy)]


def main(wanted: list[str]) -> int:
    wanted = [Path(name).resolve().relative_to(ROOT).as_posix() for name in wanted] or names()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        copy = copied(Path(folder))
        failed = [text for text in pool.map(partial(run, copy), wanted) if text]
        said = [text for name in wanted for text in store(copy, name)] + store_figures(copy)
    print(*said, *failed, f"{len(wanted)} notebooks run, {len(failed)} failed, {len(said)} outputs stored anew", sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
