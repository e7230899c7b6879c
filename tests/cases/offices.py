"A small invented city whose truth is plain Python, and its exports as eight kinds of office give them"

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from cases.make import book, html, text

HUB = "市热线中心"
OFFICES = ["市住建局", "市城管局", "市水务局", "市教育局", "市交通局", "金安区政府", "裕安区政府"]


@dataclass
class Case:
    "One appeal: who had it from when on, and how it went on from there"

    number: str
    asked: datetime  # submitted, and received by the hub
    due: datetime
    stays: list[tuple[datetime, str, datetime | None, str]] = field(default_factory=list)  # came, unit, left, how (退单, 移送, 办结)
    closed: datetime | None = None


def city(n=120, seed=1, start="2023-03-01", passes=0.25, back=0.4, number=lambda i: f"RX2023{i:05d}"):
    "Cases over ten weeks; times by whole minutes, no two of a case alike; `passes`: how often a unit gives one away, `back`: to whom it came from"
    rng, t0, made = random.Random(seed), datetime.fromisoformat(start), []
    for i in range(n):
        t = t0 + timedelta(minutes=rng.randrange(70 * 24 * 60))
        c = Case(number(i), t, (t + timedelta(days=rng.choice([3, 5, 10]))).replace(hour=18, minute=0))
        unit, at = rng.choice(OFFICES), t + timedelta(minutes=rng.randrange(10, 300))
        while True:
            leaves, over = at + timedelta(minutes=rng.randrange(120, 4000)), len(c.stays) >= 4
            if over or rng.random() > passes:
                done = rng.random() < 0.88
                c.stays.append((at, unit, leaves if done else None, "办结" if done else ""))
                c.closed = leaves if done else None
                break
            c.stays.append((at, unit, leaves, rng.choice(["退单", "移送"])))
            was = c.stays[-2][1] if len(c.stays) > 1 else None
            unit = was if was and rng.random() < back else rng.choice([u for u in OFFICES if u != unit])
            at = leaves + timedelta(minutes=rng.randrange(10, 200)) if c.stays[-1][3] == "退单" else leaves
        made.append(c)
    return made


def events(c):
    "What happened to a case: time, unit, word"
    yield c.asked, HUB, "受理"
    for k, (came, unit, left, how) in enumerate(c.stays):
        yield came, unit, "移送" if k and c.stays[k - 1][3] == "移送" else "派单"
        if how in ("退单", "办结"):
            yield left, unit, how


def truth(made):
    "Cases, hops, ping-pongs, days to closing in the middle, closed in time among those due before the end of the log"
    paths = [[u for _came, u, _left, _how in c.stays] for c in made]
    end = max(t for c in made for t, _u, _w in events(c))
    due = [c for c in made if c.due <= end]
    return dict(
        cases=len(made),
        hops=sum(len(p) - 1 for p in paths),
        pingpong=sum(p[i] == p[i + 2] for p in paths for i in range(len(p) - 2)),
        open=sum(c.closed is None for c in made),
        days=round(median((c.closed - c.asked).total_seconds() / 86400 for c in made if c.closed), 3),
        on_time=(sum(c.closed is not None and c.closed <= c.due for c in due), len(due)),
    )


MINUTE = "%Y-%m-%d %H:%M"


def written(t, form=MINUTE):
    "A time as text, nothing for none"
    return "" if t is None else t.strftime(form) if isinstance(form, str) else form(t)


def rows_of(made, form=MINUTE):
    "One row an event, in the order in which they happened in the city"
    every = sorted(((t, i, c, u, w) for i, c in enumerate(made) for t, u, w in events(c)), key=lambda r: (r[0], r[1]))
    return [[c.number, written(t, form), u, w, written(c.due, form)] for t, _i, c, u, w in every]


def hotline(path, made):
    "1. Events of a hotline: CSV in GBK, a title, a line of the printer below"
    rows = [[*r, "诉求内容，含逗号"] for r in rows_of(made, "%Y/%m/%d %H:%M:%S")]
    return text(
        path,
        rows,
        ["工单编号", "操作时间", "承办单位", "环节", "截止时间", "诉求内容"],
        encoding="gb18030",
        end="\r\n",
        above="12345热线工单流转明细\r\n",
        below="导出人：张三,导出时间：2023/06/01 09:00:00,,,,\r\n",
    )


def tickets(path, made):
    "2. One row a ticket, as a page that is called a workbook: title, header in two rows, a row of totals"
    top = ["工单编号", "受理时间", "首次办理", None, "退回", None, "改派时间", "承办单位", "办结时间", "截止时间"]
    below = [None, None, "首派单位", "派单时间", "退回时间", "退回单位", None, None, None, None]
    rows = []
    for c in made:
        (came, first, left, _how), last = c.stays[0], c.stays[-1]
        again = len(c.stays) > 1
        rows.append(
            [
                c.number,
                *(written(t) for t in (c.asked,)),
                first,
                written(came),
                written(left) if again else "",
                first if again else "",
                written(last[0]) if again else "",
                last[1],
                written(c.closed),
                written(c.due),
            ]
        )
    spans = {(0, j): "rowspan='2'" for j, b in enumerate(below) if b is None} | {(0, 2): "colspan='2'", (0, 4): "colspan='2'"}
    lines = [[(j, x) for j, x in enumerate(top) if x is not None], [(j, x) for j, x in enumerate(below) if x is not None]]
    cell = lambda i, j, x: f"<td {spans.get((i, j), '')}>{x}</td>"
    head = "<tr><td colspan='10' align='center'>2023年工单办理明细表</td></tr>" + "".join(
        "<tr>" + "".join(cell(i, j, x) for j, x in line) + "</tr>" for i, line in enumerate(lines)
    )
    return html(path, [*rows, ["合计", f"{len(rows)}件", *[""] * 8]], "gbk", above=head)


def mailbox(path, made):
    "3. Letters to the mayor: no dispatch, two sheets by month, real dates, and a sheet of notes"
    header = ["信件编号", "写信时间", "信件标题", "办理单位", "办结时间", "办理截止时间"]
    row = lambda c: [c.number, c.asked, "关于道路积水的问题", c.stays[-1][1], c.closed, c.due]
    months = {}
    for c in sorted(made, key=lambda c: c.asked):
        months.setdefault(f"{c.asked:%-m}月", [header]).append(row(c))
    return book(path, months | {"填表说明": [["本表由市长信箱导出"], ["写信时间以系统登记为准"]]})


def ledger(path, made):
    "4. A ledger of petitions: numbered rows, header in two rows, days without a clock, signatures below"
    top = ["序号", "信访件编号", "信访人情况", None, "信访时间", "责任单位", "办理情况", None, None]
    below = [None, None, "姓名", "信访形式", None, None, "交办时间", "办结时间", "办理期限"]
    day = lambda t: f"{t.year}.{t.month}.{t.day}" if t else None
    rows = [
        [i + 1, c.number, "李某某", "来访", day(c.asked), c.stays[0][1], day(c.stays[0][0]), day(c.closed), day(c.due)]
        for i, c in enumerate(made)
    ]
    merged = ["A1:I1", "C2:D2", "G2:I2", "A2:A3", "B2:B3", "E2:E3", "F2:F3"]
    return book(
        path,
        {
            "台账": [
                ["2023年信访事项办理台账", *[None] * 8],
                top,
                below,
                *rows,
                [None] * 9,
                ["填表人：", None, "审核人：", None, None, "2023年6月1日"],
            ]
        },
        merged=merged,
    )


def unicode_text(path, made):
    "5. What Excel calls Unicode text: UTF-16 with tabs, hours of twelve"
    form = lambda t: f"{t.year}/{t.month}/{t.day} {'上午' if t.hour < 12 else '下午'} {(t.hour - 1) % 12 + 1}:{t:%M:%S}"
    return text(
        path, rows_of(made, form), ["工单编号", "操作时间", "承办单位", "环节", "截止时间"], sep="\t", encoding="utf-16", end="\r\n"
    )


def interface(path, made):
    "6. JSON lines of an interface: moments in milliseconds, newest first"
    ms = lambda t: int((t - datetime(1970, 1, 1, 8)).total_seconds() * 1000)
    lines = [dict(orderNum=r[0], date=r[1], di_title=r[2], ps_caption=r[3], deadlineDate=r[4]) for r in rows_of(made, ms)]
    path.write_text("".join(json.dumps(x, ensure_ascii=False) + "\n" for x in reversed(lines)), encoding="utf-8")
    return path


def joined(path, made):
    "7. Monthly files joined: the header again, and the last week of each month twice"
    header, rows, out = ["工单编号", "时间", "承办单位", "环节", "截止时间"], rows_of(made), []
    for m in ("03", "04", "05", "06", "07"):
        month = [r for r in rows if r[1][5:7] == m or (r[1][5:10] >= f"{int(m) - 1:02d}-24" and r[1][5:7] == f"{int(m) - 1:02d}")]
        out += [header, *month] if month else []
    return text(path, out[1:], header, encoding="utf-8-sig", end="\r\n")


def stays(path, made):
    "8. One row a stay of a case with a unit: when it came, when it left, how"
    rows = []
    for c in made:
        for k, (came, unit, left, how) in enumerate(c.stays):
            rows.append(
                [
                    c.number,
                    written(c.asked),
                    unit,
                    written(came),
                    written(left),
                    how,
                    "不属本单位职责" if how == "退单" else "",
                    written(c.due),
                    str(k + 1),
                ]
            )
    return text(path, rows, ["工单编号", "受理时间", "承办单位", "接收时间", "转出时间", "处理结果", "退回原因", "截止时间", "流转次序"])


EXPORTS = dict(
    hotline=(hotline, "热线.csv"),
    tickets=(tickets, "工单.xls"),
    mailbox=(mailbox, "市长信箱.xlsx"),
    ledger=(ledger, "信访台账.xlsx"),
    unicode_text=(unicode_text, "流转.txt"),
    interface=(interface, "接口.jsonl"),
    joined=(joined, "全年.csv"),
    stays=(stays, "停留.csv"),
)


def made_for(kind, seed=1):
    "A city that an export of this kind can tell of without loss"
    if kind == "tickets":  # one return at most
        made = city(seed=seed, passes=0.3)
        for c in made:
            if len(c.stays) > 1:
                came, unit, left, _how = c.stays[0]
                last = next((s for s in reversed(c.stays) if s[1] != unit), None)
                at = left + timedelta(minutes=60)
                done = None if c.closed is None else at + timedelta(minutes=900)
                c.stays, c.closed = [(came, unit, left, "退单"), (at, last[1], done, "办结" if done else "")], done
        return made
    if kind in ("mailbox", "ledger"):  # one holder
        made = city(seed=seed, passes=0, number=lambda i: f"XF{i + 1:04d}")
        if kind == "mailbox":
            for c in made:
                _came, unit, left, how = c.stays[0]
                c.stays = [(c.asked, unit, left, how)]
        return made
    return city(seed=seed)
