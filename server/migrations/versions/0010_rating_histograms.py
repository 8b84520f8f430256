"""Count the ratings of each movie by half stars, and fill the counts from the stored ratings."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = {halves: f"stars_{5 * halves:02d}" for halves in range(1, 11)}


def upgrade() -> None:
    for name in COLUMNS.values():
        op.add_column("movie_statistics", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    counts = ", ".join(
        f"sum(CASE WHEN rating * 2 = {halves} THEN 1 ELSE 0 END) AS {name}" for halves, name in COLUMNS.items()
    )
    op.execute(
        f"UPDATE movie_statistics SET {', '.join(f'{name} = counted.{name}' for name in COLUMNS.values())} "  # noqa: S608 (constant names)
        f"FROM (SELECT movie_id, {counts} FROM ratings GROUP BY movie_id) AS counted "
        "WHERE movie_statistics.movie_id = counted.movie_id"
    )


def downgrade() -> None:
    for name in reversed(COLUMNS.values()):
        op.drop_column("movie_statistics", name)
