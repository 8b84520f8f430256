"""Let training runs be cancelled, and count their heartbeats."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUSES = ("queued", "running", "succeeded", "failed")
COLUMNS = (
    "run_id, status, stage, progress, error, version, is_activated, verdict, "
    "created_at, started_at, heartbeat_at, finished_at"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild((*STATUSES, "cancelled"), *_new_columns())
        return
    for column in _new_columns():
        op.add_column("training_runs", column)
    _replace_check((*STATUSES, "cancelled"))


def downgrade() -> None:
    op.execute("UPDATE training_runs SET status = 'failed' WHERE status = 'cancelled'")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(STATUSES)
        return
    _replace_check(STATUSES)
    op.drop_column("training_runs", "is_cancelling")
    op.drop_column("training_runs", "heartbeats")


def _new_columns() -> tuple[sa.Column[int], sa.Column[bool]]:
    return (
        sa.Column("heartbeats", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_cancelling", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def _is_any_of(statuses: tuple[str, ...]) -> str:
    return f"status IN ({', '.join(repr(status) for status in statuses)})"


def _replace_check(statuses: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_training_runs_status"), "training_runs", type_="check")
    op.create_check_constraint(op.f("ck_training_runs_status"), "training_runs", _is_any_of(statuses))


def _rebuild(statuses: tuple[str, ...], *new_columns: sa.Column[int] | sa.Column[bool]) -> None:
    """Copy the runs into a table with other constraints, because SQLite cannot change those of a table."""
    op.create_table(
        "new_training_runs",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("version", BIG_ID, nullable=True),
        sa.Column("is_activated", sa.Boolean(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        *new_columns,
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_training_runs_progress")),
        sa.CheckConstraint(_is_any_of(statuses), name=op.f("ck_training_runs_status")),
        sa.ForeignKeyConstraint(
            ["version"], ["model_versions.version"], name=op.f("fk_training_runs_version_model_versions")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_training_runs")),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO new_training_runs ({COLUMNS}) SELECT {COLUMNS} FROM training_runs")  # noqa: S608 (constants)
    op.drop_table("training_runs")
    op.rename_table("new_training_runs", "training_runs")
    for status in ("running", "queued"):
        op.create_index(
            f"uq_training_runs_one_{status}",
            "training_runs",
            ["status"],
            unique=True,
            sqlite_where=sa.text(f"status = '{status}'"),
        )
