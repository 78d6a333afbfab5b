"""The accounts below a primary account, and the connection that they share.

Sources: Zoom's page on primary accounts and the API reference of Accounts, as of 2026-11. Whether
sub accounts have rate limits of their own is not documented, so all requests with the credentials
of a primary account share one budget.
"""

import threading
from dataclasses import dataclass, field

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Malformed
from auditor.zoom.hosts import Cloud
from auditor.zoom.limits import RateLabel, RateLimiter
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Transport

SUB_ACCOUNTS = Endpoint(
    "sub_accounts",
    "/accounts",
    RateLabel.MEDIUM,
    ("account:read:list_sub_accounts:master",),
    ("account:master",),
    items="accounts",
    page_size=300,
)


@dataclass(frozen=True, slots=True)
class SubAccount:
    """An account below a primary account."""

    id: str
    name: str


@dataclass(frozen=True)
class PrimaryConnection:
    """The token and the rate limit that a primary account and its sub accounts share."""

    cloud: Cloud
    limiter: RateLimiter
    tokens: TokenSource
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when all of them are interrupted: waits for the rate limit end then."""

    @classmethod
    def of(
        cls, credentials: Credentials, cloud: Cloud, limiter: RateLimiter, stopping: threading.Event
    ) -> "PrimaryConnection":
        """The connection with the credentials of the primary account."""
        retries = RetryPolicy(sleep=stopping.wait)
        tokens = TokenSource(credentials, Transport(), token_url=cloud.token_url, retries=retries)
        return cls(cloud, limiter, tokens, stopping)

    def client(self, retries: RetryPolicy, sub_account: str = "") -> ZoomClient:
        """A client for a sub account; without one, for the primary account itself."""
        return ZoomClient(
            self.cloud.api_url,
            self.tokens,
            Transport(),
            self.limiter,
            retries=retries,
            sub_account=sub_account,
        )

    def sub_accounts(self) -> list[SubAccount]:
        """The accounts below the primary account, in Zoom's order.

        Raises:
            ZoomError: they cannot be listed.
        """
        with self.client(RetryPolicy(sleep=self.stopping.wait)) as client:
            pages = client.pages(SUB_ACCOUNTS)
            return [self._account(row) for page in pages for row in page]

    @staticmethod
    def _account(row: object) -> SubAccount:
        account_id = row.get("id") if isinstance(row, dict) else None
        name = row.get("account_name") if isinstance(row, dict) else None
        if not isinstance(account_id, str) or not account_id:
            raise Malformed(SUB_ACCOUNTS.request, "a row has no id")
        return SubAccount(account_id, name if isinstance(name, str) else "")
