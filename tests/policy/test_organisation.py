"""Organisation files: valid contents, errors with file, line and key, and includes."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.app.audit import EvaluationConfig
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS
from auditor.findings.model import FindingKind
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.parameters import Parameter, known_parameters
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    Json,
    Parameters,
    baseline_of,
    evaluated_with,
    expected_derived,
    parameters_of,
    scope_verdicts,
    snapshot_of,
)
from tests.names import same_everywhere

WAIVER = (
    "waivers:\n  - {control: RC-02, scope: {group: Studio}, reason: Because., "
    "owner: a@example.com, expires: 2027-01-31}\n"
)
ATTESTATION = (
    "attestations:\n"
    "  - control: TR-01\n"
    "    statement: yes\n"
    "    evidence: DPO-31\n"
    "    by: dpo@example.com\n"
    "    on: 2026-11-02\n"
    "    expires: 2027-05-02\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(folder: Path, text: str, **more: Any) -> Organisation:
    for name, content in more.items():
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    (folder / "org.yaml").write_text(text, encoding="utf-8")
    return organisation.load(folder / "org.yaml", CATALOGUE)


def problems(folder: Path, text: str, **more: Any) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        loaded(folder, text, **more)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "null\n"])
def test_an_empty_file_decides_nothing(folder: Path, text: str) -> None:
    assert loaded(folder, text) == Organisation()


def test_everything_it_may_say_is_read(folder: Path) -> None:
    found = loaded(
        folder,
        "baseline: strict\n"
        "parameters: {allowed_regions: [US, CA], recording_retention_days: 90, record_chat: null}\n"
        "overrides:\n"
        "  - {match: {group: 'Legal*'}, controls: {AI-01: {expect: false}}, reason: r}\n"
        f"{WAIVER}{ATTESTATION}"
        "triage:\n  - {setting: 'in_meeting.*', by: a@example.com, on: 2026-11-02}\n",
    )
    assert found.baseline == "strict"
    assert found.parameters["allowed_regions"] == ["US", "CA"]
    assert found.overrides[0].label == "override for group Legal*"
    assert found.waivers[0].expires == date(2027, 1, 31)
    assert found.attestations[0].on == date(2026, 11, 2)
    assert found.attestations[0].statement == "yes"
    assert found.attestations[0].scope.level is Level.ACCOUNT
    assert found.triage[0].setting == "in_meeting.*"


def test_the_example_file_is_valid() -> None:
    example = organisation.load(files.folder() / "examples" / "organisation.yaml", CATALOGUE)
    assert example.baseline == "regulated"
    assert (len(example.overrides), len(example.waivers), len(example.attestations)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "org.yaml:1: expected keys and values, found something else."),
        ("baselin: strict\n", 'org.yaml:1: baselin: unknown key. Did you mean "baseline"?'),
        ("waiver: []\n", 'org.yaml:1: waiver: unknown key. Did you mean "waivers"?'),
        (
            "parameters:\n  allowed_region: [US]\n",
            (
                "org.yaml:2: parameters.allowed_region: no such parameter. Did you mean "
                '"allowed_regions"?'
            ),
        ),
        (
            "parameters:\n  allowed_regions: US\n",
            ("org.yaml:2: parameters.allowed_regions: expected a list, for example ['US', 'CA']."),
        ),
        (
            "parameters:\n  allowed_regions: [[US]]\n",
            ("org.yaml:2: parameters.allowed_regions: expected a list, for example ['US', 'CA']."),
        ),
        (
            "parameters:\n  record_chat: 1\n",
            (
                "org.yaml:2: parameters.record_chat: expected a boolean, for example False. "
                "Write true."
            ),
        ),
        (
            "parameters:\n  max_ai_admins: true\n",
            "org.yaml:2: parameters.max_ai_admins: expected an integer, for example 5.",
        ),
        (
            "parameters:\n  max_ai_admins: 2.5\n",
            "org.yaml:2: parameters.max_ai_admins: expected an integer, for example 5.",
        ),
        (
            "parameters:\n  chat_retention: long\n",
            "org.yaml:2: parameters.chat_retention: expected a duration, for example '7y'.",
        ),
        (
            "parameters:\n  auto_recording_value: 3\n",
            (
                "org.yaml:2: parameters.auto_recording_value: expected a string, for example "
                "'none'. Quote it if it is meant as text."
            ),
        ),
        (
            "overrides:\n  - controls: {AI-01: {expect: false}}\n",
            'org.yaml:2: overrides.0: "match" is missing.',
        ),
        (
            "overrides:\n  - match: {gruop: x}\n    controls: {}\n",
            'org.yaml:2: overrides.0.match.gruop: unknown key. Did you mean "group"?',
        ),
        (
            "overrides:\n  - match: {}\n    controls: {}\n",
            "org.yaml:2: overrides.0.match: name a level, group, user, meeting or licence.",
        ),
        (
            "overrides:\n  - match: {level: grup}\n    controls: {}\n",
            (
                "org.yaml:2: overrides.0.match.level: expected 'account', 'app', "
                "'phone_account', 'phone_group', 'phone_site', 'group', 'user', "
                "'phone_user', 'meeting' or 'webinar', found \"grup\". Did you mean "
                '"group"?'
            ),
        ),
        (
            ("overrides:\n  - match: {group: x}\n    controls:\n      AI-99: {expect: false}\n"),
            'org.yaml:4: overrides.0.controls.AI-99: no such control. Did you mean "AI-09"?',
        ),
        (
            (
                "overrides:\n  - match: {group: x}\n    controls:\n      RC-02:\n        "
                "settings: {recording.local_recordin: false}\n"
            ),
            (
                "org.yaml:5: overrides.0.controls.RC-02.settings.recording.local_recordin: "
                'RC-02 does not check this setting. Did you mean "recording.local_recording"?'
            ),
        ),
        (
            "overrides:\n  - match: {group: x}\n    controls:\n      RC-02: {attest: yes}\n",
            (
                "org.yaml:4: overrides.0.controls.RC-02.attest: is observed by API; give "
                '"expect" instead of "attest".'
            ),
        ),
        (
            ("overrides:\n  - match: {group: x}\n    controls:\n      TR-01: {expect: true}\n"),
            ('org.yaml:4: overrides.0.controls.TR-01: no API shows it; give "attest" instead.'),
        ),
        (
            "waivers:\n  - {control: RC-02, scope: {group: x}, reason: r, owner: o}\n",
            'org.yaml:2: waivers.0: "expires" is missing.',
        ),
        (
            "waivers:\n  - {control: RC-02, reason: r, owner: o, expires: 2027-01-31}\n",
            'org.yaml:2: waivers.0: "scope" is missing.',
        ),
        (
            (
                "waivers:\n  - control: RC-02\n    scope: {group: x}\n    expires: "
                "2027-01-31\n    reason: ''\n    owner: o\n"
            ),
            "org.yaml:5: waivers.0.reason: may not be empty.",
        ),
        (
            WAIVER.replace("RC-02", "RC-2"),
            ('org.yaml:2: waivers.0.control: no control is called "RC-2". Did you mean "RC-02"?'),
        ),
        (
            WAIVER.replace("scope:", "setting: recording.lokal, scope:"),
            (
                "org.yaml:2: waivers.0.setting: RC-02 does not check this setting. Did you "
                'mean "recording.local_recording"?'
            ),
        ),
        (
            WAIVER.replace("2027-01-31", "2027-01-32"),
            (
                "org.yaml:2: waivers.0.expires: expected a valid date or datetime, day value "
                'is outside expected range, found "2027-01-32".'
            ),
        ),
        (
            WAIVER.replace("2027-01-31", "soon"),
            (
                "org.yaml:2: waivers.0.expires: expected a valid date or datetime, input is "
                'too short, found "soon".'
            ),
        ),
        (
            ATTESTATION.replace("2027-05-02", "2026-05-02"),
            (
                "org.yaml:2: attestations.0: it expires on 2026-05-02, before it was made on "
                "2026-11-02."
            ),
        ),
        (
            ATTESTATION.replace("TR-01", "TR-1"),
            (
                'org.yaml:2: attestations.0.control: no control is called "TR-1". Did you '
                'mean "TR-01"?'
            ),
        ),
        (
            ATTESTATION.replace("    by:", "    setting: answer\n    by:"),
            "org.yaml:5: attestations.0.setting: TR-01 does not check this setting.",
        ),
        (
            ATTESTATION.replace("    on:", "    onn:"),
            'org.yaml:6: attestations.0.onn: unknown key. Did you mean "on"?',
        ),
        (
            "triage:\n  - {settings: x, by: a, on: 2026-11-02}\n",
            'org.yaml:2: triage.0.settings: unknown key. Did you mean "setting"?',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_file_line_and_key(
    folder: Path, text: str, expected: str
) -> None:
    assert expected in problems(folder, text)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    text = "parameters: {a: 1, b: 2}\n" + WAIVER.replace("RC-02", "X-1") + ATTESTATION
    assert len(problems(folder, text)) == 3


def test_a_file_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml: cannot be read"):
        organisation.load(folder / "none.yaml", CATALOGUE)


@pytest.mark.parametrize("parameter", known_parameters().values(), ids=lambda each: each.name)
def test_every_parameter_accepts_its_own_example_and_no_object(parameter: Parameter) -> None:
    assert parameter.accepts(parameter.example)
    assert not parameter.accepts({"a": 1})
    assert parameter.meaning.endswith(".")


def test_an_attestation_may_name_what_no_api_shows(folder: Path) -> None:
    text = ATTESTATION.replace("    by:", "    setting: attestation\n    by:")
    assert loaded(folder, text).attestations[0].setting == "attestation"


# Including


def test_included_files_add_to_what_the_file_says(folder: Path) -> None:
    found = loaded(
        folder,
        f"include: [more.yaml, triage.yaml]\nbaseline: strict\n"
        f"parameters: {{max_ai_admins: 5, qos_level: 1}}\n{WAIVER}",
        more=f"parameters: {{max_ai_admins: 6}}\n{WAIVER}{ATTESTATION}"
        "overrides: [{match: {group: x}, controls: {}}]\n",
        triage="triage: [{setting: a.b, by: a, on: 2026-11-02}]\n",
    )
    assert found.baseline == "strict"
    assert found.parameters == {"max_ai_admins": 6, "qos_level": 1}
    assert (len(found.waivers), len(found.attestations)) == (2, 1)
    assert (len(found.overrides), len(found.triage)) == (1, 1)


def test_an_included_file_is_found_beside_the_file_that_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "policies").mkdir()
    (folder / "policies" / "org.yaml").write_text("include: [more.yaml]\n")
    (folder / "policies" / "more.yaml").write_text("parameters: {qos_level: 1}\n")
    found = organisation.load(folder / "policies" / "org.yaml", CATALOGUE)
    assert found.parameters == {"qos_level": 1}


@pytest.mark.parametrize("inside", ["include: [other.yaml]\n", "baseline: strict\n"])
def test_an_included_file_may_not_choose_or_include(folder: Path, inside: str) -> None:
    found = problems(folder, "parameters: {}\ninclude:\n  - more.yaml\n", more=inside)
    assert found == [
        'org.yaml:3: include.0: more.yaml may contain neither "include" nor "baseline".'
    ]


def test_a_file_that_is_included_twice_or_too_many_of_them_are_refused(folder: Path) -> None:
    found = problems(folder, "include: [more.yaml, more.yaml]\n", more="parameters: {}\n")
    assert found == ["org.yaml:1: include.1: more.yaml is included twice."]
    many = ", ".join(f"{n}.yaml" for n in range(51))
    assert problems(folder, f"include: [{many}]\n") == [
        "org.yaml:1: include: more than 50 files are included."
    ]


def test_a_file_that_includes_itself_is_refused(folder: Path) -> None:
    (message,) = problems(folder, "include: [org.yaml]\n")
    assert message.startswith("org.yaml:1: include.0: org.yaml may contain neither")


def test_problems_in_an_included_file_name_that_file(folder: Path) -> None:
    found = problems(folder, "include: [more.yaml]\n", more="\nparameters: {qos: 1}\n")
    assert found[0].startswith("more.yaml:2: parameters.qos: no such parameter.")


def test_an_included_file_that_is_not_there_is_refused(folder: Path) -> None:
    (message,) = problems(folder, "include: [none.yaml]\n")
    assert message.startswith("none.yaml: cannot be read")


# Files that commands write anew


def test_a_file_of_one_kind_can_be_written_anew_and_so_can_none(folder: Path) -> None:
    path = folder / "a.yaml"
    assert organisation.entries(path, "attestations", CATALOGUE) == Organisation()
    path.write_text(ATTESTATION)
    assert len(organisation.entries(path, "attestations", CATALOGUE).attestations) == 1
    path.write_text("")
    assert organisation.entries(path, "attestations", CATALOGUE) == Organisation()


def test_a_file_that_holds_more_is_not_written_anew(folder: Path) -> None:
    path = folder / "a.yaml"
    path.write_text(f"{ATTESTATION}parameters: {{}}\n{WAIVER}")
    with pytest.raises(PolicyError) as caught:
        organisation.entries(path, "attestations", CATALOGUE)
    assert [each.replace(f"{folder}/", "") for each in caught.value.problems] == [
        'a.yaml:8: parameters: this file is rewritten with nothing but "attestations" in it; '
        "name another one.",
        'a.yaml:9: waivers: this file is rewritten with nothing but "attestations" in it; '
        "name another one.",
    ]


def test_a_file_whose_includes_are_missing_is_not_taken_for_no_file(folder: Path) -> None:
    path = folder / "a.yaml"
    path.write_text("include: [none.yaml]\n")
    with pytest.raises(PolicyError, match="none"):
        organisation.entries(path, "attestations", CATALOGUE)


def test_a_file_that_cannot_be_read_is_not_taken_for_no_file(folder: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        organisation.entries(folder, "attestations", CATALOGUE)


# Triage

NEW: Json = {
    "in_meeting": {"ai_brand_new": True, "slide_x": 1, "rows": [{"a": {"ai": [{"b": 1}]}}]}
}


def new_settings(*settings: str, parameters: Parameters | None = None) -> set[str]:
    triage = tuple(
        organisation.Triaged(setting=each, by="a@example.com", on=date(2026, 11, 2))
        for each in settings
    )
    judgement = EvaluationConfig(
        CATALOGUE,
        baseline.load("strict", CATALOGUE),
        Organisation(parameters=parameters_of(parameters), triage=triage),
    )
    found = evaluated_with(
        snapshot_of((ACCOUNT, {SETTINGS: NEW})),
        baseline_of(expected_derived("CC-07")),
        catalogue=CATALOGUE,
        parameters=judgement.parameters,
        depth=Level.ACCOUNT,
    )
    return {v.setting for _, v in scope_verdicts(found) if v.kind is FindingKind.UNCOVERED}


EVERY_NEW = {"in_meeting.ai_brand_new", "in_meeting.slide_x", "in_meeting.rows[].a.ai[].b"}


@pytest.mark.parametrize(
    ("accepted", "left"),
    [
        ((), EVERY_NEW),
        (("in_meeting.slide_x",), EVERY_NEW - {"in_meeting.slide_x"}),
        (("in_meeting.*_new", "IN_MEETING.SLIDE_X"), {"in_meeting.rows[].a.ai[].b"}),
        (("in_meeting.rows[].a.ai[].b",), EVERY_NEW - {"in_meeting.rows[].a.ai[].b"}),
        (("in_meeting.rows[]*",), EVERY_NEW - {"in_meeting.rows[].a.ai[].b"}),
        (("in_meeting.slide",), EVERY_NEW),
        (("*",), set()),
    ],
    ids=same_everywhere,
)
def test_an_accepted_setting_is_no_longer_new(
    accepted: tuple[str, str] | tuple[()] | tuple[str], left: set[str]
) -> None:
    assert new_settings(*accepted) == left


def test_triage_adds_to_the_known_keys_of_the_parameters() -> None:
    known = {"known_keys": ["in_meeting.slide_x"]}
    assert new_settings("in_meeting.ai*", parameters=known) == {"in_meeting.rows[].a.ai[].b"}
    assert new_settings(parameters=known) == EVERY_NEW - {"in_meeting.slide_x"}
