"""Groups findings that differ only in scope and observed value.

Pipelines and audit tools cannot process 100,000 results, but they can process the groups.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.rollup import Group, Rollup
from auditor.report import wording
from auditor.report.display import printable, shorten

LONGEST = 120
"""Columns of a name or value before it is cut."""
LONGEST_SENTENCE = 600
"""The same for details and reasons."""
_MOST_VALUES = 5


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings with equal control, kind, status, severity, setting, level, cause and waiver."""

    control: str
    kind: FindingKind
    status: Status
    severity: Severity
    setting: str
    level: Level
    cause: Cause | None
    waiver: str
    """The waiver as JSON; empty for none."""
    verdict: Verdict
    """The verdict of one of the findings."""
    count: int
    members: tuple[tuple[Verdict, Scope], ...]
    """The first findings by name and id; at most as many as the roll-up names."""
    values: tuple[tuple[str, int], ...]
    """The most frequent observed values, in words, with their counts."""
    more_values: int
    """The number of other observed values."""
    observed_from: str | None
    observed_to: str | None
    """Time range of the evidence (RFC 3339, UTC); None if the evidence has no time."""

    @property
    def is_listed(self) -> bool:
        """True if `members` is complete."""
        return len(self.members) == self.count

    @property
    def where(self) -> str:
        """`14 users: Ada, Bob and 12 more`."""
        counted = wording.levels({self.level: self.count})
        if not self.members:
            return counted
        names = [name(scope) for _, scope in self.members[:_MOST_NAMES]]
        more = self.count - len(names)
        return f"{counted}: {', '.join(names)}{f' and {wording.number(more)} more' if more else ''}"

    @property
    def outcome_text(self) -> str:
        """The result in a few words; several values with their counts."""
        if len(self.values) == 1 or not _is_compared(self.verdict):
            return outcome(self.verdict)
        values = ", ".join(f"{value} ({wording.number(count)})" for value, count in self.values)
        other_values = (
            f" and {wording.number(self.more_values)} other values" if self.more_values else ""
        )
        return f"found {values}{other_values}{_expected_text(self.verdict)}"

    @property
    def summary(self) -> str:
        """`found` as a sentence, after the setting it is about."""
        return f"{about(self.setting, self.outcome_text)}."

    @property
    def fingerprint(self) -> str:
        """Identifies the group by its key, without the account and without names."""
        parts = (
            *(self.control, self.kind, self.status, self.severity, self.setting, self.level),
            *(self.cause or "", self.waiver),
        )
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return f"sha256:{hashlib.sha256(text).hexdigest()}"


_MOST_NAMES = 10


@dataclass(slots=True)
class _GroupCounts:
    verdict: Verdict
    members: list[tuple[Verdict, Scope]] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)
    count: int = 0
    first: str | None = None
    last: str | None = None

    def add(self, group: Group, level: Level, count: int) -> None:
        verdict = group.verdict
        self.members += [(verdict, scope) for scope in group.scopes if scope.level is level]
        self.values[wording.observation(verdict, LONGEST)] += count
        self.count += count
        times = [t for t in (self.first, self.last, group.observed_from, group.observed_to) if t]
        self.first, self.last = min(times, default=None), max(times, default=None)


_Key = tuple[str, FindingKind, Status, Severity, str, Level, Cause | None, str]


def clusters(rollup: Rollup, names: int, *leave_out: Status) -> list[FindingGroup]:
    """Group the findings of a run, the most severe first; each group names at most `names`.

    The roll-up must have been built with as many names. Statuses in `leave_out` are omitted.
    """
    tallies: dict[_Key, _GroupCounts] = {}
    for group in rollup.groups:
        v = group.verdict
        if v.status in leave_out:
            continue
        waiver = json.dumps(dict(v.waiver), sort_keys=True) if v.waiver else ""
        for level, count in group.by_level.items():
            key = (v.control, v.kind, v.status, v.severity, v.setting, level, v.cause, waiver)
            tallies.setdefault(key, _GroupCounts(v)).add(group, level, count)
    return sorted((_cluster(*item, names) for item in tallies.items()), key=_sort_key)


def _cluster(key: _Key, tally: _GroupCounts, names: int) -> FindingGroup:
    members = sorted(tally.members, key=lambda m: (m[1].label.casefold(), m[1].id))
    values = sorted(tally.values.items(), key=lambda item: (-item[1], item[0]))
    return FindingGroup(
        *key,
        verdict=tally.verdict,
        count=tally.count,
        members=tuple(members[:names]),
        values=tuple(values[:_MOST_VALUES]),
        more_values=len(values[_MOST_VALUES:]),
        observed_from=tally.first,
        observed_to=tally.last,
    )


def _sort_key(cluster: FindingGroup) -> tuple[int, str, int, str, str, str, str, str]:
    group = cluster
    rank = group.severity.rank, group.control, group.level.rank, group.setting
    return *rank, group.kind, group.status, group.cause or "", group.waiver


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
    """The result in a few words: `found true, asked for false`."""
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
    return f", asked for {expected}" if expected else ""


def fixes(portal: str, api: str) -> Sequence[tuple[str, str]]:
    """The known ways to fix a control, each with its heading."""
    ways = (("Fix in the portal", printable(portal)), ("Fix by API", printable(api)))
    return [(heading, text) for heading, text in ways if text]
