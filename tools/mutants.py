"""Does a test notice when a room that makes numbers computes something else? One small change at a time, in a process of its own.

    make mutants ROOM=custody/spells            every change
    make mutants ROOM=judge/compare N=100       so many of them, drawn by SEED (1)
    python tools/mutants.py custody/spells --show       print the changes, try nothing

Nothing on the disk is changed: a forked process imports the room from changed source and runs the room's tests in `ROOMS`, the one that
found most first, then the cells of its notebook that are not exported. What no test noticed is printed; a change that cannot be noticed
goes with its reason into tests/mutants/equivalent.toml. The score is added to tests/mutants/scores.csv.
"""

import argparse
import ast
import contextlib
import copy
import csv
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import re
import select
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from configparser import ConfigParser
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
STORE = ROOT / "tests/mutants"
SECONDS = 40  # of the processor: the quick tests of a room together
COLUMNS = ["room", "date", "version", "mutants", "seed", "tried", "killed", "equivalent", "low", "high"]
ROOMS = {  # the tests of a room that are quick
    "custody/spells": ["tests/test_custody.py", "tests/test_windows.py"],
    "custody/milestones": ["tests/test_milestones.py", "tests/test_windows.py"],
    "words/calendar": ["tests/test_calendar.py"],
    "indicators/lifetable": ["tests/test_lifetable.py", "tests/test_windows.py"],
    "indicators/shapes": ["tests/test_indicators.py"],
    "indicators/speed": ["tests/test_indicators.py", "tests/test_responsiveness.py"],
    "indicators/volume": ["tests/test_indicators.py", "tests/test_responsiveness.py", "tests/test_windows.py"],
    "indicators/punctuality": ["tests/test_responsiveness.py", "tests/test_indicators.py"],
    "indicators/returns": ["tests/test_responsiveness.py", "tests/test_indicators.py"],
    "indicators/pingpong": ["tests/test_responsiveness.py", "tests/test_indicators.py"],
    "indicators/limbo": ["tests/test_indicators.py"],
    "indicators/phone": ["tests/test_satisfaction.py", "tests/test_windows.py"],
    "indicators/rows": ["tests/test_indicators.py"],
    "indicators/needs": ["tests/test_indicators.py"],
    "judge/compare": ["tests/test_compare.py"],
    "judge/scorecard": ["tests/test_scorecard.py"],
    "judge/gaming": ["tests/test_gaming.py"],
}
DESIGNS = ["tests/test_effects.py"]

SWAPPED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PAIRS = "min max, lag lead, first last, any all, argmin argmax, isnull notnull, asc desc, floor ceil, least greatest, isin notin, exp ln, lower upper"
OTHER = {a: b for pair in PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
DROPPED = {"filter", "fill_null", "fillna", "distinct", "abs", "clip", "round", "dropna", "sort_values", "order_by", "strip", "where"}

NAMED = {
    "mutate",
    "agg",
    "aggregate",
    "select",
    "rename",
    "dict",
    "assign",
    "DataFrame",
    "memtable",
}  # without a column all breaks: no trial
WINDOW = {"group_by", "order_by", "rows"}


class Mutant(NamedTuple):
    line: int
    what: str  # function: before → after
    source: str


def pruned(tree: ast.AST) -> Iterator[ast.AST]:
    "The nodes that compute: no annotations, decorators, messages, lists of names"
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
                continue
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                continue
            yield node
            if not isinstance(node, ast.Raise):
                yield from pruned(node)


def short(node: ast.AST, size: int = 90) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= size else f"{text[: size // 2]} … {text[-size // 2 :]}"


def negated(test: ast.expr) -> ast.expr | None:
    "The opposite of a condition, where no other change gives it"
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return None
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)):
        return None
    return ast.UnaryOp(ast.Not(), test)


def of_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    "A call without one of its keywords, by another method, or not made"
    name = short(node.func, 30)
    named = name.rpartition(".")[2] in NAMED
    for i, k in enumerate(node.keywords):
        if k.arg and (k.arg in WINDOW or not named):
            yield (
                f"{name}(… {k.arg}={short(k.value, 40)}) without it",
                ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :]),
            )
    if isinstance(node.func, ast.Attribute):
        if other := OTHER.get(node.func.attr):
            yield f"{short(node)} → {other}", ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords)
        if node.func.attr in DROPPED:
            yield f"{short(node)} → without {node.func.attr}", node.func.value
    elif isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "any", "all"):
        yield f"{short(node)} → {OTHER[node.func.id]}", ast.Call(ast.Name(OTHER[node.func.id]), node.args, node.keywords)


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    "(what, the node replaced, the node in its place)"

    def to(new: ast.AST, old: ast.AST = node) -> tuple[str, ast.AST, ast.AST]:
        return f"{short(old)} → {short(new)}", old, new

    def other(**fields) -> ast.AST:
        new = copy.copy(node)
        for k, v in fields.items():
            setattr(new, k, v)
        return new

    match node:
        case ast.Compare():
            for i, op in enumerate(node.ops):
                yield to(other(ops=[*node.ops[:i], SWAPPED[type(op)](), *node.ops[i + 1 :]]))
        case ast.BoolOp() | ast.BinOp() if type(node.op) in SWAPPED:
            yield to(other(op=SWAPPED[type(node.op)]()))
        case ast.UnaryOp(operand=operand):
            if not (isinstance(node.op, ast.USub) and isinstance(operand, ast.Constant)):
                yield to(operand)
        case ast.Constant(value=bool(v)):
            yield to(ast.Constant(not v))
        case ast.Constant(value=int(v)):
            yield to(ast.Constant(v + 1))
            yield to(ast.Constant(v - 1))
        case ast.Constant(value=float(v)):
            yield to(ast.Constant(v + 1))
        case ast.Call():
            for what, new in of_call(node):
                yield what, node, new
        case ast.Raise():
            yield f"{short(node, 60)} → nothing", node, ast.Pass()
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield f"{short(node)} → nothing", node, ast.Pass()
    for test in [node.test] if isinstance(node, (ast.If, ast.IfExp, ast.While)) else getattr(node, "ifs", []):
        if new := negated(test):
            yield to(new, test)


def functions(tree: ast.Module) -> dict[int, str]:
    "The innermost function or class of each line"
    res: dict[int, str] = {}
    for node in ast.walk(tree):  # from outside in
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            res |= dict.fromkeys(range(node.lineno, node.end_lineno + 1), node.name)
    return res


def mutants(source: str) -> list[Mutant]:
    "Every change to a module, one at a time"
    tree, raw = ast.parse(source), source.encode()
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    inside, res, seen = functions(tree), [], Counter()
    for node in pruned(tree):
        for what, old, new in changes(node):
            begin, end = starts[old.lineno - 1] + old.col_offset, starts[old.end_lineno - 1] + old.end_col_offset
            text = ast.unparse(ast.fix_missing_locations(new))
            text = text if isinstance(new, ast.stmt) else f"({text})"
            what = f"{inside.get(old.lineno, 'the room')}: {what}"
            seen[what] += 1
            what += f" ({seen[what]})" if seen[what] > 1 else ""
            changed = (raw[:begin] + text.encode() + raw[end:]).decode()
            with contextlib.suppress(SyntaxError):
                ast.parse(changed)
                res.append(Mutant(old.lineno, what, changed))
    return sorted(res, key=lambda m: m.line)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    "Gives one module from changed source"

    def __init__(self, name: str, source: str):
        self.name, self.source, self.path = name, source, str(ROOT / f"{name.replace('.', '/')}.py")

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_source(self, name):
        return self.source

    def get_code(self, name):
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Order:
    "A plugin for pytest: the quick tests only, first those that noticed most for their time; says what each took, and which failed"

    def __init__(self, found: Counter, took: dict[str, float]):
        self.found, self.took, self.failed = found, took, ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        if known := sorted(self.took, key=lambda n: self.took[n]):
            quick = {n for n, total in zip(known, accumulate(self.took[n] for n in known)) if total <= SECONDS}
            items[:] = sorted(
                (i for i in items if i.nodeid in quick), key=lambda i: -(self.found[i.nodeid] + 0.1) / (self.took[i.nodeid] + 0.2)
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        start = time.process_time()
        res = yield
        self.took[item.nodeid] = time.process_time() - start
        return res

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed = "import"


def cells(room: str) -> Iterator[str]:
    "The code of a room's notebook that is not exported: lessons and their tests"
    for c in json.loads((ROOT / f"nbs/{room}.ipynb").read_text("utf-8"))["cells"]:
        code = "".join(c["source"])
        if c["cell_type"] == "code" and not re.search(r"^(#\|\s*(export|eval: false|notest|slow|default_exp)|[%!])", code, re.M):
            yield code


def run_cells(room: str, module: str) -> None:
    space = dict(vars(importlib.import_module(module)))
    os.chdir((ROOT / f"nbs/{room}.ipynb").parent)
    for code in cells(room):
        exec(compile(code, room, "exec"), space)


def attempt(room: str, source: str | None, order: Order) -> str:
    "In a forked process: what noticed a change, empty when nothing did"
    module = f"liuan_eval.{room.replace('/', '.')}"
    if source is not None:
        sys.meta_path.insert(0, Changed(module, source))
    if pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests_of(room)], plugins=[order]):
        return order.failed or "pytest"
    try:
        run_cells(room, module)
    except Exception as e:
        return f"notebook: {type(e).__name__}"
    return ""


def tests_of(room: str) -> list[str]:
    return ROOMS.get(room) or DESIGNS


def third_party() -> list[str]:
    return [n for n, m in sys.modules.items() if "site-packages" in (getattr(m, "__file__", None) or "") and not n.startswith("liuan_eval")]


class Result(NamedTuple):
    noticed: str  # by what; empty when by nothing
    libraries: list[str]  # imported
    took: dict[str, float]  # seconds of the processor, by test
    seconds: float


def forked(room: str, source: str | None, order: Order, limit: float) -> Result:
    "A change tried in a process of its own"
    start, (read, write) = time.monotonic(), os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        try:
            said = attempt(room, source, order)
        except BaseException as e:
            said = type(e).__name__
        with os.fdopen(write, "w") as f:
            json.dump([said, third_party(), order.took], f)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        if not (ready := select.select([f], [], [], limit)[0]):
            os.killpg(pid, signal.SIGKILL)
        text = f.read()
    os.waitpid(pid, 0)
    return Result(*(json.loads(text) if text else ("end of the process" if ready else "time", [], {})), time.monotonic() - start)


def equivalents(room: str) -> dict[str, str]:
    "What cannot be noticed, with the reason"
    rows = tomllib.loads((STORE / "equivalent.toml").read_text("utf-8")).get(room, [])
    return {row["what"]: row["why"] for row in rows}


def store(room: str, made: int, seed: int, tried: int, killed: int, same: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    cfg = ConfigParser(delimiters=["="])
    cfg.read(ROOT / "settings.ini", encoding="utf-8")
    low, high = proportion_confint(killed, tried - same, method="wilson") if tried > same else (0, 1)
    row = [room, date.today(), cfg["DEFAULT"]["version"], made, seed, tried, killed, same, f"{low:.3f}", f"{high:.3f}"]
    path = STORE / "scores.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n").writerows([COLUMNS] * new + [row])
    print(f"{room}: {killed} of {tried - same} noticed ({killed / max(tried - same, 1):.0%}; {low:.0%} to {high:.0%}), {same} equivalent")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room")
    parser.add_argument("--sample", type=int, help="try so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print the changes, try nothing")
    a = parser.parse_args()
    all_ = mutants((ROOT / f"liuan_eval/{a.room}.py").read_text("utf-8"))
    some = all_ if not a.sample else sorted(random.Random(a.seed).sample(all_, min(a.sample, len(all_))), key=lambda m: m.line)
    if a.show:
        print(*(f"{m.line}: {m.what}" for m in some), sep="\n")
        return 0
    os.chdir(ROOT)
    known, order = equivalents(a.room), Order(Counter(), {})
    plain = forked(a.room, None, order, 3600)
    if plain.noticed:
        sys.exit(f"without any change: {plain.noticed}")
    order.took = plain.took
    print(f"{a.room}: {len(all_)} changes, {len(some)} to try; unchanged, the tests take {sum(plain.took.values()):.0f} s", flush=True)
    for name in plain.libraries:  # once for all
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    killed = same = 0
    for m in some:
        if m.what in known:
            same += 1
            continue
        r = forked(a.room, m.source, order, 60 + 4 * plain.seconds)
        killed, order.found[r.noticed] = killed + bool(r.noticed), order.found[r.noticed] + 1
        print(f"{'  noticed' if r.noticed else 'UNNOTICED'} {m.line}: {m.what}   [{r.noticed} {r.seconds:.0f} s]", flush=True)
    store(a.room, len(all_), a.seed if a.sample else 0, len(some), killed, same)
    return 0


if __name__ == "__main__":
    sys.exit(main())
