import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from server.backend.logging import RequestIdFilter, configure, request_id


@pytest.fixture
def server_logger() -> Iterator[logging.Logger]:
    """The configured logger, restored after the test."""
    logger = logging.getLogger("server")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield logger
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.LogRecord("server", logging.INFO, __file__, 1, "a message", (), None)


def test_a_record_outside_a_request_has_no_id(record: logging.LogRecord) -> None:
    assert RequestIdFilter().filter(record)

    assert vars(record)["request_id"] == "-"


def test_a_record_has_the_id_of_its_request(record: logging.LogRecord) -> None:
    token = request_id.set("abc")

    RequestIdFilter().filter(record)

    request_id.reset(token)
    assert vars(record)["request_id"] == "abc"


@pytest.mark.usefixtures("server_logger")
def test_a_line_tells_level_name_request_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    token = request_id.set("abc")

    logging.getLogger("server.somewhere").warning("a %s", "message")

    request_id.reset(token)
    assert capsys.readouterr().err.endswith(" WARNING server.somewhere [abc] a message\n")


@pytest.mark.usefixtures("server_logger")
def test_records_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "text")

    logging.getLogger("server.somewhere").info("a message")

    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("server_logger")
def test_a_line_break_in_a_message_cannot_forge_a_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")

    logging.getLogger("server.somewhere").info("%s failed", "/a\n2026 ERROR\x1b[2J\x85b")

    assert capsys.readouterr().err.endswith(" [-] /a\n    2026 ERROR\\x1b[2J\\x85b failed\n")


@pytest.mark.usefixtures("server_logger")
def test_a_record_is_an_object_with_its_fields_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")

    logging.getLogger("server.somewhere").info("a\n%s", "message", extra={"fields": {"status": 200}})

    line = capsys.readouterr().err
    document = json.loads(line)
    assert line.count("\n") == 1
    assert datetime.fromisoformat(document.pop("time")).tzinfo == UTC
    assert document == {
        "level": "info",
        "logger": "server.somewhere",
        "request_id": "-",
        "message": "a\nmessage",
        "status": 200,
    }


@pytest.mark.usefixtures("server_logger")
def test_an_object_holds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")

    try:
        raise ValueError("the reason")
    except ValueError:
        logging.getLogger("server.somewhere").exception("it failed")

    document = json.loads(capsys.readouterr().err)
    assert document["exception"].startswith("Traceback ")
    assert document["exception"].endswith("ValueError: the reason")
