"""The stored policy of a run: complete, unchanged after loading, or rejected with a reason."""

import json
from datetime import date

import pytest

from auditor.findings.model import Severity
from auditor.policy.baseline import organisation, serialization
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Override, Overrides
from auditor.policy.baseline.waivers import Attestation, Waiver
from auditor.policy.catalogue import files
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from tests.builders import CATALOGUE, attestation_entry, override_entry, waiver_entry
from tests.policy.samples import BASELINES

STRICT = BASELINES["strict"]
EXAMPLE = organisation.load(files.folder() / "examples" / "organisation.yaml", CATALOGUE)
FULL = Organisation(
    baseline="strict",
    parameters={"allowed_regions": ["US"], "max_ai_admins": None},
    overrides=(
        Override.model_validate(override_entry({"AI-01": {"severity": "low"}}, group="Légal*")),
        Override.model_validate(override_entry({"TR-01": {"attest": "yes"}}, level="account")),
        Override.model_validate(override_entry({"RC-02": {"assess": False}}, user="u1")),
    ),
    waivers=(Waiver.model_validate(waiver_entry("RC-02")),),
    attestations=(Attestation.model_validate(attestation_entry("TR-01", scope={"user": "u1"})),),
    triage=(organisation.Triaged(setting="a.*", by="a@example.com", on=date(2026, 11, 2)),),
)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "decided", [Organisation(), EXAMPLE, FULL], ids=["none", "example", "full"]
)
def test_what_was_written_is_read_back_the_same(name: str, decided: Organisation) -> None:
    text = serialization.dump(BASELINES[name], decided)
    assert "\n" not in text
    baseline, found = serialization.load(text, CATALOGUE)
    assert baseline == BASELINES[name]
    assert found == decided
    assert serialization.dump(baseline, found) == text


def test_what_an_override_leaves_open_is_still_open() -> None:
    _, found = serialization.load(serialization.dump(STRICT, FULL), CATALOGUE)
    over = Overrides(STRICT, CATALOGUE, found.overrides)
    (wish,) = over.expected_controls((0,))["AI-01"]
    assert wish.assessed.severity is Severity.LOW
    assert wish.assessed.lock is STRICT.assessed["AI-01"].lock
    assert wish.assessed.expectations == STRICT.assessed["AI-01"].expectations


def without(control_id: str) -> Catalogue:
    return Catalogue(
        tuple(
            family.model_copy(
                update={"controls": tuple(c for c in family.controls if c.id != control_id)}
            )
            for family in CATALOGUE.families
        )
    )


def test_a_control_that_the_catalogue_no_longer_has_is_left_out_everywhere() -> None:
    catalogue = without("RC-02")
    baseline, found = serialization.load(serialization.dump(STRICT, FULL), catalogue)
    assert set(STRICT.assessed) - set(baseline.assessed) == {"RC-02"}
    assert [set(each.controls) for each in found.overrides] == [{"AI-01"}, {"TR-01"}, set()]
    assert "RC-02" not in Overrides(baseline, catalogue, found.overrides).union().assessed


def test_a_setting_that_a_control_no_longer_checks_is_left_out() -> None:
    text = serialization.dump(STRICT, Organisation()).replace(
        "recording.local_recording", "gone.now"
    )
    baseline, _ = serialization.load(text, CATALOGUE)
    assert baseline.assessed["RC-02"].expectations == {}


def spoilt(**changes: object) -> str:
    content = json.loads(serialization.dump(STRICT, FULL))
    for path, value in changes.items():
        here = content
        *parents, leaf = path.split("__")
        for part in parents:
            here = here[part]
        if value is None:
            del here[leaf]
        else:
            here[leaf] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "null",
        "[]",
        "{}",
        '"text"',
        spoilt(baseline=[]),
        spoilt(baseline__info=None),
        spoilt(baseline__info={"id": "x"}),
        spoilt(baseline__assessed=[]),
        spoilt(baseline__assessed={"AI-01": 3}),
        spoilt(baseline__meaning=None),
        spoilt(organisation=None),
        spoilt(organisation={"waivers": [{"control": "AI-01"}]}),
        spoilt(organisation="x"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_way_on(text: str) -> None:
    with pytest.raises(PolicyError, match="Name a baseline with --baseline"):
        serialization.load(text, CATALOGUE)


@pytest.mark.parametrize("field", ["severity", "expectations", "lock"])
def test_a_control_that_is_not_whole_is_refused(field: str) -> None:
    content = json.loads(serialization.dump(STRICT, FULL))
    content["baseline"]["assessed"]["AI-01"][field] = "x" if field == "severity" else None
    if field == "lock":
        del content["baseline"]["assessed"]["AI-01"]["lock"]
    with pytest.raises(PolicyError):
        serialization.load(json.dumps(content), CATALOGUE)


def test_an_unknown_operator_is_refused() -> None:
    text = serialization.dump(STRICT, FULL).replace('"op": "eq"', '"op": "is"')
    with pytest.raises(PolicyError):
        serialization.load(text, CATALOGUE)
