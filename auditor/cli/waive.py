"""`auditor waive`: accept deviations of the newest run for a time."""

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.writing import (
    AcceptanceOptions,
    Writing,
    positions,
    with_acceptance_options,
)
from auditor.plain_text import pluralize

if TYPE_CHECKING:
    from auditor.app.acceptances import Deviating

NOTHING = "It would cover no deviation of the newest run."


@with_acceptance_options
def waive(
    ctx: typer.Context,
    controls: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CONTROL]...", help="The controls; without any, choose from all."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the deviations.")] = False,
    *,
    options: AcceptanceOptions,
) -> None:
    """Accept deviations for a time, with a reason and an owner.

    Waive what has to stay; put the rest right first (**auditor fix plan**). A waiver of the
    organisation file hides nothing: reports count what it covers, and it fails the gate when it
    ends or covers nothing any more. Each is for one setting, its lock or its value, and names the
    value that it accepts: one that goes further deviates again. Without --level, --group or --user
    it is for the scopes that deviate in the newest run: people of a deviating group are covered by
    their group, up to 100 others by name.

    Examples:

    **auditor waive**

    **auditor waive RC-02 --group Studio --reason "Edits its own productions." --owner
    dpo@example.com --ticket SEC-12 --expires 2027-01-31 --yes**
    """
    from auditor.app import acceptances
    from auditor.app.acceptances import chosen_deviations
    from auditor.app.forecast import next_step

    writing = options.writing(ctx.obj)
    with writing.evidence() as evidence:
        rows = (
            chosen_deviations(evidence, controls) if controls else acceptances.deviations(evidence)
        )
        if list_ or not rows:
            _list(writing, rows)
            ctx.obj.print(f"{len(rows)} controls deviate in the newest run.")
            if rows or not list_:
                writing.name_next("waive" if rows else next_step(evidence))
            return
        if not controls:
            writing.need_terminal("CONTROL")
            rows = _choose(writing, rows)
            if not rows:
                typer.echo("Nothing chosen.")
                writing.name_next("waive")
                return
        if unnamed := [row.control for row in rows if row.is_unnamed]:
            writing.say(
                f"{', '.join(unnamed)}: there are too many different values to name, so these "
                "waivers cover later values, too."
            )
        for row in rows if not options.scope else ():
            for level in row.level_wide:
                writing.say(
                    f"{row.control}: the waiver covers every {level.noun}: none can be named."
                )
        terms = options.terms(writing)
        entries = acceptances.waivers(evidence, rows, options.scope, options.part, terms)
        edit = writing.file.with_entries("waivers", *entries)
        forecast = evidence.forecast(edit)
        if writing.propose(edit, forecast, must_change=NOTHING):
            writing.name_next(forecast.next_command())


def _list(writing: Writing, rows: "list[Deviating]") -> None:
    for number, row in enumerate(rows, 1):
        text = f"{number:>2}  {row.severity:<8}  {row.control}  {row.title}: {row.where}"
        writing.say(text)


def _choose(writing: Writing, rows: "list[Deviating]") -> "list[Deviating]":
    _list(writing, rows)

    def read(text: str) -> list[int]:
        return positions(text, len(rows))

    typer.echo(f"What can be put right needs no waiver: {writing.command('fix plan')}")
    chosen: list[int] = typer.prompt("Which, such as 1, 3-5, or all", value_proc=read)
    if len(chosen) < len(rows) or len(rows) == 1:
        return [rows[position] for position in chosen]
    return _less_severe_unless_confirmed(writing, rows)


def _less_severe_unless_confirmed(writing: Writing, rows: "list[Deviating]") -> "list[Deviating]":
    """All rows if a person agrees again to the critical and high ones, else the others."""
    from auditor.findings.model import Severity

    for severity in (Severity.CRITICAL, Severity.HIGH):
        severe = [row for row in rows if row.severity is severity]
        if severe:
            writing.say(f"{severity.capitalize()}: {', '.join(row.control for row in severe)}.")
            controls = pluralize(len(severe), f"{severity} control")
            if not typer.confirm(f"Leave the deviations of {controls} as they are?"):
                rows = [row for row in rows if row.severity is not severity]
    return rows
