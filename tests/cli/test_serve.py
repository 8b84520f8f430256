import socket
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from server.cli.listening import listen
from server.command_errors import StartFailed
from tests.support.command_line import Matinee, Outcome


@pytest.fixture
def listening_port() -> Iterator[int]:
    """Listen on a port and yield its number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def test_a_port_in_use_is_named(matinee: Matinee, listening_port: int) -> None:
    outcome = matinee("serve", "--port", str(listening_port))

    assert outcome == Outcome(
        1,
        "",
        f"Error: Cannot listen on 127.0.0.1:{listening_port}: Address already in use. "
        "Choose another with --host or --port.\n",
    )


def test_authentication_without_a_secret_stops_the_start(matinee: Matinee) -> None:
    outcome = matinee("serve", auth="on")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: MATINEE_AUTH_SECRET must have at least 32 random characters")


def test_a_wrong_redis_url_stops_the_start_and_is_not_repeated(matinee: Matinee) -> None:
    for url in ("nowhere://:secret@x", "redis", "redis://x:secret", "redis://[secret"):
        outcome = matinee("serve", redis_url=url)

        assert (outcome.exit_code, outcome.printed) == (1, "")
        assert outcome.complained == "Error: MATINEE_REDIS_URL is not a Redis URL; write redis://host:6379.\n"


async def starts(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def fails(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


def test_nothing_is_announced_if_the_app_or_the_port_fails(listening_port: int) -> None:
    announced: list[int] = []
    for app, port in ((fails, 0), (starts, listening_port)):
        config = uvicorn.Config(app, port=port, lifespan="on", log_config=None)
        with pytest.raises(StartFailed):
            listen(config, announced.append)

    assert announced == []
