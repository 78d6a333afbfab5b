"""The status shown by `auditor auth status`. It never contains the secret."""

import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from auditor.app.credentials import CredentialStatus, ShownCredential, TokenScopes
from auditor.config.sources import Origin
from auditor.secrets.backends import KeyringState, KeyringUnavailable
from auditor.secrets.parsing import LABELS, VARIABLES

SCHEMA = "auditor/auth-status/v1"


def scope_lines(scopes: TokenScopes, width: int) -> list[str]:
    """The scopes of a token as text."""
    if not scopes.granted:
        return ["Zoom gave a token, and did not say what it opens."]
    lines = ["Zoom gave a token. With it the app may read:"]
    reading = {area: ", ".join(what) for area, what in scopes.reading_by_area.items()}
    lines += _columns(reading, width)
    if scopes.writing:
        lines += _filled(
            f"It may also change things, which an audit never needs: {', '.join(scopes.writing)}."
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


def text(status: CredentialStatus, width: int) -> list[str]:
    """The status as lines of text."""
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
        (label, *status.addresses[name])
        for name, label in (("api_url", "API address"), ("oauth_url", "token address"))
    ]
    lines += ["", tabulate(rows, headers=("value", "is", "from"), disable_numparse=True), ""]
    is_incomplete = not all(credential.shown for credential in status.credentials.values())
    if ring.detail and is_incomplete:
        lines += _filled(str(KeyringUnavailable(ring.detail, ring.state)), width)
    others = sorted({*status.in_keyring, *status.in_file} - {settings.profile})
    if others and is_incomplete:
        lines += _filled(f"Other profiles: {', '.join(others)}. Choose one with --profile.", width)
    if status.scopes is not None:
        lines += scope_lines(status.scopes, width)
    elif not status.is_checked and status.problem is None:
        lines.append("Zoom was not asked whether they work (--offline).")
    return lines


def _config_file_shown(path: Path | None) -> str:
    if path is None:
        return "none, because there is no home directory"
    return f"{path}{'' if path.is_file() else ' (not there)'}"


def _value_shown(name: str, credential: ShownCredential) -> str:
    if credential.shown and name == "client_secret":
        return "set, not shown"
    return credential.shown or "not set"


def _origin_shown(status: CredentialStatus, origin: Origin | None) -> str:
    if origin is Origin.KEYRING and status.keyring.state is KeyringState.NOT_ENCRYPTED:
        return "keyring, not encrypted"
    return origin or "-"


def document(status: CredentialStatus) -> str:
    """The status as JSON."""
    settings, ring, scopes = status.settings, status.keyring, status.scopes
    content: dict[str, Any] = {
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
                "set": bool(credential.shown),
                "shown": _value_shown(name, credential),
                "source": credential.origin,
            }
            for name, credential in status.credentials.items()
        ],
        "addresses": [
            {"name": name, "value": value, "source": origin}
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
    return json.dumps(content, indent=2, ensure_ascii=False)


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
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
