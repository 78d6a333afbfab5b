"""`auditor control`: the controls, their reasons, and how to fix deviations."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.options import AccountOption, OrgOption, SandboxRunsOption, TopicOption
from auditor.cli.terminal import Terminal
from auditor.cli.writing import TargetOption, Writing, YesOption

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


@app.command()
def new(
    ctx: typer.Context,
    setting: Annotated[
        str,
        typer.Option("--setting", metavar="PATH", help="The setting, as Zoom's documents name it."),
    ],
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="VALUE", help="What it should be: off, 30, [1, 2], {op: …, …}."
        ),
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why.")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="[default: the next free ORG-01]")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="The rule, in a sentence.")
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="[default: medium]", show_default=False)
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="A value of --topic. [default: the setting's]")
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option("--levels", help="Such as account,group. [default: where it was seen]"),
    ] = None,
    lock: Annotated[
        bool | None, typer.Option("--lock/--no-lock", help="Whether the account must lock it.")
    ] = None,
    fix: Annotated[
        str | None, typer.Option("--fix", metavar="TEXT", help="The place in the admin centre.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--mapping", metavar="KEY=REF", help="A reference; may be repeated."),
    ] = None,
    org: TargetOption = None,
    yes: YesOption = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Write a control of your own, on any setting that Zoom returns.

    Shows what the newest run has of the setting: levels, values with their numbers, lock. On a
    terminal it asks for what the options leave out.

    Examples:

    **auditor control new --setting in_meeting.file_transfer**

    **auditor control new --setting in_meeting.file_transfer --expect off --why "Files leave our
    retention rules." --lock --mapping our_policy=4.2 --org organisation.yaml --yes**
    """
    from auditor.app import control_drafts, forecast

    writing = Writing.to(ctx.obj, org, yes=yes, account=account, sandbox=sandbox)
    references = control_drafts.mappings(mapping or ())
    with writing.evidence_if_any() as evidence:
        known = control_drafts.facts(evidence, setting)
        for row in known.rows:
            writing.say(row)
        typer.echo()
        missing = [name for name, value in (("--expect", expect), ("--why", why)) if not value]
        if missing:
            writing.need_terminal(", ".join(missing))
        expected = control_drafts.expectation(
            known, writing.ask("What should it be", expect, "--expect")
        )

        def choice(question: str, value: str | None, option: str, default: str) -> str:
            """The option, else what a person says, else the default."""
            is_question = value is not None or (not yes and writing.terminal.is_interactive)
            return writing.ask(question, value, option, default) if is_question else default

        rule = control_drafts.proposed_title(known, expected)
        if lock is None and known.lock and not yes and writing.terminal.is_interactive:
            lock = typer.confirm("Must the account lock it?", default=True)
        at = choice("Levels", levels, "--levels", ",".join(known.levels))
        entry = control_drafts.entry(
            known,
            control_id=choice("Id", id_, "--id", control_drafts.next_id(writing.file.organisation)),
            title=choice("The rule, in a sentence", title, "--title", rule),
            why=writing.ask("Why", why, "--why"),
            severity=choice("Severity", severity, "--severity", "medium"),
            topic=choice("Topic", topic, "--topic", known.topic),
            levels=[level.strip() for level in at.split(",") if level.strip()],
            expect=expected,
            lock=bool(lock),
            fix=choice("Where to fix it", fix, "--fix", f"Account Settings: {known.name}"),
            references=references,
        )
        edit = writing.file.with_entries("controls", entry)
        effect = forecast.effect(evidence, edit)
        if writing.propose(edit, effect):
            writing.name_next(effect.next_command())


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
