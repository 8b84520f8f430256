"""List the files of a folder, an archive or a single file, without regard to their content."""

import gzip
import io
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Final

from server.command_errors import SourceError

MAX_DEPTH: Final = 3
"""At most this many folders are between a source and its files."""
MAX_FILES: Final = 10_000
MAX_NESTED_ARCHIVES: Final = 2
MAX_COMPRESSION: Final = 100
"""Files of ratings compress by a factor of 4 to 5."""
ALWAYS_ALLOWED_BYTES: Final = 100 << 20
"""Files up to this size may compress better, because they do no harm."""
ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz")
_DOCUMENT_SUFFIXES = (".xlsx", ".xlsm", ".ods", ".numbers", ".npz")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a source. ``size`` is the number of bytes after decompression, estimated for large ``.gz`` files."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]

    @property
    def name(self) -> str:
        """The name of the file without its folder."""
        return self.path.name


def list_entries(path: Path, resources: ExitStack, *, depth: int = 0) -> list[Entry]:
    """List the files of a folder or archive, or the single file that the path names.

    An archive inside is opened if it is the only file. `resources` closes and deletes what the entries need. Raises
    SourceError for a file that decompresses to an implausible size.
    """
    entries = [_decompressed(entry) for entry in _list_files(path, resources) if _is_visible(entry)]
    if len(entries) != 1 or depth == MAX_NESTED_ARCHIVES or not _is_archive(entries[0].name):
        return entries
    inner = path / entries[0].path if path.is_dir() else _copy(entries[0], _temporary_folder(resources))
    return list_entries(inner, resources, depth=depth + 1)


@contextmanager
def as_source_error(name: str) -> Iterator[None]:
    """Raise SourceError in place of the errors of files and archives. A RuntimeError is an encrypted zip."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error) as error:
        raise SourceError(f"{name} cannot be read: {error}.") from error


def _list_files(path: Path, resources: ExitStack) -> list[Entry]:
    if path.is_dir():
        return _list_folder(path)
    # Spreadsheets are zip archives, too.
    if zipfile.is_zipfile(path) and not path.name.lower().endswith(_DOCUMENT_SUFFIXES):
        return _list_zip(resources.enter_context(zipfile.ZipFile(path)))
    if tarfile.is_tarfile(path):
        return _extract_tar(path, _temporary_folder(resources))
    return [_file_entry(path, PurePosixPath(path.name))]


def _list_folder(path: Path) -> list[Entry]:
    entries: list[Entry] = []
    for folder, subfolders, names in os.walk(path):
        inside = PurePosixPath(Path(folder).relative_to(path).as_posix())
        if len(inside.parts) == MAX_DEPTH:
            subfolders.clear()
        subfolders.sort()
        entries += [_file_entry(Path(folder, name), inside / name) for name in sorted(names)]
        if len(entries) > MAX_FILES:
            raise SourceError(
                f"{path} contains more than {MAX_FILES:,} files. Pass the folder with the MovieLens files."
            )
    return entries


def _file_entry(file: Path, path: PurePosixPath) -> Entry:
    def open_file() -> IO[bytes]:
        return file.open("rb")

    return Entry(path, file.stat().st_size if file.is_file() else 0, open_file)


def _list_zip(archive: zipfile.ZipFile) -> list[Entry]:
    return [
        # Some programs for Windows write backslashes.
        Entry(PurePosixPath(info.filename.replace("\\", "/")), info.file_size, partial(_open_member, archive, info))
        for info in archive.infolist()[:MAX_FILES]
        if not info.is_dir()
    ]


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    _check_size(info.filename, info.file_size, info.compress_size)
    return archive.open(info)


def _extract_tar(path: Path, folder: Path) -> list[Entry]:
    """Extract the files of a tar archive, which offers no access to a single file without reading all before it."""
    entries: list[Entry] = []
    total = 0
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            total += member.size
            _check_size(path.name, total, path.stat().st_size)
            content = archive.extractfile(member) if member.isreg() else None
            if content is not None:
                # Numbered, so that no name in the archive leads to a path outside of the folder.
                target = folder / str(len(entries))
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                entries.append(_file_entry(target, PurePosixPath(member.name)))
    return entries


def _is_visible(entry: Entry) -> bool:
    """Return whether a file is meant for users: macOS adds hidden files and a folder ``__MACOSX`` to archives."""
    return not any(part.startswith((".", "__MACOSX")) for part in entry.path.parts)


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def _temporary_folder(resources: ExitStack) -> Path:
    return Path(resources.enter_context(TemporaryDirectory()))


def _copy(entry: Entry, folder: Path) -> Path:
    target = folder / entry.name
    with entry.open() as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    return target


def _decompressed(entry: Entry) -> Entry:
    """Return the entry itself or, for a ``.gz`` file, the entry of its content under the same name."""
    if not entry.name.lower().endswith(".gz") or _is_archive(entry.name):
        return entry

    size = _size_of_gzip(entry)

    def open_content() -> IO[bytes]:
        _check_size(entry.name, size, entry.size)
        return io.BufferedReader(_LimitedGzip(entry))

    return Entry(entry.path, size, open_content)


def _size_of_gzip(entry: Entry) -> int:
    """Return the size that the last four bytes state, modulo 4 GiB."""
    with entry.open() as stream:
        if entry.size < 18 or not stream.seekable():
            return entry.size
        stream.seek(-4, os.SEEK_END)
        return int.from_bytes(stream.read(4), "little")


class _LimitedGzip(io.RawIOBase):
    """The content of a ``.gz`` file. Raises SourceError beyond an implausible size, which the file may not state."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._compressed = entry.open()
        self._content = gzip.GzipFile(fileobj=self._compressed)
        self._bytes_read = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # the base class takes any buffer
        """Fill the buffer and return the number of bytes."""
        chunk = self._content.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._bytes_read += len(chunk)
        _check_size(self._entry.name, self._bytes_read, self._entry.size)
        return len(chunk)

    def close(self) -> None:
        """Close the file."""
        self._content.close()
        self._compressed.close()
        super().close()


def _check_size(name: str, size: int, compressed_size: int) -> None:
    if size > max(ALWAYS_ALLOWED_BYTES, MAX_COMPRESSION * compressed_size):
        raise SourceError(
            f"{name} decompresses to more than {MAX_COMPRESSION} times its size, so it is not a MovieLens file."
        )
