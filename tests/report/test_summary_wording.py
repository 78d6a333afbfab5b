from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.model import Layer, TrendPoint, WaiverResult
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import summary_wording
from tests.report import page_worlds, worlds

expiring = page_worlds.expiring


def run(*waivers: WaiverResult, **info: Any) -> Run:
    base = worlds.everything()
    return replace(base, waivers=waivers, info=replace(base.info, **info))


@pytest.mark.parametrize(
    ("code", "fail_on", "text"),
    [
        (1, "high", "Gate: FAIL (exit code 1, --fail-on high)"),
        (3, "high", "Gate: FAIL, evidence is incomplete (exit code 3, --fail-on high)"),
        (4, "never", "Gate: FAIL, there is no evidence (exit code 4, --fail-on never)"),
        (5, "never", "Gate: FAIL (exit code 5, --fail-on never)"),
        (0, "high", "Gate: PASS at --fail-on high"),
        (0, "never", "Gate: off (--fail-on never)"),
    ],
)
def test_the_gate_says_what_it_decided_and_by_which_threshold(
    code: int, fail_on: str, text: str
) -> None:
    line = summary_wording.gate(run(exit_code=code, fail_on=fail_on))
    assert line == f"{text} – 50 deviations, 53 unknown."


def test_the_gate_names_waivers_that_need_care() -> None:
    line = summary_wording.gate(run(expiring(), expiring("expired"), expiring("unmatched")))
    assert line.endswith(
        "1 expired waiver, 1 waiver that covers nothing, 1 waiver runs out in 6 days."
    )


def test_the_first_waiver_to_expire_is_named() -> None:
    two = summary_wording.waivers_due(
        run(expiring(expires="2026-12-01"), expiring(expires="2026-11-22"))
    )
    assert two == ["2 waivers run out soon, the first in 1 day"]
    assert summary_wording.waivers_due(run(expiring("unmatched"), expiring("unmatched"))) == [
        "2 waivers that cover nothing"
    ]


def test_a_waiver_may_end_today() -> None:
    assert summary_wording.waivers_due(run(expiring(expires="2026-11-21"))) == [
        "1 waiver runs out today"
    ]
    assert summary_wording.waivers_due(run(expiring("active"))) == []


def test_changes_have_numbers_and_words() -> None:
    before = TrendPoint("r1", parse_rfc3339("2026-11-20T22:00:00Z"), 40, 70, 1340)
    now = TrendPoint("r2", parse_rfc3339("2026-11-21T22:00:00Z"), 52, 66, 1340)
    assert summary_wording.since(before, now) == (
        "Since 2026-11-20 22:00 UTC: deviations 40 → 52 (12 more), unknown 70 → 66 (4 fewer), "
        "checks 1,340 as before."
    )


def test_a_layer_nobody_saw_shows_no_value() -> None:
    assert summary_wording.layer_value(Layer(Level.GROUP), 80) == "no value of its own, or not seen"
    assert summary_wording.layer_value(Layer(Level.USER, value=None, seen=True), 80) == "null"
    assert summary_wording.layer_value(Layer(Level.USER, value=True, seen=True), 80) == "true"


def test_a_number_that_stayed_is_the_same() -> None:
    assert summary_wording.change(7, 7) == "the same"


def test_a_lock_nobody_saw_is_neither_on_nor_off() -> None:
    text = [summary_wording.layer_lock(locked) for locked in (True, False, None)]
    assert text == ["locked", "not locked", "no lock, or not seen"]


def test_a_group_relaxes_the_account_where_the_account_does_not_deviate() -> None:
    (only,) = summary_wording.relaxing(roll_up(page_worlds.relaxed()))
    assert only.verdict.control == "RC-02"


def test_if_the_account_is_unknown_no_group_relaxes_it() -> None:
    setting = worlds.deviation("RC-02").setting
    unknown = worlds.unknown(Cause.ABSENT, "RC-02", Level.ACCOUNT, setting=setting)
    both = worlds.run_of(
        [
            worlds.judged(worlds.account(), [unknown]),
            worlds.judged(worlds.group(1), [worlds.deviation("RC-02", Level.GROUP)]),
        ]
    )
    assert summary_wording.relaxing(roll_up(both)) == []


def test_people_with_the_value_of_their_group_are_sent_to_the_group_first() -> None:
    assert summary_wording.same_as_group([], 3) == ""
    assert summary_wording.same_as_group([("Sales", 1)], 1) == (
        "The same value as their group “Sales”: change it there first."
    )
    assert summary_wording.same_as_group([("Sales", 41), ("Support", 2)], 53) == (
        "The same value as their group, for members of “Sales” (41), “Support” (2) of these "
        "53 people: change it there first."
    )
