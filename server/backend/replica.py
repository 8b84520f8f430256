"""A read replica of the database, for reads that may be a second late, and the database itself while it is down."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from server.backend.availability import Availability
from server.backend.config import Settings
from server.backend.engines import create_engine, create_reader, open_reading_session
from server.backend.reader import Reader, Row

T = TypeVar("T")

TIMEOUT_S = 5.0
"""A statement on the replica may take this long, so that the database has time to answer instead."""

PROBE = "SELECT max(ingestion_id) FROM ingestions"


class ReadReplica:
    """Opens sessions and reads on the replica. Nothing is connected before the first use."""

    def __init__(self, settings: Settings) -> None:
        timeout_s = min(settings.database_timeout_s, TIMEOUT_S)
        settings = settings.model_copy(
            update={"database_url": settings.database_read_url, "database_timeout_s": timeout_s}
        )
        self.engine = create_engine(settings, is_replica=True)
        self.reader = create_reader(settings, self.engine)
        self._availability = Availability(
            "The read replica", "Reads go to the database of MATINEE_DATABASE_URL until it does."
        )

    @property
    def is_up(self) -> bool:
        """Whether the replica has answered lately."""
        return self._availability.is_up

    def open_session(self) -> Session:
        """Return a session for reads."""
        return open_reading_session(self.engine)

    def read(self, ask_replica: Callable[[Session], T], ask_primary: Callable[[], T]) -> T:
        """Return what a function reads in one transaction of the replica, or what the other reads while it is down."""

        def ask() -> T:
            with Session(self.engine) as session:
                return ask_replica(session)

        return self.attempt(ask, ask_primary)

    def attempt(self, ask_replica: Callable[[], T], ask_primary: Callable[[], T]) -> T:
        """Return what the replica answers, or the database itself if the replica does not."""
        if not self.is_up:
            return ask_primary()
        try:
            return ask_replica()
        except PoolTimeoutError:
            # It is busy, not down, and its load would make the database busy as well.
            raise
        except Exception as error:  # It may fail in ways of its own, such as a missing table.
            answer = ask_primary()
            # A statement that is itself at fault has failed there as well.
            self.report_failure(error)
            return answer

    def report_failure(self, error: Exception) -> None:
        """Record that the replica did not answer. Its connections are closed: they may lead nowhere."""
        self._availability.report_failure(error)
        self.dispose()

    def probe(self) -> None:
        """Query the replica again if it is down."""
        self._availability.probe(self.read_version)

    def read_version(self) -> int:
        """Return the version of the replica's catalogue, 0 before the first. Raises as `Reader.read`."""
        ((version,),) = self.reader.read(PROBE, {})
        return int(version or 0)

    def dispose(self) -> None:
        """Close all connections."""
        self.reader.close()
        self.engine.dispose()


class FallbackReader(Reader):
    """Reads from the replica, or from the database itself while the replica is down."""

    def __init__(self, replica: ReadReplica, primary: Reader) -> None:
        self.dialect = primary.dialect
        self.is_in_process = primary.is_in_process
        self._replica = replica
        self._primary = primary

    def close(self) -> None:
        """Do nothing: the connections are those of the two readers."""

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        return self._replica.attempt(
            lambda: self._replica.reader.read(statement, parameters),
            lambda: self._primary.read(statement, parameters),
        )
