"""The available algorithms and their tuners. A new algorithm is a module of its own and a line in each table."""

from collections.abc import Callable
from typing import Any

from server.errors import InvalidInputError
from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.tuning import tune_ease
from server.recommender.algorithms.nmf import NMF
from server.recommender.algorithms.popularity import Popularity
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import Holdouts

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {algorithm.name: algorithm for algorithm in (Ease, NMF, Popularity)}

TUNERS: dict[str, Callable[..., Any]] = {Ease.name: tune_ease}
"""Functions of holdouts, initial settings, a seed and the catalogue that return better settings."""


def get_algorithm(name: str) -> type[Algorithm[Any]]:
    """Return the algorithm of this name. Raise `InvalidInputError` if it does not exist."""
    if name not in ALGORITHMS:
        raise InvalidInputError(f"Unknown algorithm {name!r}. Choose one of: {', '.join(sorted(ALGORITHMS))}.")
    return ALGORITHMS[name]


def tune(
    algorithm: type[Algorithm[Any]],
    holdouts: Holdouts,
    config: Any,  # noqa: ANN401 (each algorithm has settings of its own type)
    *,
    seed: int,
    catalogue: Catalogue | None = None,
) -> Any:  # noqa: ANN401
    """Return the best settings for the held-out ratings; the given ones if the algorithm has no tuner."""
    tuner = TUNERS.get(algorithm.name)
    return config if tuner is None else tuner(holdouts, config, seed=seed, catalogue=catalogue)
