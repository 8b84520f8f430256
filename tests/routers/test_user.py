from fastapi.testclient import TestClient

from server.errors import ArtifactError, NoActiveModel
from server.schemas.movies import Expansion
from server.schemas.user import RecommendationQuery
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

USER = "/api/rest/v1/user"


def test_a_new_user_is_created_with_an_id(client: TestClient) -> None:
    response = client.post(USER)

    assert (response.status_code, response.json()) == (201, {"user_id": 611})
    assert response.headers["Location"] == "/api/rest/v1/user/611/ratings"


def test_a_users_ratings_are_a_page(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{USER}/1/ratings?page=2&limit=30")

    assert response.status_code == 200
    assert response.json() == {
        "ratings": [
            {"rating_id": 5, "user_id": 1, "movie_id": 1, "rating": 4.5, "timestamp": "2024-10-30T14:30:00"},
        ],
        "total": 31,
        "page": 2,
        "limit": 30,
    }
    assert [(paging.page, paging.limit) for paging in behind.user_ratings.queries] == [(2, 30)]


def test_recommendations_are_two_arrays(client: TestClient) -> None:
    response = client.get(f"{USER}/1/recommended-movies")

    assert response.status_code == 200
    assert response.text == '{"movie_ids":[2571,7],"probabilities":[0.91,0.902]}'


def test_recommendations_hold_the_movies_on_request(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{USER}/1/recommended-movies?expand=movies")

    body = response.json()
    assert response.status_code == 200
    assert list(body) == ["movie_ids", "probabilities", "movies"]
    assert [movie["movie_id"] for movie in body["movies"]] == body["movie_ids"]
    assert [(movie["title"], movie["year"]) for movie in body["movies"]] == [("The Matrix", 1999), ("Babylon 5", None)]
    assert behind.recommendations.queries == [RecommendationQuery(expand=[Expansion.MOVIES])]


def test_recommendations_are_explained_on_request(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{USER}/1/recommended-movies?explain=true")

    assert response.status_code == 200
    assert response.json() == {
        "movie_ids": [2571, 7],
        "probabilities": [0.91, 0.902],
        "explanations": [
            {
                "movie_id": 2571,
                "score": 0.375,
                "because": [{"movie_id": 7, "title": "Babylon 5", "rating": 4.5, "contribution": 0.25}],
                "other_ratings": 0.0625,
                "rest": 0.0625,
            },
            {"movie_id": 7, "score": 0.0, "because": [], "other_ratings": 0.0, "rest": 0.0},
        ],
    }
    assert behind.recommendations.queries == [RecommendationQuery(explain=True)]


def test_all_that_can_be_asked_for_can_be_asked_for_at_once(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{USER}/1/recommended-movies?explain=true&expand=movies&exclude_seen=true&n=3")

    assert list(response.json()) == ["movie_ids", "probabilities", "movies", "explanations"]
    assert behind.recommendations.queries == [
        RecommendationQuery(n=3, exclude_seen=True, explain=True, expand=[Expansion.MOVIES])
    ]


@for_each(
    ("parameters", "pointer"),
    [
        ("expand=genres", "#/query/expand/0"),
        ("expand=movies&expand=genres", "#/query/expand/1"),
        ("expand=", "#/query/expand/0"),
        ("expand=MOVIES", "#/query/expand/0"),
        ("explain=perhaps", "#/query/explain"),
    ],
)
def test_unknown_parts_to_add_are_refused(client: TestClient, parameters: str, pointer: str) -> None:
    body = assert_problem(client.get(f"{USER}/1/recommended-movies?{parameters}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_ten_movies_are_recommended_unless_asked_otherwise(client: TestClient, behind: Fakes) -> None:
    client.get(f"{USER}/1/recommended-movies")
    client.get(f"{USER}/1/recommended-movies?n=100&exclude_seen=true")

    assert behind.recommendations.queries == [
        RecommendationQuery(n=10, exclude_seen=False),
        RecommendationQuery(n=100, exclude_seen=True),
    ]


@for_each("n", ["0", "101", "-1", "1.0", "%2B1", "%EF%BC%91", "%201", "ten", "", str(2**53)])
def test_a_number_of_recommendations_out_of_bounds_is_refused(client: TestClient, n: str) -> None:
    body = assert_problem(client.get(f"{USER}/1/recommended-movies?n={n}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == ["#/query/n"]


def test_a_flag_is_true_or_false(client: TestClient) -> None:
    response = client.get(f"{USER}/1/recommended-movies?exclude_seen=perhaps")

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == ["#/query/exclude_seen"]


def test_an_unknown_user_has_no_ratings_and_no_recommendations(client: TestClient) -> None:
    for path in ("/9/ratings", "/9/recommended-movies"):
        body = assert_problem(client.get(f"{USER}{path}"), 404, "user-not-found")

        assert body["detail"] == "User 9 does not exist. Create a user with POST /user."


def test_before_the_first_training_there_is_a_conflict_that_says_what_to_do(client: TestClient, behind: Fakes) -> None:
    behind.recommendations.error = NoActiveModel()

    body = assert_problem(client.get(f"{USER}/1/recommended-movies"), 409, "no-active-model")

    assert body["detail"] == "No model has been trained yet. Train one with POST /recommendation-engine."


def test_an_unreadable_model_is_a_matter_of_trying_again(client: TestClient, behind: Fakes) -> None:
    behind.recommendations.error = ArtifactError("Model version 3 cannot be read: its manifest is missing.")

    response = client.get(f"{USER}/1/recommended-movies")

    body = assert_problem(response, 503, "artifact-unreadable")
    assert body["detail"].startswith("Model version 3 cannot be read: its manifest is missing. Train a new model")
    assert response.headers["Retry-After"] == "5"


def test_a_user_is_deleted(client: TestClient) -> None:
    response = client.delete("/api/rest/v1/user/1")

    assert (response.status_code, response.content) == (204, b"")


def test_an_unknown_user_cannot_be_deleted(client: TestClient) -> None:
    assert_problem(client.delete("/api/rest/v1/user/9"), 404, "user-not-found")


def test_a_ratings_file_is_imported(client: TestClient, behind: Fakes) -> None:
    content = b"Date,Name,Year,Letterboxd URI,Rating\n2021-03-04,Heat,1995,https://boxd.it/1,4.5\n"

    response = client.post(f"{USER}/1/ratings/import", content=content, headers={"Content-Type": "text/csv"})

    assert response.status_code == 200
    assert response.json() == {
        "source": "letterboxd",
        "rows": 1,
        "matched": 1,
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "unmatched": [],
        "ambiguous": [],
    }
    assert [(row.title, row.year, row.stars) for row in behind.imports.imported] == [("Heat", 1995, 4.5)]


@for_each("content", [b"id,name\n1,Heat\n", b"\0\0", b"<html></html>"])
def test_a_file_that_is_not_a_ratings_file_is_refused(client: TestClient, content: bytes) -> None:
    response = client.post(f"{USER}/1/ratings/import", content=content, headers={"Content-Type": "text/csv"})

    body = assert_problem(response, 422, "unknown-ratings-file")
    assert body["detail"].startswith("The file does not have the columns of a ratings file")


def test_a_ratings_file_may_be_larger_than_other_bodies(client: TestClient) -> None:
    content = b"Name,Year,Rating\n" + b"Heat,1995,4\n" * 100_000
    too_large = content * 8

    accepted = client.post(f"{USER}/1/ratings/import", content=content, headers={"Content-Type": "text/csv"})
    refused = client.post(f"{USER}/1/ratings/import", content=too_large, headers={"Content-Type": "text/csv"})

    assert (accepted.status_code, accepted.json()["rows"]) == (200, 100_000)
    assert_problem(refused, 413, "too-large")
