"""The algorithms there are. A new one is a module of its own and a name in this list."""

from typing import Any

from server.errors import InvalidInputError
from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.nmf import NMF
from server.recommender.algorithms.popularity import Popularity

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {algorithm.name: algorithm for algorithm in (Ease, NMF, Popularity)}


def get_algorithm(name: str) -> type[Algorithm[Any]]:
    """Return the algorithm of this name; raises InvalidInputError if there is none."""
    if name not in ALGORITHMS:
        raise InvalidInputError(f"There is no algorithm {name!r}. Choose one of: {', '.join(sorted(ALGORITHMS))}.")
    return ALGORITHMS[name]
