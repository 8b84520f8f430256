"""Health: whether this process can serve."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from server.schemas.health import Readiness
from server.services.base import BaseDataManager, BaseService
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel


class HealthService(BaseService):
    """Rules of readiness."""

    def __init__(self, session: Session, live_catalogue: LiveCatalogue, live_model: LiveModel) -> None:
        super().__init__(session)
        self.health = HealthDataManager(session)
        self.live_catalogue = live_catalogue
        self.live_model = live_model

    def get_readiness(self) -> Readiness:
        """Return what the process serves with. A database that does not answer raises, which is answered 503."""
        self.health.ping()
        return Readiness(
            status="ready",
            database=self.health.dialect,
            movies=len(self.live_catalogue.index),
            model_version=self.live_model.version,
            model_problem=self.live_model.problem,
        )


class HealthDataManager(BaseDataManager):
    """SQL of the health checks."""

    def ping(self) -> None:
        """Run a statement that any database answers."""
        self.session.execute(select(text("1")))
