"""The stored runs, and the choice among them: those of the configured account, or of the sandbox.

A name is looked up in the store only. A word is a path only if it looks like one, and only if the
caller accepts files.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from auditor.app.signed_runs import Signatures
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.evidence.snapshot import DiskFull, Snapshot
from auditor.evidence.timestamps import format_rfc3339
from auditor.files import data_folder
from auditor.files.permissions import InsecureDirectory
from auditor.plain_text import printable
from auditor.store.errors import RunNotFound, StoreError
from auditor.store.history import History, StoredRun
from auditor.store.runs import Runs
from auditor.store.series import EVERY_RUN, RunFilter, place

LATEST = "latest"

SANDBOX_HOME = "sandbox"
"""The directory for simulated runs in the data directory. They have a history of their own, so
that they are never mistaken for runs of an account."""

_log = logging.getLogger(__name__)


def stored_runs(settings: Settings, *, writing: bool = False, sandbox: bool = False) -> Runs:
    """The runs and history that are configured, or those of the sandbox.

    If `writing`, write permission of others to the data directory is removed.

    Raises:
        InsecureDirectory: others can change the data directory or the file of the history.
        StoreError: AUDITOR_STORE is not the address of a database.
    """
    data_folder.prepare(settings.data, writing=writing)
    if sandbox:
        home = settings.data / SANDBOX_HOME
        data_folder.prepare(home, writing=writing)
        return Runs(home, None, Signatures(settings))
    stored = Runs(settings.data, settings.store, Signatures(settings))
    history = stored.history  # raises early if the address is invalid
    if settings.store:
        history.database.check_private()
    return stored


def is_path(word: str) -> bool:
    """True if a word names a file: it contains a separator, or has the suffix of a snapshot or
    bundle."""
    has_separator = any(separator in word for separator in (os.sep, os.altsep) if separator)
    return has_separator or Path(word).suffix.lower() in (".sqlite", ".zip")


def configured_account(settings: Settings) -> str | None:
    """The id of the configured account, from any source of credentials; None without one."""
    credentials, _ = settings.credential_sources()
    return credentials["account_id"].value


@dataclass(frozen=True)
class RunSource:
    """The stored runs that a command may use."""

    runs: Runs
    run_filter: RunFilter
    """Has no account if none is configured."""
    settings: Settings
    say: Callable[[str], None]
    """Shows a sentence to the user."""
    is_sandbox: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def chosen(
        cls,
        settings: Settings,
        say: Callable[[str], None],
        *,
        account: str | None = None,
        all_accounts: bool = False,
        sandbox: bool = False,
        writing: bool = False,
    ) -> "RunSource":
        """The account of the command line, otherwise the configured account and API address.

        Raises:
            ConfigError: two options contradict each other.
            InsecureDirectory: others can change the content of the data directory.
        """
        if all_accounts and account is not None:
            raise ConfigError("--account and --all-accounts exclude each other. Give one of them.")
        runs = stored_runs(settings, writing=writing, sandbox=sandbox)
        if all_accounts:
            run_filter = EVERY_RUN
        elif sandbox:
            run_filter = RunFilter(account)
        else:
            run_filter = RunFilter(
                account or configured_account(settings) or None, place(settings.api_url)
            )
        return cls(runs, run_filter, settings, say, sandbox)

    def of_one_account(self) -> "RunSource":
        """This source for one account: if none is configured, the only one that has runs.

        Raises:
            RunNotFound: there are several.
        """
        if self.run_filter.account_id is not None or self.run_filter.place is None:
            return self
        known = self.runs.accounts(self.run_filter.place)
        if len(known) > 1:
            raise RunNotFound(
                f"No account is configured, and {self.runs} holds runs of {len(known)} accounts: "
                f"{', '.join(map(printable, known))}. Name one with --account or ZOOM_ACCOUNT_ID."
            )
        if not known:
            return self
        _log.info("No account is configured: %s is the only one stored.", printable(known[0]))
        return replace(self, run_filter=RunFilter(known[0], self.run_filter.place))

    def from_future(self) -> list[str]:
        """A sentence for each run that is ignored because it ends in the future."""
        return [
            f"Run {entry.facts.id} ended later than now "
            f"({format_rfc3339(entry.facts.finished_at)}): "
            "a clock was wrong, so it does not count as the newest. Exclude it: "
            f"auditor history set-aside {entry.facts.id} --reason TEXT"
            for entry in self.runs.from_future(self.run_filter, self.now)
        ]

    def latest(self) -> str:
        """The id of the newest run. Runs from the future are reported and ignored.

        Raises:
            RunNotFound: there is none, or the account is ambiguous.
            StoreError: the history cannot be read.
        """
        source = self.of_one_account()
        for sentence in source.from_future():
            self.say(sentence)
        try:
            return source.runs.latest(source.run_filter, self.now)
        except RunNotFound as error:
            message = str(error).removesuffix(error.advice).rstrip()
            raise RunNotFound(f"{message}{self.elsewhere()}", error.advice) from error

    def elsewhere(self) -> str:
        """A sentence on runs outside this source; empty if there are none."""
        if self.is_sandbox:
            return ""
        try:
            sandbox = stored_runs(self.settings, sandbox=True)
            if sandbox.ids():
                return " The simulated account has runs; for those, add --sandbox."
            others = {
                (entry.facts.account_id, entry.place)
                for entry in self.runs.history.runs()
                if not self.run_filter.admits(entry.facts.account_id, entry.place)
            }
        except (StoreError, DiskFull, InsecureDirectory):
            return ""
        listed = [
            f"account {printable(account)} at {printable(api_place)}"
            for account, api_place in sorted(others)
        ]
        return f" There are runs of: {'; '.join(listed[:5])}." if listed else ""

    def opened(self, run: str) -> tuple[Runs, Snapshot]:
        """The evidence of a run, by id or `latest`, and its store.

        Raises:
            RunAltered: the evidence differs from what was stored.
            RunNotFound: there is no such run.
            SnapshotError: its file is not a snapshot.
            StoreError: the history cannot be read.
        """
        runs, run_id = self._located(run)
        return runs, runs.open(run_id)

    def opened_file(self, run: str) -> tuple[Runs, Snapshot]:
        """As `opened`, but a path is the file of a snapshot.

        Raises:
            As `opened`.
        """
        if is_path(run):
            snapshot = Snapshot.open(Path(run))
            try:
                snapshot.verified()
            except BaseException:
                snapshot.close()
                raise
            return self.runs, snapshot
        return self.opened(run)

    def entry(self, run: str) -> tuple[Runs, StoredRun]:
        """A run in the history, by id or `latest`, and its store.

        Raises:
            RunNotFound: there is none in the history.
            StoreError: the history cannot be read.
        """
        if run == LATEST:
            source = self.of_one_account()
            for sentence in source.from_future():
                self.say(sentence)
            newest = source.runs.history.newest(source.run_filter, self.now)
            if newest is not None:
                return self.runs, newest
        runs, run_id = self._located(run)
        return runs, runs.history.get(run_id)

    def pair(self, earlier: str | None, later: str | None) -> tuple[History, StoredRun, StoredRun]:
        """Two runs to compare, and their history. A single name is the later run's.

        By default the newest run, and the one before it.

        Raises:
            RunNotFound: there is none.
        """
        if later is None and earlier is not None:
            earlier, later = None, earlier
        runs, other = self.entry(later or LATEST)
        if earlier is None:
            one = runs.history.before(other)
            if one is None:
                raise RunNotFound(
                    f"Run {other.facts.id} is the first with its baseline and depth. Name two "
                    "runs: auditor diff A B"
                )
            return runs.history, one, other
        its, one = self.entry(earlier)
        if str(its) != str(runs):
            raise RunNotFound(
                f"Runs {one.facts.id} and {other.facts.id} are in different stores: one of them is "
                "simulated. They cannot be compared."
            )
        return runs.history, one, other

    def nothing_counts(self) -> bool:
        """True if no run in the history qualifies as the newest."""
        return self.runs.history.newest(self.run_filter, self.now) is None

    def own_run(self, run: str) -> str:
        """The id of a stored run of this account. The row of the run may be unreadable.

        Raises:
            RunNotFound: it is not in the history, or belongs to another account.
            StoreError: the history cannot be read.
        """
        series = self.runs.history.series_of(run)
        if series is None:
            raise self.runs.not_found(run)
        if not self.run_filter.admits(*series):
            raise self._of_another(run, *series)
        return run

    def _located(self, run: str) -> tuple[Runs, str]:
        """The store of a run, and its id. Simulated runs are found by id in any configuration."""
        if run == LATEST:
            return self.runs, self.latest()
        entry = self.runs.stored(run)
        if entry is not None:
            facts = entry.facts
            if facts.simulated or self.run_filter.admits(facts.account_id, entry.place):
                return self.runs, run
            raise self._of_another(run, facts.account_id, entry.place)
        if self.runs.has_folder(run):
            return self.runs, run
        if not self.is_sandbox and (self.settings.data / SANDBOX_HOME).is_dir():
            sandbox = stored_runs(self.settings, sandbox=True)
            if sandbox.has_folder(run) or sandbox.history.find(run) is not None:
                return sandbox, run
        if is_path(run):
            raise RunNotFound(
                f'"{printable(run)}" is a path, and this looks at stored runs alone. See which '
                "there are: auditor history"
            )
        raise self.runs.not_found(run)

    def _of_another(self, run: str, account_id: str, api_place: str) -> RunNotFound:
        what = f"Run {run} is of account {printable(account_id)} at {printable(api_place)}"
        if self.run_filter.place not in (None, api_place):
            return RunNotFound(
                f"{what}, and {printable(self.run_filter.place or '')} is configured "
                "(ZOOM_API_URL)."
            )
        return RunNotFound(
            f"{what}, and not of {printable(self.run_filter.account_id or '')}. To name it: "
            f"--account {printable(account_id)}"
        )
