"""Attribution: finds the entry of Zoom's operation log that explains the change of a setting.

An entry explains a change if it concerns the same setting and the same group or user, or a level
above; if it lies between the two runs; and if it records the same change of value. The nearest
level takes precedence, then the latest entry. The log omits changes that people make to their own
settings, and everything about Zoom Phone and single meetings. Source: Zoom support KB0067252.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.evidence.diff import SettingChange
from auditor.evidence.operation_log import (
    LogEntry,
    ParsedChange,
    entries,
    is_about_settings,
    merge_entries,
    normalize_label,
    parse_changes,
    parse_switch,
)
from auditor.evidence.read_plan import CHANGES, CHANGES_DAYS, LOGS, RECEIVED
from auditor.evidence.reading import JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.timestamps import parse_or_none, parse_rfc3339
from auditor.evidence.view import Document, Outcome
from auditor.findings.drift import FindingChange
from auditor.findings.model import Actor, FindingKind
from auditor.plain_text import pluralize

SLACK = timedelta(minutes=15)
"""Tolerated difference between Zoom's clock and the clock of this machine."""

_LAYERS: Mapping[Level, tuple[Level, ...]] = {
    Level.ACCOUNT: (Level.ACCOUNT,),
    Level.GROUP: (Level.GROUP, Level.ACCOUNT),
    Level.USER: (Level.USER, Level.GROUP, Level.ACCOUNT),
}
"""The levels whose entries may explain a change at a level, nearest first."""

_VERB = r"(?:add|batch update|change|edit|lock|modify|remove|reset|set|unlock|update)"
_OF_GROUP = re.compile(rf"(?:{_VERB}\s+)?(?:user\s+)?group\s+(\S.*)", re.IGNORECASE)
_OF_USER = re.compile(rf"{_VERB}\s+users?\b\s*(.*)", re.IGNORECASE)
_GROUPS = frozenset({"group", "groups", "user group", "user groups"})
_USERS = frozenset({"user", "users", "user setting", "user settings"})
_NAMES = re.compile(r"[\s()<>,;]+")

Labels = Mapping[str, Collection[str]]
"""Setting to its labels in the portal."""


@dataclass(frozen=True)
class OperationLog:
    """The entries of the operation log that runs read."""

    entries: Sequence[LogEntry] = ()
    """The entries that record a change, by time."""
    read: int = 0
    """Number of all entries read."""
    since: datetime | None = None
    """Start of the period that was read; None if the log was not read."""
    refusal: Unseen | None = None
    """Why the log could not be read."""


def log_reading(*runs: SnapshotReader) -> OperationLog:
    """The entries that runs read, from the earlier run to the later.

    A run that did not read them for attribution may have read some for controls; those are used as
    well, and so is what webhooks reported.
    """
    logs: list[Iterable[LogEntry]] = []
    received: list[Iterable[LogEntry]] = []
    read, refusal = 0, None
    began: list[datetime] = []
    for run in runs:
        for evidence in run.evidence(Level.ACCOUNT):
            reported = evidence.outcomes.get(RECEIVED)
            if isinstance(reported, Document):
                received.append(entries(reported.body))
            outcome = evidence.outcomes.get(CHANGES)
            if not isinstance(outcome, Document):
                refusal = outcome.unseen if outcome is not None else refusal
                outcome = evidence.outcomes.get(LOGS)
            if isinstance(outcome, Document):
                parsed = list(entries(outcome.body))
                logs.append(parsed)
                read += _entry_count(outcome, len(parsed))
                began.append(_covered_since(run, evidence.outcomes.get(CHANGES), outcome))
    since = min(began, default=None)
    merged = merge_entries(*logs, *received)
    return OperationLog(tuple(merged), read, since, None if logs else refusal)


def _entry_count(outcome: Document, parsed: int) -> int:
    listed = outcome.body.get("read") if isinstance(outcome.body, dict) else None
    return listed if isinstance(listed, int) and listed > parsed else parsed


def _covered_since(run: SnapshotReader, own_outcome: Outcome | None, outcome: Document) -> datetime:
    """Start of the period for which a run has all entries."""
    days = CHANGES_DAYS if own_outcome is outcome else 29
    earliest = parse_rfc3339(outcome.observed_at) - timedelta(days=days)
    if own_outcome is not outcome:
        return earliest
    return max(earliest, parse_or_none(run.meta("changes_since") or "") or earliest)


@dataclass(frozen=True, slots=True)
class _Line:
    """One parsed change of an entry."""

    entry: LogEntry
    time: datetime
    parsed: ParsedChange


class Attribution:
    """Finds who changed a setting between two runs."""

    def __init__(
        self,
        log: Iterable[LogEntry],
        labels: Labels,
        window: tuple[datetime, datetime],
        groups: Mapping[str, str] | None = None,
    ) -> None:
        """`window` is the start of the earlier run and the end of the later one.

        `groups` are the names of groups by id.
        """
        self._labels = labels
        self._groups = groups or {}
        first, last = window[0] - SLACK, window[1] + SLACK
        known = {normalize_label(label) for names in labels.values() for label in names}
        self._lines: dict[tuple[str, bool], list[_Line]] = {}
        for entry in log:
            if entry.time and first <= entry.time <= last and is_about_settings(entry):
                for parsed in parse_changes(entry.detail):
                    for label in {
                        parsed.label,
                        *(f"{normalize_label(s)} {parsed.label}" for s in parsed.subjects),
                    }:
                        if label in known:
                            key = label, parsed.is_lock
                            self._lines.setdefault(key, []).append(_Line(entry, entry.time, parsed))

    def actor(self, change: FindingChange) -> Actor | None:
        """Who changed the state of a finding; None if the log does not show it."""
        state, before = change.state, change.before
        return self.actor_for(
            state.scope,
            state.setting,
            None if before is None else before.observed,
            None if change.after is None else change.after.observed,
            is_lock=state.kind is FindingKind.LOCK,
        )

    def actor_of(self, change: SettingChange) -> Actor | None:
        """Who changed a setting, at the first of the scopes where it changed."""
        lock = "/lock_settings" in change.source
        return self.actor_for(
            change.scope, change.setting, change.before, change.after, is_lock=lock
        )

    def actor_for(
        self, scope: Scope, setting: str, before: JsonValue, after: JsonValue, *, is_lock: bool
    ) -> Actor | None:
        """Who changed a setting of a scope from one value to the other; None stands for any
        value."""
        matching = [
            line
            for label in self._names(setting)
            for line in self._lines.get((label, is_lock), ())
            if _matches_change(line.parsed, before, after)
        ]
        for layer in _LAYERS.get(scope.level, ()):
            entries_about = [line for line in matching if self._is_about(line, layer, scope)]
            if entries_about:
                best = max(
                    entries_about,
                    key=lambda line: (line.time, line.entry.operator, line.entry.detail),
                )
                return Actor(best.entry.operator, best.time, best.entry.detail)
        return None

    def _names(self, setting: str) -> set[str]:
        """The labels of a setting; for a lock of several settings, the labels of all of them."""
        labels = self._labels.get(setting)
        if labels is None:
            under = f"{setting}."
            labels = [
                n for path, names in self._labels.items() if path.startswith(under) for n in names
            ]
        return {normalize_label(name) for name in labels}

    def _is_about(self, line: _Line, layer: Level, scope: Scope) -> bool:
        kind, names = _subject_of(line)
        if kind is not layer:
            return False
        match layer:
            case Level.USER:
                own = {text.casefold() for text in (scope.id, scope.email, scope.name) if text}
                words = {word for name in names for word in _NAMES.split(name)}
                return not own.isdisjoint(names) or not own.isdisjoint(words)
            case Level.GROUP:
                ids = (scope.id,) if scope.level is Level.GROUP else scope.group_ids
                own = set(ids)
                own |= {self._groups[group_id] for group_id in ids if group_id in self._groups}
                own |= {scope.name} if scope.level is Level.GROUP else set()
                return not {_spaced(name) for name in own if name}.isdisjoint(names)
        return True


def _subject_of(line: _Line) -> tuple[Level, frozenset[str]]:
    """The level that an entry concerns, and the possible names of the group or user."""
    subjects, category = line.parsed.subjects, normalize_label(line.entry.category)
    for level, pattern, categories in (
        (Level.GROUP, _OF_GROUP, _GROUPS),
        (Level.USER, _OF_USER, _USERS),
    ):
        matched = [match[1] for match in map(pattern.match, subjects) if match]
        if matched or category in categories:
            return level, frozenset(map(_spaced, matched))
    return Level.ACCOUNT, frozenset()


def _spaced(name: str) -> str:
    return " ".join(name.split()).casefold()


def _matches_change(parsed: ParsedChange, before: JsonValue, after: JsonValue) -> bool:
    """True if one reading of an entry matches the change of value."""
    return any(
        _may_denote(new, after) and (old is None or before is None or _may_denote(old, before))
        for old, new in parsed.values
    )


def _may_denote(word: str, value: JsonValue) -> bool:
    """False if a word of the portal cannot denote a value of the API.

    The portal has its own words for choices, which cannot be compared with the values of the API.
    """
    switch = parse_switch(word)
    match value:
        case None:
            return True
        case bool():
            return switch is value
        case int() | float():
            return switch is None and (not word.strip().isdecimal() or float(word) == value)
    return True


def sentence(
    log: OperationLog, since: datetime, changes: int, actor_for: int, computed: int = 0
) -> str:
    """What the log shows of the changes since the start of the earlier run, for people.

    `computed` more changes follow from the others and have no entries of their own.
    """
    if log.refusal is not None:
        why = log.refusal.detail or f"the cause is: {log.refusal.cause.value}."
        if actor_for:
            return (
                f"Zoom's events show who made {actor_for:,} of {pluralize(changes, 'change')}. "
                f"Its operation log could not be read: {why}"
            )
        return f"Nobody is named, because Zoom's operation log could not be read: {why}"
    if log.since is None and actor_for:
        return f"Zoom's events show who made {actor_for:,} of {pluralize(changes, 'change')}."
    if log.since is None:
        return (
            "Nobody is named, because neither run read Zoom's operation log. An audit reads it "
            "when an earlier run of the account is stored."
        )
    sentences = [
        f"Zoom's operation log was read from {max(log.since, since):%Y-%m-%d %H:%M} UTC on: "
        f"{pluralize(log.read, 'entry', 'entries')}, {len(log.entries):,} about settings."
    ]
    if log.since - SLACK > since:
        sentences.append("What was entered before that is not known.")
    if changes:
        sentences.append(f"It shows who made {actor_for:,} of {pluralize(changes, 'change')}.")
    if changes > actor_for:
        left = changes - actor_for
        others = "the other one" if left == 1 else f"the other {left:,}"
        rest = others if actor_for else "it" if left == 1 else "them"
        sentences.append(
            f"No entry could be matched to {rest}: the log leaves out what people change in "
            "their own settings, and names settings in the portal's words."
        )
    if computed:
        more = "1 more deviation follows" if computed == 1 else f"{computed:,} more follow"
        sentences.append(f"{more} from these changes.")
    return " ".join(sentences)
