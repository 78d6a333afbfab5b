"""The operation log as real accounts returned it: every entry is read, and what it tells."""

from typing import Any

import pytest

from auditor.evidence.operation_log import LogEntry, entry, is_change, parse_changes
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.attribution import Attribution
from auditor.policy.catalogue import word_lists
from tests.real_input.conftest import Read

pytestmark = pytest.mark.real_input

FILES = ("grove-page1", "grove-page2", "xsoar-get", "xsoar-lastpage", "zoomnet-docs")
EVER = (parse_rfc3339("2000-01-01T00:00:00.000Z"), parse_rfc3339("2099-01-01T00:00:00.000Z"))
ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")


def rows(payload: Read) -> list[dict[str, Any]]:
    listed = [payload(f"report_operationlogs_GET--{name}")["operation_logs"] for name in FILES]
    entries: list[dict[str, Any]] = payload("report_operationlogs_GET.entries--panther")
    return [row for each in listed for row in each] + entries


def found(payload: Read) -> list[LogEntry]:
    return [entry(row) for row in rows(payload)]


def test_every_entry_has_an_operator_and_every_time_is_understood(payload: Read) -> None:
    for row in rows(payload):
        assert entry(row).operator == row["operator"]
        assert bool(entry(row).time) is ("time" in row)


def test_every_text_with_from_and_to_tells_a_change(payload: Read) -> None:
    for each in found(payload):
        assert is_change(each.detail) is (": from " in each.detail)


def test_no_label_holds_a_value(payload: Read) -> None:
    for each in found(payload):
        for told in parse_changes(each.detail):
            assert " from " not in f" {told.label} "


@pytest.mark.parametrize(
    ("scope", "setting", "before", "after"),
    [
        (ACCOUNT, "meeting_security.meeting_password", True, False),
        (ACCOUNT, "meeting_security.meeting_password", False, True),
        (ACCOUNT, "meeting_security.auto_security", True, False),
        (ACCOUNT, "security.password_requirement.minimum_password_length", 8, 14),
        (Scope(Level.GROUP, "g", "Springfield"), "meeting_security.pmi_password", True, False),
    ],
)
def test_a_setting_that_the_entries_tell_of_is_explained(
    payload: Read, scope: Scope, setting: str, before: Any, after: Any
) -> None:
    told = Attribution(found(payload), word_lists.portal_labels().names, EVER)
    actor = told.actor_for(scope, setting, before, after, is_lock=False)
    assert actor is not None
    assert actor.operator.endswith("@example.com")


def test_settings_that_the_entries_do_not_tell_of_are_not(payload: Read) -> None:
    told = Attribution(found(payload), word_lists.portal_labels().names, EVER)
    explained = {
        setting
        for setting in word_lists.portal_labels().names
        if told.actor_for(ACCOUNT, setting, None, None, is_lock=False)
    }
    assert explained == {
        "meeting_security.auto_security",
        "meeting_security.meeting_password",
        "schedule_meeting.require_password_for_scheduling_new_meetings",
        "security.password_requirement.minimum_password_length",
        "security.sign_in_with_two_factor_auth",
    }
