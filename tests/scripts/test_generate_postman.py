"""The Postman collection calls every operation of the OpenAPI document, and has no stale steps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.generate_postman import Operation, Step, render_collection
from tests.support.tables import for_each

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8"))
LIST_MOVIES = Operation(
    "/api/rest/v1/movies", "get", DOCUMENT["paths"]["/api/rest/v1/movies"]["get"], DOCUMENT["components"]["schemas"]
)


def requests(items: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield method and path of every request, including those in folders."""
    for item in items:
        if "item" in item:
            yield from requests(item["item"])
        else:
            yield item["request"]["method"].lower(), "/".join(["", *item["request"]["url"]["path"]])


def test_every_operation_is_called() -> None:
    collection = json.loads(render_collection(DOCUMENT))
    variables = {variable["key"] for variable in collection["variable"]}

    called = {(method, path.replace("{{", "{").replace("}}", "}")) for method, path in requests(collection["item"])}

    documented = {
        (method, path.replace("_id}", "Id}")) for path, operations in DOCUMENT["paths"].items() for method in operations
    }
    assert documented <= called
    assert variables >= {"baseUrl", "movieId", "ratingId", "userId", "runId", "version"}


def test_an_operation_without_a_step_is_called_too() -> None:
    posters = DOCUMENT["paths"]["/api/rest/v1/movies/{movie_id}"]["get"] | {
        "operationId": "list_posters",
        "summary": "List Posters",
    }
    paths = DOCUMENT["paths"] | {"/api/rest/v1/movies/{movie_id}/posters": {"get": posters}}

    collection = json.loads(render_collection(DOCUMENT | {"paths": paths}))

    added = collection["item"][-1]["item"][-1]
    assert added["name"] == "List Posters"
    assert added["request"]["url"]["raw"] == "{{baseUrl}}/api/rest/v1/movies/{{movieId}}/posters"
    assert "pm.response.to.have.status(200)" in added["event"][0]["script"]["exec"][-1]


def test_optional_parameters_are_shown_but_not_sent() -> None:
    url = LIST_MOVIES.request(Step(name="Search", call="list_movies", query={"search": "alien"}))["url"]

    assert url["raw"] == "{{baseUrl}}/api/rest/v1/movies?search=alien"
    assert [part["key"] for part in url["query"] if not part.get("disabled")] == ["search"]
    assert {part["key"] for part in url["query"]} >= {"limit", "page", "search", "genre", "sort"}


@for_each(
    ("step", "sentence"),
    [
        (
            Step(name="Search", call="list_movies", query={"words": "alien"}),
            "'words' is not one of limit, page, search",
        ),
        (Step(name="Search", call="list_movies", path={"movie_id": "1"}), "'movie_id' is not one of"),
    ],
)
def test_a_stale_step_is_refused(step: Step, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LIST_MOVIES.request(step)


def test_a_step_of_a_removed_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="'list_movies' is not one of"):
        render_collection(DOCUMENT | {"paths": {}})
