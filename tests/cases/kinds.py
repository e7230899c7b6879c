"One table as every kind of file: name of a kind -> name of the file, and what writes it from path, header and rows"

import bz2
import gzip
import io
import json
import re

import pandas as pd
from cases.make import book, event, html, ods, old_book, text, xes, xml2003, zipped


def _csv(**more):
    return lambda path, header, rows: text(path, rows, header, **more)


def _frame(path, header, rows):
    names = [h if h not in header[:i] else f"{h}_{i}" for i, h in enumerate(header)]
    wide = [[*r, *[None] * (len(header) - len(r))][: len(header)] for r in rows]
    pd.DataFrame(wide, columns=names).to_parquet(path)
    return path


def _json(path, header, rows):
    path.write_text("".join(json.dumps(dict(zip(header, r)), ensure_ascii=False) + "\n" for r in rows), encoding="utf-8", errors="replace")
    return path


def _xes(path, header, rows):
    traces = {}
    clean = lambda x: re.sub(r"[^\w :+.-]", "", str(x or ""))
    for r in rows:
        r = [*r, "", "", "", ""]
        traces.setdefault(clean(r[0]), []).append(event(clean(r[2]), clean(r[3]), clean(r[1]).replace(" ", "T")))
    return xes(path, traces)


def _workbook(write):
    "Workbooks refuse a few signs that only files can hold"
    clean = lambda c: re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", c) if isinstance(c, str) else c
    return lambda path, header, rows: write(path, [[clean(c) for c in r] for r in [header, *rows]])


def _packed(pack):
    def write(path, header, rows):
        raw = text(path.with_suffix(".part"), rows, header, encoding="gb18030", errors="replace").read_bytes()
        path.with_suffix(".part").unlink()
        path.write_bytes(pack(raw))
        return path

    return write


def _zip(raw):
    out = io.BytesIO()
    zipped(out, **{"导出.csv": raw})
    return out.getvalue()


FILES = {
    "csv": ("工单.csv", _csv()),
    "bom": ("工单.csv", _csv(encoding="utf-8-sig", end="\r\n")),
    "gbk": ("工单.csv", _csv(encoding="gb18030", errors="replace")),
    "big5": ("工單.csv", _csv(encoding="big5", errors="replace")),
    "utf16": ("工单.txt", _csv(encoding="utf-16", sep="\t", errors="replace")),
    "tsv": ("工单.tsv", _csv(sep="\t")),
    "semicolon": ("工单.csv", _csv(sep=";", above="sep=;\r\n")),
    "title": ("工单.csv", _csv(above="2023年工单导出\r\n")),
    "xlsx": ("工单.xlsx", _workbook(lambda p, t: book(p, {"工单": t}))),
    "xls": (
        "工单.xls",
        _workbook(lambda p, t: old_book(p, [[c if c is None or len(str(c)) < 30000 else c[:30000] for c in r] for r in t])),
    ),
    "html": ("工单.xls", _workbook(lambda p, t: html(p, t, "utf-8"))),
    "tab": ("工单.xls", _csv(sep="\t", encoding="gb18030", errors="replace")),
    "xml": ("工单.xls", _workbook(xml2003)),
    "ods": ("工单.ods", _workbook(lambda p, t: ods(p, {"工单": t}))),
    "jsonl": ("工单.jsonl", _json),
    "parquet": ("工单.parquet", _frame),
    "xes": ("工单.xes", _xes),
    "gz": ("工单.csv.gz", _packed(gzip.compress)),
    "bz2": ("工单.csv.bz2", _packed(bz2.compress)),
    "zip": ("工单.zip", _packed(_zip)),
}
