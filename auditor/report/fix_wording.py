"""Where to fix a broken rule in Zoom's admin centre: first where the value is, then the lock."""

from collections.abc import Sequence

from auditor.evidence.scope import Level
from auditor.findings.exposure import Exposure
from auditor.findings.model import FindingKind, Status
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup
from auditor.plain_text import join_and
from auditor.report import facts, wording
from auditor.report.display import printable, shorten

MOST_GROUPS = 5
MOST_PLACED = 5
"""Settings that are named at their place in the portal."""
MOST_NAMED = 2
"""Settings that the way names; of more, the list of what is broken names each."""
_USERS = "User Management > Users > NAME > Settings"
_ACCOUNT_PLACE = "Account Management > Account Settings > "
_OF_ONE_SETTING = (FindingKind.VALUE, FindingKind.LOCK)
_BELOW = frozenset({Level.GROUP, Level.USER})


def in_admin_centre(control: ControlRollup, rollup: Rollup, exposed: Exposure) -> str:
    """The way to the setting that is wrong; that of the account where nothing below says more.

    Where the account is right, its page would show a switch that is already off: the groups and
    people that differ come first, and the account's page only for its lock.
    """
    place = _place(control, rollup)
    values = _below_the_account(control, rollup)
    if not place or not values:
        return place
    names = list(
        dict.fromkeys(name for each in values for name in facts.changed_names(each.verdict))
    )
    pronoun = "it" if len(names) == 1 else "them"
    quoted = " and ".join(f"“{name}”" for name in names)
    rest = _below_settings(place) if len(names) == 1 else ""
    found = filter(None, (_at_groups(values), _for_people(values, exposed)))
    ways = [f"{way}{rest}" for way in found]
    what = (quoted if len(names) <= MOST_NAMED else pronoun, pronoun)
    steps = [f"Change {it} {way}." for it, way in zip(what, ways, strict=False)]
    if Level.ACCOUNT in control.unlocked:
        steps.append(f"Then lock {pronoun} for the account: {place}")
    return " ".join(steps)


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
    return f"{place}, there {join_and(names)}" if len(names) <= MOST_PLACED else place


def _together(ways: Sequence[str]) -> str:
    """Ways with what they share said once: `A > B, there C > D; and E > D`."""
    parts = [way.split(" > ") for way in ways]
    shared = 0
    while all(len(part) > shared + 1 for part in parts) and len({p[shared] for p in parts}) == 1:
        shared += 1
    ends = "; and ".join(" > ".join(part[shared:]) for part in parts)
    return f"{' > '.join(parts[0][:shared])}, there {ends}" if shared else ends


def _below_settings(place: str) -> str:
    """The way from the settings of the account, a group or a person to the setting: ` > Recording`.

    Empty if the place is elsewhere, or is more than one.
    """
    _, found, rest = place.partition(_ACCOUNT_PLACE)
    if not found or ";" in rest or ", there " in rest:
        return ""
    if rest.count(")") > rest.count("("):  # "(classic portal: … > AI Companion tab) > Meeting"
        rest = rest.replace(")", "", 1)
    return f" > {rest}"


def in_short(control: ControlRollup, rollup: Rollup, exposed: Exposure) -> str:
    """The same without the way: where to change it, and whether to lock it for the account."""
    place = _place(control, rollup)
    values = _below_the_account(control, rollup)
    if not place or not values:
        return place
    people = "for the people who have it themselves" if _for_people(values, exposed) else ""
    where = [each for each in (_names(values), people) if each]
    steps = [f"In User Management, change it {join_and(where)}"]
    if Level.ACCOUNT in control.unlocked:
        steps.append("lock it for the account")
    return f"{', then '.join(steps)}."


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
