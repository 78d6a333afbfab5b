"""What a night of a fleet announces: one message for all accounts, and a heartbeat of its own."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.app.announcer import Announcer
from auditor.app.fleet_audit import AccountResult
from auditor.app.messages import Messages
from auditor.errors import ExitCode
from auditor.notify import heartbeat, sending
from auditor.notify.channels import Delivery
from auditor.notify.fleet_message import AccountNews, compose_fleet
from auditor.notify.heartbeat import signal_for
from auditor.notify.triggers import RunEvent, Trigger, matching

_LATER = Delivery("fleet", "", sent=False, reason="The message of the fleet is sent at its end.")


@dataclass(frozen=True)
class AccountAnnouncer(Announcer):
    """Takes the news of one account for the message of its fleet.

    A job that has news is told that nothing was sent yet, so that the next night tells it again if
    this one does not get as far as the message.
    """

    account: str = ""
    news: "dict[str, AccountNews]" = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def announce(
        self,
        event: RunEvent,
        exit_code: int,  # noqa: ARG002 - of the account; the fleet has its own
        messages: Messages,  # noqa: ARG002 - nothing is sent
    ) -> list[Delivery]:
        """Keep the news in `event`, if it is any."""
        if not self.channels or not matching(event, self.triggers):
            return []
        found = AccountNews.of(self.account, event, names=self.names)
        with self.lock:
            self.news[self.account] = found
        return [_LATER]


@dataclass(frozen=True)
class FleetNews:
    """The news of a night, and the channels that get them."""

    announcer: Announcer
    _news: dict[str, AccountNews] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, account: str) -> Announcer:
        """What takes the news of an account."""
        channels = self.announcer
        return AccountAnnouncer(
            channels.channels,
            channels.triggers,
            channels.names,
            None,
            account,
            self._news,
            self._lock,
        )

    def send(
        self, fleet: str, results: Sequence[AccountResult], code: ExitCode, messages: Messages
    ) -> None:
        """Send the message, if there is any news, and the heartbeat. Never raises."""
        triggers = self.announcer.triggers
        news = dict(self._news)
        for result in results:
            if result.failure and result.name not in news and Trigger.INCOMPLETE in triggers:
                event = RunEvent(later=None, failure=result.failure)
                news[result.name] = AccountNews.of(result.name, event, names=False)
        reached = True
        if self.announcer.channels and (news or Trigger.ALWAYS in triggers):
            message = compose_fleet(fleet, list(news.values()), len(results))
            deliveries = sending.deliver(self.announcer.channels, message)
            reached = all(each.sent for each in deliveries)
            self.announcer.report(deliveries, messages)
        if reached:
            for result in results:
                if result.name in news:
                    result.note_announced()
        url = self.announcer.heartbeat
        if url:
            ping = heartbeat.ping(url, signal_for(code))
            if not ping.arrived:
                messages.complain(f"the heartbeat was not sent. {ping.reason}")
