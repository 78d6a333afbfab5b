"""Who goes by a pseudonym in which document, and what stays as it is."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from auditor.app.pseudonyms import NameIndex, Pseudonymizer, Pseudonyms, organisation
from auditor.evidence.read_plan import HOSTS, LOGS, MEETING, ROLES, SUMMARIES, apps, history
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.policy.baseline.match import Match
from tests.app.stored import organisation as told
from tests.builders import ACCOUNT, GROUP, Bodies, snapshot_of

KEY = Pseudonyms(b"a key for tests only")


def user(zoom_id: str, name: str, email: str) -> Scope:
    return Scope(Level.USER, zoom_id, name, email, ("g1",), 2, "active")


ADA = user("u-Ada_1", "Ada Löwe", "ada.loewe@example.com")
BOB = user("u-Bob_2", "Bob", "bobby@example.com")
TWIN = user("u-Twin3", "Ada Löwe", "twin@example.com")
PENDING = Scope(Level.USER, "new@example.com", "", "new@example.com", (), 2, "pending")
MEETING_SCOPE = Scope(Level.MEETING, "810", "Weekly with Bob", ADA.email, ("g1",), 2, "active")
A, B, T = KEY.of(ADA.id), KEY.of(BOB.id), KEY.of(TWIN.id)
BOTH = KEY.of("ada löwe")
"""Who of the two is meant, nobody can tell."""

SCOPES: tuple[tuple[Scope, Bodies], ...] = (
    (ADA, {}),
    (BOB, {}),
    (PENDING, {}),
    (MEETING_SCOPE, {}),
    (GROUP, {}),
)


@pytest.fixture
def names() -> Iterator[Pseudonymizer]:
    with snapshot_of(*SCOPES) as source, closing(NameIndex(source, KEY)) as people:
        yield Pseudonymizer(people, KEY)


@pytest.fixture
def with_twin() -> Iterator[Pseudonymizer]:
    with snapshot_of(*SCOPES, (TWIN, {})) as source, closing(NameIndex(source, KEY)) as people:
        yield Pseudonymizer(people, KEY)


def test_a_pseudonym_is_ten_characters_of_the_keyed_hash() -> None:
    """HMAC-SHA256 with the key `key`, RFC 4648 base32: computed with OpenSSL."""
    fox = "The quick brown fox jumps over the lazy dog"
    assert Pseudonyms(b"key").of(fox) == "user-666ih5bqko"
    assert Pseudonyms(b"another").of(fox) != Pseudonyms(b"key").of(fox)


def test_users_go_by_one_pseudonym_for_id_name_and_address(names: Pseudonymizer) -> None:
    found = names.scope(ADA)
    assert (found.id, found.name, found.email) == (A, A, A)
    assert (found.level, found.group_ids, found.licence, found.status) == (
        ADA.level,
        ADA.group_ids,
        ADA.licence,
        ADA.status,
    )
    assert names.scope(Scope(Level.PHONE_USER, ADA.id, ADA.name)).id == A


def test_an_invited_user_known_by_the_address_alone_has_one_too(names: Pseudonymizer) -> None:
    assert names.scope(PENDING).id == KEY.of("new@example.com") == names.people.named(PENDING.email)


@pytest.mark.parametrize("scope", [ACCOUNT, GROUP, Scope(Level.USER, "*active", "active users")])
def test_the_account_groups_and_what_stands_for_many_keep_their_names(
    names: Pseudonymizer, scope: Scope
) -> None:
    found = names.scope(scope)
    assert found.id == scope.id
    assert scope.level is Level.USER or found == scope


def test_meetings_go_by_pseudonyms_because_their_topics_name_people(names: Pseudonymizer) -> None:
    found = names.scope(MEETING_SCOPE)
    assert found.id == found.name == KEY.of("810", "meeting")
    assert found.id.startswith("meeting-")
    assert found.email == A


def test_a_past_meeting_keeps_its_day(names: Pseudonymizer) -> None:
    found = names.scope(Scope(Level.MEETING, "uuid==", "past meeting of 2026-11-20"))
    assert found.name == "past meeting of 2026-11-20"
    assert found.id == KEY.of("uuid==", "meeting")


def test_a_host_whose_meetings_could_not_be_listed_goes_by_the_pseudonym(
    names: Pseudonymizer,
) -> None:
    found = names.scope(Scope(Level.MEETING, f"*{ADA.id}", ADA.name, ADA.email))
    assert (found.id, found.name, found.email) == (f"*{A}", A, A)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (ADA.id, A),
        ("ADA.loewe@EXAMPLE.com", A),
        ("ada löwe", A),
        ("bob", B),
        ("", ""),
        ("gone@example.com", KEY.of("gone@example.com")),
        ("Gone@Example.com", KEY.of("gone@example.com")),
        ("an-unknown-ID", KEY.of("an-unknown-ID")),
    ],
)
def test_a_person_is_known_by_id_address_or_name(
    names: Pseudonymizer, text: str, means: str
) -> None:
    assert names.people.named(text) == means


def test_two_people_of_one_name_are_told_apart_by_all_else(with_twin: Pseudonymizer) -> None:
    people = with_twin.people
    assert (people.named(ADA.id), people.named(TWIN.id)) == (A, T)
    assert people.named("Ada Löwe") == BOTH
    assert with_twin.note("with Ada Löwe today") == f"with {BOTH} today"


@pytest.mark.parametrize(
    ("text", "free", "reserved"),
    [
        ("Update User ada.loewe@example.com - Type", *[f"Update User {A} - Type"] * 2),
        ("ask ADA LÖWE, please", *[f"ask {A}, please"] * 2),
        (f"User does not exist: {ADA.id}.", *[f"User does not exist: {A}."] * 2),
        ("by gone@example.com;bobby@example.com", *[f"by {KEY.of('gone@example.com')};{B}"] * 2),
        ("moved by Bob (bobby)", f"moved by {B} ({B})", "moved by Bob (bobby)"),
        ("Bobsled and Adam", *["Bobsled and Adam"] * 2),
        ("nothing here", *["nothing here"] * 2),
        ("ask Ada", *["ask Ada"] * 2),
        ("", "", ""),
    ],
)
def test_texts_name_nobody_any_more(
    names: Pseudonymizer, text: str, free: str, reserved: str
) -> None:
    assert (names.note(text), names.detail(text)) == (free, reserved)


@pytest.mark.parametrize("surface", [history("meeting_summary"), SUMMARIES])
def test_hosts_in_reports_go_by_pseudonyms_and_their_groups_do_not(
    names: Pseudonymizer, surface: Any
) -> None:
    body: JsonValue = {
        "hosts": [
            {"host": ADA.email, "id": ADA.id, "groups": ["Bob"], "meetings": 2},
            {"host": "", "id": "", "groups": [], "meetings": 1},
        ],
        "off": "",
    }
    found: Any = names.body(surface, body)
    by_host = {row["host"]: row for row in found["hosts"]}
    assert by_host[A] == {"host": A, "id": A, "groups": ["Bob"], "meetings": 2}
    assert by_host[""]["meetings"] == 1


def test_the_order_of_hosts_does_not_tell_their_names(names: Pseudonymizer) -> None:
    rows: list[JsonValue] = [{"host": f"{letter}@example.com"} for letter in "abcdefgh"]
    found: Any = names.body(SUMMARIES, {"hosts": rows})
    hosts = [row["host"] for row in found["hosts"]]
    assert hosts == sorted(hosts)


def test_groups_of_hosts_are_found_again_by_the_pseudonym(names: Pseudonymizer) -> None:
    groups: JsonValue = [{"id": "g1", "name": "Clinical"}]
    body: JsonValue = {"hosts": [{"id": ADA.id, "email": ADA.email, "groups": groups}]}
    assert names.body(HOSTS, body) == {"hosts": [{"id": A, "email": A, "groups": groups}]}


def test_hosts_that_no_list_named_are_known_from_what_the_account_says_of_them() -> None:
    row: JsonValue = {"id": ADA.id, "email": ADA.email, "groups": []}
    account: dict[Any, JsonValue] = {HOSTS: {"hosts": ["damaged", row]}}
    with snapshot_of((ACCOUNT, account)) as source, closing(NameIndex(source, KEY)) as people:
        assert people.named(ADA.email) == A


def test_members_of_roles_go_by_pseudonyms_and_roles_do_not(names: Pseudonymizer) -> None:
    role: JsonValue = {"id": "2", "name": "Bob", "privileges": ["User:Edit"], "members": None}
    other: JsonValue = {"id": "0", "name": "Owner", "members": [BOB.id, ADA.id, "x@example.com"]}
    found: Any = names.body(ROLES, {"roles": [role, other]})
    by_id = {row["id"]: row for row in found["roles"]}
    assert by_id["2"] == role
    assert by_id["0"]["members"] == sorted([A, B, KEY.of("x@example.com")])


def test_log_entries_name_neither_operators_nor_those_operated_on(names: Pseudonymizer) -> None:
    entry: JsonValue = {
        "time": "2026-11-20",
        "operator": ADA.email,
        "category": "User",
        "action": "Update",
        "detail": "Update Bob: CHG-1042",
    }
    found: Any = names.body(LOGS, {"entries": [entry]})
    assert found["entries"][0]["operator"] == A
    assert found["entries"][0]["detail"] == f"Update {B}: CHG-1042"
    assert found["entries"][0]["category"] == "User"


@pytest.mark.parametrize("view", [SETTINGS, LOCKS, MEETING])
def test_settings_keep_words_that_are_also_somebodys_name(names: Pseudonymizer, view: Any) -> None:
    body: JsonValue = {
        "auto": "bob",
        "on": True,
        "list": ["bobby@example.com", 7, None],
        "contact_name": "Bob",
        "text": "Call Ada Löwe",
        "bobby@example.com": {"days": 3},
    }
    assert names.body(view, body) == {
        "auto": "bob",
        "on": True,
        "list": [B, 7, None],
        "contact_name": B,
        "text": f"Call {A}",
        B: {"days": 3},
    }


def test_apps_keep_their_names_and_lose_addresses(names: Pseudonymizer) -> None:
    body: JsonValue = {"apps": [{"id": "1", "name": "Ada Löwe's app, bobby@example.com"}]}
    assert names.body(apps("account_added"), body) == {
        "apps": [{"id": "1", "name": f"Ada Löwe's app, {B}"}]
    }


@pytest.mark.parametrize(
    "body", [None, [], "text", {"hosts": None}, {"hosts": ["x", {"id": 5}]}, {"roles": 3}]
)
def test_documents_of_another_shape_stay_as_they_are(names: Pseudonymizer, body: JsonValue) -> None:
    for view in (HOSTS, SUMMARIES, ROLES, LOGS):
        found: Any = names.body(view, body)
        if isinstance(body, dict) and isinstance(body.get("hosts"), list) and view != ROLES:
            assert sorted(found["hosts"], key=str) == sorted([{"id": 5}, "x"], key=str)
        else:
            assert found == body


def renamed(source_names: Pseudonymizer, **rows: Any) -> Any:
    with snapshot_of(*SCOPES) as source:
        return organisation(told(**rows), source, source_names)


def waiver(**scope: Any) -> dict[str, Any]:
    row = {"control": "RC-02", "reason": "Bob asked", "owner": ADA.email, "ticket": "SEC-12"}
    return {**row, "scope": scope, "expires": "2027-01-31"}


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ({"name": "Ada Löwe"}, (A,)),
        ("BOBBY@example.com", (B,)),
        ("nobody", (KEY.of("nobody"),)),
        ("nobody*", (KEY.of("nobody*") + "*",)),
        ("*@example.com", (KEY.of(PENDING.id), A, B, KEY.of(PENDING.id) + "*")),
        ([BOB.id, "nobody@x", ADA.id], (A, B, KEY.of("nobody@x"))),
    ],
)
def test_a_waiver_stays_about_the_same_people_and_weighs_as_much(
    names: Pseudonymizer, pattern: Any, meant: tuple[str, ...]
) -> None:
    found = renamed(names, waivers=[waiver(user=pattern)]).waivers[0].scope
    assert set(found.user) == set(meant)
    assert found.specificity == Match.model_validate({"user": pattern}).specificity


def test_two_waivers_for_one_person_stay_so(names: Pseudonymizer) -> None:
    found = renamed(names, waivers=[waiver(user=BOB.id), waiver(user=BOB.id, level="user")])
    assert [each.scope.user for each in found.waivers] == [(B,), (B,)]


def test_a_waiver_stays_about_the_same_meetings(names: Pseudonymizer) -> None:
    found = renamed(names, waivers=[waiver(meeting={"name": "Weekly*"})]).waivers[0].scope
    weekly = KEY.of("810", "meeting")
    assert set(found.meeting) == {weekly, weekly + "*"}


def test_a_waiver_for_a_group_stays_as_it_is(names: Pseudonymizer) -> None:
    assert renamed(names, waivers=[waiver(group="Clin*")]).waivers[0].scope.group == "Clin*"


def test_owners_and_authors_are_people_too(names: Pseudonymizer) -> None:
    found = renamed(
        names,
        waivers=[waiver(group="Clinical")],
        attestations=[
            {
                "control": "TR-01",
                "statement": "Seen by Ada Löwe",
                "evidence": "mail of bobby@example.com",
                "by": "dpo@example.com",
                "on": "2026-11-02",
                "expires": "2027-05-02",
            }
        ],
        overrides=[{"match": {"user": BOB.id}, "controls": {}, "reason": "for Bob"}],
        parameters={"change_records": ["CHG-1 bobby@example.com"], "recording_retention_days": 90},
    )
    [one] = found.waivers
    assert (one.owner, one.reason, one.ticket) == (A, f"{B} asked", "SEC-12")
    [other] = found.attestations
    assert other.by == KEY.of("dpo@example.com")
    assert (other.statement, other.evidence) == (f"Seen by {A}", f"mail of {B}")
    assert found.overrides[0].reason == f"for {B}"
    assert found.parameters == {"change_records": [f"CHG-1 {B}"], "recording_retention_days": 90}


def test_a_name_without_a_letter_is_replaced_where_it_stands_alone() -> None:
    scope = user("u9", "👩‍⚕️", "")
    with snapshot_of((scope, {})) as source, closing(NameIndex(source, KEY)) as people:
        assert people.named("👩‍⚕️") == KEY.of("u9")
        assert Pseudonymizer(people, KEY).scope(scope).email == ""
