"""Queries: the state of the findings in a run, and their history up to it."""

import hashlib
import json
from collections.abc import Generator, Iterable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.drift import FindingState
from auditor.findings.model import (
    Actor,
    FindingHistory,
    FindingKind,
    LifecycleState,
    Severity,
    Status,
)
from auditor.plain_text import clipped
from auditor.store.batching import batched
from auditor.store.errors import CorruptRow
from auditor.store.tables import findings, periods

BATCH_SIZE = 500
"""Findings looked up by one statement."""

_INDETERMINATE = (Status.UNKNOWN, Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)
"""Statuses that do not say whether there was a deviation."""

_DEVIATING = (Status.FAIL, Status.WAIVED)
"""A waiver covers a deviation but does not remove it."""


_PERIOD_COLUMNS = [
    periods.c[name] for name in ("status", "since", "since_at", "until", "until_at", "changed_by")
]


_HISTORIES = (
    sa.select(findings.c.fingerprint, findings.c.first_seen, *_PERIOD_COLUMNS)
    .join(periods, periods.c.finding_id == findings.c.id)
    .where(findings.c.series_id == sa.bindparam("series"))
    .where(findings.c.fingerprint.in_(sa.bindparam("fingerprints", expanding=True)))
    .where(periods.c.since <= sa.bindparam("number"))
    .order_by(findings.c.fingerprint, periods.c.since)
)


class FindingsDigest:
    """A digest of the state of a run's findings, added in the order of their fingerprints.

    It leaves out what later runs may change, such as the name of a scope.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, row: Sequence[Any]) -> None:
        """Add a row with the columns of `DIGESTED`; `observed` is JSON."""
        self._hash.update(json.dumps([*row]).encode() + b"\n")

    def add_state(self, state: FindingState) -> None:
        """Add the state of a finding."""
        observed = json.dumps(state.observed, sort_keys=True)
        scope = str(state.scope.level), state.scope.id
        words = map(str, (state.status, state.severity, state.cause or ""))
        row = state.fingerprint, state.control, str(state.kind), *scope, state.setting
        self.add((*row, *words, observed))

    @property
    def text(self) -> str:
        """`sha256:` and 64 hexadecimal digits."""
        return "sha256:" + self._hash.hexdigest()


DIGESTED = (
    *("fingerprint", "control", "kind", "level", "scope_id", "setting"),
    *("status", "severity", "cause", "observed"),
)
"""The columns that go into a `FindingsDigest`."""


def states_at(
    connection: Connection, series_id: int, number: int
) -> Generator[FindingState, None, None]:
    """Yield the state of every non-passing finding of a run, ordered by fingerprint."""
    query = (
        _select_states()
        .where(findings.c.series_id == series_id, *_covers(number))
        .order_by(findings.c.fingerprint)
    )
    with connection.execution_options(yield_per=1000).execute(query) as rows:
        for row in rows:
            yield _state(row)


def histories_at(
    connection: Connection, series_id: int, number: int, fingerprints: Iterable[str]
) -> dict[str, FindingHistory]:
    """Histories of these findings up to a run, by fingerprint. Findings not reported by then are
    omitted."""
    histories: dict[str, FindingHistory] = {}
    cache: dict[tuple[Any, ...], FindingHistory] = {}
    for batch in batched(fingerprints, BATCH_SIZE):
        parameters = {"series": series_id, "fingerprints": batch, "number": number}
        rows = connection.execute(_HISTORIES, parameters).all()
        for fingerprint, period_rows in groupby(rows, key=lambda row: row.fingerprint):
            of_finding = list(period_rows)
            key = tuple(row[1:] for row in of_finding)
            if key not in cache:
                cache[key] = _history_of(of_finding, number)
            histories[fingerprint] = cache[key]
    return histories


def account_values_at(
    connection: Connection, series_id: int, number: int
) -> dict[tuple[str, str], str]:
    """Setting and value (as JSON) of the account in a run, to the time (RFC 3339) since which the
    runs of the series show that value without interruption.

    Only values that some run reported as other than passed are known.
    """
    query = (
        sa.select(
            findings.c.fingerprint,
            findings.c.setting,
            *(periods.c[name] for name in ("observed", "since", "since_at", "until")),
        )
        .join(periods, periods.c.finding_id == findings.c.id)
        .where(findings.c.series_id == series_id, periods.c.since <= number)
        .where(findings.c.level == str(Level.ACCOUNT), findings.c.kind == str(FindingKind.VALUE))
        .order_by(findings.c.fingerprint, periods.c.since.desc())
    )
    since: dict[tuple[str, str], str] = {}
    for _, rows in groupby(connection.execute(query).all(), key=lambda row: row.fingerprint):
        newest, *earlier = rows
        if newest.observed == "null" or (newest.until is not None and newest.until < number):
            continue
        first = newest
        for row in earlier:
            if row.until != first.since - 1 or row.observed != newest.observed:
                break
            first = row
        key = newest.setting, newest.observed
        since[key] = min(first.since_at, since.get(key, first.since_at))
    return since


def lifecycle_state(past: Sequence[tuple[Status, int, int]], number: int) -> LifecycleState | None:
    """The lifecycle state of a finding at run `number`.

    `past` holds its periods up to that run: status, first and last run. Between periods it passed.
    None if it never was a deviation, or a waiver covers it.
    """
    last = past[-1] if past else None
    now = last[0] if last is not None and last[2] >= number else None
    earlier = [period for period in past if period is not last or now is None]
    deviated_before = any(status in _DEVIATING for status, _, _ in earlier)
    if now is Status.FAIL:
        assert last is not None
        if last[1] < number:
            return LifecycleState.PERSISTING
        if not deviated_before:
            return LifecycleState.NEW
        return (
            LifecycleState.PERSISTING
            if _last_known(earlier, number) in _DEVIATING
            else LifecycleState.REGRESSED
        )
    if now is Status.WAIVED or now in _INDETERMINATE:
        return None
    return LifecycleState.RESOLVED if deviated_before else None


def _last_known(earlier: Sequence[tuple[Status, int, int]], number: int) -> Status | None:
    """The last determinate status before a run; None if the finding passed then."""
    end = number
    for status, first, last in reversed(earlier):
        if last < end - 1:
            return None
        if status not in _INDETERMINATE:
            return status
        end = first
    return None


def _history_of(rows: Sequence[Any], number: int) -> FindingHistory:
    last = rows[-1]
    try:
        past = [
            (Status(row.status), row.since, number if row.until is None else min(row.until, number))
            for row in rows
        ]
        is_current = past[-1][2] >= number
        changed_by = _actor(last.changed_by)
        return FindingHistory(
            first_seen=parse_rfc3339(last.first_seen),
            since=parse_rfc3339(last.since_at if is_current else last.until_at),
            lifecycle=lifecycle_state(past, number),
            changed_by=changed_by if is_current else None,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise _corrupt_row(error) from error


def _actor(text: str | None) -> Actor | None:
    if text is None:
        return None
    stored = json.loads(text)
    return Actor(**stored | {"time": parse_rfc3339(stored["time"])})


def _select_states() -> sa.Select[Any]:
    return sa.select(
        findings,
        *(periods.c[name] for name in ("status", "severity", "cause", "observed", "since_at")),
    ).join(periods, periods.c.finding_id == findings.c.id)


def _covers(number: int) -> tuple[Any, ...]:
    return periods.c.since <= number, sa.or_(periods.c.until.is_(None), periods.c.until >= number)


def _state(row: Any) -> FindingState:
    try:
        return FindingState(
            fingerprint=row.fingerprint,
            control=row.control,
            kind=FindingKind(row.kind),
            scope=Scope(Level(row.level), row.scope_id, row.scope_name),
            setting=row.setting,
            status=Status(row.status),
            severity=Severity(row.severity),
            cause=Cause(row.cause) if row.cause else None,
            observed=json.loads(row.observed),
            first_seen=parse_rfc3339(row.first_seen),
            since=parse_rfc3339(row.since_at),
        )
    except (ValueError, TypeError) as error:
        raise _corrupt_row(error) from error


def _corrupt_row(error: Exception) -> CorruptRow:
    return CorruptRow(f"a finding cannot be read: {clipped(error)}")
