"""Paging: reads a listing page by page to its end, or raises an error that says why it cannot.

A listing that could not be read is never treated as an empty one.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from auditor.evidence.reading import JsonValue, is_integer
from auditor.zoom.errors import (
    IncompleteListing,
    ListingShrank,
    ListingUncounted,
    ListingUnproved,
    Malformed,
    PageTokenExpired,
    Rejected,
)

_log = logging.getLogger(__name__)

Row = dict[str, JsonValue]

OLDER_PAGE_SIZE = 300
"""The largest page size before the 2025 specification, which raised it to 2000 for users."""


class _PagesRepeat(Malformed):
    """A page token was repeated, so the pages would never end."""


@dataclass
class _Reading:
    """One pass over a listing from its first page: the rows received, and Zoom's count."""

    rows: set[bytes]
    """Digests of the received rows, by their id or content."""
    ids: set[bytes] | None
    """Digests of their ids, if several rows may have the same id; else None."""
    without_id: int = 0
    """Rows without an id. Each counts as a separate row."""
    total: int | None = None
    """`total_records` of the latest page that has it."""
    unreadable: bool = False
    """True if a count was not a whole number."""
    before_it_shrank: int | None = None
    """The first count that a later page was below; None if none was."""

    def count(self, document: Mapping[str, JsonValue]) -> None:
        """Record the count of a page. A missing count and null are the same."""
        value = document.get("total_records")
        if value is None:
            return
        total = whole_number(value)
        if total is None:
            self.unreadable = True
            return
        if self.total is not None and total < self.total:
            self.before_it_shrank = self.before_it_shrank or self.total
        self.total = total

    @property
    def listed(self) -> int:
        """The number of distinct rows."""
        return len(self.rows) + self.without_id

    @property
    def different_ids(self) -> int:
        """The number of rows with distinct ids."""
        return self.listed if self.ids is None else len(self.ids) + self.without_id

    @property
    def missing(self) -> int:
        """How many of the rows that Zoom counts have not arrived."""
        return max(0, (self.total or 0) - self.listed)

    def problem(self, request: str, *, counted: bool) -> ListingUnproved | None:
        """Why the listing may be incomplete; None if it is complete."""
        if self.unreadable or (self.total is None and counted):
            return ListingUncounted(request, self.listed, unreadable=self.unreadable)
        if self.total is None:
            return None
        if self.before_it_shrank is not None:
            return ListingShrank(request, self.listed, self.before_it_shrank, self.total)
        if self.total in (self.listed, self.different_ids):
            return None
        return IncompleteListing(request, self.listed, self.total)


class Listing(Iterator[list[Row]]):
    """The pages of one listing. Read it once, from one thread.

    Rows whose id was on an earlier page are left out; if `recurring`, rows that are equal to one
    on an earlier page. A listing starts again, without repeating rows, if its page token expires;
    once, if its page tokens repeat or the number of distinct rows differs from Zoom's count
    (`total_records`); and a few times, if the count falls meanwhile. If it is `counted`, the count
    has to be present; otherwise it only has to be right if it is present.

    Raises during the iteration:
        ListingUnproved: there is no proof that all rows arrived, even after rereading.
        Malformed: rows are missing or not objects, or the pages never end.
        ZoomError: whatever `fetch` raises.
    """

    def __init__(
        self,
        fetch: Callable[[Mapping[str, str]], dict[str, JsonValue]],
        request: str,
        items: str,
        *,
        params: Mapping[str, str] | None = None,
        page_size: int = 0,
        row_id: str = "id",
        counted: bool = False,
        recurring: bool = False,
        most_pages: int = 10_000,
        most_restarts: int = 3,
    ) -> None:
        self.rows = 0
        """The number of rows yielded so far."""
        self.restarts = 0
        self._fetch, self._request, self._items = fetch, request, items
        self._params = dict(params or {})
        if page_size:
            self._params.setdefault("page_size", str(page_size))
        self._row_id, self._counted, self._recurring = row_id, counted, recurring
        self._most_pages, self._most_restarts = most_pages, most_restarts
        self._seen: set[bytes] = set()
        self._yielded: Counter[bytes] = Counter()
        self._reading = self._started(self._seen)
        self._pages = self._read()

    @property
    def shortfall(self) -> int:
        """How many of `total_records` have not arrived."""
        return self._reading.missing

    def __next__(self) -> list[Row]:
        return next(self._pages)

    def _started(self, rows: set[bytes]) -> _Reading:
        return _Reading(rows, set() if self._recurring else None)

    def _read(self) -> Iterator[list[Row]]:
        failed_readings = 0
        while True:
            try:
                yield from self._read_from_start()
                problem = self._reading.problem(self._request, counted=self._counted)
                if problem is None:
                    return
                failed_readings += 1
                if failed_readings > problem.rereads:
                    raise problem
                _log.info("%s Starting again.", problem)
            except PageTokenExpired:
                if self.restarts >= self._most_restarts:
                    raise
                self.restarts += 1
                _log.info("%s: the page token expired, starting again", self._request)
            except _PagesRepeat:
                failed_readings += 1
                if failed_readings > 1:
                    raise
                _log.info("%s: its pages repeat, starting again", self._request)
            self._reading = self._started(set())

    def _read_from_start(self) -> Iterator[list[Row]]:
        position: dict[str, str] = {}
        tokens: set[str] = set()
        repeated = self._yielded.copy()
        for _ in range(self._most_pages):
            document = self._page(position)
            rows = self._new(self._rows_of(document), repeated)
            self.rows += len(rows)
            self._reading.count(document)
            if rows:
                yield rows
            following = self._following(document, position)
            if following is None:
                return
            token = following.get("next_page_token", "")
            if token in tokens:
                raise _PagesRepeat(self._request, "its pages repeat: a page token came twice")
            if token:
                tokens.add(token)
            position = following
        raise Malformed(self._request, f"it has more than {self._most_pages:,} pages")

    def _page(self, position: Mapping[str, str]) -> dict[str, JsonValue]:
        try:
            return self._fetch({**self._params, **position})
        except PageTokenExpired:
            raise
        except Rejected as error:
            size = self._params.get("page_size", "")
            if position or error.code != 300 or not _is_above(size, OLDER_PAGE_SIZE):
                raise
            _log.info("%s: Zoom refused pages of %s rows", self._request, size)
            self._params["page_size"] = str(OLDER_PAGE_SIZE)
            return self._fetch(self._params)

    def _rows_of(self, document: Mapping[str, JsonValue]) -> list[Row]:
        if self._items not in document:
            raise Malformed(self._request, f"it has no {self._items}")
        items = document[self._items]
        if not isinstance(items, list):
            raise Malformed(self._request, f"its {self._items} are not a list")
        rows = [item for item in items if isinstance(item, dict)]
        if len(rows) != len(items):
            raise Malformed(self._request, f"its {self._items} are not all objects")
        return rows

    def _new(self, rows: list[Row], repeated: Counter[bytes]) -> list[Row]:
        """The rows not yielded yet. After a restart, rows without an id are known by content."""
        reading, new = self._reading, []
        for row in rows:
            id_ = row.get(self._row_id) if self._row_id else None
            if isinstance(id_, str | int) and not isinstance(id_, bool) and id_ != "":
                if reading.ids is not None:
                    reading.ids.add(_digest(str(id_)))
                key = _digest(json.dumps(row, sort_keys=True) if self._recurring else str(id_))
                is_new = key not in self._seen
                reading.rows.add(key)
                self._seen.add(key)
                if not is_new:
                    continue
            else:
                reading.without_id += 1
                content = _digest(json.dumps(row, sort_keys=True))
                if repeated[content] > 0:
                    repeated[content] -= 1
                    continue
                self._yielded[content] += 1
            new.append(row)
        return new

    def _following(
        self, document: Mapping[str, JsonValue], position: Mapping[str, str]
    ) -> dict[str, str] | None:
        """The parameters of the next page; None after the last page.

        Zoom's older endpoints have page numbers only. They send no token field, or an empty one,
        which ends a listing only if no rows are missing.
        """
        token = document.get("next_page_token")
        if isinstance(token, str) and token:
            return {"next_page_token": token}
        if token is not None and token != "":
            raise Malformed(self._request, "its page token is not text")
        page, pages = (whole_number(document.get(key)) for key in ("page_number", "page_count"))
        if page is None or "next_page_token" in position:
            return None
        if "next_page_token" in document and (pages is None or not self.shortfall):
            return None
        if (not self.shortfall or not document[self._items]) if pages is None else page >= pages:
            return None
        if str(page) != position.get("page_number", "1"):
            raise Malformed(
                self._request, "its pages repeat: another page arrived than was requested"
            )
        return {"page_number": str(page + 1)}


def _digest(text: str) -> bytes:
    """A digest of a row or an id: 16 bytes, however long the row is."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def whole_number(value: JsonValue) -> int | None:
    """A number of rows or pages from 0 on, also as digits or `40.0`; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if is_integer(value) and value >= 0 else None


def _is_above(size: str, limit: int) -> bool:
    return size.isascii() and size.isdigit() and int(size) > limit
