"""Generate data in the shape of MovieLens, of any size. The same number and seed produce the same files.

    python -m benchmarks.generated --ratings 33000000 FOLDER
    python -m benchmarks.generated --ratings 100000000 --export FOLDER

The data are skewed like real ones: few movies and few users have most ratings, and users rate within a few days of
joining. Users have tastes that determine their choices and their ratings, which gives a recommender a signal to learn.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from server.recommender.data import catalogue as recommender
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from server.services.training.dataset import Dataset, Manifest

# The size of ml-latest. The exponent interpolates between the catalogues of ml-latest and ml-latest-small.
FULL_RATINGS, FULL_MOVIES = 33_000_000, 86_000
CATALOGUE_GROWTH = 0.375
RATINGS_PER_USER, ACTIVITY_SPREAD = 140, 1.2
USERS_PER_BLOCK = 10_000
FIRST_JOINED, LAST_RATED = 840_000_000, 1_690_000_000
DAY_S = 86_400

GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
FIRST_WORDS = (
    *("Silent", "Broken", "Golden", "Hidden", "Last", "Burning", "Distant", "Velvet", "Frozen", "Secret", "Crooked"),
    *("Endless", "Paper", "Crimson", "Hollow", "Restless"),
)
SECOND_WORDS = (
    *("River", "Garden", "Empire", "Mirror", "Harbour", "Letter", "Winter", "Stranger", "Orchard", "Highway"),
    *("Shadow", "Kingdom", "Promise", "Island", "Machine", "Summer"),
)


@dataclass(frozen=True)
class Catalogue:
    """The movies in columns, with the hidden parameters that generate their ratings."""

    movie_ids: NDArray[np.int64]
    tastes: NDArray[np.int64]
    """The taste that each movie appeals to, an index into GENRES."""
    qualities: NDArray[np.float64]
    """The deviation from the mean rating, in stars."""
    choices: NDArray[np.float64]
    """The cumulative probabilities of choosing a movie, for all tastes in a row: taste `t` from t to t + 1."""

    @classmethod
    def of_size(cls, movies: int, random: np.random.Generator) -> "Catalogue":
        """Create movies of decreasing popularity in random order."""
        ranks = random.permutation(movies)
        popularity = (ranks + 0.003 * movies) ** -2.0
        tastes = random.integers(len(GENRES), size=movies)
        weights = popularity * np.where(tastes == np.arange(len(GENRES))[:, None], 12.0, 0.4)
        shares = np.cumsum(weights, axis=1)
        return cls(
            movie_ids=np.cumsum(np.append(1, random.integers(1, 6, size=movies - 1))),
            tastes=tastes,
            qualities=random.normal(0.3 * (1 - ranks / movies), 0.4),
            choices=(np.arange(len(GENRES))[:, None] + shares / shares[:, -1:]).ravel(),
        )

    def choose(self, tastes: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Choose a movie for each taste, and return their indexes."""
        found: NDArray[np.int64] = np.searchsorted(self.choices, tastes + random.random(tastes.size))
        return found - tastes * self.movie_ids.size


def write_source(folder: Path, *, ratings: int, movies: int | None = None, seed: int = 0) -> Path:
    """Write ``movies.csv`` and ``ratings.csv`` with exactly this number of ratings, and return the folder.

    Without a number of movies, the catalogue has the size of that of a MovieLens with as many ratings.
    """
    random = np.random.default_rng(seed)
    catalogue = Catalogue.of_size(movies or _count_movies(ratings), random)
    folder.mkdir(parents=True, exist_ok=True)
    _describe(catalogue, random).write_csv(folder / "movies.csv")
    with folder.joinpath("ratings.csv").open("wb") as file:
        file.write(b"userId,movieId,rating,timestamp\n")
        for frame in _rate(catalogue, ratings, random):
            frame.write_csv(file, include_header=False, float_precision=1)
    return folder


def write_export(folder: Path, *, ratings: int, movies: int | None = None, seed: int = 0) -> Manifest:
    """Write the same ratings as an export, without a database."""
    random = np.random.default_rng(seed)
    catalogue = Catalogue.of_size(movies or _count_movies(ratings), random)
    frame = _describe(catalogue, random)
    described = recommender.Catalogue.of_movies(
        (movie_id, None, genres.split("|")) for movie_id, genres in frame.select("movieId", "genres").iter_rows()
    )
    with Dataset(str(folder)).create() as writer:
        frames = _rate(catalogue, ratings, random)
        for _ in writer.write(Interactions.from_ratings(_columns(each), described.movie_ids) for each in frames):
            pass
        return writer.finish(described, 1, now=datetime.now(UTC))


def _columns(frame: pl.DataFrame) -> Ratings:
    return Ratings(
        frame["userId"].to_numpy(),
        frame["movieId"].to_numpy(),
        frame["rating"].to_numpy().astype(np.float32),
        frame["timestamp"].to_numpy(),
    )


def _count_movies(ratings: int) -> int:
    return max(50, int(FULL_MOVIES * (ratings / FULL_RATINGS) ** CATALOGUE_GROWTH))


def _describe(catalogue: Catalogue, random: np.random.Generator) -> pl.DataFrame:
    movies = catalogue.movie_ids.size
    names = [
        f"{FIRST_WORDS[first]} {SECOND_WORDS[second]}{', The' if first % 3 == 0 else ''} {number} ({year})"
        for number, (first, second, year) in enumerate(
            zip(
                random.integers(len(FIRST_WORDS), size=movies),
                random.integers(len(SECOND_WORDS), size=movies),
                random.integers(1920, 2024, size=movies),
                strict=True,
            )
        )
    ]
    others = random.integers(len(GENRES), size=movies)
    genres = [
        "|".join(sorted({GENRES[own], GENRES[other]})) for own, other in zip(catalogue.tastes, others, strict=True)
    ]
    return pl.DataFrame({"movieId": catalogue.movie_ids, "title": names, "genres": genres})


def _rate(catalogue: Catalogue, ratings: int, random: np.random.Generator) -> Iterator[pl.DataFrame]:
    """Yield ratings sorted by user and movie, until there are `ratings` of them."""
    first_user, written = 1, 0
    while written < ratings:
        frame = _rate_block(catalogue, first_user, random).head(ratings - written)
        yield frame
        first_user, written = first_user + USERS_PER_BLOCK, written + frame.height


def _rate_block(catalogue: Catalogue, first_user: int, random: np.random.Generator) -> pl.DataFrame:
    tastes = random.integers(len(GENRES), size=(USERS_PER_BLOCK, 2))
    biases, joined = random.normal(0, 0.4, USERS_PER_BLOCK), random.integers(FIRST_JOINED, LAST_RATED, USERS_PER_BLOCK)
    stays_s = DAY_S * random.lognormal(0, 2, USERS_PER_BLOCK)
    users, items = _choose(catalogue, tastes, random)
    is_favourite = (tastes[users] == catalogue.tastes[items][:, None]).any(axis=1)
    liking = 3.1 + biases[users] + catalogue.qualities[items] + 0.6 * is_favourite + random.normal(0, 0.75, users.size)
    moments = joined[users] + (stays_s[users] * random.exponential(size=users.size)).astype(np.int64)
    return pl.DataFrame({
        "userId": first_user + users,
        "movieId": catalogue.movie_ids[items],
        "rating": np.clip(np.round(liking * 2) / 2, 0.5, 5.0),
        "timestamp": np.minimum(moments, LAST_RATED),
    })


def _choose(
    catalogue: Catalogue, tastes: NDArray[np.int64], random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose movies for a block of users. Return the sorted, unique indexes of user and movie."""
    movies = catalogue.movie_ids.size
    spread = random.lognormal(np.log(RATINGS_PER_USER) - ACTIVITY_SPREAD**2 / 2, ACTIVITY_SPREAD, USERS_PER_BLOCK)
    users = np.repeat(np.arange(USERS_PER_BLOCK), np.clip(spread, 1, movies).astype(np.int64))
    # Of ten choices, four follow the first taste, three the second, and three any taste.
    which = random.integers(10, size=users.size)
    any_taste = random.integers(len(GENRES), size=users.size)
    chosen = np.where(which < 4, tastes[users, 0], np.where(which < 7, tastes[users, 1], any_taste))
    return np.divmod(np.unique(users * movies + catalogue.choose(chosen, random)), movies)


def main() -> None:
    """Write the files, or an export, to a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generated", description="Write MovieLens-shaped data.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ratings", type=int, default=1_000_000, help="number of ratings (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--export", action="store_true", help="write Parquet files for `matinee train --from`, without a database"
    )
    options = parser.parse_args()
    write = write_export if options.export else write_source
    write(options.folder, ratings=options.ratings, seed=options.seed)


if __name__ == "__main__":
    main()
