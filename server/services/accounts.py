"""Accounts: what concerns a user together with their ratings and credentials."""

from datetime import UTC, datetime

from sqlalchemy import case, delete, func, insert, select, update

from server.errors import UserNotFound
from server.models import Credentials, DeletedUser, MovieStatistics, Rating, User, WithdrawnRating
from server.services.base import BaseDataManager, BaseService


class AccountService(BaseService):
    """Rules of accounts."""

    def delete_user(self, user_id: int) -> int:
        """Delete a user with their ratings and credentials; the movies' averages follow. Return the number of ratings.

        The id stays taken: no other user gets it, and an ingestion does not bring its ratings back. Raises
        `UserNotFound`.
        """
        accounts = AccountDataManager(self.session)
        if not accounts.lock_user(user_id):
            raise UserNotFound(user_id)
        ratings = accounts.delete_ratings(user_id)
        accounts.delete_user(user_id)
        return ratings


class AccountDataManager(BaseDataManager):
    """SQL over the tables of an account."""

    def lock_user(self, user_id: int) -> bool:
        """Make transactions that add ratings of this user wait for this one; return False for an unknown user.

        On SQLite the transaction as a whole is the lock.
        """
        statement = select(User.user_id).where(User.user_id == user_id).with_for_update()
        return self.session.scalar(statement) is not None

    def delete_ratings(self, user_id: int) -> int:
        """Delete a user's ratings, and subtract them from the statistics of their movies. Return their number."""
        rated = select(Rating.movie_id).where(Rating.user_id == user_id)
        # In one order, so that two of these do not wait for each other.
        ordered = select(MovieStatistics.movie_id).where(MovieStatistics.movie_id.in_(rated))
        self.session.execute(ordered.order_by(MovieStatistics.movie_id).with_for_update())
        gone = select(Rating.movie_id, Rating.rating).where(Rating.user_id == user_id).subquery()
        histogram = {
            column.key: column - case((gone.c.rating == (step + 1) / 2, 1), else_=0)
            for step, column in enumerate(MovieStatistics.histogram())
        }
        self.session.execute(
            update(MovieStatistics)
            .where(MovieStatistics.movie_id == gone.c.movie_id)
            .values(
                rating_count=MovieStatistics.rating_count - 1,
                rating_sum=MovieStatistics.rating_sum - gone.c.rating,
                **histogram,
            )
        )
        count = self.session.scalar(select(func.count()).select_from(Rating).where(Rating.user_id == user_id)) or 0
        self.session.execute(delete(Rating).where(Rating.user_id == user_id))
        return count

    def delete_user(self, user_id: int) -> None:
        """Delete a user without ratings, and record that the id is taken."""
        self.session.execute(delete(Credentials).where(Credentials.user_id == user_id))
        self.session.execute(delete(WithdrawnRating).where(WithdrawnRating.user_id == user_id))
        self.session.execute(delete(User).where(User.user_id == user_id))
        self.session.execute(insert(DeletedUser).values(user_id=user_id, deleted_at=datetime.now(UTC)))
