from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.recommender.data import lists
from server.recommender.data.lists import at_least_nth_best, count_higher, top_items
from tests.support.tables import for_each


@pytest.fixture(scope="module", autouse=True, params=["few", "many"])
def _each_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Treat short arrays as such, then as long ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "many":
            patch.setattr(lists, "FEW_ITEMS", 0)
            patch.setattr(lists, "FEW_COMPARISONS", -1)
        yield


@for_each(
    ("n", "expected"),
    [(1, [2]), (2, [2, 0]), (3, [2, 0, 3]), (4, [2, 0, 3, 1]), (9, [2, 0, 3, 1])],
)
def test_the_best_come_first_and_of_equals_the_smaller_index(n: int, expected: list[int]) -> None:
    scores = np.array([0.5, 0.1, 0.9, 0.5])

    assert top_items(scores, n).tolist() == expected


def test_nothing_has_no_best() -> None:
    assert top_items(np.array([]), 3).tolist() == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30), st.integers(1, 40))
def test_the_top_is_the_head_of_the_whole_order(values: list[float], n: int) -> None:
    whole_order = sorted(range(len(values)), key=lambda item: (-values[item], item))

    assert top_items(np.array(values), n).tolist() == whole_order[:n]


def test_the_rank_counts_only_what_is_strictly_higher() -> None:
    among = np.array([0.1, 0.5, 0.5, 0.9, -np.inf])

    assert count_higher(np.array([1.0, 0.9, 0.5, 0.3, 0.0]), among).tolist() == [0, 0, 1, 3, 4]


SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30)


@settings(deadline=None)
@given(SCORES, SCORES)
def test_the_rank_of_any_scores_is_the_number_of_higher_ones(scores: list[float], among: list[float]) -> None:
    expected = [sum(other > score for other in among) for score in scores]

    assert count_higher(np.array(scores), np.array(among)).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), max_size=30), st.integers(1, 12))
def test_all_as_high_as_the_nth_best_of_the_marked_ones_are_found(pairs: list[tuple[float, bool]], n: int) -> None:
    scores = np.array([score for score, _ in pairs])
    marked = sorted((score for score, is_marked in pairs if is_marked), reverse=True)
    bound = marked[n - 1] if n <= len(marked) else -np.inf

    found = at_least_nth_best(scores, np.array([is_marked for _, is_marked in pairs], np.bool_), n)

    assert found.tolist() == np.flatnonzero(scores >= bound).tolist()
