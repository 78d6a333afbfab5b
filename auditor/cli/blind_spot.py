"""`auditor blind-spot`: accept for a time that something cannot be seen."""

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.writing import (
    AcceptanceOptions,
    Writing,
    known_licences,
    positions,
    with_acceptance_options,
)
from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.app.acceptances import UnseenChecks

NOTHING = "It would cover nothing that is unknown in the newest run."


@with_acceptance_options
def blind_spot(
    ctx: typer.Context,
    control: Annotated[
        str | None,
        typer.Argument(metavar="[CONTROL]", help="The control; without it, choose from all."),
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(
            "--request",
            metavar="REQUEST",
            help="A request that Zoom refuses, as reports show it, instead of a control.",
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list what is unknown.")] = False,
    *,
    options: AcceptanceOptions,
) -> None:
    """Accept for a time that something cannot be seen.

    It stays unknown and is counted apart; it only stops failing the gate. Cause and request are
    taken from the newest run. A blind spot fails the gate when it ends, covers nothing any more, or
    can be seen again.

    Examples:

    **auditor blind-spot --list**

    **auditor blind-spot --request "GET /report/history_meetings" --reason "The works agreement
    forbids meeting reports." --owner dpo@example.com --expires 2027-05-31 --yes**
    """
    from auditor.app import acceptances
    from auditor.app.acceptances import chosen_unknowns
    from auditor.app.forecast import next_step

    if control is not None and request is not None:
        raise ConfigError("A control and --request exclude each other. Give one of them.")
    writing = options.writing(ctx.obj)
    with writing.evidence() as evidence:
        rows, failed = acceptances.unknowns(evidence)
        if failed:
            typer.echo(acceptances.unread_hint(failed))
        if control is not None or request is not None:
            rows = chosen_unknowns(evidence, control, request)
        if licences := known_licences(options.licence):
            rows = [row for row in rows if not row.licences.keys().isdisjoint(licences)]
        if list_ or not rows:
            _list(writing, rows)
            ctx.obj.print(f"{len(rows)} things cannot be seen in the newest run.")
            if rows or not list_:
                writing.name_next("blind-spot" if rows else next_step(evidence))
            return
        if control is None and request is None:
            writing.need_terminal("CONTROL or --request")
            rows = _choose(writing, rows)
        terms = options.terms(writing)
        entries = acceptances.blind_spots(evidence, rows, options.scope, options.part, terms)
        edit = writing.file.with_entries("blind_spots", *entries)
        forecast = evidence.forecast(edit)
        if writing.propose(edit, forecast, must_change=NOTHING):
            writing.name_next(forecast.next_command())


def _list(writing: Writing, rows: "list[UnseenChecks]") -> None:
    for number, row in enumerate(rows, 1):
        controls = "" if row.control else f" ({', '.join(sorted(row.controls))})"
        writing.say(f"{number:>2}  {row.subject}{controls}: {row.cause_words}, {row.where}")


def _choose(writing: Writing, rows: "list[UnseenChecks]") -> "list[UnseenChecks]":
    _list(writing, rows)

    def read(text: str) -> list[int]:
        return positions(text, len(rows))

    chosen: list[int] = typer.prompt("Which, such as 1, 3-5, or all", value_proc=read)
    return [rows[position] for position in chosen]
