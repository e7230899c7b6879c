"The files of the project agree with each other"

import json
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = "index", "start", "zh", "indicators", "reference"  # at the top of nbs/, and no module
NOTEBOOKS = sorted((ROOT / "nbs").rglob("*.ipynb"))
MODULES = sorted(f for d in ("", "effects/") for f in (ROOT / "nbs").glob(f"{d}*.ipynb") if f.stem not in PAGES)


def module(path, top):
    return ".".join(path.relative_to(ROOT / top).with_suffix("").parts)


def run(*args):
    return subprocess.run([sys.executable, *map(str, args)], cwd=ROOT, capture_output=True, text=True)


def test_one_version():
    import liuan_eval

    cfg = ConfigParser(delimiters=["="])
    cfg.read(ROOT / "settings.ini", encoding="utf-8")
    newest = re.search(r"^## \[?(\d[\w.]*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)[1]
    assert cfg["DEFAULT"]["version"] == liuan_eval.__version__ == version("liuan_eval") == newest


def test_readme_is_current():
    pytest.importorskip("pypandoc")
    res = run("tools/readme.py", "--check")
    assert res.returncode == 0, res.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda f: f.stem)
def test_no_number_prefix(path):
    assert not re.match(r"\d", path.name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda f: f.stem)
def test_stored_outputs_hold_no_warning_and_no_place_on_a_machine(path):
    outs = [o for c in json.loads(path.read_text("utf-8"))["cells"] for o in c.get("outputs", [])]
    assert [o for o in outs if o.get("name") == "stderr"] == []
    assert not re.search(r"site-packages|/(?:home|root|tmp|Users|work)/", json.dumps([o.get("text") or o.get("data") for o in outs]))


@pytest.mark.parametrize("path", MODULES, ids=lambda f: module(f, "nbs"))
def test_module_has_the_name_of_its_notebook(path):
    code = "\n".join("".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code")
    assert re.findall(r"^#\|\s*default_exp\s+(\S+)", code, re.M) == [module(path, "nbs")]


def test_every_module_comes_from_a_notebook():
    made = {module(f, "liuan_eval") for d in ("", "effects/") for f in (ROOT / "liuan_eval").glob(f"{d}*.py") if not f.name.startswith("_")}
    assert made == {module(f, "nbs") for f in MODULES}


def test_metrics_imports_no_heavy_library():
    code = 'import sys, liuan_eval.metrics; print(*{"statsmodels", "seaborn", "matplotlib", "networkx"} & set(sys.modules))'
    res = run("-c", code)
    assert (res.returncode, res.stdout.strip()) == (0, ""), res.stdout + res.stderr


@pytest.mark.parametrize("place", ["data/dictionaries", "data/sample", "data/mappings", "data/scorecards", "studies/report.ipynb"])
def test_package_carries_its_data(place):
    assert (files("liuan_eval") / place).exists()


def test_public_names_import_from_where_the_design_says():
    from liuan_eval.flow.graph import flow_graph
    from liuan_eval.indicators.shapes import Indicator
    from liuan_eval.intake.log import CaseLog, read_log
    from liuan_eval.intake.mapping import Mapping
    from liuan_eval.metrics import catalogue, compute
    from liuan_eval.report.render import render
    from liuan_eval.truth.city import City, simulate
    from liuan_eval.words.text import LogError
    from liuan_eval.words.vocabulary import Does, label

    names = (
        flow_graph,
        CaseLog,
        LogError,
        Mapping,
        read_log,
        Indicator,
        catalogue,
        compute,
        render,
        City,
        simulate,
        Does,
        label,
    )
    assert all(callable(o) for o in names)
