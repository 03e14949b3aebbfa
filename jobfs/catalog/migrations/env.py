"""What alembic runs to apply revisions; `jobfs.catalog.migrate` hands it an open connection."""

from alembic import context

from jobfs.catalog.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
)
context.run_migrations()
