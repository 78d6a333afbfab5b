"""Groups of findings in words, for the formats of pipelines and audit tools."""

from collections import Counter
from collections.abc import Sequence

from auditor.evidence.scope import Scope
from auditor.findings.model import Status, Verdict
from auditor.findings.rollup import FindingGroup
from auditor.report import wording
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
    """The result in a few words; several values with their counts."""
    values, others = observed_values(group)
    if len(values) == 1 or not _is_compared(group.verdict):
        return outcome(group.verdict)
    counted = ", ".join(f"{value} ({wording.number(count)})" for value, count in values)
    more = f" and {wording.number(others)} other values" if others else ""
    return f"found {counted}{more}{_expected_text(group.verdict)}"


def summary(group: FindingGroup) -> str:
    """The result as a sentence, after the setting it is about."""
    return f"{about(group.verdict.setting, group_outcome(group))}."


def name(scope: Scope) -> str:
    """The display name of the scope, escaped and shortened."""
    return shorten(scope.label, LONGEST)


def sentence(text: str) -> str:
    """`text` on one line, escaped and shortened."""
    return shorten(" ".join(text.split()), LONGEST_SENTENCE)


def about(setting: str, result: str) -> str:
    """The setting and the result; the setting's case does not change."""
    return f"{shorten(setting, 200)}: {result}" if setting else wording.sentence_case(result)


def outcome(verdict: Verdict) -> str:
    """The result in a few words: `found true, expected false`."""
    if verdict.allowed_by and verdict.status is Status.NOT_APPLICABLE:
        return f"found {wording.observation(verdict, LONGEST)}, allowed by {verdict.allowed_by}"
    if _is_compared(verdict):
        return f"found {wording.observation(verdict, LONGEST)}{_expected_text(verdict)}"
    if verdict.status is Status.UNKNOWN:
        return f"could not be judged: {wording.cause_name(verdict.cause)}"
    return wording.status_name(verdict.status)


def _is_compared(verdict: Verdict) -> bool:
    return verdict.status in (Status.FAIL, Status.WAIVED, Status.PASS)


def _expected_text(verdict: Verdict) -> str:
    expected = wording.expectation(verdict, LONGEST)
    return f", expected {expected}" if expected else ""


def fixes(portal: str, api: str) -> Sequence[tuple[str, str]]:
    """The known ways to fix a control, each with its heading."""
    ways = (("Fix in the portal", printable(portal)), ("Fix by API", printable(api)))
    return [(heading, text) for heading, text in ways if text]
