"""The shape of an algorithm: settings, a fit, scores, and a learned state that is nothing but arrays."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from server.recommender.data.interactions import Interactions

Array = NDArray[Any]

MODEL_MEMORY_MB = 28
"""What a model may take in every process that serves it, unless it is told."""


class Record(BaseModel):
    """Something a manifest holds: it does not change, and it has no field that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AlgorithmConfig(Record):
    """The settings of an algorithm; every field has a default and says what it does."""


ConfigT = TypeVar("ConfigT", bound=AlgorithmConfig)


@dataclass(frozen=True, eq=False)
class Algorithm(ABC, Generic[ConfigT]):
    """A fitted algorithm. A subclass is a frozen dataclass whose fields are the arrays it has learned.

    A score estimates the share of users like this one who like the movie: near 0 to 1, less than 0 where his
    ratings speak against it. That common scale lets one calibrator serve every algorithm, and lets a personal
    score be blended with a popular one.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[AlgorithmConfig]]

    config: ConfigT
    like_shares: NDArray[np.float64]
    """Share of all users who like each item: what the score of a user with few likes leans on."""

    @classmethod
    def settings_within(cls, memory_mb: int) -> ConfigT:  # noqa: ARG003 (a hook)
        """Return the settings to start from, for a model that may take so much memory where it is served."""
        return cast("ConfigT", cls.config_class())

    @classmethod
    @abstractmethod
    def fit(cls, interactions: Interactions, config: ConfigT, *, seed: int) -> Self:
        """Learn from interactions with at least one like; the same interactions and seed learn the same."""

    @classmethod
    def tune(cls, known: Interactions, held_out: Interactions, config: ConfigT, *, seed: int) -> ConfigT:  # noqa: ARG003 (a hook)
        """Choose settings by what users of ``known`` went on to rate; those given, if there is nothing to choose."""
        return config

    @abstractmethod
    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Score every item for every user from his history alone, known in training or not.

        The histories are over the items of the training. The answer is the caller's to change: float64,
        users by items, finite. A user without likes gets the popular order.
        """

    def score_some(self, history: Interactions, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score the modelled items, then some others, for one user; just as ``score`` does."""
        scores: NDArray[np.float64] = self.score(history)[0, np.append(self.modelled_items, others)]
        return scores

    @abstractmethod
    def similarities(self, item: int) -> NDArray[np.float64]:
        """Say of every item how much the people who like this one like it, too; finite, of no fixed scale."""

    def contributions(self, history: Interactions, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share out the scores of items: history by items, what each rating of the one user adds to each score.

        What the sum lacks to the score, his ratings have no part in. Nothing, where an algorithm does not add.
        """
        return np.zeros((history.items.size, items.size))

    @property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items that can have a score of the user's own, ascending; the others are ranked by popularity."""
        return np.flatnonzero(self.like_shares)

    @classmethod
    def array_names(cls) -> frozenset[str]:
        """Name what ``arrays`` gives and ``from_arrays`` takes."""
        return frozenset(field.name for field in fields(cls)) - {"config"}

    def arrays(self) -> dict[str, Array]:
        """Return all that was learned, by name."""
        return {name: getattr(self, name) for name in sorted(self.array_names())}

    @classmethod
    def from_arrays(cls, config: ConfigT, arrays: Mapping[str, Array]) -> Self:
        """Build the fitted algorithm again from its settings and what ``arrays`` gave."""
        return cls(config=config, **arrays)
