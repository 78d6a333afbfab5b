"""Recorded answers to notices: when they pass, deviate, need a decision or are unknown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.read_plan import DISCLAIMERS, MEETING, WORKFLOWS, apps
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import SETTINGS, View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.baseline import baselines as baseline
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    Json,
    Parameters,
    evaluated,
    nested,
    only_verdict,
    scope_verdicts,
    snapshot_of,
)
from tests.policy.samples import BASELINES

FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
DECIDE, IDLE = Status.NEEDS_DECISION, Status.NOT_APPLICABLE
NOTICES = {"ai": "summary", "recording": "recording", "archive": "archive"}
PASSIVE = {"ai": ("CN-02", "CN-03"), "recording": ("CN-05",)}
SHOWN = {"recording": "CN-04", "archive": "CN-10"}


def body(
    kind: str = "ai", guest: str = "no", more: Mapping[str, object] | None = None, **counts: int
) -> dict[str, Any]:
    answers = [
        {"notice": NOTICES.get(kind, "liveStream"), "guest": guest, "count": count}
        | {"answer": answer.replace("_", " ")}
        for answer, count in counts.items()
    ]
    numbers = {"ai_meetings": {"held": 4, "unanswered": 0, "unclear": 0}, "recordings": 0}
    return {"answers": answers, **numbers, **(more or {})}


def of(
    control: str,
    document: Json | Cause,
    parameters: Parameters | None = None,
    base: str = "consent-first",
    settings: Json | Cause = None,
) -> Verdict:
    outcomes = {DISCLAIMERS: document, **({SETTINGS: settings} if settings else {})}
    expectation = BASELINES[base].only(frozenset({control}))
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, outcomes)), expectation, parameters, Level.ACCOUNT)
    )
    (verdict,) = (v for _, v in found if v.setting.startswith("answered_notices:"))
    return verdict


def ai(held: int = 4, unanswered: int = 0, unclear: int = 0) -> dict[str, dict[str, int]]:
    return {"ai_meetings": {"held": held, "unanswered": unanswered, "unclear": unclear}}


@pytest.mark.parametrize(
    ("control", "kind"), [(c, kind) for kind, each in PASSIVE.items() for c in each]
)
def test_explicit_answers_pass_and_passive_ones_wait_for_the_organisation(
    control: str, kind: str
) -> None:
    agreed = of(control, body(kind, agree=40, decline_attend=3, cancel=1))
    assert (agreed.kind, agreed.status) == (FindingKind.USAGE, PASS)
    notice = f"Participants' answers to the {'AI' if kind == 'ai' else kind} notice in 30 days"
    assert (
        agreed.detail == f"{notice}: 40 times “Agree”; 3 times “Decline Attend”; 1 time “Cancel”."
    )
    passive = body(kind, agree=40, passive_agree=12)
    found = of(control, passive)
    assert (found.status, found.observed) == (DECIDE, {"agree": 40, "passive agree": 12})
    passively = "12 times “Passive Agree”, without taking any action"
    assert found.detail.startswith(f"{notice}: 40 times “Agree”; {passively}. Set the parameter")
    decided = "passive_agreement_is_consent"
    assert of(control, passive, {decided: True}).status is PASS
    refused = of(control, passive, {decided: False})
    assert refused.status is FAIL
    assert "12 of 52 agreed passively" in refused.detail


def test_guests_are_counted_apart_from_people_of_the_account() -> None:
    mixed = body(agree=2)
    mixed["answers"] += body(guest="yes", agree=3)["answers"]
    mixed["answers"] += body(guest="unknown", agree=1)["answers"]
    assert of("CN-02", mixed).observed == {
        "agree": 2,
        "agree (guest or not: unknown)": 1,
        "agree (guests)": 3,
    }


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("control", ["CN-02", "CN-03", "CN-04", "CN-05", "CN-10", "TP-01"])
def test_a_report_that_was_refused_is_unknown_for_its_cause(control: str, cause: Cause) -> None:
    found = of(control, cause)
    expected = IDLE if (control, cause) == ("CN-10", Cause.NOT_LICENSED) else UNKNOWN
    assert found.status is expected
    assert found.cause is (None if expected is IDLE else cause)


@pytest.mark.parametrize("control", ["CN-02", "CN-03"])
def test_no_answer_is_no_pass_where_ai_was_used(control: str) -> None:
    found = of(control, body())
    assert (found.status, found.cause) == (UNKNOWN, Cause.ABSENT)
    assert found.detail.startswith(
        "4 meetings used AI in the last 30 days, and Zoom lists no answer"
    )


@pytest.mark.parametrize("control", ["CN-02", "CN-03"])
def test_no_answer_says_nothing_where_no_meeting_used_ai(control: str) -> None:
    found = of(control, body(more=ai(held=0)))
    assert found.status is IDLE
    assert "No meeting used AI" in found.detail


@pytest.mark.parametrize("counts", [{}, {"agree": 5}])
@pytest.mark.parametrize(
    ("more", "cause"),
    [
        (ai(unanswered=1), Cause.ABSENT),
        (ai(unclear=2), Cause.ABSENT),
        (ai(held=0, unclear=2), Cause.ABSENT),
        ({"ai_meetings_missing": {"cause": "denied", "detail": "No permission."}}, Cause.DENIED),
        ({"ai_meetings": None}, Cause.ABSENT),
    ],
)
def test_meetings_that_may_have_shown_no_notice_leave_a_doubt(
    counts: dict[str, Any], more: dict[str, Any], cause: Cause
) -> None:
    found = of("CN-02", body(more=more, **counts))
    assert (found.status, found.cause) == (UNKNOWN, cause)


def test_a_doubt_hides_no_deviation() -> None:
    found = of(
        "CN-02",
        body(passive_agree=1, more=ai(unanswered=3)),
        {"passive_agreement_is_consent": False},
    )
    assert found.status is FAIL


def test_an_answer_that_zoom_does_not_document_leaves_a_doubt() -> None:
    found = of("CN-02", body(agree=3, undocumented=1))
    assert (found.status, found.cause) == (UNKNOWN, Cause.UNDOCUMENTED_VALUE)


@pytest.mark.parametrize("kind", SHOWN)
def test_any_answer_shows_that_a_notice_was_shown(kind: str) -> None:
    assert of(SHOWN[kind], body(kind, passive_agree=2)).status is PASS


@pytest.mark.parametrize("control", ["CN-04", "CN-05"])
@pytest.mark.parametrize(
    ("more", "status", "cause"),
    [
        ({"recordings": 0}, IDLE, None),
        ({"recordings": 3}, UNKNOWN, Cause.ABSENT),
        ({"recordings_missing": {"cause": "denied", "detail": "x"}}, UNKNOWN, Cause.DENIED),
        ({"recordings": "3"}, UNKNOWN, Cause.WRONG_TYPE),
    ],
)
def test_recordings_without_an_answer_are_no_pass(
    control: str, more: dict[str, str | dict[str, str] | int], status: Status, cause: Cause | None
) -> None:
    found = of(control, body("recording", more=more))
    assert (found.status, found.cause) == (status, cause)


@pytest.mark.parametrize(
    ("settings", "status", "cause"),
    [
        (nested("recording.archive.enable", False), IDLE, None),
        (nested("recording.archive.enable", True), UNKNOWN, Cause.ABSENT),
        (nested("recording.archive.enable", "yes"), UNKNOWN, Cause.ABSENT),
        (nested("recording.other", 1), UNKNOWN, Cause.ABSENT),
        (Cause.DENIED, UNKNOWN, Cause.DENIED),
    ],
)
def test_archiving_without_an_answer_is_no_pass(
    settings: Json | Cause,
    status: Status,
    cause: Cause | None,
) -> None:
    found = of("CN-10", body("archive"), settings=settings)
    assert (found.status, found.cause) == (status, cause)


@pytest.mark.parametrize("base", ["strict", "consent-first", "education"])
def test_a_notice_of_live_streaming_shows_that_a_call_was_streamed(base: str) -> None:
    assert of("TP-01", body("live_stream", agree=2), base=base).status is FAIL
    assert of("TP-01", body("live_stream"), base=base).status is IDLE


def test_streaming_that_the_organisation_allows_is_no_deviation() -> None:
    streamed = body("live_stream", agree=2)
    for allowed, status in ((True, PASS), (False, FAIL), (None, DECIDE)):
        parameters = {"webinar_streaming_policy": allowed}
        assert of("TP-01", streamed, parameters, base="regulated").status is status


@pytest.mark.parametrize("document", [{}, {"answers": "many"}, {"answers": [1]}, []])
def test_evidence_of_another_shape_is_unknown(document: dict[str, list[int] | str]) -> None:
    found = of("CN-02", document)
    assert (found.status, found.cause in (Cause.ABSENT, Cause.WRONG_TYPE)) == (UNKNOWN, True)


def test_an_expectation_for_the_whole_control_is_not_about_its_notices(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "id: mine\nversion: '1'\ntitle: Mine\ncontrols:\n  CN-05: {expect: true}\n", "utf-8"
    )
    expectation = baseline.load(str(path), CATALOGUE).assessed["CN-05"].expectations
    assert list(expectation) == ["recording.ask_participants_to_consent_disclaimer"]


# Apps and workflows that can undo the baseline


def of_apps(control: str, *each: dict[str, Any], parameters: Parameters | None = None) -> Verdict:
    expectation = BASELINES["consent-first"].only(frozenset({control}))
    document = {"apps": [*each]}
    snapshot = snapshot_of(
        (ACCOUNT, {apps("account_added"): document, apps("account_created"): document})
    )
    found = scope_verdicts(evaluated(snapshot, expectation, parameters, Level.ACCOUNT))
    first, second = (v for _, v in found if v.setting.endswith(".admin_scopes"))
    assert first.status is second.status
    return first


def app(name: str, *scopes: str) -> dict[str, str | list[str]]:
    return {"id": f"id-{name}", "name": name, "scopes": [*scopes]}


@pytest.mark.parametrize("control", ["CC-03", "AI-22"])
@pytest.mark.parametrize(
    "scope",
    [
        "account:update:settings:admin",
        "account:update:settings:master",
        "account:update:lock_settings:admin",
        "group:update:settings:admin",
        "group:update:lock_settings:admin",
        "marketplace:write:app",
        "account:write:admin",
        "account:master",
        "group:write:admin",
    ],
)
def test_an_app_that_can_undo_the_baseline_is_a_deviation(control: str, scope: str) -> None:
    found = of_apps(control, app("Reader", "user:read:user:admin"), app("Fixer", scope))
    assert (found.status, found.observed) == (FAIL, ["Fixer (id-Fixer)"])
    assert f"Fixer (id-Fixer) holds {scope}" in found.detail


@pytest.mark.parametrize("scope", ["account:read:settings:admin", "group:read:settings:admin", "x"])
def test_an_app_that_only_reads_is_none(scope: str) -> None:
    assert of_apps("CC-03", app("Reader", scope)).status is PASS


def test_zooms_admin_mcp_server_is_known_by_its_name() -> None:
    found = of_apps("AI-22", app("Zoom Admin MCP"))
    assert found.status is FAIL
    assert "known to change settings" in found.detail


def test_an_app_that_may_change_settings_is_named_in_the_organisation_file() -> None:
    fixer = app("Fixer", "account:update:settings:admin")
    assert of_apps("CC-03", fixer, parameters={"allowed_admin_apps": ["id-Fixer"]}).status is PASS
    assert of_apps("CC-03", fixer, parameters={"allowed_admin_apps": ["Other"]}).status is FAIL


def test_an_app_without_readable_scopes_leaves_a_doubt() -> None:
    silent = {"id": "s", "name": "Silent", "scopes": None}
    assert of_apps("CC-03", silent).status is UNKNOWN


def workflows(
    document: Json | Cause,
    parameters: Parameters | None = None,
) -> dict[str, Verdict]:
    expectation = BASELINES["consent-first"].only(frozenset({"AI-21"}))
    outcomes = {} if document is None else {WORKFLOWS: document}
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, outcomes)), expectation, parameters, Level.ACCOUNT)
    )
    return {v.setting: v for _, v in found}


def test_a_workflow_outside_the_inventory_is_a_deviation() -> None:
    listed = {"workflows": [{"id": "f1", "name": "Escalations"}, {"id": "f2", "name": ""}, {}]}
    found = workflows(listed, {"approved_workflows": ["Escalations"]})["workflows[]"]
    assert (found.status, found.observed) == (
        FAIL,
        ["Escalations (f1)", "f2", "a workflow without a name"],
    )
    allowed = {"approved_workflows": ["f1", "f2"]}
    assert workflows({"workflows": listed["workflows"][:2]}, allowed)["workflows[]"].status is PASS


def test_without_workflows_only_the_attestation_counts() -> None:
    assert set(workflows(None)) == {"attestation"}
    assert workflows(Cause.DENIED)["workflows[]"].status is UNKNOWN


# Settings


def test_people_who_may_bypass_single_sign_on_are_counted_and_not_named() -> None:
    view = View("settings", "security")
    listed = [{"id": "u1", "email": "ada@example.com"}, {"id": "u2", "email": "ben@example.com"}]
    sso: Json = {"security": {"signin_with_sso": {"enable": True, "sso_bypass_users": listed}}}
    expectation = BASELINES["strict"].only(frozenset({"IA-05"}))
    for most, status in ((2, PASS), (1, FAIL)):
        found = evaluated(
            snapshot_of((ACCOUNT, {view: sso})), expectation, {"max_sso_bypass_users": most}
        )
        (one,) = (v for _, v in scope_verdicts(found) if v.setting.endswith("sso_bypass_users"))
        assert (one.status, one.observed) == (status, 2)
        assert "ada@" not in one.detail


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (False, PASS),
        ({"enable": False}, PASS),
        (True, DECIDE),
        ({"enable": True}, DECIDE),
        ({"mode": 1}, UNKNOWN),
        ("off", UNKNOWN),
    ],
)
@pytest.mark.parametrize("parent", ["in_meeting.", "ai.meeting.", ""])
def test_a_switch_of_unknown_meaning_waits_for_a_decision(
    parent: str, value: Json, status: Status
) -> None:
    name = "support_participants_receive_summary"
    expectation = BASELINES["strict"].only(frozenset({"CN-08"}))
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: nested(f"{parent}{name}", value)}))
    found = scope_verdicts(evaluated(snapshot, expectation, {}, Level.ACCOUNT))
    (one,) = (v for _, v in found if v.setting == name and v.kind is FindingKind.VALUE)
    assert one.status is status


@pytest.mark.parametrize(
    ("value", "status"), [(True, PASS), ({"enable": True}, PASS), (False, FAIL), (None, UNKNOWN)]
)
def test_fips_mode_has_to_be_on_where_it_is_required(value: Json, status: Status) -> None:
    expectation = BASELINES["regulated"].only(frozenset({"EN-06"}))
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: nested("other_options.enforce_fips_mode", value)}))
    assert (
        only_verdict(evaluated(snapshot, expectation, {}, Level.ACCOUNT), "value").status is status
    )


def test_a_deviating_meeting_says_how_many_of_its_invitees_are_from_outside() -> None:
    expectation = BASELINES["strict"].only(frozenset({"CC-06"}))
    settings = {"auto_start_meeting_summary": True}
    document: Json = {"settings": settings, "invitees": {"listed": 5, "outside": 2}}
    scope = Scope(Level.MEETING, "1", "Weekly", status="active")
    counted = {View("upcoming_meetings"): {"listed": 1, "read": 1}}
    snapshot = snapshot_of((ACCOUNT, counted), (scope, {MEETING: document}))
    found = scope_verdicts(evaluated(snapshot, expectation, {}, Level.MEETING))
    (one,) = (v for _, v in found if v.status is FAIL)
    assert one.detail == "2 of its 5 invitees are outside the organisation"
