"""Runs: a folder under the data directory while a run is read, a row in the history once it is
finished.

A run that was interrupted, or that the history could not store, stays in `AUDITOR_HOME/runs/RUN`.
It is private to the user who ran it.
"""

import hashlib
import json
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.evidence.timestamps import parse_or_none
from auditor.findings.run import Run
from auditor.store import filesystem
from auditor.store.errors import (
    AlreadyChanging,
    AlreadyRunning,
    HistoryDamaged,
    RunAltered,
    RunNotFound,
    StoreError,
)
from auditor.store.series import EVERY_RUN, SKEW, RunFilter, place

if TYPE_CHECKING:
    from auditor.store.history import History, Signing, StoredRun

SNAPSHOT = "snapshot.sqlite"


STORED_AFTER = "stored_after"
"""Metadata of a snapshot: the sequence number of the newest run in the history when it was created.
The clock is not used, because it may jump."""

_FACTS = (
    "account_id",
    "api_url",
    "started_at",
    "finished_at",
    "stopped",
    "judgement",
    STORED_AFTER,
)

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
"""The form of a run's id. It is never a path: it has no separator, and is not `..`."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run with a folder: interrupted, stopped, or not yet stored in the history."""

    id: str
    facts: Mapping[str, str]

    @property
    def place(self) -> str:
        """The API its account belongs to."""
        return place(self.facts["api_url"])

    @property
    def stored_after(self) -> int:
        """The newest sequence number of the history when the run began; 0 if unknown."""
        text = self.facts[STORED_AFTER]
        return int(text) if text.isdecimal() else 0

    def is_of_future(self, now: datetime) -> bool:
        """True if the run began or ended after `now`: a clock was wrong."""
        moments = parse_or_none(self.facts["started_at"]), self.finished_at
        return any(moment is not None and moment > now + SKEW for moment in moments)

    @property
    def finished_at(self) -> datetime | None:
        """When the run ended; None if it did not."""
        return parse_or_none(self.facts["finished_at"])


@dataclass(frozen=True)
class Runs:
    """The runs of a data directory and of its history."""

    home: Path
    url: str | None = None
    """The database of the history; None for a file in the data directory."""
    signing: "Signing | None" = None
    """Signs stored runs and verifies their signatures; None without keys."""

    @cached_property
    def history(self) -> "History":
        """The finished runs.

        Raises:
            StoreError: the address of the database cannot be used.
        """
        from auditor.store.database import Database
        from auditor.store.history import History

        return History(Database(self.url, self.home), self.home, self.signing)

    def new_id(self, now: datetime | None = None) -> str:
        """An id that sorts by time to the millisecond: `20261121T220501-042Z-4f9c2a`."""
        moment = now or datetime.now(UTC)
        milliseconds = moment.microsecond // 1000
        return f"{moment:%Y%m%dT%H%M%S}-{milliseconds:03d}Z-{secrets.token_hex(3)}"

    def create(self, run_id: str) -> Snapshot:
        """An empty snapshot for a new run.

        Raises:
            DiskFull: the disk is full.
            StoreError: the data directory cannot be written.
        """
        folder = self.home / "runs" / run_id
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.home / "runs").mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            return Snapshot.create(folder / SNAPSHOT)
        except SnapshotError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, DiskFull) and not filesystem.lacks(self.home):
                raise
            raise self._unwritable(error) from error

    @contextmanager
    def new(self, run_id: str) -> Iterator[Snapshot]:
        """A snapshot for a new run. It stays open.

        An interrupted run is kept, so that it can be resumed, unless it is still empty.

        Raises:
            StoreError: the data directory cannot be written.
        """
        snapshot = self.create(run_id)
        try:
            with suppress(StoreError, DiskFull):  # if the history cannot be read
                snapshot.set_metadata(STORED_AFTER, str(self.history.last_sequence()))
            yield snapshot
        except BaseException:
            empty = snapshot.is_empty()
            snapshot.close()
            if empty:
                shutil.rmtree(self.home / "runs" / run_id, ignore_errors=True)
            raise

    @contextmanager
    def adopted(self, run_id: str, run_filter: RunFilter) -> Iterator[Path]:
        """The file of an interrupted run of another machine, which the block writes.

        The run is removed if the block fails, or if it is not one that `run_filter` admits.

        Raises:
            RunNotFound: it belongs to another account, or its id is none.
            SnapshotError: the file is not a snapshot.
            StoreError: the data directory cannot be written.
        """
        if not _ID.fullmatch(run_id):
            raise self.not_found(run_id)
        folder = self.home / "runs" / run_id
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield folder / SNAPSHOT
            self.open_folder(run_id, run_filter).close()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @contextmanager
    def reopen(self, run_id: str) -> Iterator[Snapshot]:
        """The snapshot of an interrupted run, open for writing. It stays open unless this fails.

        Raises:
            SnapshotError: it cannot be used.
        """
        snapshot = Snapshot.open(self.home / "runs" / run_id / SNAPSHOT, write=True)
        try:
            snapshot.verified()
            yield snapshot
        except BaseException:
            snapshot.close()
            raise

    @contextmanager
    def lock_account(self, account_id: str, api_url: str) -> Iterator[None]:
        """Prevent other runs from reading the same account during the block.

        The lock holds for everybody who uses the same data directory or database server. It is
        released when the process ends, even if it is killed.

        Raises:
            AlreadyRunning: another process is reading the account.
            StoreError: the data directory cannot be written.
        """
        name = f"{place(api_url)}\n{account_id}"
        try:
            lock = self._lock(hashlib.sha256(name.encode()).hexdigest()[:16], 0)
        except Timeout:
            raise AlreadyRunning(account_id) from None
        with lock, self.history.database.exclusive(f"read\n{name}") as is_ours:
            if not is_ours:
                raise AlreadyRunning(account_id)
            yield

    @contextmanager
    def lock_changes(self, account_id: str, api_url: str) -> Iterator[None]:
        """Prevent other processes from changing the same account during the block.

        The lock holds for everybody who uses the same data directory or database server. It is
        released when the process ends, even if it is killed.

        Raises:
            AlreadyChanging: another process is changing the account.
            StoreError: the data directory cannot be written.
        """
        name = f"{place(api_url)}\n{account_id}"
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        try:
            lock = self._lock(f"fix-{digest}", 0)
        except Timeout:
            raise AlreadyChanging(account_id) from None
        with lock, self.history.database.exclusive(name) as is_ours:
            if not is_ours:
                raise AlreadyChanging(account_id)
            yield

    def _lock(self, name: str, wait: float) -> AbstractContextManager[object]:
        """Acquire a lock of the data directory for the length of the block. Waits forever if `wait`
        is -1."""
        path = self.home / "locks" / f"{name}.lock"
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            return FileLock(path, timeout=wait, mode=0o600, fallback_to_soft=False).acquire()
        except Timeout:
            raise
        except OSError as error:
            raise self._unwritable(error) from error

    def unfinished(self, account_id: str, api_url: str) -> str | None:
        """The newest run of an account that was interrupted or stopped, or None.

        Local APIs are one place, as in `lock_account`, because the port may change between runs. A
        run that began in the future is not resumed: its age is unknown.
        """
        now = datetime.now(UTC)
        run_filter = RunFilter(account_id, place(api_url))
        for folder in reversed(self.run_folders(run_filter)):
            if folder.is_of_future(now):
                continue
            broke_off = folder.finished_at is None or folder.facts["stopped"]
            is_last = not self._is_stored_after(folder, now)
            return folder.id if broke_off and is_last else None
        return None

    def _is_stored_after(self, folder: RunFolder, now: datetime) -> bool:
        """True if the history has a later run with the same baseline and depth."""
        run_filter = RunFilter(folder.facts["account_id"], folder.place)
        try:
            stored_run = self.history.find(folder.id)
            stored = self.history.runs(run_filter)
        except (StoreError, DiskFull):
            return False
        evaluated_with = _evaluated_with(folder.facts["judgement"])
        comparable = [
            entry
            for entry in stored
            if entry.counts(now)
            and evaluated_with in (None, (entry.facts.baseline.id, entry.facts.depth))
        ]
        if stored_run is not None:
            return any(entry.sequence > stored_run.sequence for entry in comparable)
        if folder.facts[STORED_AFTER]:
            return any(entry.sequence > folder.stored_after for entry in comparable)
        return any(entry.facts.id > folder.id for entry in comparable)

    def archive(self, snapshot: Snapshot, run: Run, selected: frozenset[str] | None) -> Path | None:
        """Store a finished run in the history; returns the new path of a damaged history, else
        None.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written. The run stays in its folder.
        """
        file = self.home / "runs" / run.info.id / SNAPSHOT
        stopped = snapshot.meta("stopped") or ""
        try:
            self.history.add(run, snapshot, file, selected, stopped)
        except HistoryDamaged:
            if self.history.database.file is None:
                raise
        else:
            return None
        with self._lock("history", -1):
            self.history.database.close()
            try:  # another process may have replaced it already
                self.history.add(run, snapshot, file, selected, stopped)
            except HistoryDamaged:
                quarantined = self.history.database.quarantine(self.new_id()[:15])
                self.history.add(run, snapshot, file, selected, stopped)
                return quarantined
        return None

    def discard(self, run_id: str) -> None:
        """Delete the folder of a run that is stored and will not be resumed."""
        shutil.rmtree(self.home / "runs" / run_id, ignore_errors=True)

    def failed_before(self, name: str) -> bool:
        """True if the last run with this name could not evaluate, store or write everything."""
        return (self.home / "failed" / name).exists()

    def note_failure(self, name: str, failed: bool) -> None:
        """Record for the next run with this name whether this one failed."""
        marker = self.home / "failed" / name
        with suppress(OSError):
            if failed:
                marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                marker.touch(mode=0o600)
            else:
                marker.unlink(missing_ok=True)

    def folders(self) -> list[str]:
        """The ids of all runs with a folder, finished or not, oldest first."""
        return sorted(path.parent.name for path in self.home.glob(f"runs/*/{SNAPSHOT}"))

    def last_modified(self, run_id: str) -> float:
        """When a run was last written, in seconds since the epoch.

        An empty write-ahead log does not count: readers leave one behind.
        """
        folder = self.home / "runs" / run_id
        times = [0.0]
        for name in (SNAPSHOT, f"{SNAPSHOT}-wal"):
            with suppress(OSError):
                status = (folder / name).stat()
                times += [status.st_mtime] if status.st_size else []
        return max(times)

    def run_folders(self, run_filter: RunFilter = EVERY_RUN) -> list[RunFolder]:
        """The runs with a readable folder, in the order in which they began."""
        folders = []
        for path in self.home.glob(f"runs/*/{SNAPSHOT}"):
            try:
                with Snapshot.open(path) as snapshot:
                    facts = {key: snapshot.meta(key) or "" for key in _FACTS}
            except (SnapshotError, sqlite3.Error):
                continue
            folder = RunFolder(path.parent.name, facts)
            if run_filter.admits(facts["account_id"], folder.place):
                folders.append(folder)
        return sorted(folders, key=lambda folder: (folder.stored_after, folder.id))

    def unarchived(self, run_filter: RunFilter = EVERY_RUN) -> list[str]:
        """Finished runs that the history could not store, oldest first."""
        return [folder.id for folder in self._unarchived_folders(run_filter)]

    def _unarchived_folders(self, run_filter: RunFilter) -> list[RunFolder]:
        return [
            folder
            for folder in self.run_folders(run_filter)
            if folder.finished_at is not None and not folder.facts["stopped"]
        ]

    def ids(self) -> list[str]:
        """The finished runs, oldest first: those of the history, then those not stored yet."""
        stored = [entry.facts.id for entry in self.history.runs()]
        finished = (folder.id for folder in self.run_folders() if folder.finished_at is not None)
        return [*stored, *(run_id for run_id in finished if run_id not in stored)]

    def accounts(self, at: str) -> list[str]:
        """The ids of the accounts at a place that have finished runs, stored or not."""
        unarchived = (
            folder.facts["account_id"] for folder in self._unarchived_folders(RunFilter(place=at))
        )
        return sorted({*self.history.accounts(at), *unarchived})

    def latest(self, run_filter: RunFilter = EVERY_RUN, now: datetime | None = None) -> str:
        """The id of the newest finished run, by order of storing.

        Runs that were set aside or end in the future do not count. A run that is not stored yet is
        newer than the stored ones, unless one of those ended later: another machine may have stored
        it.

        Raises:
            RunNotFound: there is no finished run.
            StoreError: the history cannot be read.
        """
        moment = now or datetime.now(UTC)
        newest = self.history.newest(run_filter, moment)
        unarchived = [
            folder
            for folder in self.run_folders(run_filter)
            if not folder.is_of_future(moment)
            and folder.finished_at is not None
            and (newest is None or folder.finished_at > newest.facts.finished_at)
            and self.history.find(folder.id) is None
        ]
        if unarchived:
            return unarchived[-1].id
        if newest is not None:
            return newest.facts.id
        whose = f" of account {run_filter.account_id}" if run_filter.account_id else ""
        at = f" at {run_filter.place}" if run_filter.place else ""
        if any(folder.finished_at is None for folder in self.run_folders(run_filter)):
            raise RunNotFound(
                f"No run{whose} in {self.home} is finished yet.",
                "Resume an interrupted run with: auditor audit --resume",
            )
        raise RunNotFound(f"No run{whose}{at} is stored in {self}.", "Start with: auditor audit")

    def from_future(self, run_filter: RunFilter, now: datetime) -> list["StoredRun"]:
        """The stored runs that end after `now` and are not set aside: a clock was wrong."""
        return [
            entry
            for entry in self.history.runs(run_filter)
            if entry.ends_in_future(now) and not entry.set_aside
        ]

    def open(self, run: str, run_filter: RunFilter = EVERY_RUN) -> Snapshot:
        """The evidence of a run, by id or `latest`: from the history, else from the run's folder.

        Files in the working directory are never considered. Evidence from the history is compared
        with the row of the run.

        Raises:
            RunAltered: the evidence differs from what was stored.
            RunNotFound: there is no such run.
            SnapshotError: the file is not a snapshot.
            StoreError: the history cannot be read.
        """
        if run == "latest":
            run = self.latest(run_filter)
        entry = self.stored(run)
        if entry is not None and run_filter.admits(entry.facts.account_id, entry.place):
            return self.history.verified(entry)
        if entry is None and self.has_folder(run):
            return self.open_folder(run, run_filter)
        raise self.not_found(run)

    def stored(self, run_id: str) -> "StoredRun | None":
        """The run of the history with this id, or None.

        A run with a folder can be read even if the history cannot.

        Raises:
            StoreError: the history cannot be read.
        """
        try:
            return self.history.find(run_id)
        except RunAltered:
            raise
        except StoreError:
            if self.has_folder(run_id):
                return None
            raise

    def has_folder(self, run_id: str) -> bool:
        """True if a run with this id has a folder."""
        return bool(_ID.fullmatch(run_id)) and (self.home / "runs" / run_id / SNAPSHOT).is_file()

    def open_folder(self, run_id: str, run_filter: RunFilter = EVERY_RUN) -> Snapshot:
        """The evidence in a run's folder.

        Raises:
            RunNotFound: there is no folder, or it belongs to another account.
            SnapshotError: the file is not a snapshot.
        """
        if not self.has_folder(run_id):
            raise self.not_found(run_id)
        snapshot = Snapshot.open(self.home / "runs" / run_id / SNAPSHOT)
        try:
            snapshot.verified()
        except BaseException:
            snapshot.close()
            raise
        account_id, api_url = (snapshot.meta(key) or "" for key in ("account_id", "api_url"))
        if not run_filter.admits(account_id, place(api_url)):
            snapshot.close()
            raise self.not_found(run_id)
        return snapshot

    def not_found(self, run_id: str) -> RunNotFound:
        """The error for an unknown run id."""
        return RunNotFound(
            f'No stored run is called "{run_id}". List the stored runs: auditor history'
        )

    def __str__(self) -> str:
        return str(self.history)

    def _unwritable(self, error: Exception) -> StoreError:
        lacks = [] if _is_usual(error) else filesystem.lacks(self.home)
        if lacks:
            return StoreError(lacks[0])
        return StoreError(
            f"The data directory {self.home} cannot be written: {_reason(error)}. "
            "Set AUDITOR_HOME to a directory of your own."
        )


def _is_usual(error: Exception) -> bool:
    """True if the error does not point to a missing feature of the file system."""
    return isinstance(error, OSError) and error.errno not in filesystem.UNUSUAL


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _evaluated_with(judgement: str) -> tuple[str, str] | None:
    """The baseline and the depth that a run was begun with; None if unknown."""
    try:
        document = json.loads(judgement)
        baseline = json.loads(document["policy"])["baseline"]
        return baseline["info"]["id"], document["depth"]
    except (ValueError, KeyError, TypeError):
        return None
