"""JUnit: valid by Jenkins' schema, readable by other programs, and usable at any size."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import junitparser
import pytest
import xmlschema

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Reference, ReferenceState, Severity, Status, Verdict, WaiverState
from auditor.findings.run import Run
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, every_run, rendered
from tests.report.golden_run import LOOKALIKE, LOST, golden

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "schemas" / "junit-10.xsd")


def junit(run: Run) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(rendered(run, "junit"))


def cases(run: Run) -> dict[str, list[Any]]:
    """Test cases by name: the elements in each, the first with its kind and text."""
    return {case.name: case.result for suite in junit(run) for case in suite}


def properties(suite: junitparser.TestSuite) -> dict[str, str]:
    return {item.name: item.value for item in suite.properties()}


def run_with(*verdicts: Verdict, level: Callable[[int], Scope] = worlds.user) -> Run:
    return worlds.run_of([worlds.judged(level(1), verdicts)])


@every_case("any_run", every_run)
def test_every_report_fits_the_schema(any_run: Run, render: Render) -> None:
    SCHEMA.validate(render(any_run, "junit"))


def test_the_schema_refuses_a_spoiled_report(render: Render) -> None:
    text = render(worlds.everything(), "junit").replace("<failure ", "<broken ", 1)
    with pytest.raises(xmlschema.XMLSchemaException):
        SCHEMA.validate(text)


@every_case("any_run", every_run)
def test_the_attributes_are_what_is_inside(any_run: Run) -> None:
    document = junit(any_run)
    seen: Counter[str] = Counter()
    for suite in document:
        inside = Counter(type(item).__name__ for case in suite for item in case.result)
        inside["tests"] = sum(1 for _ in suite)
        assert suite.tests == inside["tests"]
        assert suite.failures == inside["Failure"]
        assert suite.errors == inside["Error"]
        assert suite.skipped == inside["Skipped"]
        seen += inside
    counts = document.tests, document.failures, document.errors
    assert counts == (seen["tests"], seen["Failure"], seen["Error"])


NAMES = "Every override and every name in the organisation file matches the account"


@pytest.mark.parametrize(
    ("references", "element"),
    [
        ([], None),
        ([LOST], junitparser.Failure),
        ([LOST, LOOKALIKE], junitparser.Failure),
        ([LOOKALIKE], junitparser.Skipped),
        ([replace(LOST, state=ReferenceState.UNKNOWN)], junitparser.Skipped),
    ],
)
def test_a_name_that_matches_nothing_fails_and_what_only_needs_a_look_is_skipped(
    references: list[Reference], element: type | None
) -> None:
    results = cases(replace(worlds.clean(), references=references))[NAMES]
    assert [type(item) for item in results] == ([element] if element else [])
    for result in results:
        assert result.text.strip().count("\n") == len(references) - 1


@pytest.mark.parametrize(
    ("status", "element"),
    [
        (Status.FAIL, junitparser.Failure),
        (Status.UNKNOWN, junitparser.Error),
        (Status.WAIVED, junitparser.Skipped),
        (Status.NOT_APPLICABLE, junitparser.Skipped),
        (Status.ATTESTED, junitparser.Skipped),
        (Status.NEEDS_DECISION, junitparser.Skipped),
        (Status.ATTESTATION_EXPIRED, junitparser.Skipped),
    ],
)
def test_a_pipeline_sees_each_status_as_what_it_is(status: Status, element: type) -> None:
    parsed = cases(run_with(worlds.deviation(status=status)))
    (matches,) = [item for name, item in parsed.items() if name.startswith("Meeting summary")]
    assert [type(item) for item in matches] == [element]


def test_a_pass_is_a_test_case_that_holds_nothing() -> None:
    assert cases(run_with(worlds.passed()))["Participants cannot rename themselves (person)"] == []


def test_without_stored_passes_nothing_passes() -> None:
    suites = list(junit(worlds.clean()))
    assert [suite.name for suite in suites] == ["Run"]
    assert properties(suites[0])["checks.pass"] == "180"


def test_passes_that_are_not_stored_are_not_counted_as_zero() -> None:
    _, family = junit(run_with(worlds.deviation()))
    assert "checks.pass" not in properties(family)
    _, *families = junit(run_with(worlds.deviation(), worlds.passed()))
    assert [properties(suite)["checks.pass"] for suite in families] == ["0", "1"]


def test_a_control_that_fails_for_some_and_passes_for_others_fails() -> None:
    run = worlds.run_of(
        [
            worlds.judged(worlds.user(1), [worlds.passed("AI-01")]),
            worlds.judged(worlds.user(2), [worlds.deviation("AI-01")]),
        ]
    )
    parsed = {name: matches for name, matches in cases(run).items() if "summary" in name}
    assert list(parsed) == ["Meeting summary is off, or limited to approved groups (person)"]
    ((failure,),) = parsed.values()
    assert failure.type == "critical"


def test_an_unknown_shows_with_a_failure_of_the_same_control() -> None:
    parsed = cases(run_with(worlds.deviation(), worlds.unknown(Cause.DENIED, "AI-01")))
    matches = {name: item for name, item in parsed.items() if name.startswith("Meeting summary")}
    assert len(matches) == 2
    (error,) = matches["Meeting summary is off, or limited to approved groups (person): no answer"]
    assert error.type == "denied"
    assert error.message.endswith("no answer, refused by Zoom, for 1 person, critical")


def test_a_test_case_keeps_its_name_whoever_deviates() -> None:
    names = [list(cases(run_with(worlds.deviation(), level=level))) for level in (worlds.user,) * 2]
    assert names[0] == names[1]
    many = worlds.run_of([worlds.judged(worlds.user(at), [worlds.deviation()]) for at in range(30)])
    assert list(cases(many)) == names[0]


def test_a_failure_names_the_first_and_counts_the_others(render: Render) -> None:
    users = [worlds.judged(worlds.user(at), [worlds.deviation()]) for at in range(30)]
    text = render(worlds.run_of(users), "junit")
    fact = "Meeting summary with AI Companion is on (should be off)"
    assert f'message="{fact} for 30 people, critical"' in text
    assert "for 30 people: User 0, User 1, " in text
    assert " and 20 more\n" in text
    assert "Why it matters: A summary turns" in text
    assert "How to fix it in the admin centre: Admin Center &gt; Settings" in text


def test_the_worst_severity_is_the_type_of_a_failure() -> None:
    low = worlds.deviation(severity=Severity.LOW, setting="other")
    parsed = cases(run_with(low, worlds.deviation(severity=Severity.HIGH)))
    ((failure,),) = [item for name, item in parsed.items() if name.startswith("Meeting summary")]
    assert failure.type == "high"


def test_more_settings_than_lines_are_counted(render: Render) -> None:
    text = render(run_with(*[worlds.deviation(setting=f"s.{at}") for at in range(205)]), "junit")
    assert "\nand 5 more checks on other settings\n" in text


def test_what_was_waived_says_by_whom(render: Render) -> None:
    assert "Accepted by ciso@example.com until 2027-01-31, SEC-12" in render(golden(), "junit")


def test_incomplete_evidence_is_an_error_of_the_run() -> None:
    ((error,),) = [v for k, v in cases(worlds.everything()).items() if k.startswith("Everything")]
    assert error.type == "incomplete"
    assert "GET /groups: request failed, 1 scope. Zoom answered 502 five times." in error.text


def test_a_run_that_judged_nothing_is_an_error() -> None:
    ((error,),) = [v for k, v in cases(worlds.empty()).items() if k.startswith("Everything")]
    assert error.message.startswith("Nothing was judged")


def test_a_stale_waiver_is_a_failure_of_the_run() -> None:
    name = "Every waiver is valid and covers something"
    (failure,) = cases(golden())[name]
    assert "EXPIRED on 2027-01-31" in failure.text
    stale = golden().waivers[0]
    assert cases(replace(golden(), waivers=[replace(stale, state=WaiverState.ACTIVE)]))[name] == []


def test_a_family_without_name_is_other() -> None:
    info = replace(worlds.CONTROLS["AI-01"], family="")
    run = replace(run_with(worlds.deviation()), controls={"AI-01": info})
    assert [suite.name for suite in junit(run)] == ["Run", "Other"]


def test_many_users_are_as_many_test_cases_as_one(render: Render) -> None:
    few, many = (render(worlds.large(users), "junit") for users in (20, 5_000))
    assert many.count("<testcase") == few.count("<testcase")
    assert len(many) < 20_000


@every_case("words", [*worlds.HOSTILE.values(), "\ufffe\uffff", "]]>", "&amp;"])
def test_hostile_words_are_legal_xml(words: str, render: Render) -> None:
    verdict = worlds.deviation(observed=words, detail=words, setting=words[:300])
    run = worlds.run_of([worlds.judged(worlds.group(1, words), [verdict])], name=words)
    info = replace(worlds.CONTROLS["AI-01"], title=words, family=words, why=words)
    run = replace(run, controls={"AI-01": info}, errors=(replace(worlds.DENIED, message=words),))
    text = render(run, "junit")
    SCHEMA.validate(text)
    assert not set(text) & set("\x00\x1b\x9b\u202e\u2028")


def test_the_time_of_a_suite_is_utc_without_zone() -> None:
    assert next(suite.timestamp for suite in junit(golden())) == "2026-11-21T22:04:30"


def test_levels_of_a_control_are_cases_of_their_own() -> None:
    run = worlds.run_of(
        [
            worlds.judged(worlds.account(), [worlds.deviation(level=Level.ACCOUNT)]),
            worlds.judged(worlds.user(1), [worlds.deviation()]),
        ]
    )
    names = [name for name in cases(run) if name.startswith("Meeting summary")]
    assert [name.rpartition(" ")[2] for name in names] == ["(account)", "(person)"]
