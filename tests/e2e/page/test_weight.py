"""The size of the first view. That no request leaves the machine is checked for every visit, in every test."""

from playwright.sync_api import Browser

from tests.support.browser import measure_first_view, visit
from tests.support.installation import Server

MAX_BYTES = 150_000


def test_the_first_view_is_small(browser: Browser, shared_server: Server) -> None:
    with visit(browser, shared_server.address) as visitor:
        view = measure_first_view(visitor)

    # The document, at least ten modules, two style sheets and two lists of films.
    assert view.requests > 14
    assert 20_000 < view.bytes_received < MAX_BYTES
