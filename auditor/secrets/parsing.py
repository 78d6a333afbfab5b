"""Parses credentials from standard input, and validates their form."""

import json
import re
from collections.abc import Mapping

from auditor.errors import AuditorError

NAMES = ("account_id", "client_id", "client_secret")
"""The three values on the page of a Server-to-Server app, in its order."""
VARIABLES = {
    "account_id": "ZOOM_ACCOUNT_ID",
    "client_id": "ZOOM_CLIENT_ID",
    "client_secret": "ZOOM_CLIENT_SECRET",
}
LABELS = {
    "account_id": "account ID",
    "client_id": "client ID",
    "client_secret": "client secret",
}
LONGEST = 64 * 1024
"""Maximum length of the input, in characters."""

_AROUND = " \t\r\n\v\f\xa0\ufeff\"'“”‘’`"
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z][\w.-]*)\s*[=:]\s*(.*)", re.DOTALL)
_PRINTABLE = re.compile(r"[!-~]+")
_PLACEHOLDER = re.compile(r"\.{2,}|…|x{3,}|\*{3,}|<.*>|\$\{.*\}|your[-_ ].*|change[-_ ]?me", re.I)


class UnreadableCredentials(AuditorError):
    """The input cannot be parsed. The message never repeats any of it."""


def strip_quotes(value: str) -> str:
    """`value` without surrounding blanks and quotes."""
    return value.strip(_AROUND)


def read(text: str) -> dict[str, str]:
    """The three values in `text`: three lines, KEY=VALUE lines, or a JSON object.

    Raises:
        UnreadableCredentials: it is none of these, or a value is missing.
    """
    if len(text) > LONGEST:
        raise UnreadableCredentials("Standard input is too long for three credentials.")
    text = text.strip().removeprefix("\ufeff").strip()
    if not text:
        raise UnreadableCredentials(f"Standard input is empty. {_EXPECTED_INPUT}")
    values = _of_json(text) if text.startswith("{") else _of_lines(text.splitlines())
    missing = [VARIABLES[name] for name in NAMES if not values.get(name)]
    if missing:
        raise UnreadableCredentials(
            f"Standard input holds no {' and no '.join(missing)}. {_EXPECTED_INPUT}"
        )
    return {name: values[name] for name in NAMES}


_EXPECTED_INPUT = (
    "Give three lines (account ID, client ID, client secret), or KEY=VALUE lines or a JSON object "
    "with the keys ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET."
)


def validation_errors(values: Mapping[str, str]) -> dict[str, str]:
    """Name to error message, for each value that cannot be right. Messages contain no value."""
    errors: dict[str, str] = {}
    for name in NAMES:
        fault = _fault(name, values[name])
        if fault:
            errors[name] = f"The {LABELS[name]} ({VARIABLES[name]}) {fault}"
    for one, other in (("client_id", "account_id"), ("client_secret", "client_id"),
                       ("client_secret", "account_id")):  # fmt: skip
        if values[one] == values[other] and one not in errors and other not in errors:
            errors[one] = (
                f"The {LABELS[one]} ({VARIABLES[one]}) is the same as the {LABELS[other]}: they "
                "are different values on the app's page. Copy it again."
            )
    return errors


def _fault(name: str, value: str) -> str:
    """The error as the rest of a sentence; empty if the form is valid."""
    if not value:
        return "is empty."
    if _PLACEHOLDER.fullmatch(value):
        return "is still an example's placeholder. Copy the value from the app's page."
    assigned = _ASSIGNMENT.fullmatch(value)
    if assigned and _name_of(assigned[1]):
        return "begins with its own name. Give only the value."
    if not _PRINTABLE.fullmatch(value):
        return (
            "contains a space, a line break or a character that no Zoom credential has. "
            "Copy only the value again."
        )
    if "://" in value:
        return "is an address. Copy the value from the app's page."
    if name != "client_secret" and "@" in value:
        return "is an e-mail address. Copy the value from the app's page."
    if name == "account_id" and re.fullmatch(r"[\d-]+", value):
        return (
            "is a number, such as the account number. The account ID also has letters; it is "
            "on the app's page under App Credentials."
        )
    return ""


def _of_json(text: str) -> dict[str, str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableCredentials(
            f"Standard input looks like JSON, but is not valid JSON. {_EXPECTED_INPUT}"
        ) from None
    values: dict[str, str] = {}
    for key, value in document.items():
        name = _name_of(key)
        if name and not isinstance(value, str):
            raise UnreadableCredentials(
                f"{VARIABLES[name]} in the JSON object is not a text. {_EXPECTED_INPUT}"
            )
        if name:
            values[name] = strip_quotes(value)
    return values


def _of_lines(lines: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    unnamed: list[str] = []
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        assigned = _ASSIGNMENT.fullmatch(line)
        name = _name_of(assigned[1]) if assigned else None
        if assigned and name:
            values[name] = strip_quotes(assigned[2])
        else:
            unnamed.append(strip_quotes(line))
    if values:
        return values
    if len(unnamed) != len(NAMES):
        raise UnreadableCredentials(
            f"Standard input has {len(unnamed)} lines, not three. {_EXPECTED_INPUT}"
        )
    return dict(zip(NAMES, unnamed, strict=True))


def _name_of(key: str) -> str | None:
    """The name that a key stands for, such as ZOOM_CLIENT_ID, client_id or clientId; else None."""
    plain = re.sub(r"[^a-z]", "", key.lower()).removeprefix("zoom")
    return {name.replace("_", ""): name for name in NAMES}.get(plain)
