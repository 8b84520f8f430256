"""``/genres``."""

from fastapi import APIRouter

from server.schemas.movies import GenrePage
from server.web.dependencies import GenrePages, GenreServiceDep
from server.web.paging import PAGED, LinksDep
from server.web.routes import CatalogueRoute

router = APIRouter(prefix="/genres", tags=["movies"], route_class=CatalogueRoute)


@router.get("", responses=PAGED)
def list_genres(paging: GenrePages, genres: GenreServiceDep, links: LinksDep) -> GenrePage:
    """List the genres by name, each with its number of movies."""
    return links.on(genres.list_genres(paging))
