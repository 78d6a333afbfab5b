"""`auditor baseline capture` and `accept-keys`: policy files made from what an account has now."""

from pathlib import Path

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.judging.reads import ACCOUNT_VIEWS
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, GROUP, Bodies, nested
from tests.cli.commands import answers, output_text, ran, store

BODY: dict[str, JsonValue] = {
    "recording": {"local_recording": False, "cloud_recording": True},
    "in_meeting": {"ai_brand_new": True, "slide_x": 1},
}
SOURCES: Bodies = {
    **{view: {} for view in ACCOUNT_VIEWS},
    SETTINGS: BODY,
    LOCKS: {"recording": {"local_recording": True}},
}


@pytest.fixture
def stored(home: Path) -> str:
    """A stored run of an account with two new settings."""
    return store(home, judgement("CC-07", "RC-02"), (ACCOUNT, SOURCES))


# capture


def test_a_captured_baseline_is_valid_and_met_by_the_run_it_came_from(stored: str) -> None:
    result = ran("baseline", "capture", "today.yaml")
    assert result.exit_code == 0
    captured = baseline.load("today.yaml", CATALOGUE)
    assert f"today.yaml written: {len(captured.assessed)} controls as they are now." in output_text(
        result
    )
    assert "settings were not seen and are left out" in output_text(result)
    assert captured.assessed["RC-02"].lock
    assert not captured.assessed["RC-01"].lock
    text = Path("today.yaml").read_text()
    assert f"\n# Captured from run {stored}.\n" in text
    assert "title: As account acc was on 20" in text
    assert ran("baseline", "check", "today.yaml").exit_code == 0
    audit = ("audit", "--from", stored, "--baseline", "today.yaml", "--depth", "account")
    found = ran(*audit, "--fail-on", "low", "--include-passes")
    assert found.exit_code == 0, found.output
    assert "No rule is broken" in found.output


def test_drift_from_a_captured_baseline_fails_the_gate(stored: str, home: Path) -> None:
    ran("baseline", "capture", "today.yaml")
    changed: JsonValue = {**BODY, "recording": {"local_recording": True, "cloud_recording": True}}
    later = store(home, judgement("RC-02"), (ACCOUNT, {**SOURCES, SETTINGS: changed}))
    drifted = ran("audit", "--from", later, "--baseline", "today.yaml", "--fail-on", "low")
    assert drifted.exit_code == 1
    assert "RC-02" in drifted.output


def test_an_older_run_can_be_captured(stored: str, home: Path) -> None:
    store(home, judgement("RC-02"), (ACCOUNT, {SETTINGS: {}}))
    ran("baseline", "capture", "then.yaml", "--run", stored)
    assert "RC-02" in baseline.load("then.yaml", CATALOGUE).assessed


def test_the_accounts_settings_can_be_read_now(home: Path) -> None:
    result = ran("baseline", "capture", "now.yaml", "--live", "--sandbox")
    assert result.exit_code == 0, result.output
    captured = baseline.load("now.yaml", CATALOGUE)
    assert len(captured.assessed) > 40
    found = ran(
        *("audit", "--sandbox", "--from", "latest"), *("--baseline", "now.yaml", "--fail-on", "low")
    )
    assert found.exit_code in (0, 3)
    assert "No rule is broken" in found.output


def test_reading_now_needs_credentials() -> None:
    result = ran("baseline", "capture", "now.yaml", "--live")
    assert result.exit_code == 2
    assert "ZOOM_ACCOUNT_ID" in output_text(result)
    assert not Path("now.yaml").exists()


def test_a_capture_never_replaces_a_file(stored: str) -> None:
    Path("today.yaml").write_text("precious")
    result = ran("baseline", "capture", "today.yaml")
    assert result.exit_code == 2
    assert "exists already" in output_text(result)
    assert Path("today.yaml").read_text() == "precious"


def test_without_a_stored_run_there_is_nothing_to_capture(home: Path) -> None:
    result = ran("baseline", "capture", "today.yaml")
    assert result.exit_code == 2
    assert "auditor audit" in output_text(result)


@pytest.mark.parametrize("command", [("baseline", "capture"), ("baseline", "accept-keys")])
def test_a_place_that_cannot_be_written_is_found_out_first(
    stored: str, command: tuple[str, ...]
) -> None:
    result = ran(*command, "nowhere/file.yaml")
    assert result.exit_code == 2
    assert "nowhere/file.yaml cannot be written" in output_text(result)


# accept-keys


def triage(path: str = "triage.yaml") -> dict[str, tuple[str, str]]:
    rows = organisation.load(Path(path), CATALOGUE).triage
    return {each.setting: (each.by, each.reason) for each in rows}


def test_each_new_setting_is_asked_about_the_suspicious_one_first(stored: str) -> None:
    result = ran("baseline", "accept-keys", stdin=answers("dpo@example.com", "n", "y"))
    assert result.exit_code == 0, result.output
    prompts = [line for line in result.output.splitlines() if "Accept" in line]
    assert "Accept in_meeting.ai_brand_new?" in prompts[0]
    assert triage() == {"in_meeting.slide_x": ("dpo@example.com", "")}
    assert "1 of 2 new settings accepted" in output_text(result)
    assert "include: [triage.yaml]" in output_text(result)


def test_all_can_be_accepted_at_once_with_a_reason(stored: str) -> None:
    command = ("baseline", "accept-keys", "ours.yaml", "--all", "--by", "a@example.com")
    result = ran(*command, "--reason", "Looked at.")
    assert result.exit_code == 0, result.output
    expected = ("a@example.com", "Looked at.")
    assert triage("ours.yaml") == dict.fromkeys(
        ("in_meeting.ai_brand_new", "in_meeting.slide_x"), expected
    )


def test_what_was_accepted_is_not_new_any_more(stored: str) -> None:
    ran("baseline", "accept-keys", "--all", "--by", "a@example.com")
    Path("org.yaml").write_text("include: [triage.yaml]\n")
    audit = ("audit", "--from", "latest", "--only", "CC-07", "--fail-on", "low")
    assert ran(*audit).exit_code == 1
    audited = ran(*audit, "--org", "org.yaml")
    assert audited.exit_code == 0, audited.output
    result = ran("baseline", "accept-keys", "more.yaml", "--org", "org.yaml")
    assert output_text(result) == "No new setting waits for a decision."
    assert not Path("more.yaml").exists()


def test_accepting_adds_to_what_the_file_holds(stored: str) -> None:
    ran("baseline", "accept-keys", "--by", "a@example.com", stdin=answers("y", "n"))
    ran("baseline", "accept-keys", "--by", "b@example.com", stdin=answers("y"))
    assert {setting: by for setting, (by, _) in triage().items()} == {
        "in_meeting.ai_brand_new": "a@example.com",
        "in_meeting.slide_x": "b@example.com",
    }


def test_a_setting_that_stands_in_several_places_is_asked_about_once(home: Path) -> None:
    both = [(scope, {SETTINGS: nested("in_meeting.slide_x", 1)}) for scope in (ACCOUNT, GROUP)]
    store(home, judgement("CC-07", depth=Level.GROUP), *both)
    result = ran("baseline", "accept-keys", "--by", "a@example.com", stdin=answers("y"))
    assert "1 of 1 new settings accepted" in output_text(result)


def test_a_file_that_holds_more_than_triage_is_left_alone(stored: str) -> None:
    path = Path("org.yaml")
    path.write_text("# ours\nparameters: {qos_level: 1}\n")
    result = ran("baseline", "accept-keys", "org.yaml", "--all", "--by", "a@example.com")
    assert result.exit_code == 2
    assert "org.yaml:2: parameters: this file is rewritten" in output_text(result)
    assert path.read_text() == "# ours\nparameters: {qos_level: 1}\n"


def test_breaking_off_writes_nothing_and_is_an_interruption(stored: str) -> None:
    result = ran("baseline", "accept-keys", stdin="dpo@example.com\n")
    assert result.exit_code == 130
    assert not Path("triage.yaml").exists()
