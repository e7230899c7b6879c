"""Build the site into _docs without Quarto: nbdev prepares the notebooks, smalldocs renders them.

References (@fig-x, @tbl-x, @eq-x), links and the maths library are made local, so the pages work with the network off.
A notebook that the sidebar forgets or names wrongly, prose that nbdev would lose, a broken link or an address outside the site ends with exit code 1.
"""

import json
import os
import re
import shutil
import sys
from functools import partial
from urllib.parse import unquote

import nbdev.doclinks
import smalldocs.layout
import yaml
from nbdev.config import get_config
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from smalldocs.site import build

KINDS = {"fig": "图", "tbl": "表", "eq": "式", "sec": "节"}
LABEL = r"(?:fig|tbl|eq|sec)-[\w-]*\w"


def source(cell):
    return "".join(cell["source"])


def sidebar_errors(nbs):
    "Compare the notebooks with the sidebar, both ways"
    text = yaml.safe_dump(yaml.safe_load((nbs / "sidebar.yml").read_text("utf-8")), allow_unicode=True)
    listed = set(re.findall(r"[\w/-]+\.ipynb", text))
    there = {f.relative_to(nbs).as_posix() for f in nbs.rglob("*.ipynb") if not re.search(r"(^|/)[._]", f.relative_to(nbs).as_posix())}
    return [f"sidebar.yml names {n}, which does not exist" for n in sorted(listed - there)] + [
        f"{n} is missing from sidebar.yml" for n in sorted(there - listed)
    ]


def title_errors(nbs):
    "nbdev keeps of the title's cell only the title and the line below it: prose must begin in the next cell"
    for f in sorted(nbs.rglob("*.ipynb")):
        first = next((source(c) for c in json.loads(f.read_text("utf-8"))["cells"] if c["cell_type"] == "markdown"), "")
        if re.sub(r"^(#|>|- [\w-]+:).*", "", first, flags=re.M).strip():
            yield f"{f.relative_to(nbs)}: the prose in the cell of the title would be lost"


def labels(nbs):
    "Number the labels of each notebook: `{('plots.ipynb', 'fig-rates'): 1}`"
    res = {}
    for name, nb in nbs.items():
        count = {}
        for cell in nb["cells"]:
            for lab in re.findall(rf"^#\|\s*label:\s*({LABEL})", source(cell), re.M) + re.findall(rf"\{{#({LABEL})\}}", source(cell)):
                kind = lab.split("-")[0]
                res[name, lab] = count[kind] = count.get(kind, 0) + 1
    return res


def localise(nb, name, labs):
    "Resolve references, captions and links of one notebook to our own site"
    up = "../" * name.count("/")

    def title(lab):
        if (name, lab) not in labs:
            raise SystemExit(f"{name}: @{lab} refers to nothing in this notebook")
        return f"{KINDS[lab.split('-')[0]]} {labs[name, lab]}"

    def prose(text):
        def numbered(m):
            return f"[]{{#{m[2]}}}\n\n$${m[1].rstrip()} \\tag{{{labs[name, m[2]]}}}$$"

        text = re.sub(r"\$\$(.+?)\$\$\s*\{#(eq-[\w-]+)\}", numbered, text, flags=re.S)
        text = re.sub(rf"(?<![\w`/@])@({LABEL})", lambda m: f"[{title(m[1])}](#{m[1]})", text)
        text = re.sub(r"^\[source\]\(/blob/.*\n", "", text, flags=re.M)  # no public repository to lead to
        text = re.sub(r"\]\(((?:\.\./)*)\.\./(figures/)", r"](\1\2", text)  # figures/ lies beside nbs/ and is copied into the site
        return re.sub(r"\]\(/([\w./#-]*)\)", rf"]({up}\1)", text)  # nbdev's links to symbols begin at the root

    for cell in nb["cells"]:
        src = source(cell)
        if cell["cell_type"] == "markdown":
            cell["source"] = prose(src)
        if cell["cell_type"] != "code":
            continue
        lab = re.search(r"^#\|\s*label:\s*((?:fig|tbl)-[\w-]+)", src, re.M)
        if lab:
            cell["source"] = re.sub(r'^(#\|\s*(?:fig|tbl)-cap:\s*["\']?)', rf"\g<1>{title(lab[1])}　", src, flags=re.M)
        for out in cell.get("outputs", []):
            if "text/markdown" in out.get("data", {}):
                out["data"]["text/markdown"] = prose("".join(out["data"]["text/markdown"]))
    return nb


def symbol_link(page, m):
    "nbdev links a symbol to its place; one that its page does not show leads to the top of that page"
    target = page.parent / m[1] if m[1] else page
    there = target.exists() and f'id="{m[2]}"' in target.read_text("utf-8")
    return m[0] if there else f'<a href="{m[1] or page.name}"><code>'


def page_errors(site):
    "Broken links and addresses outside the site that a page would load by itself"
    pages = {f: f.read_text("utf-8") for f in site.rglob("*.html")}
    ids = {f: set(re.findall(r'\bid="([^"]+)"', html)) for f, html in pages.items()}
    for f, html in pages.items():
        name = f.relative_to(site).as_posix()
        html = re.sub(r"<(script|code|pre)\b[^>]*>.*?</\1>", lambda m: m[0].split(">")[0] if m[1] == "script" else "", html, flags=re.S)
        for tag, attr, url in re.findall(r'<(\w+)\b[^>]*?\s(href|src)="([^"]*)"', html):
            if re.match(r"(https?:)?//", url):
                if attr == "src" or tag == "link":
                    yield f"{name} loads {url}"
                continue
            if re.match(r"[a-z]+:", url):
                continue
            path, _, anchor = url.partition("#")
            target = f if not path else (f.parent / unquote(path.split("?")[0])).resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{name}: {url} leads nowhere"
            elif anchor and target in ids and unquote(anchor) not in ids[target]:
                yield f"{name}: no such place {url}"
    for f in site.rglob("*.css"):
        urls = re.findall(r'(?:@import\s*|url\()["\'( ]*((?:https?:)?//[^"\')]+)', f.read_text("utf-8"))
        yield from (f"{f.relative_to(site)} loads {url}" for url in urls)


def main():
    cfg = get_config()
    root, nbs = cfg.config_path, cfg.nbs_path
    os.chdir(root)
    errors = sidebar_errors(nbs) + list(title_errors(nbs))
    if errors:
        return errors
    refresh_quarto_yml()
    nbdev.doclinks._build_modidx()
    src = root / "_site_src"
    shutil.rmtree(src, ignore_errors=True)
    try:
        proc = proc_nbs(nbs, force=True)
    except Exception as e:
        return [f"{e}\n(the docs run cells that import; keep imports in cells of their own)"]
    shutil.copytree(proc, src, ignore=shutil.ignore_patterns("_docs", ".quarto"))
    if (root / "figures").exists():
        shutil.copytree(root / "figures", src / "figures", dirs_exist_ok=True)
    books = {f.relative_to(src).as_posix(): json.loads(f.read_text("utf-8")) for f in sorted(src.rglob("*.ipynb"))}
    labs = labels(books)
    for name, nb in books.items():
        (src / name).write_text(json.dumps(localise(nb, name, labs), ensure_ascii=False), "utf-8")
    smalldocs.layout.KATEX = "KATEX"
    site = build(str(src), quiet=True)
    out = src / cfg.doc_path.name
    shutil.copytree(nbs / "_katex", out / "site_libs/katex")
    for f in out.rglob("*.html"):
        up = "../" * (len(f.relative_to(out).parts) - 1)
        html = f.read_text("utf-8").replace('"KATEX/', f'"{up}site_libs/katex/')
        f.write_text(re.sub(r'<a href="([^"#]*)#([^"]+)"><code>', partial(symbol_link, f), html), "utf-8")
    shutil.rmtree(cfg.doc_path, ignore_errors=True)
    shutil.move(out, cfg.doc_path)
    shutil.rmtree(src)
    print(f"{len(list(cfg.doc_path.rglob('*.html')))} pages in {cfg.doc_path.name}")
    known = "format-links", "output-file"  # written by nbdev for Quarto, of no use here
    return [str(w) for w in site.warnings if not any(k in str(w) for k in known)] + list(page_errors(cfg.doc_path))


if __name__ == "__main__":
    problems = main()
    for problem in problems:
        print("docs:", problem, file=sys.stderr)
    sys.exit(bool(problems))
