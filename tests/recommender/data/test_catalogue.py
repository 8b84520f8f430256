import numpy as np
import pytest

from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue


def as_lists(catalogue: Catalogue) -> dict[str, object]:
    return {name: column.tolist() for name, column in catalogue.arrays().items()}


def test_movies_are_ordered_by_id_with_a_column_for_each_genre() -> None:
    catalogue = Catalogue.of_movies([(7, 1999, ["Drama", "Crime"]), (3, None, []), (5, 2010, ["Drama"])])

    assert as_lists(catalogue) == {
        "movie_ids": [3, 5, 7],
        "years": [UNKNOWN_YEAR, 2010, 1999],
        "genres": [[False, False], [False, True], [True, True]],
        "genre_names": ["Crime", "Drama"],
    }


def test_a_catalogue_may_be_empty_or_without_genres() -> None:
    nothing, one = Catalogue.of_movies([]), Catalogue.of_movies([(1, None, [])])

    assert (len(nothing), nothing.genres.shape) == (0, (0, 0))
    assert as_lists(one) == as_lists(Catalogue.of_ids(np.array([1])))


def test_some_of_the_movies_keep_all_that_is_known_of_them() -> None:
    catalogue = Catalogue.of_movies([(7, 1999, ["Drama", "Crime"]), (3, None, []), (5, 2010, ["Drama"])])

    assert as_lists(catalogue.of_items(np.array([0, 2]))) == {
        "movie_ids": [3, 7],
        "years": [UNKNOWN_YEAR, 1999],
        "genres": [[False, False], [True, True]],
        "genre_names": ["Crime", "Drama"],
    }


def test_genre_overlap_is_the_cosine_of_the_genres() -> None:
    catalogue = Catalogue.of_movies([
        (1, 2000, ["Crime", "Drama"]),
        (2, 2000, ["Crime", "Drama"]),
        (3, 2000, ["Drama"]),
        (4, 2000, ["War"]),
        (5, 2000, []),
    ])

    overlaps = catalogue.genre_overlaps(0, np.array([1, 2, 3, 4]))

    assert overlaps.tolist() == pytest.approx([1, 0.5**0.5, 0, 0])
