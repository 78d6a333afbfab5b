"""The steps of a plan that close the deviations of a run, as reports show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditor.findings.model import Severity


@dataclass(frozen=True, slots=True)
class ClosingStep:
    """One change, or the same change to several people."""

    numbers: str
    """Its number in the plan, or the first and last: `3`, `6-17`."""
    title: str
    """What to change, in words."""
    closes: int
    """Number of deviations that it closes, after the steps that the plan puts before it."""
    severity: Severity
    """That of the worst deviation that it closes, or prepares to close."""
    place: str
    """Where it is in Zoom's web portal; empty if not known."""
    is_manual: bool
    details: Sequence[str]
    """Sentences: whom it affects, what people lose, who notices."""
    controls: Sequence[str]
    account_lock: str = ""
    """The path of the lock that it sets at the account."""


@dataclass(frozen=True, slots=True)
class RemainingDeviations:
    """What stands after all steps, for one reason."""

    why: str
    """Without a full stop at its end."""
    counts: Mapping[str, int]
    """Control id to how many of its deviations, sorted."""


@dataclass(frozen=True, slots=True)
class ClosingSteps:
    """The steps that bring the account to its baseline."""

    steps: Sequence[ClosingStep]
    """Those for the worst broken rules come first, of equal ones those that close most. A step
    comes after those that it waits for."""
    planned: int
    """Number of steps of the plan: a change to several people is a step for each."""
    omitted: str = ""
    """Why the steps were not worked out, in a sentence without a full stop; empty if they
    were."""
    refused_locks: Mapping[str, str] = field(default_factory=dict)
    """The path of each lock that the account should have and no step sets, and why not, in
    sentences."""
    remaining: Sequence[RemainingDeviations] = ()
    """What stands after all steps, by reason."""
    may_stay: int = 0
    """The most values that people may keep after a step because they chose them: Zoom does not show
    that."""
    keep_on: Sequence[str] = ()
    """The numbers of the steps whose lock keeps on what no rule judges."""
