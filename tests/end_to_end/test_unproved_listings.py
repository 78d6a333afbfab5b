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


def fault(tmp_path: Path, listing: str, change: Change) -> str:
    """What is wrong with the run of an account whose listing is changed so; empty for nothing."""
    code, report = audited(tmp_path, listing, change)
    causes = {e["cause"] for e in report["errors"] if e["source"].startswith(f"GET {listing}")}
    if (code, report["run"]["complete"], causes) == (3, False, {"error"}):
        return ""
    return f"exit code {code}, complete: {report['run']['complete']}, causes: {causes}"


@pytest.mark.slow
@pytest.mark.parametrize("listing", ["/users", "/groups"])
def test_a_listing_that_may_be_longer_makes_the_run_incomplete(
    tmp_path: Path, listing: str
) -> None:
    faults = {name: fault(tmp_path, listing, change) for name, change in UNPROVED.items()}
    wrong = {name: text for name, text in faults.items() if text}
    whole = {"ends early"} if listing == "/groups" else set()  # it has one page, and says so
    assert wrong.keys() == whole, wrong


WHOLE: dict[str, Change] = {
    "as it is": saying(),
    "null token": saying(next_page_token=None),
    "no page size": without("page_size"),
    "digits": lambda page: {**page, "total_records": str(page["total_records"])},
    "a float": lambda page: {**page, "total_records": float(page["total_records"])},
    "empty token": saying(next_page_token=""),
}


def test_an_unusual_listing_that_proves_to_be_whole_is_complete(tmp_path: Path) -> None:
    wrong = {}
    for name, change in WHOLE.items():
        code, report = audited(tmp_path, "/users", change)
        came = code, report["run"]["complete"], report["summary"]["coverage"]["user"]
        if came != (0, True, 5):
            wrong[name] = came
    assert wrong == {}
