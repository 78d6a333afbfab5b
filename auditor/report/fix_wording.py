"""Where to fix a broken rule in Zoom's admin centre, as its plan does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from auditor.evidence.scope import Level
from auditor.findings.closing_steps import ClosingStep
from auditor.findings.exposure import Exposure
from auditor.findings.model import FindingKind, Status
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue import portal
from auditor.report import facts, wording
from auditor.report.closing_wording import HEADING, LOCKING, ClosingOutline
from auditor.report.display import printable, shorten

MOST_GROUPS = 5
MOST_PLACED = 5
"""Settings that are named at their place in the portal."""
MOST_NAMED = 2
"""Settings that the way names; of more, the list of what is broken names each."""
MOST_STEPS = 6
"""Steps of the plan that the way has; the plan has the others."""
FIRST_PLAN = "First see what else that lock covers: auditor fix plan."
"""Without a plan, nothing says whether a lock would switch another feature on."""
_USERS = "User Management > Users > NAME > Settings"
_OF_ONE_SETTING = (FindingKind.VALUE, FindingKind.LOCK)
_BELOW = frozenset({Level.GROUP, Level.USER})
_SETTINGS_LEVELS = {Level.ACCOUNT, *_BELOW}


def in_admin_centre(
    control: ControlRollup,
    rollup: Rollup,
    exposed: Exposure,
    closing: ClosingOutline | None = None,
    *,
    first_are_above: bool = False,
) -> list[str]:
    """The steps of the plan for a rule; without a plan, the way to the setting that is wrong.

    `first_are_above`: the same page says of the steps to make first what they change.


    Each part is a line of its own. The plan knows whether a lock for the account is enough. Without
    it: where the account is right, its page would show a switch that is already off, so the groups
    and people that differ come first, and the account's page only for its lock.
    """
    refused = [*_not_locked(control, rollup, closing)]
    if steps := _steps_of(control, closing):
        above = closing.steps if closing is not None and first_are_above else ()
        return [*_of_plan(steps, above, control, rollup), *refused]
    if listed := _settings_listed(control, rollup, closing):
        return listed
    place = _place(control, rollup)
    values = _below_the_account(control, rollup)
    if not place:
        return []
    if not values:
        is_lock_due = control.unlocked and not refused
        return [_with_lock(place, control) if is_lock_due else place, *refused]
    names = list(
        dict.fromkeys(name for each in values for name in facts.changed_names(each.verdict))
    )
    pronoun = "it" if len(names) == 1 else "them"
    quoted = " and ".join(f"“{name}”" for name in names)
    rest = _below_settings(place, names)
    found = filter(None, (_at_groups(values), _for_people(values, exposed)))
    ways = [f"{way}{rest}" for way in found]
    what = (quoted if len(names) <= MOST_NAMED else pronoun, pronoun)
    ways = [f"Change {it} {way}." for it, way in zip(what, ways, strict=False)]
    if Level.ACCOUNT in control.unlocked and not refused:
        ways.append(f"Then lock {pronoun} for the account: {place}{portal.LOCK}. {FIRST_PLAN}")
    return [*ways, *refused]


def _with_lock(place: str, control: ControlRollup) -> str:
    return f"{place}: put the value right{portal.LOCK}" if control.broken else place + portal.LOCK


def _steps_of(control: ControlRollup, closing: ClosingOutline | None) -> Sequence[ClosingStep]:
    return () if closing is None else closing.by_control.get(control.info.id, ())


def _of_plan(
    steps: Sequence[ClosingStep],
    above: Sequence[ClosingStep],
    control: ControlRollup,
    rollup: Rollup,
) -> Iterator[str]:
    for step in steps[:MOST_STEPS]:
        automatic = "" if step.is_manual else " (automatic)"
        place = f": {step.place}" if step.place else ""
        number = f"{'Steps' if '-' in step.numbers else 'Step'} {step.numbers}"
        details = [f"What it changes: see “{HEADING}”."] if step in above else step.details
        yield " ".join([f"{number}{automatic}: {step.title}{place}.", *details])
    if steps[MOST_STEPS:]:
        yield f"And {pluralize(len(steps) - MOST_STEPS, 'more step')} of the plan."
    if elsewhere := control.broken.keys() - _SETTINGS_LEVELS:
        where = join_and([level.plural for level in sorted(elsewhere, key=lambda each: each.rank)])
        yield f"For {where}: {_place(control, rollup).removesuffix('.')}."
    if any(step.account_lock for step in steps):
        yield LOCKING


def _not_locked(
    control: ControlRollup, rollup: Rollup, closing: ClosingOutline | None
) -> Iterator[str]:
    """The locks of a rule that the plan leaves out at the account, with the reason of each."""
    settings = [
        group.verdict.setting
        for group in rollup.locks
        if group.verdict.control == control.info.id and Level.ACCOUNT in group.by_level
    ]
    for why, names in _refused(settings, closing).items():
        yield f"Do not lock {join_and(names)} for the account. {why}"


def _refused(settings: Iterable[str], closing: ClosingOutline | None) -> dict[str, list[str]]:
    """Why the plan does not lock settings at the account, and which for each reason."""
    found: dict[str, list[str]] = {}
    for setting in dict.fromkeys(settings if closing is not None else ()):
        why = closing.refused_locks.get(portal.lock_of(setting)) if closing is not None else None
        if why is not None:
            found.setdefault(why, []).append(f"“{facts.name(setting)}”")
    return found


def _settings_listed(
    control: ControlRollup, rollup: Rollup, closing: ClosingOutline | None
) -> list[str]:
    """For a rule that compares others: the rules whose settings it lists; empty for others."""
    verdicts = [
        group.verdict
        for group in rollup.deviations
        if group.verdict.control == control.info.id and facts.names_in(group.verdict)
    ]
    keys = dict.fromkeys(
        str(key) for verdict in verdicts for key in cast("Sequence[object]", verdict.observed)
    )
    if not keys:
        return []
    rules = {
        group.verdict.setting: group.verdict.control
        for group in reversed(rollup.of_status(Status.FAIL))
        if group.verdict.kind in _OF_ONE_SETTING
    }
    is_planned = closing is not None and (closing.account_locks or closing.refused_locks)
    if closing is None or not is_planned or not verdicts[0].setting.startswith(facts.LOCK_LIST):
        what_to_do = printable(control.info.fix_portal).removesuffix(".")
        return [f"{what_to_do}.", *_ways(keys, rules)]
    locked = [key for key in keys if portal.lock_of(key) in closing.account_locks]
    refused = _refused(keys, closing)
    rest = [
        key
        for key in keys
        if key not in locked and portal.lock_of(key) not in closing.refused_locks
    ]
    return [
        *(["Lock these for the account, as the steps of the plan say:"] if locked else ()),
        *_ways(locked, rules),
        *(
            f"Do not lock {join_and(names)} for the account. {why}"
            for why, names in refused.items()
        ),
        *_ways(rest, rules),
    ]


def _ways(keys: Iterable[str], rules: Mapping[str, str]) -> Iterator[str]:
    """The rule of each setting; of one that has none, its place, or that nobody knows it."""
    by_way: dict[str, list[str]] = {}
    for key in keys:
        way = f"see rule {rules[key]}" if key in rules else facts.place(key)
        by_way.setdefault(way, []).append(f"“{facts.name(key)}”")
    for way, names in sorted(by_way.items(), key=lambda each: (not each[0], each[0])):
        unknown = f"{'its place' if len(names) == 1 else 'their place'} in the portal is not known"
        yield f"{join_and(names)}: {way or unknown}."


def _place(control: ControlRollup, rollup: Rollup) -> str:
    """The place in the portal, down to the settings that are broken or not locked.

    The place of a rule with several settings is above them: without places of their own, their
    names say which.
    """
    place = printable(control.info.fix_portal)
    broken = [
        group.verdict.setting
        for group in rollup.of_status(Status.FAIL)
        if group.verdict.control == control.info.id and group.verdict.kind in _OF_ONE_SETTING
    ]
    settings = list(dict.fromkeys(broken))
    own = {setting: facts.place(setting) for setting in settings}
    if not place or not settings or len(control.info.setting_names) < 2:
        return place
    if len(settings) == 1 and own[settings[0]]:
        return own[settings[0]]
    if all(own.values()):
        return _together(list(dict.fromkeys(own.values())))
    names = [f"“{facts.name(setting)}”" for setting in settings]
    return f"{place}{_there(names)}" if len(names) <= MOST_PLACED else place


def _together(ways: Sequence[str]) -> str:
    """Ways with what they share said once: `A > B, there C > D; and E > D`."""
    parts = [way.split(" > ") for way in ways]
    shared = 0
    while all(len(part) > shared + 1 for part in parts) and len({p[shared] for p in parts}) == 1:
        shared += 1
    ends = "; and ".join(" > ".join(part[shared:]) for part in parts)
    return f"{' > '.join(parts[0][:shared])}, there {ends}" if shared else ends


def _below_settings(place: str, names: Sequence[str]) -> str:
    """The way from the settings of a group or a person to the setting: ` > Recording`."""
    way, _, _ = place.partition(", there “")
    is_elsewhere = ";" in way.partition(", there ")[0]
    rest = "" if is_elsewhere else portal.place_at(place, Level.GROUP, "")
    rest = rest.removeprefix(portal.place_at("", Level.GROUP, ""))
    return rest or _there([f"“{name}”" for name in names])


def _there(quoted: Sequence[str]) -> str:
    return f", there the setting{'s' if quoted[1:] else ''} {join_and(quoted)}"


def in_short(
    control: ControlRollup,
    rollup: Rollup,
    exposed: Exposure,
    closing: ClosingOutline | None = None,
) -> str:
    """The same without the way: where to change it, and whether to lock it for the account."""
    if steps := _steps_of(control, closing):
        more = len(steps) - 1
        rest = f", and {pluralize(more, 'more step')} of the plan" if more else ""
        return f"{steps[0].title}{rest}."
    place = _place(control, rollup)
    values = _below_the_account(control, rollup)
    if not place or not values:
        return place
    people = "for the people who have it themselves" if _for_people(values, exposed) else ""
    where = [each for each in (_names(values), people) if each]
    ways = [f"In User Management, change it {join_and(where)}"]
    if Level.ACCOUNT in control.unlocked and not any(_not_locked(control, rollup, closing)):
        ways.append("lock it for the account")
    return f"{', then '.join(ways)}."


def _below_the_account(control: ControlRollup, rollup: Rollup) -> list[FindingGroup]:
    """The broken values, if the account has none of them; else empty."""
    values = [
        group
        for group in rollup.deviations
        if group.verdict.control == control.info.id and group.verdict.kind is FindingKind.VALUE
    ]
    return values if all(set(group.by_level) <= _BELOW for group in values) else []


def _at_groups(values: Sequence[FindingGroup]) -> str:
    where = _names(values)
    names = _group_names(values)
    one = names[0] if names and len(names) == _most(values) == 1 else "NAME"
    return f"{where}: User Management > Groups > {one} > Settings" if where else ""


def _names(values: Sequence[FindingGroup]) -> str:
    """`in group “Sales”`; empty if it is broken in no group."""
    most, names = _most(values), _group_names(values)
    if not most:
        return ""
    quoted = wording.listed([f"“{name}”" for name in names], MOST_GROUPS)
    rest = "" if len(names) >= most else f" and {wording.number(most - len(names))} more"
    return f"in {Level.GROUP.noun if most == 1 else Level.GROUP.plural} {quoted}{rest}"


def _most(values: Sequence[FindingGroup]) -> int:
    return max((group.by_level.get(Level.GROUP, 0) for group in values), default=0)


def _group_names(values: Sequence[FindingGroup]) -> list[str]:
    scopes = (scope for group in values for scope in group.scopes if scope.level is Level.GROUP)
    return list(dict.fromkeys(shorten(scope.label, 60) for scope in scopes))


def _for_people(values: Sequence[FindingGroup], exposed: Exposure) -> str:
    """Empty if everybody has the value of a group."""
    for group in values:
        followers = sum(members for _, members in exposed.same_as(group.verdict))
        if group.by_level.get(Level.USER, 0) > followers:
            return "for the people listed who have it themselves: " + _USERS
    return ""
