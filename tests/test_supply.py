"What an installation brings along: licences, and bounds that say which versions were tried"

import ast
import re
import sys
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONFIG = ConfigParser(delimiters=["="])
CONFIG.read(ROOT / "settings.ini", encoding="utf-8")
RUN_TIME = "", "spark", "postgres"  # the other extras are for development
PERMISSIVE = {
    *"0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 HPND ISC MIT MIT-CMU OFL-1.1 PSF-2.0 Python-2.0 Zlib".split(),
    *("Apache 2.0", "Apache License, Version 2.0", "Apache License 2.0", "Apache Software License", "BSD", "BSD License", "2-clause BSD"),
    *("BSD 3-Clause License", "ISC license", "ISC License (ISCL)", "MIT License", "PSFL", "Python Software Foundation License"),
    *("SIL Open Font License 1.1 (OFL-1.1)", "The Unlicense (Unlicense)"),
}
LESSER = {"psycopg": "LGPL-3.0-only"}  # by [postgres] alone, as the page on design says
DEVELOPMENT = {"MPL-2.0"}  # may be used to test
SILENT = {"axe-playwright-python": "MIT"}  # its metadata says nothing; its repository does


def licence(name):
    "What a package says of its licence: the expression, else its classifiers, else a short text"
    m = distribution(name).metadata
    if said := m.get("License-Expression"):
        return said
    told = [c.rsplit(" :: ", 1)[-1] for c in m.get_all("Classifier", []) if c.startswith("License :: ")]
    told = [c for c in told if c != "OSI Approved"]
    text = (m.get("License") or "").strip()
    return " AND ".join(told) or (text if "\n" not in text and text != "UNKNOWN" else text.partition("\n")[0].partition("  ")[0])


def permitted(said, allowed):
    "Every part of it is allowed, of alternatives one"
    if said in allowed:
        return True
    parts = re.split(r"\s+AND\s+", said.strip("()"))
    return all(any(p.strip("() ") in allowed for p in re.split(r"\s+OR\s+", part)) for part in parts)


def brought(extra):
    "What liuan_eval needs with an extra, and all that this needs in turn, as installed here"
    found, todo = {}, [("liuan_eval", (extra,))]
    while todo:
        name, extras = todo.pop()
        for text in distribution(name).requires or []:
            r = Requirement(text)
            if r.marker and not any(r.marker.evaluate({"extra": e}) for e in extras or ("",)):
                continue
            key, more = canonicalize_name(r.name), tuple(sorted({"", *r.extras}))
            if set(more) <= found.get(key, set()):
                continue
            try:
                distribution(r.name)
            except PackageNotFoundError:
                pytest.skip(f"[{extra}] is not installed here: {r.name} is missing")
            found[key] = found.get(key, set()) | set(more)
            todo.append((r.name, more))
    return sorted(found)


@pytest.mark.parametrize("extra", [*RUN_TIME, "docs", "dev"])
def test_nothing_that_is_installed_has_a_licence_that_binds_who_uses_it(extra):
    names = brought(extra)
    assert len(names) > 20
    allowed = PERMISSIVE if extra in RUN_TIME else PERMISSIVE | DEVELOPMENT
    said = {n: SILENT.get(n, licence(n)) if extra not in RUN_TIME else licence(n) for n in names}
    lesser = LESSER if extra in ("postgres", "dev") else {}
    assert {n: s for n, s in said.items() if not permitted(s, allowed) and lesser.get(n) != s} == {}


@pytest.mark.parametrize(
    "said, yes",
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("BSD-3-Clause AND (MIT OR Apache-2.0)", True),
        ("GPL-2.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MIT License AND GNU General Public License (GPL)", False),
        ("", False),
    ],
)
def test_a_licence_that_binds_or_that_nobody_knows_would_be_noticed(said, yes):
    assert permitted(said, PERMISSIVE) == yes


def requirements(key):
    return [Requirement(r) for r in CONFIG["DEFAULT"][key].split()]


def test_every_run_time_requirement_has_a_lower_bound_that_was_tried_and_no_exact_version():
    "`make lowest` installs them"
    for r in [*requirements("requirements"), *requirements("spark_requirements"), *requirements("postgres_requirements")]:
        operators = {s.operator for s in r.specifier}
        assert ">=" in operators and not operators & {"==", "==="}, str(r)


def test_what_the_package_imports_it_requires_itself():
    own = {canonicalize_name(r.name) for key in CONFIG["DEFAULT"] if key.endswith("requirements") for r in requirements(key)}
    known = packages_distributions()
    for path in (ROOT / "liuan_eval").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            )
            for top in (
                {n.partition(".")[0] for n in names if n and not getattr(node, "level", 0)} - sys.stdlib_module_names - {"liuan_eval"}
            ):
                assert own & {canonicalize_name(d) for d in known.get(top, [top])}, f"{path.name} imports {top}"


def test_the_versions_that_ci_uses_lie_within_the_bounds():
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    pinned = {canonicalize_name(n): v for n, v in (line.split("==") for line in lines)}
    for key in CONFIG["DEFAULT"]:
        for r in requirements(key) if key.endswith("requirements") else []:
            assert r.specifier.contains(pinned[canonicalize_name(r.name)]), str(r)
