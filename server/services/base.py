"""The base of services and data managers: the session of the transaction they work in."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

# Both dialects spell an upsert alike, each with a class of its own.
Upsert = postgresql.Insert | sqlite.Insert


class BaseDataManager:
    """Queries the database; never decides, never commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.session.get_bind().dialect.name

    def insert(self, table: type) -> Upsert:
        """Begin an INSERT that may go on with ``on_conflict_do_update`` or ``on_conflict_do_nothing``."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)


class BaseService:
    """Decides; queries through its data managers. It runs in the session's transaction, which the caller commits."""

    def __init__(self, session: Session) -> None:
        self.session = session
