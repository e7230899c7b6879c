"""Run every notebook in a copy of this tree and compare what comes out with what is stored: prose on the site that is computed must still be true.

Words must be the same; a number may differ by a thousandth or by one in its last printed digit. Pictures must be there. A notebook that fails or differs
ends with exit code 1 and says which cell. `make docs EXECUTE=1` stores new outputs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from html import unescape
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_COPIED = [".*", "_docs", "_proc", "_site_src", "report", "report_*", "build", "dist", "*.egg-info", "__pycache__"]
NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?")
PASSING = [  # what is of the moment and of the machine
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)?",
    r"\b0x[0-9a-f]+\b",
    r"\b\d+(?:\.\d+)? ?(?:ms|µs|s)\b",
    r"(?<![\w.:/])/[\w.-]+/[\w./-]+",
]


def shown(output):
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


def parts(text):
    "Words and numbers of a text apart, without what passes: `('n = #, p = #', ['12', '0.031'])`"
    for pattern in PASSING:
        text = re.sub(pattern, " ", text)
    return re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip(), NUMBER.findall(text)


def near(a, b):
    "Whether two printed numbers are one number"
    if a == b:
        return True
    x, y = float(a.replace(",", "")), float(b.replace(",", ""))
    places = len(a.split("e")[0].partition(".")[2])
    last = 0.0 if "." not in a else 10.0**-places * (10.0 ** int(a.split("e")[1]) if "e" in a else 1)
    return abs(x - y) <= max(1e-3 * max(abs(x), abs(y)) if "." in a else 0.0, 1.001 * last)


def difference(old, new):
    "The first way in which two texts differ, in words; None where they do not"
    (words, numbers), (words_now, numbers_now) = parts(old), parts(new)
    if words != words_now:
        i = next(i for i, (a, b) in enumerate(zip_longest(words, words_now)) if a != b)
        return f"stored …{words[max(i - 40, 0) : i + 80]}…\n   now    …{words_now[max(i - 40, 0) : i + 80]}…"
    far = [f"{a} is now {b}" for a, b in zip(numbers, numbers_now, strict=True) if not near(a, b)]
    return f"{len(far)} of {len(numbers)} numbers: " + "; ".join(far[:8]) if far else None


def differences(stored, fresh):
    "Each cell whose outputs are not what is stored"
    now = {c["id"]: c for c in fresh["cells"]}
    for cell in stored["cells"]:
        old, new = ("\n\n".join(shown(o) for o in c.get("outputs", [])) for c in (cell, now.get(cell["id"], {})))
        found = difference(old, new)
        if found:
            yield f"cell {cell['id']}: {found}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ROOT.name
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        env = os.environ | dict(PYTHONPATH=str(copy))
        ran = subprocess.run([Path(sys.executable).with_name("nbdev-test"), "--save"], cwd=copy, env=env)
        wrong = []
        for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
            name = path.relative_to(ROOT)
            stored, fresh = (json.loads((top / name).read_text("utf-8")) for top in (ROOT, copy))
            wrong += [f"{name}, {d}" for d in differences(stored, fresh)]
    for text in wrong:
        print(text, file=sys.stderr)
    if wrong:
        print(f"{len(wrong)} cells differ from what is stored; if the new outputs are right: make docs EXECUTE=1", file=sys.stderr)
    return bool(wrong) or ran.returncode


if __name__ == "__main__":
    sys.exit(main())
