"""``make bench-recommender``: the recommender beside its peers, on the same held-out ratings.

    python -m benchmarks.recommender [--data SOURCE]

N is NDCG, R recall. T holds out the latest fifth of each user's ratings, S the next session (after a gap of more than
24 hours). The second table is the cold start: NDCG@10 for users that no fit has seen, by the number of known first
ratings. The third table compares user by user: NDCG@10 of Matinee minus that of the peer, with 95 % intervals.

The row of a peer with several settings is the one with the best NDCG@10 on the held-out ratings themselves, which
favours the peer; Matinee chooses its settings without them. All use the same calibrator, by cross-validation over the
users: ECE is the calibration error, "top 20" the error within the user's first 20, "(floor)" the error of chance there.
Peak memory includes the ratings.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import ImplicitALS, PlainEase, SklearnNMF
from benchmarks.processes import peak_mb
from benchmarks.workbench import Workbench, print_table
from server.etl.demo import write_demo
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import EaseConfig, blended_popularity
from server.recommender.algorithms.ease.tuning import tune_ease
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import EVALUATED_RATINGS, Holdouts, first_ratings
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import ListQualities, list_qualities, top_items
from server.recommender.data.pairs import RatedPairs
from server.recommender.data.ratings import Ratings
from server.recommender.data.splits import Split, temporal_split
from server.recommender.evaluation.calibration_metrics import calibration_metrics
from server.recommender.evaluation.ranking_metrics import (
    LIST_LENGTH,
    Scorer,
    bootstrap_interval,
    rank,
    rank_lists,
    ranking_metrics,
)
from server.recommender.training import cross_calibrate
from server.services.training.ratings_reader import RatingsReader
from server.services.training.threads import limit_threads

SEED = 0
TIMED_USERS = 300
OTHER_KEPT_WEIGHTS = (100, 200, 400, None)
OURS = "Matinee"

Fit = Callable[[Interactions], Scorer]
Row = tuple[object, ...]

HEADER = (
    *("", "T: N@10", "R@20", "S: N@10", "R@20", "coverage", "AUC", "ECE", "top 20", "(floor)"),
    *("fit s", "MB", "ms/user"),
)


@dataclass(frozen=True)
class Result:
    """The measurements of one fit."""

    row: Row
    temporal: NDArray[np.float64]
    """NDCG@10 of each user."""
    session: NDArray[np.float64]
    cold_start: tuple[float, ...]
    """Mean NDCG@10 by the number of known ratings."""

    @property
    def ndcg_at_10(self) -> float:
        """The metric that decides between settings."""
        return float(self.temporal.mean())


@dataclass(frozen=True, eq=False)
class Popular:
    """The same scores for every user."""

    scores: NDArray[np.float64]

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the scores for every user."""
        return np.tile(self.scores, (histories.n_users, 1))


def fit_recent_popularity(known: Interactions) -> Scorer:
    """Count the positive ratings of the newest tenth."""
    return Popular(blended_popularity(known, 1.0))


def fit_popularity(known: Interactions) -> Scorer:
    """Fit popularity."""
    return Popularity.fit(known, PopularityConfig(), seed=SEED)


def fit_matinee(known: Interactions, *, settings: EaseConfig, catalogue: Catalogue) -> Scorer:
    """Tune on an inner split, then fit, as a training does."""
    inner = Holdouts.of(known, temporal_split, seed=SEED)
    config = tune_ease(inner, settings, seed=SEED, catalogue=catalogue)
    return Ease.fit(known, config, seed=SEED, catalogue=catalogue)


def contenders(catalogue: Catalogue) -> dict[str, list[Fit]]:
    """Return the contenders by name, each with the fits to try."""
    matinee = partial(fit_matinee, catalogue=catalogue)
    fits: dict[str, list[Fit]] = {
        "popularity": [fit_popularity],
        "recent popularity": [fit_recent_popularity],
        "sklearn NMF": [partial(SklearnNMF.fit, factors=factors) for factors in (20, 50)],
        "implicit ALS": [
            partial(ImplicitALS.fit, factors=factors, regularization=regularization, alpha=alpha)
            for factors, regularization, alpha in product((32, 64), (3.0, 30.0), (3.0, 10.0))
        ],
        "plain EASE": [partial(PlainEase.fit, penalty=penalty) for penalty in (100.0, 200.0, 500.0, 1000.0, 2000.0)],
        OURS: [partial(matinee, settings=EaseConfig())],
        **{
            f"{OURS}, {kept or 'all'} weights a row": [partial(matinee, settings=_with_kept_weights(kept))]
            for kept in OTHER_KEPT_WEIGHTS
        },
    }
    if find_spec("implicit") is None:
        print("implicit is not installed (the dependency group bench): its row is left out.")
        del fits["implicit ALS"]
    return fits


def _with_kept_weights(kept: int | None) -> EaseConfig:
    """Return settings that keep more or fewer weights of the same movies; all without a number."""
    most, default = EaseConfig().max_items(), EaseConfig()
    kept = kept or most
    memory_mb = math.ceil(default.weights_mb * kept / default.fewest_weights)
    return EaseConfig(kept_weights=kept, fewest_weights=kept, weights_mb=memory_mb)


def measure(name: str, fit: Fit, ratings: Ratings, movie_ids: NDArray[np.int64]) -> Result:
    """Fit on the known ratings, rank, calibrate, and measure time and memory; runs in a process of its own."""
    with limit_threads(1):
        held = Holdouts.of(Interactions.from_ratings(ratings, movie_ids), temporal_split, seed=SEED)
        started = time.perf_counter()
        scorer = fit(held.known.in_memory())
        fit_s, peak = time.perf_counter() - started, peak_mb()
        ranked = rank(scorer, held.split)
        lists = ranking_metrics(ranked.lists, held.split)
        of_rest = scorer if held.is_one_fit_enough else fit(held.before_session.in_memory())
        session = _qualities(of_rest, held.session)
        quality = (lists.ndcg_at_10, lists.recall_at_20, *_means(session), lists.coverage, *_truth(ranked.pairs))
        speed = _ms_a_user(scorer, held.split.known)
        return Result(
            row=(name, *(f"{value:.4f}" for value in quality), fit_s, f"{peak:.0f}", speed),
            temporal=list_qualities(ranked.lists, held.split).ndcg_at_10,
            session=session.ndcg_at_10,
            cold_start=tuple(
                _means(_qualities(of_rest, first_ratings(held.new_users, n_known)))[0] for n_known in EVALUATED_RATINGS
            ),
        )


def _qualities(scorer: Scorer, split: Split) -> ListQualities:
    return list_qualities(lists_of(scorer, split), split)


def lists_of(scorer: Scorer, split: Split) -> NDArray[np.int64]:
    """Return the lists of all users of a split, which may be without users."""
    return rank_lists(scorer, split) if split.known.n_users else np.empty((0, LIST_LENGTH), np.int64)


def _means(qualities: ListQualities) -> tuple[float, float]:
    """Return NDCG@10 and Recall@20; not-a-number without users."""
    if not qualities.users.size:
        return math.nan, math.nan
    return float(qualities.ndcg_at_10.mean()), float(qualities.recall_at_20.mean())


def _truth(pairs: RatedPairs) -> tuple[float, ...]:
    metrics = calibration_metrics(cross_calibrate(pairs, seed=SEED), pairs.liked, pairs.ranks)
    return metrics.auc, metrics.ece, metrics.ece_top_20, metrics.ece_top_20_floor


def _ms_a_user(scorer: Scorer, known: Interactions) -> float:
    """Return the median time to score all movies for one user and to select ten."""
    durations = []
    for user in np.random.default_rng(SEED).choice(known.n_users, min(TIMED_USERS, known.n_users), replace=False):
        history = known.select_users(np.array([user]))
        started = time.perf_counter()
        top_items(scorer.score(history)[0], 10)
        durations.append(time.perf_counter() - started)
    return float(np.median(durations)) * 1000


def read(source: Path, folder: Path) -> tuple[Ratings, Catalogue]:
    """Ingest a source and read it as a training does."""
    with Workbench(source, folder).loaded_database() as database, database.transaction(writes=False) as session:
        data = RatingsReader(session)
        return data.read_ratings(), data.read_catalogue()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommender", description="Measure the recommender.")
    parser.add_argument("--data", type=Path, help="a MovieLens folder or zip (default: the built-in demo)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ratings, catalogue = read(options.data or write_demo(Path(folder)), Path(folder) / "bench")
    results: dict[str, Result] = {}
    # One process for each fit isolates the peak memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name, fits in contenders(catalogue).items():
            tried = [pool.submit(measure, name, fit, ratings, catalogue.movie_ids).result() for fit in fits]
            label = f"{name}, best of {len(fits)}" if len(fits) > 1 else name
            results[label] = max(tried, key=lambda result: result.ndcg_at_10)
    print_results(f"{len(ratings):,} ratings", results)


def print_results(title: str, results: Mapping[str, Result]) -> None:
    """Print the three tables."""
    print_table(title, HEADER, [(name, *result.row[1:]) for name, result in results.items()])
    print_table(
        "Cold start, NDCG@10 by known first ratings",
        ("", *map(str, EVALUATED_RATINGS)),
        [(name, *(f"{value:.4f}" for value in result.cold_start)) for name, result in results.items()],
    )
    ours = results[OURS]
    print_table(
        f"NDCG@10 of {OURS} minus that of others",
        ("", "T", "S"),
        [
            (name, difference(ours.temporal, result.temporal), difference(ours.session, result.session))
            for name, result in results.items()
        ],
    )


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """Return the mean difference over the users with its 95 % interval."""
    if not ours.size:
        return "no users"
    low, high = bootstrap_interval(ours - theirs)
    return f"{(ours - theirs).mean():+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
