"""A table of the events that webhooks reported.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "events",
        sa.Column("digest", sa.Text(), primary_key=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in (
                "account_id",
                "name",
                "occurred_at",
                "received_at",
                "level",
                "scope_id",
                "operator",
                "details",
            )
        ),
    )
    op.create_index("ix_events_account_id_received_at", "events", ["account_id", "received_at"])
