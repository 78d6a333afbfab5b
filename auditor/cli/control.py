"""`auditor control`: the controls, their reasons, and how to fix deviations."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from tabulate import tabulate

from auditor.cli.options import TopicOption
from auditor.cli.terminal import Terminal
from auditor.policy.catalogue import exceptions, files
from auditor.policy.catalogue.controls import Catalogue, Check, Control
from auditor.policy.catalogue.errors import PolicyError, nearest

app = typer.Typer(
    no_args_is_help=True,
    help="The controls: what is checked, why, how to fix it."
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
    """List the controls, or with --uncovered the settings that none of them reads.

    Example:

    **auditor control list --topic ai**
    """
    terminal: Terminal = ctx.obj
    catalogue = files.shipped_catalogue()
    if uncovered:
        typer.echo("\n".join(_uncovered(catalogue, topic or (), min(terminal.width, 100))))
        return
    chosen = catalogue.select((), topic or ())
    widest = max(20, terminal.width - 40)
    rows = [
        (
            control.id,
            control.severity,
            "API" if control.observed_by == "api" else "attestation",
            textwrap.shorten(control.title, widest, placeholder="…"),
        )
        for control in catalogue
        if control.id in chosen
    ]
    typer.echo(tabulate(rows, headers=("Control", "Severity", "Seen by", "Title")))
    typer.echo(f"\n{len(rows)} controls. More about one: auditor control show {rows[0][0]}")


@app.command()
def show(
    ctx: typer.Context,
    control_id: Annotated[str, typer.Argument(metavar="ID", help="For example AI-01.")],
) -> None:
    """Explain one control: what, why, where, how to fix it, and what it maps to.

    Example:

    **auditor control show AI-02**
    """
    terminal: Terminal = ctx.obj
    controls = files.shipped_catalogue().controls
    by_name = {name.casefold(): name for name in controls}
    found = by_name.get(control_id.casefold())
    if found is None:
        hint = nearest(control_id, controls)
        raise PolicyError(
            [f'No control is called "{control_id}".{hint} List them with: auditor control list']
        )
    typer.echo("\n".join(_explained(controls[found], min(terminal.width, 100))))


def _uncovered(catalogue: Catalogue, topics: Iterable[str], width: int) -> Iterator[str]:
    """The settings that no control reads, grouped by reason."""
    chosen = set(topics)
    rows = [each for each in exceptions.unread(catalogue) if not chosen or each.topic in chosen]
    for reason in dict.fromkeys(each.reason for each in rows):
        alike = [each for each in rows if each.reason == reason]
        yield from textwrap.wrap(reason or "Nobody has looked at these yet.", width)
        yield from (f"  {each.setting}  ({each.topic}, {each.documents})" for each in alike)
        yield ""
    yield f"{len(rows)} documented settings are read by no control. A new one is CC-07's matter."


def _explained(control: Control, width: int) -> list[str]:
    lines = [f"{control.id}  {control.title}", f"Severity {control.severity}", ""]
    lines += _paragraph("Why", control.why, width)
    for check in control.checks:
        lines += _check(check, width)
    if control.attestation is not None:
        lines += _paragraph("Question", control.attestation.question, width)
        lines += _paragraph("Evidence", control.attestation.evidence, width)
        lines += _paragraph("Renew", f"every {control.attestation.renew_days} days", width)
    lines += _paragraph("Fix in the portal", control.fix.portal, width)
    api = " ".join(part for part in (control.fix.api, control.fix.note) if part)
    lines += _paragraph("Fix by API", api, width)
    lines += _paragraph("Needs", control.prerequisites, width)
    lines += _paragraph("Mind", control.pitfalls, width)
    mapped = "; ".join(f"{name}: {', '.join(refs)}" for name, refs in control.mappings.items())
    lines += _paragraph("Maps to", mapped, width)
    lines += _paragraph("Sources", " · ".join(control.sources), width)
    return lines


def _check(check: Check, width: int) -> list[str]:
    where = "" if check.surface == "settings" else f" in {check.surface}"
    view = f" (view {check.view})" if check.view else ""
    types = " or ".join(check.type)
    facts = [
        f"{check.setting}{where}{view}",
        f"levels: {', '.join(check.levels)}" + (f"; type: {types}" if types else ""),
    ]
    if check.values is not None:
        known = ", ".join(
            f"{value} ({check.meaning[str(value)]})" if str(value) in check.meaning else str(value)
            for value in check.values
        )
        facts.append(f"values: {known}")
    if check.lock is None:
        facts.append("lock: Zoom publishes none")
    else:
        inferred = ", pairing inferred" if check.lock_inferred else ""
        facts.append(f"lock: {check.lock} ({', '.join(check.lock_levels)}{inferred})")
    indent = " " * 4
    lines = ["Reads"]
    for fact in facts:
        lines += textwrap.wrap(
            fact,
            width,
            initial_indent="  ",
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [*lines, ""]


def _paragraph(title: str, text: str, width: int) -> list[str]:
    if not text:
        return []
    wrapped = textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [title, *wrapped, ""]
