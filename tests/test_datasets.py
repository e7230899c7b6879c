"The public logs that the pages use: found, verified, mapped"

import pytest

from liuan_eval.intake import datasets
from liuan_eval.words.text import LogError


def test_every_data_set_has_what_a_reader_needs():
    t = datasets.listed("en")
    assert t.name.is_unique and t.url.str.startswith("https://").all() and t.licence.str.len().gt(2).all()
    assert datasets.listed("zh").title.str.contains("[\u4e00-\u9fff]").all()


@pytest.mark.parametrize("name", ["bpic2013_incidents", "receipt", "tossing_eclipse"])
def test_the_files_here_are_those_the_pages_were_made_from(name, data_dir, monkeypatch):
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir(name).parent))
    assert datasets.find(name).exists()


def test_a_log_is_read_with_its_mapping(data_dir, monkeypatch):
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir("receipt").parent))
    assert datasets.load("receipt").counts["cases"] == 1_434


def test_what_is_absent_unknown_or_no_log_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(tmp_path))
    for name, word in (("bpic2013_incidents", "10.4121"), ("nothing", "known")):
        with pytest.raises(LogError, match=word) as e:
            datasets.load(name)
        assert e.value.text.zh != e.value.text.en
    assert not datasets.listed().here.any()
