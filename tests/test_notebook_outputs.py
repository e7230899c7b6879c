"What tools/notebooks.py holds to be the same and what not: a changed word, digit or picture is found; last digits and the chance of a simulation are not"

import base64
import io
import json

import notebooks
import numpy as np
import pytest
from notebooks import differences, drawing_difference, figure_differences, monte_carlo, picture_difference, store
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


def figure(value, text="12"):
    "A PNG and an SVG of a small figure that shows a value"
    from matplotlib.figure import Figure

    fig = Figure(figsize=(3, 2))
    ax = fig.subplots()
    ax.plot([0, 1, value])
    ax.set_title(f"{text} cases")
    made = {}
    for kind in ("png", "svg"):
        file = io.BytesIO()
        fig.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
        made[kind] = file.getvalue()
    return made


def test_a_figure_is_what_it_draws():
    one, last_digit, moved, said = figure(0.7), figure(0.7 + 1e-12), figure(0.75), figure(0.7, "13")
    assert picture_difference(one["png"], last_digit["png"]) is None and picture_difference(one["png"], one["png"]) is None
    for other in (moved, said):
        assert "points" in picture_difference(one["png"], other["png"])
        assert drawing_difference(one["svg"].decode(), other["svg"].decode())
    assert drawing_difference(one["svg"].decode(), last_digit["svg"].decode()) is None


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return file.getvalue()


def test_a_picture_of_another_size_is_found_and_a_paler_point_is_not():
    grey = np.full((20, 30), 100, np.uint8)
    paler, darker = grey.copy(), grey.copy()
    paler[3, 4], darker[3, 4] = 116, 117
    assert picture_difference(png(grey), png(paler)) is None
    assert picture_difference(png(grey), png(darker)) == "1 points of the picture"
    assert picture_difference(png(grey), png(grey[:10])) == "the picture was 30 × 20, now 30 × 10"


def test_pictures_in_cells_are_compared():
    old, new = (notebook("<Figure>", **{"image/png": base64.b64encode(figure(v)["png"]).decode()}) for v in (0.7, 0.75))
    assert len(list(differences(old, new))) == 1 and list(differences(old, old)) == []


def test_a_new_figure_is_named(tmp_path):
    for folder, files in dict(old=["a"], new=["a", "b"]).items():
        (tmp_path / folder).mkdir()
        for name in files:
            (tmp_path / folder / f"{name}.svg").write_text("<svg/>")
    assert list(figure_differences(tmp_path / "old", tmp_path / "new")) == [("b.svg", "is new")]


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


def test_a_copy_holds_the_rooms_and_nothing_made_here(tmp_path, monkeypatch):
    "The folder report at the top is made by `make report`, the one below liuan_eval/ is a floor"
    root = tmp_path / "here"
    for name in ("report", "liuan_eval/report", "nbs/report", ".venv", "_docs"):
        (root / name).mkdir(parents=True)
        (root / name / "a").write_text("")
    monkeypatch.setattr(notebooks, "ROOT", root)
    copy = notebooks.copied(tmp_path / "copy")
    assert sorted(str(p.relative_to(copy)) for p in copy.rglob("a")) == ["liuan_eval/report/a", "nbs/report/a"]
