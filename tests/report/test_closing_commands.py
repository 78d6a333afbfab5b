"""Commands in a report of a simulated run: as they stand, they find the run."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from auditor.findings.run import Run
from auditor.report import wording
from tests.cli.commands import program
from tests.report.conftest import rendered, whole_world
from tests.report.golden_run import golden

COMMAND = re.compile(r"\bauditor ((?:[a-z][a-z-]+ ?){1,2})")


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)


def of_stored_runs() -> set[str]:
    """The commands with `--sandbox` for a run that is stored already."""
    return {
        name
        for name, command in commands(program())
        for option in command.params
        if "--sandbox" in option.opts and "runs of" in (option.help or "")
    }


def test_a_command_of_stored_runs_gets_the_option() -> None:
    run = golden()
    simulated = apart(run)
    assert {"ask", "attest", "decide", "fix plan", "report"} <= of_stored_runs()
    for name in sorted(of_stored_runs()):
        assert wording.with_sandbox(simulated, f"auditor {name} x") == f"auditor {name} --sandbox x"
        assert wording.with_sandbox(run, f"auditor {name} x") == f"auditor {name} x"


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
@pytest.mark.parametrize("summary", [False, True])
def test_every_command_in_a_report_of_a_simulated_run_finds_it(format_: str, summary: bool) -> None:
    text = " ".join(
        rendered(apart(whole_world("drifted")), format_, summary=summary).decode().split()
    )
    assert missing(text) == []
    assert "--sandbox" in text


def test_every_command_in_the_details_of_a_simulated_run_finds_it() -> None:
    run: Run = apart(whole_world("drifted"))
    controls = tuple(run.controls)
    assert missing(" ".join(rendered(run, "text", controls=controls).decode().split())) == []


def apart(run: Run) -> Run:
    return replace(run, info=replace(run.info, simulated=True, is_stored_apart=True))


def missing(text: str) -> list[str]:
    """The commands of stored runs that lack the option."""
    known = of_stored_runs()
    found = []
    for match in COMMAND.finditer(text):
        words = match[1].split()
        names = {" ".join(words[:count]) for count in (1, 2)}
        if names & known and not text.startswith("--sandbox", match.end()):
            found.append(text[match.start() : match.end() + 20])
    return found
