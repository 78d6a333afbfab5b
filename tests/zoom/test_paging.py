from collections.abc import Mapping
from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.zoom.errors import (
    IncompleteListing,
    ListingShrank,
    ListingUncounted,
    Malformed,
    PageTokenExpired,
    Rejected,
)
from auditor.zoom.paging import Listing


class Pages:
    """Returns the answers in turn; exceptions are raised. `queries` records the parameters."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.queries: list[dict[str, str]] = []

    def __call__(self, params: Mapping[str, str]) -> dict[str, Any]:
        self.queries.append(dict(params))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer


def page(*ids: str | int, token: str | None = None, **more: object) -> dict[str, Any]:
    document = {"users": [{"id": id_} for id_ in ids], **more}
    if token is not None:
        document["next_page_token"] = token
    return document


def listing(pages: Pages, **options: Any) -> Listing:
    options.setdefault("page_size", 2)
    return Listing(pages, "GET /users", "users", **options)


def ids(read: Listing) -> list[JsonValue]:
    return [row.get("id") for rows in read for row in rows]


def expired() -> PageTokenExpired:
    return PageTokenExpired("GET /users", "expired", status=400, code=300)


def test_pages_follow_their_tokens_to_the_end() -> None:
    pages = Pages(page("a", "b", token="t1"), page("c", token=""))
    assert ids(listing(pages, params={"status": "active"})) == ["a", "b", "c"]
    assert pages.queries == [
        {"status": "active", "page_size": "2"},
        {"status": "active", "page_size": "2", "next_page_token": "t1"},
    ]


def test_an_empty_listing_is_empty_only_when_zoom_says_so() -> None:
    assert ids(listing(Pages(page(token="")))) == []


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"total_records": 0}, "no users"),
        ({"users": None}, "not a list"),
        ({"users": {"id": 1}}, "not a list"),
        ({"users": [{"id": 1}, "x"]}, "not all objects"),
        ({"users": [], "next_page_token": 5}, "page token"),
    ],
)
def test_a_page_without_its_rows_is_malformed_never_empty(
    document: dict[str, Any], says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        list(listing(Pages(document)))


def test_fewer_rows_than_asked_for_do_not_end_the_listing() -> None:
    pages = Pages(page("a", token="t1"), page(token="t2"), page("b", token=""))
    assert ids(listing(pages)) == ["a", "b"]


def looping() -> tuple[dict[str, Any], ...]:
    return page("a", token="t1"), page("b", token="t2"), page("c", token="t1")


def test_a_listing_whose_page_tokens_go_round_twice_is_malformed() -> None:
    pages = Pages(*looping(), *looping())
    with pytest.raises(Malformed, match="repeat"):
        list(listing(pages))
    assert pages.answers == []


def test_a_listing_whose_page_tokens_go_round_once_is_started_again() -> None:
    pages = Pages(*looping(), page("a", "b", token="t3"), page("c", "d", token=""))
    assert ids(listing(pages)) == ["a", "b", "c", "d"]


def test_endless_pages_end_at_the_cap() -> None:
    pages = Pages(*[page(str(n), token=f"t{n}") for n in range(5)])
    with pytest.raises(Malformed, match="more than 3 pages"):
        list(listing(pages, most_pages=3))


def test_a_row_that_moved_to_the_next_page_is_given_once() -> None:
    pages = Pages(page("a", 1, token="t1"), page("1", "c", token=""))
    assert ids(listing(pages)) == ["a", 1, "c"]


def test_rows_without_id_are_all_given() -> None:
    rows = [{"email": "p@example.com"}, {"email": "p@example.com"}, {"id": ""}, {"id": None}]
    assert len(next(listing(Pages({"users": rows})))) == 4


def test_rows_that_share_an_id_on_purpose_are_all_given() -> None:
    assert ids(listing(Pages(page("a", "a")), row_id="")) == ["a", "a"]


def test_an_expired_token_starts_the_listing_again_without_repeating_rows() -> None:
    pages = Pages(
        page("a", "b", token="t1"), expired(), page("a", "b", token="t3"), page("c", token="")
    )
    read = listing(pages)
    assert ids(read) == ["a", "b", "c"]
    assert read.restarts == 1
    assert "next_page_token" not in pages.queries[2]


def test_rows_without_id_are_not_repeated_after_a_restart() -> None:
    first = {"users": [{"time": 1}, {"time": 1}, {"time": 2}], "next_page_token": "t"}
    pages = Pages(first, expired(), first, {"users": [{"time": 1}]})
    rows = [row["time"] for rows in listing(pages) for row in rows]
    assert rows == [1, 1, 2, 1]


def test_a_listing_that_always_expires_is_given_up() -> None:
    pages = Pages(*[answer for _ in range(4) for answer in (page("a", token="t"), expired())])
    with pytest.raises(PageTokenExpired):
        list(listing(pages))
    assert len(pages.queries) == 8


def test_a_page_size_zoom_refuses_is_replaced_by_the_older_maximum() -> None:
    refused = Rejected("GET /users", "Validation Failed.", status=400, code=300)
    pages = Pages(refused, page("a", token="t"), page("b", token=""))
    assert ids(listing(pages, page_size=2000)) == ["a", "b"]
    assert [query["page_size"] for query in pages.queries] == ["2000", "300", "300"]


@pytest.mark.parametrize(
    ("size", "code"),
    [(300, 300), (2000, 3000)],
)
def test_other_refusals_are_not_about_the_page_size(size: int, code: int) -> None:
    pages = Pages(Rejected("GET /users", "x", status=400, code=code))
    with pytest.raises(Rejected):
        list(listing(pages, page_size=size))


def test_a_refusal_of_a_later_page_is_not_about_the_page_size() -> None:
    pages = Pages(page("a", token="t"), Rejected("GET /users", "x", status=400, code=300))
    with pytest.raises(Rejected):
        list(listing(pages, page_size=2000))


def test_a_page_size_given_by_the_caller_is_kept() -> None:
    pages = Pages(page("a"))
    list(listing(pages, params={"page_size": "30"}))
    assert pages.queries[0]["page_size"] == "30"


def test_a_listing_without_pages_asks_for_no_page_size() -> None:
    pages = Pages(page("a"))
    list(listing(pages, page_size=0))
    assert pages.queries == [{}]


def test_page_numbers_are_followed_where_there_are_no_tokens() -> None:
    pages = Pages(
        page("a", page_number=1, page_count=3),
        page("b", page_number=2, page_count=3),
        page("c", page_number=3, page_count=3),
    )
    assert ids(listing(pages)) == ["a", "b", "c"]
    assert [query.get("page_number") for query in pages.queries] == [None, "2", "3"]


def test_page_numbers_are_not_followed_beside_a_token_that_has_ended() -> None:
    assert ids(listing(Pages(page("a", token="", page_number=1, page_count=9)))) == ["a"]


def test_an_empty_account_of_old_has_no_pages() -> None:
    assert ids(listing(Pages(page(page_number=1, page_count=0)))) == []


def test_a_server_that_ignores_the_page_number_is_malformed() -> None:
    pages = Pages(page("a", page_number=1, page_count=2), page("a", page_number=1, page_count=2))
    with pytest.raises(Malformed, match="another page"):
        list(listing(pages))


def test_a_listing_short_of_zooms_count_is_read_again_and_then_refused() -> None:
    short = page("a", token="", total_records=3)
    pages = Pages(short, short)
    read = listing(pages)
    with pytest.raises(IncompleteListing, match="counts 3 rows in GET /users but listed 1"):
        list(read)
    assert len(pages.queries) == 2
    assert read.shortfall == 2


def test_rows_missing_the_first_time_may_come_the_second_time() -> None:
    first = page("a", token="", total_records=2)
    read = listing(Pages(first, page("a", "b", token="", total_records=2)))
    assert ids(read) == ["a", "b"]


def test_page_numbers_are_followed_without_a_page_count_while_rows_are_missing() -> None:
    first = page("a", "b", page_number=1, total_records=3)
    pages = Pages(first, page("c", page_number="2", total_records="3"))
    assert ids(listing(pages)) == ["a", "b", "c"]
    assert pages.queries[1]["page_number"] == "2"


def test_an_empty_page_ends_a_listing_by_page_numbers() -> None:
    full, empty = (page(*i, page_number=n, total_records=3) for n, i in ((1, "ab"), (2, "")))
    with pytest.raises(IncompleteListing):
        list(listing(Pages(full, empty, full, empty)))


@pytest.mark.parametrize("total", [None, "1", 1, 1.0])
def test_no_shortfall_without_a_count_that_says_so(total: float | int | str | None) -> None:
    read = listing(Pages(page("a", total_records=total)))
    assert ids(read) == ["a"]
    assert read.shortfall == 0


@pytest.mark.parametrize("total", [True, -1, "many", "-1", 1.5, "1.0", [1], {"n": 1}, "", "9" * 12])
@pytest.mark.parametrize("counted", [True, False])
def test_a_count_that_is_none_proves_nothing(total: Any, counted: bool) -> None:
    pages = Pages(page("a", token="", total_records=total))
    with pytest.raises(ListingUncounted, match="1 rows arrived for GET /users, but its count"):
        list(listing(pages, counted=counted))


@pytest.mark.parametrize("more", [{}, {"total_records": None}, {"page_number": 1, "page_count": 1}])
def test_only_a_documented_count_proves_that_a_listing_is_complete(more: dict[str, Any]) -> None:
    with pytest.raises(ListingUncounted, match="no count"):
        list(listing(Pages(page("a", token="", **more)), counted=True))
    assert ids(listing(Pages(page("a", token="", **more)))) == ["a"]


@pytest.mark.parametrize(
    "pages",
    [
        [page("a", "b", token="t", total_records=3), page("c", total_records="3")],
        [page("a", "b", token="t"), page("c", token="", total_records=3.0)],
        [page("a", "b", token="t", total_records=3), page("c", token="")],
        [page("a", "b", token="t", total_records=2), page("c", token="", total_records=3)],
        [{**page("a", "b", "c", total_records="3"), "next_page_token": None, "page_count": None}],
        [
            page("a", "b", page_number=1, total_records=3),
            page("c", page_number=2, total_records=3),
        ],
        [
            page("a", "b", token="", page_number=1, page_count=2, total_records=3),
            page("c", token="", page_number=2, page_count=2, total_records=3),
        ],
        [page("a", "b", "c", token="", page_number=1, page_count=9, total_records=3)],
    ],
    ids=[
        "digits, no token field",
        "a float, on the last page alone",
        "on the first page alone",
        "one more user meanwhile",
        "null for a token",
        "page numbers without a number of pages",
        "page numbers beside an empty token",
        "a number of pages that is wrong",
    ],
)
def test_unusual_listings_that_prove_to_be_whole_are_whole(
    pages: list[dict[str, Any]],
) -> None:
    fetch = Pages(*pages)
    assert ids(listing(fetch, counted=True)) == ["a", "b", "c"]
    assert fetch.answers == []


def test_a_count_that_is_too_small_proves_nothing() -> None:
    small = page("a", "b", token="", total_records=1)
    with pytest.raises(
        IncompleteListing, match=r"counts 1 rows .* listed 2, so the count proves nothing"
    ):
        list(listing(Pages(small, small)))


def test_rows_of_an_earlier_reading_fill_no_gap_of_the_last() -> None:
    first = page("a", "b", token="", total_records=3)
    second = page("b", "c", token="", total_records=3)
    with pytest.raises(IncompleteListing, match=r"counts 3 rows .* listed 2"):
        list(listing(Pages(first, second)))


def shrinking() -> tuple[dict[str, Any], ...]:
    return page("a", token="t", total_records=2), page("b", token="", total_records=1)


def test_a_count_that_shrinks_has_the_listing_read_again() -> None:
    pages = Pages(*shrinking(), page("b", token="", total_records=1))
    assert ids(listing(pages)) == ["a", "b"]


def test_a_count_that_always_shrinks_proves_nothing() -> None:
    pages = Pages(*(4 * shrinking()))
    with pytest.raises(ListingShrank, match="counted 2 rows in GET /users, and then 1"):
        list(listing(pages))
    assert pages.answers == []


def occurrence(id_: int, start: str) -> dict[str, int | str]:
    return {"id": id_, "start_time": start}


RECURRING = [occurrence(1, "mon"), occurrence(1, "tue"), occurrence(1, "wed"), occurrence(2, "fri")]


@pytest.mark.parametrize("total", [4, 2], ids=["occurrences", "meetings"])
def test_the_count_of_a_recurring_listing_is_that_of_its_rows_or_of_its_ids(total: int) -> None:
    pages = Pages({"users": RECURRING, "total_records": total})
    assert list(listing(pages, recurring=True, counted=True)) == [RECURRING]


def test_an_occurrence_that_moved_to_the_next_page_counts_once() -> None:
    pages = Pages(
        {"users": RECURRING[:3], "total_records": 4, "next_page_token": "t"},
        {"users": RECURRING[2:], "total_records": 4},
    )
    assert [row for rows in listing(pages, recurring=True) for row in rows] == RECURRING


@pytest.mark.parametrize("total", [3, 5])
def test_a_count_of_neither_is_read_again_and_then_refused(total: int) -> None:
    answer = {"users": RECURRING, "total_records": total}
    pages = Pages(answer, answer)
    read = listing(pages, recurring=True)
    assert next(read) == RECURRING
    with pytest.raises(IncompleteListing):
        list(read)
    assert pages.answers == []
