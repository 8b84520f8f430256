"""Logging to standard error: one line of text or JSON per record, with the id of its request."""

import json
import logging.config
import random
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# A client that sends a line break must not be able to forge a log line, so the text after it is indented.
CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\n"): "\n    "}


def new_request_id() -> str:
    """Return an id for a request. It need not be secret, so no system call is needed for it."""
    return f"{random.getrandbits(128):032x}"


class RequestIdFilter(logging.Filter):
    """Adds the id of the current request to a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request_id = request_id.get()
        return True


class TextFormatter(logging.Formatter):
    """A record as one line of text, followed by its traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name logging has for it)
        """Format the line; escape control characters in the message and indent its further lines."""
        record.message = record.message.translate(CONTROL_CHARACTERS)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object, which includes the ``fields`` of the record by name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": vars(record).get("request_id", "-"),
            "message": record.getMessage(),
            **vars(record).get("fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, log_format: LogFormat) -> None:
    """Set up the loggers of this process."""
    logging.config.dictConfig(configuration(level, log_format))


def configuration(level: str, log_format: LogFormat) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`: our loggers and Uvicorn's, in one format.

    Uvicorn's access log is off, because `web.middleware.access_log` writes that line with request id and route.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestIdFilter}},
        "formatters": {
            "text": {
                "()": TextFormatter,
                "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            },
            "json": {"()": JsonFormatter},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["request_id"]}},
        "loggers": {
            "server": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "uvicorn": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
        },
    }
