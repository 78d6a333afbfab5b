"""Why a plan leaves the account without a lock that a rule asks for: the reason that holds."""

from collections.abc import Iterator

from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind
from auditor.fix import documents
from auditor.fix.recorded import named
from auditor.fix.search import NO_CHANGE, Choice, ComponentSearch, LevelState, ScopeChange
from auditor.fix.titles import listed, whom
from auditor.plain_text import join_and
from auditor.policy.catalogue import words

NOT_READ = "people were not read, and may have it off"
NO_MORE = "It would close no more than the steps of the plan do."


def refused_locks(search: ComponentSearch, choice: Choice) -> Iterator[tuple[str, str]]:
    """The path of each such lock of a component, and the reason, in sentences."""
    account = search.changed(search.account, choice.account)
    unlocked = {name for _, name, kind in search.account_before.fails if kind is FindingKind.LOCK}
    for number, lock in enumerate(search.component.locks):
        is_due = not unlocked.isdisjoint(search.covered(number))
        if is_due and account.flags[number] is not True:
            yield lock.path, _reason(search, number, account, choice)


def _reason(search: ComponentSearch, number: int, account: LevelState, choice: Choice) -> str:
    lock, recorded = search.component.locks[number], search.recorded
    if not lock.is_certain:
        return "Zoom does not document which settings that lock covers."
    if not search.is_settable(lock, Level.ACCOUNT, recorded.account):
        return "Zoom returned no lock that can be set there."
    if not search.account_before.waived_locks.isdisjoint(search.covered(number)):
        return "A waiver lets a setting under that lock stay unlocked."
    if switched := [*_switched_on(search, number)]:
        return " ".join(switched)
    change = ScopeChange(choice.account.values, (*choice.account.locks, number))
    if wrong := _wrong(search, number, account):
        return f"It would hold a wrong value of the account: {listed(wrong)}."
    if losing := _losing(search, search.changed(search.account, change)):
        return f"It would take a value away that is right or allowed, from {losing}."
    return NO_MORE


def _switched_on(search: ComponentSearch, number: int) -> Iterator[str]:
    recorded = search.recorded
    for position in search.switched_on(number, recorded.account):
        name = words.setting_name(position[1])
        below = [*search.below(recorded.account)]
        off = [each for each in below if each.values.at(position) is False]
        unread = [each for each in below if position[0] in each.values.failures]
        parts = [f"it would switch it on for {named(off)}, who have it off"] if off else []
        if recorded.policy.depth.rank < Level.USER.rank:
            parts.append(NOT_READ)
        elif unread:
            parts.append(f"{named(unread)} could not be read, and may have it off")
        yield f"The lock also covers “{name}”, which is on at the account: {join_and(parts)}."


def _wrong(search: ComponentSearch, number: int, account: LevelState) -> list[str]:
    """The settings under a lock whose value at the account is wrong."""
    result = search.judge.result(
        Level.ACCOUNT, search.recorded.account, account.values, account.flags, account.flags
    )
    wrong = {name for _, name, kind in result.fails if kind is FindingKind.VALUE}
    return [f"“{words.setting_name(name)}”" for name in sorted(wrong & search.covered(number))]


def _losing(search: ComponentSearch, account: LevelState) -> str:
    """The groups and people whose value would no longer be right, or is one that was allowed."""
    layers = {
        group_id: search.group_layer(group_id, account, NO_CHANGE) for group_id in search.groups
    }
    names = [setting.name for setting in search.component.settings]
    groups, people = [], 0
    for group_id, layer in layers.items():
        scope, before = search.recorded.groups[group_id], search.group_before[group_id]
        result = search.judge.result(Level.GROUP, scope, layer.values, layer.flags, account.flags)
        old = search.groups[group_id].values
        changed = {n for n, a, b in zip(names, old, layer.values, strict=True) if _differ(a, b)}
        if before.passes & result.fails or changed & before.intended:
            groups.append(scope.scope.label)
    for each in search.people:
        values, _ = search.user_values(each, account, layers)
        result = search.judge.result(Level.USER, each.scope, values, (), ())
        changed = {n for n, a, b in zip(names, each.values, values, strict=True) if _differ(a, b)}
        if each.before.passes & result.fails or changed & each.before.intended:
            people += each.count
    return whom(groups, people)


def _differ(one: documents.Value, other: documents.Value) -> bool:
    return not documents.same(one, other)
