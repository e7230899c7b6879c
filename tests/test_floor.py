"What we cost beside the same answer in SQL written by hand: a ratio of CPU seconds in one process, never a time"

import importlib.util
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

spec = importlib.util.spec_from_file_location("bench", ROOT / "tools" / "bench.py")
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
STORED = tomllib.loads((ROOT / "tests" / "floor.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("floor")
    bench.make(made, 200_000)
    return made


def cost(name, folder):
    "CPU seconds of a task from the file, of two runs the less: what else the machine does only adds"
    work, prepare, modules = bench.TASKS[name]
    for m in modules.split():
        importlib.import_module(m)

    def once():
        begun = time.process_time()
        work(prepare(folder))
        return time.process_time() - begun

    return min(once() for _ in range(2))


@pytest.mark.parametrize("task", STORED)
def test_the_distance_to_the_floor_does_not_grow_by_half(task, folder):
    ratio = cost(f"ours_{task}", folder) / cost(f"floor_{task}", folder)
    assert ratio < 1.5 * STORED[task], f"{task} takes {ratio:.1f} times the floor; stored are {STORED[task]}"
