"""Reading an account, or the sandbox, into a stored run, for every command that reads."""

import json
import math
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from auditor.app import audit as runs
from auditor.app.audit import AccountConnection, CollectionScope, EvaluationConfig
from auditor.app.runs import stored_runs
from auditor.cli.progress import progress
from auditor.cli.sandbox import ScenarioName, serve_sandbox
from auditor.cli.storing import open_history, previous_start
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.evidence.snapshot import DiskFull, Snapshot
from auditor.files import data_folder
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud, check_url, is_loopback
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy

SANDBOX_RATE = 5000.0
"""Requests per second for the sandbox, which only this machine uses."""

DEFAULT_SHARE = 0.8
"""The share of the rate limit to use; the rest is for the organisation's other apps."""

_RESUME_COMMAND = "auditor audit --resume"
_NIGHTLY_COMMAND = "auditor nightly"


@dataclass(frozen=True)
class RateOptions:
    """The request rate."""

    plan: RatePlan = RatePlan.AUTO
    max_rate: float | None = None
    share: float | None = None

    @classmethod
    def chosen(
        cls,
        settings: Settings,
        plan: RatePlan | None = None,
        max_rate: float | None = None,
        share: float | None = None,
    ) -> "RateOptions":
        """The rate of the command line; a plan that it leaves open comes from the settings."""
        return cls(RatePlan(settings.plan) if plan is None else plan, max_rate, share)

    def limiter(self, api_url: str, sleep: Callable[[float], object]) -> RateLimiter:
        """The limiter for an API; a local API is not Zoom's, so `auto` need not be careful."""
        plan = (
            RatePlan.BUSINESS if self.plan is RatePlan.AUTO and is_loopback(api_url) else self.plan
        )
        share = DEFAULT_SHARE if self.share is None else self.share
        return RateLimiter(plan.limits, share=share, max_rate=self.max_rate, sleep=sleep)

    @property
    def for_sandbox(self) -> "RateOptions":
        """The requested rate, otherwise the maximum."""
        if self.max_rate is not None:
            return self
        return RateOptions(self.plan, SANDBOX_RATE, 1.0 if self.share is None else self.share)


@dataclass(frozen=True)
class Account:
    """The account to read: the sandbox in a scenario, or (None) the configured account."""

    scenario: ScenarioName | None = None
    users: int = 300

    @property
    def is_sandbox(self) -> bool:
        """True if the run is stored with the simulated ones."""
        return self.scenario is not None


@dataclass(frozen=True)
class CollectionOptions:
    """How to start a collection: a new one, or the continuation of an unfinished one."""

    rate: RateOptions = field(default_factory=RateOptions)
    extent: CollectionScope = field(default_factory=CollectionScope)
    resume: bool = False
    max_age: timedelta = timedelta(hours=24)
    """Documents older than this are read again."""
    deadline: float | None = None
    """No request starts after this `time.monotonic` time; None for no deadline."""
    is_own: bool = False
    """True if only a run started with the same policy is resumed; otherwise a new one starts."""
    requested: Callable[[Snapshot], tuple[EvaluationConfig, CollectionScope]] | None = None
    """The options of the command line for an unfinished run; what it leaves open stays as it
    was."""

    def resume_hint(self, text: str) -> str:
        """`text` with the command that resumes the run: only `nightly` resumes its own runs."""
        return text.replace(_RESUME_COMMAND, _NIGHTLY_COMMAND) if self.is_own else text


def collect(
    account: Account,
    settings: Settings,
    options: CollectionOptions,
    judgement: EvaluationConfig,
    terminal: Terminal,
) -> Snapshot:
    """The evidence of a new or resumed run, stored under the data directory.

    Raises:
        AlreadyRunning: another process is reading the account.
        ConfigError: credentials or addresses are missing or invalid, or the run to resume was
            started with other options.
        CollectionFailed: Zoom allowed nothing to be read.
        StoreError: the data directory or the history cannot be written.
    """
    stored = stored_runs(settings, sandbox=account.is_sandbox)
    if account.is_sandbox:
        data_folder.prepare(settings.data, make=True)
    if account.scenario is None:
        checked = {
            "api_url": check_url(settings.api_url, "ZOOM_API_URL"),
            "oauth_url": check_url(settings.oauth_url, "ZOOM_OAUTH_URL"),
        }
        where = settings.model_copy(update=checked)
        return _collect(where, settings.credentials(), options, judgement, stored, terminal)
    with serve_sandbox(account.scenario, account.users) as sandbox:
        where = settings.model_copy(
            update={"api_url": sandbox.api_url, "oauth_url": sandbox.oauth_url}
        )
        credentials = Credentials(sandbox.account_id, sandbox.client_id, sandbox.client_secret)
        local = replace(options, rate=options.rate.for_sandbox)
        return _collect(where, credentials, local, judgement, stored, terminal)


def _collect(
    settings: Settings,
    credentials: Credentials,
    options: CollectionOptions,
    judgement: EvaluationConfig,
    stored: Runs,
    terminal: Terminal,
) -> Snapshot:
    try:
        return _collect_locked(settings, credentials, options, judgement, stored, terminal)
    except KeyboardInterrupt:
        if stored.unfinished(credentials.account_id, settings.api_url) is not None:
            terminal.say(
                options.resume_hint(f"What was read is kept. Go on with: {_RESUME_COMMAND}")
            )
        raise
    except DiskFull as error:
        raise DiskFull(options.resume_hint(str(error))) from error


def _collect_locked(
    settings: Settings,
    credentials: Credentials,
    options: CollectionOptions,
    judgement: EvaluationConfig,
    stored: Runs,
    terminal: Terminal,
) -> Snapshot:
    data_folder.prepare(stored.home, make=True)
    open_history(stored)
    stopping = threading.Event()
    limiter = options.rate.limiter(settings.api_url, stopping.wait)
    cloud = Cloud(settings.api_url, settings.oauth_url)
    retries = RetryPolicy(sleep=stopping.wait)
    account_id = credentials.account_id
    with (
        stored.lock_account(account_id, settings.api_url),
        connect(credentials, limiter, cloud=cloud, retries=retries) as client,
        progress(terminal) as shown,
    ):
        target = AccountConnection(
            client,
            account_id,
            listener=shown,
            deadline=math.inf if options.deadline is None else options.deadline,
            stopping=stopping,
        )
        unfinished = stored.unfinished(account_id, settings.api_url)
        if options.is_own and unfinished is not None:
            unfinished = _if_same_policy(stored, unfinished, judgement)
        if options.resume and unfinished is not None:
            with stored.reopen(unfinished) as snapshot:
                recorded = EvaluationConfig.from_snapshot(snapshot, judgement.catalogue)
                if options.requested is not None:
                    _check_same(snapshot, recorded, *options.requested(snapshot))
                description = f"baseline {recorded.baseline.info.id}, depth {recorded.depth}"
                terminal.say(f"Going on with run {unfinished} ({description}).")
                since = datetime.now(UTC) - options.max_age
                runs.resume(target, snapshot, recorded, since.isoformat(timespec="milliseconds"))
            _report_stop(snapshot, options, terminal)
            return snapshot
        if options.resume and not options.is_own:
            terminal.say("There is no run to resume: starting anew.")
        elif unfinished is not None:
            terminal.say(
                f"Run {unfinished} was not finished. This is a new one: with --resume it would "
                "have gone on."
            )
        run_id = stored.new_id()
        changes_since = previous_start(stored, account_id, settings.api_url, judgement)
        extent = replace(options.extent, changes_since=changes_since)
        with stored.new(run_id) as snapshot:
            runs.collect(target, snapshot, judgement, run_id, extent)
        _report_stop(snapshot, options, terminal)
        return snapshot


def _report_stop(snapshot: Snapshot, options: CollectionOptions, terminal: Terminal) -> None:
    """Report why the rest of the account was not read, and how to continue."""
    why = snapshot.meta("stopped")
    if why:
        how = "" if _RESUME_COMMAND in why else f" Go on later with: {_RESUME_COMMAND}"
        terminal.say(options.resume_hint(f"Stopped before everything was read. {why}{how}"))


def _if_same_policy(stored: Runs, run_id: str, judgement: EvaluationConfig) -> str | None:
    """The run, if it was started with the same policy, selection and depth."""
    with stored.open_folder(run_id) as snapshot:
        recorded = json.loads(snapshot.meta("judgement") or "{}")
    requested = json.loads(judgement.record())
    same = all(recorded.get(key) == requested[key] for key in ("policy", "selected", "depth"))
    return run_id if same else None


def _check_same(
    snapshot: Snapshot,
    recorded: EvaluationConfig,
    judgement: EvaluationConfig,
    extent: CollectionScope,
) -> None:
    """The documents to read depend on the policy, so a run resumes only with the same policy."""
    before = json.loads(recorded.record()) | asdict(CollectionScope.from_snapshot(snapshot))
    requested = json.loads(judgement.record()) | asdict(extent)
    for key, what in _BEGUN_WITH.items():
        if before[key] != requested[key]:
            raise ConfigError(
                f"The run that is to be resumed was begun with another {what}. Leave out what "
                "chooses it to go on with that run, or leave out --resume to start anew."
            )


_BEGUN_WITH = {
    "selected": "selection of controls",
    "policy": "baseline or organisation file",
    "depth": "--depth",
    "verify_locks": "--verify-locks",
    "meetings": "choice of meetings",
}
"""Options that must not change when a run is resumed."""
