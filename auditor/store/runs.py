"""Runs: while one is read, a folder under the data directory; once finished, in the history.

A run that broke off, or that the history could not take, stays in `AUDITOR_HOME/runs/RUN`. It is
private to the user who ran it.
"""

import hashlib
import json
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

from auditor.evidence.snapshot import Full, Snapshot, SnapshotError
from auditor.findings.run import Run
from auditor.store.errors import AlreadyRunning, HistoryDamaged, RunNotFound, StoreError
from auditor.store.series import place

if TYPE_CHECKING:
    from auditor.store.history import History

SNAPSHOT = "snapshot.sqlite"


_FACTS = ("account_id", "api_url", "finished_at", "stopped", "judgement")


@dataclass(frozen=True)
class Runs:
    """The runs of a data directory, and of the history that goes with it."""

    home: Path
    url: str | None = None
    """The database of the history; None for a file in the data directory."""

    @cached_property
    def history(self) -> "History":
        """The finished runs.

        Raises:
            StoreError: the address of the database is none that can be used.
        """
        from auditor.store.database import Database
        from auditor.store.history import History

        return History(Database(self.url, self.home), self.home)

    def new_id(self, now: datetime | None = None) -> str:
        """An id that sorts by time to the millisecond: `20261121T220501-042Z-4f9c2a`."""
        moment = now or datetime.now(UTC)
        milliseconds = moment.microsecond // 1000
        return f"{moment:%Y%m%dT%H%M%S}-{milliseconds:03d}Z-{secrets.token_hex(3)}"

    def create(self, run_id: str) -> Snapshot:
        """An empty snapshot for a new run.

        Raises:
            Full: there is no room for it.
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
            if isinstance(error, Full):
                raise
            raise self._unwritable(error) from error

    @contextmanager
    def new(self, run_id: str) -> Iterator[Snapshot]:
        """A snapshot for a new run. It stays open.

        A run that broke off stays, to be resumed; one that has read nothing leaves nothing behind.

        Raises:
            StoreError: the data directory cannot be written.
        """
        snapshot = self.create(run_id)
        try:
            yield snapshot
        except BaseException:
            empty = snapshot.is_empty()
            snapshot.close()
            if empty:
                shutil.rmtree(self.home / "runs" / run_id, ignore_errors=True)
            raise

    @contextmanager
    def going_on(self, run_id: str) -> Iterator[Snapshot]:
        """The snapshot of a run that broke off, to be written. It stays open, unless this fails.

        Raises:
            SnapshotError: it cannot be used.
        """
        snapshot = Snapshot.open(self.home / "runs" / run_id / SNAPSHOT, write=True)
        try:
            yield snapshot
        except BaseException:
            snapshot.close()
            raise

    @contextmanager
    def alone(self, account_id: str, api_url: str) -> Iterator[None]:
        """Keep other runs from reading the same account as long as the block lasts.

        The lock goes with the process, however it ends.

        Raises:
            AlreadyRunning: another process reads the account now.
            StoreError: the data directory cannot be written.
        """
        name = hashlib.sha256(f"{place(api_url)}\n{account_id}".encode()).hexdigest()[:16]
        try:
            held = self._held(name, 0)
        except Timeout:
            raise AlreadyRunning(account_id) from None
        with held:
            yield

    def _held(self, name: str, wait: float) -> AbstractContextManager[object]:
        """A lock of the data directory, until the block ends. Waits for ever where `wait` is -1."""
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
        """The newest run of an account that broke off or was stopped; None where there is none.

        A local API may have come back on another port, and is one place for `alone`, too.
        """
        for path in sorted(self.home.glob(f"runs/*/{SNAPSHOT}"), reverse=True):
            try:
                with Snapshot.open(path) as snapshot:
                    facts = {key: snapshot.meta(key) or "" for key in _FACTS}
            except (SnapshotError, sqlite3.Error):
                continue
            if facts["account_id"] != account_id or place(facts["api_url"]) != place(api_url):
                continue
            broke_off = not facts["finished_at"] or facts["stopped"]
            is_last = not self._is_stored_after(path.parent.name, facts)
            return path.parent.name if broke_off and is_last else None
        return None

    def _is_stored_after(self, run_id: str, facts: Mapping[str, str]) -> bool:
        """True where a later run that was judged alike is in the history."""
        try:
            stored = self.history.runs(facts["account_id"])
        except (StoreError, Full):
            return False
        judged_by = _judged_by(facts["judgement"])
        return any(
            entry.facts.id > run_id
            and place(entry.facts.api_url) == place(facts["api_url"])
            and judged_by in (None, (entry.facts.baseline_id, entry.facts.depth))
            for entry in stored
        )

    def keep(self, snapshot: Snapshot, run: Run, selected: frozenset[str] | None) -> Path | None:
        """Store a finished run in the history; None, or where a damaged history is kept now.

        Raises:
            Full: there is no room for it.
            StoreError: the history cannot be written. The run stays where it is.
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
        with self._held("history", -1):
            self.history.database.close()
            try:  # another process may have begun a new one
                self.history.add(run, snapshot, file, selected, stopped)
            except HistoryDamaged:
                aside = self.history.database.set_aside(self.new_id()[:15])
                self.history.add(run, snapshot, file, selected, stopped)
                return aside
        return None

    def discard(self, run_id: str) -> None:
        """Remove the folder of a run that is in the history, and need not go on."""
        shutil.rmtree(self.home / "runs" / run_id, ignore_errors=True)

    def failed_before(self, name: str) -> bool:
        """True where the last night of this name could not evaluate, store or write everything."""
        return (self.home / "failed" / name).exists()

    def note_failure(self, name: str, failed: bool) -> None:
        """Remember for the next night of this name whether this one failed."""
        mark = self.home / "failed" / name
        with suppress(OSError):
            if failed:
                mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                mark.touch(mode=0o600)
            else:
                mark.unlink(missing_ok=True)

    def folders(self) -> list[str]:
        """Every run that has a folder, finished or not, oldest first."""
        return sorted(path.parent.name for path in self.home.glob(f"runs/*/{SNAPSHOT}"))

    def touched(self, run_id: str) -> float:
        """When a run was last written to, in seconds since the epoch.

        Who only looks leaves an empty write-ahead log behind, which does not count.
        """
        folder = self.home / "runs" / run_id
        times = [0.0]
        for name in (SNAPSHOT, f"{SNAPSHOT}-wal"):
            with suppress(OSError):
                found = (folder / name).stat()
                times += [found.st_mtime] if found.st_size else []
        return max(times)

    def waiting(self) -> list[str]:
        """Finished runs that the history could not take, oldest first."""
        return [run_id for run_id, stopped in self._finished() if not stopped]

    def ids(self) -> list[str]:
        """The finished runs, oldest first."""
        stored = {entry.facts.id for entry in self.history.runs()}
        return sorted(stored | {run_id for run_id, _ in self._finished()})

    def opened(self, run: str) -> Snapshot:
        """The evidence of a run: by id, by `latest`, or a snapshot file by its path.

        Raises:
            RunNotFound: there is none.
            SnapshotError: the file is no snapshot.
            StoreError: the history cannot be read.
        """
        if run == "latest":
            run = self._latest()
        for file in (self.home / "runs" / run / SNAPSHOT, Path(run)):
            if file.is_file():
                return Snapshot.open(file)
        stored = self.history.evidence(run)
        if stored is not None:
            return stored
        raise RunNotFound(
            f'No stored run and no snapshot file is called "{run}". '
            "See which runs there are: auditor history"
        )

    def _latest(self) -> str:
        newest = self.history.newest()
        ids = [run_id for run_id, _ in self._finished()]
        if newest is not None:
            ids.append(newest.facts.id)
        if ids:
            return max(ids)
        if next(self.home.glob(f"runs/*/{SNAPSHOT}"), None):
            raise RunNotFound(
                f"No run in {self.home} is finished yet. If one broke off, go on with it: "
                "auditor audit --resume"
            )
        raise RunNotFound(f"No run is stored in {self.home}. Start with: auditor audit")

    def _unwritable(self, error: Exception) -> StoreError:
        return StoreError(
            f"The data directory {self.home} cannot be written: {_reason(error)}. "
            "Set AUDITOR_HOME to a folder of your own."
        )

    def _finished(self) -> Iterator[tuple[str, str]]:
        """The finished runs that have a folder, oldest first, and why they stopped early."""
        for path in sorted(self.home.glob(f"runs/*/{SNAPSHOT}")):
            try:
                with Snapshot.open(path) as snapshot:
                    finished, stopped = snapshot.meta("finished_at"), snapshot.meta("stopped")
            except (SnapshotError, sqlite3.Error):
                continue
            if finished:
                yield path.parent.name, stopped or ""


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _judged_by(judgement: str) -> tuple[str, str] | None:
    """The baseline and the depth that a run was begun for; None where nobody can tell."""
    try:
        told = json.loads(judgement)
        return json.loads(told["policy"])["baseline"]["info"]["id"], told["depth"]
    except (ValueError, KeyError, TypeError):
        return None
