"""Judges small worlds with an organisation's overrides, waivers and attestations."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.findings.model import FindingKind, Status, Verdict, WaiverResult
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.overrides import Override, Overrides
from auditor.policy.baseline.waivers import Attestation, Waiver, WaiversAndAttestations
from auditor.policy.catalogue.controls import Catalogue, Control, Family
from auditor.policy.evaluation.evaluate import Evaluation, evaluate
from tests.policy.builders import Parameters, parameters_of, rows

TODAY = date(2026, 11, 21)
Wishes = Sequence[Mapping[str, Any]]


def catalogue_of(*controls: Control) -> Catalogue:
    return Catalogue((Family(family="AI", name="AI", topic="ai", controls=controls),))


def overrides_of(
    expected: Baseline,
    *each: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    selected: frozenset[str] | None = None,
) -> Overrides:
    known = catalogue or catalogue_of(*(one.control for one in expected.assessed.values()))
    return Overrides(expected, known, [Override.model_validate(one) for one in each], selected)


def override(controls: Any = False, **match: Any) -> dict[str, Any]:
    """An override of AI-01 to a value, or of several controls, for the scopes that match."""
    if not isinstance(controls, dict):
        controls = {"AI-01": {"expect": controls}}
    return {"match": match, "controls": controls}


def waiver(control: str = "AI-01", **fields: Any) -> dict[str, Any]:
    fields = {
        "scope": {"group": "Clinical"},
        "reason": "The studio needs it.",
        "owner": "ciso@example.com",
        "ticket": "SEC-12",
        "expires": "2027-01-31",
        **fields,
    }
    return {"control": control, **fields}


def attestation(control: str = "AI-01", **fields: Any) -> dict[str, Any]:
    fields = {
        "statement": "It is off.",
        "evidence": "DPO-2026-31",
        "by": "dpo@example.com",
        "on": "2026-11-02",
        "expires": "2027-05-02",
        **fields,
    }
    return {"control": control, **fields}


def decided(
    snapshot: Snapshot,
    expected: Baseline,
    *,
    overrides: Wishes = (),
    waivers: Wishes = (),
    attestations: Wishes = (),
    catalogue: Catalogue | None = None,
    selected: frozenset[str] | None = None,
    parameters: Parameters | None = None,
    depth: Level = Level.USER,
    today: date = TODAY,
    keep_passes: bool = True,
) -> Evaluation:
    """The evaluation of `snapshot` on `today`."""
    known = catalogue or catalogue_of(*(each.control for each in expected.assessed.values()))
    return evaluate(
        snapshot,
        known,
        expected,
        parameters_of(parameters),
        depth,
        keep_passes,
        overrides_of(expected, *overrides, catalogue=known, selected=selected),
        WaiversAndAttestations(
            [Waiver.model_validate(each) for each in waivers],
            [Attestation.model_validate(each) for each in attestations],
            today,
        ),
    )


def verdicts(evaluation: Evaluation, control: str = "AI-01") -> dict[str, Verdict]:
    """Scope id to the verdict on the value of a control."""
    return {
        scope.id: verdict
        for scope, verdict in rows(evaluation)
        if verdict.control == control and verdict.kind is FindingKind.VALUE
    }


def statuses(evaluation: Evaluation, control: str = "AI-01") -> dict[str, Status]:
    return {scope: each.status for scope, each in verdicts(evaluation, control).items()}


def states(evaluation: Evaluation) -> list[str]:
    return [each.state for each in evaluation.waivers]


def state(evaluation: Evaluation) -> WaiverResult:
    (only,) = evaluation.waivers
    return only


def attested(control: Control, answer: str = "yes") -> ControlExpectation:
    """A control that only a person can answer, with the answer a baseline expects."""
    return ControlExpectation(control, control.severity, lock=False, expectations={}, attest=answer)


def user(number: int, *groups: str, name: str = "") -> Scope:
    return Scope(
        Level.USER,
        f"u{number}",
        name or f"User {number}",
        f"u{number}@example.com",
        groups,
        2,
        "active",
    )


def group(number: int, name: str) -> Scope:
    return Scope(Level.GROUP, f"g{number}", name)
