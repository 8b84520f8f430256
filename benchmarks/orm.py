"""Serving beside the straightforward FastAPI and ORM version of the brief (`orm_app.py`), in one run."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, select
from sqlalchemy.orm import Session

from benchmarks import orm_app
from benchmarks.load import Load, put_under_load
from benchmarks.servers import API, Server, matinee_server, off_the_first_core, orm_server
from benchmarks.train import train_where_needed
from benchmarks.workbench import SQLITE, Workbench, percentiles_ms, size_of
from server.backend.database import Database
from server.models import Genre, Movie, MovieGenre, Rating, User

SECONDS, CONNECTIONS, ROUNDS, ENTITIES = 2.0, 8, 3, 200
TRAINING_DEADLINE_S = 600
HEADER = ("", "requests/s", "ORM", "times", "p99 ms", "ORM p99 ms", "CPU ms", "ORM CPU ms")


@dataclass(frozen=True)
class Result:
    """A load, and the CPU time of the server per request, which hardly depends on what else the machine does."""

    load: Load
    cpu_ms: float


def run(bench: Workbench) -> None:
    """Show requests a second, p99 and memory of both, each on one core, measured in turn."""
    with bench.loaded(SQLITE) as settings:
        train_where_needed(settings)
        database = Database(settings)
        size, questions = size_of(database), _choose_questions(database)
        with _copied(database, bench.folder) as url, orm_server(url, bench.folder / "orm-models") as orm:
            _train(orm)
            with matinee_server(settings) as matinee, off_the_first_core():
                rows = [_compare(name, paths, matinee, orm) for name, paths in questions.items()]
                title = (
                    f"One worker on SQLite, {size}, beside FastAPI with the SQLAlchemy ORM and NMF: "
                    f"{matinee.memory_mb:.0f} MB after the last answer (ORM: {orm.memory_mb:.0f} MB)"
                )
        database.dispose()
    bench.show(title, HEADER, rows)


def _choose_questions(database: Database) -> dict[str, list[str]]:
    """Return the paths of each row; the search is for a word of each of some titles."""
    with database.transaction(writes=False) as session:
        movies = session.execute(select(Movie.movie_id, Movie.title).order_by(Movie.movie_id).limit(ENTITIES)).all()
        users = session.scalars(select(User.user_id).order_by(User.user_id).limit(ENTITIES)).all()
    words = [max(title.split(), key=len) for _, title in movies]
    searches = [f"/movies?search={word}" for word in words if word.isascii() and word.isalpha()]
    return {
        "list of ten": ["/movies"],
        "list of ten, page 20": ["/movies?page=20"],
        "search": searches,
        "average": [f"/movies/{movie_id}/avg-rating" for movie_id, _ in movies],
        "recommended movies": [f"/user/{user_id}/recommended-movies" for user_id in users],
    }


def _compare(name: str, paths: list[str], matinee: Server, orm: Server) -> tuple[object, ...]:
    """Measure both in turn and compare the best round of each, because the others were disturbed."""
    results: dict[Server, list[Result]] = {matinee: [], orm: []}
    for _ in range(ROUNDS):
        for server, done in results.items():
            done.append(_measure(server, paths))
    ours, theirs = (max(done, key=lambda result: result.load.requests_a_second) for done in results.values())
    rate, orm_rate = ours.load.requests_a_second, theirs.load.requests_a_second
    p99s = (percentiles_ms(result.load.durations_s)[1] for result in (ours, theirs))
    return name, f"{rate:,.0f}", f"{orm_rate:,.0f}", rate / orm_rate, *p99s, ours.cpu_ms, theirs.cpu_ms


def _measure(server: Server, paths: list[str]) -> Result:
    before_s = server.cpu_s
    load = put_under_load(server.port, [API + path for path in paths], seconds=SECONDS, connections=CONNECTIONS)
    return Result(load, 1000 * (server.cpu_s - before_s) / len(load.durations_s))


@contextmanager
def _copied(database: Database, folder: Path) -> Iterator[str]:
    """Copy the catalogue and the ratings into a database of the ORM app, and yield its URL."""
    url = f"sqlite:///{folder}/orm.db"
    engine = create_engine(url)
    orm_app.Base.metadata.create_all(engine)
    with database.transaction(writes=False) as session, Session(engine) as copy:
        tables: dict[Any, tuple[Any, ...]] = {
            orm_app.Genre: (Genre.genre_id, Genre.genre_name),
            orm_app.Movie: (Movie.movie_id, Movie.title, Movie.year),
            orm_app.movie_genres: (MovieGenre.movie_id, MovieGenre.genre_id),
            orm_app.User: (User.user_id,),
            orm_app.Rating: (Rating.rating_id, Rating.user_id, Rating.movie_id, Rating.rating, Rating.rated_at),
        }
        for target, columns in tables.items():
            names = [{"rated_at": "timestamp"}.get(column.key, column.key) for column in columns]
            rows = [dict(zip(names, row, strict=True)) for row in session.execute(select(*columns))]
            copy.execute(insert(target), rows)
        copy.commit()
    engine.dispose()
    yield url


def _train(orm: Server) -> None:
    address = f"http://127.0.0.1:{orm.port}{API}"
    request = urllib.request.Request(f"{address}/recommendation-engine", method="POST")  # noqa: S310 (our own server)
    urllib.request.urlopen(request).close()  # noqa: S310 (as above)
    deadline = time.monotonic() + TRAINING_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/user/1/recommended-movies").close()  # noqa: S310 (as above)
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"The ORM app has no model after {TRAINING_DEADLINE_S} s.")
