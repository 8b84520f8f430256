"""The model store: one folder per artifact, in any file system that fsspec supports."""

import io
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from server.backend.config import without_password
from server.backend.private_files import private_cache_folder
from server.command_errors import SettingsError
from server.errors import StoreError

OpenStoredFile = Callable[[str, Literal["rb", "wb"]], AbstractContextManager[BinaryIO]]
"""Opens a file of one artifact by its name."""

REMOTE_LIBRARIES = {"aiobotocore", "aiohttp", "botocore", "s3fs"}
"""Their errors are not `OSError`: no connection, no credentials, no bucket."""

CACHED_SUFFIX = ".npy"
COPY_BYTES = 1 << 20


class CachedFile(io.FileIO):
    """A file of the local cache. It never changes, so it may be mapped into memory and shared by processes."""


class ModelStore:
    """Artifacts by name, each with a random name that is never reused.

    In a folder, an artifact is written under another name and then renamed, so a listed one is complete. Object stores
    have no rename: there its manifest is written last, and the row in the database publishes it. Arrays of a remote
    store are read through a local cache, so that the processes of a machine share them in memory.
    """

    def __init__(self, url: str) -> None:
        try:
            self.file_system, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            shown = without_password(url)
            # A library may repeat a part of the URL in its message.
            reason = error if shown == url else type(error).__name__
            raise SettingsError(f"MATINEE_MODEL_STORE {shown!r} cannot be opened: {reason}") from None
        self.is_local = isinstance(self.file_system, LocalFileSystem)
        self._cache_key = url

    def check(self) -> None:
        """Create the store if it does not exist. Raises `SettingsError` if it cannot be used."""
        try:
            with self._reporting_errors():
                self.file_system.makedirs(self.root, exist_ok=True)
        except StoreError as error:
            raise SettingsError(f"MATINEE_MODEL_STORE {self.root!r} cannot be used. {error}") from None
        except OSError as error:
            raise SettingsError(
                f"MATINEE_MODEL_STORE {self.root!r} cannot be used: {error.strerror or error}."
            ) from None

    def check_writable(self) -> None:
        """Write a small file and delete it. Raises `StoreError` or `OSError`, before a training wastes its time."""
        probe = f"{self.root}/.probe-{secrets.token_hex(4)}"
        with self._reporting_errors():
            self.file_system.makedirs(self.root, exist_ok=True)
            self.file_system.pipe_file(probe, b"probe")
            self.file_system.rm_file(probe)

    def opener(self, name: str) -> OpenStoredFile:
        """Return a function ``(file name, mode) -> open file`` for the files of one artifact.

        The function raises `FileNotFoundError` for a missing file, and `StoreError` if the store does not answer.
        """
        return lambda file_name, mode: self._open(name, file_name, mode)

    @contextmanager
    def publish(self, label: str) -> Iterator[tuple[str, OpenStoredFile]]:
        """Write a new artifact: yield its name and an opener for its files.

        If the block fails, nothing is left behind, unless the store does not answer.
        """
        name = f"{label}-{secrets.token_hex(4)}"
        target = f".partial-{name}" if self.is_local else name
        try:
            with self._reporting_errors():
                self.file_system.makedirs(f"{self.root}/{target}", exist_ok=True)
            yield name, self.opener(target)
            if target != name:
                self.file_system.mv(f"{self.root}/{target}", f"{self.root}/{name}", recursive=True)
        except BaseException:
            with suppress(StoreError, OSError):
                self.remove(target)
            raise

    def size_bytes(self, name: str) -> int:
        """Return the size of an artifact in bytes."""
        with self._reporting_errors():
            self.file_system.invalidate_cache()
            return int(self.file_system.du(f"{self.root}/{name}"))

    def list_names(self) -> list[str]:
        """List the names of all artifacts, partially written ones included."""
        with self._reporting_errors():
            self.file_system.invalidate_cache()
            if not self.file_system.isdir(self.root):
                return []
            paths = self.file_system.ls(self.root, detail=False, refresh=True)
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in paths if path.rstrip("/") != self.root)

    def remove(self, name: str) -> None:
        """Delete an artifact if it exists."""
        path = f"{self.root}/{name}"
        with self._reporting_errors():
            self.file_system.invalidate_cache()
            if self.file_system.isdir(path):
                self.file_system.rm(path, recursive=True)
        self.drop_cached(name)

    def drop_cached(self, name: str) -> None:
        """Delete the local copies of an artifact's arrays, so that they are read from the store again."""
        if not self.is_local:
            shutil.rmtree(self._cache / name, ignore_errors=True)

    @property
    def _cache(self) -> Path:
        return private_cache_folder(self._cache_key)

    @contextmanager
    def _open(self, name: str, file_name: str, mode: Literal["rb", "wb"]) -> Iterator[BinaryIO]:
        path = f"{self.root}/{name}/{file_name}"
        with self._reporting_errors():
            if mode == "rb" and not self.is_local and file_name.endswith(CACHED_SUFFIX):
                with CachedFile(self._fetch(name, file_name)) as cached:
                    yield cast("BinaryIO", cached)
                return
            with self.file_system.open(path, mode) as file:
                yield file

    def _fetch(self, name: str, file_name: str) -> Path:
        """Return the path of a local copy. Other processes may fetch the same file at the same moment."""
        cached = self._cache / name / file_name
        if cached.exists():
            return cached
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_name(f".partial-{secrets.token_hex(4)}")
        try:
            with self.file_system.open(f"{self.root}/{name}/{file_name}", "rb") as file, partial.open("wb") as copy:
                shutil.copyfileobj(file, copy, COPY_BYTES)
            partial.replace(cached)
        finally:
            partial.unlink(missing_ok=True)
        return cached

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        """Turn the errors of a remote store into `StoreError`, except that of a missing file."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            if self.is_local or not is_remote_error(error):
                raise
            raise StoreError(_describe(error)) from error


def is_remote_error(error: Exception) -> bool:
    """Return whether a remote file system raised an error."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in REMOTE_LIBRARIES


def _describe(error: Any) -> str:  # noqa: ANN401 (errors of several libraries)
    return f"The model store does not answer: {str(error).rstrip('.') or type(error).__name__}."
