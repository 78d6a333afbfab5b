"""The text of answers: the first words are true on their own, and no title is misleading."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.answers import Answer, AnswerState, Gap, answers
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.questions import ENABLED, CheckedSetting, RelatedControl
from auditor.report.answers import GAP, STATE, as_json, sections, sentence
from tests.findings.test_answers import (
    ACCOUNT,
    ADA,
    BOB,
    DOUBTS,
    EXCEPT,
    GROUP,
    HOLES,
    LEVELS,
    NOTICE,
    ON,
    RIGHT,
    RIGHT_NOTICE,
    SUMMARY,
    Row,
    answer,
    everywhere,
    question,
    run,
    verdict,
)

PERSON = RelatedControl("TR-01", "The promise was read", asks="Have you read it?")

COUNTED = " Counted: “AI-01”."


def texts(reply: Answer) -> dict[str, Sequence[str]]:
    return {section.heading: section.lines for section in sections(reply)}


def attested(status: Status = Status.ATTESTED) -> Row:
    detail = "Read and saved (dpo, until 2027-05-02)"
    return ACCOUNT, verdict(status, "TR-01", kind=FindingKind.ATTESTATION, detail=detail)


def test_a_no_says_what_was_seen_and_how_far_it_reaches() -> None:
    assert sentence(answer(everywhere(RIGHT, RIGHT_NOTICE))) == (
        "No, as far as settings show: all as “strict” requires, at the account, 1 of 1 group and "
        "2 of 2 people."
    )


def test_a_yes_counts_people_out_of_how_many() -> None:
    reply = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(GROUP, ON), (ADA, ON)]))
    assert sentence(reply) == f"Yes: 1 of 1 group and 1 of 2 people.{COUNTED}"


def test_a_yes_says_at_least_while_more_may_come() -> None:
    blind = verdict(Status.UNKNOWN, cause=Cause.DENIED)
    reply = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, ON), (BOB, blind)]))
    assert sentence(reply) == f"Yes: at least 1 of 2 people.{COUNTED}"


def test_a_yes_does_not_leave_out_those_for_whom_it_is_allowed() -> None:
    reply = answer(
        everywhere(RIGHT, RIGHT_NOTICE, but=[(GROUP, ON), (ADA, verdict(observed=True))])
    )
    also = "Yes: 1 of 1 group; where allowed, also 1 of 2 people."
    assert sentence(reply) == f"{also}{COUNTED}"


def test_a_yes_says_what_it_counts_and_what_it_does_not() -> None:
    notice = replace(RIGHT_NOTICE, status=Status.FAIL, observed=False)
    reply = answer(everywhere(RIGHT, notice, but=[(ADA, ON)]))
    reply = replace(reply, question=replace(reply.question, not_counted="Notes are not counted."))
    assert sentence(reply).endswith(
        f".{COUNTED} Not counted here: the broken rule {notice.control}. Notes are not counted."
    )


def test_an_allowed_yes_begins_with_yes() -> None:
    reply = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, verdict(observed=True))]))
    allowed = "Yes: 1 of 2 people, where the baseline or an exception allows it."
    assert sentence(reply) == f"{allowed}{COUNTED}"
    assert texts(reply)["Shown, and allowed by the baseline, an exception or a waiver"] == (
        "AI-01 is allowed to differ at 1 of 2 people. The rule: Title of AI-01.",
    )


def test_an_allowed_yes_that_was_not_seen_in_full_says_so() -> None:
    blind = verdict(Status.UNKNOWN, cause=Cause.DENIED)
    rows = everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, verdict(observed=True)), (BOB, blind)])
    assert sentence(answer(rows)).endswith(f"allows it; there may be more.{COUNTED}")


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES.keys())
def test_a_gap_is_never_reported_as_no(hole: Verdict) -> None:
    rows = [*everywhere(RIGHT, RIGHT_NOTICE), (ADA, hole)]
    assert sentence(answer(rows)).startswith("Possibly: of 2 rules behind it, 1 ")


@pytest.mark.parametrize("uncertain", DOUBTS.values(), ids=DOUBTS.keys())
def test_uncertainty_comes_first(uncertain: Verdict) -> None:
    rows = [*everywhere(RIGHT, RIGHT_NOTICE), (ADA, uncertain)]
    assert sentence(answer(rows)).startswith("Not answered yet: of 2 rules behind it, 1 ")


def test_every_part_of_an_open_answer_is_counted() -> None:
    rows = [
        *everywhere(RIGHT, RIGHT_NOTICE),
        *((ADA, v) for v in (*DOUBTS.values(), *HOLES.values())),
        (ADA, verdict(Status.FAIL)),
    ]
    reply = answer(rows, RelatedControl("AI-01", "A"), NOTICE, RelatedControl("ZZ-01", "Z"))
    assert sentence(reply) == (
        "Possibly: of 3 rules behind it, 2 are broken (1 of 2 people), 1 broken and accepted, "
        "1 not locked, 1 without an answer, 1 excepted, 1 to decide, 1 with an expired "
        "attestation, 1 to attest, 1 not looked at. Who can answer: somebody who looks it up by "
        "hand (auditor attest) and your organisation, by a decision (auditor decide)."
    )


def test_what_rests_on_people_says_so_first() -> None:
    reply = answer([*everywhere(RIGHT), attested()], SUMMARY, PERSON)
    assert sentence(reply) == (
        "Not answered yet by Zoom itself: of 2 rules behind it, 1 attested by a person, "
        "1 as expected."
    )
    assert texts(reply)["Rests on an attestation"] == (
        "TR-01 The promise was read: Read and saved (dpo, until 2027-05-02)",
    )


def test_not_applicable_and_not_looked_at_are_distinguished() -> None:
    absent = answer(everywhere(verdict(Status.NOT_APPLICABLE)), SUMMARY)
    assert sentence(absent).startswith("No: it does not apply here")
    unseen = answer([], SUMMARY, assessed=set())
    assert sentence(unseen) == "Not answered yet: this run judged none of the 1 rule behind it."


def test_a_title_never_stands_alone_where_it_does_not_hold() -> None:
    reply = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, ON)]))
    assert texts(reply)["Shown by evidence"] == (
        "AI-01 shows it at 1 of 2 people. The rule: Title of AI-01.",
    )


def test_a_rule_that_waits_for_a_decision_is_not_called_broken() -> None:
    open_ = verdict(Status.NEEDS_DECISION, observed=True)
    (line,) = texts(answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, open_)])))[
        "Shown by evidence"
    ]
    assert line == "AI-01 shows it at 1 of 2 people. The rule: Title of AI-01."


def test_unknowns_have_cause_and_place() -> None:
    reply = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ADA, DOUBTS["denied"])])
    assert texts(reply)["No answer"] == ("CN-04: refused by Zoom, at 1 of 2 people.",)


def test_decisions_name_the_parameter_to_set() -> None:
    reply = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ADA, DOUBTS["undecided"])])
    assert texts(reply)["Waits for a decision"] == (
        "CN-04.",
        "What is allowed: regions? (auditor decide regions)",
    )


def test_a_decision_without_a_parameter_names_the_control_alone() -> None:
    new = verdict(Status.NEEDS_DECISION, "CN-04", expected=None)
    reply = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ADA, new)])
    assert texts(reply)["Waits for a decision"] == ("CN-04.",)


def test_due_and_expired_attestations_ask_their_question() -> None:
    due, expired = attested(Status.NEEDS_DECISION), attested(Status.ATTESTATION_EXPIRED)
    assert texts(answer([due], PERSON))["To attest"] == ("TR-01: Have you read it?",)
    assert texts(answer([expired], PERSON))["To attest again"] == ("TR-01: Have you read it?",)


def test_a_lock_that_no_api_shows_is_asked_about() -> None:
    lock = verdict(Status.NEEDS_DECISION, kind=FindingKind.ATTESTATION)
    reply = answer([*everywhere(RIGHT), (ACCOUNT, lock)], SUMMARY)
    assert texts(reply)["To attest"] == (
        "AI-01: Title of AI-01: is it locked? Only the portal shows it.",
    )


def test_gaps_are_listed_by_reason() -> None:
    partly = RelatedControl(
        "AI-01",
        "A",
        (CheckedSetting(("ai-01",), LEVELS), CheckedSetting(("x",), LEVELS)),
        shows={"ai-01": ENABLED},
    )
    reply = answer([(ACCOUNT, RIGHT)], partly, NOTICE)
    assert texts(reply)["Not looked at by this run"] == (
        f"CN-04: {GAP[Gap.NO_RESULT]}.",
        f"AI-01: {GAP[Gap.SETTINGS]}.",
        f"AI-01: {GAP[Gap.LEVELS]}.",
    )
    assert sentence(reply).endswith("1 not looked at, 1 looked at only in part.")


def test_an_uncertain_control_is_not_listed_as_seen() -> None:
    excepted = verdict(Status.NOT_APPLICABLE, "CN-04", expected=EXCEPT, observed=True)
    reply = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, excepted)]))
    assert texts(reply)["Seen, and as “strict” requires"] == ("AI-01 Title of AI-01.",)
    assert texts(reply)["Not judged, because an exception holds"] == (
        "CN-04 was not judged at 1 of 2 people. The rule: Title of CN-04.",
    )


def test_what_nobody_can_know_comes_last() -> None:
    base = question(SUMMARY)
    with_gap = type(base)(
        **{
            **{name: getattr(base, name) for name in base.__slots__},
            "nobody_can_know": "What others record.",
        }
    )
    (reply,) = answers(run(everywhere(RIGHT)), [with_gap])
    assert sections(reply)[-1].lines == ("What others record.",)


def test_not_applicable_controls_are_counted_with_a_no() -> None:
    apart = verdict(Status.NOT_APPLICABLE, "CN-04")
    reply = answer(everywhere(RIGHT, apart))
    assert sentence(reply).endswith("2 of 2 people, 1 not applicable.")
    assert texts(reply)["Does not apply"] == ("CN-04 Title of CN-04.",)


def test_every_state_and_gap_has_words() -> None:
    assert set(STATE) == set(AnswerState)
    assert set(GAP) == set(Gap)


def test_json_holds_the_state_the_counts_and_what_they_are_out_of() -> None:
    blind = verdict(Status.UNKNOWN, cause=Cause.DENIED)
    judged = run(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, ON), (BOB, blind)]))
    document = as_json(judged, answers(judged, [question(SUMMARY, NOTICE)]))
    assert document["schema"] == "auditor/answers/v1"
    (row,) = cast("list[Any]", document["answers"])
    assert row["state"] == "yes"
    assert row["at_least"] is True
    one = {"by_level": {Level.USER: {"count": 1, "of": 2}}, "unlisted": []}
    assert row["evidence"]["shown"] == one
    assert row["unknown"] == [{"cause": "denied", "controls": ["AI-01"], "reach": one}]
    assert [control["id"] for control in row["controls"]] == ["AI-01", "CN-04"]
    assert row["controls"][0]["decides"] is True


def test_json_has_no_denominator_where_none_is_known() -> None:
    phone = type(ACCOUNT)(Level.PHONE_ACCOUNT, "p", "phone")
    judged = run([(phone, ON)])
    document = as_json(judged, answers(judged, [question(SUMMARY)]))
    (row,) = cast("list[Any]", document["answers"])
    assert row["evidence"]["shown"]["by_level"] == {"phone_account": {"count": 1, "of": None}}
