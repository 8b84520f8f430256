"""Health: whether this process can serve."""

from sqlalchemy import func, select, text

from server.backend.database import TransactionSession
from server.models import User
from server.schemas.health import Readiness
from server.services.base import BaseDataManager, BaseService
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel


class OperationsService(BaseService):
    """Rules of readiness."""

    def __init__(self, session: TransactionSession, live_catalogue: LiveCatalogue, live_model: LiveModel) -> None:
        super().__init__(session)
        self.operations = OperationsDataManager(session)
        self.live_catalogue = live_catalogue
        self.live_model = live_model

    def get_readiness(self) -> Readiness:
        """Tell what the process serves with. A database that does not answer raises, and so answers 503."""
        self.operations.ping()
        return Readiness(
            status="ready",
            database=self.operations.dialect,
            movies=len(self.live_catalogue.index),
            model_version=self.live_model.version,
            model_problem=self.live_model.problem,
        )


class OperationsDataManager(BaseDataManager):
    """SQL of the health checks."""

    def ping(self) -> None:
        """Ask the database for anything at all."""
        self.session.execute(select(text("1")))

    def find_first_user(self) -> int | None:
        """Give the lowest user id there is, to show a call that works."""
        return self.session.scalar(select(func.min(User.user_id)))
