"""`auditor baseline capture` and `accept-keys`: policy files made from an account's current
state."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import output
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    OrgOption,
    SandboxRunsOption,
)
from auditor.cli.sandbox import ScenarioName, account_source
from auditor.cli.terminal import Terminal
from auditor.plain_text import printable

if TYPE_CHECKING:
    from auditor.config.settings import Settings
    from auditor.evidence.snapshot import Snapshot

RunOption = Annotated[
    str,
    typer.Option(
        "--run",
        metavar="RUN|FILE",
        help="A stored run's id, or latest, or a snapshot file (a path with a slash or ending in "
        ".sqlite).",
    ),
]


def capture(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The baseline file to create.")],
    run: RunOption = "latest",
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Read the account's own settings now instead of from a stored run."
        ),
    ] = False,
    account: AccountOption = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Like --live, on a simulated account.")
    ] = False,
) -> None:
    """Write a baseline of the account's settings today, to detect drift from it.

    Examples:

    **auditor baseline capture today.yaml**

    **auditor baseline capture today.yaml --live**
    """
    from auditor.app.capture import capture_baseline
    from auditor.app.runs import RunSource
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    output.refuse_to_replace(path)
    settings = config.load()
    if live or sandbox:
        snapshot = _live(settings, sandbox, terminal)
    else:
        _, snapshot = RunSource.chosen(settings, terminal.say, account=account).opened_file(run)
    with snapshot:
        captured = capture_baseline(snapshot, path.stem)
    output.write_bytes(path, captured.content)
    terminal.print(
        f"{path} written: {captured.controls} controls as they are now. {captured.unseen} settings "
        f"were not seen and are left out. Audit against it with: auditor audit --baseline {path}"
    )


def accept_keys(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The triage file to create or extend.")
    ] = Path("triage.yaml"),
    run: RunOption = "latest",
    by: Annotated[
        str | None, typer.Option("--by", metavar="ADDRESS", help="The person who reviewed them.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why they are accepted.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Accept all without confirmation.")] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Review the settings that no control covers, and record those that are accepted.

    The file is part of an organisation file: name it there under `include:`.

    Example:

    **auditor baseline accept-keys triage.yaml --by dpo@example.com**
    """
    from auditor.app.audit import judge
    from auditor.app.capture import Triage
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.config import settings as config

    output.check_writable(path)
    triage = Triage.read(path)
    source = RunSource.chosen(config.load(), ctx.obj.say, account=account, sandbox=sandbox)
    _, evidence = source.opened_file(run)
    with evidence as snapshot:
        judgement = Selection(baseline=baseline, org=org).rejudgement(snapshot)
        new = triage.undecided(judge(snapshot, judgement))
    if not new:
        typer.echo("No new setting waits for a decision.")
        return
    author = by or typer.prompt("Your e-mail address")
    accepted = [
        setting
        for setting in new
        if all_ or typer.confirm(f"Accept {printable(setting)}?", default=False)
    ]
    output.write_bytes(path, triage.accept(accepted, author, reason))
    ctx.obj.print(
        f"{path} written: {len(accepted)} of {len(new)} new settings accepted. "
        f"Name it in the organisation file: include: [{path.name}]"
    )


def _live(settings: "Settings", sandbox: bool, terminal: Terminal) -> "Snapshot":
    from auditor.app.collection import Collection, CollectionOptions
    from auditor.app.selection import Selection
    from auditor.cli.progress import progress
    from auditor.evidence.scope import Level

    judgement = Selection().judgement(Level.ACCOUNT, settings.baseline, settings.org)
    source = account_source(settings, ScenarioName.DRIFTED if sandbox else None)
    return Collection(source, CollectionOptions(), judgement, terminal, progress(terminal)).run()
