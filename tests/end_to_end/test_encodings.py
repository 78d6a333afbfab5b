"""No output fails because of its encoding, and no exit code depends on a name."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.sandbox import World
from tests.end_to_end.conftest import COMMAND, Auditor, served, slow

NAME = "Vertrieb 🎉 Łódź… 日本"
ENCODINGS = ("cp1252", slow("latin-1"), slow("ascii"), slow("cp932"), slow("utf-16"))
DEVIATING = ("--baseline", "strict", "--depth", "group")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auditor]:
    """The command, with two stored runs of an account whose group has a name of many scripts."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(World, "group_name", lambda _self, group: f"{NAME} {group}")
        with served("drifted", users=2, groups=1) as account:
            auditor = Auditor(tmp_path_factory.mktemp("audited"), account)
            for _ in range(2):
                assert auditor.audit(*DEVIATING, "-q").code == 0
            yield auditor


def printed(
    auditor: Auditor, encoding: str, *words: str, **env: str
) -> tuple[int, bytes, str, str]:
    """Exit code, standard output as bytes and as text, standard error, in an encoding."""
    done = subprocess.run(
        [COMMAND, *words],
        cwd=auditor.folder,
        env=auditor.environment({"PYTHONIOENCODING": encoding, **env}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("format_", [slow("text"), "json"])
def test_the_gate_answers_the_same_whatever_standard_output_can_express(
    audited: Auditor, encoding: str, format_: str
) -> None:
    words = ("gate", *DEVIATING, "--format", format_)
    code, _, text, err = printed(audited, encoding, *words)
    assert (code, err) == (1, "")
    if format_ == "json":
        names = {each["scope"]["name"] for each in json.loads(text)["findings"]}
        assert f"{NAME} 0" in names


@pytest.mark.parametrize("encoding", [slow("cp1252"), "ascii"])
def test_the_job_summary_is_written_in_utf_8_whatever_the_encoding(
    audited: Auditor, tmp_path: Path, encoding: str
) -> None:
    summary = tmp_path / "summary.md"
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    code, *_ = printed(audited, encoding, "gate", *DEVIATING, **actions)
    assert code == 1
    assert NAME in summary.read_text("utf-8")


@pytest.mark.parametrize("encoding", [slow("latin-1"), "ascii"])
@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        slow(("audit", "--help")),
        slow(("history", "findings")),
        slow(("diff",)),
        ("report",),
        slow(("report", "--format", "markdown")),
        slow(("control", "show", "AI-02")),
        slow(("ask",)),
    ],
    ids=" ".join,
)
def test_every_command_ends_as_it_does_in_utf_8(
    audited: Auditor, encoding: str, words: tuple[str, ...]
) -> None:
    code, _, text, err = printed(audited, encoding, *words)
    assert (code, err) == (0, "")
    assert text


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--format", "json"),
        slow(("history", "findings", "--format", "json")),
        slow(("diff", "--format", "json")),
        slow(("ask", "--format", "json")),
        slow(("doctor", "--format", "json")),
    ],
    ids=" ".join,
)
def test_json_is_ascii_where_standard_output_is_not_utf_8(
    audited: Auditor, words: tuple[str, ...]
) -> None:
    _, out, _, _ = printed(audited, "cp932", *words)
    assert out.isascii()
    json.loads(out)


def test_messages_in_json_stay_valid_in_any_encoding(audited: Auditor) -> None:
    words = ("--log-format", "json", "baseline", "check", NAME)
    code, _, _, err = printed(audited, "latin-1", *words)
    assert code == 2
    assert NAME in json.loads(err)["message"]


@pytest.mark.parametrize(
    "words",
    [
        slow(("gate", "--account")),
        slow(("history", "--account")),
        slow(("baseline", "check")),
        slow(("baseline", "new")),
        ("report", "--output"),
        slow(("report",)),
    ],
    ids=" ".join,
)
def test_a_word_that_is_no_text_is_no_internal_error(
    audited: Auditor, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [COMMAND, *words, bytes(tmp_path) + b"/\xff.html"],
        cwd=audited.folder,
        env=audited.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 2, 4), done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_a_data_directory_whose_name_is_no_text_is_used(audited: Auditor, tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "-q", "audit", *DEVIATING],
        cwd=audited.folder,
        env={**audited.environment(), "AUDITOR_HOME": os.fsdecode(bytes(tmp_path) + b"/\xff")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("closed", [slow(">&-"), "<&- >&- 2>&-"])
def test_a_standard_stream_that_is_closed_changes_no_exit_code(
    audited: Auditor, closed: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{COMMAND}" gate --baseline strict --depth group {closed}'],
        cwd=audited.folder,
        env=audited.environment(),
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1
