"""The pages of the course and of docs/, as a reader without a network sees them in Chromium."""

import shutil
import subprocess
import sys
from functools import partial
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
    *(f"results/{room}README.html" for room in ("", "geometry/", "robustness/")),
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


@pytest.fixture
def page(chromium):
    """Return a page that notes what goes wrong in it, in `page.troubles`."""
    page = chromium.new_page(viewport={"width": 1300, "height": 900})
    page.troubles = []
    page.on("console", lambda m: m.type == "error" and page.troubles.append(m.text))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("requestfailed", lambda request: page.troubles.append(request.url))
    page.on("response", lambda r: r.status >= 400 and page.troubles.append(f"{r.status} {r.url}"))
    yield page
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_whole_and_without_the_network(site, page, path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site + path, wait_until="networkidle")
    assert page.troubles == []
    elsewhere = [url for url in asked if not url.startswith((site, "data:", "blob:"))]
    assert elsewhere == []
    pictures = page.eval_on_selector_all(
        "article img", "all => all.map(i => [i.src.slice(0, 99), i.naturalWidth, i.alt])"
    )
    assert [p for p in pictures if not p[1] or not p[2]] == []


@pytest.mark.parametrize("name", COURSE)
def test_mathematics_is_set(site, page, name):
    page.goto(f"{site}notebooks/{name}.html", wait_until="networkidle")
    formulas = page.locator("article .math")
    assert formulas.count() > 3
    assert page.locator("article .math mjx-container > svg").count() == formulas.count()
    assert page.locator("article [data-mml-node='merror']").count() == 0
    assert page.locator("article .math").first.bounding_box()["width"] > 5


def test_every_page_can_be_reached_and_no_link_within_the_site_is_dead(site, page):
    seen, waiting = set(), {urljoin(site, "docs/index.html")}
    while waiting:
        address = waiting.pop()
        seen.add(address)
        page.goto(address)  # a page that is not there shows in its troubles
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        pages = {urldefrag(link).url for link in links if link.startswith(site)}
        waiting |= {link for link in pages if link.endswith(".html")} - seen
    assert page.troubles == []
    assert {urljoin(site, path) for path in PAGES[1:]} <= seen


def test_a_reader_walks_from_notebook_to_notebook(site, page):
    page.goto(f"{site}notebooks/{COURSE[0]}.html")
    for name in COURSE[1:]:
        page.locator("a.right-next").click()
        page.wait_for_url(f"**/{name}.html")
    assert page.troubles == []


def test_the_animations_play(site, page):
    page.goto(f"{site}notebooks/03_watch_collapse.html", wait_until="networkidle")
    films = page.locator("article img[src^='data:image/gif']")
    assert films.count() >= 2
    for film in films.all():
        film.scroll_into_view_if_needed()
        frames = {film.screenshot()}
        for _ in range(20):
            page.wait_for_timeout(200)
            frames.add(film.screenshot())
            if len(frames) > 2:
                break
        assert len(frames) > 2
