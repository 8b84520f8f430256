"""The shape of an algorithm: settings, a fit, scores, and a learned state that is nothing but arrays."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from server.recommender.interactions import Interactions

Array = NDArray[Any]


class Record(BaseModel):
    """Something a manifest holds: it does not change, and it has no field that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AlgorithmConfig(Record):
    """The settings of an algorithm; every field has a default and says what it does."""


ConfigT = TypeVar("ConfigT", bound=AlgorithmConfig)


@dataclass(frozen=True, eq=False)
class Algorithm(ABC, Generic[ConfigT]):
    """A fitted algorithm. A subclass is a frozen dataclass whose own fields are the arrays it has learned.

    A score estimates the share of users like this one who like the movie. That common scale lets one
    calibrator serve every algorithm, and lets a personal score be blended with a popular one.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[AlgorithmConfig]]

    config: ConfigT

    @classmethod
    @abstractmethod
    def fit(cls, interactions: Interactions, config: ConfigT, *, seed: int) -> Self:
        """Learn from interactions with at least one like; the same interactions and seed learn the same."""

    @abstractmethod
    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Score every item for every user from his history alone, known in training or not.

        The histories are over the items of the training. The answer is the caller's to change: float64,
        users by items, finite. A user without likes gets the popular order.
        """

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
