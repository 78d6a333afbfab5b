"""Announcement of what a job did: messages to channels, and a heartbeat."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.app.messages import Messages
from auditor.config.settings import Settings
from auditor.notify import channel_store, heartbeat, sending
from auditor.notify.channels import Channel, Delivery, NotifyError
from auditor.notify.heartbeat import signal_for
from auditor.notify.triggers import DEFAULT, RunEvent, Trigger


@dataclass(frozen=True)
class Announcer:
    """The channels, triggers and heartbeat of a job; validated before the audit starts."""

    channels: Sequence[Channel] = field(repr=False, default=())
    triggers: frozenset[Trigger] = DEFAULT
    names: bool = False
    heartbeat: str | None = field(repr=False, default=None)

    @classmethod
    def chosen(
        cls,
        settings: Settings,
        channels: Sequence[str] | None = None,
        triggers: str | None = None,
        names: bool = False,
        heartbeat_url: str | None = None,
    ) -> "Announcer":
        """The channels and triggers of the command line and the environment, validated before any
        reading.

        Raises:
            NotifyError: a channel, a trigger or the heartbeat's address is invalid.
        """
        configured = settings.notify.get_secret_value() if settings.notify else None
        found = channel_store.resolve(channels or (), configured)
        sending.check(found)
        url = heartbeat_url
        if not url and settings.heartbeat:
            url = settings.heartbeat.get_secret_value()
        if url:
            heartbeat.check(url)
        return cls(found, parse_triggers(triggers), names, url)

    def announce(self, event: RunEvent, exit_code: int, messages: Messages) -> list[Delivery]:
        """Announce the event and send the heartbeat; say what failed. Never raises.

        Takes a second as a rule, and about a minute at most.
        """
        deliveries = sending.notify(self.channels, event, self.triggers, names=self.names)
        self.report(deliveries, messages)
        if self.heartbeat:
            ping = heartbeat.ping(self.heartbeat, signal_for(exit_code))
            if not ping.arrived:
                messages.complain(f"the heartbeat was not sent. {ping.reason}")
        return deliveries

    @staticmethod
    def report(deliveries: Sequence[Delivery], messages: Messages) -> None:
        """Say which channels were notified, and which were not and why."""
        for each in deliveries:
            if each.sent:
                messages.say(f"Told {each.channel} ({each.shown}).")
            else:
                messages.complain(f"{each.channel} ({each.shown}) got no message. {each.reason}")


def parse_triggers(text: str | None) -> frozenset[Trigger]:
    """The triggers that `--notify-on` names.

    Raises:
        NotifyError: one of them does not exist.
    """
    if text is None:
        return DEFAULT
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    known = [occasion.value for occasion in Trigger]
    for word in words:
        if word not in known:
            raise NotifyError(
                f'--notify-on "{word}" is not an occasion. Name some of: {", ".join(known)}.'
            )
    if not words:
        raise NotifyError(f"--notify-on is empty. Name some of: {', '.join(known)}.")
    return frozenset(map(Trigger, words))
