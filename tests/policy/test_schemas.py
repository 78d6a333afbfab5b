"""JSON Schemas for editors: they accept the same files as the program, and reject misspellings."""

import re
from pathlib import Path

import jsonschema
import pytest

from auditor.policy.baseline import schemas
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.operators import OPERATORS
from auditor.policy.catalogue.parameters import known_parameters
from tests.builders import CATALOGUE

VALIDATORS = {
    kind: jsonschema.Draft202012Validator(
        schemas.schema(kind, CATALOGUE),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    for kind in ("baseline", "organisation")
}
HEAD = 'id: a\nversion: "1"\ntitle: t\n'
BASELINE_FILES = sorted((files.folder() / "baselines").glob("*.yaml"))


def accepts(kind: str, text: str) -> bool:
    return VALIDATORS[kind].is_valid(yaml_source.parse(text.encode(), "a.yaml").data)


@pytest.mark.parametrize("kind", VALIDATORS)
def test_the_schemas_are_schemas(kind: schemas.Kind) -> None:
    schema = schemas.schema(kind, CATALOGUE)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", BASELINE_FILES, ids=lambda path: path.stem)
def test_every_shipped_baseline_is_accepted(path: Path) -> None:
    VALIDATORS["baseline"].validate(yaml_source.read(path).data)


def test_the_example_organisation_file_is_accepted() -> None:
    path = files.folder() / "examples" / "organisation.yaml"
    VALIDATORS["organisation"].validate(yaml_source.read(path).data)


def test_the_names_that_can_be_chosen_from_are_spelt_out() -> None:
    baseline = schemas.schema("baseline", CATALOGUE)
    assert baseline["properties"]["controls"]["propertyNames"]["enum"] == sorted(CATALOGUE.controls)
    assert baseline["$defs"]["Expectation"]["properties"]["op"]["enum"] == sorted(OPERATORS)
    organisation = schemas.schema("organisation", CATALOGUE)
    for named in ("Waiver", "Attestation"):
        shipped, own = organisation["$defs"][named]["properties"]["control"]["anyOf"]
        assert shipped["enum"] == sorted(CATALOGUE.controls)
        assert re.search(own["pattern"], "ORG-01")
        assert not re.search(own["pattern"], "AI-01")
    names = organisation["properties"]["parameters"]["propertyNames"]["enum"]
    assert names == sorted(known_parameters())


@pytest.mark.parametrize(
    "controls",
    [
        "AI-01: {expect: false}",
        "AI-01: {expect: 3}",
        "AI-01: {expect: 2.5}",
        "AI-01: {expect: none}",
        "AI-01: {expect: [US, CA]}",
        "AI-01: {expect: {op: eq, value: false}, lock: true, severity: high}",
        "AI-01: {settings: {a.b: false, a.c: {op: lte, value: 3}}}",
        "AI-01: {assess: false}",
        'TR-01: {attest: "yes"}',
    ],
)
def test_every_way_to_say_what_is_expected_is_accepted(controls: str) -> None:
    assert accepts("baseline", f"{HEAD}controls:\n  {controls}\n")
    override = f"overrides:\n  - match: {{group: x}}\n    controls:\n      {controls}\n"
    assert accepts("organisation", override)


@pytest.mark.parametrize(
    "text",
    [
        "contrls: {}",
        "controls: {AI-99: {expect: false}}",
        "controls: {AI-01: {expct: false}}",
        "controls: {AI-01: {expect: {op: eqq, value: 1}}}",
        "controls: {AI-01: {expect: {value: 1}}}",
        "controls: {AI-01: {expect: {op: eq, valu: 1}}}",
        "controls: {AI-01: {settings: {a.b: {opp: eq}}}}",
        "controls: {AI-01: {expect: false, severity: hgh}}",
        "controls: {AI-01: {expect: false, lock: sometimes}}",
        "parameters: {allowed_region: [US]}",
    ],
)
def test_what_is_misspelt_in_a_baseline_is_refused(text: str) -> None:
    assert not accepts("baseline", HEAD + text)


@pytest.mark.parametrize("missing", ["id", "version", "title"])
def test_a_baseline_without_its_head_is_refused(missing: str) -> None:
    lines = [line for line in HEAD.splitlines() if not line.startswith(missing)]
    assert not accepts("baseline", "\n".join(lines))


WAIVER = "{control: RC-02, scope: {group: x}, reason: r, owner: o, expires: 2027-01-31}"


@pytest.mark.parametrize(
    "text",
    [
        "waiver: []",
        "parameters: {qos: 1}",
        "overrides: [{match: {gruop: x}, controls: {}}]",
        "overrides: [{match: {level: grup}, controls: {}}]",
        "overrides: [{match: {group: x}, controls: {AI-99: {}}}]",
        "overrides: [{match: {group: x}}]",
        f"waivers: [{WAIVER.replace('RC-02', 'RC-2')}]",
        f"waivers: [{WAIVER.replace(', owner: o', '')}]",
        f"waivers: [{WAIVER.replace('2027-01-31', 'soon')}]",
        "attestations: [{control: TR-1}]",
        "triage: [{settings: x}]",
    ],
)
def test_what_is_misspelt_in_an_organisation_file_is_refused(text: str) -> None:
    assert not accepts("organisation", text)


def test_a_waiver_is_accepted_as_the_program_reads_it() -> None:
    assert accepts("organisation", f"waivers: [{WAIVER}]")
