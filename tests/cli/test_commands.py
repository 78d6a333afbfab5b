"""Commands are imported when they are called; what is shown of them before is what they say."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from typer.testing import CliRunner

from auditor.cli.commands import COMMANDS, Command
from auditor.cli.main import app
from auditor.report import BUNDLE, FORMATS

SLOW = {
    *("sqlalchemy", "pydantic_settings", "requests", "jinja2", "yaml", "keyring", "cryptography"),
    *(
        "auditor.config.settings",
        "auditor.findings",
        "auditor.policy",
        "auditor.report",
        "auditor.store",
        "auditor.zoom.client",
    ),
}
COMMAND_MODULES = {f"auditor.cli.{name}" for name in COMMANDS}

COMPLETION = {"_AUDITOR_COMPLETE": "complete_bash", "COMP_WORDS": "auditor a", "COMP_CWORD": "1"}
LISTING = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"


def imported(*words: str, variables: Mapping[str, str]) -> tuple[str, set[str]]:
    """What the program prints for these words, and the modules it imports."""
    code = f"{LISTING}; sys.argv[1:] = {list(words)!r}; import auditor.cli as cli; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "variables", "shown"),
    [
        (["--version"], {}, "auditor 0.1.0"),
        (["--help"], {}, "Audit the AI and data-sharing settings"),
        ([], COMPLETION, "auth\naudit\nattest\nask"),
    ],
    ids=["version", "help", "completion"],
)
def test_what_people_wait_for_imports_no_command(
    words: list[str], variables: dict[str, str], shown: str
) -> None:
    out, modules = imported(*words, variables=variables)
    assert shown in out
    assert modules & (SLOW | COMMAND_MODULES) == set()


def leaves(command: Any, *above: str) -> Iterator[str]:
    """A command and its subcommands, as they are typed."""
    words = (*above, command.name)
    yield " ".join(words)
    for each in getattr(command, "commands", {}).values():
        yield from leaves(each, *words)


SHOWING_ALL = r"""
import json, re, sys
from typer.testing import CliRunner
from auditor.cli.main import app

def shown(*words, **variables):
    return CliRunner().invoke(app, words, prog_name="auditor", env=variables).stdout

commands, slow = json.load(sys.stdin)
for command in commands:
    words = command.split()
    typed = {"COMP_WORDS": f"auditor {command} --", "COMP_CWORD": str(len(words) + 1)}
    assert "--help" in shown(_AUDITOR_COMPLETE="complete_bash", **typed), command
    text = shown(*words, "--help", COLUMNS="200")
    assert f"Usage: auditor {command}" in text, command
    assert not re.search(r"<\w+|x[<>]=|list\[", text), (command, "a Python type instead of a word")
    assert not sys.modules.keys() & slow, (command, sys.modules.keys() & slow)
"""


def test_options_are_completed_and_explained_without_what_a_command_runs_on() -> None:
    commands = [each for name in COMMANDS for each in leaves(Command(name, "").imported())]
    assert {"audit", "baseline capture", "history prune"} < set(commands)
    done = subprocess.run(
        [sys.executable, "-c", SHOWING_ALL],
        input=json.dumps([commands, sorted(SLOW)]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""


def test_the_help_of_format_names_every_format() -> None:
    audit = Command("audit", "").imported()
    (text,) = (option.help for option in audit.params if option.name == "format_")
    named = text.split(".")[0].replace(" or ", ", ").split(", ")
    assert sorted(named) == sorted([*FORMATS, BUNDLE])


def test_the_version_needs_neither_what_draws_help_nor_what_checks_values() -> None:
    assert imported("--version", variables={})[1] & {"rich", "pydantic"} == set()


@pytest.mark.parametrize(("name", "summary"), COMMANDS.items())
def test_a_command_says_of_itself_what_the_table_says(name: str, summary: str) -> None:
    command = Command(name, summary).imported()
    paragraph = command.help.split("\n\n")[0]
    assert (command.name, " ".join(paragraph.split())) == (name, summary)


def test_a_mistyped_command_is_named_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["audt"])
    assert result.exit_code == 2
    assert "Did you mean 'audit'" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "audit --fail-on hihg",
            'none of critical, high, medium, low, never. Did you mean "high"?',
        ),
        ("audit --fail-on loud", "'loud' is none of critical, high, medium, low, never."),
        ("baseline schema orgnisation", 'Did you mean "organisation"?'),
        ("audit --users many", "'many' is not a number."),
        ("report --ouput x", 'No such option: --ouput. Did you mean "--output"?'),
        ("report --live", "No such option: --live."),
        ("prune", "No such command 'prune'. It is: auditor history prune"),
    ],
)
def test_a_mistyped_word_is_explained(words: str, sentence: str) -> None:
    result = CliRunner().invoke(app, words.split(), env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert sentence in result.stderr
