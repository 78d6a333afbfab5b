"""The walk: account, groups, users and what lies beside them, each document of the plan once.

Requests run in worker threads, so many at a time as fit between the question and its answer; the
snapshot is written by the calling thread alone. A document that cannot be read becomes a recorded
cause. When nothing can be read any more (no token, no network, the day's quota used up), the rest
is recorded as such instead of being asked for.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, islice

from auditor.collect import hosts, meetings, rows
from auditor.collect.errands import Errand, R, T
from auditor.collect.interface import Api, Listener, Silent
from auditor.collect.phone import PhoneLevels
from auditor.collect.rows import Listed
from auditor.collect.usage import AccountUse
from auditor.evidence.plan import AI_FEATURES, LISTINGS, PENDING, PHONE, TOKEN, Reads
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
    ScopeMissing,
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
    _pool: ThreadPoolExecutor | None = None
    _refused: dict[View, Refusal] = field(default_factory=dict)
    """The listings that were refused."""
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
        account = self.account
        with ThreadPoolExecutor(self.workers, thread_name_prefix="read") as pool:
            self._pool = pool
            try:
                self.snapshot.add_scope(account)
                self._read_scopes([account], self.reads.account)
                self._stop_if_nothing_works()
                phone = self._record_phone_and_token()
                self._stop_if_nothing_works()
                use = AccountUse(self)
                refusals = self._read_use(use)
                self._stop_if_nothing_works()
                groups = self._groups(account)
                users = self._users(account)
                if self.reads.hosts:
                    hosts.record(self, use.hosts, groups, users)
                PhoneLevels(self, phone).read(groups, users)
                if self.reads.notices:
                    meetings.read_notices(self, use.meetings_with_ai, refusals)
                meetings.read_upcoming(self, users)
            except BaseException:
                self.stopping.set()
                self._give_up(Unseen(Cause.NOT_COLLECTED, "the run was stopped"))
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    @property
    def account(self) -> Scope:
        """The account that is read."""
        return Scope(Level.ACCOUNT, self.account_id, "account")

    def today(self) -> date:
        """The day, UTC."""
        return datetime.fromisoformat(self.now()).astimezone(UTC).date()

    def _groups(self, account: Scope) -> Listed:
        """List the groups where a level below the account needs them, and read them."""
        r = self.reads
        if not (r.group or r.phone_group or r.hosts or self._users_are_needed):
            return Listed()
        groups = self._listed(account, Level.GROUP)
        self._stop_if_nothing_works()
        with self.snapshot.batch():
            for group in groups.scopes:
                self.snapshot.add_scope(group)
        self._read_scopes(groups.scopes, r.group)
        return groups

    def _users(self, account: Scope) -> Listed:
        """List the users where something of theirs is needed, and read their settings."""
        if not (self._users_are_needed or self.reads.hosts):
            return Listed()
        users = self._listed(account, Level.USER)
        self._read_scopes(users.scopes, self.reads.user)
        if self.reads.user:  # last, so that a user in both lists counts as the other one says
            self._count_pending(account)
        return users

    @property
    def _users_are_needed(self) -> bool:
        r = self.reads
        return bool(r.user or r.phone_user or r.meeting or r.webinar)

    def _stop_if_nothing_works(self) -> None:
        """End the run where nothing was read for a reason that holds for everything else."""
        error = self._first_error
        passing = isinstance(error, Denied | NotLicensed | NotFound | Rejected) or (
            isinstance(error, RateLimited) and error.daily
        )
        if error is not None and not self._documents and not passing:
            raise NothingRead(error)

    def each(self, work: Callable[[T], R], of: Iterable[T]) -> Iterator[tuple[T, R]]:
        """`work` done in worker threads, a bounded number at a time, in order."""
        assert self._pool is not None
        waiting: deque[tuple[T, Future[R]]] = deque()
        queue = iter(of)
        while True:
            for item in islice(queue, 4 * self.workers - len(waiting)):
                waiting.append((item, self._pool.submit(work, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            yield item, future.result()

    def _read_scopes(self, scopes: Iterable[Scope], views: tuple[View, ...]) -> None:
        """Read `views` of every scope and record them in order."""
        scopes = list(scopes)
        if not scopes or not views:
            return
        self.listener.found(scopes[0].level, len(scopes))
        read = self.each(lambda scope: self._documents_of(scope, views), scopes)
        for batch in _in_batches(read):
            with self.snapshot.batch():
                for scope, outcomes in batch:
                    self._record(scope, views, outcomes)

    def _read_use(self, use: AccountUse) -> list[Refusal]:
        """Read what the account has beside its settings. Returns the reports that were refused."""
        refusals = []
        for errand, outcome in self.each(lambda e: self.asked(e.source, e.ask), use.errands()):
            self.snapshot.record(errand.scope, errand.view, outcome)
            if isinstance(outcome, Refusal) and errand.view.option in AI_FEATURES:
                refusals.append(outcome)
        return refusals

    def record(self, level: Level, rows: Iterator[tuple[Errand, Outcome]], expected: int) -> None:
        """Write what came of errands at one level. An answer of None is left out."""
        if expected:
            self.listener.found(level, expected)
        for batch in _in_batches(rows):
            with self.snapshot.batch():
                for errand, outcome in batch:
                    if expected:
                        self.listener.read(level)
                    if isinstance(outcome, Refusal) or outcome.body is not None:
                        self.snapshot.add_scope(errand.scope)
                        self.snapshot.record(errand.scope, errand.view, outcome)

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
        return self.asked(
            _source(endpoint, view), lambda: self.api.get(endpoint, ids=ids, params=params)
        )

    def asked(self, source: str, ask: Callable[[], JsonValue]) -> Outcome:
        """What came of one request, or of one listing.

        Counts what would make every further request pointless.
        """
        if self._given_up is not None:
            return Refusal(self._given_up, source, self.now())
        try:
            body = ask()
        except ZoomError as error:
            self._note(error)
            return Refusal(Unseen(_cause(error), _words(error)), source, self.now())
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
                self._give_up(Unseen(_cause(error), _words(error)))

    def _give_up(self, why: Unseen) -> None:
        if self._given_up is None:
            self._given_up = why

    def _listed(self, account: Scope, level: Level) -> Listed:
        """The scopes of a level, each once; what came of each listing is recorded."""
        found: dict[str, Scope] = {}
        for view in LISTINGS[level]:
            self._list(account, view, found)
        refusals = [self._refused[view] for view in LISTINGS[level] if view in self._refused]
        return Listed(list(found.values()), refusals[0] if refusals else None)

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

        outcome = self.asked(_listing_source(endpoint, view), ask)
        if nameless:
            unseen = Unseen(Cause.ERROR, f"{nameless} rows of the list have no id")
            outcome = Refusal(unseen, outcome.source, outcome.observed_at)
        elif view.option == "active" and isinstance(outcome, Document) and not found:
            unseen = Unseen(Cause.ERROR, "the list of active users is empty: not even the owner")
            outcome = Refusal(unseen, outcome.source, outcome.observed_at)
        if isinstance(outcome, Refusal):
            self._refused[view] = outcome
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

    def _record_phone_and_token(self) -> Outcome | None:
        """Record both; returns what came of asking for the phone account."""
        if self.reads.token:
            app = Scope(Level.APP, self.account_id, "the auditor's own app")
            outcome = self.asked("POST /oauth/token", self._token)
            self.snapshot.add_scope(app)
            self.snapshot.record(app, TOKEN, outcome)
        if not self.reads.phone:
            return None
        phone = Scope(Level.PHONE_ACCOUNT, self.account_id, "Zoom Phone")
        endpoint = endpoints.PHONE_ACCOUNT_SETTINGS
        params = {"setting_types": ",".join(self.reads.phone)}
        outcome = self.asked(endpoint.request, lambda: self.api.get(endpoint, params=params))
        self.snapshot.add_scope(phone)
        self.snapshot.record(phone, PHONE, outcome)
        return outcome


def _in_batches(rows: Iterator[T]) -> Iterator[Iterator[T]]:
    """Rows as they come, in portions for one transaction each."""
    for first in rows:
        yield chain([first], islice(rows, BATCH - 1))


def _words(error: ZoomError) -> str:
    """What people read about an error; for a missing scope its name in either kind of app."""
    if isinstance(error, ScopeMissing):
        for endpoint in endpoints.ENDPOINTS.values():
            if endpoint.request == error.request and endpoint.classic_scopes:
                return f"{error} In an app with classic scopes it is {endpoint.classic_scopes[0]}."
    return str(error)


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
