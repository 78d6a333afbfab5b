"""`auditor init`: from nothing to an organisation file, by a person or by a script."""

from pathlib import Path

import pytest

from auditor.cli.terminal import Terminal
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies, group, user
from tests.cli.commands import answers, output_text, ran, store

FILE = Path("organisation.yaml")
AI: dict[str, JsonValue] = {
    "meeting_summary_with_ai_companion": {"enable": True},
    "data_center_regions": ["US", "CA"],
}
TERMS = ("--reason", "r", "--owner", "o", "--expires", "2099-12-31")
STUDIO = group(1, "Studio")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal and can be asked."""
    monkeypatch.setattr(Terminal, "is_interactive", property(lambda _: True))


@pytest.fixture
def run(home: Path) -> str:
    """AI summaries are on, regions are not decided, and Zoom refuses the settings of groups."""
    bodies: Bodies = {SETTINGS: {"in_meeting": AI}}
    return store(
        home,
        judgement("DR-01", "AI-02", name="consent-first", depth=Level.USER),
        (ACCOUNT, bodies),
        (STUDIO, {SETTINGS: Cause.DENIED}),
        (user(1, STUDIO.id), bodies),
        (user(2, STUDIO.id), bodies),
    )


def written() -> Organisation:
    return organisation.load(FILE, CATALOGUE)


def test_a_script_is_asked_nothing_and_undecided_parameters_stay_comments(run: str) -> None:
    result = ran("init", "--defaults")
    assert result.exit_code == 0, result.output
    output = output_text(result)
    assert "Groups: Studio (2 people)." in output
    assert "Meeting summary with AI Companion (the account, 2 people)" in output
    assert "Not decided yet: 1 parameter. Next: auditor decide" in output
    text = FILE.read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert "  # Codes of the data-centre regions that may carry meeting traffic.\n" in text
    assert "  # allowed_regions: [US, CA]\n" in text
    assert (written().baseline, dict(written().parameters)) == ("consent-first", {})


def test_an_undecided_parameter_is_decided_where_its_comment_stands(run: str) -> None:
    ran("init", "--defaults")
    before = FILE.read_text()
    assert ran("decide", "allowed_regions", "--value", "CA", "--yes").exit_code == 0
    assert FILE.read_text() == before.replace(
        "# allowed_regions: [US, CA]", "allowed_regions: [CA]"
    )


@pytest.mark.usefixtures("terminal")
def test_a_person_answers_at_most_ten_questions(run: str) -> None:
    typed = ("strikt", "", "US, CA", "all", "Works agreement.", "dpo@example.com", "", "y")
    result = ran("init", stdin=answers(*typed))
    assert result.exit_code == 0, result.output
    output = output_text(result)
    assert 'Did you mean "strict"?' in output
    assert "In the account: US, CA" in output
    decisions = written()
    assert decisions.baseline == "consent-first"
    assert dict(decisions.parameters) == {"allowed_regions": ["US", "CA"]}
    assert {entry.request for entry in decisions.blind_spots} == {"GET /groups/{groupId}/settings"}
    assert {entry.owner for entry in decisions.blind_spots} == {"dpo@example.com"}


def test_everything_can_be_an_option(run: str) -> None:
    result = ran(
        "init",
        *("--baseline", "regulated", "--set", "allowed_regions=US", "--set", "qos_level=1"),
        *("--never-granted", "all", *TERMS),
        *("--org", "ours.yaml", "--yes"),
    )
    assert result.exit_code == 0, result.output
    decisions = organisation.load(Path("ours.yaml"), CATALOGUE)
    assert decisions.baseline == "regulated"
    assert dict(decisions.parameters) == {"allowed_regions": ["US"], "qos_level": 1}
    assert len(decisions.blind_spots) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "This is not a terminal, so nothing can be asked. Give --defaults"),
        (("--defaults", "--baseline", "strikt"), 'Did you mean "strict"?'),
        (("--defaults", "--set", "alowed_regions=US"), 'Did you mean "allowed_regions"?'),
        (("--defaults", "--set", "allowed_regions"), "write NAME=VALUE"),
        (("--defaults", "--set", "ai_allowed_groups=Stdio"), 'Did you mean "Studio"?'),
        (("--defaults", "--never-granted", "GET /group", *TERMS), "Refused requests: GET /groups"),
        (("--defaults", "--never-granted", "all"), "Give --reason, --owner, --expires"),
    ],
)
def test_what_cannot_be_written_is_refused(run: str, words: tuple[str, ...], message: str) -> None:
    result = ran("init", *words)
    assert result.exit_code == 2
    assert message in output_text(result)
    assert not FILE.exists()


def test_an_existing_file_is_never_overwritten(run: str) -> None:
    FILE.write_text("# mine\n")
    result = ran("init", "--defaults", "--yes")
    assert result.exit_code == 2
    assert "organisation.yaml exists already." in output_text(result)
    assert FILE.read_text() == "# mine\n"


def test_without_a_run_the_account_and_its_groups_are_read_and_stored(home: Path) -> None:
    result = ran("init", "--sandbox", "--defaults")
    assert result.exit_code == 0, result.output
    assert "Groups: People, Sales, Research" in output_text(result)
    assert ran("decide", "--list", "--sandbox").exit_code == 0


@pytest.mark.usefixtures("home")
def test_without_a_run_and_credentials_it_says_what_is_missing() -> None:
    result = ran("init", "--defaults")
    assert result.exit_code == 2
    assert "ZOOM_ACCOUNT_ID" in output_text(result)


@pytest.mark.usefixtures("home", "terminal")
def test_an_audit_names_the_next_command_to_a_person() -> None:
    audit = ("audit", "--sandbox", "--users", "2", "--depth", "group")
    assert "Next: auditor init --sandbox" in ran(*audit).output
    assert ran("init", "--sandbox", "--defaults").exit_code == 0
    with_file = ran(*audit, "--org", FILE).output
    assert "Next: auditor decide --org organisation.yaml --sandbox" in with_file
