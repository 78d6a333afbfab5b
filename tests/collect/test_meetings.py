"""Upcoming meetings and webinars, and answers to the AI notice in past meetings."""

from collections.abc import Iterator
from typing import Any

import pytest

from auditor.evidence.read_plan import MEETING, NOTICES, MeetingSelection, ReadPlan, history
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import View
from auditor.zoom.errors import (
    Denied,
    IncompleteListing,
    NotFound,
    NotLicensed,
    Rejected,
    ScopeMissing,
    Transient,
    ZoomError,
)
from tests.collect.surfaces import (
    PEOPLE,
    READ_SETTINGS,
    UNKNOWN_ENDPOINT,
    Zoom,
    account,
    cause,
    collected,
    of,
    read,
    settings,
)
from tests.names import same_everywhere

COUNTED, WEBINARS = View("upcoming_meetings"), View("upcoming_webinars")
WITH_AI = View("meetings_with_ai")
PLAN = ReadPlan(meeting=("auto_recording", "who_will_receive_summary"))
SETTINGS = {"auto_recording": "cloud", "alternative_hosts": "eve@example.com"}
EXPECTED = {"settings": {"auto_recording": "cloud"}}
NOBODY: dict[str, Any] = {f"/users/u{n}/meetings": [] for n in (1, 2, 3)}
SCHEDULED = {
    **NOBODY,
    "/users/u1/meetings": [{"id": 81, "topic": "Round"}, {"id": "82", "topic": "Board"}],
    "/users/u3/meetings": [{"id": 83, "topic": ""}],
    "/meetings/81": {"settings": SETTINGS, "password": "x"},
    "/meetings/82": {"settings": {"who_will_receive_summary": 4}},
    "/meetings/83": {"settings": {}},
}
NOT_ALLOWED = Denied(
    "GET /x", "Display meetings scheduled for others is off", status=403, code=2306
)
NOT_HOSTING = NotLicensed("GET /x", "Your user account is not allowed meeting hosting", code=3161)


def meetings(snapshot: Snapshot) -> dict[str, Any]:
    return of(snapshot, Level.MEETING, MEETING)


def test_upcoming_meetings_of_active_users_keep_the_needed_settings_alone() -> None:
    zoom = Zoom({**PEOPLE, **SCHEDULED})
    snapshot = collected(zoom, PLAN)
    assert meetings(snapshot) == {
        "81": EXPECTED,
        "82": {"settings": {"who_will_receive_summary": 4}},
        "83": {"settings": {}},
    }
    assert account(snapshot, COUNTED) == {"listed": 3, "read": 3}
    assert "/users/u1/meetings?type=upcoming" in zoom.requests
    assert not zoom.times("/users/u4/meetings")


def test_a_meeting_is_known_by_its_topic_and_its_host() -> None:
    first = next(read(SCHEDULED, PLAN).scopes(Level.MEETING))
    assert (first.id, first.name, first.email, first.group_ids) == (
        "81",
        "Round",
        "ada@example.com",
        ("g1",),
    )


def test_a_meeting_that_two_hosts_list_is_read_once() -> None:
    zoom = Zoom({**PEOPLE, **SCHEDULED, "/users/u2/meetings": [{"id": 81, "topic": "Round"}]})
    snapshot = collected(zoom, PLAN)
    assert zoom.times("/meetings/81") == 1
    assert next(snapshot.scopes(Level.MEETING)).email == "ada@example.com"
    assert account(snapshot, COUNTED) == {"listed": 3, "read": 3}


def test_settings_that_are_no_object_are_kept_as_they_are() -> None:
    snapshot = read({**SCHEDULED, "/meetings/81": {"settings": None}}, PLAN)
    assert meetings(snapshot)["81"] == {"settings": None}


@pytest.mark.parametrize(
    ("error", "expected"),
    [(NOT_ALLOWED, "denied"), (NOT_HOSTING, "not_licensed"), (NotFound("GET /x"), "error")],
)
def test_a_host_whose_meetings_cannot_be_listed_has_a_record_and_the_others_are_read(
    error: ZoomError, expected: str
) -> None:
    snapshot = read({**SCHEDULED, "/users/u2/meetings": error}, PLAN)
    by_id = meetings(snapshot)
    assert cause(by_id["*u2"]) == expected
    assert {"81", "82", "83"} < set(by_id)
    assert account(snapshot, COUNTED) == {"listed": 3, "read": 3}
    nobody = next(snapshot.scopes(Level.MEETING))
    assert (nobody.name, nobody.email) == ("Ben", "ben@example.com")


@pytest.mark.parametrize(
    "error",
    [
        ScopeMissing("GET /x", ["meeting:read:list_meetings:admin"], code=4711),
        Denied("GET /x", "No permission.", code=200),
        UNKNOWN_ENDPOINT,
    ],
)
def test_a_refusal_that_holds_for_every_host_is_one_record(error: ZoomError) -> None:
    answers = {f"/users/u{n}/meetings": error for n in (1, 2, 3)}
    snapshot = read(answers, PLAN)
    assert meetings(snapshot) == {}
    assert account(snapshot, COUNTED).detail.startswith(str(error))


def test_a_refusal_of_every_meeting_is_one_record() -> None:
    refused = ScopeMissing("GET /x", ["meeting:read:meeting:admin"], code=4711)
    answers = {**SCHEDULED, **{f"/meetings/{n}": refused for n in (81, 82, 83)}}
    snapshot = read(answers, PLAN)
    assert meetings(snapshot) == {}
    assert cause(account(snapshot, COUNTED)) == "denied"


def test_a_fault_of_one_meeting_is_that_meetings() -> None:
    snapshot = read({**SCHEDULED, "/meetings/82": Transient("GET /x", status=500)}, PLAN)
    assert cause(meetings(snapshot)["82"]) == "error"
    assert meetings(snapshot)["81"] == EXPECTED


def test_what_came_of_a_list_that_may_be_longer_is_read_and_the_rest_unknown() -> None:
    def listed() -> Iterator[dict[str, Any]]:
        yield {"id": 81, "topic": "Round"}
        raise IncompleteListing("GET /users/{userId}/meetings", 1, 5)

    class Pages:
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return listed()

    snapshot = read({**SCHEDULED, "/users/u1/meetings": Pages()}, PLAN)
    by_id = meetings(snapshot)
    assert by_id["81"] == EXPECTED
    assert by_id["83"] == {"settings": {}}
    assert cause(by_id["*u1"]) == "error"
    assert "counts 5 rows" in by_id["*u1"].detail


def test_occurrences_of_a_recurring_meeting_are_one_meeting() -> None:
    again = [{"id": 81, "start_time": f"2026-12-0{day}"} for day in (1, 2, 3)]
    snapshot = read({**SCHEDULED, "/users/u1/meetings": again}, PLAN)
    assert set(meetings(snapshot)) == {"81", "83"}
    assert account(snapshot, COUNTED) == {"listed": 2, "read": 2}


def test_a_row_without_an_id_makes_the_hosts_list_unusable() -> None:
    snapshot = read({**SCHEDULED, "/users/u1/meetings": [{"id": 81}, {"topic": "x"}]}, PLAN)
    assert cause(meetings(snapshot)["*u1"]) == "error"


def test_a_bound_is_kept_and_told() -> None:
    zoom = Zoom({**PEOPLE, **SCHEDULED})
    snapshot = collected(
        zoom, ReadPlan(meeting=("auto_recording",), meetings=MeetingSelection(per_host=1))
    )
    assert set(meetings(snapshot)) == {"81", "83"}
    assert account(snapshot, COUNTED) == {"listed": 3, "read": 2}
    assert not zoom.times("/meetings/82")


DATED = {
    **NOBODY,
    "/users/u1/meetings": [
        {"id": 3, "start_time": "2026-12-21T09:00:00Z"},
        {"id": 1, "start_time": "2026-11-22T09:00:00Z"},
        {"id": 2, "start_time": "2026-12-01T23:59:00Z"},
        {"id": 4},
        {"id": 1, "start_time": "2026-11-22T09:00:00Z"},
    ],
    **{f"/meetings/{n}": {"settings": {}} for n in (1, 2, 3, 4)},
}


@pytest.mark.parametrize(
    ("budget", "chosen"),
    [
        (MeetingSelection(), {"1", "2", "3", "4"}),
        (MeetingSelection(within_days=10), {"1", "2", "4"}),
        (MeetingSelection(within_days=9), {"1", "4"}),
        (MeetingSelection(within_days=30), {"1", "2", "3", "4"}),
        (MeetingSelection(per_host=2), {"1", "4"}),
        (MeetingSelection(per_host=0), set()),
        (MeetingSelection(per_host=3, within_days=10), {"1", "2", "4"}),
    ],
    ids=same_everywhere,
)
def test_the_next_meetings_of_a_host_are_read_and_the_others_counted(
    budget: MeetingSelection, chosen: set[str]
) -> None:
    """Events without a fixed time come first, because they may be held at any time."""
    plan = ReadPlan(meeting=("auto_recording",), meetings=budget)
    snapshot = collected(Zoom({**PEOPLE, **DATED}), plan)
    assert set(meetings(snapshot)) == chosen
    assert account(snapshot, COUNTED) == {"listed": 4, "read": len(chosen)}


@pytest.mark.parametrize(
    ("budget", "requested"),
    [
        (MeetingSelection(users=("u1",)), {"u1"}),
        (MeetingSelection(users=("BEN@*",)), {"u2"}),
        (MeetingSelection(users=("cyd",)), {"u3"}),
        (MeetingSelection(groups=("Clin*",)), {"u1"}),
        (MeetingSelection(groups=("g2",)), {"u2"}),
        (MeetingSelection(users=("u3",), groups=("g2",)), {"u2", "u3"}),
        (MeetingSelection(users=("nobody",)), set()),
    ],
    ids=same_everywhere,
)
def test_only_the_hosts_asked_for_are_listed(budget: MeetingSelection, requested: set[str]) -> None:
    zoom = Zoom({**PEOPLE, **SCHEDULED})
    collected(zoom, ReadPlan(meeting=("auto_recording",), meetings=budget))
    assert {f"u{n}" for n in (1, 2, 3) if zoom.times(f"/users/u{n}/meetings")} == requested


def test_users_who_could_not_be_listed_are_not_silent() -> None:
    refused = Denied("GET /users", "No permission.", code=200)
    snapshot = read({**SCHEDULED, "/users?status=active": refused}, PLAN)
    assert cause(account(snapshot, COUNTED)) == "denied"


# Webinars

OF_WEBINARS = ReadPlan(user=READ_SETTINGS, webinar=("auto_recording",))


def test_webinars_are_read_of_users_who_may_host_any() -> None:
    flags = settings(u1={"webinar": True}, u2={"webinar": False}, u3={"webinar": False})
    answers = {
        "/users/u1/webinars": [{"id": 91, "topic": "Launch"}],
        "/webinars/91": {"settings": SETTINGS},
    }
    zoom = Zoom({**PEOPLE, **flags, **answers})
    snapshot = collected(zoom, OF_WEBINARS)
    assert of(snapshot, Level.WEBINAR, MEETING) == {"91": EXPECTED}
    assert account(snapshot, WEBINARS) == {"listed": 1, "read": 1}
    assert not zoom.times("/users/u2/webinars")


def test_a_user_without_the_add_on_has_no_webinars() -> None:
    missing = NotLicensed("GET /x", "Webinar plan is missing", code=200)
    answers = {f"/users/u{n}/webinars": missing for n in (1, 2, 3)}
    snapshot = read(answers, OF_WEBINARS)
    assert of(snapshot, Level.WEBINAR, MEETING) == {}
    assert account(snapshot, WEBINARS) == {"listed": 0, "read": 0}


def test_webinars_that_may_not_be_listed_are_denied() -> None:
    refused = ScopeMissing("GET /x", ["webinar:read:list_webinars:admin"], code=4711)
    snapshot = read({f"/users/u{n}/webinars": refused for n in (1, 2, 3)}, OF_WEBINARS)
    assert cause(account(snapshot, WEBINARS)) == "denied"


# Answers to the notice

PAST = "/report/history_meetings"
USED = {"feature_used": {"meeting_summary": True, "meeting_questions": True}}
OF_NOTICES = ReadPlan(
    notices=2, use={history("meeting_questions"): (), history("meeting_summary"): ()}
)


def past(uuid: str, start: str) -> dict[str, Any]:
    return {"meeting_uuid": uuid, "start_time": start, "host_email": "a@x", "topic": "x", **USED}


def participants(uuid: str) -> str:
    return f"/metrics/meetings/{uuid}/participants"


def test_the_answers_of_the_newest_meetings_are_counted_and_name_nobody() -> None:
    answers = {
        PAST: [past(f"m{n}=", f"2026-11-1{n}T09:00:00Z") for n in (1, 2, 3)],
        participants("m3="): [
            {"user_name": "Ada", "aic_disclaimer": "agree"},
            {"user_name": "Ben", "aic_disclaimer": "agree"},
            {"user_name": "Cyd", "aic_disclaimer": "no disclaimer"},
            {"user_name": "Dan"},
        ],
        participants("m2="): [],
    }
    zoom = Zoom({**PEOPLE, **answers})
    snapshot = collected(zoom, OF_NOTICES)
    assert of(snapshot, Level.MEETING, NOTICES) == {
        "m2=": {"answers": [], "silent": 0},
        "m3=": {
            "answers": [
                {"answer": "agree", "people": 2},
                {"answer": "no disclaimer", "people": 1},
            ],
            "silent": 1,
        },
    }
    assert account(snapshot, WITH_AI) == {"listed": 3, "read": 2}
    assert f"{participants('m3=')}?type=past" in zoom.requests
    names = [scope.name for scope in snapshot.scopes(Level.MEETING)]
    assert names == ["past meeting of 2026-11-12", "past meeting of 2026-11-13"]


def test_no_meeting_with_ai_is_counted_as_none() -> None:
    assert account(read({PAST: []}, OF_NOTICES), WITH_AI) == {"listed": 0, "read": 0}


def test_without_the_report_nobody_can_say_that_there_was_no_meeting_with_ai() -> None:
    answers = {
        f"{PAST}?meeting_feature=meeting_summary": Denied("GET /x", "No permission.", code=200),
        PAST: [],
    }
    assert cause(account(read(answers, OF_NOTICES), WITH_AI)) == "denied"


def test_an_account_without_dashboards_is_one_record() -> None:
    paid = NotLicensed("GET /x", "Only available for paid account", code=200)
    rows = [past(f"m{n}", "2026-11-11") for n in (1, 2)]
    snapshot = read({PAST: rows, **{participants(f"m{n}"): paid for n in (1, 2)}}, OF_NOTICES)
    assert of(snapshot, Level.MEETING, NOTICES) == {}
    assert cause(account(snapshot, WITH_AI)) == "not_licensed"


def test_a_meeting_without_an_id_or_a_start_does_no_harm() -> None:
    rows = [past("", "2026-11-11"), {**past("m1", ""), "start_time": None}]
    rejected = Rejected("GET /x", "too old", code=12702)
    snapshot = read({PAST: rows, participants("m1"): rejected}, OF_NOTICES)
    assert cause(of(snapshot, Level.MEETING, NOTICES)["m1"]) == "error"
    assert next(snapshot.scopes(Level.MEETING)).name == "past meeting"


def test_meetings_that_only_recorded_smartly_showed_no_notice() -> None:
    row = {**past("m1", "2026-11-11"), "feature_used": {"smart_recording": True}}
    plan = ReadPlan(notices=2, use={history("meeting_summary"): (), history("smart_recording"): ()})
    assert account(read({PAST: [row]}, plan), WITH_AI) == {"listed": 0, "read": 0}
