"""The face of the room: news of a run in, what became of each channel out."""

from collections.abc import Iterable, Sequence

from auditor.notify import message, sending
from auditor.notify.channels import Channel, Delivery
from auditor.notify.occasions import DEFAULT, News, Occasion, due
from auditor.notify.sending import Pace


def notify(
    channels: Sequence[Channel],
    news: News,
    wanted: Iterable[Occasion] = DEFAULT,
    *,
    names: bool = False,
    pace: Pace | None = None,
) -> list[Delivery]:
    """Tell `news` to all channels, if it is any of the wanted occasions.

    Empty where there was nothing to tell or nobody to tell it to. Takes 30 seconds at most, and
    never raises: the run is over, and its outcome must not hang on a chat.
    """
    if not channels or not due(news, wanted):
        return []
    return sending.deliver(channels, message.compose(news, names), pace)
