"""An account served by somebody else: every planted deviation is found, and none invented."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import other_zoom
from tests.end_to_end.conftest import Auditor, keys
from tests.end_to_end.other_zoom import OtherZoom

Report = dict[str, Any]
Audited = tuple[Auditor, OtherZoom, Report]


@pytest.fixture(scope="module")
def audited(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Audited]:
    with other_zoom.serve(OtherZoom()) as account:
        auditor = Auditor(tmp_path_factory.mktemp("other"), account)
        yield auditor, account, auditor.report("--baseline", "strict", "--include-passes")


@pytest.fixture(scope="module")
def report(audited: Audited) -> Report:
    return audited[2]


def failed(report: Report, kind: str) -> set[tuple[str, str, str]]:
    return {
        (level, scope, setting) for level, scope, _, setting, found in keys(report) if found == kind
    }


def statuses(report: Report, level: str, scope: str, setting: str) -> set[tuple[str, str]]:
    return {
        (finding["status"], finding["cause"])
        for finding in report["findings"]
        if (finding["scope"]["level"], finding["scope"]["id"]) == (level, scope)
        and finding["setting"] == setting
        and finding["kind"] == "value"
    }


def test_every_planted_value_is_found_and_none_invented(report: Report) -> None:
    assert failed(report, "value") == other_zoom.VALUES


def test_every_open_lock_is_found_and_none_invented(report: Report) -> None:
    expected = {("account", other_zoom.ACCOUNT, setting) for setting in other_zoom.LOCKS}
    assert failed(report, "lock") == expected


def test_a_new_setting_that_speaks_of_ai_is_a_deviation(report: Report) -> None:
    place = ("account", other_zoom.ACCOUNT, "in_meeting.ai_mood_reader")
    assert failed(report, "uncovered") == {place}


def test_users_of_every_page_and_status_are_judged_and_invited_ones_counted(
    report: Report,
) -> None:
    assert report["summary"]["coverage"] == {"account": 1, "group": 2, "user": 5}
    assert report["summary"]["pending_users"] == 1


@pytest.mark.parametrize(
    ("level", "scope", "setting", "outcome"),
    [
        (
            "account",
            other_zoom.ACCOUNT,
            "in_meeting.ai_companion_questions.who_can_ask_questions",
            ("unknown", "wrong_type"),
        ),
        (
            "user",
            other_zoom.TEXTUAL,
            "in_meeting.meeting_summary_with_ai_companion.enable",
            ("unknown", "wrong_type"),
        ),
        ("user", other_zoom.TEXTUAL, "recording.local_recording", ("unknown", "wrong_type")),
        (
            "account",
            other_zoom.ACCOUNT,
            "recording.smart_recording.create_next_steps",
            ("unknown", "absent"),
        ),
        ("account", other_zoom.ACCOUNT, "recording.local_recording", ("pass", None)),
        ("account", other_zoom.ACCOUNT, "security.signin_with_sso.enable", ("pass", None)),
        ("group", other_zoom.OPS, "meeting_security.waiting_room", ("pass", None)),
        ("user", other_zoom.PLAIN, "meeting_security.waiting_room", ("pass", None)),
        ("user", other_zoom.PLAIN, "meeting_authentication", ("pass", None)),
        ("user", other_zoom.PLAIN, "recording.auto_recording", ("unknown", "absent")),
    ],
)
def test_what_is_right_passes_and_what_cannot_be_told_is_unknown(
    report: Report, level: str, scope: str, setting: str, outcome: tuple[str, str | None]
) -> None:
    assert statuses(report, level, scope, setting) == {outcome}


def test_locks_that_are_objects_are_understood(report: Report) -> None:
    locks = {f["setting"]: f["status"] for f in report["findings"] if f["kind"] == "lock"}
    assert locks["in_meeting.meeting_summary_with_ai_companion.enable"] == "pass"
    assert locks["recording.local_recording"] == "fail"


def test_a_user_without_name_is_shown_by_address(report: Report) -> None:
    names = {f["scope"]["id"]: f["scope"]["name"] for f in report["findings"]}
    assert "plain@example.com" in names[other_zoom.PLAIN]
    assert "Loud Speaker" in names[other_zoom.LOUD]


def test_phone_and_roles_that_cannot_be_read_pass_nothing(report: Report) -> None:
    passed = {f["control"] for f in report["findings"] if f["status"] == "pass"}
    assert passed.isdisjoint({"AI-16", "CN-11", "EN-04", "RT-05"})
    unread = {f["control"]: f["cause"] for f in report["findings"] if f["status"] == "unknown"}
    assert unread["EN-04"] in ("error", "not_licensed")


def test_only_reads_were_made(audited: Audited) -> None:
    """The server answers GET alone; anything else would have been a 501 and an error."""
    assert audited[1].asked
    assert not any("501" in error["message"] for error in audited[2]["errors"])


def test_the_account_may_be_audited_again_offline(
    audited: Audited,
) -> None:
    auditor, account, report = audited
    asked = len(account.asked)
    again = auditor("audit", "--from", "latest", "--include-passes", "--format", "json")
    assert again.report == report
    assert len(account.asked) == asked
