"""Secrets: what they are called, what they look like in a text, and those this process holds.

Names and shapes are what Zoom's API documents (facts as of 2026-11), and the usual ones of others.
What looks like neither cannot be told from any other text.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from auditor.zoom.held_secrets import REDACTED, HeldSecrets
from auditor.zoom.secret_names import CODES, ENDINGS, LABELS, OPEN_KEYS, WORDS

__all__ = [
    "LONGEST_TEXT",
    "REDACTED",
    "is_secret_name",
    "redact_text",
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
"""With a word for a link they name an address that lets its holder in: `start_url`, `join_url`."""
_SETTING = re.compile(
    r"^(?:allow|embed|enable|force|include|minimum|maximum|required?|show|use)_"
    r"|_(?:age|count|days|enabled|expiration|expires|hours|in|length|level|minutes|mode|options?"
    r"|policy|protected|requirements?|seconds|type)$|_in_chat$|_when_"
)
_NEVER_SECRET = frozenset(("nextpagetoken",))
"""Without underscores. Needed for paging; worthless after 15 minutes, and without the token."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPAQUE = r"(?=[\w.~+/=-]*(?:[0-9_~+/=-]|(?-i:[a-z][A-Z]))|\w{20})"
"""What follows is no word of a language: "basic authentication" is not a header."""
_SHAPES = re.compile(
    r"""
      (?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?                        # JSON Web Token
    | (?<=\bbearer\s)\s*%(opaque)s[\w.~+/=-]{6,}                    # Authorization header
    | (?<=\bbasic\s)\s*%(opaque)s[\w+/]{8,}={0,2}
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s/@:"'<>]{0,300}:[^\s/@"'<>]{1,300}@[^\s"'<>]*
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s"'<>]{0,500}[?&;]
      (?:pwd|zak|tk|tok|token|access_token|passcode|password|secret|sig|signature|ticket)
      =[^\s"'<>]*                                                   # address that lets in
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
"""Secret in an address, besides what is secret anywhere."""
_NAME = r"(?P<name>(?:[a-z0-9.]{1,20}[ ])?[\w-]{1,60})"
_LABELLED = re.compile(
    r"""
    (?<![\w-])%(name)s
    (?P<is>(?:\\*["'])?\s{0,9}(?:[:=]|=>|\bis\b)\s{0,9})
    (?P<value>\\*["'][^"']{0,100}\\*["']? | [^\s"',;&<>\\]{1,200})
    """.replace("%(name)s", _NAME),
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
"""`Passcode: x`, as invitations have it; not `Passcode: from Off to On` of the operation log.

Of a value in quotation marks only the beginning is looked at; `_quoted` finds its end.
"""
_FOREIGN = re.compile(
    rf"""
    (?<!\w)(?P<name>{_any(label.replace(" ", "_") for label in LABELS).replace("_", "[ _]")})
    (?P<is>(?:\\*["'])?\s{{0,9}}[:=]\s{{0,9}})
    (?P<value>\\*["'][^"']{{0,100}}\\*["']? | [^\s"',;&<>\\]{{1,200}})
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""The same in other languages, where a label may be several words."""
_REST = re.compile(r"[^\s\"',;&<>\\]*")
"""What is left of a value that is longer than is looked at."""
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
"""`passcode 482913`, as in error messages: a number, or in quotation marks."""
_STATE = re.compile(
    r"""
    \\*["']?
    (?: from(?:\s.*)? | on|off|enabled|disabled|required|not|true|false|null|none|all
      | \[redacted\] )
    [.!)\]}]*\\*["']?
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""What stands after a name where a setting is told of, not its value."""
_QUOTE = re.compile(r"\\*[\"']")
_QUOTES = {mark: re.compile(rf"\\*{mark}") for mark in "\"'"}

_LONGEST_NAME = 100
"""Characters at either end of a key that are looked at: a server may send keys of any length."""
LONGEST_TEXT = 200_000
MOST_LABELS = 2_000
"""Characters and labels of a text that are looked at; the rest is dropped, however harmless."""
_LONGEST_WORD = 4_000
"""Characters at the end of what is looked at that are dropped where they are one word: it may be
the beginning of a secret that can no longer be told."""

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
"""Full-width characters, other colons and other blanks, as ASCII has them."""

_registry = HeldSecrets()


def register_secret(*secrets: str) -> None:
    """Remember secrets this process holds: no text shows them from now on, wherever they stand.

    Also as they look in an address, in JSON, in base64 and in hexadecimal digits.
    """
    _registry.keep(*secrets)


def register_token(token: str) -> None:
    """The same for an access token, of which the newest are remembered."""
    _registry.keep_token(token)


def is_secret_name(name: str) -> bool:
    """True where a text or number under this key is a secret.

    Settings about secrets are not: `require_password_for_pmi_meetings` is `all`, `jbh_only` or
    `none`; `minimum_password_length` is a length.
    """
    if len(name) > _LONGEST_NAME:  # its ends tell as much
        name = f"{name[:_LONGEST_NAME]}_{name[-_LONGEST_NAME:]}"
    return _is_secret_name(name)


# A settings document has some 350 keys, nearly the same ones in every response. Computing this anew
# for each costs 2.7 ms a document. The result depends on the name alone, so it cannot go stale.
@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    words = name.replace("-", "_").replace(" ", "_")
    snake, lower = _CAMEL.sub("_", words).lower(), words.lower()
    if lower.replace("_", "") in _NEVER_SECRET or _SETTING.search(snake):
        return False
    if _SECRET.search(snake) or _SECRET.search(lower):
        return True
    # Of a label, the last word alone is a key: "ingest_key", not "unknown key".
    key = _CAMEL.sub("_", name.rpartition(" ")[2].replace("-", "_")).lower()
    if _KEY.search(key) and not _OPEN_KEY.search(key):
        return True
    return bool(_LINK.search(snake) and _ENTRY.search(snake))


def redact_text(text: str) -> str:
    """`text` with tokens, passcodes and addresses that let their holder in replaced.

    Characters that cannot be seen hide none, nor do those that look like a colon. They stay where
    there is no secret.
    """
    if len(text) > LONGEST_TEXT:
        text = _first_words(text)
    if text.isascii():
        return _redacted(text)
    folded = _INVISIBLE.sub("", text).translate(_LOOKALIKES)
    clean = _redacted(folded)
    return text if clean == folded else clean


def _first_words(text: str) -> str:
    """As much of a long text as is looked at, to the end of a word."""
    words, _, last = text[:LONGEST_TEXT].rpartition(" ")
    if len(last) > _LONGEST_WORD:
        words = text[: LONGEST_TEXT - _LONGEST_WORD]
    return f"{words}…"


def _redacted(text: str) -> str:
    text = _registry.hidden(text)
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
    """`text` without what its labels name. In a value that is none, more labels may stand."""
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
    if following and is_secret_name(following["name"]):  # a label without a value: no value either
        return False
    is_prose = match["is"].strip().lower() == "is"
    return not is_prose or any(letter.isdigit() for letter in value)


def _is_value(match: re.Match[str]) -> bool:
    return not _STATE.fullmatch(match["value"])


def _quoted(text: str, start: int, mark: str) -> tuple[int, int]:
    """Where what begins at `start`, after an opening mark, ends, and where its closing mark does.

    In JSON inside a text the mark is `\\"`, and a mark within the value has more backslashes. What
    is not closed goes to the end of `text`.
    """
    few = len(mark) - 1
    for quote in _QUOTES[mark[-1]].finditer(text, start):
        slashes = len(quote[0]) - 1
        if slashes < few or slashes % (2 * (few + 1)) == few:
            return quote.end() - 1 - min(few, slashes), quote.end()
    return len(text), len(text)


def _closed(text: str, at: int) -> int:
    """Where the bracket that opens at `at` is closed; the end of `text` where it is not."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if not depth:
            return bracket.end()
    return len(text)
