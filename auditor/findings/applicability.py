"""A run by the references of a framework: what came of each, and what the run does not claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.findings.frameworks import Framework, split_reference
from auditor.findings.model import Status
from auditor.findings.rollup import ControlRollup


@dataclass(frozen=True, slots=True)
class ReferencedControl:
    """What came of a control that bears on a reference."""

    control: ControlRollup
    relation: str = ""
    """`differs` or `opposite` where the baseline asks for something else than the reference."""

    @property
    def deviating(self) -> Mapping[Level, int]:
        """Distinct scopes that deviate."""
        return self.control.deviating

    def count(self, status: Status) -> int:
        """How many checks came out as `status`; passes only where the run kept them."""
        return self.control.by_status.get(status, 0)


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """One reference, and the controls of the run that bear on it."""

    reference: str
    part: str
    bearings: tuple[ReferencedControl, ...]

    @property
    def counts(self) -> Mapping[Status, int]:
        """How the checks of all its controls came out."""
        counts = {
            status: sum(control.count(status) for control in self.bearings) for status in Status
        }
        return {status: count for status, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class UncoveredPart:
    """The references of a part that no control of the run bears on."""

    title: str
    unassessed: Mapping[str, tuple[str, ...]]
    """Reference to the controls that bear on it, none of which this run assessed."""
    unclaimed: tuple[str, ...]
    """References that no control bears on."""
    outside: str


@dataclass(frozen=True, slots=True)
class StatementOfApplicability:
    """A run by the references of a framework: a statement of applicability."""

    framework: Framework
    entries: tuple[ReferenceResult, ...]
    """The references that controls of the run bear on, in the order of the framework."""
    open: tuple[UncoveredPart, ...]
    """Parts with other references."""

    @property
    def references(self) -> int:
        """How many references there are."""
        return sum(len(part.references) for part in self.framework.parts)

    @property
    def unassessed(self) -> int:
        """How many references have controls, but none that this run assessed."""
        return sum(len(part.unassessed) for part in self.open)

    @property
    def unclaimed(self) -> int:
        """How many references no control bears on."""
        return sum(len(part.unclaimed) for part in self.open)


def by_reference(
    framework: Framework, controls: Sequence[ControlRollup]
) -> StatementOfApplicability:
    """The controls of a run under the references of `framework`, in the order they come."""
    under: dict[str, list[ReferencedControl]] = {}
    for control in controls:
        for mapped in control.info.mappings.get(framework.key, ()):
            reference, relation = split_reference(mapped)
            under.setdefault(reference, []).append(ReferencedControl(control, relation))
    entries, rest = [], []
    for part in framework.parts:
        entries += [
            ReferenceResult(reference, part.title, tuple(under[reference]))
            for reference in part.references
            if reference in under
        ]
        others = [reference for reference in part.references if reference not in under]
        if others:
            rest.append(
                UncoveredPart(
                    part.title,
                    {r: framework.controls[r] for r in others if r in framework.controls},
                    tuple(r for r in others if r not in framework.controls),
                    part.outside,
                )
            )
    return StatementOfApplicability(framework, tuple(entries), tuple(rest))
