"""What a step says about the use that it ends: only what the reports of the run hold."""

import pytest

from auditor.evidence.read_plan import SUMMARIES, history
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.fix.observed_use import ObservedUse

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
AT = "2026-11-29T08:00:00Z"
DENIED = ReadFailure(Unseen(Cause.DENIED, "no scope"), "GET /report/history_meetings", AT)
BEGIN = "In the 30 days before the run, "


def host(meetings: JsonValue, unclear: int = 0) -> dict[str, JsonValue]:
    return {"host": "a@example.com", "groups": [], "meetings": meetings, "unclear": unclear}


def report(view: View, *hosts: JsonValue, off: str = "") -> dict[View, Outcome]:
    return {view: Document({"hosts": [*hosts], "off": off}, "GET", AT)}


USED = BEGIN + "2 hosts in the account used AI meeting summaries in 5 meetings."
ONE = BEGIN + "1 host in the account used AI meeting summaries in 1 meeting."
UNREAD = "How much people use AI meeting summaries was not read."
HISTORY = history("meeting_summary")


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        (report(HISTORY, host(4), host(1)), USED),
        (report(HISTORY), BEGIN + "no meeting in the account used AI meeting summaries."),
        (
            report(HISTORY, host(0, 2)),
            BEGIN + "no meeting in the account is known to have used AI meeting summaries. "
            "Of 2 further meetings, the report does not say.",
        ),
        ({HISTORY: DENIED, **report(SUMMARIES, host(1))}, ONE),
        ({HISTORY: DENIED, **report(SUMMARIES, off="Meeting summary disabled.")}, UNREAD),
        (report(HISTORY, host("4")), UNREAD),
        ({}, UNREAD),
    ],
)
def test_a_step_tells_the_use_that_the_reports_hold_and_nothing_else(
    outcomes: dict[View, Outcome], sentence: str
) -> None:
    assert ObservedUse(outcomes).sentences([SUMMARY]) == (sentence,)


def test_settings_that_no_report_tells_are_named_in_one_sentence() -> None:
    settings = ["chat.ai_summary.enable", "recording.local_recording", "recording.cloud_recording"]
    (sentence,) = ObservedUse({}).sentences(settings)
    assert sentence.endswith(", local recording and cloud recording was not read.")
