from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from server.routers.recommendations import router
from server.routers.user import router as user_router
from server.schemas.movies import Expansion, GenreMatch
from server.schemas.user import GuestRating, RecommendationQuery, RecommendationRequest
from server.web.dependencies import TAKES_WRITE_SLOT
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

PATH = "/api/rest/v1/recommendations"
FOR_USER = "/api/rest/v1/user/1/recommended-movies"
RATINGS = [{"movie_id": 318, "rating": 5.0}, {"movie_id": 296, "rating": 3.5}]


def test_a_guest_gets_ids_and_probabilities(client: TestClient, behind: Fakes) -> None:
    response = client.post(PATH, json={"ratings": RATINGS})

    assert response.status_code == 200
    assert response.text == '{"movie_ids":[2571,7],"probabilities":[0.91,0.902]}'
    assert behind.recommendations.guests == [
        RecommendationRequest(ratings=[GuestRating(movie_id=318, rating=5.0), GuestRating(movie_id=296, rating=3.5)])
    ]


def test_a_guest_has_the_options_of_a_user(client: TestClient, behind: Fakes) -> None:
    options: dict[str, object] = {"n": 3, "exclude_seen": True, "explain": True, "min_probability": 0.5}
    filters: dict[str, object] = {"genre": ["Drama", "war"], "genre_match": "any", "year_from": 1990, "year_to": 1999}

    guest = client.post(PATH, json={"ratings": [], "expand": ["movies"], **options, **filters})
    user = client.get(
        f"{FOR_USER}?n=3&exclude_seen=true&explain=true&min_probability=0.5&expand=movies"
        "&genre=Drama&genre=war&genre_match=any&year_from=1990&year_to=1999"
    )

    assert (guest.status_code, user.status_code) == (200, 200)
    expected = RecommendationQuery(
        n=3,
        exclude_seen=True,
        explain=True,
        min_probability=0.5,
        expand=[Expansion.MOVIES],
        genre=["Drama", "war"],
        genre_match=GenreMatch.ANY,
        year_from=1990,
        year_to=1999,
    )
    assert behind.recommendations.queries == [expected, expected]


@for_each(
    ("change", "pointer"),
    [
        ({"ratings": [{"movie_id": 1, "rating": 4.2}]}, "#/body/ratings/0/rating"),
        ({"ratings": [{"movie_id": 0, "rating": 4.0}]}, "#/body/ratings/0/movie_id"),
        ({"ratings": [RATINGS[0], RATINGS[0]]}, "#/body/ratings"),
        ({"n": 101}, "#/body/n"),
        ({"n": "10"}, "#/body/n"),
        ({"genres": ["Drama"]}, "#/body/genres"),
        ({"genre_match": "some"}, "#/body/genre_match"),
        ({"year_from": 1999, "year_to": 1990}, "#/body/year_to"),
        ({"min_probability": 1.1}, "#/body/min_probability"),
        ({"exclude_seen": "yes"}, "#/body/exclude_seen"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(client: TestClient, change: dict[str, object], pointer: str) -> None:
    body = assert_problem(client.post(PATH, json={"ratings": RATINGS} | change), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [pointer]


@for_each(
    ("parameters", "pointer"),
    [
        ("genre_match=some", "#/query/genre_match"),
        ("year_from=2000&year_to=1999", "#/query/year_to"),
        ("min_probability=2", "#/query/min_probability"),
        ("min_probability=nan", "#/query/min_probability"),
    ],
)
def test_a_wrong_filter_is_refused_with_its_name(client: TestClient, parameters: str, pointer: str) -> None:
    body = assert_problem(client.get(f"{FOR_USER}?{parameters}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_a_guest_takes_no_write_slot() -> None:
    routes = [*router.routes, *user_router.routes]

    takes_slot = {route.name: TAKES_WRITE_SLOT in route.dependencies for route in routes if isinstance(route, APIRoute)}

    assert not takes_slot["recommend_to_guest"]
    assert takes_slot["create_user"]
