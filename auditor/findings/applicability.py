"""A run by the references of a framework: the results for each, and the references without any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.findings.frameworks import Framework, split_reference
from auditor.findings.model import Status
from auditor.findings.rollup import ControlRollup


@dataclass(frozen=True, slots=True)
class ReferencedControl:
    """The result of a control that maps to a reference."""

    control: ControlRollup
    relation: str = ""
    """`differs` or `opposite` if the baseline expects something else than the reference."""

    @property
    def deviating(self) -> Mapping[Level, int]:
        """Distinct deviating scopes, by level."""
        return self.control.deviating

    def count(self, status: Status) -> int:
        """Number of checks with `status`; passes only if the run kept them."""
        return self.control.by_status.get(status, 0)


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """One reference, and the controls of the run that map to it."""

    reference: str
    title: str
    """What the provision is about."""
    controls: tuple[ReferencedControl, ...]

    @property
    def counts(self) -> Mapping[Status, int]:
        """Number of checks of all its controls, by status."""
        counts = {
            status: sum(control.count(status) for control in self.controls) for status in Status
        }
        return {status: count for status, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class UncoveredPart:
    """The references of a part that no control of the run maps to."""

    title: str
    unassessed: Mapping[str, tuple[str, ...]]
    """Reference to the controls that map to it, none of which this run assessed."""
    unclaimed: tuple[str, ...]
    """References that no control maps to."""
    outside: str


@dataclass(frozen=True, slots=True)
class StatementOfApplicability:
    """A run by the references of a framework."""

    framework: Framework
    entries: tuple[ReferenceResult, ...]
    """The references that controls of the run map to, in the order of the framework."""
    open: tuple[UncoveredPart, ...]
    """Parts with other references."""

    @property
    def references(self) -> int:
        """Number of references."""
        return sum(len(part.references) for part in self.framework.parts)

    @property
    def unassessed(self) -> int:
        """Number of references with controls, none of which this run assessed."""
        return sum(len(part.unassessed) for part in self.open)

    @property
    def unclaimed(self) -> int:
        """Number of references that no control maps to."""
        return sum(len(part.unclaimed) for part in self.open)


def by_reference(
    framework: Framework, controls: Sequence[ControlRollup]
) -> StatementOfApplicability:
    """The controls of a run grouped by the references of `framework`, in their order."""
    under: dict[str, list[ReferencedControl]] = {}
    for control in controls:
        for mapped in control.info.mappings.get(framework.key, ()):
            reference, relation = split_reference(mapped)
            under.setdefault(reference, []).append(ReferencedControl(control, relation))
    entries, rest = [], []
    for part in framework.parts:
        entries += [
            ReferenceResult(
                reference, framework.titles.get(reference, part.title), tuple(under[reference])
            )
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
