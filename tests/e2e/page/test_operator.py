"""The page of an operator: train, watch, compare, roll back."""

from playwright.sync_api import expect

from tests.support.browser import Visit


def test_the_operator_sees_the_installation(reader: Visit) -> None:
    page = reader.open("operator")

    movies = page.locator(".figures > div", has=page.get_by_text("Movies", exact=True))
    expect(movies.get_by_role("definition")).to_have_text("300")
    expect(page.get_by_role("rowheader").first).to_be_visible()


def test_a_training_from_the_page_becomes_live_and_is_rolled_back(visitor: Visit) -> None:
    page = visitor.open("operator/runs")

    page.get_by_role("button", name="Train now").click()

    runs = page.get_by_role("table", name="Training runs")
    newest = runs.get_by_role("row").nth(1)
    expect(newest.get_by_role("rowheader", name="2")).to_be_visible()
    expect(newest.get_by_text("succeeded")).to_be_visible()
    page.get_by_role("link", name="Models").click()
    versions = page.get_by_role("table", name="Model versions")
    expect(versions.get_by_role("row").nth(1).get_by_text("live")).to_be_visible()

    versions.get_by_role("button", name="Make live").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it live").click()

    expect(versions.get_by_role("row").nth(2).get_by_text("live", exact=True)).to_be_visible()


def test_two_versions_are_compared(reader: Visit) -> None:
    page = reader.open("operator/models")

    page.get_by_role("checkbox", name="Compare version 1").check()

    comparison = page.get_by_role("table", name="Comparison")
    expect(comparison.get_by_role("rowheader", name="NDCG@10", exact=True)).to_be_visible()


def test_the_calibration_of_a_version_is_drawn(reader: Visit) -> None:
    page = reader.open("operator/calibration")

    expect(page.locator(".chart canvas").first).to_be_visible()
    expect(page.get_by_role("columnheader", name="Predicted").first).to_be_visible()


def test_traffic_is_measured_while_the_page_is_open(reader: Visit) -> None:
    page = reader.open("operator/traffic")

    expect(page.get_by_role("rowheader", name="GET /metrics")).to_be_visible()
