"""The retry policy: how often to retry, and how long to wait in between."""

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from auditor.zoom.errors import LONGEST_PAUSE, RateLimited, ZoomError

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter. Waits are in seconds."""

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_retry_after: float = LONGEST_PAUSE
    """The longest Retry-After that is respected. A longer one ends the attempts."""
    deadline: float = math.inf
    """No retry begins after this time of `clock`."""
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def call(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` up to `attempts` times, and return its result.

        Raises:
            ZoomError: the last error, with `worth_retrying` set to False.
        """
        tries = 0
        while True:
            try:
                return attempt()
            except ZoomError as error:
                tries += 1
                wait = self._wait(error, tries)
                if not error.worth_retrying or tries >= self.attempts or wait is None:
                    error.worth_retrying = False
                    raise
                _log.info(
                    "%s Retrying in %.1f s (attempt %d of %d).",
                    *(error, wait, tries + 1, self.attempts),
                )
            self.sleep(wait)

    def _wait(self, error: ZoomError, tries: int) -> float | None:
        """Seconds until the next attempt; None if that is too long, or too late."""
        if isinstance(error, RateLimited) and error.retry_after is not None:
            if error.retry_after > self.longest_retry_after:
                return None
            wait = error.retry_after
        else:
            wait = min(self.first_wait * 2.0 ** (tries - 1), self.longest_wait) * self.chance()
        return wait if self.clock() + wait <= self.deadline else None
