"""The Alembic environment. It uses the connection that `server.backend.migrate` passes to it."""

from alembic import context

from server.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    # SQLite can roll back DDL because the driver's implicit transactions are off.
    transactional_ddl=True,
    # SQLite can't alter most of a table: Alembic copies it instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
