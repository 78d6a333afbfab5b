from pathlib import Path

import pytest

from auditor.findings.frameworks import split_reference
from auditor.policy.catalogue import frameworks
from auditor.policy.catalogue.errors import PolicyError
from tests.builders import CATALOGUE

SHIPPED = frameworks.shipped()
ASKED = {
    "cis-zoom-1.0",
    "eu-ai-act",
    "ferpa",
    "gdpr",
    "hipaa",
    "iso-27701",
    "iso-42001",
    "nist-800-53r5",
    "nist-ai-rmf",
    "soc2",
}


def references(framework_id: str) -> list[str]:
    return [each for part in SHIPPED[framework_id].parts for each in part.references]


def test_every_framework_that_can_be_asked_for_is_there() -> None:
    assert set(SHIPPED) == ASKED


@pytest.mark.parametrize("framework_id", sorted(ASKED - {"cis-zoom-1.0"}))
def test_every_provision_that_a_control_maps_to_says_what_it_is_about(framework_id: str) -> None:
    """Recommendations of CIS have controls of their own, whose titles are our own words."""
    framework = SHIPPED[framework_id]
    assert framework.source.startswith("https://")
    assert set(framework.titles) == set(framework.controls)


def test_every_mapping_of_every_control_names_a_reference_of_its_framework() -> None:
    by_key = {each.key: each.id for each in SHIPPED.values()}
    unknown = [
        (control.id, key, reference)
        for control in CATALOGUE.controls.values()
        for key, mapped in control.mappings.items()
        for reference in mapped
        if key not in by_key or split_reference(reference)[0] not in references(by_key[key])
    ]
    assert unknown == []


@pytest.mark.parametrize("framework_id", SHIPPED)
def test_no_reference_stands_twice(framework_id: str) -> None:
    listed = references(framework_id)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("framework_id", SHIPPED)
def test_no_control_claims_what_no_setting_can_answer_for(framework_id: str) -> None:
    framework = SHIPPED[framework_id]
    outside = {each for part in framework.parts if part.outside for each in part.references}
    assert outside & set(framework.controls) == set()


@pytest.mark.parametrize(
    ("framework_id", "count"),
    [("iso-42001", 38), ("cis-zoom-1.0", 171), ("soc2", 61), ("nist-ai-rmf", 72)],
)
def test_lists_that_are_short_enough_to_be_counted_are_whole(framework_id: str, count: int) -> None:
    """Controls of Annex A; recommendations; 33 common criteria, 10 of three kinds, 18 privacy;
    subcategories."""
    assert len(references(framework_id)) == count


@pytest.mark.parametrize(
    ("range_", "meant"),
    [
        ("Art 7", ["Art 7"]),
        ("A.7.2.9..11", ["A.7.2.9", "A.7.2.10", "A.7.2.11"]),
        ("Art 5(1)(a..c)", ["Art 5(1)(a)", "Art 5(1)(b)", "Art 5(1)(c)"]),
        ("164.308(a)(1)(ii)(C..D)", ["164.308(a)(1)(ii)(C)", "164.308(a)(1)(ii)(D)"]),
    ],
)
def test_a_range_stands_for_all_within_it(range_: str, meant: list[str]) -> None:
    assert list(frameworks.expanded(range_)) == meant


def test_an_unknown_framework_gives_a_suggestion_and_the_list() -> None:
    with pytest.raises(PolicyError, match=r'"gpdr".*mean "gdpr".*cis-zoom-1\.0'):
        frameworks.named("gpdr")


def test_a_file_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frameworks.yaml"
    path.write_text("frameworks: []\nmore: 1\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="more"):
        frameworks.load(path, CATALOGUE)
