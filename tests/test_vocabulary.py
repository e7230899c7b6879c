"What every word does to custody, and that nothing is said in one language only"

import re

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval import custody
from liuan_eval.intake import checks
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.text import packaged
from liuan_eval.words.vocabulary import DIRECTIONS, Does, act, activities, moves

ACTIVITIES = packaged("dictionaries/words")["activity"]


@pytest.mark.parametrize("code", ACTIVITIES)
def test_every_activity_says_what_it_does_and_only_activities_do(code):
    assert ACTIVITIES[code]["does"].upper() in Does.__members__ and activities()[code].name.lower() == ACTIVITIES[code]["does"]
    assert not any("does" in o for kind, table in packaged("dictionaries/words").items() if kind != "activity" for o in table.values())


def test_each_thing_an_activity_can_do_is_done_by_one():
    assert set(activities().values()) == set(Does) and set(DIRECTIONS.values()) <= set(activities())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([*ACTIVITIES]), st.text(max_size=5), st.none()), min_size=1, max_size=20))
def test_the_engine_reads_activities_as_the_dictionary_does(words):
    t = ibis.memtable(pd.DataFrame(dict(i=range(len(words)), a=words)), schema=dict(i="int64", a="string"))
    t = t.mutate(act=act(t.a)).mutate(moves=lambda t: moves(t.act)).order_by("i").execute()
    want = [activities().get(w, Does.HOLDS) for w in words]
    assert t.act.tolist() == want and t.moves.tolist() == [d.moves for d in want]


@pytest.mark.parametrize("code", ACTIVITIES)
def test_what_moves_no_custody_makes_no_spell_is_no_event_after_closing_and_is_not_the_coming_of_a_case(code):
    "Three questions, one reading: a case closed by its attribute on the 20th, and one event of another unit on the 18th, or on the 22nd"
    rows = lambda day: pd.DataFrame(
        [("1", "2022-02-17", "A", "dispatched"), ("1", f"2022-02-{day}", "B", code)], columns=["case_id", "timestamp", "unit", "activity"]
    )
    closed, moved = pd.DataFrame(dict(case_id=["1"], closed_at=["2022-02-20"])), activities()[code].moves
    assert custody.spells(CaseLog.from_frame(rows(18), cases=closed)).count().execute() == (2 if moved else 1)
    assert ("after_closing" in check(CaseLog.from_frame(rows(22), cases=closed)).code.tolist()) == moved
    claim = pd.DataFrame(
        [("1", "2022-02-17", "A", code), ("1", "2022-02-18", "A", "claimed"), ("1", "2022-02-19", "A", "dispatched")],
        columns=rows(18).columns,
    )
    assert "step_early" not in check(CaseLog.from_frame(claim)).code.tolist()  # the claim itself brings the case


def test_a_return_by_a_dispatcher_is_one_only_after_a_unit_held_the_case():
    "A unit that only telephoned had nothing to close"
    rows = lambda activity: [("1", "2022-02-17", "A", activity), ("1", "2022-02-18", "H", "closed")]
    said = [
        check(
            CaseLog.from_frame(pd.DataFrame(rows(a), columns=["case_id", "timestamp", "unit", "activity"]), dispatchers=["H"])
        ).code.tolist()
        for a in ("replied", "called")
    ]
    assert ["dispatcher_closed" in codes for codes in said] == [True, False]


def test_every_check_is_said_in_both_languages_in_the_order_of_the_file():
    assert set(checks.CHECKS) == set(packaged("words/checks"))
    for c in checks.CHECKS.values():
        for text in (c.problem, c.done):
            assert re.search("[\u4e00-\u9fff]", text.zh) and text.en and not re.search("[\u4e00-\u9fff]", text.en)


@pytest.mark.parametrize(
    "said, error", [(None, KeyError), (dict(zh="问题"), TypeError), (dict(zh="问题", en="a problem", fr="problème"), TypeError)]
)
def test_a_check_without_words_or_with_one_language_is_an_error_when_it_is_made(monkeypatch, said, error):
    table = {} if said is None else dict(ours=dict(problem=said, done=dict(zh="保留", en="kept")))
    monkeypatch.setattr(checks, "packaged", lambda name: table)
    with pytest.raises(error):
        checks.problem("ours", of="events")
