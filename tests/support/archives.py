"""Write the same files as a folder or as an archive."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, bytes]


def write_folder(folder: Path, files: Files) -> Path:
    """Write files, whose names may include folders, and return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_gz_files(folder: Path, files: Files) -> Path:
    """Compress each file on its own."""
    return write_folder(folder, {f"{name}.gz": gzip.compress(content) for name, content in files.items()})


def write_zip(folder: Path, files: Files) -> Path:
    """Write a zip archive with exactly these names."""
    path = folder / "release.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar_gz(folder: Path, files: Files) -> Path:
    """Write a compressed tar archive."""
    path = folder / "release.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
