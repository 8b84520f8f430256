"""An export: a folder of Parquet files with all that a training needs, and a manifest that is written last.

``ratings/part-*.parquet`` hold the ratings by user, then time, then movie, in parts of whole users; ``movies.parquet``
holds the catalogue.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from types import ModuleType
from typing import IO, Any, Literal

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from server.backend.config import without_password
from server.backend.model_store import is_remote_error
from server.command_errors import ExportError
from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings

MANIFEST = "manifest.json"
MOVIES = "movies.parquet"
PART_RATINGS = 500_000
"""Ratings in a file, about: what one task of a cluster reads."""

ROWS_PER_BATCH = 500_000


class Part(BaseModel):
    """One file of ratings."""

    model_config = ConfigDict(frozen=True)

    file: str
    ratings: int
    users: int
    first_user_id: int
    last_user_id: int


class Manifest(BaseModel):
    """The contents of an export."""

    model_config = ConfigDict(frozen=True)

    format: Literal["matinee-export"] = "matinee-export"
    format_version: Literal[1] = 1
    created_at: AwareDatetime
    catalogue_version: int
    ratings: int
    users: int
    movies: int
    newest_rating: AwareDatetime | None
    genres: tuple[str, ...]
    """The genres in the order of the model's columns."""
    parts: tuple[Part, ...]


class Dataset:
    """An export at a path or URL of any file system that fsspec supports."""

    def __init__(self, url: str) -> None:
        """Open a folder, which need not exist. Raise `ExportError` if the file system or pyarrow is missing."""
        self.shown = without_password(url)
        self.arrow, self.parquet = _import_pyarrow()
        try:
            self.file_system, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise ExportError(f"{self.shown!r} cannot be opened: {error}") from None
        self.is_local = isinstance(self.file_system, LocalFileSystem)
        # For other processes, which may run in another folder.
        self.url = self.root if self.is_local else url

    @contextmanager
    def create(self) -> Iterator["DatasetWriter"]:
        """Write an export in a block; if it fails, nothing is left that looks complete.

        A local folder is written under another name and then renamed. Object stores have no rename: there, an export
        without a manifest is not complete. Raise `ExportError` if the path is taken or cannot be written.
        """
        with self._reporting("written"):
            if self.file_system.exists(self.root) and self.file_system.ls(self.root):
                raise ExportError(f"{self.shown} exists already. Delete it, or export to another path.")
            parent, _, name = self.root.rpartition("/")
            folder = f"{parent}/.partial-{name}-{secrets.token_hex(4)}" if self.is_local else self.root
            try:
                self.file_system.makedirs(f"{folder}/ratings", exist_ok=True)
                writer = DatasetWriter(self, folder)
                try:
                    yield writer
                finally:
                    writer.close()
                if folder != self.root:
                    self._rename(folder)
            except BaseException:
                with suppress(Exception):
                    self.file_system.rm(folder, recursive=True)
                raise

    def _rename(self, folder: str) -> None:
        # An empty folder may be there; a folder cannot be renamed onto it everywhere.
        if self.file_system.exists(self.root):
            self.file_system.rmdir(self.root)
        self.file_system.mv(folder, self.root, recursive=True)

    def read_manifest(self) -> Manifest:
        """Read the manifest. Raise `ExportError` if this is not a complete export."""
        with self._reporting("read"):
            try:
                with self.file_system.open(f"{self.root}/{MANIFEST}", "rb") as file:
                    return Manifest.model_validate_json(file.read())
            except FileNotFoundError:
                raise ExportError(
                    f"{self.shown} is not a complete export: it has no {MANIFEST}. Write one with: matinee export"
                ) from None
            except ValidationError:
                raise ExportError(f"The {MANIFEST} of {self.shown} is damaged or of another version.") from None

    def read_catalogue(self, manifest: Manifest) -> Catalogue:
        """Read all movies."""
        with self._reporting("read"), self.file_system.open(f"{self.root}/{MOVIES}", "rb") as file:
            table = self.parquet.read_table(file)
        genres = np.zeros((table.num_rows, len(manifest.genres)), np.bool_)
        columns = {name: column for column, name in enumerate(manifest.genres)}
        for row, names in enumerate(table["genres"].to_pylist()):
            genres[row, [columns[name] for name in names]] = True
        return Catalogue(
            movie_ids=table["movie_id"].to_numpy(),
            years=table["year"].fill_null(UNKNOWN_YEAR).to_numpy(),
            genres=genres,
            genre_names=np.array(manifest.genres, np.str_),
        )

    def read_ratings(self, parts: Iterable[Part]) -> Iterator[Ratings]:
        """Yield the ratings of some parts in small pieces, by user. Raise `ExportError` if some are missing."""
        for part in parts:
            n_ratings = 0
            with self._reporting("read"), self.file_system.open(f"{self.root}/{part.file}", "rb") as file:
                for batch in self.parquet.ParquetFile(file).iter_batches(ROWS_PER_BATCH):
                    n_ratings += batch.num_rows
                    yield ratings_of(batch)
            if n_ratings != part.ratings:
                raise ExportError(f"{part.file} of {self.shown} has {n_ratings} ratings instead of {part.ratings}.")

    @contextmanager
    def _reporting(self, action: str) -> Iterator[None]:
        """Turn what a file system or pyarrow raises into `ExportError`."""
        try:
            yield
        except (OSError, self.arrow.ArrowException) as error:
            raise ExportError(f"{self.shown} cannot be {action}: {_reason(error)}.") from error
        except Exception as error:
            if not is_remote_error(error):
                raise
            raise ExportError(f"{self.shown} cannot be {action}: {_reason(error)}.") from error


class DatasetWriter:
    """Writes the files of an export."""

    def __init__(self, dataset: Dataset, folder: str) -> None:
        self._dataset = dataset
        self._folder = folder
        self._parts: list[Part] = []
        self._newest: int | None = None
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def write(self, pieces: Iterable[Interactions]) -> Iterator[int]:
        """Write users, whose ids ascend, and yield the number of ratings after each piece."""
        for piece in pieces:
            if self._writer is None or self._parts[-1].ratings >= PART_RATINGS:
                self._start_part(int(piece.user_ids[0]))
            self._writer.write_table(_table_of(piece, self._dataset.arrow))
            self._count(piece)
            yield sum(part.ratings for part in self._parts)
        self.close()

    def finish(self, catalogue: Catalogue, catalogue_version: int, *, now: datetime) -> Manifest:
        """Write the catalogue, then the manifest."""
        file_system, arrow = self._dataset.file_system, self._dataset.arrow
        names = catalogue.genre_names.tolist()
        table = arrow.table({
            "movie_id": catalogue.movie_ids,
            "year": arrow.array(catalogue.years, mask=catalogue.years == UNKNOWN_YEAR),
            "genres": arrow.array(
                [[names[column] for column in np.flatnonzero(row)] for row in catalogue.genres],
                arrow.list_(arrow.string()),
            ),
        })
        with file_system.open(f"{self._folder}/{MOVIES}", "wb") as file:
            self._dataset.parquet.write_table(table, file)
        manifest = Manifest(
            created_at=now,
            catalogue_version=catalogue_version,
            ratings=sum(part.ratings for part in self._parts),
            users=sum(part.users for part in self._parts),
            movies=len(catalogue),
            newest_rating=None if self._newest is None else datetime.fromtimestamp(self._newest, now.tzinfo),
            genres=tuple(names),
            parts=tuple(self._parts),
        )
        file_system.pipe_file(f"{self._folder}/{MANIFEST}", manifest.model_dump_json(indent=2).encode())
        return manifest

    def close(self) -> None:
        """Close the file that is being written, if there is one."""
        writer, file = self._writer, self._file
        self._writer = self._file = None
        if writer is not None:
            writer.close()
        if file is not None:
            file.close()

    def _start_part(self, first_user: int) -> None:
        self.close()
        name = f"ratings/part-{len(self._parts):05}.parquet"
        self._file = self._dataset.file_system.open(f"{self._folder}/{name}", "wb")
        schema = _schema(self._dataset.arrow)
        self._writer = self._dataset.parquet.ParquetWriter(self._file, schema, compression="zstd")
        self._parts.append(Part(file=name, ratings=0, users=0, first_user_id=first_user, last_user_id=first_user))

    def _count(self, piece: Interactions) -> None:
        part = self._parts[-1]
        counts = {
            "ratings": part.ratings + piece.items.size,
            "users": part.users + piece.n_users,
            "last_user_id": int(piece.user_ids[-1]),
        }
        self._parts[-1] = part.model_copy(update=counts)
        self._newest = max(self._newest or 0, int(piece.rated_at.max()))


def ratings_of(batch: Any) -> Ratings:  # noqa: ANN401 (pyarrow has no types)
    """Return the ratings of a batch of Arrow columns."""
    names = ("user_id", "movie_id", "rating", "rated_at")
    return Ratings(*(batch.column(name).to_numpy(zero_copy_only=False) for name in names))


def _table_of(piece: Interactions, arrow: ModuleType) -> Any:  # noqa: ANN401 (as above)
    ratings = piece.to_ratings()
    columns = (ratings.user_ids, ratings.movie_ids, ratings.ratings, ratings.rated_at)
    return arrow.Table.from_arrays([arrow.array(column) for column in columns], schema=_schema(arrow))


def _schema(arrow: ModuleType) -> Any:  # noqa: ANN401 (as above)
    whole_number = arrow.int64()
    return arrow.schema([
        arrow.field("user_id", whole_number, nullable=False),
        arrow.field("movie_id", whole_number, nullable=False),
        arrow.field("rating", arrow.float32(), nullable=False),
        arrow.field("rated_at", whole_number, nullable=False),
    ])


def _import_pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        # Of the extra `parquet`.
        import pyarrow as arrow  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise ExportError("Exports need the extra parquet: pip install 'matinee[parquet]'") from None
    return arrow, parquet


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
