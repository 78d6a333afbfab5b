"""New settings: detected, classified, and listed once per scope."""

from collections.abc import Iterator

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.policy.catalogue import documented
from auditor.policy.catalogue.values import iter_leaves
from auditor.policy.evaluation import uncovered
from auditor.policy.evaluation.uncovered import Coverage, speaks_of
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    READ_AT,
    Json,
    Parameters,
    ScopeBodies,
    baseline_of,
    evaluated,
    expected_derived,
    nested,
    only_verdict,
    scope_verdicts,
    snapshot_of,
)
from tests.policy.samples import BASELINES

NEW = baseline_of(expected_derived("CC-07"))
SECURITY = View("settings", "security")


@pytest.mark.parametrize(
    "path",
    [
        "in_meeting.ai_companion_v2",
        "in_meeting.my_ai",
        "ai.anything",
        "AI",
        "x.share_with_partners",
        "x.auto_share",
        "x.sharing",
        "recording.summary_language",
        "x.live_transcription",
        "x.retention_days",
        "x.consent_form",
        "x.meeting_assistant",
        "x.note_taker",
        "x.notetaker",
        "x.sentiment_v2",
        "x.third_party_bots",
        "x.bot_detection",
        "x.model_routing",
        "x.training_data",
        "x.smart_gallery",
        "x.3rd_party",
        "x.biometric_login",
        "x[].ai",
    ],
)
def test_a_path_that_speaks_of_ai_or_sharing_speaks_of(path: str) -> None:
    assert speaks_of(path)


@pytest.mark.parametrize(
    "path",
    [
        "in_meeting.chat",
        "x.email",
        "x.available",
        "x.robot",
        "x.remodel",
        "x.shareholder",
        "x.fail",
    ],
)
def test_a_path_that_only_contains_the_letters_does_not(path: str) -> None:
    assert not speaks_of(path)


def new(view: View, path: str, accepted: tuple[()] | list[str] = ()) -> bool:
    return Coverage(CATALOGUE, BASELINES["strict"], accepted).is_new(view, path)


@pytest.mark.parametrize(
    ("view", "path", "expected"),
    [
        (SETTINGS, "in_meeting.brand_new", True),
        (SETTINGS, "brand_new", True),
        (SETTINGS, "in_meeting.meeting_summary_with_ai_companion.enable", False),
        (SETTINGS, "in_meeting.meeting_summary_with_ai_companion.brand_new", True),
        (SETTINGS, "in_meeting.chat", False),
        (SETTINGS, "in_meeting.chat[]", False),
        (SETTINGS, "in_meeting.chat.deeper[].still", True),  # documented as a switch
        (SETTINGS, "recording.durable_meeting_transcript.enable", False),  # shape not published
        (SETTINGS, "anywhere.ai.brand_new", False),
        (SETTINGS, "meeting_security.meeting_waiting_room_branding.logo", False),
        (SETTINGS, "anywhere.webinar_waiting_room_branding", False),
        (SETTINGS, "anywhere.enforce_fips_mode", False),
        (SETTINGS, "security.enforce_fips_mode.enable", False),
        (SETTINGS, "recording.archive.enable", False),
        (SECURITY, "sign_in_with_two_factor_auth", False),
        (SECURITY, "security.sign_in_with_two_factor_auth", False),
        (SETTINGS, "sign_in_with_two_factor_auth", True),
        (SECURITY, "brand_new", True),
        (LOCKS, "in_meeting.meeting_summary_with_ai_companion", False),
        (LOCKS, "in_meeting.chat", False),
        (LOCKS, "in_meeting.brand_new", True),
    ],
)
def test_a_leaf_is_new_where_no_control_reads_and_no_reference_documents_it(
    view: View, path: str, expected: bool
) -> None:
    assert new(view, path) is expected


def test_of_a_switch_that_is_known_by_its_key_no_more_is_known_than_whether_it_is_on() -> None:
    assert documented.is_known_by_key("security.enforce_fips_mode.enable")
    assert not documented.is_known_by_key("security.enforce_fips_mode.brand_new")
    assert documented.is_known_by_key("x.meeting_waiting_room_branding.brand_new")


def test_a_second_object_of_a_name_that_is_sought_everywhere_is_judged() -> None:
    body: Json = {"ai": {"notes": False}, "in_meeting": {"ai": {"voice_coach": True}}}
    strict = BASELINES["strict"].only(frozenset({"AI-11"}))
    found = only_verdict(
        evaluated(snapshot_of((ACCOUNT, {SETTINGS: body})), strict, depth=Level.ACCOUNT), "value"
    )
    assert found.status is Status.FAIL
    assert "in_meeting.ai (an object)" in found.detail
    assert not new(SETTINGS, "in_meeting.ai.voice_coach")


def test_a_leaf_beside_the_one_that_is_sought_by_its_key_is_new() -> None:
    displaced = "webinar.webinar_summary_with_ai_companion"
    assert not new(SETTINGS, f"{displaced}.enable")
    assert new(SETTINGS, f"{displaced}.brand_new")


@pytest.mark.parametrize(
    ("pattern", "accepted"),
    [
        ("in_meeting.brand_new", True),
        ("IN_MEETING.Brand_New", True),
        ("in_meeting.*", True),
        ("*new", True),
        ("in_meeting", False),
        ("brand_new", False),
    ],
)
def test_what_somebody_accepted_is_not_new(pattern: str, accepted: bool) -> None:
    assert new(SETTINGS, "in_meeting.brand_new", [pattern]) is not accepted


def found(
    *scopes: ScopeBodies,
    parameters: Parameters | None = None,
    depth: Level = Level.USER,
) -> list[tuple[Scope, Verdict]]:
    evaluation = evaluated(snapshot_of(*scopes), NEW, parameters, depth)
    return [(s, v) for s, v in scope_verdicts(evaluation) if v.kind is FindingKind.UNCOVERED]


def test_a_suspicious_setting_deviates_and_any_other_waits_for_a_decision() -> None:
    body = {"in_meeting": {"new_ai_thing": True, "brand_new": 5}}
    (one, two) = [v for _, v in found((ACCOUNT, {SETTINGS: body}))]
    assert (one.setting, one.status, one.severity) == (
        "in_meeting.brand_new",
        Status.NEEDS_DECISION,
        Severity.LOW,
    )
    assert (two.setting, two.status) == ("in_meeting.new_ai_thing", Status.FAIL)
    assert two.severity is CATALOGUE.controls["CC-07"].severity
    assert "Its name mentions AI, consent or data sharing" in two.detail
    assert "Its name mentions AI" not in one.detail
    assert two.source == "GET /accounts/me/settings"


def test_accepted_patterns_come_from_the_organisation() -> None:
    body = {"in_meeting": {"new_ai_thing": True, "brand_new": 5}}
    scopes = [(ACCOUNT, {SETTINGS: body})]
    left = found(*scopes, parameters={"known_keys": ["in_meeting.new_*"]})
    assert [v.setting for _, v in left] == ["in_meeting.brand_new"]
    assert found(*scopes, parameters={"known_keys": ["*"]}) == []
    assert len(found(*scopes, parameters={"known_keys": "*"})) == 2


def test_a_setting_in_two_views_of_a_scope_is_told_once() -> None:
    body = nested("in_meeting.brand_new", 1)
    rows_ = found((ACCOUNT, {SETTINGS: body, View("settings", "meeting_security"): body}))
    assert len(rows_) == 1


def test_groups_are_told_one_by_one_and_users_together() -> None:
    body = nested("in_meeting.brand_new", 1)
    users = [
        (Scope(Level.USER, f"u{n}", licence=2, status="active"), {SETTINGS: body}) for n in range(3)
    ]
    other = Scope(Level.GROUP, "g2", "Sales")
    listed = found((GROUP, {SETTINGS: body}), (other, {SETTINGS: body}), *users)
    assert [(s.level, s.id, s.name) for s, _ in listed] == [
        (Level.GROUP, "g1", "Clinical"),
        (Level.GROUP, "g2", "Sales"),
        (Level.USER, "*", "3 people"),
    ]
    (alone,) = found(users[0])
    assert alone[0].name == "1 person"


def user(name: str, *views: str, key: str = "in_meeting.brand_new") -> ScopeBodies:
    body = nested(key, 1)
    scope = Scope(Level.USER, name, licence=2, status="active")
    return scope, dict.fromkeys([View("settings", view) for view in views], body)


def test_a_user_with_a_new_setting_in_two_views_is_one_user() -> None:
    for views in (("",), ("", "meeting_authentication"), ("", "a", "b")):
        ((scope, verdict),) = found(user("u1", *views))
        assert (scope.id, scope.name) == ("*", "1 person")
        assert "Seen at" not in verdict.detail


def test_users_with_different_new_settings_are_counted_each_and_each_setting_says_how_many() -> (
    None
):
    listed = found(user("u1", "", "x"), user("u2", ""), user("u3", "", key="in_meeting.another"))
    assert {scope.name for scope, _ in listed} == {"3 people"}
    details = {verdict.setting: verdict.detail for _, verdict in listed}
    assert "Seen at 2 people. " in details["in_meeting.brand_new"]
    assert "Seen at 1 person. " in details["in_meeting.another"]


def test_lock_documents_are_looked_through_too() -> None:
    (row,) = found((ACCOUNT, {LOCKS: nested("in_meeting.brand_new", True)}))
    assert row[1].source == "GET /accounts/me/lock_settings"


def test_other_documents_are_not() -> None:
    assert found((ACCOUNT, {View("groups"): {"listed": 1}, View("roles"): {"x": {"y": 1}}})) == []


def test_levels_below_the_depth_are_not_looked_through() -> None:
    body = nested("in_meeting.brand_new", 1)
    assert found((GROUP, {SETTINGS: body}), depth=Level.ACCOUNT) == []


def test_equal_documents_are_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[JsonValue] = []

    def counted(body: JsonValue) -> Iterator[tuple[str, JsonValue]]:
        walked.append(body)
        return iter_leaves(body)

    monkeypatch.setattr(uncovered, "iter_leaves", counted)
    body = nested("in_meeting.brand_new", 1)
    found(
        *[(Scope(Level.USER, f"u{n}", status="active"), {SETTINGS: body}) for n in range(9)],
        (GROUP, {SETTINGS: body}),
    )
    assert len(walked) == 1


def test_a_new_setting_says_when_it_was_seen() -> None:
    evaluation = evaluated(
        snapshot_of((ACCOUNT, {SETTINGS: nested("in_meeting.brand_new", 1)})), NEW
    )
    (row,) = [
        a for a in evaluation.assessments if FindingKind.UNCOVERED in {v.kind for v in a.verdicts}
    ]
    assert row.observed_at["GET /accounts/me/settings"] == READ_AT


def test_a_document_that_is_no_object_has_no_settings() -> None:
    assert found((ACCOUNT, {SETTINGS: "text"}), (GROUP, {SETTINGS: []})) == []


def test_keys_with_half_characters_do_no_harm() -> None:
    ((_, verdict),) = found((ACCOUNT, {SETTINGS: nested("in_meeting.half_\ud83d", 1)}))
    assert verdict.setting == "in_meeting.half_\ud83d"
