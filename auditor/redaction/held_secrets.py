"""Held secrets: finds the secrets of this process in a text, in every usual encoding."""

import html
import json
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

REDACTED = "[redacted]"

SHORTEST = 8
"""The fewest characters of a secret or one of its forms. Shorter ones occur in ordinary words."""
MOST_TOKENS = 256
"""The number of newest access tokens to remember. A token of Zoom is valid for an hour."""
_DEEPEST = 3
"""How many nested encodings are decoded."""

_LONG = 24
"""From this length on, the first half of a form is redacted, too: texts may be truncated."""

_ORIGIN = re.compile(r"[a-z]+(?:://|%3A%2F%2F)[^/?#%]*", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([/\"'\\])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class HeldSecrets:
    """The secrets of the configuration, which are kept for ever, and the newest access tokens.

    A text is scanned once, whatever the number of secrets: forms are looked up by their first
    characters.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forever: set[str] = set()
        self._tokens: deque[str] = deque(maxlen=MOST_TOKENS)
        self._forms: dict[str, dict[str, tuple[str, bool]]] = {}
        """By first characters: each form, the part that suffices, and whether it is base64."""

    def register(self, *secrets: str) -> None:
        """Remember secrets for as long as the process runs."""
        with self._lock:
            new = {secret for secret in secrets if len(secret) >= SHORTEST} - self._forever
            self._forever |= new
            self._add(new)

    def register_token(self, token: str) -> None:
        """Remember an access token. It replaces the oldest one if there are too many."""
        with self._lock:
            if len(token) < SHORTEST or token in self._tokens or token in self._forever:
                return
            full = len(self._tokens) == MOST_TOKENS
            self._tokens.append(token)
            if full:  # other secrets may share forms with the oldest, so rebuild all
                self._forms = {}
                self._add({*self._forever, *self._tokens})
            else:
                self._add({token})

    def _add(self, secrets: Iterable[str]) -> None:
        forms = {key: dict(forms_of_prefix) for key, forms_of_prefix in self._forms.items()}
        for secret in secrets:
            for form, is_base64 in forms_of(secret):
                enough = form[: _enough(form)]
                forms.setdefault(form[:SHORTEST], {}).setdefault(form, (enough, is_base64))
        self._forms = forms

    def redact(self, text: str) -> str:
        """`text` without the secrets. If one was encoded, the result is decoded."""
        if not self._forms or len(text) < SHORTEST:
            return text
        text = self._without(text)
        decoded = text
        for _ in range(_DEEPEST):
            further = _decoded(decoded)
            if further == decoded:
                break
            decoded = further
            clean = self._without(decoded)
            if clean != decoded:
                return self.redact(_CONTROL.sub(" ", clean))
        return text

    def _without(self, text: str) -> str:
        forms, end = self._forms, 0
        parts: list[str] = []
        at = 0
        last = len(text) - SHORTEST
        while at <= last:
            candidates = forms.get(text[at : at + SHORTEST])
            if candidates is not None:
                fitting = [
                    (_alike(text, at, form), is_base64)
                    for form, (enough, is_base64) in candidates.items()
                    if text.startswith(enough, at)
                ]
                if fitting:
                    length, is_base64 = max(fitting)
                    start, after = at, at + length
                    if is_base64:
                        start, after = _widened(text, start, after, end)
                    parts += [text[end:start], REDACTED]
                    at = end = after
                    continue
            at += 1
        return "".join([*parts, text[end:]]) if parts else text


def forms_of(secret: str) -> Iterator[tuple[str, bool]]:
    """The forms that a secret can take in a text, and whether each is base64.

    Literal; in a URL and in JSON; in hexadecimal digits of either case; in base64 of either
    alphabet, alone or within longer data, where its bytes begin at one of three offsets.
    """
    yield secret, False
    yield quote(secret, safe=""), False
    yield json.dumps(secret)[1:-1], False
    raw = secret.encode("utf-8", "surrogatepass")
    yield raw.hex(), False
    yield raw.hex().upper(), False
    for before in range(3):
        begin, end = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + raw).decode()[begin:end], True


def _enough(form: str) -> int:
    """How many characters of a form identify it: half of a long one, without its host."""
    origin = _ORIGIN.match(form)
    begin = origin.end() if origin else 0
    length = len(form) - begin
    return len(form) if length < _LONG else begin + length // 2


def _alike(text: str, at: int, form: str) -> int:
    """How many leading characters of a form are in `text` at the position `at`."""
    most = min(len(form), len(text) - at)
    return next((n for n in range(most) if text[at + n] != form[n]), most)


def _widened(text: str, start: int, end: int, least: int) -> tuple[int, int]:
    """A piece of base64 with its neighbours, which may contain some bits of the secret."""
    while start > least and start > end - 4 and _BASE64.match(text, start - 1):
        start -= 1
    most = min(len(text), end + 4)
    while end < most and _BASE64.match(text, end):
        end += 1
    return start, end


def _decoded(text: str) -> str:
    """`text` with percent-encoding, JSON escapes and HTML entities decoded once."""
    if "%" in text:
        text = unquote(text, errors="replace")
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if "&" in text:
        text = html.unescape(text)
    return text


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    return chr(int(digits, 16)) if digits else match[3]
