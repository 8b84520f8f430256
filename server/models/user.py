"""The people who rate."""

from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId


class User(Base):
    """A user; the id is the source's, or the next free one."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    user_id: Mapped[int] = mapped_column(BigId, primary_key=True)
