import html
from dataclasses import replace

from auditor.evidence.scope import Level
from auditor.findings.inventory import Inventory
from auditor.findings.model import FindingKind, Status
from auditor.findings.rollup import roll_up
from auditor.report import inventory_wording, open_questions, wording
from tests.report import worlds
from tests.report.test_inventory_output import INFO, SUMMARY, UNREAD

SECTIONS = inventory_wording.sections(Inventory(INFO, (SUMMARY, replace(UNREAD, controls=("X",)))))
SEEN = "Seen in this run: “Meeting summary”: account off, groups 1 of 2 on"
ATTESTATION = worlds.deviation(
    level=Level.ACCOUNT,
    kind=FindingKind.ATTESTATION,
    status=Status.NEEDS_DECISION,
    setting="attestation",
    observed=None,
)


def test_a_question_says_what_the_run_saw_of_the_settings_of_its_rule() -> None:
    run = worlds.run_of([worlds.judged(worlds.account(), [ATTESTATION])])
    [question] = open_questions.of_run(run, roll_up(run), SECTIONS)
    assert question.seen.startswith(SEEN)
    assert "people 53 of 296 on" in question.seen
    shown = replace(run, inventory=lambda: Inventory(INFO, (SUMMARY,)))
    for format_ in ("html", "markdown"):
        page = worlds.report_of(shown, format_, annex=True).decode()
        assert SEEN in page, format_


def test_a_rule_whose_settings_were_not_seen_says_nothing() -> None:
    assert [*open_questions.seen(SECTIONS)] == ["AI-01"]


def test_a_question_about_a_lock_does_not_name_values() -> None:
    lock = replace(ATTESTATION, setting=SUMMARY.setting)
    run = worlds.run_of([worlds.judged(worlds.account(), [lock])])
    [question] = open_questions.of_run(run, roll_up(run), SECTIONS)
    assert question.seen == ""


def test_places_are_named_by_what_they_are() -> None:
    unread = worlds.deviation(status=Status.UNKNOWN)
    people = roll_up(worlds.run_of([worlds.judged(worlds.user(1), [unread])]))
    assert wording.at_places(people.causes[0]) == "1 rule for 1 person"
    mixed = [worlds.judged(scope, [unread]) for scope in (worlds.account(), worlds.user(1))]
    rollup = roll_up(worlds.run_of(mixed))
    assert wording.unanswered(rollup) == "1 rule for 1 account, 1 person"
    assert "2 places (" in wording.at_places(rollup.causes[0])


def test_every_format_that_lists_a_question_says_where_to_look() -> None:
    lock = replace(ATTESTATION, setting=SUMMARY.setting)
    run = worlds.run_of([worlds.judged(worlds.account(), [ATTESTATION, lock])])
    places = [each.place for each in open_questions.of_run(run, roll_up(run))]
    assert all(places)
    assert len(set(places)) == 2
    for format_, options in (("html", {}), ("markdown", {}), ("text", {"controls": {"AI-01"}})):
        page = worlds.report_of(run, format_, annex=True, width=400, **options).decode()
        plain = html.unescape(page).replace("\\", "")
        assert [place for place in places if place not in plain] == [], format_
        assert "Where to look" in plain
