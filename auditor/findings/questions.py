"""The questions people ask about an account, and the controls related to each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level

ENABLED, DISABLED, DEVIATES = "enabled", "disabled", "deviates"
"""What a value must be to make the answer yes; a list names the values themselves."""


@dataclass(frozen=True, slots=True)
class CheckedSetting:
    """A setting that a control checks, or the new and the old name of one."""

    settings: tuple[str, ...]
    levels: tuple[Level, ...]
    derived: bool = False
    """Computed from other verdicts, and reported at the account only."""


@dataclass(frozen=True, slots=True)
class RelatedControl:
    """A control related to a question."""

    id: str
    title: str
    looks_at: tuple[CheckedSetting, ...] = ()
    asks: str = ""
    """The question that only a person can answer; empty if an API answers it."""
    shows: Mapping[str, str | tuple[JsonValue, ...]] = field(default_factory=dict)
    """Settings that alone make the answer yes: path to one of the three words, or to values."""

    @property
    def decides(self) -> bool:
        """True if one of its values alone makes the answer yes."""
        return bool(self.shows)


@dataclass(frozen=True, slots=True)
class Question:
    """A question people ask. Yes is the worrying answer."""

    id: str
    question: str
    asked_by: str
    controls: tuple[RelatedControl, ...]
    claims: tuple[int, ...]
    nobody_can_know: str = ""
    yes: str = "Yes"
    no: str = "No, as far as settings show"
    inventory: str = ""
    """The topic whose inventory shows what is on; empty if none does."""
    not_counted: str = ""
    """What a reader may expect among the numbers of a yes, and does not find there."""

    @property
    def switches(self) -> frozenset[str]:
        """The settings that make the answer yes if they are on."""
        return frozenset(
            setting
            for control in self.controls
            for setting, when in control.shows.items()
            if when == ENABLED
        )
