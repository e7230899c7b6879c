"The site in a real browser, with the network cut (Playwright, Debian's Chromium, axe-core)"

import base64
import hashlib
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python: pip install -e '.[dev]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        "Say nothing"


@pytest.fixture(scope="module")
def site():
    made = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=ROOT / "_docs"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as p:
        alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # the network is cut
        b = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", alone])
        yield b
        b.close()


def pages():
    "Every page, of the Reference only one: they are of one make"
    names = (f.relative_to(ROOT / "_docs").as_posix() for f in sorted((ROOT / "_docs").rglob("*.html")))
    return [n for n in names if not n.startswith("api/") or n == "api/metrics.html"]


def opened(browser, site, path, **options):
    "A page, and what went wrong on it: any request for something that is not of this site, any error"
    page, wrong = browser.new_page(**options), []
    page.on("request", lambda r: None if r.url.startswith((site, "data:")) else wrong.append(r.url))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.goto(site + path, wait_until="load")
    return page, wrong


def test_every_page_loads_without_network_errors_missing_pictures_or_bare_maths(browser, site):
    page, wrong = opened(browser, site, "index.html")
    for f in pages():
        page.goto(site + f, wait_until="load")
        page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        page.evaluate("Promise.all([...document.images].map(i => i.complete || new Promise(done => (i.onload = i.onerror = done))))")
        assert page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)") == [], f
        assert page.evaluate("[...document.querySelectorAll('main .math')].filter(m => !m.querySelector('.katex')).length") == 0, f
        assert page.locator(".katex-error").count() == 0, f
        assert wrong == [], f
    page.close()


def test_every_page_says_first_what_may_run_on_it_and_writes_no_script_elsewhere(site):
    "What breaks the policy is an error in the browser's console, which the test above would find"
    for f in sorted((ROOT / "_docs").rglob("*.html")):
        page = f.read_text("utf-8")
        policy = re.search(r'<head>\s*<meta http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
        allowed = dict(part.split(maxsplit=1) for part in policy.split("; "))
        scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts}
        assert {allowed[k] for k in ("default-src", "base-uri", "form-action")} == {"'none'"} and "connect-src" not in allowed, f
        assert set(allowed["script-src"].split()) == {"'self'", *hashes} and not re.search(r"<[^>]*\son\w+=", page), f


def test_the_scheme_changes_at_a_press(browser, site):
    page, wrong = opened(browser, site, "metrics.html", color_scheme="light")
    page.locator(".quarto-color-scheme-toggle").first.click()
    assert page.evaluate("document.documentElement.dataset.scheme") == "alternate" and wrong == []
    page.close()


@pytest.mark.parametrize(
    ("word", "leads"),
    [
        ("按时办结率", "explanation/catalogue.html"),
        ("来回推", "pingpong"),
        ("conformal", "placebo"),
        ("restricted mean", "lifetable"),
        ("数据保护", "privacy"),
        ("下推率", "explanation/catalogue.html#downward_shift_rate"),
        ("首接负责制", "domain/glossary.html#term-first_receiver"),
        ("皖政办秘", "domain/rules.html#anhui_2022-claim"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_words_of_both_languages(browser, site, word, leads, scheme):
    start = site if scheme == "http" else (ROOT / "_docs").as_uri() + "/"
    page = browser.new_page()
    page.goto(start + "index.html")
    page.locator("input[type=search]").first.fill(word)
    page.wait_for_selector(".search-result", timeout=10_000)
    assert any(leads in h for h in page.eval_on_selector_all(".search-result", "a => a.map(x => x.getAttribute('href'))"))
    page.close()


def test_captions_can_be_searched(browser, site):
    text = (ROOT / "_docs/search.js").read_text("utf-8")
    assert "最强的平级流向" in text and re.search(r'"href": "start.html#fig-flows"', text)


def test_the_menu_works_on_a_phone(browser, site):
    page, wrong = opened(browser, site, "effects/designs/placebo.html", viewport=dict(width=390, height=800))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the phone"
    page.locator(".quarto-btn-toggle").click()
    link = page.locator("#quarto-sidebar a[href='synthetic.html']")
    link.wait_for(state="visible")
    link.click()
    page.wait_for_url("**/effects/designs/synthetic.html")
    page.locator(".navbar-toggler").click()
    page.locator(".navbar-collapse a[href='../../explanation/catalogue.html']").click()
    page.wait_for_url("**/explanation/catalogue.html")
    assert wrong == []
    page.close()


def test_the_keyboard_reaches_the_text_first(browser, site):
    page, _wrong = opened(browser, site, "metrics.html")
    page.keyboard.press("Tab")
    assert "Skip to content" in page.evaluate("document.activeElement.textContent")
    page.close()


KINDS = [
    "index",
    "zh",
    "explanation/catalogue",
    "reference",
    "effects/designs/placebo",
    "studies/campaign",
    "domain/glossary",
    "domain/rules",
    "explanation/cite",
    "api/metrics",
]


@pytest.mark.parametrize(("scheme", "rules"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})], ids=["light", "dark"])
def test_axe_finds_no_serious_fault_on_a_page_of_each_kind(browser, site, scheme, rules):
    "In the dark only colours can differ"
    found = {}
    for name in KINDS:
        page, _wrong = opened(browser, site, f"{name}.html", color_scheme=scheme)
        result = axe.Axe().run(page, options={"resultTypes": ["violations"]} | rules).response
        assert len(result["passes"]) > (0 if rules else 10)
        for v in result["violations"]:
            if v["impact"] in ("serious", "critical"):
                found[name, v["id"]] = [n["html"][:150] for n in v["nodes"]][:3]
        page.close()
    assert found == {}
