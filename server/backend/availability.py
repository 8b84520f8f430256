"""Whether an optional part, such as a read replica or Redis, answers."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

PROBE_INTERVAL_S = 2.0
"""How often a part that does not answer is asked again."""


class Availability:
    """Remembers that a part does not answer, so that no request waits for it, and logs each change once."""

    def __init__(self, name: str, consequence: str) -> None:
        self._name = name
        self._consequence = consequence
        self._lock = threading.Lock()
        self.is_up = True

    def report_failure(self, error: Exception) -> None:
        """Record that the part did not answer."""
        with self._lock:
            if not self.is_up:
                return
            self.is_up = False
        logger.warning("%s does not answer: %s. %s", self._name, _first_line(error), self._consequence)

    def probe(self, ask: Callable[[], object]) -> None:
        """Call `ask` if the part did not answer, outside of any request; it raises if the part still does not."""
        if self.is_up:
            return
        try:
            ask()
        except Exception:  # The part is not usable, for any reason.
            return
        with self._lock:
            self.is_up = True
        logger.warning("%s answers again", self._name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
