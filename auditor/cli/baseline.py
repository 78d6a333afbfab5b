"""`auditor baseline`: list, show, compare, create and check baselines."""

import json
import os
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from tabulate import tabulate

from auditor.app.runs import RunSource
from auditor.cli import named, output
from auditor.cli.capture import accept_keys, capture
from auditor.cli.encoding import echo_json
from auditor.cli.options import AccountOption, OrgOption, SandboxRunsOption
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.sources import is_baseline_path
from auditor.evidence.scope import Level
from auditor.findings.model import ReferenceState
from auditor.plain_text import pluralize
from auditor.policy.baseline import baselines, organisation, schemas
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.evaluation import comparison
from auditor.policy.evaluation.evaluate import not_reached
from auditor.report import waiver_wording, wording

app = typer.Typer(
    no_args_is_help=True,
    help="The baselines: what the settings should be.\n\nExample: **auditor baseline show strict**",
)
app.command()(capture)
app.command("accept-keys")(accept_keys)


class FileKind(StrEnum):
    """File kinds that have a schema."""

    BASELINE = "baseline"
    ORGANISATION = "organisation"


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the baselines that come with the program.

    Example:

    **auditor baseline list**
    """
    terminal: Terminal = ctx.obj
    catalogue = files.shipped_catalogue()
    rows = []
    for name in baselines.names():
        loaded = baselines.load(name, catalogue)
        title = textwrap.shorten(loaded.info.title, max(20, terminal.width - 36), placeholder="…")
        rows.append((name, loaded.info.version, len(loaded.assessed), title))
    heads = ("Baseline", "Version", "Controls", "In one line")
    typer.echo(tabulate(rows, headers=heads, disable_numparse=True))
    typer.echo("\nWhat one expects: auditor baseline show NAME")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")],
    org: OrgOption = None,
) -> None:
    """Show what a baseline expects of each control, with all that it extends.

    With --org, or AUDITOR_ORG, what the overrides of an organisation want comes after it.

    Example:

    **auditor baseline show strict**
    """
    terminal: Terminal = ctx.obj
    catalogue = files.shipped_catalogue()
    loaded = baselines.load(name, catalogue)
    org = org or config.load().org
    chosen = organisation.load(org, catalogue) if org is not None else Organisation()
    width = terminal.width
    typer.echo(f"{loaded.info.id} {loaded.info.version}: {loaded.info.title}")
    for text in (loaded.meaning, loaded.who):
        if text:
            typer.echo(textwrap.fill(text, min(width, 100)))
    typer.echo(f"{loaded.info.digest}\n")
    expectations = [*loaded.assessed.values(), *_override_expectations(loaded, catalogue, chosen)]
    width_per_column = _column_width(expectations, width)
    rows = [row for expectation in expectations for row in _rows(expectation, width_per_column)]
    typer.echo(
        tabulate(rows, headers=("Control", "From", "Severity", "Lock", "Setting", "Expected"))
    )


def _override_expectations(
    loaded: Baseline, catalogue: Catalogue, chosen: Organisation
) -> Iterator[ControlExpectation]:
    """The expectations of an organisation's overrides, each control under the scopes it applies
    to."""
    overrides = Overrides(loaded, catalogue, chosen.overrides)
    for position, override in enumerate(chosen.overrides):
        wishes = overrides.expected_controls((position,))
        for control_id in override.controls:
            yield replace(wishes[control_id][0].assessed, origin=override.match.label)


@app.command()
def conflicts(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="A", help="A baseline's name or file.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
) -> None:
    """List where two baselines want opposite values: settings that no value can please both on.

    Example:

    **auditor baseline conflicts consent-first cis-zoom-1.0**
    """
    terminal: Terminal = ctx.obj
    catalogue = files.shipped_catalogue()
    first, second = baselines.load(one, catalogue), baselines.load(other, catalogue)
    conflicting = list(comparison.conflicts(first, second))
    width_per_column = max(12, (terminal.width - 50) // 2)
    rows = [
        (
            conflict.setting,
            *(
                f"{requirement.control}: "
                + textwrap.shorten(
                    described(requirement.expectation), width_per_column, placeholder="…"
                )
                for requirement in (conflict.one, conflict.other)
            ),
        )
        for conflict in conflicting
    ]
    if rows:
        typer.echo(tabulate(rows, headers=("Setting", first.info.id, second.info.id)))
        typer.echo()
    settings = len({conflict.setting for conflict in conflicting})
    typer.echo(f"{first.info.id} and {second.info.id} want opposite values of {settings} settings.")


@app.command()
def schema(
    kind: Annotated[
        FileKind, typer.Argument(help="The kind of file the schema is for.")
    ] = FileKind.BASELINE,
) -> None:
    """Print the JSON Schema of baseline or organisation files, for editors that check YAML.

    Example:

    **auditor baseline schema organisation > organisation.schema.json**
    """
    document = schemas.schema(kind.value, files.shipped_catalogue())
    echo_json(json.dumps(document, indent=2, ensure_ascii=False))


@app.command()
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    extends: Annotated[
        str, typer.Option("--extends", metavar="NAME", help="The baseline to start from.")
    ] = "consent-first",
) -> None:
    """Write a baseline of your own that starts from a shipped one.

    Example:

    **auditor baseline new ours.yaml --extends regulated**
    """
    loaded = baselines.load(extends, files.shipped_catalogue())
    output.refuse_to_replace(path)
    first = next(iter(loaded.assessed))
    comment = (
        f"A baseline of our own: {extends} with what we want otherwise.\n"
        "Name a control under `controls:` to change it; the rest stays as it is there.\n"
        f"For example:   {first}: {{expect: false, lock: true}}\n"
        f"Check it with: auditor baseline check {path}"
    )
    base = extends
    # The new file resolves `extends` relative to its own directory.
    if is_baseline_path(extends):
        base = os.path.relpath(Path(extends).resolve(), path.parent.resolve())
    file = {
        "id": path.stem,
        "version": "1.0",
        "title": f"Our own, from {extends}",
        "extends": base,
        "controls": {},
    }
    output.write_bytes(path, yaml_source.dumped(file, comment))
    typer.echo(
        f"{path} written. It extends {extends}; check it with: auditor baseline check {path}"
    )


@app.command()
def check(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Baseline or organisation files."),
    ],
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN|FILE",
            help="Look for the names of groups, people and meetings in this stored run. "
            "[default: latest, if there is one]",
            show_default=False,
        ),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Check baseline and organisation files: every control, setting and operator has to exist.

    Names of groups, people and meetings are looked for in a stored run; one that matches nothing
    makes the file invalid, as it would fail an audit.

    Examples:

    **auditor baseline check our-baseline.yaml**

    **auditor baseline check organisation.yaml --run latest**
    """
    catalogue = files.shipped_catalogue()

    def look_up(entries: Entries) -> LookedUp:
        return _look_up_names(entries, ctx.obj, run, account, sandbox=sandbox)

    problems: list[str] = []
    for path in paths:
        try:
            if Path(path).is_file() and organisation.is_one(Path(path)):
                sentence, entries = _check_organisation(path, catalogue)
            else:
                sentence, entries = _check_baseline(path, catalogue)
            notes = list(_check_names(path, entries, look_up))
            typer.echo("\n".join((sentence, *notes)))
        except PolicyError as error:
            problems.append(str(error))
    if problems:
        raise PolicyError(problems)


def _look_up_names(
    entries: Entries, terminal: Terminal, run: str | None, account: str | None, *, sandbox: bool
) -> LookedUp:
    """Look up names in the requested run, otherwise in the newest one, if any."""
    try:
        settings = config.load()
        if run is None:
            return named.in_newest_run(
                settings, terminal, entries, account=account, sandbox=sandbox
            )
    except ConfigError as error:  # not a fault of the checked file
        if run is not None:
            raise
        return LookedUp(unchecked=str(error))
    source = RunSource.chosen(settings, terminal.say, account=account, sandbox=sandbox)
    _, snapshot = source.opened_file(run)
    with snapshot:
        return named.in_run(snapshot, entries)


def _check_names(
    path: str, entries: Entries, look_up: Callable[[Entries], LookedUp]
) -> Iterator[str]:
    """Sentences on the names in a file.

    Raises:
        PolicyError: some match nothing.
    """
    count = sum(1 for _ in entries.mentions())
    if not count:
        return
    looked_up = look_up(entries)
    if looked_up.unchecked:
        yield f"{path}: its names were not looked up. {looked_up.unchecked}"
        return
    of_run = f"run {looked_up.run}, which ended {wording.when(looked_up.finished_at)}"
    if looked_up.stale:
        lines = (
            f"{path}: {waiver_wording.reference_line(reference)}" for reference in looked_up.stale
        )
        raise PolicyError([*lines, f"{path}: looked up in {of_run}."])
    unknown = [
        reference for reference in looked_up.found if reference.state is ReferenceState.UNKNOWN
    ]
    yield f"{path}: {pluralize(count - len(unknown), 'name')} found in {of_run}."
    for reference in looked_up.found:
        warning = "" if reference in unknown else waiver_wording.WARNING
        yield f"{path}: {warning}{waiver_wording.reference_line(reference)}"


def _check_baseline(path: str, catalogue: Catalogue) -> tuple[str, Entries]:
    loaded = baselines.load(path, catalogue)
    entries = named.entries(Organisation(), loaded)
    checks = sum(len(each.expectations) for each in loaded.assessed.values())
    meeting_only = len(not_reached(loaded, Level.USER))
    sentence = f"{path}: valid. It assesses {len(loaded.assessed)} controls with {checks} settings"
    return sentence + (
        f"; {meeting_only} of them only at --depth meeting." if meeting_only else "."
    ), entries


def _check_organisation(path: str, catalogue: Catalogue) -> tuple[str, Entries]:
    organisation_file = organisation.load(Path(path), catalogue)
    entries = named.entries(
        organisation_file, organisation.baseline_of(Path(path), organisation_file, catalogue)
    )
    parts = (
        (len(organisation_file.parameters), "parameter"),
        (len(organisation_file.overrides), "override"),
        (len(organisation_file.waivers), "waiver"),
        (len(organisation_file.attestations), "attestation"),
    )
    counts = [pluralize(number, name) for number, name in parts if number]
    chosen = (
        f", for the baseline {organisation_file.baseline}" if organisation_file.baseline else ""
    )
    content = ", ".join(counts) or "nothing else"
    return f"{path}: valid. An organisation file{chosen}: {content}.", entries


def _column_width(expectations: Sequence[ControlExpectation], width: int) -> int:
    """Columns for a setting, and as many for its expected value."""
    ids = max((len(expectation.control.id) for expectation in expectations), default=0)
    origins = max((len(expectation.origin) for expectation in expectations), default=0)
    # tabulate puts two blanks between columns, and pads each to at least its title plus two.
    other_columns = max(ids, 9) + max(origins, 6) + len("Severity") + len("Lock") + 2 * 2 + 5 * 2
    return max(12, (width - other_columns) // 2)


def _rows(
    control: ControlExpectation, width_per_column: int
) -> list[tuple[str, str, str, str, str, str]]:
    lock = "yes" if control.lock else ""
    if control.attest is not None:
        expected = textwrap.shorten(
            f"attested: {control.attest}", width_per_column, placeholder="…"
        )
        row = (
            control.control.id,
            control.origin,
            control.severity,
            lock,
            "(attestation)",
            expected,
        )
        return [row]
    return [
        (
            control.control.id,
            control.origin,
            control.severity,
            lock,
            _shortened(setting, width_per_column),
            textwrap.shorten(described(expectation), width_per_column, placeholder="…"),
        )
        for setting, expectation in control.expectations.items()
    ]


def _shortened(setting: str, width_per_column: int) -> str:
    """A path cut at the front, which is its least specific part."""
    return setting if len(setting) <= width_per_column else "…" + setting[1 - width_per_column :]


def described(expectation: Expectation) -> str:
    """An expectation as text: `is one of the values [1, 2]`."""
    meaning = OPERATORS[expectation.op].meaning
    if expectation.param is not None:
        meaning += f" ({expectation.param})"
    elif not meaning:
        meaning = str(expectation.value).lower()
    elif expectation.value is not None:
        meaning += f": {expectation.value}"
    if expectation.group_exception_param is not None:
        meaning += f", except groups in {expectation.group_exception_param}"
    return meaning
