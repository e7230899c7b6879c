"The domain pages say what the data files say, and lead to places that exist"

import json
import re
import tomllib
from pathlib import Path

import pytest

from liuan_eval.words.text import packaged

ROOT = Path(__file__).parents[1]
KEYS = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "nbs/references.bib").read_text("utf-8"), re.M))
TERMS = [(code, term) for group in packaged("dictionaries/glossary").values() for code, term in group["terms"].items()]
RULES = sorted((ROOT / "data/rules").glob("*.toml"))


def shown(name):
    "Everything a reader of a notebook sees: prose and stored outputs"
    nb = json.loads((ROOT / "nbs" / name).read_text("utf-8"))
    outs = (o for c in nb["cells"] for o in c.get("outputs", []))
    return "\n".join(["".join(c["source"]) for c in nb["cells"]] + ["".join(text) for o in outs for text in o.get("data", {}).values()])


def test_no_term_is_explained_twice():
    codes = [code for code, _ in TERMS]
    assert len(codes) == len(set(codes))
    assert len({t["zh"] for _, t in TERMS}) == len(TERMS)


@pytest.mark.parametrize(("code", "term"), TERMS, ids=[c for c, _ in TERMS])
def test_a_term_speaks_both_languages_and_leads_to_a_source_and_a_page_that_exist(code, term):
    assert re.search(r"[\u4e00-\u9fff]", term["say_zh"]) and re.search(r"[A-Za-z]{3}", term["say_en"])
    assert term["en"] and term["zh"]
    assert (ROOT / "nbs" / term["page"]).exists()
    if "source" in term:
        assert term["source"].split(",")[0] in KEYS


def test_the_glossary_page_shows_every_term():
    text = shown("domain/glossary.ipynb")
    assert [c for c, t in TERMS if f"#term-{c}" not in text or t["say_zh"] not in text or t["say_en"] not in text] == []


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_the_rules_page_shows_every_limit(path):
    rows = tomllib.loads(path.read_text("utf-8"))["limits"]
    text = shown("domain/rules.ipynb")
    assert [r["step"] for i, r in enumerate(rows, 1) if f'id="{path.stem}-{r["step"]}-{i}"' not in text] == []


def test_the_page_on_the_systems_shows_every_event_of_the_profile():
    events = tomllib.loads((ROOT / "data/profiles/liuan.toml").read_text("utf-8"))["events"]
    text = shown("domain/systems.ipynb")
    assert events and [e["zh"] for e in events if e["zh"] not in text] == []
