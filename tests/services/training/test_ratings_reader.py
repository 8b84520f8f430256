import numpy as np
import pytest
from sqlalchemy.orm import Session

from server.services.training.ratings_reader import RatingsReader


@pytest.mark.usefixtures("catalogue")
def test_all_ratings_and_movies_are_read(session: Session) -> None:
    # Small chunks, so that the ratings arrive in several.
    reader = RatingsReader(session, rating_ids_per_chunk=5, rows_per_fetch=5)

    ratings, movie_ids = reader.read_ratings(), reader.read_movie_ids()

    order = np.lexsort((ratings.movie_ids, ratings.user_ids))
    assert ratings.user_ids[order].tolist() == [1] * 5 + [2] * 5 + [3] * 4 + [4] * 2
    assert ratings.movie_ids[order].tolist() == [1, 2, 3, 4, 5, 1, 2, 3, 5, 7, 1, 2, 6, 7, 2, 11]
    assert ratings.ratings[order].tolist() == [4, 5, 4, 4, 5, 5, 4.5, 4.5, 5, 3.5, 3.5, 4, 0.5, 4.5, 5, 3]
    assert ratings.rated_at[order][:2].tolist() == [1000000000, 1000000003]
    assert movie_ids.tolist() == list(range(1, 13))


def test_an_empty_database_has_no_rows(session: Session) -> None:
    reader = RatingsReader(session)

    assert (len(reader.read_ratings()), reader.read_movie_ids().tolist()) == (0, [])
