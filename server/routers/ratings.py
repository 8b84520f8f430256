"""``/ratings``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from server.errors import MovieNotFound, RatingNotFound, UserNotFound
from server.schemas.ratings import Rating, RatingCreate
from server.services.ratings import SavedRating
from server.web.dependencies import (
    AccessDep,
    AfterCommit,
    CalibrationDep,
    LocationDep,
    RatingId,
    RatingServiceDep,
)
from server.web.paging import described_header
from server.web.problems import documented
from server.web.routes import TransactionalRoute

router = APIRouter(prefix="/ratings", tags=["ratings"], route_class=TransactionalRoute)


class SavedRatingResponse:
    """The response to a saved rating: 201 for a new one, else 200; with its location."""

    def __init__(
        self, response: Response, location: LocationDep, after_commit: AfterCommit, calibration: CalibrationDep
    ) -> None:
        self._response = response
        self._location = location
        self._after_commit = after_commit
        self._calibration = calibration

    def on(self, saved: SavedRating) -> Rating:
        """Return the rating."""
        self._response.status_code = status.HTTP_201_CREATED if saved.is_new else status.HTTP_200_OK
        self._after_commit(self._calibration.record_rating, saved.rating, is_first=saved.is_new)
        return self._location.on(saved.rating, "get_rating", rating_id=saved.rating.rating_id)


SavedRatingDep = Annotated[SavedRatingResponse, Depends()]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {
            "model": Rating,
            "description": "The user has rated the movie before; value and time are replaced.",
            **described_header("Location", "The rating."),
        },
        201: described_header("Location", "The new rating."),
        **documented(UserNotFound(0), MovieNotFound(0)),
    },
)
def create_rating(
    access: AccessDep, wanted: RatingCreate, ratings: RatingServiceDep, response: SavedRatingDep
) -> Rating:
    """Rate a movie. Rating it again replaces value and time, keeps the id and answers 200.

    The movie's average and the user's recommendations include it at once.
    """
    access.require_user(wanted.user_id)
    return response.on(ratings.save_rating(wanted))


@router.get("/{rating_id}", responses=documented(RatingNotFound(0)))
def get_rating(access: AccessDep, rating_id: RatingId, ratings: RatingServiceDep) -> Rating:
    """Get one rating."""
    # Before the rating is looked up: a revoked token must not reveal which ratings exist.
    access.require_valid()
    rating = ratings.get_rating(rating_id)
    access.require_user(rating.user_id)
    return rating


@router.delete(
    "/{rating_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(RatingNotFound(0)),
)
def delete_rating(access: AccessDep, rating_id: RatingId, ratings: RatingServiceDep) -> None:
    """Delete a rating; the movie's average and count follow."""
    access.require_valid()
    access.require_user((rating := ratings.get_rating(rating_id)).user_id)
    ratings.delete_rating(rating)
