"""Health checks, outside the base path."""

from fastapi import APIRouter

from server.dependencies import OperationsServiceDep
from server.routing import TransactionRoute
from server.schemas.operations import Liveness, Readiness

liveness_router = APIRouter(tags=["operations"])
router = APIRouter(tags=["operations"], route_class=TransactionRoute)


@liveness_router.get("/livez")
async def get_liveness() -> Liveness:
    """Say that the process answers."""
    return Liveness(status="alive")


@router.get("/readyz")
def get_readiness(operations: OperationsServiceDep) -> Readiness:
    """Say that the process can serve, and with what; 503 where the database does not answer."""
    return operations.get_readiness()
