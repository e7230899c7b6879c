"Where the tests find real logs. They are not part of the repository: without them the tests that need them skip."

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG = (
    "test_studies",
    "test_site",
    "test_engines",
    "test_report",
    "test_hierarchy",
    "test_extend",
    "test_custody",
    "test_figures",
    "test_compare",
)


def pytest_collection_modifyitems(items):
    "Files that take long come first, so that at the end no core waits for the other"
    items.sort(key=lambda i: LONG.index(i.path.stem) if i.path.stem in LONG else len(LONG))


def find_data(name: str) -> Path:
    "The folder `name` below $LIUAN_EVAL_DATA or ../shared/data; skips the test where there is none"
    base = Path(os.environ.get("LIUAN_EVAL_DATA") or ROOT.parent / "shared/data")
    if not (base / name).exists():
        pytest.skip(f"no {name} data: set LIUAN_EVAL_DATA to the folder that holds {name}/")
    return base / name


@pytest.fixture
def data_dir():
    return find_data
