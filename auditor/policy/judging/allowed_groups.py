"""The account's locks that are off because a parameter lets some groups differ.

A lock of the account binds everybody: while it is on, no group can differ. If the organisation
lists groups that may, the lock may be off at the account, and each other group has to lock the
value for its members. One flag may cover several settings of an object: what is said of one of
them holds for all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.policy.baseline.baselines import ControlExpectation
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.judging.reads import checks

NOT_LISTED = Unseen(
    Cause.NOT_COLLECTED, "the lock is off for some groups, and people were not listed"
)

_Flag = tuple[View, str]


@dataclass(frozen=True)
class AllowedGroups:
    """Which locks may be off at the account, and who is then bound by no group."""

    parameters: Mapping[_Flag, tuple[str, ...]] = field(default_factory=dict)
    """Lock document and flag to the parameters that list groups."""
    required: frozenset[tuple[str, str]] = frozenset()
    """Control and setting pairs whose lock the account has to set."""
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    """The organisation's parameters."""
    without_group: int | Unseen = NOT_LISTED
    """The number of people in no listed group: no group's lock binds them."""

    def for_lock_of(self, control: str, check: Check) -> tuple[str, ...]:
        """The parameters that let groups differ from the account in what the lock covers."""
        if check.lock is None or (control, check.setting) not in self.required:
            return ()
        return self.parameters.get((check.lock_document, check.lock), ())

    def names(self, parameters: Iterable[str]) -> list[str]:
        """The groups that they list."""
        listed = (self.values.get(parameter) for parameter in parameters)
        return list(dict.fromkeys(str(name) for names in listed for name in _as_list(names)))


def allowed_groups(
    at_account: Iterable[ControlExpectation],
    values: Mapping[str, JsonValue],
    without_group: int | Unseen,
) -> AllowedGroups:
    """What follows from the expectations at the account and the organisation's parameters."""
    parameters: dict[_Flag, tuple[str, ...]] = {}
    required = set()
    for assessed in at_account:
        for check in checks(assessed):
            if check.surface != SETTINGS_SURFACE or check.lock is None:
                continue
            if Level.ACCOUNT not in check.lock_levels:
                continue
            if assessed.lock:
                required.add((assessed.control.id, check.setting))
            parameter = assessed.expectations[check.setting].groups_param
            if parameter is not None and _as_list(values.get(parameter)):
                flag = check.lock_document, check.lock
                parameters[flag] = tuple(sorted({*parameters.get(flag, ()), parameter}))
    return AllowedGroups(parameters, frozenset(required), values, without_group)


def _as_list(value: JsonValue) -> list[JsonValue]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
