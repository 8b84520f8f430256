"""The remedy for each error of the API, and the pages that describe the errors.

Paths are relative to the base path of the API.
"""

from server.errors import ApiError, list_errors

RETRY = "Try again after the number of seconds in the `Retry-After` header."

REMEDIES = {
    "internal-error": "Try again. If the error persists, report the `X-Request-ID` of the response.",
    "bad-request": "Correct the request and send it again.",
    "cross-origin-refused": "The setting `MATINEE_CORS_ORIGINS` lists the allowed origins.",
    "not-signed-in": "Get a token with `POST /token` and send it as `Authorization: Bearer <token>`.",
    "invalid-token": "Get a new token with `POST /token`.",
    "wrong-credentials": "Sign in with the user name or the id of the user.",
    "access-denied": "Sign in as the owner or as an administrator.",
    "not-found": "See `/docs` for all paths.",
    "movie-not-found": "Search for it with `GET /movies`.",
    "user-not-found": "Create a user with `POST /user`.",
    "rating-not-found": "List a user's ratings with `GET /user/{id}/ratings`.",
    "run-not-found": "Start a training with `POST /recommendation-engine`.",
    "model-version-not-found": "List the versions with `GET /recommendation-engine/models`.",
    "method-not-allowed": "See the `Allow` header for the methods of this path.",
    "too-slow": "Send the request again.",
    "conflict": "Check the current state before you try again.",
    "username-taken": "Choose another one.",
    "no-active-model": "Train one with `POST /recommendation-engine`.",
    "too-large": "Send less data.",
    "url-too-long": "Send a shorter URL.",
    "unsupported-encoding": "Send it uncompressed, without `Content-Encoding`.",
    "invalid-input": "Correct the fields in `errors` and send the request again.",
    "unknown-ratings-file": "Export your ratings as CSV, and send that file unchanged.",
    "too-many-requests": RETRY,
    "head-too-large": "Send fewer or shorter headers.",
    "database-unavailable": RETRY,
    "too-many-writes": RETRY,
    "too-busy": RETRY,
    "store-unavailable": RETRY,
    "artifact-unreadable": "Train a new model or activate another with `PUT /recommendation-engine/active-model`.",
}
"""The remedies of errors, by their codes."""

INTRODUCTION = """\
# Errors

Every error response is a problem details document (RFC 9457), `application/problem+json`. Its `type` is one of the
paths `/errors/…` below, and its `detail` says what went wrong and what to do. Rely on `type`: the wording of `title`
and `detail` may change. A validation error (422) also has `errors`, one entry per field: `pointer` names the field
(`#/body/rating`, `#/query/limit`) and `message` says what is wrong with it.

This page is generated from the error classes. A running server shows it at `/errors`. Paths are relative to
`/api/rest/v1`.
"""


def explain(error: ApiError) -> str:
    """Return what happened and what to do about it: the `detail` of a problem."""
    return f"{error} {REMEDIES[error.code].replace('`', '')}"


def describe(error: type[ApiError]) -> str:
    """Return the page of an error, in Markdown."""
    return (
        f"## `{error.code}`\n\n"
        f"{error.title}. Status {error.status}, type `/errors/{error.code}`.\n\n"
        f"- When: {error.__doc__}\n"
        f"- What to do: {REMEDIES[error.code]}\n"
    )


def describe_all() -> str:
    """Return the text of ``docs/reference/errors.md``."""
    return "\n".join([INTRODUCTION, *(describe(error) for error in list_errors())])
