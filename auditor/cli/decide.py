"""`auditor decide`: set the parameters that a baseline leaves to the organisation."""

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import AccountOption, SandboxRunsOption
from auditor.cli.terminal import Terminal
from auditor.cli.writing import TargetOption, Writing, YesOption
from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.app.decisions import Decision
    from auditor.app.forecast import JudgedEvidence, NoEvidence
    from auditor.evidence.reading import JsonValue


def decide(
    ctx: typer.Context,
    parameter: Annotated[
        str | None,
        typer.Argument(metavar="[PARAMETER]", help="Only this one, whether it is set or not."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--value", metavar="VALUE", help="The decision; lists with commas."),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Only list what waits for a decision.")
    ] = False,
    org: TargetOption = None,
    yes: YesOption = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Decide the parameters that a baseline leaves to the organisation.

    Shows each one that findings of the newest run wait for: its meaning, its type, an example, and
    the values that the account has today. An empty answer leaves it undecided. Before it writes to
    the organisation file, it shows the change and what the next verdict would be.

    Examples:

    **auditor decide --list**

    **auditor decide**

    **auditor decide allowed_regions --value US,CA --org organisation.yaml --yes**
    """
    from auditor.app import decisions

    terminal: Terminal = ctx.obj
    if value is not None and parameter is None:
        raise ConfigError("--value needs the name of a parameter: auditor decide NAME --value …")
    if parameter is not None:
        decisions.parameter(parameter)
    writing = Writing.to(terminal, org, yes=yes, account=account, sandbox=sandbox)
    with writing.evidence_if_any() as evidence:
        _decide(writing, evidence, parameter, value, list_=list_)


def _decide(
    writing: Writing,
    evidence: "JudgedEvidence | NoEvidence",
    name: str | None,
    value: str | None,
    *,
    list_: bool,
) -> None:
    from auditor.app import decisions, forecast

    rows = decisions.due(writing.settings, writing.file, evidence, name)
    if list_:
        _list(writing, rows)
        return
    if not rows:
        typer.echo("No parameter waits for a decision.")
        writing.name_next(forecast.next_step(evidence))
        return
    if name is not None and value is not None:
        choices = {name: decisions.parsed(name, value)}
    else:
        writing.need_terminal("the name of a parameter and --value")
        choices = answers(writing, rows)
    if not choices:
        typer.echo("Nothing was decided.")
        writing.name_next(forecast.next_step(evidence, skipped="decide"))
        return
    edit = decisions.edit(writing.file, choices)
    effect = forecast.effect(evidence, edit)
    if writing.propose(edit, effect):
        writing.name_next(effect.next_command("decide" if value is None else ""))


def _list(writing: Writing, rows: "list[Decision]") -> None:
    for row in rows:
        _show(writing, row)
        typer.echo()
    open_ = sum(not row.is_set for row in rows)
    typer.echo(f"{open_} parameter{' waits' if open_ == 1 else 's wait'} for a decision.")
    if open_:
        writing.name_next("decide")


def _show(writing: Writing, row: "Decision") -> None:
    writing.say(f"{row.name} ({', '.join(row.controls)})" if row.controls else row.name)
    for fact in row.facts:
        writing.say(f"  {fact}")


def answers(writing: Writing, rows: "list[Decision]") -> "dict[str, JsonValue]":
    """What a person decides; parameters that are skipped are left out."""
    from auditor.app import decisions
    from auditor.errors import AuditorError

    choices: dict[str, JsonValue] = {}
    for number, row in enumerate(rows, 1):
        typer.echo(f"\n{number} of {len(rows)}")
        _show(writing, row)

        def read(text: str, name: str = row.name) -> "JsonValue":
            if not text.strip():
                return None
            try:
                return decisions.parsed(name, text)
            except AuditorError as error:
                raise typer.BadParameter(str(error)) from error

        answer = typer.prompt(
            "Answer (empty: decide later)", default="", show_default=False, value_proc=read
        )
        if answer is not None and answer != "":
            choices[row.name] = answer
    return choices
