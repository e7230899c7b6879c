"""The core tests on each Python that is promised, and with the lowest versions of what settings.ini requires.

make matrix                      all of them
make matrix ON="3.13 lowest"     some
python tools/matrix.py 3.12 -- tests/test_report.py      other tests

Each in an environment of its own, outside the project and thrown away. An interpreter that this machine does not have is named and not counted as passed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = {"3.11": "highest", "3.12": "highest", "3.13": "highest", "lowest": "lowest-direct"}
TESTS = "custody milestones calendar rules lifetable indicators readers graph compare effects figures report".split()
WITH = "pytest hypothesis threadpoolctl packaging polars xlwt execnb".split()  # what tests need, at its newest


def interpreter(version: str) -> str | None:
    "The first Python of a version that runs: on the PATH, or kept by pyenv"
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{version}.*/bin/python")
    for path in [shutil.which(f"python{version}"), *map(str, kept)]:
        if path and subprocess.run([path, "-c", "import ssl"], capture_output=True).returncode == 0:
            return path
    return None


def tried(place: str, tests: list[str]) -> str:
    "passed, failed, or why it was not tried"
    version, quiet = "3.11" if place == "lowest" else place, dict(cwd=ROOT, capture_output=True, text=True)
    if (python := interpreter(version)) is None:
        return f"not tried: no Python {version} on this machine"
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "venv/bin/python"
        install = [uv, "pip", "install", "--quiet", "--python", own]
        for command in (
            [uv, "venv", "--quiet", "--python", python, own.parents[1]],
            [*install, "--resolution", PLACES[place], "--editable", f"{ROOT}[postgres]"],
            [*install, *WITH],
        ):
            if (done := subprocess.run(command, **quiet)).returncode:
                return f"failed to install\n{done.stderr}"
        print(f"== {place}: {subprocess.check_output([own, '--version'], text=True).strip()}", flush=True)
        command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        return "failed" if subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": ""}).returncode else "passed"


def main(args: list[str]) -> int:
    places, tests = args, []
    if "--" in args:
        places, tests = args[: args.index("--")], args[args.index("--") + 1 :]
    if unknown := set(places) - PLACES.keys():
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PLACES)}")
    said = {place: tried(place, tests or [f"tests/test_{name}.py" for name in TESTS]) for place in places or PLACES}
    print(*(f"{place}: {result}" for place, result in said.items()), sep="\n")
    return any(result.startswith("failed") for result in said.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
