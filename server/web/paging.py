"""Pages lead to other pages: the ``Link`` header of a list (RFC 8288)."""

from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request, Response

from server.schemas.base import PageRead

PageT = TypeVar("PageT", bound=PageRead)

# Characters that are not escaped in a query string, including the "%" of those that are.
ALLOWED_IN_QUERY = "%/?:@!$&'()*+,;=-._~"


def described_header(name: str, description: str, kind: str = "string") -> dict[str, Any]:
    """Describe, for an entry of a route's ``responses``, a header that the route sets; ``kind`` is its JSON type."""
    return {"headers": {name: {"description": description, "schema": {"type": kind}}}}


VERSIONED: dict[int | str, dict[str, Any]] = {
    200: described_header("X-Model-Version", "The model version that made the list.", "integer")
}


PAGED: dict[int | str, dict[str, Any]] = {
    200: described_header("Link", "The pages `first`, `prev`, `next` and `last` (RFC 8288).")
}


def linked(page: PageT, request: Request, response: Response) -> PageT:
    """Return the page, its response with links to the others."""
    response.headers["Link"] = links_of(request, page)
    return page


def links_of(request: Request, page: PageRead) -> str:
    """Return links to the pages first, prev, next and last, as far as they exist."""
    last = max(1, -(-page.total // page.limit))
    numbers = {"first": 1, "prev": min(page.page - 1, last), "next": page.page + 1, "last": last}
    query = quote(request.scope["query_string"], safe=ALLOWED_IN_QUERY)
    others = "".join(f"{part}&" for part in query.split("&") if part and part.partition("=")[0] != "page")
    # Without scheme and host, which a proxy may have changed.
    path = f"{quote(request.scope['path'])}?{others}page="
    return ", ".join(
        f'<{path}{number}>; rel="{relation}"' for relation, number in numbers.items() if 1 <= number <= last
    )
