"""The errors Matinee raises on purpose, each with the HTTP status and the stable code it is answered with.

    MatineeError
    ├── NotFoundError            404  MovieNotFound UserNotFound RatingNotFound RunNotFound ModelVersionNotFound
    ├── ConflictError            409  NoActiveModel TrainingInProgress
    ├── InvalidInputError        422  TooFewRatings SourceError
    ├── UnavailableError         503  TooManyWrites ArtifactError
    └── SettingsError                 a setting, or the database's schema, that stops the start

Nothing here knows HTTP beyond the number; ``server.problems`` renders these for the API, ``server.cli`` for a terminal.
"""

from typing import ClassVar


class MatineeError(Exception):
    """Base of all errors that are meant for the person who caused them: ``str(error)`` says what to do next."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"


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


class UnavailableError(MatineeError):
    """Something Matinee depends on does not answer at the moment."""

    status = 503
    code = "unavailable"
    title = "Unavailable"


class TooManyWrites(UnavailableError):
    """More requests want to write than the database takes in the time that one may wait."""

    code = "too-many-writes"
    title = "Too many writes"

    def __init__(self) -> None:
        super().__init__("Too many requests wait to write, or an ingestion holds the database. Try again shortly.")


class ArtifactError(UnavailableError):
    """A model's artifact is missing, damaged or of a kind this release cannot read."""

    code = "artifact-unreadable"
    title = "Model artifact unreadable"


class SettingsError(MatineeError):
    """A setting, or the database it points to, cannot be used; the message names the setting and the mend."""

    code = "settings"
    title = "Settings"
