"""The time of a list by the number of movies, without a database: on random arrays in the shapes of a model.

    python -m benchmarks.list_times [--movies N]

The times are CPU time of one thread, for users with 100 ratings, none of whose lists is cached.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.workbench import percentiles_ms, print_table
from server.recommender.algorithms.ease.candidates import N_ITEM_FEATURES
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import FACTORS, EaseConfig
from server.recommender.calibration import Calibrator, UserCalibrators
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.ratings import History
from server.recommender.evaluation.card import DataSummary, ModelCard
from server.recommender.model import TrainedModel

BUDGETS_MB = (28, 64)
USERS, RATINGS = 60, 100


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.list_times", description="Measure lists in a process.")
    parser.add_argument("--movies", type=int, default=1_000_000, help="number of movies (default: %(default)s)")
    n_movies = parser.parse_args().movies
    with threadpool_limits(1):
        rows = [_measure(random_model(n_movies, budget_mb), budget_mb) for budget_mb in BUDGETS_MB]
    header = ("MB", "with weights", "with factors", "list: p50 ms", "p99 ms", "similar: p50 ms", "p99 ms")
    print_table(f"{n_movies:,} movies", header, rows)


def random_model(n_movies: int, memory_mb: int) -> TrainedModel:
    """Return a model of rated movies within a budget."""
    random, config = np.random.default_rng(0), EaseConfig(weights_mb=memory_mb)
    n_items = min(config.max_items(n_movies), n_movies)
    items = np.sort(random.choice(n_movies, n_items, replace=False))
    tail = np.setdiff1d(np.arange(n_movies), items)[: config.max_tail_items]
    kept = min(config.kept_of(n_items, n_movies), n_items)
    starts = np.sort(random.integers(n_items - kept + 1, size=n_items))
    algorithm = Ease(
        config=config,
        popularity=random.random(n_movies) ** 8 / 3,
        items=items,
        columns=(starts[:, None] + np.arange(kept)).astype(np.int32),
        weights=(random.random((n_items, kept)) / 100).astype(np.float32),
        neighbours=np.zeros((n_items, 1), np.int32),
        similarity=np.zeros((n_items, 1), np.float16),
        features=np.zeros((n_items, N_ITEM_FEATURES), np.float32),
        directions=(random.standard_normal((n_items, FACTORS)) / 100).astype(np.float32),
        tail_items=tail,
        tail_codes=random.integers(-127, 128, (tail.size, FACTORS)).astype(np.int8),
        tail_scales=(random.random(tail.size) / 1e5).astype(np.float32),
    )
    data = DataSummary(
        ratings=0, users=0, movies=n_movies, newest_rating=0, modelled_movies=n_movies, modelled_ratings=0
    )
    card = ModelCard(
        algorithm="ease", parameters={}, metrics=None, calibration=(), activity=(), cold_start=(), seed=0, data=data
    )
    calibrators = UserCalibrators(established=Calibrator.of_prior(n_likes=5, n_ratings=9), new=None)
    return TrainedModel(card, calibrators, Catalogue.of_ids(np.arange(1, n_movies + 1)), algorithm)


def _measure(model: TrainedModel, memory_mb: int) -> tuple[object, ...]:
    random, movies = np.random.default_rng(1), model.algorithm.scoring_items + 1
    others = np.setdiff1d(model.algorithm.modelled_items + 1, movies)
    histories = [
        History(random.choice(movies, RATINGS, replace=False), np.full(RATINGS, 4.5, np.float32), np.arange(RATINGS))
        for _ in range(USERS)
    ]
    lists = _times([partial(model.recommend, history, n=10, exclude_seen=False) for history in histories])
    similar = _times([partial(model.similar, movie, 10) for movie in random.choice(others, USERS).tolist()])
    return memory_mb, f"{movies.size:,}", f"{others.size:,}", *lists, *similar


def _times(calls: list[Callable[[], object]]) -> tuple[float, float]:
    """Return median and 99th percentile, without the first calls, which fill caches."""
    durations = []
    for call in calls:
        started = time.thread_time()
        call()
        durations.append(time.thread_time() - started)
    p50, p99, _ = percentiles_ms(durations[3:])
    return p50, p99


if __name__ == "__main__":
    main()
