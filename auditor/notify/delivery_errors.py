"""Why a message could not be sent, in words that hold no secret.

Apprise writes whole addresses into its log, so nothing of that log is passed on: a reason is made
of fixed words, or of what is left of Apprise's sentence without any part of the address.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from auditor.notify.channels import OPEN_HOSTS, host_of, scheme_of
from auditor.notify.escaping import escape_markup
from auditor.zoom.redaction import REDACTED, redact_text

_SHORTEST_SECRET = 4
"""Characters: shorter parts of an address are words like `v1`, and guess nothing."""
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
    (r"Network is unreachable|No route to host", "The network does not reach it"),
    (r"ProxyError|Unable to connect to proxy", "The proxy cannot be used"),
    (r"Connection reset|RemoteDisconnected|Connection aborted|unexpectedly closed", "It hung up"),
    (r"SSLError|WRONG_VERSION_NUMBER", "No encrypted connection could be made"),
)
"""What the lower layers say, and the words for it. Matched in Apprise's log, which stays here."""
_HTTP = re.compile(r"error=(\d{3})\b")
_SMTP = re.compile(r"\((\d{3}), b'")
_WARNED = ("WARNING", "ERROR")
"""Levels of lines that are about what went wrong; others hold the message itself."""
_RETRYING = re.compile(r"\AAttempt \d+/\d+ ")


def reason(lines: Sequence[tuple[str, str]], url: str) -> str:
    """Why it failed, of what Apprise logged: level and message of each line."""
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
    """`text` without anything that stands in the address, and without other secrets."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return redact_text(text)


def _secrets(url: str) -> Iterator[str]:
    """The address and all its parts, as they stand and decoded; not a host that is no secret."""
    url = url.strip()
    rest = url.partition("://")[2]
    codes = {url, rest}
    host = host_of(url) if scheme_of(url) in OPEN_HOSTS else ""
    for part in re.split(r"[/@:?&=,;#+\s]", rest):
        codes |= {part, unquote(part)}
    yield from (part for part in codes if len(part) >= _SHORTEST_SECRET and part.lower() != host)
