"""`auditor doctor`: would an audit be complete, and if not, what has to be done first?"""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import output
from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    BaselineOption,
    Depth,
    OnlyOption,
    OrgOption,
    TextOrJson,
    TextOrJsonOption,
    TopicOption,
)
from auditor.cli.sandbox import ScenarioName, serve_sandbox
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.config.settings import Settings
    from auditor.doctor.model import DoctorReport

SANDBOX_USERS = 300


class Purpose(StrEnum):
    """What is to be examined."""

    AUDIT = "audit"
    FIX = "fix"


def doctor(
    ctx: typer.Context,
    fix_plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="With --for fix: the plan. [default: any change]"),
    ] = None,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth, typer.Option("--depth", help="How far down the audit is to look.")
    ] = Depth.USER,
    only: OnlyOption = None,
    topic: TopicOption = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Examine a simulated account; needs no credentials.")
    ] = False,
    scenario: Annotated[
        ScenarioName | None,
        typer.Option(
            "--scenario", help="Which account to simulate. [default: drifted]", show_default=False
        ),
    ] = None,
    for_: Annotated[
        Purpose,
        typer.Option("--for", help="Examine for an audit, or the writing app for fix apply."),
    ] = Purpose.AUDIT,
    format_: TextOrJsonOption = TextOrJson.TEXT,
    output_: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to this file.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of --format json.")
    ] = False,
) -> None:
    """Find out whether an audit would be complete, and what to do if it would not.

    Looks at the way to Zoom, the credentials, this machine, and the scopes that each control
    needs. Asks Zoom for a token and three documents at most, and writes nothing. Needs no
    credentials to list the scopes that an app has to have. -v lists every control.

    Exit codes: 0 an audit would be complete · 2 configuration · 3 something would be unknown ·
    4 nothing could be read or kept.

    Examples:

    **auditor doctor**

    **auditor doctor --baseline strict --depth meeting**

    **auditor doctor --sandbox --scenario denied**

    **auditor doctor --for fix plan.json**

    **auditor doctor --format json --output doctor.json**
    """
    from auditor.app.diagnosis import diagnose
    from auditor.app.selection import Selection
    from auditor.config import settings as config
    from auditor.doctor import as_json
    from auditor.evidence.scope import Level

    if schema:
        echo_json(json.dumps(as_json.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    if output_ is not None:
        output.check_writable(output_)
    settings = config.load()
    selection = Selection(baseline=baseline, org=org, only=only or [], topic=topic or [])
    level, simulated = Level(depth), scenario or (ScenarioName.DRIFTED if sandbox else None)
    if fix_plan is not None and for_ is not Purpose.FIX:
        raise typer.BadParameter("A plan is examined with --for fix.", param_hint="PLAN")
    if for_ is Purpose.FIX:
        report = _for_fix(settings, fix_plan)
    elif simulated is None:
        report = diagnose(settings, selection, level, terminal.say)
    else:
        with serve_sandbox(simulated, SANDBOX_USERS) as served:
            urls = {"api_url": served.api_url, "oauth_url": served.oauth_url}
            credentials = served.account_id, served.client_id, served.client_secret
            settings = settings.model_copy(update=urls)
            report = diagnose(settings, selection, level, terminal.say, credentials)
    rendered = _rendered(report, format_, terminal, to_file=output_ is not None)
    if output_ is not None:
        output.write_bytes(output_, rendered.encode())
    elif format_ is TextOrJson.JSON:
        echo_json(rendered, newline=False)
    else:
        typer.echo(rendered, nl=False, color=terminal.color)
    raise typer.Exit(report.exit_code)


def _for_fix(settings: "Settings", fix_plan: Path | None) -> "DoctorReport":
    from auditor.app.fix_diagnosis import diagnose_writing
    from auditor.fix.model import read_plan

    return diagnose_writing(settings, None if fix_plan is None else read_plan(fix_plan))


def _rendered(
    report: "DoctorReport", format_: TextOrJson, terminal: Terminal, *, to_file: bool
) -> str:
    from auditor.doctor import as_json, text
    from auditor.report.display import readable

    if format_ is TextOrJson.JSON:
        return json.dumps(readable(as_json.document(report)), indent=2, ensure_ascii=False) + "\n"
    lines = text.lines(
        report,
        terminal.text_width,
        color=terminal.color and not to_file,
        every_control=terminal.verbosity > 0,
    )
    return "".join(f"{line}\n" for line in lines)
