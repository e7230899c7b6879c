"""Run what is numerically delicate as another processor would compute it: no verdict, count or picture may hang on last digits.

    make test-elsewhere               a kind that differs from what this processor does by itself
    make test-elsewhere KIND=old      one of the kinds
    python tools/arithmetic.py old tests/test_compare.py      other tests under it

CONTRIBUTING.md says what the kinds are.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
from notebooks import names
from numpy._core._multiarray_umath import __cpu_features__

ROOT = Path(__file__).parents[1]
ABOVE = ["X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR"]  # what NumPy 2.4 can leave out, from AVX2 upwards
KINDS = {"old": ("Nehalem", ABOVE), "avx2": ("Haswell", ABOVE[1:]), "avx512": ("SkylakeX", [])}
NEEDS = {"avx2": "X86_V3", "avx512": "X86_V4"}
DELICATE = "nbs/effects/", "nbs/figures/", "nbs/judge/compare", "nbs/flow/competence"
TESTS = "tests/test_effects*.py", "tests/test_*references.py"
SEEN = """
import json, numpy.linalg, scipy.linalg, threadpoolctl
from numpy._core._multiarray_umath import __cpu_features__ as has
blas = [(lib["architecture"], lib["num_threads"]) for lib in threadpoolctl.threadpool_info() if lib["internal_api"] == "openblas"]
print(json.dumps(dict(blas=sorted(blas), simd=[name for name in %r if has.get(name)])))
"""


def seen(env: dict) -> dict:
    "What NumPy's and SciPy's own copies of OpenBLAS, and NumPy itself, truly use under an environment"
    return json.loads(subprocess.run([sys.executable, "-c", SEEN % ABOVE], env=env, capture_output=True, text=True, check=True).stdout)


def environment(kind: str) -> dict:
    "The environment of a kind of arithmetic"
    if kind == "threads":
        return os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    core, without = KINDS[kind]
    there = [name for name in without if __cpu_features__.get(name)]
    return os.environ | dict(OPENBLAS_CORETYPE=core, NPY_DISABLE_CPU_FEATURES=" ".join(there))


def possible() -> list[str]:
    "The kinds that this processor can do"
    if platform.machine() not in ("x86_64", "AMD64"):
        return ["threads"]
    return [k for k in KINDS if __cpu_features__.get(NEEDS.get(k, "X86_V2"))] + ["threads"]


def other() -> str:
    "The newest kind whose results differ from those of this processor as it is now"
    now = {core for core, _threads in seen(dict(os.environ))["blas"]}
    return next(k for k in [*reversed(possible()[:-1]), "threads"] if k == "threads" or KINDS[k][0] not in now)


def delicate() -> list[str]:
    "Tests and notebooks in which an optimum, a resampling or a picture hangs on many sums"
    notebooks = [f"tests/test_notebooks.py::test_a_notebook_gives_what_it_stores[{n}]" for n in names() if n.startswith(DELICATE)]
    return notebooks + sorted({str(path.relative_to(ROOT)) for pattern in TESTS for path in ROOT.glob(pattern)})


def main(args: list[str]) -> int:
    kind = args[0] if args else other()
    if kind not in possible():
        sys.exit(f"{kind!r} is not possible on this processor; possible: {', '.join(possible())}")
    env = environment(kind)
    print(f"NumPy {np.__version__} as it is: {seen(dict(os.environ))}\n{kind}: {seen(env)}", flush=True)
    if kind in KINDS and {core for core, _threads in seen(env)["blas"]} != {KINDS[kind][0]}:
        sys.exit(f"OpenBLAS does not compute as {KINDS[kind][0]}")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "2", *(args[1:] or delicate())], cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
