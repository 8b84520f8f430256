"""Everything that an installation on several machines consists of, on loopback: parts that can be killed.

nginx in front of two servers, a worker, PgBouncer, PostgreSQL with a streaming replica, Redis, and an S3 store.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import Client, TransportError

from tests.support import pgbouncer, postgres, redis_server, s3
from tests.support.installation import MATINEE, Installation
from tests.support.postgres import PostgresServer, free_port
from tests.support.waiting import DEADLINE_S, wait_until

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream matinee {{
        {servers}
        keepalive 32;
    }}
    {server}
}}
"""


@dataclass(frozen=True)
class Part:
    """A part of the cluster: how to kill it, to start it again, and to see that it answers."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]


class Process:
    """A program that is killed and started again with the same arguments; its output goes to a file."""

    def __init__(self, command: list[str], *, folder: Path, name: str, environment: Mapping[str, str]) -> None:
        self.log = folder / f"{name}.log"
        self._command = command
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**self._environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the program a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=DEADLINE_S)
            self._process = None


class Cluster:
    """A running installation. Its address is that of the proxy."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.primary = stack.enter_context(postgres.server_of_its_own(is_durable=True))
        replica = stack.enter_context(_streaming_replica(self.primary))
        pooler = stack.enter_context(pgbouncer.running_pooler(self.primary.url))
        redis = stack.enter_context(redis_server.running_server())
        store, variables = _s3_store(folder, stack)
        direct = self.primary.url.render_as_string(hide_password=False)
        self.direct = Installation(folder, direct, "s3://matinee/models", variables)
        """The installation past the pooler, for the commands of an operator."""
        environment = Installation(folder, pooler.url("postgres"), "s3://matinee/models", variables).environment(
            database_read_url=replica.url.render_as_string(hide_password=False),
            database_timeout_s="5",
            redis_url=redis.url,
            training="worker",
            algorithm="popularity",
        ) | {"FORWARDED_ALLOW_IPS": "127.0.0.1"}
        ports = [free_port() for _ in range(3)]
        self.servers = [f"http://127.0.0.1:{port}" for port in ports[:2]]
        self.address = f"http://127.0.0.1:{ports[2]}"
        self._processes = {
            f"server {number}": Process(
                [str(MATINEE), "serve", "--port", str(port)],
                folder=folder,
                name=f"server-{number}",
                environment=environment,
            )
            for number, port in enumerate(ports[:2], 1)
        }
        self._processes["worker"] = Process(
            [str(MATINEE), "worker"], folder=folder, name="worker", environment=environment
        )
        self._processes["nginx"] = _nginx(folder, ports)
        self.parts = [
            *(Part(name, process.kill, process.start) for name, process in self._processes.items()),
            Part("PgBouncer", pooler.stop, pooler.start),
            Part("PostgreSQL", lambda: _crash(self.primary), self.primary.start),
            Part("read replica", lambda: _crash(replica), replica.start),
            Part("Redis", redis.stop, redis.start),
            *store,
        ]

    def start(self) -> None:
        """Start the programs of Matinee and the proxy, and wait until the servers are ready."""
        for process in self._processes.values():
            process.start()
        wait_until(self.is_ready)

    def stop(self) -> None:
        """Stop these programs."""
        for process in self._processes.values():
            process.kill(signal.SIGTERM)

    def is_ready(self) -> bool:
        """Return whether both servers are ready, and the proxy answers."""
        return all(_answers(f"{address}/readyz") for address in (*self.servers, self.address))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Yield a cluster with the demo, before the start of its servers."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, ExitStack() as stack:
        cluster = Cluster(Path(folder), stack)
        cluster.direct.run("ingest", "demo")
        cluster.direct.run("train", "--algorithm", "popularity")
        yield cluster


def _answers(url: str) -> bool:
    try:
        with Client(timeout=10) as client:
            return client.get(url).is_success
    except TransportError:
        return False


def _crash(server: PostgresServer) -> None:
    """End a PostgreSQL server at once, without a checkpoint, and its processes with it."""
    os.kill(server.process_id, signal.SIGQUIT)
    server.stop()


@contextmanager
def _streaming_replica(primary: PostgresServer) -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    replica = PostgresServer(primary.binaries, folder, ())
    try:
        replica.copy_from(primary)
        replica.start()
        yield replica
    finally:
        replica.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _s3_store(folder: Path, stack: ExitStack) -> tuple[list[Part], dict[str, str]]:
    """Run versitygw, which keeps its files, or moto, which must not be killed because it keeps none."""
    binary = shutil.which("versitygw", path=f"{os.environ['PATH']}:{Path.home()}/go/bin")
    if binary is None:
        return [], stack.enter_context(s3.running_server())
    gateway = s3.Gateway(binary, folder / "objects")
    gateway.start()
    stack.callback(gateway.stop)
    return [Part("S3", gateway.stop, gateway.start)], gateway.variables


def _nginx(folder: Path, ports: list[int]) -> Process:
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert binary is not None, "nginx is not installed: apt-get install nginx-light"
    deployed = Path("deploy/nginx.conf").read_text()
    server = deployed[deployed.index("server {\n") :].replace("listen 80", f"listen 127.0.0.1:{ports[2]}")
    servers = " ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in ports[:2])
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers=servers, server=server))
    return Process(
        [binary, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")],
        folder=folder,
        name="nginx-output",
        environment=os.environ,
    )
