"""`auditor ask`: one line for every question, and the full answer to one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from auditor.cli import ask
from auditor.cli.main import Commands, options
from auditor.policy.catalogue import questions
from tests.end_to_end.conftest import Auditor, served, slow
from tests.taken_out import taken_out

SHIPPED = questions.shipped().questions

app = typer.Typer(cls=Commands)
app.callback()(options)
app.command()(ask.ask)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with one run of a drifted account of 20 users."""
    with served(users=20) as account:
        auditor = Auditor(tmp_path_factory.mktemp("asked"), account)
        ran = auditor.audit("--baseline", "strict", "--format", "json")
        assert ran.code in (0, 3), ran.err
        yield auditor.data


Asking = Callable[..., Result]


@pytest.fixture
def asking(data: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    monkeypatch.setenv("AUDITOR_HOME", str(data))
    monkeypatch.setenv("ZOOM_API_URL", "http://127.0.0.1:9/v2")
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(app, ["ask", *map(str, words)])


def test_without_a_question_every_question_gets_a_sentence(asking: Asking) -> None:
    result = asking()
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    for each in SHIPPED:
        assert f"{each.question} ({each.id})" in output
    assert "auditor ask train-ai" in output


@pytest.mark.parametrize("step", [6, slow(1)], ids=["some", "all"])
def test_the_list_and_every_full_answer_fit_into_80_columns(asking: Asking, step: int) -> None:
    outputs = [asking().output, *(asking(each.id).output for each in SHIPPED[::step])]
    assert max(len(line) for output in outputs for line in output.splitlines()) <= 80


def test_free_words_get_the_full_answer_with_its_controls(asking: Asking) -> None:
    result = asking("can", "one", "host", "consent", "for", "everyone")
    assert result.output.startswith("Can one host consent for everyone?")
    assert "CN-01" in result.output
    assert "auditor control show" in result.output
    assert "Cannot be known" in result.output


def test_training_is_never_answered_with_no_while_attestations_are_due(asking: Asking) -> None:
    output = asking("train-ai").output
    assert "\nPossibly: " in output  # AI was used here, against the baseline
    assert "TR-02: Have you checked" in output


def test_json_answers_carry_the_run_they_come_from(asking: Asking) -> None:
    made = json.loads(asking("--format", "json").stdout)
    assert made["schema"] == "auditor/answers/v1"
    assert made["run"]["baseline"]["id"] == "strict"
    assert [each["id"] for each in made["answers"]] == [each.id for each in SHIPPED]


def test_another_baseline_can_be_asked(asking: Asking) -> None:
    made = json.loads(asking("ai-on", "--baseline", "consent-first", "-f", "json").stdout)
    (row,) = made["answers"]
    unseen = {c["id"]: c["not_looked_at"] for c in row["controls"]}
    assert unseen["AI-01"] == ["not_assessed"]
    assert row["state"] != "no"


def test_whether_ai_is_on_is_answered_with_the_facts_of_the_inventory(asking: Asking) -> None:
    output = " ".join(asking("ai-on").output.split())
    assert "Yes, switched on: at least " in output
    assert " Meeting summary with AI Companion: the account, " in output
    made = json.loads(asking("ai-on", "--baseline", "consent-first", "-f", "json").stdout)
    (row,) = made["answers"]
    on = {each["setting"]: each for each in row["features"]}
    summary = on["in_meeting.meeting_summary_with_ai_companion.enable"]
    assert (row["state"], summary["account"]) == ("yes", True)
    assert 0 < summary["users"]["on"] <= summary["users"]["of"]


def test_a_snapshot_can_be_named_by_its_path(asking: Asking, data: Path) -> None:
    snapshot = taken_out(data, data.parent / "night.sqlite")
    assert asking("facebook", "--run", snapshot).exit_code == 0


def test_the_origin_of_an_answer_is_told(asking: Asking) -> None:
    output = " ".join(asking("facebook").output.split())
    assert "From run 2" in output
    assert "18 phone users read, judged by “strict” 1.0, depth user." in output


def test_an_unknown_question_is_refused_with_the_way_on(asking: Asking) -> None:
    result = asking("bananas")
    assert result.exit_code == 2
    assert "auditor ask" in result.output


def test_without_a_stored_run_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["ask"])
    assert result.exit_code == 2
    assert "auditor audit" in result.output
