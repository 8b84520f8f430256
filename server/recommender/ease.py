"""EASE: a score is a sum over the movies a user has rated, with weights that have a closed form."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from server.recommender.base import MODEL_MEMORY_MB, Algorithm, AlgorithmConfig
from server.recommender.evidence import Evidence, fade, grade
from server.recommender.interactions import Interactions
from server.recommender.ridge import Rows


class EaseConfig(AlgorithmConfig):
    """The settings of the weights and of the scores. A training chooses the first four by itself."""

    penalty: float = Field(default=200.0, ge=1, description="Penalty on the squares of the weights.")
    half_life: float = Field(
        default=10.0, gt=0, description="After how many later ratings a rating counts half of what fades."
    )
    floor: float = Field(default=0.2, ge=0, le=1, description="Part of a rating's weight that never fades.")
    next_weight: float = Field(
        default=0.4, ge=0, description="How much what is liked next counts, beside what is liked together."
    )
    prior_likes: float = Field(
        default=0.25, gt=0, description="How many likes popularity weighs as much as, when the two are blended."
    )
    always_items: int = Field(default=2_000, ge=1, description="So many of the most rated movies have weights.")
    min_ratings: int = Field(default=10, ge=1, description="Of the other movies, those with so many ratings have, too.")
    max_user_ratings: int = Field(
        default=1_000, ge=1, description="Of each user so many latest ratings are learned from."
    )
    weights_mb: int = Field(
        default=MODEL_MEMORY_MB,
        ge=1,
        description="But no more movies than weights fit into this memory: 400 MB are 10,000 movies.",
    )

    @property
    def max_items(self) -> int:
        """How many movies have weights that fit into the memory for them."""
        return int(np.sqrt(self.weights_mb * 1e6 / np.dtype(np.float32).itemsize))


@dataclass(frozen=True, eq=False)
class Ease(Algorithm[EaseConfig]):
    """Adds up, for each movie, the weights from all that the user has rated, the latest ratings most.

    The weights are EASE's (Steck, WWW 2019), of movies liked together, and those of a ridge regression of what
    users liked next on what they had liked before. A rating counts at once, and a new user is no special case.
    """

    name: ClassVar = "ease"
    config_class: ClassVar = EaseConfig

    items: NDArray[np.int64]
    """The items that have weights, ascending."""
    weights: NDArray[np.float32]
    """Of the row's item for the column's."""
    lengths: NDArray[np.float32]
    """Of each column of the weights."""

    @classmethod
    def settings_within(cls, memory_mb: int) -> EaseConfig:
        """Give all the memory to the weights."""
        return EaseConfig(weights_mb=memory_mb)

    @classmethod
    def fit(cls, interactions: Interactions, config: EaseConfig, *, seed: int) -> Self:  # noqa: ARG003 (the solution is exact)
        """Solve for the weights."""
        items = np.sort(most_rated(interactions, config))
        evidence = Evidence.gather(interactions, items, max_user_ratings=config.max_user_ratings)
        weights = evidence.weights_together(config.penalty)
        if config.next_weight:
            weights += np.float32(config.next_weight) * evidence.weights_next(config.penalty)
        lengths = np.sqrt(np.einsum("ij,ij->j", weights, weights))
        return cls(config, interactions.like_shares, items, weights, lengths)

    @classmethod
    def tune(cls, known: Interactions, held_out: Interactions, config: EaseConfig, *, seed: int) -> EaseConfig:
        """Choose the penalty, how ratings fade, and how much what is liked next counts."""
        from server.recommender.tuning import tune_ease  # noqa: PLC0415 (it measures what this module makes)

        return tune_ease(known, held_out, config, seed=seed)

    @property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items that have weights."""
        return self.items

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the weights' sums with popularity, by ``likes / (likes + prior_likes)``.

        Items without weights come after those with, by popularity.
        """
        inputs = inputs_of(histories, self.items, half_life=self.config.half_life, floor=self.config.floor)
        personal: NDArray[np.float32] = inputs @ self.weights
        trust = self._trust(histories)
        lowest = np.minimum(personal.min(axis=1, keepdims=True), 0)
        scores: NDArray[np.float64] = (1 - trust) * self.like_shares + trust * lowest
        scores[:, self.items] = (1 - trust) * self.like_shares[self.items] + trust * personal
        return scores

    def contributions(self, history: Interactions, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the terms of the sums: exactly what each rating adds."""
        rows, has_row = _places(self.items, history.items)
        columns, has_column = _places(self.items, items)
        values = grade(history) * fade(history.ages, half_life=self.config.half_life, floor=self.config.floor)
        terms = values[:, None] * self.weights[np.ix_(rows, columns)].astype(np.float64)
        contributions: NDArray[np.float64] = self._trust(history) * terms * has_row[:, None] * has_column
        return contributions

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Give the cosines between columns: movies are alike that the same movies speak for.

        People found these lists better than those of the weights themselves or of the rows.
        """
        similarities = np.zeros(self.like_shares.size)
        (place,), (has_weights,) = _places(self.items, np.array([item]))
        if has_weights:
            lengths = np.maximum(self.lengths * self.lengths[place], np.finfo(np.float32).tiny)
            similarities[self.items] = self.weights[:, place] @ self.weights / lengths
        return similarities

    def _trust(self, histories: Interactions) -> NDArray[np.float64]:
        likes = histories.like_counts[:, None]
        trust: NDArray[np.float64] = likes / (likes + self.config.prior_likes)
        return trust


def most_rated(interactions: Interactions, config: EaseConfig) -> NDArray[np.int64]:
    """Return the items that are to have weights, the most rated first; of equally rated ones the smaller first."""
    counts = np.bincount(interactions.items, minlength=interactions.n_items)
    n_enough = np.count_nonzero(counts >= config.min_ratings)
    n_rated = np.count_nonzero(counts)
    n_items = min(max(n_enough, config.always_items), n_rated, config.max_items)
    return np.argsort(-counts, kind="stable")[:n_items]


def inputs_of(histories: Interactions, items: NDArray[np.int64], *, half_life: float, floor: float) -> Rows:
    """Return the matrix, users by chosen items, of what the ratings of each user are worth now."""
    values = grade(histories) * fade(histories.ages, half_life=half_life, floor=floor)
    places, is_chosen = _places(items, histories.items)
    offsets = np.append(0, np.cumsum(is_chosen))[histories.offsets]
    shape = (histories.n_users, items.size)
    return csr_array((values[is_chosen], places[is_chosen], offsets), shape=shape)


def _places(ascending: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each wanted number is, and whether it is there at all; a place of no meaning if not."""
    places = np.minimum(np.searchsorted(ascending, wanted), ascending.size - 1)
    return places, ascending[places] == wanted
