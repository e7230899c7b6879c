"""Build the site into _docs without Quarto: nbdev prepares the notebooks, smalldocs renders them, this file does what it lacks.

Before: references (@fig-x, @tbl-x, @eq-x) and citations ([@key], by pandoc) become links, symbols lead to pages of this site.
After: maths, search and pictures are local files, captions can be searched, and the markup is one that a keyboard and a screen reader can use.
A notebook that the sidebar forgets or names wrongly, prose that nbdev would lose, an unknown citation, a picture without alternative text,
a broken link or an address outside the site ends with exit code 1.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import sys
from itertools import groupby
from urllib.parse import unquote

import lxml.html
import nbdev.doclinks
import pypandoc
import smalldocs.api
import smalldocs.layout
import yaml
from lxml.html import builder as E
from nbdev.config import get_config
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from smalldocs.site import build

KINDS = {"fig": "图", "tbl": "表", "eq": "式", "sec": "节"}
LABEL = r"(?:fig|tbl|eq|sec)-[\w-]*\w"
CITATION = re.compile(r"(?<![\w`])\[(-?@[\w:.-]+[^\]\n]*)\](?!\()")
FENCE = re.compile(r"(^```\w.*?^```$)", re.M | re.S)
BIBLIOGRAPHY = "explanation/cite.ipynb"
_MARKS = r"\u3000-\u303f\uff00-\uffef“”‘’…—·"
HAN = re.compile(rf"([\u4e00-\u9fff{_MARKS}]*[\u4e00-\u9fff][\u4e00-\u9fff{_MARKS}]*)")


def source(cell):
    return "".join(cell["source"])


def prose(nb):
    "Every piece of Markdown of a notebook, written or computed, without the code shown in it"
    for cell in nb["cells"]:
        texts = [source(cell)] if cell["cell_type"] == "markdown" else []
        texts += ["".join(out.get("data", {}).get("text/markdown", "")) for out in cell.get("outputs", [])]
        yield from ("".join(FENCE.split(text)[::2]) for text in texts)


# --- what must hold before anything is built


def sidebar_errors(nbs):
    "Compare the notebooks with the sidebar, both ways"
    text = yaml.safe_dump(yaml.safe_load((nbs / "sidebar.yml").read_text("utf-8")), allow_unicode=True)
    listed = re.findall(r"[\w/-]+\.ipynb", text)
    there = {f.relative_to(nbs).as_posix() for f in nbs.rglob("*.ipynb") if not re.search(r"(^|/)[._]", f.relative_to(nbs).as_posix())}
    yield from (f"sidebar.yml names {n}, which does not exist" for n in sorted(set(listed) - there))
    yield from (f"{n} is missing from sidebar.yml" for n in sorted(there - set(listed)))
    yield from (f"sidebar.yml names {n} more than once" for n in sorted({n for n in listed if listed.count(n) > 1}))


def title_errors(nbs):
    "nbdev keeps of the title's cell only the title and the line below it: prose must begin in the next cell"
    for f in sorted(nbs.rglob("*.ipynb")):
        first = next((source(c) for c in json.loads(f.read_text("utf-8"))["cells"] if c["cell_type"] == "markdown"), "")
        if re.sub(r"^(#|>|- [\w-]+:).*", "", first, flags=re.M).strip():
            yield f"{f.relative_to(nbs)}: the prose in the cell of the title would be lost"


# --- what nbdev made of the exports


def line(cell):
    "The line of the module at which a documented object begins; 0 where nbdev gives none"
    found = re.search(r"\.py#L(\d+)\)", "".join(prose(dict(cells=[cell]))))
    return int(found[1]) if found else 0


def signature(m):
    "Types by their short names, and a space where people write one"
    text = re.sub(r"(?<![\w.'\"])(?:[a-z_]\w*\.)+(?=[A-Za-z])", "", m[0])
    return re.sub(r"\)->", ") -> ", re.sub(r"(?m)([(,]\s*\w+):(?=\S)", r"\1: ", text))


def documented(nb):
    "What one cell exports is shown in the order in which it is written; nbdev turns it round"
    nb["cells"] = [
        c for shown, run in groupby(nb["cells"], lambda c: bool(c.get("has_sd"))) for c in (sorted(run, key=line) if shown else run)
    ]
    for cell in (c for c in nb["cells"] if c.get("has_sd")):
        for out in cell.get("outputs", []):
            if "text/markdown" in out.get("data", {}):
                text = "".join(out["data"]["text/markdown"])
                out["data"]["text/markdown"] = re.sub(r"^```python\n(?:def|class) .*?^```", signature, text, count=1, flags=re.M | re.S)
    return nb


# --- the pages made from the package


def dotted(make):
    "Pages of Reference are named by floor and room, whatever other floors hold: `api/intake.tables`; smalldocs would call them by the room alone"

    def build_api(settings):
        named = {}
        for page in make(settings):
            title = json.loads(re.search(r"^title: (.*)$", page.read_text("utf-8"), re.M)[1])
            package, _, room = title.partition(".")
            named[page.name] = page.rename(page.with_name(f"{room or package}.qmd"))
        index = settings.site / "_symbols.json"
        text = re.sub(rf"(?<=/{settings.out}/)[^/#\"]+\.qmd(?=#)", lambda m: named[m[0]].name, index.read_text("utf-8"))
        index.write_text(text, "utf-8")
        return list(named.values())

    return build_api


# --- numbers and citations


def labels(books):
    "Number the labels of each notebook: `{('look.ipynb', 'fig-rates'): 1}`"
    res = {}
    for name, nb in books.items():
        count = {}
        for cell in nb["cells"]:
            for lab in re.findall(rf"^#\|\s*label:\s*({LABEL})", source(cell), re.M) + re.findall(rf"\{{#({LABEL})\}}", source(cell)):
                kind = lab.split("-")[0]
                res[name, lab] = count[kind] = count.get(kind, 0) + 1
    return res


def citations(books, bib):
    "What pandoc makes of each citation of the notebooks, and its list of references: `({'@newey1987': 'Newey and West 1987'}, html)`"
    cites = sorted({m[1] for nb in books.values() for text in prose(nb) for m in CITATION.finditer(text)})
    text = "---\nnocite: '@*'\n---\n\n" + "\n\n".join(f"[{c}]" for c in cites) + "\n\n::: {#refs}\n:::\n"
    args = ["--citeproc", f"--bibliography={bib}", "-M", "link-citations=true", "--wrap=none"]
    doc = lxml.html.fromstring(pypandoc.convert_text(text, "html", format="markdown", extra_args=args))
    known = set(re.findall(r"^@\w+\{([^,\s]+),", bib.read_text("utf-8"), re.M))
    unknown = {k for c in cites for k in re.findall(r"@([\w:.-]*\w)", c)} - known
    if unknown:
        raise SystemExit(f"{bib.name} does not hold {', '.join(sorted(unknown))}")
    spans = doc.xpath("//span[@class='citation']")
    refs = doc.get_element_by_id("refs")
    return {c: [(a.text_content(), a.get("href")) for a in s.iter("a")] for c, s in zip(cites, spans, strict=True)}, lxml.html.tostring(
        refs, encoding="unicode"
    )


def localise(nb, name, labs, cites, refs):
    "Resolve references, citations, captions and links of one notebook to our own site"
    up = "../" * name.count("/")

    def title(lab):
        if (name, lab) not in labs:
            raise SystemExit(f"{name}: @{lab} refers to nothing in this notebook")
        return f"{KINDS[lab.split('-')[0]]} {labs[name, lab]}"

    def cited(m):
        return "(" + "; ".join(f"[{text}]({up}{BIBLIOGRAPHY}{href})" for text, href in cites[m[1]]) + ")"

    def mended(text):
        def numbered(m):
            return f"[]{{#{m[2]}}}\n\n$${m[1].rstrip()} \\tag{{{labs[name, m[2]]}}}$$"

        text = re.sub(r"\$\$(.+?)\$\$\s*\{#(eq-[\w-]+)\}", numbered, CITATION.sub(cited, text), flags=re.S)
        text = re.sub(rf"(?<![\w`/@])@({LABEL})", lambda m: f"[{title(m[1])}](#{m[1]})", text)
        text = re.sub(r"^\[source\]\(/blob/.*\n", "", text, flags=re.M)  # no public repository to lead to
        text = re.sub(
            r"\]\(((?:\.\./)*)\.\./(figures/[\w.-]+\.(?:png|svg))", r"](\1\2", text
        )  # figures/ lies beside nbs/ and is copied into the site
        return re.sub(r"\]\(/([\w./#-]*)\)", rf"]({up}\1)", text)  # nbdev's links to symbols begin at the root

    def resolved(text):
        return "".join(part if i % 2 else mended(part) for i, part in enumerate(FENCE.split(text)))

    fold = any(c["cell_type"] == "raw" and "code-fold: true" in source(c) for c in nb["cells"])
    for cell in nb["cells"]:
        src = source(cell)
        if cell["cell_type"] == "markdown":
            cell["source"] = re.sub(r"^::: \{#refs\}\n:::$", lambda m: f"```{{=html}}\n{refs}\n```", resolved(src), flags=re.M)
        if cell["cell_type"] != "code":
            continue
        if fold:  # Quarto folds a page by its front matter, smalldocs cell by cell
            cell["source"] = src = f"#| code-fold: true\n#| code-summary: 代码 Code\n{src}"
        lab = re.search(r"^#\|\s*label:\s*((?:fig|tbl)-[\w-]+)", src, re.M)
        if lab:
            cell["source"] = re.sub(r'^(#\|\s*(?:fig|tbl)-cap:\s*["\']?)', rf"\g<1>{title(lab[1])}　", src, flags=re.M)
        for out in cell.get("outputs", []):
            if "text/markdown" in out.get("data", {}):
                out["data"]["text/markdown"] = resolved("".join(out["data"]["text/markdown"]))
    return nb


# --- the pages as smalldocs leaves them, mended


def pictures(tree, page, out):
    "Pictures that stand inside the page become files beside it: the page is light, and a browser keeps them"
    for img in tree.iter("img"):
        m = re.match(r"data:image/(png|jpeg|svg\+xml);base64,(.*)", img.get("src", ""), re.S)
        if not m:
            continue
        data = base64.b64decode(m[2])
        file = out / "images" / f"{page.stem}-{hashlib.sha256(data).hexdigest()[:12]}.{m[1].split('+')[0]}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        img.set("src", os.path.relpath(file, page.parent))
        img.set("loading", "lazy")


def numbered(tree):
    "Figures without a label, as studies write them, are numbered in their order; those of cells are by their labels"
    captions = tree.xpath("//main//figcaption")
    if not any(c.text_content().startswith(KINDS["fig"]) for c in captions):
        for i, c in enumerate(captions, 1):
            c.text = f"{KINDS['fig']} {i}　{c.text or ''}"


def controls(tree):
    "Things to press are buttons, links lead somewhere, and each has a name"
    for a in tree.xpath("//a[@data-bs-toggle='collapse']"):
        a.tag = "button"
        a.set("type", "button")
        a.attrib.pop("role", None)
        a.set("aria-controls", a.get("data-bs-target").lstrip("#"))
    for toggle in tree.xpath("//button[contains(@class, 'sidebar-item-toggle')]"):
        section = toggle.getparent().text_content().strip()
        toggle.set("aria-label", f"展开或收起 toggle: {section}")
    for a in tree.xpath("//a[contains(@class, 'quarto-color-scheme-toggle')]"):
        a.tag = "button"
        a.attrib.pop("href")
        a.set("type", "button")
        a.set("aria-label", "明暗 Light or dark")
        a.set("title", "明暗 Light or dark")
        a.set("class", a.get("class") + " btn")
    for icon in tree.xpath("//i[@role='img' or contains(@class, 'bi')]"):
        icon.attrib.pop("role", None)
        icon.set("aria-hidden", "true")
    for field in tree.xpath("//input[@type='search']"):
        field.set("placeholder", "搜索 Search")
        field.set("aria-label", "搜索 Search")
    names = {"quarto-sidebar": "本部分的页面 Pages of this section", "TOC": "本页目录 On this page"}
    for nav in tree.iter("nav"):
        if not nav.get("aria-label"):
            nav.set("aria-label", names.get(nav.get("id"), "全站 Site" if "navbar" in nav.get("class", "") else "翻页 Pages"))
    body = tree.find("body")
    main = tree.find(".//main")
    main.set("id", main.get("id") or "content")
    body.insert(0, E.A("跳到正文 Skip to content", {"class": "visually-hidden-focusable skip", "href": f"#{main.get('id')}"}))


SITE_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
PRESSED = {
    "quarto-color-scheme-toggle": "smalldocsToggleScheme()",
    "quarto-back-to-top": "scrollTo(0, 0)",
}  # class or id -> what smalldocs writes


def policed(tree):
    "Files of this site and the script in the head, by its hash, may run; nothing else may, nor be loaded from anywhere"
    for el in tree.xpath("//*[@onclick]"):  # `search` gives the files of smalldocs what stood here
        if not any(name in f"{el.get('class')} {el.get('id')}" and call in el.get("onclick") for name, call in PRESSED.items()):
            raise SystemExit(f"smalldocs writes a script that this tool does not know: {el.get('onclick')}")
        del el.attrib["onclick"]
    inline = sorted({s.text for s in tree.xpath("//script[not(@src)]") if s.text})
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline)
    policy = SITE_POLICY.format(scripts=" ".join(f"'sha256-{h}'" for h in hashes))
    tree.find("head").insert(0, E.META({"http-equiv": "Content-Security-Policy", "content": policy}))


def wide(tree):
    "What is wider than a phone scrolls by itself, can be reached by keyboard and says what it is"
    for table in tree.xpath("//main//table"):
        box = E.DIV({"class": "scroll", "tabindex": "0", "role": "region"})
        caption = table.find("caption")
        box.set("aria-label", (caption.text_content().strip() if caption is not None else "") or "表 Table")
        box.tail, table.tail = table.tail, None
        table.getparent().replace(table, box)
        box.append(table)
        for th in table.iter("th"):
            if th.getparent().getparent().tag == "thead":
                th.set("scope", "col")
                if not th.text_content().strip():
                    th.tag = "td"
            else:
                th.set("scope", "row")
    for pre in tree.xpath("//main//pre"):
        pre.set("tabindex", "0")


def spoken(tree, lang):
    "Chinese inside an English page is marked as Chinese, so that it is read and drawn as such"
    if lang == "zh":
        return
    skip = {"script", "style", "pre", "code", "title", "svg", "textarea"}

    def marked(text, parent, index):
        "The text up to the first Chinese; each run of Chinese goes into `parent` from `index` on, with what follows it"
        first, *rest = HAN.split(text)
        for i, (han, tail) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
            span = E.SPAN(han, lang="zh")
            span.tail = tail
            parent.insert(index + i, span)
        return first

    def walk(node):
        if not isinstance(node.tag, str) or node.tag in skip or "math" in node.get("class", "").split() or node.get("lang"):
            return
        for child in list(node):
            walk(child)
            if child.tail:
                child.tail = marked(child.tail, node, node.index(child) + 1)
        if node.text:
            node.text = marked(node.text, node, 0)

    walk(tree.find("body"))


def symbols(tree, page, ids):
    "nbdev links a symbol to its place; one that its page does not show leads to the top of that page"
    for a in tree.xpath("//a[code]"):
        path, _, anchor = a.get("href", "").partition("#")
        target = (page.parent / path).resolve() if path else page
        if anchor and target in ids and unquote(anchor) not in ids[target]:
            a.set("href", path or page.name)


def read(out):
    "Every page of a built site as a tree: `{path: tree}`"
    return {f: lxml.html.parse(str(f), lxml.html.HTMLParser(encoding="utf-8")).getroot() for f in sorted(out.rglob("*.html"))}


def mend(pages, out):
    "The trees as our readers need them"
    ids = {f: set(tree.xpath("//@id")) for f, tree in pages.items()}
    for page, tree in pages.items():
        up = "../" * (len(page.relative_to(out).parts) - 1)
        for el in tree.xpath("//*[starts-with(@href, 'KATEX/') or starts-with(@src, 'KATEX/')]"):
            key = "href" if el.get("href") else "src"
            el.set(key, f"{up}site_libs/katex/{el.get(key).removeprefix('KATEX/')}")
        pictures(tree, page, out)
        numbered(tree)
        controls(tree)
        wide(tree)
        symbols(tree, page, ids)
        spoken(tree, tree.get("lang"))
        policed(tree)


def search(pages, out):
    "Captions, terms and the rows of tables can be found too; the index is a script, since a page opened from a folder may not fetch a file"
    entries = json.loads((out / "search.json").read_text("utf-8"))

    for page, tree in pages.items():
        title, found = tree.findtext(".//title").split(" – ")[0], []
        for cap in tree.xpath("//figcaption | //main//caption"):
            home = next((a.get("id") for a in cap.iterancestors() if re.match(LABEL, a.get("id", ""))), "")
            img = cap.getparent().find(".//img")
            found.append((home, cap.text_content().strip(), f"{cap.text_content()} {img.get('alt', '') if img is not None else ''}"))
        for row in tree.xpath("//main//tr[@id]"):
            found.append((row.get("id"), " ".join(row[0].itertext()), " ".join(row.itertext())))
        for term in tree.xpath("//main//span[starts-with(@id, 'term-')]"):
            p = term.getparent()
            found.append((term.get("id"), term.text_content(), f"{p.text_content()} {p.getnext().text_content()}"))
        for place, section, text in found:
            href = f"{page.relative_to(out).as_posix()}#{place}"
            entries.append(dict(objectID=href, href=href, title=title, section=section, text=re.sub(r"\s+", " ", text).strip()))
    (out / "search.json").unlink()
    (out / "search.js").write_text(f"window.searchIndex = {json.dumps(entries, ensure_ascii=False)};\n", "utf-8")
    js = out / "site_libs/smalldocs.js"
    old = 'const r = await fetch(offset + "search.json");\n      index = await r.json();'
    new = (
        'index = window.searchIndex || await new Promise((done, failed) => { const s = document.createElement("script"); '
        's.src = offset + "search.js"; s.onload = () => done(window.searchIndex); s.onerror = failed; document.head.append(s); });'
    )
    text = js.read_text("utf-8")
    if text.count(old) != 1 or text.count("No results") != 1:
        raise SystemExit("smalldocs.js is not the one this tool knows: see the pin in constraints.txt")
    pressed = (
        f"$$('.{name}, #{name}').forEach((b) => b.addEventListener('click', (ev) => {{ ev.preventDefault(); window.{call}; }}));"
        for name, call in PRESSED.items()
    )
    text, end, rest = text.replace(old, new).replace("No results", "没有结果 No results").rpartition("})();")
    js.write_text("\n  ".join([text.rstrip(), *pressed]) + f"\n{end}{rest}", "utf-8")


def page_errors(pages, site):
    "Broken links, addresses outside the site that a page would load by itself, pictures without any text"
    ids = {f: set(tree.xpath("//@id")) for f, tree in pages.items()}
    for f, tree in pages.items():
        name = f.relative_to(site).as_posix()
        for el in tree.xpath("//*[@href or @src]"):
            url = el.get("href") or el.get("src") or ""
            if re.match(r"(https?:)?//", url):
                if el.tag != "a":
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
        yield from (f"{name}: {img.get('src')} has no alternative text" for img in tree.xpath("//main//img[not(@alt) or @alt='']"))
    for f in site.rglob("*.css"):
        urls = re.findall(r'(?:@import\s*|url\()["\'( ]*((?:https?:)?//[^"\')]+)', f.read_text("utf-8"))
        yield from (f"{f.relative_to(site)} loads {url}" for url in urls)


def main():
    cfg = get_config()
    root, nbs = cfg.config_path, cfg.nbs_path
    os.chdir(root)
    errors = [*sidebar_errors(nbs), *title_errors(nbs)]
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
    shutil.copytree(root / "figures", src / "figures", dirs_exist_ok=True)
    books = {f.relative_to(src).as_posix(): json.loads(f.read_text("utf-8")) for f in sorted(src.rglob("*.ipynb"))}
    labs = labels(books)
    cites, refs = citations(books, nbs / "references.bib")
    for name, nb in books.items():
        (src / name).write_text(json.dumps(localise(documented(nb), name, labs, cites, refs), ensure_ascii=False), "utf-8")
    smalldocs.layout.KATEX = "KATEX"
    smalldocs.api.build = dotted(smalldocs.api.build)
    site = build(str(src), quiet=True)
    out = (src / cfg.doc_path.name).resolve()
    shutil.copytree(nbs / "_katex", out / "site_libs/katex")
    for css in (out / "site_libs").rglob("*.css"):  # some themes fetch a font that our pages do not use
        css.write_text(re.sub(r"@import\s+url\([^)]*\);?", "", css.read_text("utf-8")), "utf-8")
    pages = read(out)
    mend(pages, out)
    search(pages, out)
    for page, tree in pages.items():
        page.write_text("<!DOCTYPE html>\n" + lxml.html.tostring(tree, encoding="unicode"), "utf-8")
    wrong = list(page_errors(pages, out))
    shutil.rmtree(cfg.doc_path, ignore_errors=True)
    shutil.move(out, cfg.doc_path)
    shutil.rmtree(src)
    print(f"{len(pages)} pages in {cfg.doc_path.name}")
    known = "format-links", "output-file", "bibliography"  # for Quarto; smalldocs does without
    return [str(w) for w in site.warnings if not any(k in str(w) for k in known)] + wrong


if __name__ == "__main__":
    problems = main()
    for problem in problems:
        print("docs:", problem, file=sys.stderr)
    sys.exit(bool(problems))
