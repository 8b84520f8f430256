"""Leave out ratings that users deleted through the API, so that loading their source again does not restore them."""

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import DeletedUser, WithdrawnRating


class WithdrawnRatings:
    """The withdrawn ratings and deleted users at the beginning of a load."""

    def __init__(self, session: Session) -> None:
        rows = session.execute(select(WithdrawnRating.user_id, WithdrawnRating.movie_id, WithdrawnRating.withdrawn_at))
        withdrawn = [(user_id, movie_id, int(moment.timestamp())) for user_id, movie_id, moment in rows]
        schema = {"user_id": pl.Int64, "movie_id": pl.Int64, "withdrawn_at": pl.Int64}
        self._withdrawn = pl.DataFrame(withdrawn, schema=schema, orient="row")
        deleted = session.scalars(select(DeletedUser.user_id)).all()
        self._deleted_users = pl.DataFrame({"user_id": deleted}, schema={"user_id": pl.Int64})

    def drop_from(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the ratings that are not of a deleted user, and not older than the withdrawal of a rating."""
        if not self._deleted_users.is_empty():
            frame = frame.join(self._deleted_users, on="user_id", how="anti", maintain_order="left")
        if not self._withdrawn.is_empty():
            joined = frame.join(self._withdrawn, on=["user_id", "movie_id"], how="left", maintain_order="left")
            is_newer = pl.col("withdrawn_at").is_null() | (pl.col("rated_at") > pl.col("withdrawn_at"))
            frame = joined.filter(is_newer).drop("withdrawn_at")
        return frame
