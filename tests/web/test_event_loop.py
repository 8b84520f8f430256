"""The event loop stays free: for a user with very many ratings, and while the pool of connections is at its limit."""

import logging
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.engines import COSTLY_READS, HANDLER_THREADS, PERIODIC_TASKS, POOL_SIZES
from server.backend.migrate import prepare
from server.backend.model_store import ModelStore
from server.schemas.movies import MovieQuery
from server.schemas.user import RecommendationQuery
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel
from server.services.recommendations import MAX_INLINE_RATINGS
from server.services.training.trainer import Trainer
from tests.support.readers import movies_of, recommendations_of
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each
from tests.support.waiting import DEADLINE_S, wait_until

API = "/api/rest/v1"
MOVIES, AVID_RATINGS = 5_100, 5_000
AVID, MODERATE, OCCASIONAL = 1, 2, 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an installation with a user of 5,000 ratings."""
    folder = tmp_path_factory.mktemp("installation")
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{folder}/matinee.db",
        model_store=str(folder / "models"),
        model_memory_mb=1,
        database_timeout_s=DEADLINE_S,
    )
    database = Database(settings)
    prepare(database)
    load_folder(source_of(folder / "source"), database)
    trainer = Trainer(database, ModelStore(settings.model_store), settings)
    trainer.carry_out(trainer.start_run())
    database.dispose()
    return settings


def source_of(folder: Path) -> Path:
    """Write movies, and ratings of one avid user, one at the bound, and many others."""
    generator = random.Random(0)  # noqa: S311 (no secret, only the same ratings every time)
    sizes = {AVID: AVID_RATINGS, MODERATE: MAX_INLINE_RATINGS} | dict.fromkeys(range(OCCASIONAL, 80), 30)
    ratings = [
        f"{user},{movie},{generator.randint(1, 10) / 2},{1_000_000_000 + movie}"
        for user, size in sizes.items()
        for movie in generator.sample(range(1, MOVIES + 1), size)
    ]
    movies = [f"{movie},Film {movie} (2000),Drama" for movie in range(1, MOVIES + 1)]
    return write_source(folder, movies=movies, ratings=ratings)


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    yield database
    database.dispose()


@for_each(("user_id", "is_inline"), [(AVID, False), (MODERATE, True), (OCCASIONAL, True)])
def test_only_short_histories_are_scored_on_the_event_loop(
    settings: Settings, database: Database, user_id: int, *, is_inline: bool
) -> None:
    live_model = LiveModel(database, ModelStore(settings.model_store))
    live_model.refresh()
    with database.open_session(writes=False) as session:
        service = recommendations_of(session, live_model)

        assert service.recommends_inline(user_id, RecommendationQuery()) == is_inline


@for_each("query", [{"expand": ["movies"]}, {"explain": True}])
def test_additions_to_a_list_are_not_computed_on_the_event_loop(
    settings: Settings, database: Database, query: dict[str, object]
) -> None:
    live_model = LiveModel(database, ModelStore(settings.model_store))
    live_model.refresh()
    with database.open_session(writes=False) as session:
        service = recommendations_of(session, live_model)

        assert not service.recommends_inline(OCCASIONAL, RecommendationQuery.model_validate(query))
        assert service.is_costly(RecommendationQuery.model_validate(query))
        assert not service.is_costly(RecommendationQuery())


@for_each(
    ("query", "is_inline"),
    [
        ({}, True),
        ({"page": 3}, True),
        ({"search": "matrix"}, True),
        ({"search": "a b c d e f g h"}, True),
        ({"search": "a b c d e f g h i"}, False),
        ({"facets": True}, False),
        ({"search": "matrix", "facets": True}, False),
    ],
)
def test_only_short_searches_run_on_the_event_loop(
    database: Database, query: dict[str, object], *, is_inline: bool
) -> None:
    with database.open_session(writes=False) as session:
        service = movies_of(session, LiveCatalogue(database))

        assert service.lists_inline(MovieQuery.model_validate(query)) == is_inline


def test_no_handler_computes_for_long_on_the_event_loop(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    paths = [
        *(f"/user/{user_id}/recommended-movies?n=100&exclude_seen=true" for user_id in (AVID, MODERATE, OCCASIONAL)),
        *("/movies?limit=100", f"/movies?limit=100&page={MOVIES // 100}", "/movies?search=film&limit=100"),
        *(f"/movies?{query}&limit=100" for query in ("sort=rating&year_from=1990", "search=film&highlight=true")),
        *("/movies/1", "/movies/1/avg-rating", "/movies/1/rating-histogram"),
    ]
    with TestClient(create_app(settings)) as client, caplog.at_level(logging.WARNING, logger="server.web.inline"):
        # The app has configured the logger; the test reads it.
        logging.getLogger("server").propagate = True
        statuses = {client.get(API + path).status_code for path in paths for _ in range(2)}

    assert statuses == {200}
    # The guard warns of every handler that computes for longer than its limit.
    assert [record.getMessage() for record in caplog.records] == []


def test_the_pool_of_sqlite_has_a_connection_for_every_thread() -> None:
    assert POOL_SIZES["sqlite"] >= HANDLER_THREADS + COSTLY_READS + PERIODIC_TASKS


def test_a_pool_at_its_limit_does_not_stop_the_event_loop(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client, ThreadPoolExecutor(1) as waiter, ExitStack() as taken:
        pool = client.app_state["database"].engine.pool
        while pool.checkedout() < POOL_SIZES["sqlite"]:
            taken.enter_context(client.app_state["database"].engine.connect())
        waiting = waiter.submit(client.get, f"{API}/genres")
        answers = [
            client.get(path).status_code
            for path in ("/livez", f"{API}/movies", f"{API}/movies/1/avg-rating", f"{API}/user/3/recommended-movies")
        ]
        was_waiting = not waiting.done()
        taken.close()
        wait_until(waiting.done)

    assert answers == [200] * 4
    assert was_waiting
    assert waiting.result().status_code == 200


def test_every_recommendation_names_the_model_version(settings: Settings) -> None:
    guest = {"ratings": [{"movie_id": 1, "rating": 5}]}
    with TestClient(create_app(settings)) as client:
        answers = [
            client.get(f"{API}/user/{OCCASIONAL}/recommended-movies"),
            client.get(f"{API}/user/{AVID}/recommended-movies?expand=movies"),
            client.post(f"{API}/recommendations", json=guest),
            similar := client.get(f"{API}/movies/1/similar"),
            client.get(f"{API}/movies/1/similar", headers={"If-None-Match": similar.headers["ETag"]}),
        ]
        others = [client.get(f"{API}/movies"), client.get(f"{API}/user/999999/recommended-movies")]

    assert [(answer.status_code, answer.headers["X-Model-Version"]) for answer in answers] == [
        *[(200, "1")] * 4,
        (304, "1"),
    ]
    assert not any("X-Model-Version" in answer.headers for answer in others)
