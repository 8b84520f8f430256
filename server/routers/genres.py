"""``/genres``."""

from fastapi import APIRouter, Request, Response

from server.schemas.movies import GenrePage
from server.web.dependencies import GenrePages, GenreServiceDep
from server.web.paging import PAGED, linked
from server.web.routes import CatalogueRoute

router = APIRouter(prefix="/genres", tags=["movies"], route_class=CatalogueRoute)


@router.get("", responses=PAGED)
def list_genres(paging: GenrePages, genres: GenreServiceDep, request: Request, response: Response) -> GenrePage:
    """List the genres by name, each with its number of movies."""
    return linked(genres.list_genres(paging), request, response)
