"""The algorithms there are. A new one is a module of its own and a name in this list."""

from typing import Any

from server.errors import InvalidInputError
from server.recommender.base import Algorithm
from server.recommender.ease import Ease
from server.recommender.nmf import NMF
from server.recommender.popularity import Popularity

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {algorithm.name: algorithm for algorithm in (Ease, NMF, Popularity)}


def get_algorithm(name: str) -> type[Algorithm[Any]]:
    """Return the algorithm of this name; raises InvalidInputError if there is none."""
    if name not in ALGORITHMS:
        raise InvalidInputError(f"There is no algorithm {name!r}. Choose one of: {', '.join(sorted(ALGORITHMS))}.")
    return ALGORITHMS[name]
