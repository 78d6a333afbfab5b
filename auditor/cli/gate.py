"""`auditor gate`: pass or fail for a pipeline."""

import os
import sqlite3
import zlib
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from auditor.app.audit import EvaluationConfig, judge
from auditor.app.collection import Collection, CollectionOptions
from auditor.app.connection import AccountSource
from auditor.app.gate import (
    GatePolicy,
    GateResult,
    Known,
    Terms,
    age_rejection,
    closed,
    find_acceptance,
    judged,
    rejection,
)
from auditor.app.runs import LATEST, RunSource, configured_account, stored_runs
from auditor.app.selection import FailOn, Selection
from auditor.app.signed_runs import Signatures
from auditor.app.storing import store_run
from auditor.cli import output
from auditor.cli.config import tell_dotenv
from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    Depth,
    OnlyOption,
    OrgOption,
    StrictOption,
    TopicOption,
    parse_duration,
)
from auditor.cli.progress import progress
from auditor.cli.sandbox import ScenarioName, ScenarioOption, account_source
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.findings.model import Severity
from auditor.policy.baseline import serialization
from auditor.policy.catalogue.errors import PolicyError
from auditor.redaction.text import redact_text, redacted_traceback
from auditor.report import gate_report
from auditor.report.display import printable
from auditor.report.gate_report import Signed
from auditor.store.errors import RunNotFound, RunUnfit, StoreError
from auditor.store.history import History, StoredRun
from auditor.store.runs import Runs
from auditor.store.series import Series, place

app = typer.Typer()

_T = TypeVar("_T")


class GateFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@app.callback(invoke_without_command=True)
def gate(
    ctx: typer.Context,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Shut at deviations this severe or worse.")
    ] = FailOn.HIGH,
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="26h", help="How old the stored run may be.")
    ] = "26h",
    new_only: Annotated[
        bool,
        typer.Option(
            "--new-only", help="Only what is new since the run accepted with: gate accept RUN."
        ),
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Read account and groups now, in a few dozen requests, store and judge that.",
        ),
    ] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth | None,
        typer.Option(
            "--depth",
            help="How deep the stored run has to have looked; how deep --live looks, no further "
            "than group. [default: user; with --live: group]",
            show_default=False,
        ),
    ] = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    account: AccountOption = None,
    allow_unknown: Annotated[
        bool,
        typer.Option("--allow-unknown", help="Open although something is unknown; it is said."),
    ] = False,
    strict: StrictOption = False,
    min_checks: Annotated[
        int,
        typer.Option(
            "--min-checks", min=0, metavar="N", help="How many checks have to have been judged."
        ),
    ] = 0,
    expect_baseline_digest: Annotated[
        str,
        typer.Option(
            "--expect-baseline-digest",
            metavar="SHA256",
            help="The digest that the baseline has to have, as reports tell it.",
        ),
    ] = "",
    expect_org_digest: Annotated[
        str | None,
        typer.Option(
            "--expect-org-digest",
            metavar="SHA256",
            help="The digest that the organisation file has to have; none for no file.",
            show_default=False,
        ),
    ] = None,
    require_signature: Annotated[
        bool,
        typer.Option(
            "--require-signature",
            help="Judge only a run that is signed with the key that is trusted here "
            "(AUDITOR_VERIFY_KEY, or the one that signs here).",
        ),
    ] = False,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="As --live, but of a simulated account made for it."),
    ] = False,
    scenario: ScenarioOption = ScenarioName.DRIFTED,
    format_: Annotated[
        GateFormat, typer.Option("--format", "-f", help="How the answer is written.")
    ] = GateFormat.TEXT,
) -> None:
    """Pass or fail for a pipeline, from the newest stored run or --live.

    The stored run has to be fresh, complete, and judged as asked for; else the exit code is 4.
    In GitHub Actions it writes annotations and the job summary, too.

    Examples:

    **auditor gate**

    **auditor gate --fail-on medium --max-age 7d**

    **auditor gate accept latest && auditor gate --new-only**

    **auditor gate --live --topic ai**
    """
    if ctx.invoked_subcommand is not None:
        _refuse_misplaced_options(ctx)
        return
    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    policy = GatePolicy(
        None if fail_on is FailOn.NEVER else Severity(fail_on),
        parse_duration(max_age, "--max-age"),
        allow_unknown,
        new_only,
        strict,
        min_checks,
        expect_baseline_digest.strip(),
        None if expect_org_digest is None else expect_org_digest.strip().removeprefix("none"),
        require_signature,
    )
    selection = Selection(
        baseline=baseline,
        org=org,
        fail_on=fail_on,
        only=only or [],
        topic=topic or [],
        allow_unknown=allow_unknown,
    )
    is_live = live or sandbox
    chosen = _depth(depth, is_live)
    judgement = selection.judgement(chosen, settings.baseline, settings.org)
    stored = stored_runs(settings, sandbox=sandbox)
    if is_live and account not in (None, configured_account(settings)):
        raise ConfigError(
            f"--account {account}: only a stored run can be of any account. --live reads the one "
            "of the credentials, --sandbox one of its own."
        )
    _ = stored.history  # raises a usage error if the address is invalid
    try:
        if is_live:
            source = account_source(settings, scenario if sandbox else None)
            result = _live(stored, judgement, policy, settings, source, terminal)
        else:
            result = _stored(stored, selection, judgement, policy, settings, account, terminal)
    except (AuditorError, OSError, sqlite3.Error, zlib.error) as error:
        if not _closes_gate(error):
            raise
        result = _closed_by(error, format_, terminal)
    with output.ignore_broken_pipe():
        _report_result(result, format_, terminal)
    raise typer.Exit(result.code)


@app.command()
def accept(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or latest.")],
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="Why, for those who come after.")
    ] = "",
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth | None,
        typer.Option(
            "--depth", help="How deep the gate looks. [default: user]", show_default=False
        ),
    ] = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    account: AccountOption = None,
) -> None:
    """Accept a run as it is: --new-only measures regressions against it.

    The options are those of the gate that is to measure against it. A run that was not judged as
    they say is refused.

    Examples:

    **auditor gate accept latest --note "agreed with the works council"**

    **auditor gate accept latest --depth group** for auditor gate --live
    """
    settings = config.load()
    tell_dotenv(settings, ctx.obj)
    selection = Selection(baseline=baseline, org=org, only=only or [], topic=topic or [])
    judgement = selection.judgement(_depth(depth, False), settings.baseline, settings.org)
    source = RunSource.chosen(settings, ctx.obj.say, account=account, writing=True)
    history, now = source.runs.history, datetime.now(UTC)
    if run == LATEST:
        for sentence in source.from_future():
            ctx.obj.say(sentence)
        owner = _unless_closed(_account(history, settings, account, source.elsewhere()))
        terms = _terms(judgement, owner, settings.api_url)
        entry = _unless_closed(_newest(history, terms, source.elsewhere()))
    else:
        entry = history.get(source.own_run(run))
        terms = _terms(judgement, entry.facts.account_id, entry.facts.api_url)
    _refuse_unfit(entry, terms, now)
    signatures = Signatures(settings)
    if signatures.are_required and signatures.signer is None:
        raise ConfigError(
            "AUDITOR_VERIFY_KEY is set, so the gate asks for a signed acceptance, and no signing "
            "key is here. Accept the run where runs are signed."
        )
    with history.verified(entry) as evidence:
        signatures.verified(entry, evidence, required=False)
    history.accept(entry, now.isoformat(timespec="seconds"), note)
    facts = entry.facts
    selected = "" if not entry.selection else ", a selection of controls"
    typer.echo(
        f"Accepted run {facts.id} of account {printable(facts.account_id)}, baseline "
        f"{facts.baseline_id} {facts.baseline_version}, depth {facts.depth}{selected}, "
        f"organisation file {facts.organisation_digest or 'none'}: {facts.deviations:,} deviations "
        f"and {facts.unknown:,} unknown are no news to auditor gate --new-only with the same "
        "options."
    )


def _refuse_misplaced_options(ctx: typer.Context) -> None:
    """Reject options of the gate before the name of a subcommand, where they would be ignored."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise ConfigError(
                f"{parameter.opts[0]} has no effect before {ctx.invoked_subcommand}. Write it "
                f"after: auditor gate {ctx.invoked_subcommand} {parameter.opts[0]} …"
            )


def _unless_closed(found: _T | GateResult) -> _T:
    """The value itself.

    Raises:
        RunNotFound: it is a closed gate, which explains why there is no run.
    """
    if isinstance(found, GateResult):
        raise RunNotFound(f"{found.reason[0].upper()}{found.reason[1:]} {found.advice}")
    return found


def _refuse_unfit(entry: StoredRun, terms: Terms, now: datetime) -> None:
    """Reject a run that a gate with these terms cannot measure against.

    Raises:
        RunUnfit: the run is unsuitable.
    """
    run = f"Run {entry.facts.id}"
    if not entry.facts.complete:
        raise RunUnfit(f"{run} is incomplete: what nobody saw cannot be accepted.")
    if entry.set_aside:
        raise RunUnfit(f"{run} is set aside ({printable(entry.set_aside)}): it cannot be accepted.")
    if entry.ends_in_future(now):
        raise RunUnfit(
            f"{run} ended later than now ({entry.facts.finished_at}): a clock was wrong, so it "
            "cannot be accepted."
        )
    if differing := terms.differences(entry):
        raise RunUnfit(
            f"{run} is not as the gate judges: it has {', '.join(differing)}. Name what the gate "
            "judges by, with its options: --baseline, --org, --depth, --only, --topic. Or audit "
            "that way first."
        )


def _depth(depth: Depth | None, is_live: bool) -> Level:
    if is_live and depth in (Depth.USER, Depth.MEETING):
        raise ConfigError(
            f"--depth {depth}: --live reads the account and its groups, no users and no meetings. "
            f"For those, run first: auditor audit --depth {depth}, and then the gate without "
            "--live."
        )
    return Level(depth or (Depth.GROUP if is_live else Depth.USER))


def _closes_gate(error: Exception) -> bool:
    """True if `error` prevented a correctly called gate from judging.

    Other commands treat an unusable baseline, stored run or history as a usage error. The gate
    stays closed instead, and gives the reason.
    """
    return (
        not isinstance(error, AuditorError)
        or error.exit_code is ExitCode.NOTHING_EVALUATED
        or isinstance(error, PolicyError | SnapshotError | StoreError)
    )


def _closed_by(error: Exception, format_: GateFormat, terminal: Terminal) -> GateResult:
    """A closed gate with the error as its reason."""
    reason = str(error)
    if isinstance(error, sqlite3.Error | zlib.error):
        reason = f"a database could not be used ({error})."
    elif isinstance(error, OSError):
        reason = f"{error.filename or 'a file'} could not be used: {error.strerror}."
    if terminal.verbosity >= 2:
        terminal.say(redacted_traceback(error))
    if format_ is not GateFormat.TEXT:  # standard output is read by a program
        terminal.complain(reason)
    return closed(
        " ".join(redact_text(reason).split()),
        "Try again. If the problem persists, see why: auditor doctor",
    )


def _stored(
    stored: Runs,
    selection: Selection,
    judgement: EvaluationConfig,
    policy: GatePolicy,
    settings: Settings,
    account: str | None,
    terminal: Terminal,
) -> GateResult:
    history = stored.history
    elsewhere = RunSource.chosen(settings, terminal.say, account=account).elsewhere()
    owner = _account(history, settings, account, elsewhere)
    if isinstance(owner, GateResult):
        return owner
    terms = _terms(judgement, owner, settings.api_url)
    entry = _newest(history, terms, elsewhere)
    if isinstance(entry, GateResult):
        return entry
    unfit = rejection(entry, policy, judgement.baseline.info.digest, datetime.now(UTC))
    if unfit is not None:
        return unfit
    signatures = Signatures(settings)
    known = None
    if policy.new_only:
        known = _known(history, terms, judgement, policy, signatures)
    if isinstance(known, GateResult):
        return known
    with history.verified(entry) as snapshot:
        now = datetime.now(UTC)
        signed = _signed(entry, snapshot, policy, signatures)
        too_old = age_rejection(
            entry.facts.id, snapshot.oldest() or entry.facts.finished_at, policy, now
        )
        if too_old is not None:
            return too_old
        if (selection.org or settings.org) is None:
            recorded = EvaluationConfig.from_snapshot(snapshot, judgement.catalogue).organisation
            digest = serialization.organisation_digest(recorded)
            if digest:
                return closed(
                    f"run {entry.facts.id} was judged with an organisation file ({digest}; "
                    f"{len(recorded.overrides)} overrides, {len(recorded.waivers)} waivers, "
                    f"{len(recorded.attestations)} attestations), and the gate was given none.",
                    "Name the file that is to hold: --org FILE, or AUDITOR_ORG.",
                )
        # The gate judges by its own policy, never by one that comes with the evidence.
        run = judge(snapshot, replace(judgement, today=now.date()))
        return judged(run, policy, known, signed)


def _live(
    stored: Runs,
    judgement: EvaluationConfig,
    policy: GatePolicy,
    settings: Settings,
    source: AccountSource,
    terminal: Terminal,
) -> GateResult:
    snapshot = Collection(
        source, CollectionOptions(), judgement, terminal, progress(terminal)
    ).run()
    with ExitStack() as stack, snapshot:
        run = judge(snapshot, judgement)
        is_stored = store_run(stored, snapshot, run, judgement, terminal)
        if is_stored:  # however the gate decides, the evidence is in the history now
            stack.callback(stored.discard, run.info.id)
        known: Known | GateResult | None = None
        signatures = Signatures(settings)
        entry = stored.history.find(run.info.id) if is_stored else None
        if entry is None and (policy.require_signature or signatures.are_required):
            return closed(
                f"run {run.info.id} could not be stored, so it is not signed.",
                "See why: auditor doctor",
            )
        signed = _signed(entry, snapshot, policy, signatures) if entry else None
        if policy.new_only and not is_stored:
            return closed(
                f"run {run.info.id} could not be stored, so what is new in it cannot be told.",
                "See why: auditor doctor",
            )
        if policy.new_only:
            terms = _terms(judgement, run.info.account_id, run.info.api_url)
            known = _known(stored.history, terms, judgement, policy, signatures)
        return known if isinstance(known, GateResult) else judged(run, policy, known, signed)


def _known(
    history: History,
    terms: Terms,
    judgement: EvaluationConfig,
    policy: GatePolicy,
    signatures: Signatures,
) -> Known | GateResult:
    """The findings of the accepted run, or why there is no run to measure against.

    Raises:
        SignatureError: the signature of the run or of its acceptance is missing or invalid.
    """
    acceptance = find_acceptance(history, terms)
    if isinstance(acceptance, GateResult):
        return acceptance
    signatures.verified_acceptance(acceptance, required=policy.require_signature)
    accepted = acceptance.entry
    with history.verified(accepted) as evidence:
        signatures.verified(accepted, evidence, required=policy.require_signature)
        again = judge(evidence, replace(judgement, today=datetime.now(UTC).date()))
        return Known.of(history, accepted).confirmed(again)


def _signed(
    entry: StoredRun, evidence: Snapshot, policy: GatePolicy, signatures: Signatures
) -> Signed | None:
    """The key of a run's verified signature; None if the run is not signed and need not be.

    Raises:
        SignatureError: the signature is missing or invalid.
    """
    key = signatures.verified(entry, evidence, required=policy.require_signature)
    trusted = signatures.trusted
    return None if key is None else Signed(key, trusted is not None and trusted.id == key)


def _terms(judgement: EvaluationConfig, account_id: str, api_url: str) -> Terms:
    """The terms of a gate that judges an account with this config."""
    info = judgement.baseline.info
    return Terms(
        Series.for_selection(
            account_id, api_url, info.id, judgement.depth, judgement.selected_subset
        ),
        info.digest,
        serialization.organisation_digest(judgement.organisation),
        frozenset(judgement.overrides.union().assessed),
    )


def _account(
    history: History, settings: Settings, requested: str | None, elsewhere: str
) -> str | GateResult:
    """The requested or configured account, or the only stored one; or why there is none."""
    account = requested or configured_account(settings)
    if account is not None:
        return account
    known = history.accounts(place(settings.api_url))
    if not known:
        return closed(f"no run is stored in {history}.{elsewhere}", "Run: auditor audit")
    if len(known) > 1:
        return closed(
            f"{history} holds runs of {len(known)} accounts.",
            "Name one with --account or ZOOM_ACCOUNT_ID; see them with: auditor history",
        )
    return known[0]


def _newest(history: History, terms: Terms, elsewhere: str) -> StoredRun | GateResult:
    """The newest run with the series of the terms, or why there is none."""
    series = terms.series
    of_account = history.runs(terms.runs)
    entry = history.last_of(series)
    if entry is not None:
        return entry
    description = f"baseline {series.baseline_id}, depth {series.depth}"
    description += ", the same selection of controls" if series.selection else ""
    if not of_account:
        return closed(
            f"no run of account {series.account_id} is stored in {history}.{elsewhere}",
            "Run: auditor audit",
        )
    newest = of_account[-1].facts
    narrowed = ", a selection of controls" if of_account[-1].selection else ""
    return closed(
        f"no stored run fits ({description}); the newest, {newest.id}, has baseline "
        f"{newest.baseline_id}, depth {newest.depth}{narrowed}.",
        "Run the audit that way, or ask for what there is with --baseline, --depth, --only and "
        "--topic.",
    )


def _report_result(result: GateResult, format_: GateFormat, terminal: Terminal) -> None:
    basis = result.basis
    catalogue_titles = (
        {cid: info.title for cid, info in basis.run.controls.items()} if basis else {}
    )
    outcome = result.code, result.reason, result.advice, basis
    counts = {
        "deviations": result.deviations,
        "unknown": result.unknown,
        "stale_waivers": result.stale_waivers,
        "stale_names": result.stale_names,
    }
    summary = gate_report.as_summary(*outcome, counts, result.examples, catalogue_titles)
    if format_ is GateFormat.JSON:
        echo_json(gate_report.as_json(*outcome, counts, result.examples), newline=False)
    elif format_ is GateFormat.MARKDOWN:
        typer.echo(summary)
    else:
        why = gate_report.describe_examples(result.examples)
        typer.echo("\n".join(gate_report.as_lines(*outcome, why)))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        lines = gate_report.annotations(
            result.code, result.reason, basis, result.examples, catalogue_titles
        )
        for line in lines:
            typer.echo(line, err=format_ is not GateFormat.TEXT)
        place_of_summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if place_of_summary:
            try:
                with Path(place_of_summary).open("a", encoding="utf-8", errors="replace") as out:
                    out.write(summary + "\n")
            except OSError as error:  # the exit code counts, not the summary
                terminal.complain(f"the job summary could not be written: {error.strerror}.")
