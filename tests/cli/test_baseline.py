"""`auditor baseline`: lists, shows, compares, starts and checks baselines, and prints schemas."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from auditor.app.baselines import described
from auditor.cli.main import app
from auditor.policy.baseline import baselines as baseline
from auditor.policy.catalogue.operators import Expectation
from tests.builders import CATALOGUE
from tests.cli.commands import output_text, ran

pytestmark = pytest.mark.usefixtures("home")
ONE = 'id: ours\nversion: "1"\ntitle: Ours\n'


def write(text: str, name: str = "ours.yaml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


# list, show


def test_every_shipped_baseline_is_listed() -> None:
    result = ran("baseline", "list")
    assert result.exit_code == 0
    rows = [line.split()[0] for line in result.output.splitlines()[2:7]]
    assert rows == baseline.names()
    assert "auditor baseline show NAME" in result.output


def test_a_baseline_is_shown_with_its_meaning_digest_and_every_control() -> None:
    result = ran("baseline", "show", "strict")
    strict = baseline.load("strict", CATALOGUE)
    assert result.exit_code == 0
    assert strict.info.digest in result.output
    first = {line.split()[0] for line in result.output.splitlines() if line.strip()}
    assert set(strict.assessed) <= first
    assert "        attested: none used\n" in result.output


def test_what_is_shown_says_from_which_baseline_it_comes() -> None:
    write(
        f"{ONE}extends: strict\ncontrols:\n  RC-02: {{expect: true, lock: true, severity: low}}\n"
    )
    lines = ran("baseline", "show", "ours.yaml").output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("RC-02"))
    assert [line.strip() for line in lines[at : at + 3]] == [
        "RC-02   Local recording is off",
        "low, must be locked",
        "Local recording: on",
    ]
    assert lines[at + 3].strip() == "recording.local_recording"
    assert any("from strict" in line for line in lines)


@pytest.mark.parametrize("width", ["80", "200"])
def test_nothing_is_cut_to_fit_the_terminal(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    lines = ran("baseline", "show", "strict").output.splitlines()
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= int(width)
    at = lines.index("        Automatic start of the AI meeting summary: off")
    assert lines[at + 1].strip() == "in_meeting.meeting_summary_with_ai_companion.auto_enable"


def test_a_baseline_without_meaning_is_shown_without_one() -> None:
    write(f"{ONE}controls:\n  RC-02: {{expect: false}}\n")
    lines = ran("baseline", "show", "ours.yaml").output.splitlines()
    assert lines[0] == "ours 1: Ours"
    assert lines[1].startswith("sha256:")


@pytest.mark.parametrize("command", [("show",), ("check",), ("conflicts", "strict")])
def test_a_baseline_that_does_not_exist_is_refused_with_the_nearest_name(
    command: tuple[str, ...],
) -> None:
    result = ran("baseline", *command, "strikt")
    assert result.exit_code == 2
    assert 'Did you mean "strict"?' in output_text(result)
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Expectation(op="eq", value=False), "false"),
        (Expectation(op="in", value=[1, 2]), "is one of the values: [1, 2]"),
        (
            Expectation(op="org_param", param="qos_level"),
            "equals the parameter (qos_level)",
        ),
        (
            Expectation(op="eq", value=False, group_exception_param="ai_allowed_groups"),
            "false, except groups in ai_allowed_groups",
        ),
        (Expectation(op="off"), "false, or an object whose enable is false"),
    ],
)
def test_an_expectation_is_put_in_words(wish: Expectation, words: str) -> None:
    assert described(wish) == words


# conflicts


def test_conflicts_are_listed_with_both_sides_and_counted() -> None:
    result = ran("baseline", "conflicts", "consent-first", "cis-zoom-1.0")
    assert result.exit_code == 0
    (row,) = [line for line in result.output.splitlines() if line.startswith("in_meeting.feedback")]
    assert row.split() == ["in_meeting.feedback", "TM-01:", "false", "CIS-1.1.3.10:", "true"]
    assert result.output.endswith(" 7 settings.\n")


def test_without_conflicts_there_is_no_empty_table() -> None:
    result = ran("baseline", "conflicts", "strict", "consent-first")
    assert result.exit_code == 0
    assert result.output.endswith(" 0 settings.\n")


# schema


@pytest.mark.parametrize("kind", [(), ("baseline",), ("organisation",)])
def test_the_schema_is_printed_as_json(kind: tuple[str, ...]) -> None:
    result = ran("baseline", "schema", *kind)
    schema = json.loads(result.output)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert ("waivers" in schema["properties"]) is (kind == ("organisation",))


# new, check


def test_a_new_baseline_is_valid_and_the_same_as_the_one_it_starts_from() -> None:
    result = ran("baseline", "new", "ours.yaml", "--extends", "regulated")
    assert result.exit_code == 0
    assert "auditor baseline check ours.yaml" in output_text(result)
    ours, theirs = baseline.load("ours.yaml", CATALOGUE), baseline.load("regulated", CATALOGUE)
    assert ours.info.id == "ours"
    assert ours.info.digest == theirs.info.digest
    text = Path("ours.yaml").read_text()
    schema, first = text.splitlines()[:2]
    assert schema == "# yaml-language-server: $schema=baseline.schema.json"
    assert first.startswith("# A baseline of our own")
    checked = ran("baseline", "check", "ours.yaml")
    assert checked.exit_code == 0
    assert f"valid. It assesses {len(ours.assessed)} controls" in output_text(checked)


def test_a_new_organisation_file_is_valid_as_it_is_and_with_every_entry_in_force() -> None:
    result = ran("baseline", "new", "--org")
    assert result.exit_code == 0
    assert "Next: auditor baseline check organisation.yaml" in result.output
    text = Path("organisation.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=organisation.schema.json\n")
    assert ran("baseline", "check", "organisation.yaml").exit_code == 0
    entries = text.split("baseline: regulated\n")[1]
    Path("all.yaml").write_text(re.sub(r"^# (?=[a-z_]+:$|  )", "", entries, flags=re.MULTILINE))
    checked = output_text(ran("baseline", "check", "all.yaml"))
    assert "3 parameters, 1 override, 1 waiver, 1 attestation, 1 blind spot, 1 own" in checked


def test_a_new_organisation_file_replaces_nothing() -> None:
    write("# mine\n", "organisation.yaml")
    assert ran("baseline", "new", "--org").exit_code == 2
    assert Path("organisation.yaml").read_text() == "# mine\n"


def test_the_example_in_a_new_baseline_can_be_used_as_it_stands() -> None:
    ran("baseline", "new", "ours.yaml")
    text = Path("ours.yaml").read_text()
    (example,) = [line.split("For example:")[1] for line in text.splitlines() if "example" in line]
    write(text.replace("controls: {}", f"controls:\n  {example.strip()}\n"))
    assert ran("baseline", "check", "ours.yaml").exit_code == 0


def test_a_new_baseline_in_another_folder_extends_the_file_that_was_named() -> None:
    write("{id: ours, version: '1', title: Ours, extends: strict}")
    Path("sub").mkdir()
    assert ran("baseline", "new", "sub/theirs.yaml", "--extends", "ours.yaml").exit_code == 0
    theirs = baseline.load("sub/theirs.yaml", CATALOGUE)
    assert theirs.info.digest == baseline.load("strict", CATALOGUE).info.digest


def test_a_new_baseline_never_replaces_a_file() -> None:
    write("precious")
    result = ran("baseline", "new", "ours.yaml")
    assert result.exit_code == 2
    assert "exists already" in result.output
    assert Path("ours.yaml").read_text() == "precious"


@pytest.mark.parametrize("place", ["nowhere/ours.yaml", f"{'x' * 300}.yaml"])
def test_a_place_that_cannot_be_written_is_refused(place: str) -> None:
    result = ran("baseline", "new", place)
    assert result.exit_code == 2
    assert "cannot be written" in output_text(result)
    assert list(Path().iterdir()) == []


def test_a_new_baseline_of_nothing_known_writes_nothing() -> None:
    assert ran("baseline", "new", "ours.yaml", "--extends", "strikt").exit_code == 2
    assert not Path("ours.yaml").exists()


def test_checking_tells_every_problem_by_line_and_key() -> None:
    write(f"{ONE}controls:\n  AI-99: {{expect: false}}\n  RC-02:\n    expct: false\n")
    result = ran("baseline", "check", "ours.yaml")
    assert result.exit_code == 2
    assert "ours.yaml:7: controls.RC-02.expct: unknown key" in output_text(result)
    write(f"{ONE}controls:\n  AI-99: {{expect: false}}\n  BB-1: {{expect: false}}\n")
    output = output_text(ran("baseline", "check", "ours.yaml"))
    assert "ours.yaml:5: controls.AI-99" in output
    assert "ours.yaml:6: controls.BB-1" in output


def test_checking_says_what_only_meetings_show() -> None:
    assert "only at --depth meeting" in output_text(ran("baseline", "check", "strict"))
    write(f"{ONE}controls:\n  RC-02: {{expect: false}}\n")
    assert output_text(ran("baseline", "check", "ours.yaml")).startswith("ours.yaml: valid. ")


def test_show_with_an_organisation_file_tells_what_its_overrides_want(tmp_path: Path) -> None:
    path = tmp_path / "organisation.yaml"
    path.write_text(
        "overrides:\n  - match: {group: Legal*}\n    controls: {RC-02: {expect: true}}\n"
    )
    shown = CliRunner().invoke(app, ["baseline", "show", "strict", "--org", str(path)])
    assert shown.exit_code == 0
    rule, severity, setting, _ = shown.stdout.strip().splitlines()[-4:]
    assert rule.startswith("RC-02 ")
    assert severity.endswith("from group Legal*")
    assert setting.endswith("Local recording: on")


def organisation(text: str, name: str = "organisation.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_checking_takes_organisation_files_and_says_what_they_hold() -> None:
    path = organisation(
        "baseline: strict\nparameters: {allowed_regions: [US]}\n"
        "overrides:\n  - match: {group: Legal*}\n    controls: {RC-02: {expect: true}}\n"
        "  - match: {group: Sales}\n    controls: {RC-02: {expect: false}}\n"
    )
    output = output_text(ran("baseline", "check", path))
    assert output.startswith("organisation.yaml: valid. ")
    assert "1 parameter, 2 overrides" in output
    assert "names were not looked up" in output


def test_checking_several_files_tells_the_problems_of_all() -> None:
    good = organisation("baseline: strict\n", "good.yaml")
    write(f"{ONE}controls:\n  AI-99: {{expect: false}}\n")
    slip = organisation("parameters: {}\nwaiver: []\n", "slip.yaml")
    absent = organisation("baseline: strikt\n", "absent.yaml")
    result = ran("baseline", "check", good, "ours.yaml", slip, absent)
    assert result.exit_code == 2
    assert "good.yaml: valid." in output_text(result)
    assert "ours.yaml:5: controls.AI-99" in output_text(result)
    assert "slip.yaml:2: waiver: unknown key" in output_text(result)
    assert 'No baseline is called "strikt"' in output_text(result)


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ("control: AI-02, scope: {level: account}", True),
        ("control: AI-02, scope: {level: account}, kind: lock", False),
        ("control: AI-02, scope: {user: ada@example.com}", False),
        ("control: TP-04, scope: {level: account}", False),
    ],
)
def test_a_waiver_of_a_lock_that_also_covers_the_value_is_warned_about(
    home: Path, fields: str, warned: bool
) -> None:
    terms = 'reason: r, owner: o, expires: "2099-01-01"'
    Path("org.yaml").write_text(f"waivers: [{{{fields}, {terms}}}]\n")
    result = ran("baseline", "check", "org.yaml")
    assert result.exit_code == 0, result.output
    assert ('Add "kind: lock" or "kind: value"' in output_text(result)) is warned


def test_a_blind_spot_names_a_request_and_a_setting_that_exist(home: Path) -> None:
    terms = 'cause: denied, reason: r, owner: o, expires: "2099-01-01"'
    Path("org.yaml").write_text(
        "blind_spots:\n"
        f'  - {{request: "GET /group/{{groupId}}/settings", {terms}}}\n'
        f"  - {{setting: in_meeting.file_transfr, {terms}}}\n"
    )
    told = output_text(ran("baseline", "check", "org.yaml"))
    assert 'Did you mean "GET /groups/{groupId}/settings"?' in told
    assert 'Did you mean "in_meeting.file_transfer"?' in told
    Path("org.yaml").write_text("overrides: [{match: {group: A}, controls: {AI-1: {lock: false}}}]")
    assert 'Did you mean "AI-01"?' in output_text(ran("baseline", "check", "org.yaml"))
