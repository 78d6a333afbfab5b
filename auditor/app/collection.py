"""Collection of an account's evidence into a stored run: a new one, or one that is resumed."""

import json
import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from auditor import __version__
from auditor.app.audit import AccountConnection, CollectionScope, EvaluationConfig, collect, resume
from auditor.app.connection import Account, AccountSource, RateOptions
from auditor.app.messages import Messages
from auditor.app.received_events import log_document, named_users
from auditor.app.runs import stored_runs
from auditor.app.selection import Selection
from auditor.app.signed_runs import Signatures
from auditor.collect.carrying import PreviousRun
from auditor.collect.interface import ProgressListener
from auditor.config import ConfigError
from auditor.evidence.read_plan import MeetingSelection
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.files import data_folder
from auditor.store.errors import HistoryDamaged, HistoryLocked, StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, Series, place

_RESUME_COMMAND = "auditor audit --resume"
_NIGHTLY_COMMAND = "auditor nightly"
_MUST_AGREE = {
    "selected": "selection of controls",
    "policy": "baseline or organisation file",
    "depth": "--depth",
    "verify_locks": "--verify-locks",
    "meetings": "choice of meetings",
    "refresh": "--refresh",
}
"""What must not change when a run is resumed: the documents to read depend on it."""
_NO_LIMIT = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ResumeRequest:
    """What is explicitly requested of the run to resume; what is None or empty stays as it was."""

    selection: Selection
    depth: Level | None = None
    verify_locks: int | None = None
    meetings: MeetingSelection = field(default_factory=MeetingSelection)
    refresh: float | None = None

    def check(self, snapshot: Snapshot, recorded: EvaluationConfig) -> None:
        """Check that the run was started as requested.

        Raises:
            ConfigError: it was not.
        """
        scope = CollectionScope.from_snapshot(snapshot)
        locks = scope.verify_locks if self.verify_locks is None else self.verify_locks
        requested_scope = CollectionScope(
            locks, self.meetings or scope.meetings, refresh=self.refresh or scope.refresh
        )
        config = self.selection.rejudgement(snapshot, self.depth)
        before = json.loads(recorded.record()) | asdict(scope)
        requested = json.loads(config.record()) | asdict(requested_scope)
        for key, what in _MUST_AGREE.items():
            if before[key] != requested[key]:
                raise ConfigError(
                    f"The interrupted run was started with another {what}. To resume it, omit the "
                    "option that chooses another; to start a new run, omit --resume."
                )


@dataclass(frozen=True)
class CollectionOptions:
    """How to start a collection: a new one, or the continuation of an unfinished one."""

    rate: RateOptions = field(default_factory=RateOptions)
    collection_scope: CollectionScope = field(default_factory=CollectionScope)
    resume: ResumeRequest | None = None
    """Resumes the unfinished run, which must be as requested; None starts a new one."""
    resumes_own: bool = False
    """True to resume an unfinished run only if it was started with the same policy."""
    max_age: timedelta = timedelta(hours=24)
    """Documents older than this are read again."""
    deadline: float = math.inf
    """No request starts after this `time.monotonic` time."""
    stopping: threading.Event | None = None
    """Another thread sets it to interrupt the collection; None if none does."""
    follows_events: bool = False
    """The run only follows events: it is no step of the rotation of `refresh`."""

    def resume_hint(self, text: str) -> str:
        """`text` with the command that resumes the run: only `nightly` resumes its own runs."""
        return text.replace(_RESUME_COMMAND, _NIGHTLY_COMMAND) if self.resumes_own else text


@dataclass(frozen=True)
class Collection:
    """A collection that is about to start."""

    source: AccountSource
    options: CollectionOptions
    config: EvaluationConfig
    messages: Messages
    progress: AbstractContextManager[ProgressListener]

    def run(self) -> Snapshot:
        """The evidence of a new or resumed run, stored under the data directory.

        Raises:
            AlreadyRunning: another process is reading the account.
            ConfigError: credentials or addresses are missing or invalid, or the run to resume was
                started with other options.
            CollectionFailed: Zoom allowed nothing to be read.
            StoreError: the data directory or the history cannot be written.
        """
        settings, hint = self.source.settings, self.options.resume_hint
        stored = stored_runs(settings, sandbox=self.source.is_simulated)
        if self.source.is_simulated:
            data_folder.prepare(settings.data, make=True)
        with self.source.opened() as account:
            api_url = account.cloud.api_url
            try:
                snapshot = self._read(account, stored)
            except KeyboardInterrupt:
                if stored.unfinished(account.account_id, api_url) is not None:
                    self.messages.say(
                        hint(f"The evidence read so far is kept. Resume with: {_RESUME_COMMAND}")
                    )
                raise
            except DiskFull as error:
                raise DiskFull(hint(str(error))) from error
        why = snapshot.meta("stopped")
        if why:
            how = "" if _RESUME_COMMAND in why else f" Resume later with: {_RESUME_COMMAND}"
            self.messages.say(hint(f"Stopped before everything was read. {why}{how}"))
        return snapshot

    def _read(self, account: Account, stored: Runs) -> Snapshot:
        data_folder.prepare(stored.home, make=True)
        _open_history(stored)
        account_id, api_url = account.account_id, account.cloud.api_url
        with (
            stored.lock_account(account_id, api_url),
            self._connected(account) as connection,
        ):
            unfinished = stored.unfinished(account_id, api_url)
            if unfinished is not None and self.options.resumes_own:
                unfinished = self._if_same_policy(stored, unfinished)
            if unfinished is not None and (self.options.resume or self.options.resumes_own):
                return self._resumed(stored, unfinished, connection)
            if self.options.resume:
                self.messages.say("There is no run to resume: starting a new one.")
            elif unfinished is not None:
                self.messages.say(
                    f"Run {unfinished} is unfinished. This is a new run; --resume would have "
                    "resumed the other."
                )
            run_id = stored.new_id()
            since = _previous_start(stored, account_id, api_url, self.config)
            with ExitStack() as stack:
                previous = self._previous_run(stored, account_id, api_url, stack)
                snapshot = stack.enter_context(stored.new(run_id))
                collection_scope = replace(self.options.collection_scope, changes_since=since)
                received = None
                if since is not None:
                    received = partial(log_document, stored, account_id, parse_rfc3339(since))
                collect(
                    connection, snapshot, self.config, run_id, collection_scope, previous, received
                )
            return snapshot

    def _previous_run(
        self, stored: Runs, account_id: str, api_url: str, stack: ExitStack
    ) -> PreviousRun | None:
        """The run to carry documents from, open until `stack` is left; None to read everything.

        Its evidence is verified as it is opened. It must be of this version of the program, which
        knows what each document was requested for; if this run will be signed, it must be signed
        with the same key.
        """
        if self.options.collection_scope.refresh is None:
            return None
        entry = newest_comparable(stored, account_id, api_url, self.config)
        last = newest_comparable(stored, account_id, api_url, self.config, now=_NO_LIMIT)
        if last is not None and last.ends_in_future(datetime.now(UTC)):
            why = f"run {last.facts.id} ends in the future, so the age of evidence is not known"
        elif entry is None:
            why = "there is no earlier run with this baseline and depth"
        elif entry.facts.tool_version != __version__:
            why = f"run {entry.facts.id} was made by version {entry.facts.tool_version}"
        else:
            try:
                evidence = stack.enter_context(stored.history.verified(entry))
                signatures = Signatures(self.source.settings)
                if signatures.signer is not None:
                    # What this run signs vouches for what it carries over.
                    signatures.verified(entry, evidence, required=True)
                named = named_users(stored, account_id, entry.facts.started_at)
                previous = PreviousRun(entry.facts.id, evidence, named)
                return replace(previous, draw=None) if self.options.follows_events else previous
            except (StoreError, SnapshotError) as error:
                why = str(error).rstrip(".")
        self.messages.say(f"Every user is read: {why}.")
        return None

    @contextmanager
    def _connected(self, account: Account) -> Iterator[AccountConnection]:
        stopping = self.options.stopping or threading.Event()
        connection = account.connect(self.options.rate, stopping.wait, self.options.deadline)
        with connection as client, self.progress as listener:
            yield AccountConnection(
                client,
                account.account_id,
                listener=listener,
                deadline=self.options.deadline,
                stopping=stopping,
                is_simulated=account.is_simulated,
            )

    def _if_same_policy(self, stored: Runs, run_id: str) -> str | None:
        """The run, if it was started with the same policy, selection and depth, carries over
        nothing older than requested now, and compares a sample if that is requested."""
        with stored.open_folder(run_id) as snapshot:
            recorded = json.loads(snapshot.meta("judgement") or "{}")
            scope = CollectionScope.from_snapshot(snapshot)
        requested, now = json.loads(self.config.record()), self.options.collection_scope
        same = all(recorded.get(key) == requested[key] for key in ("policy", "selected", "depth"))
        is_as_fresh = (scope.refresh or 0) <= (now.refresh or 0)
        is_as_sure = scope.refresh is None or scope.verify_carried == now.verify_carried
        return run_id if same and is_as_fresh and is_as_sure else None

    def _resumed(self, stored: Runs, run_id: str, connection: AccountConnection) -> Snapshot:
        with stored.reopen(run_id) as snapshot:
            recorded = EvaluationConfig.from_snapshot(snapshot, self.config.catalogue)
            if self.options.resume is not None:
                self.options.resume.check(snapshot, recorded)
            description = f"baseline {recorded.baseline.info.id}, depth {recorded.depth}"
            self.messages.say(f"Resuming run {run_id} ({description}).")
            since = datetime.now(UTC) - self.options.max_age
            resume(connection, snapshot, recorded, since.isoformat(timespec="milliseconds"))
        return snapshot


def _open_history(stored: Runs) -> None:
    """Open the history for writing, and migrate its tables.

    This happens before an account is read, so that no night is spent on a run that cannot be
    stored. A locked history may be free by then, and a damaged file is quarantined when the run is
    stored.

    Raises:
        DiskFull: there is no space left.
        StoreError: it cannot be reached, opened or written.
    """
    try:
        with suppress(HistoryLocked), stored.history.database.writing():
            pass
    except HistoryDamaged:
        if stored.history.database.file is None:
            raise


def _previous_start(
    stored: Runs, account_id: str, api_url: str, config: EvaluationConfig
) -> str | None:
    """Start of the run before the one that starts now, RFC 3339; None without one.

    That is the newest run of the same series, which the new run will be compared with, otherwise
    the newest of the account. The operation log is read from then on.
    """
    try:
        comparable = newest_comparable(stored, account_id, api_url, config)
        if comparable is not None:
            return format_rfc3339(comparable.facts.started_at)
        newest = stored.history.newest(RunFilter(account_id, place(api_url)))
    except (StoreError, DiskFull):
        return None
    return None if newest is None else format_rfc3339(newest.facts.started_at)


def newest_comparable(
    stored: Runs,
    account_id: str,
    api_url: str,
    config: EvaluationConfig,
    now: datetime | None = None,
) -> StoredRun | None:
    """The newest run of the series that a run with this config belongs to; None without one.

    Runs that end after `now`, by default the present, are passed over.

    Raises:
        StoreError: the history cannot be read.
    """
    series = Series.for_selection(
        account_id, api_url, config.baseline.info.id, config.depth, config.selected_subset
    )
    return stored.history.last_of(series, now)
