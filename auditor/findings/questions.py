"""Questions: what people ask about an account, and the controls that bear on the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level

ENABLED, DISABLED, DEVIATES = "enabled", "disabled", "deviates"
"""What a value must be to show that the answer is yes; a list names the values themselves."""


@dataclass(frozen=True, slots=True)
class CheckedSetting:
    """One thing a control looks at: a setting, or a new and an old name of it."""

    settings: tuple[str, ...]
    levels: tuple[Level, ...]
    derived: bool = False
    """Computed from other verdicts, and told at the account alone."""


@dataclass(frozen=True, slots=True)
class RelatedControl:
    """A control that bears on a question."""

    id: str
    title: str
    looks_at: tuple[CheckedSetting, ...] = ()
    asks: str = ""
    """The question only a person can answer; empty where an API answers."""
    shows: Mapping[str, str | tuple[JsonValue, ...]] = field(default_factory=dict)
    """Settings that alone make the answer yes: path to one of the three words, or to values."""

    @property
    def decides(self) -> bool:
        """True if a value of it alone makes the answer yes."""
        return bool(self.shows)


@dataclass(frozen=True, slots=True)
class Question:
    """A question people ask. Yes is the answer that worries."""

    id: str
    question: str
    asked_by: str
    bearings: tuple[RelatedControl, ...]
    claims: tuple[int, ...]
    nobody_can_know: str = ""
    yes: str = "Yes"
    no: str = "No, as far as settings show"
