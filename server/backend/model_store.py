"""Where model artifacts are kept: one folder an artifact, in any file system fsspec knows."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO, Literal

import fsspec

from server.command_errors import SettingsError

OpenFile = Callable[[str, Literal["rb", "wb"]], AbstractContextManager[BinaryIO]]


class ModelStore:
    """Artifacts by name. One that is listed is whole: it is written aside, then renamed."""

    def __init__(self, url: str) -> None:
        try:
            self.file_system, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise SettingsError(f"MATINEE_MODEL_STORE {url!r} cannot be opened: {error}") from None

    def check(self) -> None:
        """Make sure that artifacts can be kept here. Raises `SettingsError`."""
        try:
            self.file_system.makedirs(self.root, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"MATINEE_MODEL_STORE {self.root!r} cannot be used: {error.strerror or error}."
            ) from None

    def opener(self, name: str) -> OpenFile:
        """Give a function ``(file name, mode) -> open file`` for one artifact's files."""
        return lambda file_name, mode: self.file_system.open(f"{self.root}/{name}/{file_name}", mode)

    @contextmanager
    def publish(self, label: str) -> Iterator[tuple[str, OpenFile]]:
        """Write a new artifact: gives its name, to be kept, and an opener for its files.

        The name becomes readable when the block ends well; when it fails, nothing is left behind.
        """
        name = f"{label}-{secrets.token_hex(4)}"
        aside = f"{self.root}/.partial-{name}"
        self.file_system.makedirs(aside, exist_ok=True)
        try:
            yield name, lambda file_name, mode: self.file_system.open(f"{aside}/{file_name}", mode)
            self.file_system.mv(aside, f"{self.root}/{name}", recursive=True)
        except BaseException:
            self._remove(aside)
            raise

    def size_bytes(self, name: str) -> int:
        """Give the bytes an artifact takes."""
        return int(self.file_system.du(f"{self.root}/{name}"))

    def list_names(self) -> list[str]:
        """Name all artifacts there are, half-written ones too."""
        if not self.file_system.isdir(self.root):
            return []
        paths = self.file_system.ls(self.root, detail=False, refresh=True)
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in paths)

    def remove(self, name: str) -> None:
        """Delete an artifact; one that is gone already is no error."""
        self._remove(f"{self.root}/{name}")

    def _remove(self, path: str) -> None:
        if self.file_system.isdir(path):
            self.file_system.rm(path, recursive=True)
