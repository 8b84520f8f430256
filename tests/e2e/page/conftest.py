"""A browser for all tests of the page, and a visitor of the demo for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support import browser as chromium
from tests.support.browser import Visit, visit
from tests.support.installation import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder without a browser."""
    if chromium.CHROMIUM is not None:
        return
    for item in items:
        if "tests/e2e/page" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason=chromium.MISSING))


# Not of the session: while Playwright runs, its thread has an event loop, and tests of other modules start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running_browser() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visit]:
    """Return a visitor of a server of the test's own."""
    with visit(browser, server.address) as visitor:
        yield visitor


@pytest.fixture
def reader(browser: Browser, shared_server: Server) -> Iterator[Visit]:
    """Return a visitor of the server that all tests share; for tests that only add users and ratings of their own."""
    with visit(browser, shared_server.address) as visitor:
        yield visitor
