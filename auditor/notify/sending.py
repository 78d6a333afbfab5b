"""Sends a message through Apprise to all channels in parallel, with retries and a time limit."""

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from auditor.notify.channels import Channel, Delivery, NotifyError
from auditor.notify.delivery_errors import reason
from auditor.notify.message import Message, compose
from auditor.notify.triggers import DEFAULT, RunEvent, Trigger, matching
from auditor.zoom.hosts import is_loopback

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

MISSING = (
    "Notifications need the library Apprise. Install the auditor with its extra [notify] "
    "(docs/operations/installing.md)."
)
_MAIL = frozenset({"mailto", "mailtos"})


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Limits on retries. With the defaults, sending ends after at most 30 seconds."""

    tries: int = 3
    pause: float = 2.0
    """Seconds between two attempts."""
    answer: float = 8.0
    """Seconds that a service has to accept the connection, and again to respond. The channel's own
    `cto` and `rto` take precedence."""
    whole: float = 30.0
    """Seconds for all attempts together."""


def schemes() -> list[str]:
    """Every scheme that Apprise supports.

    Raises:
        NotifyError: Apprise is not installed.
    """
    _library()
    from apprise import Apprise

    names: set[str] = set()
    for service in Apprise().details()["schemas"]:
        for protocols in (service["protocols"], service["secure_protocols"]):
            names |= set(protocols or ())
    return sorted(names)


def check(channels: Iterable[Channel]) -> None:
    """Check that a message could be sent to each channel, without sending one.

    Raises:
        NotifyError: it could not; the message names the channel, without its address.
    """
    for channel in channels:
        try:
            _service(channel, RetryLimits())
        except NotifyError as error:
            raise NotifyError(f"{channel.name}: {error}") from None


def notify(
    channels: Sequence[Channel],
    event: RunEvent,
    triggers: Iterable[Trigger] = DEFAULT,
    *,
    names: bool = False,
    limits: RetryLimits | None = None,
) -> list[Delivery]:
    """Send `event` to all channels if one of `triggers` applies.

    Empty if none applies or there are no channels. Takes at most 30 seconds and never raises: the
    result of the run must not depend on a chat service.
    """
    if not channels or not matching(event, triggers):
        return []
    return deliver(channels, compose(event, names), limits)


def deliver(
    channels: Sequence[Channel], message: Message, limits: RetryLimits | None = None
) -> list[Delivery]:
    """Send `message` to all channels in parallel; returns one result per channel. Never raises."""
    limits = limits or RetryLimits()
    deliveries: list[Delivery | None] = [None] * len(channels)

    def send(index: int, channel: Channel) -> None:
        deliveries[index] = _deliver_to(channel, message, limits)

    # Daemon threads: a service that never responds must not keep the program from ending.
    threads = [
        threading.Thread(target=send, args=(index, channel), name=f"notify-{index}", daemon=True)
        for index, channel in enumerate(channels)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limits.whole
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = f"No answer within {limits.whole:g} seconds. The message may still arrive."
    return [
        deliveries[index] or Delivery(channel.name, channel.shown, sent=False, reason=late)
        for index, channel in enumerate(channels)
    ]


def _deliver_to(channel: Channel, message: Message, limits: RetryLimits) -> Delivery:
    try:
        failed = _send(channel, message, limits)
    except NotifyError as error:
        failed = str(error)
    except Exception as error:  # code of a service may raise anything, and must not lose the run
        failed = f"The service's code failed ({type(error).__name__})."
    return Delivery(channel.name, channel.shown, sent=not failed, reason=failed)


def _send(channel: Channel, message: Message, limits: RetryLimits) -> str:
    """Why the message could not be sent; empty if it was sent."""
    service = _service(channel, limits)
    from apprise import Apprise, NotifyFormat, NotifyType

    apprise = Apprise(asset=service.asset)
    apprise.add(service)
    takes_markdown = (
        service.resolve_format() != NotifyFormat.TEXT
        and service.resolve_format(NotifyFormat.MARKDOWN) == NotifyFormat.MARKDOWN
    )
    whole = len(message.subject) + 2 + message.body.length
    body = message.body if whole <= service.body_maxlen else message.brief
    result = apprise.notify(
        body=body.markdown if takes_markdown else body.text,
        title=message.subject,
        notify_type=NotifyType(message.urgency.value),
        body_format=NotifyFormat.MARKDOWN if takes_markdown else NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    if result:
        return ""
    lines = [(entry.level, entry.message) for entry in result.logs()]
    return reason(lines, channel.url)


def _service(channel: Channel, limits: RetryLimits) -> "NotifyBase":
    """Apprise's object for the channel.

    Raises:
        NotifyError: there is none, or it would send a secret unencrypted.
    """
    _library()
    from apprise import Apprise

    scheme = channel.scheme
    if not scheme:
        raise NotifyError(
            "This is not a channel address such as mailtos://… or slack://…. "
            "The forms are listed at https://appriseit.com/services/."
        )
    try:
        service = Apprise.instantiate(channel.url.strip(), asset=_asset(limits))
    except Exception:  # its text may contain the address, so it is not chained
        service = None
    if service is None:
        raise NotifyError(_refusal(scheme))
    _refuse_unencrypted(channel, service)
    query_names = {name.lower() for name, _ in parse_qsl(urlsplit(channel.url).query)}
    if "cto" not in query_names:
        service.socket_connect_timeout = limits.answer
    if "rto" not in query_names:
        service.socket_read_timeout = limits.answer
    # Apprise's own delay limits floods of messages. Here there is one message, and retries have
    # their own pause.
    service.request_rate_per_sec = min(service.request_rate_per_sec, limits.pause)
    return service


def _refusal(scheme: str) -> str:
    """Why Apprise does not accept an address, without repeating the address."""
    if scheme in ("http", "https"):
        return (
            "Apprise does not know the service at this web address. For your own webhook, write "
            "jsons:// instead of https://; for other services see https://appriseit.com/services/."
        )
    known = schemes()
    if scheme in known:
        return (
            f"Apprise does not accept this form of a {scheme}:// address. "
            "See https://appriseit.com/services/."
        )
    near = get_close_matches(scheme, known, 1)
    hint = f" Did you mean {near[0]}://?" if near else ""
    return (
        f"Apprise does not support {scheme}:// addresses.{hint} "
        "The forms are listed at https://appriseit.com/services/."
    )


def _refuse_unencrypted(channel: Channel, service: "NotifyBase") -> None:
    """Refuse addresses that would send webhooks or passwords of mail servers unencrypted.

    Unencrypted mail itself is accepted: mail servers often forward it unencrypted, and many
    internal relays support nothing else.
    """
    secure_protocol: str | tuple[str, ...] | None = service.secure_protocol
    secure = {secure_protocol} if isinstance(secure_protocol, str) else set(secure_protocol or ())
    if not secure or channel.scheme in secure or service.schema in secure:
        return
    host = getattr(service, "smtp_host", None) or service.host or ""
    host = host.strip("[]")
    if is_loopback(f"x://[{host}]" if ":" in host else f"x://{host}"):
        return
    instead = f"Use {sorted(secure, key=len)[0]}:// instead."
    if channel.scheme not in _MAIL:
        raise NotifyError(
            f"{channel.scheme}:// sends without encryption, which is allowed only to this machine. "
            f"{instead}"
        )
    if service.password and not service.secure:
        raise NotifyError(
            f"{channel.scheme}:// would send the mail server's password without encryption. "
            f"{instead}"
        )


def _asset(limits: RetryLimits) -> "AppriseAsset":
    """Apprise's settings: no remote images, nothing on disk, no redirects."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="auditor",
        app_desc="auditor",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        storage_mode="memory",
        async_mode=False,
        service_timeout=0,
        default_service_retry=max(0, limits.tries - 1),
        default_service_wait=limits.pause,
    )


def _library() -> None:
    """Load Apprise with a private log, and without the logins in `~/.netrc`.

    The HTTP library that Apprise uses would send those logins to any host named there.

    Raises:
        NotifyError: Apprise is not installed.
    """
    if find_spec("apprise") is None:
        raise NotifyError(MISSING)
    os.environ["NETRC"] = os.devnull
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)  # the only place with the reason for a failure
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
