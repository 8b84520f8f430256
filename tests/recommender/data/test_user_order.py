from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from server.recommender.data import user_order
from server.recommender.data.ratings import Ratings
from server.recommender.data.user_order import UserOrder, whole_users
from tests.support.generated_tastes import ratings_of, shuffled, taste_ratings
from tests.support.tables import for_each


def chunks_of(ratings: Ratings, size: int) -> Iterator[Ratings]:
    """Cut ratings into chunks, an empty one first."""
    yield ratings.rows(slice(0, 0))
    for start in range(0, len(ratings), size):
        yield ratings.rows(slice(start, start + size))


def rows_of(ratings: Ratings) -> list[tuple[float, ...]]:
    columns = (ratings.user_ids, ratings.movie_ids, ratings.ratings, ratings.rated_at)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@for_each("order", [None, 1, 2])
def test_pieces_are_whole_users_in_order(order: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_order, "RUN_RATINGS", 1_001)
    monkeypatch.setattr(user_order, "PIECE_RATINGS", 300)
    ratings = taste_ratings()
    stored = ratings if order is None else shuffled(ratings, seed=order)

    with closing(UserOrder(chunks_of(stored, 77))) as order_of_users:
        pieces = list(order_of_users.pieces())

    users = [np.unique(piece.user_ids) for piece in pieces]
    assert len(pieces) == pytest.approx(len(ratings) / 300, abs=2)
    assert np.concatenate(users).tolist() == list(range(1, 241))
    assert all((np.diff(piece.user_ids) >= 0).all() for piece in pieces)
    assert rows_of(Ratings.concatenate(pieces)) == rows_of(ratings)


def test_without_ratings_there_are_no_pieces() -> None:
    for chunks in ([], [ratings_of([])]):
        with closing(UserOrder(chunks)) as order:
            assert list(order.pieces()) == []


@for_each("size", [1, 5, 24, 25, 10_000])
def test_chunks_are_cut_between_users(size: int) -> None:
    ratings = taste_ratings(n_users=20)

    pieces = list(whole_users(chunks_of(ratings, size)))

    assert np.concatenate([np.unique(piece.user_ids) for piece in pieces]).tolist() == list(range(1, 21))
    assert rows_of(Ratings.concatenate(pieces)) == rows_of(ratings)


@for_each("size", [3, 10_000])
def test_chunks_that_do_not_come_by_user_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="not in the order of users"):
        list(whole_users(chunks_of(shuffled(taste_ratings(n_users=5), seed=0), size)))
