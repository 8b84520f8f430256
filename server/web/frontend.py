"""The built-in page: reads its files, and fills its two documents in."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parents[1] / "frontend"

# Everything comes from this server. Charts and cards set styles from scripts, which a policy of styles allows.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI writes styles into its markup.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

files = StaticFiles(directory=FOLDER)


@cache
def digest() -> str:
    """Return a digest of all files of the page, which is part of their path: browsers may keep them forever."""
    content = hashlib.blake2b(digest_size=8)
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        content.update(path.relative_to(FOLDER).as_posix().encode())
        content.update(path.read_bytes())
    return content.hexdigest()


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def render(name: str, **values: str) -> str:
    """Return a document of the page; ``{{name}}`` in it becomes a value, ``{{files}}`` the path of the files."""
    text = _read(name).replace("{{files}}", f"page/{digest()}")
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return text
