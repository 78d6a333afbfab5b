"""Redaction: secrets leave a document where it is parsed, before it is logged, cached or stored."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache

from auditor.evidence.reading import JsonValue

REDACTED = "[redacted]"

_SECRET = re.compile(
    r"(?:^|_)(?:pass|pass(?:words?|wd|codes?|phrase)|pwd|pin|secrets?|tokens?|zak|jwt|credentials?"
    r"|bearer)(?:_|$)"
    r"|(?:host|api|access|secret|private|encryption|stream)_keys?$"
    r"|smtp_delivery_address$|authorization$"
)
_LINK = re.compile(r"(?:^|_)(?:url|link)s?(?:_|$)")
_ENTRY = re.compile(
    r"(?:^|_)(?:start|join|personal|registration|register|invite|invitation|pmi|play|download"
    r"|share)(?:_|$)"
)
"""With a word for a link they name an address that lets its holder in: `start_url`, `join_url`."""
_SETTING = re.compile(
    r"^(?:allow|embed|enable|force|include|minimum|maximum|required?|show|use)_"
    r"|_(?:age|count|days|enabled|expiration|expires|hours|in|length|level|minutes|mode|options?"
    r"|policy|protected|requirements?|seconds|type)$"
)
_NEVER_SECRET = frozenset(("next_page_token",))
"""Needed for paging, worthless after 15 minutes and without the account's own token."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPAQUE = r"(?=[\w.~+/=-]*(?:[0-9_~+/=-]|(?-i:[a-z][A-Z]))|\w{20})"
"""What follows is no word of a language: "basic authentication" is not a header."""
_SHAPES = re.compile(
    r"""
      (?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?                        # JSON Web Token
    | (?<=\bbearer\s)\s*%(opaque)s[\w.~+/=-]{6,}                    # Authorization header
    | (?<=\bbasic\s)\s*%(opaque)s[\w+/]{8,}={0,2}
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s/@"'<>]+:[^\s/@"'<>]+@[^\s"'<>]*  # address with a password
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s"'<>]{0,2000}[?&;]
      (?:pwd|zak|tk|tok|token|access_token|passcode|password|secret|sig|signature|ticket)
      =[^\s"'<>]*                                                   # address that lets in
    | (?<=[?&](?:zak|pwd)=)[^\s&"'<>]+
    | (?<=\bclient_secret=)[^\s&"'<>]+
    | (?<=\baccess_token=)[^\s&"'<>]+
    | (?<=,\*)\d{4,12}(?=\#)                                        # one-tap dial string
    """.replace("%(opaque)s", _OPAQUE),
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_LABELLED = re.compile(
    r"""
    (\b(?:passcode|password|pwd|client[_ ]secret|access[_ ]token|host[_ ]key)
      ["']?\s*[:=]\s*["']?)
    (?!(?:from|on|off|enabled|disabled|required|true|false|null|none)\b|\[redacted\])
    [^\s"',;&]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""`Passcode: x`, as invitations have it; not `Passcode: from Off to On` of the operation log."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True where a text or number under this key is a secret.

    Settings about secrets are not: `require_password_for_pmi_meetings` is `all`, `jbh_only` or
    `none`; `minimum_password_length` is a length.
    """
    snake = _CAMEL.sub("_", name).lower().replace("-", "_")
    if snake in _NEVER_SECRET or _SETTING.search(snake):
        return False
    if _SECRET.search(snake):
        return True
    return bool(_LINK.search(snake) and _ENTRY.search(snake))


def redact_text(text: str) -> str:
    """`text` with tokens, passcodes and addresses that let their holder in replaced."""
    if _is_harmless(text):
        return text
    return _LABELLED.sub(rf"\g<1>{REDACTED}", _SHAPES.sub(REDACTED, text))


def _is_harmless(text: str) -> bool:
    """True where nothing is in `text` that every secret has in or before it: a quick look."""
    if ":" in text or "=" in text or "*" in text:
        return False
    lower = text.lower()
    return not ("eyj" in lower or "bearer" in lower or "basic" in lower)


def redact(document: JsonValue) -> JsonValue:
    """A copy of `document` without secrets: by the name of their key, and by their shape.

    Only texts and numbers are replaced. Booleans, nulls and objects are settings
    (`pmi_password: true`), and an empty text says that there is no secret.
    """
    if isinstance(document, str):
        return redact_text(document)
    if isinstance(document, dict):
        return redact_object(document)
    if isinstance(document, list):
        return [redact(item) for item in document]
    return document


def redact_object(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """`redact` for what is known to be an object."""
    clean: dict[str, JsonValue] = {}
    for key, value in document.items():
        # Most values are switches, which never are secrets: nothing is looked up for them.
        if value is True or value is False or value is None:
            clean[key] = value
        elif is_secret_name(key):
            clean[key] = _without_scalars(value)
        elif isinstance(value, str):
            clean[key] = redact_text(value)
        elif isinstance(value, dict):
            clean[key] = redact_object(value)
        elif isinstance(value, list):
            clean[key] = [redact(item) for item in value]
        else:
            clean[key] = value
    return clean


def _without_scalars(value: JsonValue) -> JsonValue:
    """The value of a secret key: its own texts and numbers go, also those in a list."""
    if isinstance(value, list):
        return [_without_scalars(item) for item in value]
    if isinstance(value, dict):
        return redact(value)
    if value is None or isinstance(value, bool) or value == "":
        return value
    return REDACTED


class RedactingFilter(logging.Filter):
    """Keeps secrets out of a log: message, arguments and traceback. Attach it to handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record` in place; it is always let through."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact_text(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text)
        return True
