"""Caching and revalidation, HEAD, OPTIONS, compression, and Server-Timing."""

import gzip
import re

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.support.fakes import MATRIX
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

API = "/api/rest/v1"
MATRIX_PATH = f"{API}/movies/{MATRIX.movie_id}"
PUBLIC = [
    f"{API}/movies",
    MATRIX_PATH,
    f"{MATRIX_PATH}/avg-rating",
    f"{API}/genres",
    f"{API}/recommendation-engine",
    f"{API}/recommendation-engine/runs/4",
    f"{API}/recommendation-engine/models",
    f"{API}/recommendation-engine/models/3",
]
VARY = "Accept-Encoding, Origin"
PERSONAL = [f"{API}/user/1/ratings", f"{API}/user/1/recommended-movies", "/livez", "/readyz", "/errors"]


def ask(client: TestClient, path: str, **headers: str) -> Response:
    """GET with headers, of which an underline is a hyphen."""
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@for_each("path", PUBLIC)
def test_a_public_response_may_be_cached_and_is_revalidated(client: TestClient, path: str) -> None:
    first = client.get(path)

    again = ask(client, path, If_None_Match=first.headers["ETag"])

    assert re.fullmatch(r'W/"[0-9a-f]{24}"', first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert (first.headers["Cache-Control"], again.headers["Vary"]) == ("no-cache", VARY)
    assert "X-Request-ID" in again.headers


@for_each("path", PERSONAL)
def test_a_personal_or_momentary_response_is_not_cached(client: TestClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in response.headers


def test_an_error_is_not_kept(client: TestClient, behind: Fakes) -> None:
    missing = client.get(f"{API}/movies/8")
    behind.movies.error = RuntimeError("secret")
    failed = client.get(f"{API}/movies")

    assert_problem(missing, 404, "movie-not-found")
    assert_problem(failed, 500, "internal-error")
    for response in (missing, failed):
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers


def test_a_new_average_is_a_new_version(client: TestClient, behind: Fakes) -> None:
    before = client.get(MATRIX_PATH)
    behind.movies.movies[MATRIX.movie_id] = MATRIX.model_copy(update={"avg_rating": 4.2, "total_ratings": 279})

    after = ask(client, MATRIX_PATH, If_None_Match=before.headers["ETag"])

    assert after.status_code == 200
    assert after.json()["total_ratings"] == 279
    assert after.headers["ETag"] != before.headers["ETag"]


@for_each(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("*", 304),
        ('"other", {tag}', 304),
        ('{tag},W/"other"', 304),
        ("{strong}", 304),
        ('"other"', 200),
        ("", 200),
        ("nonsense, W/", 200),
    ],
)
def test_tags_are_compared_as_a_list_and_weakly(client: TestClient, sent: str, status: int) -> None:
    tag = client.get(MATRIX_PATH).headers["ETag"]

    response = ask(client, MATRIX_PATH, If_None_Match=sent.format(tag=tag, strong=tag.removeprefix("W/")))

    assert response.status_code == status


def test_a_list_of_tags_may_be_sent_in_several_lines(client: TestClient) -> None:
    tag = client.get(MATRIX_PATH).headers["ETag"]

    response = client.get(MATRIX_PATH, headers=[("If-None-Match", '"other"'), ("If-None-Match", tag)])

    assert response.status_code == 304


def test_a_write_ignores_the_tag_of_the_client(client: TestClient, behind: Fakes) -> None:
    response = client.put(
        f"{API}/recommendation-engine/active-model", json={"version": 3}, headers={"If-None-Match": "*"}
    )

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert behind.engine.activated == [3]


@for_each("path", [*PUBLIC, *PERSONAL, "/docs", "/openapi.json", f"{API}/movies/8", "/nowhere"])
def test_head_answers_with_the_headers_of_get_and_no_body(client: TestClient, path: str) -> None:
    gotten = client.get(path, headers={"X-Request-ID": "one"})

    headed = client.head(path, headers={"X-Request-ID": "one"})

    assert headed.status_code == gotten.status_code
    assert headed.content == b""
    for response in (headed, gotten):
        del response.headers["Server-Timing"]
    assert headed.headers == gotten.headers


def test_head_of_a_resource_without_get_is_refused(client: TestClient) -> None:
    response = client.head(f"{API}/ratings")

    assert (response.status_code, response.headers["Allow"], response.content) == (405, "POST, OPTIONS", b"")


def test_options_tells_the_methods(client: TestClient) -> None:
    response = client.options(f"{API}/ratings/1")

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Allow"] == "GET, HEAD, DELETE, OPTIONS"


def test_options_of_an_unknown_path_is_a_404(client: TestClient) -> None:
    assert_problem(client.options("/nowhere"), 404, "not-found")


def test_a_long_response_is_compressed_for_clients_that_accept_it(client: TestClient, behind: Fakes) -> None:
    behind.movies.movies = {n: MATRIX.model_copy(update={"movie_id": n}) for n in range(1, 11)}
    path = f"{API}/movies"

    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
        body = gzip.decompress(b"".join(packed.iter_raw()))
    plain = ask(client, path, Accept_Encoding="identity")

    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", VARY)
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == VARY
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
    assert (body, packed.headers["ETag"]) == (plain.content, plain.headers["ETag"])


@for_each(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("gzip; q=0.01, identity", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("br", False),
    ],
)
def test_a_response_is_compressed_unless_the_client_refuses(
    client: TestClient, behind: Fakes, accepted: str, *, is_compressed: bool
) -> None:
    behind.movies.movies = {n: MATRIX.model_copy(update={"movie_id": n}) for n in range(1, 11)}

    response = ask(client, f"{API}/movies", Accept_Encoding=accepted)

    assert ("Content-Encoding" in response.headers) == is_compressed
    assert response.headers["Vary"] == VARY


def test_a_short_answer_is_not_compressed(client: TestClient) -> None:
    response = ask(client, MATRIX_PATH, Accept_Encoding="gzip")

    assert "Content-Encoding" not in response.headers


@for_each("path", [MATRIX_PATH, "/nowhere", f"{API}/movies/x", "/livez"])
def test_every_answer_says_how_long_it_took(client: TestClient, path: str) -> None:
    assert re.fullmatch(r"app;dur=\d+\.\d", client.get(path).headers["Server-Timing"])
