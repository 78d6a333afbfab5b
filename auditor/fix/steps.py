"""Completes the steps of a plan: what each resolves, whom it affects, what it waits for.

The steps are played through in order on the recorded account.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.fix import documents, requests
from auditor.fix.component_judge import CheckKey, Values
from auditor.fix.components import Component, ComponentSetting
from auditor.fix.documents import ABSENT, Absent, Value
from auditor.fix.model import (
    ManualWork,
    PlanStep,
    RequiredValue,
    StepReach,
    StepScope,
    request_of,
)
from auditor.fix.observed_use import ObservedUse
from auditor.fix.recorded import Position, RecordedAccount, RecordedScope, named
from auditor.fix.search import (
    NO_CHANGE,
    ComponentSearch,
    LevelState,
    PeopleLike,
    PlanLimits,
    ScopeChange,
)
from auditor.fix.titles import counted, counted_people, listed, name_of, title_of
from auditor.plain_text import join_and
from auditor.policy.catalogue import portal, words, writable
from auditor.policy.catalogue.portal import NO_PLACE, RulePlace

NO_REQUEST = "Zoom documents no request that changes it."
MOST_INSIDE = 20
"""Settings inside an object that its place names."""
NOBODY_CAN_SWITCH = "nobody below can switch"
OWN_VALUES_STAY = "some keep the old value if they chose it themselves: Zoom does not show that."
OTHER_FORM = "Zoom takes it in another form than it returns it."


@dataclass(frozen=True)
class DraftStep:
    """A change at one scope, before anything about it is known."""

    kind: requests.Kind
    scope: StepScope
    setting: str
    """The path of a leaf, or of a lock flag."""
    to: JsonValue
    user_class: int | None = None
    """For a user, the number of their `RecordedScope`."""

    @property
    def level(self) -> Level:
        """The level of its scope."""
        return Level(self.scope.level)


@dataclass
class _Progress:
    """A component with the changes so far."""

    search: ComponentSearch
    account: ScopeChange = NO_CHANGE
    groups: dict[str, ScopeChange] = field(default_factory=dict)
    users: dict[str, tuple[PeopleLike, ScopeChange]] = field(default_factory=dict)
    """User id to the people they are among, and the change to this one."""
    steps: list[tuple[int, DraftStep, frozenset[int]]] = field(default_factory=list)
    """Id and step of the account and of groups, and the numbers of the settings concerned."""
    of_users: dict[str, list[tuple[int, DraftStep, frozenset[int]]]] = field(default_factory=dict)
    """User id to the steps of this user."""
    debt: int = 0
    """Deviations that earlier steps opened and later ones close again."""


@dataclass(frozen=True)
class _Row:
    """Scopes with the same values: a group, or people."""

    level: Level
    count: int
    values: Values
    locked: tuple[bool | None, ...]
    """For a group, its flags; for people, whether a lock holds each setting."""
    own: tuple[bool, ...]
    scopes: tuple[RecordedScope, ...] = ()
    """The group, or those among which the people are."""


@dataclass(frozen=True)
class _Moment:
    """What a step can change, at one moment."""

    account: LevelState
    rows: tuple[_Row, ...]
    fails: Counter[CheckKey]
    own_state: LevelState
    """The values and locks of the scope of the step itself."""


@dataclass(frozen=True)
class _HeldValue:
    """A value that a lock holds besides those that its rules judge."""

    path: str
    value: JsonValue
    differing: tuple[RecordedScope, ...]
    """Those below the lock that have another one."""
    is_judged: bool
    """True if it is a part of a setting that a rule judges."""


@dataclass
class StepPlayer:
    """Plays steps through, one after the other."""

    recorded: RecordedAccount
    components: Sequence[Component]
    places: Mapping[str, RulePlace]
    """Control id to its place in the portal."""
    searches: dict[int, ComponentSearch] = field(default_factory=dict)
    """Those that exist, by the number of their component."""
    _progress: dict[int, _Progress] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self._by_value: dict[str, int] = {}
        self._by_lock: dict[str, int] = {}
        self._use = ObservedUse(self.recorded.snapshot.account().outcomes)
        self._users = {each.number: each for each in self.recorded.users}
        for number, component in enumerate(self.components):
            for setting in component.settings:
                self._by_value.setdefault(setting.path, number)
            for lock in component.locks:
                self._by_lock.setdefault(lock.path, number)

    def component_of(self, kind: requests.Kind, path: str) -> int | None:
        """The number of the component with a setting or lock; None if no check reads it."""
        if kind == "lock":
            return self._by_lock.get(path)
        while path and path not in self._by_value:
            path = path.rpartition(".")[0]
        return self._by_value.get(path)

    def play(self, step: DraftStep) -> PlanStep:
        """The complete step, after the steps played before it."""
        self._number += 1
        number = self.component_of(step.kind, step.setting)
        if number is None:
            off = [step.setting] if step.to is False and step.kind == "value" else []
            reach = StepReach(groups=0, users=0)
            return self._complete(step, ABSENT, [], 0, reach, loses=self._use.sentences(off))
        progress = self._progress.get(number)
        if progress is None:
            search = self.searches.get(number)
            if search is None:
                search = ComponentSearch(self.recorded, self.components[number], PlanLimits())
            progress = self._progress[number] = _Progress(search)
        component = progress.search.component
        concerned = _concerned(component, step)
        before = self._moment(progress, step)
        from_ = _value_of(component, step, before.own_state)
        self._apply(progress, step, before)
        after = self._moment(progress, step)
        closes = before.fails.total() - after.fails.total() - progress.debt
        progress.debt = max(0, -closes)
        groups = self._groups_of(step)
        own = progress.of_users.setdefault(step.scope.id, [])
        waits = [
            other_id
            for other_id, other, numbers in (*progress.steps, *own)
            if numbers & concerned and _waits_for(step, other, groups)
        ]
        remembered = own if step.level is Level.USER else progress.steps
        remembered.append((self._number, step, concerned))
        closed = before.fails - after.fails
        controls = [cid for n in sorted(concerned) for cid, _ in component.settings[n].checks]
        resolving = {key[0] for key in closed}
        named = [cid for cid in controls if cid in resolving] or controls
        reach = _reach(before, after, concerned, component)
        loses, notices = self._consequences(step, progress.search, concerned, before, after)
        return self._complete(
            step,
            from_,
            list(dict.fromkeys(named)),
            max(0, closes),
            reach,
            after=tuple(waits),
            requires=_required(component, step, after.own_state),
            loses=loses,
            notices=notices,
        )

    def _complete(
        self,
        step: DraftStep,
        from_: Value,
        controls: list[str],
        resolves: int,
        reach: StepReach,
        **more: Any,
    ) -> PlanStep:
        request, manual = None, None
        if requests.is_writable(step.kind, step.level, step.setting):
            request = request_of(step.kind, step.scope, step.setting, step.to)
        else:
            place = self.place(step.kind, step.scope, step.setting, controls)
            has_other_form = step.kind == "value" and writable.has_other_form(step.setting)
            manual = ManualWork(
                place=place,
                reason=OTHER_FORM if has_other_form else NO_REQUEST,
            )
        return PlanStep(
            id=self._number,
            kind=step.kind,
            scope=step.scope,
            setting=step.setting,
            from_=None if isinstance(from_, Absent) else from_,
            to=step.to,
            request=request,
            manual=manual,
            controls=tuple(controls),
            resolves=resolves,
            affects=reach,
            after=more.pop("after", ()),
            title=title_of(step.kind, step.setting, from_, step.to, step.scope),
            **more,
        )

    def place(
        self, kind: requests.Kind, scope: StepScope, setting: str, controls: Iterable[str]
    ) -> str:
        """Where a person makes a step in the portal, down to what they press."""
        inside = self._inside(scope, setting) if kind == "lock" else ()
        return portal_path(kind, scope, setting, controls, self.places, [*inside])

    def _inside(self, scope: StepScope, lock: str) -> Iterator[str]:
        """The settings in the objects under a lock."""
        number = self._by_lock.get(lock)
        is_account = Level(scope.level) is Level.ACCOUNT
        source = self.recorded.account if is_account else self.recorded.groups.get(scope.id)
        if number is None or source is None:
            return
        component = self.components[number]
        for setting, covering in zip(component.settings, component.cover, strict=True):
            if covering is not None and component.locks[covering].path == lock:
                value = source.values.at(setting.position)
                if isinstance(value, dict):
                    yield from (
                        f"{setting.path}.{leaf}" for leaf, _ in documents.leaves(value) if leaf
                    )

    def _groups_of(self, step: DraftStep) -> tuple[str, ...]:
        if step.user_class is None:
            return ()
        return self._users[step.user_class].scope.group_ids

    def _apply(self, progress: _Progress, step: DraftStep, before: _Moment) -> None:
        component = progress.search.component
        if step.level is Level.ACCOUNT:
            progress.account = _with(component, progress.account, step, before.own_state)
        elif step.level is Level.GROUP:
            change = progress.groups.get(step.scope.id, NO_CHANGE)
            progress.groups[step.scope.id] = _with(component, change, step, before.own_state)
        else:
            people = self._person(progress, step)
            _, change = progress.users.get(step.scope.id, (people, NO_CHANGE))
            changed = _with(component, change, step, before.own_state)
            progress.users[step.scope.id] = people, changed

    def _person(self, progress: _Progress, step: DraftStep) -> PeopleLike:
        assert step.user_class is not None
        return progress.search.people_of[step.user_class]

    def _moment(self, progress: _Progress, step: DraftStep) -> _Moment:
        search = progress.search
        account = search.changed(search.account, progress.account)
        groups: Iterable[str] = ()
        people: Sequence[PeopleLike] = ()
        if step.level is Level.ACCOUNT:
            groups, people = search.groups, search.people
        elif step.level is Level.GROUP:
            groups = [step.scope.id] if step.scope.id in search.groups else []
            people = search.by_group.get(step.scope.id, ())
        else:
            people = [self._person(progress, step)]
        layers = {
            group_id: search.group_layer(
                group_id, account, progress.groups.get(group_id, NO_CHANGE)
            )
            for group_id in {*groups, *(each for one in people for each in one.groups)}
        }
        fails: Counter[CheckKey] = Counter()
        own_state = account
        if step.level is Level.ACCOUNT:
            result = search.judge.result(
                Level.ACCOUNT, self.recorded.account, account.values, account.flags, account.flags
            )
            fails.update(result.fails)
        rows = []
        for group_id in groups:
            layer = layers[group_id]
            scope = self.recorded.groups[group_id]
            result = search.judge.result(
                Level.GROUP, scope, layer.values, layer.flags, account.flags
            )
            fails.update(result.fails)
            own = search.group_own[group_id]
            rows.append(_Row(Level.GROUP, 1, layer.values, layer.flags, own, (scope,)))
            if group_id == step.scope.id:
                own_state = layer
        for row, scope in self._people_rows(progress, step, people, account, layers):
            result = search.judge.result(Level.USER, scope, row.values, (), ())
            for key in result.fails:
                fails[key] += row.count
            rows.append(row)
            if step.level is Level.USER:
                own_state = LevelState(row.values, ())
        return _Moment(account, tuple(rows), fails, own_state)

    def _people_rows(
        self,
        progress: _Progress,
        step: DraftStep,
        people: Iterable[PeopleLike],
        account: LevelState,
        layers: Mapping[str, LevelState],
    ) -> Iterator[tuple[_Row, RecordedScope]]:
        if step.level is Level.USER:
            person = self._person(progress, step)
            _, change = progress.users.get(step.scope.id, (person, NO_CHANGE))
            values, held = progress.search.user_values(person, account, layers)
            new = _own_values(values, held, change)
            yield _Row(Level.USER, 1, new, held, person.own), person.scope
            return
        changed: dict[int, list[tuple[str, ScopeChange]]] = {}
        for user_id, (among, change) in progress.users.items():
            changed.setdefault(id(among), []).append((user_id, change))
        for one in people:
            values, held = progress.search.user_values(one, account, layers)
            apart = changed.get(id(one), [])
            rest = one.count - len(apart)
            scopes = tuple(self._users[number] for number in one.numbers)
            if rest:
                yield _Row(Level.USER, rest, values, held, one.own, scopes), one.scope
            for _, change in apart:
                new = _own_values(values, held, change)
                yield _Row(Level.USER, 1, new, held, one.own, scopes), one.scope

    def _consequences(
        self,
        step: DraftStep,
        search: ComponentSearch,
        concerned: frozenset[int],
        before: _Moment,
        after: _Moment,
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What people lose, and who notices."""
        component = search.component
        off = self._use.sentences(_switched_off(component, concerned, before, after))
        if step.kind == "value":
            if step.level is Level.USER:
                return off, ()
            return off, tuple(_changes(before, after, concerned))
        besides = [*self._held_besides(step, search, concerned)] if step.to is True else []
        loses = [
            f"The lock also sets “{name_of(each.path)}”"
            f"{'' if each.is_judged else ', which no rule judges,'} to "
            f"{words.value_words(each.path, each.value)}: that changes it for "
            f"{named(each.differing)}.{self._waiting(each.path)}"
            for each in besides
            if each.differing
        ]
        forced = {
            number: sum(
                one.count
                for one, other in zip(before.rows, after.rows, strict=True)
                if one.level is Level.USER
                and one.own[number]
                and not documents.same(one.values[number], other.values[number])
            )
            for number in sorted(concerned)
            if component.settings[number].checks
        }
        for number, count in forced.items():
            if count:
                path = component.settings[number].path
                lose = "loses" if count == 1 else "lose"
                loses.append(
                    f"{counted_people(count)} {lose} their own value of "
                    f"{words.setting_name(path)}.{self._waiting(path)}"
                )
        notices = [_reach_of_lock(step, before, after, concerned, component, besides)]
        notices += _values_of_lock(component, step, concerned, before, after)
        notices += _inferred(component, concerned)
        notices += _held_unchanged(
            [each for each in besides if not each.differing and not each.is_judged]
        )
        return (*loses, *off), tuple(filter(None, notices))

    def _held_besides(
        self, step: DraftStep, search: ComponentSearch, concerned: frozenset[int]
    ) -> Iterator[_HeldValue]:
        """The settings under a lock that no rule judges, and what its rules leave out of an object
        that they judge: the lock holds the object as a whole.
        """
        at_account = step.level is Level.ACCOUNT
        source = self.recorded.account if at_account else self.recorded.groups[step.scope.id]
        below = [*search.below(source)]
        for position in search.unjudged(_lock_number(search.component, step)):
            value = source.values.at(position)
            if not isinstance(value, Absent):
                yield _held(position, "", value, below)
        for number in sorted(concerned):
            setting = search.component.settings[number]
            value = source.values.at(setting.position)
            if not setting.checks or not isinstance(value, dict):
                continue
            for leaf, inner in documents.leaves(value):
                found = _held(setting.position, leaf, inner, below)
                # Off is what the rules ask of each switch in an object.
                if inner is not False and found.differing:
                    yield found

    def _waiting(self, path: str) -> str:
        """That rules on a setting wait for a decision; empty if none does.

        A plan says so and sets the lock all the same: the lock is what closes broken rules, it
        gives the value that the organisation has for its account, and a person approves each plan.
        Without the lock, a decision would hold up switches that it has nothing to do with.
        """
        policy = self.recorded.policy
        waiting = [
            control
            for component in self.components
            for setting in component.settings
            if setting.path == path
            for control, _ in setting.checks
            if not all(
                expectation.is_decided(policy.parameters)
                for expectation in self.recorded.expectations(control, setting.name)
            )
        ]
        if not waiting:
            return ""
        verb = "waits" if len(waiting) == 1 else "wait"
        return f" {join_and(waiting)} still {verb} for your decision on it (auditor decide)."


def _inferred(component: Component, concerned: Iterable[int]) -> Iterator[str]:
    """The settings of which only the rules, not Zoom, say that the lock covers them."""
    found = [component.settings[number] for number in sorted(concerned)]
    names = [
        f"“{name_of(each.path)}”"
        for each in found
        if each.checks and all(check.lock_inferred for _, check in each.checks)
    ]
    if names:
        yield (
            f"Zoom does not document that this lock covers {listed(names)}: look there afterwards."
        )


def _held_unchanged(unchanged: Sequence[_HeldValue]) -> Iterator[str]:
    """What a lock holds as it is although no rule asks for it: on is what people cannot undo."""
    on = [f"“{name_of(each.path)}”" for each in unchanged if each.value is True]
    rest = [
        f"“{name_of(each.path)}” ({words.value_words(each.path, each.value)})"
        for each in unchanged
        if each.value is not True
    ]
    if on:
        verb, pronoun = ("stays", "it") if len(on) == 1 else ("stay", "them")
        yield (
            f"{listed(on)}, which no rule judges, {verb} on, and {NOBODY_CAN_SWITCH} {pronoun} off."
        )
    if rest:
        yield f"The lock also holds what no rule judges: {listed(rest)}."


def _held(
    position: Position, leaf: str, value: JsonValue, below: Sequence[RecordedScope]
) -> _HeldValue:
    def differs(scope: RecordedScope) -> bool:
        other = documents.below(scope.values.at(position), leaf)
        return not isinstance(other, Absent) and not documents.same(other, value)

    return _HeldValue(
        f"{position[1]}.{leaf}" if leaf else position[1],
        value,
        tuple(filter(differs, below)),
        bool(leaf),
    )


def _changes(before: _Moment, after: _Moment, concerned: frozenset[int]) -> Iterator[str]:
    """For whom a value changes at the account or a group."""
    groups = people = followers = 0
    for one, other in zip(before.rows, after.rows, strict=True):
        differing = [n for n in concerned if not documents.same(one.values[n], other.values[n])]
        if one.level is Level.GROUP:
            groups += bool(differing)
        else:
            people += one.count * bool(differing)
            followers += one.count * any(not other.locked[n] for n in differing)
    if groups or people:
        whom_ = counted(groups, people, "up to " if followers else "")
        some = f"; {OWN_VALUES_STAY} Audit again afterwards."
        yield f"Changes the value for {whom_}{some if followers else '.'}"


def _reach_of_lock(
    step: DraftStep,
    before: _Moment,
    after: _Moment,
    concerned: frozenset[int],
    component: Component,
    besides: Sequence[_HeldValue],
) -> str:
    """For whom a lock changes a value, and who can no longer choose one."""
    elsewhere = {id(scope) for each in besides for scope in each.differing}
    number = _lock_number(component, step)
    changed, held = Counter[Level](), Counter[Level]()
    for one, other in zip(before.rows, after.rows, strict=True):
        if any(not documents.same(one.values[n], other.values[n]) for n in concerned):
            changed[one.level] += one.count
        else:
            found = sum(scope.count for scope in one.scopes if id(scope) in elsewhere)
            changed[one.level] += min(one.count, found)
        if one.level is Level.GROUP:
            held[one.level] += one.locked[number] != other.locked[number]
        else:
            held[one.level] += one.count * any(one.locked[n] != other.locked[n] for n in concerned)
    values = counted(changed[Level.GROUP], changed[Level.USER])
    choice = counted(held[Level.GROUP], held[Level.USER])
    parts = [f"Changes the value for {values}" if values else "Changes no value below"]
    if choice:
        parts.append(f"takes the choice from {choice}" if step.to else f"gives {choice} the choice")
    return f"{'; '.join(parts)}." if values or choice else ""


def _lock_number(component: Component, step: DraftStep) -> int:
    return next(n for n, lock in enumerate(component.locks) if lock.path == step.setting)


def portal_path(
    kind: requests.Kind,
    scope: StepScope,
    setting: str,
    controls: Iterable[str],
    places: Mapping[str, RulePlace],
    inside: Sequence[str] = (),
) -> str:
    """Where a person makes a step in the portal, down to what they press.

    `inside`: the settings in the object that a lock covers. In the portal each has its own lock,
    among those of settings that the object does not have.
    """
    known = (places[cid] for cid in controls if cid in places and places[cid].path)
    rule = next(known, NO_PLACE)
    level, name = Level(scope.level), scope.name or scope.id
    if inside and rule.path:
        names = listed([f"“{name_of(path)}”" for path in inside], MOST_INSIDE)
        path = portal.place_at(rule.path, level, name)
        return f"{path}, there {names}: press the lock beside each, and no other lock"
    path = portal.setting_path(setting, rule, level, name)
    return path + portal.LOCK if path and kind == "lock" else path


def _values_of_lock(
    component: Component,
    step: DraftStep,
    concerned: frozenset[int],
    before: _Moment,
    after: _Moment,
) -> Iterator[str]:
    """That a lock gives everybody below it the values of its scope, and which.

    Of an object, the switches that it turns off.
    """
    if step.to is not True:
        return
    judged = frozenset(number for number in concerned if component.settings[number].checks)
    known: dict[str, JsonValue] = {}
    for number in sorted(judged):
        value = after.own_state.values[number]
        if not isinstance(value, Absent | dict):
            known[component.settings[number].path] = value
    off = _switched_off(component, judged, before, after)
    known |= {path: False for path in off if path not in known}
    values = [f"“{name_of(path)}” ({words.value_words(path, to)})" for path, to in known.items()]
    to_whom = "Everybody in the group gets its value"
    if step.level is Level.ACCOUNT:
        to_whom = "Every group and person gets the account's value"
    yield f"{to_whom}: {listed(values)}." if values else f"{to_whom}."


def _concerned(component: Component, step: DraftStep) -> frozenset[int]:
    """The numbers of the settings that a step concerns."""
    if step.kind == "lock":
        number = _lock_number(component, step)
        return frozenset(n for n, lock in enumerate(component.cover) if lock == number)
    return frozenset(
        n
        for n, setting in enumerate(component.settings)
        if step.setting == setting.path or step.setting.startswith(f"{setting.path}.")
    )


def _switched_off(
    component: Component, concerned: frozenset[int], before: _Moment, after: _Moment
) -> Iterator[str]:
    """The paths of the switches that a step turns off somewhere."""
    states = [(before.own_state.values, after.own_state.values)]
    states += [
        (one.values, other.values) for one, other in zip(before.rows, after.rows, strict=True)
    ]
    for number in sorted(concerned):
        path = component.settings[number].path
        for earlier, later in states:
            one, other = earlier[number], later[number]
            if isinstance(one, Absent) or isinstance(other, Absent):
                continue
            edits = documents.leaf_edits(one, other, path)
            yield from (leaf for leaf, value in edits if value is False)


def _value_of(component: Component, step: DraftStep, state: LevelState) -> Value:
    """The value or flag that a step changes."""
    if step.kind == "lock":
        number = _lock_number(component, step)
        flag = state.flags[number] if state.flags else None
        return ABSENT if flag is None else flag
    for number in _concerned(component, step):
        setting = component.settings[number]
        return documents.below(state.values[number], step.setting[len(setting.path) + 1 :])
    return ABSENT


def _with(
    component: Component, change: ScopeChange, step: DraftStep, state: LevelState
) -> ScopeChange:
    """The change with a step added."""
    if step.kind == "lock":
        number = _lock_number(component, step)
        locks = set(change.locks) - {number}
        unlocks = set(change.unlocks) - {number}
        (locks if step.to else unlocks).add(number)
        return ScopeChange(change.values, tuple(sorted(locks)), tuple(sorted(unlocks)))
    values = dict(change.values)
    for number in _concerned(component, step):
        setting: ComponentSetting = component.settings[number]
        current = state.values[number]
        if not isinstance(current, Absent):
            rest = step.setting[len(setting.path) + 1 :]
            values[number] = documents.replaced(current, rest, step.to)
    return ScopeChange(values, change.locks, change.unlocks)


def _own_values(values: Values, held: tuple[bool, ...], change: ScopeChange) -> Values:
    return tuple(
        value if is_held else change.values.get(number, value)
        for number, (value, is_held) in enumerate(zip(values, held, strict=True))
    )


def _required(
    component: Component, step: DraftStep, state: LevelState
) -> tuple[RequiredValue, ...]:
    """The values under a lock that have to be right before it is set."""
    if step.kind != "lock" or step.to is not True:
        return ()
    return tuple(
        RequiredValue(setting=component.settings[n].path, value=value)
        for n in sorted(_concerned(component, step))
        if component.settings[n].checks and not isinstance(value := state.values[n], Absent | dict)
    )


def _waits_for(step: DraftStep, other: DraftStep, groups: tuple[str, ...]) -> bool:
    """True if `other` has to be done before `step`: a value before its lock, and from the top."""
    if other.scope == step.scope:
        return step.kind == "lock" or other.kind == "lock" or other.setting != step.setting
    if other.level is Level.ACCOUNT:
        return True
    return other.level is Level.GROUP and other.scope.id in groups


def _reach(
    before: _Moment, after: _Moment, concerned: frozenset[int], component: Component
) -> StepReach:
    counts = {Level.GROUP: 0, Level.USER: 0}
    for one, other in zip(before.rows, after.rows, strict=True):
        is_changed = any(
            not documents.same(one.values[number], other.values[number]) for number in concerned
        )
        if one.level is Level.GROUP:
            numbers = {component.cover[n] for n in concerned} - {None}
            locked = any(one.locked[n] != other.locked[n] for n in numbers if n is not None)
        else:
            locked = any(one.locked[n] != other.locked[n] for n in concerned)
        if is_changed or locked:
            counts[one.level] += one.count
    return StepReach(groups=counts[Level.GROUP], users=counts[Level.USER])
