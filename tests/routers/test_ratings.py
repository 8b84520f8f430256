from fastapi.testclient import TestClient

from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem

RATINGS = "/api/rest/v1/ratings"
FOUR_STARS = {"user_id": 1, "movie_id": 1, "rating": 4.0}


def test_a_first_rating_is_created(client: TestClient) -> None:
    response = client.post(RATINGS, json=FOUR_STARS)

    assert response.status_code == 201
    assert response.headers["Location"] == "/api/rest/v1/ratings/100"
    assert response.json() == {
        "rating_id": 100,
        "user_id": 1,
        "movie_id": 1,
        "rating": 4.0,
        "timestamp": "2024-10-30T14:30:00",
    }


def test_rating_again_answers_200_with_the_same_id(client: TestClient) -> None:
    client.post(RATINGS, json=FOUR_STARS)

    response = client.post(RATINGS, json=FOUR_STARS | {"rating": 2})

    assert response.status_code == 200
    assert response.headers["Location"] == "/api/rest/v1/ratings/100"
    assert response.json() == {
        "rating_id": 100,
        "user_id": 1,
        "movie_id": 1,
        "rating": 2.0,
        "timestamp": "2024-10-30T14:30:00",
    }


def test_the_location_of_a_rating_gives_it(client: TestClient) -> None:
    created = client.post(RATINGS, json=FOUR_STARS)

    response = client.get(created.headers["Location"])

    assert (response.status_code, response.json()) == (200, created.json())


def test_a_rating_can_be_taken_back_once(client: TestClient, behind: Fakes) -> None:
    location = client.post(RATINGS, json=FOUR_STARS).headers["Location"]

    response = client.delete(location)

    assert (response.status_code, response.content) == (204, b"")
    assert behind.ratings.ratings == {}
    assert_problem(client.delete(location), 404, "rating-not-found")


def test_an_unknown_user_is_named(client: TestClient) -> None:
    body = assert_problem(client.post(RATINGS, json=FOUR_STARS | {"user_id": 9}), 404, "user-not-found")

    assert body["detail"] == "User 9 does not exist. Create a user with POST /user."


def test_an_unknown_movie_is_named(client: TestClient) -> None:
    body = assert_problem(client.post(RATINGS, json=FOUR_STARS | {"movie_id": 9}), 404, "movie-not-found")

    assert body["detail"] == "Movie 9 does not exist. Search for it with GET /movies."


def test_an_unknown_rating_is_named(client: TestClient) -> None:
    body = assert_problem(client.get(f"{RATINGS}/9"), 404, "rating-not-found")

    assert body["detail"] == ("Rating 9 does not exist. List a user's ratings with GET /user/{id}/ratings.")
