"""Copies of a run under way in a PostgreSQL history, from which another machine continues it."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from auditor.app.messages import Messages
from auditor.app.runs import stored_runs
from auditor.app.signed_runs import Signatures
from auditor.config.settings import Settings
from auditor.errors import AuditorError
from auditor.plain_text import clipped
from auditor.store import checkpoints
from auditor.store.runs import SNAPSHOT
from auditor.store.series import RunFilter, place

EVERY = 60.0
"""Seconds between two copies."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunCopies:
    """The copies of one account's run. A history in a file has none: its runs are there, too."""

    settings: Settings
    """The settings of the account."""
    messages: Messages

    def restore(self) -> None:
        """Put the run that another machine has begun into the data directory, if there is one.

        A copy that cannot be used is reported, and the account is read anew. What this machine has
        begun itself, and another has completed, is deleted.
        """
        stored = stored_runs(self.settings)
        database = stored.history.database
        if database.file is not None:
            return
        try:
            for folder in stored.run_folders(RunFilter(*self._account)):
                entry = stored.history.find(folder.id)
                if entry is not None and not entry.stopped:
                    stored.discard(folder.id)
            run_id = checkpoints.run_of(database, self._account)
            if run_id is None or stored.has_folder(run_id) or stored.history.find(run_id):
                return
            with stored.adopted(run_id, RunFilter(*self._account)) as file:
                checkpoints.load(database, self._account, file, Signatures(self.settings))
        except (AuditorError, OSError) as error:
            self.messages.say(f"The account is read anew. {error}")
            return
        self.messages.say(f"Another machine began run {run_id}.")

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Copy the run now and then during the block, and at its end if it is not complete."""
        if stored_runs(self.settings).history.database.file is not None:
            yield
            return
        done = threading.Event()
        thread = threading.Thread(target=self._save_until, args=(done,), name="copy", daemon=True)
        thread.start()
        is_done = False
        try:
            yield
            is_done = True
        finally:
            done.set()
            thread.join()
            self.save(drops=is_done)

    def save(self, *, drops: bool = False) -> None:
        """Copy the run that is under way; if there is none, it `drops` the copy of the account.

        Errors are logged only.
        """
        stored = stored_runs(self.settings)
        account_id, _ = self._account
        database = stored.history.database
        try:
            run_id = stored.unfinished(account_id, self.settings.api_url)
            if run_id is None:
                if drops:
                    checkpoints.drop(database, self._account)
                return
            file = stored.home / "runs" / run_id / SNAPSHOT
            signatures = Signatures(self.settings)
            checkpoints.save(database, self._account, run_id, file, signatures)
        except (AuditorError, OSError, sqlite3.Error) as error:
            _log.warning("The run under way was not copied: %s", clipped(error))

    def _save_until(self, done: threading.Event) -> None:
        while not done.wait(EVERY):
            self.save()

    @property
    def _account(self) -> tuple[str, str]:
        return self.settings.account_id or "", place(self.settings.api_url)
