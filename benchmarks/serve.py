"""Serving under load, on one core, beside bare FastAPI answers of the same shapes."""

from dataclasses import dataclass
from urllib.parse import quote_plus

from sqlalchemy import func, select

from benchmarks.load import Load, put_under_load
from benchmarks.servers import API, Server, bare_server, matinee_server, off_the_first_core
from benchmarks.train import train_where_needed
from benchmarks.workbench import Workbench, percentiles_ms, size_of
from server.backend.database import Database
from server.models import Movie, User

SECONDS, CONNECTIONS, ROUNDS, ASKED_ABOUT = 2.0, 8, 3, 200
# More users than a process caches lists for, and more titles than it caches searches for.
STRANGERS = 20_000
HEADER = ("", "requests/s", "bare", "of bare", "p50 ms", "p99 ms")


@dataclass(frozen=True)
class Question:
    """Requests to Matinee, and requests to the bare app with responses of the same size."""

    name: str
    paths: list[str]
    bare_paths: list[str]


def run(bench: Workbench, *, kind: str) -> None:
    """Show requests per second, their ratio to the bare app, start and memory."""
    with bench.loaded(kind) as settings:
        train_where_needed(settings)
        database = Database(settings)
        size, questions = size_of(database), choose_questions(database)
        database.dispose()
        with bare_server() as bare, matinee_server(settings) as matinee, off_the_first_core():
            rows = [_compare(question, bare, matinee) for question in questions]
            title = (
                f"One worker on {kind}, {size}: first answer after {matinee.started_in_s:.1f} s, "
                f"{matinee.memory_mb:.0f} MB after the last (bare: {bare.started_in_s:.1f} s, {bare.memory_mb:.0f} MB)"
            )
    bench.show(title, HEADER, rows)


def choose_questions(database: Database) -> list[Question]:
    """Choose the requests from the contents of a database."""
    with database.transaction(writes=False) as session:
        movies = list(session.scalars(select(Movie.movie_id).order_by(Movie.movie_id).limit(ASKED_ABOUT)))
        users = list(session.scalars(select(User.user_id).order_by(User.user_id).limit(STRANGERS)))
        titles = session.scalars(select(Movie.title).distinct().order_by(Movie.title).limit(STRANGERS)).all()
        last_page = (session.scalar(select(func.count()).select_from(Movie)) or 0) // 10
    lists = {
        "list of ten": "/movies",
        "list of ten, the last page": f"/movies?page={last_page}",
        "list of ten, genre and years, counted": "/movies?genre=Drama&year_from=1990",
        "list of ten, by rating": "/movies?sort=rating&min_ratings=10",
        "list of ten, by popularity": "/movies?sort=popularity",
        "list of ten, by popularity, genre and years, deep": (
            "/movies?sort=popularity&genre=Drama&year_from=1950&page=100"
        ),
        "list of ten with facets": "/movies?facets=true",
        "search": "/movies?search=the+matrix",
    }
    averages = [f"/movies/{movie_id}/avg-rating" for movie_id in movies]
    recommended = [f"/user/{user_id}/recommended-movies" for user_id in users]
    again = recommended[:ASKED_ABOUT]
    searched = [f"/movies?search={quote_plus(title)}" for title in titles]
    return [
        Question("average", averages, averages),
        *(Question(name, [path], ["/movies"]) for name, path in lists.items()),
        Question("search, other words", searched, ["/movies"]),
        Question("recommended movies", recommended, recommended),
        Question("recommended movies, nothing rated since", again, again),
    ]


def _compare(question: Question, bare: Server, matinee: Server) -> tuple[object, ...]:
    """Measure both in turn, and return the best round of each, because the others were disturbed."""
    bare_loads, loads = [], []
    for number in range(ROUNDS):
        bare_loads.append(_ask(bare, question.bare_paths))
        # Each round begins elsewhere, so that it does not repeat the requests of the one before.
        first = number * len(question.paths) // ROUNDS
        loads.append(_ask(matinee, [API + path for path in question.paths[first:] + question.paths[:first]]))
    best = max(loads, key=lambda load: load.requests_a_second)
    bare_rate = max(load.requests_a_second for load in bare_loads)
    p50, p99, _ = percentiles_ms(best.durations_s)
    ours = best.requests_a_second
    return question.name, f"{ours:,.0f}", f"{bare_rate:,.0f}", ours / bare_rate, p50, p99


def _ask(server: Server, paths: list[str]) -> Load:
    return put_under_load(server.port, paths, seconds=SECONDS, connections=CONNECTIONS)
