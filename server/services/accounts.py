"""Accounts: what concerns a user together with their ratings and credentials."""

from datetime import UTC, datetime

from pwdlib import PasswordHash
from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from server.errors import InvalidField, UserNotFound
from server.models import Credentials, DeletedUser, MovieStatistics, Rating, Role, User, WithdrawnRating
from server.schemas import user as schemas
from server.services.authorization import Access
from server.services.base import BaseDataManager, BaseService
from server.services.token import CredentialsReader, CredentialsService
from server.services.user import UserDataManager


class AccountService(BaseService):
    """Rules of accounts."""

    def __init__(
        self, session: Session, reader: CredentialsReader | None = None, *, is_sign_up_open: bool = False
    ) -> None:
        super().__init__(session)
        # Reads past the session: a password takes longer to verify than others should wait to write.
        self.reader = reader
        self.passwords = PasswordHash.recommended()
        self.is_sign_up_open = is_sign_up_open
        self.accounts = AccountDataManager(session)

    def create_user(self, wanted: schemas.UserCreate | None, access: Access) -> schemas.User:
        """Create a user, with a name and a password if wanted; only administrators may if sign-up is closed.

        Raises `UsernameTaken`.
        """
        if wanted is None or not self.is_sign_up_open:
            access.require_admin()
        if wanted is None:
            return schemas.User(user_id=UserDataManager(self.session).create())
        credentials = CredentialsService(self.session, self.passwords)
        password = wanted.password.get_secret_value()
        return schemas.User(user_id=credentials.create_user(password, Role.USER, wanted.username))

    def get_profile(self, user_id: int) -> schemas.UserProfile:
        """Return a user with their name, role and number of ratings. Raises `UserNotFound`."""
        profile = self.accounts.find_profile(user_id)
        if profile is None:
            raise UserNotFound(user_id)
        return profile

    def change_password(self, user_id: int, change: schemas.PasswordChange) -> None:
        """Replace a user's password; tokens of the previous one are void. Raises `InvalidField` for a wrong one."""
        stored = self.reader.find(user_id) if self.reader else None
        current = change.current_password.get_secret_value()
        if stored is None or not self.passwords.verify(current, stored.password_hash):
            raise InvalidField("#/body/current_password", "The current password is wrong.")
        CredentialsService(self.session, self.passwords).set_password(user_id, change.new_password.get_secret_value())

    def delete_user(self, user_id: int) -> int:
        """Delete a user with their ratings and credentials; the movies' averages follow. Return the number of ratings.

        The id stays taken: no other user gets it, and an ingestion does not bring its ratings back. Raises
        `UserNotFound`.
        """
        accounts = self.accounts
        if not accounts.lock_user(user_id):
            raise UserNotFound(user_id)
        ratings = accounts.delete_ratings(user_id)
        accounts.delete_user(user_id)
        return ratings


class AccountDataManager(BaseDataManager):
    """SQL over the tables of an account."""

    def find_profile(self, user_id: int) -> schemas.UserProfile | None:
        """Return a user with their credentials and number of ratings, or None for an unknown user."""
        ratings = select(func.count()).where(Rating.user_id == User.user_id).scalar_subquery().label("total_ratings")
        columns = (User.user_id, Credentials.username, Credentials.role, ratings)
        statement = select(*columns).outerjoin(Credentials, Credentials.user_id == User.user_id)
        row = self.session.execute(statement.where(User.user_id == user_id)).mappings().one_or_none()
        return None if row is None else schemas.UserProfile(**row)

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
