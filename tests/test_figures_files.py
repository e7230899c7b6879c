"A figure is written again only where it draws something else; the face of the figures loads nothing before it is used"

import ast
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liuan_eval import figures
from liuan_eval.figures.files import LEVEL, same_drawing, same_picture
from liuan_eval.figures.look import said
from liuan_eval.intake.log import read_log
from liuan_eval.words.text import packaged

STUB = Path(figures.__file__).with_suffix(".pyi")
TWICE = dict(
    matrix=figures.flow_matrix,
    map=figures.flow_map,
    curve=figures.resolution_curve,
    by_month=lambda g, lang: figures.indicator_by_period(g, "n_cases", lang),
    limbo=figures.limbo_curves,
    change=figures.flow_change_dots,
    funnel=figures.funnel,
    grid=lambda g, lang: figures.chain_grid(g, lang, by="channel"),
)


@pytest.fixture(scope="module")
def city():
    return read_log()


def written(files):
    return [f.stat().st_mtime_ns for f in files]


@pytest.mark.parametrize("name", TWICE)
def test_the_same_figure_leaves_its_files_alone(city, name, tmp_path):
    files = figures.save(TWICE[name](city, "zh"), tmp_path, name)
    first, picture = written(files), [f.read_bytes() for f in files]
    figures.save(TWICE[name](city, "zh"), tmp_path, name)
    assert written(files) == first
    assert b"<text" not in picture[1], "letters are outlines"
    figures.save(TWICE[name](city, "en"), tmp_path, name)
    assert all(a != b for a, b in zip(written(files), first)), "another language is another figure"
    assert not same_picture(picture[0], files[0].read_bytes()) and not same_drawing(picture[1], files[1].read_bytes())


def test_a_pixel_a_shade_lighter_is_no_new_picture_and_a_digit_in_a_label_is(city, tmp_path):
    file = figures.save(figures.hops_distribution(city, "en"), tmp_path, "hops")[0]
    drawn = np.asarray(Image.open(file).convert("RGB"), "int16")

    def shaded(by):
        "The file with some pixels nearer to grey, as another processor would draw them."
        changed, out = drawn.copy(), BytesIO()
        changed[::40, ::30] += np.where(changed[::40, ::30] > 127, -by, by).astype("int16")
        Image.fromarray(changed.astype("uint8")).save(out, "PNG")
        return out.getvalue()

    for by, same in ((1, True), (LEVEL, True), (LEVEL + 1, False)):
        file.write_bytes(shaded(by))
        first = file.stat().st_mtime_ns
        figures.save(figures.hops_distribution(city, "en"), tmp_path, "hops")
        assert (file.stat().st_mtime_ns == first) == same, by
    figures.save(figures.hops_distribution(city, "en", most=5), tmp_path, "hops")
    assert not np.array_equal(np.asarray(Image.open(file).convert("RGB")), drawn)


def test_a_broken_file_is_written_anew(city, tmp_path):
    (tmp_path / "hops.png").write_bytes(b"cut off")
    (tmp_path / "hops.svg").write_bytes(b"\xff\xfe")
    png, svg = figures.save(figures.hops_distribution(city, "en"), tmp_path, "hops")
    assert Image.open(png).size[0] == 1280 and svg.read_bytes().startswith(b"<?xml")


def test_a_notebook_stores_a_figure_small(city):
    import base64

    picture = Image.open(BytesIO(base64.b64decode(figures.flow_matrix(city, "zh").small())))
    assert picture.size[0] == 960 and len(picture.getcolors()) <= 128
    near = np.abs(np.asarray(picture.convert("RGB"), int) - (0xD5, 0x5E, 0x00)).sum(axis=2).min()
    assert near < 30, "the mark of simulated data keeps its colour"


def test_the_face_loads_nothing_before_it_is_used():
    code = (
        "import sys; from liuan_eval import figures; names = dir(figures); assert 'flow_map' in names; print('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_every_name_of_the_face_is_there():
    names = [a.asname for node in ast.parse(STUB.read_text("utf-8")).body for a in node.names]
    assert sorted(names) == sorted(set(names)) and all(hasattr(figures, n) for n in names)


def test_words_stand_in_both_languages_and_are_all_used():
    rooms = "\n".join(f.read_text("utf-8") for f in STUB.parent.glob("*.py"))
    for figure, words in packaged("words/figures").items():
        assert f'said("{figure}")' in rooms or f"said('{figure}')" in rooms, figure
        assert all(set(w) == {"zh", "en"} and all(w.values()) for w in words.values()), figure
        assert list(said(figure)) == list(words)
