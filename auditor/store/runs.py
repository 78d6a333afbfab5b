"""Stored runs: `AUDITOR_HOME/runs/RUN/snapshot.sqlite`, private to the user who ran them."""

import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from auditor.evidence.snapshot import Full, Snapshot, SnapshotError
from auditor.findings.model import Point, Status
from auditor.findings.run import Run
from auditor.zoom.hosts import is_loopback

SNAPSHOT = "snapshot.sqlite"


class RunNotFound(Exception):
    """No stored run has this id, and no snapshot this path."""


class StoreError(Exception):
    """The data directory cannot be used."""


class AlreadyRunning(Exception):
    """Another run is reading the same account."""

    def __init__(self, account_id: str) -> None:
        super().__init__(
            f"Another run is reading account {account_id} at this moment, with the same data "
            "directory. Wait until it has finished, or stop it."
        )


MOST_POINTS = 100
"""How many of the newest runs are looked at for a trend."""

_SUMMARY = "summary"
_FACTS = ("account_id", "api_url", "finished_at", "stopped")


@dataclass(frozen=True)
class Runs:
    """The runs stored under a data directory."""

    home: Path

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
        place = "this machine" if is_loopback(api_url) else api_url
        name = hashlib.sha256(f"{place}\n{account_id}".encode()).hexdigest()[:16]
        path = self.home / "locks" / f"{name}.lock"
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            held = FileLock(path, timeout=0, mode=0o600).acquire()
        except Timeout:
            raise AlreadyRunning(account_id) from None
        except OSError as error:
            raise self._unwritable(error) from error
        with held:
            yield

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
            same_place = facts["api_url"] == api_url or (
                is_loopback(facts["api_url"]) and is_loopback(api_url)
            )
            if facts["account_id"] != account_id or not same_place:
                continue
            broke_off = not facts["finished_at"] or facts["stopped"]
            return path.parent.name if broke_off else None
        return None

    def remember(self, snapshot: Snapshot, run: Run) -> None:
        """Note with the evidence of a run what it came to, for the trend of later ones."""
        by_status = run.summary.by_status
        told = {
            "of": _subject(run),
            "point": {
                "run": run.info.id,
                "finished_at": run.info.finished_at,
                "deviations": by_status.get(Status.FAIL, 0),
                "unknown": by_status.get(Status.UNKNOWN, 0),
                "judged": sum(by_status.values()),
            },
        }
        snapshot.set_meta(_SUMMARY, json.dumps(told))

    def trend(self, run: Run) -> list[Point]:
        """What earlier runs of the same account, baseline, controls and depth came to."""
        points = []
        for path in sorted(self.home.glob(f"runs/*/{SNAPSHOT}"))[-MOST_POINTS:]:
            if path.parent.name >= run.info.id:
                break
            try:
                with Snapshot.open(path) as snapshot:
                    told = json.loads(snapshot.meta(_SUMMARY) or "{}")
                if told.get("of") == _subject(run):
                    points.append(Point(**told["point"]))
            except (SnapshotError, sqlite3.Error, ValueError, TypeError, KeyError):
                continue
        return points

    def ids(self) -> list[str]:
        """The finished runs, oldest first."""
        return list(self._finished())

    def path(self, run: str) -> Path:
        """The snapshot of a run: by id, by `latest`, or a snapshot file by its path.

        Raises:
            RunNotFound: there is none.
        """
        if run == "latest":
            finished = self.ids()
            if not finished and next(self.home.glob(f"runs/*/{SNAPSHOT}"), None):
                raise RunNotFound(
                    f"No run in {self.home} is finished yet. If one broke off, go on with it: "
                    "auditor audit --resume"
                )
            if not finished:
                raise RunNotFound(f"No run is stored in {self.home}. Start with: auditor audit")
            return self.home / "runs" / finished[-1] / SNAPSHOT
        stored = self.home / "runs" / run / SNAPSHOT
        for candidate in (stored, Path(run)):
            if candidate.is_file():
                return candidate
        raise RunNotFound(
            f'No stored run and no snapshot file is called "{run}". Runs are in {self.home}/runs.'
        )

    def _unwritable(self, error: Exception) -> StoreError:
        return StoreError(
            f"The data directory {self.home} cannot be written: {_reason(error)}. "
            "Set AUDITOR_HOME to a folder of your own."
        )

    def _finished(self) -> Iterator[str]:
        for path in sorted(self.home.glob(f"runs/*/{SNAPSHOT}")):
            try:
                snapshot = Snapshot.open(path)
            except SnapshotError:
                continue
            if snapshot.meta("finished_at"):
                yield path.parent.name
            snapshot.close()


def _subject(run: Run) -> list[str]:
    """What two runs have to share to be points of one trend."""
    controls = hashlib.sha256("\n".join(sorted(run.controls)).encode()).hexdigest()
    return [run.info.account_id, run.info.baseline.id, run.info.depth, controls]


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
