"""``/metrics``, outside the base path."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from server.web.parameters import StrictRoute
from server.web.state import state_of

router = APIRouter(tags=["operations"], route_class=StrictRoute)

EXAMPLE = 'matinee_requests_total{method="GET",route="/readyz",status="200"} 12.0'


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "Metrics in Prometheus's text format.", "content": {"text/plain": {"example": EXAMPLE}}}
    },
)
def get_metrics(request: Request) -> Response:
    """Return metrics for Prometheus: requests, the live model, training runs, and the running calibration.

    Any worker of a server answers for all of them. Without the database, the response reports that and the counters.
    """
    state = state_of(request)
    return Response(state["metrics"].render(state["installation"]), media_type=CONTENT_TYPE_LATEST)
