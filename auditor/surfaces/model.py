"""A surface: everything the program knows about one kind of document that Zoom returns."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, Protocol

from auditor.errors import AuditorError
from auditor.evidence.reading import Cause, JsonValue, LookupResult, Unseen, is_integer
from auditor.evidence.scope import Level
from auditor.evidence.view import Document, Outcome, View
from auditor.zoom.endpoints import Endpoint

DAYS = 30
"""How many days of usage are read. Zoom's reports return one month per request."""

SHOWN = 10
"""The number of hosts, apps or log entries that a detail lists."""

NOT_REQUESTED = Unseen(Cause.NOT_COLLECTED, "it was not requested")

Body = Mapping[str, JsonValue]
Rows = list[Body]


class ZoomApi(Protocol):
    """Reads Zoom's API. Safe to use from many threads. Raises `ZoomError`."""

    def authenticate(self) -> frozenset[str]:
        """The scopes of the app's token. Requests a token if there is none."""

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, JsonValue]:
        """One document, without secrets."""

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, JsonValue]]:
        """The rows of a listing, page after page."""


@dataclass
class ReportedUse:
    """What reports say that their documents do not contain, for requests that need it."""

    meetings_with_ai: dict[str, str] = field(default_factory=dict)
    """Past meetings that show the AI notice: UUID to start time."""
    calls_with_ai: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """The same meetings: UUID to meeting number, start and end."""
    needs_calls: bool = False
    """Whether to add to `calls_with_ai`."""
    hosts: set[str] = field(default_factory=set)
    """The hosts that reports name, by address or id."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One document to fetch."""

    api: ZoomApi
    endpoint: Endpoint
    ids: Mapping[str, str]
    """The ids in the path."""
    option: str
    """The option of the view."""
    selection: tuple[str, ...]
    """The items or the names of the read plan; empty for everything."""
    today: date
    reported: ReportedUse

    @property
    def window(self) -> tuple[date, date]:
        """The first and last day of the usage that is read."""
        return self.today - timedelta(days=DAYS - 1), self.today

    @property
    def days(self) -> dict[str, str]:
        """The parameters of reports for these days."""
        first, last = self.window
        return {"from": str(first), "to": str(last)}

    def rows(self, params: Mapping[str, str] | None = None) -> Iterator[dict[str, JsonValue]]:
        """The rows of the endpoint, a listing."""
        return self.api.items(self.endpoint, ids=self.ids, params=params)


@dataclass(frozen=True, slots=True)
class SurfaceLevel:
    """A surface at one level: its requests, and how the response becomes the stored document."""

    endpoint: Endpoint | None
    """The request that returns the document; None for the request of a token."""
    listings: tuple[Endpoint, ...] = ()
    """The requests that name the scopes."""
    more: tuple[Endpoint, ...] = ()
    """Further requests for one document."""
    id_name: str = ""
    """The name of the scope's id in the path."""
    fetch: Callable[[Fetch], JsonValue] | None = None
    """Fetches and reduces a document; None if it takes more than one request of its own."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every request that is needed at this level."""
        own = () if self.endpoint is None else (self.endpoint,)
        return (*self.listings, *own, *self.more)

    def document(
        self,
        api: ZoomApi,
        scope_id: str = "",
        *,
        option: str = "",
        selection: tuple[str, ...] = (),
        today: date = date.min,
        reported: ReportedUse | None = None,
    ) -> JsonValue:
        """The document of a scope, as it is stored.

        Raises:
            ZoomError: it cannot be read.
        """
        assert self.fetch is not None
        assert self.endpoint is not None
        ids = {self.id_name: scope_id} if self.id_name else {}
        reported = ReportedUse() if reported is None else reported
        return self.fetch(Fetch(api, self.endpoint, ids, option, selection, today, reported))


@dataclass(frozen=True, slots=True)
class People:
    """Where a stored document names people."""

    rows: str = ""
    """The key of the rows that do; empty if any value may, as in settings."""
    names: tuple[str, ...] = ()
    """The keys of ids, addresses and names in a row."""
    texts: tuple[str, ...] = ()
    """The keys of free text in a row."""
    is_sorted: bool = True
    """Whether the order of the rows follows from their names, and would reveal them."""


@dataclass(frozen=True, slots=True)
class UseQuestion:
    """What a check asks of a document, and the other evidence for the answer."""

    setting: str
    allowed: set[str] | None
    """The names that the organisation allows, as written; None if the check has no parameter."""
    outcomes: Mapping[View, Outcome]
    patterns: Mapping[str, tuple[str, ...]]
    """The shipped name patterns by purpose."""


@dataclass(frozen=True, slots=True)
class StoredRows:
    """A stored document, its rows, and the request that returned it."""

    rows: Rows
    body: Body
    source: str


Shape = Literal["array", "integer", "answers", "log", "scopes"]
"""The shape of the value that an expectation is compared with."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A kind of document that Zoom returns."""

    name: str
    """As in `Check.surface` and `View.surface`."""
    levels: Mapping[Level, SurfaceLevel]
    """The levels at which it exists."""
    option_name: str = "option"
    """The query parameter that distinguishes several documents of one scope."""
    read: Callable[[UseQuestion, StoredRows], LookupResult] | None = None
    """Reduces the rows to the value of a check; None if a check names a path in the document."""
    rows: str = ""
    """The key of the rows that `read` needs."""
    shape: Shape | None = None
    """The shape of that value; None if it has the type of a setting."""
    values: tuple[str, ...] | None = None
    """The documented values of an item; None for any."""
    names_hosts: bool = False
    """Whether its value is, if groups are allowed, the groups of hosts instead of a number."""
    is_use: bool = False
    """Whether its findings are about use instead of values."""
    people: People | None = None
    """Where it names people; None if it does not."""
    patterns: str = ""
    """The shipped name patterns that the request needs."""
    requires: Callable[[str], tuple[View, ...]] | None = None
    """Other documents of the account that a check needs, by its setting."""
    also: Callable[[str], tuple[Endpoint, ...]] | None = None
    """Further requests that a check needs, by its setting."""
    is_optional: bool = False
    """Whether it is read only if the app has the scope."""
    adds: str = ""
    """What it adds where no verdict depends on it and the app has the scope."""

    @property
    def view(self) -> View:
        """Its document without an option."""
        return View(self.name)

    @property
    def is_account_report(self) -> bool:
        """True if one fetch returns a document of the account, and `read` reduces its rows."""
        at = self.levels.get(Level.ACCOUNT)
        return self.read is not None and at is not None and at.fetch is not None

    def source(self, level: Level, view: View) -> str:
        """The request of a document, as reports name it."""
        request = self.endpoint(level).request
        return f"{request}?{self.option_name}={view.option}" if view.option else request

    def endpoint(self, level: Level) -> Endpoint:
        """The request that returns a document at a level; KeyError if there is none."""
        endpoint = self.levels[level].endpoint
        if endpoint is None:
            raise KeyError(level)
        return endpoint

    def shape_of(self, *, with_param: bool) -> Shape | None:
        """The shape of the value for an expectation with or without a parameter."""
        return "array" if with_param and self.names_hosts else self.shape

    def look_up(self, question: UseQuestion, outcome: Outcome | None) -> LookupResult:
        """The value in a document, or why it is unknown. Only for surfaces that `read`."""
        assert self.read is not None
        if outcome is None:
            return LookupResult(NOT_REQUESTED, "")
        if not isinstance(outcome, Document):
            return LookupResult(outcome.unseen, outcome.source)
        body = outcome.body if isinstance(outcome.body, dict) else {}
        try:
            stored = StoredRows(rows_of(body, self.rows), body, outcome.source)
            return self.read(question, stored)
        except UnexpectedShape as error:
            return LookupResult(error.unseen, outcome.source)


class UnexpectedShape(AuditorError):
    """The stored document has an unexpected shape and cannot be judged."""

    def __init__(self, cause: Cause, key: str) -> None:
        what = "has no" if cause is Cause.ABSENT else "has other than expected"
        self.unseen = Unseen(cause, f"the stored evidence {what} {key}")
        super().__init__(key)


def rows_of(body: Body, key: str) -> Rows:
    """The objects listed under `key`.

    Raises:
        UnexpectedShape: the key is missing or not a list of objects.
    """
    value = body.get(key)
    if value is None:
        raise UnexpectedShape(Cause.ABSENT, key)
    rows: Rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(rows) != len(value):
        raise UnexpectedShape(Cause.WRONG_TYPE, key)
    return rows


def number(row: Body, key: str) -> int:
    """The number under `key`.

    Raises:
        UnexpectedShape: the key is missing or not an integer.
    """
    value = row.get(key)
    if not is_integer(value):
        raise UnexpectedShape(Cause.ABSENT if value is None else Cause.WRONG_TYPE, key)
    return value


def missing(body: Body, what: str) -> Unseen | None:
    """Why a part of the evidence is incomplete; None if it is complete."""
    why = body.get(f"{what}_missing")
    if not isinstance(why, dict):
        return None
    return Unseen(Cause(str(why.get("cause"))), str(why.get("detail") or ""))


def some(texts: list[str]) -> str:
    """The first of the texts, and how many more there are."""
    rest = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
