"Where the tests find real logs, and how they are shared between workers. The logs are not part of the repository: without them the tests that need them skip."

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
LONG = (  # what takes long comes first, so that at the end no worker waits for the other
    "tests/test_studies.py",
    "tests/test_engines.py",
    "tests/test_site.py",
    "tests/test_report.py",
    "tests/test_hierarchy.py",
    "tests/test_custody.py",
    "tests/test_figures.py",
    "tests/test_readers.py",
    "tests/test_cases.py",
    "tests/test_checks.py",
    "tests/test_names.py",
    "tests/fuzz/",
    "tests/test_roundtrip.py",
    "tests/test_times.py",
    "tests/test_draft.py",
    "tests/test_clock.py",
    "tests/test_offices.py",
    "tests/test_compare.py",
    "nbs/judge/gaming.ipynb",
    "nbs/flow/excess.ipynb",
    "nbs/figures",
    "nbs/studies",
    "tests/test_extend.py",
    "nbs/",
)


def is_notebook(nodeid):
    return nodeid.startswith("tests/test_notebooks.py::")


def place(item):
    "Where an item stands in LONG; a notebook is known by its own path"
    name = item.nodeid.partition("[")[2] if is_notebook(item.nodeid) else item.nodeid
    return next((i for i, long in enumerate(LONG) if name.startswith(long)), len(LONG))


def pytest_collection_modifyitems(items):
    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    "A free worker takes the next file of tests, whose fixtures are then made once, or the next notebook"
    from xdist.scheduler import LoadScopeScheduling

    class FilesAndNotebooks(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return nodeid if is_notebook(nodeid) else nodeid.partition("::")[0]

    config.option.loadscopereorder = False  # in the order of LONG
    return FilesAndNotebooks(config, log)


def find_data(name: str) -> Path:
    "The folder `name` below $LIUAN_EVAL_DATA or ../shared/data; skips the test where there is none"
    base = Path(os.environ.get("LIUAN_EVAL_DATA") or ROOT.parent / "shared/data")
    if not (base / name).exists():
        pytest.skip(f"no {name} data: set LIUAN_EVAL_DATA to the folder that holds {name}/")
    return base / name


@pytest.fixture
def data_dir():
    return find_data


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    "The command in this process and in an empty folder"
    from liuan_eval.report.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["liuan-eval", *args])
        try:
            main()
            code = 0
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return run
