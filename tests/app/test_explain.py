"""One scope explained: the chain of each setting, who decided, and what the run found."""

import json
from collections.abc import Sequence

import jsonschema
import pytest

from auditor.app.explain import AmbiguousName, ScopeNotFound, explain
from auditor.app.inventory import FeatureSelection
from auditor.evidence.read_plan import PHONE_VIEWS
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.inventory import SettingChain
from auditor.findings.model import Role, Status
from auditor.report import explain_output
from tests.app.stored import finished, judgement
from tests.builders import ACCOUNT, Bodies, Json, nested, snapshot_of

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
LOCK = "in_meeting.meeting_summary_with_ai_companion"
SALES = Scope(Level.GROUP, "g1", "Sales")
ADA = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "active")
BOB = Scope(Level.USER, "u2", "Bob", "bob@example.com", (), 2, "active")
OTHER_ADA = Scope(Level.USER, "u3", "Ada", "ada.b@example.com", (), 2, "active")


def on(value: bool) -> Bodies:
    return {SETTINGS: nested(SUMMARY, value)}


def run(
    *, account_lock: bool = False, group_lock: bool = False, more: Sequence[Scope] = ()
) -> Snapshot:
    snapshot = snapshot_of(
        (ACCOUNT, {**on(False), LOCKS: nested(LOCK, account_lock)}),
        (SALES, {**on(True), LOCKS: nested(LOCK, group_lock)}),
        (ADA, on(True)),
        (BOB, on(False)),
        *((scope, on(False)) for scope in more),
    )
    return finished(snapshot, judgement("AI-01", depth=Level.USER))


def chain(snapshot: Snapshot, name: str = "ada@example.com") -> SettingChain:
    (found,) = explain(snapshot, name, FeatureSelection(settings=(SUMMARY,))).chains
    return found


def test_a_chain_leads_from_the_account_through_the_groups_to_the_person() -> None:
    found = chain(run())
    assert [(link.scope.label, link.state.value) for link in found.links] == [
        ("account", False),
        ("Sales", True),
        ("Ada", True),
    ]
    assert found.decided_by is Level.USER
    assert found.follows == SALES
    assert found.changeable_by == (Role.USER, Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN)
    assert [(each.control, each.status) for each in found.verdicts] == [("AI-01", Status.FAIL)]


def test_the_lock_of_the_group_decides_for_its_members() -> None:
    found = chain(run(group_lock=True))
    assert found.decided_by is Level.GROUP
    assert [link.scope.label for link in found.links if link.decides] == ["Sales"]
    assert found.changeable_by == (Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN)


def test_the_lock_of_the_account_decides_for_everybody() -> None:
    found = chain(run(account_lock=True), "Bob")
    assert found.decided_by is Level.ACCOUNT
    assert (found.locked, found.changeable_by) == (True, (Role.ACCOUNT_ADMIN,))


@pytest.mark.parametrize("account_lock", [True, False])
@pytest.mark.parametrize("group_lock", [True, False])
@pytest.mark.parametrize("name", ["u1", "u2", "Sales", "account"])
def test_a_chain_says_what_the_verdict_says(
    name: str, account_lock: bool, group_lock: bool
) -> None:
    found = chain(run(account_lock=account_lock, group_lock=group_lock), name)
    verdict = next(each for each in found.verdicts if each.kind == "value")
    assert verdict.observed == found.value.value
    assert (verdict.decided_by, verdict.locked) == (found.decided_by, found.locked)
    assert verdict.changeable_by == found.changeable_by


def test_groups_and_the_account_can_be_explained() -> None:
    assert [link.scope.label for link in chain(run(), "sales").links] == ["account", "Sales"]
    of_account = chain(run(), "account")
    assert [each.kind for each in of_account.verdicts] == ["value", "lock"]


def test_several_people_of_one_name_are_listed_with_their_addresses() -> None:
    with pytest.raises(AmbiguousName, match=r"ada@example\.com>, id u1\n.*ada\.b@example\.com"):
        chain(run(more=[OTHER_ADA]), "ada")
    assert chain(run(more=[OTHER_ADA]), "u3").links[-1].scope == OTHER_ADA


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("adda@example.com", 'Did you mean "ada@example.com"'),
        ("example", "These contain it:"),
        (" ", "empty"),
    ],
)
def test_a_name_that_nobody_has_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ScopeNotFound, match=hint):
        chain(run(), name)


def test_a_setting_that_people_do_not_have_shows_what_stands_above_them() -> None:
    setting = "chat.ai_summary.enable"
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: nested(setting, True)}), (BOB, {SETTINGS: {}}))
    snapshot = finished(snapshot, judgement("AI-01", depth=Level.USER))
    (found,) = explain(snapshot, "u2", FeatureSelection(settings=(setting,))).chains
    assert [link.scope.level for link in found.links] == [Level.ACCOUNT]
    assert (found.decided_by, found.changeable_by) == (None, ())


PHONE_SCOPES = (
    Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone"),
    Scope(Level.PHONE_GROUP, "g1", "Sales", group_ids=()),
    Scope(Level.PHONE_USER, "u1", "Ada", "ada@example.com", ("g1",)),
)


@pytest.mark.parametrize(
    ("name", "labels", "decided_by"),
    [
        ("u1", ["Zoom Phone", "Sales", "Ada"], Level.PHONE_ACCOUNT),
        ("g1", ["Zoom Phone", "Sales"], Level.PHONE_ACCOUNT),
        ("account", ["Zoom Phone"], Level.PHONE_ACCOUNT),
        ("u2", None, None),
    ],
)
def test_a_phone_setting_is_explained_from_the_phone_account_down(
    name: str, labels: list[str] | None, decided_by: Level | None
) -> None:
    setting = "voicemail_tasks.enable"
    body: Json = {"voicemail_tasks": {"enable": True, "locked": True, "locked_by": "account"}}
    at_account, in_group, of_person = PHONE_SCOPES
    snapshot = snapshot_of(
        (ACCOUNT, on(False)),
        (SALES, on(False)),
        (ADA, on(False)),
        (BOB, on(False)),
        (at_account, {PHONE_VIEWS[Level.PHONE_ACCOUNT]: body}),
        (in_group, {PHONE_VIEWS[Level.PHONE_GROUP]: body}),
        (of_person, {PHONE_VIEWS[Level.PHONE_USER]: {"policy": body}}),
    )
    snapshot = finished(snapshot, judgement("AI-16", depth=Level.USER))
    chains = explain(snapshot, name, FeatureSelection(settings=(setting,))).chains
    shown = [([link.scope.label for link in each.links], each.decided_by) for each in chains]
    assert shown == ([] if labels is None else [(labels, decided_by)])
    assert all("AI-16" in {v.control for v in each.verdicts} for each in chains)


def test_the_json_is_as_its_schema_says_and_the_text_fits_into_80_columns() -> None:
    explanation = explain(run(group_lock=True), "u1", FeatureSelection(everything=True))
    made = json.loads("".join(explain_output.as_json(explanation)))
    validator = jsonschema.Draft202012Validator(explain_output.schema())
    validator.check_schema(explain_output.schema())
    validator.validate(made)
    (row,) = (each for each in made["settings"] if each["setting"] == SUMMARY)
    assert row["decided_by"] == "group"
    assert [each["decides"] for each in row["chain"]] == [False, True, False]
    text = explain_output.as_text(explanation, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "Meeting summary with AI Companion: on" in text
    assert "group Sales: on, locked  <- decides" in text
    assert "AI-01: broken (critical), should be off" in text
