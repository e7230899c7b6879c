"Reading as a careful person does: answer what is asked, and nothing else; and what came out, as plain numbers"

import re
import tomllib
from collections.abc import Mapping as Answers

import pytest

from liuan_eval import custody, metrics
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import read_log
from liuan_eval.words.text import LogError, Question

CHINESE = re.compile("[\u4e00-\u9fff]")


def places(key):
    "The names of a dotted key"
    table, names = tomllib.loads(f"{key} = 0"), []
    while isinstance(table, dict):
        (name, table), *_ = table.items()
        names.append(name)
    return names


def told(mapping, key, value):
    "The mapping with an answer at its dotted key"
    top, *below = places(key)
    return mapping | {top: told(mapping.get(top) or {}, ".".join(f'"{n}"' for n in below), value) if below else value}


def touched(log):
    "Compute what everything stands on, so that nothing is left unasked"
    assert log.counts and custody.cases(log).count().execute() is not None
    return log


def answered(source, mapping, answers: Answers = {}, most=12):
    "The log, and the keys asked for in order; the answers stand under the key, or under its first name"
    asked = []
    for _question in range(most):
        try:
            return touched(read_log(source, mapping)), asked
        except Question as q:
            asked.append(q.key)
            first = places(q.key)[0]
            assert q.key in answers or first in answers, f"asked what nobody could know: {q}"
            assert asked.count(q.key) == 1, f"asked twice: {q.key}"
            mapping = told(mapping, q.key, answers.get(q.key, answers.get(first)))
    raise AssertionError(f"asked without end: {asked}")


def got(source, mapping):
    "The log, read without a question"
    return touched(read_log(source, mapping))


def refused(source, mapping, *words, kind=LogError):
    "The error of reading, told in both languages, with these words in both"
    with pytest.raises(LogError) as e:
        got(source, mapping)
    said_well(e.value, *words)
    assert isinstance(e.value, kind), e.value
    return e.value


def asks(source, mapping, key, *words):
    "The question of reading, and that its key is this one or stands below it"
    e = refused(source, mapping, *words, kind=Question)
    assert e.key == key or places(e.key)[: len(places(key))] == places(key), e.key
    return e


def said_well(e, *words):
    "Both languages, no traceback, and these words in both"
    zh, en = e.text.zh, e.text.en
    letters = [c for c in en if not c.isspace()]
    assert CHINESE.search(zh) and re.search("[a-z]{2}", en) and zh != en, str(e)
    assert "Traceback" not in str(e), str(e)
    assert sum(c.isascii() for c in letters) > len(letters) / 2, en
    for w in words:
        assert w in zh and w in en, f"{w!r} is missing in: {e}"


def cases(log):
    return custody.cases(log).order_by("case_id").execute().set_index("case_id")


def numbers(log):
    "cases, hops, ping-pongs, open ones, median days of the closed"
    c = cases(log)
    days = c.duration_seconds[c.closed_at.notna()].median() / 86400
    return dict(
        cases=len(c),
        hops=int(c.n_hops.sum()),
        pingpong=int(c.n_pingpong.sum()),
        open=int(c.closed_at.isna().sum()),
        days=round(float(days), 3),
    )


def codes(log):
    "What `check` found: code -> how many"
    f = check(log, "en")
    return {} if f.empty else f.groupby("code")["count"].sum().to_dict()


def value(log, indicator, **by):
    "One row of an indicator: a dict"
    return metrics.compute(log, [indicator], **by).iloc[0].to_dict()


def units(log):
    "The names of units that the log knows, sorted"
    return sorted(log.units.unit.dropna())
