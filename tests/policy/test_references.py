"""References: names in the organisation file that do not exist in the account."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.errors import ExitCode
from auditor.evidence.read_plan import COVERAGE_VIEWS, MEETING, PENDING
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import View
from auditor.findings.exit_code import of_run
from auditor.findings.model import Severity
from auditor.policy.catalogue.parameters import known_parameters
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    LISTED,
    attestation_entry,
    baseline_of,
    check,
    evaluated_with,
    expected_control,
    group,
    override_entry,
    settings_body,
    snapshot_of,
    user,
    waiver_entry,
)
from tests.names import same_everywhere

LEGAL, SALES = group(1, "Legal"), group(2, "Sales")
ADA, BOB = user(1, "g1", name="Ada Lovelace"), user(2, "g2")
OFF = settings_body(False)
BASELINE = baseline_of(expected_control(check(), op=False))
EVERYBODY = [(scope, OFF) for scope in (ACCOUNT, LEGAL, SALES, ADA, BOB)]
CYRILLIC = "L\u0435gal"
BOARD = Scope(Level.MEETING, "81", "Board")
WITH_MEETINGS = {**LISTED, COVERAGE_VIEWS[Level.MEETING, MEETING.surface]: {"listed": 1, "read": 1}}


def judged(snapshot: Snapshot | None = None, **fields: Any) -> Evaluation:
    return evaluated_with(snapshot or snapshot_of(*EVERYBODY), BASELINE, **fields)


def code(found: Evaluation) -> ExitCode:
    """At a threshold that no deviation reaches."""
    return of_run(
        found.summary, complete=found.complete, fail_on=Severity.CRITICAL, stale=found.stale
    )


def overriding(match: Mapping[str, Any], snapshot: Snapshot | None = None, **fields: Any) -> Any:
    return judged(snapshot, overrides=[override_entry(True, **match)], **fields)


@pytest.mark.parametrize(
    "match",
    [
        {"group": "Legal"},
        {"group": "g1"},
        {"group": "le*"},
        {"user": "u1"},
        {"user": "U2@example.com"},
        {"user": {"name": "ada lovelace"}},
        {"user": "*@example.com"},
        {"group": "Legal", "level": "user"},
        {"group": "Legal", "user": "u1"},
        {"level": "user"},
    ],
    ids=same_everywhere,
)
def test_an_override_for_what_the_account_has_is_not_reported(match: dict[str, Any]) -> None:
    found = overriding(match)
    assert found.references == ()
    assert code(found) is ExitCode.OK


@pytest.mark.parametrize(
    ("match", "what", "name", "suggestion"),
    [
        ({"group": "Lgal"}, "group", "Lgal", "Legal"),
        ({"group": "Lgal*"}, "group", "Lgal*", ""),
        ({"group": "G1"}, "group", "G1", ""),
        ({"group": ["Legal", "Slaes"]}, "group", "Slaes", "Sales"),
        ({"user": "u11@example.com"}, "user", "u11@example.com", "u1@example.com"),
        ({"user": "u3"}, "user", "u3", ""),
        ({"user": "*@elsewhere.example"}, "user", "*@elsewhere.example", ""),
        ({"user": {"name": "Ada Lovelce"}}, "user", "Ada Lovelce", ""),
        ({"user": ["u1", "q@gone.test"]}, "user", "q@gone.test", ""),
    ],
    ids=same_everywhere,
)
def test_a_name_of_an_override_that_matches_nothing_fails_like_a_stale_waiver(
    match: dict[str, Any], what: str, name: str, suggestion: str
) -> None:
    found = overriding(match)
    (only,) = found.references
    assert (only.kind, only.what, only.name, only.state) == ("override", what, name, "unmatched")
    assert only.suggestion == suggestion
    assert (f'Did you mean "{suggestion}"?' in only.detail) is bool(suggestion)
    assert found.stale
    assert code(found) is ExitCode.DEVIATIONS


def test_a_group_renamed_with_a_letter_that_looks_the_same_is_told_by_that_letter() -> None:
    renamed = [(group(1, CYRILLIC) if scope == LEGAL else scope, OFF) for scope, _ in EVERYBODY]
    (only,) = overriding({"group": "Legal"}, snapshot_of(*renamed)).references
    assert (only.state, only.suggestion) == ("unmatched", CYRILLIC)
    assert "U+0435 CYRILLIC SMALL LETTER IE" in only.detail


def test_a_lookalike_beside_the_group_that_is_meant_is_warned_of_and_fails_nothing() -> None:
    found = overriding({"group": "Legal"}, snapshot_of(*EVERYBODY, (group(3, CYRILLIC), OFF)))
    (only,) = found.references
    assert (only.state, only.suggestion) == ("look_alike", CYRILLIC)
    assert code(found) is ExitCode.OK


def test_a_user_named_by_a_display_name_alone_is_told_how_to_write_it() -> None:
    (only,) = overriding({"user": "Ada Lovelace"}).references
    assert only.state == "unmatched"
    assert '{name: "Ada Lovelace"}' in only.detail


@pytest.mark.parametrize(
    "match",
    [{"group": "Sales", "user": "u1"}, {"group": "Board", "level": "user"}],
    ids=same_everywhere,
)
def test_an_override_whose_names_nobody_has_together_matches_nothing(match: dict[str, Any]) -> None:
    found = overriding(match, snapshot_of(*EVERYBODY, (group(3, "Board"), OFF)))
    (only,) = found.references
    assert (only.what, only.state, found.stale) == ("", "unmatched", True)


# What cannot be known fails nothing


@pytest.mark.parametrize(
    ("listings", "match", "state"),
    [
        ({}, {"group": "Lgal"}, "unknown"),
        ({}, {"user": "u9"}, "unknown"),
        ({View("groups"): {"listed": 2}}, {"user": "u9"}, "unknown"),
        ({View("groups"): {"listed": 2}}, {"group": "Lgal"}, "unmatched"),
        ({**LISTED, View("groups"): Cause.DENIED}, {"group": "Lgal"}, "unknown"),
        ({**LISTED, View("groups"): Cause.DENIED}, {"user": "u9"}, "unmatched"),
        ({**LISTED, View("users", "inactive"): Cause.ERROR}, {"user": "u9"}, "unknown"),
        ({**LISTED, PENDING: Cause.DENIED}, {"user": "u9"}, "unknown"),
        (LISTED, {"meeting": "82"}, "unknown"),
        ({**WITH_MEETINGS, **LISTED}, {"meeting": "82"}, "unmatched"),
    ],
    ids=same_everywhere,
)
def test_a_name_is_never_missing_from_a_list_that_was_not_read(
    listings: Any, match: dict[str, Any], state: str
) -> None:
    depth = Level.MEETING if "meeting" in match else Level.USER
    found = overriding(match, snapshot_of(*EVERYBODY, (BOARD, {}), listings=listings), depth=depth)
    (only,) = (each for each in found.references if each.what)
    assert only.state == state
    assert found.stale is (state == "unmatched")


def test_a_topic_of_a_meeting_is_told_apart_from_its_number() -> None:
    snapshot = snapshot_of(*EVERYBODY, (BOARD, {}), listings=WITH_MEETINGS)
    found = overriding({"meeting": "Board"}, snapshot, depth=Level.MEETING)
    (only,) = found.references
    assert "hosts choose their topics" in only.detail
    fine = overriding({"meeting": {"name": "board"}}, snapshot, depth=Level.MEETING)
    assert fine.references == ()


def test_an_invited_user_is_somebody() -> None:
    invited = Scope(Level.USER, "new", "", "new@example.com", status="pending")
    assert (
        overriding({"user": "new@example.com"}, snapshot_of(*EVERYBODY, (invited, {}))).references
        == ()
    )


# Parameters, waivers, attestations


def test_a_group_in_a_parameter_that_the_account_does_not_have_fails_too() -> None:
    found = judged(parameters={"ai_allowed_groups": ["Legal", "Slaes"]})
    (only,) = found.references
    assert (only.kind, only.entry) == ("parameter", "parameter ai_allowed_groups")
    assert (only.name, only.state, only.suggestion) == ("Slaes", "unmatched", "Sales")
    assert code(found) is ExitCode.DEVIATIONS


def test_a_parameter_knows_no_patterns() -> None:
    (only,) = judged(parameters={"zra_allowed_groups": ["Sal*"]}).references
    assert (only.name, only.state) == ("Sal*", "unmatched")


def test_every_parameter_that_lists_groups_says_so() -> None:
    listing = {name for name, each in known_parameters().items() if each.names == "group"}
    assert listing == {name for name in known_parameters() if "groups" in name}


def test_a_waiver_that_names_nobody_says_whom_it_may_have_meant() -> None:
    found = judged(waivers=[waiver_entry(scope={"group": "Lgal"})])
    (only,) = found.waivers
    assert (only.state, found.references) == ("unmatched", ())
    assert 'Did you mean "Legal"?' in only.detail


def test_one_name_among_several_of_a_waiver_is_reported_by_itself() -> None:
    on = [(scope, settings_body(True)) for scope, _ in EVERYBODY]
    found = judged(
        snapshot_of(*on), waivers=[waiver_entry(scope={"user": ["u1", "gone@example.com"]})]
    )
    assert [each.state for each in found.waivers] == ["active"]
    (only,) = found.references
    assert (only.kind, only.name, only.is_stale) == ("waiver", "gone@example.com", True)


def test_an_attestation_for_a_group_that_is_gone_fails_and_one_that_answers_nothing_is_told() -> (
    None
):
    found = judged(attestations=[attestation_entry(scope={"group": "Gone"})])
    assert [(each.kind, each.state) for each in found.references] == [("attestation", "unmatched")]
    found = judged(attestations=[attestation_entry(as_expected=True)])
    (only,) = found.references
    assert (only.state, only.is_stale) == ("unused", False)


def test_what_is_for_controls_that_nobody_asked_for_is_left_out() -> None:
    found = judged(
        overrides=[override_entry(True, group="Gone")],
        waivers=[waiver_entry("AI-02", scope={"group": "Gone"})],
        selected=frozenset({"AI-02"}),
    )
    assert found.references == ()
    assert found.waivers == ()


def test_names_are_looked_for_once_however_often_they_stand() -> None:
    found = judged(overrides=[override_entry({}, group="Gone")] * 3)
    assert len(found.references) == 1
