import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from server.errors import InvalidField
from server.models import Genre as GenreRow
from server.schemas.base import Paging
from server.schemas.movies import GenreCount, GenrePage
from server.services.genres import GenreService, find_genres
from tests.support.tables import for_each


@pytest.mark.usefixtures("catalogue")
def test_genres_come_by_name_with_their_number_of_movies(session: Session) -> None:
    session.execute(insert(GenreRow).values(genre_name="Western"))

    pages = [GenreService(session).list_genres(Paging(limit=6, page=page)) for page in (1, 2, 3)]

    assert pages[0] == GenrePage(
        genres=[
            GenreCount(genre_id=4, genre_name="Action", total_movies=3),
            GenreCount(genre_id=1, genre_name="Adventure", total_movies=2),
            GenreCount(genre_id=2, genre_name="Animation", total_movies=2),
            GenreCount(genre_id=3, genre_name="Comedy", total_movies=3),
            GenreCount(genre_id=8, genre_name="Crime", total_movies=2),
            GenreCount(genre_id=9, genre_name="Drama", total_movies=3),
        ],
        total=12,
        page=1,
        limit=6,
    )
    assert [(genre.genre_name, genre.total_movies) for genre in pages[1].genres] == [
        ("Horror", 2),
        ("Mystery", 1),
        ("Romance", 1),
        ("Sci-Fi", 3),
        ("Thriller", 4),
        ("Western", 0),
    ]
    assert pages[2] == GenrePage(genres=[], total=12, page=3, limit=6)


GENRES = [(3, "Crime"), (7, "Drama"), (5, "Sci-Fi")]


def test_a_genre_is_found_by_its_name_in_any_case_and_by_its_id() -> None:
    assert find_genres(["cRIME", "Sci-Fi", "5"], GENRES) == [GENRES[0], GENRES[2], GENRES[2]]


@for_each(
    ("name", "message"),
    [
        ("scifi", "Unknown genre 'scifi'. Did you mean 'Sci-Fi'?"),
        ("Crme", "Unknown genre 'Crme'. Did you mean 'Crime'?"),
        ("%", "Unknown genre '%'. GET /genres lists all genres."),
        ("999", "Unknown genre '999'. GET /genres lists all genres."),
        ("(no genres listed)", "Unknown genre '(no genres listed)'. GET /genres lists all genres."),
        ("", "Unknown genre ''. GET /genres lists all genres."),
    ],
)
def test_an_unknown_genre_is_an_error_that_names_the_nearest_one(name: str, message: str) -> None:
    with pytest.raises(InvalidField) as raised:
        find_genres(["Drama", name], GENRES)

    assert (str(raised.value), raised.value.pointer) == (message, "#/query/genre")
