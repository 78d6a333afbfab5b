"""The operation log since an earlier run: requests, stored entries, and refusals."""

from typing import Any

import pytest

from auditor.collect.collector import Collector
from auditor.evidence.operation_log import entries
from auditor.evidence.read_plan import CHANGES, LOGS, ReadPlan
from auditor.evidence.reading import Unseen
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document
from auditor.zoom.errors import Denied, NotLicensed, RateLimited, ScopeMissing, Unreachable
from tests.collect.surfaces import AT, PEOPLE, Zoom, account, cause, collected

LOG = "/report/operationlogs"
SINCE = "2026-11-20T20:00:00.000Z"
DETAIL = "Security  - Require a passcode when scheduling new meetings: from On to Off"
ACCOUNT = {"/accounts/me/settings": {"a": 1}}


def entry(
    detail: Any = DETAIL, time: Any = "2026-11-21T10:00:00Z", **fields: Any
) -> dict[str, Any]:
    row = {"operator": "ada@example.com", "category_type": "Account", "action": "Update"}
    return {**row, "time": time, "operation_detail": detail, **fields}


def plan(since: str | None = SINCE, **fields: Any) -> ReadPlan:
    return ReadPlan(account=(SETTINGS,), changes_since=since, **fields)


def recorded(*rows: Any, since: str = SINCE) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = log(collected(Zoom({**ACCOUNT, LOG: list(rows)}), plan(since)))[
        "entries"
    ]
    return result


def log(snapshot: Snapshot) -> Any:
    return account(snapshot, CHANGES)


def test_without_an_earlier_run_the_log_is_not_asked_for() -> None:
    zoom = Zoom(ACCOUNT)
    snapshot = collected(zoom, plan(None))
    assert zoom.times(LOG) == 0
    assert CHANGES not in snapshot.account().outcomes


def test_an_ordinary_night_costs_one_request() -> None:
    zoom = Zoom({**ACCOUNT, LOG: []})
    assert log(collected(zoom, plan())) == {"entries": [], "read": 0}
    assert zoom.requests[-1] == f"{LOG}?from=2026-11-19&to=2026-11-21&category_type=all"
    assert zoom.times(LOG) == 1


def test_the_log_is_read_after_everything_else() -> None:
    zoom = Zoom(
        {**PEOPLE, **ACCOUNT, LOG: [], "/groups/g1/settings": {}, "/groups/g2/settings": {}}
    )
    collected(zoom, plan(group=(SETTINGS,)), workers=1)
    assert zoom.requests[-1].startswith(LOG)
    assert zoom.times("/groups/g2/settings") == 1


def test_a_longer_time_is_read_month_by_month_without_gaps_or_overlaps() -> None:
    zoom = Zoom({**ACCOUNT, LOG: []})
    collected(zoom, plan("2026-09-10T00:00:00Z"))
    assert zoom.requests[-3:] == [
        f"{LOG}?from=2026-09-09&to=2026-10-08&category_type=all",
        f"{LOG}?from=2026-10-09&to=2026-11-07&category_type=all",
        f"{LOG}?from=2026-11-08&to=2026-11-21&category_type=all",
    ]


def test_never_more_than_six_months_are_asked_for() -> None:
    zoom = Zoom({**ACCOUNT, LOG: []})
    collected(zoom, plan("2020-01-01T00:00:00Z"))
    requests = [request for request in zoom.requests if request.startswith(LOG)]
    assert requests[0].startswith(f"{LOG}?from=2026-05-25&")
    assert len(requests) == 7


def test_an_entry_is_kept_with_its_time_as_utc_and_its_text_as_it_is() -> None:
    assert recorded(entry(time="2026-11-21T12:00:00+02:00")) == [
        {
            "time": "2026-11-21T10:00:00.000Z",
            "operator": "ada@example.com",
            "category_type": "Account",
            "action": "Update",
            "operation_detail": DETAIL,
        }
    ]


def test_entries_that_change_no_setting_are_counted_and_not_kept() -> None:
    rows = [
        entry(),
        entry("Add Group Engineers"),
        entry("Update User b@example.com  - Job Title: set to Chef", category_type="User"),
        entry("Update a Channel X  - Name: from A to B", category_type="Channels"),
        entry(category_type="Recording"),
    ]
    snapshot = collected(Zoom({**ACCOUNT, LOG: rows}), plan())
    assert log(snapshot)["read"] == 5
    assert [each["operation_detail"] for each in log(snapshot)["entries"]] == [DETAIL]


@pytest.mark.parametrize(
    ("time", "counts"),
    [
        ("2026-11-20T18:59:59Z", False),
        ("2026-11-20T19:00:00Z", True),
        ("2026-11-20 19:30:00", True),
        ("", False),
        ("soon", False),
        (None, False),
        ([], False),
    ],
)
def test_an_entry_counts_from_an_hour_before_the_earlier_run(time: Any, counts: bool) -> None:
    assert len(recorded(entry(time=time))) == counts


@pytest.mark.parametrize("row", [{}, {"time": 5}, entry(detail=None), entry(detail=["x"])])
def test_a_row_of_another_shape_is_passed_over(row: Any) -> None:
    assert recorded(row) == []


def test_missing_parts_of_an_entry_are_empty() -> None:
    (result,) = recorded({"time": "2026-11-21T10:00:00Z", "operation_detail": DETAIL})
    assert (result["operator"], result["category_type"]) == ("", "")


def test_an_entry_of_any_length_stays_on_one_line_and_is_cut() -> None:
    (result,) = recorded(entry(DETAIL + "\n" + "x" * 9000))
    assert "\n" not in result["operation_detail"]
    assert len(result["operation_detail"]) == 2000


def test_the_order_in_which_zoom_lists_entries_does_not_matter() -> None:
    rows = [entry(time=f"2026-11-21T10:0{n}:00Z", operator=f"p{n % 2}") for n in range(6)]
    assert recorded(*rows) == recorded(*reversed(rows))


def test_two_quiet_nights_give_equal_evidence() -> None:
    zoom = Zoom({**ACCOUNT, LOG: [entry("Add User x", category_type="User")]})
    nights = (SINCE, "2026-11-20T20:00:00.000Z"), (AT, "2026-11-22T20:00:00.000Z")
    digests = {collected(zoom, plan(since), now=now).digest() for since, now in nights}
    assert len(digests) == 1


def test_what_is_stored_can_be_read_back() -> None:
    body = log(collected(Zoom({**ACCOUNT, LOG: [entry()]}), plan()))
    (only,) = entries(body)
    assert (only.operator, only.category, only.detail) == ("ada@example.com", "Account", DETAIL)


REFUSALS = [
    (ScopeMissing("GET /report/operationlogs", ("report:read:operation_logs:admin",)), "denied"),
    (Denied("GET /x", "No permission.", code=200), "denied"),
    (NotLicensed("GET /x", "paid only", code=200), "not_licensed"),
    (Unreachable("GET /x", "no network"), "error"),
    (RateLimited("GET /x", "daily", daily=True), "not_collected"),
]


@pytest.mark.parametrize(("error", "expected"), REFUSALS, ids=[e for _, e in REFUSALS])
def test_a_refusal_is_recorded_with_its_cause_and_stops_nothing(
    error: Exception, expected: str
) -> None:
    snapshot = Snapshot.create()
    collector = Collector(Zoom({**ACCOUNT, LOG: error}), snapshot, plan(), "acc", now=lambda: AT)
    collector.collect()
    assert cause(log(snapshot)) == expected
    assert collector.stop_reason is None
    assert isinstance(snapshot.account().outcomes[SETTINGS], Document)


def test_the_missing_scope_is_named_for_either_kind_of_app() -> None:
    error = ScopeMissing("GET /report/operationlogs", ("report:read:operation_logs:admin",))
    failure = log(collected(Zoom({**ACCOUNT, LOG: error}), plan()))
    assert isinstance(failure, Unseen)
    assert "report:read:operation_logs:admin" in failure.detail
    assert "report:read:admin" in failure.detail


def test_the_log_is_not_requested_if_nothing_else_can_be_read() -> None:
    answers = {**ACCOUNT, "/accounts/me/lock_settings": RateLimited("GET /x", "daily", daily=True)}
    zoom = Zoom({**answers, LOG: []})
    reads = ReadPlan(account=(SETTINGS, LOCKS), changes_since=SINCE)
    snapshot = collected(zoom, reads, workers=1)
    assert cause(log(snapshot)) == "not_collected"
    assert zoom.times(LOG) == 0


def test_a_run_that_goes_on_asks_again_only_for_what_it_has_not() -> None:
    zoom = Zoom({**ACCOUNT, LOG: []})
    snapshot = collected(zoom, plan())
    Collector(zoom, snapshot, plan(), "acc", now=lambda: AT, since="2000-01-01T00:00:00Z").collect()
    assert zoom.times(LOG) == 1


def test_the_entries_that_controls_look_at_are_another_document() -> None:
    zoom = Zoom({**ACCOUNT, LOG: [entry()]})
    snapshot = collected(zoom, plan(use={LOGS: ("account",)}))
    assert len(account(snapshot, LOGS)["entries"]) == len(log(snapshot)["entries"]) == 1
    sources = {each.source for each in snapshot.account().outcomes.values()}
    assert {f"GET {LOG}", f"GET {LOG}?category_type=all"} <= sources
    assert snapshot.count(Level.USER) == 0


@pytest.mark.parametrize("since", ["", "yesterday", "0000"])
def test_a_time_that_is_none_asks_for_nothing(since: str) -> None:
    zoom = Zoom(ACCOUNT)
    collected(zoom, plan(since))
    assert zoom.times(LOG) == 0


@pytest.mark.parametrize(
    ("detail", "stored"),
    [
        ("Update User x  - Host Key: from 482913 to 771234", "Host Key: from {} to {}"),
        ("Edit Group X  - Passcode: set to 482913", "Passcode: set to {}"),
        ("Settings  - PMI Password: from hunter2x to Off", "PMI Password: from {} to Off"),
        ("A  - Access Token: from a.b to c - Chat: from On to Off", "Chat: from On to Off"),
    ],
)
def test_the_value_of_a_secret_is_never_kept(detail: str, stored: str) -> None:
    rows = [entry(detail)]
    snapshot = collected(Zoom({**ACCOUNT, LOG: rows}), plan(use={LOGS: ("account",)}))
    details = [log(snapshot)["entries"][0]["operation_detail"]]
    details += [account(snapshot, LOGS)["entries"][0]["detail"]]
    for text in details:
        assert stored.format("[redacted]", "[redacted]") in text
        assert not any(secret in text for secret in ("482913", "771234", "hunter2x", "a.b"))


@pytest.mark.parametrize(
    "detail",
    [
        DETAIL,
        "Edit Group X  - Personal Meeting ID (PMI) Passcode: from On to Off",
        "Sign-In Password Requirement  - Have at least specified length: from 8 to 14",
        "Settings  - Minimum passcode length: from 6 to 8",
        "Settings  - Passcode: from Unlocked to Locked",
        "Settings  - Who can share: from Host to All participants",
    ],
)
def test_what_is_no_secret_is_kept_as_it_is(detail: str) -> None:
    assert recorded(entry(detail))[0]["operation_detail"] == detail
