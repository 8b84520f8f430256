"""Training: tune, evaluate and calibrate on held-out ratings, then fit on all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.backend.defaults import MODEL_MEMORY_MB
from server.command_errors import TooFewRatings
from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.algorithms.registry import get_algorithm, tune
from server.recommender.calibration import Calibrator, UserCalibrators
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import Holdouts, first_ratings
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.pairs import RatedPairs
from server.recommender.data.ratings import LIKE_THRESHOLD, Ratings
from server.recommender.data.splits import HELD_OUT_ONE_IN, SPLITS, Split, SplitMaker, temporal_split
from server.recommender.evaluation.calibration_metrics import calibration_metrics, reliability_table
from server.recommender.evaluation.card import DataSummary, Evaluation, Metrics, ModelCard
from server.recommender.evaluation.cold_start_metrics import ColdStart
from server.recommender.evaluation.ranking_metrics import (
    Ranked,
    SessionMetrics,
    activity_groups,
    rank,
    ranking_metrics,
    session_metrics,
)
from server.recommender.model import HoldoutModel, TrainedModel

MIN_EVALUATED_USERS = 10
"""The evaluation needs at least this many users with held-out ratings."""

MIN_USERS_OF_AN_OUTCOME = 2
"""At least this many users need a held-out positive rating, and as many another one: to fit and to measure."""

MIN_NEW_USERS = 10
"""The cold start is measured and calibrated on at least this many new users."""

CALIBRATION_FOLDS = 5
"""Probabilities are measured by cross-validation over this many groups of users."""

StageCallback = Callable[[str, float], None]
"""Called with the stage that begins and the share of the work done, 0 to 1. An exception ends the training."""


@dataclass(frozen=True, eq=False)
class Training:
    """The result of a training: the model and what a comparison with another one needs."""

    model: TrainedModel
    holdout: HoldoutModel
    sample: Split
    """Known and held-out ratings of the evaluated users."""
    lists: NDArray[np.int64]
    """The holdout model's lists for them, users by up to 20 items."""
    shortage: str | None = None
    """Why the model is one of popularity that was not measured, or None."""


def train(
    source: Source,
    catalogue: Catalogue,
    *,
    algorithm: str,
    seed: int,
    on_progress: StageCallback,
    memory_mb: int = MODEL_MEMORY_MB,
) -> Training:
    """Train a model on all ratings of the catalogue's movies, and measure the algorithm on held-out ones.

    The same ratings and seed (0 to 2**32 - 1) give the same model. Settings and metrics come from fits without the
    held-out ratings; calibration is measured by cross-validation over users. The served model takes about
    ``memory_mb`` at most.

    If the ratings are too few or too much alike to hold some out, the model is one of popularity, without metrics.

    Raise `TooFewRatings` if there is no positive rating, `InvalidInputError` for an unknown algorithm.
    """
    chosen = get_algorithm(algorithm)
    try:
        # Everything that is held out is released before the final fit.
        measured = _tune_and_measure(chosen, source, catalogue, seed=seed, on_progress=on_progress, memory_mb=memory_mb)
    except TooFewRatings as shortage:
        on_progress("fitting", 0.4)
        return _train_popularity(source, catalogue, seed=seed, shortage=str(shortage))
    on_progress("refitting", 0.8)
    final = chosen.fit(source, measured.fitted.config, seed=seed, catalogue=catalogue)
    card = ModelCard(**dict(measured.evaluation), seed=seed, data=_describe(source, final))
    model = TrainedModel(card, measured.calibrators, catalogue, final)
    holdout = HoldoutModel(card, catalogue.movie_ids, measured.fitted)
    return Training(model, holdout, measured.sample, measured.lists)


def _train_popularity(source: Source, catalogue: Catalogue, *, seed: int, shortage: str) -> Training:
    n_ratings, n_likes = source.summary.n_ratings, source.summary.n_likes
    if n_likes == 0:
        raise TooFewRatings(
            f"A training needs a rating of {LIKE_THRESHOLD:g} stars or more, but the {n_ratings} ratings contain "
            "none. Load more ratings."
        )
    popularity = Popularity.fit(source, PopularityConfig(), seed=seed)
    card = ModelCard(
        algorithm=Popularity.name,
        parameters={},
        metrics=None,
        calibration=(),
        activity=(),
        cold_start=(),
        seed=seed,
        data=_describe(source, popularity),
    )
    calibrators = UserCalibrators(established=Calibrator.of_prior(n_likes=n_likes, n_ratings=n_ratings), new=None)
    nobody = source.read_users(np.empty(0, np.int64))
    return Training(
        TrainedModel(card, calibrators, catalogue, popularity),
        HoldoutModel(card, catalogue.movie_ids, popularity),
        Split(nobody, nobody),
        np.empty((0, 0), np.int64),
        shortage,
    )


@dataclass(frozen=True, eq=False)
class Measured:
    """An algorithm fitted without held-out ratings, and its quality."""

    fitted: Algorithm[Any]
    sample: Split
    lists: NDArray[np.int64]
    evaluation: Evaluation
    calibrators: UserCalibrators


def _tune_and_measure(
    algorithm: type[Algorithm[Any]],
    source: Source,
    catalogue: Catalogue,
    *,
    seed: int,
    on_progress: StageCallback,
    memory_mb: int,
) -> Measured:
    on_progress("splitting", 0.0)
    holdouts = _hold_out(source, temporal_split, seed=seed)
    on_progress("tuning", 0.05)
    config = _tune(algorithm, holdouts.rest, catalogue, temporal_split, seed=seed, memory_mb=memory_mb)
    return _measure(algorithm, holdouts, config, catalogue, seed=seed, on_progress=on_progress)


def evaluate_algorithms(
    ratings: Ratings,
    catalogue: Catalogue,
    *,
    algorithms: Iterable[str],
    seed: int,
    split: str = "temporal",
    memory_mb: int = MODEL_MEMORY_MB,
) -> list[Evaluation]:
    """Measure algorithms on the same held-out ratings; the temporal split holds out the same as ``train``.

    ``split`` is a name of ``SPLITS``; settings are tuned on an inner split of the same kind. Raise as ``train`` does.
    """
    make_split = SPLITS[split]
    holdouts = _hold_out(Interactions.from_ratings(ratings, catalogue.movie_ids), make_split, seed=seed)
    evaluations = []
    for chosen in map(get_algorithm, algorithms):
        config = _tune(chosen, holdouts.rest, catalogue, make_split, seed=seed, memory_mb=memory_mb)
        measured = _measure(chosen, holdouts, config, catalogue, seed=seed, on_progress=lambda _stage, _share: None)
        evaluations.append(measured.evaluation)
    return evaluations


def _tune(
    algorithm: type[Algorithm[Any]],
    rest: Source,
    catalogue: Catalogue,
    make_split: SplitMaker,
    *,
    seed: int,
    memory_mb: int,
) -> AlgorithmConfig:
    """Choose settings on holdouts of the known ratings, without anything that is measured on."""
    inner = Holdouts.of(rest, make_split, seed=seed)
    start = algorithm.settings_within(memory_mb)
    config: AlgorithmConfig = tune(algorithm, inner, start, seed=seed, catalogue=catalogue)
    return config


def _hold_out(source: Source, make_split: SplitMaker, *, seed: int) -> Holdouts:
    """Return what is held out of the ratings. Raise `TooFewRatings` if it is not enough to measure on."""
    holdouts = Holdouts.of(source, make_split, seed=seed)
    _check_sample(holdouts.split, source.summary.n_ratings, has_positive=holdouts.known.summary.n_likes > 0)
    return holdouts


def _check_sample(sample: Split, n_ratings: int, *, has_positive: bool) -> None:
    if sample.held_out.n_users < MIN_EVALUATED_USERS:
        raise TooFewRatings(
            f"A training needs {MIN_EVALUATED_USERS} users with {HELD_OUT_ONE_IN} ratings or more. "
            f"There are {n_ratings} ratings and {sample.held_out.n_users} such users. Load more ratings."
        )
    like_counts = sample.held_out.like_counts
    n_likers = np.count_nonzero(like_counts)
    n_others = np.count_nonzero(sample.held_out.rating_counts - like_counts)
    if min(n_likers, n_others) < MIN_USERS_OF_AN_OUTCOME or not has_positive:
        raise TooFewRatings(
            f"A training needs {MIN_USERS_OF_AN_OUTCOME} users with a recent rating of {LIKE_THRESHOLD:g} stars or "
            f"more, {MIN_USERS_OF_AN_OUTCOME} with a lower one, and an earlier rating of {LIKE_THRESHOLD:g} stars. "
            f"Of {n_ratings} ratings, the recent ones of {LIKE_THRESHOLD:g} stars or more come from {n_likers} users "
            f"and the lower ones from {n_others}. Load more ratings."
        )


def _measure(
    algorithm: type[Algorithm[Any]],
    holdouts: Holdouts,
    config: AlgorithmConfig,
    catalogue: Catalogue,
    *,
    seed: int,
    on_progress: StageCallback,
) -> Measured:
    """Fit without the held-out ratings, and measure lists and probabilities on them."""
    on_progress("fitting", 0.4)
    fitted = algorithm.fit(holdouts.known, config, seed=seed, catalogue=catalogue)
    of_rest = fitted
    if not holdouts.is_one_fit_enough:
        of_rest = algorithm.fit(holdouts.before_session, config, seed=seed, catalogue=catalogue)
    on_progress("evaluating", 0.6)
    ranked = rank(fitted, holdouts.split)
    session = session_metrics(of_rest, holdouts.session)
    cold_start = _rank_new_users(of_rest, holdouts)
    on_progress("calibrating", 0.7)
    evaluation = _summarise(fitted, ranked, holdouts.split, session, cold_start, seed=seed)
    calibrators = UserCalibrators(
        established=Calibrator.fit(ranked.pairs),
        new=None if cold_start is None else Calibrator.fit(cold_start.pairs),
    )
    return Measured(fitted, holdouts.split, ranked.lists, evaluation, calibrators)


def _rank_new_users(fitted: Algorithm[Any], holdouts: Holdouts) -> ColdStart | None:
    """Return the lists and pairs of new users; None if they are too few to calibrate on."""
    new_users = holdouts.new_users
    n_likers, n_others = (np.count_nonzero(counts) for counts in _outcome_counts(new_users))
    if new_users.n_users < MIN_NEW_USERS or min(n_likers, n_others) < MIN_USERS_OF_AN_OUTCOME:
        return None
    return ColdStart.of(fitted, holdouts.before_session.like_shares, new_users)


def _outcome_counts(new_users: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    held_out = first_ratings(new_users, 0).held_out
    return held_out.like_counts, held_out.rating_counts - held_out.like_counts


def _summarise(
    fitted: Algorithm[Any],
    ranked: Ranked,
    sample: Split,
    session: SessionMetrics,
    cold_start: ColdStart | None,
    *,
    seed: int,
) -> Evaluation:
    """Return the metrics of the lists, and of the probabilities by cross-validation."""
    probabilities = cross_calibrate(ranked.pairs, seed=seed)
    liked, ranks = ranked.pairs.liked, ranked.pairs.ranks
    return Evaluation(
        algorithm=fitted.name,
        parameters=fitted.config.model_dump(),
        metrics=Metrics(
            **dict(ranking_metrics(ranked.lists, sample)),
            **dict(session),
            **dict(calibration_metrics(probabilities, liked, ranks)),
            modelled_likes=float(np.isin(sample.held_out.items[liked], fitted.modelled_items).mean()),
        ),
        calibration=reliability_table(probabilities, liked),
        activity=activity_groups(ranked.lists, sample),
        cold_start=() if cold_start is None else cold_start.groups(cross_calibrate(cold_start.pairs, seed=seed)),
    )


def cross_calibrate(pairs: RatedPairs, *, seed: int) -> NDArray[np.float64]:
    """Return the probabilities for each fold of the users by a calibrator that was fitted on the other folds."""
    probabilities = np.empty(pairs.scores.size)
    for users in _deal_users(pairs, seed=seed):
        is_measured = np.isin(pairs.users, users)
        calibrator = Calibrator.fit(pairs.where(~is_measured))
        probabilities[is_measured] = calibrator.probabilities(pairs.where(is_measured))
    return probabilities


def _deal_users(pairs: RatedPairs, *, seed: int) -> list[NDArray[np.int64]]:
    """Deal the users into folds by their share of positive ratings, so that the rest of each has both outcomes."""
    users, user_of_pair = np.unique(pairs.users, return_inverse=True)
    like_shares = np.bincount(user_of_pair, pairs.liked) / np.bincount(user_of_pair)
    ties = np.random.default_rng(seed).random(users.size)
    dealt = users[np.lexsort((ties, like_shares))]
    return [dealt[first::CALIBRATION_FOLDS] for first in range(CALIBRATION_FOLDS)]


def _describe(source: Source, model: Algorithm[Any]) -> DataSummary:
    summary = source.summary
    return DataSummary(
        ratings=summary.n_ratings,
        users=summary.n_users,
        movies=source.n_items,
        newest_rating=source.time_quantile(1),
        modelled_movies=model.modelled_items.size,
        modelled_ratings=int(summary.item_counts[model.modelled_items].sum()),
    )
