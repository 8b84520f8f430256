"""``/genres``."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.schemas.base import Limit, Paging
from server.schemas.movies import GenrePage
from server.web.dependencies import GenreServiceDep
from server.web.routes import CacheableRoute

router = APIRouter(prefix="/genres", tags=["movies"], route_class=CacheableRoute)


class GenrePaging(Paging):
    """Which page; there are few genres, so the first holds them all."""

    limit: Limit = 100


@router.get("")
def list_genres(paging: Annotated[GenrePaging, Query()], genres: GenreServiceDep) -> GenrePage:
    """List the genres by name, each with its number of movies."""
    return genres.list_genres(paging)
