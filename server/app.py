"""The FastAPI app: its parts, and what lives as long as it does."""

import gc
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from fastapi import FastAPI
from pwdlib import PasswordHash
from threadpoolctl import threadpool_limits

from server.backend import logging, migrate, processes
from server.backend.availability import PROBE_INTERVAL_S
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.metrics import Metrics
from server.backend.model_store import ModelStore
from server.backend.passwords import VERIFIED_AT_ONCE, Passwords
from server.backend.rate_limits import AccountLimits, ClientLimits
from server.backend.shared_redis import SharedRedis, open_redis
from server.backend.tokens import TokenSigner
from server.routers import (
    diagnostics,
    error_pages,
    genres,
    health,
    movies,
    page,
    ratings,
    recommendation_engine,
    recommendations,
    statistics,
    tags,
    token,
    user,
)
from server.routers import metrics as metrics_route
from server.services.diagnostics import check_settings
from server.services.live.calibration import RunningCalibration
from server.services.live.cards import MovieCards
from server.services.live.catalogue import LiveCatalogue
from server.services.live.listing import LiveListing
from server.services.live.metrics import InstallationCollector
from server.services.live.model import LiveModel
from server.services.live.watch import UPKEEP_INTERVAL_S, DatabaseWatch
from server.services.token import LoginService
from server.services.training.supervisor import TrainingSupervisor
from server.web import openapi, problems, tracing
from server.web.middleware.access_log import AccessLog
from server.web.middleware.compression import CompressionMiddleware
from server.web.middleware.cross_origin import CrossOriginMiddleware
from server.web.middleware.edge import EdgeMiddleware
from server.web.middleware.errors import UnexpectedErrorMiddleware
from server.web.middleware.limits import LimitsMiddleware
from server.web.prefix import PrefixedApp, TrustedProxies
from server.web.routes import add_routes
from server.web.state import Lifespan, State

API_PREFIX = "/api/rest/v1"

WRITE_SLOTS = 8
"""At most this many writers of a process wait for each other in the database; see dependencies.acquire_write_slot."""

DESCRIPTION = """\
A movie catalogue, ratings, and personal recommendations with calibrated probabilities.

Errors are problem details (RFC 9457, `application/problem+json`) whose `type` leads to an explanation. Lists are
pages with an exact `total` and a `Link` header. Times are UTC. Every response carries `X-Request-ID`. HEAD works
wherever GET does; movies, lists and the recommendation engine have an `ETag`.
"""

TAGS = [
    {"name": "movies", "description": "The catalogue: listing, search, averages, genres."},
    {"name": "ratings", "description": "One rating per user and movie."},
    {"name": "users", "description": "Users, their ratings and their recommendations."},
    {"name": "recommendation engine", "description": "Training runs and model versions."},
    {"name": "operations", "description": "Health and metrics."},
]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create an app; nothing is opened before its lifespan begins.

    Raises `SettingsError` for a wrong setting.
    """
    settings, metrics = settings or Settings.load(), Metrics()
    check_settings(settings)
    app = PrefixedApp(
        prefix=settings.root_path,
        trusted_proxies=TrustedProxies(),
        servers=[{"url": "/"}],
        title="Matinee",
        version=version("matinee"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan(settings, metrics),
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        # `tracing` and `metrics` are ours; FastAPI's own looks for its exporters with each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Routes are tried in order, so the busiest come first.
    resources = [movies, user, ratings, recommendations, genres, tags, recommendation_engine, statistics]
    for resource in [*resources, *([token] if settings.auth else [])]:
        add_routes(app, resource.router, prefix=API_PREFIX)
    add_routes(app, diagnostics.build_router(settings), prefix=API_PREFIX)
    for other in (health, metrics_route, error_pages):
        add_routes(app, other.router)
    add_routes(app, page.build_router(settings))
    problems.install(app)
    openapi.install(app, has_authentication=settings.auth)
    # From the inside out: each sees the responses of those before it.
    app.add_middleware(LimitsMiddleware, timeout_s=settings.request_timeout_s)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(UnexpectedErrorMiddleware)
    app.add_middleware(CrossOriginMiddleware, origins=settings.cors_origins)
    app.add_middleware(EdgeMiddleware, access_log=AccessLog(metrics))
    tracing.trace_requests(app)
    return app


def _lifespan(settings: Settings, metrics: Metrics) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        logging.configure(settings.log_level, settings.log_format)
        # Requests already run side by side; threads inside their linear algebra would compete.
        threadpool_limits(1)
        processes.exit_with_parent()
        redis = open_redis(settings.redis_url)
        database = Database(settings)
        migrate.prepare(database)
        live_catalogue = LiveCatalogue(database)
        listing = LiveListing(database.catalogue_reader)
        store = ModelStore(settings.model_store)
        live_model = LiveModel(database, store)
        supervisor = TrainingSupervisor(database, settings, starts_runs=settings.training == "here")
        followers = {part.refresh: part.is_behind for part in (live_catalogue, listing, live_model)}
        _call_side_by_side(followers)
        # A full collection would stop the event loop for 90 ms to look through objects that live as long as the
        # process. It moves the benchmark column "slowest"; `benchmarks.without freeze` leaves it out.
        gc.collect()
        gc.freeze()
        probes = {part.probe: PROBE_INTERVAL_S for part in (database.replica, redis) if part is not None}
        upkeep_s = dict.fromkeys((supervisor.keep_alive, listing.refresh_if_used), UPKEEP_INTERVAL_S)
        watch = DatabaseWatch(
            database,
            followers | {supervisor.supervise: supervisor.is_behind},
            interval_s=settings.poll_interval_s,
            upkeep_s=upkeep_s | probes,
        )
        watch.start()
        try:
            with tracing.exported(database):
                yield State(
                    database=database,
                    live_catalogue=live_catalogue,
                    live_model=live_model,
                    cards=(cards := MovieCards(database.reader)),
                    list_cards=cards if database.replica is None else MovieCards(database.catalogue_reader),
                    listing=listing,
                    metrics=metrics,
                    installation=InstallationCollector(database, live_model),
                    running_calibration=RunningCalibration(metrics, redis),
                    model_store=store,
                    training_supervisor=supervisor,
                    write_semaphore=anyio.Semaphore(WRITE_SLOTS),
                    write_slot_timeout_s=settings.database_timeout_s,
                    limits=ClientLimits(settings, redis),
                    login=_login_service(settings, database, redis) if settings.auth else None,
                    sign_up=settings.auth and settings.sign_up,
                    login_slots=anyio.Semaphore(VERIFIED_AT_ONCE),
                )
        finally:
            watch.stop()
            supervisor.stop()
            if redis is not None:
                redis.close()
            database.dispose()

    return lifespan


def _call_side_by_side(calls: Iterable[Callable[[], None]]) -> None:
    # Reading a model and checking its digests releases the interpreter.
    with ThreadPoolExecutor() as pool:
        for called in [pool.submit(call) for call in calls]:
            called.result()


def _login_service(settings: Settings, database: Database, redis: SharedRedis | None) -> LoginService:
    tokens = TokenSigner(settings.auth_secret.get_secret_value(), lifetime_s=settings.auth_token_lifetime_s)
    return LoginService(database.reader, tokens, Passwords(PasswordHash.recommended()), AccountLimits(redis))


app = create_app()
