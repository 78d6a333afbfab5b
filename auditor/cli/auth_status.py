"""The status shown by `auditor auth status`. It never contains the secret."""

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tabulate import tabulate

from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.settings import CredentialValue, Settings
from auditor.config.sources import Origin
from auditor.policy.catalogue.operators import writes
from auditor.secrets import backends
from auditor.secrets import credentials as keyring_store
from auditor.secrets.backends import KeyringState, KeyringStatus, KeyringUnavailable
from auditor.secrets.parsing import LABELS, VARIABLES
from auditor.zoom import scope_names
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.errors import ZoomError, sanitize_message
from auditor.zoom.hosts import UnsafeUrl, check_url
from auditor.zoom.proxy_checks import shown_url
from auditor.zoom.transport import Transport

SCHEMA = "auditor/auth-status/v1"
MAX_WIDTH = 100
"""Maximum columns of sentences."""


class Form(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class TokenScopes:
    """The scopes of an app's token."""

    granted: tuple[str, ...]

    @property
    def writing(self) -> tuple[str, ...]:
        """Scopes that allow the app to change something, which an audit never needs."""
        return tuple(scope for scope in self.granted if writes(scope))

    def lines(self, width: int) -> list[str]:
        """The scopes as text."""
        if not self.granted:
            return ["Zoom gave a token, and did not say what it opens."]
        reading = scope_names.group_by_area(set(self.granted) - set(self.writing))
        lines = ["Zoom gave a token. With it the app may read:"]
        lines += _columns({area: ", ".join(what) for area, what in reading.items()}, width)
        if self.writing:
            lines += _filled(
                f"It may also change things, which an audit never needs: {', '.join(self.writing)}."
                " Remove these scopes on the app's page.",
                width,
            )
        lines += _filled(
            "A scope that you add comes with the next token. Every command asks for a new one; a "
            "command that is running keeps its token, for an hour at most. Which controls a "
            "missing scope makes unknown: auditor doctor",
            width,
        )
        return lines


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """The status of the credentials in use."""

    settings: Settings
    credentials: Mapping[str, CredentialValue]
    addresses: Mapping[str, tuple[str, Origin]]
    keyring: KeyringStatus
    in_keyring: tuple[str, ...]
    in_file: tuple[str, ...]
    is_checked: bool
    scopes: TokenScopes | None
    """None if no token was requested or received."""
    problem: Exception | None
    """Why the credentials cannot be used."""


def token_of(settings: Settings, credentials: Credentials) -> TokenScopes:
    """Request a token from Zoom; returns its scopes.

    Raises:
        UnsafeUrl: credentials must not be sent to this address.
        ZoomError: Zoom issues no token or cannot be reached.
    """
    with Transport() as transport:
        source = TokenSource(credentials, transport, token_url=settings.oauth_url)
        source.token()
        return TokenScopes(tuple(sorted(source.scopes)))


def read_status(settings: Settings, offline: bool) -> CredentialStatus:
    """Read all sources, and request a token from Zoom unless `offline`.

    Raises:
        ConfigError: the config file cannot be used.
    """
    where = config.origins()
    keyring = backends.keyring_status()
    ask = keyring_store.load if keyring.state in _READABLE else _unavailable(keyring)
    credentials_by_name, _ = settings.credential_sources(ask)
    scopes, problem, is_checked = None, None, False
    try:
        check_url(settings.api_url, "ZOOM_API_URL")
        check_url(settings.oauth_url, "ZOOM_OAUTH_URL")
        credentials = settings.credentials(ask)
        is_checked = not offline
        scopes = token_of(settings, credentials) if is_checked else None
    except (ConfigError, UnsafeUrl, ZoomError) as error:
        problem = error
    in_keyring = tuple(keyring_store.profiles()) if keyring.state in _READABLE else ()
    return CredentialStatus(
        settings=settings,
        credentials=credentials_by_name,
        addresses={
            name: (getattr(settings, name), where.get(name, where.get("cloud", Origin.DEFAULT)))
            for name in ("api_url", "oauth_url")
        },
        keyring=keyring,
        in_keyring=in_keyring,
        in_file=tuple(config.profiles(settings)),
        is_checked=is_checked,
        scopes=scopes,
        problem=problem,
    )


_READABLE = (KeyringState.WORKS, KeyringState.NOT_ENCRYPTED)


def _unavailable(keyring: KeyringStatus) -> Callable[[str, str], str | None]:
    """Repeats the keyring's known error immediately: a locked keyring is slow to respond."""

    def ask(_profile: str, _name: str) -> str | None:
        raise KeyringUnavailable(keyring.detail, keyring.state)

    return ask


def shown(status: CredentialStatus, form: Form, width: int) -> str:
    """The status as text or JSON."""
    if form is Form.JSON:
        return json.dumps(_document(status), indent=2, ensure_ascii=False)
    return "\n".join(_lines(status, min(width, MAX_WIDTH)))


def _lines(status: CredentialStatus, width: int) -> list[str]:
    settings, ring = status.settings, status.keyring
    lines = _columns(
        {
            "Profile": settings.profile,
            "Profiles": ", ".join(sorted({*status.in_keyring, *status.in_file})) or "none stored",
            "Keyring": ring.name
            if ring.state in (KeyringState.WORKS, KeyringState.NONE)
            else f"{ring.name}: {ring.state}",
            "Config file": _config_file_shown(settings.config_file),
        },
        width,
        indent="",
    )
    rows = [
        (LABELS[name], _value_shown(name, credential), _origin_shown(status, credential.origin))
        for name, credential in status.credentials.items()
    ]
    rows += [
        (label, shown_url(status.addresses[name][0]), status.addresses[name][1])
        for name, label in (("api_url", "API address"), ("oauth_url", "token address"))
    ]
    lines += ["", tabulate(rows, headers=("value", "is", "from"), disable_numparse=True), ""]
    if ring.detail and any(credential.value is None for credential in status.credentials.values()):
        lines += _filled(str(KeyringUnavailable(ring.detail, ring.state)), width)
    others = sorted({*status.in_keyring, *status.in_file} - {settings.profile})
    if others and any(credential.value is None for credential in status.credentials.values()):
        lines += _filled(f"Other profiles: {', '.join(others)}. Choose one with --profile.", width)
    if status.scopes is not None:
        lines += status.scopes.lines(width)
    elif not status.is_checked and status.problem is None:
        lines.append("Zoom was not asked whether they work (--offline).")
    return lines


def _config_file_shown(path: Path | None) -> str:
    if path is None:
        return "none, because there is no home directory"
    return f"{path}{'' if path.is_file() else ' (not there)'}"


def _value_shown(name: str, credential: CredentialValue) -> str:
    if not credential.value:
        return "not set"
    if name == "client_secret":
        return "set, not shown"
    return (
        sanitize_message(credential.value) if name == "account_id" else beginning(credential.value)
    )


def beginning(value: str) -> str:
    """Enough of an id to recognise it: in full, it could be a secret in the wrong field."""
    return f"{sanitize_message(value[: min(4, len(value) // 2)])}…"


def _origin_shown(status: CredentialStatus, origin: Origin | None) -> str:
    if origin is Origin.KEYRING and status.keyring.state is KeyringState.NOT_ENCRYPTED:
        return "keyring, not encrypted"
    return origin or "-"


def _document(status: CredentialStatus) -> dict[str, Any]:
    settings, ring, scopes = status.settings, status.keyring, status.scopes
    return {
        "schema": SCHEMA,
        "profile": settings.profile,
        "profiles": [
            {
                "name": name,
                "keyring": name in status.in_keyring,
                "config_file": name in status.in_file,
            }
            for name in sorted({*status.in_keyring, *status.in_file})
        ],
        "config_file": {
            "path": str(settings.config_file) if settings.config_file else None,
            "exists": settings.config_file is not None and settings.config_file.is_file(),
        },
        "keyring": {
            "name": ring.name,
            "backend": ring.backend,
            "state": ring.state,
            "detail": ring.detail or None,
        },
        "values": [
            {
                "name": name,
                "variable": VARIABLES[name],
                "set": bool(credential.value),
                "shown": _value_shown(name, credential),
                "source": credential.origin,
            }
            for name, credential in status.credentials.items()
        ],
        "addresses": [
            {"name": name, "value": shown_url(value), "source": origin}
            for name, (value, origin) in status.addresses.items()
        ],
        "token": {
            "asked": status.is_checked,
            "works": scopes is not None if status.is_checked else None,
            "scopes": list(scopes.granted) if scopes else None,
            "writes": list(scopes.writing) if scopes else None,
        },
        "problem": str(status.problem) if status.problem is not None else None,
    }


def _columns(rows: Mapping[str, str], width: int, indent: str = "  ") -> list[str]:
    widest = max(map(len, rows), default=0) + 2
    return [line for name, text in rows.items() for line in textwrap.wrap(
        text,
        width,
        initial_indent=indent + name.ljust(widest),
        subsequent_indent=" " * (len(indent) + widest),
        break_long_words=False,
        break_on_hyphens=False,
    )]  # fmt: skip


def _filled(text: str, width: int) -> Iterable[str]:
    return textwrap.wrap(
        text, min(width, MAX_WIDTH), break_long_words=False, break_on_hyphens=False
    )
