"""An operator is one row of `OPERATORS`: the rest of the program takes what it needs from there."""

import pytest

from auditor.app.baselines import described
from auditor.evidence.reading import JsonValue
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.policy.baseline import fitting, schemas
from auditor.policy.catalogue.operators import OPERATORS, Expectation, Operator
from auditor.policy.catalogue.outcome import Context, Deviates, Meets, Outcome
from auditor.policy.catalogue.values import LIST
from auditor.policy.evaluation.comparison import conflicts
from auditor.policy.judging.derived import is_more_permissive
from auditor.report import wording
from tests.builders import CATALOGUE, baseline_of, check, expected_control, yaml_of

TEXT = check("a.text", type=("string",))
AMONG: dict[str, JsonValue] = {"op": "ends_with", "value": ["@a.org", "@b.org"]}


def _ends_with(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    assert isinstance(expectation.value, list)
    return Meets() if str(observed).endswith(tuple(map(str, expectation.value))) else Deviates()


@pytest.fixture(autouse=True)
def ends_with(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Operator(
        "ends_with",
        "value",
        _ends_with,
        frozenset({"string"}),
        "ends in one of",
        "ending in one of {value}",
        argument=LIST,
        is_more_permissive=lambda values: len(str(values.below)) > len(str(values.above)),
        candidates=lambda expected: ["me@a.org"],
    )
    monkeypatch.setitem(OPERATORS, "ends_with", new)


def test_it_judges_and_its_arguments_are_checked() -> None:
    assert Expectation.model_validate(AMONG).judge("x@b.org", Context({})) == Meets()
    with pytest.raises(ValueError, match='"ends_with" needs a list as "value"'):
        Expectation(op="ends_with", value="x")


def test_editors_are_offered_it() -> None:
    document = schemas.schema("baseline", CATALOGUE)
    assert "ends_with" in document["$defs"]["Expectation"]["properties"]["op"]["enum"]


def test_it_fits_the_settings_that_it_can_compare() -> None:
    def faults(setting: str, shape: str, expectation: Expectation) -> list[str]:
        one = check(setting, type=(shape,))
        return list(fitting.problems(yaml_of("a: 1"), ("a",), [one], expectation))

    assert faults("a.text", "string", Expectation.model_validate(AMONG)) == []
    (fault,) = faults("a.text", "string", Expectation(op="ends_with", value=[5]))
    assert "5 is a number, but a.text is a text" in fault
    (fault,) = faults("a.flag", "boolean", Expectation.model_validate(AMONG))
    assert 'the operator "ends_with" cannot judge a.flag' in fault
    (fault,) = faults("a.text", "string", Expectation(op="lte", value=5))
    assert "ends_with" in fault.split("Operators for it: ")[1]


def test_reports_and_listings_word_it() -> None:
    verdict = Verdict(
        *("AI-01", FindingKind.VALUE, Status.FAIL, Severity.HIGH, "a.text"), expected=AMONG
    )
    assert wording.expectation(verdict, 80) == 'ending in one of "@a.org" and "@b.org"'
    assert described(Expectation.model_validate(AMONG)) == "ends in one of: ['@a.org', '@b.org']"


def test_it_says_which_of_two_deviating_values_is_more_permissive() -> None:
    def verdict(observed: str) -> Verdict:
        return Verdict(
            *("AI-01", FindingKind.VALUE, Status.FAIL, Severity.HIGH, "a.text"),
            expected=AMONG,
            observed=observed,
        )

    assert is_more_permissive(verdict("long"), verdict("x")) is True
    assert is_more_permissive(verdict("x"), verdict("long")) is False


def test_it_says_which_values_tell_conflicts_apart() -> None:
    mine = baseline_of(expected_control(TEXT, op=AMONG))
    assert (
        list(
            conflicts(
                mine, baseline_of(expected_control(TEXT, op={"op": "neq", "value": "@a.org"}))
            )
        )
        == []
    )
    assert list(conflicts(mine, baseline_of(expected_control(TEXT, op="other"))))
