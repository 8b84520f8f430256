"""The built-in catalogue: well-known films, and ratings from a seeded model of taste.

``movies.csv`` is an ordinary movies file of MovieLens, written by hand. ``reception.csv`` adds what the ratings are
made from: how famous a film is (1 to 10), the stars it gets on average, and the tastes it is for, the first above all.
"""

import csv
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from server.etl.demo.tastes import Film, rate_films
from server.etl.movielens.titles import parse_title

__all__ = ["write_demo"]

_SEED = 20_240_630


def write_demo(folder: Path) -> Path:
    """Write ``movies.csv`` and ``ratings.csv`` as MovieLens does; every call writes the same. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("movies.csv").write_text(_read("movies.csv"), encoding="utf-8", newline="")
    with folder.joinpath("ratings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        writer.writerows(rate_films(list(_list_films()), _SEED))
    return folder


def _list_films() -> Iterator[Film]:
    receptions = {row["movieId"]: row for row in csv.DictReader(_read("reception.csv").splitlines())}
    for movie in csv.DictReader(_read("movies.csv").splitlines()):
        reception = receptions[movie["movieId"]]
        yield Film(
            movie_id=int(movie["movieId"]),
            year=parse_title(movie["title"]).year or 0,
            genres=movie["genres"].split("|"),
            tastes=reception["tastes"].split("|"),
            fame=int(reception["fame"]),
            stars=float(reception["stars"]),
        )


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
