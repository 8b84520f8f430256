"""``/errors``: where the ``type`` of a problem leads, outside the base path and outside the OpenAPI document."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from server.errors import MatineeError, NotFoundError, list_errors

router = APIRouter(prefix="/errors", include_in_schema=False, default_response_class=PlainTextResponse)


@router.get("")
async def list_descriptions() -> str:
    """Describe every error, in Markdown."""
    return describe_all()


@router.get("/{code}")
async def get_description(code: str) -> str:
    """Describe one error, in Markdown: its status, when it is answered, and what to do."""
    for error in list_errors():
        if error.code == code:
            return describe(error)
    raise NotFoundError(f"There is no error {code!r}. GET /errors describes those there are.")


def describe_all() -> str:
    """Give the text of ``docs/reference/errors.md``."""
    introduction = (
        "# Errors\n\n"
        "Every error is answered as problem details (RFC 9457), `application/problem+json`. Its `type` is one of the\n"
        "paths `/errors/…` below, its `detail` says what went wrong this time. Go by `type`; `title` and `detail` may\n"
        "be worded anew. This text is written from the error classes; a server tells it at `/errors`.\n"
    )
    return "\n".join([introduction, *(describe(error) for error in list_errors())])


def describe(error: type[MatineeError]) -> str:
    """Give the entry of an error."""
    return (
        f"## `{error.code}`\n\n"
        f"{error.title}. Status {error.status}, type `/errors/{error.code}`.\n\n"
        f"- When: {error.__doc__}\n"
        f"- What to do: {error.remedy}\n"
    )
