"""Writes the ratings of the database for trainings elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from server.backend.database import Database
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from server.services.training.dataset import Dataset, Manifest
from server.services.training.inputs import DatabaseInput, read_snapshot

OnProgress = Callable[[str, float], None]


def export_ratings(database: Database, dataset: Dataset, on_progress: OnProgress) -> Manifest:
    """Export one snapshot of ratings and catalogue, with bounded memory. Raise `ExportError`."""
    total = max(DatabaseInput(database).summarise()[0], 1)

    def report_reading(chunks: Iterable[Ratings]) -> Iterator[Ratings]:
        n_read = 0
        for chunk in chunks:
            n_read += len(chunk)
            on_progress("reading", min(n_read / total, 1) / 2)
            yield chunk

    with dataset.create() as writer:
        catalogue, version, order = read_snapshot(database, report_reading)
        with closing(order):
            pieces = (Interactions.from_ratings(piece, catalogue.movie_ids) for piece in order.pieces())
            for n_written in writer.write(pieces):
                on_progress("writing", 0.5 + min(n_written / total, 1) / 2)
        return writer.finish(catalogue, version, now=datetime.now(UTC))
