"Eight kinds of office export, made anew: read right after answering only what is asked"

import tomllib

import pytest
from cases.offices import EXPORTS, HUB, OFFICES, made_for, truth
from cases.read import answered, numbers, places, value

ANSWERS = dict(  # what a person of the office knows, asked or not
    returned="unit_to_dispatcher",
    dispatchers=[HUB],
    ties="oldest_first",
    repeats="once",
    ids="unique",
    several="one",
    times="ymd",
    sheets=["3月", "4月", "5月"],
)
OWN = dict(  # by kind: keys whose answer is another there
    tickets={'steps."退回时间".unit': "退回单位", 'steps."退回 退回时间".unit': "退回 退回单位"},
    stays={"layout": "stays"},
)


def answer(key, kind):
    "The answer to a question of this key; None for one that can stay open"
    own = OWN.get(kind, {})
    return own.get(key, ANSWERS.get(key, ANSWERS.get(places(key)[0])))


def asked_for(path, kind):
    "The mapping that the draft makes with a person's answers, and the keys that had to be answered"
    from liuan_eval.intake.draft import drafted, raised, toml_of
    from liuan_eval.intake.profile import look

    d, answers = raised(drafted(look(path))), {}
    for _round in range(6):
        new = {q.key: a for q in d.open if (a := answer(q.key, kind)) is not None}
        unknown = [q.key for q in d.open if q.must and q.key not in new]
        assert not unknown, f"asked what nobody could know: {unknown}"
        if not new:
            break
        answers |= new
        d = raised(drafted(d.looked, answers))
    assert d.stop is None, d.stop
    return tomllib.loads(toml_of(d)), answers


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_is_read_right_after_answering_what_is_asked(tmp_path, kind):
    write, name = EXPORTS[kind]
    made = made_for(kind)
    path, want = write(tmp_path / name, made), truth(made)
    mapping, _answers = asked_for(path, kind)
    log, _asked = answered(path, mapping, {k: v for k, v in (ANSWERS | OWN.get(kind, {})).items() if v is not None})
    got = numbers(log)
    assert {k: got[k] for k in ("cases", "hops", "pingpong", "open")} == {k: want[k] for k in ("cases", "hops", "pingpong", "open")}
    assert abs(got["days"] - want["days"]) < (0.6 if kind == "ledger" else 0.01)
    on_time = value(log, "on_time_rate")
    if kind == "ledger":  # by day: whoever closed on the day of the limit was in time, as the limit's hour is its evening
        assert abs(on_time["numerator"] - want["on_time"][0]) <= 3 and abs(on_time["denominator"] - want["on_time"][1]) <= 3
    else:
        assert (on_time["numerator"], on_time["denominator"]) == want["on_time"]
    assert {u for u in log.units.unit if u in OFFICES} == {s[1] for c in made for s in c.stays}
