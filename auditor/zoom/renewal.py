"""Token renewal: decides how long tokens that Zoom revokes early are replaced by new ones.

Zoom may revoke an app's token when another program gets one for the same app. Then every token is
valid for some requests only, and an audit has to continue with the next one. If no request is
accepted any more, it stops.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)

ONE_APP_EACH = (
    "Zoom revokes this app's tokens early, as it does when another program signs in with "
    "the same app: give each program an app of its own in the Zoom App Marketplace."
)
REFUSED_AGAIN = (
    "Zoom does not accept a token it has just issued: check that the app is still activated, that "
    "ZOOM_API_URL and ZOOM_OAUTH_URL belong to the same Zoom cloud, and that no other program "
    "signs in with this app (each program needs an app of its own)."
)


@dataclass
class Renewals:
    """Counts rejected tokens, for any number of threads. Times are in seconds."""

    clock: Callable[[], float] = time.monotonic
    give_up_after: float = 120.0
    """How long to continue without an accepted request."""
    most_at_first: int = 4
    """How many tokens to try if no request was ever accepted: then the cause is the app or the
    address, not another program."""
    most_for_one: int = 16
    """How many tokens to try for one request while others are accepted."""
    first_wait: float = 0.25
    longest_wait: float = 2.0
    _accepted_at: float | None = None
    _last: int = -1
    _in_a_row: int = 0
    """Tokens rejected since the last accepted request."""
    _early: int = 0
    """Tokens rejected in total."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self) -> None:
        """Record that Zoom accepted the token of a request, whatever its response."""
        with self._lock:
            self._accepted_at, self._in_a_row = self.clock(), 0

    def refused(self, number: int) -> None:
        """Record that Zoom rejected the token with this number before it expired."""
        with self._lock:
            if number <= self._last:
                return
            self._last = number
            self._in_a_row += 1
            self._early += 1
            tell = self._early == 3 and self._accepted_at is not None
        if tell:
            _log.warning("%s The audit continues with new tokens.", ONE_APP_EACH)

    @property
    def is_hopeless(self) -> bool:
        """True if another token would be rejected as well."""
        with self._lock:
            if self._accepted_at is None:
                return self._in_a_row >= self.most_at_first
            return self._in_a_row > 1 and self.clock() - self._accepted_at > self.give_up_after

    @property
    def reason(self) -> str:
        """Why renewal stopped, and what to do."""
        return REFUSED_AGAIN if self._accepted_at is None else ONE_APP_EACH

    def wait(self, tries: int, chance: float) -> float:
        """Seconds to wait before token number `tries` of one request; `chance` is 0 to 1.

        The waits differ, so that two programs that renew in turn get out of step.
        """
        ceiling = min(self.first_wait * 2.0 ** (tries - 2), self.longest_wait)
        return ceiling * chance if tries > 1 else 0.0
