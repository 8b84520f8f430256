"""Tags on the wire."""

from typing import Annotated

from pydantic import Field

from server.schemas.base import Paging, ReadSchema, Total


class Tag(ReadSchema):
    """A tag."""

    tag_id: int = Field(examples=[7])
    tag_name: str = Field(examples=["time travel"])


class TagCount(Tag):
    """A tag with its number of movies."""

    total_movies: int = Field(examples=[16])


class TagPage(ReadSchema):
    """A page of tags, the most used first."""

    tags: list[TagCount]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class MovieTag(Tag):
    """A tag of a movie."""

    count: int = Field(description="Number of times that users put it on the movie.", examples=[3])


class MovieTagPage(ReadSchema):
    """A page of a movie's tags, the most frequent first."""

    tags: list[MovieTag]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class TagQuery(Paging):
    """A page of tags: those with a prefix."""

    prefix: Annotated[
        str | None,
        Field(
            max_length=100,
            description="The beginning of the tag; case and accents are ignored.",
            examples=["time"],
        ),
    ] = None
