"""What every table shares: named constraints, 64-bit ids and times as whole seconds."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Dialect, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# SQLite gives rowids, and so automatic ids, only to a column declared INTEGER, which holds 64 bits there.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class UnixTime(TypeDecorator[datetime]):
    """A moment as whole seconds since 1970 in UTC: eight bytes on every database, and what MovieLens files hold."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (signature of SQLAlchemy)
        """Take an aware datetime to seconds; a fraction is cut off."""
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (signature of SQLAlchemy)
        """Take seconds to an aware datetime in UTC."""
        return None if value is None else datetime.fromtimestamp(value, tz=UTC)


class Base(DeclarativeBase):
    """Declarative base; constraint names follow one convention, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
