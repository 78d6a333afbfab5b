"""Reports for people by the references of a framework."""

from dataclasses import replace

import pytest

from auditor.evidence.scope import Level
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.policy.catalogue import frameworks
from auditor.report import by_framework
from auditor.report.by_framework import Outline
from auditor.report.display import display_width
from tests.report import worlds
from tests.report.conftest import Render


def under(run: Run, framework: str = "gdpr") -> Run:
    return replace(run, framework=frameworks.named(framework))


def outline(run: Run) -> Outline:
    result = by_framework.outline(run, roll_up(run))
    assert result is not None
    return result


def test_a_run_without_a_framework_has_no_outline() -> None:
    run = worlds.everything()
    assert by_framework.outline(run, roll_up(run)) is None


def test_each_row_has_a_reference_a_control_and_its_result() -> None:
    result = outline(under(worlds.everything()))
    rows = {row[0]: row for row in result.rows if row[0]}
    assert list(rows) == [
        "Art 5(1)(b) Purpose limitation",
        "Art 7 Conditions for consent",
        "Art 25(2) Data protection by default",
    ]
    [_, consent, by_default] = rows.values()
    assert consent[1].startswith("CN-05 Participants are asked")
    assert consent[2] == "broken at 1 account"
    assert "without an answer" in by_default[2]


def test_what_is_not_claimed_is_listed_part_by_part() -> None:
    result = outline(under(worlds.everything()))
    assert "3 of 127 provisions" in result.summary
    assert any("Art 51 to 87" in line and "authorities" in line for line in result.open)
    assert any("not checked in this run" in line for line in result.open)


def test_a_run_that_bears_on_nothing_says_so() -> None:
    result = outline(under(worlds.empty()))
    assert result.rows == ()
    assert result.summary.startswith("No rule of this run bears on any of 127 provisions")


def test_a_control_without_deviation_is_as_expected_only_if_passes_are_stored() -> None:
    seen = worlds.judged(worlds.account(), [worlds.passed("CN-05", Level.ACCOUNT)])
    results = {row[0]: row[2] for row in outline(under(worlds.run_of([seen]))).rows}
    assert results["Art 7 Conditions for consent"] == "kept"
    unseen = worlds.run_of([], passes=1)
    assert {row[2] for row in outline(under(unseen)).rows} == {"nothing broken"}


def test_a_reference_that_asks_for_the_opposite_says_so() -> None:
    info = replace(worlds.CONTROLS["RC-02"], mappings={"cis_zoom_v1_0_0": ("1.2.1.1 (opposite)",)})
    run = under(worlds.run_of([], controls={info.id: info}), "cis-zoom-1.0")
    [row] = outline(run).rows
    assert row[1] == "RC-02 Local recording is off (the provision asks for the opposite)"


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_every_report_for_people_is_regrouped(render: Render, format_: str) -> None:
    result = render(under(worlds.everything()), format_, width=200)
    text = " ".join(result.replace("\\", "").split())
    assert "By the provisions of General Data Protection Regulation" in text
    assert "What this run does not claim about General Data Protection Regulation" in text
    for reference in ("Art 5(1)(b)", "Art 7", "Art 25(2)"):
        assert reference in text


@pytest.mark.parametrize("format_", ["html", "oscal", "ocsf", "sarif"])
def test_a_control_names_its_provisions_by_what_they_say(render: Render, format_: str) -> None:
    info = replace(
        worlds.CONTROLS["CN-05"], provision_titles={"gdpr": {"Art 7": "Conditions for consent"}}
    )
    assert "Art 7 Conditions for consent" in render(
        replace(worlds.everything(), controls={info.id: info}), format_
    )


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_hostile_names_do_no_harm_in_a_regrouped_report(render: Render, format_: str) -> None:
    result = render(under(worlds.hostile()), format_, width=80)
    assert "\x1b" not in result
    assert "\u202e" not in result
    if format_ == "text":
        assert max(map(display_width, result.split("\n"))) <= 80


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_a_report_under_pseudonyms_says_so(render: Render, format_: str) -> None:
    run = replace(worlds.everything(), pseudonymised=True)
    sentence = "People and their meetings go by pseudonyms"
    assert sentence in " ".join(render(run, format_).split())
    assert sentence not in " ".join(render(worlds.everything(), format_).split())


def test_numbers_in_a_row_are_put_together() -> None:
    spans = by_framework.collapse_ranges(
        ["AC-1", "AC-3", "AC-4", "AC-5", "AC-6(1)", "AC-6(2)", "IA-1"]
    )
    assert spans == ["AC-1", "AC-3 to 5", "AC-6(1)", "AC-6(2)", "IA-1"]
