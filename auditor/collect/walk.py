"""The walk: account, groups, users, each document of the plan once, into the snapshot.

Requests run in worker threads, so many at a time as fit between the question and its answer; the
snapshot is written by the calling thread alone. A document that cannot be read becomes a recorded
cause. When nothing can be read any more (no token, no network, the day's quota used up), the rest
is recorded as such instead of being asked for.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from auditor.collect import rows
from auditor.collect.interface import Api, Listener, Silent
from auditor.evidence.plan import LISTINGS, PENDING, PHONE, TOKEN, Reads
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document, Outcome, Refusal, View
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    NotFound,
    NotLicensed,
    RateLimited,
    Rejected,
    Transient,
    Unreachable,
    ZoomError,
)

SETTINGS_ENDPOINTS = {
    (Level.ACCOUNT, "settings"): endpoints.ACCOUNT_SETTINGS,
    (Level.ACCOUNT, "lock_settings"): endpoints.ACCOUNT_LOCK_SETTINGS,
    (Level.GROUP, "settings"): endpoints.GROUP_SETTINGS,
    (Level.GROUP, "lock_settings"): endpoints.GROUP_LOCK_SETTINGS,
    (Level.USER, "settings"): endpoints.USER_SETTINGS,
}
_PLACEHOLDER = {Level.ACCOUNT: "", Level.GROUP: "groupId", Level.USER: "userId"}

BATCH = 200
"""Scopes written in one transaction."""

HOPELESS = 24
"""Failures in a row before the rest is given up; no network at all counts eightfold."""


class NothingRead(Exception):
    """Not one document could be read. `cause` is the error that says why."""

    def __init__(self, error: ZoomError) -> None:
        self.error = error
        super().__init__(str(error))


def utc_now() -> str:
    """The time, RFC 3339 with milliseconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Walk:
    """One collection."""

    api: Api
    snapshot: Snapshot
    reads: Reads
    account_id: str
    workers: int = 8
    listener: Listener = field(default_factory=Silent)
    now: Callable[[], str] = utc_now
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the walk is broken off, so that waiting requests can end."""
    _given_up: Unseen | None = None
    _failures: int = 0
    _first_error: ZoomError | None = None
    _documents: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self) -> None:
        """Read everything the plan names.

        Raises:
            NothingRead: no document at all could be read.
        """
        account = Scope(Level.ACCOUNT, self.account_id, "account")
        with ThreadPoolExecutor(self.workers, thread_name_prefix="read") as pool:
            try:
                self.snapshot.add_scope(account)
                self._read_scopes(pool, [account], self.reads.account)
                self._stop_if_nothing_works()
                self._record_phone_and_token()
                self._stop_if_nothing_works()
                if self.reads.group or self.reads.user:
                    groups = self._listed(account, Level.GROUP)
                    self._stop_if_nothing_works()
                    with self.snapshot.batch():
                        for group in groups:
                            self.snapshot.add_scope(group)
                    self._read_scopes(pool, groups, self.reads.group)
                if self.reads.user:
                    users = self._listed(account, Level.USER)
                    self._count_pending(account)
                    self._read_scopes(pool, users, self.reads.user)
            except BaseException:
                self.stopping.set()
                self._give_up(Unseen(Cause.NOT_COLLECTED, "the run was stopped"))
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _stop_if_nothing_works(self) -> None:
        """End the run where nothing was read for a reason that holds for everything else."""
        error = self._first_error
        passing = isinstance(error, Denied | NotLicensed | NotFound | Rejected) or (
            isinstance(error, RateLimited) and error.daily
        )
        if error is not None and not self._documents and not passing:
            raise NothingRead(error)

    def _read_scopes(
        self, pool: ThreadPoolExecutor, scopes: Iterable[Scope], views: tuple[View, ...]
    ) -> None:
        """Read `views` of every scope, a bounded number at a time, and record them in order."""
        scopes = list(scopes)
        if not scopes or not views:
            return
        self.listener.found(scopes[0].level, len(scopes))
        waiting: deque[tuple[Scope, Future[list[Outcome]]]] = deque()
        queue = iter(scopes)
        exhausted = False
        while waiting or not exhausted:
            with self.snapshot.batch():
                for _ in range(BATCH):
                    while not exhausted and len(waiting) < 4 * self.workers:
                        scope = next(queue, None)
                        if scope is None:
                            exhausted = True
                        else:
                            waiting.append((scope, pool.submit(self._documents_of, scope, views)))
                    if not waiting:
                        break
                    scope, future = waiting.popleft()
                    self._record(scope, views, future.result())

    def _record(self, scope: Scope, views: tuple[View, ...], outcomes: list[Outcome]) -> None:
        self.snapshot.add_scope(scope)
        for view, outcome in zip(views, outcomes, strict=True):
            self.snapshot.record(scope, view, outcome)
        self.listener.read(scope.level)

    def _documents_of(self, scope: Scope, views: tuple[View, ...]) -> list[Outcome]:
        return [self._document(scope, view) for view in views]

    def _document(self, scope: Scope, view: View) -> Outcome:
        endpoint = SETTINGS_ENDPOINTS[scope.level, view.surface]
        placeholder = _PLACEHOLDER[scope.level]
        ids = {placeholder: scope.id} if placeholder else {}
        params = {"option": view.option} if view.option else {}
        if scope.level is Level.USER and scope.id == scope.email:
            unseen = Unseen(Cause.NOT_COLLECTED, "the list of users gave no id for this user")
            return Refusal(unseen, _source(endpoint, view), self.now())
        return self._asked(
            _source(endpoint, view), lambda: self.api.get(endpoint, ids=ids, params=params)
        )

    def _asked(self, source: str, ask: Callable[[], JsonValue]) -> Outcome:
        """What came of one request. Counts what would make every further request pointless."""
        if self._given_up is not None:
            return Refusal(self._given_up, source, self.now())
        try:
            body = ask()
        except ZoomError as error:
            self._note(error)
            return Refusal(Unseen(_cause(error), str(error)), source, self.now())
        with self._lock:
            self._failures = 0
            self._documents += 1
        return Document(body, source, self.now())

    def _note(self, error: ZoomError) -> None:
        with self._lock:
            self._first_error = self._first_error or error
            if isinstance(error, Unreachable):
                self._failures += 8
            elif isinstance(error, Transient):
                self._failures += 1
            hopeless = isinstance(error, AuthenticationFailed) or (
                isinstance(error, RateLimited) and error.daily
            )
            if hopeless or self._failures >= HOPELESS:
                self._give_up(Unseen(_cause(error), str(error)))

    def _give_up(self, why: Unseen) -> None:
        if self._given_up is None:
            self._given_up = why

    def _listed(self, account: Scope, level: Level) -> list[Scope]:
        """The scopes of a level, each once; what came of each listing is recorded."""
        found: dict[str, Scope] = {}
        for view in LISTINGS[level]:
            self._list(account, view, found)
        return list(found.values())

    def _list(self, account: Scope, view: View, found: dict[str, Scope]) -> None:
        """Add what a listing names to `found`. One that names rows nobody can ask for failed."""
        endpoint = endpoints.GROUPS if view.surface == "groups" else endpoints.USERS
        params = {"status": view.option} if view.option else {}
        nameless = 0

        def ask() -> JsonValue:
            nonlocal nameless
            before = len(found)
            for row in self.api.items(endpoint, params=params):
                scope = rows.user(row, view.option) if view.option else rows.group(row)
                if scope is None:
                    nameless += 1
                else:
                    found.setdefault(scope.id, scope)
            return {"listed": len(found) - before}

        outcome = self._asked(_listing_source(endpoint, view), ask)
        if nameless:
            unseen = Unseen(Cause.ERROR, f"{nameless} rows of the list have no id")
            outcome = Refusal(unseen, outcome.source, outcome.observed_at)
        self.snapshot.record(account, view, outcome)

    def _count_pending(self, account: Scope) -> None:
        """Record invited users: they have no settings to read, and are not judged."""
        pending: dict[str, Scope] = {}
        self._list(account, PENDING, pending)
        with self.snapshot.batch():
            for scope in pending.values():
                self.snapshot.add_scope(
                    Scope(Level.USER, scope.id, scope.name, scope.email, status="pending")
                )

    def _token(self) -> JsonValue:
        return {"token": {"scopes": [*sorted(self.api.authenticate())]}}

    def _record_phone_and_token(self) -> None:
        if self.reads.token:
            app = Scope(Level.APP, self.account_id, "the auditor's own app")
            outcome = self._asked("POST /oauth/token", self._token)
            self.snapshot.add_scope(app)
            self.snapshot.record(app, TOKEN, outcome)
        if self.reads.phone:
            phone = Scope(Level.PHONE_ACCOUNT, self.account_id, "Zoom Phone")
            endpoint = endpoints.PHONE_ACCOUNT_SETTINGS
            params = {"setting_types": ",".join(self.reads.phone)}
            outcome = self._asked(endpoint.request, lambda: self.api.get(endpoint, params=params))
            self.snapshot.add_scope(phone)
            self.snapshot.record(phone, PHONE, outcome)


def _cause(error: ZoomError) -> Cause:
    """The cause that an error leaves behind. None of the errors means that a setting is off."""
    match error:
        case Denied():
            return Cause.DENIED
        case NotLicensed():
            return Cause.NOT_LICENSED
        case RateLimited(daily=True):
            return Cause.NOT_COLLECTED
    return Cause.ERROR


def _source(endpoint: Endpoint, view: View) -> str:
    return f"{endpoint.request}?option={view.option}" if view.option else endpoint.request


def _listing_source(endpoint: Endpoint, view: View) -> str:
    return f"{endpoint.request}?status={view.option}" if view.option else endpoint.request
