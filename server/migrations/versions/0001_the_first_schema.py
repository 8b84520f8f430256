"""Create the first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_CODE_POINTS = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "genres",
        sa.Column("genre_id", BIG_ID, nullable=False),
        sa.Column("genre_name", BY_CODE_POINTS, nullable=False),
        sa.PrimaryKeyConstraint("genre_id", name=op.f("pk_genres")),
        sa.UniqueConstraint("genre_name", name=op.f("uq_genres_genre_name")),
    )
    op.create_table(
        "ingestions",
        sa.Column("ingestion_id", BIG_ID, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ingestion_id", name=op.f("pk_ingestions")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_versions",
        sa.Column("version", BIG_ID, nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("calibration", sa.JSON(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("artifact", name=op.f("uq_model_versions_artifact")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "movies",
        sa.Column("movie_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("sort_title", BY_CODE_POINTS, nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("source_title", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("movie_id", name=op.f("pk_movies")),
    )
    op.create_table(
        "users",
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "active_model",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", BIG_ID, nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("slot = 1", name=op.f("ck_active_model_one_row")),
        sa.ForeignKeyConstraint(
            ["version"], ["model_versions.version"], name=op.f("fk_active_model_version_model_versions")
        ),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_active_model")),
    )
    op.create_table(
        "alternative_titles",
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["movie_id"], ["movies.movie_id"], name=op.f("fk_alternative_titles_movie_id_movies")),
        sa.PrimaryKeyConstraint("movie_id", "position", name=op.f("pk_alternative_titles")),
    )
    op.create_table(
        "movie_genres",
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("genre_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.genre_id"], name=op.f("fk_movie_genres_genre_id_genres")),
        sa.ForeignKeyConstraint(["movie_id"], ["movies.movie_id"], name=op.f("fk_movie_genres_movie_id_movies")),
        sa.PrimaryKeyConstraint("movie_id", "genre_id", name=op.f("pk_movie_genres")),
    )
    op.create_index(op.f("ix_movie_genres_genre_id_movie_id"), "movie_genres", ["genre_id", "movie_id"], unique=False)

    op.create_table(
        "movie_statistics",
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("rating_count", sa.BigInteger(), nullable=False),
        sa.Column("rating_sum", sa.Double(), nullable=False),
        sa.CheckConstraint("rating_count >= 0", name=op.f("ck_movie_statistics_rating_count")),
        sa.ForeignKeyConstraint(["movie_id"], ["movies.movie_id"], name=op.f("fk_movie_statistics_movie_id_movies")),
        sa.PrimaryKeyConstraint("movie_id", name=op.f("pk_movie_statistics")),
    )
    op.create_table(
        "ratings",
        sa.Column("rating_id", BIG_ID, nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("rating", sa.REAL(), nullable=False),
        sa.Column("rated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rating * 2 = round(rating * 2)", name=op.f("ck_ratings_rating_half_step")),
        sa.CheckConstraint("rating BETWEEN 0.5 AND 5.0", name=op.f("ck_ratings_rating_range")),
        sa.ForeignKeyConstraint(["movie_id"], ["movies.movie_id"], name=op.f("fk_ratings_movie_id_movies")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_ratings_user_id_users")),
        sa.PrimaryKeyConstraint("rating_id", name=op.f("pk_ratings")),
        sa.UniqueConstraint("user_id", "movie_id", name=op.f("uq_ratings_user_id_movie_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "training_runs",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("version", BIG_ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_training_runs_status")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_training_runs_progress")),
        sa.ForeignKeyConstraint(
            ["version"], ["model_versions.version"], name=op.f("fk_training_runs_version_model_versions")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_training_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_training_runs_one_queued",
        "training_runs",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "uq_training_runs_one_running",
        "training_runs",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_training_runs_one_running",
        table_name="training_runs",
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.drop_index(
        "uq_training_runs_one_queued",
        table_name="training_runs",
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )

    op.drop_table("training_runs")
    op.drop_table("ratings")
    op.drop_table("movie_statistics")
    op.drop_index(op.f("ix_movie_genres_genre_id_movie_id"), table_name="movie_genres")

    op.drop_table("movie_genres")
    op.drop_table("alternative_titles")
    op.drop_table("active_model")
    op.drop_table("users")
    op.drop_table("movies")
    op.drop_table("model_versions")
    op.drop_table("ingestions")
    op.drop_table("genres")
