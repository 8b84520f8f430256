"""Genres."""

import difflib
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.errors import InvalidField
from server.models import Genre, MovieGenre
from server.schemas import movies as schemas
from server.schemas.base import Paging
from server.services.base import BaseDataManager, BaseService

GENRE_SIMILARITY = 0.6


class GenreService(BaseService):
    """Rules of the genres."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.genres = GenreDataManager(session)

    def list_genres(self, paging: Paging) -> schemas.GenrePage:
        """Return a page of the genres by name, each with its number of movies."""
        return schemas.GenrePage(
            genres=self.genres.list_counted(paging),
            total=self.genres.count(),
            page=paging.page,
            limit=paging.limit,
        )


class GenreDataManager(BaseDataManager):
    """SQL of the genres."""

    def count(self) -> int:
        """Count the genres."""
        return self.session.scalar(select(func.count()).select_from(Genre)) or 0

    def list_counted(self, paging: Paging) -> list[schemas.GenreCount]:
        """Return a page of genres by name, each with its number of movies."""
        counted = (
            select(Genre.genre_id, Genre.genre_name, func.count(MovieGenre.movie_id))
            .outerjoin(MovieGenre)
            .group_by(Genre.genre_id, Genre.genre_name)
            .order_by(Genre.genre_name, Genre.genre_id)
        )
        rows = self.session.execute(counted.limit(paging.limit).offset(paging.offset))
        return [
            schemas.GenreCount(genre_id=genre_id, genre_name=name, total_movies=movies)
            for genre_id, name, movies in rows
        ]

    def find_all(self, wanted: Sequence[str], *, pointer: str = "#/query/genre") -> list[tuple[int, str]]:
        """Return ids and names of genres, each by its name in any case or by its id. Raises `InvalidField`."""
        if not wanted:
            return []
        genres = self.session.execute(select(Genre.genre_id, Genre.genre_name)).all()
        return find_genres(wanted, [(genre_id, name) for genre_id, name in genres], pointer=pointer)


def find_genres(
    wanted: Sequence[str], genres: Sequence[tuple[int, str]], *, pointer: str = "#/query/genre"
) -> list[tuple[int, str]]:
    """Return ids and names of genres, each by its name in any case or by its id. Raises `InvalidField`."""
    # Compared here, because databases disagree on letter case beyond ASCII.
    known = {str(genre_id): (genre_id, name) for genre_id, name in genres}
    known |= {name.casefold(): (genre_id, name) for genre_id, name in genres}
    for text in wanted:
        if text.casefold() not in known:
            raise InvalidField(pointer, _unknown_genre(text, [name for _, name in genres]))
    return [known[text.casefold()] for text in wanted]


def _unknown_genre(text: str, names: Sequence[str]) -> str:
    by_key = {name.casefold(): name for name in names}
    similar = difflib.get_close_matches(text.casefold(), by_key, n=1, cutoff=GENRE_SIMILARITY)
    hint = f"Did you mean {by_key[similar[0]]!r}?" if similar else "GET /genres lists all genres."
    return f"Unknown genre {text!r}. {hint}"
