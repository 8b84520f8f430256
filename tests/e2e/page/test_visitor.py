"""The page of a visitor: find, rate, get recommendations, keep a list, sign up."""

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Visit, visit
from tests.support.installation import Installation

A_USER = re.compile(r"User \d+")
LETTERBOXD = """Date,Name,Year,Letterboxd URI,Rating
2021-03-04,The Matrix,1999,https://boxd.it/1,4.5
2021-03-05,Forrest Gump,1994,https://boxd.it/2,2
2021-03-06,My Holiday Video,2003,https://boxd.it/3,5
"""


def titles(page: Page, label: str) -> list[str]:
    return page.get_by_role("list", name=label).get_by_role("heading", level=3).all_inner_texts()


def rate(page: Page, title: str, stars: float) -> None:
    """Rate a movie with the keyboard, and wait until it is saved."""
    slider = page.get_by_role("slider", name=f"Your rating of {title}", exact=True).first
    slider.focus()
    slider.press("Home")
    for _ in range(int(stars * 2)):
        slider.press("ArrowRight")
    expect(slider).to_have_value(f"{stars:g}")
    expect(page.locator(".my-stars[aria-busy]")).to_have_count(0)


def test_the_front_page_shows_popular_and_top_rated_movies(reader: Visit) -> None:
    page = reader.open()

    expect(page.get_by_role("heading", name="Popular")).to_be_visible()
    expect(page.get_by_role("heading", name="Top rated")).to_be_visible()
    expect(page.locator(".card")).to_have_count(12)
    assert page.title() == "Matinee"


def test_a_search_follows_each_key_and_says_what_it_corrected(reader: Visit) -> None:
    page = reader.open()

    page.get_by_role("searchbox").press_sequentially("the godfathr")

    expect(page.get_by_text("showing results for the godfather")).to_be_visible()
    assert titles(page, "Results")[0] == "The Godfather"
    expect(page.locator("mark").first).to_have_text("Godfather")
    assert page.url.endswith("#/find?search=the+godfathr")


def test_facets_switch_and_turn_off(reader: Visit) -> None:
    page = reader.open("find?search=star")
    decades = page.get_by_role("navigation", name="Decade")

    decades.get_by_role("link", name="1980s").click()
    expect(decades.get_by_role("link", name="1980s")).to_have_attribute("aria-current", "true")
    first = titles(page, "Results")
    expect(decades.get_by_role("link", name="1970s")).to_be_visible()
    decades.get_by_role("link", name="1970s").click()

    expect(decades.get_by_role("link", name="1970s")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("list", name="Results").get_by_role("heading").first).not_to_have_text(first[0])
    decades.get_by_role("link", name="1970s").click()
    expect(decades.locator("[aria-current]")).to_have_count(0)


def test_pages_are_links(reader: Visit) -> None:
    page = reader.open("find?sort=title")
    expect(page.locator(".card")).to_have_count(24)
    first = titles(page, "Results")[0]

    page.get_by_role("link", name="Next").click()

    expect(page.get_by_text("Page 2 of 13")).to_be_visible()
    expect(page.get_by_role("list", name="Results").get_by_role("heading").first).not_to_have_text(first)


def test_a_guest_gets_recommendations_that_follow_the_stars(reader: Visit) -> None:
    page = reader.open("for-me")
    expect(page.locator("ol .card")).to_have_count(24)
    before = titles(page, "Recommended films")

    rate(page, before[0], 1)

    expect(page.get_by_text("From the 1 rating in this browser")).to_be_visible()
    expect(page.get_by_role("link", name=before[0], exact=True)).to_have_count(0)
    page.get_by_role("link", name="My ratings").click()
    expect(page.get_by_role("rowheader", name=before[0])).to_be_visible()


def test_a_guest_who_becomes_a_user_keeps_the_ratings(reader: Visit) -> None:
    page = reader.open("find?search=the matrix")
    rate(page, "The Matrix", 5)
    page.get_by_role("link", name="Guest").click()

    page.get_by_role("button", name="Create a user").click()

    expect(page.get_by_role("heading", name=A_USER)).to_be_visible()
    page.get_by_role("link", name="My ratings").click()
    expect(page.get_by_role("slider", name="Your rating of The Matrix")).to_have_value("5")
    page.get_by_role("link", name="For me").click()
    expect(page.get_by_text("Because you liked The Matrix").first).to_be_visible()


def test_a_movie_shows_its_ratings_and_similar_movies(reader: Visit) -> None:
    page = reader.open("find?search=the matrix")
    page.get_by_role("link", name="The Matrix", exact=True).click()

    expect(page.get_by_role("heading", name="The Matrix 1999")).to_be_visible()
    expect(page.locator(".histogram tbody tr")).to_have_count(10)
    expect(page.get_by_role("list", name="Similar films").locator(".card").first).to_be_visible()
    assert page.title() == "The Matrix - Matinee"


def test_a_rating_is_changed_and_taken_back(reader: Visit) -> None:
    page = reader.open("account")
    page.get_by_role("button", name="Create a user").click()
    expect(page.get_by_role("heading", name=A_USER)).to_be_visible()
    reader.open("find?search=forrest gump")
    rate(page, "Forrest Gump", 2)

    page.get_by_role("link", name="My ratings").click()
    expect(page.get_by_text("1 rating", exact=True)).to_be_visible()
    page.get_by_role("button", name="Take back your rating of Forrest Gump").click()

    expect(page.get_by_text("Nothing rated yet.")).to_be_visible()


def test_a_letterboxd_file_is_imported(reader: Visit) -> None:
    page = reader.open("account")
    page.get_by_role("button", name="Create a user").click()
    expect(page.get_by_role("heading", name=A_USER)).to_be_visible()
    reader.open("ratings")

    file = {"name": "ratings.csv", "mimeType": "text/csv", "buffer": LETTERBOXD.encode()}
    page.get_by_label("Ratings file").set_input_files(file)  # type: ignore[arg-type]  # a FilePayload

    expect(page.get_by_text("2 ratings matched: 2 added")).to_be_visible()
    expect(page.get_by_text("Line 4: My Holiday Video")).to_be_visible()
    expect(page.get_by_role("rowheader", name="The Matrix")).to_be_visible()


def test_a_problem_shows_its_detail(reader: Visit) -> None:
    reader.expected_errors = {404}
    page = reader.open("account")

    page.get_by_label("User id").fill("999999")
    page.get_by_role("button", name="Be this user").click()

    expect(page.get_by_role("alert")).to_contain_text("User 999999 does not exist.")


@pytest.fixture
def public_site(browser: Browser, installation: Installation) -> Iterator[Visit]:
    settings = {"auth": "on", "sign_up": "on", "auth_secret": secrets.token_hex(32)}
    with installation.serve(**settings) as server, visit(browser, server.address) as visitor:
        yield visitor


def test_a_guest_who_rated_films_of_another_catalogue_gets_recommendations(reader: Visit) -> None:
    reader.expected_errors = {404}
    page = reader.open()
    page.evaluate("localStorage.setItem('matinee.guest-ratings', '[[190, 5], [987654321, 5]]')")
    page.reload()

    reader.open("for-me")

    expect(page.locator("ol .card")).to_have_count(24)
    expect(page.get_by_text("From the 1 rating in this browser")).to_be_visible()
    reader.open("account")
    page.get_by_role("button", name="Create a user").click()
    expect(page.get_by_role("heading", name=A_USER)).to_be_visible()


def test_a_visitor_signs_up_signs_out_and_in_and_deletes_the_account(public_site: Visit) -> None:
    public_site.expected_errors = {422}
    page = public_site.open("account")
    name, password = "ada.lovelace", "correct horse battery"
    expect(page.get_by_role("link", name="Operator")).to_have_count(0)

    sign_up = page.locator("form", has_text="Sign up")
    sign_up.get_by_label("User name").fill("7")
    sign_up.get_by_label("New password").fill(password)
    sign_up.get_by_role("button").click()
    expect(sign_up.get_by_role("alert")).to_contain_text("username: A name has 3 to 32 letters")
    sign_up.get_by_label("User name").fill(name)
    sign_up.get_by_role("button").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    page.get_by_label("Current password").fill(password)
    page.get_by_label("New password").fill(password := "another battery, another horse")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("The password is changed.")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    sign_in = page.locator("form", has_text="Sign in")
    sign_in.get_by_label("User name or id").fill(name)
    sign_in.get_by_label("Password").fill(password)
    sign_in.get_by_role("button").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    page.get_by_role("button", name="Delete the account").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("heading", name="Sign up")).to_be_visible()
