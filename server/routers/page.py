"""``/``: the built-in page, and ``/docs``: Swagger UI from this server's own files. Both outside the API document."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from server.backend.config import Settings
from server.web import frontend

IMMUTABLE = "public, max-age=31536000, immutable"


def build_router(settings: Settings) -> APIRouter:
    """Return the routes of the page; without ``/`` if `MATINEE_PAGE` is off."""
    router = APIRouter(include_in_schema=False)

    if settings.page:

        @router.get("/", response_class=HTMLResponse)
        async def get_page() -> HTMLResponse:
            """Return the page, which knows whether visitors can sign in and sign up."""
            modes = {"auth": _on_or_off(settings.auth), "sign_up": _on_or_off(settings.sign_up)}
            return _document(frontend.render("index.html", **modes), frontend.PAGE_POLICY)

    @router.get("/docs", response_class=HTMLResponse)
    async def get_docs() -> HTMLResponse:
        """Return Swagger UI."""
        return _document(frontend.render("docs.html"), frontend.DOCS_POLICY)

    @router.get("/favicon.ico")
    async def get_favicon(request: Request) -> Response:
        """Return the icon, for browsers that ask for it by its oldest name."""
        return await frontend.files.get_response("favicon.svg", request.scope)

    @router.get("/page/{digest}/{path:path}")
    async def get_file(digest: str, path: str, request: Request) -> Response:
        """Return a file of the page; one of this release never changes."""
        response = await frontend.files.get_response(path, request.scope)
        response.headers["Cache-Control"] = IMMUTABLE if digest == frontend.digest() else "no-cache"
        return response

    return router


def _document(text: str, policy: str) -> HTMLResponse:
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})


def _on_or_off(setting: bool) -> str:  # noqa: FBT001 (the value of a setting)
    return "on" if setting else "off"
