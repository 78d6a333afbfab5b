"""Pings a dead man's switch: a service that raises an alarm when it receives no ping.

The address is a secret: anyone who has it can silence the switch.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from auditor.notify.channels import NotifyError
from auditor.zoom.bounded_http import BoundedAdapter, ResponseTooLarge, ResponseTooSlow, pools
from auditor.zoom.hosts import is_loopback, scheme_and_host
from auditor.zoom.probe import route_to
from auditor.zoom.proxy_checks import is_parseable

VARIABLE = "AUDITOR_HEARTBEAT"
TIMEOUT = 5.0
"""Seconds for one attempt, from connecting to the end of the headers."""
_MAX_BYTES = 64 * 1024
"""Bytes. Of a response only the status matters."""
PAUSE = 1.0
"""Seconds before the second attempt."""
TRIES = 2


class HeartbeatSignal(StrEnum):
    """What the ping reports: the audit succeeded, or it failed."""

    ALIVE = "alive"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PingResult:
    """Whether the ping arrived. `reason` is a sentence without the address."""

    arrived: bool
    reason: str = ""


def signal_for(exit_code: int) -> HeartbeatSignal:
    """Alive if the account was evaluated completely, with deviations (1) or without (0)."""
    return HeartbeatSignal.ALIVE if exit_code in (0, 1) else HeartbeatSignal.FAILED


def check(url: str) -> None:
    """Check that `url` can be pinged.

    Raises:
        NotifyError: it is not an address, or its secret would be sent unencrypted.
    """
    url = url.strip()
    scheme, host = scheme_and_host(url)
    if not host or scheme not in ("https", "http"):
        raise NotifyError(
            f"{VARIABLE} is not an address like https://hc-ping.com/…, with https, a host and no "
            "user name."
        )
    if scheme == "http" and not is_loopback(url):
        raise NotifyError(f"{VARIABLE} must use https: http is accepted for this machine only.")


def ping(
    url: str, signal: HeartbeatSignal, timeout: float = TIMEOUT, pause: float = PAUSE
) -> PingResult:
    """Request `url`, with `/fail` appended to its path for a failure. Never raises; ends within 11
    seconds unless name resolution takes longer."""
    try:
        check(url)
    except NotifyError as error:
        return PingResult(arrived=False, reason=str(error))
    address = _failure_url(url.strip()) if signal is HeartbeatSignal.FAILED else url.strip()
    reason = ""
    for remaining in reversed(range(TRIES)):
        reason = _call(address, timeout)
        if not reason:
            return PingResult(arrived=True)
        if remaining:
            time.sleep(pause)
    return PingResult(arrived=False, reason=reason)


def _call(address: str, timeout: float) -> str:
    """Why the request failed; empty if it succeeded. Errors of requests contain the address.

    The proxies and certificates of the environment apply; the logins in `~/.netrc` do not.
    """
    connection = route_to(address)
    if not is_parseable(connection.proxy):
        return "The proxy cannot be used."
    try:
        prepared = requests.Request("GET", address).prepare()
        with (
            closing(BoundedAdapter(pools(timeout, _MAX_BYTES, time.monotonic))) as adapter,
            adapter.send(
                prepared,
                stream=True,
                timeout=(timeout, timeout),
                verify=connection.verify,
                proxies={urlsplit(address).scheme: connection.proxy} if connection.proxy else {},
            ) as response,
        ):
            status = response.status_code
    except ResponseTooSlow:
        return f"It did not answer within {timeout:g} seconds."
    except ResponseTooLarge:
        return "Its response is too large."
    except requests.exceptions.SSLError:
        return "Its certificate is not trusted, or no encrypted connection could be made."
    except requests.exceptions.ProxyError:
        return "The proxy cannot be used."
    except requests.exceptions.Timeout:
        return f"It did not answer within {timeout:g} seconds."
    except requests.exceptions.ConnectionError:
        return "It could not be reached."
    except (requests.exceptions.RequestException, HTTPError, ValueError, OSError) as error:
        return f"The request failed ({type(error).__name__})."
    if 200 <= status < 300:
        return ""
    return f"It answered with HTTP {status}. Check {VARIABLE}."


def _failure_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/fail", fragment=""))
