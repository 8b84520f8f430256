"""The base of all tables: named constraints, 64-bit ids, sort keys and times as whole seconds."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# SQLite generates ids only for a column declared INTEGER, which holds 64 bits there.
BigId = BigInteger().with_variant(Integer(), "sqlite")

# Sort keys. Collation "C" is the order of SQLite, so both databases sort alike.
ByCodePoints = String().with_variant(String(collation="C"), "postgresql")


class UnixTime(TypeDecorator[datetime]):
    """A time as whole seconds since 1970 in UTC: eight bytes in every database, and the format of MovieLens files."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (signature of SQLAlchemy)
        """Convert an aware datetime to seconds, without the fraction."""
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (signature of SQLAlchemy)
        """Convert seconds to an aware datetime in UTC."""
        return None if value is None else datetime.fromtimestamp(value, tz=UTC)


class Base(DeclarativeBase):
    """The declarative base. A naming convention lets migrations refer to constraints in every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
