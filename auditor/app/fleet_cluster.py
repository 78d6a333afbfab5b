"""The audit of a fleet on a Dask cluster: one task an account, whose workers hold the credentials.

The scheduler sees names of accounts, paths and options, never a secret. What a restart of the
scheduler loses is submitted again, and a worker that gets an account whose run is stored already
returns that run.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auditor.app import fleet_task, fleet_worker
from auditor.app.fleet_audit import AccountResult, FleetAudit, job_of, result_of
from auditor.app.fleet_members import FleetMember
from auditor.app.fleet_task import AccountTask, topic
from auditor.app.nightly import NightResult
from auditor.app.runs import stored_runs
from auditor.collect.interface import NoProgress, ProgressListener
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.redaction.text import redact_text, redacted_traceback
from auditor.store.errors import HistoryLocked, HistoryUnreachable

if TYPE_CHECKING:
    from distributed import Client, Future

ROUNDS = 5
"""How often accounts are submitted, if the scheduler keeps losing them."""

_LOOK_UP = 0.5
"""Seconds between two looks at the results."""

_CONNECT = 15
"""Seconds that a scheduler has to answer."""

_RECONNECT = 120
"""Seconds that a scheduler has to come back."""

NO_WORKERS = 120.0
"""Seconds after which a cluster without workers is given up."""

_STOP = 20.0
"""Seconds that workers have to write down what they have read, after Ctrl-C."""

_log = logging.getLogger(__name__)


class ClusterError(AuditorError):
    """The cluster cannot be used."""

    exit_code = ExitCode.NOTHING_EVALUATED


class _SchedulerLost(Exception):
    """The connection to the scheduler, or the tasks on it, are gone."""


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster to use."""

    scheduler: str | None = None
    """The address of its scheduler; None for one of this machine's own, as long as it is used."""
    workers: int | None = None
    """Processes of a cluster of this machine's own; by default one for each processor."""

    def check(self, settings: Settings) -> None:
        """Check that the cluster can be used.

        Raises:
            ConfigError: Dask is not installed, or the history is a file that workers do not share.
        """
        if self.scheduler is not None:
            self._check_shared(settings)
        if find_spec("distributed") is None:
            raise ConfigError(
                "Dask is not installed. Install the auditor with its extra [dask] "
                "(docs/operations/installing.md)."
            )

    def _check_shared(self, settings: Settings) -> None:
        """Check the options for a cluster that this machine is only a client of."""
        if self.workers is not None:
            raise ConfigError(
                "--workers is for a cluster of this machine's own. Leave it out, or leave out "
                "--scheduler."
            )
        if stored_runs(settings).history.database.file is not None:
            raise ConfigError(
                "A cluster needs a history that all workers share: set AUDITOR_STORE to a "
                "PostgreSQL database, here and on each worker (docs/operations/history.md)."
            )

    @property
    def warning(self) -> str:
        """A sentence if others can read or use the connection to the scheduler; otherwise empty."""
        if self.scheduler is None or self.scheduler.startswith("tls://"):
            return ""
        host = urlsplit(self.scheduler if "://" in self.scheduler else f"//{self.scheduler}")
        name = host.hostname or ""
        with suppress(ValueError):
            if ip_address(name).is_loopback:
                return ""
        if name == "localhost":
            return ""
        return (
            "The connection to the scheduler has no TLS: whoever reaches it can run programs on "
            "the workers, which hold the credentials. Use tls:// (docs/operations/fleet.md)."
        )


@dataclass
class _Account:
    """An account that is to be audited by the cluster."""

    member: FleetMember
    settings: Settings
    task: AccountTask


@dataclass
class ClusterAudit:
    """An audit of all selected accounts by a cluster that is about to start."""

    local: FleetAudit
    """The same audit without a cluster: it reads what the cluster cannot divide."""
    settings: Settings
    """Those of this process."""
    cluster: ClusterOptions
    is_followed_up: bool = False
    """True if this machine writes reports of the runs, or announces them."""
    _results: dict[str, AccountResult] = field(default_factory=dict)
    _progress: dict[str, tuple[ProgressListener, ExitStack]] = field(default_factory=dict)
    """What shows the progress of each account that a worker reads."""
    _levels: dict[str, Level] = field(default_factory=dict)
    """The level that each of them is at."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> list[AccountResult]:
        """Audit the accounts; returns how each ended, in their order.

        Accounts below a primary account share its rate limit, so they are audited by this process.

        Raises:
            ClusterError: the scheduler cannot be reached.
            KeyboardInterrupt: interrupted. What was read is kept, and the next call resumes it.
        """
        members = self.local.members
        below = [each for each in members if each.primary is not None or each.refusal]
        own = [each for each in members if each not in below]
        if own:
            with self.local.display:
                self._audit(own)
        family: dict[str, AccountResult] = {}
        if below:
            rest = FleetAudit(
                below,
                self.local.options,
                self.local.attempts,
                self.local.display,
                self.local.report_writer,
                self.local.announcer,
                self.local.at_once,
            )
            family = {result.name: result for result in rest.run()}
        return [{**self._results, **family}[member.name] for member in members]

    def _audit(self, members: Sequence[FleetMember]) -> None:
        audit, begun = secrets.token_hex(8), datetime.now(UTC)
        stored = stored_runs(self.settings)
        waiting: dict[str, _Account] = {}
        names: dict[tuple[str, str], str] = {}
        with stored.history.database.writing():  # its tables exist before workers look at them
            pass
        last = stored.history.last_sequence()
        for member in members:
            try:
                task = AccountTask.of(member, self.local.options, audit, begun, last)
                key = task.account_id, task.place
                if (first := names.setdefault(key, member.name)) != member.name:
                    raise ConfigError(f"{first} is account {task.account_id} already.")
                waiting[member.name] = _Account(member, member.without_secret(), task)
            except AuditorError as error:
                self._ended(AccountResult(member.name, error.exit_code, failure=str(error)))
        if not waiting:
            return
        with self._address() as (address, security):
            self._in_rounds(audit, waiting, address, security)
        for name in waiting:
            why = f"The scheduler lost it {ROUNDS} times. See the logs of the scheduler."
            self._ended(AccountResult(name, ExitCode.NOTHING_EVALUATED, failure=why))

    @contextmanager
    def _address(self) -> Iterator[tuple[str, Any]]:
        """The address of the scheduler, and the certificates for it (None: Dask's configuration).

        A cluster of this machine's own listens on loopback with certificates that only its
        processes have, and has no dashboard: others on this machine cannot use or watch it.
        """
        if self.cluster.scheduler is not None:
            yield self.cluster.scheduler, None
            return
        import dask
        from dask.system import CPU_COUNT
        from distributed import LocalCluster, Security

        workers = self.cluster.workers or CPU_COUNT
        security = Security.temporary()
        no_pages: dict[str, list[str]] = {
            f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")
        }
        with (
            dask.config.set(no_pages),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=-(-self.local.at_once // workers),
                processes=True,
                host="127.0.0.1",
                protocol="tls://",
                security=security,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                worker_dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
        ):
            yield cluster.scheduler_address, security

    def _in_rounds(
        self, audit: str, waiting: dict[str, _Account], address: str, security: Any
    ) -> None:
        """Submit what has no result, until everything has one or the scheduler lost it too often.

        Accounts with a result leave `waiting`.
        """
        patience = _CONNECT
        for number in range(ROUNDS):
            if not waiting:
                return
            if number:
                self._say(f"The scheduler was lost. Connecting again, for {_RECONNECT} seconds.")
            try:
                with _connected(address, security, patience) as client:
                    patience = _RECONNECT
                    if not number and self.cluster.scheduler is not None:
                        self._say(f"Dashboard: {client.dashboard_link}")
                    self._round(client, audit, waiting)
            except _SchedulerLost as error:
                _log.info("The scheduler was lost: %s", redact_text(str(error)))
            except ClusterError as error:
                if not number:
                    raise
                for name in [*waiting]:
                    del waiting[name]
                    self._ended(AccountResult(name, error.exit_code, failure=str(error)))

    def _round(self, client: "Client", audit: str, waiting: dict[str, _Account]) -> None:
        """Submit the accounts, and take their results until all have one.

        Raises:
            _SchedulerLost: the scheduler was.
        """
        futures: dict[str, Future[Any]] = {}
        try:
            with _lost_if_unreachable():
                client.subscribe_topic(topic(audit), self._event)
                for name, account in waiting.items():
                    futures[name] = client.submit(
                        fleet_worker.audit_account,
                        account.task.as_data(),
                        key=f"{name}-{audit}-{secrets.token_hex(4)}",
                        pure=False,
                    )
            missing = _Patience(NO_WORKERS)
            while futures:
                time.sleep(_LOOK_UP)
                if client.status != "running":
                    raise _SchedulerLost(client.status)
                for name, future in [*futures.items()]:
                    if future.done() and (result := self._result(waiting[name], future)):
                        del futures[name], waiting[name]
                        self._ended(result)
                if missing.is_over(lambda: _has_workers(client)):
                    why = "No worker is connected to the scheduler. Start one with: dask worker"
                    for name in [*futures]:
                        del futures[name], waiting[name]
                        self._ended(AccountResult(name, ExitCode.NOTHING_EVALUATED, failure=why))
        except (KeyboardInterrupt, SystemExit):
            self._interrupt(client, audit, [*futures.values()])
            raise

    def _result(self, account: _Account, future: "Future[Any]") -> AccountResult | None:
        """The result of a task that is done; None if its worker took the result with it, so that
        the scheduler has it done again.

        Raises:
            _SchedulerLost: the task is.
        """
        name = account.member.name
        if future.status in ("cancelled", "lost"):
            raise _SchedulerLost(f"{name} is {future.status}")
        if future.status == "error":
            return AccountResult(name, ExitCode.INTERNAL, failure=_why(future))
        try:
            with _lost_if_unreachable():
                found: Mapping[str, Any] = future.result(timeout=_CONNECT)
        except TimeoutError:
            return None
        if found["interrupted"]:
            raise KeyboardInterrupt
        if found["exit_code"] == ExitCode.INTERRUPTED:
            raise _SchedulerLost(f"the worker of {name} ended")
        if not found["run"]:
            return AccountResult(name, ExitCode(found["exit_code"]), failure=found["failure"])
        return result_of(name, lambda: self._stored_run(account, found["run"]))

    def _stored_run(self, account: _Account, run_id: str) -> NightResult:
        """As `_followed_up`, again if only the history stood in the way."""
        for pause in fleet_task.PAUSES:
            try:
                return self._followed_up(account, run_id)
            except (HistoryLocked, HistoryUnreachable) as error:
                self._say(f"{error} Trying again in {pause} seconds.")
            time.sleep(pause)
        return self._followed_up(account, run_id)

    def _followed_up(self, account: _Account, run_id: str) -> NightResult:
        """The run as this machine has it; its reports and its news, if any are wanted."""
        if not self.is_followed_up:
            entry = stored_runs(account.settings).history.get(run_id)
            return NightResult(ExitCode(entry.facts.exit_code), True, (), entry.facts)
        name = account.member.name
        return job_of(
            account.member,
            account.settings,
            self.local.options,
            nullcontext(NoProgress()),
            self.local.display.messages(name),
            write_reports=self.local.report_writer(account.member),
            announcer=self.local.announcer(name),
        ).follow_up(run_id)

    def _event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Show what a worker tells. Called in a thread of the client."""
        _, content = event
        name = str(content["account"])
        messages = self.local.display.messages(name)
        if "say" in content:
            messages.say(str(content["say"]))
        elif "complain" in content:
            messages.complain(str(content["complain"]))
        elif name not in self._results:
            self._show_progress(name, Level(content["level"]), content)

    def _show_progress(self, name: str, level: Level, content: Mapping[str, Any]) -> None:
        with self._lock:
            if name not in self._progress:
                if "scopes" not in content:
                    return  # the level began before this client listened
                stack = ExitStack()
                listener = stack.enter_context(self.local.display.progress(name))
                self._progress[name] = listener, stack
            listener, _ = self._progress[name]
            if "scopes" in content:
                self._levels[name] = level
                listener.level_started(level, int(content["scopes"]))
            elif self._levels[name] is level:
                for _ in range(int(content["read"])):
                    listener.read(level)

    def _interrupt(self, client: "Client", audit: str, futures: "list[Future[Any]]") -> None:
        """Stop the tasks, and wait until they have written down what they have read."""

        def stop() -> None:
            with suppress(Exception):
                client.cancel(futures, force=True)
                until = time.monotonic() + _STOP
                while time.monotonic() < until:
                    running = client.run(fleet_worker.interrupt, audit, on_error="ignore")
                    if not any(running.values()):
                        return
                    time.sleep(_LOOK_UP)

        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        stopping.join(_STOP + _CONNECT)

    def _ended(self, result: AccountResult) -> None:
        with self._lock:
            self._results[result.name] = result
            if result.name in self._progress:
                self._progress.pop(result.name)[1].close()
        self.local.attempts.note({result.name: result.attempt})
        total = len(self.local.members)
        self.local.display.ended(result, len(self._results), total)

    def _say(self, sentence: str) -> None:
        self.local.display.messages("cluster").say(sentence)


class _Patience:
    """Measures how long something has been missing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looked = self._seen = time.monotonic()

    def is_over(self, is_there: Callable[[], bool]) -> bool:
        """True if it has been missing for too long. Looks every few seconds."""
        now = time.monotonic()
        if now - self._looked < 5:
            return False
        self._looked = now
        if is_there():
            self._seen = now
        return now - self._seen > self._seconds


@contextmanager
def _connected(address: str, security: Any, patience: float) -> Iterator["Client"]:
    """A client of the scheduler.

    Raises:
        ClusterError: it did not answer within `patience` seconds.
    """
    from distributed import Client

    if not _log.isEnabledFor(logging.INFO):
        # What is lost is said here; Dask would add tracebacks.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        try:
            client = Client(
                address,
                timeout=patience,
                security=security,
                set_as_default=False,
                name="auditor-fleet",
            )
        except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:
            _log.info("%s", redacted_traceback(error))
            raise ClusterError(
                f"The scheduler at {redact_text(address)} cannot be reached "
                f"({type(error).__name__}).",
                "Start it with: dask scheduler. Check --scheduler, and Dask's certificates for "
                "tls:// (docs/operations/fleet.md).",
            ) from error
        stack.callback(_close, client)
        yield client


def _close(client: "Client") -> None:
    with suppress(Exception):
        client.close(timeout=5)


@contextmanager
def _lost_if_unreachable() -> Iterator[None]:
    """Errors of the connection as `_SchedulerLost`."""
    from concurrent.futures import CancelledError

    try:
        yield
    except TimeoutError:
        raise
    except (OSError, CancelledError) as error:
        raise _SchedulerLost(type(error).__name__) from error


def _has_workers(client: "Client") -> bool:
    try:
        return bool(client.nthreads())
    except Exception as error:
        raise _SchedulerLost(type(error).__name__) from error


def _why(future: "Future[Any]") -> str:
    """Why a task has no result: its worker died too often, or could not load it."""
    from distributed import KilledWorker

    error = future.exception(timeout=_CONNECT)
    if isinstance(error, KilledWorker):
        return (
            "Each worker that read it ended before it was done. See the logs of the workers; they "
            "may have too little memory."
        )
    reason = redact_text(str(error))
    return f"Its worker could not begin ({type(error).__name__}: {reason}). See the worker's logs."


__all__ = ["ClusterAudit", "ClusterError", "ClusterOptions"]
