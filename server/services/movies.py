"""Movies: the listing with its search, filters and orders, one movie, its average rating."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session, aliased

from server.errors import MovieNotFound
from server.models import Genre, Ingestion, Movie, MovieGenre, MovieStatistics
from server.schemas import movies as schemas
from server.schemas.movies import MovieQuery, MovieSort
from server.search.highlights import Span
from server.search.index import Hits
from server.services.base import BaseDataManager, BaseService
from server.services.genres import GenreDataManager
from server.services.live.cards import MovieCards
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel

rating_count = MovieStatistics.rating_count.expression
rating_mean = MovieStatistics.rating_sum / func.nullif(MovieStatistics.rating_count, 0)


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


MAX_INLINE_WORDS = 8
"""A search of more words may take longer than the event loop should wait."""


class ListingPlan(NamedTuple):
    """How a list is made."""

    is_in_order: bool
    """The index has the ids in order: the catalogue as it is, or what a search found. Otherwise the database sorts."""
    is_quick: bool
    """It takes a millisecond or two, so that it may run on the event loop."""

    @classmethod
    def of(cls, query: MovieQuery) -> "ListingPlan":
        """Plan a list."""
        has_filters = bool(query.genre) or not (query.year_from is query.year_to is query.min_ratings is None)
        in_order = MovieSort.RELEVANCE if query.words else MovieSort.ID
        is_in_order = query.order is in_order and not has_filters
        is_short = len((query.words or "").split()) <= MAX_INLINE_WORDS
        return cls(is_in_order=is_in_order, is_quick=is_in_order and is_short and not query.facets)


class MovieService(BaseService):
    """Rules of the catalogue."""

    def __init__(self, session: Session, catalogue: LiveCatalogue, cards: MovieCards) -> None:
        super().__init__(session)
        self.movies = MovieDataManager(session)
        self.cards = cards
        # The index of this moment: another may take its place during the request.
        self.index = catalogue.index

    @property
    def reads_inline(self) -> bool:
        """Whether one movie is read so fast that the event loop may wait for it."""
        return self.cards.is_in_process

    def lists_inline(self, query: MovieQuery) -> bool:
        """Return whether a list is made so fast that the event loop may wait for it."""
        is_quick = self.cards.is_in_process and ListingPlan.of(query).is_quick
        return is_quick and (query.words is None or self.index.is_fast(query.words))

    def list_movies(self, query: MovieQuery) -> schemas.MoviePage:
        """Return a page of the movies that fit, with the number of all that do."""
        hits = self.index.search(query.words) if query.words else None
        movie_ids, total = self._list_ids(query, hits)
        found = self.cards.list_by_ids(movie_ids)
        return schemas.MoviePage(
            movies=self._highlighted(found, hits) if query.highlight else found,
            total=total,
            page=query.page,
            limit=query.limit,
            facets=self.movies.count_facets(query, hits) if query.facets else None,
            corrected_search=self.index.correct(query.words, hits) if query.words and hits is not None else None,
        )

    def get_movie(self, movie_id: int) -> schemas.Movie:
        """Return one movie. Raises `MovieNotFound`."""
        for movie in self.cards.list_by_ids([movie_id]):
            return movie
        raise MovieNotFound(movie_id)

    def get_average_rating(self, movie_id: int) -> schemas.AverageRating:
        """Return the mean of a movie's ratings. Raises `MovieNotFound`."""
        average = self.cards.find_average_rating(movie_id)
        if average is None:
            raise MovieNotFound(movie_id)
        return average

    def get_rating_histogram(self, movie_id: int) -> schemas.RatingHistogram:
        """Return the number of a movie's ratings by half stars. Raises `MovieNotFound`."""
        histogram = self.cards.find_histogram(movie_id)
        if histogram is None:
            raise MovieNotFound(movie_id)
        return histogram

    def _list_ids(self, query: MovieQuery, hits: Hits | None) -> tuple[list[int], int]:
        if not ListingPlan.of(query).is_in_order:
            movie_ids, version = self.movies.list_ids(query, hits)
            return movie_ids, self._count(query, hits, version)
        in_order = self.index.movie_ids if hits is None else hits.movie_ids
        return in_order[query.offset : query.offset + query.limit].tolist(), in_order.size

    def _count(self, query: MovieQuery, hits: Hits | None, version: int | None) -> int:
        """Count all movies that match. Counts that depend on the catalogue alone are cached under its version."""
        if version is None or hits is not None or query.min_ratings is not None:
            return self.movies.count(query, hits)
        filters = query.model_dump_json(include={"genre", "year_from", "year_to"})
        return self.cards.count_once(version, filters, lambda: self.movies.count(query, hits))

    def _highlighted(self, movies: Sequence[schemas.Movie], hits: Hits | None) -> list[schemas.Movie]:
        """Mark in the titles the words that led to the hits; none without a search."""
        highlighter = self.index.highlighter(hits or Hits.none())
        marked = (highlighter.mark([movie.title, *movie.alternative_titles]) for movie in movies)
        return [
            movie.model_copy(update={"highlights": _highlights(spans)})
            for movie, spans in zip(movies, marked, strict=True)
        ]


class SimilarMoviesService(BaseService):
    """Rules of similar movies."""

    def __init__(self, session: Session, live_model: LiveModel, cards: MovieCards) -> None:
        super().__init__(session)
        self.movies = MovieDataManager(session)
        self.cards = cards
        self.live_model = live_model

    def list_similar_movies(self, movie_id: int, query: schemas.BestMoviesQuery) -> schemas.SimilarMovies:
        """Return the movies liked by the same people; none if the live model cannot compare the movie.

        Raises `MovieNotFound`; `NoActiveModel` before the first training.
        """
        if not self.movies.exists(movie_id):
            raise MovieNotFound(movie_id)
        found = self.live_model.get().similar(movie_id, query.n)
        movie_ids = found.movie_ids.tolist()
        return schemas.SimilarMovies(
            movie_ids=movie_ids,
            similarities=found.similarities.tolist(),
            movies=self.cards.list_by_ids(movie_ids) if query.expands_movies else None,
        )


class MovieDataManager(BaseDataManager):
    """SQL of the catalogue's lists; `MovieCards` has the hot reads."""

    def list_ids(self, query: MovieQuery, hits: Hits | None) -> tuple[list[int], int | None]:
        """Return the ids on a page of the movies that pass the filters, among `hits` if given.

        The second value is the version of the catalogue, or None if the page is empty.
        """
        statement, rank = self._select_fitting(
            query, hits, with_statistics=query.order.lstrip("-") in SORTS_BY_STATISTICS
        )
        version = select(func.max(Ingestion.ingestion_id)).scalar_subquery()
        ordered = statement.add_columns(version).order_by(*_order(query.order, rank))
        rows = self.session.execute(ordered.limit(query.limit).offset(query.offset)).all()
        return [movie_id for movie_id, _ in rows], rows[0][1] if rows else None

    def count(self, query: MovieQuery, hits: Hits | None) -> int:
        """Count the movies that pass the filters, among `hits` if given."""
        statement, _ = self._select_fitting(query, hits)
        return self.session.scalar(statement.with_only_columns(func.count(), maintain_column_froms=True)) or 0

    def count_facets(self, query: MovieQuery, hits: Hits | None) -> schemas.Facets:
        """Count genres and decades of the movies that pass the filters, among `hits` if given."""
        fitting, _ = self._select_fitting(query, hits)
        # An alias, because a filter by genre uses the same table.
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

    def exists(self, movie_id: int) -> bool:
        """Return whether the movie exists."""
        return self.session.scalar(select(Movie.movie_id).where(Movie.movie_id == movie_id)) is not None

    def list_titles(self, movie_ids: Collection[int]) -> dict[int, str]:
        """Return the titles of the movies with these ids, without unknown ids."""
        rows = self.session.execute(select(Movie.movie_id, Movie.title).where(Movie.movie_id.in_(movie_ids)))
        return dict(rows.all())

    def list_unknown_to(self, known: Iterable[int], limit: int) -> list[int]:
        """Return up to `limit` movie ids that are not among `known`: the most-rated first, then the lowest."""
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
        """Select the ids of the movies that pass the filters, among `hits` if given; also return their rank."""
        statement = select(Movie.movie_id)
        # Only if needed, because a join doubles the cost of counting a whole catalogue.
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
            for genre_id in GenreDataManager(self.session).list_ids(query.genre)
        ]
        if query.year_from is not None:
            conditions.append(Movie.year >= query.year_from)
        if query.year_to is not None:
            conditions.append(Movie.year <= query.year_to)
        if query.min_ratings is not None:
            conditions.append(rating_count >= query.min_ratings)
        return conditions

    def _as_table(self, movie_ids: list[int]) -> FromClause:
        """Return a list of ids of any length, passed as one parameter, as a table of `movie_id` and `rank`."""
        if self.dialect == "postgresql":
            unnested = func.unnest(literal(movie_ids, ARRAY(BigInteger))).table_valued(
                "movie_id", with_ordinality="rank"
            )
            return unnested.render_derived()
        each = func.json_each(json.dumps(movie_ids)).table_valued("value", "key")
        return select(each.c.value.label("movie_id"), each.c.key.label("rank")).subquery()


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
