import numpy as np
import pytest

from server.recommender.cold_start import ColdStartScorer
from server.recommender.data.catalogue import Catalogue

GENRES: tuple[list[str], ...] = (["Comedy"], ["Comedy", "Drama"], ["Drama"], [])
YEARS = (1985, 1995, 2005)
MOVIES = Catalogue.of_movies((1 + number, YEARS[number % 3], GENRES[number % 4]) for number in range(240))


def learned() -> ColdStartScorer:
    """Learn from one who likes comedies, and dramas less, and what is newer."""
    of_genre = MOVIES.genres @ np.array([0.3, -0.1])
    of_decade = np.select([MOVIES.years == year for year in YEARS], [0.0, 0.1, 0.2])
    return ColdStartScorer.learn(MOVIES, of_genre + of_decade)


def order(*movies: tuple[int | None, list[str]]) -> list[int]:
    """Return the order of movies, best first."""
    catalogue = Catalogue.of_movies((number, year, genres) for number, (year, genres) in enumerate(movies))
    places: list[int] = np.argsort(-learned().below(0.0, catalogue), kind="stable").tolist()
    return places


def test_movies_are_worth_what_their_genres_and_decades_are() -> None:
    assert order((1985, ["Drama"]), (2005, ["Comedy"]), (1989, ["Comedy"]), (2005, ["Comedy", "Drama"])) == [1, 3, 2, 0]


def test_an_unknown_genre_says_nothing_and_a_year_outside_counts_as_the_nearest() -> None:
    unknown = order((2005, ["Comedy"]), (2024, ["Comedy", "Western"]), (2024, ["Western"]), (1920, []), (1985, []))

    assert unknown == [0, 1, 2, 3, 4]


def test_all_scores_are_lower_than_the_lowest_and_as_far_apart_as_what_movies_are_worth() -> None:
    two = Catalogue.of_movies([(1, 1995, ["Comedy"]), (2, 1995, ["Drama"])])

    for lowest in (0.0, -0.25):
        best, other = learned().below(lowest, two)
        assert best < lowest
        assert best == pytest.approx(lowest, abs=1e-9)
        assert best - other == pytest.approx(0.3, abs=0.05)


def test_of_movies_of_which_nothing_is_known_none_is_better() -> None:
    bare = Catalogue.of_ids(np.arange(3))
    scores = ColdStartScorer.learn(bare, np.array([0.1, 0.5, 0.2])).below(0.1, bare)

    assert len(set(scores.tolist())) == 1


def test_no_movies_have_no_scores() -> None:
    assert learned().below(0.0, Catalogue.of_movies([])).tolist() == []
