"""The five requests that change something, and the check that nothing else is sent.

Sources: Zoom's API reference (2024-01), the types of its SDK (2025-12).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from auditor.writing.model import ChangeKind, ChangeLevel
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

METHOD: Final = "PATCH"


@dataclass(frozen=True, slots=True)
class WriteEndpoint:
    """A document that can be changed, and the request that reads it."""

    reading: Endpoint
    id_name: str
    """The placeholder in its path; empty for the account."""
    options: tuple[str, ...]
    """The values of the `option` query parameter that it takes."""

    @property
    def request(self) -> str:
        """The name in messages: `PATCH /users/{userId}/settings`."""
        return f"{METHOD} {self.reading.path}"


_AUTHENTICATION = ("meeting_authentication", "recording_authentication")

_ENDPOINTS: Mapping[tuple[ChangeKind, ChangeLevel], WriteEndpoint] = MappingProxyType(
    {
        ("value", "account"): WriteEndpoint(
            endpoints.ACCOUNT_SETTINGS,
            "",
            (*_AUTHENTICATION, "security", "meeting_security"),
        ),
        ("lock", "account"): WriteEndpoint(
            endpoints.ACCOUNT_LOCK_SETTINGS,
            "",
            (),
        ),
        ("value", "group"): WriteEndpoint(
            endpoints.GROUP_SETTINGS,
            "groupId",
            (*_AUTHENTICATION, "meeting_security"),
        ),
        ("lock", "group"): WriteEndpoint(
            endpoints.GROUP_LOCK_SETTINGS,
            "groupId",
            ("meeting_security",),
        ),
        ("value", "user"): WriteEndpoint(
            endpoints.USER_SETTINGS,
            "userId",
            (*_AUTHENTICATION, "meeting_security"),
        ),
    }
)

_TARGET = re.compile(
    r"(?:https?://[^/?#]+)?(?:/[^?#]*)?"
    r"/(?:accounts/me|groups/[A-Za-z0-9._~%-]+)/(?:lock_)?settings(?:\?option=[a-z_]+)?"
    r"|(?:https?://[^/?#]+)?(?:/[^?#]*)?/users/[A-Za-z0-9._~%@-]+/settings(?:\?option=[a-z_]+)?"
)
"""The target of a request line: a path, or an address if it goes through a plain proxy."""


def endpoint(kind: ChangeKind, level: ChangeLevel) -> WriteEndpoint:
    """The endpoint of a change.

    Raises:
        KeyError: there is none: users have no locks.
    """
    return _ENDPOINTS[kind, level]


def is_permitted(method: str, target: str) -> bool:
    """True for what the connections of the writing app may send.

    Besides GET and the POST for a token, that is a PATCH of one of the five documents.
    """
    if method == METHOD:
        return "/../" not in target and _TARGET.fullmatch(target) is not None
    return method in ("GET", "POST")
