"""Prometheus metrics of the whole installation, from the database."""

import logging
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from server.backend.database import Database
from server.models import RunStatus
from server.schemas.recommendation_engine import RecommendationEngine
from server.services.live.model import LiveModel
from server.services.recommendation_engine import RecommendationEngineService

logger = logging.getLogger(__name__)


class InstallationCollector(Collector):
    """Queries the database at each scrape, so that every process reports the same.

    If the database does not answer, only that is reported.
    """

    def __init__(self, database: Database, live_model: LiveModel) -> None:
        self.database = database
        self.live_model = live_model

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield _gauge(
            "matinee_served_model_version",
            "Model version that this process serves; 0 for none.",
            self.live_model.version,
        )
        yield _gauge(
            "matinee_model_problem",
            "1 if the live version cannot be read, else 0.",
            self.live_model.problem is not None,
        )
        try:
            with self.database.transaction(writes=False) as session:
                engine = RecommendationEngineService(session)
                overview, counts = engine.get_overview(), engine.runs.count_by_status()
        except SQLAlchemyError as error:
            logger.warning("the metrics of the database are missing, because it does not answer: %s", error)
            yield _gauge("matinee_database_up", "1 if the database answers, else 0.", 0)
            return
        yield _gauge("matinee_database_up", "1 if the database answers, else 0.", 1)
        yield _runs(counts)
        yield from _live(overview)


def _live(overview: RecommendationEngine) -> Iterator[Metric]:
    if overview.active_model is not None:
        version = overview.active_model.version
        yield _gauge("matinee_model_version", "Live model version of the installation.", version)
        yield _gauge("matinee_model_age_seconds", "Time since the live version was trained.", overview.age_s)


def _runs(counts: dict[RunStatus, int]) -> Metric:
    runs = GaugeMetricFamily("matinee_training_runs", "Number of training runs by status.", labels=["status"])
    for status in RunStatus:
        runs.add_metric([status.value], counts.get(status, 0))
    return runs


def _gauge(name: str, description: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, description, value=value or 0)
