"""Health checks and metrics, outside the base path."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from server.schemas.health import Liveness, Readiness
from server.web.dependencies import OperationsServiceDep, state_of
from server.web.routes import TransactionalRoute

liveness_router = APIRouter(tags=["operations"])
router = APIRouter(tags=["operations"], route_class=TransactionalRoute)


@liveness_router.get("/livez")
async def get_liveness() -> Liveness:
    """Say that the process answers."""
    return Liveness(status="alive")


@router.get("/readyz")
def get_readiness(operations: OperationsServiceDep) -> Readiness:
    """Say that the process can serve, and with what; 503 where the database does not answer."""
    return operations.get_readiness()


METRICS = 'matinee_requests_total{method="GET",route="/readyz",status="200"} 12.0'


@liveness_router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "Metrics in Prometheus's text form.", "content": {"text/plain": {"example": METRICS}}}
    },
)
def get_metrics(request: Request) -> Response:
    """Give what Prometheus collects: requests, the live model, training runs, and how probabilities come true.

    Any worker of a server answers for all of them. Without the database it tells just that, and what was counted.
    """
    state = state_of(request)
    return Response(state["metrics"].render(state["installation"]), media_type=CONTENT_TYPE_LATEST)
