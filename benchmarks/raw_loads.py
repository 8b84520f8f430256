"""Bulk loads without checks, counts and reports: the baseline of the ingestion benchmark.

Both produce the same tables, keys, indexes and statistics as an ingestion, in one transaction.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import psycopg

from server.etl.load.merge import insert_into_sqlite

BATCH_ROWS = 200_000
RATING_COLUMNS = ["user_id", "movie_id", "rating", "rated_at"]
STATISTICS = """
INSERT INTO movie_statistics (movie_id, rating_count, rating_sum)
SELECT movie_id, count(ratings.rating), coalesce(sum(ratings.rating::float8), 0)
FROM movies LEFT JOIN ratings USING (movie_id) GROUP BY movie_id
"""
KEYS = {
    "pk_ratings": "PRIMARY KEY (rating_id)",
    "uq_ratings_user_id_movie_id": "UNIQUE (user_id, movie_id)",
    "fk_ratings_user_id_users": "FOREIGN KEY (user_id) REFERENCES users",
    "fk_ratings_movie_id_movies": "FOREIGN KEY (movie_id) REFERENCES movies",
}


def load_sqlite(source: Path, database: Path) -> None:
    """Insert many rows in a statement, the fastest way of Python's driver. The keys exist beforehand."""
    with closing(sqlite3.connect(database, isolation_level=None)) as driver:
        driver.execute("PRAGMA synchronous = NORMAL")
        driver.execute("BEGIN IMMEDIATE")
        driver.executemany(
            "INSERT INTO movies (movie_id, title, sort_title, source_title) VALUES (?, ?, ?, ?)",
            _read_movies(source).iter_rows(),
        )
        users, tallies = [], []
        for frame in _read_ratings(source):
            insert_into_sqlite(driver, "ratings", frame)
            users.append(frame["user_id"].unique())
            tallies.append(frame.group_by("movie_id").agg(pl.len().alias("count"), pl.col("rating").sum()))
        driver.executemany("INSERT INTO users VALUES (?)", pl.concat(users).unique().to_frame().iter_rows())
        tally = pl.concat(tallies).group_by("movie_id").sum()
        driver.executemany(
            "INSERT INTO movie_statistics (movie_id, rating_count, rating_sum) VALUES (?, ?, ?)", tally.iter_rows()
        )
        driver.execute("COMMIT")


def load_postgres(source: Path, url: str) -> None:
    """Pass the file to COPY unchanged, then build the keys and statistics in the server."""
    with psycopg.connect(url) as driver, source.joinpath("ratings.csv").open("rb") as file:
        for name in reversed(KEYS):
            driver.execute(f"ALTER TABLE ratings DROP CONSTRAINT {name}".encode())
        with driver.cursor().copy("COPY movies (movie_id, title, sort_title, source_title) FROM STDIN CSV") as copy:
            copy.write(_read_movies(source).write_csv(include_header=False))
        with driver.cursor().copy(f"COPY ratings ({', '.join(RATING_COLUMNS)}) FROM STDIN CSV HEADER".encode()) as copy:
            while chunk := file.read(1 << 20):
                copy.write(chunk)
        driver.execute("INSERT INTO users SELECT DISTINCT user_id FROM ratings")
        for name, key in KEYS.items():
            driver.execute(f"ALTER TABLE ratings ADD CONSTRAINT {name} {key}".encode())
        driver.execute(STATISTICS)
        driver.execute("ANALYZE ratings")


def _read_movies(source: Path) -> pl.DataFrame:
    movies = pl.read_csv(source / "movies.csv")
    return movies.select("movieId", "title", sort_title="title", source_title="title")


def _read_ratings(source: Path) -> Iterator[pl.DataFrame]:
    ratings = pl.scan_csv(source / "ratings.csv", schema_overrides={"rating": pl.Float32})
    for batch in ratings.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
        yield batch.rename(dict(zip(batch.columns, RATING_COLUMNS, strict=True)))
