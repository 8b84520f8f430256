"""The recommender on several sets of held-out ratings, because one has few users with a next session.

    python -m benchmarks.splits [--data SOURCE | --ratings N] [--seeds N] [--sessions N] [--algorithms NAME ...]
                                [--set NAME=VALUE ...] [--write FILE]

Each seed holds out the latest fifth of each user's ratings and the next session, once of all ratings and once of those
before the latest fifth. Earlier sessions are held out one by one, each with all ratings before it known. Every
contender is tuned without the held-out ratings. ``--set`` adds the first algorithm with a setting that is not tuned,
such as ``popularity_damping=0``, or ``reranker=null`` for no second stage.

All figures are means over users of the means of their lists. Differences are those of the first algorithm minus the
contender, with 95 % intervals over users. "Movies" is the number of movies in the first ten of all users.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import write_tables
from benchmarks.generated import write_source
from benchmarks.recommender import difference, lists_of, read
from benchmarks.workbench import Workbench
from server.etl.demo import write_demo
from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.algorithms.registry import ALGORITHMS, get_algorithm, tune
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.lists import list_qualities
from server.recommender.data.splits import Split, session_split, temporal_split
from server.services.training.threads import limit_threads

LATEST, NEXT, EARLIER = "latest ratings (T)", "next session (S)", "the last sessions, one by one"
METRICS = ("ndcg_at_10", "recall_at_20")


@dataclass(frozen=True)
class Contender:
    """An algorithm, with settings that are not tuned."""

    algorithm: type[Algorithm[Any]]
    fixed: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in the tables."""
        return ", ".join([self.algorithm.name, *(f"{name}={json.dumps(value)}" for name, value in self.fixed.items())])

    def tune(self, known: Source, catalogue: Catalogue, *, seed: int) -> AlgorithmConfig:
        """Return the settings that a training would choose for these ratings."""
        start = self.algorithm.config_class(**self.fixed)
        holdouts = Holdouts.of(known, temporal_split, seed=seed)
        tuned: AlgorithmConfig = tune(self.algorithm, holdouts, start, seed=seed, catalogue=catalogue).model_copy(
            update={name: getattr(start, name) for name in self.fixed}
        )
        return tuned


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of held-out ratings: what settings are tuned on, and what fits are measured on."""

    seed: int
    rest: Source
    """Ratings without any that are held out."""
    parts: list[tuple[str, Source, Split]]
    """The kind of held-out ratings, the ratings to fit, and the held-out ones."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The lists of a contender on one split, in columns of one length."""

    users: NDArray[np.int64]
    ndcg_at_10: NDArray[np.float64]
    recall_at_20: NDArray[np.float64]
    n_listed: int
    """The number of movies in the first ten of all users."""


def trials(ratings: Interactions, *, seeds: int, sessions: int) -> Iterator[Trial]:
    """Yield the sets of held-out ratings."""
    for seed in range(seeds):
        for source in (ratings, temporal_split(ratings, seed=seed).known):
            held = Holdouts.of(source, temporal_split, seed=seed)
            parts = [(LATEST, held.known, held.split), (NEXT, held.before_session, held.session)]
            yield Trial(seed, held.rest, parts)
    for _ in range(sessions):
        split = session_split(ratings, seed=0)
        evaluated = split.select_users(split.evaluated_users(seed=0))
        yield Trial(0, split.known, [(EARLIER, split.known, evaluated)])
        ratings = split.known


def measure(contender: Contender, trial: Trial, catalogue: Catalogue) -> Iterator[tuple[str, Measured]]:
    """Tune, fit, and yield the quality of the lists for each kind of held-out ratings."""
    config = contender.tune(trial.rest, catalogue, seed=trial.seed)
    fits: dict[int, Algorithm[Any]] = {}
    for kind, known, split in trial.parts:
        # One fit serves several kinds if its ratings are the same.
        if id(known) not in fits:
            fits[id(known)] = contender.algorithm.fit(known, config, seed=trial.seed, catalogue=catalogue)
        lists = lists_of(fits[id(known)], split)
        found = list_qualities(lists, split)
        users = split.known.user_ids[found.users]
        yield kind, Measured(users, found.ndcg_at_10, found.recall_at_20, np.unique(lists[:, :10]).size)


def by_user(measured: Sequence[Measured], metric: str) -> NDArray[np.float64]:
    """Return the mean of a metric over the lists of each user.

    Lists of one user with several seeds are much alike; taken as independent, they would make the intervals too narrow.
    """
    users = np.unique(np.concatenate([one.users for one in measured]), return_inverse=True)[1]
    values = np.concatenate([getattr(one, metric) for one in measured])
    means: NDArray[np.float64] = np.bincount(users, values) / np.bincount(users)
    return means


def run(bench: Workbench, contenders: Sequence[Contender], *, seeds: int, sessions: int) -> None:
    """Measure the contenders on the same held-out ratings, and show a table for each kind."""
    ratings, catalogue = read(bench.source, bench.folder)
    results: dict[str, dict[str, list[Measured]]] = {}
    with limit_threads(1):
        for trial in trials(Interactions.from_ratings(ratings, catalogue.movie_ids), seeds=seeds, sessions=sessions):
            for contender in contenders:
                for kind, measured in measure(contender, trial, catalogue):
                    results.setdefault(kind, {}).setdefault(contender.name, []).append(measured)
    for kind, of_kind in results.items():
        _show(bench, f"{len(ratings):,} ratings, {kind}", of_kind)


def _show(bench: Workbench, title: str, results: dict[str, list[Measured]]) -> None:
    first, *_ = results
    n_lists = sum(one.users.size for one in results[first])
    if not n_lists:
        return
    ndcg, recall = ({name: by_user(own, metric) for name, own in results.items()} for metric in METRICS)
    rows = [
        (
            name,
            *(cell for values in (ndcg, recall) for cell in _compared(values[first], values[name])),
            f"{np.mean([one.n_listed for one in own]):,.0f}",
        )
        for name, own in results.items()
    ]
    bench.show(
        f"{title}: {n_lists:,} lists of {ndcg[first].size:,} users",
        ("", "NDCG@10", f"{first} minus it", "Recall@20", f"{first} minus it", "movies"),
        rows,
    )


def _compared(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[str, str]:
    return f"{theirs.mean():.4f}", "" if ours is theirs else difference(ours, theirs)


def _setting(text: str) -> dict[str, Any]:
    name, _, value = text.partition("=")
    return {name: json.loads(value)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.splits", description="Measure on several splits.")
    parser.add_argument("--data", type=Path, help="a MovieLens folder or zip (default: the built-in demo)")
    parser.add_argument("--ratings", type=int, help="generate this many ratings instead")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=4, help="number of earlier sessions (default: %(default)s)")
    parser.add_argument("--algorithms", nargs="+", default=sorted(ALGORITHMS), help="the first is compared with all")
    parser.add_argument("--set", nargs="+", default=[], type=_setting, metavar="NAME=VALUE", help="values are JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the tables into this Markdown file")
    options = parser.parse_args()
    first, *others = map(get_algorithm, options.algorithms)
    contenders = [Contender(first), *map(partial(Contender, first), options.set), *map(Contender, others)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = options.data
        if source is None:
            source = write_source(folder, ratings=options.ratings) if options.ratings else write_demo(folder)
        bench = Workbench(source, folder / "bench")
        run(bench, contenders, seeds=options.seeds, sessions=options.sessions)
    if options.write is not None:
        write_tables(options.write, "splits-generated" if options.ratings else "splits", bench.shown)


if __name__ == "__main__":
    main()
