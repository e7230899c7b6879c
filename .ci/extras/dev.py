"Tests, the linter, the type checker and the builder run"

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
subprocess.run([BIN / "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests/test_notebook_outputs.py"], check=True)
subprocess.run([BIN / "ruff", "check", "--quiet", "--no-cache", ROOT / "tools"], check=True)
for tool in ("ty", "uv", "nbdev-export"):
    subprocess.run([BIN / tool, "--help"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "build", "--version"], check=True, stdout=subprocess.DEVNULL)
print("tests, checks and builds")
