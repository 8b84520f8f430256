"""Movies: the listing with its search, filters and orders, one movie, its average rating."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    TextClause,
    exists,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import aliased

from server.backend.database import Row, TransactionSession
from server.errors import MovieNotFound
from server.models import Genre, Ingestion, Movie, MovieGenre, MovieStatistics
from server.schemas import movies as schemas
from server.schemas.movies import MovieQuery, MovieSort
from server.search.highlights import Span
from server.search.index import Hits
from server.services.base import BaseDataManager, BaseService
from server.services.live.caching import VersionedCache
from server.services.live.catalogue import MAX_CACHED_DESCRIPTIONS, Description, LiveCatalogue
from server.services.live.model import LiveModel

rating_count = MovieStatistics.rating_count.expression
rating_mean = MovieStatistics.rating_sum / func.nullif(MovieStatistics.rating_count, 0)

# As text, where putting a statement together takes SQLAlchemy longer than it takes the database to answer it.
AVERAGE_RATING = text("""
SELECT title, rating_count, rating_sum / nullif(rating_count, 0)
FROM movies JOIN movie_statistics USING (movie_id) WHERE movie_id = :movie_id
""")

# What a page says of its movies besides is remembered; this is what may change with every request. The ids are one
# parameter: the statement is the same for any number of them, and prepared once.
STATISTICS = """
SELECT movie_id, rating_count, rating_sum / nullif(rating_count, 0), (SELECT max(ingestion_id) FROM ingestions)
FROM movie_statistics WHERE movie_id {is_wanted}
"""
# All in one statement: a journey to the database costs more than what it finds there.
DESCRIPTIONS = """
SELECT movie_id, 'movie' AS part, title, year FROM movies WHERE movie_id {is_wanted}
UNION ALL
SELECT movie_id, 'links', imdb_id, tmdb_id FROM movies WHERE movie_id {is_wanted}
UNION ALL
SELECT movie_id, 'genre', genre_name, genre_id FROM movie_genres JOIN genres USING (genre_id) WHERE movie_id {is_wanted}
UNION ALL
SELECT movie_id, 'title', title, position FROM alternative_titles WHERE movie_id {is_wanted}
"""


def _by_dialect(statement: str) -> dict[str, TextClause]:
    return {
        "sqlite": text(statement.format(is_wanted="IN (SELECT value FROM json_each(:movie_ids))")),
        "postgresql": text(statement.format(is_wanted="= ANY(:movie_ids)")),
    }


STATISTICS_OF, DESCRIPTIONS_OF = _by_dialect(STATISTICS), _by_dialect(DESCRIPTIONS)


class SortKey(NamedTuple):
    """An SQL expression to order by."""

    expression: ColumnElement[Any]
    largest_first: bool = False
    may_be_null: bool = False
    """Then what is null comes last, in either direction."""


SORT_KEYS: dict[str, tuple[SortKey, ...]] = {
    "popularity": (SortKey(rating_count, largest_first=True),),
    "rating": (SortKey(rating_mean, largest_first=True, may_be_null=True), SortKey(rating_count, largest_first=True)),
    "year": (SortKey(Movie.year.expression, may_be_null=True),),
    "title": (SortKey(Movie.sort_title.expression),),
    "id": (),
}
SORTS_BY_STATISTICS = {"popularity", "rating"}


class MovieService(BaseService):
    """Rules of the catalogue."""

    def __init__(self, session: TransactionSession, catalogue: LiveCatalogue) -> None:
        super().__init__(session)
        self.movies = MovieDataManager(session, catalogue.descriptions)
        # The one of this moment: another may take its place while this request is on its way.
        self.index = catalogue.index
        self.totals = catalogue.totals

    def list_movies(self, query: MovieQuery) -> schemas.MoviePage:
        """Give a page of the movies that fit, with the number of all that do."""
        hits = self.index.search(query.words) if query.words else None
        if query.is_in_order:
            in_order = self.index.movie_ids if hits is None else hits.movie_ids
            movie_ids: list[int] = in_order[query.offset : query.offset + query.limit].tolist()
            total = in_order.size
        else:
            movie_ids, version = self.movies.list_ids(query, hits)
            total = self._count(query, hits, version)
        found = self.movies.list_by_ids(movie_ids)
        return schemas.MoviePage(
            movies=self._highlighted(found, hits) if query.highlight else found,
            total=total,
            page=query.page,
            limit=query.limit,
            facets=self.movies.count_facets(query, hits) if query.facets else None,
            corrected_search=self.index.correct(query.words, hits) if query.words and hits is not None else None,
        )

    def _count(self, query: MovieQuery, hits: Hits | None, version: int | None) -> int:
        """Count all movies that fit, or remember: what only depends on the catalogue changes with its version alone."""
        if version is None or hits is not None or query.min_ratings is not None:
            return self.movies.count(query, hits)
        filters = query.model_dump_json(include={"genre", "year_from", "year_to"})
        totals = self.totals.for_version(version)
        return totals.get_all([filters], lambda _: {filters: self.movies.count(query, hits)})[filters]

    def get_movie(self, movie_id: int) -> schemas.Movie:
        """Give one movie. Raises `MovieNotFound`."""
        found = self.movies.list_by_ids([movie_id])
        if not found:
            raise MovieNotFound(movie_id)
        return found[0]

    def get_average_rating(self, movie_id: int) -> schemas.AverageRating:
        """Give the mean of a movie's ratings, from the one row that keeps it. Raises `MovieNotFound`."""
        average = self.movies.find_average_rating(movie_id)
        if average is None:
            raise MovieNotFound(movie_id)
        return average

    def _highlighted(self, movies: Sequence[schemas.Movie], hits: Hits | None) -> list[schemas.Movie]:
        """Say where the titles have the words that led to the hits; nowhere without a search."""
        highlighter = self.index.highlighter(hits or Hits.none())
        marked = (highlighter.mark([movie.title, *movie.alternative_titles]) for movie in movies)
        return [
            movie.model_copy(update={"highlights": _highlights(spans)})
            for movie, spans in zip(movies, marked, strict=True)
        ]


class SimilarMoviesService(BaseService):
    """Rules of what is similar to a movie."""

    def __init__(self, session: TransactionSession, live_model: LiveModel) -> None:
        super().__init__(session)
        self.movies = MovieDataManager(session)
        self.live_model = live_model

    def list_similar_movies(self, movie_id: int, query: schemas.BestMoviesQuery) -> schemas.SimilarMovies:
        """Give the movies liked by the same people; none where the live model cannot compare the movie.

        Raises `MovieNotFound`; `NoActiveModel` before the first training.
        """
        if not self.movies.exists(movie_id):
            raise MovieNotFound(movie_id)
        found = self.live_model.get().similar(movie_id, query.n)
        movie_ids = found.movie_ids.tolist()
        return schemas.SimilarMovies(
            movie_ids=movie_ids,
            similarities=found.similarities.tolist(),
            movies=self.movies.list_by_ids(movie_ids) if query.expands_movies else None,
        )


class MovieDataManager(BaseDataManager):
    """SQL of the catalogue. Reads select columns, not entities: this is the hot path."""

    def __init__(
        self, session: TransactionSession, descriptions: VersionedCache[int, Description] | None = None
    ) -> None:
        super().__init__(session)
        self.descriptions = descriptions or VersionedCache(MAX_CACHED_DESCRIPTIONS)

    def list_ids(self, query: MovieQuery, hits: Hits | None) -> tuple[list[int], int | None]:
        """Give the ids on a page of the movies that pass the filters, among `hits` where given.

        With them comes the catalogue's version, unless the page is empty.
        """
        statement, rank = self._select_fitting(
            query, hits, with_statistics=query.order.lstrip("-") in SORTS_BY_STATISTICS
        )
        version = select(func.max(Ingestion.ingestion_id)).scalar_subquery()
        ordered = statement.add_columns(version).order_by(*_order(query.order, rank))
        rows = self.session.execute(ordered.limit(query.limit).offset(query.offset)).all()
        return [movie_id for movie_id, _ in rows], rows[0][1] if rows else None

    def count(self, query: MovieQuery, hits: Hits | None) -> int:
        """Count the movies that pass the filters, among `hits` where given."""
        statement, _ = self._select_fitting(query, hits)
        return self.session.scalar(statement.with_only_columns(func.count(), maintain_column_froms=True)) or 0

    def count_facets(self, query: MovieQuery, hits: Hits | None) -> schemas.Facets:
        """Count genres and decades of the movies that pass the filters, among `hits` where given."""
        fitting, _ = self._select_fitting(query, hits)
        # Under a name of its own: a filter by genre looks into the same table.
        of_genre = aliased(MovieGenre)
        genre = (Genre.genre_id, Genre.genre_name)
        genres = (
            fitting
            .join(of_genre, of_genre.movie_id == Movie.movie_id)
            .join(Genre, Genre.genre_id == of_genre.genre_id)
            .with_only_columns(*genre, func.count(), maintain_column_froms=True)
            .group_by(*genre)
            .order_by(func.count().desc(), Genre.genre_name)
        )
        decade = Movie.year // 10 * 10
        decades = (
            fitting
            .where(Movie.year.is_not(None))
            .with_only_columns(decade, func.count(), maintain_column_froms=True)
            .group_by(decade)
            .order_by(decade)
        )
        return schemas.Facets(
            genres=[
                schemas.GenreCount(genre_id=genre_id, genre_name=name, total_movies=movies)
                for genre_id, name, movies in self.session.execute(genres)
            ],
            decades=[
                schemas.DecadeCount(decade=first, total_movies=movies)
                for first, movies in self.session.execute(decades)
            ],
        )

    def list_by_ids(self, movie_ids: Sequence[int]) -> list[schemas.Movie]:
        """Give the movies with these ids, in this order; ids that are unknown are left out."""
        statistics = self._read_rows(STATISTICS_OF, movie_ids) if movie_ids else []
        if not statistics:
            return []
        # The version comes from the same statement as the statistics, so the cached descriptions belong to it.
        cache = self.descriptions.for_version(statistics[0][-1] or 0)
        known = cache.get_all((movie_id for movie_id, *_ in statistics), self._describe)
        found = {movie_id: _movie(movie_id, known[movie_id], mean, count) for movie_id, count, mean, _ in statistics}
        return [found[movie_id] for movie_id in movie_ids if movie_id in found]

    def _describe(self, movie_ids: Sequence[int]) -> dict[int, Description]:
        """Read all that is said of movies but for their ratings."""
        movies: dict[int, tuple[str, int | None]] = {}
        links: dict[int, tuple[str | None, int | None]] = {}
        genres: dict[int, list[schemas.Genre]] = defaultdict(list)
        titles: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for movie_id, part, name, number in self._read_rows(DESCRIPTIONS_OF, movie_ids):
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

    def _read_rows(self, statements: Mapping[str, TextClause], movie_ids: Sequence[int]) -> list[Row]:
        wanted = json.dumps(list(movie_ids)) if self.session.is_in_process else list(movie_ids)
        return self.session.read_rows(statements[self.dialect], {"movie_ids": wanted})

    def exists(self, movie_id: int) -> bool:
        """Say whether there is such a movie."""
        return self.session.scalar(select(Movie.movie_id).where(Movie.movie_id == movie_id)) is not None

    def list_titles(self, movie_ids: Collection[int]) -> dict[int, str]:
        """Give the titles of the movies with these ids; ids that are unknown are left out."""
        rows = self.session.execute(select(Movie.movie_id, Movie.title).where(Movie.movie_id.in_(movie_ids)))
        return dict(rows.all())

    def find_average_rating(self, movie_id: int) -> schemas.AverageRating | None:
        """Give a movie's mean and count, or None where there is no such movie."""
        rows = self.session.read_rows(AVERAGE_RATING, {"movie_id": movie_id})
        if not rows:
            return None
        ((title, count, mean),) = rows
        return schemas.AverageRating(movie_id=movie_id, title=title, avg_rating=mean, total_ratings=count)

    def list_unknown_to(self, known: Iterable[int], limit: int) -> list[int]:
        """Give up to `limit` movie ids that are not among `known`: those with the most ratings, then the lowest."""
        table = self._as_table(list(known))
        return list(
            self.session.scalars(
                select(MovieStatistics.movie_id)
                .where(~exists().where(table.c.movie_id == MovieStatistics.movie_id))
                .order_by(rating_count.desc(), MovieStatistics.movie_id)
                .limit(limit)
            )
        )

    def _select_fitting(
        self, query: MovieQuery, hits: Hits | None, *, with_statistics: bool = False
    ) -> tuple[Select[int], ColumnElement[Any]]:
        """Select the ids of the movies that pass the filters, among `hits` where given; also give their rank."""
        statement = select(Movie.movie_id)
        # Only where it is asked for: a join doubles the cost of counting a whole catalogue.
        if with_statistics or query.min_ratings is not None:
            statement = statement.join(MovieStatistics)
        rank: ColumnElement[Any] = Movie.movie_id.expression
        if hits is not None:
            ranked = self._as_table(hits.movie_ids.tolist())
            statement = statement.join(ranked, ranked.c.movie_id == Movie.movie_id)
            rank = ranked.c.rank
        return statement.where(*self._conditions(query)), rank

    def _conditions(self, query: MovieQuery) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [
            exists().where(MovieGenre.movie_id == Movie.movie_id, MovieGenre.genre_id == genre_id)
            if genre_id
            else literal(False)  # noqa: FBT003 (SQL's FALSE, not a flag)
            for genre_id in self._genre_ids(query.genre)
        ]
        if query.year_from is not None:
            conditions.append(Movie.year >= query.year_from)
        if query.year_to is not None:
            conditions.append(Movie.year <= query.year_to)
        if query.min_ratings is not None:
            conditions.append(rating_count >= query.min_ratings)
        return conditions

    def _genre_ids(self, names: Sequence[str]) -> list[int | None]:
        """Look genres up by name in any case; None for a name that is no genre's."""
        if not names:
            return []
        # Compared here, not in SQL, for databases do not agree on letter case beyond ASCII.
        known = {
            name.casefold(): genre_id
            for genre_id, name in self.session.execute(select(Genre.genre_id, Genre.genre_name))
        }
        return [known.get(name.casefold()) for name in names]

    def _as_table(self, movie_ids: list[int]) -> FromClause:
        """Hand a list of ids over as one parameter, whatever its length, to be joined as `movie_id` and `rank`."""
        if self.dialect == "postgresql":
            unnested = func.unnest(literal(movie_ids, ARRAY(BigInteger))).table_valued(
                "movie_id", with_ordinality="rank"
            )
            return unnested.render_derived()
        each = func.json_each(json.dumps(movie_ids)).table_valued("value", "key")
        return select(each.c.value.label("movie_id"), each.c.key.label("rank")).subquery()


def _movie(movie_id: int, description: Description, mean: float | None, count: int) -> schemas.Movie:
    return schemas.Movie(movie_id=movie_id, **description._asdict(), avg_rating=mean, total_ratings=count)


def _highlights(spans: Sequence[Sequence[Span]]) -> schemas.Highlights:
    title, *others = [[schemas.TextRange(start=start, end=end) for start, end in title] for title in spans]
    return schemas.Highlights(title=title, alternative_titles=others)


def _order(sort: MovieSort, rank: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Turn an order into SQL keys; the last is the id, so that no two movies are equal."""
    name, is_reversed = sort.lstrip("-"), sort.startswith("-")
    order: list[ColumnElement[Any]] = []
    for key in SORT_KEYS.get(name, (SortKey(rank),)):
        if key.may_be_null:
            # "NULLS LAST" without the words, which the two databases take differently.
            order.append(key.expression.is_(None))
        order.append(key.expression.desc() if key.largest_first != is_reversed else key.expression.asc())
    by_id = Movie.movie_id.expression
    return [*order, by_id.desc() if sort is MovieSort.ID_REVERSED else by_id.asc()]
