import numpy as np
import pytest

from server.etl.movielens import rows
from server.etl.movielens.records import RowError
from server.etl.movielens.rows import FirstRowOfMovie
from tests.support.tables import for_each


@for_each("order", ["ascending", "descending", "random"])
def test_the_second_row_of_a_movie_names_the_line_of_the_first(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_WAITING", 7)
    movie_ids = list(range(100, 200, 2))
    if order == "descending":
        movie_ids.reverse()
    if order == "random":
        movie_ids = np.random.default_rng(0).permutation(movie_ids).tolist()
    first_rows = FirstRowOfMovie()

    for line, movie_id in enumerate(movie_ids, 2):
        first_rows.check(line, movie_id)

    assert len(first_rows) == len(movie_ids)
    for line, movie_id in enumerate(movie_ids, 2):
        with pytest.raises(RowError, match=f"movie id {movie_id} was on line {line} already"):
            first_rows.check(1_000, movie_id)
    first_rows.check(1_000, 151)
    assert len(first_rows) == len(movie_ids) + 1
