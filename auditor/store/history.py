"""The history: every finished run with its findings, its summary and its evidence.

Stored in SQLite (one file with a write-ahead log) or PostgreSQL. A run is stored as a whole or not
at all.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.timestamps import format_or_none, format_rfc3339, parse_rfc3339
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import Actor, BaselineInfo, FindingHistory, TrendPoint
from auditor.findings.run import Run
from auditor.plain_text import clipped
from auditor.store import deletion, finding_queries, recording, snapshot_archive, tables
from auditor.store.batching import batched
from auditor.store.database import Database
from auditor.store.errors import RunAltered, RunNotFound
from auditor.store.integrity import verify_evidence
from auditor.store.series import EVERY_RUN, SKEW, RunFilter, Series

_BATCH_SIZE = 500
"""Findings updated by one statement."""

TREND = 100
"""Maximum number of runs in a trend."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run of the history and its position in it."""

    facts: RunFacts
    series: int
    number: int
    selection: str
    stopped: str
    """Why the run ended before everything was read; empty if it did not."""
    sequence: int = 0
    """Position among all runs of the store, in the order of storing."""
    set_aside: str = ""
    """Why the run is set aside; empty if it is not."""
    signature: str = ""
    """Empty if the run was not signed."""
    place: str = ""
    """The API its account belongs to: see `series.place`."""
    findings_digest: str = ""
    """Digest of the findings' states; empty for runs of an earlier version."""

    def ends_in_future(self, now: datetime) -> bool:
        """True if the run ends after `now`: one of the two clocks was wrong."""
        return self.facts.finished_at > now + SKEW

    def counts(self, now: datetime) -> bool:
        """True if the run may be the newest of its kind: not set aside, and not from the future."""
        return not self.set_aside and not self.ends_in_future(now)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The acceptance of a run as the reference for regressions."""

    entry: StoredRun
    accepted_at: str
    note: str
    signature: str = ""
    """Empty if the acceptance was not signed."""


class Signing(Protocol):
    """Signs stored runs and verifies their signatures."""

    def sign_acceptance(self, acceptance: Acceptance) -> str:
        """The signature of an acceptance; empty without a signing key."""

    def sign(self, entry: StoredRun, evidence: SnapshotReader) -> str:
        """The signature of a run; empty without a signing key."""

    def check(self, entry: StoredRun, evidence: SnapshotReader) -> None:
        """Verify that a run is unchanged since it was signed.

        Raises:
            SnapshotError: it was changed.
        """


class History:
    """The stored runs of a data directory, or of a database shared by several."""

    def __init__(self, database: Database, home: Path, signing: Signing | None = None) -> None:
        self._database, self._home, self._signing = database, home, signing

    def __str__(self) -> str:
        return str(self._database)

    @property
    def database(self) -> Database:
        """The database of the history."""
        return self._database

    def add(
        self,
        run: Run,
        evidence: SnapshotReader,
        file: Path,
        selected: frozenset[str] | None,
        stopped: str,
    ) -> None:
        """Store a finished run. A stored run that continued since then is replaced.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written; the run is not in it.
        """
        series = Series.of(run, selected)
        with self._database.writing() as connection:
            freed_number = None
            stored = self._row(connection, run.info.id)
            if stored is not None:
                if _is_unchanged(stored, run, stopped):
                    return
                if not series.has(stored.facts.account_id, stored.place):
                    raise RunAltered(
                        f"{self} holds a run {run.info.id} of another account, "
                        f"{stored.facts.account_id}. Run ids are unique, so it is not replaced."
                    )
                freed_number = _remove_replaced(connection, stored)
            series_id = series.get_or_create(connection)
            newest = sa.select(sa.func.max(tables.runs.c.number)).where(
                tables.runs.c.series_id == series_id
            )
            number = freed_number or (connection.execute(newest).scalar() or 0) + 1
            last = connection.execute(sa.select(sa.func.max(tables.runs.c.sequence))).scalar() or 0
            columns = _columns(run, series_id, number, stopped) | {"sequence": last + 1}
            if stored is not None:
                columns["set_aside"] = stored.set_aside
            connection.execute(sa.insert(tables.runs), columns)
            digest = recording.record(connection, series_id, number, run, evidence)
            this = tables.runs.c.id == run.info.id
            connection.execute(sa.update(tables.runs).where(this).values(findings_digest=digest))
            snapshot_archive.pack(connection, run.info.id, file)
            self._sign(connection, run.info.id, evidence)

    def runs(self, run_filter: RunFilter = EVERY_RUN) -> list[StoredRun]:
        """The stored runs, in the order of storing."""
        if not self._database.exists():
            return []
        query = _select_runs().where(*run_filter.columns()).order_by(tables.runs.c.sequence)
        with self._database.reading() as connection:
            return [_stored_run(row) for row in connection.execute(query)]

    def accounts(self, place: str) -> list[str]:
        """The ids of the accounts at a place that have runs."""
        if not self._database.exists():
            return []
        query = (
            sa.select(tables.series.c.account_id)
            .join(tables.runs)
            .where(tables.series.c.place == place)
            .distinct()
        )
        with self._database.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def find(self, run_id: str) -> StoredRun | None:
        """The stored run with this id, or None."""
        if not self._database.exists():
            return None
        with self._database.reading() as connection:
            return self._row(connection, run_id)

    def get(self, run_id: str) -> StoredRun:
        """The stored run with this id.

        Raises:
            RunNotFound: no run has this id.
        """
        stored = self.find(run_id)
        if stored is None:
            raise RunNotFound(
                f'No stored run is called "{run_id}". List the stored runs: auditor history'
            )
        return stored

    def newest(
        self, run_filter: RunFilter = EVERY_RUN, now: datetime | None = None
    ) -> StoredRun | None:
        """The run stored last among those that count, or None."""
        if not self._database.exists():
            return None
        query = _select_runs().where(*run_filter.columns()).order_by(tables.runs.c.sequence.desc())
        return self._first(query, now)

    def last_sequence(self) -> int:
        """The sequence number of the run stored last, of any account; 0 if the history is empty."""
        if not self._database.exists():
            return 0
        with self._database.reading() as connection:
            last = connection.execute(sa.select(sa.func.max(tables.runs.c.sequence))).scalar()
        return int(last or 0)

    def before(self, entry: StoredRun, now: datetime | None = None) -> StoredRun | None:
        """The preceding run of the series among those that count, or None."""
        query = (
            _select_runs()
            .where(tables.runs.c.series_id == entry.series)
            .where(tables.runs.c.number < entry.number)
            .order_by(tables.runs.c.number.desc())
        )
        return self._first(query, now)

    def between(self, earlier: StoredRun, later: StoredRun) -> list[StoredRun]:
        """The runs of the later run's series between two runs, oldest first."""
        query = (
            _select_runs()
            .where(tables.runs.c.series_id == later.series)
            .where(tables.runs.c.number < later.number)
            .where(tables.runs.c.sequence > earlier.sequence)
            .where(tables.runs.c.set_aside == "")
            .order_by(tables.runs.c.number)
        )
        with self._database.reading() as connection:
            return [_stored_run(row) for row in connection.execute(query)]

    def last_of(self, series: Series, now: datetime | None = None) -> StoredRun | None:
        """The newest run of a series among those that count, or None."""
        if not self._database.exists():
            return None
        with self._database.reading() as connection:
            number = series.id(connection)
        if number is None:
            return None
        query = (
            _select_runs()
            .where(tables.runs.c.series_id == number)
            .order_by(tables.runs.c.number.desc())
        )
        return self._first(query, now)

    def evidence(self, run_id: str) -> Snapshot | None:
        """The evidence of a run, open for reading; None if the run is not stored.

        Raises:
            SnapshotError: it differs from what was recorded or signed.
        """
        if not self._database.exists():
            return None
        with self._database.reading() as connection:
            entry = self._row(connection, run_id)
            snapshot = snapshot_archive.unpack(connection, run_id, self._home)
        if snapshot is not None:
            try:
                snapshot.verified()
                self.check(entry, snapshot)
            except BaseException:
                snapshot.close()
                raise
        return snapshot

    def check(self, entry: StoredRun | None, evidence: SnapshotReader) -> None:
        """Verify that a run, if it is stored and signed, is unchanged since it was signed.

        Raises:
            SnapshotError: it was changed.
        """
        if entry is not None and self._signing is not None:
            self._signing.check(entry, evidence)

    def verified(self, entry: StoredRun) -> Snapshot:
        """The evidence of a run, open for reading, after comparing it with the row of the run.

        Raises:
            RunAltered: it differs, or cannot be read.
            RunNotFound: it has been deleted.
            StoreError: the history cannot be read.
        """
        evidence = self.evidence(entry.facts.id)
        if evidence is None:
            raise RunNotFound(f"The evidence of run {entry.facts.id} was removed.")
        try:
            verify_evidence(entry, evidence)
        except BaseException:
            evidence.close()
            raise
        return evidence

    @contextmanager
    def finding_states(self, entry: StoredRun) -> Iterator[Iterator[FindingState]]:
        """The state of every non-passing finding of a run, ordered by fingerprint.

        Raises:
            RunAltered: the states differ from those recorded. Raised after the last state.
        """
        with (
            self._database.reading() as connection,
            closing(finding_queries.states_at(connection, entry.series, entry.number)) as states,
        ):
            yield _verify_digest(entry, states)

    def histories(
        self, entry: StoredRun, fingerprints: Iterable[str]
    ) -> Mapping[str, FindingHistory]:
        """Histories of these findings up to a run, by fingerprint; findings not reported by then
        are omitted."""
        with self._database.reading() as connection:
            return finding_queries.histories_at(
                connection, entry.series, entry.number, fingerprints
            )

    def account_values_since(self, entry: StoredRun) -> Mapping[tuple[str, str], str]:
        """Setting and value (as JSON) of the account in a run, to the time since which its series
        shows that value without interruption."""
        with self._database.reading() as connection:
            return finding_queries.account_values_at(connection, entry.series, entry.number)

    def trend(self, entry: StoredRun, now: datetime | None = None) -> list[TrendPoint]:
        """The results of earlier runs in the series, oldest first."""
        query = (
            _select_runs()
            .where(tables.runs.c.series_id == entry.series)
            .where(tables.runs.c.number < entry.number)
            .order_by(tables.runs.c.number.desc())
            .limit(TREND)
        )
        moment = now or datetime.now(UTC)
        with self._database.reading() as connection:
            newest = [_stored_run(row) for row in connection.execute(query)]
        return [point(stored.facts) for stored in reversed(newest) if stored.counts(moment)]

    def attribute(self, entry: StoredRun, actors: Mapping[str, Actor]) -> None:
        """Store who changed these findings in this run."""
        by_actor: dict[str, list[str]] = {}
        for fingerprint, actor in actors.items():
            by_actor.setdefault(json.dumps(actor.as_dict()), []).append(fingerprint)
        with self._database.writing() as connection:
            for actor_json, fingerprints in by_actor.items():
                for batch in batched(fingerprints, _BATCH_SIZE):
                    finding_ids = sa.select(tables.findings.c.id).where(
                        tables.findings.c.series_id == entry.series,
                        tables.findings.c.fingerprint.in_(batch),
                    )
                    connection.execute(
                        sa.update(tables.periods)
                        .where(tables.periods.c.finding_id.in_(finding_ids))
                        .where(tables.periods.c.since == entry.number)
                        .values(changed_by=actor_json)
                    )

    def accept(self, entry: StoredRun, moment: str, note: str) -> None:
        """Accept this run: regressions are measured against it from now on."""
        acceptance = Acceptance(entry, moment, recording.text(note))
        signature = self._signing.sign_acceptance(acceptance) if self._signing else ""
        row = {
            "series_id": entry.series,
            "run_id": entry.facts.id,
            "accepted_at": moment,
            "note": acceptance.note,
            "signature": signature,
        }
        with self._database.writing() as connection:
            connection.execute(sa.insert(tables.acceptances), row)

    def accepted(self, run_filter: RunFilter) -> list[Acceptance]:
        """The acceptances of stored runs that are not set aside, newest first."""
        accepting = tables.acceptances
        extra = accepting.c.accepted_at, accepting.c.note
        query = (
            _select_runs(*extra, accepting.c.signature.label("acceptance_signature"))
            .where(accepting.c.run_id == tables.runs.c.id)
            .where(*run_filter.columns())
            .where(tables.runs.c.set_aside == "")
            .order_by(tables.acceptances.c.id.desc())
        )
        with self._database.reading() as connection:
            return [
                Acceptance(_stored_run(row), row.accepted_at, row.note, row.acceptance_signature)
                for row in connection.execute(query)
            ]

    def set_aside(self, run_id: str, reason: str) -> bool:
        """Set a run aside; an empty reason takes it back.

        Works even if the other columns of the row cannot be read. False if there is no such run.
        """
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(tables.runs)
                .where(tables.runs.c.id == recording.text(run_id))
                .values(set_aside=recording.text(reason))
            )
        return bool(changed.rowcount)

    def series_of(self, run_id: str) -> tuple[str, str] | None:
        """The account and the place of a run; None if it is not stored.

        Works even if the other columns of the row cannot be read.
        """
        if not self._database.exists():
            return None
        query = (
            sa.select(tables.series.c.account_id, tables.series.c.place)
            .join(tables.runs)
            .where(tables.runs.c.id == recording.text(run_id))
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else (str(row[0]), str(row[1]))

    def acceptances(self) -> set[str]:
        """The ids of all runs that were ever accepted."""
        if not self._database.exists():
            return set()
        with self._database.reading() as connection:
            run_ids = connection.execute(sa.select(tables.acceptances.c.run_id)).scalars()
            return {str(run_id) for run_id in run_ids}

    def remove(self, entries: Iterable[StoredRun]) -> int:
        """Delete these runs and the findings that no remaining run shows; returns the number of
        findings deleted.

        Raises:
            StoreError: the history cannot be written; nothing is deleted.
        """
        ids = [entry.facts.id for entry in entries]
        with self._database.writing() as connection:
            gone = deletion.remove(connection, ids)
        self._database.compact()
        return gone

    def _first(self, query: sa.Select[Any], now: datetime | None) -> StoredRun | None:
        """The first run that counts."""
        moment = now or datetime.now(UTC)
        with self._database.reading() as connection:
            entries = map(_stored_run, connection.execute(query))
            return next((entry for entry in entries if entry.counts(moment)), None)

    def _sign(self, connection: Connection, run_id: str, evidence: SnapshotReader) -> None:
        entry = self._row(connection, run_id)
        if entry is not None and self._signing is not None:
            signature = self._signing.sign(entry, evidence)
            this = tables.runs.c.id == entry.facts.id
            connection.execute(sa.update(tables.runs).where(this).values(signature=signature))

    def _row(self, connection: Connection, run_id: str) -> StoredRun | None:
        this = tables.runs.c.id == recording.text(run_id)
        row = connection.execute(_select_runs().where(this)).first()
        return None if row is None else _stored_run(row)


def _verify_digest(entry: StoredRun, states: Iterable[FindingState]) -> Iterator[FindingState]:
    digest = finding_queries.FindingsDigest()
    for state in states:
        digest.add_state(state)
        yield state
    if entry.findings_digest and digest.text != entry.findings_digest:
        raise RunAltered(
            f"The findings of run {entry.facts.id} differ from those that the history recorded. Do "
            f"not rely on them: audit again."
        )


def _is_unchanged(stored: StoredRun, run: Run, stopped: str) -> bool:
    """True if a run did not continue since it was stored."""
    facts, info = stored.facts, run.info
    return (facts.evidence_digest, facts.finished_at, stored.stopped) == (
        info.evidence_digest,
        info.finished_at,
        recording.text(stopped),
    )


def _remove_replaced(connection: Connection, entry: StoredRun) -> int | None:
    """Delete a run so that it can be stored again, as the newest of its series.

    Returns its number if no later run exists, so that the number can be reused.
    """
    later = sa.select(tables.runs.c.id).where(
        tables.runs.c.series_id == entry.series, tables.runs.c.number > entry.number
    )
    is_newest = connection.execute(later).first() is None
    if is_newest:
        deletion.undo(connection, entry.series, entry.number - 1)
    run_id = entry.facts.id
    connection.execute(sa.delete(tables.evidence).where(tables.evidence.c.run_id == run_id))
    connection.execute(sa.delete(tables.runs).where(tables.runs.c.id == run_id))
    return entry.number if is_newest else None


def point(facts: RunFacts) -> TrendPoint:
    """A run as a point of a trend."""
    return TrendPoint(
        run=facts.id,
        finished_at=facts.finished_at,
        deviations=facts.deviations,
        unknown=facts.unknown,
        judged=facts.judged,
        complete=facts.complete,
    )


def _select_runs(*extra: sa.ColumnElement[Any]) -> sa.Select[Any]:
    own = (column for column in tables.series.c if column.name != "id")
    joined = tables.runs.join(tables.series)
    return sa.select(tables.runs, *own, *extra).select_from(joined)


def _columns(run: Run, series_id: int, number: int, stopped: str) -> dict[str, Any]:
    info, summary = run.info, run.summary
    return {
        "id": info.id,
        "series_id": series_id,
        "number": number,
        "api_url": info.api_url,
        "started_at": format_rfc3339(info.started_at),
        "finished_at": format_rfc3339(info.finished_at),
        "baseline_version": info.baseline.version,
        "baseline_digest": info.baseline.digest,
        "evidence_digest": info.evidence_digest,
        "tool_version": run.tool_version,
        "complete": info.complete,
        "exit_code": int(info.exit_code),
        "fail_on": str(info.fail_on),
        "summary": {
            "by_status": {str(key): count for key, count in summary.by_status.items()},
            "by_severity": {str(key): count for key, count in summary.by_severity.items()},
            "coverage": {str(key): count for key, count in summary.coverage.items()},
            "gaps_accepted": info.gaps_accepted,
        },
        "controls": sorted(run.controls),
        "stopped": recording.text(stopped),
        "simulated": info.simulated,
        "organisation_digest": info.organisation_digest,
        "oldest_evidence_at": format_or_none(info.oldest_evidence_at) or "",
        "set_aside": "",
        "signature": "",
        "findings_digest": "",
    }


def _stored_run(row: Any) -> StoredRun:
    """Parse a row.

    Raises:
        RunAltered: no version of the program writes such a row.
    """
    try:
        entry = _parse_row(row)
        Level(entry.facts.depth)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunAltered(
            f"The record of run {row.id} in the history cannot be read ({clipped(error)}). Exclude "
            f'the run: auditor history set-aside {row.id} --reason "cannot be read"'
        ) from error
    return entry


def _parse_row(row: Any) -> StoredRun:
    return StoredRun(
        facts=RunFacts(
            id=row.id,
            account_id=row.account_id,
            api_url=row.api_url,
            started_at=parse_rfc3339(row.started_at),
            finished_at=parse_rfc3339(row.finished_at),
            depth=row.depth,
            baseline=BaselineInfo(row.baseline_id, row.baseline_version, row.baseline_digest),
            evidence_digest=row.evidence_digest,
            tool_version=row.tool_version,
            complete=row.complete,
            exit_code=row.exit_code,
            fail_on=row.fail_on,
            by_status=_counts(row.summary["by_status"]),
            by_severity=_counts(row.summary["by_severity"]),
            coverage=_counts(row.summary["coverage"]),
            controls=frozenset(row.controls),
            simulated=row.simulated,
            organisation_digest=row.organisation_digest,
            gaps_accepted=row.summary.get("gaps_accepted") is True,
            oldest_evidence_at=parse_rfc3339(row.oldest_evidence_at)
            if row.oldest_evidence_at
            else None,
        ),
        series=row.series_id,
        number=row.number,
        selection=row.selection,
        stopped=row.stopped,
        sequence=row.sequence,
        set_aside=row.set_aside,
        signature=row.signature,
        place=row.place,
        findings_digest=row.findings_digest,
    )


def _counts(summary: Any) -> dict[str, int]:
    """Validate the counts of a summary, by name.

    Raises:
        ValueError: it holds something else.
    """
    if not isinstance(summary, dict) or not all(type(count) is int for count in summary.values()):
        raise ValueError("its summary holds no counts")
    return summary
