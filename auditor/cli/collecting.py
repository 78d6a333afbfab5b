"""Reading an account, or the sandbox, into a stored run: what every command that reads shares."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from auditor import run as runs
from auditor.cli.progress import progress
from auditor.cli.sandbox import Scenario, started
from auditor.cli.terminal import Terminal
from auditor.config import Settings
from auditor.evidence.snapshot import Snapshot
from auditor.run import Judgement, Target
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud, check_url, is_loopback
from auditor.zoom.limits import Plan, RateLabel, RateLimiter
from auditor.zoom.retry import RetryPolicy

SANDBOX_RATE = 5000.0
"""Requests a second for the sandbox, which is this machine's alone."""

DEFAULT_SHARE = 0.8
"""The part of the rate limit that is used; the rest is for the organisation's other apps."""

LATENCY = 0.4
"""Seconds that an answer of Zoom's takes at most, nearly always: sets the number of workers."""

WORKERS = (4, 32)
"""The fewest and the most."""


@dataclass(frozen=True)
class Pace:
    """How fast to ask."""

    plan: Plan = Plan.AUTO
    max_rate: float | None = None
    share: float | None = None

    def limiter(self, api_url: str, sleep: Callable[[float], object]) -> RateLimiter:
        """The limiter for an API; a local one is not Zoom's, so `auto` need not be careful."""
        plan = Plan.BUSINESS if self.plan is Plan.AUTO and is_loopback(api_url) else self.plan
        share = DEFAULT_SHARE if self.share is None else self.share
        return RateLimiter(plan.limits, share=share, max_rate=self.max_rate, sleep=sleep)

    @property
    def for_sandbox(self) -> "Pace":
        """As asked for, else as fast as it goes."""
        if self.max_rate is not None:
            return self
        return Pace(self.plan, SANDBOX_RATE, 1.0 if self.share is None else self.share)


@dataclass(frozen=True)
class Account:
    """What to read: the sandbox in a scenario, or (None) the account that is configured."""

    scenario: Scenario | None = None
    users: int = 300


def collected(
    account: Account,
    settings: Settings,
    pace: Pace,
    judgement: Judgement,
    terminal: Terminal,
) -> Snapshot:
    """The evidence of a new run, stored under the data directory.

    Raises:
        ConfigError: credentials or addresses are missing or not usable.
        NothingRead: Zoom let nothing be read.
        StoreError: the data directory cannot be written.
    """
    stored = Runs(settings.data)
    if account.scenario is None:
        check_url(settings.api_url, "ZOOM_API_URL")
        check_url(settings.oauth_url, "ZOOM_OAUTH_URL")
        return _read(settings, settings.credentials(), pace, judgement, stored, terminal)
    with started(account.scenario, account.users) as sandbox:
        where = settings.model_copy(
            update={"api_url": sandbox.api_url, "oauth_url": sandbox.oauth_url}
        )
        credentials = Credentials(sandbox.account_id, sandbox.client_id, sandbox.client_secret)
        return _read(where, credentials, pace.for_sandbox, judgement, stored, terminal)


def _read(
    settings: Settings,
    credentials: Credentials,
    pace: Pace,
    judgement: Judgement,
    stored: Runs,
    terminal: Terminal,
) -> Snapshot:
    run_id = stored.new_id()
    stopping = threading.Event()
    limiter = pace.limiter(settings.api_url, stopping.wait)
    retries = RetryPolicy(sleep=stopping.wait)
    fewest, most = WORKERS
    workers = math.ceil(limiter.rate(RateLabel.MEDIUM) * LATENCY)
    cloud = Cloud(settings.api_url, settings.oauth_url)
    with (
        connect(credentials, limiter, cloud=cloud, retries=retries) as client,
        stored.new(run_id) as snapshot,
        progress(terminal) as shown,
    ):
        target = Target(
            client=client,
            account_id=credentials.account_id,
            workers=min(most, max(fewest, workers)),
            listener=shown,
            stopping=stopping,
        )
        runs.collect(target, snapshot, judgement, run_id)
    return snapshot
