"""``/recommendations``."""

from fastapi import APIRouter

from server.errors import ArtifactError, MovieNotFound, NoActiveModel
from server.schemas.user import RecommendationRequest, RecommendedMovies
from server.web.dependencies import RecommendationServiceDep
from server.web.inline import runs_in_thread
from server.web.paging import VERSIONED
from server.web.problems import documented
from server.web.routes import QueryRoute

router = APIRouter(prefix="/recommendations", tags=["users"], route_class=QueryRoute)


@router.post(
    "",
    responses=VERSIONED
    | documented(MovieNotFound(0), NoActiveModel(), ArtifactError("Model version 3 cannot be read.")),
)
@runs_in_thread(is_costly=lambda request, recommendations, **_: recommendations.is_costly(request.query))
def recommend_to_guest(request: RecommendationRequest, recommendations: RecommendationServiceDep) -> RecommendedMovies:
    """Recommend movies by the ratings in the request, without a user.

    The list is the one that a user with these ratings would get. Nothing is stored.
    """
    return recommendations.recommend_to_guest(request)
