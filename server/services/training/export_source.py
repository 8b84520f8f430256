"""The ratings of an export as a source that is read from its files, whole or in part."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from server.command_errors import ExportError
from server.recommender.data.interactions import Interactions, Step
from server.recommender.data.ratings import Ratings
from server.recommender.data.stored_ratings import BlockSource
from server.recommender.data.user_order import whole_users
from server.services.training.dataset import Dataset, Part


class ExportSource(BlockSource):
    """Some parts of an export after some steps. It can be sent to another process, which opens the export itself."""

    def __init__(
        self, url: str, parts: Sequence[Part], movie_ids: NDArray[np.int64], steps: Sequence[Step] = ()
    ) -> None:
        self.url = url
        self.parts = tuple(parts)
        self.movie_ids = movie_ids
        self.steps = tuple(steps)

    def only(self, numbers: Iterable[int]) -> "ExportSource":
        """Return the parts with these numbers."""
        return ExportSource(self.url, [self.parts[number] for number in numbers], self.movie_ids, self.steps)

    def derive(self, step: Step) -> "ExportSource":
        """Take one more step whenever the parts are read."""
        return ExportSource(self.url, self.parts, self.movie_ids, (*self.steps, step))

    def pieces(self) -> Iterator[Interactions]:
        """Read the parts. Raise `ExportError`."""
        dataset = Dataset(self.url)
        try:
            for ratings in whole_users(dataset.read_ratings(self.parts)):
                yield self._prepare(ratings)
        except ValueError as error:
            raise ExportError(f"{dataset.shown} cannot be read: {error}") from None

    def _prepare(self, ratings: Ratings) -> Interactions:
        piece = Interactions.from_ratings(ratings, self.movie_ids)
        for step in self.steps:
            piece = step(piece)
        return piece
