"""`auditor init`: the first organisation file, in a conversation of at most ten questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import output
from auditor.cli.progress import progress
from auditor.cli.sandbox import ScenarioName, account_source
from auditor.cli.terminal import Terminal
from auditor.cli.writing import (
    ExpiresOption,
    OwnerOption,
    ReasonOption,
    TargetOption,
    Writing,
    YesOption,
    positions,
)

if TYPE_CHECKING:
    from auditor.app.decisions import Decision
    from auditor.app.forecast import JudgedEvidence, NoEvidence
    from auditor.app.onboarding import RefusedRequest
    from auditor.evidence.reading import JsonValue


def init(
    ctx: typer.Context,
    baseline: Annotated[
        str | None, typer.Option("--baseline", "-b", metavar="NAME|FILE", help="The baseline.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Decide a parameter; may be repeated."),
    ] = None,
    never_granted: Annotated[
        list[str] | None,
        typer.Option(
            "--never-granted",
            metavar="REQUEST|all",
            help="A refused request whose scope the app will not get: accept it as a blind spot, "
            "with --reason, --owner and --expires. May be repeated.",
        ),
    ] = None,
    reason: ReasonOption = None,
    owner: OwnerOption = None,
    expires: ExpiresOption = None,
    defaults: Annotated[
        bool,
        typer.Option("--defaults", help="Ask nothing: what no option decides stays undecided."),
    ] = False,
    org: TargetOption = None,
    yes: YesOption = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="For the simulated account; needs no credentials.")
    ] = False,
) -> None:
    """Write the first organisation file, in a conversation of at most ten questions.

    Shows what the newest run has: groups, AI that is on, requests that Zoom refuses. Without a
    stored run it reads the account and its groups first. An existing file is never overwritten.

    Examples:

    **auditor init**

    **auditor init --sandbox --defaults**

    **auditor init --baseline regulated --set allowed_regions=US,CA --set
    ai_allowed_groups=Research --yes**
    """
    from auditor.app import forecast, onboarding
    from auditor.app.organisation_files import DEFAULT_PATH
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    path: Path = org or config.load().org or DEFAULT_PATH
    output.refuse_to_replace(path)
    choices = onboarding.assignments(set_ or ())
    if baseline is not None:
        onboarding.check_baseline(baseline)
    writing = Writing.to(terminal, path, yes=yes or defaults, sandbox=sandbox)
    asks = not (yes or defaults)
    if asks:
        writing.need_terminal("--defaults, or the answers as options and --yes")
    with writing.evidence_if_any() as evidence:
        if isinstance(evidence, forecast.NoEvidence):
            _read_account(writing, evidence)
    with writing.evidence() as evidence:
        for line in onboarding.overview(evidence, writing.settings):
            writing.say(line)
        typer.echo()
        if baseline is None:
            baseline = writing.settings.baseline
            baseline = _ask_baseline(baseline) if asks else baseline
        rows = onboarding.to_decide(evidence, writing.file, baseline)
        if asks:
            open_ = [row for row in rows if row.name not in choices]
            choices |= _ask_decisions(writing, open_[: onboarding.most_decisions(evidence)])
        undecided = [row for row in rows if row.name not in choices]
        edit = onboarding.new_file(writing.file, baseline, choices, undecided)
        requests = _never_granted(writing, evidence, never_granted, asks=asks)
        if requests:
            terms = writing.terms(reason, owner, None, expires, None)
            edit = onboarding.with_blind_spots(evidence, writing.file, edit, requests, terms)
        effect = evidence.forecast(edit)
        if writing.propose(edit, effect):
            if undecided:
                count = f"{len(undecided)} parameter{'s' if len(undecided) > 1 else ''}"
                typer.echo(f"Not decided yet: {count}.")
            writing.name_next(effect.next_command())


def _read_account(writing: Writing, reason: "NoEvidence") -> None:
    """Read the account and its groups into a stored run."""
    from auditor.app.audit import judge
    from auditor.app.collection import Collection, CollectionOptions
    from auditor.app.runs import stored_runs
    from auditor.app.selection import Selection
    from auditor.app.storing import store_run
    from auditor.evidence.scope import Level

    if not reason.is_missing:
        raise reason
    writing.terminal.say("There is no stored run: reading the account and its groups.")
    terminal, settings = writing.terminal, writing.settings
    config = Selection().judgement(Level.GROUP, settings.baseline)
    source = account_source(settings, ScenarioName.DRIFTED if writing.sandbox else None)
    with Collection(
        source, CollectionOptions(), config, terminal, progress(terminal)
    ).run() as snapshot:
        stored = stored_runs(settings, sandbox=writing.sandbox)
        run = judge(snapshot, config)
        is_stored = store_run(stored, snapshot, run, config, terminal)
    if is_stored and run.info.complete:
        stored.discard(run.info.id)


def _ask_baseline(default: str) -> str:
    from auditor.app import onboarding
    from auditor.errors import AuditorError

    def read(text: str) -> str:
        try:
            onboarding.check_baseline(text.strip())
        except AuditorError as error:
            raise typer.BadParameter(str(error)) from error
        return text.strip()

    typer.echo(f"Baselines: {', '.join(onboarding.baseline_names())}")
    answer: str = typer.prompt("Baseline", default=default, value_proc=read)
    return answer


def _ask_decisions(writing: Writing, rows: "list[Decision]") -> "dict[str, JsonValue]":
    from auditor.cli.decide import answers

    return answers(writing, rows)


def _never_granted(
    writing: Writing, evidence: "JudgedEvidence", requests: list[str] | None, *, asks: bool
) -> list[str]:
    """The refused requests that stay refused."""
    from auditor.app import onboarding

    rows = onboarding.refused(evidence)
    if requests is not None:
        return [row.request for row in rows] if requests == ["all"] else requests
    if not rows or not asks:
        return []
    return _ask_refused(writing, rows)


def _ask_refused(writing: Writing, rows: "list[RefusedRequest]") -> list[str]:
    typer.echo("Zoom refuses the app these requests:")
    for number, row in enumerate(rows, 1):
        writing.say(f"{number:>2}  {row.request} ({', '.join(row.controls)})")

    def read(text: str) -> list[int]:
        return positions(text, len(rows)) if text.strip() else []

    chosen: list[int] = typer.prompt(
        "Which will never be granted, such as 1, 3-5, or all (empty: none)",
        default="",
        show_default=False,
        value_proc=read,
    )
    return [rows[position].request for position in chosen or []]
