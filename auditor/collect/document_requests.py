"""Document requests: what to fetch from Zoom, and which scope each result belongs to."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.surfaces.model import ZoomApi
from auditor.zoom.errors import Denied, NotLicensed, Rejected, ScopeMissing, ZoomError

_log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

UNKNOWN_ENDPOINT = 2300
NO_RIGHT = 200
"""Zoom's code for a missing permission, plan or subscription of the whole account."""


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document of one scope, and the function that fetches it.

    The function returns None if the scope has no such document; nothing is recorded then.
    """

    scope: Scope
    view: View
    source: str
    ask: Callable[[], JsonValue]


Batch = list[tuple[DocumentRequest, Outcome]]
"""Requests that finished together, with their outcomes."""


class CollectionContext(Protocol):
    """What the parts of a collection share.

    Documents are fetched on worker threads and recorded from one thread. Collection stops once
    further requests cannot succeed.
    """

    api: ZoomApi
    snapshot: Snapshot
    reads: ReadPlan
    sample: int
    """How many users are sampled to verify the locks."""
    not_found: dict[tuple[Level, str], tuple[str, Callable[[], JsonValue]]]
    """The scopes Zoom answered with 404, each with the request that failed."""

    @property
    def account(self) -> Scope:
        """The audited account."""

    def today(self) -> date:
        """The current date, UTC."""

    def now(self) -> str:
        """The current time: RFC 3339, UTC."""

    def fetch(
        self,
        source: str,
        ask: Callable[[], JsonValue],
        *,
        essential: bool = True,
        scope: Scope | None = None,
    ) -> Outcome:
        """Send one request, or read one listing, and return its outcome.

        The failure of a request that is not `essential` never stops the collection. If Zoom
        answers 404, `scope` is added to `not_found`.
        """

    def run_concurrently(
        self, work: Callable[[T], R], of: Iterable[T]
    ) -> Iterator[list[tuple[T, R]]]:
        """Run `work` on worker threads and yield results in batches, in order of completion."""

    def read_level(
        self,
        level: Level,
        views: tuple[View, ...],
        scopes: Iterable[Scope] | None = None,
        since: str | None = None,
    ) -> None:
        """Read the missing documents of `views`, for all scopes of a level or for `scopes`.

        Documents read before `since` (RFC 3339) are read again.
        """

    def is_up_to_date(self, scope: Scope, view: View) -> bool:
        """True if a document need not be requested again. The scope has to be recorded."""

    def outstanding(
        self, requests: Iterable[DocumentRequest], since: str | None = None
    ) -> Iterator[DocumentRequest]:
        """The requests whose documents were not read, or before `since` (RFC 3339).

        By default that of the collection: what an interrupted run has not completed.
        """

    def record(self, level: Level, batches: Iterable[Batch], expected: int) -> None:
        """Record the outcomes of requests at one level. A document that is None is not recorded."""


@dataclass
class LevelReader:
    """Reads one document of every scope of a level. Stops at a refusal that applies to all."""

    context: CollectionContext
    coverage_view: View
    """The view of the account under which the counts of the level are recorded."""
    source: str
    """The request that lists the scopes."""
    refusal: ReadFailure | None = None
    _error: ZoomError | None = field(default=None)

    def fetch(self, request: DocumentRequest) -> tuple[Outcome, bool]:
        """Send a request. Returns its outcome, and whether the level as a whole was refused.

        After such a refusal, nothing more is sent.
        """
        for_all = False

        def ask() -> JsonValue:
            nonlocal for_all
            error = self._error
            if error is None:
                try:
                    return request.ask()
                except ZoomError as refused:
                    error = refused
            if applies_to_level(error):
                if self._error is None:
                    _log.debug(
                        "%s It applies to the whole level: no more requests are sent.", error
                    )
                self._error, for_all = error, True
            raise error

        outcome = self.context.fetch(request.source, ask, scope=request.scope)
        return outcome, for_all

    def outcomes(self, requests: Iterable[DocumentRequest]) -> Iterator[Batch]:
        """The outcome of each request, except a refusal of the whole level (see `refusal`)."""
        for done in self.context.run_concurrently(self.fetch, requests):
            batch: Batch = []
            for request, (outcome, for_all) in done:
                if for_all and isinstance(outcome, ReadFailure):
                    self.refusal = self.refusal or outcome
                else:
                    batch.append((request, outcome))
            yield batch

    def read(
        self,
        level: Level,
        requests: Iterable[DocumentRequest],
        expected: int,
        since: str | None = None,
    ) -> None:
        """Send the outstanding requests and record them. `expected` is roughly their number."""
        due = self.context.outstanding(requests, since)
        self.context.record(level, self.outcomes(due), expected)

    def count(self, listed: int, read: int) -> None:
        """Record how many scopes there are and how many were read, or why none could be."""
        outcome: Outcome | None = self.refusal
        if outcome is None:
            body: JsonValue = {"listed": listed, "read": read}
            outcome = Document(body, self.source, self.context.now())
        self.context.snapshot.record(self.context.account, self.coverage_view, outcome)


def applies_to_level(error: ZoomError) -> bool:
    """True if every other scope of the level would be refused for the same reason."""
    if isinstance(error, Denied | NotLicensed):
        return isinstance(error, ScopeMissing) or error.code == NO_RIGHT
    return isinstance(error, Rejected) and error.code == UNKNOWN_ENDPOINT
