"Broken exports of every kind: a log, a question or an error that names the file; never a crash, a hang or a silent loss"

import pytest
from mutate import FILES, Reader, made

SEEDS = range(1, 5)


@pytest.fixture(scope="module")
def reader():
    it = Reader()
    yield it
    it.close()


@pytest.mark.parametrize("kind", FILES)
def test_a_broken_export_is_read_asked_about_or_refused_in_words(kind, reader, tmp_path):
    wrong = []
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        path, least, _most, mapping, done = made(folder, kind, seed)
        what, problem, seconds = reader.read(path, least, mapping)
        if problem:
            wrong.append(f"seed {seed} ({done}), {what} after {seconds:.1f} s: {problem}")
    assert not wrong, "\n".join(wrong)
