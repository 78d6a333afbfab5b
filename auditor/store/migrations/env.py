"""Runs migrations on the connection that the database provides; called only by Alembic."""

from alembic import context

from auditor.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
