"""``/diagnostics``."""

from fastapi import APIRouter

from server.backend.config import Settings
from server.schemas.diagnostics import Diagnosis
from server.services.diagnostics import examine
from server.web.dependencies import AccessDep
from server.web.routes import TransactionalRoute


def build_router(settings: Settings) -> APIRouter:
    """Return the route, which checks the installation of these settings."""
    router = APIRouter(prefix="/diagnostics", tags=["operations"], route_class=TransactionalRoute)

    @router.get("")
    def get_diagnostics(access: AccessDep) -> Diagnosis:
        """Check settings, disk space, model store, database, runs and live model, as `matinee doctor` does.

        Only the recount of all ratings is left out, which takes long on a large database.
        """
        access.require_admin()
        return Diagnosis(findings=list(examine(settings, recounts=False)))

    return router
