"""The page of docs/frontend.md, as printed there, in a browser and from the origin that the document uses."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.installation import Server

DOCUMENT = Path(__file__).parents[3] / "docs" / "frontend.md"
ORIGIN = "http://localhost:5173"
LINE = re.compile(r"^.+ \(\d{4}\), \d+ % ")

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, shared_server: Server) -> Iterator[Open]:
    """Return a function that opens the page at an origin, in the browser of a visitor who may have come before."""
    text = re.search(r"```html\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    body = text[1].replace("http://127.0.0.1:8000", shared_server.address)
    # Chromium takes a page that a test fulfils for one of the internet, which may not call this machine unasked.
    context = browser.new_context(permissions=["local-network-access"])

    def open_at(origin: str = ORIGIN, *, last_user: int | None = None) -> Page:
        page = context.new_page()
        page.route(f"{origin}/", lambda route: route.fulfill(body=body, content_type="text/html"))
        if last_user is not None:
            page.add_init_script(f"localStorage.userId ??= {last_user}")
        page.goto(f"{origin}/")
        return page

    yield open_at
    context.close()


def search_and_rate(page: Page) -> None:
    page.get_by_label("Search").fill("matrix the")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#found li")).to_have_count(1)
    expect(page.locator("#found li")).to_contain_text("The Matrix (1999)")
    page.locator("#found").get_by_role("button", name="5 ★").click()


def test_the_page_searches_rates_and_recommends(open_page: Open) -> None:
    page = open_page()
    recommended = page.locator("#recommended li")
    expect(recommended).to_have_count(5)
    before = recommended.all_inner_texts()
    assert all(LINE.match(line) for line in before)

    search_and_rate(page)

    expect(page.get_by_role("status")).to_have_text("The Matrix: 5 stars.")
    expect(page.locator("#recommended")).not_to_have_text("".join(before))
    expect(recommended).to_have_count(5)
    assert all(LINE.match(line) for line in recommended.all_inner_texts())


def test_a_new_user_replaces_a_remembered_one_who_no_longer_exists(open_page: Open) -> None:
    page = open_page(last_user=2**50)
    expect(page.get_by_role("status")).to_have_text(f"User {2**50} does not exist. Create a user with POST /user.")

    search_and_rate(page)

    expect(page.get_by_role("status")).to_have_text("The Matrix: 5 stars.")
    expect(page.locator("#recommended li")).to_have_count(5)


def test_a_page_from_another_origin_is_refused_and_the_log_names_the_setting(
    open_page: Open, shared_server: Server
) -> None:
    page = open_page("http://localhost:5999")

    expect(page.get_by_role("status")).to_have_text("Failed to fetch")
    lines = [line for line in shared_server.log.read_text().splitlines() if "http://localhost:5999" in line]
    assert any("MATINEE_CORS_ORIGINS" in line for line in lines)
