"""Health checks, outside the base path."""

from fastapi import APIRouter

from server.schemas.health import Liveness, Readiness
from server.web.dependencies import HealthServiceDep
from server.web.parameters import StrictRoute
from server.web.routes import TransactionalRoute

router = APIRouter(tags=["operations"], route_class=StrictRoute)
database_router = APIRouter(route_class=TransactionalRoute)


@router.get("/livez")
async def get_liveness() -> Liveness:
    """Report that the process answers."""
    return Liveness(status="alive")


@database_router.get("/readyz")
def get_readiness(health: HealthServiceDep) -> Readiness:
    """Report whether the process can serve, and which model it serves; 503 if the database does not answer."""
    return health.get_readiness()


router.include_router(database_router)
