"""Learning of the second stage of the ranking, on the held-out ratings that the settings are tuned on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.candidates import N_CANDIDATES
from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.profiles import RERANKED_RATINGS
from server.recommender.algorithms.ease.reranker import MIN_LISTS, RankedLists, learn_reranker
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics
from server.recommender.algorithms.ease.tail import Tastes
from server.recommender.data.source import Source
from server.recommender.data.splits import Split

N_KINDS = 2
"""Users whose latest ratings are held out, and users whose next session is."""

MAX_LISTS = 1_500
"""Of each kind: more take time, and do not make the second stage better."""


def tune_reranker(
    rest: Source,
    splits: Sequence[Split],
    statistics: CooccurrenceStatistics,
    items: NDArray[np.int64],
    weights: Matrix,
    config: EaseConfig,
) -> EaseConfig:
    """Return settings with a second stage that was learned from users of both kinds, or without one.

    ``statistics`` and ``weights`` are those of ``items`` in ``rest``, which lacks the held-out ratings of the splits.
    """
    enough = [np.flatnonzero(split.known.rating_counts >= RERANKED_RATINGS) for split in splits]
    if len(splits) < N_KINDS or min(users.size for users in enough) < MIN_LISTS:
        return config
    model = Ease.of_weights(rest, config, items, weights, Tastes.of(statistics).directions)
    chosen = (split.select_users(users[:MAX_LISTS]) for split, users in zip(splits, enough, strict=True))
    return config.model_copy(update={"reranker": learn_reranker([rank_candidates(model, split) for split in chosen])})


def rank_candidates(model: Ease, split: Split) -> RankedLists:
    """Return the lists of candidates that contain a held-out positive rating; shorter lists are left out."""
    held_out = split.held_out
    likes = held_out.select_ratings(held_out.liked)
    features, relevant = [], []
    for user, (candidates, own) in enumerate(model.candidates(split.known)):
        items = model.items[candidates.items]
        is_relevant = np.isin(items, likes.items[likes.offsets[user] : likes.offsets[user + 1]])
        if items.size == N_CANDIDATES and is_relevant.any():
            features.append(own)
            relevant.append(is_relevant)
    if not features:
        return RankedLists(np.empty((0, 0, 0), np.float32), np.empty((0, 0), np.bool_))
    return RankedLists(np.stack(features), np.stack(relevant))
