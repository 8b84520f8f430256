"""``/user``."""

from fastapi import APIRouter, Request, Response, status

from server.errors import ArtifactError, NoActiveModel, UserNotFound
from server.schemas.ratings import RatingPage
from server.schemas.user import RecommendedMovies, User
from server.web.dependencies import (
    AccessDep,
    Paging,
    Recommendations,
    UserId,
    UserServiceDep,
    calibration_of,
)
from server.web.problems import documented
from server.web.routes import TransactionalRoute, described_header, runs_inline

router = APIRouter(prefix="/user", tags=["users"], route_class=TransactionalRoute)


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses={201: described_header("Location", "The new user's ratings.")}
)
def create_user(access: AccessDep, users: UserServiceDep, request: Request, response: Response) -> User:
    """Make a new user. ``Location`` leads to his ratings, none as yet."""
    access.require_admin()
    user = users.create_user()
    response.headers["Location"] = request.url_for("list_user_ratings", user_id=user.user_id).path
    return user


@router.get("/{user_id}/ratings", responses=documented(UserNotFound(0)))
def list_user_ratings(access: AccessDep, user_id: UserId, paging: Paging, users: UserServiceDep) -> RatingPage:
    """List a user's ratings, newest first."""
    access.require_user(user_id)
    return users.list_ratings(user_id, paging)


@router.get(
    "/{user_id}/recommended-movies",
    responses=documented(UserNotFound(0), NoActiveModel(), ArtifactError("Model version 3 cannot be read.")),
)
@runs_inline(when=lambda query, **_others: not query.expand and not query.explain)
def list_recommended_movies(
    access: AccessDep,
    user_id: UserId,
    query: Recommendations,
    users: UserServiceDep,
    request: Request,
) -> RecommendedMovies:
    """Recommend movies: ids and probabilities, highest first.

    The user's newest ratings count at once, without a new training. Movies he has rated are included unless
    `exclude_seen`. A user without ratings gets the popular movies. `expand=movies` adds the movies themselves, and
    `explain=true` the user's ratings that speak for each.
    """
    access.require_user(user_id)
    recommended = users.recommend_movies(user_id, query)
    calibration_of(request).note_list(user_id, recommended.movie_ids, recommended.probabilities)
    return recommended
