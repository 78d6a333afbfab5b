"""`auditor control`: the controls, their reasons, and how to fix deviations."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import OrgOption, TopicOption
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.app.controls import ControlExplanation, UnreadSettings

app = typer.Typer(
    no_args_is_help=True,
    help="The controls: what they check, why, and how to fix a deviation."
    "\n\nExample: **auditor control show AI-02**",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    topic: TopicOption = None,
    uncovered: Annotated[
        bool,
        typer.Option(
            "--uncovered",
            help="List the documented settings about AI, consent, recording, sharing and "
            "retention that no control reads, and why.",
        ),
    ] = False,
) -> None:
    """List the controls, or with --uncovered the settings that no control reads.

    Example:

    **auditor control list --topic ai**
    """
    from tabulate import tabulate

    from auditor.app import controls

    terminal: Terminal = ctx.obj
    if uncovered:
        unread = controls.unread_settings(topic or ())
        typer.echo("\n".join(_uncovered(unread, terminal.text_width)))
        return
    widest = max(20, terminal.width - 40)
    rows = [
        (
            control.id,
            control.severity,
            "attestation" if control.needs_person else "API",
            textwrap.shorten(control.title, widest, placeholder="…"),
        )
        for control in controls.summaries(topic or ())
    ]
    typer.echo(tabulate(rows, headers=("Control", "Severity", "Seen by", "Title")))
    typer.echo(f"\n{len(rows)} controls. More about one: auditor control show {rows[0][0]}")


@app.command()
def show(
    ctx: typer.Context,
    control_id: Annotated[str, typer.Argument(metavar="ID", help="For example AI-01.")],
    org: OrgOption = None,
) -> None:
    """Explain one control: what it checks, why, where, how to fix it, and what it maps to.

    Also what the organisation has to decide or to attest for it, by the baseline in force. With
    --org, or AUDITOR_ORG, it explains the organisation's own controls, too.

    Example:

    **auditor control show AI-02**
    """
    from auditor.app import controls

    terminal: Terminal = ctx.obj
    explanation = controls.explanation(control_id, org)
    typer.echo("\n".join(_explained(explanation, terminal.text_width)))


def _uncovered(unread: "list[UnreadSettings]", width: int) -> Iterator[str]:
    """The settings that no control reads, grouped by reason."""
    for group in unread:
        yield from textwrap.wrap(group.reason or "Nobody has looked at these yet.", width)
        yield from (f"  {setting}  ({topic}, {kind})" for setting, topic, kind in group.settings)
        yield ""
    count = sum(len(group.settings) for group in unread)
    yield f"{count} documented settings are read by no control. A new one is CC-07's matter."


def _explained(control: "ControlExplanation", width: int) -> Iterator[str]:
    yield from (f"{control.id}  {control.title}", f"Severity {control.severity}", "")
    for heading, facts in control.sections:
        yield heading
        for fact in facts:
            yield from textwrap.wrap(
                fact,
                width,
                initial_indent="  ",
                subsequent_indent="    " if len(facts) > 1 else "  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        yield ""
