"""Secrets: what they are called, what they look like in a text, and those this process holds.

Names and shapes are what Zoom's API documents (facts as of 2026-11), and the usual ones of others.
What looks like neither cannot be told from any other text.
"""

import json
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

REDACTED = "[redacted]"

_SECRET = re.compile(
    r"(?:^|_)(?:pass|pass(?:words?|wd|codes?|phrase)|pwd|pin|secrets?|tokens?|zak|jwt|credentials?"
    r"|bearer|cookies?|otp|totp|csrf|xsrf|connection_string)(?:_|$)"
    r"|(?:host|api|access|secret|private|encryption|stream|signing|session|shared|master|service"
    r"|auth|account|storage|subscription|activation|recovery|ssh|hmac|aes)_?keys?(?:_id)?$"
    r"|(?:password|passcode|passwd|secret|token)s?$"
    r"|(?:verification|activation|recovery|auth|authorization|backup|security|sms|one_time|access"
    r"|claim|pairing|unlock|login|mfa|conference|participant|moderator|invite|invitation)_codes?$"
    r"|smtp_delivery_address$|authorization$|(?:^|_)signature$|session_?id$"
    r"|custom_service_instructions$"  # server and key of a live stream, in words
)
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
_MARK = re.compile(r"\\*[\"']")
_MARKS = {mark: re.compile(rf"\\*{mark}") for mark in "\"'"}
_LONG_MARKS = (
    *("bearer", "basic", "zoomcrc", "private key", "akia", "asia", "xox"),
    *("ghp_", "gho_", "ghu_", "ghs_"),
)
_SHORTEST_LONG = 12
"""Characters of the shortest secret that begins with one of these, mark included."""

LONGEST_NAME = 100
"""Characters of a key that is remembered: a server may send any number of keys, of any length."""
_SHORTEST = 8
"""Characters: what is shorter could be part of any word."""
_MOST_KNOWN = 64
LONGEST_TEXT = 200_000
MOST_LABELS = 2_000
"""Characters and labels of a text that are looked at; the rest is dropped, however harmless."""

_known: tuple[str, ...] = ()
_times_told = 0
_lock = threading.Lock()


def never_show(*secrets: str) -> None:
    """Remember secrets this process holds: no text shows them from now on, wherever they stand.

    Also as they look in an address and in JSON. The newest are kept, enough for days of tokens.
    """
    global _known, _times_told
    forms = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    with _lock:
        rest = [each for each in _known if each not in forms]
        _known = tuple([*rest, *sorted(forms, key=len, reverse=True)][-_MOST_KNOWN:])
        _times_told += 1


def times_told() -> int:
    """How often `never_show` was called: what was redacted before may look otherwise now."""
    return _times_told


def is_secret_name(name: str) -> bool:
    """True where a text or number under this key is a secret.

    Settings about secrets are not: `require_password_for_pmi_meetings` is `all`, `jbh_only` or
    `none`; `minimum_password_length` is a length.
    """
    if len(name) > LONGEST_NAME:  # its ends tell as much
        return _is_secret_name.__wrapped__(f"{name[:LONGEST_NAME]}_{name[-LONGEST_NAME:]}")
    return _is_secret_name(name)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    found = name.replace("-", "_").replace(" ", "_")
    snake, lower = _CAMEL.sub("_", found).lower(), found.lower()
    if lower.replace("_", "") in _NEVER_SECRET or _SETTING.search(snake):
        return False
    if _SECRET.search(snake) or _SECRET.search(lower):
        return True
    return bool(_LINK.search(snake) and _ENTRY.search(snake))


def redact_text(text: str) -> str:
    """`text` with tokens, passcodes and addresses that let their holder in replaced."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, REDACTED)
    if _is_harmless(text):
        return text
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}…"
    text = _SHAPES.sub(REDACTED, text)
    text = _without_values(text, _QUERY, _QUERY_REST, _is_secret_query)
    text = _without_values(text, _LABELLED, _REST, _is_secret_value)
    return _BARE.sub(rf"\g<name>\g<is>{REDACTED}", text)


def _is_harmless(text: str) -> bool:
    """True where nothing of what every secret has in or before it is in `text`: a quick look."""
    if ":" in text or "=" in text or "*" in text:
        return False
    text = text.lower()
    if "pass" in text or "pin" in text or "host" in text or "zak" in text or "secret" in text:
        return False
    if len(text) < _SHORTEST_LONG:
        return True
    return not ("eyj" in text or "%3" in text or any(mark in text for mark in _LONG_MARKS))


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
        mark = _MARK.match(value)
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
    is_told = match["is"].strip().lower() == "is"
    return not is_told or any(letter.isdigit() for letter in value)


def _quoted(text: str, start: int, mark: str) -> tuple[int, int]:
    """Where what begins at `start`, after an opening mark, ends, and where its closing mark does.

    In JSON inside a text the mark is `\\"`, and a mark within the value has more backslashes. What
    is not closed goes to the end of `text`.
    """
    few = len(mark) - 1
    for found in _MARKS[mark[-1]].finditer(text, start):
        slashes = len(found[0]) - 1
        if slashes < few or slashes % (2 * (few + 1)) == few:
            return found.end() - 1 - min(few, slashes), found.end()
    return len(text), len(text)


def _closed(text: str, at: int) -> int:
    """Where the bracket that opens at `at` is closed; the end of `text` where it is not."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if not depth:
            return bracket.end()
    return len(text)
