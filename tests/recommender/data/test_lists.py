import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from server.recommender.data.lists import count_higher, top_items
from tests.support.tables import for_each


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
