"""The fewest changes to one component: an exact search from the account down.

Every combination of values and locks at the account is considered; with it given, groups that
share no members are independent of each other, and so are people. Groups that share members are
searched together, exactly up to `MOST_COMBINATIONS`, beyond it by improving one group at a time.

A choice may break nothing: what passes has to pass, a value that somebody decided on (a waiver, an
override, a parameter that lets groups differ) has to stay, and no lock may switch on what no rule
judges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import NamedTuple

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind
from auditor.fix import documents, requests
from auditor.fix.candidates import right_values
from auditor.fix.component_judge import CheckKey, ComponentJudge, Flags, ScopeResult, Values
from auditor.fix.components import Component, ComponentLock
from auditor.fix.documents import ABSENT, Absent, Value
from auditor.fix.recorded import Position, RecordedAccount, RecordedScope
from auditor.policy.catalogue import documented

MOST_COMBINATIONS = 4_000
"""Combinations of changes to groups that share members that are all examined."""


@dataclass(frozen=True)
class PlanLimits:
    """What the plan may change, and for which controls."""

    selected: frozenset[str] | None = None
    """The controls to bring to the baseline; None for all."""
    lowest: Level = Level.USER
    """The lowest level whose settings may be changed."""
    locks: bool = True

    def allows(self, level: Level) -> bool:
        """True if settings of the level may be changed."""
        return level.rank <= self.lowest.rank

    def is_selected(self, control: str) -> bool:
        """True if the control is to be brought to the baseline."""
        return self.selected is None or control in self.selected


class Cost(NamedTuple):
    """The cost of a choice, compared from left to right."""

    broken: int = 0
    """Checks that would no longer pass, and decided values that would change."""
    remaining: int = 0
    """Deviations that stand."""
    steps: int = 0
    user_steps: int = 0
    manual: int = 0
    people: int = 0
    """People whose value changes."""

    def plus(self, other: "Cost") -> "Cost":
        """The sum."""
        return Cost(*(one + two for one, two in zip(self, other, strict=True)))

    def times(self, count: int) -> "Cost":
        """The cost for `count` scopes."""
        return Cost(*(count * each for each in self))


@dataclass(frozen=True)
class ScopeChange:
    """What is changed at one scope: values by the number of the setting, and locks by theirs."""

    values: Mapping[int, JsonValue] = field(default_factory=dict)
    locks: tuple[int, ...] = ()
    unlocks: tuple[int, ...] = ()


NO_CHANGE = ScopeChange()


@dataclass(frozen=True)
class Choice:
    """Changes to the account, to groups and to people, and what they cost."""

    cost: Cost
    account: ScopeChange
    groups: Mapping[str, ScopeChange]
    users: Mapping[int, ScopeChange]
    """Number of a `RecordedScope` of users to the change to each of them."""


@dataclass(frozen=True, eq=False)
class PeopleLike:
    """Users whom a component does not tell apart."""

    scope: RecordedScope
    values: Values
    own: tuple[bool, ...]
    """For each setting, whether they have a value of their own."""
    groups: tuple[str, ...]
    count: int
    numbers: tuple[int, ...]
    before: ScopeResult


@dataclass(frozen=True)
class LevelState:
    """The values and locks of the account or a group."""

    values: Values
    flags: Flags


class ComponentSearch:
    """Finds the best choice for one component."""

    def __init__(self, recorded: RecordedAccount, component: Component, limits: PlanLimits) -> None:
        self.recorded, self.component, self.limits = recorded, component, limits
        self.judge = ComponentJudge(recorded, component)
        judge, account = self.judge, recorded.account
        self.account = LevelState(judge.values(account), judge.flags(account))
        self.account_before = judge.result(
            Level.ACCOUNT, account, *self._layer(self.account), self.account.flags
        )
        self.groups: dict[str, LevelState] = {}
        self.group_before: dict[str, ScopeResult] = {}
        self.group_own: dict[str, tuple[bool, ...]] = {}
        for group_id, group in recorded.groups.items():
            layer = LevelState(judge.values(group), judge.flags(group))
            self.groups[group_id] = layer
            self.group_own[group_id] = self._own(layer.values, self.account.values)
            self.group_before[group_id] = judge.result(
                Level.GROUP, group, layer.values, layer.flags, self.account.flags
            )
        self.people = self._people()
        self.people_of = {number: each for each in self.people for number in each.numbers}
        self.by_group: dict[str, list[PeopleLike]] = {}
        for people in self.people:
            for group_id in people.groups:
                self.by_group.setdefault(group_id, []).append(people)
        self._best_own: dict[object, tuple[Cost, ScopeChange]] = {}
        self._switched_on: dict[tuple[int, str], bool] = {}
        failing = self.failing()
        self._failing_names = {name for _, name, kind in failing if kind is FindingKind.VALUE}
        self._unlocked_names = {name for _, name, kind in failing if kind is FindingKind.LOCK}

    @staticmethod
    def _layer(layer: LevelState) -> tuple[Values, Flags]:
        return layer.values, layer.flags

    @staticmethod
    def _own(values: Values, above: Values) -> tuple[bool, ...]:
        """A value is a scope's own if it differs from the one that it would inherit."""
        return tuple(
            not isinstance(value, Absent)
            and (isinstance(parent, Absent) or not documents.same(value, parent))
            for value, parent in zip(values, above, strict=True)
        )

    def _people(self) -> list[PeopleLike]:
        found: dict[object, list[RecordedScope]] = {}
        projected: dict[int, tuple[Values, object]] = {}
        known = self.groups.keys()
        for scope in self.recorded.users:
            cached = projected.get(id(scope.values))
            if cached is None:
                values = self.judge.values(scope)
                shown = tuple(map(documents.text, values)), self.judge.read(scope.values)
                cached = projected[id(scope.values)] = values, shown
            groups = tuple(group for group in scope.scope.group_ids if group in known)
            found.setdefault((cached[1], groups, scope.key), []).append(scope)
        people = []
        for (_, groups, _), scopes in found.items():  # type: ignore[misc]
            first = scopes[0]
            values = projected[id(first.values)][0]
            above = self.groups[groups[0]].values if groups else self.account.values
            above = tuple(
                self.account.values[i] if isinstance(value, Absent) else value
                for i, value in enumerate(above)
            )
            people.append(
                PeopleLike(
                    first,
                    values,
                    self._own(values, above),
                    groups,
                    sum(scope.count for scope in scopes),
                    tuple(scope.number for scope in scopes),
                    self.judge.result(Level.USER, first, values, (), ()),
                )
            )
        return people

    def failing(self) -> frozenset[CheckKey]:
        """The selected checks that fail anywhere."""
        results = [self.account_before, *self.group_before.values()]
        results += [people.before for people in self.people]
        fails = {key for result in results for key in result.fails}
        return frozenset(key for key in fails if self.limits.is_selected(key[0]))

    def remaining(self) -> int:
        """The number of selected deviations that stand now."""
        count = sum(self._selected(result) for result in self.group_before.values())
        count += sum(self._selected(each.before) * each.count for each in self.people)
        return count + self._selected(self.account_before)

    def best(self) -> Choice:
        """The choice with the least cost; no change if nothing can be improved."""
        best = self._choice(NO_CHANGE, None)
        assert best is not None
        for change in self._account_changes():
            found = self._choice(change, best.cost)
            if found is not None and found.cost < best.cost:
                best = found
        return best

    # The account

    def _account_changes(self) -> Iterator[ScopeChange]:
        """Every change to the account that may help, those with most locks and values first."""
        if not self.limits.allows(Level.ACCOUNT):
            return
        values = self._value_options(self.account.values)
        locks = self._lock_options(
            Level.ACCOUNT, self.recorded.account, self.account.flags, self.account_before
        )
        changes = [
            ScopeChange(dict(chosen), locked)
            for locked in _subsets(locks)
            for chosen in _combinations(values)
        ]
        changes.sort(key=lambda change: -len(change.locks) * 10 - len(change.values))
        yield from (change for change in changes if change != NO_CHANGE)

    def _value_options(self, values: Values) -> dict[int, list[JsonValue]]:
        """For each setting that fails somewhere, the right values for a scope."""
        options = {}
        for number, setting in enumerate(self.component.settings):
            value = values[number]
            if setting.name not in self._failing_names or isinstance(value, Absent):
                continue
            found = self.right_values(number, value)
            if found and setting.is_fixable:
                options[number] = found
        return options

    def right_values(self, number: int, observed: JsonValue) -> list[JsonValue]:
        """The values that meet an expectation for a setting, other than the observed one."""
        setting = self.component.settings[number]
        policy = self.recorded.policy
        found: dict[str, JsonValue] = {}
        for control, check in setting.checks:
            for expectation in self.recorded.expectations(control, setting.name):
                for value in right_values(check, expectation, observed, policy.parameters):
                    if not documents.same(value, observed):
                        found.setdefault(documents.text(value), value)
        return list(found.values())

    def _lock_options(
        self, level: Level, scope: RecordedScope, flags: Flags, before: ScopeResult
    ) -> list[int]:
        """The locks that may be set at a scope, and might help."""
        if not self.limits.locks:
            return []
        return [
            number
            for number, lock in enumerate(self.component.locks)
            if flags[number] is False
            and self.is_settable(lock, level, scope)
            and self._might_help(number)
            and before.waived_locks.isdisjoint(self.covered(number))
            and not self._switches_on(number, scope)
        ]

    @staticmethod
    def is_settable(lock: ComponentLock, level: Level, scope: RecordedScope) -> bool:
        """True if the lock was read at a scope, and can be set there."""
        is_plain = isinstance(scope.values.at(lock.position), bool)
        return lock.is_certain and level in lock.levels and is_plain

    def _might_help(self, number: int) -> bool:
        return not self.covered(number).isdisjoint(self._failing_names | self._unlocked_names)

    def _switches_on(self, number: int, scope: RecordedScope) -> bool:
        """True if a lock may switch something on, for a group or person below, that no rule of the
        baseline judges: nobody asked for that, and it may well be an AI feature.

        Whoever was not read may have it off.
        """
        key = number, scope.scope.id
        if key not in self._switched_on:
            self._switched_on[key] = any(self.switched_on(number, scope))
        return self._switched_on[key]

    def switched_on(self, number: int, scope: RecordedScope) -> Iterator[Position]:
        """The settings that no rule judges and that a lock may switch on below a scope."""
        is_unread = self.recorded.policy.depth.rank < Level.USER.rank
        for each in self.unjudged(number):
            if scope.values.at(each) is True and (
                is_unread or any(_may_be_off(below, each) for below in self.below(scope))
            ):
                yield each

    def below(self, scope: RecordedScope) -> Iterator[RecordedScope]:
        """The groups and people to whom a lock at a scope applies."""
        for each in (*self.recorded.groups.values(), *self.recorded.users):
            if scope is self.recorded.account or scope.scope.id in each.scope.group_ids:
                yield each

    def unjudged(self, number: int) -> list[Position]:
        """Where the settings stand that a lock covers and no check reads."""
        covered = zip(self.component.settings, self.component.cover, strict=True)
        found = [each.position for each, lock in covered if lock == number and not each.checks]
        lock = self.component.locks[number].path
        documented_settings = documented.settings()
        return found + [
            position
            for position in self.component.unassessed
            if documented_settings[position[1]].get("lock") == lock
        ]

    def covered(self, number: int) -> set[str]:
        """The names of the settings that a lock covers."""
        return {
            setting.name
            for setting, lock in zip(self.component.settings, self.component.cover, strict=True)
            if lock == number
        }

    def _choice(self, change: ScopeChange, limit: Cost | None) -> Choice | None:
        """The best choice with this change of the account; None if it is no better than `limit`."""
        recorded = self.recorded.account
        account = self.changed(self.account, change)
        result = self.judge.result(Level.ACCOUNT, recorded, *self._layer(account), account.flags)
        if self._locks_in_deviation(change, result):
            return None
        cost = self._cost_of(Level.ACCOUNT, self.account.values, change)
        cost = cost.plus(
            self._harm(self.account_before, result, self.account.values, account.values)
        )
        if limit is not None and cost[:3] >= limit[:3] and cost > limit:
            return None
        options = {group_id: self._group_options(group_id, account) for group_id in self.groups}
        groups: dict[str, ScopeChange] = {}
        self._counted_in = {
            id(people): next((g for g in people.groups if len(options[g]) > 1), people.groups[0])
            for people in self.people
            if people.groups
        }
        for together in self._coupled(options):
            found = self._best_groups(together, options, account)
            groups |= found[1]
            cost = cost.plus(found[0])
            if limit is not None and cost[:3] > limit[:3]:
                return None
        layers = {
            group_id: self.group_layer(group_id, account, groups.get(group_id, NO_CHANGE))
            for group_id in self.groups
        }
        users: dict[int, ScopeChange] = {}
        for people in self.people:
            own_cost, own = self._best_of_people(people, account, layers)
            if not people.groups:
                cost = cost.plus(own_cost.times(people.count))
            if own != NO_CHANGE:
                users |= dict.fromkeys(people.numbers, own)
        return Choice(cost, change, {gid: c for gid, c in groups.items() if c != NO_CHANGE}, users)

    def changed(self, layer: LevelState, change: ScopeChange) -> LevelState:
        """The values and locks after a change."""
        values = tuple(
            change.values.get(number, value) for number, value in enumerate(layer.values)
        )
        flags = tuple(_flag_after(number, flag, change) for number, flag in enumerate(layer.flags))
        return LevelState(values, flags)

    def _locks_in_deviation(self, change: ScopeChange, result: ScopeResult) -> bool:
        """True if a new lock would hold a wrong value in place."""
        wrong = {name for _, name, kind in result.fails if kind is FindingKind.VALUE}
        return any(
            lock in change.locks and setting.name in wrong
            for setting, lock in zip(self.component.settings, self.component.cover, strict=True)
        )

    def edits(self, number: int, before: Value, after: JsonValue) -> int:
        """The number of requests that make a value another."""
        if isinstance(before, Absent):
            return 1
        path = self.component.settings[number].path
        return max(1, sum(1 for _ in documents.leaf_edits(before, after, path)))

    def _cost_of(self, level: Level, before: Values, change: ScopeChange) -> Cost:
        steps = manual = 0
        for number, value in change.values.items():
            edits = self.edits(number, before[number], value)
            steps += edits
            setting = self.component.settings[number]
            manual += 0 if requests.is_writable("value", level, setting.path) else edits
        for number in change.locks:
            steps += 1
            lock = self.component.locks[number]
            manual += 0 if requests.is_writable("lock", level, lock.path) else 1
        return Cost(steps=steps, user_steps=steps if level is Level.USER else 0, manual=manual)

    def _harm(
        self,
        before: ScopeResult,
        after: ScopeResult,
        values: Values,
        new: Values,
        own: Sequence[bool] | None = None,
    ) -> Cost:
        """The deviations of a scope that stand, and what a choice breaks there."""
        broken = len(before.passes & after.fails)
        broken += sum(
            1
            for key in after.fails - before.fails - before.passes
            if not self.limits.is_selected(key[0])
        )
        for number, setting in enumerate(self.component.settings):
            is_own = own is None or own[number]
            if setting.name in before.intended and is_own:
                broken += not documents.same(values[number], new[number])
        return Cost(broken=broken, remaining=self._selected(after))

    def _selected(self, result: ScopeResult) -> int:
        return sum(self.limits.is_selected(key[0]) for key in result.fails)

    # Groups

    def group_layer(self, group_id: str, account: LevelState, change: ScopeChange) -> LevelState:
        """The values and locks of a group after changes to the account and to itself."""
        recorded, own = self.groups[group_id], self.group_own[group_id]
        values: list[Value] = []
        for number, value in enumerate(recorded.values):
            above = account.values[number]
            lock = self.component.cover[number]
            is_forced = lock is not None and account.flags[lock] is True
            if number in change.values and not is_forced:
                value = change.values[number]
            elif (
                not isinstance(value, Absent)
                and not isinstance(above, Absent)
                and (is_forced or not own[number])
                and self._changed_above(number, account)
            ):
                value = above
            values.append(value)
        flags = tuple(
            None
            if flag is None
            else account.flags[number] is True or _flag_after(number, flag, change)
            for number, flag in enumerate(recorded.flags)
        )
        return LevelState(tuple(values), flags)

    def _changed_above(
        self, number: int, account: LevelState, groups: Mapping[str, LevelState] | None = None
    ) -> bool:
        """True if the value or the lock of a setting differs from the recorded one."""
        lock = self.component.cover[number]
        pairs = [(self.account, account)]
        pairs += [(self.groups[group_id], state) for group_id, state in (groups or {}).items()]
        return any(
            not documents.same(before.values[number], after.values[number])
            or (lock is not None and before.flags[lock] != after.flags[lock])
            for before, after in pairs
        )

    def _group_options(self, group_id: str, account: LevelState) -> list[ScopeChange]:
        """The changes to a group that may help; no change comes first."""
        scope = self.recorded.groups[group_id]
        layer = self.group_layer(group_id, account, NO_CHANGE)
        if not self.limits.allows(Level.GROUP):
            return [NO_CHANGE]
        free = [
            number
            for number, lock in enumerate(self.component.cover)
            if lock is None or account.flags[lock] is not True
        ]
        values = self._value_options(layer.values)
        recorded = self.groups[group_id].values
        intended = self.group_before[group_id].intended
        for number, setting in enumerate(self.component.settings):
            value = recorded[number]
            if setting.name in intended and not documents.same(value, layer.values[number]):
                values.setdefault(number, []).append(_json(value))
        values = {number: found for number, found in values.items() if number in free}
        locks = [
            number
            for number in self._lock_options(
                Level.GROUP, scope, layer.flags, self.group_before[group_id]
            )
            if account.flags[number] is not True
        ]
        changes = [
            ScopeChange(dict(chosen), locked)
            for locked in _subsets(locks)
            for chosen in _combinations(values)
        ]
        return sorted(changes, key=lambda change: len(change.locks) + len(change.values))

    def _coupled(self, options: Mapping[str, list[ScopeChange]]) -> list[list[str]]:
        """The groups, those together that have a choice and share members."""
        links: dict[str, str] = {group_id: group_id for group_id in options}

        def root(name: str) -> str:
            while links[name] != name:
                name = links[name]
            return name

        for people in self.people:
            free = [group_id for group_id in people.groups if len(options[group_id]) > 1]
            for other in free[1:]:
                links[root(free[0])] = root(other)
        together: dict[str, list[str]] = {}
        for group_id in options:
            together.setdefault(root(group_id), []).append(group_id)
        return list(together.values())

    def _best_groups(
        self, together: list[str], options: Mapping[str, list[ScopeChange]], account: LevelState
    ) -> tuple[Cost, dict[str, ScopeChange]]:
        """The best changes to groups that share members, and to their members."""
        chosen_from = [options[group_id] for group_id in together]
        fixed = {
            group_id: self.group_layer(group_id, account, NO_CHANGE)
            for group_id in self._other_groups(together)
        }
        total = 1
        for each in chosen_from:
            total *= len(each)
        costs = _CostsTogether(self, together, chosen_from, fixed, account)
        current = (0,) * len(together)
        if total <= MOST_COMBINATIONS:
            current = min(product(*map(range, map(len, chosen_from))), key=costs.of)
        else:
            cost, is_better = costs.of(current), True
            while is_better:
                is_better = False
                for at, candidates in enumerate(chosen_from):
                    for candidate in range(len(candidates)):
                        attempt = (*current[:at], candidate, *current[at + 1 :])
                        if (attempt_cost := costs.of(attempt)) < cost:
                            cost, current, is_better = attempt_cost, attempt, True
        changes = [each[at] for each, at in zip(chosen_from, current, strict=True)]
        return costs.of(current), dict(zip(together, changes, strict=True))

    def _other_groups(self, together: list[str]) -> set[str]:
        """Other groups of the members: they have no choice."""
        within = set(together)
        return {
            group_id
            for people in self._members(together)
            for group_id in people.groups
            if group_id not in within
        }

    def _members(self, together: list[str]) -> list[PeopleLike]:
        """The people who are counted with these groups: each in the group that comes first."""
        found = {
            id(people): people
            for group_id in together
            for people in self.by_group.get(group_id, ())
        }
        return list(found.values())

    def group_cost(
        self, group_id: str, account: LevelState, change: ScopeChange
    ) -> tuple[LevelState, Cost | None]:
        """A group after a change, and what that costs; None if a lock would hold a wrong value."""
        scope, recorded = self.recorded.groups[group_id], self.groups[group_id]
        layer = self.group_layer(group_id, account, change)
        result = self.judge.result(Level.GROUP, scope, layer.values, layer.flags, account.flags)
        if self._locks_in_deviation(change, result):
            return layer, None
        unchanged = self.group_layer(group_id, account, NO_CHANGE)
        cost = self._cost_of(Level.GROUP, unchanged.values, change)
        before = self.group_before[group_id]
        return layer, cost.plus(self._harm(before, result, recorded.values, layer.values))

    def people_counted_in(self, together: Sequence[str]) -> list[PeopleLike]:
        """The people who are counted with these groups, each in one of them."""
        members = self._members(list(together))
        return [people for people in members if self._counted_in[id(people)] in together]

    def people_cost(
        self, people: PeopleLike, account: LevelState, groups: Mapping[str, LevelState]
    ) -> Cost:
        """The cost of the cheapest change to all of these people."""
        cost, _ = self._best_of_people(people, account, groups)
        return cost.times(people.count)

    # People

    def user_values(
        self, people: PeopleLike, account: LevelState, groups: Mapping[str, LevelState]
    ) -> tuple[Values, tuple[bool, ...]]:
        """The values of people after changes above them, and which of them a lock holds."""
        values: list[Value] = []
        held = []
        for number, value in enumerate(people.values):
            lock = self.component.cover[number]
            new, is_held = value, False
            if not isinstance(value, Absent):
                new, is_held = self._user_value(people, number, lock, account, groups)
            values.append(new)
            held.append(is_held)
        return tuple(values), tuple(held)

    def _user_value(
        self,
        people: PeopleLike,
        number: int,
        lock: int | None,
        account: LevelState,
        groups: Mapping[str, LevelState],
    ) -> tuple[Value, bool]:
        value, above = people.values[number], account.values[number]
        own_groups = {group_id: groups[group_id] for group_id in people.groups}
        if not self._changed_above(number, account, own_groups):
            states = (account, *own_groups.values())
            return value, lock is not None and any(each.flags[lock] is True for each in states)
        if lock is not None and account.flags[lock] is True:
            return (value if isinstance(above, Absent) else above), True
        if lock is not None:
            for group_id in people.groups:
                if groups[group_id].flags[lock] is True:
                    forced = groups[group_id].values[number]
                    return (value if isinstance(forced, Absent) else forced), True
        if people.own[number]:
            return value, False
        if people.groups:
            inherited = groups[people.groups[0]].values[number]
            above = above if isinstance(inherited, Absent) else inherited
        return (value if isinstance(above, Absent) else above), False

    def _best_of_people(
        self, people: PeopleLike, account: LevelState, groups: Mapping[str, LevelState]
    ) -> tuple[Cost, ScopeChange]:
        """The cheapest change to each of these people, given everything above them."""
        values, held = self.user_values(people, account, groups)
        key = id(people), tuple(map(documents.text, values)), held
        found = self._best_own.get(key)
        if found is None:
            found = self._best_own[key] = self._found_best(people, values, held)
        return found

    def _found_best(
        self, people: PeopleLike, values: Values, held: tuple[bool, ...]
    ) -> tuple[Cost, ScopeChange]:
        def cost_of(change: ScopeChange) -> Cost:
            new = tuple(change.values.get(n, value) for n, value in enumerate(values))
            result = self.judge.result(Level.USER, people.scope, new, (), ())
            harm = self._harm(people.before, result, people.values, new, people.own)
            changed = any(
                not documents.same(one, other)
                for one, other in zip(people.values, new, strict=True)
            )
            return harm.plus(self._cost_of(Level.USER, values, change)).plus(Cost(people=changed))

        nothing = cost_of(NO_CHANGE)
        if nothing[:2] == (0, 0) or not self.limits.allows(Level.USER):
            return nothing, NO_CHANGE
        options = self._value_options(values)
        for number, setting in enumerate(self.component.settings):
            value = people.values[number]
            is_decided = setting.name in people.before.intended and people.own[number]
            if is_decided and not documents.same(value, values[number]):
                options.setdefault(number, []).append(_json(value))
        free = {number: found for number, found in options.items() if not held[number]}
        changes = [ScopeChange(dict(chosen)) for chosen in _combinations(free)]
        changes.sort(key=lambda change: len(change.values))
        return min(((cost_of(each), each) for each in changes), key=lambda found: found[0])


class _CostsTogether:
    """The costs of changes to groups that share members, the account given.

    A choice is the number of an option for each group. What a group costs depends on its option
    alone, and what people cost on those of their groups: each is worked out once, because a search
    tries thousands of choices that differ in one group.
    """

    def __init__(
        self,
        search: ComponentSearch,
        together: Sequence[str],
        options: Sequence[Sequence[ScopeChange]],
        fixed: Mapping[str, LevelState],
        account: LevelState,
    ) -> None:
        self._search, self._account = search, account
        self._together, self._options, self._fixed = together, options, fixed
        place = {group_id: at for at, group_id in enumerate(together)}
        self._people: dict[tuple[int, ...], list[PeopleLike]] = {}
        """People by the places of their groups among those that have a choice."""
        for people in search.people_counted_in(together):
            places = tuple(place[group_id] for group_id in people.groups if group_id in place)
            self._people.setdefault(places, []).append(people)
        self._of_group = cache(self._group)
        self._of_people = cache(self._members)

    def of(self, choice: tuple[int, ...]) -> Cost:
        """What a choice costs; a lock that holds a wrong value is worse than anything else."""
        costs = []
        for at, option in enumerate(choice):
            _, own = self._of_group(at, option)
            if own is None:
                return Cost(broken=1_000_000)
            costs.append(own)
        for places in self._people:
            costs.append(self._of_people(places, tuple([choice[at] for at in places])))
        return Cost(*map(sum, zip(*costs, strict=True)))

    def _group(self, at: int, option: int) -> tuple[LevelState, Cost | None]:
        change = self._options[at][option]
        return self._search.group_cost(self._together[at], self._account, change)

    def _members(self, places: tuple[int, ...], chosen: tuple[int, ...]) -> Cost:
        layers = dict(self._fixed)
        for at, option in zip(places, chosen, strict=True):
            layers[self._together[at]], _ = self._of_group(at, option)
        cost = Cost()
        for people in self._people[places]:
            cost = cost.plus(self._search.people_cost(people, self._account, layers))
        return cost


def _combinations(
    options: Mapping[int, list[JsonValue]],
) -> Iterator[list[tuple[int, JsonValue]]]:
    """Each way to choose one value or none for each setting."""
    numbers = list(options)
    lists: list[list[JsonValue | Absent]] = [[ABSENT, *options[number]] for number in numbers]
    size = 1
    for each in lists:
        size *= len(each)
    if size > MOST_COMBINATIONS:
        lists = [each[:2] for each in lists]
    for chosen in product(*lists):
        yield [
            (number, value)
            for number, value in zip(numbers, chosen, strict=True)
            if not isinstance(value, Absent)
        ]


def _may_be_off(scope: RecordedScope, position: Position) -> bool:
    """True if a switch is off at a scope, or could not be read there."""
    return scope.values.at(position) is False or position[0] in scope.values.failures


def _flag_after(number: int, flag: bool | None, change: ScopeChange) -> bool | None:
    if number in change.locks:
        return True
    return False if number in change.unlocks else flag


def _subsets(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    for chosen in product((False, True), repeat=len(numbers)):
        yield tuple(number for number, is_in in zip(numbers, chosen, strict=True) if is_in)


def _json(value: Value) -> JsonValue:
    assert not isinstance(value, Absent)
    return value
