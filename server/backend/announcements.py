"""Announcements of changes between the processes on one PostgreSQL: NOTIFY and LISTEN.

An announcement only wakes a process that would look by itself some seconds later, so a lost one does no harm.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

CHANNEL = "matinee"

# The thread looks this often whether it is stopped; an announcement wakes it at once.
STOP_CHECK_S = 0.5
RETRY_S = 5.0


def announce_change(session: Session) -> None:
    """Announce at the COMMIT of a transaction that a model, a run or the catalogue has changed."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


class ChangeListener:
    """Calls a function after each announcement, on a connection of its own.

    Behind a pooler such as PgBouncer there are none: its connections are not those of the server.
    """

    def __init__(self, engine: Engine, on_change: Callable[[], None]) -> None:
        self._engine = engine
        self._on_change = on_change
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ChangeListener", daemon=True)

    def start(self) -> None:
        """Start to listen, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, after a short while at most."""
        self._stopped.set()
        self._thread.join(2 * STOP_CHECK_S)

    def _listen(self) -> None:
        from psycopg import Error  # noqa: PLC0415 (only installations on PostgreSQL load its driver)

        while not self._stopped.is_set():
            try:
                if not self._follow():
                    return
            except (SQLAlchemyError, Error) as error:
                logger.info("announcements of changes are interrupted: %s", error)
                self._stopped.wait(RETRY_S)

    def _follow(self) -> bool:
        """Pass announcements on until the stop. Return False if none can arrive on such a connection."""
        pooled = self._engine.raw_connection()
        driver: Any = pooled.driver_connection
        # Out of the engine's pool: requests must not wait for the connection.
        pooled.detach()
        try:
            driver.limit_s = None
            driver.autocommit = True
            if driver.execute("SELECT pg_backend_pid()").fetchone() != (driver.info.backend_pid,):
                logger.info("a pooler is between this process and PostgreSQL; changes are found by polling")
                return False
            driver.execute(f"LISTEN {CHANNEL}")
            # Announcements before the LISTEN have been missed.
            self._on_change()
            while not self._stopped.is_set():
                for _ in driver.notifies(timeout=STOP_CHECK_S, stop_after=1):
                    self._on_change()
        finally:
            pooled.close()
        return True
