"""Cold-start metrics: lists and probabilities for users that no fit has seen, by the number of known ratings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.holdouts import CALIBRATED_RATINGS, EVALUATED_RATINGS, first_ratings
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import list_qualities
from server.recommender.data.pairs import RatedPairs
from server.recommender.data.record import Record
from server.recommender.evaluation.calibration_metrics import TOP, calibration_error
from server.recommender.evaluation.ranking_metrics import Scorer, rank, rank_same, rank_strangers


class ColdStartGroup(Record):
    """The quality for new users with a number of known ratings; their next 20 are held out."""

    known_ratings: int
    users: int = Field(description="New users with a held-out positive rating.")
    ndcg_at_10: float
    popularity_ndcg_at_10: float = Field(description="NDCG@10 of the most popular movies for the same users.")
    pairs: int = Field(description="Number of held-out ratings.")
    ece: float = Field(description="Calibration error on all held-out ratings.")
    ece_top_20: float = Field(description="Calibration error within the first 20 of the user's list.")
    predicted_top_20: float = Field(description="Mean probability within the first 20.")
    observed_top_20: float = Field(description="Share of positive ratings within the first 20.")


@dataclass(frozen=True, eq=False)
class ColdStart:
    """The lists and pairs of new users, by the number of known ratings."""

    ndcg_at_10: dict[int, NDArray[np.float64]]
    popularity_ndcg_at_10: dict[int, NDArray[np.float64]]
    known_ratings: NDArray[np.int64]
    """The number of known ratings of each pair."""
    pairs: RatedPairs

    @classmethod
    def of(cls, scorer: Scorer, popularity: NDArray[np.float64], new_users: Interactions) -> "ColdStart":
        """Rank the movies for new users with their first ratings known, and by the popularity of each item."""
        qualities, baseline, counts, pairs = {}, {}, [], []
        for n_known in CALIBRATED_RATINGS:
            split = first_ratings(new_users, n_known)
            ranked = rank(scorer, split) if n_known else rank_strangers(scorer, split)
            qualities[n_known] = list_qualities(ranked.lists, split).ndcg_at_10
            if n_known in EVALUATED_RATINGS:
                baseline[n_known] = list_qualities(rank_same(popularity, split.known), split).ndcg_at_10
            counts.append(np.full(ranked.pairs.liked.size, n_known))
            pairs.append(ranked.pairs)
        return cls(qualities, baseline, np.concatenate(counts), RatedPairs.concatenate(pairs))

    def groups(self, probabilities: NDArray[np.float64]) -> tuple[ColdStartGroup, ...]:
        """Return the metrics for probabilities of the pairs; groups without a held-out positive rating are left out."""
        return tuple(
            self._group(n_known, probabilities) for n_known in EVALUATED_RATINGS if self.ndcg_at_10[n_known].size
        )

    def _group(self, n_known: int, probabilities: NDArray[np.float64]) -> ColdStartGroup:
        is_own = self.known_ratings == n_known
        liked, own = self.pairs.liked[is_own], probabilities[is_own]
        is_top = self.pairs.ranks[is_own] < TOP
        return ColdStartGroup(
            known_ratings=n_known,
            users=self.ndcg_at_10[n_known].size,
            ndcg_at_10=float(self.ndcg_at_10[n_known].mean()),
            popularity_ndcg_at_10=float(self.popularity_ndcg_at_10[n_known].mean()),
            pairs=liked.size,
            ece=calibration_error(own, liked),
            ece_top_20=calibration_error(own[is_top], liked[is_top]),
            predicted_top_20=float(own[is_top].mean()) if is_top.any() else 0.0,
            observed_top_20=float(liked[is_top].mean()) if is_top.any() else 0.0,
        )
