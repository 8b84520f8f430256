"""The catalogue: what is known about every movie before anyone has rated it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.checks import check_array, check_ascending, check_dtype

UNKNOWN_YEAR = 0


@dataclass(frozen=True)
class MovieFilter:
    """The movies to recommend, by genre and year. The default admits all movies."""

    genre_names: tuple[str, ...] = ()
    needs_all_genres: bool = True
    """Whether a movie needs all the genres, or any of them."""
    year_from: int | None = None
    year_to: int | None = None


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Movies by ascending id, in columns of one length."""

    movie_ids: NDArray[np.int64]
    years: NDArray[np.int16]
    """The release year; ``UNKNOWN_YEAR`` if the source has none."""
    genres: NDArray[np.bool_]
    """Movies by genres."""
    genre_names: NDArray[np.str_]
    """The name of each column of ``genres``."""

    @classmethod
    def of_ids(cls, movie_ids: NDArray[np.int64]) -> Self:
        """Return a catalogue of ids only."""
        ascending = np.unique(movie_ids)
        nothing = np.zeros((ascending.size, 0), np.bool_)
        return cls(ascending, np.full(ascending.size, UNKNOWN_YEAR, np.int16), nothing, np.empty(0, np.str_))

    @classmethod
    def of_movies(cls, movies: Iterable[tuple[int, int | None, Collection[str]]]) -> Self:
        """Return a catalogue of movies given by id, year and genre names, in any order."""
        ascending = sorted(movies, key=itemgetter(0))
        names = sorted({name for _, _, genres in ascending for name in genres})
        return cls(
            movie_ids=np.array([movie_id for movie_id, _, _ in ascending], np.int64),
            years=np.array([year or UNKNOWN_YEAR for _, year, _ in ascending], np.int16),
            genres=np.array([[name in genres for name in names] for _, _, genres in ascending], np.bool_).reshape(
                len(ascending), len(names)
            ),
            genre_names=np.array(names, np.str_),
        )

    def __len__(self) -> int:
        return self.movie_ids.size

    def of_items(self, items: NDArray[np.int64]) -> Self:
        """Return the movies with these indices, which ascend."""
        return type(self)(self.movie_ids[items], self.years[items], self.genres[items], self.genre_names)

    def mask(self, movie_filter: MovieFilter) -> NDArray[np.bool_]:
        """Return whether each movie passes a filter. Movies of unknown year pass no filter by year."""
        passes = np.ones(len(self), np.bool_)
        if movie_filter.genre_names:
            columns = [np.any(self.genres[:, self.genre_names == name], axis=1) for name in movie_filter.genre_names]
            passes &= (np.all if movie_filter.needs_all_genres else np.any)(columns, axis=0)
        if movie_filter.year_from is not None:
            passes &= self.years >= movie_filter.year_from
        if movie_filter.year_to is not None:
            passes &= (self.years <= movie_filter.year_to) & (self.years != UNKNOWN_YEAR)
        return passes

    def genre_overlaps(self, item: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cosines of the genres of one movie and of each other one, 0 without genres."""
        own, genres = self.genres[item], self.genres[others]
        lengths = np.sqrt(np.maximum(genres.sum(axis=1) * own.sum(), 1))
        overlaps: NDArray[np.float64] = (genres & own).sum(axis=1) / lengths
        return overlaps

    def check(self) -> None:
        """Raise `ValueError` if the columns do not fit together."""
        check_dtype(self.movie_ids, np.int64)
        check_array(self.movie_ids, (self.movie_ids.size,), lowest=1)
        check_ascending(self.movie_ids)
        check_dtype(self.years, np.int16)
        check_array(self.years, (len(self),))
        check_dtype(self.genres, np.bool_)
        check_dtype(self.genre_names, np.str_)
        check_array(self.genres, (len(self), self.genre_names.size))

    @classmethod
    def array_names(cls) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(field.name for field in fields(cls))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all columns by name."""
        return {name: getattr(self, name) for name in self.array_names()}
