"""`auditor history`: the stored runs, their trend and findings, and their retention."""

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from auditor.app.retention import ExpiredRuns
from auditor.app.runs import LATEST, RunSource
from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    AllAccountsOption,
    KeepMonthlyOption,
    KeepOption,
    SandboxRunsOption,
    parse_duration,
)
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.errors import ExitCode, nearest
from auditor.findings.drift import FindingState
from auditor.findings.finding_history import FindingHistory
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.files import shipped_catalogue
from auditor.report import history_report, wording
from auditor.report.display import printable
from auditor.store.errors import RunNotFound
from auditor.store.history import History, StoredRun

app = typer.Typer()


class HistoryFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[HistoryFormat, typer.Option("--format", "-f", help="How it is written.")]


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
    format_: FormatOption = HistoryFormat.TEXT,
) -> None:
    """The stored runs, their trend and findings; what is kept how long.

    In the order in which they were stored, whatever the clock said.

    Examples:

    **auditor history**

    **auditor history --plot --last 90**

    **auditor history findings --control AI-01**

    **auditor history prune --keep 90d --keep-monthly 24**

    **auditor history set-aside RUN --reason "the clock was ahead"**
    """
    if ctx.invoked_subcommand is not None:
        return
    terminal: Terminal = ctx.obj
    source = RunSource.chosen(
        config.load(), terminal.say, account=account, all_accounts=all_accounts, sandbox=sandbox
    )
    stored = source.runs
    all_entries = stored.history.runs(source.run_filter)
    if account is not None and not all_entries:
        _refuse_account(stored.history, account)
    entries = all_entries[-last:]
    if format_ is HistoryFormat.JSON:
        echo_json(json.dumps(_as_json(entries), indent=2, ensure_ascii=False))
    if not entries:
        raise _nothing_stored(source, terminal)
    if format_ is HistoryFormat.JSON:
        return
    if plot:
        _plot(entries, terminal.width)
        return
    accepted = stored.history.acceptances()
    rows = [(entry.facts, _remark(entry, accepted, source.now)) for entry in entries]
    several = len({entry.facts.account_id for entry in all_entries}) > 1
    typer.echo(history_report.tables(rows, terminal.width, several=several))
    count = f"{wording.counted(len(all_entries), 'run')} in {stored.history}."
    more = f" The newest {last} are shown: --last N." if len(all_entries) > last else ""
    footer = f"{count}{more} More about one: auditor report RUN. What changed: auditor diff A B"
    typer.echo(f"\n{_wrapped(footer, terminal.width)}")
    for entry in entries:
        if entry.set_aside:
            reason = f"Set aside: run {entry.facts.id}: {printable(entry.set_aside)}"
            typer.echo(_wrapped(reason, terminal.width))
    for sentence in source.from_future():
        typer.echo(_wrapped(sentence, terminal.width))


@app.command()
def findings(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run's id, or latest.")] = "latest",
    control: Annotated[
        list[str] | None,
        typer.Option("--control", metavar="CONTROL", help="Only of this control; repeatable."),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="TEXT", help="Only where the scope's name or id has this."),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    format_: FormatOption = HistoryFormat.TEXT,
) -> None:
    """Tell of each finding of a run since when it stands, its life, and who made it so.

    Example:

    **auditor history findings --control AI-01 --scope Legal**
    """
    terminal: Terminal = ctx.obj
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    if run == LATEST and source.of_one_account().nothing_counts():
        raise _nothing_stored(source, terminal)
    stored, entry = source.entry(run)
    runs = stored.history
    control_ids = {state.casefold() for state in control or ()}
    _refuse_controls(control or (), entry)
    with runs.finding_states(entry) as states:
        chosen = [
            state
            for state in states
            if (not control_ids or state.control.casefold() in control_ids) and _is_in(state, scope)
        ]
    chosen.sort(
        key=lambda state: (state.severity.rank, state.control, state.scope.order, state.setting)
    )
    pasts = runs.histories(entry, [state.fingerprint for state in chosen])
    if format_ is HistoryFormat.JSON:
        objects = [_finding_object(state, pasts[state.fingerprint]) for state in chosen]
        echo_json(json.dumps(objects, indent=2, ensure_ascii=False))
        return
    rows = [(state, pasts[state.fingerprint]) for state in chosen]
    typer.echo(history_report.findings(rows, terminal.width))
    typer.echo(f"\n{wording.counted(len(rows), 'finding')} of run {entry.facts.id}.")


@app.command()
def prune(
    ctx: typer.Context,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
    account: AccountOption = None,
    all_accounts: AllAccountsOption = False,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Remove old runs of the account with their evidence.

    The newest run of each account and baseline stays, and so do accepted runs.

    Example:

    **auditor history prune --keep 90d --keep-monthly 24**
    """
    source = RunSource.chosen(
        config.load(),
        ctx.obj.say,
        account=account,
        all_accounts=all_accounts,
        sandbox=sandbox,
        writing=not dry_run,
    ).of_one_account()
    stored, run_filter = source.runs, source.run_filter
    old = ExpiredRuns.find(stored, run_filter, parse_duration(keep, "--keep"), keep_monthly)
    if dry_run:
        for run_id in old.ids:
            typer.echo(run_id)
        typer.echo(f"{wording.counted(len(old.ids), 'run')} would be removed.")
        return
    typer.echo(old.remove())


@app.command("set-aside")
def set_aside(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is shown in the history.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it into consideration again.")] = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Leave a run out: it is never the newest, the one before, nor what a gate measures against.

    Nothing is removed. For a run that was made while the clock was wrong, or of a broken account.

    Example:

    **auditor history set-aside 20280102T010000-000Z-4f9c2a --reason "the clock was ahead"**
    """
    if bool(reason.strip()) is undo:
        raise ConfigError("Say why with --reason TEXT, or take it back with --undo.")
    source = RunSource.chosen(
        config.load(), ctx.obj.say, account=account, sandbox=sandbox, writing=True
    )
    if run == LATEST:
        raise ConfigError("Name the run by its id: another one may be the newest by now.")
    run_id = source.own_run(run)
    if not source.runs.history.set_aside(run_id, " ".join(reason.split())):
        raise source.runs.not_found(run)
    if undo:
        typer.echo(f"Run {run_id} is considered again.")
    else:
        typer.echo(
            f"Run {run_id} is set aside. Take that back with: auditor history set-aside {run_id} "
            "--undo"
        )


def _nothing_stored(source: RunSource, terminal: Terminal) -> typer.Exit:
    """Explain how to start; returns the exit to raise."""
    whose = f" of account {source.run_filter.account_id}" if source.run_filter.account_id else ""
    terminal.complain(
        f"No run{whose} is stored in {source.runs}. Start with: auditor audit{source.elsewhere()}"
    )
    return typer.Exit(ExitCode.NOTHING_EVALUATED)


def _refuse_account(history: History, account: str) -> None:
    known = {entry.facts.account_id for entry in history.runs()}
    if known:
        raise RunNotFound(
            f"No run of account {account} is stored in {history}. There are runs of: "
            f"{', '.join(sorted(known))}."
        )


def _refuse_controls(names: Iterable[str], entry: StoredRun) -> None:
    """Reject controls that do not exist and did not when the run was judged."""
    known = {*shipped_catalogue().controls, *entry.facts.controls}
    folded = {name.casefold() for name in known}
    problems = [
        f'--control: no control is called "{name}".{nearest(name, known)} List them with: auditor '
        "control list"
        for name in names
        if name.casefold() not in folded
    ]
    if problems:
        raise PolicyError(problems)


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _plot(entries: list[StoredRun], width: int) -> None:
    by_series: dict[int, list[StoredRun]] = {}
    for entry in entries:
        by_series.setdefault(entry.series, []).append(entry)
    drawn = [
        history_report.plot([each.facts for each in of_series], width)
        for of_series in by_series.values()
    ]
    typer.echo("\n\n".join(drawn))


def _remark(entry: StoredRun, accepted: Iterable[str], now: datetime) -> str:
    remarks = ["simulated"] if entry.facts.simulated else []
    remarks += ["set aside"] if entry.set_aside else []
    remarks += ["from the future"] if entry.ends_in_future(now) else []
    remarks += ["accepted"] if entry.facts.id in accepted else []
    remarks += [] if entry.facts.complete else ["incomplete"]
    remarks += ["selection"] if entry.selection else []
    return ", ".join(remarks)


def _as_json(entries: Iterable[StoredRun]) -> list[dict[str, object]]:
    return [
        {
            **{key: value for key, value in asdict(entry.facts).items() if key != "controls"},
            "selection": entry.selection or None,
            "stopped": entry.stopped or None,
            "sequence": entry.sequence,
            "set_aside": entry.set_aside or None,
            "signed": bool(entry.signature),
        }
        for entry in entries
    ]


def _is_in(state: FindingState, text: str | None) -> bool:
    named = (state.scope.name, state.scope.id)
    return text is None or any(text.casefold() in name.casefold() for name in named)


def _finding_object(state: FindingState, past: FindingHistory) -> dict[str, object]:
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
        "first_seen": past.first_seen,
        "since": past.since,
        "changed_by": asdict(past.changed_by) if past.changed_by else None,
        "fingerprint": state.fingerprint,
    }
