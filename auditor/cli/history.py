"""`auditor history`: the stored runs, their trend and findings, and their retention."""

import json
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    AllAccountsOption,
    KeepMonthlyOption,
    KeepOption,
    SandboxRunsOption,
    TextOrJson,
    TextOrJsonOption,
    parse_duration,
)
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.plain_text import pluralize, printable

if TYPE_CHECKING:
    from auditor.app.history import ListedRun
    from auditor.findings.drift import FindingState, RunFacts
    from auditor.findings.model import FindingHistory

app = typer.Typer()


@app.callback(invoke_without_command=True)
def history(
    ctx: typer.Context,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw deviations, unknowns and coverage over time.")
    ] = False,
    account: AccountOption = None,
    all_accounts: AllAccountsOption = False,
    sandbox: SandboxRunsOption = False,
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=1, help="Only the newest N runs.")
    ] = 30,
    format_: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """The stored runs, their trend, their findings and their retention.

    Runs are listed in the order in which they were stored, whatever their clock said.

    Examples:

    **auditor history**

    **auditor history --plot --last 90**

    **auditor history findings --control AI-01**

    **auditor history prune --keep 90d --keep-monthly 24**

    **auditor history set-aside RUN --reason "the clock was ahead"**
    """
    if ctx.invoked_subcommand is not None:
        return
    from auditor.app.history import NothingStored, stored_runs_of
    from auditor.app.runs import RunSource
    from auditor.config import settings as config
    from auditor.report import history_output

    terminal: Terminal = ctx.obj
    source = RunSource.chosen(
        config.load(), terminal.say, account=account, all_accounts=all_accounts, sandbox=sandbox
    )
    all_runs = stored_runs_of(source, account)
    runs = all_runs[-last:]
    if format_ is TextOrJson.JSON:
        echo_json(json.dumps(_as_json(runs), indent=2, ensure_ascii=False))
    if not runs:
        raise NothingStored(source)
    if format_ is TextOrJson.JSON:
        return
    if plot:
        _plot(runs, terminal.width)
        return
    rows = [(run.facts, _remark(run)) for run in runs]
    several = len({run.facts.account_id for run in all_runs}) > 1
    typer.echo(history_output.tables(rows, terminal.width, several=several))
    count = f"{pluralize(len(all_runs), 'run')} in {source.runs.history}."
    more = f" The newest {last} are shown: --last N." if len(all_runs) > last else ""
    footer = f"{count}{more} More about one: auditor report RUN. What changed: auditor diff A B"
    typer.echo(f"\n{_wrapped(footer, terminal.width)}")
    for run in runs:
        if run.set_aside:
            reason = f"Set aside: run {run.facts.id}: {printable(run.set_aside)}"
            typer.echo(_wrapped(reason, terminal.width))
    for sentence in source.from_future():
        typer.echo(_wrapped(sentence, terminal.width))


@app.command()
def findings(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run's id, or latest.")] = "latest",
    control: Annotated[
        list[str] | None,
        typer.Option("--control", metavar="CONTROL", help="Only this control; may be repeated."),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", metavar="TEXT", help="Only scopes whose name or id contains this text."
        ),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    format_: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Show the findings of a run: state, age, and who caused them.

    Example:

    **auditor history findings --control AI-01 --scope Legal**
    """
    from auditor.app.history import findings_of
    from auditor.app.runs import RunSource
    from auditor.config import settings as config
    from auditor.report import history_output

    terminal: Terminal = ctx.obj
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    run_id, rows = findings_of(source, run, control or (), scope)
    if format_ is TextOrJson.JSON:
        objects = [_finding_object(state, past) for state, past in rows]
        echo_json(json.dumps(objects, indent=2, ensure_ascii=False))
        return
    typer.echo(history_output.findings(rows, terminal.width))
    typer.echo(f"\n{pluralize(len(rows), 'finding')} of run {run_id}.")


@app.command()
def prune(
    ctx: typer.Context,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    account: AccountOption = None,
    all_accounts: AllAccountsOption = False,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Remove old runs of the account with their evidence.

    The newest run of each account and baseline is kept, and so are accepted runs.

    Example:

    **auditor history prune --keep 90d --keep-monthly 24**
    """
    from auditor.app.retention import ExpiredRuns
    from auditor.app.runs import RunSource
    from auditor.config import settings as config

    source = RunSource.chosen(
        config.load(),
        ctx.obj.say,
        account=account,
        all_accounts=all_accounts,
        sandbox=sandbox,
        writing=not dry_run,
    ).of_one_account()
    old = ExpiredRuns.find(
        source.runs, source.run_filter, parse_duration(keep, "--keep"), keep_monthly
    )
    if dry_run:
        for run_id in old.ids:
            typer.echo(run_id)
        ctx.obj.print(f"{pluralize(len(old.ids), 'run')} would be removed.")
        return
    typer.echo(old.remove())


@app.command("set-aside")
def set_aside(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="The reason, which the history shows.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Include the run again.")] = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Exclude a run: gate, diff and latest ignore it.

    Nothing is removed. Use it for a run with a wrong clock, or of a broken account.

    Example:

    **auditor history set-aside 20280102T010000-000Z-4f9c2a --reason "the clock was ahead"**
    """
    from auditor.app.history import set_aside as set_run_aside
    from auditor.app.runs import LATEST, RunSource
    from auditor.config import settings as config

    if bool(reason.strip()) is undo:
        raise ConfigError("Say why with --reason TEXT, or take it back with --undo.")
    source = RunSource.chosen(
        config.load(), ctx.obj.say, account=account, sandbox=sandbox, writing=True
    )
    if run == LATEST:
        raise ConfigError("Name the run by its id: another one may be the newest by now.")
    set_run_aside(source, run, reason)
    if undo:
        typer.echo(f"Run {run} is considered again.")
    else:
        ctx.obj.print(
            f"Run {run} is set aside. Take that back with: auditor history set-aside {run} --undo"
        )


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _plot(runs: "Iterable[ListedRun]", width: int) -> None:
    from auditor.report import history_output

    by_series: dict[int, list[RunFacts]] = {}
    for run in runs:
        by_series.setdefault(run.series, []).append(run.facts)
    typer.echo("\n\n".join(history_output.plot(facts, width) for facts in by_series.values()))


def _remark(run: "ListedRun") -> str:
    remarks = ["simulated"] if run.facts.simulated else []
    remarks += ["set aside"] if run.set_aside else []
    remarks += ["from the future"] if run.is_from_future else []
    remarks += ["accepted"] if run.is_accepted else []
    remarks += [] if run.facts.complete else ["incomplete"]
    remarks += ["selection"] if run.selection else []
    return ", ".join(remarks)


def _as_json(runs: "Iterable[ListedRun]") -> list[dict[str, object]]:
    from auditor.report import history_output

    return [
        {
            **history_output.facts_object(run.facts),
            "selection": run.selection or None,
            "stopped": run.stopped or None,
            "sequence": run.sequence,
            "set_aside": run.set_aside or None,
            "signed": run.is_signed,
        }
        for run in runs
    ]


def _finding_object(state: "FindingState", past: "FindingHistory") -> dict[str, object]:
    from auditor.evidence.timestamps import format_rfc3339

    scope = state.scope
    return {
        "control": state.control,
        "kind": state.kind,
        "status": state.status,
        "severity": state.severity,
        "cause": state.cause,
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "setting": state.setting,
        "observed": state.observed,
        "life": past.lifecycle,
        "first_seen": format_rfc3339(past.first_seen),
        "since": format_rfc3339(past.since),
        "changed_by": past.changed_by.as_dict() if past.changed_by else None,
        "fingerprint": state.fingerprint,
    }
