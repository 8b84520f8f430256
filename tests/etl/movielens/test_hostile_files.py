"""Files made to exhaust memory or time are refused early."""

from collections.abc import Callable
from pathlib import Path

import pytest

from server.command_errors import SourceError
from server.etl.movielens import archives, movies
from server.etl.movielens.blocks import LONGEST_LINE_BYTES
from tests.etl.movielens.reading import read_source
from tests.support.archives import Files, write_folder, write_gz_files, write_tar_gz, write_zip
from tests.support.tables import for_each

HEADER = b"movieId,title,genres\n"
BOMB = b"userId,movieId,rating,timestamp\n" + b"1,1,4.0,964982703\n" * 100_000


@for_each("write", [write_gz_files, write_zip, write_tar_gz])
def test_a_file_that_decompresses_to_many_times_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, Files], Path]
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    path = write(tmp_path, {"movies.csv": HEADER, "ratings.csv": BOMB})

    with pytest.raises(
        SourceError, match=r"decompresses to more than 100 times its size, so it is not a MovieLens file"
    ):
        read_source(path)


@for_each(
    ("content", "reason"),
    [
        (b"a" * (LONGEST_LINE_BYTES + 1), r"^movies\.csv has a line of over 65,536 bytes"),
        (HEADER + b"a" * (LONGEST_LINE_BYTES + 1), r"^movies\.csv has a line of over 65,536 bytes"),
        (
            HEADER + b"".join(b"%d,Film %d,genre %d\n" % (number, number, number) for number in range(1, 3_001)),
            r"^movies\.csv has more than 1,000 genres\.",
        ),
    ],
)
def test_files_that_only_look_like_movies_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_source(write_folder(tmp_path, {"movies.csv": content}))


def test_the_number_of_movies_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movies, "MAX_MOVIES", 2)

    with pytest.raises(SourceError, match=r"^movies\.csv has more than 2 movies"):
        read_source(write_folder(tmp_path, {"movies.csv": HEADER + b"1,A,\n2,B,\n3,C,\n"}))


def test_a_folder_with_very_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 2)

    with pytest.raises(SourceError, match=r"contains more than 2 files\. Pass the folder with the MovieLens files\."):
        read_source(write_folder(tmp_path, {"a": b"", "b": b"", "c": b""}))
