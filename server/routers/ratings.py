"""``/ratings``."""

from fastapi import APIRouter, Request, Response, status

from server.errors import MovieNotFound, RatingNotFound, UserNotFound
from server.schemas.ratings import Rating, RatingCreate
from server.web.dependencies import AccessDep, NoteRating, RatingId, RatingServiceDep
from server.web.problems import documented
from server.web.routes import TransactionalRoute, described_header

router = APIRouter(prefix="/ratings", tags=["ratings"], route_class=TransactionalRoute)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {
            "model": Rating,
            "description": "The user had rated the movie before; value and time are replaced.",
            **described_header("Location", "The rating."),
        },
        201: described_header("Location", "The new rating."),
        **documented(UserNotFound(0), MovieNotFound(0)),
    },
)
def create_rating(
    access: AccessDep,
    wanted: RatingCreate,
    ratings: RatingServiceDep,
    note: NoteRating,
    request: Request,
    response: Response,
) -> Rating:
    """Rate a movie. Rating it again replaces value and time, keeps the id and answers 200.

    The movie's average and the user's recommendations show it at once.
    """
    access.require_user(wanted.user_id)
    saved = ratings.save_rating(wanted)
    response.headers["Location"] = request.url_for("get_rating", rating_id=saved.rating.rating_id).path
    response.status_code = status.HTTP_201_CREATED if saved.is_new else status.HTTP_200_OK
    if saved.is_new:
        note(saved.rating)
    return saved.rating


@router.get("/{rating_id}", responses=documented(RatingNotFound(0)))
def get_rating(access: AccessDep, rating_id: RatingId, ratings: RatingServiceDep) -> Rating:
    """Give one rating."""
    rating = ratings.get_rating(rating_id)
    access.require_user(rating.user_id)
    return rating


@router.delete("/{rating_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(RatingNotFound(0)))
def delete_rating(access: AccessDep, rating_id: RatingId, ratings: RatingServiceDep) -> None:
    """Take a rating back; the movie's average and count follow."""
    access.require_user(ratings.get_rating(rating_id).user_id)
    ratings.delete_rating(rating_id)
