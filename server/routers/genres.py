"""``/genres``."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.dependencies import GenreServiceDep, PageLinksDep
from server.routing import PAGE_RESPONSES, PublicRoute
from server.schemas.base import Limit, Paging
from server.schemas.movies import GenrePage

router = APIRouter(prefix="/genres", tags=["movies"], route_class=PublicRoute)


class GenrePaging(Paging):
    """Which page; there are few genres, so the first holds them all."""

    limit: Limit = 100


@router.get("", responses=PAGE_RESPONSES)
def list_genres(paging: Annotated[GenrePaging, Query()], genres: GenreServiceDep, links: PageLinksDep) -> GenrePage:
    """List the genres by name, each with its number of movies."""
    return links.on(genres.list_genres(paging))
