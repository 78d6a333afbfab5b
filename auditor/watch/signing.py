"""Signatures of webhooks: who sent a body, and when.

Zoom signs `v0:TIMESTAMP:BODY` with the secret token of the app. Source:
developers.zoom.us/docs/api/webhooks, "Verify webhook events", read 2026-11.
"""

import hashlib
import hmac
import re

from auditor.errors import AuditorError

VERSION = "v0"
SIGNATURE_HEADER = "x-zm-signature"
TIMESTAMP_HEADER = "x-zm-request-timestamp"
WINDOW = 300.0
"""Seconds by which the time of a request may differ from ours, either way."""

_TIMESTAMP = re.compile(r"[0-9]{1,13}", re.ASCII)
_MILLISECONDS_FROM = 10**11
"""A larger number of seconds would be in the year 5138: it is milliseconds."""


class InvalidSignature(AuditorError):
    """A request that is not Zoom's, or that may have been recorded and sent again."""


def signed(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body: `v0=` and 64 hex digits."""
    message = f"{VERSION}:{timestamp}:".encode() + body
    return f"{VERSION}={digest(secret, message)}"


def digest(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in hex digits."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(secret: str, timestamp: str, signature: str, body: bytes, now: float) -> None:
    """Check that `body` was signed with `secret` within `WINDOW` seconds of `now`.

    The signature is compared first and in constant time: an attacker without the secret learns
    nothing from which check failed.

    Raises:
        InvalidSignature: it was not.
    """
    expected = signed(secret, timestamp, body)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise InvalidSignature("the signature does not match")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise InvalidSignature("the time of the request is not a number")
    seconds = int(timestamp) / (1000 if int(timestamp) >= _MILLISECONDS_FROM else 1)
    if abs(now - seconds) > WINDOW:
        raise InvalidSignature("the request was signed more than 5 minutes ago, or ahead")
