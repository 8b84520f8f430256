"""``/statistics``."""

from fastapi import APIRouter

from server.schemas.statistics import Statistics
from server.web.dependencies import StatisticsServiceDep
from server.web.routes import CatalogueRoute

router = APIRouter(prefix="/statistics", tags=["operations"], route_class=CatalogueRoute)


@router.get("")
def get_statistics(statistics: StatisticsServiceDep) -> Statistics:
    """Get the number of movies, users and ratings, and of ratings since the live model."""
    return statistics.get_statistics()
