"""The snapshot diff: compares the settings of two snapshots of one account, scope by scope.

Digests are compared first. Each pair of documents is compared once, however many scopes changed
from one to the other, and equal changes of a level are counted together, so memory grows with
distinct evidence only. Only settings and lock documents that were read in both runs are compared.
A refusal in one run is not a change, and neither is another order of a list.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS, MEETING, PHONE, PHONE_VIEWS
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot_reader import ScopeEvidence, SnapshotReader
from auditor.evidence.view import LOCKS, SETTINGS, Document, View

_SURFACES = frozenset({SETTINGS.surface, LOCKS.surface})
_EVENTS = (Level.MEETING, Level.WEBINAR)
_LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER, *PHONE_VIEWS, *_EVENTS)

_Listed = Mapping[Level, tuple[View, ...]]
_COVERAGE: _Listed = {
    level: (COVERAGE_VIEWS[level, surface],)
    for level, surface in (
        *((level, PHONE.surface) for level in PHONE_VIEWS if level is not Level.PHONE_ACCOUNT),
        *((level, MEETING.surface) for level in _EVENTS),
    )
}
_NAMED_BY: _Listed = {**LISTINGS, **_COVERAGE}
"""The views that both runs must have read before a scope counts as added or removed."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting whose value differs between the snapshots."""

    scope: Scope
    """As the later snapshot names it."""
    source: str
    """The request that returned it."""
    setting: str
    """The path in the document, dotted; `list[id]` is the object of a list with that id."""
    before: JsonValue
    after: JsonValue
    appeared: bool = False
    """True if the earlier document does not contain the setting."""
    vanished: bool = False
    """True if the later document does not contain the setting."""
    scopes: int = 1
    """How many scopes of the level have the same change; `scope` is the first of them by id."""


@dataclass(frozen=True)
class SnapshotDiff:
    """The differences between two snapshots of one account."""

    settings: tuple[SettingChange, ...]
    """Sorted by level, request, setting and scope id."""
    added: Mapping[Level, int] = field(default_factory=dict)
    removed: Mapping[Level, int] = field(default_factory=dict)
    """The number of scopes in one snapshot only. Levels that a run could not list are left out."""
    unlisted: tuple[Level, ...] = ()
    """The levels that are left out of `added` and `removed`."""
    unread: Mapping[Level, int] = field(default_factory=dict)
    """The number of scopes in both snapshots of which a document was read in one run only."""


def compare(earlier: SnapshotReader, later: SnapshotReader) -> SnapshotDiff:
    """Compare the settings of the scopes that both snapshots name."""
    comparison = _Comparison(earlier, later)
    listed = _documents(earlier) & _documents(later)
    same_events = _budget(earlier) == _budget(later)
    added: dict[Level, int] = {}
    removed: dict[Level, int] = {}
    unlisted: list[Level] = []
    for level in _LEVELS:
        gone, new = comparison.level(level)
        if listed.issuperset(_NAMED_BY.get(level, ())) and (same_events or level not in _EVENTS):
            added |= {level: new} if new else {}
            removed |= {level: gone} if gone else {}
        elif gone or new:
            unlisted.append(level)
    return SnapshotDiff(
        comparison.settings(), added, removed, tuple(unlisted), dict(comparison.unread)
    )


def setting_changes(earlier: SnapshotReader, later: SnapshotReader) -> Iterator[SettingChange]:
    """The settings that changed their value, appeared or vanished."""
    yield from compare(earlier, later).settings


@dataclass(slots=True)
class _Count:
    change: SettingChange
    scopes: int


_Key = tuple[Level, str, str, str | None, str | None]


class _Comparison:
    """Compares level by level, and counts equal changes."""

    def __init__(self, earlier: SnapshotReader, later: SnapshotReader) -> None:
        self._earlier, self._later = earlier, later
        self._counts: dict[_Key, _Count] = {}
        self._known: dict[tuple[View, str, str], tuple[_Difference, ...]] = {}
        self.unread: Counter[Level] = Counter()

    def settings(self) -> tuple[SettingChange, ...]:
        changes = [replace(count.change, scopes=count.scopes) for count in self._counts.values()]
        return tuple(sorted(changes, key=_order))

    def level(self, level: Level) -> tuple[int, int]:
        """Compare one level. Returns the number of removed and of added scopes."""
        gone = new = 0
        pairs: dict[tuple[int | None, int | None], _Pair] = {}
        for before, after in _side_by_side(self._earlier, self._later, level):
            if before is None or after is None:
                gone += after is None
                new += before is None
                continue
            key = before.profile, after.profile
            if key in pairs:
                pairs[key].scopes += 1
            else:
                pairs[key] = _Pair(before.scope, after.scope, 1, (before.digests, after.digests))
        for pair in pairs.values():
            self._add(level, pair)
        return gone, new

    def _add(self, level: Level, pair: "_Pair") -> None:
        """Count the differences between the documents of a pair of profiles."""
        before, after = pair.digests
        views = {view for view in (*before, *after) if _is_setting(level, view)}
        if any((view in before) != (view in after) for view in views):
            self.unread[level] += pair.scopes
        differing = [v for v in sorted(views) if v in before and v in after]
        differing = [v for v in differing if before[v] != after[v]]
        in_default: set[tuple[str, str]] = set()
        for view in differing:
            for difference in self._differences(view, pair):
                place = view.surface, json.dumps(difference.key)
                if view.option and place in in_default:
                    continue  # the option view repeats a section of the default view
                if not view.option:
                    in_default.add(place)
                self._count(level, pair, difference)

    def _differences(self, view: View, pair: "_Pair") -> "tuple[_Difference, ...]":
        key = view, pair.digests[0][view], pair.digests[1][view]
        if key not in self._known:
            one = self._earlier.evidence_of(pair.before).outcomes[view]
            other = self._later.evidence_of(pair.after).outcomes[view]
            assert isinstance(one, Document)
            assert isinstance(other, Document)
            differences = _differences("", one.body, other.body)
            self._known[key] = tuple(
                replace(difference, source=other.source) for difference in differences
            )
        return self._known[key]

    def _count(self, level: Level, pair: "_Pair", difference: "_Difference") -> None:
        key = (level, difference.source, *difference.key)
        known = self._counts.get(key)
        if known is None:
            change = SettingChange(
                pair.after,
                difference.source,
                difference.path,
                difference.before,
                difference.after,
                appeared=difference.key[1] is None,
                vanished=difference.key[2] is None,
            )
            self._counts[key] = _Count(change, pair.scopes)
            return
        known.scopes += pair.scopes
        if pair.after.id < known.change.scope.id:
            known.change = replace(known.change, scope=pair.after)


@dataclass(slots=True)
class _Pair:
    """The scopes that changed from one profile to another: the first of them, and their number."""

    before: Scope
    after: Scope
    scopes: int
    digests: tuple[Mapping[View, str], Mapping[View, str]]


def _is_setting(level: Level, view: View) -> bool:
    if level in PHONE_VIEWS:
        return view == PHONE_VIEWS[level]
    return view == MEETING if level in _EVENTS else view.surface in _SURFACES


def _is_comparable(scope: Scope) -> bool:
    """False for invited users, who have no settings, and for placeholder scopes."""
    if scope.level is Level.USER:
        return not scope.is_invited
    return scope.level not in _EVENTS or (bool(scope.status) and not scope.is_placeholder)


def _side_by_side(
    earlier: SnapshotReader, later: SnapshotReader, level: Level
) -> Iterator[tuple[ScopeEvidence | None, ScopeEvidence | None]]:
    """The scopes of a level in both snapshots, by id; None for a scope that one does not have."""
    old, new = _comparable(earlier, level), _comparable(later, level)
    before, after = next(old, None), next(new, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.scope.id < after.scope.id):
            yield before, None
            before = next(old, None)
        elif before is None or after.scope.id < before.scope.id:
            yield None, after
            after = next(new, None)
        else:
            yield before, after
            before, after = next(old, None), next(new, None)


def _comparable(stored: SnapshotReader, level: Level) -> Iterator[ScopeEvidence]:
    return (evidence for evidence in stored.evidence(level) if _is_comparable(evidence.scope))


def _documents(stored: SnapshotReader) -> frozenset[View]:
    """The views that were read for the account, including the lists of scopes."""
    return frozenset(
        view for evidence in stored.evidence(Level.ACCOUNT) for view in evidence.digests
    )


def _budget(stored: SnapshotReader) -> JsonValue:
    """The selection of upcoming meetings that the run was to read."""
    recorded: dict[str, JsonValue] = json.loads(stored.meta("extent") or "{}")
    return recorded.get("meetings")


@dataclass(frozen=True, slots=True)
class _Difference:
    """One place at which two documents differ; equal differences have equal keys."""

    path: str
    before: JsonValue
    after: JsonValue
    key: tuple[str, str | None, str | None]
    source: str = ""


def _differences(path: str, before: JsonValue, after: JsonValue) -> Iterator[_Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, lambda name: f"{path}.{name}" if path else name)
    elif (old := _by_id(before)) is not None and (new := _by_id(after)) is not None:
        yield from _of_objects({**old}, {**new}, lambda name: f"{path}[{name}]")
    elif (was := _canonical(before)) != (now := _canonical(after)):
        yield _Difference(path, before, after, (path, was, now))


def _of_objects(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue], place: Callable[[str], str]
) -> Iterator[_Difference]:
    for name in sorted({*before, *after}):
        at = place(name)
        if name not in after:
            for path, value in _leaves(at, before[name]):
                yield _Difference(path, value, None, (path, _canonical(value), None))
        elif name not in before:
            for path, value in _leaves(at, after[name]):
                yield _Difference(path, None, value, (path, None, _canonical(value)))
        else:
            yield from _differences(at, before[name], after[name])


def _leaves(path: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict) and value:
        for name in sorted(value):
            yield from _leaves(f"{path}.{name}", value[name])
    else:
        yield path, value


def _by_id(value: JsonValue) -> dict[str, JsonValue] | None:
    """The objects of a list by id; None if `value` is not a list of objects with distinct ids."""
    if not isinstance(value, list) or not value:
        return None
    by_id: dict[str, JsonValue] = {}
    for item in value:
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str | int) or isinstance(name, bool) or not name:
            return None
        by_id[str(name)] = item
    return by_id if len(by_id) == len(value) else None


def _canonical(value: JsonValue) -> str:
    """A text that is equal for equal values: ignores list order; 1 equals 1.0, but not true."""
    return json.dumps(_ordered(value), sort_keys=True, ensure_ascii=False)


def _ordered(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return sorted((_ordered(item) for item in value), key=_text)
    if isinstance(value, dict):
        return {name: _ordered(item) for name, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _order(change: SettingChange) -> tuple[int, str, str, str, str]:
    return (
        change.scope.level.rank,
        change.source,
        change.setting,
        change.scope.id,
        _text([change.before, change.after]),
    )
