"""Stored runs: `AUDITOR_HOME/runs/RUN/snapshot.sqlite`, private to the user who ran them."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditor.evidence.snapshot import Snapshot, SnapshotError

SNAPSHOT = "snapshot.sqlite"


class RunNotFound(Exception):
    """No stored run has this id, and no snapshot this path."""


class StoreError(Exception):
    """The data directory cannot be used."""


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
            StoreError: the data directory cannot be written.
        """
        folder = self.home / "runs" / run_id
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.home / "runs").mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
            return Snapshot.create(folder / SNAPSHOT)
        except (OSError, SnapshotError) as error:
            raise StoreError(
                f"The data directory {self.home} cannot be written: {_reason(error)}. "
                "Set AUDITOR_HOME to a folder of your own."
            ) from error

    @contextmanager
    def new(self, run_id: str) -> Iterator[Snapshot]:
        """A snapshot for a new run. It stays open; a run that read nothing leaves nothing behind.

        Raises:
            StoreError: the data directory cannot be written.
        """
        snapshot = self.create(run_id)
        try:
            yield snapshot
        except BaseException:
            snapshot.close()
            shutil.rmtree(self.home / "runs" / run_id, ignore_errors=True)
            raise

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

    def _finished(self) -> Iterator[str]:
        for path in sorted(self.home.glob(f"runs/*/{SNAPSHOT}")):
            try:
                snapshot = Snapshot.open(path)
            except SnapshotError:
                continue
            if snapshot.meta("finished_at"):
                yield path.parent.name
            snapshot.close()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
