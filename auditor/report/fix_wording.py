"""Where to fix a broken rule in Zoom's admin centre: first where the value is, then the lock."""

from collections.abc import Iterable

from auditor.evidence.scope import Level
from auditor.findings.exposure import Exposure
from auditor.findings.model import FindingKind
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup
from auditor.report import facts, wording
from auditor.report.display import printable, shorten

MOST_GROUPS = 5
MOST_NAMED = 2
"""Settings that the way names; of more, the list of what is broken names each."""
_USERS = "User Management > Users > NAME > Settings"
_BELOW = frozenset({Level.GROUP, Level.USER})


def in_admin_centre(control: ControlRollup, rollup: Rollup, exposed: Exposure) -> str:
    """The way to the setting that is wrong; that of the account where nothing below says more.

    Where the account is right, its page would show a switch that is already off: the groups and
    people that differ come first, and the account's page only for its lock.
    """
    place = printable(control.info.fix_portal)
    values = [
        group
        for group in rollup.deviations
        if group.verdict.control == control.info.id and group.verdict.kind is FindingKind.VALUE
    ]
    if not place or not values or not all(set(group.by_level) <= _BELOW for group in values):
        return place
    names = list(dict.fromkeys(facts.name(group.verdict.setting) for group in values))
    pronoun = "it" if len(names) == 1 else "them"
    quoted = " and ".join(f"“{name}”" for name in names)
    ways = filter(None, (_at_groups(values), _for_people(values, exposed)))
    what = (quoted if len(names) <= MOST_NAMED else pronoun, pronoun)
    steps = [f"Change {it} {way}." for it, way in zip(what, ways, strict=False)]
    if Level.ACCOUNT in control.unlocked:
        steps.append(f"Then lock {pronoun} for the account: {place}")
    return " ".join(steps)


def _at_groups(values: Iterable[FindingGroup]) -> str:
    at_groups = [group for group in values if Level.GROUP in group.by_level]
    names = dict.fromkeys(
        shorten(scope.label, 60)
        for group in at_groups
        for scope in group.scopes
        if scope.level is Level.GROUP
    )
    most = max((group.by_level[Level.GROUP] for group in at_groups), default=0)
    if not most:
        return ""
    quoted = wording.listed([f"“{name}”" for name in names], MOST_GROUPS)
    rest = "" if len(names) >= most else f" and {wording.number(most - len(names))} more"
    noun = Level.GROUP.noun if most == 1 else Level.GROUP.plural
    one = next(iter(names), "NAME") if most == 1 else "NAME"
    return f"in {noun} {quoted}{rest}: User Management > Groups > {one} > Settings"


def _for_people(values: Iterable[FindingGroup], exposed: Exposure) -> str:
    """Empty if everybody has the value of a group."""
    for group in values:
        followers = sum(members for _, members in exposed.same_as(group.verdict))
        if group.by_level.get(Level.USER, 0) > followers:
            return "for the people listed who have it themselves: " + _USERS
    return ""
