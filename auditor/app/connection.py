"""The account to read, its credentials and addresses, and the rate at which it is read."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from auditor.config.settings import Settings
from auditor.zoom.auth import Credentials
from auditor.zoom.client import ZoomClient, connect
from auditor.zoom.hosts import Cloud, check_url, is_loopback
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.sub_accounts import PrimaryConnection

SANDBOX_RATE = 5000.0
"""Requests per second for a simulated account, which only this machine uses."""

DEFAULT_SHARE = 0.8
"""The share of the rate limit to use; the rest is for the organisation's other apps."""


class SimulatedAccount(Protocol):
    """A simulated account that is being served, with the credentials it accepts."""

    @property
    def api_url(self) -> str:
        """The address of its API."""

    @property
    def oauth_url(self) -> str:
        """The address that issues its tokens."""

    @property
    def account_id(self) -> str:
        """The id of the account."""

    @property
    def client_id(self) -> str:
        """The id of its app."""

    @property
    def client_secret(self) -> str:
        """The secret of its app."""


@dataclass(frozen=True)
class RateOptions:
    """The requested rate; what is None is configured or has a default."""

    plan: str | None = None
    """The account's plan, a value of `RatePlan`."""
    max_rate: float | None = None
    """Requests per second."""
    share: float | None = None
    """The share of the rate limit to use, above 0 and at most 1."""


@dataclass(frozen=True)
class Account:
    """An account that can be read."""

    cloud: Cloud
    credentials: Credentials
    plan: RatePlan
    """The configured plan."""
    is_simulated: bool = False
    primary: PrimaryConnection | None = None
    """The connection of the primary account that it shares; None for one of its own."""
    sub_account: str = ""
    """Its id, if it is below the account of the credentials."""

    @property
    def account_id(self) -> str:
        """The id of the account that is read."""
        return self.sub_account or self.credentials.account_id

    def connect(
        self,
        rate: RateOptions,
        sleep: Callable[[float], object],
        deadline: float = math.inf,
    ) -> ZoomClient:
        """A client for the account. It waits with `sleep`, which takes seconds.

        It retries nothing after `deadline`, a time of `time.monotonic`.

        Raises:
            UnsafeUrl: credentials must not be sent to an address of the account.
        """
        retries = RetryPolicy(deadline=deadline, sleep=sleep)
        if self.primary is not None:
            return self.primary.client(retries, self.sub_account)
        limiter = self.limiter(rate, sleep)
        return connect(self.credentials, limiter, cloud=self.cloud, retries=retries)

    def limiter(self, rate: RateOptions, sleep: Callable[[float], object]) -> RateLimiter:
        """The limiter for the account; a local API is not Zoom's, so `auto` need not be careful."""
        plan = self.plan if rate.plan is None else RatePlan(rate.plan)
        if plan is RatePlan.AUTO and is_loopback(self.cloud.api_url):
            plan = RatePlan.BUSINESS
        max_rate, default_share = rate.max_rate, DEFAULT_SHARE
        if self.is_simulated and max_rate is None:
            max_rate, default_share = SANDBOX_RATE, 1.0
        share = default_share if rate.share is None else rate.share
        return RateLimiter(plan.limits, share=share, max_rate=max_rate, sleep=sleep)


@dataclass(frozen=True)
class AccountSource:
    """The configured account, or a simulated one."""

    settings: Settings
    serve: Callable[[], AbstractContextManager[SimulatedAccount]] | None = None
    """Serves a simulated account; None for the configured one."""
    primary: PrimaryConnection | None = None
    """The connection that the account shares with others; None for one of its own."""
    sub_account: str = ""
    """The id of the account, if it is below the configured one."""

    @property
    def is_simulated(self) -> bool:
        """True if the runs are stored with the simulated ones."""
        return self.serve is not None

    @contextmanager
    def opened(self) -> Iterator[Account]:
        """The account, for the duration of the block.

        Raises:
            ConfigError: credentials or addresses are missing or invalid.
        """
        settings, plan = self.settings, RatePlan(self.settings.plan)
        if self.serve is None:
            cloud = Cloud(
                check_url(settings.api_url, "ZOOM_API_URL"),
                check_url(settings.oauth_url, "ZOOM_OAUTH_URL"),
            )
            yield Account(
                cloud,
                settings.credentials(),
                plan,
                primary=self.primary,
                sub_account=self.sub_account,
            )
            return
        with self.serve() as served:
            yield Account(
                Cloud(served.api_url, served.oauth_url),
                Credentials(served.account_id, served.client_id, served.client_secret),
                plan,
                is_simulated=True,
            )
