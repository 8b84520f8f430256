"""The brief in the straightforward way: FastAPI, the SQLAlchemy ORM and scikit-learn's NMF.

It is what a good developer writes in a day: typed routes, a session per request, indexed foreign keys, eager loading
of genres, a model file for each training, and the newest model in memory. It stores neither statistics nor an index
for the search, and it has no settings but two environment variables.
"""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Query, Response  # noqa: TID251 (a peer's way)
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF
from sqlalchemy import Column, ForeignKey, Table, create_engine, func, or_, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload, sessionmaker

engine = create_engine(os.environ.get("ORM_APP_DATABASE_URL", "sqlite:///orm_app.db"))
open_session = sessionmaker(engine)
MODELS = Path(os.environ.get("ORM_APP_MODELS", "models"))
FACTORS = 20


class Base(DeclarativeBase):
    """The base of the tables."""


movie_genres = Table(
    "movie_genres",
    Base.metadata,
    Column("movie_id", ForeignKey("movies.movie_id"), primary_key=True),
    Column("genre_id", ForeignKey("genres.genre_id"), primary_key=True),
)


class Genre(Base):
    """A genre."""

    __tablename__ = "genres"
    genre_id: Mapped[int] = mapped_column(primary_key=True)
    genre_name: Mapped[str] = mapped_column(unique=True)


class Movie(Base):
    """A movie with its genres."""

    __tablename__ = "movies"
    movie_id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(index=True)
    year: Mapped[int | None]
    genres: Mapped[list[Genre]] = relationship(secondary=movie_genres)


class User(Base):
    """A user."""

    __tablename__ = "users"
    user_id: Mapped[int] = mapped_column(primary_key=True)


class Rating(Base):
    """A user's rating of a movie."""

    __tablename__ = "ratings"
    rating_id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.user_id), index=True)
    movie_id: Mapped[int] = mapped_column(ForeignKey(Movie.movie_id), index=True)
    rating: Mapped[float]
    timestamp: Mapped[datetime]


class GenreRead(BaseModel):
    """A genre in a response."""

    model_config = ConfigDict(from_attributes=True)
    genre_id: int
    genre_name: str


class MovieRead(BaseModel):
    """A movie in a response."""

    model_config = ConfigDict(from_attributes=True)
    movie_id: int
    title: str
    year: int | None
    genres: list[GenreRead]


class MoviePage(BaseModel):
    """A page of movies."""

    movies: list[MovieRead]
    total: int
    page: int
    limit: int


class AverageRating(BaseModel):
    """The average rating of a movie."""

    movie_id: int
    title: str
    avg_rating: float | None
    total_ratings: int


class RatingCreate(BaseModel):
    """A rating in a request."""

    user_id: int
    movie_id: int
    rating: float = Field(ge=0.5, le=5, multiple_of=0.5)


class RatingRead(RatingCreate):
    """A rating in a response."""

    model_config = ConfigDict(from_attributes=True)
    rating_id: int
    timestamp: datetime


class RecommendedMovies(BaseModel):
    """Recommended movies, the most probable first."""

    movie_ids: list[int]
    probabilities: list[float]


def get_session() -> Iterator[Session]:
    """Yield the session of a request."""
    with open_session() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
router = APIRouter(prefix="/api/rest/v1")


@router.get("/movies")
def list_movies(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    page: Annotated[int, Query(ge=1)] = 1,
    search: str | None = None,
) -> MoviePage:
    """List movies, optionally those whose title or genre contains the search text."""
    movies = select(Movie)
    if search:
        in_genre = Movie.genres.any(Genre.genre_name.icontains(search, autoescape=True))
        movies = movies.where(or_(Movie.title.icontains(search, autoescape=True), in_genre))
    total = session.scalar(select(func.count()).select_from(movies.subquery())) or 0
    chosen = movies.order_by(Movie.movie_id).offset((page - 1) * limit).limit(limit).options(selectinload(Movie.genres))
    found = [MovieRead.model_validate(movie) for movie in session.scalars(chosen)]
    return MoviePage(movies=found, total=total, page=page, limit=limit)


@router.get("/movies/{movie_id}/avg-rating")
def get_average_rating(movie_id: int, session: SessionDep) -> AverageRating:
    """Return the average rating of a movie."""
    movie = _get(session, Movie, movie_id)
    statement = select(func.avg(Rating.rating), func.count()).where(Rating.movie_id == movie_id)
    average, total = session.execute(statement).one()
    return AverageRating(movie_id=movie_id, title=movie.title, avg_rating=average, total_ratings=total)


@router.post("/ratings", status_code=201)
def create_rating(body: RatingCreate, session: SessionDep) -> RatingRead:
    """Store a rating."""
    _get(session, User, body.user_id)
    _get(session, Movie, body.movie_id)
    rating = Rating(**body.model_dump(), timestamp=datetime.now())  # noqa: DTZ005 (as the brief's example shows it)
    session.add(rating)
    session.commit()
    return RatingRead.model_validate(rating)


@router.post("/recommendation-engine", status_code=202, response_class=Response)
def train_model(tasks: BackgroundTasks) -> None:
    """Train a model in the background."""
    tasks.add_task(train)


@router.get("/user/{user_id}/recommended-movies")
def list_recommended_movies(
    user_id: int, session: SessionDep, n: Annotated[int, Query(ge=1, le=100)] = 10
) -> RecommendedMovies:
    """Return the movies with the highest predicted ratings of a user."""
    _get(session, User, user_id)
    model = load_model(_latest_model())
    row = np.flatnonzero(model["user_ids"] == user_id)
    if not len(row):
        raise HTTPException(404, "The user is not in the model.")
    scores = model["users"][row[0]] @ model["movies"]
    best = np.argsort(-scores)[:n]
    probabilities = np.clip(scores[best] / 5, 0, 1)
    return RecommendedMovies(movie_ids=model["movie_ids"][best].tolist(), probabilities=probabilities.tolist())


def train() -> None:
    """Factorize all ratings and store the model in a new file."""
    with open_session() as session:
        rows = session.execute(select(Rating.user_id, Rating.movie_id, Rating.rating)).all()
    users, movies, stars = (np.array(column) for column in zip(*rows, strict=True))
    user_ids, user_places = np.unique(users, return_inverse=True)
    movie_ids, movie_places = np.unique(movies, return_inverse=True)
    nmf = NMF(FACTORS, max_iter=500, random_state=0)
    user_factors = nmf.fit_transform(csr_matrix((stars, (user_places, movie_places))))
    MODELS.mkdir(parents=True, exist_ok=True)
    np.savez(
        MODELS / f"{time.time_ns()}.npz",
        users=user_factors,
        movies=nmf.components_,
        user_ids=user_ids,
        movie_ids=movie_ids,
    )


@lru_cache(maxsize=1)
def load_model(path: Path) -> dict[str, Any]:
    """Load a model; the last one stays in memory."""
    with np.load(path) as arrays:
        return dict(arrays)


def _latest_model() -> Path:
    models = sorted(MODELS.glob("*.npz"))
    if not models:
        raise HTTPException(409, "There is no model yet.")
    return models[-1]


def _get(session: Session, table: type[Any], key: int) -> Any:  # noqa: ANN401 (an object of the table)
    if (found := session.get(table, key)) is None:
        raise HTTPException(404, f"{table.__name__} {key} does not exist.")
    return found


app = FastAPI()
app.include_router(router)
