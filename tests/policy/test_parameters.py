"""Organisation parameters: existing names and values of the right type."""

from pathlib import Path

import pytest

from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.parameters import known_parameters
from tests.builders import CATALOGUE


def load(folder: Path, text: str) -> Organisation:
    path = folder / "organisation.yaml"
    path.write_text(text, encoding="utf-8")
    return organisation.load(path, CATALOGUE)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load(folder, text)
    return [each.replace(f"{folder}/", "") for each in caught.value.problems]


def test_every_parameter_accepts_its_own_example() -> None:
    for name, parameter in known_parameters().items():
        assert parameter.accepts(parameter.example), name


KINDS = {
    "allowed_apps": "list",
    "phone_retention": "boolean",
    "max_ai_admins": "integer",
    "chat_retention": "duration",
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("[US, CA]", {"list"}),
        ("[]", {"list"}),
        ("[1, x]", {"list"}),
        ("[NO, on]", {"list"}),
        ("[[US]]", set()),
        ("[{a: 1}]", set()),
        ("[~]", set()),
        ("[true]", set()),
        ("true", {"boolean"}),
        ("on", {"string"}),
        ("5", {"integer"}),
        ("5.0", set()),
        ('"5"', {"string"}),
        ("90d", {"string", "duration"}),
        ("1y6m", {"string", "duration"}),
        ("0d", {"string"}),
        ("{a: 1}", set()),
    ],
)
def test_a_value_has_the_type_of_its_parameter(
    tmp_path: Path, name: str, text: str, kinds: set[str]
) -> None:
    file = f"parameters:\n  {name}: {text}\n"
    if KINDS[name] in kinds:
        assert name in load(tmp_path, file).parameters
    else:
        (problem,) = problems(tmp_path, file)
        article = "an" if KINDS[name] == "integer" else "a"
        expected = f"expected {article} {KINDS[name]}, for example "
        assert problem.startswith(f"organisation.yaml:2: parameters.{name}: {expected}")


@pytest.mark.parametrize("name", KINDS)
def test_a_parameter_may_be_left_open(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f"parameters:\n  {name}:\n").parameters == {name: None}


def test_an_unknown_parameter_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert problems(tmp_path, "parameters:\n  alowed_regions: [US]\n  zzz: 1\n") == [
        "organisation.yaml:2: parameters.alowed_regions: no such parameter. "
        'Did you mean "allowed_regions"?',
        "organisation.yaml:3: parameters.zzz: no such parameter.",
    ]


def test_an_unknown_part_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert problems(tmp_path, "baseline: strict\nparameter: {}\n") == [
        'organisation.yaml:2: parameter: unknown key. Did you mean "parameters"?'
    ]


def test_country_codes_stay_texts(tmp_path: Path) -> None:
    found = load(tmp_path, "parameters: {allowed_storage_countries: [NO, SE]}\n")
    assert found.parameters["allowed_storage_countries"] == ["NO", "SE"]


def test_a_file_names_the_baseline_in_force(tmp_path: Path) -> None:
    assert load(tmp_path, "baseline: strict\n").baseline == "strict"
    assert load(tmp_path, "").baseline is None
