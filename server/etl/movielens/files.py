"""Find the files of movies, ratings, links and tags in a source by their names."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from server.command_errors import SourceError
from server.etl.movielens.archives import Entry
from server.etl.movielens.formats import Role

READABLE: Final = (
    "movies.csv, ratings.csv, links.csv and tags.csv (or movie.csv, rating.csv, …), movies.dat and ratings.dat (1M and "
    "10M), u.item and u.data (100K), alone, as .gz, in a folder, a .zip or a .tar.gz"
)
_SHOWN_NAMES = 5
_FILES_OF_100K = {"u.item": Role.MOVIES, "u.data": Role.RATINGS}
_GENRES_OF_100K = "u.genre"
_NAME = re.compile(r"(movie|rating|link|tag)s?\.(\w+)(\.\w+)?")
_EXTENSIONS = ("csv", "tsv", "txt", "dat")


@dataclass(slots=True)
class SourceFiles:
    """The files of a source in one folder."""

    folder: PurePosixPath
    by_role: dict[Role, Entry] = field(default_factory=dict)
    genres: Entry | None = None
    """The list of genres of 100K."""
    unread: list[tuple[Role, Entry]] = field(default_factory=list)
    """Files that are not read, though their names or types say that they contain movies, ratings, links or tags."""


def find_files(entries: Sequence[Entry], source: str, *, is_single_file: bool) -> SourceFiles:
    """Return the files of the folder that contains a movies file, or the single file that the user passed.

    Raises SourceError if no folder or more than one contains movies, or if a file is of a type that is not read.
    """
    folders: dict[PurePosixPath, list[Entry]] = defaultdict(list)
    for entry in entries:
        folders[entry.path.parent].append(entry)
    found = [_sort_by_role(folder, files) for folder, files in folders.items()]
    sources = [files for files in found if Role.MOVIES in files.by_role or (is_single_file and files.by_role)]
    if not sources:
        raise _nothing_found(entries, found, source)
    nearest = min(len(files.folder.parts) for files in sources)
    candidates = [files for files in sources if len(files.folder.parts) == nearest]
    if len(candidates) > 1:
        names = ", ".join(sorted(str(files.folder) for files in candidates)[:_SHOWN_NAMES])
        raise SourceError(f"{source} contains several sources: {names}. Pass the path of one of them.")
    _check_unread(candidates[0])
    return candidates[0]


def _sort_by_role(folder: PurePosixPath, entries: Sequence[Entry]) -> SourceFiles:
    files = SourceFiles(folder)
    # A folder with files of several releases is read in the order of `_EXTENSIONS`.
    ranked: dict[Role, list[tuple[int, Entry]]] = defaultdict(list)
    for entry in entries:
        name = entry.name.lower().removesuffix(".gz")
        match = _NAME.fullmatch(name)
        if name == _GENRES_OF_100K:
            files.genres = entry
        elif name in _FILES_OF_100K:
            ranked[_FILES_OF_100K[name]].append((len(_EXTENSIONS), entry))
        elif match and match[2] in _EXTENSIONS and not match[3]:
            ranked[Role(f"{match[1]}s")].append((_EXTENSIONS.index(match[2]), entry))
        elif match or "rating" in name:
            files.unread.append((Role(f"{match[1]}s") if match else Role.RATINGS, entry))
    files.by_role = _choose_release(ranked)
    return files


def _choose_release(ranked: Mapping[Role, Sequence[tuple[int, Entry]]]) -> dict[Role, Entry]:
    """Choose the files of one release: movies and ratings of the same type, if both exist."""
    ranks = {role: {rank for rank, _ in files} for role, files in ranked.items()}
    common = ranks.get(Role.MOVIES, set()) & ranks.get(Role.RATINGS, set())
    preferred = min(common, default=0)
    return {
        role: min(files, key=lambda file: (file[0] != preferred, file[0], file[1].name))[1]
        for role, files in ranked.items()
    }


def _check_unread(files: SourceFiles) -> None:
    for role, entry in files.unread:
        if role not in files.by_role:
            raise SourceError(f"{entry.name} is not read. Matinee reads {READABLE}.")


def _nothing_found(entries: Sequence[Entry], found: Sequence[SourceFiles], source: str) -> SourceError:
    unread = [entry.name for files in found for role, entry in files.unread if role is Role.MOVIES]
    if unread or len(entries) == 1:
        return SourceError(f"{(unread or [entries[0].name])[0]} is not read. Matinee reads {READABLE}.")
    names = sorted({entry.name for entry in entries})
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    contents = f"only {', '.join(names[:_SHOWN_NAMES])}{more}" if names else "no files"
    return SourceError(f"{source} contains no movies file, {contents}. Matinee reads {READABLE}.")
