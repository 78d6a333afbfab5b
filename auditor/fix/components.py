"""Components: settings that can only be planned together.

Settings depend on each other if one lock covers them, if one of them decides whether another
applies, or if one replaced another. Everything else is independent, so the fewest changes are found
for each component alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.fix.recorded import Position
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import documented, writable
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.judging.reads import checks
from auditor.policy.reading import lookup

_SAMPLED_USERS = 20
"""Users in whose documents the place of a key is looked for."""


@dataclass(frozen=True)
class ComponentSetting:
    """One setting, with the checks of it."""

    name: str
    """`setting` of its checks."""
    position: Position
    """Where it stands: differs from the name if Zoom documents the key without its parent."""
    checks: tuple[tuple[str, Check], ...]
    """Control id and check; empty for a setting that only decides whether others apply."""
    lock: str | None = None
    is_fixable: bool = True
    """False if its key stands in several places."""

    @property
    def path(self) -> str:
        """The path of the setting in its document."""
        return self.position[1]


@dataclass(frozen=True)
class ComponentLock:
    """One lock flag, with the levels that can set it."""

    path: str
    levels: tuple[Level, ...]
    is_certain: bool
    """False if it is only inferred that it covers the settings: nothing is built on that."""

    @property
    def position(self) -> Position:
        """Where the flag stands."""
        return writable.lock_view(self.path), self.path


@dataclass(frozen=True)
class Component:
    """Settings and locks that are planned together."""

    settings: tuple[ComponentSetting, ...]
    locks: tuple[ComponentLock, ...]
    unassessed: tuple[Position, ...] = ()
    """Settings that no check reads and that its locks cover."""

    @cached_property
    def controls(self) -> frozenset[str]:
        """The controls that read its settings."""
        return frozenset(cid for setting in self.settings for cid, _ in setting.checks)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of its settings."""
        return frozenset(setting.name for setting in self.settings)

    @cached_property
    def cover(self) -> tuple[int | None, ...]:
        """For each setting, the number of its lock; None without one."""
        numbers = {lock.path: number for number, lock in enumerate(self.locks)}
        return tuple(numbers.get(setting.lock or "") for setting in self.settings)

    @property
    def positions(self) -> Iterator[Position]:
        """Every position that it concerns."""
        yield from (setting.position for setting in self.settings)
        yield from (lock.position for lock in self.locks)
        yield from self.unassessed


@dataclass
class _Links:
    """A union-find over the names of settings and locks."""

    parents: dict[str, str] = field(default_factory=dict)

    def root(self, name: str) -> str:
        self.parents.setdefault(name, name)
        while self.parents[name] != name:
            name = self.parents[name]
        return name

    def join(self, one: str, other: str | None) -> None:
        if other is not None:
            self.parents[self.root(one)] = self.root(other)


def components(baseline: Baseline, snapshot: Snapshot) -> list[Component]:
    """The components of the settings that `baseline` assesses, in the order of their controls."""
    by_setting: dict[str, list[tuple[str, Check]]] = {}
    links = _Links()
    for assessed in baseline.assessed.values():
        for check in checks(assessed):
            if check.surface != SETTINGS_SURFACE:
                continue
            by_setting.setdefault(check.setting, []).append((assessed.control.id, check))
            links.root(check.setting)
            links.join(check.setting, f"lock:{check.lock}" if check.lock else None)
            links.join(check.setting, check.only_when.setting if check.only_when else None)
            links.join(check.setting, check.parent)
            links.join(check.setting, check.legacy_of)
    members: dict[str, list[str]] = {}
    for name in [*by_setting, *(name for name in links.parents if name not in by_setting)]:
        if not name.startswith("lock:"):
            members.setdefault(links.root(name), []).append(name)
    places = _Places(snapshot)
    return [_component(names, by_setting, places) for names in members.values()]


def _component(
    names: list[str], by_setting: Mapping[str, list[tuple[str, Check]]], places: "_Places"
) -> Component:
    settings = []
    found: dict[str, list[Check]] = {}
    for name in names:
        its_checks = tuple(by_setting.get(name, ()))
        if not its_checks:
            around = next(
                (
                    check
                    for other in names
                    for _, check in by_setting.get(other, ())
                    if name in (check.parent, check.only_when.setting if check.only_when else None)
                ),
                None,
            )
            view = around.document if around is not None else writable.view(name)
            settings.append(ComponentSetting(name, (view, name), (), _documented_lock(name)))
            continue
        check = its_checks[0][1]
        lock = next((each.lock for _, each in its_checks if each.lock), None)
        path = places.path(check)
        settings.append(
            ComponentSetting(
                name,
                (check.document, path or name),
                its_checks,
                lock or _documented_lock(name),
                is_fixable=path is not None,
            )
        )
        for _, each in its_checks:
            if each.lock:
                found.setdefault(each.lock, []).append(each)
    locks = tuple(
        ComponentLock(
            path,
            tuple(
                level
                for level in (Level.ACCOUNT, Level.GROUP)
                if any(level in check.lock_levels for check in its)
            ),
            any(not check.lock_inferred for check in its),
        )
        for path, its in found.items()
    )
    known = {setting.path for setting in settings}
    return Component(tuple(settings), locks, tuple(_unassessed(found, known)))


def _unassessed(locks: Iterable[str], known: set[str]) -> Iterator[Position]:
    covering = set(locks)
    for path, entry in documented.settings().items():
        if entry.get("lock") in covering and path not in known and "[]" not in path:
            yield writable.view(path), path


def _documented_lock(name: str) -> str | None:
    lock = documented.settings().get(name, {}).get("lock")
    return None if lock is None else str(lock)


@dataclass
class _Places:
    """Finds where the keys stand whose parent object is not documented."""

    snapshot: Snapshot
    _samples: list[ScopeEvidence] | None = None

    def path(self, check: Check) -> str | None:
        """The path of the setting; None if its key stands in several places."""
        if check.find_key is None:
            return check.setting
        found = {
            place.path
            for evidence in self._sampled()
            for place in lookup.find(check, evidence.outcomes).places
        }
        if len(found) > 1:
            return None
        return next(iter(found), check.setting)

    def _sampled(self) -> list[ScopeEvidence]:
        if self._samples is None:
            self._samples = [self.snapshot.account()]
            for level in (Level.GROUP, Level.USER):
                rows = self.snapshot.evidence(level)
                self._samples += [row for _, row in zip(range(_SAMPLED_USERS), rows, strict=False)]
        return self._samples
