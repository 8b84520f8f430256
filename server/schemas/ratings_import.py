"""The import of a person's ratings file, and its report on the wire."""

from datetime import datetime
from typing import NamedTuple

from pydantic import ConfigDict, Field

from server.schemas.base import ReadSchema


class ExportedRating(NamedTuple):
    """A row of a ratings file, as a site exported it. Fields that the site does not write are None."""

    line: int
    """The line on which the row begins, from 1."""
    stars: float | None
    """Stars from 0.5 to 5.0 in half steps; None if the row has no usable rating."""
    rated_at: datetime | None
    imdb_id: str | None = None
    movie_id: int | None = None
    """The id in MovieLens."""
    title: str | None = None
    year: int | None = None
    problem: str | None = None
    """Why the row cannot be used."""


class SkippedRow(ReadSchema):
    """A row of the file that was not imported."""

    line: int = Field(description="The line on which the row begins, from 1.", examples=[12])
    title: str | None = Field(description="The title in the file; null if it has none.", examples=["Solaris"])
    reason: str = Field(examples=["No movie has this title and year."])


class ImportReport(ReadSchema):
    """The result of an import. Every row of the file is counted once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "letterboxd",
                    "rows": 3,
                    "matched": 2,
                    "added": 1,
                    "updated": 0,
                    "unchanged": 1,
                    "unmatched": [{"line": 3, "title": "Home Video", "reason": "No movie has this title and year."}],
                    "ambiguous": [],
                }
            ]
        }
    )

    source: str = Field(description="The site whose format the file has: `letterboxd`, `imdb` or `movielens`.")
    rows: int = Field(description="Rows of the file.")
    matched: int = Field(description="Rows that belong to a movie: `added`, `updated` and `unchanged` together.")
    added: int = Field(description="New ratings.")
    updated: int = Field(description="Ratings whose value changed.")
    unchanged: int = Field(description="Ratings that had this value, or are newer than the row.")
    unmatched: list[SkippedRow] = Field(description="Rows without a movie or a usable rating.")
    ambiguous: list[SkippedRow] = Field(description="Rows that fit several movies equally well.")
