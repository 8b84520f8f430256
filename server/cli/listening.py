"""Uvicorn that calls back once it listens: in this process, or with several workers."""

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from server.command_errors import StartFailed

OnListening = Callable[[int], None]
"""Takes the port, which the operating system has chosen if 0 was asked for."""


def listen(config: uvicorn.Config, on_listening: OnListening) -> None:
    """Serve until a signal ends it, as `uvicorn.run` does. Raises `StartFailed` if the app does not start."""
    with contextlib.suppress(KeyboardInterrupt):
        if config.workers > 1:
            _Supervisor(config, on_listening).run()
        else:
            _Server(config, on_listening).run()


class _Server(uvicorn.Server):
    """A server in this process."""

    def __init__(self, config: uvicorn.Config, on_listening: OnListening) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, and listen."""
        try:
            await super().startup(sockets)
        except SystemExit:
            raise StartFailed from None
        self._on_listening(_port(self.servers[0].sockets[0]))


class _Supervisor(Multiprocess):
    """The parent of several serving processes, which share a socket."""

    def __init__(self, config: uvicorn.Config, on_listening: OnListening) -> None:
        super().__init__(config, [config.bind_socket()])
        self._on_listening = on_listening

    def init_processes(self) -> None:
        """Start the workers, and wait until one of them serves."""
        super().init_processes()
        patience_s = self.config.timeout_worker_healthcheck
        if any(worker.wait_until_ready(patience_s, self.should_exit) for worker in self.processes):
            self._on_listening(_port(self.sockets[0]))

    def run(self) -> None:
        """Supervise the workers until a signal ends it, or a worker could not start."""
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartFailed


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port
