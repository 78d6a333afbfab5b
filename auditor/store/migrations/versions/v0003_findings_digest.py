"""Columns that bind the findings of a run to it, and an acceptance to the key that signed it.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns. Earlier runs and acceptances stay without."""
    for table, name in (("runs", "findings_digest"), ("acceptances", "signature")):
        empty = sa.text("''")
        op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=empty))
