"""Forgetting: runs taken out of the history, and what no run that is left tells of."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.store.batching import batched
from auditor.store.tables import acceptances, evidence, findings, runs, series, spells

PORTION = 500
"""How many runs are removed at once."""


def remove(connection: Connection, run_ids: Iterable[str]) -> int:
    """Take these runs out; returns how many findings went with them.

    What the runs that are left tell of their findings stays as it was, the lives included: the
    spells of a finding are kept as long as one of them reaches into a run that is left.
    """
    touched: set[int] = set()
    for portion in batched(run_ids, PORTION):
        these = runs.c.id.in_(portion)
        touched.update(connection.execute(sa.select(runs.c.series_id).where(these)).scalars())
        connection.execute(sa.delete(evidence).where(evidence.c.run_id.in_(portion)))
        connection.execute(sa.delete(runs).where(these))
    return sum(_tidy(connection, series_id) for series_id in sorted(touched))


def undo(connection: Connection, series_id: int, number: int) -> int:
    """Take back what the runs after this number wrote; how many findings went.

    The spells that they ended go on, so that the next run can take one of their numbers.
    """
    mine = spells.c.finding_id.in_(_of(series_id))
    connection.execute(sa.delete(spells).where(mine, spells.c.since > number))
    connection.execute(
        sa.update(spells).where(mine, spells.c.until >= number).values(until=None, until_at=None)
    )
    told = sa.exists().where(spells.c.finding_id == findings.c.id)
    gone = connection.execute(sa.delete(findings).where(findings.c.series_id == series_id, ~told))
    return int(gone.rowcount)


def _tidy(connection: Connection, series_id: int) -> int:
    """Leave what the runs of a series that are left can tell of; how many findings went."""
    newest = sa.select(sa.func.max(runs.c.number)).where(runs.c.series_id == series_id)
    last = connection.execute(newest).scalar()
    gone = undo(connection, series_id, last or 0)
    if last is None:
        connection.execute(sa.delete(acceptances).where(acceptances.c.series_id == series_id))
        connection.execute(sa.delete(series).where(series.c.id == series_id))
        return gone
    told = sa.exists().where(
        spells.c.finding_id == findings.c.id,
        runs.c.series_id == series_id,
        runs.c.number >= spells.c.since,
        sa.or_(spells.c.until.is_(None), runs.c.number <= spells.c.until),
    )
    untold = _of(series_id).where(~told)
    connection.execute(sa.delete(spells).where(spells.c.finding_id.in_(untold)))
    alone = sa.exists().where(spells.c.finding_id == findings.c.id)
    rest = connection.execute(sa.delete(findings).where(findings.c.series_id == series_id, ~alone))
    return gone + int(rest.rowcount)


def _of(series_id: int) -> sa.Select[Any]:
    return sa.select(findings.c.id).where(findings.c.series_id == series_id)
