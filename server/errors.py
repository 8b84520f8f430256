"""The errors Matinee raises on purpose, each with the HTTP status and the stable code it is answered with.

    MatineeError                 500
    ├── BadRequest               400
    ├── AuthenticationError      401  NotSignedIn InvalidToken WrongCredentials
    ├── AccessDenied             403
    ├── NotFoundError            404  MovieNotFound UserNotFound RatingNotFound RunNotFound ModelVersionNotFound
    ├── MethodNotAllowed         405
    ├── BodyTooSlow              408
    ├── ConflictError            409  NoActiveModel TrainingInProgress NoCredentials
    ├── BodyTooLarge             413
    ├── InvalidInputError        422  TooFewRatings SourceError UnfitPassword
    ├── TooManyRequests          429
    ├── UnavailableError         503  DatabaseUnavailable WriteQueueFull TooBusy LimitsUnavailable ArtifactError
    └── SettingsError                 a setting, or the database's schema, that stops the start

Nothing here knows HTTP beyond the status; ``server.web.problems`` renders these errors for the API, ``server.cli`` for
a terminal. ``docs/reference/errors.md`` and ``/errors/{code}`` show the docstring of a class, which says when it is
raised, and its ``remedy``.
"""

from typing import ClassVar


# The base of all errors that are meant for the person who caused them: ``str(error)`` says what to do next.
class MatineeError(Exception):
    """Something went wrong on our side that nobody expected."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    remedy: ClassVar[str] = (
        "Try again; if it stays, report the answer's `X-Request-ID`: the log tells the rest under it."
    )


class BadRequest(MatineeError):
    """The request is not HTTP as the server understands it."""

    status = 400
    code = "bad-request"
    title = "Bad request"
    remedy = "`detail` says what is wrong with the request."


class AuthenticationError(MatineeError):
    """Who asks is not known."""

    status = 401
    code = "not-authenticated"
    title = "Not authenticated"
    remedy = "Log in with `POST /api/rest/v1/token`, then send the token as `Authorization: Bearer <token>`."
    challenge: ClassVar[str] = "Bearer"
    """What the answer asks for (RFC 6750)."""


class NotSignedIn(AuthenticationError):
    """There is no token where one is needed."""

    code = "not-signed-in"
    title = "Not signed in"
    remedy = (
        "`POST /api/rest/v1/token` gives a token for a user's id and password. Send it with each request as "
        "`Authorization: Bearer <token>`."
    )

    def __init__(self) -> None:
        super().__init__("Sign in: POST /api/rest/v1/token gives a token; send it as Authorization: Bearer <token>.")


class InvalidToken(AuthenticationError):
    """The token is not ours, has expired, or the password has been changed since."""

    code = "invalid-token"
    title = "Invalid token"
    remedy = "`POST /api/rest/v1/token` gives a new one; `expires_in` there says for how many seconds it is good."
    challenge = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The token has expired or is not valid. POST /api/rest/v1/token gives a new one.")


class WrongCredentials(AuthenticationError):
    """No user has this id and this password; which of the two is wrong is not told."""

    code = "wrong-credentials"
    title = "Wrong credentials"
    remedy = "`username` is the id of the user. A forgotten password is replaced with `matinee user set-password ID`."

    def __init__(self) -> None:
        super().__init__("User id or password is wrong. The user name is the id of the user.")


class AccessDenied(MatineeError):
    """Who asks is known, and may not do this."""

    status = 403
    code = "access-denied"
    title = "Access denied"
    remedy = "Do it as the user whose it is, or as an admin; `matinee user grant ID` makes one."

    def __init__(self) -> None:
        super().__init__("Your user may not do this: what is another user's, or the operator's, is for admins.")


class NotFoundError(MatineeError):
    """What the request names does not exist; of a path, that the API has no such path."""

    status = 404
    code = "not-found"
    title = "Not found"
    remedy = "Look at `instance` for what was asked for. `/docs` lists all paths there are."


class MovieNotFound(NotFoundError):
    """No movie has this id."""

    code = "movie-not-found"
    title = "Movie not found"
    remedy = "`GET /api/rest/v1/movies` lists and searches the movies there are."

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"There is no movie with id {movie_id}. GET /api/rest/v1/movies lists those there are.")


class UserNotFound(NotFoundError):
    """No user has this id."""

    code = "user-not-found"
    title = "User not found"
    remedy = "`POST /api/rest/v1/user` creates a user and gives the id."

    def __init__(self, user_id: int) -> None:
        super().__init__(f"There is no user with id {user_id}. POST /api/rest/v1/user creates one.")


class RatingNotFound(NotFoundError):
    """No rating has this id."""

    code = "rating-not-found"
    title = "Rating not found"
    remedy = "It may have been taken back. `GET /api/rest/v1/user/{id}/ratings` lists a user's ratings with their ids."

    def __init__(self, rating_id: int) -> None:
        super().__init__(
            f"There is no rating with id {rating_id}. GET /api/rest/v1/user/{{id}}/ratings lists a user's ratings."
        )


class RunNotFound(NotFoundError):
    """No training run has this id."""

    code = "run-not-found"
    title = "Training run not found"
    remedy = "The `Location` of `POST /api/rest/v1/recommendation-engine` is the path of a run."

    def __init__(self, run_id: int) -> None:
        super().__init__(
            f"There is no training run with id {run_id}. POST /api/rest/v1/recommendation-engine starts one."
        )


class ModelVersionNotFound(NotFoundError):
    """No model version has this number."""

    code = "model-version-not-found"
    title = "Model version not found"
    remedy = "It may have been pruned. `GET /api/rest/v1/recommendation-engine/models` lists the versions there are."

    def __init__(self, version: int) -> None:
        super().__init__(
            f"There is no model version {version}. GET /api/rest/v1/recommendation-engine/models lists those there are."
        )


class MethodNotAllowed(MatineeError):
    """The path exists, but not with this method."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"
    remedy = "The `Allow` header lists the methods that the path takes."

    def __init__(self) -> None:
        super().__init__("This path does not take this method; the Allow header says which it takes.")


class ConflictError(MatineeError):
    """The request is fine, but what is there now does not allow it: it changed at the same moment, or is damaged."""

    status = 409
    code = "conflict"
    title = "Conflict"
    remedy = "Look at what is there now, then repeat the request if it still makes sense."


class NoActiveModel(ConflictError):
    """Recommendations were asked for before a model was trained."""

    code = "no-active-model"
    title = "No model yet"
    remedy = "`POST /api/rest/v1/recommendation-engine` trains one, and `matinee train` does on the command line."

    def __init__(self) -> None:
        super().__init__("No model has been trained yet. POST /api/rest/v1/recommendation-engine trains one.")


class TrainingInProgress(ConflictError):
    """A second training was asked for where only one may run."""

    code = "training-in-progress"
    title = "Training in progress"
    remedy = "Wait for it to end. `POST /api/rest/v1/recommendation-engine` queues one instead of refusing."

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Training run {run_id} is still running. Wait for it to end, then train again.")


class NoCredentials(ConflictError):
    """A role was to be given to, or taken from, a user who cannot log in."""

    code = "no-credentials"
    title = "No credentials"
    remedy = "Give the user a password first: `matinee user set-password ID`."

    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} cannot log in yet. Give him a password: matinee user set-password {user_id}")


class BodyTooSlow(MatineeError):
    """The body did not arrive in full within `MATINEE_REQUEST_TIMEOUT_S`."""

    status = 408
    code = "too-slow"
    title = "Too slow"
    remedy = "Nothing was done. Send the request again, its body in one go."

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time. Nothing was done; send it again.")


class BodyTooLarge(MatineeError):
    """The body is larger than 64 KiB, and was not read to its end."""

    status = 413
    code = "too-large"
    title = "Too large"
    remedy = "Send less: no request of this API needs so much."

    def __init__(self) -> None:
        super().__init__("The body is larger than 64 KiB; no request of this API needs so much.")


class InvalidInputError(MatineeError):
    """What was sent cannot be used: a value of the wrong type or range, a misspelt field, a body that is no JSON."""

    status = 422
    code = "invalid-input"
    title = "Invalid input"
    remedy = (
        "Correct what `errors` names: each entry has a `pointer` (`#/body/rating`, `#/query/limit`) and a `message`. "
        'JSON types are strict (`"1"` is no integer), and unknown fields of a body are refused.'
    )


class SourceError(InvalidInputError):
    """A data source is not what an ingestion can read."""

    code = "not-a-source"
    title = "Not a MovieLens source"
    remedy = "Name a folder or .zip with MovieLens files, a release, or `demo`: `matinee ingest --help`."


class TooFewRatings(InvalidInputError):
    """There are not enough ratings to train and evaluate a model."""

    code = "too-few-ratings"
    title = "Too few ratings"
    remedy = "Rate more movies, or load a larger source with `matinee ingest`; the text says how many are needed."


class UnfitPassword(InvalidInputError):
    """A new password is too short to be safe, or too long to be one."""

    code = "unfit-password"
    title = "Unfit password"
    remedy = "Choose one as long as the text says; several words make a good one."


class TooManyRequests(MatineeError):
    """A client does something more often than it may."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"
    remedy = (
        "Wait as many seconds as `Retry-After` says. The operator sets the limits: `MATINEE_LOGIN_LIMIT` and "
        "`MATINEE_WRITE_LIMIT`."
    )

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"This client has asked too often. Nothing was done; try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class UnavailableError(MatineeError):
    """Something that Matinee depends on does not answer at the moment."""

    status = 503
    code = "unavailable"
    title = "Unavailable"
    remedy = "Try again after as many seconds as `Retry-After` says."


class DatabaseUnavailable(UnavailableError):
    """The database does not answer, or a long write such as an ingestion holds it."""

    code = "database-unavailable"
    title = "Database unavailable"
    remedy = "Nothing was changed. Try again after as many seconds as `Retry-After` says."

    def __init__(self) -> None:
        super().__init__(
            "The database does not answer, or a long write such as an ingestion holds it. "
            "Nothing was changed; try again."
        )


class WriteQueueFull(UnavailableError):
    """More requests want to write than the database takes in the time that one may wait."""

    code = "too-many-writes"
    title = "Too many writes"
    remedy = "Try again after as many seconds as `Retry-After` says, and send fewer writes at a time."

    def __init__(self) -> None:
        super().__init__("Too many requests wait to write, or an ingestion holds the database. Try again shortly.")


class TooBusy(UnavailableError):
    """A request that reads, or a login, has waited too long for its turn; it was not begun."""

    code = "too-busy"
    title = "Too busy"
    remedy = (
        "Nothing was done. Try again after as many seconds as `Retry-After` says, and send fewer requests at a time."
    )

    def __init__(self) -> None:
        super().__init__("The server is too busy to answer in time. Nothing was done; try again shortly.")


class LimitsUnavailable(UnavailableError):
    """The storage in which several processes count requests does not answer."""

    code = "limits-unavailable"
    title = "Limits unavailable"
    remedy = (
        "Nothing was done. Try again after as many seconds as `Retry-After` says; the operator starts, or corrects, "
        "what `MATINEE_LIMITS_STORAGE` names."
    )

    def __init__(self) -> None:
        super().__init__("The storage of the request limits does not answer. Nothing was done; try again shortly.")


class ArtifactError(UnavailableError):
    """A model's artifact is missing, damaged or of a kind this release cannot read."""

    code = "artifact-unreadable"
    title = "Model artifact unreadable"
    remedy = (
        "Train a new model, or go back to another version with `PUT /api/rest/v1/recommendation-engine/active-model`. "
        "`GET /readyz` tells what is wrong."
    )


class SettingsError(MatineeError):
    """A setting, or the database it points to, cannot be used; the message names the setting and the remedy."""

    code = "settings"
    title = "Settings"
    remedy = (
        "Set the variable that the message names, in the environment or in `.env`. `docs/reference/cli.md` lists all."
    )


def list_errors(base: type[MatineeError] = MatineeError) -> list[type[MatineeError]]:
    """Give every class of the tree, each behind its parent."""
    return [base, *(error for child in base.__subclasses__() for error in list_errors(child))]
