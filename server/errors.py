"""The errors Matinee raises on purpose, each with the HTTP status and the stable code it is answered with.

    MatineeError
    ├── AuthenticationError      401  NotSignedIn InvalidToken WrongCredentials
    ├── AccessDenied             403
    ├── NotFoundError            404  MovieNotFound UserNotFound RatingNotFound RunNotFound ModelVersionNotFound
    ├── ConflictError            409  NoActiveModel TrainingInProgress NoCredentials
    ├── InvalidInputError        422  TooFewRatings SourceError UnfitPassword
    ├── TooManyRequests          429
    ├── UnavailableError         503  TooBusy TooManyWrites LimitsUnavailable ArtifactError
    └── SettingsError                 a setting, or the database's schema, that stops the start

Nothing here knows HTTP beyond the number; ``server.problems`` renders these for the API, ``server.cli`` for a terminal.
"""

from typing import ClassVar


class MatineeError(Exception):
    """Base of all errors that are meant for the person who caused them: ``str(error)`` says what to do next."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"


class AuthenticationError(MatineeError):
    """Who asks is not known."""

    status = 401
    code = "not-authenticated"
    title = "Not authenticated"
    challenge: ClassVar[str] = "Bearer"
    """What the answer asks for (RFC 6750)."""


class NotSignedIn(AuthenticationError):
    """There is no token where one is needed."""

    code = "not-signed-in"
    title = "Not signed in"

    def __init__(self) -> None:
        super().__init__("Sign in: POST /api/rest/v1/token gives a token; send it as Authorization: Bearer <token>.")


class InvalidToken(AuthenticationError):
    """The token is not ours, has expired, or the password has been changed since."""

    code = "invalid-token"
    title = "Invalid token"
    challenge = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The token has expired or is not valid. POST /api/rest/v1/token gives a new one.")


class WrongCredentials(AuthenticationError):
    """No user has this id and this password; which of the two is wrong is not told."""

    code = "wrong-credentials"
    title = "Wrong credentials"

    def __init__(self) -> None:
        super().__init__("User id or password is wrong. The user name is the id of the user.")


class AccessDenied(MatineeError):
    """Who asks is known, and may not do this."""

    status = 403
    code = "access-denied"
    title = "Access denied"

    def __init__(self) -> None:
        super().__init__("Your user may not do this: what is another user's, or the operator's, is for admins.")


class NotFoundError(MatineeError):
    """What the request names does not exist."""

    status = 404
    code = "not-found"
    title = "Not found"


class MovieNotFound(NotFoundError):
    """No movie has this id."""

    code = "movie-not-found"
    title = "Movie not found"

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"There is no movie with id {movie_id}. GET /api/rest/v1/movies lists those there are.")


class UserNotFound(NotFoundError):
    """No user has this id."""

    code = "user-not-found"
    title = "User not found"

    def __init__(self, user_id: int) -> None:
        super().__init__(f"There is no user with id {user_id}. POST /api/rest/v1/user creates one.")


class RatingNotFound(NotFoundError):
    """No rating has this id."""

    code = "rating-not-found"
    title = "Rating not found"

    def __init__(self, rating_id: int) -> None:
        super().__init__(
            f"There is no rating with id {rating_id}. GET /api/rest/v1/user/{{id}}/ratings lists a user's ratings."
        )


class RunNotFound(NotFoundError):
    """No training run has this id."""

    code = "run-not-found"
    title = "Training run not found"

    def __init__(self, run_id: int) -> None:
        super().__init__(
            f"There is no training run with id {run_id}. POST /api/rest/v1/recommendation-engine starts one."
        )


class ModelVersionNotFound(NotFoundError):
    """No model version has this number."""

    code = "model-version-not-found"
    title = "Model version not found"

    def __init__(self, version: int) -> None:
        super().__init__(
            f"There is no model version {version}. GET /api/rest/v1/recommendation-engine/models lists those there are."
        )


class ConflictError(MatineeError):
    """The request is fine, the state of the installation is not ready for it."""

    status = 409
    code = "conflict"
    title = "Conflict"


class NoActiveModel(ConflictError):
    """Recommendations were asked for before a model was trained."""

    code = "no-active-model"
    title = "No model yet"

    def __init__(self) -> None:
        super().__init__("No model has been trained yet. POST /api/rest/v1/recommendation-engine trains one.")


class TrainingInProgress(ConflictError):
    """A second training was asked for where only one may run."""

    code = "training-in-progress"
    title = "Training in progress"

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Training run {run_id} is still running. Wait for it to end, then train again.")


class NoCredentials(ConflictError):
    """A role was to be given to, or taken from, a user who cannot log in."""

    code = "no-credentials"
    title = "No credentials"

    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} cannot log in yet. Give him a password: matinee user set-password {user_id}")


class InvalidInputError(MatineeError):
    """What was handed in cannot be used."""

    status = 422
    code = "invalid-input"
    title = "Invalid input"


class SourceError(InvalidInputError):
    """A data source is not what an ingestion can read."""

    code = "not-a-source"
    title = "Not a MovieLens source"


class TooFewRatings(InvalidInputError):
    """There are not enough ratings to train and evaluate a model."""

    code = "too-few-ratings"
    title = "Too few ratings"


class UnfitPassword(InvalidInputError):
    """A new password is too short to be safe, or too long to be one."""

    code = "unfit-password"
    title = "Unfit password"


class TooManyRequests(MatineeError):
    """A client does something more often than it may."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"This client has asked too often. Nothing was done; try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class UnavailableError(MatineeError):
    """Something Matinee depends on does not answer at the moment."""

    status = 503
    code = "unavailable"
    title = "Unavailable"


class TooBusy(UnavailableError):
    """A request has waited too long for its turn, and nothing was begun."""

    code = "too-busy"
    title = "Too busy"

    def __init__(self) -> None:
        super().__init__("The server is too busy to answer in time. Nothing was done; try again shortly.")


class TooManyWrites(UnavailableError):
    """More requests want to write than the database takes in the time that one may wait."""

    code = "too-many-writes"
    title = "Too many writes"

    def __init__(self) -> None:
        super().__init__("Too many requests wait to write, or an ingestion holds the database. Try again shortly.")


class LimitsUnavailable(UnavailableError):
    """The storage in which several processes count requests does not answer."""

    code = "limits-unavailable"
    title = "Limits unavailable"

    def __init__(self) -> None:
        super().__init__("The storage of the request limits does not answer. Nothing was done; try again shortly.")


class ArtifactError(UnavailableError):
    """A model's artifact is missing, damaged or of a kind this release cannot read."""

    code = "artifact-unreadable"
    title = "Model artifact unreadable"


class SettingsError(MatineeError):
    """A setting, or the database it points to, cannot be used; the message names the setting and the mend."""

    code = "settings"
    title = "Settings"
