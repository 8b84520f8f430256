"""Settings: environment variables with the prefix ``MATINEE_``, or the same lines in ``.env``."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import limits
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
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


# Shorter ones could be tried out; so could those of few different characters, which nobody has drawn at random.
SECRET_LENGTH = 32
SECRET_CHARACTERS = 8

# Where the usual development servers of front ends listen: React and Next, Angular, Vite, Vue.
DEV_PORTS = (3000, 4200, 5173, 8080)
DEV_ORIGINS = " ".join(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in DEV_PORTS)


def _checked_origins(value: str) -> str:
    for origin in value.split():
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}"):
            raise ValueError(f"names {origin!r}, which is no origin; write https://films.example, without a path")
    return value


def _checked_limit(value: str) -> str:
    try:
        limits.parse_many(value or "1/second")
    except ValueError:
        raise ValueError("is no limit; write 100/minute, several as 100/minute; 1000/hour, or nothing at all") from None
    return value


Limit = Annotated[str, AfterValidator(_checked_limit)]


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
        default=28,
        ge=1,
        le=100_000,
        description="Memory a model may take where it is served; EASE gives so many of the most rated movies weights "
        "as fit (28 MB: 8,750 movies; a training takes a hundred times as much).",
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

    auth: bool = Field(
        default=False,
        description="`on`: who rates and asks for recommendations logs in, and training is for admins.",
    )
    auth_secret: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description=f"What tokens are signed with, at least {SECRET_LENGTH} random characters; needed where "
        "`MATINEE_AUTH` is on.",
    )
    auth_token_lifetime_s: int = Field(
        default=1800, ge=60, le=86_400, description="How long a token is good for, in seconds."
    )
    cors_origins: Annotated[str, AfterValidator(_checked_origins)] = Field(
        default=DEV_ORIGINS,
        description="Origins whose pages may call the API from a browser, separated by spaces; `*` is all of them.",
    )
    login_limit: Limit = Field(
        default="30/minute; 300/hour", description="How often a client may try to log in; empty: as often as it likes."
    )
    # A script may send, one by one, more ratings than any user of MovieLens has given.
    write_limit: Limit = Field(
        default="50000/10 minutes", description="How often a client may write; empty: as often as it likes."
    )
    limits_storage: str = Field(
        default="memory://",
        min_length=1,
        description="Where requests are counted: in each serving process by itself, or `redis://host:6379` for all "
        "together (its driver installed).",
    )
    request_timeout_s: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="How long a request may take to arrive in full (then 408), and one that reads may wait for a free "
        "thread (then 503), in seconds.",
    )

    @field_validator("auth_secret")
    @classmethod
    def _checked_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        is_weak = len(secret) < SECRET_LENGTH or len(set(secret)) < SECRET_CHARACTERS
        if info.data.get("auth") and is_weak:
            raise ValueError(
                f"must hold at least {SECRET_LENGTH} random characters where MATINEE_AUTH is on; "
                "python3 -c 'import secrets; print(secrets.token_hex(32))' prints some"
            )
        return value

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
        return {f"MATINEE_{name.upper()}": _written(value) for name, value in self.model_dump().items()}


def _written(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


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
