"""JSON for programs that others wrote: some refuse what JSON allows, so it is written for them."""

import json
import math
import re

from auditor.evidence.reading import JsonValue
from auditor.report.display import printable

Object = dict[str, JsonValue]

_ESCAPED = re.compile(r"\\[utrbf]")
"""How `json.dumps` writes control characters."""


def json_text(value: JsonValue) -> str:
    """`value` on one line, with everything that a strict reader refuses spelled out.

    Many refuse NUL and lone surrogates, and some show direction marks as they are.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN or infinity
        text = ""
    if text.isascii() and text.isprintable() and text and not _ESCAPED.search(text):
        return text  # nearly always so, and it saves going through it
    return json.dumps(readable(value), ensure_ascii=False, allow_nan=False)


def readable(value: JsonValue) -> JsonValue:
    """`value` with harmful characters, NaN and infinity spelled out, keys included.

    Line breaks stay: JSON escapes them, and longer texts have some.
    """
    match value:
        case str():
            return (
                printable(value)
                if "\n" not in value
                else "\n".join(map(printable, value.split("\n")))
            )
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [readable(item) for item in value]
        case dict():
            return {printable(key): readable(item) for key, item in value.items()}
        case _:
            return value
