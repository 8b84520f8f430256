"""Add the verdict of the promotion policy to runs, and quality by user activity to versions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("training_runs", sa.Column("is_activated", sa.Boolean(), nullable=True))
    op.add_column("training_runs", sa.Column("verdict", sa.String(), nullable=True))
    op.add_column("model_versions", sa.Column("activity", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("model_versions", "activity")
    op.drop_column("training_runs", "verdict")
    op.drop_column("training_runs", "is_activated")
