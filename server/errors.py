"""The errors that the API answers, each with its HTTP status and its stable code.

    MatineeError                      an expected failure; its text is written for the user
    ├── CommandError                  see server.command_errors
    └── ApiError                 500
        ├── BadRequest           400  CrossOriginRefused
        ├── AuthenticationError  401  NotSignedIn InvalidToken WrongCredentials
        ├── AccessDenied         403
        ├── NotFoundError        404  MovieNotFound UserNotFound RatingNotFound RunNotFound ModelVersionNotFound
        ├── MethodNotAllowed     405
        ├── BodyTooSlow          408
        ├── ConflictError        409  NoActiveModel UsernameTaken
        ├── BodyTooLarge         413
        ├── UrlTooLong           414
        ├── UnsupportedEncoding  415
        ├── InvalidInputError    422  InvalidField UnknownRatingsFile
        ├── TooManyRequests      429
        ├── HeadTooLarge         431
        └── UnavailableError     503  DatabaseUnavailable WriteQueueFull TooBusy ArtifactError
                                      StoreError

An error says what happened. What to do about it depends on who reads it: ``server.web.error_pages`` adds the remedy for
clients of the API, ``server.cli`` the one for a terminal. The docstring of a class says when it is raised and is shown
at ``/errors/{code}`` and in ``docs/reference/errors.md``.
"""

from typing import ClassVar


class MatineeError(Exception):
    """An expected failure, whose text is written for the user."""


class ApiError(MatineeError):
    """An unexpected error occurred in the server."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"


class BadRequest(ApiError):
    """The request is not valid HTTP."""

    status = 400
    code = "bad-request"
    title = "Bad request"


class CrossOriginRefused(BadRequest):
    """A page of this origin may not call the API from a browser."""

    code = "cross-origin-refused"
    title = "Cross-origin request refused"


class AuthenticationError(ApiError):
    """The request is not authenticated."""

    status = 401
    title = "Not authenticated"
    challenge: ClassVar[str] = "Bearer"
    """Value of the `WWW-Authenticate` header (RFC 6750)."""


class NotSignedIn(AuthenticationError):
    """The request carries no token, and the operation requires one."""

    code = "not-signed-in"
    title = "Not signed in"

    def __init__(self) -> None:
        super().__init__("This operation requires a token.")


class InvalidToken(AuthenticationError):
    """The token is malformed, has expired, or was issued before the last change of the password."""

    code = "invalid-token"
    title = "Invalid token"
    challenge = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The token has expired or is not valid.")


class WrongCredentials(AuthenticationError):
    """No user has this user name and password. The response does not reveal which of the two is wrong."""

    code = "wrong-credentials"
    title = "Wrong credentials"

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class AccessDenied(ApiError):
    """The user is authenticated but does not have permission for this operation."""

    status = 403
    code = "access-denied"
    title = "Access denied"

    def __init__(self) -> None:
        super().__init__("You don't have permission. Only administrators may act for other users or run the engine.")


class NotFoundError(ApiError):
    """The path does not exist."""

    status = 404
    code = "not-found"
    title = "Not found"


class MovieNotFound(NotFoundError):
    """No movie has this id."""

    code = "movie-not-found"
    title = "Movie not found"

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"Movie {movie_id} does not exist.")


class UserNotFound(NotFoundError):
    """No user has this id."""

    code = "user-not-found"
    title = "User not found"

    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} does not exist.")


class RatingNotFound(NotFoundError):
    """No rating has this id. It may have been deleted."""

    code = "rating-not-found"
    title = "Rating not found"

    def __init__(self, rating_id: int) -> None:
        super().__init__(f"Rating {rating_id} does not exist.")


class RunNotFound(NotFoundError):
    """No training run has this id."""

    code = "run-not-found"
    title = "Training run not found"

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Training run {run_id} does not exist.")


class ModelVersionNotFound(NotFoundError):
    """No model version has this number. It may have been pruned."""

    code = "model-version-not-found"
    title = "Model version not found"

    def __init__(self, version: int) -> None:
        super().__init__(f"Model version {version} does not exist.")


class MethodNotAllowed(ApiError):
    """The path exists but does not support this method."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self) -> None:
        super().__init__("This path does not support this method.")


class BodyTooSlow(ApiError):
    """The body did not arrive within `MATINEE_REQUEST_TIMEOUT_S`."""

    status = 408
    code = "too-slow"
    title = "Too slow"

    def __init__(self) -> None:
        super().__init__("The request body did not arrive in time. Nothing was changed.")


class ConflictError(ApiError):
    """The request conflicts with the current data, which changed at the same moment or is damaged."""

    status = 409
    code = "conflict"
    title = "Conflict"


class UsernameTaken(ConflictError):
    """Another user has this user name."""

    code = "username-taken"
    title = "User name taken"

    def __init__(self, username: str) -> None:
        super().__init__(f"The user name {username!r} is taken.")


class NoActiveModel(ConflictError):
    """No model is active yet, so there are no recommendations."""

    code = "no-active-model"
    title = "No model yet"

    def __init__(self) -> None:
        super().__init__("No model has been trained yet.")


class BodyTooLarge(ApiError):
    """The body is larger than 64 KiB, or than 8 MiB for a ratings file. The server stopped reading it."""

    status = 413
    code = "too-large"
    title = "Too large"

    def __init__(self) -> None:
        super().__init__("The request body is larger than 64 KiB, or than 8 MiB for a ratings file.")


class UrlTooLong(ApiError):
    """The URL is longer than the server accepts. The server closed the connection."""

    status = 414
    code = "url-too-long"
    title = "URL too long"

    def __init__(self) -> None:
        super().__init__("The URL of the request is too long.")


class HeadTooLarge(ApiError):
    """The request line and the headers are larger than 32 KiB. The server closed the connection."""

    status = 431
    code = "head-too-large"
    title = "Request head too large"

    def __init__(self) -> None:
        super().__init__("The request line and the headers are larger than 32 KiB.")


class UnsupportedEncoding(ApiError):
    """The request body is compressed, which the server does not support."""

    status = 415
    code = "unsupported-encoding"
    title = "Unsupported encoding"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"The request body has the encoding {encoding!r}.")


class InvalidInputError(ApiError):
    """A value has the wrong type or range, a field is unknown or missing, or the body is not valid JSON."""

    status = 422
    code = "invalid-input"
    title = "Invalid input"


class InvalidField(InvalidInputError):
    """A value is well-formed, but names nothing that exists."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class UnknownRatingsFile(InvalidInputError):
    """The body is not a ratings file that can be imported."""

    code = "unknown-ratings-file"
    title = "Unknown ratings file"

    def __init__(self) -> None:
        super().__init__("The file does not have the columns of a ratings file of Letterboxd, IMDb or MovieLens.")


class TooManyRequests(ApiError):
    """The client exceeded a rate limit."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"This client sent too many requests. Nothing was changed. The limit resets in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class UnavailableError(ApiError):
    """A service that Matinee depends on is not available."""

    status = 503
    title = "Unavailable"


class DatabaseUnavailable(UnavailableError):
    """The database does not respond, or is locked by a long write such as an ingestion."""

    code = "database-unavailable"
    title = "Database unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The database does not respond, or is locked by a long write such as an ingestion. Nothing was changed."
        )


class WriteQueueFull(UnavailableError):
    """The request waited too long for its turn to write."""

    code = "too-many-writes"
    title = "Too many writes"

    def __init__(self) -> None:
        super().__init__("Too many requests are waiting to write. Nothing was changed.")


class TooBusy(UnavailableError):
    """A read or a login waited too long for its turn and was not started."""

    code = "too-busy"
    title = "Too busy"

    def __init__(self) -> None:
        super().__init__("The server is too busy to answer in time. Nothing was changed.")


class StoreError(UnavailableError):
    """The model store does not respond, or refuses access."""

    code = "store-unavailable"
    title = "Model store unavailable"


class ArtifactError(UnavailableError):
    """The artifact of a model is missing, damaged, or of a format that this release cannot read."""

    code = "artifact-unreadable"
    title = "Model artifact unreadable"


def list_errors(base: type[ApiError] = ApiError) -> list[type[ApiError]]:
    """Return the errors that can be answered, each after its parent; a class without a code is only a base."""
    own = [base] if "code" in vars(base) else []
    return [*own, *(error for child in base.__subclasses__() for error in list_errors(child))]
