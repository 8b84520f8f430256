"""Movies: the listing with its search, filters and orders, one movie, its average rating."""

import json
import operator
from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from sqlalchemy import ARRAY, BigInteger, FromClause, exists, func, literal, select
from sqlalchemy.orm import Session

from server.errors import InvalidField, MovieNotFound, UserNotFound
from server.models import Movie, MovieStatistics
from server.schemas import movies as schemas
from server.schemas.movies import GenreMatch, MovieQuery, SortName
from server.search.folding import fold
from server.search.highlights import Span
from server.search.index import Hits
from server.services.base import BaseDataManager, BaseService
from server.services.genres import find_genres
from server.services.live.cards import MovieCards
from server.services.live.catalogue import LiveCatalogue
from server.services.live.listing import UNKNOWN_YEAR, Integers, ListingSnapshot, Mask
from server.services.live.model import ModelSource

rating_count = MovieStatistics.rating_count.expression

MAX_YEAR = 9999

MAX_INLINE_WORDS = 8
"""A search of more words may take longer than the event loop should wait."""


class MovieFilter(NamedTuple):
    """Which movies of a snapshot pass the filters of a query, None if all do. The facets need them apart."""

    by_genre: Mask | None
    by_year: Mask | None
    by_others: Mask | None


class MovieService:
    """Rules of the catalogue. It reads without a session."""

    def __init__(
        self, catalogue: LiveCatalogue, listing: ListingSnapshot, cards: MovieCards, list_cards: MovieCards
    ) -> None:
        """Create the service; ``list_cards`` may be a second late."""
        self.cards = cards
        self.list_cards = list_cards
        self.listing = listing
        # Those of this moment: another index may take the place of this one during the request.
        self.searches = catalogue.searches
        self.index = self.searches.index

    @property
    def reads_inline(self) -> bool:
        """Whether one movie is read so fast that the event loop may wait for it."""
        return self.cards.is_in_process

    def lists_inline(self, query: MovieQuery) -> bool:
        """Return whether a list is made so fast that the event loop may wait for it."""
        if not self.cards.is_in_process or query.facets:
            return False
        words = query.words
        return words is None or (len(words.split()) <= MAX_INLINE_WORDS and self.index.is_fast(words))

    def is_costly(self, query: MovieQuery) -> bool:
        """Return whether only few such lists should be made at the same time."""
        return query.facets or (query.words is not None and not self.index.is_fast(query.words))

    def list_movies(self, query: MovieQuery) -> schemas.MoviePage:
        """Return a page of the movies that fit, with the number of all that do.

        Raises `InvalidField` for an unknown genre or tag, and `UserNotFound`.
        """
        hits = self.searches.find(query.words) if query.words else None
        chosen = self._filter(query, hits)
        total, page = self._choose_page(query, hits, chosen)
        found = self.list_cards.list_by_ids(page.tolist())
        if query.user_id is not None:
            found = self._with_user_ratings(found, query.user_id)
        return schemas.MoviePage(
            movies=self._highlighted(found, hits) if query.highlight else found,
            total=total,
            page=query.page,
            limit=query.limit,
            facets=_count_facets(self.listing, chosen) if query.facets and chosen is not None else None,
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

    def _filter(self, query: MovieQuery, hits: Hits | None) -> MovieFilter | None:
        """Choose the movies of the snapshot that pass, or return None if the index alone knows the list."""
        filters = (query.genre, query.tag, query.movie_id, query.facets)
        bounds = (query.year_from, query.year_to, query.min_ratings)
        default_order = (SortName.RELEVANCE, True) if hits is not None else (SortName.ID, False)
        is_in_order = (query.sort_name, query.is_descending) == default_order
        if is_in_order and not any(filters) and all(bound is None for bound in bounds):
            return None
        return MovieFilter(
            by_genre=self._pass_by_genre(query),
            by_year=_between(self.listing.table.years, query.year_from, query.year_to),
            by_others=self._pass_by_others(query, hits),
        )

    def _pass_by_genre(self, query: MovieQuery) -> Mask | None:
        if not query.genre:
            return None
        table = self.listing.table
        rows = table.of_genre[[table.genres.index(genre) for genre in find_genres(query.genre, table.genres)]]
        match = np.logical_and if query.genre_match is GenreMatch.ALL else np.logical_or
        passes: Mask = match.reduce(rows, axis=0)
        return passes

    def _pass_by_others(self, query: MovieQuery, hits: Hits | None) -> Mask | None:
        table = self.listing.table
        masks = [table.mask_of(self._find_tagged(tag)) for tag in query.tag]
        if query.min_ratings:
            masks.append(self.listing.counts >= query.min_ratings)
        if hits is not None:
            masks.append(table.mask_of(hits.movie_ids))
        if query.movie_id:
            masks.append(table.mask_of(np.array(query.movie_id, np.int64)))
        return _both(*masks)

    def _find_tagged(self, tag: str) -> Integers:
        movie_ids = self.list_cards.list_tagged(" ".join(fold(tag).split()))
        if not movie_ids:
            raise InvalidField("#/query/tag", f"Unknown tag {tag!r}. GET /tags?prefix= lists tags.")
        return np.array(movie_ids, np.int64)

    def _choose_page(self, query: MovieQuery, hits: Hits | None, chosen: MovieFilter | None) -> tuple[int, Integers]:
        """Return the number of movies that pass, and the ids on the page."""
        end = query.offset + query.limit
        if chosen is None and hits is not None:
            return hits.total, hits.first(end)[query.offset :]
        in_order = self.index.movie_ids if chosen is None else self._in_order(query, hits, chosen)
        return in_order.size, in_order[query.offset : end]

    def _in_order(self, query: MovieQuery, hits: Hits | None, chosen: MovieFilter) -> Integers:
        """Return the ids of all movies that pass, in their order."""
        table = self.listing.table
        if query.movie_id and query.sort is None:
            order = table.positions_of(np.array(list(dict.fromkeys(query.movie_id)), np.int64))
        elif query.sort_name is SortName.RELEVANCE and hits is not None:
            order = table.positions_of(hits.movie_ids)
            order = order if query.is_descending else order[::-1]
        else:
            order = self.listing.order(query.sort_name, is_descending=query.is_descending)
        passing = _both(*chosen)
        return table.movie_ids[order if passing is None else order[passing[order]]]

    def _with_user_ratings(self, movies: Sequence[schemas.Movie], user_id: int) -> list[schemas.Movie]:
        ratings = self.cards.find_user_ratings(user_id, [movie.movie_id for movie in movies])
        if ratings is None:
            raise UserNotFound(user_id)
        return [movie.model_copy(update={"user_rating": ratings.get(movie.movie_id)}) for movie in movies]

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

    def __init__(self, session: Session, live_model: ModelSource, cards: MovieCards) -> None:
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


def _between(years: Integers, first: int | None, last: int | None) -> Mask | None:
    if first is None and last is None:
        return None
    return (years >= max(first or 0, 0)) & (years <= (MAX_YEAR if last is None else last))


def _both(*masks: Mask | None) -> Mask | None:
    """Return which movies pass all masks, or None if all do."""
    given = [mask for mask in masks if mask is not None]
    return reduce(operator.and_, given) if given else None


def _count_facets(listing: ListingSnapshot, chosen: MovieFilter) -> schemas.Facets:
    """Count genres and decades. Each facet ignores its own filter, so that a page can offer the others."""
    table = listing.table
    except_genre, except_year = _both(chosen.by_year, chosen.by_others), _both(chosen.by_genre, chosen.by_others)
    of_genre = table.of_genre if except_genre is None else table.of_genre & except_genre
    by_genre = np.count_nonzero(of_genre, axis=1).tolist()
    counted = zip(by_genre, table.genres, strict=True)
    years = table.years if except_year is None else table.years[except_year]
    decades = np.bincount(years[years != UNKNOWN_YEAR] // 10)
    return schemas.Facets(
        genres=[
            schemas.GenreCount(genre_id=genre_id, genre_name=name, total_movies=movies)
            for movies, (genre_id, name) in sorted(counted, key=lambda genre: (-genre[0], genre[1][1]))
            if movies
        ],
        decades=[
            schemas.DecadeCount(decade=10 * int(decade), total_movies=int(decades[decade]))
            for decade in np.flatnonzero(decades)
        ],
    )
