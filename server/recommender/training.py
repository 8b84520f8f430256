"""From ratings to a trained model: measure and calibrate on held-out ratings, then fit on all of them."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from server.errors import TooFewRatings
from server.recommender.algorithms import get_algorithm
from server.recommender.base import AlgorithmConfig
from server.recommender.calibration import Calibrator, RatedPairs, calibration_metrics, reliability_table
from server.recommender.evaluation import HELD_OUT_ONE_IN, RankingMetrics, Split, evaluate, temporal_split
from server.recommender.interactions import LIKE_THRESHOLD, Interactions, Ratings
from server.recommender.model import DataSummary, Evaluation, Metrics, ModelCard, TrainedModel

MIN_EVALUATED_USERS = 10
"""So many users must have ratings to hold out before their mean says anything."""

MIN_USERS_OF_AN_OUTCOME = 2
"""So many users must have a held-out like, and so many another rating: to calibrate on, and to measure on."""

Progress = Callable[[str, float], None]
"""Is told the stage that begins and the share of the work done, 0 to 1. What it raises ends the training."""


def train(
    ratings: Ratings,
    catalogue_movie_ids: NDArray[np.int64],
    *,
    algorithm: str,
    seed: int,
    on_progress: Progress,
) -> TrainedModel:
    """Train a model on all ratings, with the quality that the same algorithm has on held-out ones.

    The same ratings, in any order, and the same seed (0 to 2**32 - 1) give the same model. The metrics come
    from a fit that has not seen the held-out ratings, and those of the probabilities also from users on whom
    the calibrator was not fitted.

    Raises TooFewRatings if there is not enough to hold out, InvalidInputError if there is no such algorithm.
    """
    chosen = get_algorithm(algorithm)
    config = chosen.config_class()
    on_progress("splitting", 0.0)
    interactions = Interactions.from_ratings(ratings, catalogue_movie_ids)
    split = temporal_split(interactions, seed=seed)
    sample = _evaluated_sample(split, seed=seed)
    on_progress("fitting", 0.1)
    trial = chosen.fit(split.known, config, seed=seed)
    on_progress("evaluating", 0.45)
    ranking, pairs = evaluate(trial, sample)
    on_progress("calibrating", 0.6)
    evaluation = _summarise(algorithm, config, ranking, pairs, seed=seed)
    calibrator = Calibrator.fit(pairs)
    on_progress("refitting", 0.65)
    final = chosen.fit(interactions, config, seed=seed)
    card = ModelCard(**dict(evaluation), seed=seed, data=_describe(interactions))
    return TrainedModel(card, calibrator, interactions.movie_ids, final)


def evaluate_algorithms(
    ratings: Ratings, catalogue_movie_ids: NDArray[np.int64], *, algorithms: Iterable[str], seed: int
) -> list[Evaluation]:
    """Measure algorithms on the held-out ratings that ``train`` measures on; raises as ``train`` does."""
    split = temporal_split(Interactions.from_ratings(ratings, catalogue_movie_ids), seed=seed)
    sample = _evaluated_sample(split, seed=seed)
    evaluations = []
    for name in algorithms:
        chosen = get_algorithm(name)
        config = chosen.config_class()
        ranking, pairs = evaluate(chosen.fit(split.known, config, seed=seed), sample)
        evaluations.append(_summarise(name, config, ranking, pairs, seed=seed))
    return evaluations


def _evaluated_sample(split: Split, *, seed: int) -> Split:
    """Return the users of a split to evaluate; raises TooFewRatings if they cannot carry a measurement."""
    sample = split.of_users(split.evaluated_users(seed=seed))
    n_ratings = split.known.items.size + split.held_out.items.size
    if sample.held_out.n_users < MIN_EVALUATED_USERS:
        raise TooFewRatings(
            f"There are {n_ratings} ratings, and {sample.held_out.n_users} users with {HELD_OUT_ONE_IN} or more; "
            f"training needs {MIN_EVALUATED_USERS} such users."
        )
    like_counts = sample.held_out.like_counts
    n_likers = np.count_nonzero(like_counts)
    n_others = np.count_nonzero(sample.held_out.rating_counts - like_counts)
    if min(n_likers, n_others) < MIN_USERS_OF_AN_OUTCOME or not split.known.liked.any():
        raise TooFewRatings(
            f"There are {n_ratings} ratings; of the latest ones, those of {LIKE_THRESHOLD:g} stars or more come from "
            f"{n_likers} and the lower ones from {n_others} users. Training needs {MIN_USERS_OF_AN_OUTCOME} users of "
            f"each, and an earlier rating of {LIKE_THRESHOLD:g} stars."
        )
    return sample


def _summarise(
    name: str, config: AlgorithmConfig, ranking: RankingMetrics, pairs: RatedPairs, *, seed: int
) -> Evaluation:
    """Add to the ranking metrics what a calibrator fitted on one half of the users is worth for the other."""
    fitted_on, measured_on = _halve_users(pairs, seed=seed)
    probabilities = Calibrator.fit(fitted_on).probabilities(measured_on)
    return Evaluation(
        algorithm=name,
        parameters=config.model_dump(),
        metrics=Metrics(**dict(ranking), **dict(calibration_metrics(probabilities, measured_on.liked))),
        calibration=reliability_table(probabilities, measured_on.liked),
    )


def _halve_users(pairs: RatedPairs, *, seed: int) -> tuple[RatedPairs, RatedPairs]:
    """Deal the users out in turn, by their share of likes, so that both halves have both outcomes."""
    users, user_of_pair = np.unique(pairs.users, return_inverse=True)
    like_shares = np.bincount(user_of_pair, pairs.liked) / np.bincount(user_of_pair)
    ties = np.random.default_rng(seed).random(users.size)
    dealt = users[np.lexsort((ties, like_shares))]
    return pairs.of_users(dealt[::2]), pairs.of_users(dealt[1::2])


def _describe(interactions: Interactions) -> DataSummary:
    return DataSummary(
        ratings=interactions.items.size,
        users=interactions.n_users,
        movies=interactions.n_items,
        newest_rating=int(interactions.rated_at.max()),
    )
