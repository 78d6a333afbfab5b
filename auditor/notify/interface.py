"""The entry point of notifications: sends the event of a run to all channels."""

from collections.abc import Iterable, Sequence

from auditor.notify import message, sending
from auditor.notify.channels import Channel, Delivery
from auditor.notify.sending import RetryLimits
from auditor.notify.triggers import DEFAULT, RunEvent, Trigger, matching


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
    return sending.deliver(channels, message.compose(event, names), limits)
