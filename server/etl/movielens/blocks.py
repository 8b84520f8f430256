"""Read blocks of whole lines in UTF-8, from a file of any length and encoding, in constant memory."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, Protocol

from server.command_errors import SourceError

LONGEST_LINE_BYTES: Final = 1 << 16
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file.

    ``first_line`` is the number of the first one, counted from 1. ``size`` is the number of bytes of the file that
    the block accounts for, which includes a skipped header.
    """

    first_line: int
    content: bytes
    size: int


class _Reader(Protocol):
    """The content of a file, and the number of its bytes that were read for it."""

    bytes_read: int

    def read(self, size: int) -> bytes:
        """Return about `size` bytes of content, and nothing only at the end."""


def read_blocks(stream: IO[bytes], name: str, block_bytes: int) -> Iterator[Block]:
    """Split a file into blocks of about ``block_bytes`` at line ends, preferably outside of quotation marks.

    Raises SourceError for a line that is too long for a MovieLens file.
    """
    yield from _split(open_reader(stream), name, block_bytes)


def subdivide(block: Block, name: str, block_bytes: int) -> Iterator[Block]:
    """Split a block into smaller ones. The first one accounts for all bytes of the file."""
    size = block.size
    for part in _split(_PlainReader(block.content, io.BytesIO()), name, block_bytes):
        yield Block(block.first_line + part.first_line - 1, part.content, size)
        size = 0
    if size:
        yield Block(block.first_line, b"", size)


def _split(reader: _Reader, name: str, block_bytes: int) -> Iterator[Block]:
    first_line, reported, unfinished = 1, 0, b""
    while chunk := reader.read(block_bytes):
        unfinished += chunk
        end = _find_end(unfinished)
        if end:
            content, unfinished = unfinished[:end], unfinished[end:]
            yield Block(first_line, content, reader.bytes_read - reported)
            first_line += content.count(b"\n")
            reported = reader.bytes_read
        _check_line(unfinished, name)
    if unfinished:
        yield Block(first_line, unfinished, reader.bytes_read - reported)


def open_reader(stream: IO[bytes]) -> _Reader:
    """Return a reader that yields UTF-8 with line feeds. Bytes of other 8-bit encodings pass unchanged."""
    sample = stream.read(_SAMPLE_BYTES)
    if encoding := _find_utf_16(sample):
        return _TranscodingReader(sample, stream, encoding)
    if b"\r" in sample and b"\n" not in sample:
        return _CarriageReturnReader(sample, stream)
    return _PlainReader(sample, stream)


def _find_end(content: bytes) -> int:
    """Return the position after the last line, or after an earlier one if the last is inside quotation marks."""
    last = end = content.rfind(b"\n") + 1
    if content.count(b'"', 0, end) % 2 == 0:
        return last
    # An odd number of quotation marks is a quoted line break, or one mark too many somewhere.
    while end > max(0, last - LONGEST_LINE_BYTES):
        previous = content.rfind(b"\n", 0, end - 1) + 1
        if content.count(b'"', previous, end) % 2:
            return previous or last
        end = previous
    return last


def _check_line(unfinished: bytes, name: str) -> None:
    if len(unfinished) > LONGEST_LINE_BYTES and len(unfinished) - unfinished.rfind(b"\n") > LONGEST_LINE_BYTES:
        raise SourceError(f"{name} has a line of over {LONGEST_LINE_BYTES:,} bytes, so it is not a MovieLens file.")


def _find_utf_16(sample: bytes) -> str | None:
    """Return the name of the UTF-16 encoding, from the byte order mark or from an ASCII character."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(sample) >= 2 and sample[0] and not sample[1]:
        return "utf-16-le"
    return "utf-16-be" if len(sample) >= 2 and sample[1] and not sample[0] else None


class _PlainReader:
    def __init__(self, sample: bytes, stream: IO[bytes]) -> None:
        self._sample = io.BytesIO(sample)
        self._stream = stream
        self.bytes_read = 0

    def read(self, size: int) -> bytes:
        """Return the bytes as they are."""
        chunk = self._sample.read(size)
        chunk = chunk + self._stream.read(size - len(chunk)) if len(chunk) < size else chunk
        self.bytes_read += len(chunk)
        return chunk


class _CarriageReturnReader(_PlainReader):
    """Reads the line ends of old Macs."""

    def read(self, size: int) -> bytes:
        """Return the bytes with line feeds."""
        return super().read(size).replace(b"\r", b"\n")


class _TranscodingReader(_PlainReader):
    def __init__(self, sample: bytes, stream: IO[bytes], encoding: str) -> None:
        super().__init__(sample, stream)
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int) -> bytes:
        """Return the text as UTF-8."""
        while chunk := super().read(size):
            if text := self._decoder.decode(chunk):
                return text.encode("utf-8", "replace")
        return self._decoder.decode(b"", final=True).encode("utf-8", "replace")
