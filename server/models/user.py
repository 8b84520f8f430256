"""The users who rate, and the credentials of those who can log in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime


class Role(StrEnum):
    """The permissions of a user: on their own data, or on everything."""

    USER = "user"
    ADMIN = "admin"


class User(Base):
    """A user, with the id of the source or the next free one."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    user_id: Mapped[int] = mapped_column(BigId, primary_key=True)


class Credentials(Base):
    """The password and role of a user who can log in. Users from MovieLens have no credentials."""

    __tablename__ = "credentials"
    __table_args__ = (CheckConstraint("role IN ('user', 'admin')", name="role"),)

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey(User.user_id), primary_key=True, autoincrement=False)
    password_hash: Mapped[str] = mapped_column(String)
    role: Mapped[str] = mapped_column(String)
    generation: Mapped[int]
    """Increases with each new password, which invalidates the tokens of earlier ones."""
    username: Mapped[str | None] = mapped_column(String, unique=True, index=True)
    """In lower case. Users whom an operator created may have none; they sign in with their id."""


class DeletedUser(Base):
    """The id of a deleted user. An ingestion skips all ratings of this user, and no other user gets the id."""

    __tablename__ = "deleted_users"

    user_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    deleted_at: Mapped[datetime] = mapped_column(UnixTime)
