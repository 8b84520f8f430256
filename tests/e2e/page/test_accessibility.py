"""The page for everybody: axe-core finds no violation, nothing overflows, and the keyboard is enough."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Scheme, visit
from tests.support.installation import Server
from tests.support.tables import for_each

AXE = Path(__file__).parents[1] / "tools" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
ROUTES = {
    "find": ".card",
    "find?search=star": "aside a",
    "movie/190": ".histogram tr",
    "for-me": "ol .card",
    "ratings": "table",
    "account": "form",
    "operator": ".figures dd",
    "operator/runs": "tbody th",
    "operator/models": "tbody th",
    "operator/calibration": ".chart canvas",
    "operator/traffic": "tbody th",
}


@for_each("width, scheme", [(360, "light"), (360, "dark"), (1280, "dark"), (1600, "light")])
def test_every_view_is_accessible_and_fits(browser: Browser, shared_server: Server, width: int, scheme: Scheme) -> None:
    with visit(browser, shared_server.address, width=width, scheme=scheme) as visitor:
        for route, sign_of_life in ROUTES.items():
            page = visitor.open(route)
            expect(page.locator(sign_of_life).first).to_be_attached()
            assert violations(page) == [], route
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), route
        for path in ("errors", "errors/movie-not-found"):
            page.goto(f"{shared_server.address}/{path}")
            assert violations(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong on the page."""
    # In the context of the test, not of the page, whose policy refuses foreign scripts.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # Without the elements that pass: to name each of those takes most of the time.
    found = page.evaluate("async () => (await axe.run({ resultTypes: ['violations'] })).violations")
    return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}" for each in found]


def test_the_keyboard_is_enough_to_find_and_rate_a_movie(browser: Browser, shared_server: Server) -> None:
    with visit(browser, shared_server.address) as visitor:
        page = visitor.open()
        expect(page.locator(".card").first).to_be_visible()

        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("the matrix")
        expect(page.get_by_text("showing").or_(page.get_by_text("film", exact=False)).first).to_be_visible()
        slider = page.get_by_role("slider", name="Your rating of The Matrix", exact=True)
        for _ in range(60):
            page.keyboard.press("Tab")
            if slider.evaluate("element => element === document.activeElement"):
                break
        page.keyboard.press("End")

        expect(slider).to_have_value("5")
        expect(page.get_by_role("button", name="Take back your rating of The Matrix")).to_be_visible()
