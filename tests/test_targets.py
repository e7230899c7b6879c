"What others wrote, in every file and stream that another program reads: spreadsheets, graphs, the terminal; and what must not leave the office"

import csv
import io
import itertools
import json
import re
import sys
import zipfile

import here
import lxml.etree
import networkx as nx
import numpy as np
import openpyxl
import pandas as pd
import pytest
from scipy.optimize import linprog

from liuan_eval import CaseLog, metrics, read_log
from liuan_eval.effects.panel import panel, with_controls
from liuan_eval.figures.look import unit_labels
from liuan_eval.flow.graph import write_graph
from liuan_eval.intake.checks import check
from liuan_eval.judge.scorecard import Scorecard
from liuan_eval.publish.privacy import hide
from liuan_eval.report import tables
from liuan_eval.report.cli import COMMANDS
from liuan_eval.words.safe import visible
from liuan_eval.words.spreadsheet import CELL_CHARACTERS, sheet_names, write_csv, write_workbook
from liuan_eval.words.text import LogError

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1+1", "＠x", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")']
CONTROL = [chr(c) for c in [*range(1, 32), *range(0x7F, 0xA0), 0xFFFE, 0xFFFF, 0xD800, 0xDFFF, 0x202E, 0x2028]]
SIGNS = ["]]>", "<![CDATA[", "&amp;", "&#0;", '{"id": "<&>"}', "'x'", '"', "$x$", "甲;=1", "#N/A", "1e5", "00012", "TRUE", "_x0041_"]
TERMINAL = ["\x1b[2J", "\x1b]0;title\x07", "\r", "\x9b2J", "\u202e", "\x1b]8;;http://x\x1b\\", "\x08\x08", "\x0b", "[bold red]"]
HOSTILE = [*FORMULAS, *(f"甲{c}乙" for c in CONTROL), *SIGNS, *(f"局{t}" for t in TERMINAL)]
MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # what a terminal takes for a command


@pytest.fixture(scope="module", autouse=True)
def once():
    with here.read_once():
        yield


def test_a_csv_runs_nothing_and_comes_back(tmp_path):
    table = pd.DataFrame({"word": pd.Series(HOSTILE, dtype=object), "=head": [-1.5] * len(HOSTILE), "when": pd.Timestamp("2022-01-01")})
    write_csv(table, tmp_path / "t.csv")
    (head, *rows) = csv.reader(io.StringIO((tmp_path / "t.csv").read_text("utf-8-sig")))
    assert head == ["word", "'=head", "when"] and len(rows) == len(HOSTILE)
    assert not [r for r in rows if re.match(r"[=+\-@＝＋－＠\t\r]", r[0])]
    assert {r[1] for r in rows} == {"-1.5"}
    back = pd.read_csv(tmp_path / "t.csv", dtype={"word": str}, keep_default_na=False).word.str.removeprefix("'")
    kept = [t for t in HOSTILE if t == visible(t) and "\r" not in t and not t.startswith("'")]
    assert set(kept) <= set(back)


def test_our_own_reader_takes_the_apostrophe_off_again(tmp_path):
    units = ["=1+1", "+86局", "-2+3局", "@甲", "城管局", "-5", "A & B <c>"]
    rows = [(str(i), f"2022-01-0{k + 1} 10:00", u, a) for i, u in enumerate(units) for k, a in enumerate(("派单", "办结"))]
    table = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    write_csv(table, tmp_path / "safe.csv")
    table.to_csv(tmp_path / "plain.csv", index=False)
    safe, plain = (sorted(read_log(tmp_path / f"{n}.csv").units.unit) for n in ("safe", "plain"))
    assert safe == plain and len(safe) == len(units)


def test_a_workbook_holds_text_as_text_and_says_what_it_cut(tmp_path):
    words = [*HOSTILE, "长" * 40_000]
    numbers = [pd.Timestamp("2022-01-01", tz="UTC"), float("inf"), pd.NA, None, ("甲", "\x1b"), True]
    names = ["a" * 40, "A" * 40 + "x", "[x]:*?/\\", "'q'", "History", "", "甲\x07"]
    made = {
        n: pd.DataFrame({"=h\x1b": pd.Series(words, dtype=object), "v": list(itertools.islice(itertools.cycle(numbers), len(words)))})
        for n in names
    }
    write_workbook(made, tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        for name in (n for n in book.namelist() if n.endswith((".xml", ".rels"))):
            lxml.etree.fromstring(book.read(name))
            assert b"<f>" not in book.read(name)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert len({n.casefold() for n in book.sheetnames}) == len(names) and all(0 < len(n) <= 31 for n in book.sheetnames)
    assert not [n for n in book.sheetnames if re.search(r"[\[\]:*?/\\]", n)]
    cells = [row[0] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert {c.data_type for c in cells} == {"s"} and cells[0].value == "=1+1" and cells[0].quotePrefix
    assert len(cells[-1].value) == CELL_CHARACTERS and "40,000" in cells[-1].value
    write_workbook({"t": pd.DataFrame({c: range(9) for c in "abcdef"})}, tmp_path / "small.xlsx", rows=6, columns=4)
    shown = [[c.value for c in row] for row in openpyxl.load_workbook(tmp_path / "small.xlsx").active.rows]
    assert len(shown) == 6 and "9 rows" in shown[-1][0] and shown[0][:3] == ["a", "b", "c"] and "6 列" in shown[0][3]


def test_names_of_sheets_are_told_apart_after_they_are_cut():
    names = ["表" * 31 + str(i) for i in range(120)]
    made = sheet_names(names)
    assert len(set(made)) == 120 and max(map(len, made)) == 31


@pytest.mark.parametrize("ending", ["graphml", "gexf", "csv"])
def test_a_graph_is_whole_whatever_the_names(tmp_path, ending):
    g = nx.DiGraph(source="\x1b<&>\ud800", simulated=True)
    for a, b in zip(HOSTILE, [*HOSTILE[1:], HOSTILE[0]]):
        g.add_node(a, zh=a, en=None, received=1, is_dispatcher=False)
        g.add_edge(a, b, kind=a, hops=1, cases=1, median_hours=1.5, pingpongs=0, bounces=0)
    path = write_graph(g, tmp_path / f"g.{ending}")
    if ending == "csv":
        assert len(pd.read_csv(path)) == len(HOSTILE)
        return
    lxml.etree.parse(str(path), lxml.etree.XMLParser(resolve_entities=False, recover=False))
    back = dict(graphml=nx.read_graphml, gexf=nx.read_gexf)[ending](path)
    assert len(back) == len(HOSTILE) and back.number_of_edges() == len(HOSTILE)
    ordinary = nx.DiGraph([("城管局（A）", "A & B <c>"), ("A & B <c>", "#1 'x' \"y\"")])
    back = dict(graphml=nx.read_graphml, gexf=nx.read_gexf)[ending](write_graph(ordinary, path))
    assert set(back.edges) == set(ordinary.edges)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    "A log whose names, words and columns hold commands for a terminal, and a mapping for it"
    folder = tmp_path_factory.mktemp("odd")
    words = [*TERMINAL, *FORMULAS]
    rows = [
        (f"{i}{t}", f"2022-01-{1 + k:02d} 10:00", u, a, t, t)
        for i, t in enumerate(words)
        for k, (u, a) in enumerate([(f"甲{t}", f"走{t}"), ("乙局", f"{t}x"), (f"甲{t}", "办结")])
    ]
    heads = ["工单编号", "时间", "单位", "环节", "区域", "渠道\x1b[2J"]
    pd.DataFrame(rows, columns=heads).to_csv(folder / "log.csv", index=False, lineterminator="\r\n")
    columns = dict(zip(["case_id", "timestamp", "unit", "activity", "area"], map(json.dumps, heads)))
    text = "\n".join(f"{k} = {v}" for k, v in columns.items())
    (folder / "map.toml").write_text(f"accept = 1.0\nlayout = 'events'\n[columns]\n{text}\n", "utf-8")
    return folder


def test_nothing_that_is_printed_commands_a_terminal(odd, cli, monkeypatch):
    given = [str(odd / "log.csv"), "-m", str(odd / "map.toml")]
    evil = "".join(TERMINAL).replace("/", "")
    runs = [
        ["check", *given],
        ["check", *given, "--rows", "unknown_activity"],
        ["check", *given, "--csv", "rows\x1b[2J.csv"],
        ["metrics", *given, "-i", "n_cases", "--by", "unit", "--lang", "en"],
        ["metrics", *given, "-i", "n_cases", "--by", "area"],
        ["metrics", *given, "--only", f"area={evil}"],
        ["metrics", *given, "-i", evil],
        ["metrics", *given, "--by", evil],
        ["graph", *given, "--out", "g\x1b]0;t\x07.gexf"],
        ["graph", *given, "--out", f"g.{evil}"],
        ["check", f"no{evil}.csv"],
        ["check", given[0], "-m", f"no{evil}.toml"],
        ["mapping", given[0]],
        ["report", *given, "--card", evil],
        [evil],
        ["check", f"--{evil}"],
        ["check", "--lang", evil],
    ]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for args in runs:
        run = cli(*args)
        out = re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr)  # our own bold and slanted letters
        assert out.strip() and not MOVES.search(out), (args, MOVES.search(out))
        assert "Traceback" not in out


def test_questions_in_the_terminal_show_markup_as_it_is(odd, cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("?\n1\n"))
    run = cli("mapping", str(odd / "log.csv"), "--ask")
    assert not MOVES.search(run.stdout + run.stderr) and "Traceback" not in run.stderr


def two_health_offices(units):
    "Units of these (code, label), each with as many cases as its place says"
    rows = [
        (f"{i}-{k}", f"2022-01-{1 + d:02d}", u, "closed") for i, (u, _l) in enumerate(units) for k in range(12 * (i + 1)) for d in (0, 2)
    ]
    tree = [dict(unit=u, zh=label, en=label) for u, label in units]
    frame = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    return CaseLog.from_frame(frame, mapping=dict(units=tree, complete=True))


@pytest.mark.parametrize(
    "units",
    [
        [("A", "卫健局"), ("B", "卫健局")],
        [("A", "Health"), ("B", " ＨＥＡＬＴＨ ")],
        [("A", "卫健局"), ("B", "卫健局"), ("C", "卫健局（A）")],
        [("A", "B"), ("B", "")],
        [("A", "局" * 50 + "一"), ("B", "局" * 50 + "二")],
    ],
)
def test_two_units_with_one_label_keep_their_own_numbers(units):
    log = two_health_offices(units)
    for lang in ("zh", "en"):
        t = metrics.compute(log, "n_cases", by="unit", lang=lang)
        assert t.iloc[:, 1].nunique() == len(units) and t.iloc[:, 2].tolist() == [12 * (i + 1) for i in range(len(units))]
        drawn = unit_labels(log, lang)
        assert len(set(drawn.values())) == len(units)
        page = tables.side_by_side(log, metrics.compute(log, ["n_cases", "pingpong_rate"], by="unit"), "unit", lang).data
        assert all(f">{12 * (i + 1)}<" in page for i in range(len(units)))
    by = pd.DataFrame(dict(channel=["hotline", "12345热线", None]))
    assert metrics.translated(log, by, "zh").iloc[:, 0].tolist()[:2] == ["12345热线（hotline）", "12345热线"]


def test_two_columns_items_or_cities_with_one_name(tmp_path):
    log = two_health_offices([("A", "甲"), ("B", "乙")])
    t = metrics.translated(log, pd.DataFrame({"unit": ["A"], "单位": ["x"], "value": [1.0]}), "zh")
    assert t.columns.tolist() == ["单位（unit）", "单位", "数值"] and t.iloc[0].tolist() == ["甲", "x", 1.0]
    item = "[[items]]\nindicator = '{}'\npoints = 5\nshape = 'line'\nzh = '率'\nen = 'rate'\n"
    (tmp_path / "card.toml").write_text(
        "zh = 'x'\nen = 'x'\nsource = 's'\nstatus = 'inferred'\n" + item.format("on_time_rate") + item.format("resolution_rate"), "utf-8"
    )
    labels = [i.label.en for i in Scorecard.read(tmp_path / "card.toml").items]
    assert labels == ["rate (on_time_rate)", "rate (resolution_rate)"]
    p = panel(read_log(), "n_cases", period="month")
    others = pd.DataFrame(
        [
            dict(unit=u, period=str(d)[:7], indicator="n_cases", numerator=5, denominator=None, value=5.0)
            for u in ("合肥", "合肥 ")
            for d in p.periods
        ]
    )
    with pytest.raises(LogError, match="合肥"):
        with_controls(p, others)


PHONE, PERSON = "13912345678", "王小明"


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    "A city of three months whose words hold a citizen's name and telephone, and one unit that only three people rated"
    folder, rng = tmp_path_factory.mktemp("private"), np.random.default_rng(0)
    events, cases, calls = [], [], []
    for i in range(240):
        case, unit = f"LA2022{i:06d}", "甲乙丙丁"[0 if i % 80 == 5 else 1 + i % 3]
        day = pd.Timestamp("2022-01-01") + pd.Timedelta(days=i * 90 // 240)
        events += [(case, day, unit, "派单"), (case, day + pd.Timedelta(hours=30), unit, f"{PERSON}{PHONE}已电话告知办结")]
        out = i % 20 == 3
        cases.append((case, day + pd.Timedelta(days=5), out, f"{PERSON} {PHONE} 无理诉求{i % 3}" if out else None))
        if i % 4 or i % 80 == 5:
            calls.append((case, "first", day + pd.Timedelta(days=3), True, bool(rng.random() < 0.7), bool(rng.random() < 0.6)))
    pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity"]).to_csv(folder / "log.csv", index=False)
    pd.DataFrame(cases, columns=["case_id", "due_at", "excluded", "exclusion_reason"]).to_csv(folder / "cases.csv", index=False)
    pd.DataFrame(calls, columns=["case_id", "round", "called_at", "reached", "resolved", "satisfied"]).to_csv(
        folder / "calls.csv", index=False
    )
    (folder / "map.toml").write_text(
        f'minimum = 5\n[tables]\ncases = "cases.csv"\ncallbacks = "calls.csv"\n[words.activity]\n"{PERSON}{PHONE}已电话告知办结" = "closed"\n',
        "utf-8",
    )
    return folder


def everything(folder):
    "name -> all text of a folder's files, workbooks unpacked, without pictures and the notebook"
    found = {p.name: p.read_text("utf-8") for p in folder.rglob("*") if p.suffix in (".csv", ".json", ".html", ".svg")}
    with zipfile.ZipFile(folder / "tables.xlsx") as book:
        return found | {"tables.xlsx": "".join(book.read(n).decode() for n in book.namelist() if n.endswith(".xml"))}


def test_no_case_and_no_person_leaves_with_a_page(private, tmp_path, monkeypatch):
    with monkeypatch.context() as m:
        m.chdir(tmp_path)
        given = dict(source=str(private / "log.csv"), mapping=str(private / "map.toml"))
        pages = {s: here.render(m, s, out=tmp_path / s, lang="zh", **given) for s in ("bulletin", "report")}
    for study, page in pages.items():
        for name, text in (everything(tmp_path / study) | {"page": page}).items():
            assert PHONE not in text and PERSON not in text, (study, name)
            assert "LA2022" not in text, (study, name)
    run = json.loads((tmp_path / "report/run.json").read_text("utf-8"))
    assert run["mapping_words"] == {"activity": {"closed": 1}} and "words" not in run["mapping"] and len(run["mapping_sha256"]) == 64
    log = read_log(private / "log.csv", private / "map.toml")
    assert "LA2022" in "".join(check(log).examples) or check(log).empty  # the office itself can see them
    attack(tmp_path / "bulletin/tables")


def attack(folder):
    "Take what a bulletin shows by unit from what it shows of the city: nothing is left that rests on one cell or on fewer than five"
    own, city = (pd.read_csv(folder / f"{n}.csv") for n in ("by_unit", "city"))
    rests = lambda f: f.件数.where(f.件数.notna(), f.分母.where(f.分母.notna(), f.分子))
    own, city = own.assign(n=rests(own)), city.assign(n=rests(city)).set_index("指标").n
    assert own.隐去.any() and not (own.n.between(1, 4)).any() and not city.between(1, 4).any()
    for name in ("首次满意率", "工单数"):
        part = own[own.指标 == name]
        left = city[name] - part.n.sum()
        assert part.隐去.sum() != 1 and (left == 0 or left >= 5), name


def random_table(rng, sizes):
    "Cells of a cross table, many of them small or empty"
    keys = pd.DataFrame(list(itertools.product(*(range(s) for s in sizes))), columns=list("uvw")[: len(sizes)])
    n = rng.choice([0, 1, 2, 3, 4, 5, 8, 20, 60], len(keys), p=[0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.2, 0.2, 0.2])
    return keys.assign(denominator=n, numerator=rng.binomial(n, 0.6), value=0.5)


def totals_of(table, dims, least):
    "Every total along one dimension or several that rests on enough people: its cells as 0 and 1, its sum"
    for k in range(len(dims)):
        for kept in itertools.combinations(dims, k):
            groups = table.groupby(list(kept)).indices.values() if kept else [np.arange(len(table))]
            for at in groups:
                if table.denominator.iloc[at].sum() >= least:
                    yield np.isin(np.arange(len(table)), at).astype(float), at


@pytest.mark.parametrize("sizes, times", [((7,), 400), ((4, 5), 300), ((3, 3, 3), 100), ((12, 9), 30)])
def test_an_attacker_with_every_total_gets_no_small_cell(sizes, times):
    rng, least, told, pinned, small_cells = np.random.default_rng(len(sizes) * 100 + sizes[0]), 5, 0, 0, 0
    for _i in range(times):
        table = random_table(rng, sizes).sample(frac=1, random_state=1)
        dims, n = list("uvw")[: len(sizes)], None
        h = hide(table, least, by=dims)
        n, hidden = table.denominator.to_numpy(float), h.table.hidden.to_numpy()
        assert not ((n > 0) & (n < least) & ~hidden).any() and h.table.denominator.isna().sum() == hidden.sum()
        shown = np.where(hidden, 0, n)
        rows = [(a, (n * a).sum() - (shown * a).sum(), at) for a, at in totals_of(table, dims, least)]
        known = n == 0  # an empty cell is shown
        if h.exposed:
            told += 1
            continue
        for _a, left, at in rows:
            inside = hidden[at]
            if 0 < inside.sum() < (n[at] > 0).sum() or len(sizes) == 1:  # where something of the total is shown
                assert left == 0 or (left >= least and inside.sum() > 1), (sizes, left)
        A = np.array([a[hidden] for a, _l, _at in rows]) if rows else np.zeros((0, hidden.sum()))
        small = (n[hidden] > 0) & (n[hidden] < least)
        rank = np.linalg.matrix_rank(A) if A.size else 0
        for j in np.flatnonzero(small):
            small_cells += 1
            unit = np.eye(A.shape[1])[j]
            assert not A.size or np.linalg.matrix_rank(np.vstack([A, unit])) > rank, "a total gives a small cell back"
        if A.size and len(sizes) < 3 and _i < 20:  # how closely it can be bounded, knowing that hidden cells are not empty
            b = np.array([left for _a, left, _at in rows])
            for j in np.flatnonzero(small):
                ends = [linprog(s * np.eye(A.shape[1])[j], A_eq=A, b_eq=b, bounds=(1, None)).fun * s for s in (1, -1)]
                pinned += abs(ends[0] - ends[1]) < 1e-6
        assert not known[hidden].any()
    assert small_cells > times / 2 and told < times / 3
    assert pinned <= small_cells * 0.02, f"{pinned} of {small_cells} pinned by their bounds"


@pytest.mark.parametrize("sizes, times", [((7,), 40), ((4, 5), 20), ((3, 3, 3), 4)])
def test_an_attacker_gets_no_small_number_of_cases_that_are_still_open_or_closed(sizes, times):
    rng, least, attacked, shown_, told = np.random.default_rng(len(sizes)), 5, 0, 0, 0
    dims = list("uvw")[: len(sizes)]
    for _i in range(times):
        one = random_table(rng, sizes)
        n = one.denominator.to_numpy()
        left = rng.binomial(n, rng.choice([0, 0.05, 0.5, 0.95, 1], len(n)))
        table = one[dims].assign(indicator="close_hours", n=n, n_open=left, value=1.0)
        other = table.assign(indicator="reply_hours", n_open=rng.binomial(left, 0.9))
        h = hide(pd.concat([table, other], ignore_index=True), least, by=dims)
        assert not h.table.n_open[h.table.hidden].notna().any()
        pinned = 0
        for f, was in ((h.table[: len(n)], table), (h.table[len(n) :].reset_index(drop=True), other)):
            k, gone = was.n_open.to_numpy(), f.n_open.isna().to_numpy()
            few = np.minimum(k, n - k)
            small = (few > 0) & (few < least)
            assert gone[small].all() and f.n[~f.hidden].notna().all()
            shown_ += int((~gone & (n > 0)).sum())
            sums = [a[gone] for a, at in totals_of(one, dims, 0) if min(k[at].sum(), (n - k)[at].sum()) >= least]
            A = np.array(sums) if sums else np.zeros((0, gone.sum()))
            rank = np.linalg.matrix_rank(A) if A.size else 0
            given = [A.size and np.linalg.matrix_rank(np.vstack([A, np.eye(gone.sum())[j]])) == rank for j in np.flatnonzero(small[gone])]
            attacked, pinned = attacked + len(given), pinned + sum(map(bool, given))
        assert pinned <= h.exposed, "a total gives a small number back, and nobody says so"
        told += h.exposed > 0
        a, b = h.table[: len(n)], h.table[len(n) :].reset_index(drop=True)
        alike = ((table.n_open == other.n_open) & ~a.hidden & ~b.hidden).to_numpy()
        assert (a.n_open.isna() == b.n_open.isna())[alike].all(), "hidden in one duration of a cell, shown in another"
    assert attacked > times and shown_ > times and (told < times / 2 or len(sizes) == 3)


def test_no_duration_of_a_real_table_shows_a_small_number_still_open():
    t = metrics.compute(read_log(), ["resolution_days", "close_hours", "n_cases"], by="unit", period="month")
    last = t[t.period == t.period.max()].drop(columns="period")
    h = hide(last)
    left = h.table[h.table.n_open.notna()]
    few = np.minimum(left.n_open, left.n - left.n_open)
    assert not few.between(1, 4).any() and len(left) and h.table.n_open[h.table.n.notna()].isna().any()
    row = h.table[h.table.n.notna() & h.table.n_open.isna()].iloc[0]
    assert tables.of_what(row) == f"{row.n} (*)"
    assert hide(last, 0).table.n_open.equals(last.n_open)


def test_the_recipe_holds_where_the_old_one_gave_way():
    def shown(n, x=None, **keys):
        f = pd.DataFrame(keys or dict(unit=list("甲乙丙丁戊己"[: len(n)]))).assign(numerator=x or [k // 2 for k in n], denominator=n)
        return hide(f).table.hidden.tolist()

    assert shown([50, 3, 0]) == [True, True, False]  # one small, one empty: the empty one is no cover
    assert shown([50, 3, 12, 40, 30, 2], period=["1月"] * 3 + ["2月"] * 3, unit=list("甲乙丙") * 2) == [False, True, True] * 2
    assert shown([3, 2]) == [True, True] and shown([50, 3, 1]) == [True, True, True] and shown([3, 9]) == [True, True]
    f = pd.DataFrame(dict(unit=list("甲乙丙"), numerator=[40, 2, 9], denominator=[50, 3, 12]), index=[0, 0, 0])
    assert hide(f).table.hidden.tolist() == [False, True, True] and hide(f).table.index.tolist() == [0, 0, 0]
    t = metrics.compute(read_log(), ["resolution_days", "n_cases", "satisfaction_rate"], by=["unit", "area"])
    left = hide(t).table.query("not hidden")
    counts = left.indicator == "n_cases"
    assert not left.n.between(1, 4).any() and not left.numerator[counts].between(1, 4).any() and len(left) > 100


def test_the_bulletin_takes_its_threshold_from_the_command():
    assert COMMANDS["bulletin"].takes["least"].default == 5
