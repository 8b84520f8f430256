"""Learning of the second stage of the ranking, on the held-out ratings that the settings are tuned on."""

from collections.abc import Sequence

import numpy as np

from server.recommender.algorithms.ease.candidates import N_CANDIDATES
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.profiles import RERANKED_RATINGS
from server.recommender.algorithms.ease.reranker import MIN_LISTS, RankedLists, learn_reranker
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.data.splits import Split

N_KINDS = 2
"""Users whose latest ratings are held out, and users whose next session is."""

MAX_LISTS = 1_500
"""Of each kind: more take time, and do not make the second stage better."""


def tune_reranker(model: Ease, splits: Sequence[Split]) -> EaseConfig:
    """Return settings with a second stage that was learned from users of both kinds, or without one.

    ``model`` has the first stage alone, and was fitted without the held-out ratings of the splits.
    """
    enough = [np.flatnonzero(split.known.rating_counts >= RERANKED_RATINGS) for split in splits]
    if len(splits) < N_KINDS or min(users.size for users in enough) < MIN_LISTS:
        return model.config
    chosen = (split.select_users(users[:MAX_LISTS]) for split, users in zip(splits, enough, strict=True))
    learned = learn_reranker([rank_candidates(model, split) for split in chosen])
    return model.config.model_copy(update={"reranker": learned})


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
