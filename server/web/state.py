"""The state of a request: that of its app's lifespan, and a session of its own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TypedDict, cast

import anyio
from fastapi import FastAPI, Request
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.backend.metrics import Metrics
from server.backend.model_store import ModelStore
from server.backend.rate_limits import ClientLimits
from server.services.live.calibration import RunningCalibration
from server.services.live.cards import MovieCards
from server.services.live.catalogue import LiveCatalogue
from server.services.live.listing import LiveListing
from server.services.live.metrics import InstallationCollector
from server.services.live.model import LiveModel
from server.services.token import LoginService
from server.services.training.supervisor import TrainingSupervisor


class State(TypedDict):
    """The objects that an app's lifespan creates and its requests share."""

    database: Database
    live_catalogue: LiveCatalogue
    live_model: LiveModel
    cards: MovieCards
    list_cards: MovieCards
    """The cards of lists of movies, which may be a second late; else the same object."""
    listing: LiveListing
    metrics: Metrics
    installation: InstallationCollector
    running_calibration: RunningCalibration
    model_store: ModelStore
    training_supervisor: TrainingSupervisor
    write_semaphore: anyio.Semaphore
    write_slot_timeout_s: float
    limits: ClientLimits
    login: LoginService | None
    """Issues and reads tokens, or None without authentication."""
    sign_up: bool
    """Whether visitors may create an account."""
    login_slots: anyio.Semaphore


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[State]]


class RequestSession:
    """The session of a request, opened when a service first needs it.

    Hot reads do without: to open one takes as long as they do. It moves the benchmark rows "average" and "list of ten".
    """

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._session: Session | None = None

    def get(self) -> Session:
        """Return the session, the same for all services of the request."""
        if self._session is None:
            self._session = self._open()
        return self._session

    def commit(self) -> None:
        """Commit what the request has done, if it has used the session."""
        if self._session is not None and self._session.in_transaction():
            self._session.commit()

    def close(self) -> None:
        """Return the connection of a transaction that has not ended."""
        if self._session is not None and self._session.in_transaction():
            self._session.close()


current_session: ContextVar[RequestSession] = ContextVar("current_session")
"""The session of the request in progress. `server.web.routes` sets it; `server.web.inline` commits and closes it."""


def open_session() -> Session:
    """Return the session of the request in progress."""
    return current_session.get().get()


def state_of(request: Request) -> State:
    """Return the state of the lifespan."""
    return cast("State", request.state)


def address_of(request: Request) -> str:
    """Return the client's address, as a trusted proxy reports it."""
    return request.client.host if request.client else "unknown"
