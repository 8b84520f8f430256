"""Parse the rows of a movies file and of a links file."""

import re
from typing import Final

from server.command_errors import SourceError
from server.etl.movielens.batches import SourceLink, SourceMovie
from server.etl.movielens.formats import Format
from server.etl.movielens.genres import parse_genres
from server.etl.movielens.records import RowError
from server.etl.movielens.rows import FirstRowOfMovie, parse_id
from server.etl.movielens.titles import parse_title

MAX_MOVIES: Final = 1_000_000
MAX_DIFFERENT_GENRES: Final = 1_000
LONGEST_TITLE: Final = 500
_IMDB_ID = re.compile(r"(?:.*\btt)?(\d{1,10})(?:\.0*|/.*)?", re.ASCII)


class MovieParser:
    """Parses rows to movies. Of rows with the same movie id, the first one counts."""

    def __init__(self, name: str, file_format: Format) -> None:
        self._name = name
        self._positions = file_format.positions
        self._flags = file_format.flags
        self._first_rows = FirstRowOfMovie()
        self._genres: set[str] = set()

    def __call__(self, line: int, fields: list[str]) -> tuple[int, SourceMovie]:
        """Return the movie of a row. Raises RowError, and SourceError for a file that is not about movies."""
        source_title, genres = fields[self._positions["title"]], self._genres_of(fields)
        if "\0" in source_title or "\0" in genres:
            raise RowError("the row contains a NUL character")
        if len(source_title) > LONGEST_TITLE:
            raise RowError(f"the title has more than {LONGEST_TITLE} characters")
        title = parse_title(source_title)
        if not title.title:
            raise RowError("the title is empty")
        movie = SourceMovie(
            parse_id(fields[self._positions["movieId"]], "movie id"), source_title, title, parse_genres(genres)
        )
        self._first_rows.check(line, movie.movie_id)
        self._check_limits(movie)
        return line, movie

    def _genres_of(self, fields: list[str]) -> str:
        first = self._positions["genres"]
        if not self._flags:
            return fields[first]
        return "|".join(name for name, flag in zip(self._flags, fields[first:], strict=False) if flag.strip() == "1")

    def _check_limits(self, movie: SourceMovie) -> None:
        self._genres.update(movie.genres)
        if len(self._genres) > MAX_DIFFERENT_GENRES:
            raise SourceError(
                f"{self._name} has more than {MAX_DIFFERENT_GENRES:,} genres. Check the column of genres."
            )
        if len(self._first_rows) > MAX_MOVIES:
            raise SourceError(f"{self._name} has more than {MAX_MOVIES:,} movies, the most that Matinee loads.")


class LinkParser:
    """Parses rows to links. Of rows with the same movie id, the first one counts."""

    def __init__(self, file_format: Format) -> None:
        self._positions = file_format.positions
        self._first_rows = FirstRowOfMovie()

    def __call__(self, line: int, fields: list[str]) -> tuple[int, SourceLink]:
        """Return the link of a row. Raises RowError."""
        position = self._positions.get("tmdbId")
        tmdb_id = fields[position].strip() if position is not None and position < len(fields) else ""
        link = SourceLink(
            parse_id(fields[self._positions["movieId"]], "movie id"),
            _parse_imdb_id(fields[self._positions["imdbId"]].strip()),
            parse_id(tmdb_id, "TMDB id") if tmdb_id else None,
        )
        self._first_rows.check(line, link.movie_id)
        return line, link


def _parse_imdb_id(text: str) -> str | None:
    """Return "tt0114709" for "0114709", "114709", "tt0114709" or the address of the page."""
    if not text:
        return None
    digits = _IMDB_ID.fullmatch(text)
    if digits is None:
        raise RowError(f'IMDb id "{text[:40]}" is not a number')
    return f"tt{int(digits[1]):07}"
