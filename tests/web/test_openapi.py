"""The OpenAPI document says what the app does, in full."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from server.schemas.base import Problem, ValidationProblem
from server.schemas.movies import AverageRating, Movie, MoviePage, SimilarMovies
from server.schemas.ratings import Rating, RatingCreate
from server.schemas.recommendation_engine import TrainingRun
from server.schemas.user import Explanation, RecommendedMovies
from tests.support.tables import for_each

Operations = dict[tuple[str, str], dict[str, Any]]

API = "/api/rest/v1"
CONTRACT = {
    ("get", f"{API}/movies"): "list_movies",
    ("get", f"{API}/movies/{{movie_id}}"): "get_movie",
    ("get", f"{API}/movies/{{movie_id}}/avg-rating"): "get_average_rating",
    ("get", f"{API}/movies/{{movie_id}}/similar"): "list_similar_movies",
    ("get", f"{API}/movies/{{movie_id}}/rating-histogram"): "get_rating_histogram",
    ("get", f"{API}/movies/{{movie_id}}/tags"): "list_movie_tags",
    ("get", f"{API}/genres"): "list_genres",
    ("get", f"{API}/tags"): "list_tags",
    ("get", f"{API}/statistics"): "get_statistics",
    ("get", f"{API}/diagnostics"): "get_diagnostics",
    ("post", f"{API}/ratings"): "create_rating",
    ("get", f"{API}/ratings/{{rating_id}}"): "get_rating",
    ("delete", f"{API}/ratings/{{rating_id}}"): "delete_rating",
    ("post", f"{API}/user"): "create_user",
    ("get", f"{API}/user/me"): "get_current_user",
    ("put", f"{API}/user/me/password"): "change_password",
    ("get", f"{API}/user/{{user_id}}"): "get_user",
    ("delete", f"{API}/user/{{user_id}}"): "delete_user",
    ("get", f"{API}/user/{{user_id}}/ratings"): "list_user_ratings",
    ("post", f"{API}/user/{{user_id}}/ratings/import"): "import_user_ratings",
    ("get", f"{API}/user/{{user_id}}/recommended-movies"): "list_recommended_movies",
    ("post", f"{API}/recommendations"): "recommend_to_guest",
    ("post", "/api/rest/v1/recommendations"): "recommend_to_guest",
    ("post", f"{API}/recommendation-engine"): "train_model",
    ("get", f"{API}/recommendation-engine"): "get_recommendation_engine",
    ("get", f"{API}/recommendation-engine/live-calibration"): "get_live_calibration",
    ("get", f"{API}/recommendation-engine/runs"): "list_training_runs",
    ("get", f"{API}/recommendation-engine/runs/{{run_id}}"): "get_training_run",
    ("delete", f"{API}/recommendation-engine/runs/{{run_id}}"): "cancel_training_run",
    ("get", f"{API}/recommendation-engine/models"): "list_model_versions",
    ("get", f"{API}/recommendation-engine/models/{{version}}"): "get_model_version",
    ("put", f"{API}/recommendation-engine/active-model"): "activate_model_version",
    ("get", "/livez"): "get_liveness",
    ("get", "/readyz"): "get_readiness",
    ("get", "/metrics"): "get_metrics",
}


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


@pytest.fixture
def operations(document: dict[str, Any]) -> Operations:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def problem_responses(operations: Operations) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every documented error: its status and its documentation."""
    for operation in operations.values():
        for status, response in operation["responses"].items():
            if status >= "400":
                yield status, response


def parameters(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of an operation, including referenced ones."""
    shared = document["components"]["parameters"]
    return [shared[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in operation["parameters"]]


def contents(operations: Operations) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield every body in the document, of requests and responses: its place, its schema and each of its examples."""
    for operation in operations.values():
        for where, part in [("body", operation.get("requestBody", {})), *operation["responses"].items()]:
            for content in part.get("content", {}).values():
                for example in [content["example"]] if "example" in content else examples_of(content):
                    yield f"{operation['operationId']} {where}", content["schema"], example


def examples_of(content: dict[str, Any]) -> list[Any]:
    return [example["value"] for example in content["examples"].values()]


def test_the_document_is_served(client: TestClient, document: dict[str, Any]) -> None:
    assert client.get("/openapi.json").json() == document


def test_it_holds_the_endpoints_of_the_contract_under_their_names(operations: Operations) -> None:
    assert {key: operation["operationId"] for key, operation in operations.items()} == CONTRACT


def test_every_operation_is_explained(document: dict[str, Any], operations: Operations) -> None:
    tags = {tag["name"] for tag in document["tags"]}

    for key, operation in operations.items():
        assert len(operation["tags"]) == 1, key
        assert operation["tags"][0] in tags, key
        assert operation["summary"], key
        assert operation["description"], key


def test_every_parameter_is_described_and_none_is_null(document: dict[str, Any], operations: Operations) -> None:
    wrong = [
        (key, parameter["name"])
        for key, operation in operations.items()
        if "parameters" in operation
        for parameter in parameters(document, operation)
        if not parameter.get("description") or "null" in json.dumps(parameter["schema"])
    ]

    assert wrong == []


def test_bounds_are_json_schema_keywords(document: dict[str, Any]) -> None:
    limit = document["paths"][f"{API}/movies"]["get"]["parameters"][0]

    assert limit == {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "Number of entries on a page.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 10,
            "description": "Number of entries on a page.",
        },
    }


def test_an_optional_parameter_keeps_its_own_examples_and_loses_its_null(document: dict[str, Any]) -> None:
    search = document["paths"][f"{API}/movies"]["get"]["parameters"][2]

    assert (search["name"], search["schema"]["type"]) == ("search", "string")
    assert (search["schema"]["maxLength"], search["schema"]["examples"]) == (
        200,
        ["90s comedy", "shawshnak", "thriller 1995"],
    )


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any], operations: Operations) -> None:
    found = list(contents(operations))

    misfits = [
        (where, error.message)
        for where, schema, example in found
        for error in Draft202012Validator({**schema, "components": document["components"]}).iter_errors(example)
    ]

    assert misfits == []
    assert {where for where, _, _ in found} >= {"create_rating body", "create_rating 201", "get_training_run 200"}


def test_an_example_has_all_fields_in_their_order_the_nulls_too(operations: Operations) -> None:
    run = operations["get", f"{API}/recommendation-engine/runs/{{run_id}}"]["responses"]["200"]

    example = run["content"]["application/json"]["example"]

    assert list(example) == list(TrainingRun.model_fields)
    assert example["error"] is None


def test_operations_with_a_tag_accept_if_none_match(operations: Operations) -> None:
    reference = {"$ref": "#/components/parameters/If-None-Match"}
    tagged = {
        operation["operationId"]
        for operation in operations.values()
        if reference in operation.get("parameters", [])
        and all("ETag" in operation["responses"][status]["headers"] for status in ("200", "304"))
    }

    assert tagged == {
        "list_movies",
        "get_movie",
        "get_average_rating",
        "list_similar_movies",
        "get_rating_histogram",
        "list_movie_tags",
        "list_genres",
        "list_tags",
        "get_statistics",
        "get_recommendation_engine",
        "get_live_calibration",
        "list_training_runs",
        "get_training_run",
        "list_model_versions",
        "get_model_version",
    }


def test_headers_are_documented(document: dict[str, Any], operations: Operations) -> None:
    for operation in operations.values():
        for status, response in operation["responses"].items():
            assert {"X-Request-ID", "Cache-Control", "Server-Timing"} <= response["headers"].keys()
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"})
    assert all(header["description"] for header in document["components"]["headers"].values())


def test_every_error_is_a_problem(operations: Operations) -> None:
    problem, invalid_input = ({"$ref": f"#/components/schemas/{name}"} for name in ("Problem", "ValidationProblem"))
    for status, response in problem_responses(operations):
        schemas = [invalid_input, {"anyOf": [invalid_input, problem]}] if status == "422" else [problem]
        assert list(response["content"]) == ["application/problem+json"]
        assert response["content"]["application/problem+json"]["schema"] in schemas


def test_every_example_of_a_problem_is_one(operations: Operations) -> None:
    examples = [
        (status, code, example["value"])
        for status, response in problem_responses(operations)
        for code, example in response["content"]["application/problem+json"].get("examples", {}).items()
    ]

    assert len(examples) >= 10
    for status, code, value in examples:
        problem = ValidationProblem if "errors" in value else Problem
        assert problem.model_validate(value).model_dump() == value
        assert (value["status"], value["type"]) == (int(status), f"/errors/{code}")


@for_each(
    ("key", "statuses"),
    [
        (("get", f"{API}/movies"), {"200", "304", "404", "422", "500", "503"}),
        (("get", f"{API}/movies/{{movie_id}}"), {"200", "304", "404", "422", "500", "503"}),
        (("post", f"{API}/ratings"), {"200", "201", "404", "408", "413", "415", "422", "429", "500", "503"}),
        (("delete", f"{API}/ratings/{{rating_id}}"), {"204", "404", "422", "429", "500", "503"}),
        (("get", f"{API}/movies/{{movie_id}}/similar"), {"200", "304", "404", "409", "422", "500", "503"}),
        (("get", f"{API}/user/{{user_id}}/recommended-movies"), {"200", "404", "409", "422", "500", "503"}),
        (("post", f"{API}/recommendation-engine"), {"202", "422", "429", "500", "503"}),
    ],
)
def test_the_statuses_an_operation_answers_are_listed(
    operations: Operations, key: tuple[str, str], statuses: set[str]
) -> None:
    assert set(operations[key]["responses"]) == statuses


def test_the_frameworks_own_error_shapes_are_gone(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"].keys().isdisjoint({"HTTPValidationError", "ValidationError"})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))

    assert references <= document["components"]["schemas"].keys()
    assert {"Problem", "ValidationProblem", "FieldProblem", "Movie"} <= references


@for_each(
    ("schema", "optional"),
    [
        (RecommendedMovies, {"recommendations", "movies", "explanations"}),
        (SimilarMovies, {"movies"}),
        (Explanation, set()),
        (Movie, {"highlights", "user_rating"}),
        (MoviePage, {"facets", "corrected_search"}),
    ],
)
def test_only_what_must_be_asked_for_is_optional_and_nothing_of_it_is_null(
    document: dict[str, Any], schema: type[BaseModel], optional: set[str]
) -> None:
    described = document["components"]["schemas"][schema.__name__]

    assert described["properties"].keys() - set(described["required"]) == optional
    for name in optional:
        assert "anyOf" not in described["properties"][name]
        assert described["properties"][name]["description"]
        assert "default" not in described["properties"][name]


@for_each("schema", [Movie, AverageRating, SimilarMovies, Rating, RatingCreate, RecommendedMovies, Explanation])
def test_every_example_of_a_schema_fits_it(document: dict[str, Any], schema: type[BaseModel]) -> None:
    example = document["components"]["schemas"][schema.__name__]["examples"][0]

    assert schema.model_validate(example).model_dump(mode="json", exclude_unset=True).keys() == example.keys()
