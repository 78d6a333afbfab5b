"""Observed usage: the values of usage documents, and when they are incomplete."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from auditor.evidence.read_plan import HOSTS, LOGS, NOTICES, ROLES, SUMMARIES, apps, history
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import View
from auditor.findings.model import FindingKind, Status, Verdict
from tests.builders import (
    ACCOUNT,
    Bodies,
    Json,
    Parameters,
    baseline_of,
    check,
    evaluated,
    expected_control,
    only_verdict,
    scope_verdicts,
    snapshot_of,
)

SUMMARY = history("meeting_summary")
ALLOWED = {"op": "subset_of_param", "param": "ai_allowed_groups"}
NONE = {"op": "eq", "value": 0}
CLINICAL = {"ai_allowed_groups": ["clinical"]}
FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN


def verdict(
    view: View,
    bodies: Bodies,
    op: Mapping[str, Any],
    parameters: Parameters | None = None,
    kind: str = "usage",
) -> Verdict:
    """The verdict on a document of the account."""
    fields = {"view": view.option, "levels": [Level.ACCOUNT], "type": [], "lock": None}
    one = check("used", surface=view.surface, lock_levels=[], **fields)
    expected = baseline_of(expected_control(one, op=op))
    found = evaluated(snapshot_of((ACCOUNT, bodies)), expected, parameters, Level.ACCOUNT)
    return only_verdict(found, kind)


def status_and_cause(found: Verdict) -> tuple[Status, Cause | None]:
    return found.status, found.cause


def host(
    name: str, meetings: int = 1, groups: Sequence[str] = (), **fields: object
) -> dict[str, Any]:
    return {"host": name, "meetings": meetings, "groups": [*groups], "unclear": 0, **fields}


def hosts(*each: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"hosts": [*each], **fields}


def people(
    **groups: Sequence[str],
) -> dict[str, Any]:
    """Members of groups, `name` of each: `ada=["Clinical"]`."""
    return {
        "hosts": [
            {
                "id": f"id-{name}",
                "email": f"{name}@x",
                "groups": [{"id": f"g-{group}", "name": group} for group in theirs],
            }
            for name, theirs in groups.items()
        ]
    }


# How much


def test_meetings_that_used_a_feature_are_counted_over_all_hosts() -> None:
    found = verdict(SUMMARY, {SUMMARY: hosts(host("ada@x", 2), host("ben@x", 1))}, NONE)
    assert (found.kind, found.status, found.observed) == (FindingKind.USAGE, FAIL, 3)
    assert found.detail == "Hosts, with their meetings: ada@x (2), ben@x (1)."


def test_use_is_decided_and_changed_by_no_layer() -> None:
    found = verdict(SUMMARY, {SUMMARY: hosts(host("ada@x"))}, NONE)
    assert (found.decided_by, found.changeable_by, found.locked) == (None, (), None)
    assert found.changeable == ""


def test_no_meeting_passes_where_none_is_wanted() -> None:
    found = verdict(SUMMARY, {SUMMARY: hosts()}, NONE)
    assert (found.status, found.observed, found.source) == (
        PASS,
        0,
        "GET /accounts/me/" + str(SUMMARY),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"sessions": [{"count": 0}]}, (PASS, None)),
        ({"sessions": [{"count": 2}]}, (FAIL, None)),
        ({"sessions": []}, (UNKNOWN, Cause.ABSENT)),
        ({"sessions": [{}]}, (UNKNOWN, Cause.ABSENT)),
        ({"sessions": [{"count": "0"}]}, (UNKNOWN, Cause.WRONG_TYPE)),
        ({"sessions": 0}, (UNKNOWN, Cause.WRONG_TYPE)),
        ({}, (UNKNOWN, Cause.ABSENT)),
    ],
)
def test_sessions_of_remote_support_pass_only_if_they_were_counted(
    body: dict[str, Json], expected: tuple[Status, Cause | None]
) -> None:
    view = View("report_remote_support")
    assert status_and_cause(verdict(view, {view: body}, NONE)) == expected


def test_a_meeting_that_does_not_say_leaves_a_doubt() -> None:
    found = verdict(SUMMARY, {SUMMARY: hosts(host("ada@x", 0, unclear=4))}, NONE)
    assert status_and_cause(found) == (UNKNOWN, Cause.ABSENT)
    assert "4 meetings" in found.detail


def test_a_doubt_does_not_hide_a_deviation() -> None:
    body = hosts(host("ada@x", 1, unclear=4))
    assert verdict(SUMMARY, {SUMMARY: body}, NONE).status is FAIL


@pytest.mark.parametrize("expectation", [NONE, {"op": "subset_of_param", "param": "p"}])
def test_summaries_that_nobody_lists_while_they_are_off_are_no_pass(
    expectation: dict[str, str | int],
) -> None:
    body = hosts(off="Meeting summary disabled.")
    found = verdict(SUMMARIES, {SUMMARIES: body}, expectation)
    assert (found.status, found.observed) == (Status.NOT_APPLICABLE, None)
    assert 'says: "Meeting summary disabled."' in found.detail


def test_many_hosts_are_named_up_to_ten() -> None:
    body = hosts(*(host(f"h{n}@x") for n in range(12)))
    detail = verdict(SUMMARY, {SUMMARY: body}, NONE).detail
    assert detail.endswith("h9@x (1) and 2 more.")


@pytest.mark.parametrize("view", [SUMMARY, SUMMARIES, apps("x"), ROLES, LOGS, NOTICES])
@pytest.mark.parametrize("cause", Cause)
def test_a_refused_document_keeps_its_cause(view: View, cause: Cause) -> None:
    found = verdict(view, {view: cause}, NONE, kind=kind_of(view))
    assert status_and_cause(found) == (UNKNOWN, cause)


def kind_of(view: View) -> str:
    return "value" if view in (ROLES, apps("x")) else "usage"


@pytest.mark.parametrize("view", [SUMMARY, SUMMARIES, apps("x"), ROLES, LOGS, NOTICES])
@pytest.mark.parametrize(
    ("body", "cause"), [({}, Cause.ABSENT), ([], Cause.ABSENT), (None, Cause.ABSENT)]
)
def test_a_document_without_rows_is_no_evidence(view: View, body: None, cause: Cause) -> None:
    assert status_and_cause(verdict(view, {view: body}, NONE, kind=kind_of(view))) == (
        UNKNOWN,
        cause,
    )


@pytest.mark.parametrize("value", ["none", {"x": 1}, ["row"], [{}, 5]])
def test_rows_of_another_shape_are_no_evidence(
    value: str | dict[str, int] | list[int] | list[str],
) -> None:
    assert status_and_cause(verdict(SUMMARY, {SUMMARY: {"hosts": value}}, NONE)) == (
        UNKNOWN,
        Cause.WRONG_TYPE,
    )


@pytest.mark.parametrize(
    ("count", "cause"), [(None, Cause.ABSENT), ("2", Cause.WRONG_TYPE), (True, Cause.WRONG_TYPE)]
)
def test_a_count_that_is_none_is_no_evidence(count: bool | str | None, cause: Cause) -> None:
    body = hosts({"host": "ada@x", "meetings": count})
    assert status_and_cause(verdict(SUMMARY, {SUMMARY: body}, NONE)) == (UNKNOWN, cause)


def test_what_nobody_asked_for_is_not_collected() -> None:
    assert status_and_cause(verdict(SUMMARY, {}, NONE)) == (UNKNOWN, Cause.NOT_COLLECTED)


# By whom


def by_group(
    *each: dict[str, Any],
    known: Json | Cause = None,
    parameters: Parameters | None = CLINICAL,
    view: View = SUMMARY,
) -> Verdict:
    bodies: dict[View, Json | Cause] = {view: hosts(*each)}
    if known is not None:
        bodies[HOSTS] = known
    return verdict(view, bodies, ALLOWED, parameters)


@pytest.mark.parametrize("allowed", [["clinical"], ["CLINICAL"], ["g-Clinical"], "Clinical"])
def test_a_host_in_an_allowed_group_is_as_wanted(allowed: str | list[str]) -> None:
    known = people(ada=["Sales", "Clinical"])
    found = by_group(host("ADA@x"), known=known, parameters={"ai_allowed_groups": allowed})
    assert found.status is PASS
    assert isinstance(found.observed, list)
    assert len(found.observed) == 1


def test_a_host_in_no_allowed_group_deviates_and_is_named() -> None:
    found = by_group(host("ada@x"), host("ben@x", 3), known=people(ada=["Clinical"], ben=["Sales"]))
    assert (found.status, found.observed) == (FAIL, ["Clinical", "Sales"])
    assert found.detail == (
        "not on the list ai_allowed_groups: Sales. "
        "Hosts in no allowed group, with their meetings: ben@x (3)."
    )


def test_a_host_in_no_group_at_all_deviates() -> None:
    found = by_group(host("ada@x"), known=people(ada=[]))
    assert (found.status, found.observed) == (FAIL, ["(no group)"])


def test_a_host_of_a_summary_is_found_by_id() -> None:
    summary = {"host": "", "id": "ID-ADA", "meetings": 1}
    found = by_group(summary, known=people(ada=["Clinical"]), view=SUMMARIES)
    assert found.status is PASS


def test_without_an_allowed_group_somebody_has_to_decide() -> None:
    assert (
        by_group(host("ada@x"), known=people(ada=[]), parameters={}).status is Status.NEEDS_DECISION
    )


def test_nobody_to_ask_for_passes_without_a_list_of_people() -> None:
    assert by_group(host("ada@x", 0)).status is PASS


def test_the_report_names_the_groups_of_a_host_who_left() -> None:
    known = people()
    assert by_group(host("gone@x", groups=["Clinical"]), known=known).status is PASS
    found = by_group(host("gone@x", groups=["Sales"]), known=known)
    assert (found.status, found.observed) == (FAIL, ["Sales"])


def test_of_a_host_who_left_without_a_trace_nobody_knows_the_groups() -> None:
    found = by_group(host("gone@x"), known=people())
    assert status_and_cause(found) == (UNKNOWN, Cause.ABSENT)
    assert "no longer listed" in found.detail


@pytest.mark.parametrize("known", [None, Cause.ERROR])
def test_without_the_list_of_people_nobody_knows_the_groups(known: Cause | None) -> None:
    assert status_and_cause(by_group(host("ada@x"), known=known)) == (UNKNOWN, Cause.NOT_COLLECTED)


def test_a_refused_list_of_users_is_the_cause_for_those_it_would_have_named() -> None:
    missing = {"users_missing": {"cause": "denied", "detail": "no right"}}
    known = {**people(ada=["Clinical"]), **missing}
    assert by_group(host("ada@x"), known=known).status is PASS
    found = by_group(host("ben@x"), known=known)
    assert (status_and_cause(found), found.detail) == ((UNKNOWN, Cause.DENIED), "no right")


def test_a_group_whose_name_nobody_could_read_is_allowed_by_its_id_alone() -> None:
    groups = [{"id": "g1", "name": None}]
    known: Json = {
        "hosts": [{"id": "1", "email": "ada@x", "groups": groups}],
        "groups_missing": {"cause": "denied", "detail": "no right"},
    }
    assert status_and_cause(by_group(host("ada@x"), known=known)) == (UNKNOWN, Cause.DENIED)
    by_id = by_group(host("ada@x"), known=known, parameters={"ai_allowed_groups": ["g1"]})
    assert by_id.status is PASS


def test_a_group_that_was_deleted_is_known_by_its_id() -> None:
    known: Json = {"hosts": [{"id": "1", "email": "ada@x", "groups": [{"id": "g9", "name": None}]}]}
    found = by_group(host("ada@x"), known=known)
    assert (found.status, found.observed) == (FAIL, ["g9"])


# Apps

ADDED = apps("account_added")
APPROVED = {"op": "subset_of_param", "param": "allowed_apps"}


def app(name: str, *scopes: str, **fields: object) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "scopes": [*scopes], **fields}


def of_apps(*each: dict[str, Any], allowed: Sequence[str] = ("Calendar",)) -> Verdict:
    parameters = {"allowed_apps": [*allowed]}
    return verdict(ADDED, {ADDED: {"apps": [*each]}}, APPROVED, parameters, kind="value")


@pytest.mark.parametrize(
    "scope",
    [
        "meeting:read:meeting_audio",
        "meeting:read:meeting_transcript:admin",
        "cloud_recording:read:list_user_recordings",
        "recording:read:admin",
        "meeting:read:summary",
        "rtms:read:rtms_started",
        "archiving:read:list_archived_files:admin",
        "team_chat:read:list_user_messages",
        "chat_message:read",
        "phone:read:voicemail:admin",
    ],
)
def test_a_scope_on_calls_or_what_was_made_of_them_has_to_be_approved(scope: str) -> None:
    found = of_apps(app("Bot", "user:read", scope))
    assert (found.status, found.observed) == (FAIL, ["Bot (id-Bot)"])
    assert found.detail == (
        f"not on the list allowed_apps: Bot (id-Bot). Bot (id-Bot) holds {scope}."
    )


@pytest.mark.parametrize("scope", ["meeting:read:list_meetings", "account:read:settings:admin"])
def test_other_scopes_are_nobodys_business(scope: str) -> None:
    found = of_apps(app("Room", scope))
    assert (found.status, found.observed) == (PASS, [])


def test_an_app_is_approved_by_its_id_and_never_by_its_name_which_is_the_vendors_to_choose() -> (
    None
):
    found = of_apps(app("Bot", "recording:read"), allowed=["id-Bot"])
    assert (found.status, found.observed) == (PASS, ["Bot (id-Bot)"])
    posing = {**app("Eve", "recording:read"), "name": "id-Bot"}
    found = of_apps(posing, allowed=["id-Bot"])
    assert (found.status, found.observed) == (FAIL, ["id-Bot (id-Eve)"])


def test_a_host_of_a_group_that_is_named_like_an_allowed_groups_id_is_not_in_it() -> None:
    posing = people(eve=["g-Clinical"], ada=["Clinical"])
    found = by_group(host("eve@x"), known=posing, parameters={"ai_allowed_groups": ["g-Clinical"]})
    assert found.status is FAIL


def test_an_app_without_a_name_is_known_by_its_id() -> None:
    found = of_apps({"id": "id-x", "name": "", "scopes": ["recording:read"]})
    assert found.observed == ["id-x"]


def test_an_app_whose_scopes_zoom_does_not_return_leaves_a_doubt() -> None:
    silent = app("Silent", scopes=None)
    assert status_and_cause(of_apps(silent)) == (UNKNOWN, Cause.ABSENT)
    assert of_apps(silent, app("Bot", "recording:read")).status is FAIL


# Roles

FEW = {"op": "count_members_lte_param", "param": "max_ai_admins"}


def role(
    role_id: str, *members: str, privileges: Sequence[str] = (), **fields: object
) -> dict[str, Any]:
    return {
        "id": role_id,
        "name": f"Role {role_id}",
        "privileges": [*privileges],
        "members": [*members],
        **fields,
    }


def of_roles(*each: dict[str, Any], most: JsonValue = 2) -> Verdict:
    parameters = {"max_ai_admins": most}
    return verdict(ROLES, {ROLES: {"roles": [*each]}}, FEW, parameters, kind="value")


def test_people_with_several_roles_count_once() -> None:
    media = role("r9", "u2", "u3", privileges=["User:Read", "recording:edit"])
    each = (role("0", "u1"), role("1", "u1", "u2"), media)
    found = of_roles(*each)
    assert (found.status, found.observed) == (FAIL, 3)
    assert found.detail == "By role: Role 0 1, Role 1 2, Role r9 2."
    assert of_roles(*each, most=3).status is PASS


def test_the_owner_and_the_admins_count_whatever_their_privileges() -> None:
    assert of_roles(role("0", "u1"), role("1", "u2"), most=1).observed == 2


@pytest.mark.parametrize("privilege", ["User:Read", "RecordingContent:Read", "Dashboard:Read"])
def test_a_role_that_only_reads_does_not_count(privilege: str) -> None:
    reader = role("r9", "u5", privileges=[privilege])
    assert of_roles(role("0", "u1"), reader, most=1).status is PASS


@pytest.mark.parametrize(
    "privilege", ["AccountSetting:Edit", "Recording:Edit", "MarketPlace:Edit", "AICompanion:Edit"]
)
def test_a_role_that_may_change_settings_counts(privilege: str) -> None:
    assert of_roles(role("0", "u1"), role("r9", "u5", privileges=[privilege])).observed == 2


@pytest.mark.parametrize(
    ("missing", "cause"),
    [
        ({"privileges": None}, Cause.ABSENT),
        ({"privileges": ["User:Edit"], "members": None}, Cause.NOT_COLLECTED),
    ],
)
def test_a_role_of_which_too_little_is_known_leaves_a_doubt(
    missing: dict[str, list[str] | None], cause: Cause
) -> None:
    unclear = {**role("r9"), **missing}
    assert status_and_cause(of_roles(role("0", "u1"), unclear)) == (UNKNOWN, cause)
    assert of_roles(role("0", "u1"), unclear, most=0).status is FAIL


def test_an_account_without_any_role_that_may_change_settings_is_not_believed() -> None:
    assert status_and_cause(of_roles(role("2", "u1"))) == (UNKNOWN, Cause.ABSENT)
    assert status_and_cause(of_roles()) == (UNKNOWN, Cause.ABSENT)


# Operation log

MATCHED = {"op": "all_matched_to_change_record", "param": "change_records"}


def entry(detail: str, day: str = "20") -> dict[str, str]:
    return {
        "time": f"2026-11-{day}",
        "operator": "ada@x",
        "category": "Account",
        "action": "Update",
        "detail": detail,
    }


def of_log(*each: dict[str, Any]) -> Verdict:
    return verdict(LOGS, {LOGS: {"entries": [*each]}}, MATCHED, {"change_records": ["CHG-1"]})


def test_entries_are_compared_as_texts() -> None:
    found = of_log(entry("Summary: from Off to On"), entry("chg-1 Summary: from On to Off"))
    assert (found.status, found.detail) == (FAIL, "1 of 2 changes match no record")
    assert isinstance(found.observed, list)
    assert found.observed[0] == "2026-11-20 ada@x: Account: Summary: from Off to On"
    assert of_log(entry("for CHG-1")).status is PASS


def test_an_empty_log_has_no_change_without_a_record() -> None:
    assert of_log().status is PASS


def test_of_a_long_log_the_newest_entries_are_shown_and_all_count() -> None:
    found = of_log(entry("first", "01"), *(entry("CHG-1") for _ in range(14)))
    assert found.status is FAIL
    assert isinstance(found.observed, list)
    assert len(found.observed) == 11
    assert found.observed[-1] == "and 5 earlier"


# Answers to the notice

ACCEPTED = {"op": "none_equal", "value": "no disclaimer", "when": "AI ran in the meeting"}
PAST = Scope(Level.MEETING, "uuid=", "past meeting of 2026-11-18")
COUNT = View("meetings_with_ai")
OF_NOTICES = baseline_of(
    expected_control(
        check(
            "answers",
            surface=NOTICES.surface,
            levels=[Level.MEETING],
            type=[],
            lock=None,
            lock_levels=[],
        ),
        op=ACCEPTED,
        id="CN-03",
    )
)


def of_answers(silent: int = 0, **people: int) -> Verdict:
    given: list[Json] = [
        {"answer": answer.replace("_", " "), "people": count} for answer, count in people.items()
    ]
    answers: Bodies = {NOTICES: {"answers": given, "silent": silent}}
    counted = {COUNT: {"listed": 1, "read": 1}}
    snapshot = snapshot_of((ACCOUNT, counted), (PAST, answers))
    return only_verdict(evaluated(snapshot, OF_NOTICES, depth=Level.MEETING), "usage", PAST.id)


def test_somebody_who_saw_no_notice_is_a_deviation() -> None:
    found = of_answers(agree=3, no_disclaimer=1)
    assert (found.status, found.observed) == (FAIL, {"agree": 3, "no disclaimer": 1})
    assert found.detail == "1 of 4 are 'no disclaimer'"


def test_agreeing_and_leaving_are_answers() -> None:
    assert of_answers(agree=3, leave_meeting=1).status is PASS


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ({"agree": 2, "silent": 1}, Cause.ABSENT),
        ({"silent": 3}, Cause.ABSENT),
        ({}, Cause.ABSENT),
        ({"agree": 2, "maybe": 1}, Cause.UNDOCUMENTED_VALUE),
    ],
)
def test_an_answer_that_is_missing_or_unknown_leaves_a_doubt(
    answers: dict[str, int], cause: Cause
) -> None:
    assert status_and_cause(of_answers(**answers)) == (UNKNOWN, cause)


def test_a_doubt_about_some_answers_does_not_hide_the_others() -> None:
    assert of_answers(no_disclaimer=1, silent=2).status is FAIL


def test_without_a_meeting_with_ai_there_is_nothing_to_judge() -> None:
    snapshot = snapshot_of((ACCOUNT, {COUNT: {"listed": 0, "read": 0}}))
    ((scope, found),) = scope_verdicts(evaluated(snapshot, OF_NOTICES, depth=Level.MEETING))
    assert (scope.id, scope.name) == ("*", "meetings")
    assert (found.status, found.detail) == (
        Status.NOT_APPLICABLE,
        "No meeting used AI in the last 30 days.",
    )
