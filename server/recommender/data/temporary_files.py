"""The error of a temporary file that cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

from server.command_errors import SettingsError


@contextmanager
def reporting_full_disk() -> Iterator[None]:
    """Raise `SettingsError` with a remedy if a temporary file cannot be written."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"The ratings cannot be copied to {gettempdir()}: {error.strerror or error}. "
            "Set TMPDIR to a folder with 50 bytes free for each rating."
        ) from error
