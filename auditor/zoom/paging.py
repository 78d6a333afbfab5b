"""Paging: a listing read page by page to its end, or a reason why that is not possible.

Nothing in here ever takes a listing it could not read for an empty one.
"""

import hashlib
import json
import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from auditor.evidence.reading import JsonValue
from auditor.zoom.errors import ListingShort, Malformed, PageTokenExpired, Rejected

_log = logging.getLogger(__name__)

Row = dict[str, JsonValue]

OLDER_PAGE_SIZE = 300
"""The largest page before the specification of 2025 raised it to 2000 for users."""


class _PagesRepeat(Malformed):
    """A page token came twice, so the pages would go round for ever."""


class _Seen:
    """Which texts were added, kept as hashes of 8 bytes: about 20 bytes a text, however long.

    That two of a million texts have the same hash has a chance of one in thirty million.
    """

    def __init__(self) -> None:
        self._slots = array("Q", [0]) * 1024
        self._count = 0

    def add(self, text: str) -> bool:
        """True where `text` was not there yet; then it is."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        # 0 marks an empty slot.
        added = self._put(self._slots, int.from_bytes(digest) or 1)
        self._count += added
        if 2 * self._count > len(self._slots):
            slots = array("Q", [0]) * (2 * len(self._slots))
            for value in self._slots:
                if value:
                    self._put(slots, value)
            self._slots = slots
        return added

    @staticmethod
    def _put(slots: "array[int]", value: int) -> bool:
        mask = len(slots) - 1
        place = value & mask
        while (found := slots[place]) != value:
            if not found:
                slots[place] = value
                return True
            place = (place + 1) & mask
        return False


class Listing(Iterator[list[Row]]):
    """The pages of one listing. Read it once, from one thread.

    Rows with an id that was on an earlier page are left out. A listing whose page token expires
    is started again, without repeating rows; so is, once, one whose page tokens repeat or that
    ends before all the rows came that Zoom counts (`total_records`, None where it gives no count).

    Raises while it is read:
        ListingShort: rows are missing, even after a second time.
        Malformed: rows missing, not objects, or pages that never end.
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
        most_pages: int = 10_000,
        most_restarts: int = 3,
    ) -> None:
        self.rows = 0
        """Rows given so far."""
        self.total_records: int | None = None
        self.restarts = 0
        self._fetch, self._request, self._items = fetch, request, items
        self._params = dict(params or {})
        if page_size:
            self._params.setdefault("page_size", str(page_size))
        self._row_id = row_id
        self._most_pages, self._most_restarts = most_pages, most_restarts
        self._ids = _Seen()
        self._given: Counter[bytes] = Counter()
        self._pages = self._read()

    @property
    def shortfall(self) -> int:
        """How many of `total_records` have not come."""
        return max(0, (self.total_records or 0) - self.rows)

    def __next__(self) -> list[Row]:
        return next(self._pages)

    def _read(self) -> Iterator[list[Row]]:
        second_time = False
        while True:
            try:
                yield from self._read_from_start()
                if not self.shortfall:
                    return
                if second_time:
                    raise ListingShort(self._request, self.rows, self.total_records or 0)
                second_time = True
                _log.info("%s: rows are missing, starting again", self._request)
            except PageTokenExpired:
                if self.restarts >= self._most_restarts:
                    raise
                self.restarts += 1
                _log.info("%s: the page token expired, starting again", self._request)
            except _PagesRepeat:
                if second_time:
                    raise
                second_time = True
                _log.info("%s: its pages repeat, starting again", self._request)

    def _read_from_start(self) -> Iterator[list[Row]]:
        position: dict[str, str] = {}
        tokens = _Seen()
        repeated = self._given.copy()
        for _ in range(self._most_pages):
            document = self._page(position)
            rows = self._new(self._rows_of(document), repeated)
            self.rows += len(rows)
            self.total_records = _whole_number(document.get("total_records"))
            if rows:
                yield rows
            following = self._following(document, position)
            if following is None:
                return
            token = following.get("next_page_token", "")
            if token and not tokens.add(token):
                raise _PagesRepeat(self._request, "its pages repeat: a page token came twice")
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
        """The rows not given yet. Rows without an id are known by their content after a restart."""
        new = []
        for row in rows:
            id_ = row.get(self._row_id) if self._row_id else None
            if isinstance(id_, str | int) and not isinstance(id_, bool) and id_ != "":
                if not self._ids.add(str(id_)):
                    continue
            else:
                content = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest()
                if repeated[content] > 0:
                    repeated[content] -= 1
                    continue
                self._given[content] += 1
            new.append(row)
        return new

    def _following(
        self, document: Mapping[str, JsonValue], position: Mapping[str, str]
    ) -> dict[str, str] | None:
        """The parameters of the page after this one; None after the last.

        Zoom's older endpoints know page numbers only and send no token field at all.
        """
        token = document.get("next_page_token")
        if isinstance(token, str) and token:
            return {"next_page_token": token}
        if token is not None and token != "":
            raise Malformed(self._request, "its page token is not text")
        page, pages = (_whole_number(document.get(key)) for key in ("page_number", "page_count"))
        if "next_page_token" in document or page is None:
            return None
        if (not self.shortfall or not document[self._items]) if pages is None else page >= pages:
            return None
        if str(page) != position.get("page_number", "1"):
            raise Malformed(self._request, "its pages repeat: another page came than was asked for")
        return {"page_number": str(page + 1)}


def _whole_number(value: JsonValue) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_above(size: str, limit: int) -> bool:
    return size.isascii() and size.isdigit() and int(size) > limit
