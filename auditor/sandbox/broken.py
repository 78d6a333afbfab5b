"""Faulty responses, by kind of fault. `faults` draws which request gets one."""

import math
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from auditor.sandbox.faults import Fault, Faults
from auditor.sandbox.limits import PER_SECOND_TEXT, Excess, Label, per_second_excess
from auditor.sandbox.service import SandboxResponse, rate_limited, to_json

SPOILED: Final[frozenset[Fault]] = frozenset({"truncated_json", "invalid_json", "slow"})
"""Faults that modify the correct response."""

_SERVER_ERRORS: Final = (500, 502, 503, 504)
_PAGES: Final[dict[int, bytes]] = {
    200: b"<!doctype html><title>Sign in to the network</title><p>Please sign in.",
    403: b"<!doctype html><title>Blocked</title><p>The network's policy blocks this address.",
    429: b"<!doctype html><title>Slow down</title><p>Too many requests from this network.",
}
_XML: Final = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b"<response><code>200</code><message>Success</message></response>"
)
_WAIT: Final = 1
"""Seconds in a Retry-After header."""


def instead(fault: Fault, vary: float, faults: Faults, label: Label, now: float) -> SandboxResponse:
    """The response in place of the correct one. `vary` is from 0 to 1."""
    match fault:
        case "html_200":
            return _page(200)
        case "html_403":
            return _page(403)
        case "html_429":
            return _page(429)
        case "429":
            excess = per_second_excess(label, 1)
            wait = _retry_after(faults, now)
            return rate_limited(Excess(excess.message, (*excess.headers, *wait)))
        case "429_bare":
            return rate_limited(Excess(PER_SECOND_TEXT, _retry_after(faults, now)))
        case "empty_200":
            return SandboxResponse(200, b"")
        case "xml_200":
            return SandboxResponse(200, _XML, content_type=b"application/xml;charset=UTF-8")
    status = _SERVER_ERRORS[int(vary * len(_SERVER_ERRORS))]
    return to_json({"code": status, "message": "The service is unavailable."}, status)


def spoiled(fault: Fault, vary: float, faults: Faults, answer: SandboxResponse) -> SandboxResponse:
    """The correct response, modified by one of `SPOILED`; only slowness also affects refusals.

    `vary` is from 0 to 1.
    """
    body = answer.body
    if fault == "slow":
        return answer._replace(held=faults.slow_seconds)
    if answer.status != 200:
        return answer
    if fault == "truncated_json":
        return answer._replace(body=body[: len(body) // 2])
    forms = (b"undefined", b"{'result':" + body + b"}", body[:-1] + b",}")
    return answer._replace(body=forms[int(vary * len(forms))])


def _page(status: int) -> SandboxResponse:
    return SandboxResponse(status, _PAGES[status], content_type=b"text/html", from_zoom=False)


def _retry_after(faults: Faults, now: float) -> tuple[tuple[bytes, bytes], ...]:
    moment = math.ceil(now + _WAIT)
    match faults.retry_after:
        case "":
            return ()
        case "seconds":
            text = str(_WAIT)
        case "http_date":
            text = formatdate(moment, usegmt=True)
        case _:
            text = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return ((b"retry-after", text.encode()),)
