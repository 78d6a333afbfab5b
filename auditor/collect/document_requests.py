"""Errands: documents to ask for, each with where it belongs; and going through a whole level."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from auditor.collect.interface import ZoomApi
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.zoom.errors import Denied, NotLicensed, Rejected, ScopeMissing, ZoomError

_log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

UNKNOWN_ENDPOINT = 2300
NO_RIGHT = 200
"""Zoom's code for a missing permission, plan or subscription of the whole account."""


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document of one scope, and how to ask for it.

    An answer of None says that the scope has no such document and needs none: nothing is recorded.
    """

    scope: Scope
    view: View
    source: str
    ask: Callable[[], JsonValue]


Batch = list[tuple[DocumentRequest, Outcome]]
"""What came of errands that were done by the same moment."""


class CollectionContext(Protocol):
    """Does errands: asks in worker threads, writes from one, and gives up where nothing helps."""

    api: ZoomApi
    snapshot: Snapshot
    reads: ReadPlan
    sample: int
    """How many users are read to confirm what locks prove."""
    not_found: dict[tuple[Level, str], tuple[str, Callable[[], JsonValue]]]
    """The scopes that Zoom did not know, with the request by which that was seen."""

    @property
    def account(self) -> Scope:
        """The account that is read."""

    def today(self) -> date:
        """The day, UTC."""

    def now(self) -> str:
        """The time, RFC 3339, UTC."""

    def fetch(
        self,
        source: str,
        ask: Callable[[], JsonValue],
        *,
        essential: bool = True,
        scope: Scope | None = None,
    ) -> Outcome:
        """What came of one request, or of one listing.

        A refusal of what is not `essential` says nothing about the rest. If Zoom does not know
        `scope`, that is noted.
        """

    def run_concurrently(
        self, work: Callable[[T], R], of: Iterable[T]
    ) -> Iterator[list[tuple[T, R]]]:
        """`work` done in worker threads, so many at a time; what is done first comes first."""

    def read_level(
        self, level: Level, views: tuple[View, ...], scopes: Iterable[Scope] | None = None
    ) -> None:
        """Read what is missing of `views`, for all scopes of a level or for some of them."""

    def is_up_to_date(self, scope: Scope, view: View) -> bool:
        """True where a document need not be asked for again; the scope has to be recorded."""

    def outstanding(self, requests: Iterable[DocumentRequest]) -> Iterator[DocumentRequest]:
        """The errands that were not done by a run that broke off."""

    def record(self, level: Level, batches: Iterable[Batch], expected: int) -> None:
        """Write what came of errands at one level. An answer of None is left out."""


@dataclass
class LevelReader:
    """The documents of all scopes of a level. A refusal that holds for all of them ends it."""

    context: CollectionContext
    coverage_view: View
    """Under which view of the account it is recorded what came of it."""
    source: str
    """The request that names the scopes."""
    refusal: ReadFailure | None = None
    _error: ZoomError | None = field(default=None)

    def fetch(self, request: DocumentRequest) -> tuple[Outcome, bool]:
        """What came of an errand, and whether the level as a whole was refused.

        Once it was, nothing more is asked for.
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
                    _log.debug("%s It holds for all: no other is asked for.", error)
                self._error, for_all = error, True
            raise error

        outcome = self.context.fetch(request.source, ask, scope=request.scope)
        return outcome, for_all

    def outcomes(self, requests: Iterable[DocumentRequest]) -> Iterator[Batch]:
        """What came of each errand; a refusal of the whole level is set aside."""
        for done in self.context.run_concurrently(self.fetch, requests):
            batch: Batch = []
            for request, (outcome, for_all) in done:
                if for_all and isinstance(outcome, ReadFailure):
                    self.refusal = self.refusal or outcome
                else:
                    batch.append((request, outcome))
            yield batch

    def read(self, level: Level, requests: Iterable[DocumentRequest], expected: int) -> None:
        """Do the errands that are due and record them; `expected` is about how many there are."""
        due = self.context.outstanding(requests)
        self.context.record(level, self.outcomes(due), expected)

    def count(self, listed: int, read: int) -> None:
        """Record how many scopes there are and were asked for, or why that was pointless."""
        outcome: Outcome | None = self.refusal
        if outcome is None:
            body: JsonValue = {"listed": listed, "read": read}
            outcome = Document(body, self.source, self.context.now())
        self.context.snapshot.record(self.context.account, self.coverage_view, outcome)


def applies_to_level(error: ZoomError) -> bool:
    """True where every other scope of the level would be refused for the same reason."""
    if isinstance(error, Denied | NotLicensed):
        return isinstance(error, ScopeMissing) or error.code == NO_RIGHT
    return isinstance(error, Rejected) and error.code == UNKNOWN_ENDPOINT
