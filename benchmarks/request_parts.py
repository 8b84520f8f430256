"""Measure the parts of a request, in this process and without sockets."""

import asyncio
import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import select
from starlette.types import ASGIApp, Message

from benchmarks import bare_app
from benchmarks.processes import measure
from benchmarks.servers import API
from benchmarks.train import train_where_needed
from benchmarks.workbench import SQLITE, Workbench, size_of
from server.app import create_app
from server.backend.config import Settings
from server.backend.database import Database
from server.models import Movie, User
from server.recommender import model
from server.recommender.algorithms.ease import model as ease
from server.recommender.algorithms.ease.candidates import Candidates
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.reranker import Reranker
from server.recommender.algorithms.ease.tail_search import TailSearch
from server.recommender.calibration import Calibrator
from server.recommender.data.interactions import Interactions
from server.recommender.data.pairs import Pairs
from server.recommender.model import TrainedModel
from server.services.ratings import HistoryDataManager
from server.services.recommendations import RecommendationService

REQUESTS, ROUNDS = 5_000, 5
HEADER = ("", "us", "share")

# Parts further in are included in those further out.
PARTS: dict[str, list[tuple[object, str]]] = {
    "the service": [(RecommendationService, "recommends_inline"), (RecommendationService, "recommend_movies")],
    "- reading the history": [(HistoryDataManager, "find")],
    "- the list": [(TrainedModel, "recommend")],
    "- - the history by index": [(Interactions, "from_history")],
    "- - the scores": [(Ease, "shortlist")],
    "- - - sums of weights": [(ease, "sum_rows")],
    "- - - the second stage": [(Candidates, "of"), (Candidates, "features"), (Reranker, "scores")],
    "- - - movies with factors": [(TailSearch, "reaching")],
    "- - the best of all": [(model, "top_items")],
    "- - probabilities": [(Pairs, "of"), (Calibrator, "probabilities")],
}

Seconds = dict[str, float]


def run(bench: Workbench) -> None:
    """Show whole requests beside those of the bare app, then the parts of a recommendation."""
    with bench.loaded(SQLITE) as settings:
        train_where_needed(settings)
        database = Database(settings)
        size = size_of(database)
        database.dispose()
        # In a separate process, because the app changes the state of its process.
        whole, parts = measure(_take_apart, settings).result
    rows = [(name, f"{ours * 1e6:,.0f}", f"{bare * 1e6:,.0f}", bare / ours) for name, (ours, bare) in whole.items()]
    bench.show(f"Microseconds a request, without sockets; {size}", ("", "us", "bare", "of bare"), rows)
    total = parts["recommended movies"]
    parts["FastAPI, middlewares and JSON"] = total - parts["the service"]
    # 0 for a source with few users, whose lists are all cached.
    seconds = {name: parts.get(name, 0.0) for name in (*PARTS, "FastAPI, middlewares and JSON")}
    rows_of_parts = [(name, f"{part * 1e6:,.0f}", f"{part / total:.0%}") for name, part in seconds.items()]
    bench.show(f"Of {total * 1e6:,.0f} us for recommended movies", HEADER, rows_of_parts)


def _take_apart(settings: Settings) -> tuple[dict[str, tuple[float, float]], Seconds]:
    return asyncio.run(_measure(settings.model_copy(update={"log_level": "warning"})))


async def _measure(settings: Settings) -> tuple[dict[str, tuple[float, float]], Seconds]:
    """Return the seconds per request of Matinee and of the bare app, and of each part of a recommendation."""
    app, database = create_app(settings), Database(settings)
    with database.transaction(writes=False) as session:
        users = list(session.scalars(select(User.user_id).order_by(User.user_id).limit(2 * REQUESTS)))
        movies = list(session.scalars(select(Movie.movie_id).order_by(Movie.movie_id).limit(REQUESTS)))
    database.dispose()
    questions = {
        "average": [f"/movies/{movie_id}/avg-rating" for movie_id in movies],
        "list of ten": ["/movies"] * REQUESTS,
        "recommended movies": [f"/user/{user_id}/recommended-movies" for user_id in users[:REQUESTS]],
    }
    # Other users, because the lists of the first are cached.
    strangers = [f"{API}/user/{user_id}/recommended-movies" for user_id in users[REQUESTS:] or users]
    async with app.router.lifespan_context(app) as state:
        whole = {
            name: (
                (await _best_round(app, [API + path for path in paths], dict(state or {})))[0],
                (await _best_round(bare_app.app, paths, {}))[0],
            )
            for name, paths in questions.items()
        }
        with _timed(PARTS) as parts:
            total, of_parts = await _best_round(app, strangers, dict(state or {}), parts)
    return whole, {**of_parts, "recommended movies": total}


async def _best_round(
    app: ASGIApp, paths: list[str], state: dict[str, Any], parts: Seconds | None = None
) -> tuple[float, Seconds]:
    """Return the seconds per request of the best round, and of its parts. Rounds use different paths if possible."""
    parts = {} if parts is None else parts
    rounds = []
    for number in range(ROUNDS):
        asked = paths[number::ROUNDS] if len(paths) >= ROUNDS else paths
        parts.clear()
        started = time.perf_counter()
        for path in asked:
            await _ask(app, path, state)
        elapsed = time.perf_counter() - started
        rounds.append((elapsed / len(asked), {name: part / len(asked) for name, part in parts.items()}))
    return min(rounds, key=lambda best: best[0])


async def _ask(app: ASGIApp, path: str, state: dict[str, Any]) -> None:
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""},
        **{"headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)},
        "state": state.copy(),
    }

    async def receive() -> Message:  # noqa: RUF029 (ASGI awaits it)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:  # noqa: RUF029 (as above)
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}.")

    await app(scope, receive, send)


@contextmanager
def _timed(parts: dict[str, list[tuple[object, str]]]) -> Iterator[Seconds]:
    """Add up the seconds that functions take during a block, by the name of the part."""
    seconds: Seconds = defaultdict(float)
    with ExitStack() as patches:
        for part, functions in parts.items():
            for owner, name in functions:
                is_bound = isinstance(inspect.getattr_static(owner, name), classmethod | staticmethod)
                timed = _adding_to(seconds, part, getattr(owner, name))
                patches.enter_context(patch.object(owner, name, staticmethod(timed) if is_bound else timed))
        yield seconds


def _adding_to(seconds: Seconds, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (any arguments)
        started = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            seconds[part] += time.perf_counter() - started

    return timed
