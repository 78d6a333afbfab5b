"""Zoom Phone below the account: requests, stored items, and refusals."""

from auditor.evidence.read_plan import PHONE_VIEWS, ReadPlan
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.zoom.errors import Denied, NotFound, NotLicensed, ScopeMissing, Transient
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

SITES, GROUPS, USERS = View("phone_sites"), View("phone_groups"), View("phone_users")
SITE, GROUP, USER = (
    PHONE_VIEWS[level] for level in (Level.PHONE_SITE, Level.PHONE_GROUP, Level.PHONE_USER)
)
ITEM = {"enable": False, "locked": True, "locked_by": "account"}
POLICY = {"policy": {"e2e_encryption": ITEM, "voicemail": ITEM}, "extension_number": 7}
EXPECTED = {"policy": {"e2e_encryption": ITEM}}
OF_SITES = ReadPlan(phone_site=("e2e_encryption",))
OF_GROUPS = ReadPlan(phone_group=("e2e_encryption", "voicemail"))
OF_USERS = ReadPlan(user=READ_SETTINGS, phone_user=("e2e_encryption",))
TWO_SITES = {
    "/phone/sites": [{"id": "s1", "name": "Main"}, {"id": "s2", "name": "Branch"}],
    "/phone/sites/s1": POLICY,
    "/phone/sites/s2": POLICY,
}
EVERY_LEVEL_HAS_ONE = {f"/phone/users/{user}": POLICY for user in ("u1", "u2", "u3", "u4")}
NO_SCOPE = ScopeMissing("GET /phone/users/{userId}", ["phone:read:user:admin"], code=4711)


def test_every_site_is_read_and_only_the_items_that_are_needed_are_kept() -> None:
    snapshot = read(TWO_SITES, OF_SITES)
    assert of(snapshot, Level.PHONE_SITE, SITE) == {"s1": EXPECTED, "s2": EXPECTED}
    assert [scope.name for scope in snapshot.scopes(Level.PHONE_SITE)] == ["Main", "Branch"]
    assert account(snapshot, SITES) == {"listed": 2, "read": 2}


def test_groups_are_asked_for_the_items_by_name() -> None:
    zoom = Zoom({**PEOPLE, "/phone/groups/g1/settings": {"voicemail": ITEM, "sms": ITEM}})
    zoom = Zoom({**zoom.answers, "/phone/groups/g2/settings": {}})
    snapshot = collected(zoom, OF_GROUPS)
    assert of(snapshot, Level.PHONE_GROUP, GROUP) == {"g1": {"voicemail": ITEM}, "g2": {}}
    assert "/phone/groups/g1/settings?setting_types=e2e_encryption,voicemail" in zoom.requests
    assert account(snapshot, GROUPS) == {"listed": 2, "read": 2}


def test_a_policy_that_is_no_object_is_kept_as_it_is() -> None:
    snapshot = read({**TWO_SITES, "/phone/sites/s2": {"policy": "?"}}, OF_SITES)
    assert of(snapshot, Level.PHONE_SITE, SITE)["s2"] == {"policy": "?"}


def test_users_whose_settings_deny_a_phone_are_not_asked_for() -> None:
    flags = settings(u1={"zoom_phone": True}, u2={"zoom_phone": False}, u3={"zoom_phone": True})
    zoom = Zoom({**PEOPLE, **flags, **EVERY_LEVEL_HAS_ONE})
    snapshot = collected(zoom, OF_USERS)
    assert of(snapshot, Level.PHONE_USER, USER) == {"u1": EXPECTED, "u3": EXPECTED}
    assert not zoom.times("/phone/users/u2")
    assert account(snapshot, USERS) == {"listed": 2, "read": 2}


def test_an_inactive_user_has_no_phone() -> None:
    zoom = Zoom({**PEOPLE, **settings(u4={"zoom_phone": True}), **EVERY_LEVEL_HAS_ONE})
    collected(zoom, OF_USERS)
    assert not zoom.times("/phone/users/u4")


def test_without_a_flag_a_missing_phone_user_is_requested_and_not_found() -> None:
    answers = {**settings(u1={}, u2={}, u3={}), "/phone/users/u1": POLICY}
    snapshot = read(answers, OF_USERS)
    assert of(snapshot, Level.PHONE_USER, USER) == {"u1": EXPECTED}
    assert account(snapshot, USERS) == {"listed": 3, "read": 3}


def test_a_phone_user_by_the_flag_whom_zoom_does_not_know_is_an_error() -> None:
    answers = {**settings(u1={"zoom_phone": True}), "/phone/users/u1": NotFound("GET /x")}
    assert cause(of(read(answers, OF_USERS), Level.PHONE_USER, USER)["u1"]) == "error"


def test_a_users_groups_are_kept_and_the_meetings_licence_is_not() -> None:
    answers = {**settings(u1={"zoom_phone": True}), **EVERY_LEVEL_HAS_ONE}
    (scope, *_) = read(answers, OF_USERS).scopes(Level.PHONE_USER)
    assert (scope.id, scope.email, scope.group_ids) == ("u1", "ada@example.com", ("g1",))
    assert scope.licence is None


def test_a_missing_scope_is_recorded_once_for_the_level_and_asked_for_no_further() -> None:
    many = [{"id": f"m{n}", "email": f"m{n}@example.com", "group_ids": []} for n in range(200)]
    refused = {f"/phone/users/m{n}": NO_SCOPE for n in range(200)}
    zoom = Zoom({"/users?status=active": many, "/users?status=inactive": [], "/groups": []})
    zoom = Zoom({**zoom.answers, **refused})
    snapshot = collected(zoom, ReadPlan(phone_user=("e2e_encryption",)))
    assert of(snapshot, Level.PHONE_USER, USER) == {}
    assert cause(account(snapshot, USERS)) == "denied"
    assert "phone:read:user:admin" in account(snapshot, USERS).detail
    assert sum(zoom.times(f"/phone/users/m{n}") for n in range(200)) < 60


def test_an_endpoint_that_zoom_does_not_have_is_one_record_for_the_level() -> None:
    answers = {f"/phone/groups/g{n}/settings": UNKNOWN_ENDPOINT for n in (1, 2)}
    snapshot = read(answers, OF_GROUPS)
    assert of(snapshot, Level.PHONE_GROUP, GROUP) == {}
    assert cause(account(snapshot, GROUPS)) == "error"


def test_a_role_without_the_right_is_one_record_for_the_level() -> None:
    snapshot = read({"/phone/sites": Denied("GET /x", "No permission.", code=200)}, OF_SITES)
    assert cause(account(snapshot, SITES)) == "denied"


def test_what_was_read_before_the_refusal_is_kept() -> None:
    zoom = Zoom({**TWO_SITES, "/phone/sites/s2": NO_SCOPE})
    snapshot = collected(zoom, OF_SITES, workers=1)
    assert of(snapshot, Level.PHONE_SITE, SITE) == {"s1": EXPECTED}
    assert cause(account(snapshot, SITES)) == "denied"


def test_a_fault_of_one_site_is_that_sites() -> None:
    snapshot = read({**TWO_SITES, "/phone/sites/s1": Transient("GET /x", status=500)}, OF_SITES)
    assert cause(of(snapshot, Level.PHONE_SITE, SITE)["s1"]) == "error"
    assert of(snapshot, Level.PHONE_SITE, SITE)["s2"] == EXPECTED
    assert account(snapshot, SITES) == {"listed": 2, "read": 2}


def test_a_site_without_an_id_makes_the_list_unusable() -> None:
    answers = {**TWO_SITES, "/phone/sites": [{"id": "s1"}, {"name": "nobody"}]}
    snapshot = read(answers, OF_SITES)
    assert cause(account(snapshot, SITES)) == "error"


def test_groups_that_could_not_be_listed_are_not_silent() -> None:
    snapshot = read({"/groups": Denied("GET /groups", code=200)}, OF_GROUPS)
    assert cause(account(snapshot, GROUPS)) == "denied"


def test_without_a_licence_nothing_below_the_account_is_asked_for() -> None:
    plan = ReadPlan(phone=("x",), phone_site=("x",), phone_group=("x",), phone_user=("x",))
    unlicensed = NotLicensed("GET /phone/account_settings", "no subscription", code=200)
    zoom = Zoom({**PEOPLE, "/phone/account_settings": unlicensed})
    snapshot = collected(zoom, plan)
    for view in (SITES, GROUPS, USERS):
        assert cause(account(snapshot, view)) == "not_licensed"
    assert [request for request in zoom.requests if request.startswith("/phone/")] == [
        "/phone/account_settings?setting_types=x"
    ]


def test_nothing_of_the_phone_is_asked_for_unless_the_plan_says_so() -> None:
    zoom = Zoom({**PEOPLE, **settings(u1={"zoom_phone": True})})
    collected(zoom, ReadPlan(user=READ_SETTINGS))
    assert not any(request.startswith("/phone/") for request in zoom.requests)
