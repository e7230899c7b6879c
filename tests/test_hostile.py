"""What others wrote, shown and never run: markup, Markdown, mathematics and more in every text that can reach a page.

One small city is written twice, with plain names and with hostile ones. All studies run on both; the pages are opened in a real browser,
with the policy of the page and without it, beside a server that counts who asks it for anything."""

import random
import re
import shutil
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import here
import lxml.etree
import lxml.html
import nbformat
import pandas as pd
import pytest
import tomli_w
from conftest import ROOT
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from liuan_eval.report.render import POLICY, html_of
from liuan_eval.words.safe import marked, one_line, visible

STUDIES = "report", "buckpassing", "bulletin", "campaign"


def plants(port: int) -> list[str]:
    "Texts that another program could take for something else"
    at = f"http://127.0.0.1:{port}/x"
    return [
        f"<script>document.title='PWNED';fetch('{at}')</script>",
        f"<img src='{at}' onerror=\"document.title='PWNED'\">",
        "<svg onload=\"document.title='PWNED'\"><a xlink:href='javascript:1'>",
        f"</style></title><link rel=stylesheet href={at}><h1>PWNED",
        f"![t]({at}.png) [t]({at}) [js](javascript:document.title='PWNED')",
        f"<{at}> {at} <iframe src={at}> <base href={at}>",
        "**bold** __bold__ ~~gone~~ `code` ``` *i* _i_",
        "| a | b | |---|---|",
        "# head $x$ $$\\frac{1}{2}$$ \\(x\\) \\[x\\] \\begin{align}x\\end{align} $\\frac{$",
        f"[r]: {at} [^1]: foot [r] [^1] - [ ] todo 1. one",
        "&lt;b&gt; &#60;b&#62; &amp;amp; &nbsp;x &copy",
        '"\'><b x="{0}" {x} {run} %s %(a)s \\n <!-- -- --> ]]> <?php ?>',
        "\u202etxt.exe\u202c \u200f\u05d0\u05d1\u200e \u061c",
        "<details open ontoggle=\"document.title='PWNED'\">a<math><mi//xlink:href='data:x,1'>",
    ]


class Texts:
    "Plain or hostile texts for the places of a city, remembered by place"

    def __init__(self, wild: list[str]):
        self.wild, self.of, self.next = wild, {}, 0

    def __call__(self, place: str, also: str = "") -> str:
        text = f"{place}{also}"
        for _ in range(2 if self.wild else 0):
            text, self.next = f"{text} {self.wild[self.next % len(self.wild)]}", self.next + 1
        self.of.setdefault(place, []).append(text)
        return text


def _events(t: Texts, say: dict[str, str], units: list[str], hub: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    "Cases that go from hand to hand, their attributes and the calls about them; every text from `t`"
    r, events, cases, calls = random.Random(14), [], [], []
    topics, areas, channels = ([t(what, n) for n in ("一", "二", "三")] for what in ("topic", "area", "channel"))
    reasons, results, why = [t("reason"), t("reason")], [t("result"), t("result")], [t("exclusion_reason"), t("exclusion_reason")]
    kinds, surveyors = [t("request_type"), t("request_type")], [t("surveyor"), t("surveyor")]
    for i in range(700):
        case, at = t("case", i) if i < 20 else f"c{i}", pd.Timestamp("2021-09-01") + pd.Timedelta(hours=18 * i)
        opened, k = at, r.randrange(3)

        def log(unit, activity, hours=3.0, reason="", result="", case=case):
            nonlocal at
            events.append((case, at, unit, say[activity], reason, result))
            at += pd.Timedelta(hours=hours)

        log(hub, "received")
        log(units[(k + r.randrange(3)) % len(units)], "dispatched", r.uniform(5, 60))
        if r.random() < 0.3:
            log(events[-1][2], "returned", 1, r.choice(reasons))
            log(hub, "dispatched", 1)
        for _ in range(r.choice([0, 0, 1, 2])):
            log(r.choice(units), "dispatched", r.uniform(5, 60))
        if r.random() < 0.3:
            log(units[k], "dispatched", 5)
        done = r.random() < 0.93
        if done:
            log(events[-1][2], "closed", 0.1, "", r.choice(results))
        out = r.random() < 0.15
        cases.append(
            (case, channels[k], r.choice(kinds), topics[k], areas[i % 3], opened, opened + pd.Timedelta(days=4), at if done else None)
        )
        cases[-1] += (f"p{i % 90}", "yes" if out else "no", r.choice(why) if out else "")
        if done and r.random() < 0.8:
            calls.append(
                (case, "first", at + pd.Timedelta(days=1), r.choice(surveyors), "yes", r.choice(["yes", "no"]), r.choice(["yes", "no"]))
            )
    heads = (
        "case_id timestamp unit activity reason result",
        "case_id channel request_type topic area submitted_at due_at closed_at person_key excluded exclusion_reason",
        "case_id round called_at surveyor reached resolved satisfied",
    )
    return tuple(pd.DataFrame(rows, columns=h.split()) for rows, h in zip((events, cases, calls), heads))


def city(folder: Path, wild: list[str]) -> SimpleNamespace:
    "A workbook in a folder, with mapping, scorecard, plan and bulletins of other cities: all that a study takes"
    t = Texts(wild)
    home = folder / re.sub("[/\0]", "", t("folder"))[:120]
    home.mkdir(parents=True)
    units, hub = [t("unit", n) for n in "甲乙丙丁戊己庚"], t("dispatcher")
    say = {a: t("activity", a) for a in ("received", "dispatched", "returned", "closed")}
    sheets = [re.sub(r"[][\\/?*:']", "", t("sheet", n))[:31] for n in range(2)]
    source = home / (re.sub("[/\0]", "", t("file"))[:100] + ".xlsx")
    files = [f"{name}.csv" for name in (re.sub("[/\0]", "", t("table"))[:80], "calls")]
    tables = _events(t, say, units, hub)
    with pd.ExcelWriter(source, engine="openpyxl") as book:
        for sheet, part in zip(sheets, (tables[0][:900], tables[0][900:])):
            part.assign(timestamp=part.timestamp.astype(str)).to_excel(book, sheet_name=sheet, index=False)
    for file, table in zip(files, tables[1:]):
        table.to_csv(home / file, index=False)
    columns = {c: c for table in tables for c in table.columns}
    tree = [dict(unit=u, zh=t("zh", i), en=t("en", i), kind="city_department") for i, u in enumerate(units)]
    yes = {"yes": True, "no": False}
    answers = {c: yes for c in ("reached", "resolved", "satisfied", "excluded")}
    limits = [
        dict(step=s, limit=x, zh=t("rule_zh"), en=t("rule_en"), source=t("rule_source")) for s, x in (("handle", "5wd"), ("return", "2d"))
    ]
    mapping = dict(
        returned="unit_to_dispatcher",
        dispatchers=[hub],
        start="2022-02-17",
        columns=columns,
        words=dict(activity={w: a for a, w in say.items()}) | answers,
        units=tree,
        rules=limits,
        tables=dict(zip(("cases", "callbacks"), files)),
    )
    card = dict(zh=t("card_zh"), en=t("card_en"), source=t("card_source"), status="inferred")
    card["items"] = [
        dict(indicator="on_time_rate", zh=t("item_zh"), en=t("item_en"), points=15, shape="target", target=90, per_point=1, floor=0)
    ]
    shock = dict(zh=t("shock_zh"), en=t("shock_en"))
    shock["from"] = "2022-04-04"
    plan = dict(
        title=t("title"), start="2022-02-17", period="month", design="difference_series", primary=["n_cases"], secondary=["return_rate"]
    )
    plan["shocks"] = [shock]
    others = pd.read_csv(ROOT / "data/sample/bulletins.csv")
    others = others[others.indicator.isin(["n_cases", "return_rate"])]
    others["unit"] = others.unit.map({u: t("city", u) for u in others.unit.unique()})
    others["note"] = others.note.astype(object)
    others.loc[others.index[::40], "note"] = t("note")
    others.to_csv(home / "others.csv", index=False)
    for name, content in dict(mapping=mapping, card=card, plan=plan).items():
        (home / f"{name}.toml").write_text(tomli_w.dumps(content), "utf-8")
    given = {n: home / f"{n}.toml" for n in ("mapping", "card", "plan")}
    return SimpleNamespace(source=source, controls=home / "others.csv", texts=t.of, **given)


@pytest.fixture(scope="module", autouse=True)
def once():
    with here.read_once():
        yield


@pytest.fixture(scope="module")
def server():
    "Whoever asks it for anything is written down"
    asked = []

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            "Say nothing"

    own = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    threading.Thread(target=own.serve_forever, daemon=True).start()
    yield SimpleNamespace(port=own.server_port, asked=asked)
    own.shutdown()


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    if not (chromium := shutil.which("chromium")):
        pytest.skip("no Chromium: apt install chromium")
    with sync.sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield b
        b.close()


@pytest.fixture(scope="module")
def hostile(server, tmp_path_factory):
    return city(tmp_path_factory.mktemp("hostile"), plants(server.port))


def seen(browser, page: Path, policy: bool) -> dict:
    "A page as a browser has it after a while, with its policy or without, and what it asked for"
    context = browser.new_context(bypass_csp=not policy)
    tab, asked = context.new_page(), []
    tab.on("request", lambda r: None if r.url.startswith("data:") else asked.append(r.url))
    tab.goto(page.as_uri(), wait_until="load")
    tab.wait_for_timeout(200)
    found = dict(title=tab.title(), text=tab.inner_text("body"), made=tab.content(), asked=asked[1:])  # the first is the page itself
    context.close()
    return found


# elements of a page, and what else than `class` and `id` may stand in them
OURS = {
    e: set() for e in "head body main div h1 h2 h3 p ul li blockquote strong em code pre table thead tbody tr th td br small figure".split()
}
OURS |= dict(
    figcaption=set(),
    title=set(),
    style=set(),
    html={"lang"},
    meta={"charset", "name", "content", "http-equiv"},
    a={"href"},
    img={"alt", "src"},
)


def not_ours(page: str) -> set[str]:
    "Elements, attributes and links of a page that do not come from what was written here"
    found = set()
    for e in lxml.html.document_fromstring(page).iter("*"):
        found |= {f"{e.tag} {a}" for a in e.attrib if a not in OURS.get(e.tag, ()) and a not in ("class", "id")}
        found |= set() if e.tag in OURS else {e.tag}
        found |= {
            x[:50]
            for x in (e.get("href"), e.get("src"))
            if x and not x.startswith(("#", "data:image/svg+xml;base64,", "data:image/png;base64,"))
        }
    return found


SHOWN = {  # places whose texts stand on the page, at least one of each; `zh` and `en` in its own language
    "report": "dispatcher channel zh en",
    "buckpassing": "topic zh en",
    "bulletin": "rule_zh rule_en rule_source card_zh card_en card_source zh en",
    "campaign": "city note",
}
DRAWN = set(
    "svg metadata RDF Work type format creator Agent title style defs g path use clipPath rect".split()
)  # all that an SVG of ours consists of


def flat(text: str) -> str:
    "As the browser shows it: white space once, what cannot be seen replaced; width, which reading makes one, left out of it"
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", visible(text))).strip()


@pytest.mark.parametrize(("study", "lang"), [("report", "zh"), ("buckpassing", "en"), ("bulletin", "en"), ("campaign", "zh")])
def test_what_others_wrote_is_shown_and_never_run(study, lang, hostile, server, browser, tmp_path, monkeypatch):
    takes = dict(report=dict(controls=hostile.controls), bulletin=dict(card=str(hostile.card), month="2022-06"), buckpassing={})
    takes["campaign"] = dict(plan=hostile.plan, controls=hostile.controls)
    out = tmp_path / lang
    here.render(monkeypatch, study, hostile.source, mapping=hostile.mapping, out=out, lang=lang, **takes[study])
    for policy in (True, False):
        page = seen(browser, out / "index.html", policy)
        assert flat(hostile.source.name) in flat(page["title"]) and not page["title"].startswith("PWNED")
        assert not_ours(page["made"]) == set()
        assert page["asked"] == server.asked == []
    text, other = flat(page["text"]), "en" if lang == "zh" else "zh"
    places = [p for p in SHOWN[study].split() if not re.search(f"(^|_){other}$", p)]
    assert [p for p in places if not any(flat(x) in text for x in hostile.texts[p])] == [] and flat(hostile.source.name) in text
    for svg in (out / "figures").glob("*.svg"):
        tree = lxml.etree.parse(svg, lxml.etree.XMLParser(resolve_entities=False))
        assert {lxml.etree.QName(e).localname for e in tree.iter("*")} <= DRAWN, svg
    assert "Warning" not in page["text"]


def test_the_policy_alone_stops_what_would_run(server, browser, tmp_path):
    "Should something come through that is not escaped: no script, no picture, no frame, no form from anywhere"
    shown = nbformat.v4.new_output("display_data", {"text/html": "\n\n".join(plants(server.port))})
    cell = nbformat.v4.new_code_cell("", outputs=[shown])
    (tmp_path / "raw.html").write_text(html_of(nbformat.v4.new_notebook(cells=[cell]), "ours"), "utf-8")
    assert seen(browser, tmp_path / "raw.html", policy=True)["title"] == "ours" and server.asked == []
    assert seen(browser, tmp_path / "raw.html", policy=False)["title"] == "PWNED" and server.asked != []  # the plants are live
    server.asked.clear()


def test_every_page_that_is_made_begins_with_its_policy():
    page = html_of(nbformat.v4.new_notebook(), "x")
    head = page[page.index("<head>") :]
    assert head.startswith(f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">') and "unsafe-eval" not in POLICY
    makers = [
        f.relative_to(ROOT).as_posix() for f in (ROOT / "liuan_eval").rglob("*.py") if re.search(r"<html[ >]|</body>", f.read_text("utf-8"))
    ]
    assert makers == ["liuan_eval/report/render.py"]  # the site has its own test, in test_site


BITS = [
    *"*_`~[](){}<>#+-.!|\\$^=:;'\"/&@%? ,01aZ甲，（\n\t\r",
    *"-- ** __ ![ ]( <!-- --> &# &lt; <b> </b> www. $$ \\( ``` ~~~ [^1] [x]: javascript: ::: |-|".split(),
]
BITS += ["    ", "- ", "1. ", "1) ", "> ", "# ", "\n\n", "\n- ", "\n---\n", "\n===\n", "|\n|-|-|\n", *plants(9)]
PLACES = {  # a template -> the elements that it makes
    "a {x} b": {"p"},
    "{x}\n{x}": {"p"},
    "[{x}]": {"p"},
    "{x}: {x}": {"p"},
    "- {x}": {"ul", "li"},
    "**{x} y**": {"p", "strong"},
    "# {x}": {"h1", "a"},
    "<code>{x}</code>": {"p", "code"},
}


def test_a_value_reads_as_it_was_written_wherever_it_stands_in_markdown():
    r = random.Random(14)
    for _ in range(400):
        value, (template, tags) = "".join(r.choices(BITS, k=r.randrange(1, 12))), r.choice(list(PLACES.items()))
        if not value.strip():
            continue
        tree = lxml.html.fromstring(f"<div>{markdown2html_mistune(marked(template, x=value))}</div>")
        assert {e.tag for e in tree.iter("*")} - {"div"} <= tags, (template, value)
        words = re.sub("</?code>|[*]|^[-#]", "", template).replace("{x}", one_line(value))
        assert tree.text_content().replace("¶", "").split() == words.split(), (template, value)


@pytest.mark.parametrize("study", STUDIES)
def test_stored_studies_hold_only_what_was_written_here(study):
    stored = nbformat.read(ROOT / f"nbs/studies/{study}.ipynb", 4)
    assert not_ours(html_of(stored, study)) == set()
    kinds = {kind for c in stored.cells for o in c.get("outputs", []) for kind in o.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown", "image/png"}
