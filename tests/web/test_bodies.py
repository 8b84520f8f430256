"""Bodies are strict: JSON types as they are, every field known, nothing guessed."""

from fastapi.testclient import TestClient

from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

RATINGS = "/api/rest/v1/ratings"
ACTIVE_MODEL = "/api/rest/v1/recommendation-engine/active-model"
JSON = {"Content-Type": "application/json"}
NOT_IDS = ['"1"', "1.0", "1e0", "true", "null", "[1]", "{}", "0", "-1", "9007199254740992", "1" * 30]
NOT_STARS = [
    *('"2"', "true", "null", "[2]", "{}", "0", "0.4", "5.1", "5.5", "-2", "2.3", "2.25", "4.999999999999999"),
    *("NaN", "Infinity", "-Infinity", "1e400", "1e-400", "1" + "0" * 400),
]
UNREADABLE = {
    "empty": b"",
    "null": b"null",
    "text": b'"rating"',
    "list": b'[{"user_id": 1, "movie_id": 1, "rating": 2.0}]',
    "cut off": b'{"user_id": 1',
    "single quotes": b"{'user_id': 1}",
    "trailing comma": b'{"user_id": 1, "movie_id": 1, "rating": 2.0,}',
    "form": b"user_id=1&movie_id=1&rating=2.0",
    "bytes that are no UTF-8": b'{"user_id": "\xff\xfe"}',
    "endless nesting": b"[" * 60_000,
    "endless digits": b'{"user_id": ' + b"1" * 10_000 + b"}",
}


def rating_body(*, user_id: str = "1", movie_id: str = "1", rating: str = "2.0") -> str:
    return f'{{"user_id": {user_id}, "movie_id": {movie_id}, "rating": {rating}}}'


@for_each("field", ["user_id", "movie_id"])
@for_each("text", NOT_IDS)
def test_an_id_is_a_positive_json_integer_of_64_bits(client: TestClient, behind: Fakes, field: str, text: str) -> None:
    response = client.post(RATINGS, content=rating_body(**{field: text}), headers=JSON)

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == [f"#/body/{field}"]
    assert behind.ratings.ratings == {}


@for_each("text", NOT_STARS)
def test_stars_are_a_json_number_from_a_half_to_five_in_half_steps(
    client: TestClient, behind: Fakes, text: str
) -> None:
    response = client.post(RATINGS, content=rating_body(rating=text), headers=JSON)

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == ["#/body/rating"]
    assert behind.ratings.ratings == {}


@for_each(
    ("text", "stars"),
    [("0.5", 0.5), ("1", 1.0), ("1.5", 1.5), ("2.50", 2.5), ("3e0", 3.0), ("4.5", 4.5), ("5", 5.0), ("5.0", 5.0)],
)
def test_every_half_step_is_taken_however_it_is_written(
    client: TestClient, behind: Fakes, text: str, stars: float
) -> None:
    behind.ratings.ratings.clear()

    response = client.post(RATINGS, content=rating_body(rating=text), headers=JSON)

    assert (response.status_code, response.json()["rating"]) == (201, stars)


@for_each("text", NOT_IDS)
def test_a_version_to_activate_is_a_positive_json_integer(client: TestClient, behind: Fakes, text: str) -> None:
    response = client.put(ACTIVE_MODEL, content=f'{{"version": {text}}}', headers=JSON)

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == ["#/body/version"]
    assert behind.engine.activated == []


def test_an_unknown_field_is_an_error(client: TestClient) -> None:
    response = client.post(RATINGS, json={"user_id": 1, "movie_id": 1, "rating": 2.0, "re/mark": "good"})

    body = assert_problem(response, 422, "invalid-input")
    assert body["errors"] == [{"pointer": "#/body/re~1mark", "message": "Extra inputs are not permitted"}]


def test_every_missing_field_is_named(client: TestClient) -> None:
    body = assert_problem(client.post(RATINGS, json={}), 422, "invalid-input")

    assert body["errors"] == [
        {"pointer": f"#/body/{field}", "message": "Field required"} for field in ("user_id", "movie_id", "rating")
    ]


@for_each("url", [RATINGS, ACTIVE_MODEL])
@for_each("content", UNREADABLE.values())
def test_a_body_that_is_not_a_json_object_is_refused_as_a_whole(client: TestClient, url: str, content: bytes) -> None:
    response = client.request("PUT" if url == ACTIVE_MODEL else "POST", url, content=content, headers=JSON)

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == ["#/body"]
    assert "JSON" in body["errors"][0]["message"]


def test_malformed_json_is_located(client: TestClient) -> None:
    response = client.post(RATINGS, content='{"user_id": 1,, "movie_id": 1}', headers=JSON)

    body = assert_problem(response, 422, "invalid-input")
    assert body["errors"] == [
        {
            "pointer": "#/body",
            "message": "The body is not JSON: Expecting property name enclosed in double quotes at character 14",
        }
    ]


@for_each("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_json_is_said_to_be_json(client: TestClient, content_type: str) -> None:
    response = client.post(RATINGS, content=rating_body(), headers={"Content-Type": content_type})

    body = assert_problem(response, 422, "invalid-input")
    assert body["errors"] == [
        {"pointer": "#/body", "message": "Send a JSON object, with the header Content-Type: application/json"}
    ]


def test_a_charset_beside_the_media_type_does_no_harm(client: TestClient) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert client.post(RATINGS, content=rating_body(), headers=headers).status_code == 201


@for_each("is_chunked", [False, True])
def test_a_body_of_more_than_64_kib_is_too_large(client: TestClient, behind: Fakes, *, is_chunked: bool) -> None:
    content = rating_body().ljust(65_537).encode()

    response = client.post(RATINGS, content=iter([content]) if is_chunked else content, headers=JSON)

    assert_problem(response, 413, "too-large")
    assert behind.ratings.ratings == {}


def test_a_body_of_64_kib_is_read_to_its_end(client: TestClient) -> None:
    assert client.post(RATINGS, content=rating_body().ljust(65_536), headers=JSON).status_code == 201
