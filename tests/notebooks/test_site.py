"""The pages of the course and of docs/, as a reader without a network sees them in Chromium."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urldefrag, urljoin

import pytest

from notebooks import COURSE, FOLDER

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROOT = FOLDER.parent
PAGES = [
    "index.html",
    *(f"notebooks/{name}.html" for name in (*COURSE, "README")),
    *(f"docs/{page.stem}.html" for page in sorted(ROOT.glob("docs/*.md"))),
    *("README.html", "CHANGELOG.html", "benchmarks/README.html"),
    *(
        f"results/{room}README.html"
        for room in ("", "cifar-10/", "generalisation/", "geometry/", "robustness/")
    ),
]


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium of the system")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install '.[dev]'")
    with playwright.sync_playwright() as tools:
        # what a browser asks of the network at its start would show as errors without one
        quiet = ("--disable-background-networking", "--disable-component-update", "--disable-quic")
        browser = tools.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    """Build the pages as a user does, serve them, and return their address."""
    pytest.importorskip("myst_nb", reason="needs pip install '.[course]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "notebooks.site", "--output", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "MathJax cannot be downloaded" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=600")  # the scripts are read once
        super().end_headers()


@dataclass(frozen=True)
class Seen:
    """What an open page shows."""

    troubles: list[str]  # what went wrong in it
    asked: list[str]  # the addresses it has asked for
    pictures: list[tuple[str, int, str]]  # address, width and description
    links: list[str]
    following: list[str]  # the pages that "next" leads to
    formulas: int
    set_formulas: int
    wrong_formulas: int
    narrowest: float  # width of a formula in pixels


LOOK = """() => {
    const all = name => [...document.querySelectorAll(name)];
    const formulas = all("article .math");
    return {
        pictures: all("article img").map(i => [i.src.slice(0, 99), i.naturalWidth, i.alt]),
        links: all("a[href]").map(a => a.href),
        following: all("a.right-next").filter(a => a.checkVisibility()).map(a => a.href),
        formulas: formulas.length,
        set_formulas: all("article .math mjx-container > svg").length,
        wrong_formulas: all("article [data-mml-node='merror']").length,
        narrowest: Math.min(...formulas.map(f => f.getBoundingClientRect().width)),
    };
}"""


@pytest.fixture(scope="module")
def tab(chromium):
    """Return a tab of the browser, in which one page after another is opened."""
    tab = chromium.new_page(viewport={"width": 1300, "height": 900})
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def look(site, tab):
    """Return a function that opens a page of the site the first time it is asked what it shows."""
    troubles, asked = [], []
    tab.on("console", lambda m: m.type == "error" and troubles.append(m.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("requestfailed", lambda request: troubles.append(request.url))
    tab.on("response", lambda r: r.status >= 400 and troubles.append(f"{r.status} {r.url}"))
    tab.on("request", lambda request: asked.append(request.url))

    @cache
    def look(address):
        tab.goto("about:blank")  # what the page before still does is not this one's
        troubles.clear()
        asked.clear()
        tab.goto(address)
        if address == f"{site}index.html":  # leads on, and stands for all in what comes late
            tab.wait_for_url(f"{site}docs/index.html", wait_until="networkidle")
        tab.evaluate("() => window.MathJax?.startup?.promise")
        return Seen([*troubles], [*asked], **tab.evaluate(LOOK))

    return look


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_whole_and_without_the_network(site, look, path):
    page = look(site + path)
    assert page.troubles == []
    assert [url for url in page.asked if not url.startswith((site, "data:", "blob:"))] == []
    assert [picture for picture in page.pictures if not picture[1] or not picture[2]] == []


@pytest.mark.parametrize("name", COURSE)
def test_mathematics_is_set(site, look, name):
    page = look(f"{site}notebooks/{name}.html")
    assert page.set_formulas == page.formulas > 3
    assert page.wrong_formulas == 0
    assert page.narrowest > 1


def test_every_page_can_be_reached_and_no_link_within_the_site_is_dead(site, look):
    seen, waiting = set(), {urljoin(site, "docs/index.html")}
    while waiting:
        address = waiting.pop()
        seen.add(address)
        page = look(address)  # a page that is not there shows in its troubles
        assert page.troubles == []
        pages = {urldefrag(link).url for link in page.links if link.startswith(site)}
        waiting |= {link for link in pages if link.endswith(".html")} - seen
    assert {urljoin(site, path) for path in PAGES[1:]} <= seen


def test_a_reader_walks_from_notebook_to_notebook(site, look):
    notebooks = [f"{site}notebooks/{name}.html" for name in COURSE]
    assert [look(address).following for address in notebooks[:-1]] == [[n] for n in notebooks[1:]]


def test_the_animations_play(site, tab):
    tab.goto(f"{site}notebooks/03_watch_collapse.html")
    films = tab.locator("article img[src^='data:image/gif']")
    assert films.count() >= 2
    for film in films.all():
        film.scroll_into_view_if_needed()
        frames = {film.screenshot()}
        for _ in range(20):
            tab.wait_for_timeout(200)
            frames.add(film.screenshot())
            if len(frames) > 2:
                break
        assert len(frames) > 2
