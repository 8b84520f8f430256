"""Movies: the listing with its search, filters and orders, one movie, its average rating, the genres."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Executable,
    FromClause,
    Select,
    bindparam,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session, aliased

from server.errors import MovieNotFound
from server.models import AlternativeTitle, Genre, Movie, MovieGenre, MovieStatistics
from server.schemas import movies as schemas
from server.schemas.base import Paging
from server.schemas.movies import MovieQuery, MovieSort
from server.search.highlights import Span
from server.search.index import Hits, SearchIndex
from server.services.base import BaseDataManager, BaseService
from server.services.live import LiveModel

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

# Made once: every page needs them, and making them would take longer than asking the database.
MOVIE_IDS: BindParameter[Any] = bindparam("movie_ids", expanding=True)
MOVIES_BY_ID = (
    select(Movie.movie_id, Movie.title, Movie.year, rating_count, rating_mean)
    .join(MovieStatistics)
    .where(Movie.movie_id.in_(MOVIE_IDS))
)
GENRES_BY_ID = (
    select(MovieGenre.movie_id, Genre.genre_id, Genre.genre_name)
    .join(Genre)
    .where(MovieGenre.movie_id.in_(MOVIE_IDS))
    .order_by(Genre.genre_name)
)
TITLES_BY_ID = (
    select(AlternativeTitle.movie_id, AlternativeTitle.title)
    .where(AlternativeTitle.movie_id.in_(MOVIE_IDS))
    .order_by(AlternativeTitle.movie_id, AlternativeTitle.position)
)


class MovieService(BaseService):
    """Rules of the catalogue."""

    def __init__(self, session: Session, index: SearchIndex) -> None:
        super().__init__(session)
        self.movies = MovieDataManager(session)
        self.index = index

    def list_movies(self, query: MovieQuery) -> schemas.MoviePage:
        """Give a page of the movies that fit, with the number of all that do."""
        hits = self.index.search(query.words) if query.words else None
        if hits is not None and query.order is MovieSort.RELEVANCE and not _has_filters(query):
            movie_ids, total = _page_of(hits, query), hits.total
        else:
            movie_ids, total = self.movies.list_ids(query, hits)
        found = self.movies.list_by_ids(movie_ids)
        return schemas.MoviePage(
            movies=self._highlighted(found, hits) if query.highlight else found,
            total=total,
            page=query.page,
            limit=query.limit,
            facets=self.movies.count_facets(query, hits) if query.facets else None,
        )

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

    def __init__(self, session: Session, live_model: LiveModel) -> None:
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


class GenreService(BaseService):
    """Rules of the genres."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.genres = GenreDataManager(session)

    def list_genres(self, paging: Paging) -> schemas.GenrePage:
        """Give a page of the genres by name, each with its number of movies."""
        return schemas.GenrePage(
            genres=self.genres.list_counted(paging),
            total=self.genres.count(),
            page=paging.page,
            limit=paging.limit,
        )


class MovieDataManager(BaseDataManager):
    """SQL of the catalogue. Reads select columns, not entities: this is the hot path."""

    def list_ids(self, query: MovieQuery, hits: Hits | None) -> tuple[list[int], int]:
        """Give the ids on a page of the movies that pass the filters, among `hits` where given, and their total."""
        name = query.order.lstrip("-")
        statement, rank = self._select_fitting(query, hits, with_statistics=name in SORTS_BY_STATISTICS)
        total = self.session.scalar(statement.with_only_columns(func.count(), maintain_column_froms=True))
        ordered = statement.order_by(*_order(query.order, rank)).limit(query.limit).offset(query.offset)
        return list(self.session.scalars(ordered)), total or 0

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
        if not movie_ids:
            return []
        rows = self._select_by_ids(MOVIES_BY_ID, movie_ids)
        genres, titles = self._genres_of(movie_ids), self._alternative_titles_of(movie_ids)
        found = {
            movie_id: schemas.Movie(
                movie_id=movie_id,
                title=title,
                alternative_titles=titles[movie_id],
                year=year,
                genres=genres[movie_id],
                avg_rating=mean,
                total_ratings=count,
            )
            for movie_id, title, year, count, mean in rows
        }
        return [found[movie_id] for movie_id in movie_ids if movie_id in found]

    def exists(self, movie_id: int) -> bool:
        """Say whether there is such a movie."""
        return self.session.scalar(select(Movie.movie_id).where(Movie.movie_id == movie_id)) is not None

    def list_titles(self, movie_ids: Collection[int]) -> dict[int, str]:
        """Give the titles of the movies with these ids; ids that are unknown are left out."""
        rows = self.session.execute(select(Movie.movie_id, Movie.title).where(Movie.movie_id.in_(movie_ids)))
        return dict(rows.all())

    def find_average_rating(self, movie_id: int) -> schemas.AverageRating | None:
        """Give a movie's mean and count, or None where there is no such movie."""
        row = self.session.execute(
            select(Movie.title, rating_count, rating_mean).join(MovieStatistics).where(Movie.movie_id == movie_id)
        ).one_or_none()
        if row is None:
            return None
        title, count, mean = row
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

    def _genres_of(self, movie_ids: Sequence[int]) -> dict[int, list[schemas.Genre]]:
        genres: dict[int, list[schemas.Genre]] = defaultdict(list)
        for movie_id, genre_id, name in self._select_by_ids(GENRES_BY_ID, movie_ids):
            genres[movie_id].append(schemas.Genre(genre_id=genre_id, genre_name=name))
        return genres

    def _alternative_titles_of(self, movie_ids: Sequence[int]) -> dict[int, list[str]]:
        titles: dict[int, list[str]] = defaultdict(list)
        for movie_id, title in self._select_by_ids(TITLES_BY_ID, movie_ids):
            titles[movie_id].append(title)
        return titles

    def _select_by_ids(self, statement: Executable, movie_ids: Sequence[int]) -> Iterator[Any]:
        # Past the session, which would look for entities among the columns.
        yield from self.session.connection().execute(statement, {"movie_ids": movie_ids})

    def _as_table(self, movie_ids: list[int]) -> FromClause:
        """Hand a list of ids over as one parameter, whatever its length, to be joined as `movie_id` and `rank`."""
        if self.dialect == "postgresql":
            unnested = func.unnest(literal(movie_ids, ARRAY(BigInteger))).table_valued(
                "movie_id", with_ordinality="rank"
            )
            return unnested.render_derived()
        each = func.json_each(json.dumps(movie_ids)).table_valued("value", "key")
        return select(each.c.value.label("movie_id"), each.c.key.label("rank")).subquery()


class GenreDataManager(BaseDataManager):
    """SQL of the genres."""

    def count(self) -> int:
        """Count the genres."""
        return self.session.scalar(select(func.count()).select_from(Genre)) or 0

    def list_counted(self, paging: Paging) -> list[schemas.GenreCount]:
        """Give a page of genres by name, each with its number of movies."""
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


def _highlights(spans: Sequence[Sequence[Span]]) -> schemas.Highlights:
    title, *others = [[schemas.TextRange(start=start, end=end) for start, end in title] for title in spans]
    return schemas.Highlights(title=title, alternative_titles=others)


def _has_filters(query: MovieQuery) -> bool:
    return bool(query.genre) or not (query.year_from is query.year_to is query.min_ratings is None)


def _page_of(hits: Hits, paging: Paging) -> list[int]:
    page: list[int] = hits.movie_ids[paging.offset : paging.offset + paging.limit].tolist()
    return page


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
