"""Settings: environment variables with the prefix ``MATINEE_``, or the same lines in ``.env``."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from server.backend.logging import LogFormat
from server.errors import SettingsError

DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def _checked_database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError(
            "is not a database URL; write sqlite:///path/to/file.db or postgresql://user@host/database"
        ) from None
    if url.drivername not in DRIVERS:
        raise ValueError(f"names the database {url.drivername!r}; Matinee runs on sqlite and postgresql")
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError("names a database in memory, which the training process could not see; name a file")
    return value


class Settings(BaseSettings):
    """All that can be set, with its default. Frozen; tests build their own instead of changing the environment."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_", env_file=".env", extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_checked_database_url)] = Field(
        default="sqlite:///data/matinee.db",
        description="The database: `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.",
    )
    model_store: str = Field(
        default="data/models",
        min_length=1,
        description="Where models are kept: a folder, or any fsspec URL (`s3://bucket/models`, its driver installed).",
    )
    algorithm: str = Field(
        default="ease", min_length=1, description="The algorithm that training uses: `ease`, `nmf` or `popularity`."
    )
    model_memory_mb: int = Field(
        default=400,
        ge=1,
        le=100_000,
        description="Memory a model may take where it is served; EASE gives so many of the most rated movies weights "
        "as fit (400 MB: 10,000 movies).",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of everything random in a training.")
    refresh_interval_s: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="How often a serving process looks for a new model version or a new catalogue, in seconds.",
    )
    training_lease_s: float = Field(
        default=30,
        ge=1,
        le=3600,
        description="A training that gives no sign of life for so many seconds counts as failed.",
    )
    training_threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Cores a training may use; leave one for the serving processes.",
    )
    database_timeout_s: float = Field(
        default=15,
        gt=0,
        le=600,
        description="How long a request waits for a connection or a lock of the database, in seconds; then 503.",
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        default="info", description="`debug`, `info`, `warning` or `error`."
    )
    log_format: LogFormat = Field(default="text", description="`text` for people, or `json`: an object a line.")

    @classmethod
    def load(cls, **values: Any) -> Self:  # noqa: ANN401 (each field has a type of its own)
        """Read the environment and ``.env``; `values` go before both.

        Raises `SettingsError` that names each wrong variable and what is wrong with it.
        """
        _refuse_misspelt()
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None
        except UnicodeDecodeError:
            raise SettingsError("The file .env is not text in UTF-8.") from None

    @property
    def sqlalchemy_url(self) -> URL:
        """The database URL with the driver Matinee uses."""
        url = make_url(self.database_url)
        return url.set(drivername=DRIVERS[url.drivername])

    @property
    def sqlite_file(self) -> Path | None:
        """The database file, or None on PostgreSQL."""
        url = self.sqlalchemy_url
        return Path(url.database) if url.drivername == "sqlite" and url.database else None

    def as_environment(self) -> dict[str, str]:
        """Give the variables that make another process read these same settings."""
        return {f"MATINEE_{name.upper()}": str(value) for name, value in self.model_dump().items()}


def _refuse_misspelt() -> None:
    """Stop where a variable looks like a setting but is none: its value would silently do nothing."""
    known = [f"MATINEE_{name.upper()}" for name in Settings.model_fields]
    for name in os.environ:
        if name.startswith("MATINEE_") and name not in known:
            for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
                raise SettingsError(f"{name} is no setting. Do you mean {meant}?")


def _sentence(problem: Any) -> str:  # noqa: ANN401 (pydantic's ErrorDetails is loosely typed)
    name = "MATINEE_" + "_".join(str(part) for part in problem["loc"]).upper()
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{name} {reason}." if problem["type"] == "value_error" else f"{name}: {reason}."
