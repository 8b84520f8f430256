"""Every dependency of the routers, under one name each: sessions, services, paging, ids.

They are ``async def`` without an await on purpose: FastAPI runs those on the event loop, where a plain ``def`` would
cost two hops between threads. And they are few, for resolving one takes as long as a small query. None of them blocks;
a session connects at its first statement, in the handler's thread.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, NotRequired, TypedDict, cast

import anyio
from fastapi import BackgroundTasks, Depends, FastAPI, Form, Path, Query, Request
from fastapi.security import OAuth2PasswordBearer

from server.backend.database import Database, TransactionSession
from server.backend.metrics import Metrics
from server.backend.model_store import ModelStore
from server.backend.rate_limits import ClientLimits
from server.errors import NotSignedIn, TooBusy, UnavailableError, WriteQueueFull
from server.schemas.base import Paging as PagingQuery
from server.schemas.base import PathId
from server.schemas.movies import BestMoviesQuery, MovieQuery
from server.schemas.ratings import Rating
from server.schemas.token import TokenRequest
from server.schemas.user import RecommendationQuery
from server.services.authorization import Access, OpenAccess, TokenPermissions
from server.services.genres import GenreService
from server.services.health import OperationsService
from server.services.live.calibration import RunningCalibration
from server.services.live.catalogue import LiveCatalogue
from server.services.live.metrics import InstallationCollector
from server.services.live.model import LiveModel
from server.services.movies import MovieService, SimilarMoviesService
from server.services.ratings import RatingService
from server.services.recommendation_engine import RecommendationEngineService
from server.services.token import LoginService
from server.services.training.supervisor import TrainingSupervisor
from server.services.user import UserService

READING_METHODS = {"GET", "HEAD", "OPTIONS"}


class State(TypedDict):
    """What the app's lifespan makes, and requests share."""

    database: Database
    live_catalogue: LiveCatalogue
    live_model: LiveModel
    metrics: Metrics
    installation: InstallationCollector
    running_calibration: RunningCalibration
    model_store: ModelStore
    training_supervisor: TrainingSupervisor
    write_semaphore: anyio.Semaphore
    write_slot_timeout_s: float
    limits: ClientLimits
    login: LoginService | None
    """What gives and reads tokens, or None where authentication is off."""
    login_slots: anyio.Semaphore
    session: NotRequired[TransactionSession]
    """Of one request: it has a copy of the others."""


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[State]]


def state_of(request: Request) -> State:
    """Give what the lifespan made. No dependency: each of these costs every request as much as a small query."""
    return cast("State", request.state._state)


def address_of(request: Request) -> str:
    """Give the client's address; a proxy's word for it is taken where Uvicorn was told to trust the proxy."""
    return request.client.host if request.client else "unknown"


def session_of(request: Request) -> TransactionSession:
    """Give the request's session, the same whenever it is asked for; `server.web.routes` commits and closes it."""
    state = state_of(request)
    if "session" not in state:
        state["session"] = state["database"].open_session(writes=request.method not in READING_METHODS)
    return state["session"]


def calibration_of(request: Request) -> RunningCalibration:
    """Give what follows the probabilities that were told."""
    return state_of(request)["running_calibration"]


async def acquire_write_slot(request: Request) -> AsyncIterator[None]:
    """Wait for a place among those who write.

    Writers wait for each other in the database, each in a thread and with a connection. Only a few may do so at a time,
    the others wait here, where it costs nothing: threads and connections are left for those who read.
    """
    state = state_of(request)
    await state["limits"].count_write(address_of(request))
    async with _slot(state["write_semaphore"], state["write_slot_timeout_s"], WriteQueueFull()):
        yield


WriteSlotDep = Annotated[None, Depends(acquire_write_slot, scope="function")]


@asynccontextmanager
async def _slot(slots: anyio.Semaphore, timeout_s: float, refusal: UnavailableError) -> AsyncIterator[None]:
    try:
        with anyio.fail_after(timeout_s):
            await slots.acquire()
    except TimeoutError:
        raise refusal from None
    try:
        yield
    finally:
        slots.release()


class AccessByToken(OAuth2PasswordBearer):
    """Gives what says who may do what; where authentication is off everybody may.

    It is FastAPI's own security scheme, which reads the token and is in the OpenAPI document, and no dependency of it.
    Raises `NotSignedIn`, `InvalidToken`.
    """

    async def __call__(self, request: Request) -> Access:  # type: ignore[override]  # what becomes of the token
        """Give it for a request."""
        login = state_of(request)["login"]
        if login is None:
            return OpenAccess()
        token = await super().__call__(request)
        if token is None:
            raise NotSignedIn
        return TokenPermissions(session_of(request), login.tokens.read(token))


get_access = AccessByToken(
    "/api/rest/v1/token",
    scheme_name="login",
    description="The user name is the id of the user. A token is good for as many seconds as `expires_in` says.",
    auto_error=False,
)
# The first parameter of every handler that not everybody may call: before a writer's turn, which comes last, so that
# who is turned away here has not waited for it.
AccessDep = Annotated[Access, Depends(get_access)]


async def get_login(request: Request) -> AsyncIterator[LoginService]:
    """Give what gives tokens; only a few at a time, for a password takes 64 MiB to verify."""
    state = state_of(request)
    await state["limits"].count_login(address_of(request))
    async with _slot(state["login_slots"], state["write_slot_timeout_s"], TooBusy()):
        # There is no way here where authentication is off.
        yield cast("LoginService", state["login"])


LoginDep = Annotated[LoginService, Depends(get_login, scope="function")]
LoginForm = Annotated[TokenRequest, Form()]


async def get_live_model(request: Request) -> LiveModel:
    """Give the model that serves."""
    return state_of(request)["live_model"]


LiveModelDep = Annotated[LiveModel, Depends(get_live_model)]


async def get_model_store(request: Request) -> ModelStore:
    """Give where models are kept."""
    return state_of(request)["model_store"]


ModelStoreDep = Annotated[ModelStore, Depends(get_model_store)]


async def get_rating_note(request: Request, background: BackgroundTasks) -> Callable[[Rating], None]:
    """Give what follows a new rating up, after its answer and so after its COMMIT."""
    return lambda rating: background.add_task(calibration_of(request).note_rating, rating)


NoteRating = Annotated[Callable[[Rating], None], Depends(get_rating_note)]


async def get_training_supervisor(request: Request) -> TrainingSupervisor:
    """Give the one who starts trainings."""
    return state_of(request)["training_supervisor"]


TrainingSupervisorDep = Annotated[TrainingSupervisor, Depends(get_training_supervisor)]


async def get_movie_service(request: Request) -> MovieService:
    """Give the service of the movies, with the search index of this moment."""
    return MovieService(session_of(request), state_of(request)["live_catalogue"])


async def get_similar_movies_service(request: Request) -> SimilarMoviesService:
    """Give the service of the similar movies."""
    return SimilarMoviesService(session_of(request), state_of(request)["live_model"])


async def get_genre_service(request: Request) -> GenreService:
    """Give the service of the genres."""
    return GenreService(session_of(request))


async def get_rating_service(request: Request) -> RatingService:
    """Give the service of the ratings."""
    return RatingService(session_of(request))


async def get_user_service(request: Request) -> UserService:
    """Give the service of the users."""
    return UserService(session_of(request), state_of(request)["live_model"])


async def get_recommendation_engine_service(request: Request) -> RecommendationEngineService:
    """Give the service of the recommendation engine."""
    return RecommendationEngineService(session_of(request), state_of(request)["live_model"])


async def get_operations_service(request: Request) -> OperationsService:
    """Give the service of the health checks."""
    state = state_of(request)
    return OperationsService(session_of(request), state["live_catalogue"], state["live_model"])


MovieServiceDep = Annotated[MovieService, Depends(get_movie_service)]
SimilarMoviesServiceDep = Annotated[SimilarMoviesService, Depends(get_similar_movies_service)]
GenreServiceDep = Annotated[GenreService, Depends(get_genre_service)]
RatingServiceDep = Annotated[RatingService, Depends(get_rating_service)]
UserServiceDep = Annotated[UserService, Depends(get_user_service)]
RecommendationEngineServiceDep = Annotated[RecommendationEngineService, Depends(get_recommendation_engine_service)]
OperationsServiceDep = Annotated[OperationsService, Depends(get_operations_service)]

MovieId = Annotated[PathId, Path(description="Id of a movie.")]
RatingId = Annotated[PathId, Path(description="Id of a rating.")]
UserId = Annotated[PathId, Path(description="Id of a user.")]
RunId = Annotated[PathId, Path(description="Id of a training run.")]
ModelVersionNumber = Annotated[PathId, Path(description="Number of a model version.")]

Paging = Annotated[PagingQuery, Query()]
Movies = Annotated[MovieQuery, Query()]
BestMovies = Annotated[BestMoviesQuery, Query()]
Recommendations = Annotated[RecommendationQuery, Query()]
