"""The import of ratings that a user exported from another site: matches rows to movies and saves all or none."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from server.errors import UserNotFound
from server.models import AlternativeTitle, Movie, MovieStatistics, Rating
from server.schemas.ratings_import import ExportedRating, ImportReport, SkippedRow
from server.search.folding import fold
from server.services.base import BaseDataManager, BaseService
from server.services.ratings import RatingDataManager
from server.services.user import UserDataManager

YEARS_OFF = 1
"""Sites disagree on the year of a movie by at most this much."""

IDS_PER_QUERY = 500

NO_TITLE = "The row has no title."
NO_MOVIE = "No movie has this title and year."
SEVERAL_MOVIES = "Several movies have this title and year."

ARTICLE_IN_FRONT = re.compile(r"(?:the|an?)\s+(?=\S)")
ARTICLE_BEHIND = re.compile(r"(.+),\s*(?:the|an?)")


class Match(NamedTuple):
    """A row and the movie it belongs to."""

    row: ExportedRating
    movie_id: int


class StoredRating(NamedTuple):
    """A rating as the user has it now."""

    rating_id: int
    stars: float
    rated_at: datetime


class RatingsImportService(BaseService):
    """The rules of an import."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.users = UserDataManager(session)
        self.matcher = Matcher(TitleDataManager(session))
        self.writer = ImportDataManager(session)

    def import_ratings(self, user_id: int, source: str, rows: Sequence[ExportedRating]) -> ImportReport:
        """Save the ratings of all rows that belong to a movie, and return what became of every row.

        The newer of two ratings of a movie counts, in the file and in the database. A row without a time counts
        as new, unless its value is stored already. Raises `UserNotFound`.
        """
        if not self.users.exists(user_id):
            raise UserNotFound(user_id)
        matches: list[Match] = []
        skipped: dict[str, list[SkippedRow]] = defaultdict(list)
        for row in rows:
            found = self.matcher.find(row)
            if isinstance(found, str):
                skipped[found].append(SkippedRow(line=row.line, title=row.title, reason=found))
            else:
                matches.append(Match(row, found))
        counts = self._save(user_id, matches)
        ambiguous = skipped.pop(SEVERAL_MOVIES, [])
        unmatched = sorted((row for group in skipped.values() for row in group), key=lambda row: row.line)
        return ImportReport(
            source=source,
            rows=len(rows),
            matched=len(matches),
            added=counts["added"],
            updated=counts["updated"],
            unchanged=len(matches) - counts["added"] - counts["updated"],
            unmatched=unmatched,
            ambiguous=ambiguous,
        )

    def _save(self, user_id: int, matches: Iterable[Match]) -> Counter[str]:
        now = datetime.now(UTC)
        newest: dict[int, ExportedRating] = {}
        for row, movie_id in matches:
            other = newest.get(movie_id)
            if other is None or (row.rated_at or now) >= (other.rated_at or now):
                newest[movie_id] = row
        self.writer.lock_movies(sorted(newest))
        stored = self.writer.list_stored(user_id)
        counts: Counter[str] = Counter()
        for movie_id, row in sorted(newest.items()):
            stars, rated_at = row.stars or 0.0, row.rated_at or now
            before = stored.get(movie_id)
            if before is None:
                self.writer.add(user_id, movie_id, stars, rated_at)
                counts["added"] += 1
            elif before.stars != stars and before.rated_at <= rated_at:
                self.writer.replace(before, movie_id, stars, rated_at)
                counts["updated"] += 1
        return counts


class Matcher:
    """Finds the movie of a row: by its IMDb id, else by its MovieLens id if it has no title, else by title and year."""

    def __init__(self, titles: "TitleDataManager") -> None:
        self._titles = titles

    def find(self, row: ExportedRating) -> int | str:
        """Return the id of the movie, or why none is found."""
        if row.problem is not None:
            return row.problem
        by_imdb_id = self._by_imdb_id.get(row.imdb_id or "")
        if by_imdb_id is not None:
            return by_imdb_id
        if not row.title:
            return row.movie_id if row.movie_id in self._ids else (NO_MOVIE if row.movie_id else NO_TITLE)
        return self._find_by_title(row)

    def _find_by_title(self, row: ExportedRating) -> int | str:
        candidates = self._by_key.get(title_key(row.title or ""), [])
        for years_off in range(YEARS_OFF + 1):
            fitting = {movie_id for movie_id, year in candidates if _differs(year, row.year) <= years_off}
            if len(fitting) > 1:
                return SEVERAL_MOVIES
            if fitting:
                return fitting.pop()
        return NO_MOVIE

    @cached_property
    def _ids(self) -> set[int]:
        return self._titles.list_ids()

    @cached_property
    def _by_imdb_id(self) -> dict[str, int]:
        return self._titles.list_imdb_ids()

    @cached_property
    def _by_key(self) -> dict[str, list[tuple[int, int | None]]]:
        by_key: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
        for movie_id, title, year in self._titles.list_titles():
            by_key[title_key(title)].append((movie_id, year))
        return by_key


def _differs(year: int | None, wanted: int | None) -> int:
    """Return the distance of two years; a row without a year fits every movie."""
    if wanted is None:
        return 0
    return YEARS_OFF + 1 if year is None else abs(year - wanted)


def title_key(title: str) -> str:
    """Return the letters and digits of a title, without its article: "Matrix, The" and "The Matrix" are "matrix"."""
    folded = fold(title).replace("&", " and ")
    behind = ARTICLE_BEHIND.fullmatch(folded)
    name = behind[1] if behind else ARTICLE_IN_FRONT.sub("", folded, count=1)
    return "".join(character for character in name if character.isalnum()) or folded


class TitleDataManager(BaseDataManager):
    """SQL of the ids and titles that identify movies."""

    def list_ids(self) -> set[int]:
        """Return the ids of all movies."""
        return set(self.session.scalars(select(Movie.movie_id)))

    def list_imdb_ids(self) -> dict[str, int]:
        """Return the movies that have an IMDb id, by it."""
        rows = self.session.execute(select(Movie.imdb_id, Movie.movie_id).where(Movie.imdb_id.is_not(None)))
        return {imdb_id: movie_id for imdb_id, movie_id in rows if imdb_id is not None}

    def list_titles(self) -> Iterator[tuple[int, str, int | None]]:
        """Yield every title and alternative title, with the movie's id and year."""
        for movie_id, title, year in self.session.execute(select(Movie.movie_id, Movie.title, Movie.year)):
            yield movie_id, title, year
        alternatives = select(Movie.movie_id, AlternativeTitle.title, Movie.year).join_from(AlternativeTitle, Movie)
        for movie_id, title, year in self.session.execute(alternatives):
            yield movie_id, title, year


class ImportDataManager(BaseDataManager):
    """SQL that saves many ratings of one user."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.ratings = RatingDataManager(session)

    def lock_movies(self, movie_ids: Sequence[int]) -> None:
        """Make other transactions that change ratings of these movies wait; in ascending order, against deadlocks."""
        for first in range(0, len(movie_ids), IDS_PER_QUERY):
            some = MovieStatistics.movie_id.in_(movie_ids[first : first + IDS_PER_QUERY])
            lock = select(MovieStatistics.movie_id).where(some).order_by(MovieStatistics.movie_id).with_for_update()
            self.session.execute(lock).all()

    def list_stored(self, user_id: int) -> dict[int, StoredRating]:
        """Return all ratings of a user, by movie."""
        columns = (Rating.movie_id, Rating.rating_id, Rating.rating, Rating.rated_at)
        rows = self.session.execute(select(*columns).where(Rating.user_id == user_id))
        return {movie_id: StoredRating(rating_id, stars, time) for movie_id, rating_id, stars, time in rows}

    def add(self, user_id: int, movie_id: int, stars: float, rated_at: datetime) -> None:
        """Insert a rating."""
        values = {"user_id": user_id, "movie_id": movie_id, "rating": stars, "rated_at": rated_at}
        self.session.execute(insert(Rating).values(values))
        self.ratings.update_statistics(movie_id, added=stars)

    def replace(self, before: StoredRating, movie_id: int, stars: float, rated_at: datetime) -> None:
        """Replace a rating's value and time."""
        values = {"rating": stars, "rated_at": rated_at}
        self.session.execute(update(Rating).where(Rating.rating_id == before.rating_id).values(values))
        self.ratings.update_statistics(movie_id, removed=before.stars, added=stars)
