import pytest

from auditor.doctor.needs import Needs
from auditor.doctor.scopes import ScopeComparison, ScopeKind
from auditor.zoom import endpoints

NEEDS = Needs(
    {
        "AI-01": (endpoints.ACCOUNT_SETTINGS, endpoints.ACCOUNT_LOCK_SETTINGS),
        "AI-02": (endpoints.ACCOUNT_SETTINGS, endpoints.USERS),
        "TP-09": (endpoints.MARKETPLACE_APPS,),
    },
    {"AI-01": "One", "AI-02": "Two", "TP-09": "Apps"},
    ("AI-02",),
)
ALL = frozenset(
    {
        "account:read:settings:admin",
        "account:read:lock_settings:admin",
        "user:read:list_users:admin",
        "marketplace:read:list_apps:admin",
    }
)


def test_nothing_is_missing_where_every_scope_is_held() -> None:
    comparison = ScopeComparison(NEEDS, ALL)
    assert comparison.missing == ()
    assert comparison.unknown == {}


def test_a_missing_scope_is_listed_once_with_the_controls_it_blinds() -> None:
    comparison = ScopeComparison(NEEDS, ALL - {"account:read:settings:admin"})
    assert comparison.to_add == ("account:read:settings:admin",)
    assert set(comparison.unknown) == {"AI-01", "AI-02"}


def test_an_alternative_does_as_well() -> None:
    held = ALL - {"account:read:lock_settings:admin"} | {"account:read:lock_settings:master"}
    assert ScopeComparison(NEEDS, held).missing == ()


def test_missing_scopes_are_sorted_and_name_their_alternatives() -> None:
    comparison = ScopeComparison(NEEDS, frozenset({"marketplace:read:list_apps:admin"}))
    assert comparison.to_add == (
        "account:read:lock_settings:admin",
        "account:read:settings:admin",
        "user:read:list_users:admin",
    )
    assert comparison.alternatives["account:read:lock_settings:admin"] == (
        "account:read:lock_settings:master",
    )


def test_an_app_with_classic_scopes_is_told_classic_ones() -> None:
    comparison = ScopeComparison(NEEDS, frozenset({"account:read:admin"}))
    assert comparison.kind is ScopeKind.CLASSIC
    assert comparison.to_add == ("user:read:admin",)
    assert [each.endpoint for each in comparison.without_scope] == [endpoints.MARKETPLACE_APPS]


@pytest.mark.parametrize("granted", [None, frozenset(), frozenset({"user:read:user"})])
def test_granular_is_what_new_apps_have(granted: frozenset[str] | None) -> None:
    assert ScopeComparison(NEEDS, granted).kind is ScopeKind.GRANULAR


def test_without_a_token_nothing_is_said_to_be_missing_or_granted() -> None:
    comparison = ScopeComparison(NEEDS, None)
    assert comparison.missing == ()
    assert {each.granted for each in comparison.required} == {None}


@pytest.mark.parametrize(
    "scope",
    [
        "user:write:user:admin",
        "user:update:settings:admin",
        "meeting:delete:meeting:admin",
        "user:write:admin",
        "account:master",
        "imchat:bot",
    ],
)
def test_whatever_does_more_than_read_is_told(scope: str) -> None:
    comparison = ScopeComparison(NEEDS, ALL | {scope})
    assert comparison.writing == (scope,)
    assert comparison.missing == ()


def test_reading_scopes_without_use_are_no_write_scopes() -> None:
    comparison = ScopeComparison(NEEDS, ALL | {"phone:read:user:admin"})
    assert comparison.unused == ("phone:read:user:admin",)
    assert comparison.writing == ()


def test_the_operation_log_is_optional_where_no_control_reads_it() -> None:
    comparison = ScopeComparison(NEEDS, ALL)
    assert comparison.optional_to_add == (
        "group:read:list_members:admin",
        "report:read:operation_logs:admin",
    )
    needing = Needs({"CC-04": (endpoints.OPERATION_LOGS,)}, {"CC-04": "Log"})
    assert ScopeComparison(needing, ALL).to_add == ("report:read:operation_logs:admin",)


def test_workflows_are_optional_where_their_control_is_assessed() -> None:
    assessed = Needs(NEEDS.by_control, {**NEEDS.titles, "AI-21": "Inventory"})
    assert "workflow:read:list_definitions:admin" in ScopeComparison(assessed, ALL).optional_to_add
    assert "AI-21" not in ScopeComparison(assessed, ALL).unknown


def test_members_are_required_where_the_list_of_users_names_no_groups() -> None:
    comparison = ScopeComparison(NEEDS, ALL, lists_members=True)
    assert comparison.to_add == ("group:read:list_members:admin",)
    assert set(comparison.unknown) == {"AI-02"}
