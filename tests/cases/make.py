"Small files as offices export them, made by code: text, workbooks, pages that are called workbooks, XES, archives"

import gzip
import io
import zipfile
from datetime import datetime, timedelta
from html import escape
from pathlib import Path

HEADER = ["工单编号", "时间", "承办单位", "环节"]
ROWS = [  # three cases: one ping-pong that is closed after four days, one closed after three, one open
    ["W001", "2023-03-01 09:00", "热线办", "受理"],
    ["W001", "2023-03-01 10:00", "住建局", "派单"],
    ["W001", "2023-03-02 10:00", "城管局", "移送"],
    ["W001", "2023-03-03 10:00", "住建局", "移送"],
    ["W001", "2023-03-05 10:00", "住建局", "办结"],
    ["W002", "2023-03-01 09:30", "热线办", "受理"],
    ["W002", "2023-03-01 11:00", "城管局", "派单"],
    ["W002", "2023-03-04 11:00", "城管局", "办结"],
    ["W003", "2023-03-02 13:00", "热线办", "受理"],
    ["W003", "2023-03-02 14:00", "水务局", "派单"],
]
MAPPING = dict(
    returned="unit_to_dispatcher",
    dispatchers=["热线办"],
    columns=dict(case_id="工单编号", timestamp="时间", unit="承办单位", activity="环节"),
)


def times(rows, form, column=1):
    "The rows with one column of times written in another way: a format of strftime, or a function of the time"
    f = form if callable(form) else (lambda t: t.strftime(form))
    return [[f(datetime.fromisoformat(c)) if i == column and c else c for i, c in enumerate(r)] for r in rows]


def changed(rows, where, what, column=2):
    "The rows with one cell changed"
    return [[what if (i, j) == (where, column) else c for j, c in enumerate(r)] for i, r in enumerate(rows)]


def many(n, rows=ROWS, sep="-"):
    "Each case n times, under numbers of its own"
    return [[f"{r[0]}{sep}{k:03d}", *r[1:]] for k in range(n) for r in rows]


def text(path, rows, header=HEADER, sep=",", end="\n", encoding="utf-8", above="", below="", errors="strict"):
    "A text table; `above` and `below` are written as they are"
    quoted = lambda c: '"' + c.replace('"', '""') + '"' if any(x in c for x in (sep, '"', "\n", "\r")) else c
    lines = [sep.join(quoted("" if c is None else str(c)) for c in r) for r in ([header] if header else []) + list(rows)]
    Path(path).write_bytes((above + end.join(lines) + end + below).encode(encoding, errors))
    return Path(path)


def book(path, sheets, chart=None, hidden=(), merged=()):
    "A workbook: name of sheet -> rows (header included); a sheet of charts before all; hidden sheets; merged areas of the first"
    import openpyxl

    wb = openpyxl.Workbook()
    wb.remove(wb.active)
    if chart:
        from openpyxl.chart import BarChart, Reference

        wb.create_chartsheet(chart)
    for name, rows in sheets.items():
        ws = wb.create_sheet(name)
        for r in rows:
            ws.append(r)
        if name in hidden:
            ws.sheet_state = "hidden"
    if chart:
        first = wb.worksheets[0]
        pie = BarChart()
        pie.add_data(Reference(first, min_col=1, min_row=1, max_row=2))
        wb.chartsheets[0].add_chart(pie)
    for area in merged:
        wb.worksheets[0].merge_cells(area)
    wb.save(path)
    return Path(path)


def old_book(path, rows, name="Sheet1"):
    "A workbook of Excel 97"
    import xlwt

    wb = xlwt.Workbook()
    ws = wb.add_sheet(name)
    for i, r in enumerate(rows):
        for j, c in enumerate(r):
            if c is not None:
                ws.write(i, j, c)
    wb.save(str(path))
    return Path(path)


def html(path, rows, encoding="gb2312", above="", spans=None):
    "A page with a table, as government systems give it under the name of a workbook; `spans`: (row, column) -> attributes of the cell"
    spans = spans or {}
    tag = lambda i: "th" if i == 0 else "td"
    cell = lambda i, j, c: f"<{tag(i)}{' ' + spans[i, j] if (i, j) in spans else ''}>{escape('' if c is None else str(c))}</{tag(i)}>"
    body = "".join("<tr>" + "".join(cell(i, j, c) for j, c in enumerate(r)) + "</tr>" for i, r in enumerate(rows))
    page = f"<html><head><meta http-equiv='Content-Type' content='text/html; charset={encoding}'></head><body><table>{above}{body}</table></body></html>"
    Path(path).write_bytes(page.encode(encoding))
    return Path(path)


def ods(path, sheets):
    "An OpenDocument workbook with text cells: name of sheet -> rows"
    cell = lambda c: (
        f'<table:table-cell office:value-type="string"><text:p>{escape(str(c))}</text:p></table:table-cell>' if c else "<table:table-cell/>"
    )
    table = lambda name, rows: (
        f'<table:table table:name="{escape(name)}">'
        + "".join("<table:table-row>" + "".join(map(cell, r)) + "</table:table-row>" for r in rows)
        + "</table:table>"
    )
    spaces = " ".join(f'xmlns:{k}="urn:oasis:names:tc:opendocument:xmlns:{k}:1.0"' for k in ("office", "table", "text"))
    content = f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.2"><office:body><office:spreadsheet>{"".join(table(n, r) for n, r in sheets.items())}</office:spreadsheet></office:body></office:document-content>'
    manifest = '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        z.writestr("content.xml", content)
        z.writestr("META-INF/manifest.xml", manifest)
    return Path(path)


def xml2003(path, rows):
    "A workbook as XML of 2003"
    cell = lambda c: f'<Cell><Data ss:Type="String">{escape(str(c))}</Data></Cell>'
    body = "".join("<Row>" + "".join(map(cell, r)) + "</Row>" for r in rows)
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    Path(path).write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="{space}" xmlns:ss="{space}"><Worksheet ss:Name="工单"><Table>{body}</Table></Worksheet></Workbook>',
        encoding="utf-8",
    )
    return Path(path)


def locked(path):
    "What a workbook with a password is: an OLE container of streams that only Excel can open"
    import xlwt

    inside = io.BytesIO()
    xlwt.Workbook().add_sheet("x").parent.save(inside)
    raw = inside.getvalue()
    names = "EncryptedPackage".encode("utf-16-le"), "Workbook".encode("utf-16-le")
    i = raw.index(names[1])
    entry = names[0].ljust(64, b"\0") + len(names[0] + b"\0\0").to_bytes(2, "little")
    Path(path).write_bytes(raw[:i] + entry + raw[i + 66 :])
    return Path(path)


def event(unit, name, when, **more):
    "An event of an XES log; more attributes as strings, or as (kind, value)"
    said = "".join(
        f'<{v[0]} key="{k.replace("_", ":")}" value="{v[1]}"/>'
        if isinstance(v, tuple)
        else f'<string key="{k.replace("_", ":")}" value="{v}"/>'
        for k, v in more.items()
    )
    return f'<event><string key="concept:name" value="{name}"/><date key="time:timestamp" value="{when}"/><string key="org:group" value="{unit}"/>{said}</event>'


def xes(path, traces, encoding="UTF-8", head=""):
    "An XES log: number of case -> its events"
    body = "".join(f'<trace><string key="concept:name" value="{k}"/>{"".join(v)}</trace>' for k, v in traces.items())
    page = f'<?xml version="1.0" encoding="{encoding}"?>\n<log xes.version="1.0" xmlns="http://www.xes-standard.org/">{head}{body}</log>'.encode(
        encoding
    )
    Path(path).write_bytes(gzip.compress(page) if str(path).endswith(".gz") else page)
    return Path(path)


XES_MAPPING = dict(
    complete=True,
    dispatchers=["热线办"],
    columns=dict(case_id="case:concept:name", timestamp="time:timestamp", unit="org:group", activity="concept:name"),
)


def zipped(path, **files):
    "An archive: name -> bytes"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, raw in files.items():
            z.writestr(name, raw)
    return path


def slow(n=120, days=50, start="2023-01-01"):
    "Cases by half days that each take about `days`, by one office: events"
    t0, rows = datetime.fromisoformat(start), []
    for i in range(n):
        t = t0 + timedelta(hours=36 * i)
        ends = t + timedelta(days=days + 5 * ((i * 7) % 11 - 5) / 5)
        rows += [
            [f"A{i:03d}", f"{a:%Y-%m-%d %H:%M}", u, w]
            for a, u, w in ((t, "热线办", "受理"), (t + timedelta(hours=1), "住建局", "派单"), (ends, "住建局", "办结"))
        ]
    return rows
