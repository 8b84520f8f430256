"""Compares algorithms on the ratings of this installation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from server.backend.config import Settings
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.ratings import Ratings
from server.recommender.evaluation.card import Evaluation
from server.recommender.training import evaluate_algorithms
from server.services.base import BaseService
from server.services.training.ratings_reader import RatingsReader
from server.services.training.threads import limit_threads

OnProgress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class EvaluationData:
    """The ratings and all movies, at one moment."""

    ratings: Ratings
    catalogue: Catalogue


class DataCounts(BaseModel):
    """The size of the data that an evaluation splits into known and held-out ratings."""

    ratings: int
    users: int
    movies: int


class Comparison(BaseModel):
    """Algorithms that were evaluated on the same held-out ratings."""

    split: str
    seed: int
    data: DataCounts
    evaluations: list[Evaluation]


class EvaluationService(BaseService):
    """Reads the data of an evaluation."""

    def read_data(self) -> EvaluationData:
        """Return all ratings and movies. The evaluation itself needs no session."""
        data = RatingsReader(self.session)
        return EvaluationData(data.read_ratings(), data.read_catalogue())


def compare_algorithms(
    data: EvaluationData, names: Sequence[str], *, split: str, settings: Settings, on_progress: OnProgress
) -> Comparison:
    """Evaluate algorithms on the same held-out ratings of a split."""
    # The number of threads changes how sums are rounded; with that of a training, the metrics are the same.
    with limit_threads(settings.training_threads):
        evaluations = evaluate_algorithms(
            data.ratings,
            data.catalogue,
            algorithms=_report_each(names, on_progress),
            seed=settings.seed,
            split=split,
            memory_mb=settings.model_memory_mb,
        )
    counts = DataCounts(
        ratings=len(data.ratings), users=np.unique(data.ratings.user_ids).size, movies=len(data.catalogue)
    )
    return Comparison(split=split, seed=settings.seed, data=counts, evaluations=evaluations)


def _report_each(names: Sequence[str], on_progress: OnProgress) -> Iterator[str]:
    """Yield the names one by one, and report each when its turn comes."""
    for number, name in enumerate(names):
        on_progress(f"evaluating {name}", number / len(names))
        yield name
