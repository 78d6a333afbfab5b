"""`auditor inventory` and `auditor explain`: facts of a stored run, offline."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
import typer
from typer.testing import CliRunner, Result

from auditor.cli import explain, inventory, report
from auditor.cli.main import Commands, options
from auditor.policy.catalogue import documented
from auditor.report import inventory_output
from tests.end_to_end.conftest import Auditor, served

app = typer.Typer(cls=Commands)
app.callback()(options)
app.command()(inventory.inventory)
app.command()(explain.explain)
app.command()(report.report)

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
Calling = Callable[..., Result]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auditor]:
    """A drifted account of 20 users, audited by the default baseline."""
    with served(users=20) as account:
        auditor = Auditor(tmp_path_factory.mktemp("inventory"), account)
        ran = auditor.audit("--format", "json")
        assert ran.code in (0, 3), ran.err
        yield auditor


@pytest.fixture
def calling(audited: Auditor, monkeypatch: pytest.MonkeyPatch) -> Calling:
    monkeypatch.setenv("AUDITOR_HOME", str(audited.data))
    monkeypatch.setenv("ZOOM_API_URL", "http://127.0.0.1:9/v2")
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def test_the_default_view_has_every_ai_feature_that_an_audit_can_read(calling: Calling) -> None:
    made = json.loads(calling("inventory", "--format", "json").stdout)
    jsonschema.Draft202012Validator(inventory_output.schema()).validate(made)
    rows = {row["setting"]: row for row in made["features"]}
    about_ai = {path for path, topic in documented.topics("settings").items() if topic == "ai"}
    leaves = {"ai.personal_notes.enable", "ai.workspace_search.external_sources"}
    assert about_ai | leaves <= rows.keys()
    assert rows[SUMMARY]["account"]["value"] is True
    users = rows[SUMMARY]["users"]
    assert sum(row["count"] for row in users["values"]) == 19  # one of the 20 is only invited


def test_the_text_fits_into_80_columns(calling: Calling) -> None:
    output = calling("inventory").output
    assert max(map(len, output.splitlines())) <= 80
    assert "  AI questions during meetings " in output
    assert output.startswith("Simulated: not from Zoom.")


@pytest.mark.parametrize("suffix", ["json", "csv", "html", "md", "txt"])
def test_a_file_is_written_in_the_format_of_its_name(
    calling: Calling, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"inventory.{suffix}"
    result = calling("inventory", "--topic", "ai", "--output", path)
    assert (result.exit_code, result.output) == (0, "")
    begins = {"json": '{"schema"', "csv": "\ufeff", "html": "<!doctype", "md": "## ", "txt": "Sim"}
    assert path.read_text(encoding="utf-8").startswith(begins[suffix])


def test_the_html_report_begins_with_what_is_on(calling: Calling, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert calling("report", "--output", path).exit_code == 0
    page = path.read_text(encoding="utf-8")
    assert page.index("What is on, and for whom") < page.index("In numbers")
    assert SUMMARY in page


def test_one_setting_of_one_group(calling: Calling) -> None:
    made = json.loads(
        calling("inventory", "--setting", SUMMARY, "--group", "Sales", "-f", "json").stdout
    )
    (row,) = made["features"]
    assert [group["name"] for group in row["groups"]] == ["Sales"]


@pytest.mark.parametrize(
    "words", [("inventory", "--topic", "a"), ("inventory", "nowhere"), ("explain", "nobody")]
)
def test_what_does_not_exist_is_a_mistake_of_usage(calling: Calling, words: list[str]) -> None:
    assert calling(*words).exit_code == 2


def test_a_person_is_explained_by_address(calling: Calling, audited: Auditor) -> None:
    somebody = audited.account.world.user_email(3)
    result = calling("explain", somebody)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert f"<{somebody}>" in result.output
    made = json.loads(calling("explain", somebody, SUMMARY, "--format", "json").stdout)
    assert made["schema"] == "auditor/explanation/v1"
    assert [row["setting"] for row in made["settings"]] == [SUMMARY]
    assert made["settings"][0]["decided_by"] in ("user", "group", "account")


def test_under_pseudonyms_no_person_is_named(
    calling: Calling, audited: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_PSEUDONYM_KEY", "k" * 43)
    words = ("inventory", "--setting", "*", "--pseudonymise", "--format")
    outputs = [calling(*words, format_) for format_ in ("json", "csv", "text")]
    assert {each.exit_code for each in outputs} == {0}, outputs[0].output
    world = audited.account.world
    for index in range(20):
        assert all(world.user_email(index) not in each.output for each in outputs)
    assert "People go by pseudonyms." in " ".join(outputs[2].output.split())


@pytest.mark.parametrize("command", ["inventory", "explain"])
def test_the_schema_is_printed_without_a_run(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--schema"])
    assert json.loads(result.stdout)["$schema"].startswith("https://json-schema.org/")
