"""The message: short, escaped, and without names unless they were requested."""

import re
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.diff import SettingChange
from auditor.evidence.scope import Level, Scope
from auditor.findings.drift import ChangeKind
from auditor.findings.model import FindingKind, Severity, Status
from auditor.notify.message import MOST_LINES, Urgency, compose, sample_message
from auditor.notify.triggers import RunEvent
from auditor.policy.catalogue.portal import RulePlace
from tests.notify.news import (
    OPERATOR,
    RECORDING,
    SUMMARY,
    YESTERDAY,
    change,
    facts,
    group,
    news,
    user,
    waiver,
)

HOSTILE = "<!channel> [x](https://evil.example) @everyone `b` *c*\n# d \u202e"


def everything(**more: Any) -> RunEvent:
    """A night with every kind of event."""
    changes = [
        *(change(scope=user(n, f"Person {n}"), by=OPERATOR) for n in range(12)),
        *(
            change(ChangeKind.REGRESSED, group(), f"RC-{n:02}", RECORDING, Severity.HIGH)
            for n in range(20)
        ),
        *(change(ChangeKind.NEWLY_UNKNOWN, control=f"SH-{n:02}") for n in range(20)),
        *(change(ChangeKind.IMPROVED, control=f"RG-{n:02}") for n in range(20)),
    ]
    waivers = [waiver("2026-11-28", control=f"RC-{n:02}") for n in range(20)]
    made = news(*changes, later=facts(complete=False), waivers=waivers, account="acme")
    return replace(made, **more)


def test_the_subject_says_it_all() -> None:
    message = compose(
        news(
            *(change(scope=user(n)) for n in range(12)),
            change(scope=group(), control="RC-02", severity=Severity.HIGH),
            waivers=[waiver("2026-11-28")],
            account="acme",
        )
    )
    facts = re.findall(r"acme|\d+ critical|\d+ people|\d+ waiver", message.subject)
    assert facts == ["acme", "1 critical", "12 people", "1 waiver"]


def test_the_message_says_what_changed_since_when_and_where_to_look() -> None:
    message = compose(news(change(scope=group(), by=OPERATOR), account="acme"))
    facts = (
        ("2026-11-20 02:14 UTC",),
        ("Meeting summary", '1 group "Clinical Ops"', "2026-11-20 09:31 UTC", "AI-01, critical"),
        ("2 of 85 rules are broken (1 critical, 1 high), at 3 people.",),
        ("q6gBJVO5TzexKYTb_I2rpg", "consent-first", "2026-11-21 02:14 UTC"),
        ("/srv/audit/report.html",),
        ("auditor diff 20261120-1 20261121-1",),
    )
    for line, expected in zip(message.body.text.splitlines(), facts, strict=True):
        assert all(fact in line for fact in expected), line


def test_markdown_keeps_each_line_a_line() -> None:
    message = compose(news(change(scope=group()), change(scope=group(), control="RC-02")))
    heading, rows, ends = message.body.markdown.split("\n\n")[:3]
    assert heading.startswith("**")
    assert re.findall(r"^- .*Rule (\S+),", rows, re.MULTILINE) == ["AI-01", "RC-02"]
    assert not ends.startswith("- ")


def test_a_night_on_which_everything_happened_fits_fifteen_lines() -> None:
    message = compose(everything())
    lines = message.body.text.splitlines()
    assert len(lines) <= MOST_LINES
    assert message.body.length <= 1900
    assert len(message.subject) <= 120
    assert "(the first 2 of 21 kinds)" in lines[0]
    for heading in ("Worse", "No answer", "Evidence incomplete", "Waivers", "Better"):
        assert any(line.startswith(heading) for line in lines), heading


def test_services_that_take_little_get_fewer_rows_and_the_same_ends() -> None:
    changes = (change(scope=group(), control=f"RC-{n:02}") for n in range(20))
    message = compose(news(*changes, account="acme"))
    assert len(message.subject) + message.brief.length < 1000 < message.body.length
    assert message.brief.text.splitlines()[-4:] == message.body.text.splitlines()[-4:]
    assert "of 20 kinds)" in message.brief.text.splitlines()[0]


def test_one_setting_at_several_levels_is_one_row() -> None:
    message = compose(
        news(
            *(change(scope=user(n)) for n in range(1200)),
            change(scope=Scope(Level.ACCOUNT, "a", "Acme")),
            change(scope=group()),
        )
    )
    rows = [line for line in message.body.text.splitlines() if line.startswith("- ")]
    assert len(rows) == 1
    assert 'the account, 1 group "Clinical Ops", 1,200 people' in rows[0]
    assert re.findall(r"\d[\d,]*", message.subject) == ["1", "1,200"]


def test_names_of_several_people_are_one_example() -> None:
    message = compose(news(*(change(scope=user(n, f"Person {n}")) for n in range(3))), names=True)
    assert '3 people such as "Person 0"' in message.body.text


def test_commands_can_be_copied_and_settings_are_named_not_keyed() -> None:
    setting = "derived:compare(user_settings, account_settings)"
    message = compose(news(change(setting=setting, scope=group()), titles={}))
    assert "derived" not in message.body.markdown
    assert "Details: `auditor diff 20261120-1 20261121-1`" in message.body.markdown


def test_a_row_says_from_what_to_what_and_how_to_undo_it() -> None:
    made = news(change(scope=group()))
    assert made.drift is not None
    (changed,) = made.drift.changes
    assert changed.after is not None
    changed = replace(changed, after=replace(changed.after, observed=True))
    rule = RulePlace("Account Management > Account Settings > AI Companion tab", False)
    switched = SettingChange(group(), "GET /groups/g/settings", SUMMARY, False, True)
    drift = replace(made.drift, changes=[changed], settings=[switched])
    row = compose(replace(made, drift=drift, fixes={"AI-01": rule})).body.text.splitlines()[1]
    assert row.startswith("- Meeting summary with AI Companion: off → on for 1 group")
    assert row.endswith(
        f"To undo: User Management › Groups › {group().name} › Settings › AI Companion tab › "
        "Meeting › Meeting summary."
    )


def test_what_became_unlocked_is_locked_again_at_its_own_place() -> None:
    made = news(change(setting="recording.local_recording", kind=FindingKind.LOCK))
    rule = RulePlace("Account Management > Account Settings > Recording", False)
    row = compose(replace(made, fixes={"AI-01": rule})).body.text.splitlines()[1]
    assert row.endswith(
        "Settings › Recording, there the setting “Local recording”, and press the lock beside it."
    )


def test_a_value_that_may_name_people_is_not_shown() -> None:
    made = news(change(scope=group()))
    assert made.drift is not None
    (changed,) = made.drift.changes
    assert changed.after is not None
    changed = replace(changed, after=replace(changed.after, observed=["kim@example.com"]))
    text = compose(replace(made, drift=replace(made.drift, changes=[changed]))).body.text
    assert "kim" not in text


def test_an_account_that_the_subject_names_is_not_named_again() -> None:
    message = compose(news(account="q6gBJVO5TzexKYTb_I2rpg"))
    assert "q6gBJVO5TzexKYTb_I2rpg" in message.subject
    assert "q6gBJVO5TzexKYTb_I2rpg" not in message.body.text


def test_what_is_put_right_is_distinguished_from_what_is_known_again() -> None:
    message = compose(
        news(change(ChangeKind.IMPROVED), change(ChangeKind.KNOWN_AGAIN, control="SH-01"))
    )
    assert re.findall("1 setting put right|1 setting known again", message.subject) == [
        *("1 setting put right", "1 setting known again")
    ]


def test_the_worst_comes_first() -> None:
    message = compose(
        news(
            change(scope=group(), severity=Severity.LOW, control="ZZ-01"),
            change(ChangeKind.WAIVER_LAPSED, group(), severity=Severity.CRITICAL, control="AI-01"),
        )
    )
    rows = [line for line in message.body.text.splitlines() if line.startswith("- ")]
    assert rows[0].endswith("AI-01, critical.")
    assert "waiver" in rows[0]


def test_people_are_counted_and_not_named() -> None:
    made = news(
        *(change(scope=user(n, "Dana Levi"), by=OPERATOR) for n in range(3)),
        change(scope=Scope(Level.MEETING, "m1", "Merger with Contoso"), control="MT-01"),
        waivers=[waiver("2026-11-28", scope="level user, user Dana Levi")],
    )
    message = compose(made)
    for text in (message.subject, message.body.text, message.body.markdown):
        assert "3 people" in text or text is message.subject
        for name in ("Dana", "Merger", "admin", "kim", "u0", "m1"):
            assert name not in text


def test_people_are_named_where_that_was_requested() -> None:
    made = news(change(by=OPERATOR), waivers=[waiver("2026-11-28", scope="user Dana Levi")])
    message = compose(made, names=True)
    assert (
        '1 person "Dana Levi". Changed 2026-11-20 09:31 UTC by "admin(at)example․com"'
        in message.body.text
    )
    assert 'RC-02 for "user Dana Levi" ends on 2026-11-28, in 7 days' in message.body.text
    assert 'owner "kim(at)example․com"' in message.body.text


@pytest.mark.parametrize("names", [True, False])
def test_no_name_from_zoom_can_write_markup_links_or_mentions(names: bool) -> None:
    operator = replace(OPERATOR, operator=HOSTILE)
    made = news(
        change(scope=group(HOSTILE), by=operator, setting=f"recording.{HOSTILE}"),
        change(scope=user(1, HOSTILE), control=HOSTILE),
        waivers=[waiver("2026-11-28", scope=f"group {HOSTILE}", owner=HOSTILE)],
        titles={"AI-01": HOSTILE},
        account=HOSTILE,
    )
    message = compose(replace(made, failure=HOSTILE), names)
    for text in (message.subject, message.body.text, message.body.markdown):
        for mark in ("<", ">", "@", "[", "]", "://", "evil.example", "\u202e", "# d", "`b`", "*c*"):
            assert mark not in text, (mark, text)


def test_a_link_to_the_report_can_be_clicked() -> None:
    made = replace(news(change()), report="https://reports.example.com/zoom/1?a=b")
    assert "Report: https://reports.example.com/zoom/1?a=b" in compose(made).body.text


def test_a_path_of_the_report_cannot_write_markup() -> None:
    made = replace(news(change()), report="/srv/`<!here>`\n/report.html")
    assert "Report: `/srv/!here/report.html`" in compose(made).body.markdown


def test_a_run_that_stopped_says_why_without_secrets() -> None:
    made = RunEvent(
        None,
        facts("before", YESTERDAY),
        failure="Zoom refused it: https://api.zoom.us/x?access_token=SECRET123.",
        account="acme",
    )
    message = compose(made)
    assert "acme could not run" in message.subject
    assert "Zoom refused it" in message.body.text
    assert "SECRET123" not in message.body.text
    assert '"auditor doctor"' in message.body.text
    assert message.urgency is Urgency.BAD


def test_a_run_that_was_evaluated_and_not_stored_says_what_was_found() -> None:
    why = "The run could not be stored in the history."
    message = compose(RunEvent(None, failure=why, result="63 deviations", account="acme"))
    assert "could not run" not in message.subject
    assert "Nothing was evaluated" not in message.body.text
    assert why in message.body.text
    assert "63 deviations" in message.body.text
    assert message.urgency is Urgency.BAD


def test_what_was_not_done_is_reported_with_what_changed() -> None:
    made = news(change(), failed_steps=["a.html cannot be written: the disk is full."])
    message = compose(made)
    assert "1 critical" in message.subject
    assert "failed" in message.subject
    assert "the disk is full" in message.body.text
    assert compose(news(failed_steps=made.failed_steps)).urgency is Urgency.BAD


def test_a_night_that_ended_well_again_says_so_unless_something_is_left_undone() -> None:
    assert "again" in compose(news(stopped_before=True)).subject
    still = compose(news(stopped_before=True, failed_steps=["a.html cannot be written."]))
    assert "again" not in still.subject


def test_what_limits_the_comparison_is_reported() -> None:
    made = news(change())
    assert made.drift is not None
    noted = replace(made, drift=replace(made.drift, notes=["Another baseline judged the run."]))
    assert "Another baseline judged the run." in compose(noted).body.text


def test_deviations_of_a_new_group_are_reported_and_what_else_it_brings_is_not() -> None:
    message = compose(
        news(
            change(ChangeKind.SCOPE_ADDED, group()),
            change(ChangeKind.SCOPE_ADDED, Scope(Level.GROUP, "g2", "Y"), status=Status.UNKNOWN),
        )
    )
    assert re.findall(r"\d+ \w+", message.subject) == ["1 critical"]
    assert '1 group "Clinical Ops", new' in message.body.text


@pytest.mark.parametrize(
    ("made", "tone"),
    [
        (news(change()), Urgency.BAD),
        (news(change(ChangeKind.NEWLY_UNKNOWN)), Urgency.BAD),
        (news(later=facts(complete=False)), Urgency.BAD),
        (news(change(), change(ChangeKind.IMPROVED)), Urgency.BAD),
        (news(waivers=[waiver("2026-11-28")]), Urgency.SOON),
        (news(change(ChangeKind.IMPROVED)), Urgency.GOOD),
        (news(stopped_before=True), Urgency.GOOD),
        (news(), Urgency.NEUTRAL),
    ],
)
def test_the_tone_fits_the_worst_of_the_news(made: RunEvent, tone: Urgency) -> None:
    assert compose(made).urgency is tone


def test_waivers_that_ended_are_distinguished_from_those_that_will() -> None:
    ended = waiver("2026-11-20", "expired")
    assert "1 waiver ended" in compose(news(waivers=[ended])).subject
    whole = compose(news(waivers=[waiver("2026-11-28", scope="level account")]))
    assert "RC-02 for the account ends on 2026-11-28, in 7 days" in whole.body.text
    both = compose(news(waivers=[ended, waiver("2026-11-22")]))
    assert "2 waivers" in both.subject
    assert "2026-11-22, in 1 day, covers 3 broken places" in both.body.text


def test_a_test_message_says_that_it_is_one() -> None:
    assert "test message" in sample_message().subject
