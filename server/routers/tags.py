"""``/tags``."""

from fastapi import APIRouter, Request, Response

from server.schemas.tags import TagPage
from server.web.dependencies import TagPages, TagServiceDep
from server.web.paging import PAGED, linked
from server.web.routes import CatalogueRoute

router = APIRouter(prefix="/tags", tags=["movies"], route_class=CatalogueRoute)


@router.get("", responses=PAGED)
def list_tags(query: TagPages, tags: TagServiceDep, request: Request, response: Response) -> TagPage:
    """List the tags that users put on movies, the most used first, each with its number of movies."""
    return linked(tags.list_tags(query), request, response)
