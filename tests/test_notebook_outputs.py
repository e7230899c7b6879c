"What tools/notebooks.py holds to be the same and what not: a changed word, digit or picture is found; last digits and the chance of a simulation are not"

import base64
import io
import json
import shutil

import notebooks
import numpy as np
import pytest
from notebooks import differences, monte_carlo, new_figures, store, store_figures
from PIL import Image


def notebook(text, source="f()", **data):
    outputs = [dict(output_type="display_data", data={"text/plain": text} | data)]
    return dict(cells=[dict(id="c1", cell_type="code", source=[source], outputs=outputs)])


def told(old, new, source="f()"):
    return [text for _cell, _new, text in differences(notebook(old, source), notebook(new, source))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("n = 1,204, p = 0.031", "n = 1,204, p = 0.032"),  # one in the last digit printed
        ("1.5e-07", "1.6e-07"),
        ("123456.7", "123460.0"),  # a thousandth
        ("a gain of -0.00", "a gain of 0.00"),
        ("5.5 %", "5.6 %"),
        ("took 3.2 s", "took 4.1 s"),
        ("<b>  12 </b>", "<b> 12 </b>"),
    ],
)
def test_last_digits_and_moments_are_no_difference(old, new):
    assert told(old, new) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("the campaign helped", "the campaign harmed"),
        ("n = 1,204", "n = 1,205"),  # a count is a count
        ("p = 0.031", "p = 0.034"),
        ("from 2.1 to 3.2", "from 2.1 to 3.4"),
        ("a change of -0.31", "a change of 0.31"),
        ("5.5 %", "5.5"),
        ("12 of 200", "11 of 200"),
        ("12", "12 13"),
        ("12", ""),
    ],
)
def test_a_changed_word_or_number_is_found(old, new):
    assert len(told(old, new)) == 1


def test_a_number_of_simulated_worlds_may_differ_by_four_standard_errors():
    source = "#| monte_carlo: 200\nf()"
    assert monte_carlo(notebook("", source)["cells"][0]) == 200
    # by hand: 12 and 24 of 200 have the mean .09, so 4 sqrt(200 * .09 * .91) = 16.2; 12 and 33 have .1125, so 17.9
    assert told("12 of 200", "24 of 200", source) == [] and len(told("12 of 200", "33 of 200", source)) == 1
    assert told("0.06", "0.12", source) == [] and len(told("0.06", "0.165", source)) == 1
    assert told("6 %", "12 %", source) == [] and len(told("6 %", "16.5 %", source)) == 1


def test_what_is_no_count_or_share_of_worlds_is_compared_as_ever():
    source = "#| monte_carlo: 200\nf()"
    for old, new in [("-0.31", "-0.35"), ("1.20", "1.30"), ("201", "202"), ("12 misses", "12 hits"), ("6 %", "0.06")]:
        assert len(told(old, new, source)) == 1


def test_a_cell_declares_its_worlds_in_a_line_of_its_own():
    for source in ("f()  # monte_carlo: 200", "#| monte_carlo: many", "'#| monte_carlo: 200'"):
        assert monte_carlo(notebook("", source)["cells"][0]) is None


def test_a_cell_without_its_output_or_without_its_cell_is_found():
    assert len(list(differences(notebook("12"), dict(cells=[])))) == 1
    bare = notebook("12")
    bare["cells"][0]["outputs"] = []
    assert len(list(differences(bare, notebook("12")))) == 1


def png(level):
    "A grey picture with one point of another level"
    array, file = np.full((20, 30), 100, np.uint8), io.BytesIO()
    array[3, 4] = level
    Image.fromarray(array).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def test_pictures_are_compared_by_what_they_draw():
    stored, last_digit, moved = (notebook("<Figure>", **{"image/png": png(level)}) for level in (100, 101, 200))
    assert list(differences(stored, last_digit)) == []
    assert [text for _cell, _new, text in differences(stored, moved)] == ["picture 1 draws something else"]


def test_only_a_figure_that_is_new_or_other_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path / "here")
    for place, files in dict(here=dict(a="1", b="1"), copy=dict(a="1", b="2", c="1")).items():
        (tmp_path / place / "figures").mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / place / "figures" / f"{name}.svg").write_text(text)
    assert [p.name for p in new_figures(tmp_path / "copy")] == ["b.svg", "c.svg"]
    assert store_figures(tmp_path / "copy") == ["figures/b.svg", "figures/c.svg"] and new_figures(tmp_path / "copy") == []


def test_only_what_truly_differs_is_stored(tmp_path, monkeypatch):
    "On another processor nothing is left to commit"
    monkeypatch.setattr(notebooks, "ROOT", tmp_path / "here")
    for place, texts in dict(here=["p = 0.031", "12 cases"], copy=["p = 0.032", "13 cases"]).items():
        cells = [notebook(text)["cells"][0] | dict(id=f"c{i}") for i, text in enumerate(texts)]
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.ipynb").write_text(json.dumps(dict(cells=cells)))
    assert store(tmp_path / "copy", "a.ipynb") == ["a.ipynb, cell c1: 1 of 1 numbers: 12 is now 13"]
    texts = [c["outputs"][0]["data"]["text/plain"] for c in notebooks.read(tmp_path / "here" / "a.ipynb")["cells"]]
    assert texts == ["p = 0.031", "13 cases"] and store(tmp_path / "copy", "a.ipynb") == []


def test_a_notebook_stores_what_comes_out_and_one_that_fails_says_where(tmp_path):
    (tmp_path / "copy/nbs").mkdir(parents=True)
    for name in ("settings.ini", "pyproject.toml"):
        shutil.copy(notebooks.ROOT / name, tmp_path / "copy")
    path = tmp_path / "copy/nbs/a.ipynb"
    for code, says in (("6 * 7", None), ("6 / 0", "ZeroDivisionError")):
        cell = dict(id="c1", cell_type="code", source=code, metadata={}, outputs=[], execution_count=None)
        path.write_text(json.dumps(dict(cells=[cell], metadata={}, nbformat=4, nbformat_minor=5)))
        failed = notebooks.run(tmp_path / "copy", "nbs/a.ipynb")
        assert says in failed and failed.startswith("nbs/a.ipynb fails") if says else failed is None
        assert says or notebooks.read(path)["cells"][0]["outputs"][0]["data"]["text/plain"] == ["42"]


def test_a_copy_holds_the_rooms_and_nothing_made_here(tmp_path, monkeypatch):
    "The folder report at the top is made by `make report`, the one below liuan_eval/ is a floor"
    root = tmp_path / "here"
    for name in ("report", "liuan_eval/report", "nbs/report", ".venv", "_docs"):
        (root / name).mkdir(parents=True)
        (root / name / "a").write_text("")
    monkeypatch.setattr(notebooks, "ROOT", root)
    copy = notebooks.copied(tmp_path / "copy")
    assert sorted(str(p.relative_to(copy)) for p in copy.rglob("a")) == ["liuan_eval/report/a", "nbs/report/a"]
