"""Build the images of deploy/Dockerfile and run the demo in them, without a container engine: ``make images``.

Needs buildah, and root, and debootstrap: images are based on Debian's own Python, which has the same C library as the
Dockerfile's base, because the machines that build at night reach package registries, not image registries. `IMAGE_BASE`
names another base.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from httpx2 import Client, TransportError

from tests.support.postgres import free_port
from tests.support.waiting import wait_until

BUILDAH, DEBOOTSTRAP = (shutil.which(each) or f"/usr/bin/{each}" for each in ("buildah", "debootstrap"))
DEBIAN = "http://deb.debian.org/debian"
BASE = "localhost/debian-python:bookworm"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
USER = 10001
CERTIFICATES = "/etc/ssl/certs:/etc/ssl/certs:ro"
ENVIRONMENT = os.environ | {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": os.environ.get("STORAGE_DRIVER", "vfs")}


def buildah(*arguments: str) -> str:
    """Run buildah and return what it prints. Raises `SystemExit` with its messages if it fails."""
    done = subprocess.run([BUILDAH, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"buildah {' '.join(arguments[:2])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


def make_base() -> None:
    """Make the image that the others are based on, from Debian's packages."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        subprocess.run(
            [DEBOOTSTRAP, "--variant=minbase", f"--include={PACKAGES}", "bookworm", root, DEBIAN],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        # As in the base of the Dockerfile, `python` is there and pip may install into it.
        (root / "usr/bin/python").symlink_to("python3")
        for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()
        shutil.rmtree(root / "var/cache/apt")
        container = buildah("from", "scratch")
        buildah("copy", "--quiet", container, str(root), "/")
        buildah("commit", "--quiet", "--rm", container, BASE)


def build(target: str, base: str) -> tuple[str, float]:
    """Build a target of the Dockerfile, by default its last. Return the name of the image, and the seconds it took."""
    name = f"localhost/matinee{'-' * bool(target)}{target}"
    options = ["--layers", "--build-arg", f"PYTHON_IMAGE={base}", "--volume", CERTIFICATES, "--tag", name]
    if target:
        options += ["--target", target]
    started = time.monotonic()
    buildah("build", *options, "--file", "deploy/Dockerfile", "--ignorefile", "deploy/Dockerfile.dockerignore", ".")
    return name, time.monotonic() - started


def size_of(image: str) -> str:
    """Return the size of an image."""
    return next(
        str(row["size"]) for row in json.loads(buildah("images", "--json")) if f"{image}:latest" in (row["names"] or [])
    )


def _mounted(data: Path) -> list[str]:
    # Not at /data: a volume of the image, which each container has for itself.
    variables = {"MATINEE_DATABASE_URL": "sqlite:////demo/matinee.db", "MATINEE_MODEL_STORE": "/demo/models"}
    return ["--volume", f"{data}:/demo", *(f"--env={name}={value}" for name, value in variables.items())]


def run(image: str, data: Path, *command: str) -> None:
    """Run a command of Matinee in a container of its own, with a folder as its data."""
    container = buildah("from", image)
    try:
        buildah("run", *_mounted(data), container, "--", "matinee", *command)
    finally:
        buildah("rm", container)


@contextmanager
def serving(image: str, data: Path) -> Iterator[Client]:
    """Run a server in a container, and yield a client of it."""
    container, port = buildah("from", image), free_port()
    # The server writes its process id: signals to buildah do not reach it. It ends by itself if this process is killed.
    command = f"echo $$ > /demo/pid; exec timeout 300 matinee serve --host 127.0.0.1 --port {port}"
    server = subprocess.Popen(
        [BUILDAH, "run", *_mounted(data), container, "--", "sh", "-c", command],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_until(lambda: _is_ready(client), within_s=120)
            yield client
    finally:
        os.kill(int((data / "pid").read_text()), signal.SIGTERM)
        server.wait()
        buildah("rm", container)


def _is_ready(client: Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except TransportError:
        return False


def check(image: str, data: Path) -> str:
    """Call a server of an image, and return what it answers."""
    with serving(image, data) as client:
        found = client.get("/api/rest/v1/movies", params={"search": "godfahter"}).raise_for_status().json()
        listed = client.get("/api/rest/v1/user/1/recommended-movies").raise_for_status().json()
        saved = client.post("/api/rest/v1/ratings", json={"user_id": 1, "movie_id": 1, "rating": 4})
        saved.raise_for_status()
    return f"finds {found['movies'][0]['title']}, recommends {len(listed['movie_ids'])} movies, saves a rating"


def main() -> None:
    """Build both images, run the demo in the first, and serve it from both."""
    base = os.environ.get("IMAGE_BASE") or BASE
    if base == BASE:
        make_base()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        os.chown(data, USER, USER)
        for target in ("", "serve"):
            image, seconds = build(target, base)
            sys.stdout.write(f"{image}: {size_of(image)}, built in {seconds:.0f} s\n")
            if not target:
                run(image, data, "ingest", "demo")
                run(image, data, "train")
            sys.stdout.write(f"{image}: {check(image, data)}\n")


if __name__ == "__main__":
    main()
