"""``matinee serve`` without some of its tricks, to measure the gain of each.

    python -m benchmarks.without reader,inline --port 8000

Each trick names the rows of the serving benchmark that it moves. One that moves none is deleted.
"""

import gc
import sys
from collections.abc import Callable, Mapping
from unittest.mock import patch

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from server import cli
from server.backend import database
from server.backend.reader import Reader, Row
from server.recommender import model as recommender
from server.services.live import cards
from server.web.inline import InlineGuard


class EngineReader(Reader):
    """Reads through SQLAlchemy, in a session for each read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.dialect = engine.dialect.name
        self.is_in_process = self.dialect == "sqlite"

    def close(self) -> None:
        """Do nothing: the connections are the engine's."""

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        with Session(self._engine) as session:
            return [tuple(row) for row in session.execute(text(statement), dict(parameters))]


def _without_reader() -> None:
    """Read through SQLAlchemy, in a session for each read."""
    patch.object(database, "_create_reader", lambda _settings, engine: EngineReader(engine)).start()


def _without_inline() -> None:
    """Run every handler in a thread."""
    patch.object(InlineGuard, "admits", lambda _guard: False).start()


def _without_cards() -> None:
    """Remember the description of one movie only."""
    patch.object(cards.MovieCards.__init__, "__kwdefaults__", {"max_descriptions": 1}).start()


def _without_lists() -> None:
    """Remember one list of recommendations only."""
    patch.object(recommender, "CACHED_LISTS", 1).start()


def _without_freeze() -> None:
    """Let the garbage collector look through everything."""
    patch.object(gc, "freeze", lambda: None).start()


TRICKS: dict[str, Callable[[], None]] = {
    "reader": _without_reader,
    "inline": _without_inline,
    "cards": _without_cards,
    "lists": _without_lists,
    "freeze": _without_freeze,
}


def main() -> None:
    """Turn tricks off, then serve."""
    _, names, *options = sys.argv
    for name in names.split(","):
        TRICKS[name]()
    sys.argv = ["matinee", "serve", *options]
    cli.main()


if __name__ == "__main__":
    main()
