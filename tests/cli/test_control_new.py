"""`auditor control new` and what `auditor control show` says of decisions and attestations."""

from pathlib import Path

import pytest

from auditor.cli.terminal import Terminal
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS
from auditor.policy.baseline import organisation
from auditor.policy.baseline.own_controls import OwnControl
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies, group
from tests.cli.commands import answers, output_text, ran, store

FILE = Path("organisation.yaml")
TRANSFER = ("--setting", "in_meeting.file_transfer")
RULE = (*TRANSFER, "--expect", "off", "--why", "Files leave our rules.", "--yes")


def file_transfer(value: JsonValue) -> Bodies:
    return {SETTINGS: {"in_meeting": {"file_transfer": value, "new_thing": 7}}}


@pytest.fixture
def run(home: Path) -> str:
    """File transfer is off, and on for one group."""
    return store(
        home,
        judgement(depth=Level.GROUP),
        (ACCOUNT, file_transfer(False)),
        (group(1, "Studio"), file_transfer(True)),
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal and can be asked."""
    monkeypatch.setattr(Terminal, "is_interactive", property(lambda _: True))


def own() -> OwnControl:
    (control,) = organisation.load(FILE, CATALOGUE).controls
    return control


def test_a_control_is_drafted_from_what_the_run_shows(run: str) -> None:
    result = ran("control", "new", *RULE, "--lock", "--mapping", "our_policy=4.2")
    assert result.exit_code == 0, result.output
    output = output_text(result)
    assert "Account: false (1) Group: true (1)" in output
    assert "broken 0 → 1" in output
    control = own()
    assert (control.id, control.title) == ("ORG-01", "File transfer in meetings is off")
    assert control.levels == (Level.ACCOUNT, Level.GROUP)
    assert (control.expect.value, control.lock, control.severity) == (False, True, "medium")
    assert control.mappings == {"our_policy": ("4.2",)}
    report = output_text(ran("audit", "--from", "latest", "--org", FILE, "--only", "ORG-01"))
    assert "ORG-01" in report


@pytest.mark.usefixtures("terminal")
def test_a_person_is_asked_for_the_rest_with_proposals(run: str) -> None:
    typed = answers(
        "off", "y", "account", "", "No files.", "Our reason.", "high", "", "Settings", "y"
    )
    result = ran("control", "new", *TRANSFER, stdin=typed)
    assert result.exit_code == 0, result.output
    control = own()
    assert (control.title, control.why) == ("No files.", "Our reason.")
    assert (control.levels, control.lock, control.severity) == ((Level.ACCOUNT,), True, "high")
    assert control.topic == "third-party-sharing"


def test_an_undocumented_setting_that_a_run_shows_can_have_a_rule(run: str) -> None:
    words = ("--setting", "in_meeting.new_thing", "--expect", "{op: lte, value: 5}", "--why", "w")
    result = ran("control", "new", *words, "--id", "OUR-7", "--yes")
    assert result.exit_code == 0, result.output
    assert (own().documented, own().id, own().expect.op) == (False, "OUR-7", "lte")


def test_without_a_run_the_reference_says_where_the_setting_is(home: Path) -> None:
    result = ran("control", "new", *RULE)
    assert result.exit_code == 0, result.output
    assert "No run shows its value." in result.output
    assert own().levels == (Level.ACCOUNT, Level.GROUP, Level.USER)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--setting", "in_meeting.file_transfr"), 'Did you mean "in_meeting.file_transfer"?'),
        (("--expect", "3"), "3 is a number"),
        (("--id", "AI-99"), 'the prefix "AI" belongs to shipped controls'),
        (("--levels", "galaxy"), "galaxy"),
        (("--severity", "hihg"), 'Did you mean "high"?'),
        (("--mapping", "policy"), "write KEY=REF"),
        (("--why", ""), "This is not a terminal"),
    ],
)
def test_a_control_that_is_not_valid_is_refused(
    run: str, words: tuple[str, ...], message: str
) -> None:
    result = ran("control", "new", *RULE, *words)
    assert result.exit_code == 2
    assert message in output_text(result)
    assert not FILE.exists()


# control show


@pytest.mark.usefixtures("home")
def test_a_control_says_what_to_decide_and_how() -> None:
    FILE.write_text("baseline: consent-first\nparameters: {allowed_regions: [US]}\n")
    output = output_text(ran("control", "show", "DR-01", "--org", FILE))
    assert "Your decision: allowed_regions Codes of the data-centre regions" in output
    assert "In force: [US]" in output
    undecided = output_text(ran("control", "show", "DR-01"))
    assert "In force: nothing, it is not decided" in undecided
    assert "Decide it with: auditor decide allowed_regions" in undecided


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("control", ["TR-01", "TP-07"])
def test_a_control_says_what_to_attest_where_and_how(control: str) -> None:
    output = output_text(ran("control", "show", control))
    assert "Expected: " in output
    assert "Where: " in output
    assert f"auditor attest --control {control}" in output
    assert ("--setting recording.allow_cmr_3rd_party_bot" in output) == (control == "TP-07")


def test_own_controls_are_explained(run: str) -> None:
    ran("control", "new", *RULE)
    assert "Files leave our rules." in ran("control", "show", "org-01", "--org", FILE).output
    missing = ran("control", "show", "ORG-01")
    assert missing.exit_code == 2
