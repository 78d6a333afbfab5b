"""The inbox: events wait here until one thread has stored them, many in one transaction.

A request is answered only when its event is committed, so that nothing that Zoom was told to forget
is lost. If the store is slow, requests are refused, and Zoom sends them again.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Protocol

from auditor.errors import AuditorError
from auditor.watch.events import ReceivedEvent

_log = logging.getLogger(__name__)

MOST_WAITING = 2_000
"""Events that wait for the store; more are refused."""
MOST_TOGETHER = 500
"""Events stored in one transaction."""
_POLL = 0.5
"""Seconds after which the thread looks whether it should end."""


class EventStore(Protocol):
    """Keeps events."""

    def add(self, events: Iterable[ReceivedEvent]) -> frozenset[str]:
        """Store events in one transaction; returns the digests of those that were not known."""


class InboxFull(AuditorError):
    """So many events wait that no more are taken."""


class Inbox:
    """Stores events on a thread of its own, for the duration of a `with` block."""

    def __init__(self, store: EventStore, on_new: Callable[[ReceivedEvent], None]) -> None:
        self._store, self._on_new = store, on_new
        self._waiting: Queue[tuple[ReceivedEvent, Future[bool]]] = Queue(MOST_WAITING)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def __enter__(self) -> "Inbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    async def keep(self, event: ReceivedEvent) -> bool:
        """Store an event; returns False if it was known. Returns only when it is committed.

        Raises:
            AuditorError: it could not be stored.
            InboxFull: too many events wait.
        """
        done: Future[bool] = Future()
        try:
            self._waiting.put_nowait((event, done))
        except Full:
            raise InboxFull from None
        return await asyncio.wrap_future(done)

    def _run(self) -> None:
        while not (self._ending.is_set() and self._waiting.empty()):
            with suppress(Empty):
                batch = [self._waiting.get(timeout=_POLL)]
                while len(batch) < MOST_TOGETHER:
                    try:
                        batch.append(self._waiting.get_nowait())
                    except Empty:
                        break
                self._keep(batch)

    def _keep(self, batch: list[tuple[ReceivedEvent, Future[bool]]]) -> None:
        try:
            new = set(self._store.add([event for event, _ in batch]))
        except Exception as error:
            if not isinstance(error, AuditorError):
                _log.exception("Events could not be stored.")
            for _, done in batch:
                _answer(done, error)
            return
        for event, done in batch:
            is_new = event.digest in new
            new.discard(event.digest)  # the second of two equal ones in a batch is a repeat
            if is_new:
                self._on_new(event)
            _answer(done, is_new)


def _answer(done: "Future[bool]", result: bool | Exception) -> None:
    """Answer a request, unless it was given up meanwhile."""
    if not done.set_running_or_notify_cancel():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
