import pytest

from server.recommender.recent import RecentLists


def test_a_list_is_made_once() -> None:
    recent: RecentLists[list[int]] = RecentLists(2)

    first = recent.get("a", lambda: [1])

    assert recent.get("a", lambda: [2]) is first


def test_the_list_asked_for_longest_ago_is_forgotten() -> None:
    recent: RecentLists[list[int]] = RecentLists(2)
    for key in ("a", "b", "a", "c"):
        recent.get(key, lambda: [1])

    assert [recent.get(key, lambda: [2]) for key in ("a", "b")] == [[1], [2]]


def test_a_list_that_could_not_be_made_is_tried_again() -> None:
    recent: RecentLists[float] = RecentLists(2)

    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 / 0)

    assert recent.get("a", lambda: 0.5) == 0.5
