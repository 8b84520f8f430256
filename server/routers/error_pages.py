"""``/errors``: the pages that the ``type`` of a problem leads to, outside of the base path and the OpenAPI document."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from server.errors import NotFoundError, list_errors
from server.web.error_pages import describe, describe_all
from server.web.parameters import StrictRoute

router = APIRouter(
    prefix="/errors", include_in_schema=False, default_response_class=PlainTextResponse, route_class=StrictRoute
)


@router.get("")
async def list_descriptions() -> str:
    """Describe every error, in Markdown."""
    return describe_all()


@router.get("/{code}")
async def get_description(code: str) -> str:
    """Describe one error, in Markdown."""
    for error in list_errors():
        if error.code == code:
            return describe(error)
    raise NotFoundError(f"No error has the code {code!r}; GET /errors describes all errors.")
