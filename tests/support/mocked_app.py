"""The app with every service replaced by a fake: no database, no model, no lifespan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.backend.metrics import Metrics
from server.services.authorization import OpenAccess
from server.services.live.calibration import RunningCalibration
from server.web import dependencies
from server.web.state import open_session
from tests.support import fake_state, fakes


@dataclass(frozen=True)
class Fakes:
    """The fakes behind the routers."""

    session: fake_state.FakeSession = field(default_factory=fake_state.FakeSession)
    movies: fakes.FakeMovieService = field(default_factory=fakes.FakeMovieService)
    similar: fakes.FakeSimilarMoviesService = field(default_factory=fakes.FakeSimilarMoviesService)
    genres: fakes.FakeGenreService = field(default_factory=fakes.FakeGenreService)
    ratings: fakes.FakeRatingService = field(default_factory=fakes.FakeRatingService)
    user_ratings: fakes.FakeUserRatingsService = field(default_factory=fakes.FakeUserRatingsService)
    imports: fakes.FakeRatingsImportService = field(default_factory=fakes.FakeRatingsImportService)
    statistics: fakes.FakeStatisticsService = field(default_factory=fakes.FakeStatisticsService)
    tags: fakes.FakeTagService = field(default_factory=fakes.FakeTagService)
    accounts: fakes.FakeAccountService = field(default_factory=fakes.FakeAccountService)
    engine: fakes.FakeRecommendationEngineService = field(default_factory=fakes.FakeRecommendationEngineService)
    health: fakes.FakeHealthService = field(default_factory=fakes.FakeHealthService)
    recommendations: fakes.FakeRecommendationService = field(default_factory=fakes.FakeRecommendationService)
    supervisor: fakes.FakeTrainingSupervisor = field(default_factory=fakes.FakeTrainingSupervisor)
    calibration: RunningCalibration = field(default_factory=lambda: RunningCalibration(Metrics()))
    live_model: fakes.FakeLiveModel = field(default_factory=fakes.FakeLiveModel)

    def state(self) -> dict[str, object]:
        """Return the part of the lifespan's state that every request uses."""
        return {"database": fake_state.FakeDatabase(self.session), "running_calibration": self.calibration}


@pytest.fixture
def behind() -> Fakes:
    return Fakes()


T = TypeVar("T")


def in_session(service: T) -> Callable[[], T]:
    """Return a dependency that returns a service, and opens the session of the request as the real one does."""

    def get_service() -> T:
        open_session()
        return service

    return get_service


@pytest.fixture
def app(behind: Fakes) -> FastAPI:
    app = create_app(Settings(_env_file=None))
    app.dependency_overrides = {
        dependencies.get_access: OpenAccess,
        dependencies.get_optional_access: OpenAccess,
        dependencies.acquire_write_slot: lambda: None,
        dependencies.acquire_password_slot: lambda: None,
        dependencies.get_movie_service: lambda: behind.movies,
        dependencies.get_similar_movies_service: in_session(behind.similar),
        dependencies.get_genre_service: in_session(behind.genres),
        dependencies.get_rating_service: in_session(behind.ratings),
        dependencies.get_account_service: in_session(behind.accounts),
        dependencies.get_user_ratings_service: in_session(behind.user_ratings),
        dependencies.get_ratings_import_service: in_session(behind.imports),
        dependencies.get_statistics_service: in_session(behind.statistics),
        dependencies.get_tag_service: in_session(behind.tags),
        dependencies.get_recommendation_engine_service: in_session(behind.engine),
        dependencies.get_health_service: in_session(behind.health),
        dependencies.get_recommendation_service: in_session(behind.recommendations),
        dependencies.get_calibration: lambda: behind.calibration,
        dependencies.get_training_supervisor: lambda: behind.supervisor,
        dependencies.get_live_model: lambda: behind.live_model,
        dependencies.get_model_store: lambda: None,
    }
    return app


@pytest.fixture
def client(app: FastAPI, behind: Fakes) -> TestClient:
    """A client of the app. It is not entered as a context, so the lifespan does not run."""
    client = TestClient(app, follow_redirects=False)
    client.app_state.update(behind.state())
    return client
