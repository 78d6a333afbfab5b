"""Grouping of findings: nothing is lost, and different findings stay separate."""

import re
from dataclasses import replace
from datetime import date

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Severity, Status, Verdict, WaiverTerms
from auditor.findings.rollup import FindingGroup, merge_values, roll_up
from auditor.report.group_wording import group_outcome, name, outcome, sentence, where
from tests.report import worlds


def groups_of(*assessed: tuple[Scope, Verdict], names: int = 10) -> list[FindingGroup]:
    run = worlds.run_of([worlds.judged(scope, [verdict]) for scope, verdict in assessed])
    return merge_values(roll_up(run, names=names).groups, names)


def users(*verdicts: Verdict) -> list[tuple[Scope, Verdict]]:
    return [(worlds.user(at), verdict) for at, verdict in enumerate(verdicts)]


def test_values_that_differ_do_not_part_findings() -> None:
    (group,) = groups_of(*users(*[worlds.deviation(observed=at % 3) for at in range(9)]))
    assert group.count == 9
    assert "0 (3), 1 (3), 2 (3)" in group_outcome(group)


def test_the_most_frequent_values_are_listed_and_the_others_counted() -> None:
    values = [*range(40), 7, 7]
    (group,) = groups_of(*users(*[worlds.deviation(observed=value) for value in values]))
    assert re.findall(r"\d+ \(\d+\)", group_outcome(group))[0] == "7 (3)"
    assert "and 35 other" in group_outcome(group)


def test_cause_severity_waiver_and_level_part_findings() -> None:
    first = worlds.unknown(Cause.DENIED)
    waived = worlds.deviation(status=Status.WAIVED, waiver=WaiverTerms("", "a", "", date.min))
    others = [
        replace(first, cause=Cause.ERROR),
        worlds.deviation(severity=Severity.LOW),
        worlds.deviation(),
        waived,
        replace(waived, waiver=WaiverTerms("", "b", "", date.min)),
    ]
    groups = groups_of(*users(first, *others), (worlds.group(1), first))
    assert len(groups) == 7
    assert len({group.fingerprint for group in groups}) == 7


def test_the_worst_come_first() -> None:
    low, high = worlds.deviation("IA-04"), worlds.deviation("AI-01")
    assert [group.verdict.control for group in groups_of(*users(low, high))] == ["AI-01", "IA-04"]


def test_the_requested_number_is_named_and_all_are_counted() -> None:
    (group,) = groups_of(*users(*[worlds.deviation()] * 14), names=12)
    assert len(group.members) == 12
    assert group.unnamed
    assert where(group).startswith("14 people: User 0, User 1, User 10")
    assert where(group).endswith(" and 4 more")


def test_a_group_without_a_name_is_counted_all_the_same() -> None:
    one = worlds.deviation()
    groups = groups_of(
        *((worlds.group(at), one) for at in range(5)), (worlds.user(1), one), names=5
    )
    assert [(c.level, c.count, len(c.members)) for c in groups] == [
        (Level.GROUP, 5, 5),
        (Level.USER, 1, 0),
    ]
    assert where(groups[1]) == "1 person"
    assert groups[1].unnamed


def test_the_times_of_all_members_are_spanned() -> None:
    early, late = "2026-11-21T20:00:00Z", "2026-11-21T23:00:00Z"
    run = worlds.run_of(
        [
            worlds.judged(worlds.user(1), [worlds.deviation(observed=1)], late),
            worlds.judged(worlds.user(2), [worlds.deviation(observed=2)], early),
        ]
    )
    (group,) = merge_values(roll_up(run).groups, 10)
    assert (group.observed_from, group.observed_to) == (early, late)


def test_an_outcome_says_what_there_is_to_say() -> None:
    assert re.findall(r"\b(?:on|off)\b", outcome(worlds.deviation())) == ["on", "off"]
    assert re.findall(r"\b(?:on|off)\b", outcome(worlds.deviation(expected=None))) == ["on"]
    assert "not returned by Zoom" in outcome(worlds.unknown(Cause.ABSENT))
    assert outcome(worlds.deviation(status=Status.NEEDS_DECISION)).endswith(": to decide")


def test_names_and_sentences_are_one_escaped_line() -> None:
    for words in worlds.HOSTILE.values():
        assert name(worlds.user(1, words)).isprintable() or "\u200d" in words
        assert len(sentence(words).splitlines()) <= 1
