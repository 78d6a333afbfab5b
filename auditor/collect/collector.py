"""The collector: reads each document of the plan once, from the account down to meetings.

Requests run in worker threads. Only the calling thread writes the snapshot, as responses arrive, so
that an interrupted collection can be resumed. A document that cannot be read is recorded with its
cause. Once further requests cannot succeed (no token, no network, the daily quota used up), the
remaining documents are recorded with that cause and not requested.
"""

import json
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice

from auditor.collect import (
    carrying,
    departures,
    disclaimers,
    host_groups,
    listings,
    lock_sampling,
    meetings,
    operation_log,
)
from auditor.collect.carrying import CarryPolicy, PreviousRun
from auditor.collect.document_requests import Batch, DocumentRequest, R, T
from auditor.collect.interface import LockVerifier, NoProgress, ProgressListener
from auditor.collect.phone import PhoneLevels
from auditor.collect.usage import AccountUse
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.read_plan import PHONE, TOKEN, ReadPlan
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.surfaces import SURFACES
from auditor.surfaces.model import ZoomApi
from auditor.surfaces.reports import AI_FEATURES
from auditor.zoom import endpoints
from auditor.zoom.errors import (
    INVITATION_EXPIRED,
    AuthenticationFailed,
    Denied,
    NotFound,
    NotLicensed,
    RateLimited,
    Rejected,
    ScopeMissing,
    TooMuch,
    Transient,
    Unreachable,
    ZoomError,
)

_log = logging.getLogger(__name__)

MAX_WORKERS = 64
"""The most requests in flight, whatever the rate and the latency."""

MAX_CONSECUTIVE_FAILURES = 24
"""Consecutive failures before collection stops. A failure to connect counts as eight."""

DEADLINE_PASSED = "The deadline of the run passed."
"""The reason recorded for documents that were not requested because time ran out."""

_LOOK_UP = 0.5
"""Seconds between two looks at `stopping` while requests are under way."""

CHECKPOINT = 100
"""Outcomes recorded between two calls of `checkpoint`."""


class CollectionFailed(AuditorError):
    """No document could be read. `error` is the reason."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __init__(self, error: ZoomError) -> None:
        self.error = error
        super().__init__(str(error))


class CollectionCancelled(AuditorError):
    """Another thread asked the collection to stop. What was read so far can be resumed."""

    exit_code = ExitCode.INTERRUPTED

    def __str__(self) -> str:
        return "The audit was interrupted. What was read so far is kept."


def utc_now() -> str:
    """The current time: RFC 3339 with milliseconds, UTC."""
    return format_rfc3339(datetime.now(UTC))


@dataclass
class Collector:
    """One collection, started anew or resumed after an interruption."""

    api: ZoomApi
    snapshot: Snapshot
    reads: ReadPlan
    account_id: str
    target_concurrency: Callable[[], int] = lambda: 8
    """The number of requests to keep in flight, which may change during the run."""
    listener: ProgressListener = field(default_factory=NoProgress)
    now: Callable[[], str] = utc_now
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the collection ends early, so that waiting requests can end. Another thread may set
    it to interrupt the collection."""
    since: str | None = None
    """Documents read before this time (RFC 3339) are read again; None if nothing was read yet."""
    lock_verifier: LockVerifier | None = None
    """Decides which user documents the account's locks prove; None to read all of them."""
    sample: int = 25
    """How many users are sampled to verify the locks."""
    carry_policy: CarryPolicy | None = None
    """What may be carried over from the run before; None to read everything."""
    previous: PreviousRun | None = None
    """The run before; None if there is none that can be used."""
    checkpoint: Callable[[], None] = lambda: None
    """Called after every `CHECKPOINT` outcomes, and at the end."""
    deadline: float = math.inf
    """When to stop sending requests, by `time.monotonic`."""
    stop_reason: Unseen | None = None
    """Why collection stopped early; None if everything was requested."""
    not_found: dict[tuple[Level, str], tuple[str, Callable[[], JsonValue]]] = field(
        default_factory=dict
    )
    """The scopes Zoom answered with 404, each with the request that failed."""
    _threads: ThreadPoolExecutor | None = None
    _failures: int = 0
    _first_error: ZoomError | None = None
    _documents: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self) -> None:
        """Read every document of the plan that has not been read yet.

        Raises:
            CollectionCancelled: another thread set `stopping`.
            CollectionFailed: no document could be read.
            SnapshotError: the snapshot cannot be written; earlier documents are kept.
        """
        with self._at_work():
            self._collect()

    def read_again(self, scopes: Sequence[Scope]) -> None:
        """Read the settings of the account, and of `scopes` of groups and users, once more.

        The snapshot has to name them. What cannot be read replaces what was read before.

        Raises:
            CollectionCancelled: another thread set `stopping`.
            SnapshotError: the snapshot cannot be written.
        """
        self.since = self.now()
        with self._at_work():
            for level, views, some in (
                (Level.ACCOUNT, self.reads.account, [self.account]),
                (Level.GROUP, self.reads.group, [s for s in scopes if s.level is Level.GROUP]),
                (Level.USER, self.reads.user, [s for s in scopes if s.level is Level.USER]),
            ):
                if some:
                    self.read_level(level, views, some)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Threads for requests, for the duration of the block; they end with it, however it
        ends."""
        with ThreadPoolExecutor(MAX_WORKERS, "read") as self._threads:
            try:
                yield
            except BaseException:
                self.stopping.set()
                self._give_up(Unseen(Cause.NOT_COLLECTED, "the run was stopped"))
                self._threads.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                self.checkpoint()

    def _collect(self) -> None:
        if self.since is not None:
            _log.debug("Resuming: documents read at %s or later are not read again.", self.since)
        self.snapshot.add_scope(self.account)
        if self.reads.phone_user:
            self.snapshot.set_metadata(carrying.PHONE_ITEMS, json.dumps(self.reads.phone_user))
        self.read_level(Level.ACCOUNT, self.reads.account)
        self._stop_if_nothing_works()
        phone = self._record_phone_and_token()
        self._stop_if_nothing_works()
        use = AccountUse(self)
        refusals = self._read_use(use)
        disclaimers.record(self, use)
        self._stop_if_nothing_works()
        if self._groups_are_needed:
            listings.groups(self)
            self._stop_if_nothing_works()
            self.read_level(Level.GROUP, self.reads.group)
        else:
            _log.debug("Groups are not listed: no selected control needs them.")
        if self._users_are_needed or self.reads.hosts:
            listings.users(self)
        if self.reads.hosts:
            host_groups.record(self, use.reported.hosts)
        views: tuple[View, ...] = ()
        is_resumed = self.snapshot.meta(carrying.CARRIED) is not None
        if self.reads.user:
            proved = (
                lock_sampling.verify_locks_by_sample(self, self.lock_verifier)
                if self.lock_verifier
                else frozenset()
            )
            views = tuple(view for view in self.reads.user if view not in proved)
            self._read_users(views)
            # Last, so that a user who is in another list as well has the status of that list.
            listings.pending(self)
        phones = self._read_phones(phone, views)
        if self.carry_policy and views and (is_resumed or self.previous):
            carrying.verify(self, views, self.carry_policy, phones)
        if self.reads.notices:
            meetings.read_notices(self, use.reported.meetings_with_ai, refusals)
        meetings.read_upcoming(self)
        if self.carry_policy and self.snapshot.meta(carrying.CARRIED):
            carrying.renew(self, views, self.carry_policy, phones)
        departures.record(self)
        operation_log.record(self)

    def _read_users(self, views: tuple[View, ...]) -> None:
        """Read `views` of the users who are due, and carry the others over."""
        policy = self.carry_policy
        if policy is None or not views:
            self.read_level(Level.USER, views)
            return
        if self.snapshot.meta(carrying.CARRIED) is None and self.previous is not None:
            carrying.carry(self, views, policy, self.previous)
        # Carried documents are older than the run: their own bound applies.
        self.read_level(Level.USER, views, since=carrying.usable_since(self, policy, self.since))

    def _read_phones(self, account: Outcome | None, views: tuple[View, ...]) -> PhoneLevels:
        """Read Zoom Phone below the account; phone users go with the `views` of users."""
        policy, previous = self.carry_policy, self.previous
        phones = PhoneLevels(self, account)
        phones.read_places()
        if not self.reads.phone_user:
            return phones
        if policy is None or not views:
            phones.read_users()
            return phones
        if previous is not None:
            carrying.carry_phones(self, views, policy, previous)
        phones.read_users(since=carrying.usable_since(self, policy, self.since))
        return phones

    @property
    def account(self) -> Scope:
        """The audited account."""
        return Scope(Level.ACCOUNT, self.account_id, "account")

    def today(self) -> date:
        """The current date, UTC."""
        return parse_rfc3339(self.now()).date()

    @property
    def _groups_are_needed(self) -> bool:
        r = self.reads
        return bool(r.group or r.phone_group or r.hosts or self._users_are_needed)

    @property
    def _users_are_needed(self) -> bool:
        r = self.reads
        return bool(r.user or r.phone_user or r.meeting or r.webinar)

    def _stop_if_nothing_works(self) -> None:
        """End the run if no document was read, for a reason that applies to all requests."""
        error = self._first_error
        passing = isinstance(error, Denied | NotLicensed | NotFound | Rejected) or (
            isinstance(error, RateLimited) and error.daily
        )
        if error is None or self._documents or passing:
            return
        was_read = self.since is not None and not self.snapshot.is_empty()
        if not was_read or self.stop_reason is not None:
            raise CollectionFailed(error)

    def run_concurrently(
        self, work: Callable[[T], R], of: Iterable[T]
    ) -> Iterator[list[tuple[T, R]]]:
        """Run `work` on worker threads and yield results in batches, in order of completion.

        A batch holds all results that are ready when the caller asks, so that they can be written
        in one transaction. The calling thread iterates `of`, and only as far as there are free
        workers: it may name a million users. An exception of `work` is raised here, after the
        results that were ready by then.
        """
        assert self._threads is not None
        items = iter(of)
        under_way: dict[Future[R], T] = {}
        while True:
            room = max(0, self.target_concurrency() - len(under_way))
            for item in islice(items, room):
                under_way[self._threads.submit(work, item)] = item
            if not under_way:
                return
            finished = self._first_completed(under_way)
            in_order = [
                future for future in under_way if future in finished
            ]  # in the order of submission
            failed = [future for future in in_order if future.exception() is not None]
            done = [(under_way.pop(f), f.result()) for f in in_order if f not in failed]
            if done:
                yield done
            for future in failed:
                future.result()

    def _first_completed(self, under_way: Iterable[Future[R]]) -> set[Future[R]]:
        """Wait until at least one request is done.

        Raises:
            CollectionCancelled: `stopping` was set.
        """
        while True:
            finished, _ = wait(under_way, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
            if self.stopping.is_set():
                raise CollectionCancelled
            if finished:
                return finished

    def read_level(
        self,
        level: Level,
        views: tuple[View, ...],
        scopes: Iterable[Scope] | None = None,
        since: str | None = None,
    ) -> None:
        """Read the missing documents of `views`, for all scopes of a level or for `scopes`.

        Documents read before `since` (RFC 3339), by default that of the collection, are read again.
        """
        since = since or self.since
        if not views:
            _log.debug("No settings are read at level %s: no selected control needs any.", level)
            return
        shown = ", ".join(map(str, views))
        _log.info("Reading %s at level %s%s.", shown, level, "" if scopes is None else ", sampled")
        if scopes is None:
            self.listener.level_started(level, self._due(level, views, since))
        remaining: Counter[str] = Counter()

        def outstanding() -> Iterator[tuple[Scope, View]]:
            for scope, missing in self.snapshot.pending_reads(level, views, since, scopes):
                if not scope.is_invited:
                    remaining[scope.id] = len(missing)
                    yield from ((scope, view) for view in missing)

        unsaved = 0
        for batch in self.run_concurrently(self._document, outstanding()):
            with self.snapshot.transaction():
                for (scope, view), outcome in batch:
                    self.snapshot.record(scope, view, outcome)
            unsaved += len(batch)
            if unsaved >= CHECKPOINT:
                self.checkpoint()
                unsaved = 0
            for (scope, _), _ in batch:
                remaining[scope.id] -= 1
                if not remaining[scope.id]:
                    del remaining[scope.id]
                    if scopes is None:
                        self.listener.read(level)

    def _due(self, level: Level, views: tuple[View, ...], since: str | None) -> int:
        """How many scopes of a level lack a document of `views`."""
        if since is None and self.carry_policy is None:
            return self.snapshot.count(level)
        return sum(1 for _ in self.snapshot.pending_reads(level, views, since))

    def is_up_to_date(self, scope: Scope, view: View) -> bool:
        """True if a document need not be requested again. The scope has to be recorded."""
        return not any(self.snapshot.pending_reads(scope.level, (view,), self.since, [scope]))

    def outstanding(
        self, requests: Iterable[DocumentRequest], since: str | None = None
    ) -> Iterator[DocumentRequest]:
        """The requests whose documents were not read, or before `since` (RFC 3339).

        By default that of the collection: what an interrupted run has not completed.
        """
        since = since or self.since
        for request in requests:
            scope, view = request.scope, request.view
            is_recorded = since is not None and self.snapshot.has(scope)
            pending = self.snapshot.pending_reads(scope.level, (view,), since, [scope])
            if not is_recorded or any(pending):
                yield request

    def _read_use(self, use: AccountUse) -> list[ReadFailure]:
        """Read the usage documents of the account. Returns the failures of the AI reports."""
        due = [
            request
            for request in use.requests()
            if not self.is_up_to_date(request.scope, request.view)
        ]
        for batch in self.run_concurrently(lambda e: self.fetch(e.source, e.ask), due):
            with self.snapshot.transaction():
                for request, outcome in batch:
                    self.snapshot.record(request.scope, request.view, outcome)
                use.save()
        outcomes = self.snapshot.evidence_of(self.account).outcomes
        return [
            outcome
            for view, outcome in outcomes.items()
            if isinstance(outcome, ReadFailure) and view.option in AI_FEATURES
        ]

    def record(self, level: Level, batches: Iterable[Batch], expected: int) -> None:
        """Record the outcomes of requests at one level. A document that is None is not recorded."""
        if expected:
            self.listener.level_started(level, expected)
        for batch in batches:
            with self.snapshot.transaction():
                for request, outcome in batch:
                    if isinstance(outcome, ReadFailure) or outcome.body is not None:
                        self.snapshot.add_scope(request.scope)
                        self.snapshot.record(request.scope, request.view, outcome)
            for _ in batch if expected else ():
                self.listener.read(level)

    def _document(self, due: tuple[Scope, View]) -> Outcome:
        scope, view = due
        surface = SURFACES[view.surface]
        source = surface.source(scope.level, view)
        if scope.level is Level.USER and scope.id == scope.email:
            unseen = Unseen(Cause.NOT_COLLECTED, "the list of users gave no id for this user")
            return ReadFailure(unseen, source, self.now())
        return self.fetch(
            source,
            lambda: surface.levels[scope.level].document(self.api, scope.id, option=view.option),
            scope=scope,
        )

    def fetch(
        self,
        source: str,
        ask: Callable[[], JsonValue],
        *,
        essential: bool = True,
        scope: Scope | None = None,
    ) -> Outcome:
        """Send one request, or read one listing, and return its outcome.

        A failure that makes further requests pointless is counted, if the request is `essential`.
        If Zoom answers 404, `scope` is added to `not_found`.
        """
        if time.monotonic() > self.deadline:
            self._give_up(Unseen(Cause.NOT_COLLECTED, DEADLINE_PASSED))
        if self.stopping.is_set():
            raise CollectionCancelled
        if self.stop_reason is not None:
            return ReadFailure(self.stop_reason, source, self.now())
        try:
            body = ask()
        except ZoomError as error:
            if essential:
                self._count_failure(error)
            unknown = isinstance(error, NotFound) and error.code != INVITATION_EXPIRED
            if unknown and scope is not None:
                with self._lock:
                    self.not_found[scope.level, scope.id] = source, ask
            return ReadFailure(Unseen(_cause(error), _describe(error)), source, self.now())
        with self._lock:
            self._failures = 0
            self._documents += 1
        return Document(body, source, self.now())

    def _count_failure(self, error: ZoomError) -> None:
        with self._lock:
            self._first_error = self._first_error or error
            if isinstance(error, Unreachable):
                self._failures += 8
            elif isinstance(error, Transient | TooMuch):
                self._failures += 1
            is_fatal = isinstance(error, AuthenticationFailed) or (
                isinstance(error, RateLimited) and error.daily
            )
            if is_fatal or self._failures >= MAX_CONSECUTIVE_FAILURES:
                self._give_up(Unseen(_cause(error), _describe(error)))

    def _give_up(self, why: Unseen) -> None:
        if self.stop_reason is None:
            _log.info("No more requests are sent: %s", why.detail)
            self.stop_reason = why

    def _token(self) -> JsonValue:
        return {"token": {"scopes": [*sorted(self.api.authenticate())]}}

    def _record_phone_and_token(self) -> Outcome | None:
        """Record both. Returns the outcome for the phone account, None if it is not in the plan."""
        if self.reads.token:
            app = Scope(Level.APP, self.account_id, "the auditor's own app")
            self.snapshot.add_scope(app)
            if not self.is_up_to_date(app, TOKEN):
                self.snapshot.record(app, TOKEN, self.fetch("POST /oauth/token", self._token))
        if not self.reads.phone:
            return None
        phone = Scope(Level.PHONE_ACCOUNT, self.account_id, "Zoom Phone")
        self.snapshot.add_scope(phone)
        if not self.is_up_to_date(phone, PHONE):
            surface = SURFACES[PHONE.surface]
            outcome = self.fetch(
                surface.source(Level.PHONE_ACCOUNT, PHONE),
                lambda: surface.levels[Level.PHONE_ACCOUNT].document(
                    self.api, selection=self.reads.phone
                ),
            )
            self.snapshot.record(phone, PHONE, outcome)
        return self.snapshot.evidence_of(phone).outcomes[PHONE]


def _describe(error: ZoomError) -> str:
    """The error as text; for a missing scope, also its name in apps with classic scopes."""
    if isinstance(error, ScopeMissing):
        for endpoint in endpoints.ENDPOINTS.values():
            if endpoint.request == error.request and endpoint.classic_scopes:
                return f"{error} In an app with classic scopes it is {endpoint.classic_scopes[0]}."
    return str(error)


def _cause(error: ZoomError) -> Cause:
    """The cause to record for an error. No error ever means that a setting is off."""
    match error:
        case Denied():
            return Cause.DENIED
        case NotLicensed():
            return Cause.NOT_LICENSED
        case RateLimited(daily=True):
            return Cause.NOT_COLLECTED
    return Cause.ERROR
