"""The state of an app without a database: sessions, write slots and rate limits that only record."""

import threading

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from server.errors import (
    TooManyRequests,
)


class FakeSession(Session):
    """A session without a database that records how its transaction ends; its COMMIT can be made to fail."""

    def __init__(self) -> None:
        super().__init__(create_engine("sqlite://"))
        self.events: list[str] = []
        self.commit_threads: list[str] = []
        self.commit_error: Exception | None = None

    def in_transaction(self) -> bool:
        return True

    def commit(self) -> None:
        self.events.append("commit")
        self.commit_threads.append(threading.current_thread().name)
        if self.commit_error is not None:
            raise self.commit_error
        super().commit()

    def close(self) -> None:
        self.events.append("close")
        super().close()


class FakeDatabase:
    """Opens one session, over and over."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.replica = None

    def open_session(self, *, writes: bool) -> FakeSession:
        del writes
        return self.session


class FakeLimits:
    """Counts for each address; those in `refused` have asked too often."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, str]] = []
        self.refused: set[str] = set()

    async def count_login(self, address: str) -> None:
        self._count("login", address)

    async def count_write(self, address: str) -> None:
        self._count("write", address)

    def _count(self, what: str, address: str) -> None:
        if address in self.refused:
            raise TooManyRequests(7)
        self.counted.append((what, address))
