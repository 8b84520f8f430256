"""The errors of the command line and of a start. Each ends a command with one sentence and its exit code.

MatineeError
└── CommandError
    ├── SettingsError       a setting, or what it points to, cannot be used
    ├── SourceError         the source of an ingestion cannot be read
    ├── ExportError         an export cannot be written, read, or trained on here
    ├── SparkError          Spark is missing, or a job of it failed
    ├── TooFewRatings       there is not enough data to train a model
    ├── TrainingInProgress  only one training may run at a time
    ├── NoCredentials       the user has no password yet
    ├── UnfitPassword       a new password is too short or too long
    ├── UnfitUsername       a new user name has other characters, or another length
    └── StartFailed         the app could not start to serve
"""

from typing import ClassVar

from server.errors import MatineeError


class CommandError(MatineeError):
    """A command cannot be carried out; the text says why and what to do."""

    exit_code: ClassVar[int] = 1


class SettingsError(CommandError):
    """A setting, or the database or folder that it names, cannot be used."""


class SourceError(CommandError):
    """A source is not something that an ingestion can read."""


class ExportError(CommandError):
    """An export cannot be written or read, or its movies are not those of the database."""


class SparkError(CommandError):
    """Spark, Java or the cluster is missing, or a job failed."""


class TooFewRatings(CommandError):
    """There are not enough ratings to train and evaluate a model."""


class TrainingInProgress(CommandError):
    """Another training is running, and only one may run at a time."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Training run {run_id} is still running. Wait until it ends, then train again.")


class NoCredentials(CommandError):
    """The role of a user without a password cannot be changed."""

    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} has no password. Set a password first: matinee user set-password {user_id}")


class UnfitPassword(CommandError):
    """A new password is too short or too long."""


class UnfitUsername(CommandError):
    """A new user name has other characters, or another length."""


class StartFailed(CommandError):
    """The app could not start to serve."""

    def __init__(self) -> None:
        super().__init__("The server could not start. The log above says why; matinee doctor checks the installation.")
