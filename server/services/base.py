"""What services and data managers share: the session of the transaction they work in."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

# Both dialects spell an upsert alike, each with a class of its own.
Upsert = postgresql.Insert | sqlite.Insert


class BaseDataManager:
    """Asks the database; never decides, never commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.session.get_bind().dialect.name

    def rows_of_driver(self, statement: TextClause, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Read all rows as the driver gives them: of many, SQLAlchemy's own would take most of the time."""
        with self.session.connection().execute(statement, parameters) as result:
            assert result.cursor is not None  # noqa: S101 (it is there until the result is closed; tells the type checker)
            return list(result.cursor.fetchall())

    def insert(self, table: type) -> Upsert:
        """Begin an INSERT that may go on with ``on_conflict_do_update`` or ``on_conflict_do_nothing``."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)


class BaseService:
    """Decides; asks through its data manager. It runs in the session's transaction, which the caller commits."""

    def __init__(self, session: Session) -> None:
        self.session = session
