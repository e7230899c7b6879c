"""Install each extra alone from the built wheel, as a newcomer would, and do the thing it is for.

python .ci/extras.py WHEEL [EXTRA...]     each in an environment and an empty folder of its own; exit code 1 if one fails

What an extra is for stands in .ci/extras/EXTRA.py: an extra without such a file fails.
"""

import subprocess
import sys
import tempfile
import time
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRIES = Path(__file__).parent / "extras"


def extras() -> list[str]:
    "The names of the extras that settings.ini declares"
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return [key.removesuffix("_requirements") for key in config["DEFAULT"] if key.endswith("_requirements")]


def tried(wheel: Path, extra: str) -> bool:
    "Whether the wheel with one extra can be installed and does what the extra is for; says how it went"
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "venv/bin/python"
        (Path(folder) / "empty").mkdir()
        uv = Path(sys.executable).with_name("uv")
        steps = [
            [uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]],
            [uv, "pip", "install", "--quiet", "--python", python, f"{wheel}[{extra}]"],
            [python, TRIES / f"{extra}.py"],
        ]
        for command in steps:
            done = subprocess.run(command, cwd=Path(folder) / "empty", capture_output=True, text=True)
            if done.returncode:
                break
    said = done.stdout.strip() if done.returncode == 0 else f"FAILED\n{done.stdout}{done.stderr}"
    print(f"[{extra}] {said} ({time.perf_counter() - start:.0f} s)", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    wheel = Path(sys.argv[1]).resolve()
    sys.exit(not all([tried(wheel, extra) for extra in sys.argv[2:] or extras()]))
