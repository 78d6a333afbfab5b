"""Watching an account: events are kept as they come, and audits follow what they name."""

import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import Queue

from auditor.app.first_look import FirstLooks
from auditor.app.messages import Messages
from auditor.app.nightly import NightlyJob
from auditor.app.received_events import KeptEvents, change_texts, pending_since
from auditor.app.runs import stored_runs
from auditor.collect.collector import CollectionCancelled
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.errors import AuditorError
from auditor.notify import sending
from auditor.notify.channels import Channel
from auditor.notify.message import notice
from auditor.redaction.text import register_secret
from auditor.secrets import keys
from auditor.store.errors import AlreadyRunning
from auditor.store.series import RunFilter, place
from auditor.watch.events import ReceivedEvent, Topic
from auditor.watch.inbox import Inbox
from auditor.watch.receiver import Receiver, ReceiverState
from auditor.watch.serving import TlsFiles, bound, server, shown

_log = logging.getLogger(__name__)

QUIET = 5.0
"""Seconds without a further event before an audit begins."""
LONGEST_QUIET = 20.0
"""Seconds after the first event when it begins in any case."""
AFTER_FAILURE, LONGEST_PAUSE = 60.0, 3600.0
"""Seconds before the next attempt after a failed one: twice as long each time, up to the second."""
WHILE_BUSY = 15.0
"""Seconds before the next attempt while another process reads the account."""

MOST_AN_HOUR = 4
"""Audits an hour that follow nothing but what people change for themselves: each is a stored run,
and anybody can cause such events. Those of the account and of groups are followed at once."""
_HOUR = 3600.0

_END_WITHIN = 10.0
"""Seconds that an audit under way gets to end in order when the watch ends."""

WEBHOOK_SECRET = "webhook-secret"  # noqa: S105 - the name of an entry of the keyring


class NoWebhookSecret(ConfigError):
    """There is no secret to verify webhooks with."""


def webhook_secret(settings: Settings) -> str:
    """The secret token of the app's page: ZOOM_WEBHOOK_SECRET, else that of the keyring.

    Raises:
        NoWebhookSecret: there is none.
    """
    configured = settings.webhook_secret
    secret = configured.get_secret_value() if configured else keys.load_key(_entry(settings))
    if not secret:
        raise NoWebhookSecret(
            "ZOOM_WEBHOOK_SECRET is not set, so nobody could tell Zoom's events from others. It is "
            "the secret token on the page of the app, under Features > Access. Set it, or store it "
            "in the keyring: auditor watch secret"
        )
    register_secret(secret)
    return secret


def store_webhook_secret(settings: Settings, secret: str) -> None:
    """Store the secret token of a profile in the keyring.

    Raises:
        ConfigError: no encrypted keyring can store it.
    """
    register_secret(secret)
    if not keys.save_key(_entry(settings), secret):
        raise ConfigError(
            "This machine has no keyring to store the secret in. Set ZOOM_WEBHOOK_SECRET instead."
        )


def _entry(settings: Settings) -> str:
    return f"{settings.profile}:{WEBHOOK_SECRET}"


@dataclass
class Follower:
    """Audits after events, one audit at a time, on a thread of its own."""

    audit: Callable[[threading.Event], object]
    """Audits the account, until the event is set. What happened since the run before says whom to
    read."""
    state: ReceiverState
    quiet: float = QUIET
    longest: float = LONGEST_QUIET
    most_an_hour: int = MOST_AN_HOUR
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _first: float | None = None
    """When the first event came that no audit has followed yet; None without one."""
    _last: float = 0.0
    _is_urgent: bool = False
    """True if one of them is about the account or a group."""
    _begun: deque[float] = field(default_factory=deque)
    """When the audits of the last hour began."""
    _ending: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)
    _failures: int = 0

    def notice(self, event: ReceivedEvent) -> None:
        """Take note of an event that was kept."""
        if event.topic in (Topic.ACCOUNT, Topic.GROUP, Topic.USER):
            self.wake(is_urgent=event.topic is not Topic.USER)

    def wake(self, *, is_urgent: bool = False) -> None:
        """Audit as soon as no more events come."""
        with self._changed:
            self._is_urgent = self._is_urgent or is_urgent
            self._last = time.monotonic()
            self._first = self._first if self._first is not None else self._last
            self._changed.notify_all()

    def end(self) -> None:
        """Interrupt the audit that is under way, and let the thread end."""
        with self._changed:
            self._ending = True
            self._stopping.set()
            self._changed.notify_all()

    def run(self) -> None:
        """Follow events until `end`."""
        while self._wait():
            pause = self._follow()
            with self._changed:
                if pause and not self._ending:
                    self._changed.wait_for(lambda: self._ending, pause)

    def _wait(self) -> bool:
        """Wait until an audit is due; False to end."""
        with self._changed:
            while not self._ending:
                if self._first is None:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                due = min(self._last + self.quiet, self._first + self.longest)
                while self._begun and self._begun[0] <= now - _HOUR:
                    self._begun.popleft()
                if len(self._begun) >= self.most_an_hour and not self._is_urgent:
                    due = max(due, self._begun[-self.most_an_hour] + _HOUR)
                if now >= due:
                    self._first, self._is_urgent = None, False
                    self._begun.append(now)
                    return True
                self._changed.wait(due - now)
            return False

    def _follow(self) -> float:
        """Audit once; returns the seconds to wait before the next attempt."""
        with self._changed:
            self._stopping = threading.Event()
            if self._ending:
                self._stopping.set()
            stopping = self._stopping
        try:
            self.audit(stopping)
        except CollectionCancelled:
            _log.info("The audit was interrupted. The next start resumes it.")
            return 0.0
        except AlreadyRunning:
            _log.info("Another process reads the account: trying again in %g s.", WHILE_BUSY)
            self.wake()
            return WHILE_BUSY
        except AuditorError as error:
            self.state.audit_problem = str(error)
            _log.error("The audit after an event failed. %s", error)
            return self._pause()
        except Exception:
            self.state.audit_problem = "An audit ended with an unexpected error. See the log."
            _log.exception("The audit after an event failed.")
            return self._pause()
        self.state.audit_problem, self._failures = "", 0
        return 0.0

    def _pause(self) -> float:
        """Seconds before the next attempt."""
        self.wake()
        self._failures += 1
        return float(min(AFTER_FAILURE * 2 ** (self._failures - 1), LONGEST_PAUSE))


NOTICES: Mapping[str, str] = {
    "meeting.ai_companion_started": "AI Companion was started in a meeting",
    "app.authorization_request_created": "somebody asks to use the app {app}",
    "app_deauthorized": "the app {app} was removed",
}
"""Events that people may want to know of at once, as clauses."""
MOST_CHANGES = 10
"""Changed settings of one event that a message names. The audit that follows names the rest."""


@dataclass
class NoticeSender:
    """Tells channels of events before, or without, an audit; those of half a minute in one message.

    In a large account, an audit that follows a change of the account takes as long as a night.
    """

    channels: Sequence[Channel]
    account: str
    messages: Messages
    names: bool = False
    """Whether to say who caused an event."""
    together: float = 30.0
    """Seconds after the first event in which others join its message."""
    _waiting: "Queue[str]" = field(default_factory=Queue)

    def notice(self, event: ReceivedEvent) -> None:
        """Take note of an event that was stored."""
        sentence = NOTICES.get(event.name)
        texts = [sentence.format(app=event.app or "without a name")] if sentence else []
        if event.topic in (Topic.ACCOUNT, Topic.GROUP):
            texts = change_texts(event)
        by = f", by {event.operator}" if self.names and event.operator else ""
        for text in texts[:MOST_CHANGES]:
            self._waiting.put(f"{text}{by} ({event.occurred_at:%Y-%m-%d %H:%M} UTC)")

    def run(self) -> None:
        """Send messages for as long as the process lives."""
        while True:
            lines = [self._waiting.get()]
            time.sleep(self.together)
            while not self._waiting.empty():
                lines.append(self._waiting.get())
            for delivery in sending.deliver(self.channels, notice(self.account, lines)):
                if not delivery.sent:
                    self.messages.complain(f"{delivery.channel} got no message. {delivery.reason}")


@dataclass(frozen=True)
class Watch:
    """A receiver of webhooks with the audits that follow."""

    settings: Settings
    job: Callable[[threading.Event], NightlyJob]
    """A job for each audit, which the event interrupts: as nightly, but reading only what events
    and the rules make due."""
    messages: Messages
    listen: str
    tls: TlsFiles | None = None
    notices: NoticeSender | None = None
    """Tells of events that need no audit; None to tell of none."""
    looks: FirstLooks | None = None
    """Tells of what got worse before an audit; None if there is nobody to tell."""

    def run(self) -> None:
        """Receive until interrupted, by Ctrl-C or SIGTERM. An audit under way can be resumed.

        Raises:
            ConfigError: the secret or the account is missing.
            CannotListen: the address cannot be listened on.
            StoreError: the history cannot be opened.
        """
        secret = webhook_secret(self.settings)
        account_id = self.settings.credentials().account_id
        stored = stored_runs(self.settings, writing=True)
        state = ReceiverState()

        def audit(stopping: threading.Event) -> None:
            announced = self.looks.announced() if self.looks is not None else frozenset()
            began = datetime.now(UTC)
            run = replace(self.job(stopping), announced=announced).run().run
            if self.looks is not None:
                self.looks.forget(announced)
            is_resumed = run is not None and run.started_at < began
            if run is not None and is_resumed and pending_since(stored, account_id, run.started_at):
                follower.wake()  # it may have read the account before the last event

        follower = Follower(audit, state)
        events = KeptEvents(stored)
        events.add(())  # opens the history, so that an unusable one is told before listening
        newest = stored.history.newest(RunFilter(account_id, place(self.settings.api_url)))
        if newest is None or pending_since(stored, account_id, newest.facts.started_at):
            follower.wake()
        listener = bound(self.listen, self.tls)
        # The server ends in good order and raises the signal again; the audit then has to end, too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        worker = threading.Thread(target=follower.run, name="follower", daemon=True)
        threads = [worker]
        if self.notices is not None:
            threads.append(threading.Thread(target=self.notices.run, name="notices", daemon=True))
        if self.looks is not None:
            threads.append(threading.Thread(target=self.looks.run, name="looks", daemon=True))

        def on_new(event: ReceivedEvent) -> None:
            if self.looks is not None:
                self.looks.notice(event)
            follower.notice(event)
            if self.notices is not None:
                self.notices.notice(event)

        with Inbox(events, on_new) as inbox:
            receiver = Receiver(secret, account_id, inbox, state)
            for thread in threads:
                thread.start()
            try:
                self.messages.say(
                    f"Receiving events of account {account_id} on {shown(listener)}. "
                    "Stop with Ctrl-C."
                )
                with suppress(KeyboardInterrupt):
                    server(receiver.application(), self.tls).run([listener])
            finally:
                follower.end()
                if self.looks is not None:
                    self.looks.end()
                worker.join(_END_WITHIN)
                listener.close()
        self.messages.say("No more events are received.")
