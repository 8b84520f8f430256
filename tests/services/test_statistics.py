"""The size of the installation."""

from importlib.metadata import version

import pytest
from sqlalchemy.orm import Session

from server.services.statistics import StatisticsService
from tests.support.builders import MOVIES, RATINGS


@pytest.mark.usefixtures("catalogue")
def test_movies_users_and_ratings_are_counted(session: Session) -> None:
    statistics = StatisticsService(session).get_statistics()

    assert (statistics.movies, statistics.users, statistics.ratings) == (len(MOVIES), 4, len(RATINGS))
    assert statistics.ratings_since_live_model is None
    assert statistics.database == session.get_bind().dialect.name
    assert statistics.version == version("matinee")


def test_an_empty_installation_has_zeros(session: Session) -> None:
    statistics = StatisticsService(session).get_statistics()

    assert (statistics.movies, statistics.users, statistics.ratings) == (0, 0, 0)
