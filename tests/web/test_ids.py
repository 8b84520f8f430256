"""What holds for every id in a path."""

import pytest
from fastapi.testclient import TestClient

from tests.support.problem_details import assert_problem

CODES = {
    ("GET", "/api/rest/v1/movies/{}"): "movie-not-found",
    ("GET", "/api/rest/v1/movies/{}/avg-rating"): "movie-not-found",
    ("GET", "/api/rest/v1/ratings/{}"): "rating-not-found",
    ("DELETE", "/api/rest/v1/ratings/{}"): "rating-not-found",
    ("GET", "/api/rest/v1/user/{}/ratings"): "user-not-found",
    ("GET", "/api/rest/v1/user/{}/recommended-movies"): "user-not-found",
    ("GET", "/api/rest/v1/recommendation-engine/runs/{}"): "run-not-found",
    ("GET", "/api/rest/v1/recommendation-engine/models/{}"): "model-version-not-found",
}
NOT_IDS = [
    *("0", "-1", "1.0", "1e3", "+1", "%2B1", "%201", "1%20", "1_000", "0x1", "one", "true", "null", "1;--"),
    "%EF%BC%91",  # A digit one, but a full-width one.
    "%D9%A1",  # An Arabic one.
    str(2**53),
    "9" * 5000,
]


@pytest.mark.parametrize(("method", "path"), CODES)
@pytest.mark.parametrize("text", NOT_IDS, ids=lambda text: text[:20])
def test_what_is_no_positive_64_bit_number_is_refused(client: TestClient, method: str, path: str, text: str) -> None:
    body = assert_problem(client.request(method, path.format(text)), 422, "invalid-input")

    assert len(body["errors"]) == 1
    assert body["errors"][0]["pointer"].startswith("#/path/")


@pytest.mark.parametrize(("method", "path"), CODES)
def test_the_largest_id_is_an_id_like_any_other(client: TestClient, method: str, path: str) -> None:
    body = assert_problem(client.request(method, path.format(2**53 - 1)), 404, CODES[method, path])

    assert "9007199254740991" in body["detail"]
