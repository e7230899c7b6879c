"Exports with something wrong in them: seeded, bounded, of every kind of file; and what reading must make of each"

import multiprocessing
import os
import random
import re
import time
import traceback
from pathlib import Path

from cases.kinds import FILES
from cases.make import HEADER, MAPPING, XES_MAPPING, many

LIMIT = 10  # seconds of work for a file; a dozen times as long where others use the machine too
CHINESE = re.compile("[\u4e00-\u9fff]")
REMEDY = re.compile("请|可读|可用|应|改|写明|检查|安装")

# what a table may hold

ODD = [
    "",
    " ",
    "NULL",
    "—",
    "无",
    "?",
    "\x07",
    "\u200b",
    "\ufeff",
    "'",
    '"',
    '""',
    "a\nb",
    "甲,乙",
    "甲\t乙",
    "=1+1",
    "1e400",
    "-",
    "ＡＢ",
    "诉" * 3000,
    "nan",
    "\x00",
    "合计",
    "😀",
    "ʼ",
    "%s",
    "{x}",
    "</td>",
    "]]>",
]
TIMES = [
    "2023年3月1日9时5分30秒",
    "下午3:05",
    "22/2/7 8:05",
    "2/7/22",
    "26/02/2016 01:23",
    "06/26/2018 10:58:54 AM",
    "202303010900",
    "44986.375",
    "1677632400",
    "1677632400000",
    "2022-02-07 星期一",
    "'2023-03-01",
    "2023-03-01T09:00:00Z",
    "2023-03-01 09:00 CST",
    "infinity",
    "290000-01-01",
    "2023-03-01 (BC)",
    "2032-03-01 09:00",
    "1900-01-01",
    "0000-00-00",
    "2023-02-30",
    "不详",
    "２０２３－０３－０１",
    "09h00",
    "3 Mar 2023",
    "9999-12-31 23:59:59",
    "-1",
    "1e18",
    "24:00",
    "2023-03-01 24:00",
]
WORDS = ["受理 ", "RECEIVED", "派单派单", "办结?", "1", "", "退单", "催办", "closed", "签收→", "办 结"]
NAMES = [
    "",
    " ",
    "Unit",
    "unit",
    "UNIT",
    "self",
    "time_text",
    "case_id",
    "__line__",
    "工单编号",
    "列\n名",
    "a,b",
    '"',
    "序号",
    "count",
    "n" * 300,
    "1",
    "select",
]


def put(row, i, cell):
    "A cell of a row, where another change has left the row so many"
    if i < len(row):
        row[i] = cell


def cells(rng, header, rows):
    "A few cells become odd"
    for _i in range(rng.randint(1, 6)):
        r = rng.choice(rows)
        r[rng.randrange(len(r))] = rng.choice(ODD)
    return header, rows


def times(rng, header, rows):
    "A few times, or all, are written in another way"
    some = rows if rng.random() < 0.2 else rng.sample(rows, min(len(rows), rng.randint(1, 5)))
    what = rng.choice(TIMES)
    for r in some:
        put(r, 1, what if rng.random() < 0.5 else rng.choice(TIMES))
    return header, rows


def words(rng, header, rows):
    "A few activities are other words"
    for r in rng.sample(rows, min(len(rows), rng.randint(1, 8))):
        put(r, 3, rng.choice(WORDS))
    return header, rows


def columns(rng, header, rows):
    "A column more, twice, renamed, gone, or somewhere else"
    how, i = rng.choice(["more", "twice", "renamed", "gone", "moved"]), rng.randrange(len(header))
    if how == "more":
        return [*header, rng.choice(NAMES)], [[*r, rng.choice(["", "x", None])] for r in rows]
    if how == "twice":
        return [*header, header[i]], [[*r, r[i]] for r in rows]
    if how == "renamed":
        return [rng.choice(NAMES) if j == i else h for j, h in enumerate(header)], rows
    order = [j for j in range(len(header)) if j != i] if how == "gone" else rng.sample(range(len(header)), len(header))
    return [header[j] for j in order], [[r[j] for j in order] for r in rows]


def lines(rng, header, rows):
    "Rows more, short, long, again, empty, in another order"
    how, at = (
        rng.choice(["total", "header", "empty", "again", "short", "long", "reversed", "none", "one", "shuffled", "doubled"]),
        rng.randrange(len(rows)),
    )
    more = dict(
        total=["合计", str(len(rows)), "", ""],
        header=list(header),
        empty=[""] * 4,
        again=list(rows[at]),
        short=rows[at][:1],
        long=[*rows[at], "多", "出"],
    )
    if how in more:
        return header, rows[:at] + [more[how]] + rows[at:]
    return header, dict(reversed=rows[::-1], none=[], one=rows[:1], shuffled=rng.sample(rows, len(rows)), doubled=rows + rows)[how]


TABLES = dict(cells=cells, times=times, words=words, columns=columns, lines=lines)

# what bytes may become


def broken(rng, raw):
    "A few bytes lost, changed, doubled, or more; or the end"
    raw, n = bytearray(raw), len(raw)
    for _i in range(rng.randint(1, 4)):
        if not raw:
            break
        at, span = rng.randrange(len(raw)), rng.choice([1, 1, 2, 7, 64, 512])
        how = rng.choice(["flip", "lose", "more", "twice", "cut", "nul", "newline"])
        if how == "flip":
            raw[at] ^= 1 << rng.randrange(8)
        elif how == "lose":
            del raw[at : at + span]
        elif how == "more":
            raw[at:at] = rng.randbytes(span)
        elif how == "twice":
            raw[at:at] = raw[at : at + span]
        elif how == "cut" and rng.random() < 0.5:
            del raw[at:]
        elif how == "nul":
            raw[at : at + span] = bytes(min(span, len(raw) - at))
        else:
            raw[at:at] = rng.choice(
                [b"\r", b"\n", b"\r\n", b'"', b",", b"\t", b"<", b"&", b"\xff\xfe", "局".encode(), "局".encode("gb18030")]
            )
    return bytes(raw[: 2 * n + 4096])


def made(folder, kind, seed):
    "A file with something wrong in it: its path, how many rows it holds at least (None where bytes are broken), how many at most, the mapping, and what was done"
    rng = random.Random(f"{kind} {seed}")
    header, rows = list(HEADER), [list(r) for r in many(rng.choice([1, 3, 8]))]
    done = sorted(rng.sample(sorted(TABLES), rng.choice([0, 1, 1, 2])), key=lambda name: name == "lines")  # the rest needs whole rows
    for name in done:
        if rows:
            header, rows = TABLES[name](rng, header, rows)
    name, write = FILES[kind]
    path = write(Path(folder) / name, header, rows)
    damaged = not done or rng.random() < 0.3
    if damaged:
        path.write_bytes(broken(rng, path.read_bytes()))
        done.append("bytes")
    full = sum(any(str(c or "").strip() for c in r) for r in rows)
    mapping = (XES_MAPPING if kind == "xes" else MAPPING) | dict(accept=1.0)
    return path, (None if damaged else full), full, mapping, "+".join(done)


def outcome(path, least, mapping):
    "`log`, `question` or `error`, and what is wrong with it: nothing, if all is as it should be"
    from cases.read import touched

    from liuan_eval.intake.checks import check
    from liuan_eval.intake.log import read_log
    from liuan_eval.words.text import LogError, Question

    try:
        log = touched(read_log(path, mapping))
        check(log, "zh")
    except LogError as e:
        return ("question" if isinstance(e, Question) else "error"), badly_said(e, path.name)
    except BaseException:  # panics of other languages are no Exceptions
        return "crash", traceback.format_exc(limit=-6)
    return "log", lost(log, least)


def badly_said(e, name):
    "What an error lacks: a language, the file, a remedy"
    zh, en = e.text.zh, e.text.en
    letters = [c for c in re.sub(r"'[^']*'|\"[^\"]*\"|“[^”]*”|\[[^\]]*\]", "", en) if not c.isspace()]
    lacks = [
        "no Chinese" if not CHINESE.search(zh) else "",
        "no English" if sum(c.isascii() for c in letters) < 0.7 * len(letters) or len(letters) < 20 else "",
        "no file" if getattr(e, "key", None) is None and not (name in zh and name in en) else "",
        "no remedy" if not REMEDY.search(zh) else "",
        "an engine's words" if re.search("Traceback|0x[0-9a-f]{6}", zh + en) else "",
    ]
    said = "; ".join(x for x in lacks if x)
    return said and f"{said}: {e}"


def lost(log, least):
    "Rows that are neither used nor set aside"
    if not hasattr(log, "fates"):
        return ""
    f = log.fates
    there = int(f[f.table == "events"].n.sum())
    if least is not None and there < least:
        return f"{least - there} of {least} rows are gone without a word: {f.to_dict('records')}"
    return ""


def _work(pipe):
    "A process that reads what it is told"
    while True:
        path, least, mapping = pipe.recv()
        pipe.send(outcome(path, least, mapping))


def _spent(process):
    "Seconds that a process has worked; None where the system does not tell"
    try:
        said = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return None


class Reader:
    "Reads files in a process of its own, so that one that hangs can be ended"

    def __init__(self):
        self.process = None

    def read(self, path, least, mapping, limit=LIMIT):
        "As `outcome`, with the seconds; `hang` above the limit"
        if self.process is None:
            self.pipe, other = multiprocessing.Pipe()
            self.process = multiprocessing.get_context("spawn").Process(target=_work, args=(other,), daemon=True)
            self.process.start()
            limit += 60  # its imports
        began, worked, came = time.monotonic(), _spent(self.process), None
        self.pipe.send((path, least, mapping))
        try:
            while not self.pipe.poll(0.2):
                waited, now = time.monotonic() - began, _spent(self.process)
                if waited > (12 * limit if now is not None else limit) or (now is not None and now - (worked or 0) > limit):
                    break
            else:
                came = self.pipe.recv()
        except EOFError:
            came = "crash", "the process died"
        if not came or came[1] == "the process died":
            self.close()
        return (*(came or ("hang", f"above {limit} seconds")), time.monotonic() - began)

    def close(self):
        "End the process"
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None
