"""Listings that do not prove to be whole: never taken for all there is, by nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import other_zoom
from tests.end_to_end.conftest import Auditor
from tests.end_to_end.other_zoom import Json, OtherZoom

Change = Callable[[Json], Json]


def without(*names: str) -> Change:
    return lambda page: {key: value for key, value in page.items() if key not in names}


def saying(**facts: Any) -> Change:
    return lambda page: {**page, **facts}


def early(change: Change) -> Change:
    """The first page is the last."""
    return lambda page: change({**page, "page_count": 1, "next_page_token": ""})


@dataclass
class Changed(OtherZoom):
    """Changes the pages of one listing."""

    listing: str = "/users"
    change: Change = dict

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        status, body = super().answer(path, query)
        return status, self.change(body) if path == self.listing and status == 200 else body


def audited(tmp_path: Path, listing: str, change: Change) -> tuple[int, dict[str, Any]]:
    with other_zoom.serve(Changed(listing=listing, change=change)) as account:
        ran = Auditor(tmp_path, account).audit("--format", "json", "--only", "AI-02")
    return ran.code, ran.report


UNPROVED = {
    "no count": without("total_records"),
    "ends early without a count": early(without("total_records")),
    "ends early": early(saying()),
    "many": saying(total_records="many"),
    "ends early, many": early(saying(total_records="many")),
    "null": early(saying(total_records=None)),
    "negative": saying(total_records=-2),
    "a fraction": saying(total_records=2.5),
    "true": saying(total_records=True),
    "one more": saying(total_records=99),
    "too few": saying(total_records=0),
}


@pytest.mark.parametrize("name", UNPROVED)
@pytest.mark.parametrize("listing", ["/users", "/groups"])
def test_a_listing_that_may_be_longer_makes_the_run_incomplete(
    tmp_path: Path, listing: str, name: str
) -> None:
    code, report = audited(tmp_path, listing, UNPROVED[name])
    if listing == "/groups" and name == "ends early":
        assert code == 0  # it has one page, and says so
        return
    assert code == 3
    assert not report["run"]["complete"]
    missing = [e for e in report["errors"] if e["source"].startswith(f"GET {listing}")]
    assert missing
    assert {e["cause"] for e in missing} == {"error"}


@pytest.mark.parametrize(
    "change",
    [
        saying(),
        saying(next_page_token=None),
        without("page_size"),
        lambda page: {**page, "total_records": str(page["total_records"])},
        lambda page: {**page, "total_records": float(page["total_records"])},
        saying(next_page_token=""),
    ],
    ids=["as it is", "null token", "no page size", "digits", "a float", "empty token"],
)
def test_an_unusual_listing_that_proves_to_be_whole_is_complete(
    tmp_path: Path, change: Change
) -> None:
    code, report = audited(tmp_path, "/users", change)
    assert code == 0
    assert report["run"]["complete"]
    assert report["summary"]["coverage"]["user"] == 5
