"""What reports tell of the run before, of an account in which somebody changes a setting."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import Auditor, served

LOCAL = "recording.local_recording"
EVE = "eve@example.com"
ONLY = ("--only", "RC-02")
TOLD = "Since the previous run"


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("clean", users=8) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, account: Sandbox) -> Auditor:
    """The command in a folder with two runs, between which Eve let everybody record locally."""
    auditor = Auditor(tmp_path_factory.mktemp("changed"), account)
    first = auditor.audit(*ONLY)
    assert first.code == 0, first.err
    assert TOLD not in first.out
    account.change(level="account", setting=LOCAL, value=True, operator=EVE)
    second = auditor.audit(*ONLY, "--output", "audit.html", "--output", "audit.txt")
    assert second.code == 0, second.err
    return auditor


def written(auditor: Auditor, *arguments: str) -> str:
    ran = auditor("report", *arguments)
    assert (ran.code, ran.err) == (0, ""), ran.err
    return ran.out


def told(auditor: Auditor, name: str) -> str:
    return " ".join((auditor.folder / name).read_text(encoding="utf-8").split())


def test_the_page_says_what_regressed_who_did_it_and_what_the_log_says(changed: Auditor) -> None:
    page = told(changed, "audit.html")
    assert "Changes since the previous run" in page
    assert re.search(r'class="moved">\d+ settings? newly broken', page)
    assert f"<bdi>{EVE}</bdi>" in page
    assert "Local recording: from Off to On" in page
    assert "data-changed" in page
    assert "new since the previous run: broken for the first time" in page


@pytest.mark.parametrize("name", ["html", "txt"])
def test_a_stored_run_is_told_as_the_audit_told_it(changed: Auditor, name: str) -> None:
    written(changed, "--output", f"again.{name}")
    one, other = (told(changed, f"{each}.{name}") for each in ("audit", "again"))
    assert other.replace(f"again.{name}", "") == one.replace("audit.html", "")


def test_text_and_markdown_tell_it(changed: Auditor) -> None:
    assert re.search(rf"{TOLD} \(.* UTC\): \d+ settings? newly broken", written(changed))
    markdown = written(changed, "--format", "markdown")
    assert "## Changes since the previous run" in markdown
    assert f"by `{EVE}`" in markdown


def test_the_first_run_has_nothing_to_tell(changed: Auditor) -> None:
    first = sorted(changed("history", "--format", "json").out.split('"id": "')[1:])[0].split('"')[0]
    assert TOLD not in written(changed, first)
    written(changed, first, "--output", "first.html")
    page = told(changed, "first.html")
    assert "Changes since the previous run" not in page
    assert 'class="life' not in page


def test_a_run_that_is_judged_otherwise_has_no_such_story(changed: Auditor) -> None:
    assert TOLD not in written(changed, "--baseline", "education")


def test_under_pseudonyms_nobody_is_named(changed: Auditor) -> None:
    env = {"AUDITOR_PSEUDONYM_KEY": "k" * 44}
    outputs = ("--output", "hidden.html", "--output", "hidden.json")
    ran = changed("report", "--pseudonymise", *outputs, env=env)
    assert ran.code == 0, ran.err
    assert TOLD not in ran.out
    for name in ("hidden.html", "hidden.json"):
        assert EVE not in told(changed, name)


def test_a_bundle_leaves_the_history_out(changed: Auditor) -> None:
    written(changed, "--output", "run.zip")
    with zipfile.ZipFile(changed.folder / "run.zip") as bundle:
        for name in ("report.html", "report.txt", "report.md", "report.json"):
            assert EVE not in bundle.read(name).decode(), name


def test_reading_a_report_writes_nothing_into_the_history(changed: Auditor) -> None:
    file = Path(changed.data) / "history.sqlite"
    before = file.read_bytes()
    written(changed, "--output", "again.html")
    assert file.read_bytes() == before
