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
    *(
        f"{page.relative_to(ROOT).with_suffix('.html')}"
        for page in sorted(ROOT.glob("docs/**/*.md"))
    ),
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
    wide: dict[int, list[str]]  # by the width of the window, what it is too narrow for
    long_code: list[str]  # what is wider than its cell


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
        long_code: all("article .cell_input pre").filter(e => e.scrollWidth > e.clientWidth)
            .map(e => e.textContent),
        narrowest: Math.min(...formulas.map(f => f.getBoundingClientRect().width)),
    };
}"""


# What must be scrolled sideways to be read, but for what is in a box of its own that scrolls.
WIDE = """() => {
    const article = document.querySelector("article"), edge = article.getBoundingClientRect().right;
    const boxed = e => e !== article
        && (/auto|scroll/.test(getComputedStyle(e).overflowX) || boxed(e.parentElement));
    const pages = [document.scrollingElement, article.parentElement];
    const parts = [...article.querySelectorAll("h1, p, li, dt, dd, img, canvas, table, pre")];
    return [
        ...pages.filter(e => e.scrollWidth > e.clientWidth),
        ...parts.filter(e => e.getBoundingClientRect().right > edge + 1 && !boxed(e)),
    ].map(e => e.outerHTML.slice(0, 99));
}"""


@pytest.fixture(scope="module")
def tab(chromium):
    """Return a tab of the browser, in which one page after another is opened."""
    tab = chromium.new_page(viewport={"width": 1400, "height": 900})
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
        seen, wide = tab.evaluate(LOOK), {}
        for width in (390, 1400):
            tab.set_viewport_size({"width": width, "height": 900})
            wide[width] = tab.evaluate(WIDE)
        return Seen([*troubles], [*asked], wide=wide, **seen)

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


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_a_wide_window(site, look, path):
    assert look(site + path).wide == {390: [], 1400: []}


@pytest.mark.parametrize("name", COURSE)
def test_code_is_read_without_scrolling_in_a_wide_window(site, look, name):
    assert look(f"{site}notebooks/{name}.html").long_code == []


MOVES = """async (canvas, within) => {
    const wait = ms => new Promise(done => setTimeout(done, ms));
    await wait(250);  // what is being decoded is drawn
    const before = canvas.toDataURL();
    for (const end = performance.now() + within; performance.now() < end; await wait(20))
        if (canvas.toDataURL() !== before) return true;
    return false;
}"""


@pytest.mark.parametrize("path", ["docs/index", "notebooks/03_watch_collapse"])
def test_films_play_and_are_paused_by_keyboard(site, tab, path):
    tab.goto(f"{site}{path}.html")
    tab.locator("article .film").last.wait_for()
    for film in tab.locator("article .film").all():
        button, slider = film.get_by_role("button"), film.get_by_role("slider")
        moves = partial(film.get_by_role("img").evaluate, MOVES)
        assert (button.inner_text(), moves(4000)) == ("Pause", True)  # the last frame is held
        button.press("Enter")
        assert (button.inner_text(), moves(400)) == ("Play", False)
        slider.press("Home")
        slider.press("ArrowRight")
        assert (slider.input_value(), moves(400)) == ("1", False)
        button.press("Space")
        assert (button.inner_text(), moves(1000)) == ("Pause", True)


def test_who_prefers_reduced_motion_finds_a_film_paused_at_its_end(site, chromium):
    tab = chromium.new_page(reduced_motion="reduce")
    tab.goto(f"{site}docs/index.html")
    film = tab.locator("article .film")
    assert film.get_by_role("button").inner_text() == "Play"
    slider = film.get_by_role("slider")
    assert slider.input_value() == slider.get_attribute("max")
    canvas = film.get_by_role("img")
    canvas.evaluate(MOVES, 1000)  # until its frame has been drawn
    assert not canvas.evaluate(MOVES, 400)
    tab.close()


def test_a_browser_that_cannot_take_a_film_apart_can_stop_it(site, chromium):
    tab = chromium.new_page()
    tab.add_init_script("delete window.ImageDecoder")
    tab.goto(f"{site}docs/index.html")
    film = tab.locator("article .film")
    plays, stands = film.locator("img"), film.locator("canvas")
    assert (plays.is_visible(), stands.is_visible()) == (True, False)
    film.get_by_role("button").press("Enter")
    assert (plays.is_visible(), stands.is_visible()) == (False, True)
    tab.close()


def test_a_page_follows_the_dark_mode_of_the_system_and_pictures_stay_on_white(site, chromium):
    tab = chromium.new_page(color_scheme="dark")
    tab.goto(f"{site}docs/index.html")
    text, paper, of_picture = tab.evaluate("""() => {
        const style = getComputedStyle(document.body);
        const picture = getComputedStyle(document.querySelector("article img"));
        return [style.color, style.backgroundColor, picture.backgroundColor].map(
            colour => Math.max(...colour.match(/[0-9]+/g).slice(0, 3)));
    }""")
    assert paper < 50
    assert text > 200
    assert of_picture == 255
    tab.close()


def test_the_keyboard_leads_past_the_chapters_to_the_text(site, tab):
    tab.goto(f"{site}docs/index.html")
    tab.keyboard.press("Tab")
    skip = tab.locator(":focus")
    assert (skip.inner_text(), skip.is_visible()) == ("Skip to main content", True)
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.locator("main :focus").count() == 1
