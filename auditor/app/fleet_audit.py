"""The audit of a fleet on one machine: several accounts at a time, each as in a nightly job.

Accounts share nothing but the process and the history. Each has a rate limiter, a client, a run and
a lock of its own, and an error of one is its result, not that of the others.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from auditor.app.announcer import Announcer
from auditor.app.audit import CollectionScope
from auditor.app.collection import CollectionOptions
from auditor.app.connection import RateOptions
from auditor.app.fleet_members import FleetMember, FleetPolicy, naming_credentials
from auditor.app.messages import Messages
from auditor.app.nightly import NightlyJob, NightResult, ReportWriter, WrittenReports
from auditor.collect.interface import ProgressListener
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.drift import RunFacts
from auditor.fleet.attempts import Attempt, Attempts
from auditor.redaction.text import redacted_traceback

_LOOK_UP = 0.5
"""Seconds between two looks at whether the run was interrupted, where waiting cannot be."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccountResult:
    """How the audit of one account ended."""

    name: str
    exit_code: ExitCode
    run: RunFacts | None = None
    """The stored run; None if the account could not be audited, or its run could not be stored."""
    failure: str = ""
    """Why there is no run, as a sentence."""
    errors: Sequence[Exception] = ()
    """What prevented files from being written."""
    note_announced: Callable[[], None] = lambda: None
    """Records that the channels were notified of the run."""

    @property
    def attempt(self) -> Attempt:
        """The same as a record."""
        run_id = self.run.id if self.run else ""
        return Attempt(format_rfc3339(datetime.now(UTC)), int(self.exit_code), run_id, self.failure)


@dataclass(frozen=True)
class JobOptions:
    """How each account is read and what is done with its run."""

    policy: FleetPolicy
    depth: Level = Level.USER
    rate: RateOptions = field(default_factory=RateOptions)
    collection_scope: CollectionScope = field(default_factory=CollectionScope)
    max_age: timedelta = timedelta(hours=24)
    """Documents older than this are read again if a run is resumed."""
    deadline: float = math.inf
    """No request starts after this `time.monotonic` time."""
    keep: timedelta | None = None
    """Every run younger than this is kept; None removes none."""
    keep_monthly: int = 24


class FleetDisplay(Protocol):
    """Shows the person who started a fleet how far each account is. Threads share it."""

    def progress(self, name: str) -> AbstractContextManager[ProgressListener]:
        """The progress of one account."""

    def messages(self, name: str) -> Messages:
        """What is said about one account."""

    def ended(self, result: AccountResult, done: int, of: int) -> None:
        """An account is done; `done` of them are."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...


@dataclass(frozen=True)
class FleetAudit:
    """An audit of all selected accounts that is about to start."""

    members: Sequence[FleetMember]
    options: JobOptions
    attempts: Attempts
    display: FleetDisplay
    report_writer: Callable[[FleetMember], ReportWriter]
    """Makes what writes the reports of an account."""
    announcer: Callable[[str], Announcer] = lambda _: Announcer()
    """Makes what takes the news of the account of this name."""
    at_once: int = 8
    """Accounts that are read at a time."""
    _stopping: dict[str, threading.Event] = field(default_factory=dict)
    """Interrupts the collection of each account. An account sets its own when it fails."""
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    """The account that is audited under each id and API address."""

    def run(self) -> list[AccountResult]:
        """Audit the accounts; returns how each ended, in their order.

        Raises:
            KeyboardInterrupt: interrupted. What was read is kept, and the next call resumes it.
        """
        results: dict[str, AccountResult] = {}
        with self.display, ThreadPoolExecutor(self.at_once, "account") as threads:
            self._stopping.update((each.name, threading.Event()) for each in self.members)
            under_way = {threads.submit(self._account, each) for each in self.members}
            try:
                for result in _as_completed(under_way):
                    results[result.name] = result
                    self.attempts.note({result.name: result.attempt})
                    self.display.ended(result, len(results), len(self.members))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                shared = [each.primary.stopping for each in self.members if each.primary]
                for stopping in (*self._stopping.values(), *shared):
                    stopping.set()
                raise
        return [results[member.name] for member in self.members]

    def _account(self, member: FleetMember) -> AccountResult:
        """Audit one account. Never raises: an error is its result."""
        return result_of(member.name, lambda: self._night(member))

    def _night(self, member: FleetMember) -> NightResult:
        with naming_credentials(member.account.credentials):
            return self._job(member).run()

    def _job(self, member: FleetMember) -> NightlyJob:
        settings = member.settings()
        self._refuse_second(member, settings)
        return job_of(
            member,
            settings,
            self.options,
            self.display.progress(member.name),
            self.display.messages(member.name),
            stopping=self._stopping[member.name],
            write_reports=self.report_writer(member),
            announcer=self.announcer(member.name),
        )

    def _refuse_second(self, member: FleetMember, settings: Settings) -> None:
        """Refuse credentials that are those of another account of the fleet.

        Raises:
            ConfigError: they are.
        """
        account_id = member.id_of(settings)
        first = self._names.setdefault((account_id, settings.api_url), member.name)
        if first != member.name:
            raise ConfigError(
                f"The credentials of {member.account.credentials.label} are those of {first}: both "
                f"are of account {account_id}."
            )


def exit_code(results: Sequence[AccountResult]) -> ExitCode:
    """The exit code of a fleet: 1 before 3 before 0; an account that failed gives 3, and 4 is left
    to a fleet of which nothing could be evaluated."""
    evaluated = [result.exit_code for result in results if result.run is not None]
    if not evaluated:
        return ExitCode.NOTHING_EVALUATED
    if ExitCode.DEVIATIONS in evaluated:
        return ExitCode.DEVIATIONS
    complete = len(evaluated) == len(results) and set(evaluated) == {ExitCode.OK}
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def job_of(
    member: FleetMember,
    settings: Settings,
    options: JobOptions,
    progress: AbstractContextManager[ProgressListener],
    messages: Messages,
    *,
    stopping: threading.Event | None = None,
    write_reports: ReportWriter = lambda *_: WrittenReports((), ()),
    announcer: Announcer | None = None,
) -> NightlyJob:
    """The job that audits one account, with the settings of the account."""
    return NightlyJob(
        source=member.source(settings),
        selection=member.selection(options.policy),
        depth=options.depth,
        collection=CollectionOptions(
            rate=options.rate,
            collection_scope=options.collection_scope,
            max_age=options.max_age,
            deadline=options.deadline,
            resumes_own=True,
            stopping=stopping,
        ),
        progress=progress,
        write_reports=write_reports,
        announcer=announcer or Announcer(),
        keep=options.keep,
        keep_monthly=options.keep_monthly,
        messages=messages,
        channels_of=f"fleet {member.fleet.name}",
    )


def result_of(name: str, audit: Callable[[], NightResult]) -> AccountResult:
    """The result of the audit of one account. Never raises: an error is its result."""
    try:
        night = audit()
    except AuditorError as error:
        code = error.exit_code
        if code is ExitCode.INTERNAL:
            _log.info("%s", redacted_traceback(error))
        return AccountResult(name, code, failure=str(error) or type(error).__name__)
    except Exception as error:
        _log.info("%s", redacted_traceback(error))
        failure = f"An internal error ({type(error).__name__}: {error}). See -v for details."
        return AccountResult(name, ExitCode.INTERNAL, failure=failure)
    failure = "" if night.run else "Its run could not be stored. The next audit tries again."
    return AccountResult(
        name, night.exit_code, night.run, failure, night.errors, night.note_announced
    )


def _as_completed(under_way: set["Future[AccountResult]"]) -> Iterator[AccountResult]:
    """The results in the order of completion.

    It looks up now and then: Ctrl-C does not interrupt a wait on every platform.
    """
    while under_way:
        finished, under_way = wait(under_way, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
