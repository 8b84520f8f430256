"""Store the popularity in the ranking of searches, so that it is the same for all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "popularity_snapshots",
        sa.Column("snapshot_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("ingestion_id", BIG_ID, nullable=False),
        sa.Column("total_ratings", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_popularity_snapshots")),
    )


def downgrade() -> None:
    op.drop_table("popularity_snapshots")
