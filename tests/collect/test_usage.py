"""Usage, apps, roles and logs of the account: the requests, and the minimum that is stored."""

import json
from typing import Any

import pytest

from auditor.evidence.read_plan import HOSTS, LOGS, ROLES, SUMMARIES, ReadPlan, apps, history
from auditor.zoom.errors import Denied, NotLicensed, Rejected, ZoomError
from tests.collect.surfaces import AT, PEOPLE, Zoom, account, cause, collected, read

SUMMARY = history("meeting_summary")
OF_SUMMARY = ReadPlan(use={history("meeting_summary"): ()})
PAST = "/report/history_meetings"
MADE = "/meetings/meeting_summaries"


def past(host: str | None, used: object, **fields: Any) -> dict[str, Any]:
    features = {} if used is None else {"feature_used": {"meeting_summary": used}}
    return {"host_email": host, "topic": "SECRET TOPIC", **features, **fields}


def test_past_meetings_are_counted_by_host_and_keep_no_topic() -> None:
    rows = [
        past("ben@example.com", True, group=["Sales", "Field"]),
        past("ada@example.com", True, group=["Clinical"]),
        past("ben@example.com", True, group=["Sales"]),
    ]
    snapshot = read({PAST: rows}, OF_SUMMARY)
    result = account(snapshot, SUMMARY)
    assert result["hosts"] == [
        {"host": "ada@example.com", "groups": ["Clinical"], "meetings": 1, "unclear": 0},
        {"host": "ben@example.com", "groups": ["Field", "Sales"], "meetings": 2, "unclear": 0},
    ]
    assert "TOPIC" not in json.dumps(result)


def test_the_last_thirty_days_are_asked_for_feature_by_feature() -> None:
    zoom = Zoom({PAST: []})
    snapshot = collected(
        zoom, ReadPlan(use={history("meeting_questions"): (), history("smart_recording"): ()})
    )
    window = "from=2026-10-23&to=2026-11-21"
    assert sorted(zoom.requests) == [
        f"{PAST}?{window}&meeting_type=all&meeting_feature=meeting_questions",
        f"{PAST}?{window}&meeting_type=all&meeting_feature=smart_recording",
    ]
    assert account(snapshot, history("smart_recording"))["hosts"] == []


def test_a_meeting_without_the_feature_does_not_count_even_if_zoom_lists_it() -> None:
    assert account(read({PAST: [past("a@x", False)]}, OF_SUMMARY), SUMMARY)["hosts"] == []


@pytest.mark.parametrize("used", [None, "yes"])
def test_a_meeting_that_does_not_say_is_unclear(used: str | None) -> None:
    (host,) = account(read({PAST: [past("a@x", used)]}, OF_SUMMARY), SUMMARY)["hosts"]
    assert (host["meetings"], host["unclear"]) == (0, 1)


def test_a_refused_report_is_denied_and_each_feature_stands_alone() -> None:
    answers = {
        f"{PAST}?meeting_feature=meeting_summary": Denied("GET /x", "No permission.", code=200),
        f"{PAST}?meeting_feature=smart_recording": [],
    }
    snapshot = read(
        answers, ReadPlan(use={history("meeting_summary"): (), history("smart_recording"): ()})
    )
    assert cause(account(snapshot, SUMMARY)) == "denied"
    assert account(snapshot, history("smart_recording"))["hosts"] == []


def test_summaries_are_counted_by_host() -> None:
    row = {"meeting_host_email": "a@x", "meeting_host_id": "u1", "meeting_topic": "SECRET"}
    zoom = Zoom({MADE: [row, row]})
    result = account(collected(zoom, ReadPlan(use={SUMMARIES: ()})), SUMMARIES)
    assert result["hosts"] == [{"host": "a@x", "id": "u1", "meetings": 2}]
    assert "SECRET" not in json.dumps(result)
    assert zoom.requests == [f"{MADE}?from=2026-10-23T00:00:00Z&to=2026-11-21T23:59:59Z"]


def test_of_summaries_that_are_switched_off_zooms_words_are_kept() -> None:
    off = Rejected("GET /x", "Meeting summary disabled.", status=400, code=3000)
    result = account(read({MADE: off}, ReadPlan(use={SUMMARIES: ()})), SUMMARIES)
    assert (result["hosts"], result["off"]) == ([], "Meeting summary disabled.")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Denied("GET /x", "restricted", status=403, code=2305), "denied"),
        (NotLicensed("GET /x", "paid only", code=200), "not_licensed"),
        (Rejected("GET /x", "Cannot access webinar info.", code=3000), "error"),
        (Rejected("GET /x", "Cannot access webinar info. It is disabled.", code=3000), "error"),
        (Rejected("GET /x", "Meeting summary disabled.", code=300), "error"),
    ],
)
def test_any_other_refusal_of_summaries_is_no_evidence(error: ZoomError, expected: str) -> None:
    assert cause(account(read({MADE: error}, ReadPlan(use={SUMMARIES: ()})), SUMMARIES)) == expected


def test_the_day_of_asking_is_no_part_of_the_evidence() -> None:
    zoom = Zoom({PAST: [past("ada@example.com", True)], MADE: [], "/report/operationlogs": []})
    plan = ReadPlan(use={history("meeting_summary"): (), SUMMARIES: (), LOGS: ("account",)})
    digests = {collected(zoom, plan, now=now).digest() for now in (AT, "2026-12-24T00:00:00.000Z")}
    assert len(digests) == 1


# Hosts


def test_the_groups_of_the_hosts_alone_are_kept() -> None:
    made = [{"meeting_host_email": "", "meeting_host_id": "u2"}]
    answers = {PAST: [past("ADA@example.com", True)], MADE: made}
    plan = ReadPlan(hosts=True, use={history("meeting_summary"): (), SUMMARIES: ()})
    assert account(read(answers, plan), HOSTS) == {
        "hosts": [
            {"id": "u1", "email": "ada@example.com", "groups": [{"id": "g1", "name": "Clinical"}]},
            {"id": "u2", "email": "ben@example.com", "groups": [{"id": "g2", "name": "Sales"}]},
        ]
    }


@pytest.mark.parametrize(
    ("listing", "missing"),
    [("/users?status=inactive", "users_missing"), ("/groups", "groups_missing")],
)
def test_a_list_that_was_refused_is_told_with_its_cause(listing: str, missing: str) -> None:
    refused = Denied("GET /x", "No permission.", code=200)
    answers = {PAST: [past("ada@example.com", True)], listing: refused}
    result = account(
        read(answers, ReadPlan(hosts=True, use={history("meeting_summary"): ()})), HOSTS
    )
    assert result[missing]["cause"] == "denied"
    assert result[missing]["detail"].startswith(str(refused))
    assert [host["id"] for host in result["hosts"]] == ["u1"]


def test_nobody_is_listed_for_hosts_unless_the_plan_says_so() -> None:
    zoom = Zoom({**PEOPLE, PAST: []})
    collected(zoom, OF_SUMMARY)
    assert not zoom.times("/users")


# Apps


def test_apps_are_kept_with_their_scopes() -> None:
    added = {
        "app_id": "a1",
        "app_name": "Notes",
        "app_developer_type": "THIRD_PARTY",
        "app_icon": "https://x",
        "scopes": [{"scope_name": "recording:read", "scope_description": "x"}, "meeting:read"],
    }
    answers = {
        "/marketplace/apps?type=account_added": [added],
        "/marketplace/apps?type=account_created": [{"app_id": "a2", "app_name": "Own"}],
    }
    snapshot = read(answers, ReadPlan(use={apps("account_added"): (), apps("account_created"): ()}))
    scopes = ["meeting:read", "recording:read"]
    assert account(snapshot, apps("account_added")) == {
        "apps": [{"id": "a1", "name": "Notes", "developer": "THIRD_PARTY", "scopes": scopes}]
    }
    (own,) = account(snapshot, apps("account_created"))["apps"]
    assert own["scopes"] is None


@pytest.mark.parametrize("scopes", ["all", [7.5], [{"name": "x"}], ["recording:read", None]])
def test_scopes_that_cannot_be_read_are_none(scopes: object) -> None:
    answers = {"/marketplace/apps": [{"app_id": "a", "scopes": scopes}]}
    (app,) = account(
        read(answers, ReadPlan(use={apps("account_added"): ()})), apps("account_added")
    )["apps"]
    assert app["scopes"] is None


# Roles

ROLE_ROWS = [
    {"id": "0", "name": "Owner"},
    {"id": "1", "name": "Admin"},
    {"id": "2", "name": "Member"},
    {"id": "r3", "name": "Media"},
]
ALL_ROLES = {
    "/roles": ROLE_ROWS,
    "/roles/2": {"privileges": []},
    "/roles/r3": {"privileges": ["User:Read", "Recording:Edit"]},
    "/roles/0/members": [{"id": "u1"}],
    "/roles/1/members": [{"id": "u2"}, {"id": "u1"}],
    "/roles/r3/members": [{"email": "cyd@example.com"}],
}
OF_ROLES = ReadPlan(use={ROLES: ("recording:edit", "AI*:Edit")})


def test_members_are_listed_of_roles_that_may_change_settings_alone() -> None:
    zoom = Zoom(ALL_ROLES)
    result = account(collected(zoom, OF_ROLES), ROLES)["roles"]
    assert [(role["name"], role["members"]) for role in result] == [
        ("Owner", ["u1"]),
        ("Admin", ["u1", "u2"]),
        ("Member", None),
        ("Media", ["cyd@example.com"]),
    ]
    assert result[3]["privileges"] == ["Recording:Edit", "User:Read"]
    assert not zoom.times("/roles/2/members")


def test_privileges_that_zoom_does_not_return_are_none_and_not_empty() -> None:
    result = account(read({**ALL_ROLES, "/roles/r3": {}}, OF_ROLES), ROLES)["roles"]
    assert (result[3]["privileges"], result[3]["members"]) == (None, None)


def test_a_role_that_cannot_be_read_leaves_nobody_to_count() -> None:
    answers = {**ALL_ROLES, "/roles/r3": Denied("GET /x", "No permission.", code=200)}
    assert cause(account(read(answers, OF_ROLES), ROLES)) == "denied"


# Operation log


def test_each_category_is_read_for_a_month_and_entries_are_one_short_line() -> None:
    row = {
        "time": "2026-11-20T10:00:00Z",
        "operator": "ada@example.com",
        "category_type": "Account",
        "action": "Update",
        "operation_detail": "Meeting summary:\n from Off   to On " + "x" * 500,
    }
    zoom = Zoom({"/report/operationlogs?category_type=account": [row], "/report/operationlogs": []})
    result = account(collected(zoom, ReadPlan(use={LOGS: ("account", "role")})), LOGS)
    assert all("from=2026-10-23&to=2026-11-21" in request for request in zoom.requests)
    (entry,) = result["entries"]
    assert entry["detail"].startswith("Meeting summary: from Off to On xxx")
    assert len(entry["detail"]) == 300
    assert zoom.times("/report/operationlogs") == 2


def test_entries_are_in_the_order_of_time_whatever_their_category() -> None:
    rows = {
        f"/report/operationlogs?category_type={name}": [{"time": f"2026-11-{day}"}]
        for name, day in (("account", "20"), ("role", "02"))
    }
    result = account(read(rows, ReadPlan(use={LOGS: ("account", "role")})), LOGS)
    assert [entry["time"] for entry in result["entries"]] == ["2026-11-02", "2026-11-20"]


def test_one_refused_category_leaves_no_log() -> None:
    answers = {
        "/report/operationlogs?category_type=role": Denied("GET /x", code=200),
        "/report/operationlogs": [],
    }
    assert (
        cause(account(read(answers, ReadPlan(use={LOGS: ("account", "role")})), LOGS)) == "denied"
    )
