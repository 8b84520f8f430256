"""Let users sign in with a name of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credentials", sa.Column("username", sa.String(), nullable=True))
    op.create_index(op.f("ix_credentials_username"), "credentials", ["username"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_credentials_username"), table_name="credentials")
    op.drop_column("credentials", "username")
