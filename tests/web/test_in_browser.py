"""Pages in a real Chromium: nothing is refused by our own policy, nothing overflows, nobody's text runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from auditor.publish.state import State
from auditor.web import Server
from auditor.web.rendering import SECURITY_HEADERS
from tests.web import pages
from tests.web.browser import Browser, browser

pytestmark = pytest.mark.component

NASTY = (
    "<script>alert(1)</script>\u202egnp" + "x" * 230,
    '"><img src=x onerror=alert(1)>',
    "W" * 10_000,
    "{{7*7}} 日本語 🚀",
)
_FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
_WIDE = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('.scroll'))
  .slice(0, 3).map(e => e.tagName + '.' + e.className).join(' ')"""
_STYLED = (
    "getComputedStyle(document.querySelector('.card, main')).display === 'block' && document.styleSheets.length === 1"
)
_ROOT = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as made:
        yield made


def served(state: State) -> Server:
    made = Server(pages.app(state), "127.0.0.1", 0)
    made.start()
    return made


@pytest.mark.parametrize(
    ("state", "width"),
    [
        (pages.STATE, 320),
        (pages.STATE, 1280),
        (pages.hostile(NASTY[2]), 1280),
        *((pages.hostile(n), 320) for n in NASTY),
    ],
    ids=["plain", "plain-wide", "long-wide", "script", "img", "long", "braces"],
)
def test_every_page_is_whole_and_fits(tab: Browser, state: State, width: int) -> None:
    server = served(state)
    try:
        paths = [path for path in pages.crawl(pages.app(state)) if path.startswith("/c/") and "?" not in path]
        for path in [*sorted(paths), "/policies", "/policies/RES002"]:
            tab.open(server.address + path, width, dark=width == 320)
            assert tab.complaints == [], path[:200]
            assert tab.value(_FITS), f"{path[:200]} is wider than {width}: {tab.value(_WIDE)}"
            assert tab.value(_STYLED), path[:200]
            assert tab.value("document.scripts.length + document.images.length") == 0
    finally:
        server.stop()


@pytest.mark.parametrize("state", [pages.EMPTY, pages.NEVER, pages.FAILED, pages.GOOD, pages.FLEET, State()])
def test_every_state_is_whole(tab: Browser, state: State) -> None:
    server = served(state)
    try:
        tab.open(server.address + "/", 320)
        assert tab.complaints == []
        assert tab.value(_FITS)
    finally:
        server.stop()


def test_dark_is_dark_and_light_is_light(tab: Browser) -> None:
    server = served(pages.STATE)
    try:
        tab.open(server.address + "/")
        assert tab.value(_ROOT) == "rgb(247, 247, 245)"
        tab.open(server.address + "/", dark=True)
        assert tab.value(_ROOT) == "rgb(18, 21, 24)"
    finally:
        server.stop()


def test_a_hostile_name_adds_no_element(tab: Browser) -> None:
    counts = []
    for text in ("plain", NASTY[0], NASTY[1]):
        server = served(pages.hostile(text))
        try:
            tab.open(server.address + "/")
            counts.append(tab.value("document.querySelectorAll('*').length"))
            assert tab.value("document.querySelector('h1').textContent.length") > 0
        finally:
            server.stop()
    assert len(set(counts)) == 1


def test_the_browser_would_tell_of_what_the_policy_refuses(tab: Browser) -> None:
    """That the tests above can fail."""

    def bad(request: object) -> HTMLResponse:
        body = "<!doctype html><p style='color:red'>a</p><script>alert(1)</script><img src='//x.invalid/a.png'>"
        return HTMLResponse(body, headers=dict(SECURITY_HEADERS))

    server = Server(Starlette(routes=[Route("/", bad)]), "127.0.0.1", 0)
    server.start()
    try:
        tab.open(server.address + "/")
        assert len([one for one in tab.complaints if "Content Security Policy" in one]) >= 2
    finally:
        server.stop()
