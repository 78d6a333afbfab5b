"""Checks from the outside that a receiver works: it takes what Zoom signed, and nothing else."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from auditor.errors import AuditorError, ExitCode
from auditor.watch import events, signing
from auditor.zoom.bounded_http import BoundedAdapter, ResponseTooLarge, ResponseTooSlow, pools
from auditor.zoom.hosts import is_loopback, scheme_and_host
from auditor.zoom.probe import route_to
from auditor.zoom.proxy_checks import is_parseable

ANSWER_WITHIN = 3.0
"""Seconds that Zoom waits for an answer."""
_LARGEST_ANSWER = 64 * 1024


class InvalidAddress(AuditorError):
    """The address is not one that Zoom could call."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """One request to the receiver, and whether the answer was right."""

    title: str
    is_right: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    seconds: float


def check(url: str, secret: str, account_id: str) -> Iterator[CheckedRequest]:
    """Send what Zoom would send, and what an attacker could.

    Raises:
        InvalidAddress: the address is not of the form that Zoom calls.
    """
    scheme, host = scheme_and_host(url)
    if not host or not (scheme == "https" or (scheme == "http" and is_loopback(url))):
        raise InvalidAddress(
            f"{url} is not an address like https://events.example.com/webhook: Zoom calls https "
            "alone. http is accepted for this machine."
        )
    now = time.time()
    token = f"check-{now:.0f}"
    validation = {"event": events.URL_VALIDATION, "payload": {"plainToken": token}}
    yield _validated(_sent(url, validation, secret), token, secret)
    event = {
        "event": events.TEST_EVENT,
        "event_ts": round(now * 1000),
        "payload": {"account_id": account_id, "object": {"id": account_id}},
    }
    yield _judged("A signed event is kept", _sent(url, event, secret), {200})
    yield _judged("The same event again is known", _sent(url, event, secret), {200})
    forged = {**event, "event_ts": round(now * 1000) + 1}
    yield _judged(
        "An event signed with another secret is refused",
        _sent(url, forged, f"{secret}-not-it"),
        range(400, 500),
    )
    yield _judged(
        "An event that was recorded ten minutes ago is refused",
        _sent(url, forged, secret, at=now - 600),
        range(400, 500),
    )


def _validated(answer: _Answer | str, token: str, secret: str) -> CheckedRequest:
    title = "Zoom's validation of the address is answered"
    judged = _judged(title, answer, {200})
    if not judged.is_right or isinstance(answer, str):
        return judged
    try:
        body = json.loads(answer.body)
        expected = signing.digest(secret, token.encode())
        is_right = body == {"plainToken": token, "encryptedToken": expected}
    except ValueError:
        is_right = False
    detail = judged.detail if is_right else "The answer is not signed with this secret."
    return CheckedRequest(title, is_right, detail)


def _judged(title: str, answer: _Answer | str, right: "range | set[int]") -> CheckedRequest:
    if isinstance(answer, str):
        return CheckedRequest(title, False, answer)
    timing = f"HTTP {answer.status} in {answer.seconds:.2f} s"
    return CheckedRequest(title, answer.status in right, f"{timing}.")


def _sent(url: str, event: object, secret: str, at: float | None = None) -> _Answer | str:
    """The answer to a signed event, or why there was none."""
    body = json.dumps(event).encode()
    timestamp = str(round(time.time() if at is None else at))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        signing.TIMESTAMP_HEADER: timestamp,
        signing.SIGNATURE_HEADER: signing.signed(secret, timestamp, body),
    }
    connection = route_to(url)
    if not is_parseable(connection.proxy):
        return "The proxy cannot be used."
    began = time.monotonic()
    try:
        prepared = requests.Request("POST", url, headers=headers, data=body).prepare()
        with (
            closing(
                BoundedAdapter(pools(ANSWER_WITHIN, _LARGEST_ANSWER, time.monotonic))
            ) as adapter,
            adapter.send(
                prepared,
                stream=True,
                timeout=(ANSWER_WITHIN, ANSWER_WITHIN),
                verify=connection.verify,
                proxies={urlsplit(url).scheme: connection.proxy} if connection.proxy else {},
            ) as response,
        ):
            content = response.raw.read(_LARGEST_ANSWER, decode_content=True)
            return _Answer(response.status_code, content, time.monotonic() - began)
    except (ResponseTooSlow, requests.exceptions.Timeout):
        return f"There was no answer within {ANSWER_WITHIN:g} seconds, as long as Zoom waits."
    except ResponseTooLarge:
        return "The answer is too large."
    except requests.exceptions.SSLError:
        return "The certificate is not trusted, or no encrypted connection could be made."
    except requests.exceptions.ConnectionError:
        return "It could not be reached."
    except (requests.exceptions.RequestException, HTTPError, ValueError, OSError) as error:
        return f"The request failed ({type(error).__name__})."
