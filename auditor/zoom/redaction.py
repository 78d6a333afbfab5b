"""Removes secrets from a parsed document before it is logged, cached or stored."""

import json
from collections.abc import Mapping

from auditor.evidence.reading import JsonValue
from auditor.redaction.text import REDACTED, is_secret_name, redact_text

_LONGEST_JSON = 1_000_000
"""Characters of a text up to which it is parsed as JSON."""
_LONGEST_LENGTH = 999
"""Among the settings of a password, a number up to this is a length or a number of days."""
_NAMING = ("name", "key", "field", "label", "setting")
_NAMED = frozenset(("value", "values", "new_value", "old_value", "default", "text"))


def redact(document: JsonValue) -> JsonValue:
    """A copy of `document` without secrets, which are known by the name of the key or by shape.

    Only texts, numbers and keys that are secrets themselves are replaced. Booleans, nulls and
    lengths are settings (`pmi_password: true`), and an empty text means that there is no secret.
    """
    if isinstance(document, str):
        return _without_shapes(document)
    if isinstance(document, dict):
        return redact_object(document)
    if isinstance(document, list):
        return [redact(item) for item in document]
    return document


def redact_object(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """`redact` for an object."""
    clean: dict[str, JsonValue] = {}
    for key, value in document.items():
        name = redact_text(key)  # a key may be a secret: {"https://zoom.us/j/1?pwd=x": true}
        if name != key and name in clean:  # two keys were secrets
            name = f"{name} {len(clean)}"
        if is_secret_name(key) or (key in _NAMED and _names_a_secret(document)):
            clean[name] = _without_scalars(value)
        elif isinstance(value, str):
            clean[name] = _without_shapes(value)
        elif isinstance(value, dict):
            clean[name] = redact_object(value)
        elif isinstance(value, list):
            clean[name] = [redact(item) for item in value]
        else:
            clean[name] = value
    return clean


def _names_a_secret(document: Mapping[str, JsonValue]) -> bool:
    """True for `{"name": "Host key", "value": ...}`."""
    for naming in _NAMING:
        name = document.get(naming)
        if isinstance(name, str) and is_secret_name(name):
            return True
    return False


def _without_shapes(text: str) -> str:
    """A text without secrets. If the text is JSON, secrets are also known by key."""
    if text[:1] in "{[" and text[-1:] in ("}", "]") and len(text) <= _LONGEST_JSON:
        try:
            inner = json.loads(text)
            clean = redact(inner)
        except (ValueError, RecursionError):
            return redact_text(text)
        if clean != inner:
            return json.dumps(clean, ensure_ascii=False)
    return redact_text(text)


def _without_scalars(value: JsonValue) -> JsonValue:
    """The value of a secret key without texts and numbers at any depth."""
    if isinstance(value, list):
        return [_without_scalars(item) for item in value]
    if isinstance(value, dict):
        return {redact_text(key): _without_texts(key, item) for key, item in value.items()}
    if value is None or isinstance(value, bool) or value == "":
        return value
    return REDACTED


def _without_texts(key: str, value: JsonValue) -> JsonValue:
    """A member of an object under a secret key; lengths are settings: `{"length": 8}`."""
    is_length = isinstance(value, int | float) and -1 <= value <= _LONGEST_LENGTH
    return value if is_length and not is_secret_name(key) else _without_scalars(value)
