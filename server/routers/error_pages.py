"""``/errors``: the pages that the ``type`` of a problem leads to, outside of the base path and the OpenAPI document."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from server.errors import ApiError, NotFoundError, list_errors
from server.web import frontend
from server.web.error_documents import document_of, document_of_all, prefers_html
from server.web.error_pages import describe, describe_all
from server.web.parameters import StrictRoute

router = APIRouter(prefix="/errors", include_in_schema=False, route_class=StrictRoute)

VARY = {"Vary": "Accept"}

Accept = Annotated[str, Header()]


@router.get("")
async def list_descriptions(accept: Accept = "*/*") -> Response:
    """Describe every error, in HTML for browsers, else in Markdown."""
    return _document(document_of_all()) if prefers_html(accept) else PlainTextResponse(describe_all(), headers=VARY)


@router.get("/{code}")
async def get_description(code: str, accept: Accept = "*/*") -> Response:
    """Describe one error, in HTML for browsers, else in Markdown."""
    error = _find(code)
    return _document(document_of(error)) if prefers_html(accept) else PlainTextResponse(describe(error), headers=VARY)


def _find(code: str) -> type[ApiError]:
    for error in list_errors():
        if error.code == code:
            return error
    raise NotFoundError(f"No error has the code {code!r}; GET /errors describes all errors.")


def _document(text: str) -> Response:
    headers = {"Content-Security-Policy": frontend.PAGE_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(text, headers=headers | VARY)
