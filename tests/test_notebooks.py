"Every notebook runs, and what comes out is what it stores: one item a notebook, so that notebooks and tests share the workers"

import time

import notebooks
import pytest
from conftest import LONG

HINT = "if the new outputs are right: python tools/notebooks.py"


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    return notebooks.copied(tmp_path_factory.mktemp("tree"))


@pytest.mark.parametrize("name", notebooks.names())
def test_a_notebook_gives_what_it_stores(copy, name):
    since = time.time() - 1  # a file's time may be rounded
    failed = notebooks.run(copy, name)
    assert not failed, failed
    stored, fresh = (notebooks.read(root / name) for root in (notebooks.ROOT, copy))
    found = [f"cell {cell['id']}: {text}" for cell, _new, text in notebooks.differences(stored, fresh)]
    found += [f"figures/{path.name} draws something else than what is stored" for path in notebooks.new_figures(copy, since)]
    assert not found, "\n".join([*found, f"{HINT} {name}"])


def test_what_comes_first_is_there():
    assert [name for name in LONG if not (notebooks.ROOT / name).exists()] == []
