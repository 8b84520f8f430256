"""What the database tells of the whole installation, in the terms of Prometheus."""

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
    """Asked anew for each scrape, so that every process gives the same answer.

    Where the database does not answer, that is what is told, and no more.
    """

    def __init__(self, database: Database, live_model: LiveModel) -> None:
        self.database = database
        self.live_model = live_model

    def collect(self) -> Iterator[Metric]:
        """Give what there is to tell."""
        yield _gauge("matinee_served_model_version", "Version this process serves; 0: none.", self.live_model.version)
        yield _gauge(
            "matinee_model_problem", "1 where the live version cannot be read.", self.live_model.problem is not None
        )
        try:
            with self.database.transaction(writes=False) as session:
                engine = RecommendationEngineService(session)
                overview, counts = engine.get_overview(), engine.runs.count_by_status()
        except SQLAlchemyError as error:
            logger.warning("the database does not answer to the metrics: %s", error)
            yield _gauge("matinee_database_up", "1 where the database answers.", 0)
            return
        yield _gauge("matinee_database_up", "1 where the database answers.", 1)
        yield _runs(counts)
        yield from _live(overview)


def _live(overview: RecommendationEngine) -> Iterator[Metric]:
    if overview.active_model is not None:
        version = overview.active_model.version
        yield _gauge("matinee_model_version", "The live model version of the installation.", version)
        yield _gauge("matinee_model_age_seconds", "Since the live version was trained.", overview.age_s)


def _runs(counts: dict[RunStatus, int]) -> Metric:
    runs = GaugeMetricFamily("matinee_training_runs", "Training runs there are, by status.", labels=["status"])
    for status in RunStatus:
        runs.add_metric([status.value], counts.get(status, 0))
    return runs


def _gauge(name: str, what: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, what, value=value or 0)
