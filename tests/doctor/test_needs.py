"""The requests that controls need, compared with those an audit sends."""

import pytest

from auditor.doctor.needs import Needs, needs
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.policy.baseline import baselines
from auditor.policy.catalogue import files
from auditor.policy.catalogue.parameters import known_parameters
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

CATALOGUE = files.shipped_catalogue()
DECIDED = {name: p.example for name, p in known_parameters().items() if p.example is not None}


def of(name: str, depth: Level = Level.USER, *only: str, **parameters: JsonValue) -> Needs:
    chosen = baselines.load(name, CATALOGUE)
    if only:
        chosen = chosen.only(frozenset(only))
    return needs(chosen, depth, parameters)


def test_a_setting_with_a_lock_needs_value_and_lock_at_each_level() -> None:
    assert of("strict", Level.USER, "AI-02").by_control["AI-02"] == (
        endpoints.ACCOUNT_SETTINGS,
        endpoints.ACCOUNT_LOCK_SETTINGS,
        endpoints.GROUPS,
        endpoints.GROUP_SETTINGS,
        endpoints.GROUP_LOCK_SETTINGS,
        endpoints.USERS,
        endpoints.USER_SETTINGS,
    )


def test_a_lesser_depth_needs_less() -> None:
    assert of("strict", Level.ACCOUNT, "AI-02").endpoints == (
        endpoints.ACCOUNT_SETTINGS,
        endpoints.ACCOUNT_LOCK_SETTINGS,
    )


def test_what_waits_for_a_decision_needs_nothing_yet() -> None:
    assert endpoints.ROLES not in of("strict", Level.USER, "CC-03").endpoints
    decided = of("strict", Level.USER, "CC-03", max_ai_admins=3)
    assert decided.by_control["CC-03"] == (
        endpoints.ROLES,
        endpoints.ROLE,
        endpoints.ROLE_MEMBERS,
        endpoints.MARKETPLACE_APPS,
    )


def test_what_a_person_answers_needs_nothing() -> None:
    assert of("strict", Level.MEETING, "TR-01").by_control == {}


def test_membership_counts_only_where_the_organisation_names_groups() -> None:
    assert of("regulated").by_membership == ()
    assert "AI-01" in of("regulated", ai_allowed_groups=["Clinical Ops"]).by_membership


def test_an_override_for_a_group_makes_membership_count() -> None:
    chosen = baselines.load("strict", CATALOGUE)
    policy_needs = needs(chosen, Level.USER, {}, frozenset({"AI-02"}))
    assert policy_needs.by_membership == ("AI-02",)


@pytest.mark.parametrize("name", baselines.names())
def test_every_endpoint_is_needed_by_a_control_that_is_titled(name: str) -> None:
    policy_needs = of(name, Level.MEETING, **DECIDED)
    for endpoint in policy_needs.endpoints:
        assert policy_needs.controls(endpoint)
    assert set(policy_needs.by_control) <= set(policy_needs.titles)


def test_all_that_can_be_asked_for_is_needed_by_some_baseline() -> None:
    needed = {
        each for name in baselines.names() for each in of(name, Level.MEETING, **DECIDED).endpoints
    }
    assert set(endpoints.ENDPOINTS.values()) - needed == {
        endpoints.GROUP_MEMBERS,
        endpoints.AI_WORKFLOWS,  # only where the app was given the scope
    }


@pytest.mark.parametrize(
    ("control", "needed"),
    [
        ("CN-02", (endpoints.HISTORY_MEETINGS, endpoints.DISCLAIMERS)),
        ("CN-10", (endpoints.DISCLAIMERS,)),
        ("TP-01", (endpoints.DISCLAIMERS,)),
    ],
)
def test_answers_to_notices_need_their_report_and_what_tells_whether_one_was_due(
    control: str, needed: tuple[Endpoint, Endpoint] | tuple[Endpoint]
) -> None:
    reports = {endpoints.HISTORY_MEETINGS, endpoints.DISCLAIMERS}
    policy_needs = of("strict", Level.ACCOUNT, control).by_control[control]
    assert tuple(each for each in policy_needs if each in reports) == needed
