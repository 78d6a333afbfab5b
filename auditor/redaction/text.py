"""Secrets: recognizes them by name, by shape, and by the values that this process holds.

Names and shapes are those of Zoom's API (facts as of 2026-11), and the usual ones of other
services. A secret with neither cannot be distinguished from other text.
"""

import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from traceback import format_exception

from auditor.redaction.held_secrets import REDACTED, HeldSecrets
from auditor.redaction.secret_names import CODES, ENDINGS, LABELS, OPEN_KEYS, WORDS

__all__ = [
    "LONGEST_TEXT",
    "REDACTED",
    "RedactingFilter",
    "is_secret_name",
    "redact_text",
    "redacted_traceback",
    "register_secret",
    "register_token",
]


def _any(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names))


_SECRET = re.compile(
    rf"(?:^|_)(?:{_any(WORDS)})(?:_|$)"
    rf"|(?:{_any(ENDINGS)})$"
    r"|(?:host|api|access|secret|private|encryption|stream|signing|session|shared|master|service"
    r"|auth|account|storage|subscription|activation|recovery|ssh|hmac|aes)_?keys?(?:_id)?$"
    rf"|(?:{_any(CODES)})_codes?$"
    r"|(?:^|_)signature$|session_?id$"
)
_KEY = re.compile(r"[^_]_keys?$")
_OPEN_KEY = re.compile(rf"(?:^|_)(?:{_any(OPEN_KEYS)})_keys?$")
_LINK = re.compile(r"(?:^|_)(?:ur[il]|link)s?(?:_|$)")
_ENTRY = re.compile(
    r"(?:^|_)(?:start|join|personal|registration|register|invite|invitation|pmi|play|download"
    r"|share|upload|presigned|signed|sas|recording|transcript|webhook|callback|magic|reset"
    r"|activation|verification)(?:_|$)"
)
"""With a word for a link, the name of a URL that grants access: `start_url`, `join_url`."""
_SETTING = re.compile(
    r"^(?:allow|embed|enable|force|include|minimum|maximum|required?|show|use)_"
    r"|_(?:age|count|days|enabled|expiration|expires|hours|in|length|level|minutes|mode|options?"
    r"|policy|protected|requirements?|seconds|type)$|_in_chat$|_when_"
)
_NEVER_SECRET = frozenset(("nextpagetoken",))
"""Without underscores. Needed for paging; useless after 15 minutes or without the token."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPAQUE = r"(?=[\w.~+/=-]*(?:[0-9_~+/=-]|(?-i:[a-z][A-Z]))|\w{20})"
"""Lookahead for text that is not an ordinary word: "basic authentication" is not a header."""
_SHAPES = re.compile(
    r"""
      (?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?                        # JSON Web Token
    | (?<=\bbearer\s)\s*%(opaque)s[\w.~+/=-]{6,}                    # Authorization header
    | (?<=\bbasic\s)\s*%(opaque)s[\w+/]{8,}={0,2}
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s/@:"'<>]{0,300}:[^\s/@"'<>]{1,300}@[^\s"'<>]*
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s"'<>]{0,500}[?&;]
      (?:pwd|zak|tk|tok|token|access_token|passcode|password|secret|sig|signature|ticket)
      =[^\s"'<>]*                                                   # URL that grants access
    | \bhttps?://[^\s"'<>/]+/rec/(?:share|play|download)/[^\s"'<>]+       # a recording
    | \bhttps://hooks\.slack\.com/[^\s"'<>]+
    | (?<=,\*)\d{4,12}(?=\#)                                        # one-tap dial string
    | (?<=\d\.)\d{4,12}(?=@zoomcrc\b)                               # SIP and H.323 dial string
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(?:[^-]|-(?!----))*
    | (?<!\w)(?:A[KS]IA[0-9A-Z]{16}|xox[abeoprs]-[\w-]{10,}|gh[pous]_\w{30,})(?!\w)
    """.replace("%(opaque)s", _OPAQUE),
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_QUERY = re.compile(
    r"(?:[?&;#]|%3F|%26|%23)(?P<name>[\w.-]{1,60})(?P<is>=|%3D)"
    r"(?P<value>(?:(?!%26|%23)[^\s&;\"'<>#\\]){1,200})",
    re.IGNORECASE | re.ASCII,
)
_QUERY_REST = re.compile(r"(?:(?!%26|%23)[^\s&;\"'<>#\\])*", re.IGNORECASE)
_QUERY_NAMES = frozenset(("tk", "tok", "sig", "ticket", "code", "auth", "key", "st"))
"""Parameters that are secret in a URL, in addition to the names that are secret anywhere."""
_NAME = r"(?P<name>(?:[a-z0-9.]{1,20}[ ])?[\w-]{1,60})"
_LABELLED = re.compile(
    r"""
    (?<![\w-])%(name)s
    (?P<is>(?:\\*["'])?\s{0,9}(?:[:=]|=>|\bis\b)\s{0,9})
    (?P<value>\\*["'][^"']{0,100}\\*["']? | [^\s"',;&<>\\]{1,200})
    """.replace("%(name)s", _NAME),
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
"""`Passcode: x`, as in invitations; not `Passcode: from Off to On`, as in the operation log.

Of a quoted value only the beginning is matched; `_quoted` finds its end.
"""
_FOREIGN = re.compile(
    rf"""
    (?<!\w)(?P<name>{_any(label.replace(" ", "_") for label in LABELS).replace("_", "[ _]")})
    (?P<is>(?:\\*["'])?\s{{0,9}}[:=]\s{{0,9}})
    (?P<value>\\*["'][^"']{{0,100}}\\*["']? | [^\s"',;&<>\\]{{1,200}})
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""The same in other languages, in which a label may consist of several words."""
_REST = re.compile(r"[^\s\"',;&<>\\]*")
"""The rest of a value that is longer than the match."""
_NEXT = re.compile(rf"{_NAME}(?:\\*[\"'])?\s{{0,9}}[:=]", re.IGNORECASE | re.ASCII)
_BRACKET = re.compile(r"[\[\](){}]")
_BARE = re.compile(
    r"""
    (?P<name>\b(?:pass(?:word|code|phrase)|host\ key|zak|pin|(?:client|app)\ secret)\b)
    (?P<is>\s{1,9})
    (?P<value>"[^"\s]{3,1000}" | '[^'\s]{3,1000}' | (?=[^\s"',;]*\d)[^\s"',;<>]{4,})
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
"""`passcode 482913`, as in error messages: a value with a digit, or a quoted value."""
_STATE = re.compile(
    r"""
    \\*["']?
    (?: from(?:\s.*)? | on|off|enabled|disabled|required|not|true|false|null|none|all
      | \[redacted\] )
    [.!)\]}]*\\*["']?
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""The text after a name that states a setting instead of a value."""
_QUOTE = re.compile(r"\\*[\"']")
_QUOTES = {mark: re.compile(rf"\\*{mark}") for mark in "\"'"}

_LONGEST_NAME = 100
"""Characters at either end of a key that are examined, because keys may be of any length."""
LONGEST_TEXT = 200_000
MOST_LABELS = 2_000
"""Characters and labels of a text that are examined. The rest is dropped."""
_LONGEST_WORD = 4_000
"""Characters at the end of the examined text that are dropped if they are one word: it may be the
beginning of a secret that cannot be recognized."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"
)
_LOOKALIKES = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\ufe55\ufe13\u2236\ua789\u02d0\u02f8\u0589\u05c3"), ":")
    | dict.fromkeys(map(ord, "\ufe66\ua78a"), "=")
    | dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " ")
)
"""Full-width characters, other colons and other blanks, mapped to ASCII."""

_registry = HeldSecrets()


def register_secret(*secrets: str) -> None:
    """Register secrets of this process, so that they are redacted in every text from now on.

    Also recognized in URLs, in JSON, in base64 and in hexadecimal digits.
    """
    _registry.register(*secrets)


def register_token(token: str) -> None:
    """Register an access token. Only the newest ones are remembered."""
    _registry.register_token(token)


def is_secret_name(name: str) -> bool:
    """True if a text or number under this key is a secret.

    Settings about secrets are not: `require_password_for_pmi_meetings` is `all`, `jbh_only` or
    `none`; `minimum_password_length` is a length.
    """
    if len(name) > _LONGEST_NAME:  # both ends suffice
        name = f"{name[:_LONGEST_NAME]}_{name[-_LONGEST_NAME:]}"
    return _is_secret_name(name)


# A settings document has some 350 keys, nearly the same ones in every response. Computing this
# for each key costs 2.7 ms a document. The result depends on the name alone, so it never expires.
@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    words = name.replace("-", "_").replace(" ", "_")
    snake, lower = _CAMEL.sub("_", words).lower(), words.lower()
    if lower.replace("_", "") in _NEVER_SECRET or _SETTING.search(snake):
        return False
    if _SECRET.search(snake) or _SECRET.search(lower):
        return True
    # Only the last word of a label can be a key: "ingest_key", not "unknown key".
    key = _CAMEL.sub("_", name.rpartition(" ")[2].replace("-", "_")).lower()
    if _KEY.search(key) and not _OPEN_KEY.search(key):
        return True
    return bool(_LINK.search(snake) and _ENTRY.search(snake))


def redact_text(text: str) -> str:
    """`text` with tokens, passcodes and URLs that grant access replaced.

    Secrets are also recognized behind invisible characters and characters that look like a colon.
    These characters stay if there is no secret.
    """
    if len(text) > LONGEST_TEXT:
        text = _first_words(text)
    if text.isascii():
        return _redact(text)
    folded = _INVISIBLE.sub("", text).translate(_LOOKALIKES)
    clean = _redact(folded)
    return text if clean == folded else clean


def _first_words(text: str) -> str:
    """The examined beginning of a long text, up to the end of a word."""
    words, _, last = text[:LONGEST_TEXT].rpartition(" ")
    if len(last) > _LONGEST_WORD:
        words = text[: LONGEST_TEXT - _LONGEST_WORD]
    return f"{words}…"


def _redact(text: str) -> str:
    text = _registry.redact(text)
    text = _SHAPES.sub(REDACTED, text)
    text = _without_values(text, _QUERY, _QUERY_REST, _is_secret_query)
    text = _without_values(text, _LABELLED, _REST, _is_secret_value)
    text = _without_values(text, _FOREIGN, _REST, _is_value)
    return _BARE.sub(rf"\g<name>\g<is>{REDACTED}", text)


def _without_values(
    text: str,
    pattern: re.Pattern[str],
    rest: re.Pattern[str],
    is_secret: Callable[[re.Match[str]], bool],
) -> str:
    """`text` without the secret values of its labels. Other values are searched for labels."""
    parts: list[str] = []
    at = 0
    for _ in range(MOST_LABELS):
        match = pattern.search(text, at)
        if match is None:
            return "".join([*parts, text[at:]])
        if not is_secret(match):
            parts.append(text[at : match.end("is")])
            at = match.end("is")
            continue
        start, value = match.start("value"), match["value"]
        mark = _QUOTE.match(value)
        if mark:
            start += len(mark[0])
            end, after = _quoted(text, start, mark[0])
            parts += [text[at:start], REDACTED if end > start else "", text[end:after]]
            at = after
            continue
        parts += [text[at:start], REDACTED]
        if value[0] in "[({":
            at = _closed(text, start)
        else:
            left = rest.match(text, match.end())
            at = left.end() if left else match.end()
    return "".join([*parts, "…"])


def _is_secret_query(match: re.Match[str]) -> bool:
    return match["name"].lower() in _QUERY_NAMES or is_secret_name(match["name"])


def _is_secret_value(match: re.Match[str]) -> bool:
    name, value = match["name"], match["value"]
    if not is_secret_name(name) or _STATE.fullmatch(value):
        return False
    following = _NEXT.match(match.string, match.start("value"))
    if following and is_secret_name(following["name"]):  # a label without a value
        return False
    is_prose = match["is"].strip().lower() == "is"
    return not is_prose or any(letter.isdigit() for letter in value)


def _is_value(match: re.Match[str]) -> bool:
    return not _STATE.fullmatch(match["value"])


def _quoted(text: str, start: int, mark: str) -> tuple[int, int]:
    """The end of a quoted value that begins at `start`, and the end of its closing quote.

    In JSON inside a text the quote is `\\"`, and a quote within the value has more backslashes. A
    value without a closing quote extends to the end of `text`.
    """
    few = len(mark) - 1
    for quote in _QUOTES[mark[-1]].finditer(text, start):
        slashes = len(quote[0]) - 1
        if slashes < few or slashes % (2 * (few + 1)) == few:
            return quote.end() - 1 - min(few, slashes), quote.end()
    return len(text), len(text)


def _closed(text: str, at: int) -> int:
    """The position after the bracket that closes the one at `at`, else the end of `text`."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if not depth:
            return bracket.end()
    return len(text)


def redacted_traceback(error: BaseException) -> str:
    """The traceback of an error and its causes, without secrets."""
    return redact_text("".join(format_exception(error)).rstrip())


class RedactingFilter(logging.Filter):
    """Removes secrets from log records: message, arguments and traceback. Attach to handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record` in place. Always returns True."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact_text(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text)
        if record.stack_info:
            record.stack_info = redact_text(record.stack_info)
        return True
