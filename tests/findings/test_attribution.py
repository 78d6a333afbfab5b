"""Attribution: the log entry that explains a change, and no other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from auditor.evidence.diff import SettingChange
from auditor.evidence.operation_log import LogEntry, entry
from auditor.evidence.read_plan import CHANGES, LOGS
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.findings.attribution import Attribution, OperationLog, log_reading, sentence
from auditor.findings.drift import ChangeKind, FindingChange, FindingState
from auditor.findings.model import Actor, FindingKind, Severity, Status

FROM, TO = parse_rfc3339("2022-12-16T18:00:00Z"), parse_rfc3339("2022-12-17T18:00:00Z")
SUMMARY = "in_meeting.meeting_summary.enable"
PASSCODE = "meeting_security.meeting_password"
WHO = "in_meeting.meeting_summary.who"
LENGTH = "security.password_requirement.minimum_password_length"
LABELS = {
    SUMMARY: ["Meeting summary", "Summaries"],
    WHO: ["Share summary with"],
    PASSCODE: ["Require a passcode when scheduling new meetings"],
    LENGTH: ["Sign-In Password Requirement - Have at least specified length of characters"],
    "recording.local_recording": ["Local recording"],
}
ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")
SALES = Scope(Level.GROUP, "g1", "Sales")
EMEA = Scope(Level.GROUP, "g2", "Sales - EMEA")
ANN = Scope(Level.USER, "u1", "Ann Lee", "ann@example.com", ("g1",))
GROUPS = {"g1": "Sales", "g2": "Sales - EMEA"}


def line(
    detail: str, at: str = "2022-12-16 19:00:00", operator: str = "ada", category: str = "Account"
) -> LogEntry:
    row = {"time": at, "operator": operator, "category_type": category}
    return entry({**row, "operation_detail": detail})


def who(
    *log: LogEntry,
    scope: Scope = ACCOUNT,
    setting: str = SUMMARY,
    before: Any = False,
    after: Any = True,
    is_lock: bool = False,
    labels: Mapping[str, list[str]] = LABELS,
) -> str | None:
    """The operator, or None."""
    found = Attribution(log, labels, (FROM, TO), GROUPS).actor_for(
        scope, setting, before, after, is_lock=is_lock
    )
    return None if found is None else found.operator


ON = "Settings  - Meeting summary: from Off to On"
OFF = "Settings  - Meeting summary: from On to Off"


def test_an_entry_about_the_setting_tells_who_when_and_in_which_words() -> None:
    found = Attribution([line(ON)], LABELS, (FROM, TO)).actor_for(
        ACCOUNT, SUMMARY, False, True, is_lock=False
    )
    assert found == Actor("ada", parse_rfc3339("2022-12-16T19:00:00Z"), ON)


@pytest.mark.parametrize("label", ["MEETING  SUMMARY", "Summaries", "meeting-summary"])
def test_any_name_of_the_setting_serves_however_it_is_written(label: str) -> None:
    assert who(line(f"AI  - {label}: from Off to On")) == "ada"


def test_another_setting_explains_nothing() -> None:
    assert who(line("Settings  - Meeting summary template: from Off to On")) is None
    assert who(line(ON), setting=PASSCODE) is None


def test_a_setting_without_a_name_is_explained_by_nothing() -> None:
    assert who(line(ON), setting="in_meeting.unheard_of") is None


def test_a_change_in_the_other_direction_explains_nothing() -> None:
    assert who(line(OFF)) is None
    assert who(line(OFF), before=True, after=False) == "ada"


def test_if_the_value_before_is_not_known_the_one_after_decides() -> None:
    assert who(line(ON), before=None) == "ada"
    assert who(line(OFF), before=None) is None


def test_the_latest_of_several_fitting_entries_wins() -> None:
    log = [
        line(ON, "2022-12-16 20:00:00", "bob"),
        line(OFF, "2022-12-16 20:30:00", "cyd"),
        line(ON, "2022-12-16 21:00:00", "dan"),
        line(ON, "2022-12-16 19:00:00", "eve"),
    ]
    assert who(*log) == who(*reversed(log)) == "dan"


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2022-12-16 17:44:59", False),
        ("2022-12-16 17:45:00", True),
        ("2022-12-17 18:15:00", True),
        ("2022-12-17 18:15:01", False),
        ("2022-12-17T13:00:00-05:00", True),
        ("", False),
        ("once", False),
    ],
)
def test_an_entry_has_to_lie_between_the_runs_give_or_take_the_clocks(
    at: str, counts: bool
) -> None:
    assert (who(line(ON, at)) is not None) is counts


@pytest.mark.parametrize(
    ("detail", "before", "after", "fits"),
    [
        ("from 1 to 4", 1, 4, True),
        ("from 1 to 3", 1, 4, False),
        ("from 2 to 4", 1, 4, False),
        ("from Only host to Everyone", 1, 4, True),
        ("from Off to On", 1, 4, False),
        ("set to Everyone", None, "everyone", True),
        ("from Open to hosts to Everyone", "a", "b", True),
    ],
)
def test_a_choice_in_the_portals_words_fits_any_value_but_a_number_only_itself(
    detail: str, before: Any, after: Any, fits: bool
) -> None:
    found = who(
        line(f"Settings  - Share summary with: {detail}"), setting=WHO, before=before, after=after
    )
    assert (found is not None) is fits


def test_the_section_tells_equal_labels_apart() -> None:
    words = "Have at least specified length of characters: from 14 to 8"
    args: dict[str, Any] = {"setting": LENGTH, "before": 14, "after": 8}
    assert who(line(f"Sign-In Password Requirement  - {words}"), **args) == "ada"
    assert who(line(f"Recording Passcode Requirement  - {words}"), **args) is None


# Groups and users


GROUP_ON = "Edit Group Sales  - Meeting summary: from Off to On"


def test_a_group_is_known_by_its_name() -> None:
    assert who(line(GROUP_ON, category="User Group"), scope=SALES) == "ada"
    assert who(line(GROUP_ON, category="User Group"), scope=EMEA) is None


def test_case_and_spaces_of_a_groups_name_do_not_matter() -> None:
    assert who(line("Edit group  SALES  - Meeting summary: from Off to On"), scope=SALES) == "ada"
    assert who(line("edit group SALES  - Meeting summary: from Off to On"), scope=SALES) == "ada"


def test_a_group_whose_name_begins_with_another_ones_is_not_taken_for_it() -> None:
    entry = line("Edit Group Sales - EMEA  - Meeting summary: from Off to On")
    assert who(entry, scope=EMEA) == "ada"
    assert who(entry, scope=SALES) is None
    other = line("Edit Group Sales EMEA  - Meeting summary: from Off to On")
    assert who(other, scope=SALES) is None


def test_what_a_group_was_given_does_not_explain_the_account() -> None:
    assert who(line(GROUP_ON)) is None
    assert who(line("Meeting summary: from Off to On", category="User Group")) is None
    assert who(line("Meeting summary: from Off to On", category="User")) is None


def test_a_group_may_have_followed_the_account() -> None:
    assert who(line(ON), scope=SALES) == "ada"


@pytest.mark.parametrize("name", ["ann@example.com", "ANN@example.com", "u1", "Ann Lee"])
def test_a_user_is_known_by_address_id_or_name(name: str) -> None:
    entry = line(f"Update User {name}  - Meeting summary: from Off to On", category="User")
    assert who(entry, scope=ANN) == "ada"


def test_a_user_named_with_the_address_in_brackets_is_known() -> None:
    detail = "Edit User Ann (ann@example.com)  - Meeting summary: from Off to On"
    assert who(line(detail, category="User"), scope=ANN) == "ada"


def test_another_user_or_none_explains_nothing() -> None:
    for name in ("joann@example.com", "Ann", ""):
        entry = line(f"Update User {name}  - Meeting summary: from Off to On", category="User")
        assert who(entry, scope=ANN) is None


def test_a_user_may_have_followed_a_group_or_the_account() -> None:
    assert who(line(GROUP_ON, category="User Group"), scope=ANN) == "ada"
    assert who(line(ON), scope=ANN) == "ada"
    stranger = line("Edit Group Legal  - Meeting summary: from Off to On", category="User Group")
    assert who(stranger, scope=ANN) is None


def test_the_nearest_layer_counts_before_the_latest_entry() -> None:
    own = line("Update User u1  - Meeting summary: from Off to On", category="User", operator="own")
    group = line(GROUP_ON, "2022-12-16 20:00:00", "group", "User Group")
    account = line(ON, "2022-12-16 21:00:00", "account")
    assert who(account, group, own, scope=ANN) == "own"
    assert who(account, group, scope=ANN) == "group"
    assert who(account, group, scope=SALES) == "group"


@pytest.mark.parametrize("level", sorted({*Level} - {Level.ACCOUNT, Level.GROUP, Level.USER}))
def test_what_the_log_does_not_have_is_explained_by_nothing(level: Level) -> None:
    assert who(line(ON), scope=Scope(level, "x")) is None


# Locks


UNLOCKED = "Settings  - Meeting summary locked: from On to Off"


def test_a_lock_is_explained_by_an_entry_about_the_lock_alone() -> None:
    lock: dict[str, Any] = {"before": True, "after": False, "is_lock": True}
    assert who(line(UNLOCKED), **lock) == "ada"
    assert who(line(OFF), **lock) is None
    assert who(line(UNLOCKED), before=True, after=False) is None


def test_a_lock_that_was_set_does_not_explain_one_that_was_taken_off() -> None:
    entry = line("Settings  - Lock Meeting summary: from Off to On")
    assert who(entry, before=True, after=False, is_lock=True) is None
    assert who(entry, before=False, after=True, is_lock=True) == "ada"


def test_the_lock_of_a_whole_feature_goes_by_the_names_of_its_settings() -> None:
    lock: dict[str, Any] = {"before": True, "after": False, "is_lock": True}
    assert who(line(UNLOCKED), setting="in_meeting.meeting_summary", **lock) == "ada"


# Changes of findings and of documents


def state(status: Status, observed: Any, kind: FindingKind = FindingKind.VALUE) -> FindingState:
    return FindingState(
        "f", "AI-01", kind, ACCOUNT, SUMMARY, status, Severity.HIGH, observed=observed
    )


def test_a_finding_is_explained_by_what_it_shows() -> None:
    attribution = Attribution([line(ON), line(UNLOCKED, operator="bob")], LABELS, (FROM, TO))
    value = FindingChange(ChangeKind.REGRESSED, None, state(Status.FAIL, True))
    lock = FindingChange(ChangeKind.REGRESSED, None, state(Status.FAIL, False, FindingKind.LOCK))
    assert [a and a.operator for a in map(attribution.actor, (value, lock))] == ["ada", "bob"]
    assert (
        attribution.actor(FindingChange(ChangeKind.IMPROVED, state(Status.FAIL, True), None))
        is None
    )


def test_what_was_put_right_is_explained_by_the_value_it_had() -> None:
    attribution = Attribution([line(OFF)], LABELS, (FROM, TO))
    assert (
        attribution.actor(FindingChange(ChangeKind.IMPROVED, state(Status.FAIL, True), None))
        is not None
    )


def test_a_setting_that_no_control_looks_at_is_explained_likewise() -> None:
    attribution = Attribution([line(ON), line(UNLOCKED, operator="bob")], LABELS, (FROM, TO))
    value = SettingChange(ACCOUNT, "GET /accounts/me/settings", SUMMARY, False, True)
    lock = SettingChange(
        ACCOUNT, "GET /accounts/me/lock_settings", "in_meeting.meeting_summary", True, False
    )
    assert [a and a.operator for a in map(attribution.actor_of, (value, lock))] == ["ada", "bob"]


# Recorded entries, anonymised and shortened


RECORDED = [
    ("2022-12-16 18:22:17", "Security  - Require a passcode when scheduling new meetings: "),
    ("2022-12-16 18:15:38", "Security  - Require that all meetings are secured with one option: "),
]


def test_a_recorded_entry_without_a_zone_is_understood() -> None:
    log = [
        line(f"{words}{turn}", at, operator)
        for at, words in RECORDED
        for turn, operator in (("from On to Off", "off@x"), ("from Off to On", "on@x"))
    ]
    assert who(*log, setting=PASSCODE, before=True, after=False) == "off@x"
    assert who(*log, setting=PASSCODE, before=False, after=True) == "on@x"


def test_a_recorded_entry_about_a_group_is_understood() -> None:
    labels = {"meeting_security.pmi_password": ["Personal Meeting ID (PMI) Passcode"]}
    detail = "Edit Group Springfield  - Personal Meeting ID (PMI) Passcode: from On to Off"
    entry = line(detail, "2022-12-16 19:37:24Z", "op@x", "User Group")
    group = Scope(Level.GROUP, "g9", "Springfield")
    args: dict[str, Any] = {"setting": "meeting_security.pmi_password", "labels": labels}
    assert who(entry, scope=group, before=True, after=False, **args) == "op@x"
    assert who(entry, scope=SALES, before=True, after=False, **args) is None


def test_a_recorded_entry_with_many_changes_explains_each() -> None:
    detail = (
        "Sign-In Password Requirement  - Have at least specified length of characters: from 8 to 14"
        " - Include at least 1 letter: from On to Off - Include at least 1 number: from On to Off"
    )
    assert who(line(detail), setting=LENGTH, before=8, after=14) == "ada"


def test_an_entry_about_a_chat_channel_explains_no_setting() -> None:
    detail = "Update a Channel X  - Meeting summary: set to On"
    assert who(line(detail, category="Channels")) is None
    assert who(line(detail)) == "ada"


def test_a_role_that_was_changed_explains_no_setting() -> None:
    assert who(line("Change Role  - Meeting summary: from User to Co-Owner")) is None


# What runs read of the log


READ_AT = format_rfc3339(TO)


def run(outcomes: Mapping[View, Outcome], since: datetime | None = None) -> Snapshot:
    made = Snapshot.create()
    made.add_scope(ACCOUNT)
    for view, outcome in outcomes.items():
        made.record(ACCOUNT, view, outcome)
    if since:
        made.set_metadata("changes_since", format_rfc3339(since))
    return made


def document(*rows: Any, read: Any = None) -> Document:
    body = {"entries": list(rows), "read": read}
    return Document(body, "GET /report/operationlogs?category_type=all", READ_AT)


ROW = {"time": "2022-12-16T19:00:00.000Z", "operator": "ada", "operation_detail": ON}
REFUSED = ReadFailure(Unseen(Cause.DENIED, "Zoom refused it: add a scope."), "GET /x", READ_AT)


def test_what_a_run_read_is_reported_with_its_number_and_begin() -> None:
    found = log_reading(run({CHANGES: document(ROW, read=7)}, FROM))
    assert (found.read, found.since, found.refusal) == (7, FROM, None)
    assert [each.operator for each in found.entries] == ["ada"]


def test_what_several_runs_read_is_put_together_once() -> None:
    later = document({**ROW, "time": "2022-12-17T19:00:00Z"}, ROW, read=3)
    found = log_reading(run({CHANGES: document(ROW, read=2)}, FROM), run({CHANGES: later}, TO))
    assert [each.time and each.time.day for each in found.entries] == [16, 17]
    assert (found.since, found.read) == (FROM, 5)


def test_no_run_knows_more_than_six_months() -> None:
    found = log_reading(run({CHANGES: document()}, parse_rfc3339("2020-01-01T00:00:00Z")))
    assert found.since == parse_rfc3339("2022-06-20T18:00:00Z")


def test_what_was_read_for_controls_serves_where_nothing_else_was() -> None:
    row = {"time": ROW["time"], "operator": "ada", "category": "Account", "detail": ON}
    found = log_reading(run({CHANGES: REFUSED, LOGS: document(row)}))
    assert [each.detail for each in found.entries] == [ON]
    assert (found.since, found.refusal) == (parse_rfc3339("2022-11-18T18:00:00Z"), None)


def test_a_refusal_is_reported() -> None:
    assert log_reading(run({CHANGES: REFUSED})).refusal == REFUSED.unseen


def test_a_run_that_did_not_ask_knows_nothing() -> None:
    assert log_reading(run({})) == OperationLog()


# In words


def test_the_sentence_tells_how_much_was_read_and_what_it_explains() -> None:
    reading = OperationLog([line(ON)], 214, FROM)
    assert sentence(reading, FROM, 5, 3) == (
        "Zoom's operation log was read from 2022-12-16 18:00 UTC on: 214 entries, 1 about settings."
        " It shows who made 3 of 5 changes. No entry could be matched to the other 2: the log "
        "leaves out what people change in their own settings, and names settings in the portal's "
        "words."
    )


@pytest.mark.parametrize(
    ("changes", "explained", "expected"),
    [
        (0, 0, "entry, 0 about settings."),
        (1, 1, "It shows who made 1 of 1 change."),
        (2, 0, "It shows who made 0 of 2 changes. No entry could be matched to them:"),
        (1, 0, "It shows who made 0 of 1 change. No entry could be matched to it:"),
        (3, 2, "It shows who made 2 of 3 changes. No entry could be matched to the other one:"),
    ],
)
def test_the_sentence_is_right_for_none_one_and_many(
    changes: int, explained: int, expected: str
) -> None:
    text = sentence(OperationLog([], 1, FROM), FROM, changes, explained)
    assert expected in text
    assert ("matched" in text) is (changes > explained)


def test_a_log_that_begins_too_late_is_no_silence() -> None:
    text = sentence(OperationLog([], 1, TO), FROM, 1, 0)
    assert "was read from 2022-12-17 18:00 UTC on" in text
    assert "What was entered before that is not known." in text
    assert "not known" not in sentence(OperationLog([], 1, FROM), FROM, 1, 0)


def test_a_log_that_could_not_be_read_is_reported_with_what_to_do() -> None:
    text = sentence(OperationLog(refusal=REFUSED.unseen), FROM, 3, 0)
    assert text.endswith("could not be read: Zoom refused it: add a scope.")
    assert "cause is: error." in sentence(OperationLog(refusal=Unseen(Cause.ERROR)), FROM, 3, 0)


def test_a_log_that_was_not_requested_is_reported() -> None:
    assert "neither run read" in sentence(OperationLog(), FROM, 3, 0)
