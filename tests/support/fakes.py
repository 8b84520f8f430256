"""Services without a database: each keeps what a test puts into it, and notes what a router asked it for."""

import operator
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from server.backend.model_store import ModelStore
from server.errors import (
    ModelVersionNotFound,
    MovieNotFound,
    RatingNotFound,
    RunNotFound,
    UserNotFound,
)
from server.schemas.base import Paging
from server.schemas.health import Readiness
from server.schemas.movies import (
    AverageRating,
    BestMoviesQuery,
    Genre,
    GenreCount,
    GenrePage,
    Movie,
    MoviePage,
    MovieQuery,
    RatingCount,
    RatingHistogram,
    SimilarMovies,
)
from server.schemas.ratings import Rating, RatingCreate, RatingPage, UserRating, UserRatingsQuery
from server.schemas.ratings_import import ExportedRating, ImportReport
from server.schemas.recommendation_engine import (
    ActivityBucket,
    ColdStartBucket,
    ModelVersion,
    ModelVersionPage,
    RecommendationEngine,
    ReliabilityBin,
    TrainingData,
    TrainingRun,
    TrainingRunPage,
)
from server.schemas.statistics import Statistics
from server.schemas.tags import MovieTag, MovieTagPage, TagCount, TagPage, TagQuery
from server.schemas.user import (
    Explanation,
    Reason,
    RecommendationQuery,
    RecommendationRequest,
    RecommendedMovies,
    User,
    UserCreate,
    UserProfile,
)
from server.services.authorization import Access
from server.services.ratings import SavedRating

# On the wire this is 2024-10-30T14:30:00: UTC, without the fraction.
MOMENT = datetime(2024, 10, 30, 16, 30, 0, 987_654, tzinfo=timezone(timedelta(hours=2)))

MATRIX = Movie(
    movie_id=2571,
    title="The Matrix",
    alternative_titles=["Matrix"],
    year=1999,
    genres=[Genre(genre_id=1, genre_name="Action"), Genre(genre_id=17, genre_name="Sci-Fi")],
    avg_rating=4.192446043165468,
    total_ratings=278,
    imdb_id="tt0133093",
    tmdb_id=603,
)
UNRATED = Movie(
    movie_id=7,
    title="Babylon 5",
    alternative_titles=[],
    year=None,
    genres=[],
    avg_rating=None,
    total_ratings=0,
    imdb_id=None,
    tmdb_id=None,
)
EXPLANATIONS = [
    Explanation(
        movie_id=2571,
        score=0.375,
        because=[Reason(movie_id=7, title="Babylon 5", rating=4.5, contribution=0.25)],
        other_ratings=0.0625,
        rest=0.0625,
    ),
    Explanation(movie_id=7, score=0.0, because=[], other_ratings=0.0, rest=0.0),
]
QUEUED_RUN = TrainingRun(
    run_id=4,
    status="queued",
    stage=None,
    progress=0.0,
    error=None,
    version=None,
    is_activated=None,
    verdict=None,
    created_at=MOMENT,
    started_at=None,
    finished_at=None,
)
VERSION = ModelVersion(
    version=3,
    algorithm="nmf",
    parameters={"factors": 20},
    seed=0,
    data=TrainingData(
        ratings=100_836,
        users=610,
        movies=9742,
        newest_rating=MOMENT,
        catalogue_version=2,
        modelled_movies=2269,
        modelled_ratings=81_915,
    ),
    metrics={"ndcg_at_10": 0.25},
    calibration=[ReliabilityBin(lower=0.0, upper=0.1, pairs=3, mean_predicted=0.085, observed=0.5)],
    activity=[ActivityBucket(ratings_from=20, users=31, ndcg_at_10=0.2, recall_at_20=0.3, hit_rate_at_10=0.4)],
    cold_start=[
        ColdStartBucket(
            known_ratings=1,
            users=9,
            ndcg_at_10=0.2,
            popularity_ndcg_at_10=0.1,
            pairs=90,
            ece=0.02,
            ece_top_20=0.03,
            predicted_top_20=0.8,
            observed_top_20=0.7,
        )
    ],
    duration_s=1.5,
    size_bytes=4096,
    created_at=MOMENT,
    run_id=4,
    verdict="It is not worse.",
    is_active=True,
)


class FakeMovieService:
    def __init__(self) -> None:
        self.movies = {movie.movie_id: movie for movie in (UNRATED, MATRIX)}
        self.total = 2
        self.queries: list[MovieQuery] = []
        self.is_costly = operator.attrgetter("facets")
        self.error: Exception | None = None
        self.reads_inline = False

    def lists_inline(self, query: MovieQuery) -> bool:
        return self.reads_inline and not query.facets

    def list_movies(self, query: MovieQuery) -> MoviePage:
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return MoviePage(movies=list(self.movies.values()), total=self.total, page=query.page, limit=query.limit)

    def get_movie(self, movie_id: int) -> Movie:
        if movie_id not in self.movies:
            raise MovieNotFound(movie_id)
        return self.movies[movie_id]

    def get_average_rating(self, movie_id: int) -> AverageRating:
        movie = self.get_movie(movie_id)
        return AverageRating(
            movie_id=movie_id, title=movie.title, avg_rating=movie.avg_rating, total_ratings=movie.total_ratings
        )

    def get_rating_histogram(self, movie_id: int) -> RatingHistogram:
        total = self.get_movie(movie_id).total_ratings
        bars = [RatingCount(rating=step / 2, count=total if step == 8 else 0) for step in range(1, 11)]
        return RatingHistogram(movie_id=movie_id, total_ratings=total, histogram=bars)


class FakeSimilarMoviesService:
    """Knows the movie 7, to which The Matrix is similar."""

    def __init__(self) -> None:
        self.queries: list[BestMoviesQuery] = []
        self.error: Exception | None = None

    def list_similar_movies(self, movie_id: int, query: BestMoviesQuery) -> SimilarMovies:
        if movie_id != UNRATED.movie_id:
            raise MovieNotFound(movie_id)
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        movies = [MATRIX] if query.expands_movies else None
        return SimilarMovies(movie_ids=[MATRIX.movie_id], similarities=[0.61], movies=movies)


class FakeGenreService:
    def __init__(self) -> None:
        self.pagings: list[Paging] = []

    def list_genres(self, paging: Paging) -> GenrePage:
        self.pagings.append(paging)
        genres = [GenreCount(genre_id=1, genre_name="Action", total_movies=1828)]
        return GenrePage(genres=genres, total=1, page=paging.page, limit=paging.limit)


class FakeRatingService:
    """Knows the user 1, the movies 1 and 2, and the ratings that were saved."""

    def __init__(self) -> None:
        self.ratings: dict[int, Rating] = {}

    def save_rating(self, wanted: RatingCreate) -> SavedRating:
        if wanted.user_id != 1:
            raise UserNotFound(wanted.user_id)
        if wanted.movie_id not in {1, 2}:
            raise MovieNotFound(wanted.movie_id)
        rating_id = wanted.movie_id * 100
        is_new = rating_id not in self.ratings
        self.ratings[rating_id] = Rating(rating_id=rating_id, timestamp=MOMENT, **wanted.model_dump())
        return SavedRating(self.ratings[rating_id], is_new=is_new)

    def get_rating(self, rating_id: int) -> Rating:
        if rating_id not in self.ratings:
            raise RatingNotFound(rating_id)
        return self.ratings[rating_id]

    def delete_rating(self, rating: Rating) -> None:
        del self.ratings[rating.rating_id]


class FakeUserRatingsService:
    """Knows the user 1."""

    def __init__(self) -> None:
        self.queries: list[UserRatingsQuery] = []

    def list_user_ratings(self, user_id: int, query: UserRatingsQuery) -> RatingPage:
        if user_id != 1:
            raise UserNotFound(user_id)
        self.queries.append(query)
        movie = MATRIX if query.expands_movies else None
        rating = UserRating(rating_id=5, user_id=user_id, movie_id=1, rating=4.5, timestamp=MOMENT, movie=movie)
        return RatingPage(ratings=[rating], total=31, page=query.page, limit=query.limit)


class FakeRatingsImportService:
    """Knows the user 1, and matches every row."""

    def __init__(self) -> None:
        self.imported: list[ExportedRating] = []

    def import_ratings(self, user_id: int, source: str, rows: Sequence[ExportedRating]) -> ImportReport:
        if user_id != 1:
            raise UserNotFound(user_id)
        self.imported.extend(rows)
        counts = {"rows": len(rows), "matched": len(rows), "added": len(rows), "updated": 0, "unchanged": 0}
        return ImportReport(source=source, unmatched=[], ambiguous=[], **counts)


class FakeStatisticsService:
    def get_statistics(self) -> Statistics:
        return Statistics(movies=2, users=1, ratings=10, ratings_since_live_model=3, database="sqlite", version="0.2.0")


class FakeTagService:
    """Knows the movies 1 and 2."""

    def __init__(self) -> None:
        self.queries: list[TagQuery] = []

    def list_tags(self, query: TagQuery) -> TagPage:
        self.queries.append(query)
        tags = [TagCount(tag_id=7, tag_name="time travel", total_movies=16)]
        return TagPage(tags=tags, total=1, page=query.page, limit=query.limit)

    def list_movie_tags(self, movie_id: int, paging: Paging) -> MovieTagPage:
        if movie_id not in {1, 2}:
            raise MovieNotFound(movie_id)
        tags = [MovieTag(tag_id=7, tag_name="time travel", count=3)]
        return MovieTagPage(tags=tags, total=1, page=paging.page, limit=paging.limit)


class FakeAccountService:
    """Knows the user 1, Ripley."""

    def create_user(self, _wanted: UserCreate | None, _access: Access) -> User:
        return User(user_id=611)

    def get_profile(self, user_id: int) -> UserProfile:
        if user_id != 1:
            raise UserNotFound(user_id)
        return UserProfile(user_id=1, username="ripley", role="user", total_ratings=232)

    def delete_user(self, user_id: int) -> int:
        if user_id != 1:
            raise UserNotFound(user_id)
        return 232


class FakeRecommendationService:
    """Knows the user 1."""

    def __init__(self) -> None:
        self.queries: list[RecommendationQuery] = []
        self.guests: list[RecommendationRequest] = []
        self.error: Exception | None = None
        self.is_costly = operator.attrgetter("explain")

    def recommends_inline(self, _user_id: int, _query: RecommendationQuery) -> bool:
        return False

    def recommend_movies(self, user_id: int, query: RecommendationQuery) -> RecommendedMovies:
        if user_id != 1:
            raise UserNotFound(user_id)
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return RecommendedMovies(
            movie_ids=[2571, 7],
            probabilities=[0.91, 0.902],
            movies=[MATRIX, UNRATED] if query.expands_movies else None,
            explanations=EXPLANATIONS if query.explain else None,
        )

    def recommend_to_guest(self, request: RecommendationRequest) -> RecommendedMovies:
        self.guests.append(request)
        return self.recommend_movies(1, request.query)


class FakeRecommendationEngineService:
    """Has the queued run 4 and the live version 3."""

    def __init__(self) -> None:
        self.pagings: list[Paging] = []
        self.activated: list[int] = []
        self.error: Exception | None = None

    def request_training(self) -> int:
        return QUEUED_RUN.run_id

    def get_run(self, run_id: int) -> TrainingRun:
        if run_id != QUEUED_RUN.run_id:
            raise RunNotFound(run_id)
        return QUEUED_RUN

    def list_runs(self, paging: Paging) -> TrainingRunPage:
        self.pagings.append(paging)
        return TrainingRunPage(runs=[QUEUED_RUN], total=1, page=paging.page, limit=paging.limit)

    def cancel_run(self, run_id: int) -> TrainingRun:
        found = self.get_run(run_id)
        if self.error is not None:
            raise self.error
        return found.model_copy(update={"status": "cancelled"})

    def get_overview(self) -> RecommendationEngine:
        return RecommendationEngine(active_model=VERSION, activated_at=MOMENT, age_s=60, current_run=QUEUED_RUN)

    def list_versions(self, paging: Paging) -> ModelVersionPage:
        self.pagings.append(paging)
        return ModelVersionPage(models=[VERSION], total=1, page=paging.page, limit=paging.limit)

    def get_version(self, version: int) -> ModelVersion:
        if version != VERSION.version:
            raise ModelVersionNotFound(version)
        return VERSION

    def activate(self, version: int, _store: ModelStore) -> ModelVersion:
        found = self.get_version(version)
        if self.error is not None:
            raise self.error
        self.activated.append(version)
        return found


class FakeHealthService:
    def __init__(self) -> None:
        self.error: Exception | None = None

    def get_readiness(self) -> Readiness:
        if self.error is not None:
            raise self.error
        return Readiness(status="ready", database="sqlite", movies=9742, model_version=3, model_problem=None)


class FakeTrainingSupervisor:
    def __init__(self) -> None:
        self.calls = 0

    def supervise(self) -> None:
        self.calls += 1


class FakeLiveModel:
    def __init__(self) -> None:
        self.refreshes = 0

    def refresh(self) -> None:
        self.refreshes += 1
