"""Groups of findings in words, for the formats of pipelines and audit tools."""

from collections import Counter
from collections.abc import Sequence

from auditor.evidence.scope import Scope
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.rollup import FindingGroup
from auditor.report import facts, wording
from auditor.report.display import printable, shorten

LONGEST = 120
"""Columns of a name or value before it is cut."""
LONGEST_SENTENCE = 600
"""The same for details and reasons."""
_MOST_NAMES = 10
_MOST_VALUES = 5


def where(group: FindingGroup) -> str:
    """`14 people: Ada, Bob and 12 more`"""
    counted = wording.levels(group.by_level)
    names = [name(scope) for scope in group.scopes[:_MOST_NAMES]]
    if not names:
        return counted
    more = group.count - len(names)
    return f"{counted}: {', '.join(names)}{f' and {wording.number(more)} more' if more else ''}"


def observed_values(group: FindingGroup) -> tuple[list[tuple[str, int]], int]:
    """The most frequent observed values, in words, with their counts; and the number of others."""
    counts: Counter[str] = Counter()
    for verdict, count in group.verdicts:
        counts[wording.observation(verdict, LONGEST)] += count
    values = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return values[:_MOST_VALUES], len(values[_MOST_VALUES:])


def group_outcome(group: FindingGroup) -> str:
    """What is the case; several values of a setting with their counts."""
    verdict = group.verdict
    values, others = observed_values(group)
    if len(values) == 1 or not _is_compared(verdict):
        return outcome(verdict)
    counted = ", ".join(f"{value} ({wording.number(count)})" for value, count in values)
    more = f" and {wording.number(others)} other values" if others else ""
    return f"{facts.name(verdict.setting)} is {counted}{more}{_expected_text(verdict)}"


def summary(group: FindingGroup) -> str:
    """The result as a sentence."""
    return f"{group_outcome(group)}."


def name(scope: Scope) -> str:
    """The display name of the scope, escaped and shortened."""
    return shorten(scope.label, LONGEST)


def sentence(text: str) -> str:
    """`text` on one line, escaped and shortened."""
    return shorten(" ".join(text.split()), LONGEST_SENTENCE)


def explained(verdict: Verdict) -> str:
    """The detail of a verdict with names of settings instead of keys; empty if it has none."""
    return sentence(facts.detail(verdict))


def outcome(verdict: Verdict) -> str:
    """What is the case, and what should be: `Local recording is on (should be off)`."""
    fact = facts.of_verdict(verdict)
    if verdict.allowed_by and verdict.status is Status.NOT_APPLICABLE:
        return f"{fact}, allowed by {verdict.allowed_by}"
    if fact and _is_compared(verdict):
        return f"{fact}{_expected_text(verdict)}"
    result = wording.verdict_name(verdict)
    if verdict.status is Status.UNKNOWN:
        result = f"no answer, {wording.cause_name(verdict.cause)}"
    if verdict.setting in ("", _NO_SETTING):
        return wording.sentence_case(result)
    return f"{shorten(facts.name(verdict.setting), 200)}: {result}"


_NO_SETTING = "attestation"
"""The setting of controls that only a person can answer."""


def _is_compared(verdict: Verdict) -> bool:
    return verdict.status in (Status.FAIL, Status.WAIVED, Status.PASS)


def _expected_text(verdict: Verdict) -> str:
    if verdict.kind in (FindingKind.LOCK, FindingKind.DERIVED):
        return ""
    expected = wording.should_be(verdict, LONGEST)
    return f" ({expected})" if expected else ""


IN_ADMIN_CENTRE = "How to fix it in the admin centre"
BY_API = "How to fix it by API"


def fixes(portal: str, api: str) -> Sequence[tuple[str, str]]:
    """The known ways to fix a control, each with its heading."""
    ways = ((IN_ADMIN_CENTRE, printable(portal)), (BY_API, printable(api)))
    return [(heading, text) for heading, text in ways if text]
