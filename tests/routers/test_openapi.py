"""The OpenAPI document says what the app does, in full."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from server.schemas.base import Problem
from server.schemas.movies import AverageRating, Movie, SimilarMovies
from server.schemas.ratings import Rating, RatingCreate
from server.schemas.user import Explanation, RecommendedMovies

Operations = dict[tuple[str, str], dict[str, Any]]

API = "/api/rest/v1"
CONTRACT = {
    ("get", f"{API}/movies"): "list_movies",
    ("get", f"{API}/movies/{{movie_id}}"): "get_movie",
    ("get", f"{API}/movies/{{movie_id}}/avg-rating"): "get_average_rating",
    ("get", f"{API}/movies/{{movie_id}}/similar"): "list_similar_movies",
    ("get", f"{API}/genres"): "list_genres",
    ("post", f"{API}/ratings"): "create_rating",
    ("get", f"{API}/ratings/{{rating_id}}"): "get_rating",
    ("delete", f"{API}/ratings/{{rating_id}}"): "delete_rating",
    ("post", f"{API}/user"): "create_user",
    ("get", f"{API}/user/{{user_id}}/ratings"): "list_user_ratings",
    ("get", f"{API}/user/{{user_id}}/recommended-movies"): "list_recommended_movies",
    ("post", f"{API}/recommendation-engine"): "train_model",
    ("get", f"{API}/recommendation-engine"): "get_recommendation_engine",
    ("get", f"{API}/recommendation-engine/runs/{{run_id}}"): "get_training_run",
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
    """Give every documented error: its status and what is said about it."""
    for operation in operations.values():
        for status, response in operation["responses"].items():
            if status >= "400":
                yield status, response


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


def test_every_parameter_is_described(operations: Operations) -> None:
    undescribed = [
        (key, parameter["name"])
        for key, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]

    assert undescribed == []


def test_every_error_is_a_problem(operations: Operations) -> None:
    for status, response in problem_responses(operations):
        name = "ValidationProblem" if status == "422" else "Problem"
        assert list(response["content"]) == ["application/problem+json"]
        assert response["content"]["application/problem+json"]["schema"] == {"$ref": f"#/components/schemas/{name}"}


def test_every_example_of_a_problem_is_one(operations: Operations) -> None:
    examples = [
        (status, code, example["value"])
        for status, response in problem_responses(operations)
        for code, example in response["content"]["application/problem+json"].get("examples", {}).items()
    ]

    assert len(examples) >= 10
    for status, code, value in examples:
        assert Problem.model_validate(value).model_dump() == value
        assert (value["status"], value["type"]) == (int(status), f"urn:matinee:problem:{code}")


@pytest.mark.parametrize(
    ("key", "statuses"),
    [
        (("get", f"{API}/movies"), {"200", "422", "500", "503"}),
        (("get", f"{API}/movies/{{movie_id}}"), {"200", "404", "422", "500", "503"}),
        (("post", f"{API}/ratings"), {"200", "201", "404", "413", "422", "500", "503"}),
        (("delete", f"{API}/ratings/{{rating_id}}"), {"204", "404", "422", "500", "503"}),
        (("get", f"{API}/movies/{{movie_id}}/similar"), {"200", "404", "409", "422", "500", "503"}),
        (("get", f"{API}/user/{{user_id}}/recommended-movies"), {"200", "404", "409", "422", "500", "503"}),
        (("post", f"{API}/recommendation-engine"), {"202", "500", "503"}),
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


@pytest.mark.parametrize(
    ("schema", "optional"),
    [
        (RecommendedMovies, {"movies", "explanations"}),
        (SimilarMovies, {"movies"}),
        (Explanation, set()),
        (Movie, set()),
    ],
)
def test_only_what_must_be_asked_for_is_optional_and_nothing_of_it_is_null(
    document: dict[str, Any], schema: type[BaseModel], optional: set[str]
) -> None:
    described = document["components"]["schemas"][schema.__name__]

    assert described["properties"].keys() - set(described["required"]) == optional
    for name in optional:
        assert described["properties"][name]["type"] == "array"
        assert described["properties"][name]["description"]
        assert "default" not in described["properties"][name]


@pytest.mark.parametrize(
    "schema", [Movie, AverageRating, SimilarMovies, Rating, RatingCreate, RecommendedMovies, Explanation]
)
def test_every_example_of_a_schema_fits_it(document: dict[str, Any], schema: type[BaseModel]) -> None:
    example = document["components"]["schemas"][schema.__name__]["example"]

    assert schema.model_validate(example).model_dump(mode="json", exclude_unset=True).keys() == example.keys()
