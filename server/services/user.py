"""Users."""

from sqlalchemy import func, insert, select

from server.models import User
from server.schemas.base import MAX_ID
from server.services.base import BaseDataManager
from server.services.user_ids import UserIdDataManager


class UserDataManager(BaseDataManager):
    """SQL of the users."""

    def create(self) -> int:
        """Insert a user with the next free id, at most `MAX_ID`, and return the id."""
        user_id = self.session.execute(insert(User).values().returning(User.user_id)).scalar_one()
        return user_id if user_id <= MAX_ID else UserIdDataManager(self.session).move_to_free_id(user_id)

    def exists(self, user_id: int) -> bool:
        """Return whether there is such a user."""
        return self.session.scalar(select(User.user_id).where(User.user_id == user_id)) is not None

    def find_first(self) -> int | None:
        """Return the lowest user id, or None without users."""
        return self.session.scalar(select(func.min(User.user_id)))
