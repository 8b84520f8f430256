"""Movies as responses show them: the hot reads of the catalogue, and their cache in a serving process."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from server.backend.reader import Reader
from server.models import MovieStatistics
from server.schemas import movies as schemas
from server.services.live.caching import VersionedCache

MAX_DESCRIPTIONS = 10_000
"""Remember at most this many movies: a few megabytes."""

TAGGED = "SELECT movie_id FROM movie_tags JOIN tags USING (tag_id) WHERE tag_key = :tag_key"

USER_RATINGS = """
SELECT movie_id, rating FROM users LEFT JOIN ratings ON ratings.user_id = users.user_id AND movie_id {in_ids}
WHERE users.user_id = :user_id
"""

AVERAGE_RATING = """
SELECT title, rating_count, rating_sum / nullif(rating_count, 0)
FROM movies JOIN movie_statistics USING (movie_id) WHERE movie_id = :movie_id
"""

HISTOGRAM = f"""
SELECT {", ".join(column.key for column in MovieStatistics.histogram())}
FROM movie_statistics WHERE movie_id = :movie_id
"""  # noqa: S608 (constant names)

# The fields that any request may change; the other fields of a movie are cached.
STATISTICS = """
SELECT movie_id, rating_count, rating_sum / nullif(rating_count, 0), (SELECT max(ingestion_id) FROM ingestions)
FROM movie_statistics WHERE movie_id {in_ids}
"""
# One statement, because a round trip costs more than reading the rows.
DESCRIPTIONS = """
SELECT movie_id, 'movie' AS part, title, year FROM movies WHERE movie_id {in_ids}
UNION ALL
SELECT movie_id, 'links', imdb_id, tmdb_id FROM movies WHERE movie_id {in_ids}
UNION ALL
SELECT movie_id, 'genre', genre_name, genre_id FROM movie_genres JOIN genres USING (genre_id) WHERE movie_id {in_ids}
UNION ALL
SELECT movie_id, 'title', title, position FROM alternative_titles WHERE movie_id {in_ids}
"""


class Description(NamedTuple):
    """A movie without its ratings."""

    title: str
    alternative_titles: list[str]
    year: int | None
    genres: list[schemas.Genre]
    imdb_id: str | None
    tmdb_id: int | None


class MovieCards:
    """Reads movies by their ids. Threads may share it.

    Only a movie's ratings change between two ingestions, so its description is kept under the version of the catalogue.
    The cache moves the benchmark row "list of ten"; `--without cards` reads every description again.
    """

    def __init__(self, reader: Reader, *, max_descriptions: int = MAX_DESCRIPTIONS) -> None:
        self._reader = reader
        self._described: VersionedCache[int, Description] = VersionedCache(max_descriptions)

    @property
    def is_in_process(self) -> bool:
        """Whether a read is a function call, not a round trip to a server."""
        return self._reader.is_in_process

    def list_by_ids(self, movie_ids: Sequence[int]) -> list[schemas.Movie]:
        """Return the movies with these ids, in this order; unknown ids are left out."""
        if not movie_ids:
            return []
        rows = self._reader.read_by_ids(STATISTICS, movie_ids)
        # The version is read first: a description that is kept under it is at least as new.
        version = rows[0][-1] or 0 if rows else 0
        cache = self._described.for_version(version)
        described = cache.get_all((movie_id for movie_id, *_ in rows), self._read_descriptions)
        found = {
            movie_id: _movie(movie_id, described[movie_id], mean, count)
            for movie_id, count, mean, _ in rows
            if movie_id in described
        }
        return [found[movie_id] for movie_id in movie_ids if movie_id in found]

    def find_average_rating(self, movie_id: int) -> schemas.AverageRating | None:
        """Return a movie's mean and count, from the one row that keeps them, or None for an unknown movie."""
        for title, count, mean in self._reader.read(AVERAGE_RATING, {"movie_id": movie_id}):
            return schemas.AverageRating(movie_id=movie_id, title=title, avg_rating=mean, total_ratings=count)
        return None

    def find_histogram(self, movie_id: int) -> schemas.RatingHistogram | None:
        """Return the number of a movie's ratings by half stars, or None for an unknown movie."""
        for counts in self._reader.read(HISTOGRAM, {"movie_id": movie_id}):
            bars = [schemas.RatingCount(rating=step / 2, count=count) for step, count in enumerate(counts, start=1)]
            return schemas.RatingHistogram(movie_id=movie_id, total_ratings=sum(counts), histogram=bars)
        return None

    def list_tagged(self, tag_key: str) -> list[int]:
        """Return the ids of the movies with a tag, by its folded name."""
        return [movie_id for (movie_id,) in self._reader.read(TAGGED, {"tag_key": tag_key})]

    def find_user_ratings(self, user_id: int, movie_ids: Sequence[int]) -> dict[int, float] | None:
        """Return a user's ratings of some movies, or None for an unknown user."""
        rows = self._reader.read_by_ids(USER_RATINGS, movie_ids, user_id=user_id)
        # The row of the user itself has no movie.
        return {movie_id: stars for movie_id, stars in rows if movie_id is not None} if rows else None

    def _read_descriptions(self, movie_ids: Sequence[int]) -> dict[int, Description]:
        movies: dict[int, tuple[str, int | None]] = {}
        links: dict[int, tuple[str | None, int | None]] = {}
        genres: dict[int, list[schemas.Genre]] = defaultdict(list)
        titles: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for movie_id, part, name, number in self._reader.read_by_ids(DESCRIPTIONS, movie_ids):
            if part == "movie":
                movies[movie_id] = name, number
            elif part == "links":
                links[movie_id] = name, number
            elif part == "genre":
                genres[movie_id].append(schemas.Genre(genre_id=number, genre_name=name))
            else:
                titles[movie_id].append((number, name))
        return {
            movie_id: Description(
                title=title,
                alternative_titles=[name for _, name in sorted(titles[movie_id])],
                year=year,
                genres=sorted(genres[movie_id], key=lambda genre: genre.genre_name),
                imdb_id=links[movie_id][0],
                tmdb_id=links[movie_id][1],
            )
            for movie_id, (title, year) in movies.items()
        }


def _movie(movie_id: int, description: Description, mean: float | None, count: int) -> schemas.Movie:
    return schemas.Movie(movie_id=movie_id, **description._asdict(), avg_rating=mean, total_ratings=count)
