"""Serialises the policy of a run as JSON, so that the run can be judged again later."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter

from auditor.evidence import json_values
from auditor.evidence.reading import JsonValue
from auditor.findings import digest
from auditor.findings.model import BaselineInfo, Severity
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.parameters import known_parameters

_ORGANISATION = TypeAdapter(Organisation)

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""Exceptions raised for damaged or foreign records; pydantic's errors are ValueErrors."""

NOT_UNDERSTOOD = (
    "This version cannot read the policy stored with the run. Name a baseline with --baseline."
)


MOST_VALUES = 1_000_000
"""The maximum number of values in a record; 10,000 waivers have about 80,000."""
DEEPEST = 30


class _Assessed(BaseModel):
    severity: Severity
    lock: bool
    attest: str | None
    origin: str
    expectations: dict[str, JsonValue]


class _Baseline(BaseModel):
    info: BaselineInfo
    meaning: str
    who: str
    parameters: dict[str, JsonValue]
    assessed: dict[str, _Assessed]


def dump(baseline: Baseline, organisation: Organisation) -> str:
    """The resolved baseline and the organisation's decisions as one line of JSON."""
    content = {
        "baseline": {
            "info": TypeAdapter(BaselineInfo).dump_python(baseline.info),
            "meaning": baseline.meaning,
            "who": baseline.who,
            "parameters": dict(baseline.parameters),
            "assessed": {cid: _assessed(assessed) for cid, assessed in baseline.assessed.items()},
        },
        "organisation": _ORGANISATION.dump_python(organisation, mode="json", exclude_unset=True),
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def organisation_digest(organisation: Organisation) -> str:
    """`sha256:` over the decisions of an organisation; empty if there are none."""
    content = _ORGANISATION.dump_python(organisation, mode="json", exclude_unset=True)
    return digest.of_decisions(content)


def load(text: str, catalogue: Catalogue) -> tuple[Baseline, Organisation]:
    """Load the output of `dump`.

    Controls and settings that the catalogue no longer has are omitted.

    Raises:
        PolicyError: it was written by an incompatible version.
    """
    try:
        content = json_values.parse(text, values=MOST_VALUES, depth=DEEPEST)
        organisation = _ORGANISATION.validate_python(content["organisation"])
        catalogue = organisation.extended(catalogue)
        stored = _Baseline.model_validate(content["baseline"])
        baseline = Baseline(
            info=stored.info,
            meaning=stored.meaning,
            who=stored.who,
            parameters=stored.parameters,
            assessed={
                cid: _restored(cid, assessed, catalogue)
                for cid, assessed in stored.assessed.items()
                if cid in catalogue.controls
            },
        )
        organisation = _restored_organisation(organisation, catalogue)
        _check_parameters(stored.parameters)
        _check_parameters(organisation.parameters)
    except UNREADABLE as error:
        raise PolicyError([NOT_UNDERSTOOD]) from error
    return baseline, organisation


def _check_parameters(parameters: Mapping[str, JsonValue]) -> None:
    known = known_parameters()
    for name, value in parameters.items():
        if name in known and value is not None and not known[name].accepts(value):
            raise ValueError(f"{name} has a value of another type")


def _assessed(assessed: ControlExpectation) -> dict[str, Any]:
    return {
        "severity": assessed.severity,
        "lock": assessed.lock,
        "attest": assessed.attest,
        "origin": assessed.origin,
        "expectations": {
            setting: expected.model_dump(mode="json", exclude_unset=True)
            for setting, expected in assessed.expectations.items()
        },
    }


def _restored_organisation(organisation: Organisation, catalogue: Catalogue) -> Organisation:
    overrides = [
        override.model_copy(
            update={
                "controls": {
                    cid: choice
                    for cid, choice in override.controls.items()
                    if cid in catalogue.controls
                }
            }
        )
        for override in organisation.overrides
    ]
    return replace(organisation, overrides=tuple(overrides))


def _restored(control_id: str, stored: "_Assessed", catalogue: Catalogue) -> ControlExpectation:
    control = catalogue.controls[control_id]
    if stored.attest is not None and control.attestation is None:
        raise ValueError(f"{control_id} cannot be attested")
    known = {check.setting for check in control.checks}
    return ControlExpectation(
        control=control,
        severity=stored.severity,
        lock=stored.lock,
        expectations={
            setting: Expectation.model_validate(expected)
            for setting, expected in stored.expectations.items()
            if setting in known
        },
        attest=stored.attest,
        origin=stored.origin,
    )
