"""Deletes runs from the history, with the findings that no remaining run shows."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.store.batching import batched
from auditor.store.tables import acceptances, evidence, findings, periods, runs, series

BATCH_SIZE = 500
"""Runs deleted by one statement."""


def remove(connection: Connection, run_ids: Iterable[str]) -> int:
    """Delete these runs; returns the number of findings deleted with them.

    Findings of the remaining runs keep their state and their lifecycle: the periods of a finding
    stay as long as one of them covers a remaining run.
    """
    series_ids: set[int] = set()
    for batch in batched(run_ids, BATCH_SIZE):
        in_batch = runs.c.id.in_(batch)
        series_ids.update(connection.execute(sa.select(runs.c.series_id).where(in_batch)).scalars())
        connection.execute(sa.delete(evidence).where(evidence.c.run_id.in_(batch)))
        connection.execute(sa.delete(runs).where(in_batch))
    return sum(_prune(connection, series_id) for series_id in sorted(series_ids))


def undo(connection: Connection, series_id: int, number: int) -> int:
    """Undo the changes of all runs after `number`; returns the number of findings deleted.

    The periods that those runs closed are reopened, so that the next run can take one of their
    numbers.
    """
    of_series = periods.c.finding_id.in_(_findings_of(series_id))
    connection.execute(sa.delete(periods).where(of_series, periods.c.since > number))
    connection.execute(
        sa.update(periods)
        .where(of_series, periods.c.until >= number)
        .values(until=None, until_at=None)
    )
    has_period = sa.exists().where(periods.c.finding_id == findings.c.id)
    gone = connection.execute(
        sa.delete(findings).where(findings.c.series_id == series_id, ~has_period)
    )
    return int(gone.rowcount)


def _prune(connection: Connection, series_id: int) -> int:
    """Delete findings that no remaining run of a series shows; returns their number."""
    newest = sa.select(sa.func.max(runs.c.number)).where(runs.c.series_id == series_id)
    last = connection.execute(newest).scalar()
    gone = undo(connection, series_id, last or 0)
    if last is None:
        connection.execute(sa.delete(acceptances).where(acceptances.c.series_id == series_id))
        connection.execute(sa.delete(series).where(series.c.id == series_id))
        return gone
    is_visible = sa.exists().where(
        periods.c.finding_id == findings.c.id,
        runs.c.series_id == series_id,
        runs.c.number >= periods.c.since,
        sa.or_(periods.c.until.is_(None), runs.c.number <= periods.c.until),
    )
    invisible = _findings_of(series_id).where(~is_visible)
    connection.execute(sa.delete(periods).where(periods.c.finding_id.in_(invisible)))
    has_period = sa.exists().where(periods.c.finding_id == findings.c.id)
    rest = connection.execute(
        sa.delete(findings).where(findings.c.series_id == series_id, ~has_period)
    )
    return gone + int(rest.rowcount)


def _findings_of(series_id: int) -> sa.Select[Any]:
    return sa.select(findings.c.id).where(findings.c.series_id == series_id)
