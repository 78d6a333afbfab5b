"""Overrides: different expectations of an organisation for some groups or users."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from auditor.evidence.scope import Scope
from auditor.policy.baseline.baselines import Baseline, ControlChoice, ControlExpectation, merged
from auditor.policy.baseline.match import Match
from auditor.policy.baseline.match_index import MatchIndex
from auditor.policy.catalogue.controls import Catalogue


class Override(BaseModel):
    """Different expectations for the scopes that match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match
    controls: Mapping[str, ControlChoice]
    reason: str = ""

    @property
    def label(self) -> str:
        """Its name in reports: `override for group Legal*`."""
        return f"override for {self.match.label}"


@dataclass(frozen=True)
class ExpectedControl:
    """The expectations for a control at a scope, and the override that sets them.

    `override` is empty if they come from the baseline.
    """

    assessed: ControlExpectation
    override: str = ""


@dataclass(frozen=True)
class Overrides:
    """All overrides of an organisation file, applied to one baseline."""

    baseline: Baseline
    catalogue: Catalogue
    overrides: Sequence[Override] = ()
    selected: frozenset[str] | None = None
    """The selected controls; None for all."""

    @property
    def chosen(self) -> list[tuple[int, Override]]:
        """The overrides of selected controls, with their positions."""
        return [
            (position, override)
            for position, override in enumerate(self.overrides)
            if self.selected is None or not self.selected.isdisjoint(override.controls)
        ]

    @cached_property
    def _index(self) -> MatchIndex:
        return MatchIndex([override.match for override in self.overrides])

    def matching(self, scope: Scope, groups: frozenset[str]) -> tuple[int, ...]:
        """The positions of the overrides that match `scope`."""
        return self._index.matching(scope, groups)

    def possible(self, scope: Scope, matching: Iterable[int]) -> tuple[int, ...]:
        """The positions of those that may match `scope` while its groups' names are unknown."""
        certain = set(matching)
        return tuple(
            position for position in self._index.possible(scope) if position not in certain
        )

    def expected_controls(
        self, matching: Iterable[int]
    ) -> Mapping[str, tuple[ExpectedControl, ...]]:
        """Control id to its expectations, sorted by id.

        The most specific override wins. If several equally specific overrides differ, all of them
        are returned: a person must decide between them.
        """
        expected: dict[str, tuple[ExpectedControl, ...]] = {
            control_id: (ExpectedControl(each),)
            for control_id, each in self.baseline.assessed.items()
        }
        candidates: dict[str, list[Override]] = {}
        for position in matching:
            for control_id in self.overrides[position].controls:
                if self.selected is None or control_id in self.selected:
                    candidates.setdefault(control_id, []).append(self.overrides[position])
        for control_id, rivals in candidates.items():
            most = max(rival.match.specificity for rival in rivals)
            winners: list[ExpectedControl] = []
            for rival in rivals:
                if rival.match.specificity != most:
                    continue
                assessed = merged(self._base(control_id), rival.controls[control_id])
                if not any(assessed == other.assessed for other in winners):
                    winners.append(ExpectedControl(assessed, rival.label))
            expected[control_id] = tuple(winners)
        return dict(sorted(expected.items()))

    def union(self) -> Baseline:
        """The union of the baseline and all overrides: it determines what is read."""
        assessed = dict(self.baseline.assessed)
        for override in self.overrides:
            for control_id, choice in override.controls.items():
                if self.selected is None or control_id in self.selected:
                    current = assessed.get(control_id) or self._base(control_id)
                    overridden = merged(current, choice)
                    expectations = {**current.expectations, **overridden.expectations}
                    attest = current.attest if current.attest is not None else overridden.attest
                    if expectations or attest is not None:
                        assessed[control_id] = replace(
                            current,
                            expectations=expectations,
                            lock=current.lock or overridden.lock,
                            attest=attest,
                        )
        return replace(self.baseline, assessed=dict(sorted(assessed.items())))

    def _base(self, control_id: str) -> ControlExpectation:
        """The expectations of the baseline for a control; empty if it has none."""
        known = self.baseline.assessed.get(control_id)
        if known is not None:
            return known
        control = self.catalogue.controls[control_id]
        return ControlExpectation(control, control.severity, lock=False, expectations={})
