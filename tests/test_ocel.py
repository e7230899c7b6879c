"Logs of objects, OCEL 2.0 in JSON, XML and SQLite: the same log from all three and from a table, nothing lost in silence, damaged ones refused"

import json
import random
import sqlite3
from contextlib import closing
from xml.sax.saxutils import escape, quoteattr

import pandas as pd
import pytest

from liuan_eval.custody.spells import spells
from liuan_eval.intake import checks
from liuan_eval.intake.files.ocel import read_ocel
from liuan_eval.intake.log import read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.source import LINE, PLACE, connect, open_table
from liuan_eval.words.text import LogError, Question

ENDINGS = "jsonocel", "xmlocel", "sqlite"


def said(at="1970-01-01T00:00:00Z", **values):
    return [dict(name=k, time=at, value=v) for k, v in values.items()]


def thing(name, kind, *ties, more=(), **values):
    return dict(id=name, type=kind, attributes=[*said(**values), *more], relationships=[dict(objectId=o, qualifier=q) for o, q in ties])


def happened(name, kind, at, *touched, **values):
    touched = [t if isinstance(t, tuple) else (t, "") for t in touched]
    own = [dict(name=k, value=v) for k, v in values.items()]
    return dict(id=name, type=kind, time=at, attributes=own, relationships=[dict(objectId=o, qualifier=q) for o, q in touched])


def day(d, h=9):
    return f"2022-03-{d:02}T{h:02}:00:00+08:00"


OBJECTS = [
    thing("城管局", "unit"),
    thing("住建局", "unit"),
    thing("水务局", "unit"),
    thing("C1", "appeal", channel="web", area="金安区", more=said(day(2), channel="电话")),
    thing("C2", "appeal", channel="信件"),
    thing("C3", "appeal"),
    thing("X1", "assignment", ("C1", ""), ("城管局", "主办"), round=1),
    thing("X2", "assignment", ("C1", ""), ("住建局", "协办"), round=1),
    thing("X3", "assignment", ("C2", ""), ("水务局", ""), round=2),
    thing("X4", "assignment", ("C2", "co-handles"), ("城管局", ""), round=2),
    thing("P1", "person"),
]
EVENTS = [
    happened("e1", "受理", day(1), "C1", "P1"),
    happened("e2", "派单", day(1, 10), "C1", "X1", "X2", score=1.5),
    happened("e3", "回复", day(2), "X2", ("P1", "informed"), score=2),
    happened("e4", "办结", day(3), "X1"),
    happened("e5", "派单", day(3, 10), "X3"),
    happened("e6", "回复", day(4), "C2", "X4", note="a & b <c>"),
    happened("e7", "并案", day(5), "C1", "C2"),
    happened("e8", "办结", day(6), "X3"),
    happened("e9", "巡查", day(7), ("城管局", "")),
]
KINDS = dict(channel="string", area="string", round="integer", score="float", note="string")
ROWS = [  # case, unit, activity, event: what must come out, the rows of a table
    ("C1", None, "受理", "e1"),
    ("C1", "城管局", "派单", "e2"),
    ("C1", "住建局", "assisted", "e2"),
    ("C1", "住建局", "回复", "e3"),
    ("C1", "城管局", "办结", "e4"),
    ("C2", "水务局", "派单", "e5"),
    ("C2", "城管局", "assisted", "e6"),  # put before: a reply is no dispatch
    ("C2", "城管局", "回复", "e6"),
    ("C1", None, "并案", "e7"),
    ("C2", None, "并案", "e7"),
    ("C2", "水务局", "办结", "e8"),
    (None, None, "巡查", "e9"),
]


def declared(kinds, records):
    return {k: sorted({a["name"] for r in records if r["type"] == k for a in r["attributes"]}) for k in kinds}


def as_json(objects, events):
    types = [
        [
            dict(name=k, attributes=[dict(name=a, type=KINDS[a]) for a in names])
            for k, names in declared({r["type"]: 0 for r in rs}, rs).items()
        ]
        for rs in (objects, events)
    ]
    return json.dumps(dict(objectTypes=types[0], eventTypes=types[1], objects=objects, events=events), ensure_ascii=False)


def as_xml(objects, events):
    def inner(r):
        text = [f"<attribute name={quoteattr(a['name'])}" + (f" time={quoteattr(a['time'])}" if "time" in a else "") + f">{escape(str(a['value']))}</attribute>" for a in r["attributes"]]  # fmt: skip
        more = [f"<relationship object-id={quoteattr(x['objectId'])} qualifier={quoteattr(x['qualifier'])}/>" for x in r["relationships"]]
        return f"<attributes>{''.join(text)}</attributes><objects>{''.join(more)}</objects>"

    def types(tag, rs):
        one = [f'<{tag}-type name="{k}"><attributes>' + "".join(f'<attribute name="{a}" type="{KINDS[a]}"/>' for a in names) + f"</attributes></{tag}-type>" for k, names in declared({r["type"]: 0 for r in rs}, rs).items()]  # fmt: skip
        return f"<{tag}-types>{''.join(one)}</{tag}-types>"

    o = "".join(f"<object id={quoteattr(r['id'])} type={quoteattr(r['type'])}>{inner(r)}</object>\n" for r in objects)
    e = "".join(
        f"<event id={quoteattr(r['id'])} type={quoteattr(r['type'])} time={quoteattr(r['time'])}>{inner(r)}</event>\n" for r in events
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<log>{types("object", objects)}{types("event", events)}<objects>\n{o}</objects><events>\n{e}</events></log>\n'


def as_sqlite(path, objects, events):
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as con:
        for of, rs in (("object", objects), ("event", events)):
            con.execute(f"create table {of} (ocel_id text primary key, ocel_type text)")
            con.execute(f"create table {of}_map_type (ocel_type text primary key, ocel_type_map text)")
            con.executemany(f"insert into {of} values (?, ?)", [(r["id"], r["type"]) for r in rs])
            for i, (k, names) in enumerate(declared({r["type"]: 0 for r in rs}, rs).items()):
                con.execute(f"insert into {of}_map_type values (?, ?)", (k, f"t{i}"))
                kinds = dict(integer="INTEGER", float="REAL", string="TEXT")
                own = "".join(f', "{a}" {kinds[KINDS[a]]}' for a in names)
                con.execute(
                    f'create table "{of}_t{i}" (ocel_id text, ocel_time timestamp{", ocel_changed_field text" if of == "object" else ""}{own})'
                )
                for r in (r for r in rs if r["type"] == k):
                    times = (
                        sorted({a["time"] for a in r["attributes"] if "time" in a} | {"1970-01-01T00:00:00Z"})
                        if of == "object"
                        else [r["time"]]
                    )
                    for n, at in enumerate(times):
                        now = {a["name"]: a["value"] for a in r["attributes"] if a.get("time", at) == at}
                        field = [] if of == "event" else [None if n == 0 else next(iter(now))]
                        row = [r["id"], at, *field, *(now.get(a) for a in names)]
                        con.execute(f'insert into "{of}_t{i}" values ({", ".join("?" * len(row))})', row)
        con.execute("create table event_object (ocel_event_id text, ocel_object_id text, ocel_qualifier text)")
        con.execute("create table object_object (ocel_source_id text, ocel_target_id text, ocel_qualifier text)")
        for table, rs in (("event_object", events), ("object_object", objects)):
            con.executemany(
                f"insert into {table} values (?, ?, ?)", [(r["id"], x["objectId"], x["qualifier"]) for r in rs for x in r["relationships"]]
            )
        con.commit()
    return path


def written(path, objects=None, events=None):
    objects, events = OBJECTS if objects is None else objects, EVENTS if events is None else events
    if path.suffix == ".sqlite":
        return as_sqlite(path, objects, events)
    path.write_text((as_json if "json" in path.suffix else as_xml)(objects, events), encoding="utf-8")
    return path


def opened(path, **objects):
    return open_table(connect(path), path, Mapping(objects=objects))


def rows(got):
    f = got.table.select("case_id", "unit", "activity", "event_id").execute()
    return [tuple(None if pd.isna(c) else c for c in r) for r in f.itertuples(index=False)]


def refused(path, *words):
    with pytest.raises(LogError) as e:
        opened(path).table.execute()
    assert path.name in e.value.text.en and all(w in e.value.text.en for w in words), e.value.text.en
    assert e.value.text.zh != e.value.text.en and "Traceback" not in e.value.text.en
    return e.value


def test_the_three_formats_are_one_log_and_the_rows_are_those_of_a_hand(tmp_path):
    seen = []
    for ending in ENDINGS:
        got = opened(written(tmp_path / f"a.{ending}"))
        assert rows(got) == ROWS, ending
        f = got.table.drop(LINE, PLACE).execute()
        assert f.score.tolist()[1:4] == [1.5, 1.5, 2.0] and str(got.table.score.type()) == "float64"
        assert f.channel[0] == "电话" and f.channel[5] == "信件" and f.note.dropna().unique().tolist() == ["a & b <c>"]
        seen.append((f[sorted(f.columns)].to_csv(), sorted(n.en for n in got.notes)))
    assert seen[0] == seen[1] == seen[2]
    told = " | ".join(seen[0][1])
    for words in (
        "1 events touch several cases",
        "1 events touch several units",
        "1 units that assist have",
        "1 attributes of cases changed",
        "touches: appeal 1",
        "not used: person",
    ):
        assert words in told, told


def test_the_log_is_the_same_as_from_a_table(tmp_path):
    said = dict(returned="unit_to_dispatcher")
    log = read_log(written(tmp_path / "a.sqlite"), said)
    table = opened(tmp_path / "a.sqlite").table
    table.drop(LINE, PLACE).execute().to_csv(tmp_path / "a.csv", index=False)
    other = read_log(tmp_path / "a.csv", said)
    for of in (lambda x: x.core, spells, lambda x: x.case_ids, lambda x: x.attributes):
        a, b = (of(x).execute() for x in (log, other))
        a, b = (f.sort_values(list(f.columns)).reset_index(drop=True) for f in (a, b))
        pd.testing.assert_frame_equal(a, b[list(a.columns)])
    fates = log.fates.groupby("code").n.sum()
    assert dict(fates) == dict(used=11, no_case=1) and log.counts["cases"] == 2
    assert "touch several cases" in " ".join(n.en for n in log.notes)
    assert len(checks.check(log)) > 0


def test_which_objects_are_what_is_asked_where_several_can_be_and_answered_by_the_mapping(tmp_path):
    path = written(tmp_path / "a.jsonocel", [*OBJECTS, thing("L", "ticket")])
    with pytest.raises(Question) as e:
        opened(path)
    assert e.value.key == "objects.case" and set(e.value.answers) == {"appeal", "ticket"}
    assert rows(opened(path, case="appeal")) == ROWS
    with pytest.raises(LogError, match="no object of the log is of this type"):
        opened(path, case="letter")
    with pytest.raises(LogError, match="known: case, assignment, unit"):
        Mapping(objects=dict(office="unit"))
    strange = dict(appeal="Anliegen", assignment="Auftrag", unit="Amt")
    path = written(tmp_path / "b.jsonocel", [o | dict(type=strange.get(o["type"], o["type"])) for o in OBJECTS])
    keys = {}
    while True:  # a person answers one question after the other
        try:
            got = opened(path, **keys)
            break
        except Question as q:
            key = q.key.removeprefix("objects.")
            keys[key] = dict(case="Anliegen", unit="Amt", assignment="Auftrag")[key]
            assert keys[key] in q.answers
    assert len(keys) == 3 and rows(got) == ROWS


def test_a_unit_is_an_object_an_attribute_or_what_all_events_touch(tmp_path):
    cases = [thing("C1", "appeal"), thing("C2", "appeal")]
    units = [thing(u, "unit") for u in ("甲局", "乙局")]
    told = [
        thing("X1", "assignment", ("C1", ""), **{"承办单位": "甲局", "role": "协办"}),
        thing("X2", "assignment", ("C2", ""), **{"承办单位": "乙局"}),
    ]
    KINDS.update({"承办单位": "string", "role": "string"})
    two = [happened("a", "派单", day(1), "X1"), happened("b", "回复", day(2), "X1"), happened("c", "派单", day(1), "X2")]
    hand = [("C1", "甲局", "assisted", "a"), ("C1", "甲局", "回复", "b"), ("C2", "乙局", "派单", "c")]
    near = [
        happened("a", "派单", day(1), "X1", ("甲局", "")),
        happened("b", "回复", day(2), "X1"),
        happened("c", "派单", day(1), "X2", "乙局"),
    ]
    bare = [thing("X1", "assignment", ("C1", "assists")), thing("X2", "assignment", ("C2", ""))]
    own = [happened(n, k, day(d), c, (u, q)) for n, k, d, c, u, q in (("a", "派单", 1, "C1", "甲局", "协办单位"), ("b", "回复", 2, "C1", "甲局", "配合"), ("c", "派单", 1, "C2", "乙局", "主办"))]  # fmt: skip
    column = [happened("a", "派单", day(1), "C1", unit="甲局"), happened("b", "回复", day(2), "C1", unit="甲局"), happened("c", "派单", day(1), "C2", unit="乙局")]  # fmt: skip
    KINDS.update(unit="string")
    path = tmp_path / "a.jsonocel"
    assert rows(opened(written(path, cases + told, two))) == hand
    assert rows(opened(written(path, cases + bare + units, near))) == hand
    assert rows(opened(written(path, cases + units, own))) == hand
    assert rows(opened(written(path, cases, column))) == [(c, u, "派单" if a == "assisted" else a, e) for c, u, a, e in hand]
    remark = [thing("X1", "assignment", ("C1", ""), role="请配合热线核实")]  # a remark is no role
    got = rows(opened(written(tmp_path / "b.jsonocel", cases + remark + units, near[:2])))
    assert [r[2] for r in got] == ["派单", "回复"]


def test_damaged_logs_are_remarkin_one_sentence(tmp_path):
    js, xml = as_json(OBJECTS, EVENTS), as_xml(OBJECTS, EVENTS)
    good = as_sqlite(tmp_path / "good.sqlite", OBJECTS, EVENTS).read_bytes()
    odd = {
        "cut.jsonocel": js[:-20],
        "two.json": js + js,
        "twice.json": js.replace('"id": "e2"', '"id": "e1"'),
        "key.json": js.replace('"events"', '"objects"'),
        "nan.json": js.replace("1.5", "NaN"),
        "misspelt.json": js.replace('"relationships"', '"relationship"', 1),
        "list.json": "[1, 2]",
        "old.json": '{"ocel:events": {}}',
        "none.json": '{"events": [], "objects": []}',
        "deep.json": "[" * 100_000,
        "text.json": '{"events": "x", "objects": []}',
        "cut.xmlocel": xml[:-20],
        "two.xml": xml + xml,
        "second.xml": xml + xml[xml.index("<log") :],
        "entity.xml": xml.replace("<log>", "<!DOCTYPE log [<!ENTITY a 'b'>]><log>", 1),
        "misspelt.xml": xml.replace("<event ", "<evant ", 1).replace("</event>", "</evant>", 1),
        "related.xml": xml.replace("<relationship ", "<relationshop ", 1),
        "nested.xml": xml.replace("<event id", "<event id='x' type='y' time='z'><event id", 1).replace("</event>", "</event></event>", 1),
        "stray.xml": xml.replace("</event>", "C9</event>", 1),
        "page.xml": "<html><body>404</body></html>",
        "same.xml": xml.replace('id="e2"', 'id="e1"'),
        "cut.sqlite": good[: len(good) // 2],
        "zero.sqlite": good[:8000] + bytes(5000) + good[13000:],
        "text.sqlite": "no database",
        "empty.sqlite": good[:0],
    }
    for name, data in odd.items():
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        refused(tmp_path / name)
    for sql in (
        "drop table event_object",
        "delete from event where ocel_id = 'e3'",
        "delete from object where ocel_id = 'C1'",
        "drop table event_t0",
        "insert into event_t0 select * from event_t0",
    ):
        path = tmp_path / "lost.sqlite"
        path.write_bytes(good)
        with closing(sqlite3.connect(path)) as con:
            con.execute(sql)
            con.commit()
        refused(path)
    (tmp_path / "good.sqlite-wal").write_bytes(b"x" * 40)
    refused(tmp_path / "good.sqlite", "another program is writing")
    for pair in ([tmp_path / "cut.json", tmp_path / "two.json"],):
        with pytest.raises(LogError, match="by itself"):
            open_table(connect(None), pair)


def test_a_mutated_log_gives_all_its_events_or_an_error(tmp_path):
    r, kept = random.Random(15), 0
    for ending, data in (("json", as_json(OBJECTS, EVENTS)), ("xml", as_xml(OBJECTS, EVENTS))):
        data, path = data.encode(), tmp_path / f"m.{ending}"
        for _ in range(60):
            k = r.randrange(len(data))
            path.write_bytes(
                r.choice([data[:k] + data[k + 1 :], data[:k], data[:k] + bytes([data[k] ^ (1 << r.randrange(8))]) + data[k + 1 :]])
            )
            try:
                log = read_ocel(path)
            except LogError as e:
                assert e.text.zh and e.text.en
            else:
                kept += 1
                assert [len(log.events["id"]), len(log.links["ev"]), len(log.ties["other"]), len(log.said["name"])] == [9, 15, 8, 8], (
                    ending,
                    k,
                )
    assert kept > 5


def test_a_log_beside_tables_is_not_read_and_one_alone_is(tmp_path):
    pd.DataFrame(dict(case_id=["1"], timestamp="2022-01-01", unit="A", activity="派单")).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "meta.json").write_text('{"made": "by hand"}')
    got = open_table(connect(tmp_path), tmp_path)
    assert got.table.count().execute() == 1 and any("meta.json" in n.en for n in got.notes)
    (tmp_path / "own").mkdir()
    written(tmp_path / "own" / "x.jsonocel")
    assert rows(opened(tmp_path / "own")) == ROWS
