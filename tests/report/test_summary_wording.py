import re
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.at_risk import PeopleAtRisk
from auditor.findings.exposure import exposure
from auditor.findings.model import Layer, TrendPoint, WaiverResult
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import summary_wording
from tests.report import worlds

expiring = worlds.expiring


def run(*waivers: WaiverResult, **info: Any) -> Run:
    base = worlds.everything()
    return replace(base, waivers=waivers, info=replace(base.info, **info))


@pytest.mark.parametrize(
    ("code", "fail_on", "result"),
    [
        (1, "high", "FAIL"),
        (3, "high", "FAIL"),
        (4, "never", "FAIL"),
        (5, "never", "FAIL"),
        (0, "high", "PASS"),
        (0, "never", "No gate"),
    ],
)
def test_the_gate_says_what_it_decided_and_by_which_threshold(
    code: int, fail_on: str, result: str
) -> None:
    line = summary_wording.gate(run(exit_code=code, fail_on=fail_on))
    assert re.findall("FAIL|PASS|No gate", line) == [result]
    counts = ["0", "5"] if result == "No gate" else ["50", "53"]
    assert re.findall(r"\d+", line) == [*([str(code)] if code else []), *counts]
    assert f"--fail-on {fail_on}" in line


def test_the_gate_names_waivers_that_need_care() -> None:
    waivers = (expiring(), expiring("expired"), expiring("unmatched"))
    named = summary_wording.waivers_due(run(*waivers))
    assert [re.findall(r"\d+", each) for each in named] == [["1"], ["1"], ["1", "6"]]
    assert all(each in summary_wording.gate(run(*waivers)) for each in named)


def test_the_first_waiver_to_expire_is_named() -> None:
    (two,) = summary_wording.waivers_due(
        run(expiring(expires="2026-12-01"), expiring(expires="2026-11-22"))
    )
    assert re.findall(r"\d+", two) == ["2", "1"]
    (stale,) = summary_wording.waivers_due(run(expiring("unmatched"), expiring("unmatched")))
    assert re.findall(r"\d+", stale) == ["2"]


def test_a_waiver_may_end_today() -> None:
    (last_day,) = summary_wording.waivers_due(run(expiring(expires="2026-11-21")))
    assert "today" in last_day
    assert summary_wording.waivers_due(run(expiring("active"))) == []


def test_changes_have_numbers_and_words() -> None:
    before = TrendPoint("r1", parse_rfc3339("2026-11-20T22:00:00Z"), 40, 70, 1340)
    now = TrendPoint("r2", parse_rfc3339("2026-11-21T22:00:00Z"), 52, 66, 1340)
    line = summary_wording.since(before, now)
    assert re.findall(r"[\d,]+ → \d+|\d+ (?:more|fewer)|1,340", line) == [
        *("40 → 52", "12 more", "70 → 66", "4 fewer", "1,340")
    ]


def test_a_layer_nobody_saw_shows_no_value() -> None:
    layers = {
        Layer(Level.GROUP): "not seen",
        Layer(Level.USER, value=None, seen=True): "not set",
        Layer(Level.USER, value=True, seen=True): "on",
    }
    for layer, words in layers.items():
        assert words in summary_wording.layer_value(worlds.deviation(), layer, 80)


def test_a_number_that_stayed_is_the_same() -> None:
    assert summary_wording.change(7, 7) == "the same"


def test_a_lock_nobody_saw_is_neither_on_nor_off() -> None:
    on, off, unseen = (summary_wording.layer_lock(locked) for locked in (True, False, None))
    assert (on, off) == ("locked", "not locked")
    assert "not seen" in unseen


def test_a_group_relaxes_the_account_where_the_account_does_not_deviate() -> None:
    (only,) = summary_wording.relaxing(roll_up(worlds.relaxed()))
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
    assert "Sales" in summary_wording.same_as_group([("Sales", 1)], 1)
    several = summary_wording.same_as_group([("Sales", 41), ("Support", 2)], 53)
    assert re.findall(r"Sales|Support|\d+", several) == ["Sales", "41", "Support", "2", "53"]


def test_two_rows_with_the_same_words_say_which_people_are_in_a_group() -> None:
    of_members, of_others = worlds.deviation(), worlds.deviation(decided_by=Level.ACCOUNT)
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(1, "Sales"), [worlds.passed()]),
            worlds.judged(replace(worlds.user(1), group_ids=("g001",)), [of_members]),
            worlds.judged(worlds.user(2), [of_others]),
            worlds.judged(worlds.user(3), [of_others]),
        ]
    )
    exposed = exposure(run)
    rows = {group.count: group for group in roll_up(run).deviations}
    assert summary_wording.in_groups(rows[1], exposed) == "in a group"
    assert summary_wording.in_groups(rows[2], exposed) == "in no group"


def test_no_layer_decides_for_a_person_without_a_value() -> None:
    layers = (
        Layer(Level.ACCOUNT, value=False, seen=True),
        Layer(Level.USER, seen=False, decides=True),
    )
    unread = worlds.unknown(Cause.ABSENT, layers=layers)
    group = Layer(Level.GROUP)
    assert [(each.level, each.decides) for each in summary_wording.layers_of(unread, [*Level])] == [
        (Level.ACCOUNT, False),
        (Level.GROUP, False),
        (Level.USER, False),
    ]
    broken = worlds.deviation("AI-06", Level.GROUP, setting=unread.setting)
    at_risk = [PeopleAtRisk(broken, Cause.ABSENT, 9, ("Research",))]
    words = "is not known"
    assert words in summary_wording.layer_value(unread, layers[1], 80)
    assert summary_wording.layer_value(unread, group, 80, at_risk) == "on in “Research”"
    assert words not in summary_wording.layer_value(unread, group, 80)
    seen = worlds.deviation(layers=layers)
    assert summary_wording.layers_of(seen, [*Level]) == layers
