"""The interface of an algorithm: settings, a fit, scores, and a learned state that consists of arrays."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import Catalogue
from server.recommender.data.checks import check_array, check_dtype
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.record import Record

Array = NDArray[Any]


class AlgorithmConfig(Record):
    """The settings of an algorithm. Every field has a default and a description."""


ConfigT = TypeVar("ConfigT", bound=AlgorithmConfig)


@dataclass(frozen=True, eq=False)
class Algorithm(ABC, Generic[ConfigT]):
    """A fitted algorithm. A subclass is a frozen dataclass whose fields are the learned arrays.

    A score estimates the share of similar users with a positive rating of the movie: about 0 to 1, below 0 if the
    user's ratings speak against it. On that common scale one calibrator serves every algorithm, and a personal score
    can be blended with popularity.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[AlgorithmConfig]]

    config: ConfigT
    popularity: NDArray[np.float64]
    """The share of all users with a positive rating of each item: the scores of a user without ratings."""

    @classmethod
    def settings_within(cls, memory_mb: int) -> ConfigT:  # noqa: ARG003 (a hook)
        """Return the initial settings for a model that takes at most ``memory_mb`` where it is served."""
        return cast("ConfigT", cls.config_class())

    @classmethod
    @abstractmethod
    def fit(cls, source: Source, config: ConfigT, *, seed: int, catalogue: Catalogue | None = None) -> Self:
        """Learn from ratings with at least one positive rating; deterministic for the same seed.

        ``catalogue`` has genres and years of the items, in the same order.
        """

    @abstractmethod
    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the scores, users by items, computed from the histories alone: float64, finite, writable.

        The histories are over the items of the training; the users may be new. A user without positive ratings gets
        the order of popularity.
        """

    def shortlist(
        self,
        history: Interactions,
        passes: NDArray[np.bool_],  # noqa: ARG002 (a hook)
        n: int,  # noqa: ARG002 (a hook)
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return items, without repetition, and their scores for one user; the same numbers as ``score``.

        Of the modelled items, and of those with positive ratings, there are the ``n`` best of the items that pass a
        filter, and every item with a higher score than the last of these.
        """
        items = np.union1d(self.modelled_items, np.flatnonzero(self.popularity))
        return items, self.score(history)[0, items]

    @abstractmethod
    def similarities(self, item: int) -> NDArray[np.float64]:
        """Return the similarity of every item to this one: finite, of no fixed scale."""

    def contributions(
        self,
        history: Interactions,  # noqa: ARG002 (a hook)
        ratings: NDArray[np.int64],
        items: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return what some ratings of one user, by their rows in the history, add to each score: ratings by items.

        The remainder (score minus the sum) is not attributable to the user's ratings. Algorithms that are not additive
        return zeros.
        """
        return np.zeros((ratings.size, items.size))

    @property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items with personal scores, ascending; the others are ranked by popularity."""
        return np.flatnonzero(self.popularity)

    @property
    def scoring_items(self) -> NDArray[np.int64]:
        """The items whose ratings count for a personal score, ascending."""
        return self.modelled_items

    def check(self, n_items: int) -> None:
        """Raise `ValueError` if the arrays do not fit together, or not to a catalogue of this size."""
        check_dtype(self.popularity, np.float64)
        check_array(self.popularity, (n_items,), lowest=0, highest=1)

    @classmethod
    def array_names(cls) -> frozenset[str]:
        """Return the names of the learned arrays."""
        return frozenset(field.name for field in fields(cls)) - {"config"}

    def arrays(self) -> dict[str, Array]:
        """Return the learned arrays by name."""
        return {name: getattr(self, name) for name in sorted(self.array_names())}

    @classmethod
    def from_arrays(cls, config: ConfigT, arrays: Mapping[str, Array]) -> Self:
        """Rebuild the fitted algorithm from its settings and the result of ``arrays``."""
        return cls(config=config, **arrays)
