"""Store the search index, so that a starting server does not build it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stored_indexes",
        sa.Column("ingestion_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("layout", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
            name=op.f("fk_stored_indexes_ingestion_id_ingestions"),
        ),
        sa.PrimaryKeyConstraint("ingestion_id", name=op.f("pk_stored_indexes")),
    )


def downgrade() -> None:
    op.drop_table("stored_indexes")
