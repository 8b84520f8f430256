"""``/user``."""

from fastapi import APIRouter, BackgroundTasks, Request, Response, status

from server.errors import ArtifactError, NoActiveModel, NotSignedIn, UnknownRatingsFile, UsernameTaken, UserNotFound
from server.etl.ratings_export import read_export
from server.schemas.ratings import RatingPage
from server.schemas.ratings_import import ImportReport
from server.schemas.user import PasswordChange, RecommendedMovies, User, UserCreate, UserProfile
from server.web.dependencies import (
    TAKES_PASSWORD_SLOT,
    AccessDep,
    AccountServiceDep,
    LocationDep,
    RatingsFile,
    RatingsImportServiceDep,
    Recommendations,
    RecommendationServiceDep,
    UserId,
    UserRatings,
    UserRatingsServiceDep,
)
from server.web.inline import runs_in_thread, runs_inline
from server.web.paging import PAGED, VERSIONED, described_header, linked
from server.web.problems import documented
from server.web.routes import TransactionalRoute
from server.web.state import state_of

router = APIRouter(prefix="/user", tags=["users"], route_class=TransactionalRoute)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={201: described_header("Location", "The new user's ratings."), **documented(UsernameTaken("ripley"))},
    dependencies=[TAKES_PASSWORD_SLOT],
)
def create_user(
    access: AccessDep, accounts: AccountServiceDep, location: LocationDep, wanted: UserCreate | None = None
) -> User:
    """Create a user. ``Location`` is the address of the user's ratings, an empty list at first.

    With a name and a password in the body, the user can sign in. With authentication, only administrators may create
    users, unless sign-up is open to visitors.
    """
    user = accounts.create_user(wanted, access)
    return location.on(user, "list_user_ratings", user_id=user.user_id)


@router.get("/me", responses=documented(NotSignedIn()))
def get_current_user(access: AccessDep, accounts: AccountServiceDep) -> UserProfile:
    """Get the user who is signed in."""
    return accounts.get_profile(access.get_caller_id())


@router.put(
    "/me/password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotSignedIn()),
    dependencies=[TAKES_PASSWORD_SLOT],
)
def change_password(access: AccessDep, change: PasswordChange, accounts: AccountServiceDep) -> None:
    """Change the password of the user who is signed in. All tokens become invalid; sign in again."""
    accounts.change_password(access.get_caller_id(), change)


@router.get("/{user_id}", responses=documented(UserNotFound(0)))
def get_user(access: AccessDep, user_id: UserId, accounts: AccountServiceDep) -> UserProfile:
    """Get one user."""
    access.require_user(user_id)
    return accounts.get_profile(user_id)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(UserNotFound(0)))
def delete_user(access: AccessDep, user_id: UserId, accounts: AccountServiceDep) -> None:
    """Delete a user with their ratings and their password. Averages and counts follow.

    The id is not used again, and loading a source again does not bring the ratings back.
    """
    access.require_user(user_id)
    accounts.delete_user(user_id)


@router.get("/{user_id}/ratings", responses=PAGED | documented(UserNotFound(0)))
@runs_in_thread(is_costly=lambda query, **_: query.expands_movies)
def list_user_ratings(
    access: AccessDep,
    user_id: UserId,
    query: UserRatings,
    ratings: UserRatingsServiceDep,
    request: Request,
    response: Response,
) -> RatingPage:
    """List a user's ratings, newest first unless `sort` says otherwise.

    `movie_id` finds the rating of one movie, and `expand=movies` adds the movies themselves.
    """
    access.require_user(user_id)
    return linked(ratings.list_user_ratings(user_id, query), request, response)


@router.post("/{user_id}/ratings/import", responses=documented(UserNotFound(0), UnknownRatingsFile()))
def import_user_ratings(
    access: AccessDep, user_id: UserId, file: RatingsFile, ratings: RatingsImportServiceDep
) -> ImportReport:
    """Import a ratings file (CSV) that a user exported from Letterboxd, IMDb or MovieLens.

    Rows are matched by IMDb id, else by title and year; one year off is accepted. Values are converted to stars. The
    report counts every row and names those that match no movie, or several. All matched ratings are saved, or none.
    The same file again changes nothing.
    """
    access.require_user(user_id)
    return ratings.import_ratings(user_id, *read_export(file))


@router.get(
    "/{user_id}/recommended-movies",
    responses=VERSIONED
    | documented(UserNotFound(0), NoActiveModel(), ArtifactError("Model version 3 cannot be read.")),
)
@runs_inline(
    when=lambda user_id, query, recommendations, **_: recommendations.recommends_inline(user_id, query),
    is_costly=lambda query, recommendations, **_: recommendations.is_costly(query),
)
def list_recommended_movies(
    access: AccessDep,
    user_id: UserId,
    query: Recommendations,
    recommendations: RecommendationServiceDep,
    request: Request,
    background: BackgroundTasks,
) -> RecommendedMovies:
    """Recommend movies: ids and probabilities, highest first.

    The user's newest ratings count at once, without a new training. Movies that the user has rated are included unless
    `exclude_seen`. A user without ratings gets the popular movies. `expand=movies` adds the movies themselves, and
    `explain=true` the user's ratings that speak for each.
    """
    access.require_user(user_id)
    recommended = recommendations.recommend_movies(user_id, query)
    return state_of(request)["running_calibration"].record_list(user_id, recommended, background.add_task)
