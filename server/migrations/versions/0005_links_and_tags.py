"""Add the IMDb and TMDB ids of movies, and tags with their counts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_CODE_POINTS = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("movies", sa.Column("imdb_id", sa.String(), nullable=True))
    op.add_column("movies", sa.Column("tmdb_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "tags",
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.Column("tag_name", BY_CODE_POINTS, nullable=False),
        sa.Column("tag_key", BY_CODE_POINTS, nullable=False),
        sa.PrimaryKeyConstraint("tag_id", name=op.f("pk_tags")),
        sa.UniqueConstraint("tag_key", name=op.f("uq_tags_tag_key")),
    )
    op.create_table(
        "movie_tags",
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.Column("tag_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("tag_count > 0", name=op.f("ck_movie_tags_tag_count")),
        sa.ForeignKeyConstraint(["movie_id"], ["movies.movie_id"], name=op.f("fk_movie_tags_movie_id_movies")),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.tag_id"], name=op.f("fk_movie_tags_tag_id_tags")),
        sa.PrimaryKeyConstraint("movie_id", "tag_id", name=op.f("pk_movie_tags")),
    )
    op.create_index(op.f("ix_movie_tags_tag_id_movie_id"), "movie_tags", ["tag_id", "movie_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_movie_tags_tag_id_movie_id"), table_name="movie_tags")
    op.drop_table("movie_tags")
    op.drop_table("tags")
    op.drop_column("movies", "tmdb_id")
    op.drop_column("movies", "imdb_id")
