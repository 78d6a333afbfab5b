"""Stores findings as periods with unchanged status; a run writes only the findings that changed.

A finding that a run does not report counts as passed only if its scope was read. If the scope is
missing from a complete list, the finding's history ends. If the list could not be read, the finding
becomes unknown, and never counts as fixed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import FindingKind, Status
from auditor.findings.run import Run
from auditor.store.batching import batched
from auditor.store.finding_queries import DIGESTED, FindingsDigest
from auditor.store.tables import findings, incoming, periods
from auditor.store.visibility import ScopeVisibility

BATCH_SIZE = 1000
"""Rows written by one statement."""

_CONTENT = ("status", "severity", "cause", "observed")
_IDENTITY = ("control", "kind", "level", "scope_id", "scope_name", "setting", "source")

_DERIVED = (str(FindingKind.DERIVED), str(FindingKind.UNCOVERED))
"""Kinds of findings that are computed from several documents and exist only if those were read."""

_KNOWN = sa.select(incoming.c.fingerprint).where(
    incoming.c.fingerprint.in_(sa.bindparam("fingerprints", expanding=True))
)

_INCOMPLETE_CONTROLS = sa.select(incoming.c.control).where(
    incoming.c.kind.in_(_DERIVED),
    incoming.c.status == str(Status.UNKNOWN),
    incoming.c.cause.in_(
        [str(cause) for cause in (Cause.DENIED, Cause.ERROR, Cause.NOT_COLLECTED)]
    ),
)
"""Controls for which a run could not read all the documents they are computed from."""


def record(
    connection: Connection, series_id: int, number: int, run: Run, evidence: SnapshotReader
) -> str:
    """Store the findings of run `number` of a series; returns their digest."""
    # One row per finding and night would be 830,000 rows a night at 100,000 users
    # (docs/benchmarks.md), nearly all of them equal to the night before. The findings go into a
    # temporary table instead, and the database compares them with the open periods; this process
    # loads only the findings without an equal open period. Three statements write the changes.
    # Their order matters: a period has to be closed before its successor is opened, because a
    # period is opened only for a finding without an open one.
    incoming.create(connection)
    for batch in batched(_rows(run), BATCH_SIZE):
        rows: dict[str, Mapping[str, Any]] = {}
        for row in batch:
            rows.setdefault(row["fingerprint"], row)  # sorted: the first is the worst
        for fingerprint in connection.execute(_KNOWN, {"fingerprints": [*rows]}).scalars().all():
            del rows[fingerprint]
        if rows:
            connection.execute(sa.insert(incoming), list(rows.values()))
    unseen = _unseen(connection, series_id, run, evidence)
    for batch in batched(unseen, BATCH_SIZE):
        connection.execute(sa.insert(incoming), batch)
    finished_at = format_rfc3339(run.info.finished_at)
    _add_findings(connection, series_id, finished_at)
    _close_periods(connection, series_id, number, finished_at)
    _open_periods(connection, series_id, number, finished_at)
    digest = _digest(connection)
    incoming.drop(connection)
    return digest


def _digest(connection: Connection) -> str:
    digest = FindingsDigest()
    query = sa.select(*(incoming.c[name] for name in DIGESTED)).order_by(incoming.c.fingerprint)
    for row in connection.execute(query):
        digest.add(row)
    return digest.text


def text(value: str) -> str:
    """`value` in a form that every database can store: without NUL and without lone surrogates."""
    if value.isprintable():  # nearly always so
        return value
    return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _rows(run: Run) -> Iterator[Mapping[str, Any]]:
    for finding in run.without_history():
        scope, verdict = finding.scope, finding.verdict
        if verdict.status is not Status.PASS:
            yield {
                "fingerprint": finding.fingerprint,
                "level": str(scope.level),
                "scope_id": text(scope.id),
                "scope_name": text(scope.label),
                "control": verdict.control,
                "kind": str(verdict.kind),
                "setting": text(verdict.setting),
                "source": verdict.source,
                "status": str(verdict.status),
                "severity": str(verdict.severity),
                "cause": str(verdict.cause or ""),
                "observed": json.dumps(verdict.observed, sort_keys=True),
            }


def _unseen(
    connection: Connection, series_id: int, run: Run, evidence: SnapshotReader
) -> Iterable[Mapping[str, Any]]:
    """Findings of earlier runs that this run could not check."""
    visibility = ScopeVisibility(evidence)
    incomplete = set(connection.execute(_INCOMPLETE_CONTROLS).scalars())
    query = (
        sa.select(findings, periods.c.severity, periods.c.observed)
        .join(periods, periods.c.finding_id == findings.c.id)
        .outerjoin(incoming, incoming.c.fingerprint == findings.c.fingerprint)
        .where(findings.c.series_id == series_id, periods.c.until.is_(None))
        .where(findings.c.control.in_(list(run.controls)))
        .where(incoming.c.fingerprint.is_(None))
    )
    for row in connection.execute(query).all():
        scope = Scope(Level(row.level), row.scope_id)
        hidden = row.kind in _DERIVED and row.control in incomplete
        if (
            hidden
            or visibility.was_present(scope) is None
            or visibility.was_refused(scope, row.source)
        ):
            yield {
                **{name: getattr(row, name) for name in ("fingerprint", *_IDENTITY)},
                "status": str(Status.UNKNOWN),
                "severity": row.severity,
                "cause": str(Cause.NOT_COLLECTED),
                "observed": "null",
            }


def _add_findings(connection: Connection, series_id: int, now: str) -> None:
    joined = incoming.outerjoin(
        findings,
        (findings.c.fingerprint == incoming.c.fingerprint) & (findings.c.series_id == series_id),
    )
    new = (
        sa.select(
            sa.literal(series_id),
            incoming.c.fingerprint,
            *(incoming.c[name] for name in _IDENTITY),
            sa.literal(now),
        )
        .select_from(joined)
        .where(findings.c.id.is_(None))
    )
    columns = ["series_id", "fingerprint", *_IDENTITY, "first_seen"]
    connection.execute(sa.insert(findings).from_select(columns, new))
    renamed = (
        sa.select(incoming.c.scope_name)
        .where(incoming.c.fingerprint == findings.c.fingerprint)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(findings)
        .where(findings.c.series_id == series_id, findings.c.scope_name != renamed)
        .values(scope_name=renamed)
    )


def _close_periods(connection: Connection, series_id: int, number: int, now: str) -> None:
    same = sa.and_(
        incoming.c.fingerprint == findings.c.fingerprint,
        *(incoming.c[name] == periods.c[name] for name in _CONTENT),
    )
    # An outer join: an open period is closed if no incoming finding has its fingerprint (the
    # finding passed, or its scope was deleted), and if one has it with other content (a new period
    # follows). Findings that this run could not check are incoming as unknown: see `_unseen`.
    changed = (
        sa.select(periods.c.id)
        .join(findings, findings.c.id == periods.c.finding_id)
        .outerjoin(incoming, same)
        .where(findings.c.series_id == series_id, periods.c.until.is_(None))
        .where(incoming.c.fingerprint.is_(None))
    )
    # Both ends of a period are inclusive run numbers, so it ends with the run before this one.
    # `until_at` is now: the change happened between the two runs, and this run detected it.
    connection.execute(
        sa.update(periods).where(periods.c.id.in_(changed)).values(until=number - 1, until_at=now)
    )


def _open_periods(connection: Connection, series_id: int, number: int, now: str) -> None:
    joined = incoming.join(
        findings,
        (findings.c.fingerprint == incoming.c.fingerprint) & (findings.c.series_id == series_id),
    ).outerjoin(periods, (periods.c.finding_id == findings.c.id) & periods.c.until.is_(None))
    new = (
        sa.select(
            findings.c.id,
            *(incoming.c[name] for name in _CONTENT),
            sa.literal(number),
            sa.literal(now),
        )
        .select_from(joined)
        .where(periods.c.id.is_(None))
    )
    columns = ["finding_id", *_CONTENT, "since", "since_at"]
    connection.execute(sa.insert(periods).from_select(columns, new))
