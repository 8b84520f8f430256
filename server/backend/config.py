"""Settings: environment variables with the prefix ``MATINEE_``, or the same lines in ``.env``."""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import limits
from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from server.backend.defaults import MODEL_MEMORY_MB
from server.backend.logging import LogFormat
from server.command_errors import SettingsError

ENV_FILE = ".env"

DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


NOT_A_DATABASE_URL = "is not a database URL; write sqlite:///path/to/file.db or postgresql://user@host/database"
NOT_ENCODED = (
    "holds a user name or password with characters that are not percent-encoded; "
    "write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"
)


def _checked_database_url(value: str) -> str:
    # No message quotes the value: in a URL that cannot be parsed, any part of it may be the password.
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError(NOT_A_DATABASE_URL) from None
    except ValueError:
        raise ValueError(NOT_ENCODED if "@" in value else NOT_A_DATABASE_URL) from None
    if url.drivername not in DRIVERS:
        raise ValueError(f"names the database {url.drivername!r}; Matinee runs on sqlite and postgresql")
    # A second @ would make the rest of a password the host.
    if url.drivername != "sqlite" and value.count("@") > 1:
        raise ValueError(NOT_ENCODED)
    _check_options(url)
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError("names a database in memory, which other processes can't see; name a file")
    return value


def _checked_read_url(value: str) -> str:
    return _checked_database_url(value) if value else value


def _check_options(url: URL) -> None:
    """Raise ValueError for an option that the driver would not accept, which it reports with a TypeError."""
    if not url.query:
        return
    if unknown := sorted(url.query.keys() - _known_options(url)):
        raise ValueError(f"has the unknown option {unknown[0]!r}; remove it from the URL")
    try:
        url.set(drivername=DRIVERS[url.drivername]).get_dialect()().create_connect_args(url)
    except (SQLAlchemyError, TypeError, ValueError):
        raise ValueError("has an option with a wrong value; correct the part after the question mark") from None


def _known_options(url: URL) -> set[str]:
    if url.drivername == "sqlite":
        return set()
    # Only installations on PostgreSQL load its driver.
    from psycopg.pq import Conninfo  # noqa: PLC0415

    return {option.keyword.decode() for option in Conninfo.get_defaults()}


POLL_INTERVALS_S = {"sqlite": 0.5, "postgresql": 2.0}
"""SQLite answers within the process; PostgreSQL wakes its processes by announcements."""

SECRET_LENGTH = 32
"""Shorter secrets could be guessed."""

SECRET_CHARACTERS = 8
"""A secret with fewer distinct characters is not random."""

# Default ports of the usual development servers: React and Next, Angular, Vite, Vue.
DEV_PORTS = (3000, 4200, 5173, 8080)
DEV_ORIGINS = " ".join(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in DEV_PORTS)


def _checked_origins(value: str) -> str:
    for origin in value.split():
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}"):
            raise ValueError(f"names {origin!r}, which is not an origin; write https://films.example, without a path")
    return value


def _checked_root_path(value: str) -> str:
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("is not a path prefix; write /matinee, without a slash at the end")
    return value


def _checked_limit(value: str) -> str:
    try:
        limits.parse_many(value or "1/second")
    except ValueError:
        raise ValueError(
            "is not a rate limit; write 100/minute, or 100/minute; 1000/hour for several, or leave it empty for none"
        ) from None
    return value


def _checked_redis_url(value: str) -> str:
    try:
        is_valid = not value or urlsplit(value).scheme in {"redis", "rediss"}
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("is not a Redis URL; write redis://host:6379")
    return value


RateLimit = Annotated[str, AfterValidator(_checked_limit)]


class Settings(BaseSettings):
    """Every setting with its default. Frozen; tests build their own instead of changing the environment."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_", env_file=ENV_FILE, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_checked_database_url)] = Field(
        default="sqlite:///data/matinee.db",
        description="The database: `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.",
    )
    database_read_url: Annotated[str, AfterValidator(_checked_read_url)] = Field(
        default="",
        description="A read replica of the database, for reads that may be a second late: lists of movies, searches, "
        "genres, tags and statistics. It is never used for a user's own data.",
    )
    model_store: str = Field(
        default="data/models",
        min_length=1,
        description="Storage of models: a folder, or an fsspec URL such as `s3://bucket/models` with its driver "
        "installed.",
    )
    models_kept: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Number of the newest model versions to keep. A training deletes older ones, except the live "
        "version and its predecessor.",
    )
    algorithm: str = Field(
        default="ease",
        min_length=1,
        description="Algorithm of new trainings. `matinee train --help` lists the algorithms.",
    )
    model_memory_mb: int = Field(
        default=MODEL_MEMORY_MB,
        ge=1,
        le=100_000,
        description="Memory budget for the served model. EASE learns weights for as many of the most-rated movies as "
        "fit (28 MB: up to 8,750 movies). A training needs about 60 times as much.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of the random numbers in a training.")
    refresh_interval_s: float | None = Field(
        default=None,
        gt=0,
        le=60,
        description="Seconds between two checks of a process for a new model version, catalogue or training, by one "
        "query. Default: 0.5 on SQLite; 2 on PostgreSQL, which also announces changes.",
    )
    training_lease_s: float = Field(
        default=30,
        ge=1,
        le=3600,
        description="A training without a heartbeat for this many seconds counts as failed.",
    )
    training: Literal["here", "worker"] = Field(
        default="here",
        description="`here`: servers run queued trainings in a child process. `worker`: they leave them to "
        "`matinee worker`, and need no memory for them.",
    )
    training_threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Threads of a training. Leave one core for the serving processes.",
    )
    database_timeout_s: float = Field(
        default=15,
        gt=0,
        le=600,
        description="Seconds that a request waits for a database lock or statement before it is answered with 503.",
    )
    durable: bool = Field(
        default=True,
        description="`on`: a rating that was answered survives a power cut. `off`: it may be lost, but not in part; "
        "writes are faster.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Log level: `debug`, `info`, `warning` or `error`."
    )
    log_format: LogFormat = Field(default="text", description="Log format: `text`, or `json` with one object per line.")

    page: bool = Field(
        default=True, description="`on` serves the built-in page at `/`; `off` is for installations with their own."
    )

    auth: bool = Field(
        default=False,
        description="`on`: users sign in to rate movies and get recommendations; only administrators may train models.",
    )
    sign_up: bool = Field(
        default=False, description="`on` lets visitors create an account with a password. Needs `MATINEE_AUTH`."
    )
    auth_secret: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description=f"Secret that signs the tokens: at least {SECRET_LENGTH} random characters. Required if "
        "`MATINEE_AUTH` is on.",
    )
    auth_token_lifetime_s: int = Field(default=1800, ge=60, le=86_400, description="Lifetime of a token in seconds.")
    root_path: Annotated[str, AfterValidator(_checked_root_path)] = Field(
        default="",
        description="Path prefix under which a proxy serves Matinee and which it strips from requests, such as "
        "`/matinee`. A trusted proxy can send `X-Forwarded-Prefix` instead.",
    )
    cors_origins: Annotated[str, AfterValidator(_checked_origins)] = Field(
        default=DEV_ORIGINS,
        description="Origins whose pages may call the API from a browser, separated by spaces; `*` allows all.",
    )
    login_limit: RateLimit = Field(
        default="30/minute; 300/hour", description="Rate limit of login attempts per client; empty: no limit."
    )
    # High enough for a script that sends the ratings of the most active MovieLens user one by one.
    write_limit: RateLimit = Field(
        default="50000/10 minutes", description="Rate limit of write requests per client; empty: no limit."
    )
    redis_url: Annotated[str, AfterValidator(_checked_redis_url)] = Field(
        default="",
        description="A Redis for this installation only, `redis://host:6379` (extra `matinee[redis]`): rate limits and "
        "the running calibration then count across all serving processes. Without it, and while it does not answer, "
        "each process counts for itself.",
    )
    request_timeout_s: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds until a request must have arrived in full (408), and that a read waits for a free thread "
        "(503).",
    )

    @field_validator("database_read_url")
    @classmethod
    def _checked_kind(cls, value: str, info: ValidationInfo) -> str:
        primary = info.data.get("database_url")
        if value and primary and DRIVERS[make_url(value).drivername] != DRIVERS[make_url(primary).drivername]:
            raise ValueError("must be a database of the same kind as MATINEE_DATABASE_URL")
        return value

    @field_validator("auth_secret")
    @classmethod
    def _checked_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        is_weak = len(secret) < SECRET_LENGTH or len(set(secret)) < SECRET_CHARACTERS
        if info.data.get("auth") and is_weak:
            raise ValueError(
                f"must have at least {SECRET_LENGTH} random characters if MATINEE_AUTH is on; "
                "generate one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return value

    @classmethod
    def load(cls, **values: Any) -> Self:  # noqa: ANN401 (each field has a type of its own)
        """Read the environment and ``.env``; `values` override both.

        Raises `SettingsError`, which names each wrong or unknown variable.
        """
        try:
            _check_names(os.environ)
            _check_names(dotenv_values(ENV_FILE, encoding="utf-8"), source=f" in {ENV_FILE}")
            return cls(**values)
        except ValidationError as error:
            raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None
        except UnicodeDecodeError:
            raise SettingsError(f"The file {ENV_FILE} is not valid UTF-8.") from None

    @property
    def sqlalchemy_url(self) -> URL:
        """The database URL with the driver Matinee uses."""
        url = make_url(self.database_url)
        return url.set(drivername=DRIVERS[url.drivername])

    @property
    def shown_database_url(self) -> str:
        """The database URL without secrets, for messages. Its options may hold a password as well."""
        return self.sqlalchemy_url.set(query={}).render_as_string(hide_password=True)

    @property
    def sqlite_file(self) -> Path | None:
        """The database file, or None on PostgreSQL."""
        url = self.sqlalchemy_url
        return Path(url.database) if url.drivername == "sqlite" and url.database else None

    @property
    def poll_interval_s(self) -> float:
        """Seconds between two checks of a process for changes."""
        return self.refresh_interval_s or POLL_INTERVALS_S[self.sqlalchemy_url.get_backend_name()]

    def as_environment(self) -> dict[str, str]:
        """Return the environment variables that give another process the same settings."""
        values = {name: value for name, value in self.model_dump().items() if value is not None}
        return {f"MATINEE_{name.upper()}": _written(value) for name, value in values.items()}


def _written(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _check_names(names: Iterable[str], source: str = "") -> None:
    """Raise `SettingsError` for a misspelt setting, which would have no effect.

    An unknown name in the environment may belong to another program, unless it resembles a setting. Kubernetes, for
    one, sets ``MATINEE_PORT`` for a service of that name. In our own file every name is meant for us.
    """
    known = [f"MATINEE_{name.upper()}" for name in Settings.model_fields]
    for name in names:
        if not name.upper().startswith("MATINEE_") or name.upper() in known:
            continue
        similar = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.75 if source else 0.85)
        if source or similar:
            hint = f"Did you mean {similar[0]}?" if similar else "docs/reference/settings.md lists all settings."
            raise SettingsError(f"Unknown setting {name}{source}. {hint}")


def without_password(url: str) -> str:
    """Return a URL for a message: the user name and the password are replaced by ``***``."""
    return re.sub("://.*@", "://***@", url)


REQUIREMENTS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be on or off",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must not be empty",
}
"""The requirement of a setting, by the type of Pydantic's error."""


def _sentence(problem: Any) -> str:  # noqa: ANN401 (pydantic's ErrorDetails is loosely typed)
    name = "MATINEE_" + "_".join(str(part) for part in problem["loc"]).upper()
    requirement = REQUIREMENTS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    return f"{name} {requirement.format_map(problem.get('ctx', {}))}."
