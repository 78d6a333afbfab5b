"""`auditor fix apply`, `verify` and `rollback`: change an account by a plan, and take it back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from auditor.cli import output as files
from auditor.cli.encoding import Drawing, stdout_for_json, stdout_for_text
from auditor.cli.options import MaxRateOption, PlanOption, RateShareOption
from auditor.cli.terminal import Terminal
from auditor.errors import ExitCode
from auditor.plain_text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from auditor.app.fixing import Fixer, FixOptions
    from auditor.config.settings import Settings
    from auditor.fix.model import FixPlan
    from auditor.fix.results import FixResult


class ResultFormat(StrEnum):
    """The formats of a result."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


MOST_LISTED = 30
"""Steps that are listed before the confirmation."""
_SUFFIXES = {
    ".json": ResultFormat.JSON,
    ".md": ResultFormat.MARKDOWN,
    ".markdown": ResultFormat.MARKDOWN,
}

PlanArgument = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The file that auditor fix plan wrote.")
]
AllowIncompleteOption = Annotated[
    bool,
    typer.Option(
        "--allow-incomplete", help="Accept a plan from a run that could not read everything."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before the first change.")]
ResultFormatOption = Annotated[
    ResultFormat | None,
    typer.Option(
        "--format",
        "-f",
        help="The format. [default: text, for a file by its suffix]",
        show_default=False,
    ),
]
ResultFileOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the result to this file."),
]


def apply(
    ctx: typer.Context,
    plan: PlanArgument,
    yes: YesOption = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print each request of the plan, and send nothing. Needs no network."
        ),
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Continue after a step that went wrong.")
    ] = False,
    max_users: Annotated[
        int,
        typer.Option(
            "--max-users",
            min=0,
            help="The most people whose own settings may be changed. If the plan changes more, "
            "none of theirs is.",
        ),
    ] = 0,
    allow_incomplete: AllowIncompleteOption = False,
    format_: ResultFormatOption = None,
    output: ResultFileOption = None,
    zoom_plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
) -> None:
    """Make the changes of a plan, one request a setting, each proved by reading again.

    Needs the credentials of an app of its own (ZOOM_WRITE_CLIENT_ID and ZOOM_WRITE_CLIENT_SECRET,
    or auditor auth login --profile default-write); the app that reads is never used to write.

    Every request is written down before it is sent. If the work breaks off, the same command
    continues it, and auditor fix rollback takes it back.

    Exit codes: 0 everything is as planned and verified, 1 some steps are not, 2 the plan is not
    valid, 3 something could not be read again, 4 nothing was done.

    Examples:

    **auditor fix apply plan.json --dry-run**

    **auditor fix apply plan.json --output change.md**
    """
    from auditor.app import fixing
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    settings = config.load()
    loaded = fixing.load_plan(settings, plan, allow_incomplete=allow_incomplete)
    if dry_run:
        _show_requests(loaded)
        return
    options = _options(zoom_plan, max_rate, rate_share, keep_going, max_users)
    fixer = _fixer(settings, options, loaded.account_id)
    if loaded.automatic:
        changes = fixing.planned_lines(loaded)
        _confirm(terminal, _overview(loaded, max_users), changes, yes)
    else:
        terminal.say(f"No step of this plan is automatic; {loaded.manual:,} are done by hand.")
    with fixer.locked(), _progress(terminal, len(loaded.automatic)) as progress:
        result = fixer.apply(loaded, progress)
    _finish(terminal, result, format_, output)


def verify(
    ctx: typer.Context,
    plan: PlanArgument,
    allow_incomplete: AllowIncompleteOption = False,
    format_: ResultFormatOption = None,
    output: ResultFileOption = None,
    zoom_plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
) -> None:
    """Compare a plan with the account as it is now, the steps that are done by hand included.

    Reads with the app of the audit, and changes nothing. Exit codes: 0 everything is done, 1 some
    steps are not, 3 something could not be read.

    Example:

    **auditor fix verify plan.json**
    """
    from auditor.app import fix_verification, fixing
    from auditor.app.connection import RateOptions
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    settings = config.load()
    loaded = fixing.load_plan(settings, plan, allow_incomplete=allow_incomplete)
    rate = RateOptions(zoom_plan, max_rate, rate_share)
    with _progress(terminal, len(loaded.steps)) as progress:
        result = fix_verification.verify(settings, loaded, progress, rate)
    _finish(terminal, result, format_, output)


def rollback(
    ctx: typer.Context,
    journal: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOURNAL]",
            help="The journal to undo. [default: the newest that is not wholly undone]",
            show_default=False,
        ),
    ] = None,
    yes: YesOption = False,
    format_: ResultFormatOption = None,
    output: ResultFileOption = None,
    zoom_plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
) -> None:
    """Take back what auditor fix apply changed, the last change first.

    Only what is still as it was left is changed; everything else is reported and left alone. Exit
    codes: 0 everything is as before, 1 some steps are not, 3 something could not be read again,
    4 nothing was done.

    Example:

    **auditor fix rollback**
    """
    from auditor.app import fixing
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    fixer = _fixer(config.load(), _options(zoom_plan, max_rate, rate_share))
    found = fixer.to_undo(journal)
    number = sum(entry.is_to_undo for entry in found.entries)
    question = f"Journal {found.id} of {found.started_at}: {number:,} changes are taken back."
    if fixing.lifts_locks(found):
        question += f" {fixing.LOCK_WARNING}"
    _confirm(terminal, question, fixing.undoing_lines(found), yes)
    with fixer.locked(), _progress(terminal, number) as progress:
        result = fixer.roll_back(fixer.to_undo(found.id), progress)
    _finish(terminal, result, format_, output)


def _options(
    zoom_plan: str | None,
    max_rate: float | None,
    rate_share: float | None,
    keep_going: bool = False,
    max_users: int = 0,
) -> "FixOptions":
    from auditor.app.connection import RateOptions
    from auditor.app.fixing import FixOptions

    rate = RateOptions(zoom_plan, max_rate, rate_share)
    return FixOptions(keep_going=keep_going, max_users=max_users, rate=rate)


def _fixer(settings: "Settings", options: "FixOptions", account_id: str | None = None) -> "Fixer":
    from auditor.app.fixing import Fixer, credentials_to_write

    return Fixer(settings, credentials_to_write(settings, account_id), options)


def _show_requests(plan: "FixPlan") -> None:
    out = stdout_for_text()
    for step in plan.steps:
        if step.request is None:
            place = step.manual.place if step.manual else ""
            out.write(f"# step {step.id}: by hand: {step.setting}: {place}\n".encode())
            continue
        query = "&".join(f"{name}={value}" for name, value in step.request.query.items())
        path = step.request.path + (f"?{query}" if query else "")
        body = json.dumps(step.request.body, ensure_ascii=False)
        out.write(f"# step {step.id}: {step.setting}\nPATCH {path}\n{body}\n".encode())
    out.flush()


def _overview(plan: "FixPlan", max_users: int) -> str:
    from auditor.app.fixing import people_changed

    steps = plan.automatic
    counts = {
        level: sum(step.scope.level == level for step in steps)
        for level in ("account", "group", "user")
    }
    where = ", ".join(f"{number:,} at {level} level" for level, number in counts.items() if number)
    text = f"{len(steps):,} changes to account {plan.account_id}: {where}."
    people = people_changed(plan)
    if people > max_users:
        text += (
            f" The settings of {people:,} people are left alone, because --max-users is "
            f"{max_users:,}."
        )
    if plan.manual:
        text += f" {plan.manual:,} more are done by hand."
    return text


def _confirm(terminal: Terminal, overview: str, changes: list[str], yes: bool) -> None:
    """Show what is about to happen, and ask; exits with 4 if the answer is not yes."""
    lines = [overview, *changes[:MOST_LISTED]]
    if len(changes) > MOST_LISTED:
        lines.append(f"and {len(changes) - MOST_LISTED:,} more (fix apply --dry-run lists all)")
    asks = terminal.is_interactive and not yes
    for line in lines:
        if asks:  # what a person confirms is shown even with --quiet
            typer.echo(printable(line), err=True)
        else:
            terminal.say(line)
    if yes:
        return
    if not asks:
        terminal.complain("nothing was done: without a terminal, confirm with --yes.")
        raise typer.Exit(ExitCode.NOTHING_EVALUATED)
    if not typer.confirm("Change the account now?", default=False, err=True):
        terminal.complain("nothing was done.")
        raise typer.Exit(ExitCode.NOTHING_EVALUATED)


class StepBar:
    """Draws one bar on standard error."""

    def __init__(self, bar: "Progress", task: "TaskID") -> None:
        self._bar, self._task = bar, task

    def step_began(self, label: str) -> None:
        """Show the step."""
        self._bar.update(self._task, description=label)

    def step_ended(self, label: str, outcome: str) -> None:  # noqa: ARG002 - see StepLines
        """Advance the bar."""
        self._bar.advance(self._task)


class StepLines:
    """Prints a line for each step, for logs."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def step_began(self, label: str) -> None:
        """Nothing to print yet."""

    def step_ended(self, label: str, outcome: str) -> None:
        """Print the outcome."""
        self._terminal.say(f"{label}: {outcome}")


@contextmanager
def _progress(terminal: Terminal, steps: int) -> Iterator[StepBar | StepLines]:
    if not terminal.shows_progress:
        yield StepLines(terminal)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(file=cast("IO[str]", Drawing()), no_color=not terminal.may_color)
    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False)
    with Bars(*columns, console=console, transient=True) as bar:
        yield StepBar(bar, bar.add_task("", total=steps))


def _finish(
    terminal: Terminal, result: "FixResult", format_: ResultFormat | None, output: Path | None
) -> None:
    """Print the result, or write it to the file, and exit with its code."""
    suffix = output.suffix.lower() if output is not None else ""
    chosen = format_ or _SUFFIXES.get(suffix, ResultFormat.TEXT)
    match chosen:
        case ResultFormat.JSON:
            text = result.json()
        case ResultFormat.MARKDOWN:
            text = result.markdown()
        case ResultFormat.TEXT:
            text = result.text(min(terminal.width, 100))
    if output is not None:
        files.write_bytes(output, text.encode())
    else:
        out = stdout_for_json() if chosen is ResultFormat.JSON else stdout_for_text()
        out.write(text.encode("utf-8", "replace"))
        out.flush()
    if result.problem:
        terminal.complain(result.problem)
    raise typer.Exit(result.exit_code)
