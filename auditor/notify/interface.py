"""The face of the room: news of a run in, what became of each channel out."""

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
    """Tell `news` to all channels, if it is any of the wanted occasions.

    Empty where there was nothing to tell or nobody to tell it to. Takes 30 seconds at most, and
    never raises: the run is over, and its outcome must not hang on a chat.
    """
    if not channels or not matching(event, triggers):
        return []
    return sending.deliver(channels, message.compose(event, names), limits)
