"What offices export, made in many variants: each is read right, or is refused in a sentence, and every line that is no row is counted"

import bz2
import gzip
import io
import re
import zipfile

import ibis
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

from liuan_eval.intake.log import read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.source import LINE, PLACE, connect, fingerprint, open_table
from liuan_eval.words.text import LogError

HEADER = ["工单编号", "时间", "承办单位", "环节"]
ROWS = [
    ["W001", "2023-03-01 09:00", "热线办", "受理"],
    ["W001", "2023-03-01 10:00", "住建局", "派单"],
    ["W001", "2023-03-02 10:00", "城管局", "移送"],
    ["W001", "2023-03-03 10:00", "住建局", "移送"],
    ["W001", "2023-03-05 10:00", "住建局", "办结"],
    ["W002", "2023-03-01 09:30", "热线办", "受理"],
    ["W002", "2023-03-04 11:00", "城管局", "办结"],
    ["W003", "2023-03-02 13:00", "热线办", "受理"],
    ["W003", "2023-03-02 14:00", "水务局", "派单"],
]


def csv(rows=ROWS, header=HEADER, sep=","):
    return "".join(sep.join(r) + "\n" for r in [header, *rows])


def many(n):
    return [[f"W{i:05d}", f"2023-03-{i % 28 + 1:02d} 09:00", "住建局", "办结"] for i in range(n)]


def opened(source, sheets=()):
    return open_table(connect(source), source, Mapping(sheets=sheets))


def rows(got):
    return got.table.drop(LINE, PLACE).execute().fillna("").values.tolist()


def lines(got):
    return got.table[LINE].execute().tolist()


def aside(got):
    return got.aside[["line", "reason"]].values.tolist()


def said(got):
    return " | ".join(n.en for n in got.notes)


def refused(source, *words, sheets=()):
    with pytest.raises(LogError) as e:
        opened(source, sheets).table.execute()
    zh, en = e.value.text.zh, e.value.text.en
    assert re.search("[\u4e00-\u9fff].*。", zh) and re.search("[a-z].*[.]", en) and zh != en, str(e.value)
    for w in words:
        assert w in en and w in zh, f"{w!r} is missing in: {e.value}"
    return e.value


def write(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


# text: encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines(tmp_path, encoding, ends):
    got = opened(write(tmp_path / "a.csv", csv().replace("\n", ends), encoding))
    assert rows(got) == ROWS and lines(got) == list(range(2, 11)) and not len(got.aside)
    assert bool(got.notes) == (encoding in ("utf-16-le", "utf-16-be", "gb18030", "gbk"))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_zero_byte_in_a_cell_makes_no_other_encoding(tmp_path, encoding):
    row = ",".join(ROWS[3])
    for cell in ROWS[3]:
        for more in ("\0", "-\0"):
            path = write(tmp_path / "a.csv", csv().replace(row, row.replace(cell, cell + more)), encoding)
            with pytest.raises(LogError, match="line 5 holds binary content"):
                opened(path)


TAIWAN = [
    [f"T{i:03d}", f"2023-03-{i % 28 + 1:02d} 09:00", u, a]
    for i, (u, a) in enumerate([("環境保護局", "派工"), ("工務局養護工程處", "結案"), ("民政局社會救助科", "轉交")] * 5)
]


def test_big5_is_told_from_gbk(tmp_path):
    got = opened(write(tmp_path / "a.csv", csv(TAIWAN, ["案件編號", "時間", "承辦單位", "環節"]), "big5"))
    assert rows(got) == TAIWAN and "Big5" in said(got)


@pytest.mark.parametrize(
    "text", ["六安市", "市场监督管理局、住房和城乡建设局", "水电气暖、噪声扰民：夜间施工", "１２３４５热线；〔2023〕１号"]
)
def test_short_gbk_is_not_taken_for_big5(tmp_path, text):
    table = [["W1", "2023-03-01", text, "受理"]] * 3
    assert rows(opened(write(tmp_path / "a.csv", csv(table), "gbk"))) == table


@pytest.mark.parametrize("first, second", [("utf-8", "gbk"), ("gbk", "utf-8")])
def test_two_encodings_in_one_file_stay_an_error(tmp_path, first, second):
    more = "W009,2023-03-01,住房城乡建设局,受理\n"
    refused(write(tmp_path / "a.csv", csv().encode(first) + more.encode(second)), "a.csv", "11")


def test_files_joined_with_their_marks_and_headers(tmp_path):
    got = opened(write(tmp_path / "a.csv", csv().encode("utf-8-sig") + csv().encode("utf-8-sig")))
    assert rows(got) == ROWS * 2 and aside(got) == [[11, "header_again"]] and lines(got)[-1] == 20


@pytest.mark.parametrize("data", [b"\x00\x01\x02" * 50, b"a,b\n1,\x00\n" * 9, bytes(range(256)) * 9, b"\xff" * 99])
def test_binary_that_is_called_text(tmp_path, data):
    refused(write(tmp_path / "a.csv", data), "a.csv")


# text: what stands above, between and below the rows


TITLES = {
    "title": ("六安市工单流转明细\n", 1),
    "padded title": ("六安市工单流转明细,,,\n", 1),
    "two titles": ("六安市工单流转明细\n统计时间：2023年3月,,制表：热线办,\n\n", 2),
    "sep": ("sep=,\n", 0),
    "sep and title": ("sep=,\n六安市工单\n", 1),
    "blank lines": ("\n\n", 0),
}


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize(
    "change", [lambda t: t, lambda t: t.replace("受理\n", "受理\r\n"), lambda t: "\ufeff" + t], ids=["", "mixed ends", "mark"]
)
def test_titles_with_any_line_ends(tmp_path, title, change):
    above, n = TITLES[title]
    got = opened(write(tmp_path / "a.csv", change(above + csv())))
    assert rows(got) == ROWS and [r for _, r in aside(got)] == ["title"] * n
    assert lines(got)[0] == 2 + above.count("\n")


def test_sep_of_excel_with_mark_and_semicolons(tmp_path):
    assert rows(opened(write(tmp_path / "a.csv", "\ufeffsep=;\r\n" + csv(sep=";").replace("\n", "\r\n")))) == ROWS


BELOW = {
    "total": ("合计,9,,\n", "total"),
    "spaced total": ("合　计,9,,\n", "total"),
    "short total": ("总计：9 件\n", "total"),
    "total with a time": ("合计,2023-03-05 10:00,3,\n", "total"),
    "signatures": ("\n制表人：某某,2023-04-01,审核人：某某,部门负责人\n", "footer"),
    "short signatures": ("\n制表人：某某,审核人：某某\n", "footer"),
    "time of export": ("导出时间：2023-04-01 09:00:00\n", "footer"),
    "note": ("注：本表由系统生成,,,\n", "footer"),
    "stray note": ("以上数据由系统自动生成\n", "footer"),
    "page": ("第 1 页 共 1 页,,,\n", "footer"),
}


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("n", [9, 500])
def test_what_stands_below_a_text_table_is_set_aside(tmp_path, below, n):
    table = ROWS if n == 9 else many(n)
    more, why = BELOW[below]
    got = opened(write(tmp_path / "a.csv", csv(table) + more))
    assert rows(got) == table and [r for _, r in aside(got)] == [why]
    assert got.aside.line.tolist() == [len(table) + 1 + more.count("\n")]


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("n", [9, 500])
def test_what_stands_below_a_sheet_is_set_aside(tmp_path, below, n):
    table = ROWS if n == 9 else many(n)
    more, why = BELOW[below]
    book = openpyxl.Workbook()
    for r in [["六安市工单"], HEADER, *table, *[line.split(",") for line in more.splitlines()]]:
        book.active.append([c or None for c in r])
    book.save(tmp_path / "a.xlsx")
    got = opened(tmp_path / "a.xlsx")
    assert rows(got) == table and [r for _, r in aside(got)] == ["title", why]


@pytest.mark.parametrize(
    "row",
    [
        ["W010", "2023-03-06 09:00", "合计划拨中心", "受理"],
        ["审批001", "2023-03-06 09:00", "审批局", "受理"],
        ["", "2023-03-06 09:00", "住建局", "受理"],
        ["W010", "", "住建局", "受理"],
        ["W010", "昨天", "", ""],
    ],
)
def test_a_row_of_data_is_no_footer(tmp_path, row):
    for place in (0, 4, 9):
        table = [*ROWS[:place], row, *ROWS[place:]]
        got = opened(write(tmp_path / "a.csv", csv(table)))
        assert rows(got) == table and not len(got.aside)


def test_units_first_and_no_ids_lose_nothing(tmp_path):
    table = [[u, t, a] for _, t, u, a in ROWS] + [["审批局", "2023-03-06 09:00", "受理"], ["审计局", "2023-03-06 09:00", "受理"]]
    got = opened(write(tmp_path / "a.csv", csv(table, ["承办单位", "时间", "环节"])))
    assert rows(got) == table and not len(got.aside)


def test_two_exports_with_other_ids_below_one_another_lose_nothing(tmp_path):
    other = [[f"皖〔2023〕{i}号", f"2023/3/{i + 1} 9:00", "住建局", "受理"] for i in range(40)]
    got = opened(write(tmp_path / "a.csv", csv(many(400) + other)))
    assert len(rows(got)) == 440 and not len(got.aside)


def test_subtotals_and_headings_between_the_rows(tmp_path):
    table = [
        ["一、市直单位", "", "", ""],
        *ROWS[:5],
        ["小计", "5", "", ""],
        ["二、县区", "", "", ""],
        *ROWS[5:],
        ["小计", "4", "", ""],
        ["总计", "9", "", ""],
    ]
    got = opened(write(tmp_path / "a.csv", csv(table)))
    assert rows(got) == ROWS and [r for _, r in aside(got)] == ["title", "total", "title", "total", "total"]


def test_pages_with_their_titles_headers_and_numbers(tmp_path):
    text = "".join(f"工单表,,,\n{csv(part)}第 {i} 页 共 2 页,,,\n" for i, part in enumerate((ROWS[:5], ROWS[5:]), 1))
    got = opened(write(tmp_path / "a.csv", text))
    assert rows(got) == ROWS and [r for _, r in aside(got)] == ["title", "footer", "title", "header_again", "footer"]


# text: rows that are too short or too long, and quotation marks


@pytest.mark.parametrize("bad", ["W9,2023-03-01 09:00\n", "W9,2023-03-01 09:00,甲,受理,多\n", 'W9,2023-03-01 09:00,"甲,受理\n', "W9\n"])
@pytest.mark.parametrize("long", [1, 12_000])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_few_bad_rows_are_set_aside_and_many_refused(tmp_path, bad, long, encoding):
    bad = bad.replace("W9", "W9" + "水" * long)
    table = csv(many(300))
    got = opened(write(tmp_path / "a.csv", table + bad + csv(many(300), many(1)[0]), encoding))
    assert len(rows(got)) == 601 and aside(got) == [[302, "short_row"]] and lines(got)[300] == 303
    e = refused(write(tmp_path / "b.csv", csv() + bad + csv()[30:], encoding), "b.csv", "11")
    assert "4" in e.text.en or "quot" in e.text.en


def test_trailing_separators_in_rows_only(tmp_path):
    got = opened(write(tmp_path / "a.csv", csv().replace("\n", ",\n").replace("环节,", "环节")))
    assert rows(got) == ROWS and list(got.table.columns)[:4] == HEADER
    got = opened(write(tmp_path / "a.csv", csv().replace("受理\n", "受理,,,\n")))
    assert rows(got) == ROWS and not len(got.aside)


def test_line_breaks_and_marks_in_fields_and_the_line_of_each_row(tmp_path):
    said = ['路灯不亮，"东\n\n街", 已三天', '6" 管', "", '"全部"', "a\nb\nc", "x", ",", "y", "\n"]
    table = [[*r, s] for r, s in zip(ROWS, said)]
    pd.DataFrame(table, columns=[*HEADER, "内容"]).to_csv(tmp_path / "a.csv", index=False)
    got = opened(tmp_path / "a.csv")
    assert rows(got) == table
    raw = (tmp_path / "a.csv").read_text("utf-8").split("\n")
    assert [raw[no - 1].split(",")[1] for no in lines(got)] == [r[1] for r in ROWS]


def test_stray_marks_cost_one_row_at_most(tmp_path):
    table = many(1000)
    text = csv(table).replace("W00500,2023-03-25 09:00,住建局", 'W00500,2023-03-25 09:00,"住建局')
    got = opened(write(tmp_path / "a.csv", text))
    assert len(rows(got)) == 999 and aside(got) == [[502, "short_row"]]
    text = csv(table).replace("W00500,2023-03-25 09:00,住建局", 'W00500,2023-03-25 09:00,"住建"局')
    assert len(rows(opened(write(tmp_path / "a.csv", text)))) == 1000
    quoted = "\n".join(",".join(f'"{c}"' for c in r) for r in [HEADER, *table]).replace(
        '"W00500","2023-03-25 09:00"', '"W00500","2023-03-25 09:00'
    )
    got = opened(write(tmp_path / "a.csv", quoted))
    assert len(rows(got)) + len(got.aside) == 1000 and len(rows(got)) >= 998


@pytest.mark.parametrize("seed", range(20))
def test_any_table_is_read_as_it_was_written(tmp_path, seed):
    "Cells with separators, marks and line breaks in them; every row stands in its line"
    rng = np.random.default_rng(seed)
    signs = list("甲乙 ,;|\"'\n1a") + ["\r\n", '""', "合计", "\t"]
    table = [[f"W{i}", *("".join(rng.choice(signs, rng.integers(0, 6))) for _ in range(3))] for i in range(60)]
    pd.DataFrame(table, columns=HEADER).to_csv(tmp_path / "a.csv", index=False, encoding=["utf-8", "gb18030", "utf-16"][seed % 3])
    got = opened(tmp_path / "a.csv")
    seen = [[c.replace("\r\n", "\n").strip() for c in r] for r in rows(got)]
    assert len(seen) + len(got.aside) == 60
    want = {r[0]: [c.replace("\r\n", "\n").strip() for c in r] for r in table}
    assert all(want[r[0]] == r for r in seen)


# names of columns


NAMES = ["编号", "Unit", "unit", "", "self", "time_text", "__row__", "工单\n编号", "x", "x"]
NAMED = ["编号", "Unit", "unit_3", "column_4", "self_5", "time_text_6", "__row___7", "工单编号", "x", "x_10"]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "frame", "arrow"])
def test_names_are_mended_the_same_way_everywhere(tmp_path, kind):
    frame = pd.DataFrame([[f"W{i}", *"abcdefghi"] for i in range(3)], columns=NAMES)
    source, want = tmp_path / f"a.{kind}", NAMED
    table = pa.Table.from_arrays([pa.array(frame.iloc[:, i]) for i in range(10)], NAMES)
    if kind == "csv":
        frame.to_csv(source, index=False)
    elif kind == "xlsx":
        frame.to_excel(source, index=False)
    elif kind == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, source)
    else:
        source = frame if kind == "frame" else table
    got = opened(source)
    assert list(got.table.columns) == [*want, LINE, PLACE] and rows(got) == frame.values.tolist()
    assert "unit_3" in said(got)


def test_wide_tables_cost_as_their_size(tmp_path):
    "No query for each of many columns"
    import time

    def seconds(k):
        pd.DataFrame({"编号": [f"W{i}" for i in range(20_000)]} | {f"列{j}": "值" for j in range(k)}).to_csv(
            tmp_path / "a.csv", index=False
        )
        start = time.process_time()
        opened(tmp_path / "a.csv")
        return time.process_time() - start

    seconds(3)
    assert seconds(168) < 25 * max(seconds(3), 0.05)


# workbooks


def book(path, **sheets):
    with pd.ExcelWriter(path, engine="openpyxl") as w:
        for name, table in sheets.items():
            wide = max(map(len, table))
            pd.DataFrame([[*r, *[None] * (wide - len(r))] for r in table]).to_excel(w, sheet_name=name, header=False, index=False)
    return path


def test_all_sheets_with_the_same_header_are_read(tmp_path):
    path = book(
        tmp_path / "a.xlsx",
        封面=[["六安市工单"], ["2023 年"]],
        一月=[HEADER, *ROWS[:5]],
        二月=[["标题"], HEADER[::-1], *[r[::-1] for r in ROWS[5:]]],
        字典=[["词", "码"], ["派单", "1"]],
    )
    got = opened(path)
    assert rows(got) == ROWS and got.table[PLACE].execute().tolist() == ["一月"] * 5 + ["二月"] * 4
    assert lines(got) == [2, 3, 4, 5, 6, 3, 4, 5, 6] and "字典" in said(got) and "封面" in said(got)
    assert got.aside.values.tolist() == [["二月", 1, "title", "标题"]]
    assert rows(opened(path, sheets=("二月",))) == ROWS[5:] or rows(opened(path, sheets=("二月",))) == [r[::-1] for r in ROWS[5:]]
    refused(path, "三月", "二月", sheets=("三月",))
    refused(path, "字典", sheets=("一月", "字典"))


def test_hidden_sheets_are_named_and_not_read(tmp_path):
    path = book(tmp_path / "a.xlsx", 旧=[HEADER, *many(50)], 新=[HEADER, *ROWS])
    b = openpyxl.load_workbook(path)
    b["旧"].sheet_state = "hidden"
    b.save(path)
    got = opened(path)
    assert rows(got) == ROWS and "旧" in said(got) and "hidden" in said(got)
    assert len(rows(opened(path, sheets=("旧", "新")))) == 59


def test_charts_are_no_sheets(tmp_path):
    b = openpyxl.Workbook()
    for r in [HEADER, *ROWS]:
        b.active.append(r)
    b.create_chartsheet("图", 0)
    b.save(tmp_path / "a.xlsx")
    assert rows(opened(tmp_path / "a.xlsx")) == ROWS


@pytest.mark.parametrize("merged", [True, False])
def test_a_header_in_two_rows_is_joined(tmp_path, merged):
    b = openpyxl.Workbook()
    s = b.active
    for r in [
        ["六安市工单"],
        ["工单编号", "受理", None, "办结", None],
        [None, "时间", "单位", "时间", "单位"],
        *[[r[0], r[1], r[2], r[1], r[2]] for r in ROWS],
    ]:
        s.append(r)
    if merged:
        for place in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
            s.merge_cells(place)
    b.save(tmp_path / "a.xlsx")
    got = opened(tmp_path / "a.xlsx")
    assert list(got.table.columns)[:5] == ["工单编号", "受理时间", "受理单位", "办结时间", "办结单位"]
    assert len(rows(got)) == 9 and lines(got)[0] == 4 and aside(got) == [[1, "title"]]
    text = s.values
    pd.DataFrame(text).to_csv(tmp_path / "a.csv", index=False, header=False)
    assert list(opened(tmp_path / "a.csv").table.columns) == list(got.table.columns)


def test_merged_cells_are_filled_only_where_the_merge_says_so(tmp_path):
    b = openpyxl.Workbook()
    s = b.active
    for r in [HEADER, *ROWS]:
        s.append(r)
    for r in range(3, 7):
        s.cell(r, 1).value = None
    s.merge_cells("A2:A6")
    s.cell(8, 1).value = None
    b.save(tmp_path / "a.xlsx")
    assert [r[0] for r in rows(opened(tmp_path / "a.xlsx"))] == ["W001"] * 5 + ["W002", "", "W003", "W003"]


def test_cells_of_every_kind_as_text(tmp_path):
    b = openpyxl.Workbook()
    s = b.active
    s.append([*HEADER, "数", "真"])
    for i, r in enumerate(ROWS):
        s.append([202300000000 + i, pd.Timestamp(r[1]), r[2], r[3], 1.5, True])
    b.save(tmp_path / "a.xlsx")
    assert rows(opened(tmp_path / "a.xlsx"))[0] == ["202300000000", "2023-03-01 09:00:00", "热线办", "受理", "1.5", "TRUE"]


def html(table, encoding="gb2312"):
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in r) + "</tr>\n" for r in table)
    return f"<html><head><meta charset={encoding}><style>td {{x}}</style></head><body><table>{body}</table></body></html>"


def spreadsheet(table, name="工单", merge=""):
    body = "".join("<Row>" + "".join(f'<Cell><Data ss:Type="String">{c}</Data></Cell>' for c in r) + "</Row>\n" for r in table)
    return f'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="{name}"><Table>{merge}{body}</Table></Worksheet></Workbook>'


def mhtml(table):
    return (
        b'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="x"\n\n--x\nContent-Type: text/html; charset="gb2312"\nContent-Transfer-Encoding: 8bit\n\n'
        + html(table).encode("gbk")
        + b"\n--x--\n"
    )


CALLED_EXCEL = {
    "web page": lambda t: html(t).encode("gbk"),
    "web page in utf-8": lambda t: html(t, "utf-8").encode("utf-8-sig"),
    "web page in utf-16": lambda t: html(t, "utf-16").encode("utf-16"),
    "one-file page": mhtml,
    "xml": lambda t: spreadsheet(t).encode(),
    "xml in gbk": lambda t: spreadsheet(t).replace("?>", ' encoding="GB2312"?>', 1).encode("gbk"),
    "tabs": lambda t: csv(t[1:], t[0], "\t").encode("gbk"),
    "tabs in utf-16": lambda t: csv(t[1:], t[0], "\t").encode("utf-16"),
    "commas": lambda t: csv(t[1:], t[0]).encode("utf-8-sig"),
}


@pytest.mark.parametrize("kind", CALLED_EXCEL)
@pytest.mark.parametrize("ending", ["xls", "xlsx", "et"])
def test_what_is_called_excel_is_read_as_what_it_is(tmp_path, kind, ending):
    got = opened(write(tmp_path / f"a.{ending}", CALLED_EXCEL[kind]([HEADER, *ROWS])))
    assert rows(got) == ROWS and lines(got) == list(range(2, 11)) and got.notes


def test_spans_of_web_pages_and_xml(tmp_path):
    page = (
        "<table><tr><th colspan=4>工单<tr>"
        + "".join(f"<th>{h}" for h in HEADER)
        + "<tr><td rowspan=2>W001<td>2023-03-01<br>09:00<td>热线&nbsp;办<td>受理"
    )
    page += "<tr><td>2023-03-01 10:00<td>A&amp;B<td>派单</table>"
    got = opened(write(tmp_path / "a.xls", page, "gbk"))
    assert rows(got) == [["W001", "2023-03-01\n09:00", "热线 办", "受理"], ["W001", "2023-03-01 10:00", "A&B", "派单"]]
    xml = spreadsheet([HEADER]).replace(
        "</Table>",
        '<Row ss:Index="4"><Cell ss:MergeDown="1"><Data ss:Type="String">W001</Data></Cell><Cell ss:Index="3"><Data ss:Type="String">甲</Data></Cell></Row>'
        '<Row><Cell ss:Index="2"><Data ss:Type="DateTime">2023-03-01T10:00:00.000</Data></Cell><Cell><Data ss:Type="Number">2.0</Data></Cell></Row></Table>',
    )
    got = opened(write(tmp_path / "b.xls", xml))
    assert [r[:3] for r in rows(got)] == [["W001", "", "甲"], ["W001", "2023-03-01 10:00:00", "2"]] and lines(got) == [4, 5]


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>please log in</body></html>",
        b"PK\x03\x04" + b"\0" * 99,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        spreadsheet([HEADER, *ROWS])[:-30].encode(),
        b"<table></table>",
        b"\x09\x08\x10\x00" + b"\0" * 50,
    ],
)
@pytest.mark.parametrize("ending", ["xls", "xlsx", "xlsb", "ods", "et"])
def test_broken_workbooks_are_refused(tmp_path, data, ending):
    refused(write(tmp_path / f"a.{ending}", data), f"a.{ending}")


def test_a_password_is_said_in_a_sentence(tmp_path):
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 5000
    assert "password" in refused(write(tmp_path / "a.xlsx", data), "a.xlsx").text.en


def test_entities_of_xml_workbooks_are_refused(tmp_path):
    bad = spreadsheet([HEADER, *ROWS]).replace("<Workbook", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><Workbook', 1)
    assert "DOCTYPE" in refused(write(tmp_path / "a.xls", bad), "a.xls").text.en


# packed files, several files, folders


def packed(kind, name, data):
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            z.writestr(name, data)
        return out.getvalue()
    if kind == "zst":
        out = io.BytesIO()
        with pa.CompressedOutputStream(out, "zstd") as f:
            f.write(data)
            f.close()
            return out.getvalue() if not out.closed else b""
    return dict(gz=gzip, bz2=bz2)[kind].compress(data)


@pytest.mark.parametrize("inner", ["csv", "xlsx", "parquet", "xes", "jsonl"])
@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "zst"])
def test_packed_files(tmp_path, kind, inner):
    frame, path = pd.DataFrame(ROWS, columns=HEADER), tmp_path / f"工单.{inner}"
    if inner == "jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif inner == "xes":
        path.write_text(xes(), encoding="utf-8")
    else:
        dict(csv=frame.to_csv, xlsx=frame.to_excel, parquet=frame.to_parquet)[inner](path, index=False)
    if kind == "zst":
        with pa.output_stream(str(tmp_path / f"工单.{inner}.zst"), compression="zstd") as f:
            f.write(path.read_bytes())
    else:
        write(tmp_path / f"工单.{inner}.{kind}", packed(kind, path.name, path.read_bytes()))
    got = opened(tmp_path / f"工单.{inner}.{kind}")
    assert len(rows(got)) == 9 and (inner == "xes" or rows(got) == ROWS)
    assert got.table[PLACE].execute().isna().all()
    data = (tmp_path / f"工单.{inner}.{kind}").read_bytes()
    refused(write(tmp_path / f"b.{inner}.{kind}", data[: len(data) // 2]), f"b.{inner}.{kind}")


def test_a_zip_of_months_and_names_of_a_chinese_windows(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("2023/1月.csv", csv(ROWS[:5]).encode("gbk"))
        z.writestr("2023/2月.csv", csv(ROWS[5:]).encode())
        z.writestr("说明.docx", "x")
        z.writestr("__MACOSX/._1月.csv", b"\0\0")
    got = opened(tmp_path / "a.zip")
    assert rows(got) == ROWS and got.table[PLACE].execute().tolist() == ["2023/1月.csv"] * 5 + ["2023/2月.csv"] * 4
    assert "说明.docx" in said(got) and "MACOSX" not in said(got)
    info = zipfile.ZipInfo("1月.csv".encode("gbk").decode("cp437"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as z:
        z.writestr(info, csv())
        z.writestr("2月.csv", csv())
    data = (tmp_path / "b.zip").read_bytes()
    assert len(rows(opened(write(tmp_path / "b.zip", data)))) == 18


@pytest.mark.parametrize("how", ["list", "folder", "zip"])
def test_several_files_with_the_same_header(tmp_path, how):
    d = tmp_path / "导出"
    d.mkdir()
    write(d / "1.csv", csv(ROWS[:5]) + "合计,5,,\n", "gbk")
    book(d / "2.xlsx", 一=[HEADER, *ROWS[5:7]], 二=[HEADER, *ROWS[7:]])
    source = d if how == "folder" else [d / "1.csv", str(d / "2.xlsx")]
    if how == "zip":
        source = tmp_path / "a.zip"
        with zipfile.ZipFile(source, "w") as z:
            for f in sorted(d.iterdir()):
                z.write(f, f.name)
    got = opened(source)
    assert rows(got) == ROWS and got.aside[["place", "line", "reason"]].values.tolist() == [["1.csv", 7, "total"]]
    assert got.table[PLACE].execute().tolist() == ["1.csv"] * 5 + ["2.xlsx: 一"] * 2 + ["2.xlsx: 二"] * 2
    assert len(fingerprint(source)) == 64
    write(d / "3.csv", csv().replace("环节", "步骤"))
    if how != "zip":
        refused([*source, d / "3.csv"] if how == "list" else d, "3.csv", "步骤", "环节")


def test_a_folder_without_a_table_and_a_zip_without_one(tmp_path):
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / "a.docx", "x")
    refused(tmp_path / "d", "d")
    refused(write(tmp_path / "a.zip", packed("zip", "a.docx", b"x")), "a.zip")
    refused(write(tmp_path / "b.zip", b"no zip"), "b.zip")


# JSON lines


def test_json_lines(tmp_path):
    text = '{"工单编号": "001", "次数": 2, "单位": ["甲", "乙"]}\r\n\r\n{"工单编号": "002", "更多": {"a": null}, "次数": null}\n'
    got = opened(write(tmp_path / "a.jsonl", "\ufeff" + text))
    assert rows(got) == [["001", "2", '["甲","乙"]', ""], ["002", "", "", '{"a":null}']] and lines(got) == [1, 3]


@pytest.mark.parametrize(
    "text", ['{"a": 1}\n{"a": ', '{"a": 1}\n[1]\n', '{"a": 1}\nnull\n', '{"a": 1}\nx\n', '{"a": 1}\n{"a": 1}{"a": 2}\n']
)
def test_broken_json_lines(tmp_path, text):
    refused(write(tmp_path / "a.ndjson", text), "a.ndjson", "2")


# names that are patterns, partitions or addresses


@pytest.mark.parametrize("name", ["工单[1]", "工单*", "工单?", "[a-z]", "~", "工单 (1)", "工单'1", 'a"b', "工单{1,2}", "%20"])
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "xlsx", "xes"])
def test_a_name_with_signs_opens_exactly_that_file(tmp_path, name, ending):
    frame = pd.DataFrame(ROWS, columns=HEADER)
    for n, f in ((name, frame), ("工单1", frame[:1]), ("工单2", frame[:1]), ("a", frame[:1]), ("工单", frame[:1])):
        path = tmp_path / f"{n}.{ending}"
        if ending == "jsonl":
            f.to_json(path, orient="records", lines=True)
        elif ending == "xes":
            path.write_text(xes(f), encoding="utf-8")
        else:
            dict(csv=f.to_csv, parquet=f.to_parquet, xlsx=f.to_excel)[ending](path, index=False)
    assert len(rows(opened(tmp_path / f"{name}.{ending}"))) == 9
    if name in ("工单*", "工单?"):
        (tmp_path / f"{name}.{ending}").unlink()
        refused(tmp_path / f"{name}.{ending}", f"{name}.{ending}")


@pytest.mark.parametrize("folder", ["承办单位=甲局", "时间=2020-01-01", "工单编号=7", "新=1"])
@pytest.mark.parametrize("ending", ["csv", "parquet", "folder of parquet", "jsonl"])
def test_folders_named_as_partitions_change_nothing(tmp_path, folder, ending):
    d = tmp_path / folder
    d.mkdir()
    frame = pd.DataFrame(ROWS, columns=HEADER)
    path = d / f"a.{ending}"
    if ending == "folder of parquet":
        frame[:5].to_parquet(d / "1.parquet", index=False)
        frame[5:].to_parquet(d / "2.parquet", index=False)
        path = d
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        dict(csv=frame.to_csv, parquet=frame.to_parquet)[ending](path, index=False)
    got = opened(path)
    assert rows(got) == ROWS and list(got.table.columns)[:4] == HEADER and len(got.table.columns) == 6


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://bucket/a.parquet", "file:///etc/hostname", "hf://datasets/a/b.csv"])
def test_addresses_are_refused(address):
    with pytest.raises(LogError, match="network"):
        connect(address)
    with pytest.raises(LogError, match="network"):
        open_table(ibis.duckdb.connect(), address)
    with pytest.raises(LogError, match="network"):
        opened([address])


def test_the_engine_fetches_no_extension(tmp_path):
    con = connect("a.csv")
    got = con.raw_sql("select current_setting('autoload_known_extensions'), current_setting('autoinstall_known_extensions')").fetchall()
    assert got == [(False, False)]


# XES


def xes(frame=None, head='<?xml version="1.0" encoding="UTF-8"?>', times="+08:00"):
    frame = pd.DataFrame(ROWS, columns=HEADER) if frame is None else frame

    def event(e):
        return (
            f'<event><string key="org:group" value="{e.承办单位}"/><string key="concept:name" value="{e.环节}"/>'
            f'<date key="time:timestamp" value="{e.时间.replace(" ", "T")}:00.000{times}"/></event>\n'
        )

    traces = [
        f'<trace><string key="concept:name" value="{c}"/>\n{"".join(map(event, g.itertuples()))}</trace>\n'
        for c, g in frame.groupby("工单编号", sort=False)
    ]
    return f'{head}\n<log xes.version="1.0" xmlns="http://www.xes-standard.org/">\n{"".join(traces)}</log>\n'


@pytest.mark.parametrize("encoding", ["GBK", "GB2312", "gb18030", "UTF-8", "UTF-16", "Big5", "ISO-8859-1"])
def test_xes_in_the_encoding_it_declares(tmp_path, encoding):
    text = xes(head=f"<?xml version='1.0' encoding='{encoding}'?>")
    if encoding == "Big5":
        text = (
            text.replace("热线办", "熱線辦")
            .replace("住建局", "住建局")
            .replace("务", "務")
            .replace("单", "單")
            .replace("办", "辦")
            .replace("结", "結")
        )
    if encoding == "ISO-8859-1":
        text = re.sub("[^\x00-\xff]", "é", text)
    got = opened(write(tmp_path / "a.xes", text, encoding)).table.execute()
    assert (
        len(got) == 9 and got["org:group"].iloc[2] == ("ééé" if encoding == "ISO-8859-1" else "城管局") and got[LINE].tolist()[:2] == [4, 5]
    )


def test_xes_in_an_encoding_that_nobody_knows_or_that_it_is_not_in(tmp_path):
    refused(write(tmp_path / "a.xes", xes(head='<?xml version="1.0" encoding="klingon"?>')), "a.xes", "klingon")
    refused(write(tmp_path / "a.xes", xes(), "gbk"), "a.xes", "4")
    refused(write(tmp_path / "a.xes", xes(head='<?xml version="1.0" encoding="ascii"?>')), "a.xes")


WHOLE = xes(pd.DataFrame(many(100), columns=HEADER))
AT = WHOLE.index("W00050")
BROKEN = {
    "a single <": WHOLE[:AT] + "<" + WHOLE[AT + 1 :],
    "bare ampersand": WHOLE[:AT] + "&" + WHOLE[AT + 1 :],
    "lost quote": WHOLE.replace('"W00050"', '"W00050', 1),
    "bad end tag": WHOLE[:AT] + WHOLE[AT:].replace("</trace>", "</trbce>", 1),
    "NUL": WHOLE[:AT] + "\0" + WHOLE[AT + 1 :],
    "cut in the middle": WHOLE[:AT] + WHOLE[AT + 500 :],
    "cut": WHOLE[:AT],
    "end in a comment": WHOLE[:AT] + '"/><!-- </log> -->',
    "two logs": WHOLE + WHOLE,
    "two roots": WHOLE + "<log/>",
    "entities": WHOLE.replace("<log", '<!DOCTYPE log [<!ENTITY a "aa">]><log', 1),
    "file": WHOLE.replace("<log", '<!DOCTYPE log SYSTEM "file:///etc/hostname"><log', 1),
    "no events": '<?xml version="1.0"?><log></log>',
    "html": "<html><body>404</body></html>",
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("name", ["a.xes", "a.xes.gz"])
def test_no_event_of_a_broken_xes_is_lost_in_silence(tmp_path, fault, name):
    data = BROKEN[fault].encode()
    e = refused(write(tmp_path / name, gzip.compress(data) if name.endswith("gz") else data), name)
    assert fault in ("no events", "html") or re.search(r"line \d", e.text.en)


def test_bad_utf8_in_xes_is_refused(tmp_path):
    data = xes().encode()
    i = data.index("城管局".encode())
    refused(write(tmp_path / "a.xes", data[:i] + b"\xff" + data[i + 1 :]), "a.xes", "6")


def test_xes_times_types_and_defaults(tmp_path):
    text = xes(times="").replace("<trace>", '<global scope="event"><string key="org:group" value="__INVALID__"/></global>\n<trace>', 1)
    text = text.replace('<string key="org:group" value="热线办"/>', "", 1).replace("</event>", '<int key="n" value="1"/></event>', 3)
    text = text.replace("</event>", '<string key="lifecycle:transition" value="start"/></event>', 1)
    got = opened(write(tmp_path / "a.xes", text.replace('<int key="n" value="1"/>', '<string key="n" value="x"/>', 1))).table
    assert str(got["time:timestamp"].type()) == "timestamp(6)" and got["n"].type().is_string()
    frame = got.execute()
    assert frame["org:group"].isna().tolist() == [True] + [False] * 8 and frame["lifecycle:transition"].tolist()[0] == "start"
    assert str(frame["time:timestamp"][0]) == "2023-03-01 09:00:00" and frame["n"].tolist()[:3] == ["x", "1", "1"]
    assert opened(write(tmp_path / "b.xes", text)).table["n"].type().is_integer()
    mixed = opened(write(tmp_path / "c.xes", text.replace('09:00:00.000"', '09:00:00.000+08:00"', 1))).table
    assert mixed["time:timestamp"].type().is_string()


def test_xes_nested_values_and_cases_without_events(tmp_path):
    text = xes().replace(
        "</event>", '<list key="l"><values><string key="a" value="甲"/><string key="a" value="乙"/></values></list></event>', 1
    )
    text = text.replace("</log>", '<trace><string key="concept:name" value="empty"/></trace></log>')
    got = opened(write(tmp_path / "a.xes", text))
    assert got.table.execute()["l"].tolist()[0] == '["甲", "乙"]' and "1 cases have no event" in said(got)


# Parquet and frames


def test_parquet_keeps_its_rows_and_their_numbers(tmp_path):
    d = tmp_path / "d"
    d.mkdir()
    frame = pd.DataFrame(ROWS, columns=HEADER).assign(单位=[[1, 2]] * 9, 记录=[{"a": 1}] * 9)
    frame[:5].to_parquet(d / "1.parquet", index=False)
    frame[5:].to_parquet(d / "2.parquet", index=False)
    got = opened(d).table.execute()
    assert got[LINE].tolist() == [1, 2, 3, 4, 5, 1, 2, 3, 4] and got[PLACE].tolist() == ["1.parquet"] * 5 + ["2.parquet"] * 4
    assert got.单位.tolist() == ["[1, 2]"] * 9 and isinstance(got.记录[0], str)


def test_frames_have_the_numbers_of_their_rows():
    got = opened(pd.DataFrame(ROWS, columns=HEADER, index=range(100, 109)))
    assert lines(got) == list(range(1, 10)) and got.table[PLACE].execute().isna().all()


def test_tables_of_an_engine_have_no_lines():
    con = ibis.duckdb.connect()
    got = open_table(con, con.create_table("t", pd.DataFrame(ROWS, columns=HEADER)))
    assert got.table[LINE].execute().isna().all() and not len(got.aside)


# through to the log


@pytest.mark.parametrize("kind", ["csv", "xls", "zip"])
def test_a_dirty_export_gives_the_log_of_a_clean_one(tmp_path, kind):
    table = [
        ["六安市工单", "", "", ""],
        HEADER,
        *ROWS[:5],
        HEADER,
        *ROWS[5:],
        ["合计", "9", "", ""],
        ["制表人：某某", "2023-04-01", "审核人：某某", ""],
    ]
    text = "".join(",".join(r) + "\n" for r in table)
    data = dict(csv=text.encode("gbk"), xls=html(table).encode("gbk"), zip=packed("zip", "工单.csv", text.encode("gbk")))[kind]
    log = read_log(write(tmp_path / f"a.{kind}", data), dispatchers=["热线办"])
    assert (log.counts["events"], log.counts["cases"], str(log.end)) == (9, 3, "2023-03-05 10:00:00")
