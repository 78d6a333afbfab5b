"""The inventory: facts without a baseline, each of them what the judgement reads."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.read_plan import PHONE, ReadPlan, lock_sample_view
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.inventory import (
    CauseCount,
    Feature,
    FeatureUse,
    SettingState,
    ValueCount,
    key_of,
)
from auditor.findings.model import FindingKind, Role, Status
from auditor.policy.baseline import baselines
from auditor.policy.catalogue import documented, features, words
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.values import iter_leaves
from auditor.policy.evaluation.inventory import FeatureSelection, chosen_features, inventory
from auditor.policy.evaluation.setting_states import AccountEvidence
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    FIXED,
    LISTED,
    Bodies,
    Json,
    ScopeBodies,
    evaluated,
    nested,
    outcome,
    scope_verdicts,
    snapshot_of,
)

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
LOCK = "in_meeting.meeting_summary_with_ai_companion"
SALES = Scope(Level.GROUP, "g1", "Sales")
LEGAL = Scope(Level.GROUP, "g2", "Legal")


def person(number: int, *groups: Scope) -> Scope:
    ids = tuple(group.id for group in groups)
    name = f"Person {number}"
    return Scope(Level.USER, f"u{number}", name, f"{number}@example.com", ids, 2, "active")


def on(value: Json) -> Bodies:
    return {SETTINGS: nested(SUMMARY, value)}


def features_of(snapshot: Snapshot, **selection: Any) -> dict[str, Feature]:
    evidence = AccountEvidence.of(snapshot)
    selected = FeatureSelection(**selection)
    chosen = chosen_features(evidence, CATALOGUE, selected)
    return {each.setting: each for each in inventory(evidence, chosen, selected.groups)}


def summary(*scopes: ScopeBodies, listings: Bodies = LISTED, **selection: Any) -> Feature:
    return features_of(snapshot_of(*scopes, listings=listings), **selection)[SUMMARY]


def test_every_documented_ai_setting_has_a_row_and_none_a_value_without_evidence() -> None:
    found = features_of(snapshot_of((ACCOUNT, {SETTINGS: {}})))
    about_ai = {path for path, topic in documented.topics("settings").items() if topic == "ai"}
    assert about_ai <= found.keys()
    assert all(list(feature.known_values()) == [] for feature in found.values())
    assert {feature.account.cause for feature in found.values()} <= {*Cause}


def test_every_leaf_of_the_ai_object_has_a_row_wherever_it_was_returned() -> None:
    of_account: dict[str, JsonValue] = {
        "ai": {"assistant": {"enable": False}, "ai_model_type": "zoom_hosted"}
    }
    of_person: dict[str, JsonValue] = {"ai": {"brand_new": True}}
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: of_account}), (person(1), {SETTINGS: of_person}))
    found = features_of(snapshot, topics=("ai",))
    leaves = {path for body in (of_account, of_person) for path, _ in iter_leaves(body)}
    assert leaves <= found.keys()
    new = found["ai.brand_new"]
    assert (new.account.value, new.account.cause) == (None, Cause.ABSENT)
    assert new.people.values == (ValueCount(True, 1),)
    assert new.controls == ("AI-11",)


def test_a_setting_about_ai_that_nobody_documents_has_a_row() -> None:
    found = features_of(snapshot_of((ACCOUNT, {SETTINGS: nested("in_meeting.ai_oracle", True)})))
    assert found["in_meeting.ai_oracle"].account.value is True
    assert found["in_meeting.ai_oracle"].controls == ("CC-07",)


def test_an_item_of_zoom_phone_that_was_not_requested_is_not_blamed_on_zoom() -> None:
    scope = Scope(Level.PHONE_ACCOUNT, ACCOUNT.id, "Zoom Phone")
    body: Json = {"call_summary": {"enable": True}}
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {}}), (scope, {PHONE: body}))
    reads = ReadPlan(phone=("call_summary", "voicemail_tasks"))
    evidence = AccountEvidence.of(snapshot, reads)
    chosen = chosen_features(evidence, CATALOGUE, FeatureSelection(topics=("ai",)))
    found = {each.setting: each.account for each in inventory(evidence, chosen)}
    assert found["call_summary.enable"].value is True
    assert found["voicemail_tasks.enable"].cause is Cause.ABSENT
    assert found["voicemail_transcription.enable"].cause is Cause.NOT_COLLECTED


def test_people_are_counted_by_value_and_unknowns_by_cause() -> None:
    feature = summary(
        (ACCOUNT, on(False)),
        (person(1), on(True)),
        (person(2), on(False)),
        (person(3), on(True)),
        (person(4), {SETTINGS: {}}),
        (person(5), {SETTINGS: Cause.DENIED}),
        (person(6), on("yes")),
        (Scope(Level.USER, "u7", status="pending"), {}),
    )
    assert feature.people.values == (ValueCount(True, 2), ValueCount(False, 1))
    assert {each.cause: each.count for each in feature.people.unknown} == {
        Cause.ABSENT: 1,
        Cause.DENIED: 1,
        Cause.WRONG_TYPE: 1,
    }


def test_groups_come_before_people_and_count_the_members_who_follow_them() -> None:
    feature = summary(
        (ACCOUNT, on(False)),
        (SALES, on(True)),
        (person(1, SALES), on(True)),
        (person(2, SALES), on(False)),
        (person(3), on(False)),
        (person(4), on(True)),
    )
    (sales,) = feature.groups
    assert (sales.group.name, sales.state.value) == ("Sales", True)
    assert (sales.members, sales.members_alike) == (2, 1)
    assert feature.people.differing == 2


def test_members_without_the_value_of_their_group_are_counted_by_what_they_have() -> None:
    feature = summary(
        (ACCOUNT, on(False)),
        (SALES, on(True)),
        (person(1, SALES), on(True)),
        (person(2, SALES), on(False)),
        (person(3, SALES), {}),
    )
    (sales,) = feature.groups
    assert (sales.members, sales.members_alike) == (3, 1)
    assert sales.members_differing == (ValueCount(False, 1),)
    assert sales.members_not_known == 1


def test_locks_say_who_can_change_it() -> None:
    open_locks: Bodies = {LOCKS: nested(LOCK, False)}
    feature = summary((ACCOUNT, {**on(False), **open_locks}), (SALES, {LOCKS: nested(LOCK, True)}))
    assert feature.account.locked is False
    assert feature.groups[0].state.locked is True
    assert feature.changeable_by == (Role.USER, Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN)
    locked = summary((ACCOUNT, {**on(False), LOCKS: nested(LOCK, True)}))
    assert locked.changeable_by == (Role.ACCOUNT_ADMIN,)


def test_who_can_change_it_is_not_known_of_what_zoom_returned_for_the_account_alone() -> None:
    below: list[ScopeBodies] = [(SALES, {SETTINGS: {}}), (person(1, SALES), {SETTINGS: {}})]
    assert summary((ACCOUNT, on(True)), *below).changeable_by == ()
    locked = {**on(True), LOCKS: nested(LOCK, True)}
    assert summary((ACCOUNT, locked), *below).changeable_by == (Role.ACCOUNT_ADMIN,)


def test_a_list_that_was_refused_is_unknown_in_an_unknown_number() -> None:
    refused = dict.fromkeys(LISTED, Cause.DENIED)
    feature = summary((ACCOUNT, on(True)), listings=refused)
    assert [(row.group.id, row.state.cause) for row in feature.groups] == [("*", Cause.DENIED)]
    assert feature.people.unknown == (CauseCount(Cause.DENIED, None),)


def test_only_the_members_of_a_requested_group_are_counted() -> None:
    scopes = (
        (ACCOUNT, on(False)),
        (SALES, on(True)),
        (LEGAL, on(False)),
        (person(1, SALES), on(True)),
        (person(2, LEGAL), on(False)),
    )
    feature = summary(*scopes, groups=("sales",))
    assert [row.group.name for row in feature.groups] == ["Sales"]
    assert feature.people.values == (ValueCount(True, 1),)
    with pytest.raises(PolicyError, match='Did you mean "Legal"'):
        summary(*scopes, groups=("Legla",))


def test_a_setting_or_topic_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PolicyError, match="no setting"):
        summary((ACCOUNT, on(False)), settings=("in_meeting.nothing",))
    with pytest.raises(PolicyError, match='Did you mean "recording"'):
        summary((ACCOUNT, on(False)), topics=("recordin",))


SAMPLED: Bodies = {lock_sample_view(SETTINGS): {"users": 3, "sampled": 1, "confirmed": 1}}


@pytest.mark.parametrize(
    ("lock", "sampled", "values", "unknown"),
    [
        (True, False, ((False, 3),), ()),
        (False, False, ((False, 1),), ((Cause.NOT_COLLECTED, 2),)),
        (True, True, ((True, 1),), ((Cause.NOT_COLLECTED, 2),)),
    ],
    ids=["proved", "not locked", "contradicted by a person who was read"],
)
def test_a_lock_proves_the_value_of_people_who_were_not_read(
    lock: bool, sampled: bool, values: tuple[object, ...], unknown: tuple[object, ...]
) -> None:
    account: Bodies = {**on(False), LOCKS: nested(LOCK, lock)}
    people: list[ScopeBodies] = [(person(1), on(sampled)), (person(2), {}), (person(3), {})]
    feature = summary((ACCOUNT, account), *people, listings={**LISTED, **SAMPLED})
    assert tuple((each.value, each.count) for each in feature.people.values) == values
    assert tuple((each.cause, each.count) for each in feature.people.unknown) == unknown
    assert feature.people.proved_by_lock == (2 if values == ((False, 3),) else 0)


VALUES = st.sampled_from([True, False, "yes", 0, None, Cause.ABSENT, Cause.DENIED])


def body(value: JsonValue | Cause) -> Bodies:
    if value is Cause.ABSENT:
        return {SETTINGS: {}}
    return {SETTINGS: value} if isinstance(value, Cause) else on(value)


@FIXED
@given(VALUES, VALUES, st.lists(VALUES, max_size=6), st.booleans())
def test_the_inventory_has_the_value_that_the_judgement_reads(
    account: Any, group: Any, people: list[Any], lock: bool
) -> None:
    snapshot = snapshot_of(
        (ACCOUNT, {**body(account), LOCKS: nested(LOCK, lock)}),
        (SALES, body(group)),
        *((person(number, SALES), body(value)) for number, value in enumerate(people)),
    )
    strict = baselines.load("strict", CATALOGUE).only(frozenset({"AI-01"}))
    states: dict[Level, Counter[object]] = {level: Counter() for level in Level}
    for scope, verdict in scope_verdicts(evaluated(snapshot, strict)):
        if verdict.kind is FindingKind.VALUE:
            is_unknown = verdict.status is Status.UNKNOWN
            states[scope.level][verdict.cause if is_unknown else key_of(verdict.observed)] += 1
    feature = features_of(snapshot, settings=(SUMMARY,))[SUMMARY]
    counted: dict[object, int | None] = {e.cause: e.count for e in feature.people.unknown}
    counted |= {key_of(each.value): each.count for each in feature.people.values}
    assert states[Level.USER] == counted
    for level, state in (
        (Level.ACCOUNT, feature.account),
        (Level.GROUP, feature.groups[0].state),
    ):
        assert list(states[level]) == [state.cause if state.cause else key_of(state.value)]


def test_every_returned_value_is_counted_as_a_second_count_does() -> None:
    """Counted by walking the documents, without the catalogue."""
    documents: Mapping[str, dict[str, JsonValue]] = {
        "u1": {"in_meeting": {"file_transfer": True}, "recording": {"allow_share": False}},
        "u2": {"in_meeting": {"file_transfer": False}},
        "u3": {"in_meeting": {"file_transfer": True}},
    }
    scopes = [(person(int(uid[1])), {SETTINGS: body}) for uid, body in documents.items()]
    found = features_of(snapshot_of((ACCOUNT, {SETTINGS: {}}), *scopes), everything=True)
    expected: Counter[tuple[str, str]] = Counter()
    for content in documents.values():
        expected.update((path, json.dumps(value)) for path, value in iter_leaves(content))
    counted = {
        (setting, json.dumps(each.value)): each.count
        for setting, feature in found.items()
        for each in feature.people.values
    }
    assert counted == expected


@pytest.mark.slow
def test_twenty_thousand_people_need_a_lookup_per_distinct_document() -> None:
    snapshot = snapshot_of((ACCOUNT, on(False)), (SALES, on(True)))
    choices: list[Bodies] = [on(True), on(False), {SETTINGS: {}}, {SETTINGS: Cause.ERROR}]
    with snapshot.transaction():
        for number in range(20_000):
            scope = person(number, *((SALES,) if number % 2 else ()))
            snapshot.add_scope(scope)
            view, content = next(iter(choices[number % 4].items()))
            snapshot.record(scope, view, outcome(scope, view, content))
    people = features_of(snapshot)[SUMMARY].people
    assert {each.value: each.count for each in people.values} == {True: 5000, False: 5000}
    assert {each.cause: each.count for each in people.unknown} == {
        Cause.ABSENT: 5000,
        Cause.ERROR: 5000,
    }


def test_settings_and_values_have_the_words_of_the_catalogue() -> None:
    shipped = features.shipped(CATALOGUE)
    assert shipped[SUMMARY].title == words.setting_name(SUMMARY)
    sharing = "in_meeting.meeting_summary_with_ai_companion.who_will_receive_summary"
    found = features_of(snapshot_of((ACCOUNT, {SETTINGS: nested(sharing, 1)})))[sharing]
    assert found.words == {"1": words.value_words(sharing, 1)}


@pytest.mark.parametrize(
    ("value", "use"), [("", FeatureUse.OFF), ("host", FeatureUse.SET), (0, FeatureUse.SET)]
)
def test_a_choice_that_is_off_everywhere_is_no_value_that_is_set(
    value: JsonValue, use: FeatureUse
) -> None:
    assert Feature("x", "X", "ai", (Level.ACCOUNT,), SettingState(value)).use is use
