"One small log through every reader, broken files, mappings, and the checks"

import gzip
import re
import sys
import tomllib
from datetime import date
from decimal import Decimal
from uuid import UUID

import ibis
import numpy as np
import pandas as pd
import pytest

from liuan_eval import custody, metrics
from liuan_eval.intake import checks
from liuan_eval.intake.checks import check
from liuan_eval.intake.draft import draft
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.source import connect, open_table
from liuan_eval.words.text import LogError

EVENTS = pd.DataFrame(
    [
        ("1", "2022-02-17 09:00", "市热线办", "受理"),
        ("1", "2022-02-17 10:00", "城管局", "派单"),
        ("1", "2022-02-18 10:00", "城管局", "退单"),
        ("1", "2022-02-18 10:00", "市热线办", "受理"),
        ("1", "2022-02-18 10:00", "住建局", "派单"),
        ("1", "2022-02-21 12:00", "住建局", "办结"),
        ("2", "2022-02-17 09:30", "市热线办", "受理"),
        ("2", "2022-02-17 09:40", "市热线办", "办结"),
        ("3", "2022-02-21 08:00", "市热线办", "受理"),
        ("3", "2022-02-21 09:00", "城管局", "派单"),
    ],
    columns=["工单编号", "时间", "承办单位", "环节"],
)
MAPPING = dict(dispatchers=["市热线办"], returned="unit_to_dispatcher")
TYPED = EVENTS.assign(时间=pd.to_datetime(EVENTS.时间))
CHINESE = re.compile("[\u4e00-\u9fff].*。")


def cases_of(log):
    return custody.cases(log).order_by("case_id").execute()


def read(source, **more):
    return read_log(source, **(MAPPING | more))


@pytest.fixture(scope="module")
def expected():
    c = cases_of(CaseLog.from_frame(EVENTS, **MAPPING))
    assert c[["case_id", "first_unit", "resolver", "n_hops"]].fillna("").values.tolist() == [
        ["1", "城管局", "住建局", 1],
        ["2", "", "市热线办", 0],
        ["3", "城管局", "", 0],
    ]
    return c


def same(log, expected):
    pd.testing.assert_frame_equal(cases_of(log), expected, check_dtype=False)


def refused(source, *words, mapping=None, **more):
    "The `LogError` of reading: in both languages, with these words in it"
    with pytest.raises(LogError) as e:
        read_log(source, mapping, **((MAPPING if mapping is None else {}) | more)).events.execute()
    assert CHINESE.search(e.value.text.zh) and re.search("[a-z].*[.]", e.value.text.en) and e.value.text.zh != e.value.text.en, str(e.value)
    for w in words:
        assert w in e.value.text.en and w in e.value.text.zh, f"{w!r} is missing in: {e.value}"
    assert "Traceback" not in str(e.value)
    return e.value


# files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
def test_csv_in_every_usual_encoding_gives_the_same_cases(tmp_path, expected, encoding):
    text = EVENTS.to_csv(index=False)
    (tmp_path / "a.csv").write_text(text if encoding != "utf-16-be" else "\ufeff" + text, encoding=encoding)
    same(read(tmp_path / "a.csv"), expected)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("name, sep", [("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", "\t"), ("a.csv.gz", ","), ("A.CSV", ",")])
def test_other_separators_and_gzip_give_the_same_cases(tmp_path, expected, name, sep, encoding):
    EVENTS.to_csv(tmp_path / name, index=False, sep=sep, encoding=encoding)
    same(read(tmp_path / name), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("受理\n", "受理\r\n"),
        lambda t: t + "\n\n",
        lambda t: t.rstrip(),
        lambda t: "六安市工单流转明细\n" + t,
        lambda t: "六安市工单流转明细,,,\n\n" + t,
        lambda t: t.replace("工单编号", '"工单编号"'),
    ],
    ids=["crlf", "two ends of lines", "blank lines", "no last end", "title", "padded title", "quoted header"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_csv_with_other_ends_of_lines_and_titles(tmp_path, expected, change, encoding):
    (tmp_path / "a.csv").write_bytes(change(EVENTS.to_csv(index=False)).encode(encoding))
    same(read(tmp_path / "a.csv"), expected)


def test_no_line_of_a_csv_is_taken_for_a_comment_or_a_title(tmp_path):
    EVENTS.assign(工单编号="#" + EVENTS.工单编号).to_csv(tmp_path / "a.csv", index=False)
    assert read(tmp_path / "a.csv").counts["events"] == 10


def test_csv_with_quotes_commas_and_line_breaks_in_a_field(tmp_path, expected):
    EVENTS.assign(内容='路灯不亮，"东\n街", 已三天').to_csv(tmp_path / "a.csv", index=False)
    same(read(tmp_path / "a.csv"), expected)


def test_ids_keep_their_leading_zeros(tmp_path):
    EVENTS.assign(工单编号="00" + EVENTS.工单编号).to_csv(tmp_path / "a.csv", index=False)
    assert cases_of(read(tmp_path / "a.csv")).case_id.tolist() == ["001", "002", "003"]


@pytest.mark.parametrize("frame", [EVENTS, TYPED], ids=["text", "typed"])
def test_parquet_file_gives_the_same_cases(tmp_path, expected, frame):
    frame.to_parquet(tmp_path / "a.parquet")
    same(read(tmp_path / "a.parquet"), expected)


def test_parquet_folder_keeps_the_order_of_its_parts(tmp_path, expected):
    "Ties in time (退单, 受理, 派单 at one minute) are ordered by part and row: any other order gives other spells"
    for i in range(len(TYPED)):
        TYPED[i : i + 1].to_parquet(tmp_path / f"part-{i:05d}.parquet")
    log = read(tmp_path)
    same(log, expected)
    assert log.events.order_by("__row__").activity.execute().tolist() == [
        "received",
        "dispatched",
        "returned",
        "received",
        "dispatched",
        "closed",
        "received",
        "closed",
        "received",
        "dispatched",
    ]


def test_parquet_of_many_row_groups_keeps_its_order(tmp_path):
    n = 300_000
    frame = pd.DataFrame(
        {"case_id": "c", "timestamp": pd.Timestamp("2022-02-17"), "unit": "A", "activity": [f"a{i % 7}" for i in range(n)], "no": range(n)}
    )
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=20_000)
    log = read_log(tmp_path / "a.parquet")
    assert (log.events.no != log.events["__row__"]).sum().execute() == 0


def test_xlsx_with_a_title_row_gives_the_same_cases(tmp_path, expected):
    with pd.ExcelWriter(tmp_path / "a.xlsx", engine="openpyxl") as w:
        EVENTS.to_excel(w, index=False, startrow=2)
        w.book.active.cell(1, 1, "六安市工单流转明细（模拟）")
    same(read(tmp_path / "a.xlsx"), expected)


def test_xlsx_with_typed_times_and_numbers_gives_the_same_cases(tmp_path, expected):
    TYPED.assign(工单编号=TYPED.工单编号.astype(int)).to_excel(tmp_path / "a.xlsx", index=False)
    same(read(tmp_path / "a.xlsx"), expected)


def test_old_xls_gives_the_same_cases(tmp_path, expected):
    xlwt = pytest.importorskip("xlwt")
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("工单")
    for i, row in enumerate([tuple(EVENTS.columns), *EVENTS.itertuples(index=False)]):
        for j, v in enumerate(row):
            sheet.write(i, j, v)
    book.save(str(tmp_path / "a.xls"))
    same(read(tmp_path / "a.xls"), expected)


def xes(frame=EVENTS):
    "A log in XES: times with the zone of Beijing"

    def event(e):
        return (
            f'<event><string key="org:group" value="{e.承办单位}"/><string key="concept:name" value="{e.环节}"/>'
            f'<date key="time:timestamp" value="{e.时间.replace(" ", "T")}:00.000+08:00"/></event>'
        )

    traces = [
        f'<trace><string key="concept:name" value="{c}"/>{"".join(map(event, g.itertuples()))}</trace>'
        for c, g in frame.groupby("工单编号")
    ]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0" xmlns="http://www.xes-standard.org/">{"".join(traces)}</log>'


@pytest.mark.parametrize("name", ["a.xes", "a.xes.gz"])
def test_xes_gives_the_same_cases_on_beijing_time(tmp_path, expected, name):
    (tmp_path / name).write_bytes(gzip.compress(xes().encode()) if name.endswith("gz") else xes().encode())
    same(read(tmp_path / name), expected)


# tables in memory

FRAMES = dict(
    text=lambda: EVENTS,
    typed=lambda: TYPED,
    objects=lambda: EVENTS.astype(object),
    python_objects=lambda: TYPED.assign(
        时间=[t.to_pydatetime() for t in TYPED.时间], 工单编号=pd.Series([1, 1, 1, 1, 1, 1, "2", "2", 3, 3], dtype=object)
    ),
    categorical=lambda: EVENTS.astype({"承办单位": "category", "环节": "category"}),
    integers=lambda: TYPED.assign(工单编号=TYPED.工单编号.astype(int)),
    other_index=lambda: TYPED.set_index(pd.Index(range(100, 110), name="no")),
    beijing=lambda: TYPED.assign(时间=TYPED.时间.dt.tz_localize("Asia/Shanghai")),
    utc=lambda: TYPED.assign(时间=TYPED.时间.dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")),
    nanoseconds=lambda: TYPED.assign(时间=TYPED.时间.astype("datetime64[ns]")),
    seconds=lambda: TYPED.assign(时间=TYPED.时间.astype("datetime64[s]")),
)


@pytest.mark.parametrize("kind", FRAMES)
def test_pandas_in_every_dtype_gives_the_same_cases(expected, kind):
    same(CaseLog.from_frame(FRAMES[kind](), **MAPPING), expected)


ODD = dict(
    period=lambda n: pd.period_range("2022-01", periods=n, freq="M"),
    timedelta=lambda n: pd.to_timedelta(range(n), unit="h"),
    interval=lambda n: pd.interval_range(0, n),
    complex=lambda n: [1j] * n,
    uuid=lambda n: [UUID(int=i) for i in range(n)],
    decimal=lambda n: [Decimal("1.5")] * n,
    lists=lambda n: [[1, 2]] * n,
    lists_and_text=lambda n: [[1], "x"] * (n // 2),
    half_a_character=lambda n: pd.Series(["\ud800"] * n, dtype=object),
    sparse=lambda n: pd.arrays.SparseArray([0] * n),
    dates=lambda n: [date(2022, 1, 1), pd.Timestamp("2022-01-01")] * (n // 2),
    nothing=lambda n: [None] * n,
    huge=lambda n: [10**30] * n,
    half=lambda n: np.ones(n, dtype="float16"),
)


@pytest.mark.parametrize("kind", ODD)
def test_a_further_column_of_any_kind_does_no_harm(expected, kind):
    log = CaseLog.from_frame(TYPED.assign(odd=ODD[kind](len(TYPED))), **MAPPING)
    same(log, expected)
    assert len(log.events.execute()) == 10 and "odd" in log.events.columns


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "frame"])
def test_two_columns_of_one_name_are_both_kept(tmp_path, expected, name):
    frame = TYPED.assign(x=1).set_axis([*TYPED.columns, "环节"], axis=1)
    if name != "frame":
        dict(csv=frame.to_csv, xlsx=frame.to_excel)[name[2:]](tmp_path / name, index=False)
    log = read(frame if name == "frame" else tmp_path / name)
    same(log, expected)
    assert "环节_5" in log.events.columns


def test_an_address_of_another_kind_is_refused_without_its_password():
    e = refused("mysql://office:s3cr3t@host/db", "mysql", "postgresql")
    assert "s3cr3t" not in str(e)


def test_pandas_is_left_as_it_was():
    frame = FRAMES["python_objects"]()
    before = frame.copy()
    CaseLog.from_frame(frame, **MAPPING)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("frame", [EVENTS, TYPED, FRAMES["utc"](), FRAMES["categorical"]()], ids=["text", "typed", "utc", "categorical"])
def test_polars_gives_the_same_cases(expected, frame):
    pl = pytest.importorskip("polars")
    same(CaseLog.from_frame(pl.from_pandas(frame), **MAPPING), expected)


def test_lazy_polars_gives_the_same_cases(expected):
    pl = pytest.importorskip("polars")
    same(CaseLog.from_frame(pl.from_pandas(TYPED).lazy(), **MAPPING), expected)


@pytest.mark.parametrize("frame", [EVENTS, TYPED, FRAMES["utc"](), FRAMES["categorical"]()], ids=["text", "typed", "utc", "categorical"])
def test_pyarrow_gives_the_same_cases(expected, frame):
    import pyarrow as pa

    same(CaseLog.from_frame(pa.Table.from_pandas(frame), **MAPPING), expected)
    same(read(pa.Table.from_pandas(frame)), expected)


@pytest.mark.parametrize("frame", [EVENTS, TYPED, FRAMES["utc"]()], ids=["text", "typed", "utc"])
def test_ibis_table_on_duckdb_gives_the_same_cases_and_stays_there(expected, frame):
    import ibis

    con = ibis.duckdb.connect()
    log = CaseLog.from_frame(con.create_table("events", frame), **MAPPING)
    assert log.con is con
    same(log, expected)


def test_ibis_memtable_gives_the_same_cases(expected):
    import ibis

    same(CaseLog.from_frame(ibis.memtable(EVENTS), **MAPPING), expected)


# layouts

STEPS = [
    dict(activity="received", time="受理时间"),
    dict(activity="dispatched", time="派单时间", unit="首派单位"),
    dict(activity="退单", time="退单时间", unit="首派单位"),
    dict(activity="received", time="退单时间"),
    dict(activity="dispatched", time="改派时间", unit="承办单位"),
    dict(activity="closed", time="办结时间", unit=["承办单位", "首派单位"]),
]
TICKETS = pd.DataFrame(
    [
        ("1", "2022-02-17 09:00", "2022-02-17 10:00", "城管局", "2022-02-18 10:00", "2022-02-18 10:00", "住建局", "2022-02-21 12:00"),
        ("2", "2022-02-17 09:30", None, "市热线办", None, None, None, "2022-02-17 09:40"),
        ("3", "2022-02-21 08:00", "2022-02-21 09:00", "城管局", None, None, None, None),
    ],
    columns=["工单编号", "受理时间", "派单时间", "首派单位", "退单时间", "改派时间", "承办单位", "办结时间"],
)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_a_row_a_ticket_gives_the_same_cases_as_a_row_an_event(tmp_path, expected, name):
    dict(csv=TICKETS.to_csv, xlsx=TICKETS.to_excel, parquet=TICKETS.to_parquet)[name[2:]](tmp_path / name, index=False)
    log = read(tmp_path / name, layout="wide", steps=STEPS)
    pd.testing.assert_frame_equal(cases_of(log)[expected.columns], expected, check_dtype=False)


def test_cases_and_callbacks_in_tables_beside_the_mapping(tmp_path):
    EVENTS.to_csv(tmp_path / "events.csv", index=False)
    pd.DataFrame(
        {"工单编号": ["1", "2", "3"], "渠道": ["热线", "领导留言板", "神秘渠道"], "截止时间": ["2022-02-20", "2022-02-18", ""]}
    ).to_csv(tmp_path / "cases.csv", index=False, encoding="gb18030")
    pd.DataFrame(
        {"工单编号": ["1", "2"], "回访时间": ["2022-02-22", "2022-02-18"], "是否接通": ["是", "否"], "是否满意": ["不满意", ""]}
    ).to_excel(tmp_path / "calls.xlsx", index=False)
    (tmp_path / "m.toml").write_text(
        'returned = "unit_to_dispatcher"\ndispatchers = ["市热线办"]\n[tables]\ncases = "cases.csv"\ncallbacks = "calls.xlsx"\n',
        encoding="utf-8",
    )
    log = read_log(tmp_path / "events.csv", mapping=tmp_path / "m.toml")
    assert cases_of(log).channel.tolist() == ["hotline", "peoples_daily", "神秘渠道"]
    m = metrics.compute(log, ["on_time_rate", "satisfaction_rate", "callback_coverage"]).set_index("indicator")
    assert m[["numerator", "denominator"]].values.tolist() == [[1, 2], [0, 1], [1, 2]]


# broken files


def cut(path, share=0.6):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def big():
    return pd.concat([TYPED.assign(工单编号=str(i), 内容=f"第{i}件 {i * 7919 % 1000003}") for i in range(800)], ignore_index=True)


def test_truncated_parquet_is_refused(tmp_path):
    big().to_parquet(tmp_path / "a.parquet")
    cut(tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "a.parquet")


def test_truncated_part_of_a_parquet_folder_is_refused_by_its_name(tmp_path):
    for i in range(3):
        big().to_parquet(tmp_path / f"part-{i}.parquet")
    cut(tmp_path / "part-1.parquet")
    refused(tmp_path, "part-1.parquet")


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", None])
def test_parquet_with_good_footer_and_broken_pages_is_refused(tmp_path, codec):
    path = tmp_path / "a.parquet"
    big().to_parquet(path, compression=codec)
    b = bytearray(path.read_bytes())
    n = int.from_bytes(b[-8:-4], "little")
    body = len(b) - 8 - n
    b[4:body] = bytes((x * 73 + 41) % 256 for x in range(body - 4))
    path.write_bytes(b)
    refused(path, "a.parquet")


def test_parquet_parts_with_other_columns_are_refused(tmp_path):
    EVENTS.to_parquet(tmp_path / "a.parquet")
    EVENTS.rename(columns={"环节": "别的"}).to_parquet(tmp_path / "b.parquet")
    refused(tmp_path, tmp_path.name)


def test_empty_file_is_refused(tmp_path):
    for name in ("a.csv", "a.xlsx", "a.xls", "a.parquet", "a.xes"):
        (tmp_path / name).write_bytes(b"")
        refused(tmp_path / name, name)


@pytest.mark.parametrize("text", ["工单编号,时间,承办单位,环节", "工单编号,时间,承办单位,环节\n", "\ufeff", "\n\n\n"])
def test_csv_without_a_row_is_refused(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    refused(tmp_path / "a.csv")


def test_tables_without_a_row_are_refused(tmp_path):
    EVENTS[:0].to_parquet(tmp_path / "a.parquet")
    EVENTS[:0].to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.parquet", "a.xlsx"):
        refused(tmp_path / name, name)
    refused(EVENTS[:0])


def test_gzip_of_nothing_is_refused(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b""))
    refused(tmp_path / "a.csv.gz", "a.csv.gz")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.xes.gz"])
def test_truncated_gzip_is_refused(tmp_path, name):
    frame = big().assign(时间=lambda f: f.时间.astype(str).str[:16])
    (tmp_path / name).write_bytes(gzip.compress(frame.to_csv(index=False).encode() if "csv" in name else xes(frame).encode()))
    cut(tmp_path / name)
    refused(tmp_path / name, name)


def test_gzip_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.csv.gz").write_text(EVENTS.to_csv(index=False), encoding="utf-8")
    refused(tmp_path / "a.csv.gz", "a.csv.gz")


def test_truncated_xes_is_refused(tmp_path):
    (tmp_path / "a.xes").write_text(xes()[:900], encoding="utf-8")
    refused(tmp_path / "a.xes", "a.xes")


def test_xes_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "a.xes").write_text("<html><body>404</body></html>", encoding="utf-8")
    refused(tmp_path / "a.xes", "a.xes")


@pytest.mark.parametrize(
    "lacks,name,remedy",
    [
        ("python_calamine", "a.xlsx", "pip install --upgrade liuan_eval"),
        ("ibis.backends.postgres", "postgresql://office@db.example/hotline", "pip install 'liuan_eval[postgres]'"),
    ],
)
def test_a_package_that_is_not_installed_is_said_as_such_and_never_as_a_broken_file(tmp_path, monkeypatch, lacks, name, remedy):
    source = name
    if name.startswith("a."):
        source = tmp_path / name
        EVENTS.to_excel(source, index=False)
    monkeypatch.delitem(vars(ibis), "postgres", raising=False)  # another test may have loaded it
    monkeypatch.setitem(sys.modules, lacks, None)
    with pytest.raises(LogError) as e:
        read_log(source, **(dict(tables=dict(events="t")) if source == name else {}))
    assert remedy in e.value.text.zh and remedy in e.value.text.en
    assert "Export it again" not in e.value.text.en and "not a readable" not in e.value.text.en


def test_folder_without_parquet_is_refused(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "readme.md").write_text("nothing")
    refused(tmp_path / "export", "export")


def test_a_workbook_that_is_prose_is_refused(tmp_path):
    for name in ("a.xlsx", "a.xls"):
        (tmp_path / name).write_text("六安市工单流转明细见附件。\n" * 3, encoding="utf-8")
        refused(tmp_path / name, name)


def test_truncated_xlsx_is_refused(tmp_path):
    big().to_excel(tmp_path / "a.xlsx", index=False)
    cut(tmp_path / "a.xlsx")
    refused(tmp_path / "a.xlsx", "a.xlsx")


def test_csv_that_is_a_workbook_or_binary_is_refused(tmp_path):
    EVENTS.to_excel(tmp_path / "a.xlsx", index=False)
    (tmp_path / "a.xlsx").rename(tmp_path / "a.csv")
    refused(tmp_path / "a.csv")


def test_mixed_encodings_are_refused_with_the_line(tmp_path):
    text = EVENTS.to_csv(index=False)
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030") + "4,2022-02-17,住房城乡建设局,受理\n".encode())
    refused(tmp_path / "a.csv", "a.csv", "12")
    (tmp_path / "b.csv").write_bytes(text.encode() + "4,2022-02-17,住房城乡建设局,受理\n".encode("gb18030"))
    refused(tmp_path / "b.csv", "b.csv", "12")


def test_ragged_csv_is_refused_with_the_line(tmp_path):
    (tmp_path / "a.csv").write_text(EVENTS.to_csv(index=False) + "4,2022-02-17,甲,乙,丙,丁\n", encoding="utf-8")
    refused(tmp_path / "a.csv", "a.csv", "12")


def test_ragged_csv_is_refused_with_the_line_when_it_is_gb18030(tmp_path):
    (tmp_path / "a.csv").write_text(EVENTS.to_csv(index=False) + "4,2022-02-17\n", encoding="gb18030")
    refused(tmp_path / "a.csv", "a.csv", "12")


def test_open_quote_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(EVENTS.to_csv(index=False) + '4,2022-02-17,"住建局,受理\n5,2022-02-17,住建局,受理\n', encoding="utf-8")
    refused(tmp_path / "a.csv", "a.csv")


def test_missing_file_and_unknown_ending_are_refused(tmp_path):
    refused(tmp_path / "nowhere.csv", "nowhere.csv")
    refused(str(tmp_path / "nowhere.csv"), "nowhere.csv")
    (tmp_path / "a.json").write_text("[]")
    refused(tmp_path / "a.json", "a.json")
    (tmp_path / "a.docx").write_text("x")
    refused(tmp_path / "a.docx", "a.docx")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_wrong_column_is_named_with_those_that_are_there(tmp_path, name):
    dict(csv=EVENTS.to_csv, xlsx=EVENTS.to_excel, parquet=EVENTS.to_parquet)[name[2:]](tmp_path / name, index=False)
    refused(tmp_path / name, "科室", "承办单位", name, unit="科室")


def test_no_column_that_is_ours_is_refused(tmp_path):
    pd.DataFrame({"x": ["1"], "y": ["2"]}).to_csv(tmp_path / "a.csv", index=False)
    refused(tmp_path / "a.csv", "case_id", "x", "a.csv")


def test_no_readable_time_is_refused_with_examples(tmp_path):
    EVENTS.assign(时间="昨天").to_csv(tmp_path / "a.csv", index=False)
    refused(tmp_path / "a.csv", "昨天")


def test_a_mapped_column_that_is_nowhere_is_refused_even_if_it_is_optional():
    refused(
        EVENTS,
        "时限",
        mapping=dict(columns=dict(zip(["case_id", "timestamp", "unit", "activity"], EVENTS.columns)) | {"due_at": "时限"}, **MAPPING),
    )


@pytest.mark.parametrize("frame", [TYPED.assign(时间=range(10)), TYPED.assign(时间=1.5)], ids=["integers", "floats"])
def test_numbers_in_place_of_times_are_refused(frame):
    refused(frame, "时间")


@pytest.mark.parametrize("source", [42, [1, 2], {"a": 1}, object()], ids=lambda o: type(o).__name__)
def test_something_that_is_no_table_is_refused(source):
    refused(source)


# mappings


@pytest.mark.parametrize(
    "text, word",
    [
        ("layout = [", "m.toml"),
        ('layuot = "wide"', "layuot"),
        ('layout = "long"', "long"),
        ('returned = "back"', "back"),
        ('timezone = "Mars/Base"', "Mars"),
        ('[columns]\ncase = "a"', "case"),
        ('[words.colour]\na = "b"', "colour"),
        ('[[units]]\nzh = "a"', "unit"),
        ('[[units]]\nunit = "a"\n[[units]]\nunit = "a"', "a"),
        ('[[units]]\nunit = "a"\nparent = "b"', "b"),
        ('[[aliases]]\nalias = "a"', "unit"),
        ('layout = "wide"', "steps"),
        ('layout = "wide"\n[[steps]]\nactivity = "closed"', "time"),
        ('dispatchers = "市热线办"', "dispatchers"),
        ("columns = 3", "columns"),
        ('units = ["a"]', "units"),
        ('complete = "yes"', "complete"),
        ("[tables]\nevents = 3", "tables"),
        ("[columns]\nunit = 3", "unit"),
        ('words = ["a"]', "words"),
        ('[words]\nactivity = "a"', "activity"),
        ("timezone = 8", "timezone"),
        ('[[aliases]]\nalias = "a"\nunit = "b"\nvalid_to = "soon"', "valid_to"),
        ('[words.channel]\n"x" = ["y"]', "x"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_key(tmp_path, text, word):
    (tmp_path / "m.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LogError, match=re.escape(word)) as e:
        Mapping.read(tmp_path / "m.toml")
    assert CHINESE.search(e.value.text.zh) and word in e.value.text.zh


def test_mapping_in_another_encoding_or_missing_is_refused(tmp_path):
    (tmp_path / "m.toml").write_text('dispatchers = ["市热线办"]', encoding="gb18030")
    with pytest.raises(LogError, match="UTF-8"):
        Mapping.read(tmp_path / "m.toml")
    with pytest.raises(LogError, match="nowhere"):
        Mapping.read(tmp_path / "nowhere.toml")
    with pytest.raises(LogError):
        Mapping.read(tmp_path)


def test_a_return_without_a_direction_is_refused_with_both_meanings(tmp_path):
    EVENTS.to_csv(tmp_path / "a.csv", index=False)
    refused(tmp_path / "a.csv", "退单", "unit_to_dispatcher", "dispatcher_to_unit", mapping=Mapping())
    with pytest.raises(LogError, match="退单"):
        CaseLog.from_frame(TICKETS, layout="wide", steps=STEPS)


def test_the_direction_decides_what_a_return_is(expected):
    log = CaseLog.from_frame(EVENTS, dispatchers=["市热线办"], returned="dispatcher_to_unit")
    assert log.has("sent_back") and not log.has("returned")


FULL = Mapping(
    layout="events",
    timezone="Asia/Urumqi",
    complete=True,
    returned="unit_to_dispatcher",
    dispatchers=("市热线办",),
    columns={"case_id": "工单编号", "unit": "承办单位"},
    rules=("anhui_2022", {"step": "return", "limit": "2wd", "valid_from": date(2022, 2, 1), "channel": ["hotline"]}),
    calendar={"hours": [["08:30", "12:00"], ["14:30", "17:30"]], "cutoff": "17:00", "first": "same"},
    basically_satisfied=0.5,
    minimum=20,
    words={"activity": {"已转处置": "dispatched"}},
    units=({"unit": "东区", "kind": "county"}, {"unit": "北街道", "parent": "东区", "en": "North"}),
    aliases=({"alias": "市经信局", "unit": "市工信局", "valid_to": date(2024, 3, 1)},),
    tables={"cases": "c.csv"},
    simulated=True,
)


@pytest.mark.parametrize(
    "mapping", [Mapping(), FULL, Mapping(layout="wide", steps=({"activity": "closed", "time": "办结时间", "unit": ["甲", "乙"]},))]
)
def test_a_mapping_survives_the_way_through_a_file(tmp_path, mapping):
    (tmp_path / "m.toml").write_text(mapping.toml(), encoding="utf-8")
    back = Mapping.read(tmp_path / "m.toml")
    assert back.folder == str(tmp_path)
    assert Mapping.make(tomllib.loads(mapping.toml())) == mapping


def answered(text):
    "A draft after a person chose the direction of 退单"
    return re.sub(r'^# (returned = "unit_to_dispatcher")', r"\1", text, flags=re.M)


def draft_file(tmp_path, frame, name="a.csv"):
    frame.to_csv(tmp_path / name, index=False)
    text = draft(tmp_path / name)
    assert "returned" not in tomllib.loads(text)  # never guessed
    (tmp_path / "m.toml").write_text(answered(text), encoding="utf-8")
    return read_log(tmp_path / name, mapping=tmp_path / "m.toml")


def test_the_draft_of_an_event_table_reads_it(tmp_path, expected):
    same(draft_file(tmp_path, EVENTS), expected)


def test_the_draft_of_a_ticket_table_reads_it(tmp_path):
    log = draft_file(
        tmp_path, TICKETS.drop(columns=["首派单位", "改派时间"]).assign(承办单位=["住建局", "市热线办", "城管局"], 渠道="热线")
    )
    c = cases_of(log)
    assert (
        (len(c), log.mapping.layout) == (3, "wide")
        and c.closed_at.notna().tolist() == [True, True, False]
        and c.channel.tolist() == ["hotline"] * 3
    )


def test_the_draft_is_valid_when_nothing_can_be_guessed(tmp_path):
    pd.DataFrame({'x "y"': ["1"], "z\\": ["#"]}).to_csv(tmp_path / "a.csv", index=False)
    text = draft(tmp_path / "a.csv")
    tomllib.loads(text)
    assert "case_id" in text


def test_a_draft_answered_in_place_is_valid_toml(tmp_path):
    EVENTS.to_csv(tmp_path / "a.csv", index=False)
    assert tomllib.loads(answered(draft(tmp_path / "a.csv"))).get("returned") == "unit_to_dispatcher"


# units and times


def test_renamed_departments_count_as_one_within_the_dates():
    frame = pd.DataFrame(
        {
            "case_id": list("abcd"),
            "timestamp": ["2023-12-31 23:59", "2024-01-01", "2024-03-01 23:59", "2024-03-02"],
            "unit": "市经信局",
            "activity": "closed",
        }
    )
    for dates, want in [
        ({}, ["市工信局"] * 4),
        ({"valid_from": date(2024, 1, 1)}, ["市经信局"] + ["市工信局"] * 3),
        ({"valid_to": date(2024, 3, 1)}, ["市工信局"] * 3 + ["市经信局"]),
        ({"valid_from": date(2024, 1, 1), "valid_to": date(2024, 3, 1)}, ["市经信局", "市工信局", "市工信局", "市经信局"]),
    ]:
        log = CaseLog.from_frame(frame, aliases=[{"alias": "市经信局", "unit": "市工信局"} | dates])
        assert cases_of(log).resolver.tolist() == want


@pytest.mark.parametrize(
    "text, want",
    [
        ("2022-02-17 09:24:05", "09:24:05"),
        ("2022-02-17 09:24:05.250", "09:24:05.25"),
        ("2022/2/17 9:24", "09:24"),
        ("2022年2月17日 9:24:00", "09:24"),
        ("2022年2月17日9时24分5秒", "09:24:05"),
        ("20220217092400", "09:24"),
        ("20220217", "00:00"),
        ("2022-02-17", "00:00"),
        ("2022.2.17 9:24", "09:24"),
        ("2022-02-17T01:24:00Z", "09:24"),
        ("2022-02-17T01:24:00.000Z", "09:24"),
        ("2022-02-17T09:24:00+08:00", "09:24"),
        ("2022-02-17 09:24:00+0800", "09:24"),
        ("2022-02-17 02:24:00+01:00", "09:24"),
        ("2022-02-16T20:24:00-05", "09:24"),
        (" 2022-02-17 09:24 ", "09:24"),
        ("2022-02-17  09:24", "09:24"),
    ],
)
def test_times_in_usual_spellings_are_shown_on_beijing_time(text, want):
    log = CaseLog.from_frame(pd.DataFrame({"case_id": ["1", "2"], "timestamp": [text, "2022-02-17"], "unit": "A", "activity": "closed"}))
    assert cases_of(log).opened_at[0] == pd.Timestamp(f"2022-02-17 {want}")


@pytest.mark.parametrize("text", ["昨天", "2022-13-01", "2022-02-30", "2022-02-17 25:00", "17/02/2022 9", "144609"])
def test_times_that_cannot_be_read_are_counted_and_kept(text):
    log = CaseLog.from_frame(pd.DataFrame({"case_id": ["1", "2"], "timestamp": [text, "2022-02-17"], "unit": "A", "activity": "closed"}))
    assert check(log, "en").set_index("code")["count"].get("bad_time") == 1
    assert log.events.count().execute() == 2


def test_zoned_input_can_be_shown_on_another_clock():
    log = CaseLog.from_frame(FRAMES["utc"](), timezone="UTC", **MAPPING)
    assert cases_of(log).opened_at[0] == pd.Timestamp("2022-02-17 01:00")


# checks

BASE = [
    ("1", "2022-02-17 09:00", "A", "received"),
    ("1", "2022-02-18 09:00", "B", "dispatched"),
    ("1", "2022-02-19 09:00", "B", "closed"),
    ("2", "2022-02-17 09:00", "A", "received"),
]
NAMES = ["case_id", "timestamp", "unit", "activity"]


def base(*more):
    return pd.DataFrame([*BASE, *more], columns=NAMES)


CHECKS = {
    "no_case": (1, lambda: dict(events=base((None, "2022-02-18", "A", "replied")))),
    "no_time": (2, lambda: dict(events=base(("2", None, "A", "replied"), ("2", " ", "A", "claimed")))),
    "bad_time": (1, lambda: dict(events=base(("2", "初三", "A", "replied")))),
    "wild_time": (1, lambda: dict(events=base(("2", "2022-02-18", "A", "claimed"), ("2", "2202-02-18", "A", "replied")))),
    "closing_unknown": (1, lambda: dict(events=base(("2", "2022-02-31", "A", "closed")))),
    "no_unit": (2, lambda: dict(events=base(("2", "2022-02-18", None, "replied"), ("2", "2022-02-19", "", "replied")))),
    "duplicate": (2, lambda: dict(events=base(BASE[1], BASE[1]))),
    "tie_rows": (2, lambda: dict(events=base(("2", "2022-02-17 09:00", "B", "dispatched")))),
    "tie_reversed": (2, lambda: dict(events=base(("2", "2022-02-17 09:00", "B", "dispatched"))[::-1])),
    "order_not_number": (1, lambda: dict(events=base().assign(order=["1", "2", "3", "合计"]))),
    "duplicate_case": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2", "2"], "topic": "x"}))),
    "duplicate_call": (1, lambda: dict(events=base(), callbacks=pd.DataFrame({"case_id": ["1", "1"], "satisfied": "是"}))),
    "continues": (1, lambda: dict(events=base(BASE[3]).assign(lifecycle=["complete", "complete", "complete", "start", "complete"]))),
    "counter": (
        1,
        lambda: dict(
            events=base(("2", "2022-02-18", "A", "urged")), cases=pd.DataFrame({"case_id": ["1", "2"], "said_urged": ["0", "3次"]})
        ),
    ),
    "backwards": (1, lambda: dict(events=base(("2", "2022-02-16", "A", "claimed")))),
    "after_closing": (
        2,
        lambda: dict(
            events=base(("1", "2022-02-20", "A", "replied"), ("1", "2022-02-21", "C", "claimed"), ("1", "2022-02-22", "A", "called"))
        ),
    ),
    "closed_early": (
        1,
        lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2"], "closed_at": ["2022-02-01", "2022-02-18"]})),
    ),
    "word_activity": (2, lambda: dict(events=base(("2", "2022-02-18", "A", "神秘环节"), ("2", "2022-02-19", "A", "神秘环节")))),
    "word_channel": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2"], "channel": ["烽火台", "热线"]}))),
    "word_request_type": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2"], "request_type": ["闲聊", "投诉"]}))),
    "not_in_tree": (2, lambda: dict(events=base(), units=[dict(unit="A")])),
    "changing": (1, lambda: dict(events=base().assign(topic=["x", "x", "y", "z"]))),
    "no_case_row": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1"], "topic": ["x"]}))),
    "no_event": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2", "3"], "topic": ["x", "x", "x"]}))),
    "call_unknown": (1, lambda: dict(events=base(), callbacks=pd.DataFrame({"case_id": ["1", "9"], "satisfied": ["是", "是"]}))),
    "call_no_case": (1, lambda: dict(events=base(), callbacks=pd.DataFrame({"case_id": ["1", None], "satisfied": ["是", "否"]}))),
    "row_no_case": (1, lambda: dict(events=base(), cases=pd.DataFrame({"case_id": ["1", "2", None], "topic": ["x", "x", "y"]}))),
    "two_spellings": (1, lambda: dict(events=base(("２", "2022-02-18", "A", "replied")))),
    "answer_unknown": (
        1,
        lambda: dict(events=base(), callbacks=pd.DataFrame({"case_id": ["1", "2"], "reached": ["是", "否"], "satisfied": ["还行", None]})),
    ),
    "word_satisfied": (
        1,
        lambda: dict(
            events=base(), callbacks=pd.DataFrame({"case_id": ["1", "2"], "reached": ["是", "是"], "satisfied": ["还行", "基本满意"]})
        ),
    ),
    "basically": (
        2,
        lambda: dict(
            events=base(), callbacks=pd.DataFrame({"case_id": ["1", "2"], "reached": ["是", "是"], "satisfied": ["比较满意", "基本满意"]})
        ),
    ),
    "rule_blind": (2, lambda: dict(events=base(), rules=[dict(step="handle", request_type="consult", limit="3wd")])),
    "step_early": (
        1,
        lambda: dict(events=base(("2", "2022-02-17 10:00", None, "contacted"), ("2", "2022-02-18", "B", "dispatched")), dispatchers=["A"]),
    ),
    "answer_unreached": (
        1,
        lambda: dict(events=base(), callbacks=pd.DataFrame({"case_id": ["1", "2"], "reached": ["是", "否"], "satisfied": ["是", "是"]})),
    ),
    "cleaned": (2, lambda: dict(events=base(("2", "2022-02-18", "A\u3000", "replied"), ("\u200b2", "2022-02-19", "A", "replied")))),
    "blank_word": (2, lambda: dict(events=base(("2", "2022-02-18", "—", "replied"), ("2", "2022-02-19", "NULL", "replied")))),
    "near_names": (1, lambda: dict(events=base(("2", "2022-02-18", "住建局", "replied"), ("2", "2022-02-19", "市住建局", "replied")))),
    "dispatcher_unseen": (1, lambda: dict(events=base(), dispatchers=["市热线办（错字）"])),
    "dispatcher_returned": (1, lambda: dict(events=base(("1", "2022-02-18 10:00", "A", "returned")), dispatchers=["A"])),
    "dispatcher_closed": (
        1,
        lambda: dict(events=base(("1", "2022-02-20", "A", "closed"), ("2", "2022-02-20", "A", "closed")), dispatchers=["A"]),
    ),
    "ambiguous": (
        1,
        lambda: dict(
            events=base(("2", "2022-02-18", "A", "claimed"), ("2", "2022-02-19", "B", "transferred"), ("2", "2022-02-20", "A", "replied"))
        ),
    ),
    "looks_dispatcher": (
        30,
        lambda: dict(
            events=pd.DataFrame(
                [
                    row
                    for i in range(30)
                    for row in (
                        (f"{i}", "2022-02-17 08:00", "收件", "received"),
                        (f"{i}", "2022-02-17 09:00", f"U{i % 3}", "dispatched"),
                        (f"{i}", "2022-02-18 09:00", f"U{i % 3}", "closed"),
                    )
                ],
                columns=NAMES,
            )
        ),
    ),
    "hour_twice": (1, lambda: dict(events=base(("1", "2022-10-30 02:30", "A", "replied")), timezone="Europe/Amsterdam")),
    "calendar_provisional": (2, lambda: dict(events=base().replace("2022", "2003", regex=True))),
}


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_counts_what_it_is_for_and_drops_nothing(code):
    want, make = CHECKS[code]
    made = make()
    log = CaseLog.from_frame(made.pop("events"), **made)
    c = check(log, "en").set_index("code")
    assert c["count"].get(code) == want, c
    assert c.loc[code, "share"] == pytest.approx(want / c.loc[code, "of"]) and c.loc[code, "examples"] and c.loc[code, "done"]
    assert log.events.count().execute() == log.counts["events"] == len(make()["events"])
    zh = check(log, "zh").set_index("code")
    assert re.search("[\u4e00-\u9fff]", zh.loc[code, "problem"]) and re.search("[\u4e00-\u9fff]", zh.loc[code, "done"])


def test_ties_of_one_unit_and_ties_that_an_order_column_settles_are_none():
    frame = base(("2", "2022-02-17 09:00", "A", "claimed"), ("2", "2022-02-17 09:00", "B", "dispatched")).assign(no=range(6))
    assert not {"tie", "tie_rows", "tie_reversed"} & {*check(CaseLog.from_frame(frame[:5]), "en").code}
    assert not {"tie", "tie_rows", "tie_reversed"} & {*check(CaseLog.from_frame(frame, order="no", **{c: c for c in NAMES}), "en").code}


def test_every_check_has_a_log_made_for_it():
    assert set(CHECKS) | {"tie", "other_time", "file_changed", *checks.READER} == set(checks.CHECKS)


def test_a_sound_log_has_nothing_to_report():
    assert len(check(CaseLog.from_frame(base()), "en")) == 0


def test_unknown_words_are_kept_in_events_and_in_indicators():
    log = CaseLog.from_frame(
        base(("2", "2022-02-18", "A", "神秘环节")), cases=pd.DataFrame({"case_id": ["1", "2"], "channel": ["烽火台", "热线"]})
    )
    assert "神秘环节" in log.events.activity.execute().tolist()
    assert set(metrics.compute(log, "n_cases", by="channel").channel) == {"烽火台", "hotline"}


def test_open_table_of_a_path_and_of_its_name_are_the_same(tmp_path):
    EVENTS.to_csv(tmp_path / "a.csv", index=False)
    con = connect(tmp_path / "a.csv")
    assert (
        open_table(con, str(tmp_path / "a.csv")).table.count().execute()
        == open_table(con, tmp_path / "a.csv").table.count().execute()
        == 10
    )
