"""Standings: how findings stood in a run, and what their lives were until then."""

import hashlib
import json
from collections.abc import Generator, Iterable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.drift import FindingState
from auditor.findings.finding_history import Actor, FindingHistory, LifecycleState
from auditor.findings.model import FindingKind, Severity, Status
from auditor.store.batching import batched
from auditor.store.errors import CorruptRow
from auditor.store.tables import findings, spells

PORTION = 500
"""How many findings are looked up at once."""

_UNSETTLED = (Status.UNKNOWN, Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)
"""Statuses that say nothing of whether there was a deviation."""

_DEVIATING = (Status.FAIL, Status.WAIVED)
"""A waiver covers a deviation; it does not put it right."""


_SPELL = [
    spells.c[name] for name in ("status", "since", "since_at", "until", "until_at", "changed_by")
]


_PASTS = (
    sa.select(findings.c.fingerprint, findings.c.first_seen, *_SPELL)
    .join(spells, spells.c.finding_id == findings.c.id)
    .where(findings.c.series_id == sa.bindparam("series"))
    .where(findings.c.fingerprint.in_(sa.bindparam("wanted", expanding=True)))
    .where(spells.c.since <= sa.bindparam("number"))
    .order_by(findings.c.fingerprint, spells.c.since)
)


class FindingsDigest:
    """A digest over how the findings of a run stood, which come by fingerprint.

    What later runs change of a finding, such as the name of its scope, does not count.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, row: Sequence[Any]) -> None:
        """Count a finding in: `DIGESTED`, `observed` as JSON."""
        self._hash.update(json.dumps([*row]).encode() + b"\n")

    def add_standing(self, found: FindingState) -> None:
        """Count a finding in."""
        observed = json.dumps(found.observed, sort_keys=True)
        scope = str(found.scope.level), found.scope.id
        words = map(str, (found.status, found.severity, found.cause or ""))
        row = found.fingerprint, found.control, str(found.kind), *scope, found.setting
        self.add((*row, *words, observed))

    @property
    def text(self) -> str:
        """`sha256:` and 64 hexadecimal digits."""
        return "sha256:" + self._hash.hexdigest()


DIGESTED = (
    *("fingerprint", "control", "kind", "level", "scope_id", "setting"),
    *("status", "severity", "cause", "observed"),
)
"""The columns that a `FindingsDigest` is over."""


def states_at(
    connection: Connection, series_id: int, number: int
) -> Generator[FindingState, None, None]:
    """How every finding of a run stood, those that passed apart, by fingerprint. Streams."""
    query = (
        _joined()
        .where(findings.c.series_id == series_id, *_at(number))
        .order_by(findings.c.fingerprint)
    )
    with connection.execution_options(yield_per=1000).execute(query) as rows:
        for row in rows:
            yield _state(row)


def histories_at(
    connection: Connection, series_id: int, number: int, fingerprints: Iterable[str]
) -> dict[str, FindingHistory]:
    """What is known of these findings up to a run. Those never reported until then are left out."""
    found: dict[str, FindingHistory] = {}
    alike: dict[tuple[Any, ...], FindingHistory] = {}
    for portion in batched(fingerprints, PORTION):
        wanted = {"series": series_id, "wanted": portion, "number": number}
        rows = connection.execute(_PASTS, wanted).all()
        for fingerprint, of_one in groupby(rows, key=lambda row: row.fingerprint):
            told = list(of_one)
            key = tuple(row[1:] for row in told)
            if key not in alike:
                alike[key] = _past(told, number)
            found[fingerprint] = alike[key]
    return found


def lifecycle_state(told: Sequence[tuple[Status, int, int]], number: int) -> LifecycleState | None:
    """The life of a finding at a run, from its spells up to then: status, first and last run.

    Between spells it passed. None where it never was a deviation, or is covered by a waiver.
    """
    last = told[-1] if told else None
    now = last[0] if last is not None and last[2] >= number else None
    earlier = [spell for spell in told if spell is not last or now is None]
    was = any(status in _DEVIATING for status, _, _ in earlier)
    if now is Status.FAIL:
        assert last is not None
        if last[1] < number:
            return LifecycleState.PERSISTING
        if not was:
            return LifecycleState.NEW
        return (
            LifecycleState.PERSISTING
            if _last_known(earlier, number) in _DEVIATING
            else LifecycleState.REGRESSED
        )
    if now is Status.WAIVED or now in _UNSETTLED:
        return None
    return LifecycleState.RESOLVED if was else None


def _last_known(earlier: Sequence[tuple[Status, int, int]], number: int) -> Status | None:
    """How it stood when it was last known before a run; None where it passed then."""
    end = number
    for status, first, last in reversed(earlier):
        if last < end - 1:
            return None
        if status not in _UNSETTLED:
            return status
        end = first
    return None


def _past(rows: Sequence[Any], number: int) -> FindingHistory:
    last = rows[-1]
    try:
        told = [
            (Status(row.status), row.since, number if row.until is None else min(row.until, number))
            for row in rows
        ]
        changed_by = _actor(last.changed_by)
    except (ValueError, TypeError) as error:
        raise _garbled(error) from error
    stands = told[-1][2] >= number
    return FindingHistory(
        first_seen=last.first_seen,
        since=last.since_at if stands else last.until_at,
        life=lifecycle_state(told, number),
        changed_by=changed_by if stands else None,
    )


def _actor(told: str | None) -> Actor | None:
    return None if told is None else Actor(**json.loads(told))


def _joined() -> sa.Select[Any]:
    return sa.select(
        findings,
        *(spells.c[name] for name in ("status", "severity", "cause", "observed", "since_at")),
    ).join(spells, spells.c.finding_id == findings.c.id)


def _at(number: int) -> tuple[Any, ...]:
    return spells.c.since <= number, sa.or_(spells.c.until.is_(None), spells.c.until >= number)


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
            first_seen=row.first_seen,
            since=row.since_at,
        )
    except (ValueError, TypeError) as error:
        raise _garbled(error) from error


def _garbled(error: Exception) -> CorruptRow:
    return CorruptRow(f"a finding cannot be read: {error}")
