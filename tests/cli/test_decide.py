"""`auditor decide`: what waits for the organisation, and decisions written to its file."""

import stat
from pathlib import Path

import pytest

from auditor.cli.terminal import Terminal
from auditor.evidence.reading import JsonValue
from auditor.evidence.view import SETTINGS
from auditor.policy.baseline import organisation
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies
from tests.cli.commands import answers, output_text, ran, store

REGIONS = {"in_meeting": {"data_center_regions": ["US", "CA"]}}
FILE = Path("organisation.yaml")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal and can be asked."""
    monkeypatch.setattr(Terminal, "is_interactive", property(lambda _: True))


@pytest.fixture
def run(home: Path) -> str:
    """A run in which the regions wait for a decision, as does nothing else."""
    settings: Bodies = {SETTINGS: REGIONS}
    return store(home, judgement("DR-01", name="consent-first"), (ACCOUNT, settings))


def parameters() -> dict[str, JsonValue]:
    return dict(organisation.load(FILE, CATALOGUE).parameters)


def test_what_waits_is_listed_with_meaning_example_and_what_the_account_has(run: str) -> None:
    output = output_text(ran("decide", "--list"))
    assert output.startswith("allowed_regions (DR-01) Codes of the data-centre regions")
    assert "Example: US, CA" in output
    assert "Possible: AU, LA, CA" in output
    assert "In the account: US, CA (1 account)" in output
    assert "1 parameter waits for a decision." in output
    assert not FILE.exists()


def test_a_decision_is_shown_with_its_effect_and_written(run: str) -> None:
    result = ran("decide", "allowed_regions", "--value", "US, CA", "--yes")
    assert result.exit_code == 0, result.output
    output = output_text(result)
    assert "+ allowed_regions: [US, CA]" in output
    assert (
        "1 result of the newest run changes, in DR-01: DR-01: to decide or attest 1 → 0" in output
    )
    assert "1 more as expected" in output
    assert "Next: auditor blind-spot --org organisation.yaml" in output  # a lock was not read
    assert parameters() == {"allowed_regions": ["US", "CA"]}
    assert FILE.read_text().startswith("# yaml-language-server: $schema=")
    assert "  # Codes of the data-centre regions" in FILE.read_text()


@pytest.mark.parametrize("word", ["nobody", "None", "[]"])
def test_nobody_is_a_decision(run: str, word: str) -> None:
    assert 'or "nobody" or "none" for an empty one' in output_text(ran("decide", "--list"))
    assert ran("decide", "allowed_regions", "--value", word, "--yes").exit_code == 0
    assert parameters() == {"allowed_regions": []}


def test_a_decision_that_the_account_does_not_meet_is_a_deviation(run: str) -> None:
    output = output_text(ran("decide", "allowed_regions", "--value", "US", "--yes"))
    assert "DR-01: to decide or attest 1 → 0, broken 0 → 1" in output
    assert "Next: auditor waive --org organisation.yaml" in output


@pytest.mark.usefixtures("terminal")
def test_a_person_is_asked_until_the_value_fits_and_may_skip(run: str) -> None:
    before = ran("decide", stdin=answers(""))
    assert "Nothing was decided." in before.output
    result = ran("decide", stdin=answers("[US", "US", "n"))
    assert "not valid YAML" in result.output
    assert "Nothing written." in result.output
    assert not FILE.exists()
    assert ran("decide", stdin=answers("US", "y")).exit_code == 0
    assert parameters() == {"allowed_regions": ["US"]}


def test_without_a_terminal_or_yes_nothing_is_written(run: str) -> None:
    for words in ((), ("allowed_regions", "--value", "US")):
        result = ran("decide", *words)
        assert result.exit_code == 2
        assert "This is not a terminal" in result.output
        assert not FILE.exists()


def test_comments_and_order_stay_and_an_older_decision_is_replaced(run: str) -> None:
    before = "# ours\nparameters:\n  allowed_regions: [US]  # law\n  qos_level: 1\n# end\n"
    FILE.write_text(before)
    assert ran("decide", "allowed_regions", "--value", "US,CA", "--yes").exit_code == 0
    assert FILE.read_text() == before.replace("[US]", "[US, CA]")


def test_a_file_that_others_may_read_stays_readable_and_a_new_one_is_private(run: str) -> None:
    decision = ("decide", "allowed_regions", "--value", "US", "--yes")
    assert ran(*decision).exit_code == 0
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
    FILE.chmod(0o644)
    assert ran("decide", "qos_level", "--value", "1", "--yes").exit_code == 0
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("alowed_regions", "--value", "US"), 'Did you mean "allowed_regions"?'),
        (("allowed_regions", "--value", "UK"), "UK"),
        (("max_ai_admins", "--value", "some"), "write a whole number"),
        (("recording_auto_delete", "--value", "maybe"), "write true or false"),
        (("ai_allowed_groups", "--value", "Sales"), 'No group of the account is called "Sales"'),
        ((), "This is not a terminal"),
    ],
)
def test_what_cannot_be_written_is_refused(run: str, words: tuple[str, ...], message: str) -> None:
    result = ran("decide", *words, "--yes")
    assert result.exit_code == 2
    assert message in output_text(result)
    assert not FILE.exists()


@pytest.mark.usefixtures("home")
def test_without_a_run_the_baseline_says_what_waits_and_the_effect_is_open() -> None:
    assert "allowed_regions" in ran("decide", "--list").output
    result = ran("decide", "allowed_regions", "--value", "US", "--yes")
    assert result.exit_code == 0
    assert "What it changes shows in the next audit" in output_text(result)
    assert "Next: auditor audit --org organisation.yaml" in output_text(result)
