"""The audit of one account of a fleet as a task of a cluster: what a worker does.

A task is plain data without secrets, and so is its result: both pass through the scheduler. The
worker finds the fleet file and the policy files at the paths that the client has them at, and the
credentials where the fleet file says.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from auditor import __version__
from auditor.app.audit import CollectionScope
from auditor.app.choices import FailOn
from auditor.app.connection import RateOptions
from auditor.app.fleet_audit import JobOptions, job_of, result_of
from auditor.app.fleet_members import (
    FleetMember,
    FleetMembers,
    FleetPolicy,
    naming_credentials,
)
from auditor.app.fleet_rollup import digests, series_of
from auditor.app.messages import Messages
from auditor.app.nightly import NightResult
from auditor.app.run_copies import RunCopies
from auditor.app.runs import stored_runs
from auditor.app.storing import store_pending
from auditor.collect.collector import CollectionCancelled
from auditor.collect.interface import ProgressListener
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.redaction.text import RedactingFilter, redact_text
from auditor.store.errors import AlreadyRunning, HistoryLocked, HistoryUnreachable
from auditor.store.series import SKEW, RunFilter, place

if TYPE_CHECKING:
    from distributed import Worker

PAUSES = (2, 5, 10, 20, 40, 60)
"""Seconds between attempts while the database is away, or a worker that died holds the lock."""

_LOOK_UP = 1.0
"""Seconds between two looks at whether the worker ends."""

_AT_WORK = ("init", "running", "paused", "closing_gracefully")
"""States of a worker that has a scheduler, and may finish what it does."""

_REPORT = 1.0
"""Seconds between two reports of progress."""

Tell = Callable[[dict[str, Any]], None]
"""Sends what happens to the client, as plain data."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccountTask:
    """What a worker has to know to audit an account. No field is a secret."""

    fleet: str
    """Path of the fleet file."""
    name: str
    """Name of the account in it."""
    account_id: str
    place: str
    """Place of the API, as in `store.series.place`."""
    policy_digests: tuple[str, str]
    """Of the baseline and of the organisation files, as the client reads them."""
    audit: str
    """Identifies this audit of the fleet."""
    started_at: str
    """When the audit of the fleet began, RFC 3339."""
    stored_after: int
    """The newest sequence number in the history at that time."""
    options: dict[str, Any]
    """As by `options_as_data`."""
    version: str = __version__
    """The version of the client."""

    @classmethod
    def of(
        cls, member: FleetMember, options: JobOptions, audit: str, begun: datetime, last: int
    ) -> Self:
        """The task of an account in an audit that began at a time, when the newest run in the
        history had the sequence number `last`.

        Raises:
            ConfigError: its account id is not known here.
            PolicyError: a policy file is not valid.
        """
        try:
            series, config = series_of(member, options.policy, options.depth)
        except ConfigError as error:
            raise ConfigError(
                f"{error} The workers hold the credentials, but this machine needs the account id. "
                f"Write account_id in {member.fleet.path}."
            ) from error
        return cls(
            fleet=str(member.fleet.path.resolve()),
            name=member.name,
            account_id=series.account_id,
            place=series.place,
            policy_digests=digests(config),
            audit=audit,
            started_at=format_rfc3339(begun),
            stored_after=last,
            options=options_as_data(options),
        )

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Self:
        """The task that `as_data` made.

        Raises:
            ConfigError: a client of another version made it.
        """
        if data.get("version") != __version__:
            raise ConfigError(
                f"Its worker has version {__version__} of the auditor, the client "
                f"{data.get('version')}. Install the same version on all machines."
            )
        first, second = data["policy_digests"]
        return cls(**{**data, "policy_digests": (first, second)})

    def as_data(self) -> dict[str, Any]:
        """The task as what JSON can hold."""
        return {**asdict(self), "policy_digests": [*self.policy_digests]}


def options_as_data(options: JobOptions) -> dict[str, Any]:
    """The options as what JSON can hold. The deadline becomes a time of the clock."""
    left = options.deadline - time.monotonic()
    policy = options.policy
    return {
        "policy": {
            **asdict(policy),
            "fail_on": policy.fail_on.value if policy.fail_on else None,
            "only": [*policy.only],
            "topic": [*policy.topic],
        },
        "depth": str(options.depth),
        "rate": asdict(options.rate),
        "verify_locks": options.collection_scope.verify_locks,
        "max_age": options.max_age.total_seconds(),
        "deadline": None if left == float("inf") else time.time() + left,
        "keep": options.keep.total_seconds() if options.keep is not None else None,
        "keep_monthly": options.keep_monthly,
    }


def options_of_data(data: Mapping[str, Any]) -> JobOptions:
    """The options that `options_as_data` made."""
    policy, deadline, keep = data["policy"], data["deadline"], data["keep"]
    fail_on = FailOn(policy["fail_on"]) if policy["fail_on"] else None
    options = JobOptions(
        FleetPolicy(**{**policy, "fail_on": fail_on}),
        Level(data["depth"]),
        RateOptions(**data["rate"]),
        CollectionScope(data["verify_locks"]),
        timedelta(seconds=data["max_age"]),
        keep=timedelta(seconds=keep) if keep is not None else None,
        keep_monthly=data["keep_monthly"],
    )
    if deadline is None:
        return options
    return replace(options, deadline=time.monotonic() + deadline - time.time())


class _Interruptions:
    """Which audits of fleets were interrupted. The threads of a worker share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupted: set[str] = set()
        self._attempts: dict[str, set[threading.Event]] = {}

    @contextmanager
    def attempt(self, audit: str) -> Iterator[threading.Event]:
        """What is set when the audit is interrupted, for one attempt: a collection that fails sets
        it too."""
        event = threading.Event()
        with self._lock:
            self._attempts.setdefault(audit, set()).add(event)
            if audit in self._interrupted:
                event.set()
        try:
            yield event
        finally:
            with self._lock:
                self._attempts[audit].discard(event)

    def interrupt(self, audit: str) -> int:
        with self._lock:
            self._interrupted.add(audit)
            running = self._attempts.get(audit, set())
            for event in running:
                event.set()
            return len(running)

    def is_interrupted(self, audit: str) -> bool:
        with self._lock:
            return audit in self._interrupted


_interruptions = _Interruptions()


def interrupt(audit: str) -> int:
    """Interrupt the tasks of an audit in this process, and those it gets later.

    Returns how many are still running.
    """
    return _interruptions.interrupt(audit)


def audit_account(data: Mapping[str, Any]) -> dict[str, Any]:
    """Audit one account in a worker. Never raises: an error is part of the result, as a sentence.

    `data` is that of an `AccountTask`. The result has `name`, `exit_code`, `run` (the id of the
    stored run, or empty), `failure` and `interrupted`.
    """
    _redact_logs()
    name, audit = str(data.get("name", "")), str(data.get("audit", ""))
    result = result_of(name, lambda: _audited(AccountTask.of_data(data)))
    return {
        "name": name,
        "exit_code": int(result.exit_code),
        "run": result.run.id if result.run else "",
        "failure": redact_text(result.failure),
        "interrupted": _interruptions.is_interrupted(audit) and result.run is None,
    }


def _audited(task: AccountTask) -> NightResult:
    """Audit the account, again if only the history or a lock stood in the way."""
    worker = _worker()
    tell = _teller(task.audit, worker)
    messages = _TaskMessages(task.name, tell)
    member, settings = _account_of(task)
    options = options_of_data(task.options)
    copies = RunCopies(settings, messages)
    problem: AuditorError | None = None
    for pause in (0, *PAUSES):
        if problem is not None:
            messages.say(f"{problem} Trying again in {pause} seconds.")
        with (
            _interruptions.attempt(task.audit) as stopping,
            _stopping_with(worker, stopping),
        ):
            if stopping.wait(pause):
                raise CollectionCancelled
            try:
                if (night := _stored_already(task, member, settings, messages)) is not None:
                    return night
                copies.restore()
                progress = _TaskProgress(task.name, tell)
                job = job_of(member, settings, options, progress, messages, stopping=stopping)
                with copies.copying(), naming_credentials(member.account.credentials):
                    if (night := job.run()).run is not None:
                        return night
                problem = HistoryUnreachable("Its run could not be stored.")
            except (AlreadyRunning, HistoryLocked, HistoryUnreachable) as error:
                problem = error
    assert problem is not None
    raise problem


def _account_of(task: AccountTask) -> tuple[FleetMember, Settings]:
    """The account and its settings, as this machine has them.

    Raises:
        ConfigError: they are not those that the client means.
        PolicyError: a file of the policy is not valid.
    """
    members = FleetMembers.chosen(Path(task.fleet))
    member = next((each for each in members if each.name == task.name), None)
    if member is None:
        raise ConfigError(
            f"{task.fleet} has no account {task.name} on its worker. Copy the fleet file there."
        )
    settings = member.settings()
    if settings.account_id != task.account_id or place(settings.api_url) != task.place:
        raise ConfigError(
            f"The credentials of {member.account.credentials.label} on its worker are of account "
            f"{settings.account_id} at {place(settings.api_url)}, not of {task.account_id} at "
            f"{task.place}."
        )
    policy = options_of_data(task.options).policy
    _, config = series_of(member, policy, Level(task.options["depth"]))
    if digests(config) != task.policy_digests:
        raise ConfigError(
            "Its worker has another state of the baseline or of an organisation file. Copy the "
            f"files beside {task.fleet} there, and use the same AUDITOR_BASELINE and AUDITOR_ORG."
        )
    return member, settings


def _stored_already(
    task: AccountTask, member: FleetMember, settings: Settings, messages: Messages
) -> NightResult | None:
    """The run of this audit of the fleet that an earlier attempt has stored, or has finished and
    could not store; None if there is none. The account is not read a second time then."""
    policy, depth = options_of_data(task.options).policy, Level(task.options["depth"])
    series, config = series_of(member, policy, depth)
    stored = stored_runs(settings)
    begun = parse_rfc3339(task.started_at) - SKEW
    of_account = RunFilter(series.account_id, place(settings.api_url))
    store_pending(stored, of_account, config.catalogue, messages)
    entry = stored.history.last_of(series)
    is_of_this_audit = (
        entry is not None
        and entry.sequence > task.stored_after
        and entry.facts.finished_at >= begun
    )
    if entry is None or not is_of_this_audit:
        return None
    messages.say(f"Run {entry.facts.id} is stored already.")
    return NightResult(ExitCode(entry.facts.exit_code), True, (), entry.facts)


class _TaskMessages:
    """Sends sentences about an account to the client."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell

    def say(self, message: str) -> None:
        self._tell({"account": self._name, "say": redact_text(message)})

    def complain(self, message: str) -> None:
        self._tell({"account": self._name, "complain": redact_text(message)})


class _TaskProgress(AbstractContextManager[ProgressListener]):
    """Sends the progress of an account to the client, once a second at most."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell
        self._lock = threading.Lock()
        self._level, self._read, self._reported_at = "", 0, 0.0

    def level_started(self, level: Level, scopes: int) -> None:
        """Report the level and how many scopes it has."""
        with self._lock:
            self._level, self._read, self._reported_at = str(level), 0, time.monotonic()
        self._tell({"account": self._name, "level": str(level), "scopes": scopes})

    def read(self, level: Level) -> None:
        """Count a scope that was read."""
        with self._lock:
            self._read += 1
            now = time.monotonic()
            if now - self._reported_at < _REPORT:
                return
            count, self._read, self._reported_at = self._read, 0, now
        self._tell({"account": self._name, "level": str(level), "read": count})

    def __enter__(self) -> "_TaskProgress":
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _worker() -> "Worker | None":
    """The worker that this thread runs a task of; None if it runs none."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    with suppress(ValueError):
        return get_worker()
    return None


def _teller(audit: str, worker: "Worker | None") -> Tell:
    """Sends events to the client through the scheduler; nowhere if this is no worker."""
    if worker is None:
        return lambda _: None
    return lambda event: worker.log_event(topic(audit), event)


@contextmanager
def _stopping_with(worker: "Worker | None", stopping: threading.Event) -> Iterator[None]:
    """Set `stopping` when the worker ends, such as when it has lost its scheduler.

    Its threads would read on otherwise, and keep the account locked for the worker that has it now.
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_UP):
            if worker is not None and worker.status.name not in _AT_WORK:
                stopping.set()
                return

    if worker is not None:
        threading.Thread(target=watch, name="watch", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def topic(audit: str) -> str:
    """The topic of the events of an audit."""
    return f"auditor-{audit}"


def _redact_logs() -> None:
    """Remove secrets from what this process logs. A worker has no command line to see to that."""
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger("auditor")
    if not logger.handlers:
        logger.addHandler(handler)
        logger.propagate = False
        logging.lastResort = handler
