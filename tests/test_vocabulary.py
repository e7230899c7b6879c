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
    assert {*activities().values(), Does.LEAVES} == set(Does) and set(DIRECTIONS.values()) <= set(activities())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([*ACTIVITIES]), st.text(max_size=5), st.none()), min_size=1, max_size=20))
def test_the_engine_reads_activities_as_the_dictionary_does(words):
    t = ibis.memtable(pd.DataFrame(dict(i=range(len(words)), a=words)), schema=dict(i="int64", a="string"))
    t = t.mutate(act=act(t.a)).mutate(moves=lambda t: moves(t.act)).order_by("i").execute()
    want = [activities().get(w, Does.HOLDS) for w in words]
    assert t.act.tolist() == want and t.moves.tolist() == [d.moves for d in want]


def test_what_moves_no_custody_makes_no_spell_and_is_no_event_after_closing():
    "One reading: a case per activity, closed by its attribute on the 20th, and an event of another unit on the 18th, or on the 22nd"
    moving = {code for code, does in activities().items() if does.moves}
    closed = pd.DataFrame(dict(case_id=[*ACTIVITIES], closed_at="2022-02-20"))

    def log(day):
        rows = [(c, *event) for c in ACTIVITIES for event in (("2022-02-17", "A", "dispatched"), (f"2022-02-{day}", "B", c))]
        return CaseLog.from_frame(pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), cases=closed)

    n = custody.spells(log(18)).execute().case_id.value_counts()
    assert {code for code in ACTIVITIES if n[code] == 2} == moving
    assert set(checks.CHECKS["after_closing"].find(log(22)).execute().case_id) == moving


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
