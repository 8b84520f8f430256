"""Add the quality for new users to model versions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("cold_start", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("model_versions", "cold_start")
