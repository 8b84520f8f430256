"""A trained model: what serves recommendations, and the card that says where it comes from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.base import Algorithm, Record
from server.recommender.calibration import CalibrationMetrics, Calibrator, Pairs, ReliabilityBin
from server.recommender.evaluation import RankingMetrics
from server.recommender.interactions import History, Interactions
from server.recommender.ranking import count_higher, top_items


class DataSummary(Record):
    """What a model was trained on."""

    ratings: int
    users: int = Field(description="Users with a rating.")
    movies: int = Field(description="Movies in the catalogue, rated or not.")
    newest_rating: int = Field(description="Time of the newest rating, in seconds since 1970, UTC.")


class Metrics(RankingMetrics, CalibrationMetrics):
    """All that is measured: the lists, and the probabilities in them."""


class Evaluation(Record):
    """How good an algorithm is on held-out ratings."""

    algorithm: str
    parameters: dict[str, Any]
    metrics: Metrics
    calibration: tuple[ReliabilityBin, ...] = Field(description="The reliability table behind the metrics.")


class ModelCard(Evaluation):
    """Where a model comes from and how good it is; the same ratings and seed give the same card."""

    seed: int
    data: DataSummary


@dataclass(frozen=True, eq=False)
class Recommendations:
    """A list of movies, best first. Probabilities never rise, and fall wherever the scores do."""

    movie_ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    """P(the user rates it with 4 stars or more | he rates it), greater than 0 and less than 1."""
    floor: float
    """No probability of any movie of the model is lower: for movies that are newer than the model."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Recommends to anyone by his present history. Never changes, so threads may share it."""

    card: ModelCard
    calibrator: Calibrator
    movie_ids: NDArray[np.int64]
    """The catalogue it was trained on, ascending."""
    algorithm: Algorithm[Any]

    def recommend(self, history: History, *, n: int, exclude_seen: bool) -> Recommendations:
        """Return the ``n`` movies the user most likely likes, fewer only if the catalogue has fewer.

        Of equal scores the smaller id comes first. ``exclude_seen`` leaves out what the history holds; it
        does not change the probability of the others.
        """
        interactions = Interactions.from_history(history, self.movie_ids)
        scores = self.algorithm.score(interactions)[0]
        n_left_out = interactions.items.size if exclude_seen else 0
        best = top_items(scores, n + n_left_out)
        unseen = np.isin(best, interactions.items, invert=True)
        listed = best[unseen][:n] if exclude_seen else best
        ranks = count_higher(scores[listed], scores[best[unseen]])
        probabilities = self._probabilities(
            interactions, np.append(scores[listed], scores.min()), np.append(ranks, scores.size)
        )
        return Recommendations(self.movie_ids[listed], probabilities[:-1], float(probabilities[-1]))

    def _probabilities(
        self, interactions: Interactions, scores: NDArray[np.float64], ranks: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Probabilities for the one user of the interactions."""
        user_likes = np.repeat(interactions.like_counts, scores.size)
        user_ratings = np.repeat(interactions.rating_counts, scores.size)
        return self.calibrator.probabilities(Pairs(scores, ranks, user_likes, user_ratings))
