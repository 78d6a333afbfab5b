"""`auditor history`: the stored runs, their trend and findings, and what is kept how long."""

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from auditor import config
from auditor.cli.encoding import echo_json
from auditor.cli.options import KeepMonthlyOption, KeepOption, span
from auditor.cli.run_choice import (
    LATEST,
    AccountOption,
    AllAccountsOption,
    RunSource,
    SandboxRunsOption,
)
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import ExitCode
from auditor.findings.drift import FindingState
from auditor.findings.finding_history import FindingHistory
from auditor.policy.errors import PolicyError, nearest
from auditor.policy.files import shipped_catalogue
from auditor.report import history_report, wording
from auditor.report.display import printable
from auditor.store.errors import RunNotFound
from auditor.store.history import History, StoredRun
from auditor.store.retention import expired
from auditor.store.runs import Runs
from auditor.store.series import RunFilter

_UNDER_WAY = timedelta(days=2)
"""How long after the last word of a run it may still go on."""

app = typer.Typer()


class HistoryFormat(StrEnum):
    """How the history is written."""

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
        config.load(), terminal, account=account, all_accounts=all_accounts, sandbox=sandbox
    )
    stored = source.runs
    every = stored.history.runs(source.wanted)
    if account is not None and not every:
        _refuse_account(stored.history, account)
    entries = every[-last:]
    if format_ is HistoryFormat.JSON:
        echo_json(json.dumps(_as_json(entries), indent=2, ensure_ascii=False))
    if not entries:
        raise _nothing_stored(source)
    if format_ is HistoryFormat.JSON:
        return
    if plot:
        _plot(entries, terminal.width)
        return
    accepted = stored.history.acceptances()
    rows = [(entry.facts, _remark(entry, accepted, source.now)) for entry in entries]
    several = len({entry.facts.account_id for entry in every}) > 1
    typer.echo(history_report.tables(rows, terminal.width, several=several))
    kept = f"{wording.counted(len(every), 'run')} in {stored.history}."
    more = f" The newest {last} are shown: --last N." if len(every) > last else ""
    told = f"{kept}{more} More about one: auditor report RUN. What changed: auditor diff A B"
    typer.echo(f"\n{_wrapped(told, terminal.width)}")
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
    source = RunSource.chosen(config.load(), terminal, account=account, sandbox=sandbox)
    if run == LATEST and source.of_one_account().nothing_counts():
        raise _nothing_stored(source)
    stored, entry = source.entry(run)
    runs = stored.history
    wanted = {each.casefold() for each in control or ()}
    _refuse_controls(control or (), entry)
    with runs.finding_states(entry) as standings:
        chosen = [
            each
            for each in standings
            if (not wanted or each.control.casefold() in wanted) and _is_in(each, scope)
        ]
    chosen.sort(key=lambda each: (each.severity.rank, each.control, each.scope.order, each.setting))
    pasts = runs.histories(entry, [each.fingerprint for each in chosen])
    if format_ is HistoryFormat.JSON:
        told = [_finding_object(each, pasts[each.fingerprint]) for each in chosen]
        echo_json(json.dumps(told, indent=2, ensure_ascii=False))
        return
    told_of = [(each, pasts[each.fingerprint]) for each in chosen]
    typer.echo(history_report.findings(told_of, terminal.width))
    typer.echo(f"\n{wording.counted(len(told_of), 'finding')} of run {entry.facts.id}.")


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
        ctx.obj,
        account=account,
        all_accounts=all_accounts,
        sandbox=sandbox,
        writing=not dry_run,
    ).of_one_account()
    stored, wanted = source.runs, source.wanted
    old = prunable(stored, span(keep, "--keep"), keep_monthly, wanted)
    broken = abandoned(stored, span(keep, "--keep"), wanted)
    if dry_run:
        for run_id in [*(entry.facts.id for entry in old), *broken]:
            typer.echo(run_id)
        typer.echo(f"{wording.counted(len(old) + len(broken), 'run')} would be removed.")
        return
    typer.echo(pruned(stored, old, broken, wanted))


def prunable(stored: Runs, keep: timedelta, monthly: int, wanted: RunFilter) -> list[StoredRun]:
    """The stored runs, of those that are wanted, that need not be kept."""
    runs = stored.history
    return expired(runs.runs(wanted), datetime.now(UTC), keep, monthly, runs.acceptances())


def abandoned(stored: Runs, keep: timedelta, wanted: RunFilter) -> list[str]:
    """Runs that broke off longer ago than this, and were never gone on with.

    Never one that may still be under way, or that the next night goes on with, nor one of another
    account. One that did not get as far as to name its account belongs to none.
    """
    oldest = (datetime.now(UTC) - max(keep, _UNDER_WAY)).timestamp()
    waiting = set(stored.unarchived())
    others = {
        folder.id
        for folder in stored.run_folders()
        if folder.facts["account_id"]
        and not wanted.admits(folder.facts["account_id"], folder.place)
    }
    return [
        run_id
        for run_id in stored.folders()
        if run_id not in others and run_id not in waiting and stored.last_modified(run_id) < oldest
    ]


def pruned(stored: Runs, old: Iterable[StoredRun], broken: Iterable[str], wanted: RunFilter) -> str:
    """Remove these runs; what was done, as a sentence."""
    gone = list(old)
    left = list(broken)
    if gone:
        stored.history.remove(gone)
    for run_id in left:
        stored.discard(run_id)
    also = f", {wording.counted(len(left), 'run')} that broke off" if left else ""
    kept = len(stored.history.runs(wanted))
    return f"Removed {wording.counted(len(gone), 'stored run')}{also}; kept {kept}."


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
        config.load(), ctx.obj, account=account, sandbox=sandbox, writing=True
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


def _nothing_stored(source: RunSource) -> typer.Exit:
    """Say how to begin; the way out of the program."""
    whose = f" of account {source.wanted.account_id}" if source.wanted.account_id else ""
    source.terminal.complain(
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
    """Let pass only controls that exist, or did when the run was judged."""
    known = {*shipped_catalogue().controls, *entry.facts.controls}
    folded = {each.casefold() for each in known}
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
    told = ["simulated"] if entry.facts.simulated else []
    told += ["set aside"] if entry.set_aside else []
    told += ["from the future"] if entry.ends_in_future(now) else []
    told += ["accepted"] if entry.facts.id in accepted else []
    told += [] if entry.facts.complete else ["incomplete"]
    told += ["selection"] if entry.selection else []
    return ", ".join(told)


def _as_json(entries: Iterable[StoredRun]) -> list[dict[str, object]]:
    return [
        {
            **{key: value for key, value in asdict(each.facts).items() if key != "controls"},
            "selection": each.selection or None,
            "stopped": each.stopped or None,
            "sequence": each.sequence,
            "set_aside": each.set_aside or None,
            "signed": bool(each.signature),
        }
        for each in entries
    ]


def _is_in(standing: FindingState, text: str | None) -> bool:
    named = (standing.scope.name, standing.scope.id)
    return text is None or any(text.casefold() in each.casefold() for each in named)


def _finding_object(standing: FindingState, past: FindingHistory) -> dict[str, object]:
    scope = standing.scope
    return {
        "control": standing.control,
        "kind": standing.kind,
        "status": standing.status,
        "severity": standing.severity,
        "cause": standing.cause,
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "setting": standing.setting,
        "observed": standing.observed,
        "life": past.lifecycle,
        "first_seen": past.first_seen,
        "since": past.since,
        "changed_by": asdict(past.changed_by) if past.changed_by else None,
        "fingerprint": standing.fingerprint,
    }
