"""Record withdrawn ratings and deleted users, which a later ingestion must not bring back."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "withdrawn_ratings",
        sa.Column("user_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("movie_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "movie_id", name=op.f("pk_withdrawn_ratings")),
    )
    op.create_table(
        "deleted_users",
        sa.Column("user_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_deleted_users")),
    )


def downgrade() -> None:
    op.drop_table("deleted_users")
    op.drop_table("withdrawn_ratings")
