"""Words for the steps of a plan."""

from collections.abc import Sequence

from auditor.evidence.reading import JsonValue
from auditor.fix.documents import ABSENT, Absent, Value
from auditor.fix.model import PlanStep, StepScope
from auditor.fix.requests import Kind
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue import documented, words

MOST_GROUPS = 3
"""Groups that are named; more are counted."""
MOST_LISTED = 5
"""Settings that a sentence lists."""


def counted_people(count: int) -> str:
    """`1 person`, `1,234 people`."""
    return pluralize(count, "person", "people")


def counted(groups: int, people: int, most: str = "") -> str:
    """`1 group and 3 people`; empty for none. `most`: what stands before the people."""
    found = [pluralize(groups, "group")] if groups else []
    return join_and([*found, f"{most}{counted_people(people)}"] if people else found)


def listed(items: Sequence[str], most: int = MOST_LISTED) -> str:
    """`a, b and 3 more`."""
    rest = len(items) - most
    return join_and([*items[:most], f"{rest} more"] if rest > 0 else items)


def whom(groups: Sequence[str], people: int) -> str:
    """`group “Sales” and 3 people`; more than a few groups are counted."""
    named = [f"group “{name}”" for name in groups]
    if len(named) > MOST_GROUPS:
        named = [pluralize(len(named), "group")]
    return join_and([*named, *([counted_people(people)] if people else [])])


def scope_name(scope: StepScope) -> str:
    """`the account`, `group “Sales”`, `Ada`."""
    if scope.level == "account":
        return "the account"
    name = scope.name or scope.id
    return f"group “{name}”" if scope.level == "group" else name


def name_of(setting: str) -> str:
    """The name of a setting, also if Zoom documents its key alone."""
    key = setting.rpartition(".")[2]
    is_known_by_key = setting not in documented.settings() and documented.is_known_by_key(key)
    return words.setting_name(key if is_known_by_key else setting)


def title_of(kind: Kind, setting: str, from_: Value, to: JsonValue, scope: StepScope) -> str:
    """`Cloud recording: from on to off, for the account`."""
    name = name_of(setting)
    if kind == "lock":
        return f"{'Lock' if to else 'Unlock'} {name} for {scope_name(scope)}"
    after = words.value_words(setting, to)
    if isinstance(from_, Absent):
        return f"{name}: to {after}, for {scope_name(scope)}"
    return f"{name}: from {words.value_words(setting, from_)} to {after}, for {scope_name(scope)}"


def title_of_step(step: PlanStep) -> str:
    """The title that follows from the change: that of a plan file may say something else."""
    from_ = ABSENT if step.from_ is None else step.from_
    return title_of(step.kind, step.setting, from_, step.to, step.scope)
