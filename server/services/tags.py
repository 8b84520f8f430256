"""Tags of movies."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.errors import MovieNotFound
from server.models import Movie, MovieTag, Tag
from server.schemas import tags as schemas
from server.schemas.base import Paging
from server.search.folding import fold
from server.services.base import BaseDataManager, BaseService


class TagService(BaseService):
    """Rules of the tags."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.tags = TagDataManager(session)

    def list_tags(self, query: schemas.TagQuery) -> schemas.TagPage:
        """Return a page of the tags with a prefix, the most used first."""
        prefix = " ".join(fold(query.prefix or "").split())
        tags, total = self.tags.list_counted(prefix, query)
        return schemas.TagPage(tags=tags, total=total, page=query.page, limit=query.limit)

    def list_movie_tags(self, movie_id: int, paging: Paging) -> schemas.MovieTagPage:
        """Return a page of a movie's tags, the most frequent first. Raises `MovieNotFound`."""
        if not self.tags.movie_exists(movie_id):
            raise MovieNotFound(movie_id)
        tags, total = self.tags.list_of_movie(movie_id, paging)
        return schemas.MovieTagPage(tags=tags, total=total, page=paging.page, limit=paging.limit)


class TagDataManager(BaseDataManager):
    """SQL of the tags."""

    def movie_exists(self, movie_id: int) -> bool:
        """Return whether a movie exists."""
        return self.session.scalar(select(Movie.movie_id).where(Movie.movie_id == movie_id)) is not None

    def list_counted(self, prefix: str, paging: Paging) -> tuple[list[schemas.TagCount], int]:
        """Return a page of the tags whose key has this prefix, and their total."""
        fits = Tag.tag_key.startswith(prefix, autoescape=True)
        movies = func.count(MovieTag.movie_id)
        counted = (
            select(Tag.tag_id, Tag.tag_name, movies)
            .join(MovieTag)
            .where(fits)
            .group_by(Tag.tag_id, Tag.tag_name)
            .order_by(movies.desc(), Tag.tag_name, Tag.tag_id)
            .limit(paging.limit)
            .offset(paging.offset)
        )
        is_used = select(MovieTag.tag_id).where(MovieTag.tag_id == Tag.tag_id).exists()
        total = self.session.scalar(select(func.count()).select_from(Tag).where(fits, is_used)) or 0
        rows = self.session.execute(counted)
        return [
            schemas.TagCount(tag_id=tag_id, tag_name=name, total_movies=count) for tag_id, name, count in rows
        ], total

    def list_of_movie(self, movie_id: int, paging: Paging) -> tuple[list[schemas.MovieTag], int]:
        """Return a page of a movie's tags, and their total."""
        of_movie = MovieTag.movie_id == movie_id
        tags = (
            select(Tag.tag_id, Tag.tag_name, MovieTag.tag_count)
            .join(MovieTag)
            .where(of_movie)
            .order_by(MovieTag.tag_count.desc(), Tag.tag_name, Tag.tag_id)
            .limit(paging.limit)
            .offset(paging.offset)
        )
        total = self.session.scalar(select(func.count()).select_from(MovieTag).where(of_movie)) or 0
        rows = self.session.execute(tags)
        return [schemas.MovieTag(tag_id=tag_id, tag_name=name, count=count) for tag_id, name, count in rows], total
