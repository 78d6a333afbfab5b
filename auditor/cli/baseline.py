"""`auditor baseline`: list, show, compare, create and check baselines."""

import json
import re
import textwrap
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import output
from auditor.cli.capture import accept_keys, capture
from auditor.cli.encoding import echo_json
from auditor.cli.options import AccountOption, OrgOption, SandboxRunsOption
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.app.baselines import ExpectationRow

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
    from tabulate import tabulate

    from auditor.app import baselines

    terminal: Terminal = ctx.obj
    rows = []
    for baseline in baselines.shipped():
        title = textwrap.shorten(baseline.title, max(20, terminal.width - 36), placeholder="…")
        rows.append((baseline.name, baseline.version, baseline.controls, title))
    heads = ("Baseline", "Version", "Controls", "In one line")
    typer.echo(tabulate(rows, headers=heads, disable_numparse=True))
    typer.echo("\nWhat one expects: auditor baseline show NAME")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")],
    org: OrgOption = None,
) -> None:
    """Show what a baseline, with those that it extends, expects of each control.

    With --org, or AUDITOR_ORG, the organisation's overrides follow.

    Example:

    **auditor baseline show strict**
    """
    from auditor.app import baselines

    terminal: Terminal = ctx.obj
    baseline = baselines.content(name, org)
    typer.echo(f"{baseline.label}: {baseline.title}")
    for text in (baseline.meaning, baseline.who):
        if text:
            typer.echo(textwrap.fill(text, terminal.text_width))
    typer.echo(baseline.digest)
    for control in baseline.controls:
        typer.echo("\n" + "\n".join(_lines_of(control, baseline.label, terminal.text_width)))


@app.command()
def conflicts(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="A", help="A baseline's name or file.")],
    other: Annotated[str, typer.Argument(metavar="B", help="The other baseline.")],
) -> None:
    """List the settings for which two baselines expect contradictory values.

    Example:

    **auditor baseline conflicts consent-first cis-zoom-1.0**
    """
    from tabulate import tabulate

    from auditor.app import baselines

    terminal: Terminal = ctx.obj
    found = baselines.conflicts(one, other)
    width = max(12, (terminal.width - 50) // 2)
    rows = [
        (
            setting,
            *(
                f"{control}: {textwrap.shorten(expected, width, placeholder='…')}"
                for control, expected in opposites
            ),
        )
        for setting, opposites in found.rows
    ]
    if rows:
        typer.echo(tabulate(rows, headers=("Setting", *found.ids)))
        typer.echo()
    settings = len({setting for setting, _ in found.rows})
    terminal.print(f"{' and '.join(found.ids)} want opposite values of {settings} settings.")


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
    from auditor.app import baselines

    echo_json(json.dumps(baselines.schema(kind.value), indent=2, ensure_ascii=False))


@app.command()
def new(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="The file to create. [default with --org: organisation.yaml]"
        ),
    ] = None,
    extends: Annotated[
        str, typer.Option("--extends", metavar="NAME", help="The baseline to start from.")
    ] = "consent-first",
    org: Annotated[
        bool,
        typer.Option("--org", help="Create an organisation file, with every entry as a comment."),
    ] = False,
) -> None:
    """Create your own baseline file, which extends a shipped one, or an organisation file.

    Examples:

    **auditor baseline new ours.yaml --extends regulated**

    **auditor baseline new --org organisation.yaml**
    """
    from auditor.app import baselines, organisation_files

    if org:
        path = path or organisation_files.DEFAULT_PATH
        output.refuse_to_replace(path)
        output.write_bytes(path, organisation_files.example())
        typer.echo(f"{path} written, with every entry as a comment.")
        typer.echo(f"Next: auditor baseline check {path}")
        return
    if path is None:
        raise ConfigError("Name the file to create: auditor baseline new FILE")
    content = baselines.extension(extends, path)
    output.refuse_to_replace(path)
    output.write_bytes(path, content)
    Terminal().print(
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
            help="Look up the names of groups, people and meetings in this stored run. "
            "[default: latest, if there is one]",
            show_default=False,
        ),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Check baseline and organisation files: every control, setting and operator must exist.

    Names of groups, people and meetings are looked for in a stored run; one that matches nothing
    makes the file invalid, as it would fail an audit.

    Examples:

    **auditor baseline check our-baseline.yaml**

    **auditor baseline check organisation.yaml --run latest**
    """
    from auditor.app import baselines

    name_source = baselines.NameSource(ctx.obj.say, run, account, sandbox)
    checked = []
    for path in paths:
        checked.append(baselines.check(path, name_source))
        if checked[-1].sentences:
            typer.echo("\n".join(checked[-1].sentences))
    problems = [file.problems for file in checked if file.problems]
    if problems:
        raise ConfigError("\n".join(problems))


def _lines_of(control: "ExpectationRow", label: str, width: int) -> list[str]:
    """A control with its rule, how severe it is, and what each of its settings should be."""
    severity = [control.severity, *(["must be locked"] if control.lock else [])]
    severity += [] if label.split()[0] == control.origin else [f"from {control.origin}"]
    indent = " " * 8
    lines = textwrap.wrap(f"{control.id:<7} {control.title}", width, subsequent_indent=indent)
    for fact, key in ((", ".join(severity), ""), *control.expected):
        lines += textwrap.wrap(
            fact, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        lines += [f"{indent}  {part}" for part in _folded(key, width - len(indent) - 2)]
    return lines


def _folded(key: str, width: int) -> list[str]:
    """The key of a setting, in lines that break before a dot or blank; none for no key."""
    lines: list[str] = []
    for part in filter(None, re.split(r"(?=[. ])", key)):
        if lines and len(lines[-1]) + len(part) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return lines
