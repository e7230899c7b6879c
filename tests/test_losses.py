"Nothing is lost in silence, and nothing is read that nobody named: damaged files, odd names, files that change, rows without a case"

import gzip
import io
import os
import random
import socket
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from liuan_eval.figures.look import short, unit_labels, width, wrap
from liuan_eval.flow.excess import change_of, excess_of
from liuan_eval.intake import checks
from liuan_eval.intake import log as logs
from liuan_eval.intake.files.places import files_of, place_of
from liuan_eval.intake.log import read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.source import connect, fingerprint, open_table
from liuan_eval.words.text import LogError

N = 40
EVENT = '<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="2022-01-{:02d}T10:00:00+08:00"/><string key="org:resource" value="甲局"/></event>\n'
XES = '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n'
XES += "".join(
    f'<trace><string key="concept:name" value="C{i:05d}"/>\n{EVENT.format("派单", 1 + i % 28)}{EVENT.format("办结", 1 + i % 28)}</trace>\n'
    for i in range(N)
)
XES += "</log>\n"
GOOD = pd.DataFrame(dict(case_id=["NEW1", "NEW1", "NEW2"], timestamp=["2022-01-01 10:00", "2022-01-01 11:00", "2022-01-02 10:00"]))
GOOD = GOOD.assign(unit=["A局", "B局", "A局"], activity="派单")


def opened(source):
    return open_table(connect(source), source)


def refused(source) -> str:
    with pytest.raises(LogError) as e:
        opened(source)
    assert e.value.text.zh and "Traceback" not in e.value.text.en
    return e.value.text.en


def mutated(data: bytes, r: random.Random) -> tuple[str, bytes]:
    "A file as it can arrive: one bit or byte wrong, a piece lost, doubled or zeroed, the end missing"
    k, kind = r.randrange(len(data)), r.choice(["flip", "lost", "put in", "cut", "tail", "doubled", "zeroed", "&", "<"])
    if kind == "flip":
        return kind, data[:k] + bytes([data[k] ^ (1 << r.randrange(8))]) + data[k + 1 :]
    if kind in "&<":
        return kind, data[:k] + kind.encode() + data[k:]
    span = r.randrange(1, 600)
    return kind, dict(
        lost=data[:k] + data[k + 1 :],
        cut=data[:k] + data[k + span :],
        tail=data[:k],
        doubled=data[:k] + data[k : k + span] + data[k:],
        zeroed=data[:k] + bytes(min(span, len(data) - k)) + data[k + span :],
    ).get(kind, data[:k] + bytes([r.randrange(256)]) + data[k:])


def test_a_damaged_event_log_gives_all_its_events_or_an_error_with_a_line(tmp_path):
    "Whatever is still well-formed holds as many rows as it holds events, and as many places for a value"
    r, path, con, kept = random.Random(14), tmp_path / "m.xes", connect("m.xes"), 0
    for _i in range(200):
        kind, data = mutated(XES.encode(), r)
        path.write_bytes(data)
        try:
            n = open_table(con, path).table.count().execute()
        except LogError as e:
            assert "line " in e.text.en and "行" in e.text.zh, (kind, e)
        else:
            kept += 1
            assert n == data.count(b"<event>"), kind
    assert 10 < kept < 190


def test_an_event_log_with_what_xes_does_not_have_at_its_place_is_refused(tmp_path):
    trace = XES[XES.index("<trace>") : XES.index("</trace>") + 8]
    second = XES[XES.index("<log") :]
    odd = dict(
        two=XES + XES,
        second=XES + second,
        nested=XES.replace("<trace>", second + "<trace>", 1),
        around=XES.replace("<log ", "<logs><log ", 1) + second + "</logs>",
        misspelt=XES.replace(trace, trace.replace("trace>", "trbce>"), 1),
        event=XES.replace(trace, trace.replace("event>", "Event>"), 1),
        value=XES.replace("<string key", "<strinh key", 1),
        inside=XES.replace("</event>", EVENT.format("派单", 1) + "</event>", 1),
    )
    for name, text in odd.items():
        (tmp_path / f"{name}.xes").write_text(text, encoding="utf-8")
        assert "line " in refused(tmp_path / f"{name}.xes"), name
    (tmp_path / "two.xes.gz").write_bytes(gzip.compress((XES + XES).encode()))
    assert "line " in refused(tmp_path / "two.xes.gz")


def far(cell: str) -> bytes:
    "A workbook with one stray cell"
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in [list(GOOD), *GOOD.to_numpy().tolist()]:
        book.active.append(row)
    book.active[cell] = "x"
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("cell", ["XFD1048576", "ZZ1048576"])
def test_a_workbook_with_a_cell_far_away_is_refused_in_a_sentence(tmp_path, cell):
    (tmp_path / "far.xlsx").write_bytes(far(cell))
    assert "larger than the memory" in refused(tmp_path / "far.xlsx")


def old_book(tmp_path) -> bytes:
    xlwt = pytest.importorskip("xlwt")
    book = xlwt.Workbook()
    sheet = book.add_sheet("工单")
    for i, row in enumerate([list(GOOD), *GOOD.to_numpy().tolist() * 30]):
        for j, cell in enumerate(row):
            sheet.write(i, j, cell)
    book.save(str(tmp_path / "whole.xls"))
    return (tmp_path / "whole.xls").read_bytes()


@pytest.mark.parametrize("kind", ["xls", "xlsx", "parquet"])
def test_damaged_binary_files_end_in_a_log_or_a_sentence(tmp_path, kind):
    "Six of a kind here; the fuzzer tries hundreds"
    if kind == "xls":
        data = old_book(tmp_path)
    else:
        whole = tmp_path / f"whole.{kind}"
        GOOD.to_excel(whole, index=False) if kind == "xlsx" else GOOD.to_parquet(whole)
        data = whole.read_bytes()
    r, path = random.Random(3), tmp_path / f"m.{kind}"
    for _i in range(6):
        path.write_bytes(mutated(data, r)[1])
        try:
            read_log(path, complete=True).events.execute()
        except LogError as e:
            assert e.text.zh and path.name in e.text.en


def test_damage_in_a_column_that_nobody_asks_for_is_found_when_the_file_is_opened(tmp_path):
    "Parquet is read where it lies: what cannot be read later must be known now"
    path, n = tmp_path / "a.parquet", 5000
    pd.concat([GOOD] * n).assign(more=np.random.default_rng(1).random(3 * n)).to_parquet(path, compression="zstd")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(2000) + data[len(data) // 2 + 2000 :])
    assert "a.parquet" in refused(path)


WRITERS = dict(
    csv=lambda t, p: t.to_csv(p, index=False),
    parquet=lambda t, p: t.to_parquet(p),
    jsonl=lambda t, p: t.to_json(p, orient="records", lines=True, force_ascii=False),
)
NAMES = (
    "工单[1]",
    "a*b",
    "a?b",
    "[!a]",
    "{a,b}",
    "~",
    "%41",
    "%s",
    "-x",
    " a b ",
    "'q' \"d\"",
    "a\nb",
    "$HOME",
    "case_id=7",
    "a\\b",
    "http:",
)


@pytest.mark.parametrize("kind", WRITERS)
def test_names_are_literal(tmp_path, monkeypatch, kind):
    "A file and a folder; beside them lies what a pattern would match"
    write = WRITERS[kind]
    for i, name in enumerate(NAMES):
        here = tmp_path / str(i)
        (here / name).mkdir(parents=True)
        for other in ("工单1", "axb", "a", "b", "A"):
            write(GOOD.assign(case_id="OLD"), here / f"{other}.{kind}")
        write(GOOD, here / f"{name}.{kind}")
        write(GOOD, here / name / f"p.{kind}")
        monkeypatch.chdir(here)
        for source in (f"{name}.{kind}", here / f"{name}.{kind}", name):
            assert set(opened(source).table.case_id.execute()) == {"NEW1", "NEW2"}, source


def test_what_is_no_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below" / "deep").mkdir(parents=True)
    GOOD.to_parquet(tmp_path / "below" / "deep" / "p.parquet")
    os.mkfifo("pipe.csv")
    os.symlink("nowhere", "link.csv")
    os.symlink("loop.csv", "loop.csv")
    os.symlink("/dev/zero", "zero.csv")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("socket.csv")
        for name in ("", " ", "\n", "\0", "a\0b", ".", "..", "/", "x" * 5000, "pipe.csv", "link.csv", "loop.csv", "zero.csv", "socket.csv"):
            assert len(refused(name)) < 500, name
            with pytest.raises(LogError):
                read_log(name)
        for name in ("/dev/zero", "/dev/null", "below/deep/p.parquet/x", "no/such.csv", "~"):
            refused(name)
    with pytest.raises(LogError, match="is no name"):
        GOOD.to_csv("e.csv", index=False)
        read_log("e.csv", tables=dict(cases=""))


def test_folders_tell_what_they_do_not_read(tmp_path):
    folder = tmp_path / "x.csv"
    (folder / "b").mkdir(parents=True)
    with pytest.raises(LogError, match="without a file"):
        opened(folder)
    for name in ("a.csv", "b/a.csv"):
        GOOD.to_csv(folder / name, index=False)
    os.mkfifo(folder / "pipe.csv")
    os.symlink("nowhere", folder / "link.csv")
    os.symlink("..", folder / "up")
    (folder / "note.docx").write_bytes(b"x")
    got = opened(folder)
    assert got.table.count().execute() == 6
    assert all(any(n in note.en for note in got.notes) for n in ("pipe.csv", "link.csv", "note.docx"))


def test_more_files_than_are_one_log_are_refused_in_words(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as z:
        for i in range(2001):
            z.writestr(f"{i}.csv", "a,b\n1,2\n")
    assert "more than 2,000 files" in refused(tmp_path / "many.zip")
    monkeypatch.setattr("liuan_eval.intake.files.places._ENTRIES", 3)
    for i in range(5):
        (tmp_path / f"{i}.csv").write_text("a", "utf-8")
    with pytest.raises(LogError, match="files and folders"):
        files_of(tmp_path)
    assert place_of(tmp_path) == tmp_path


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_changes_is_noticed(tmp_path, monkeypatch, kind):
    path = tmp_path / f"a.{kind}"
    WRITERS[kind](GOOD, path)
    log, read = read_log(path, complete=True), fingerprint(path)
    assert log.source["sha256"] == read and "file_changed" not in set(checks.check(log).code)
    WRITERS[kind](pd.concat([GOOD, GOOD.assign(case_id="NEW3")]), path)
    if kind == "parquet":  # read where it lies
        with pytest.raises(LogError, match="changed after it was read"):
            checks.check(log)
    else:
        assert checks.check(log).set_index("code").examples["file_changed"] == path.name and log.counts["cases"] == 2
    assert log.source["sha256"] == read
    build = logs._build

    def slowly(*given):
        log = build(*given)
        with path.open("ab") as f:
            f.write(b"\n")
        return log

    monkeypatch.setattr(logs, "_build", slowly)
    with pytest.raises(LogError, match="changed while it was read"):
        read_log(path, complete=True)


def test_the_tables_beside_a_log_and_lists_of_files_have_digests_too(tmp_path):
    GOOD.to_csv(tmp_path / "e.csv", index=False)
    GOOD.to_csv(tmp_path / "f.csv", index=False)
    (tmp_path / "c.csv").write_text("case_id,area\nNEW1,a\n", "utf-8")
    log = read_log(tmp_path / "e.csv", tables=dict(cases=str(tmp_path / "c.csv")))
    assert log.source["tables"] == {"cases": fingerprint(tmp_path / "c.csv")}
    several = [tmp_path / "e.csv", str(tmp_path / "f.csv")]
    assert read_log(several).source["sha256"] == fingerprint(several)


def test_calls_and_case_rows_without_a_case_are_counted_with_their_place(tmp_path):
    e = pd.concat([GOOD, GOOD.assign(case_id="B")])
    e.to_csv(tmp_path / "e.csv", index=False)
    (tmp_path / "calls.csv").write_text(
        "case_id,reached,satisfied\nNEW1,是,满意\n,是,不满意\n 　,是,不满意\nZ,是,不满意\n无,是,满意\nB,,\n", "utf-8"
    )
    (tmp_path / "cases.csv").write_text("case_id,area\nNEW1,x\n,y\nNEW1,z\nQ,x\nb,q\nB,x\nB,x\nＢ,w\n-,x\n", "utf-8")
    tables = {k: str(tmp_path / v) for k, v in dict(callbacks="calls.csv", cases="cases.csv").items()}
    log = read_log(tmp_path / "e.csv", tables=tables, accept=1, complete=True)
    fates = log.fates.set_index(["table", "code"]).n
    assert fates["callbacks"].to_dict() == dict(call_unknown=1, no_call=1, no_case=3, used=1)
    assert fates["cases"].sum() == 9 and fates["cases"]["no_case"] == 2
    found = checks.check(log, "en").set_index("code")["count"]
    want = dict(call_no_case=3, call_unknown=1, row_no_case=2, changing=2, no_event=1, two_spellings=1, duplicate_case=1)
    assert {k: int(found.get(k, 0)) for k in want} == want
    lines = {k: sorted(checks.concerned(log, k).line) for k in ("call_no_case", "row_no_case")}
    assert lines == dict(call_no_case=[3, 4, 6], row_no_case=[3, 10])


def test_a_tree_that_is_none_is_refused_with_the_units_named():
    def said(*units):
        with pytest.raises(LogError) as e:
            Mapping.make(dict(units=[dict(zip(("unit", "parent", "kind"), u)) for u in units]))
        return e.value.text.en

    assert "a → b → a" in said(("a", "b"), ("b", "a")) and "a → a" in said(("a", "a"))
    assert "b → c → d → b" in said(("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"))
    assert "'z'" in said(("a", "z")) and "stands twice" in said(("a",), ("a",))
    assert "bureau" in said(("a", None, "bureau"))
    units = [dict(unit=str(i), **({"parent": str(i + 1)} if i < 9999 else {})) for i in range(10_000)]
    assert len(Mapping.make(dict(units=units)).units) == 10_000


def test_names_of_any_length_are_cut_in_one_pass(monkeypatch):
    "Letters are looked at once, however long a name is"
    looked = []
    monkeypatch.setattr("liuan_eval.figures.look.east_asian_width", lambda c: looked.append(c) or "W")
    assert short("局" * 100_000) == "局" * 10 + "…" and len(looked) < 1000
    looked.clear()
    assert all(width(line) <= 16 for line in wrap("局" * 20_000, 16)) and len(looked) < 200_000


def test_long_names_that_begin_alike_are_told_apart_in_a_figure():
    units = ["长" * 1000 + "甲", "长" * 1000 + "乙", "丙"]
    log = read_log(GOOD.assign(unit=units))
    labels = unit_labels(log, "zh")
    assert len(set(labels.values())) == 3 and max(map(width, labels.values())) < 70


def test_more_units_than_can_be_compared_are_refused_before_the_memory_is_full():
    units = [f"U{i}" for i in range(2000)]
    flows = pd.DataFrame(dict(stratum="", from_unit=units, to_unit=units[1:] + units[:1], cases=1, hops=1))
    with pytest.raises(LogError, match="too many to compare pair by pair"):
        excess_of(flows)
    paths = pd.DataFrame(dict(path=list(zip(units, flows.to_unit)), stratum="", after=[False, True] * 1000, n=1))
    with pytest.raises(LogError, match="too many to shuffle"):
        change_of(paths, repeats=100_000)


def test_more_columns_than_a_log_can_have_are_refused_in_words(tmp_path):
    wide = pd.DataFrame([["x"] * 10_000], columns=[f"c{i}" for i in range(10_000)])
    for kind, write in WRITERS.items():
        write(wide, tmp_path / f"a.{kind}")
        assert "columns, of which at most 1,000" in refused(tmp_path / f"a.{kind}")
    with pytest.raises(LogError, match="10,000 columns"):
        read_log(wide)
