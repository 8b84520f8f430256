"""Free ids of users, for databases in which counting on would lead to ids that JavaScript rounds."""

from sqlalchemy import func, literal_column, select, text, union_all, update

from server.models import DeletedUser, User
from server.schemas.base import MAX_ID
from server.services.base import BaseDataManager

FREE_ID_LOCK = 3_305_784_602
"""Key of the lock of transactions that look for a free id; an arbitrary number."""


class UserIdDataManager(BaseDataManager):
    """SQL of the ids of users."""

    def move_to_free_id(self, user_id: int) -> int:
        """Assign the lowest free id to a new user without ratings, and return it."""
        if self.dialect == "postgresql":
            self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FREE_ID_LOCK})
        taken = union_all(
            select(User.user_id), select(DeletedUser.user_id), select(literal_column("0").label("user_id"))
        ).subquery()
        following = taken.c.user_id + 1
        lowest = (
            select(func.min(following))
            .where(taken.c.user_id < MAX_ID)
            .where(following.not_in(select(User.user_id)))
            .where(following.not_in(select(DeletedUser.user_id)))
        )
        statement = update(User).where(User.user_id == user_id).values(user_id=lowest.scalar_subquery())
        return self.session.execute(statement.returning(User.user_id)).scalar_one()
