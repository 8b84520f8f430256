"""Debian's Chromium, driven by Playwright. A page fails its test if it logs an error or calls another host."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

PATIENCE_MS = 60_000
"""Fail after this time. A page answers within a second; a training is over within half a minute."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "Chromium is not installed: apt-get install chromium, then run make test"

# Without these, Chromium itself calls hosts on the internet.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

Scheme = Literal["light", "dark"]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser until the block ends."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Visit:
    """A page of one visitor, which records console errors and requests to other hosts."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.problems: list[str] = []
        self.expected_errors: set[int] = set()
        """Statuses that a test provokes; the browser logs every refused request as an error."""
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._check_console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._check_request)

    def open(self, route: str = "") -> Page:
        """Open a route of the page."""
        self.page.goto(f"{self.address}/#/{route}")
        return self.page

    def _check_console(self, message: ConsoleMessage) -> None:
        is_expected = any(f"status of {status}" in message.text for status in self.expected_errors)
        if message.type == "error" and not is_expected:
            self.problems.append(f"{message.text} {message.location.get('url', '')}")

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.problems.append(f"request to another host: {request.url}")


@contextmanager
def visit(browser: Browser, address: str, *, width: int = 1280, scheme: Scheme = "light") -> Iterator[Visit]:
    """Open a page for a new visitor, and check at the end that it logged no error and called no other host."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visitor = Visit(context.new_page(), address)
    yield visitor
    context.close()
    assert visitor.problems == []


def screenshots(folder: Path) -> Path:
    """Return a folder for pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class FirstView(NamedTuple):
    """The cost of the page for a visitor with an empty cache, until the first films are shown."""

    requests: int
    bytes_received: int
    shown_after_ms: float


def measure_first_view(visitor: Visit) -> FirstView:
    """Open the page, and count headers and bodies as they came over the wire."""
    responses: list[Response] = []

    def note(response: Response) -> None:
        responses.append(response)

    visitor.page.on("response", note)
    page = visitor.open()
    page.locator(".card").first.wait_for()
    shown_after_ms = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    sizes = [response.request.sizes() for response in responses]
    received = sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes)
    return FirstView(len(responses), received, shown_after_ms)
