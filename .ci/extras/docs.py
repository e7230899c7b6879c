"The README is made, and a page is built"

import json
import runpy
import subprocess
import sys
from pathlib import Path

from smalldocs.site import build

ROOT = Path(__file__).parents[2]
runpy.run_path(str(ROOT / "tools/docs.py"))  # it imports all of the extra
subprocess.run([sys.executable, ROOT / "tools/readme.py", "--check"], check=True)
cells = [dict(cell_type="markdown", id="a", metadata={}, source="# A page\n\nwith $x^2$")]
Path("index.ipynb").write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
Path("_quarto.yml").write_text("project: {type: website}\nwebsite: {title: Trial}\n")
build(".", quiet=True)
assert "with" in next(Path(".").rglob("index.html")).read_text("utf-8")
print("makes the README and a page")
