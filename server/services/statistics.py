"""The size of the installation."""

from importlib.metadata import version

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import MovieStatistics, User
from server.schemas.statistics import Statistics
from server.services.base import BaseDataManager, BaseService
from server.services.recommendation_engine import RecommendationEngineService


class StatisticsService(BaseService):
    """Counts movies, users and ratings."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.statistics = StatisticsDataManager(session)
        self.engine = RecommendationEngineService(session)

    def get_statistics(self) -> Statistics:
        """Return the number of movies, users and ratings."""
        movies, ratings = self.statistics.count_movies_and_ratings()
        model = self.engine.get_overview().active_model
        return Statistics(
            movies=movies,
            users=self.statistics.count_users(),
            ratings=ratings,
            ratings_since_live_model=None if model is None else max(0, ratings - model.data.ratings),
            database="sqlite" if self.statistics.dialect == "sqlite" else "postgresql",
            version=version("matinee"),
        )


class StatisticsDataManager(BaseDataManager):
    """SQL of the counts. Ratings are counted per movie already, so no count reads the ratings."""

    def count_movies_and_ratings(self) -> tuple[int, int]:
        """Return the number of movies and of ratings."""
        counts = select(func.count(), func.coalesce(func.sum(MovieStatistics.rating_count), 0))
        movies, ratings = self.session.execute(counts).one()
        return movies, int(ratings)

    def count_users(self) -> int:
        """Return the number of users."""
        return self.session.scalar(select(func.count()).select_from(User)) or 0
