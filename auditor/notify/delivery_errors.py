"""Reasons for a failed delivery, in words that contain no secret.

Apprise logs whole addresses, so its log is never passed on: a reason consists of fixed words, or of
Apprise's message without any part of the address.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from auditor.notify.channels import OPEN_HOSTS, host_of, scheme_of
from auditor.notify.markup import escape_markup
from auditor.redaction.text import REDACTED, redact_text

_SHORTEST_SECRET = 4
"""Characters. Shorter parts of an address are words like `v1`, not secrets."""
_LONGEST_REASON = 160
"""Characters."""
_CAUSES = (
    (r"timed? ?out", "It did not answer in time"),
    (r"certificate verify failed", "Its certificate is not trusted"),
    (r"Connection refused|actively refused", "The connection was refused"),
    (
        r"Name or service not known|getaddrinfo failed|NameResolutionError|nodename nor",
        "No such host",
    ),
    (r"Network is unreachable|No route to host", "There is no route to it"),
    (r"ProxyError|Unable to connect to proxy", "The proxy cannot be used"),
    (
        r"Connection reset|RemoteDisconnected|Connection aborted|unexpectedly closed",
        "It closed the connection",
    ),
    (r"SSLError|WRONG_VERSION_NUMBER", "No encrypted connection could be made"),
)
"""Patterns of messages from lower layers, and their wording here. Matched against Apprise's log,
which is not passed on."""
_HTTP = re.compile(r"error=(\d{3})\b")
_SMTP = re.compile(r"\((\d{3}), b'")
_WARNED = ("WARNING", "ERROR")
"""Levels of log lines about failures; other lines hold the message itself."""
_RETRYING = re.compile(r"\AAttempt \d+/\d+ ")


def reason(lines: Sequence[tuple[str, str]], url: str) -> str:
    """Why the delivery failed, from the level and message of each line that Apprise logged."""
    text = "\n".join(
        message for level, message in lines if level in _WARNED or "Exception" in message
    )
    for codes, words in (
        (_HTTP.findall(text), "It answered with HTTP"),
        (_SMTP.findall(text), "The mail server answered with"),
    ):
        if codes:
            return f"{words} {codes[-1]}.{_advice(codes[-1])}"
    for pattern, words in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return f"{words}."
    warned = [
        message for level, message in lines if level in _WARNED and not _RETRYING.match(message)
    ]
    if not warned:
        return "It could not be sent, and the service did not say why."
    return escape_markup(without_secrets(warned[-1], url), _LONGEST_REASON)


def _advice(code: str) -> str:
    if code in ("401", "403", "404", "410", "530", "535"):
        return " Check the address of the channel: its secret may have been replaced."
    return ""


def without_secrets(text: str, url: str) -> str:
    """`text` without any part of the address, and without other secrets."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return redact_text(text)


def _secrets(url: str) -> Iterator[str]:
    """The address and all its parts, raw and decoded, except a host that is no secret."""
    url = url.strip()
    rest = url.partition("://")[2]
    codes = {url, rest}
    host = host_of(url) if scheme_of(url) in OPEN_HOSTS else ""
    for part in re.split(r"[/@:?&=,;#+\s]", rest):
        codes |= {part, unquote(part)}
    yield from (part for part in codes if len(part) >= _SHORTEST_SECRET and part.lower() != host)
