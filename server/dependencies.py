"""Every dependency of the routers, under one name each: sessions, services, paging, headers of lists.

They are ``async def`` without an await on purpose: FastAPI runs those on the event loop, where a plain ``def`` would
cost two hops between threads. None of them blocks; a session connects at its first statement, in the handler's thread.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, TypedDict, TypeVar, cast

import anyio
from fastapi import Depends, FastAPI, Path, Query, Request, Response
from sqlalchemy.orm import Session

from server.backend.metrics import Metrics
from server.backend.model_store import ModelStore
from server.backend.session import Database
from server.errors import TooManyWrites
from server.schemas.base import PageRead, PathId
from server.schemas.base import Paging as PagingQuery
from server.schemas.movies import BestMoviesQuery, MovieQuery
from server.schemas.user import RecommendationQuery
from server.services.installation_metrics import InstallationCollector
from server.services.live import LiveCatalogue, LiveModel
from server.services.movies import GenreService, MovieService, SimilarMoviesService
from server.services.operations import OperationsService
from server.services.ratings import RatingService
from server.services.recommendation_engine import RecommendationEngineService
from server.services.running_calibration import RunningCalibration
from server.services.training_supervisor import TrainingSupervisor
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
    write_slots: anyio.Semaphore
    write_slot_timeout_s: float


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[State]]


async def get_state(request: Request) -> State:
    """Give what the lifespan made."""
    return cast("State", request.state._state)


StateDep = Annotated[State, Depends(get_state)]


async def get_session(request: Request, state: StateDep) -> AsyncIterator[Session]:
    """Give the request's session; `server.routing` commits and closes it.

    Writers wait for each other in the database, each in a thread and with a connection. Only a few may do so at a time,
    the others wait here, where it costs nothing: threads and connections are left for those who read.
    """
    if request.method in READING_METHODS:
        yield state["database"].open_session(writes=False)
        return
    try:
        with anyio.fail_after(state["write_slot_timeout_s"]):
            await state["write_slots"].acquire()
    except TimeoutError:
        raise TooManyWrites from None
    try:
        yield state["database"].open_session(writes=True)
    finally:
        state["write_slots"].release()


SessionDep = Annotated[Session, Depends(get_session, scope="function")]


async def get_live_model(state: StateDep) -> LiveModel:
    """Give the model that serves."""
    return state["live_model"]


LiveModelDep = Annotated[LiveModel, Depends(get_live_model)]


async def get_model_store(state: StateDep) -> ModelStore:
    """Give where models are kept."""
    return state["model_store"]


ModelStoreDep = Annotated[ModelStore, Depends(get_model_store)]


async def get_running_calibration(state: StateDep) -> RunningCalibration:
    """Give what follows the probabilities that were told."""
    return state["running_calibration"]


RunningCalibrationDep = Annotated[RunningCalibration, Depends(get_running_calibration)]


async def get_training_supervisor(state: StateDep) -> TrainingSupervisor:
    """Give the one who starts trainings."""
    return state["training_supervisor"]


TrainingSupervisorDep = Annotated[TrainingSupervisor, Depends(get_training_supervisor)]


async def get_movie_service(session: SessionDep, state: StateDep) -> MovieService:
    """Give the service of the movies, with the search index of this moment."""
    return MovieService(session, state["live_catalogue"].index)


async def get_similar_movies_service(session: SessionDep, live_model: LiveModelDep) -> SimilarMoviesService:
    """Give the service of the similar movies."""
    return SimilarMoviesService(session, live_model)


async def get_genre_service(session: SessionDep) -> GenreService:
    """Give the service of the genres."""
    return GenreService(session)


async def get_rating_service(session: SessionDep) -> RatingService:
    """Give the service of the ratings."""
    return RatingService(session)


async def get_user_service(session: SessionDep, live_model: LiveModelDep) -> UserService:
    """Give the service of the users."""
    return UserService(session, live_model)


async def get_recommendation_engine_service(session: SessionDep) -> RecommendationEngineService:
    """Give the service of the recommendation engine."""
    return RecommendationEngineService(session)


async def get_operations_service(session: SessionDep, state: StateDep) -> OperationsService:
    """Give the service of the health checks."""
    return OperationsService(session, state["live_catalogue"], state["live_model"])


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

PageT = TypeVar("PageT", bound=PageRead)


class PageLinks:
    """Puts the ``Link`` header of a page (RFC 8288) on the response: first, prev, next, last."""

    def __init__(self, request: Request, response: Response) -> None:
        self._url = request.url
        self._response = response

    def on(self, page: PageT) -> PageT:
        """Set the header for a page, and give the page."""
        last = max(1, -(-page.total // page.limit))
        numbers = {"first": 1, "prev": min(page.page - 1, last), "next": page.page + 1, "last": last}
        self._response.headers["Link"] = ", ".join(
            f'<{self._path(number)}>; rel="{relation}"' for relation, number in numbers.items() if 1 <= number <= last
        )
        return page

    def _path(self, page: int) -> str:
        # Without scheme and host, which a proxy may have changed.
        url = self._url.include_query_params(page=page)
        return f"{url.path}?{url.query}"


async def get_page_links(request: Request, response: Response) -> PageLinks:
    """Give what sets the ``Link`` header."""
    return PageLinks(request, response)


PageLinksDep = Annotated[PageLinks, Depends(get_page_links)]
