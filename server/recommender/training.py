"""From ratings to a trained model: tune, measure and calibrate on held-out ratings, then fit on all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.command_errors import TooFewRatings
from server.recommender.algorithms.base import MODEL_MEMORY_MB, Algorithm, AlgorithmConfig
from server.recommender.algorithms.registry import get_algorithm
from server.recommender.calibration import Calibrator, RatedPairs
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import LIKE_THRESHOLD, Interactions, Ratings
from server.recommender.data.splits import HELD_OUT_ONE_IN, SPLITS, Split, SplitMaker, temporal_split
from server.recommender.evaluation.calibration_metrics import calibration_metrics, reliability_table
from server.recommender.evaluation.ranking_metrics import Ranked, activity_buckets, rank, ranking_metrics
from server.recommender.model import DataSummary, Evaluation, Metrics, ModelCard, TrainedModel, Trial

MIN_EVALUATED_USERS = 10
"""So many users must have ratings to hold out before their mean says anything."""

MIN_USERS_OF_AN_OUTCOME = 2
"""So many users must have a held-out like, and so many another rating: to calibrate on, and to measure on."""

CALIBRATION_PARTS = 5
"""Probabilities are measured on one part of the users after another, by calibrators fitted on the other parts."""

Progress = Callable[[str, float], None]
"""Is told the stage that begins and the share of the work done, 0 to 1. What it raises ends the training."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a training leaves: the model, and all that is needed to compare it with another."""

    model: TrainedModel
    trial: Trial
    sample: Split
    """The users it was measured on: what was known of them, and what was held out."""
    lists: NDArray[np.int64]
    """The trial's lists for them, users by up to 20 items."""


def train(
    interactions: Interactions,
    catalogue: Catalogue,
    *,
    algorithm: str,
    seed: int,
    on_progress: Progress,
    memory_mb: int = MODEL_MEMORY_MB,
) -> Training:
    """Train a model on all ratings, with the quality that the same algorithm has on held-out ones.

    They are of the movies of the catalogue. The same ratings and seed (0 to 2**32 - 1) give the same model. The
    metrics come from a fit, and settings, that have not seen the held-out ratings, and those of the probabilities
    also from users on whom the calibrator was not fitted. The model takes about ``memory_mb`` where it is served, at
    most: an algorithm with weights between movies gives them to the most rated ones only.

    Raises TooFewRatings if there is not enough to hold out, InvalidInputError if there is no such algorithm.
    """
    chosen = get_algorithm(algorithm)
    trial, sample = _fit_trial(chosen, interactions, seed=seed, on_progress=on_progress, memory_mb=memory_mb)
    on_progress("evaluating", 0.6)
    ranked = rank(trial, sample)
    on_progress("calibrating", 0.7)
    evaluation = _summarise(trial, ranked, sample, seed=seed)
    calibrator = Calibrator.fit(ranked.pairs)
    on_progress("refitting", 0.8)
    final = chosen.fit(interactions, trial.config, seed=seed)
    card = ModelCard(**dict(evaluation), seed=seed, data=_describe(interactions, final))
    model = TrainedModel(card, calibrator, catalogue, final)
    return Training(model, Trial(card, catalogue.movie_ids, trial), sample, ranked.lists)


def _fit_trial(
    algorithm: type[Algorithm[Any]], interactions: Interactions, *, seed: int, on_progress: Progress, memory_mb: int
) -> tuple[Algorithm[Any], Split]:
    """Tune and fit without what is held out; of the split, which is as large as the ratings, only a sample stays."""
    on_progress("splitting", 0.0)
    split = temporal_split(interactions, seed=seed)
    sample = _evaluated_sample(split, seed=seed)
    on_progress("tuning", 0.05)
    config = _tune(algorithm, split.known, temporal_split, seed=seed, memory_mb=memory_mb)
    on_progress("fitting", 0.4)
    return algorithm.fit(split.known, config, seed=seed), sample


def evaluate_algorithms(
    ratings: Ratings,
    catalogue_movie_ids: NDArray[np.int64],
    *,
    algorithms: Iterable[str],
    seed: int,
    split: str = "temporal",
    memory_mb: int = MODEL_MEMORY_MB,
) -> list[Evaluation]:
    """Measure algorithms on the same held-out ratings; with the temporal split, on those ``train`` measures on.

    ``split`` is a name of ``SPLITS``; settings are tuned on an inner split of the same kind. Raises as ``train`` does.
    """
    make_split = SPLITS[split]
    whole = make_split(Interactions.from_ratings(ratings, catalogue_movie_ids), seed=seed)
    sample = _evaluated_sample(whole, seed=seed)
    evaluations = []
    for chosen in map(get_algorithm, algorithms):
        config = _tune(chosen, whole.known, make_split, seed=seed, memory_mb=memory_mb)
        trial = chosen.fit(whole.known, config, seed=seed)
        evaluations.append(_summarise(trial, rank(trial, sample), sample, seed=seed))
    return evaluations


def _tune(
    algorithm: type[Algorithm[Any]], known: Interactions, make_split: SplitMaker, *, seed: int, memory_mb: int
) -> AlgorithmConfig:
    """Choose settings on a split of what is known: what is held out from the measurement has no part in it."""
    inner, start = make_split(known, seed=seed), algorithm.settings_within(memory_mb)
    config: AlgorithmConfig = algorithm.tune(inner.known, inner.held_out, start, seed=seed)
    return config


def _evaluated_sample(split: Split, *, seed: int) -> Split:
    """Return the users of a split to evaluate; raises TooFewRatings if they cannot carry a measurement."""
    sample = split.select_users(split.evaluated_users(seed=seed))
    n_ratings = split.known.items.size + split.held_out.items.size
    if sample.held_out.n_users < MIN_EVALUATED_USERS:
        raise TooFewRatings(
            f"There are {n_ratings} ratings, and {sample.held_out.n_users} users with enough to hold some "
            f"out ({HELD_OUT_ONE_IN} or more); {MIN_EVALUATED_USERS} such users are needed."
        )
    like_counts = sample.held_out.like_counts
    n_likers = np.count_nonzero(like_counts)
    n_others = np.count_nonzero(sample.held_out.rating_counts - like_counts)
    if min(n_likers, n_others) < MIN_USERS_OF_AN_OUTCOME or not split.known.liked.any():
        raise TooFewRatings(
            f"There are {n_ratings} ratings; of the latest ones, those of {LIKE_THRESHOLD:g} stars or more come from "
            f"{n_likers} and the lower ones from {n_others} users. Needed are {MIN_USERS_OF_AN_OUTCOME} users of "
            f"each, and an earlier rating of {LIKE_THRESHOLD:g} stars."
        )
    return sample


def _summarise(trial: Algorithm[Any], ranked: Ranked, sample: Split, *, seed: int) -> Evaluation:
    """Add to the ranking metrics what calibrators are worth for users they were not fitted on."""
    probabilities = cross_calibrate(ranked.pairs, seed=seed)
    liked, ranks = ranked.pairs.liked, ranked.pairs.ranks
    return Evaluation(
        algorithm=trial.name,
        parameters=trial.config.model_dump(),
        metrics=Metrics(
            **dict(ranking_metrics(ranked.lists, sample)),
            **dict(calibration_metrics(probabilities, liked, ranks)),
            modelled_likes=float(np.isin(sample.held_out.items[liked], trial.modelled_items).mean()),
        ),
        calibration=reliability_table(probabilities, liked),
        activity=activity_buckets(ranked.lists, sample),
    )


def cross_calibrate(pairs: RatedPairs, *, seed: int) -> NDArray[np.float64]:
    """Give each fifth of the users the probabilities of a calibrator that was fitted on the others."""
    probabilities = np.empty(pairs.scores.size)
    for users in _deal_users(pairs, seed=seed):
        is_measured = np.isin(pairs.users, users)
        calibrator = Calibrator.fit(pairs.where(~is_measured))
        probabilities[is_measured] = calibrator.probabilities(pairs.where(is_measured))
    return probabilities


def _deal_users(pairs: RatedPairs, *, seed: int) -> list[NDArray[np.int64]]:
    """Deal the users out in turn, by their share of likes, so that the others of each part have both outcomes."""
    users, user_of_pair = np.unique(pairs.users, return_inverse=True)
    like_shares = np.bincount(user_of_pair, pairs.liked) / np.bincount(user_of_pair)
    ties = np.random.default_rng(seed).random(users.size)
    dealt = users[np.lexsort((ties, like_shares))]
    return [dealt[first::CALIBRATION_PARTS] for first in range(CALIBRATION_PARTS)]


def _describe(interactions: Interactions, model: Algorithm[Any]) -> DataSummary:
    counts = np.bincount(interactions.items, minlength=interactions.n_items)
    return DataSummary(
        ratings=interactions.items.size,
        users=interactions.n_users,
        movies=interactions.n_items,
        newest_rating=int(interactions.rated_at.max()),
        modelled_movies=model.modelled_items.size,
        modelled_ratings=int(counts[model.modelled_items].sum()),
    )
