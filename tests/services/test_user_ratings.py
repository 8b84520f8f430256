"""The list of a user's ratings."""

import pytest
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.errors import UserNotFound
from server.schemas.movies import Expansion
from server.schemas.ratings import RatingCreate, RatingSort, UserRatingsQuery
from server.services.live.cards import MovieCards
from server.services.ratings import RatingService, UserRatingsService
from server.services.user import UserDataManager
from tests.support.tables import for_each, for_each_in

UNKNOWN = 999
THE_POSTMAN = 12


@pytest.fixture
def services(
    catalogues: dict[str, Database], sessions: dict[str, Session]
) -> dict[str, tuple[UserRatingsService, Session]]:
    """Return the service of the users of the twelve films on each kind of database."""
    return {
        kind: (UserRatingsService(sessions[kind], MovieCards(database.reader)), sessions[kind])
        for kind, database in catalogues.items()
    }


on_each_database = for_each_in("services", "ratings, session")
on_each_catalogue = for_each_in("catalogues", "database")


@on_each_database
def test_ratings_come_newest_first_in_pages(ratings: UserRatingsService, session: Session) -> None:
    RatingService(session).save_rating(RatingCreate(user_id=1, movie_id=THE_POSTMAN, rating=2.0))

    pages = [ratings.list_user_ratings(1, UserRatingsQuery(limit=4, page=page)) for page in (1, 2, 3)]

    # Alien and Aliens were rated in the same second: the later entry comes first.
    assert [[rating.movie_id for rating in page.ratings] for page in pages] == [[12, 2, 5, 4], [3, 1], []]
    assert {(page.total, page.limit) for page in pages} == {(6, 4)}


@on_each_database
@for_each(
    ("sort", "movie_ids"),
    [
        (RatingSort.NEWEST, [2, 5, 4, 3, 1]),
        (RatingSort.OLDEST, [1, 3, 4, 5, 2]),
        (RatingSort.HIGHEST, [5, 2, 4, 3, 1]),
        (RatingSort.LOWEST, [1, 3, 4, 2, 5]),
    ],
)
def test_ratings_are_sorted_by_time_or_stars(
    ratings: UserRatingsService, sort: RatingSort, movie_ids: list[int]
) -> None:
    page = ratings.list_user_ratings(1, UserRatingsQuery(sort=sort))

    assert [rating.movie_id for rating in page.ratings] == movie_ids


@on_each_database
def test_the_rating_of_one_movie_is_found(ratings: UserRatingsService) -> None:
    one = ratings.list_user_ratings(1, UserRatingsQuery(movie_id=2))
    none = ratings.list_user_ratings(1, UserRatingsQuery(movie_id=THE_POSTMAN))

    assert [(rating.movie_id, rating.rating) for rating in one.ratings] == [(2, 5.0)]
    assert (one.total, none.total, none.ratings) == (1, 0, [])


@on_each_catalogue
def test_movies_are_added_on_request(database: Database) -> None:
    with database.transaction(writes=False) as session:
        ratings = UserRatingsService(session, MovieCards(database.reader))
        plain = ratings.list_user_ratings(1, UserRatingsQuery(limit=1)).ratings[0]
        expanded = ratings.list_user_ratings(1, UserRatingsQuery(limit=1, expand=[Expansion.MOVIES])).ratings[0]

    assert plain.movie is None
    assert expanded.movie is not None
    assert (expanded.movie.movie_id, expanded.movie.title) == (2, "The Matrix")


@on_each_database
def test_a_user_without_ratings_has_an_empty_page(ratings: UserRatingsService, session: Session) -> None:
    page = ratings.list_user_ratings(UserDataManager(session).create(), UserRatingsQuery())

    assert (page.ratings, page.total) == ([], 0)


@on_each_database
def test_an_unknown_user_has_no_page(ratings: UserRatingsService) -> None:
    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        ratings.list_user_ratings(UNKNOWN, UserRatingsQuery())
