"""Repeats: answers that came before, with the document that was made of them.

Most users of an account have equal settings. Their answers are equal but for their secrets, which
no document has; to parse such an answer and to look for secrets in it costs more than to ask for
it.
"""

import hashlib
import re
import threading
from collections.abc import Callable
from functools import lru_cache

from auditor.evidence.reading import JsonValue
from auditor.zoom import secrets
from auditor.zoom.transport import Answer

KEPT = 2 * 1024 * 1024
"""Bytes of the answers whose documents are kept: some 170 users' settings."""
_MET = 4_000
"""Answers of which is known that they came."""
_LARGEST = 64 * 1024
"""Bytes of an answer that is looked up. Pages of a listing are larger, and never come again."""
_BETWEEN = b'":"'
"""What stands between the name of a member and its text, as Zoom writes JSON."""
_NAME = re.compile(rb"\w{1,%d}" % secrets.LONGEST_NAME, re.ASCII)
_TEXT = re.compile(rb"[ !#-\[\]-~]{1,200}")
"""Characters that stand for themselves in JSON."""

_Key = tuple[str, int, bytes]


class Repeats:
    """Documents of answers that came twice, for any number of threads.

    Many answers never come again, such as those of phone users: nothing is kept of these but that
    they came. Nobody changes a document.
    """

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[dict[str, JsonValue], int]] = {}
        self._bytes = 0
        self._met: set[_Key] = set()
        self._lock = threading.Lock()

    def document(
        self, answer: Answer, make: Callable[[], dict[str, JsonValue]]
    ) -> dict[str, JsonValue]:
        """What `make` makes of `answer`, without secrets; or made of one that differs in these."""
        if answer.status != 200 or len(answer.body) > _LARGEST:
            return make()
        digest = hashlib.blake2b(without_secrets(answer.body), digest_size=32).digest()
        key = answer.content_type, secrets.times_told(), digest
        known = self._kept.get(key)
        if known is not None:
            return known[0]
        document = make()
        with self._lock:
            if key not in self._met:
                if len(self._met) >= _MET:
                    self._met.clear()
                self._met.add(key)
            elif key not in self._kept:
                self._kept[key] = document, len(answer.body)
                self._bytes += len(answer.body)
                while self._bytes > KEPT:
                    _, size = self._kept.pop(next(iter(self._kept)))
                    self._bytes -= size
        return document


def without_secrets(body: bytes) -> bytes:
    """JSON with a number in place of each text that is a secret by its name.

    Where this is the same of two bodies, either both are valid JSON or neither is, and without
    secrets they are the same document. So only what certainly is a member is looked at: a name
    and a text without escapes. Texts that are equal stay so, for a name may come twice.
    """
    parts = body.split(_BETWEEN)
    numbers: dict[bytes, int] = {}
    for at in range(1, len(parts)):
        before, after = parts[at - 1], parts[at]
        start = before.rfind(b'"')
        if not _names_a_secret(before[start + 1 : start + 2 + secrets.LONGEST_NAME]):
            continue
        end = max(0, after.find(b'"'))
        if start < 0 or before[start - 1 : start] == b"\\" or not _TEXT.fullmatch(after, 0, end):
            continue
        number = numbers.setdefault(after[:end], len(numbers))
        parts[at] = b"%d%b" % (number, after[end:])
    return _BETWEEN.join(parts)


@lru_cache(maxsize=4096)
def _names_a_secret(name: bytes) -> bool:
    return bool(_NAME.fullmatch(name)) and secrets.is_secret_name(name.decode())
