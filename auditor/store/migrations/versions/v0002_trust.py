"""Columns that bind a run to its account, its organisation file and its order of storing.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_THIS_MACHINE = "this machine"
"""The place of every local API when this was written."""


def upgrade() -> None:
    """Add the columns. Earlier runs come in the order in which they began."""
    for column in (
        sa.Column("sequence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("simulated", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("organisation_digest", sa.Text(), nullable=True),
        sa.Column("oldest_evidence_at", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("set_aside", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("signature", sa.Text(), nullable=False, server_default=sa.text("''")),
    ):
        op.add_column("runs", column)
    runs = sa.table(
        "runs",
        *map(sa.column, ("id", "series_id", "started_at", "sequence", "simulated")),
    )
    series = sa.table("series", *map(sa.column, ("id", "place")))
    connection = op.get_bind()
    order = sa.select(runs.c.id).order_by(runs.c.started_at, runs.c.id)
    for sequence, run_id in enumerate(connection.execute(order).scalars().all(), start=1):
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(sequence=sequence))
    local = sa.select(series.c.id).where(series.c.place == _THIS_MACHINE)
    connection.execute(
        sa.update(runs).where(runs.c.series_id.in_(local)).values(simulated=sa.true())
    )
    op.create_index("uq_runs_sequence", "runs", ["sequence"], unique=True)
