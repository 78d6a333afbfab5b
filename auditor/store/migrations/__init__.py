"""Alembic migrations: how the tables of the history came to be as they are."""
