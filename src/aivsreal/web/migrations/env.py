"""Run the migrations over the connection that `database.py` hands in; Alembic loads this file."""

from alembic import context

from aivsreal.web.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
