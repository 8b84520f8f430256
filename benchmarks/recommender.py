"""``make bench-recommender``: the recommender beside its peers, on the same held-out ratings.

    python -m benchmarks.recommender [--data SOURCE]

The row of a peer with several settings is the one with the best NDCG@10 on the held-out ratings themselves, which
favours the peer; Matinee chooses its settings without them. All use the same calibrator, by cross-validation over the
users: ECE is the calibration error, "top 20" the error within the user's first 20, "(floor)" the error of chance there.
Peak memory includes the ratings.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.peers import ImplicitALS, PlainEase, SklearnNMF
from benchmarks.processes import peak_mb
from benchmarks.workbench import Workbench, print_table
from server.etl.demo import write_demo
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.ease.tuning import tune_ease
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.interactions import Interactions, Ratings
from server.recommender.data.lists import top_items
from server.recommender.data.pairs import RatedPairs
from server.recommender.data.splits import temporal_split
from server.recommender.evaluation.calibration_metrics import calibration_metrics
from server.recommender.evaluation.ranking_metrics import Scorer, rank, ranking_metrics
from server.recommender.training import cross_calibrate
from server.services.training.ratings_reader import RatingsReader

SEED = 0
TIMED_USERS = 300
OTHER_KEPT_WEIGHTS = (100, 200, 400, None)

Fit = Callable[[Interactions], Scorer]
Row = tuple[object, ...]

HEADER = (
    *("", "NDCG@10", "Recall@20", "coverage", "AUC", "ECE", "top 20", "(floor)"),
    *("fit s", "peak MB", "ms a user"),
)


@dataclass(frozen=True)
class Result:
    """A row of the table, and the metric that decides between settings."""

    ndcg_at_10: float
    row: Row


def fit_popularity(known: Interactions) -> Scorer:
    """Fit popularity."""
    return Popularity.fit(known, PopularityConfig(), seed=SEED)


def fit_matinee(known: Interactions, *, settings: EaseConfig) -> Scorer:
    """Tune on an inner split, then fit, as a training does."""
    inner = Holdouts.of(known, temporal_split, seed=SEED)
    config = tune_ease(inner, settings, seed=SEED)
    return Ease.fit(known, config, seed=SEED)


def contenders() -> dict[str, list[Fit]]:
    """Return the contenders by name, each with the fits to try."""
    fits: dict[str, list[Fit]] = {
        "popularity": [fit_popularity],
        "sklearn NMF": [partial(SklearnNMF.fit, factors=factors) for factors in (20, 50)],
        "implicit ALS": [
            partial(ImplicitALS.fit, factors=factors, regularization=regularization, alpha=alpha)
            for factors, regularization, alpha in product((32, 64), (3.0, 30.0), (3.0, 10.0))
        ],
        "plain EASE": [partial(PlainEase.fit, penalty=penalty) for penalty in (100.0, 200.0, 500.0, 1000.0, 2000.0)],
        "Matinee": [partial(fit_matinee, settings=EaseConfig())],
        **{
            f"Matinee, {kept or 'all'} weights a row": [partial(fit_matinee, settings=_with_kept_weights(kept))]
            for kept in OTHER_KEPT_WEIGHTS
        },
    }
    if find_spec("implicit") is None:
        print("implicit is not installed (the dependency group bench): its row is left out.")
        del fits["implicit ALS"]
    return fits


def _with_kept_weights(kept: int | None) -> EaseConfig:
    """Return settings that keep more or fewer weights of the same movies; all without a number."""
    most, default = EaseConfig().max_items, EaseConfig()
    kept = kept or most
    memory_mb = math.ceil(default.weights_mb * kept / default.fewest_weights)
    return EaseConfig(kept_weights=kept, fewest_weights=kept, weights_mb=memory_mb)


def measure(name: str, fit: Fit, ratings: Ratings, movie_ids: NDArray[np.int64]) -> Result:
    """Fit on the known ratings, rank, calibrate, and measure time and memory; runs in a process of its own."""
    with threadpool_limits(1):
        split = temporal_split(Interactions.from_ratings(ratings, movie_ids), seed=SEED)
        sample = split.select_users(split.evaluated_users(seed=SEED))
        started = time.perf_counter()
        scorer = fit(split.known)
        fit_s, peak = time.perf_counter() - started, peak_mb()
        ranked = rank(scorer, sample)
        lists = ranking_metrics(ranked.lists, sample)
        quality = (lists.ndcg_at_10, lists.recall_at_20, lists.coverage, *_truth(ranked.pairs))
        row = (name, *(f"{value:.4f}" for value in quality), fit_s, f"{peak:.0f}", _ms_a_user(scorer, sample.known))
    return Result(lists.ndcg_at_10, row)


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


def read(source: Path, folder: Path) -> tuple[Ratings, NDArray[np.int64]]:
    """Ingest a source and read it as a training does."""
    with Workbench(source, folder).loaded_database() as database, database.transaction(writes=False) as session:
        data = RatingsReader(session)
        return data.read_ratings(), data.read_movie_ids()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommender", description="Measure the recommender.")
    parser.add_argument("--data", type=Path, help="a MovieLens folder or zip (default: the built-in demo)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ratings, movie_ids = read(options.data or write_demo(Path(folder)), Path(folder) / "bench")
    rows = []
    # One process for each fit isolates the peak memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name, fits in contenders().items():
            results = [pool.submit(measure, name, fit, ratings, movie_ids).result() for fit in fits]
            best = max(results, key=lambda result: result.ndcg_at_10)
            rows.append((f"{name}, best of {len(fits)}" if len(fits) > 1 else name, *best.row[1:]))
    print_table(f"{len(ratings):,} ratings, each user's latest fifth held out", HEADER, rows)


if __name__ == "__main__":
    main()
