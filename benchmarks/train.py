"""Training, every algorithm beside the others on the same held-out ratings."""

import time

import numpy as np

from benchmarks.workbench import Workbench, percentiles_ms, print_table
from server.recommender.algorithms import ALGORITHMS
from server.recommender.interactions import History, Ratings
from server.recommender.model import TrainedModel
from server.recommender.training import train
from server.services.training import TrainingDataManager

REQUESTS = 500


def run(bench: Workbench) -> None:
    """Print quality, seconds to train (evaluation included) and milliseconds to recommend, by algorithm."""
    with bench.loaded_database() as database, database.transaction(writes=False) as session:
        started = time.perf_counter()
        ratings = TrainingDataManager(session).read_ratings()
        catalogue = TrainingDataManager(session).read_catalogue()
        read_s = time.perf_counter() - started
    rows = []
    for name in ALGORITHMS:
        started = time.perf_counter()
        training = train(ratings, catalogue, algorithm=name, seed=0, on_progress=lambda _stage, _share: None)
        model = training.model
        train_s = time.perf_counter() - started
        metrics = model.card.metrics
        p50, p99, _ = percentiles_ms(_recommend(model, ratings))
        quality = (f"{value:.4f}" for value in (metrics.ndcg_at_10, metrics.recall_at_20, metrics.auc, metrics.ece))
        rows.append((name, *quality, train_s, p50, p99))
    header = ("", "NDCG@10", "Recall@20", "AUC", "ECE", "train s", "recommend p50 ms", "p99 ms")
    print_table(f"Training on {len(ratings):,} ratings, read in {read_s:.2f} s", header, rows)


def _recommend(model: TrainedModel, ratings: Ratings) -> list[float]:
    users = np.random.default_rng(0).choice(np.unique(ratings.user_ids), REQUESTS)
    durations = []
    for user in users:
        own = ratings.user_ids == user
        history = History(ratings.movie_ids[own], ratings.ratings[own], ratings.rated_at[own])
        started = time.perf_counter()
        model.recommend(history, n=10, exclude_seen=False)
        durations.append(time.perf_counter() - started)
    return durations
