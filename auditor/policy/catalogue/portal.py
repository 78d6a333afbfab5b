"""Where people find a setting in Zoom's web portal: at the account, in a group or at a person."""

from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.findings.model import ControlInfo
from auditor.policy.catalogue import documented, words

_ACCOUNT = "Account Management > Account Settings > "
_BELOW = {
    Level.GROUP: "User Management > Groups > {name} > Settings",
    Level.USER: "User Management > Users > {name} > Settings",
}
LOCK = ", and press the lock beside it"


@dataclass(frozen=True, slots=True)
class RulePlace:
    """The place of a rule in the portal."""

    path: str
    is_of_one_setting: bool
    """False if it stands above the settings of the rule, whose names then have to follow."""

    @classmethod
    def of(cls, info: ControlInfo) -> "RulePlace":
        """The place of a rule in a report."""
        return cls(info.fix_portal, len(info.setting_names) == 1)


NO_PLACE = RulePlace("", False)


def setting_path(setting: str, rule: RulePlace, level: Level, name: str = "") -> str:
    """The way down to the setting or lock `setting`; empty if nothing is known of it."""
    own = words.setting_place(setting)
    path = place_at(own or rule.path, level, name)
    is_end = own or rule.is_of_one_setting
    if not path or (is_end and path != place_at("", level, name)):
        return path
    return f"{path}, there the setting “{words.setting_name(setting)}”"


def lock_of(setting: str) -> str:
    """The path of the lock that covers a setting; empty if none is documented."""
    return str(documented.settings().get(setting, {}).get("lock") or "")


def place_at(place: str, level: Level, name: str) -> str:
    """A place of the account, or its counterpart for a group or a person."""
    if level not in _BELOW:
        return place
    base = _BELOW[level].format(name=name)
    _, found, rest = place.partition(_ACCOUNT)
    if rest.count(")") > rest.count("("):  # "(classic portal: … > AI Companion tab) > Meeting"
        rest = rest.replace(")", "", 1)
    return f"{base} > {rest}" if found else base
