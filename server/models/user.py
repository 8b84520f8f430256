"""The people who rate, and how those who may log in do so."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId


class Role(StrEnum):
    """What a user may do: his own, or everything."""

    USER = "user"
    ADMIN = "admin"


class User(Base):
    """A user; the id is the source's, or the next free one."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    user_id: Mapped[int] = mapped_column(BigId, primary_key=True)


class Credentials(Base):
    """A user who can log in, by his id. Most cannot: those of MovieLens have no password."""

    __tablename__ = "credentials"
    __table_args__ = (CheckConstraint("role IN ('user', 'admin')", name="role"),)

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey(User.user_id), primary_key=True, autoincrement=False)
    password_hash: Mapped[str] = mapped_column(String)
    role: Mapped[str] = mapped_column(String)
    generation: Mapped[int]
    """Rises with each new password; a token of an earlier one is void."""
