"""Blocks of whole lines, read from a file of any length in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from server.command_errors import SourceError

LONGEST_LINE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file.

    ``first_line`` is the number of the first one, counted from 1. ``size`` are the bytes of the file that the
    block stands for, with a header that ``content`` may leave out.
    """

    first_line: int
    content: bytes
    size: int


def read_blocks(stream: IO[bytes], name: str, block_bytes: int) -> Iterator[Block]:
    """Cut a file at line ends into blocks of about ``block_bytes``; together they are the file.

    Raises SourceError when a line is longer than any of MovieLens: the file is something else.
    """
    first_line = 1
    unfinished = b""
    while chunk := stream.read(block_bytes):
        end = chunk.rfind(b"\n") + 1
        if end:
            content = unfinished + chunk[:end]
            yield Block(first_line, content, len(content))
            first_line += content.count(b"\n")
            unfinished = b""
        unfinished += chunk[end:]
        if len(unfinished) > LONGEST_LINE_BYTES:
            raise SourceError(f"{name} has a line of over {LONGEST_LINE_BYTES:,} bytes, so it is no MovieLens file.")
    if unfinished:
        yield Block(first_line, unfinished, len(unfinished))
