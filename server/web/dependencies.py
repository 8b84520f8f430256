"""The dependencies of the routers, under one name each: services, access, slots, paging, ids.

They are ``async def`` without an await on purpose: FastAPI runs those on the event loop, where a plain ``def`` would
cost two hops between threads. None of them blocks: a session connects at its first statement, in the handler's thread.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar, cast

import anyio
from fastapi import BackgroundTasks, Body, Depends, Form, Path, Request, Response, status
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.base import SecurityBase

from server.backend.model_store import ModelStore
from server.errors import NotSignedIn, TooBusy, UnavailableError, WriteQueueFull
from server.schemas.base import Paging as PagingQuery
from server.schemas.base import PathId
from server.schemas.movies import BestMoviesQuery, GenreQuery, MovieQuery
from server.schemas.ratings import UserRatingsQuery
from server.schemas.tags import TagQuery
from server.schemas.token import TokenRequest
from server.schemas.user import RecommendationQuery
from server.services.accounts import AccountService
from server.services.authorization import Access, NoAccess, OpenAccess, TokenPermissions
from server.services.genres import GenreService
from server.services.health import HealthService
from server.services.live.calibration import RunningCalibration
from server.services.live.model import LiveModel, PinnedModel
from server.services.movies import MovieService, SimilarMoviesService
from server.services.ratings import RatingService, UserRatingsService
from server.services.ratings_import import RatingsImportService
from server.services.recommendation_engine import RecommendationEngineService
from server.services.recommendations import RecommendationService
from server.services.statistics import StatisticsService
from server.services.tags import TagService
from server.services.token import CredentialsReader, LoginService
from server.services.training.supervisor import TrainingSupervisor
from server.web.query import QueryReader
from server.web.state import address_of, open_session, state_of

T = TypeVar("T")

EXPORTED = "Date,Name,Year,Letterboxd URI,Rating\n2021-03-04,The Matrix,1999,https://boxd.it/2a9q,4.5\n"

MODEL_VERSION = "X-Model-Version"
"""The header that names the model version behind a list, because servers may differ for a moment."""

token_scheme = OAuth2PasswordBearer(
    "/api/rest/v1/token",
    scheme_name="login",
    description="The user name or the id of the user. `expires_in` is the lifetime of a token in seconds.",
    auto_error=False,
)


VISITOR_OPERATIONS = {"create_user"}
"""These operations need no token if sign-up is open."""


class AccessReader(SecurityBase):
    """Reads the caller's permissions.

    It documents the scheme of the token by itself. As a dependency of its own, the token takes as long to look for as
    the permissions: the benchmark row "recommended movies".
    """

    def __init__(self, scheme: OAuth2PasswordBearer) -> None:
        self.model = scheme.model
        self.scheme_name = scheme.scheme_name
        self._read_token = scheme

    async def __call__(self, request: Request) -> Access:
        """Return the caller's permissions; without authentication everyone may do everything.

        Raises `NotSignedIn` and `InvalidToken`.
        """
        state = state_of(request)
        if state["login"] is None:
            return OpenAccess()
        token = await self._read_token(request)
        if token is None and state["sign_up"] and request.scope["route"].name in VISITOR_OPERATIONS:
            return NoAccess()
        if token is None:
            raise NotSignedIn
        return TokenPermissions(state["database"].reader, state["login"].tokens.read(token))


get_access = AccessReader(token_scheme)
AccessDep = Annotated[Access, Depends(get_access)]


async def get_optional_access(request: Request) -> Access:
    """Return the caller's permissions on a public route; without a token they are none."""
    token = await token_scheme(request)
    return NoAccess() if token is None and state_of(request)["login"] else await get_access(request)


OptionalAccessDep = Annotated[Access, Depends(get_optional_access)]


async def acquire_write_slot(request: Request, _access: AccessDep) -> AsyncIterator[None]:
    """Wait for a slot among the writers, held until the transaction has ended. Raises `WriteQueueFull`.

    Writers wait for each other in the database, each in a thread and with a connection. Only a few may do so at a time;
    the others wait here, where it costs nothing: threads and connections remain free for readers. A caller without a
    valid token is refused first.
    """
    state = state_of(request)
    await state["limits"].count_write(address_of(request))
    async with _slot(state["write_semaphore"], state["write_slot_timeout_s"], WriteQueueFull()):
        yield


TAKES_WRITE_SLOT = Depends(acquire_write_slot, scope="function")
"""A dependency of every route that writes; `server.web.routes` adds it."""


async def acquire_password_slot(request: Request) -> AsyncIterator[None]:
    """Wait for a slot to hash a password, which takes 64 MiB; a request without a body needs none.

    Counts against the limit of login attempts. Raises `TooManyRequests` and `TooBusy`.
    """
    if request.headers.get("Content-Length", "0") == "0" and "Transfer-Encoding" not in request.headers:
        yield
        return
    state = state_of(request)
    await state["limits"].count_login(address_of(request))
    async with _slot(state["login_slots"], state["write_slot_timeout_s"], TooBusy()):
        yield


TAKES_PASSWORD_SLOT = Depends(acquire_password_slot, scope="function")
"""A dependency of every route that hashes a password in its transaction."""


async def get_login_service(request: Request) -> AsyncIterator[LoginService]:
    """Return the service that issues tokens; only a few at a time, because verifying a password takes 64 MiB."""
    state = state_of(request)
    await state["limits"].count_login(address_of(request))
    async with _slot(state["login_slots"], state["write_slot_timeout_s"], TooBusy()):
        # The route exists only with authentication.
        yield cast("LoginService", state["login"])


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


class Location:
    """Sets the ``Location`` header of a response."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    def on(self, result: T, route: str, **ids: int) -> T:
        """Return a handler's result, its response with the path of a route."""
        self._response.headers["Location"] = self._path(route, **ids)
        return result

    def accepted(self, route: str, **ids: int) -> Response:
        """Return an empty 202 response with the path of a route to follow."""
        return Response(status_code=status.HTTP_202_ACCEPTED, headers={"Location": self._path(route, **ids)})

    def _path(self, route: str, **ids: int) -> str:
        return self._request.url_for(route, **ids).path


async def get_location(request: Request, response: Response) -> Location:
    """Return the object that sets the location of this response."""
    return Location(request, response)


async def get_live_model(request: Request) -> LiveModel:
    """Return the model that serves."""
    return state_of(request)["live_model"]


async def get_pinned_model(request: Request, response: Response) -> PinnedModel:
    """Return the model of this request, whose version the response names."""
    model = state_of(request)["live_model"].pin()
    if model.version is not None:
        response.headers[MODEL_VERSION] = str(model.version)
    return model


PinnedModelDep = Annotated[PinnedModel, Depends(get_pinned_model)]


async def get_model_store(request: Request) -> ModelStore:
    """Return the store of the models."""
    return state_of(request)["model_store"]


async def get_calibration(request: Request) -> RunningCalibration:
    """Return the running calibration."""
    return state_of(request)["running_calibration"]


async def get_after_commit(background: BackgroundTasks) -> Callable[..., None]:
    """Return a function that runs another one after the response, and so after the COMMIT."""
    return background.add_task


async def get_training_supervisor(request: Request) -> TrainingSupervisor:
    """Return the supervisor of the trainings."""
    return state_of(request)["training_supervisor"]


async def get_account_service(request: Request) -> AccountService:
    """Return the service of the accounts."""
    state = state_of(request)
    reader = CredentialsReader(state["database"].reader)
    return AccountService(open_session(), reader, is_sign_up_open=state["sign_up"])


async def get_movie_service(request: Request) -> MovieService:
    """Return the service of the movies, with the search index of this moment."""
    state = state_of(request)
    return MovieService(state["live_catalogue"], state["listing"].get(), state["cards"], state["list_cards"])


async def get_similar_movies_service(request: Request, model: PinnedModelDep) -> SimilarMoviesService:
    """Return the service of the similar movies."""
    return SimilarMoviesService(open_session(), model, state_of(request)["cards"])


async def get_genre_service() -> GenreService:
    """Return the service of the genres."""
    return GenreService(open_session())


async def get_rating_service() -> RatingService:
    """Return the service of the ratings."""
    return RatingService(open_session())


async def get_user_ratings_service(request: Request) -> UserRatingsService:
    """Return the service of users' lists of ratings."""
    return UserRatingsService(open_session(), state_of(request)["cards"])


async def get_ratings_import_service() -> RatingsImportService:
    """Return the service that imports ratings files."""
    return RatingsImportService(open_session())


async def get_statistics_service() -> StatisticsService:
    """Return the service of the statistics."""
    return StatisticsService(open_session())


async def get_tag_service() -> TagService:
    """Return the service of the tags."""
    return TagService(open_session())


async def get_recommendation_service(request: Request, response: Response) -> RecommendationService:
    """Return the service of the recommendations."""
    # The model is not a dependency of this one: the benchmark row "recommended movies".
    state, model = state_of(request), await get_pinned_model(request, response)
    return RecommendationService(open_session, state["database"].reader, model, state["cards"])


async def get_recommendation_engine_service(request: Request) -> RecommendationEngineService:
    """Return the service of the recommendation engine."""
    return RecommendationEngineService(open_session(), state_of(request)["live_model"])


async def get_health_service(request: Request) -> HealthService:
    """Return the service of the health checks."""
    state = state_of(request)
    return HealthService(open_session(), state["live_catalogue"], state["live_model"])


AccountServiceDep = Annotated[AccountService, Depends(get_account_service)]
AfterCommit = Annotated[Callable[..., None], Depends(get_after_commit)]
CalibrationDep = Annotated[RunningCalibration, Depends(get_calibration)]
GenreServiceDep = Annotated[GenreService, Depends(get_genre_service)]
HealthServiceDep = Annotated[HealthService, Depends(get_health_service)]
LiveModelDep = Annotated[LiveModel, Depends(get_live_model)]
LocationDep = Annotated[Location, Depends(get_location)]
LoginServiceDep = Annotated[LoginService, Depends(get_login_service, scope="function")]
ModelStoreDep = Annotated[ModelStore, Depends(get_model_store)]
MovieServiceDep = Annotated[MovieService, Depends(get_movie_service)]
RatingServiceDep = Annotated[RatingService, Depends(get_rating_service)]
RecommendationEngineServiceDep = Annotated[RecommendationEngineService, Depends(get_recommendation_engine_service)]
RecommendationServiceDep = Annotated[RecommendationService, Depends(get_recommendation_service)]
RatingsImportServiceDep = Annotated[RatingsImportService, Depends(get_ratings_import_service)]
StatisticsServiceDep = Annotated[StatisticsService, Depends(get_statistics_service)]
TagServiceDep = Annotated[TagService, Depends(get_tag_service)]
UserRatingsServiceDep = Annotated[UserRatingsService, Depends(get_user_ratings_service)]
SimilarMoviesServiceDep = Annotated[SimilarMoviesService, Depends(get_similar_movies_service)]
TrainingSupervisorDep = Annotated[TrainingSupervisor, Depends(get_training_supervisor)]

MovieId = Annotated[PathId, Path(description="Id of a movie.")]
RatingId = Annotated[PathId, Path(description="Id of a rating.")]
UserId = Annotated[PathId, Path(description="Id of a user.")]
RunId = Annotated[PathId, Path(description="Id of a training run.")]
ModelVersionNumber = Annotated[PathId, Path(description="Number of a model version.")]

BestMovies = Annotated[BestMoviesQuery, Depends(QueryReader(BestMoviesQuery))]
GenrePages = Annotated[GenreQuery, Depends(QueryReader(GenreQuery))]
LoginForm = Annotated[TokenRequest, Form()]
Movies = Annotated[MovieQuery, Depends(QueryReader(MovieQuery))]
Paging = Annotated[PagingQuery, Depends(QueryReader(PagingQuery))]
RatingsFile = Annotated[
    bytes, Body(media_type="text/csv", description="The file as exported, at most 8 MiB.", examples=[EXPORTED])
]
Recommendations = Annotated[RecommendationQuery, Depends(QueryReader(RecommendationQuery))]
TagPages = Annotated[TagQuery, Depends(QueryReader(TagQuery))]
UserRatings = Annotated[UserRatingsQuery, Depends(QueryReader(UserRatingsQuery))]
