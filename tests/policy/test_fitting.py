"""Expectations that a setting cannot meet are rejected when a file is loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import fitting, organisation
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.catalogue.parameters import known_parameters
from auditor.policy.catalogue.values import is_of
from tests.builders import CATALOGUE, yaml_of

HEAD = 'id: mine\nversion: "1"\ntitle: Mine\n'
SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
RECORDING = "recording.auto_recording"
REGIONS = "in_meeting.data_center_regions"
FOR_SWITCHES = ", ".join(
    name
    for name, each in OPERATORS.items()
    if "boolean" in each.judges and each.takes != "param" and each.judge is not None
)


def baseline_problems(folder: Path, text: str) -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        baseline.load(str(path), CATALOGUE)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def organisation_problems(folder: Path, text: str) -> list[str]:
    path = folder / "org.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        organisation.load(path, CATALOGUE)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (
            "RC-03: {expect: {op: neq, value: Cloud}}",
            f'.expect.value: "Cloud" is none of the documented values of {RECORDING}: "local", '
            '"cloud", "none". Did you mean "cloud"?',
        ),
        (
            "RC-03: {expect: clouds}",
            f'.expect: "clouds" is none of the documented values of {RECORDING}: "local", '
            '"cloud", "none". Did you mean "cloud"?',
        ),
        (
            "RC-03: {expect: 5}",
            f".expect: 5 is a number, but {RECORDING} is a text. Quote it if it is meant as text.",
        ),
        (
            "RC-02: {expect: off}",
            '.expect: "off" is a string, but recording.local_recording is true or false. '
            'YAML reads off as the text "off"; write false.',
        ),
        (
            "RC-02: {expect: Yes}",
            '.expect: "Yes" is a string, but recording.local_recording is true or false. '
            'YAML reads Yes as the text "Yes"; write true.',
        ),
        (
            "RC-02: {expect: 'false'}",
            '.expect: "false" is a string, but recording.local_recording is true or false. '
            "Write false, without quotes.",
        ),
        (
            "RC-02: {expect: 0}",
            ".expect: 0 is a number, but recording.local_recording is true or false. Write false.",
        ),
        (
            "RC-02: {expect: }",
            ".expect: there is no value, but recording.local_recording is true or false. "
            "YAML reads null, ~ and a missing value as null.",
        ),
        (
            "RC-02: {expect: {op: lte, value: 5}}",
            '.expect.value: the operator "lte" cannot judge recording.local_recording, which is '
            f"true or false. Operators for it: {FOR_SWITCHES}.",
        ),
        (
            "RC-02: {expect: {op: in_ci, value: [off]}}",
            '.expect.value: the operator "in_ci" cannot judge recording.local_recording, which is '
            f"true or false. Operators for it: {FOR_SWITCHES}.",
        ),
        (
            "RC-02: {expect: {op: in, value: []}}",
            ".expect.value: the list is empty, so nothing is expected.",
        ),
        (
            "CH-01: {expect: false}",
            ".expect: false is a boolean, but in_meeting.allow_users_save_chats is a whole number. "
            "Its documented values: 1, 2, 3.",
        ),
        (
            f"CN-08: {{settings: {{{SUMMARY}.who_will_receive_summary: {{op: in, "
            'value: [1, "2"]}}}',
            f'.settings.{SUMMARY}.who_will_receive_summary.value: "2" is a string, but '
            f"{SUMMARY}.who_will_receive_summary is a whole number. Write 2, without quotes.",
        ),
        (
            f"DR-01: {{settings: {{{REGIONS}: {{op: eq, value: [us]}}}}}}",
            f'.settings.{REGIONS}.value: "us" is none of the documented values of {REGIONS}: "AU", '
            '"LA", "CA", "CN", "DE", "HK", "IN", "IE", "TY", "MX", "NL", "SG", "US". '
            'Did you mean "US"?',
        ),
        (
            f"DR-01: {{settings: {{{REGIONS}: {{op: neq, value: [US, CA]}}}}}}",
            f".settings.{REGIONS}.value: Zoom may return {REGIONS} in any order, so a different "
            'value proves nothing. Use "eq" with the values that are right.',
        ),
        (
            "RT-01: {settings: {recording.auto_delete_cmr_days: {op: lte, value: 20}}}",
            ".settings.recording.auto_delete_cmr_days.value: no documented value of "
            "recording.auto_delete_cmr_days meets it: 30, 60, 90, 120.",
        ),
        (
            "RT-01: {settings: {recording.auto_delete_cmr_days: {op: lte, value: 90.0}}}",
            ".settings.recording.auto_delete_cmr_days.value: 90.0 is a number, but "
            "recording.auto_delete_cmr_days is a whole number. Write 90.",
        ),
        (
            "RT-01: {settings: {recording.auto_delete_cmr_days: 0o132}}",
            '.settings.recording.auto_delete_cmr_days: "0o132" is a string, but '
            "recording.auto_delete_cmr_days is a whole number. "
            'YAML reads 0o132 as the text "0o132"; write 90.',
        ),
        (
            "RT-01: {settings: {recording.auto_delete_cmr_days: 090}}",
            ".settings.recording.auto_delete_cmr_days: YAML reads 090 as the number 90. "
            'Write 90, or "090" for the text.',
        ),
        (
            "CN-03: {settings: {'participants[].aic_disclaimer': "
            "{op: none_equal, value: No disclaimer}}}",
            '.settings.participants[].aic_disclaimer.value: "No disclaimer" is none of the '
            'documented values of participants[].aic_disclaimer: "no disclaimer", "agree", '
            '"leave meeting". Did you mean "no disclaimer"?',
        ),
        (
            "AI-23: {expect: off}",
            '.expect: "off" is a string, but meetings_with_feature:meeting_summary is a whole '
            "number.",
        ),
        (
            "AI-18: {expect: {op: user_in_group_param, param: allowed_regions}}",
            '.expect: "param" has to name a parameter that lists groups; allowed_regions does not.',
        ),
        (
            "RC-03: {expect: {op: org_param, param: record_chat}}",
            f'.expect: the operator "org_param" needs a parameter of type string or list for '
            f"{RECORDING}; record_chat is of type boolean.",
        ),
        (
            "CC-01: {expect: false}",
            ".expect: false is none of the documented values of derived:lock(all controls with "
            "lock_required for the baseline): true.",
        ),
        (
            "CC-02: {expect: true}",
            '.expect: the operator "eq" cannot judge derived:compare(group_settings, '
            "account_settings), which is a comparison of two levels. Operators for it: no_looser.",
        ),
    ],
)
def test_what_a_setting_cannot_be_is_refused(tmp_path: Path, choice: str, expected: str) -> None:
    (in_baseline,) = baseline_problems(tmp_path, f"controls:\n  {choice}\n")
    control = choice.partition(":")[0]
    assert in_baseline == f"mine.yaml:5: controls.{control}{expected}"
    override = f"overrides:\n  - match: {{group: Legal}}\n    controls:\n      {choice}\n"
    (in_override,) = organisation_problems(tmp_path, override)
    assert in_override == f"org.yaml:4: overrides.0.controls.{control}{expected}"


def test_another_value_than_one_that_comes_in_any_case_is_refused(tmp_path: Path) -> None:
    setting = "recording.recording_notification_for_zoom_client.disclaimer_to_participants"
    choice = f"CN-04: {{settings: {{{setting}: {{op: neq, value: Guest only}}}}}}"
    (problem,) = baseline_problems(tmp_path, f"controls:\n  {choice}\n")
    assert problem.endswith(
        "in upper and lower case, so a different value proves nothing. "
        'Use "in_ci" with the values that are right.'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "auto_recording_value: Cloud",
            ': "Cloud" is none of the documented values of auto_recording_value: "none", "cloud", '
            '"local". Did you mean "cloud"?',
        ),
        (
            "allowed_integrations: [Box]",
            ': "Box" is none of the documented values of allowed_integrations: "box", "dropbox", '
            '"google_drive", "microsoft_one_drive". Did you mean "box"?',
        ),
        (
            "recording_retention_days: 91",
            ": 91 is none of the documented values of recording_retention_days: 30, 60, 90, 120.",
        ),
        (
            "recording_retention_days: 1_20",
            ': expected an integer, for example 90. YAML reads 1_20 as the text "1_20"; write 120.',
        ),
        (
            "phone_retention: no",
            ': expected a boolean, for example True. YAML reads no as the text "no"; write false.',
        ),
        (
            "chat_retention: 90",
            ": expected a duration, for example '7y'. Write 90d for days.",
        ),
        (
            "allowed_apps: [x, 0123]",
            '.1: YAML reads 0123 as the number 123. Write 123, or "0123" for the text.',
        ),
        (
            "allowed_apps: [12e4]",
            '.0: YAML reads 12e4 as the number 120000. Write 120000, or "12e4" for the text.',
        ),
    ],
)
def test_a_parameter_that_no_setting_can_equal_is_refused(
    tmp_path: Path, text: str, expected: str
) -> None:
    name = text.partition(":")[0]
    (in_organisation,) = organisation_problems(tmp_path, f"parameters:\n  {text}\n")
    assert in_organisation == f"org.yaml:2: parameters.{name}{expected}"
    (in_baseline,) = baseline_problems(tmp_path, f"parameters:\n  {text}\n")
    assert in_baseline == f"mine.yaml:5: parameters.{name}{expected}"


def test_a_baseline_names_no_unknown_parameter(tmp_path: Path) -> None:
    assert baseline_problems(tmp_path, "parameters: {alowed_regions: [US]}\n") == [
        'mine.yaml:4: parameters.alowed_regions: no such parameter. Did you mean "allowed_regions"?'
    ]


def test_texts_that_look_like_other_things_stay_texts_where_texts_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "org.yaml"
    path.write_text("parameters: {allowed_storage_countries: [NO, 'on', 2026-01-01, 12:30:00]}\n")
    found = organisation.load(path, CATALOGUE)
    assert found.parameters["allowed_storage_countries"] == ["NO", "on", "2026-01-01", "12:30:00"]


def assessed() -> Iterator[tuple[str, Check, Expectation]]:
    """Each check of each control of each shipped baseline, with what is expected of it."""
    for name in baseline.names():
        for each in baseline.load(name, CATALOGUE).assessed.values():
            for setting, expectation in each.expectations.items():
                yield f"{name}/{each.control.id}", each.control.check(setting), expectation


ASSESSED = list(assessed())


def faults(check: Check, expectation: Expectation) -> list[str]:
    return list(fitting.problems(yaml_of("a: 1"), ("a",), [check], expectation))


def test_every_shipped_expectation_fits_its_setting() -> None:
    assert [
        (where, found) for where, check, wish in ASSESSED if (found := faults(check, wish))
    ] == []
    assert len(baseline.load("cis-zoom-1.0", CATALOGUE).assessed) == 171


@pytest.mark.parametrize("value", ["off", "false", "Cloud", 0, 1.5, None, True, [], ["x"], {}])
def test_a_value_of_another_type_is_refused_for_every_control(value: Any) -> None:
    accepted = [
        (where, check.setting)
        for where, check, _ in ASSESSED
        if not any(is_of(shape, value) for shape in fitting.shapes(check))
        for op in ("eq", "neq")
        if not faults(check, Expectation(op=op, value=value))
    ]
    assert accepted == []


@pytest.mark.parametrize("op", sorted({name for name, each in OPERATORS.items() if each.judges}))
def test_an_operator_that_cannot_judge_the_type_is_refused_for_every_control(op: str) -> None:
    operator = OPERATORS[op]
    examples: list[JsonValue] = [1, ["x"], [1, 2], "90d"]
    argument = next(each for each in examples if operator.argument.accepts(each))
    fields: dict[str, Any] = {"value": argument, "param": "change_records"}
    wish = Expectation(
        op=op, **{key: each for key, each in fields.items() if key == operator.takes}
    )
    accepted = [
        (where, check.setting)
        for where, check, _ in ASSESSED
        if operator.judge is not None
        and operator.judges.isdisjoint(fitting.shapes(check, with_param=wish.param is not None))
        and not faults(check, wish)
    ]
    assert accepted == []


def test_every_check_of_the_catalogue_has_a_shape() -> None:
    checks = [check for control in CATALOGUE for check in control.checks]
    assert [check.setting for check in checks if not fitting.shapes(check)] == []


def test_parameters_have_the_values_of_the_settings_that_have_to_equal_them() -> None:
    for where, check, wish in ASSESSED:
        if wish.op not in ("org_param", "subset_of_param") or check.values is None:
            continue
        values = known_parameters()[str(wish.param)].values
        assert values is not None, where
        assert set(values) == set(check.values), where


def test_conditions_of_the_catalogue_fit_their_settings() -> None:
    checks = {each.setting: each for control in CATALOGUE for each in control.checks}
    for check in list(checks.values()):
        condition = check.only_when
        if condition is not None and condition.setting in checks:
            wish = Expectation(op="eq", value=condition.is_)
            assert faults(checks[condition.setting], wish) == [], check.setting
