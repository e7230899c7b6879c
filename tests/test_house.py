"The house keeps its rules: floors, names, cells short enough to read, every parameter explained"

import ast
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = "words", "intake", "truth", "custody", "indicators", "metrics", "flow", "judge", "effects", "publish", "figures", "report"
MODULES = sorted(f for f in (ROOT / "liuan_eval").rglob("*.py") if not f.name.startswith("_"))
NOTEBOOKS = sorted((ROOT / "nbs").rglob("*.ipynb"))
LONGEST = 60  # lines of an exported cell; 30 is the aim


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def floor(module: str) -> str:
    "`liuan_eval.effects.designs.its` lies on the floor `effects`"
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> list[tuple[str, str]]:
    "(module, name) of everything a file imports from the package, wherever in the file"
    here, found = name(path).split("."), []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            top = here[: len(here) - node.level] if node.level else []
            module = ".".join([*top, *(node.module or "").split(".")]).strip(".")
            found += [(module, a.name) for a in node.names if module.split(".")[0] == "liuan_eval"]
        elif isinstance(node, ast.Import):
            found += [(a.name, "") for a in node.names if a.name.split(".")[0] == "liuan_eval"]
    return found


def room(module: str, what: str) -> str:
    "The room that an import leads to: `from liuan_eval.effects import plan` leads to effects.plan"
    full = f"{module}.{what}"
    return full if (ROOT / Path(*full.split("."))).with_suffix(".py").exists() else module


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_room_imports_only_from_its_own_floor_and_floors_above(path):
    mine = FLOORS.index(floor(name(path)))
    below = [f"{m}.{w}" for m, w in imported(path) if floor(room(m, w)) in FLOORS[mine + 1 :]]
    assert not below, f"{name(path)} imports from below: {', '.join(below)}"


def test_no_circle_of_rooms():
    arrows = {name(f): {room(m, w) for m, w in imported(f)} - {name(f)} for f in MODULES}
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for other in arrows.get(module, ()):
            visit(other)
        done.add(path.pop())

    for module in arrows:
        visit(module)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_what_is_private_stays_in_its_room(path):
    taken = [f"{m}.{w}" for m, w in imported(path) if w.startswith("_") and not w.startswith("__")]
    assert not taken


def test_a_public_function_or_class_has_one_meaning():
    "But for commands, and the makers of stored tables, which are named as what they make"
    homes = defaultdict(set)
    for path in [f for f in MODULES if name(f) not in ("liuan_eval.report.cli", "liuan_eval.effects.failures")]:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                for word in ast.literal_eval(node.value):
                    if not word.isupper() and word not in ("calibrate", "promises"):  # a constant is read with its room's name
                        homes[word].add(name(path))
    assert {k: sorted(v) for k, v in homes.items() if len(v) > 1} == {}


def test_the_design_page_tells_of_every_room_and_of_no_other():
    page = next(c["source"] for c in cells(ROOT / "nbs/explanation/design.ipynb") if "## Rooms" in c["source"])
    drawn = page[page.index("    liuan_eval/\n") : page.index("Four habits")]
    told = re.findall(
        r"(?:^ {6}\w+/ +|· |\()(\w+)(?= ·| \(|:|\)|$)",
        re.sub(r" \((?!registry|survival|opened)[^()]*(?:\([^()]*\)[^()]*)*\)", "", drawn),
        re.M,
    )
    assert sorted(told) == sorted(f.stem for f in MODULES if f.parent.name != "liuan_eval")


def cells(path: Path) -> list[dict]:
    return [c | {"source": "".join(c["source"])} for c in json.loads(path.read_text("utf-8"))["cells"]]


def exported(path: Path) -> list[dict]:
    return [c for c in cells(path) if c["cell_type"] == "code" and re.match(r"#\|\s*exports?\b", c["source"])]


ROOMS = [f for f in NOTEBOOKS if exported(f)]


@pytest.mark.parametrize("path", ROOMS, ids=lambda f: f.relative_to(ROOT / "nbs").as_posix())
def test_exported_cells_are_short(path):
    sizes = {c["id"]: sum(1 for x in c["source"].splitlines() if x.strip() and not x.startswith("#|")) for c in exported(path)}
    assert {k: n for k, n in sizes.items() if n > LONGEST} == {}


def functions(source: str) -> list[tuple[str, ast.FunctionDef]]:
    "Public functions of a cell and public methods of its public classes"
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += [(f"{node.name}.{f.name}", f) for f in node.body if isinstance(f, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef):
            found.append((node.name, node))
    return [(n, f) for n, f in found if not f.name.startswith("_")]


def unexplained(source: str) -> list[str]:
    "What a reader of a signature is not told"
    lines, out = source.splitlines(), []
    for called, f in functions(source):
        a, doc = f.args, ast.get_docstring(f) or ""
        out += [] if doc else [f"{called}: no docstring"]
        for p in [*a.posonlyargs, *a.args, *filter(None, [a.vararg]), *a.kwonlyargs, *filter(None, [a.kwarg])]:
            if p.arg not in ("self", "cls") and "#" not in lines[p.end_lineno - 1][p.end_col_offset :]:
                out.append(f"{called}: no comment on {p.arg}")
        raised = {getattr(r.exc.func, "id", "") for r in ast.walk(f) if isinstance(r, ast.Raise) and isinstance(r.exc, ast.Call)}
        out += [f"{called}: raises {r} and does not say so" for r in raised if r and r not in doc]
    return out


@pytest.mark.parametrize("path", ROOMS, ids=lambda f: f.relative_to(ROOT / "nbs").as_posix())
def test_every_parameter_is_explained_and_every_error_named(path):
    assert [f"{c['id']} {x}" for c in exported(path) for x in unexplained(c["source"])] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda f: f.relative_to(ROOT / "nbs").as_posix())
def test_plain_english(path):
    dialect = r"\b(?:one )?(?:row|line|file|column|cell|number|table) an? (?!time\b|day\b)\w+|\bcan not\b|\bhas not\b(?= (?:an?|any|what)\b|[.,;)])"
    text = [f"{c['id']}: {m[0]}" for c in cells(path) for m in re.finditer(dialect, c["source"])]
    assert text == []


TEMPLATES = {"say": (0, 1), "figure": (2, 3), "both": (0, 1), "marked": (0,)}  # which arguments are templates; values come by name
MADE = {"Markdown", "HTML", "Marked"}  # what is taken for markup as it is


def written_by_hand(source: str) -> list[str]:
    "Where data could come into markup by another way than as a value of a template that stands in the source"
    found = []
    for call in (n for n in ast.walk(ast.parse(re.sub(r"^%.*", "", source, flags=re.M))) if isinstance(n, ast.Call)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        own = [call.args[i] for i in TEMPLATES.get(called, ()) if i < len(call.args)]
        if called == "heading":
            own = [a for t in call.args[1:] for a in (t.args if isinstance(t, ast.Call) and t.func.id in ("Text", "both") else [t])]
        if called in MADE:
            own = [a for a in call.args if not (isinstance(a, ast.Call) and getattr(a.func, "id", "") == "marked")]
        found += [f"{called}: {ast.unparse(a)[:60]}" for a in own if not (isinstance(a, ast.Constant) and isinstance(a.value, str))]
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "nbs/studies").glob("*.ipynb")), ids=lambda f: f.stem)
def test_what_a_study_says_is_a_template_with_values(path):
    assert [f"{c['id']} {x}" for c in cells(path) if c["cell_type"] == "code" for x in written_by_hand(c["source"])] == []


def test_markup_is_made_in_four_rooms():
    makers = {"liuan_eval.words.safe", "liuan_eval.report.kernel", "liuan_eval.report.study", "liuan_eval.report.tables"}
    text = {name(f): f.read_text("utf-8") for f in MODULES}
    assert {m for m, source in text.items() if any(x.split(":")[0] in (*MADE, "both", "marked") for x in written_by_hand(source))} == makers


def test_the_rules_find_what_they_look_for():
    bad = 'def f(x, y=1):  # of both\n    "Doc."\n    raise LogError("a", "b")\n'
    assert unexplained(bad) == [
        "f: raises LogError and does not say so",
    ] or "f: no comment" in " ".join(unexplained(bad))
    good = 'def f(\n    x,  # a number\n):\n    "Doc; raises `LogError`."\n    raise LogError("a", "b")\n'
    assert unexplained(good) == []
    wrong = (
        'say(f"{x}", "x")',
        'say("a" + x, y)',
        'study.figure("n", f, "{x}".format(x=x), "x")',
        "Markdown(x)",
        "heading(s, Text(f'{x}', 'x'))",
    )
    assert all(written_by_hand(w) for w in wrong)
    assert (
        written_by_hand('say("{x}", "{x}", x=f"{y}")\nMarkdown(marked("{x}", x=x))\nheading(s, both("{x}", "x", x=x), Text("a", "b"))')
        == []
    )
