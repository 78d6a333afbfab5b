"""`auditor doctor`: would an audit be complete, and if not, what has to be done first?"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from auditor.app.configuration import describe, doctor_check
from auditor.app.runs import SANDBOX_HOME, stored_runs
from auditor.app.selection import Selection
from auditor.cli import named, output
from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    BaselineOption,
    Depth,
    OnlyOption,
    OrgOption,
    TopicOption,
)
from auditor.cli.sandbox import ScenarioName, serve_sandbox
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.doctor import as_json, text
from auditor.doctor.checks import DoctorInputs, Policy, examine
from auditor.doctor.model import DoctorReport
from auditor.evidence.scope import Level
from auditor.files.permissions import InsecureDirectory
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.catalogue.errors import PolicyError
from auditor.report.display import readable
from auditor.secrets import backends
from auditor.store.errors import StoreError
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials
from auditor.zoom.limits import RatePlan

MAX_WIDTH = 100
"""Columns; longer lines are hard to read."""
SANDBOX_USERS = 300


class DoctorFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"


def doctor(
    ctx: typer.Context,
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
    format_: Annotated[
        DoctorFormat, typer.Option("--format", "-f", help="How the diagnosis is written.")
    ] = DoctorFormat.TEXT,
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

    **auditor doctor --format json --output doctor.json**
    """
    if schema:
        echo_json(json.dumps(as_json.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    if output_ is not None:
        output.check_writable(output_)
    settings = config.load()
    selection = Selection(baseline=baseline, org=org, only=only or [], topic=topic or [])
    policy = _policy(selection, Level(depth), settings)
    simulated = scenario or (ScenarioName.DRIFTED if sandbox else None)
    with _inputs(settings, policy, simulated, terminal) as inputs:
        report = examine(inputs)
    rendered = _rendered(report, format_, terminal, to_file=output_ is not None)
    if output_ is not None:
        output.write_bytes(output_, rendered.encode())
    elif format_ is DoctorFormat.JSON:
        echo_json(rendered, newline=False)
    else:
        typer.echo(rendered, nl=False, color=terminal.color)
    raise typer.Exit(report.exit_code)


def _policy(selection: Selection, depth: Level, settings: Settings) -> Policy | str:
    """The policy of an audit, or why there is none."""
    try:
        judgement = selection.judgement(depth, settings.baseline, settings.org)
    except PolicyError as error:
        return str(error)
    by_group = [
        override
        for override in judgement.organisation.overrides
        if override.match.group is not None
    ]
    overridden = frozenset(cid for override in by_group for cid in override.controls)
    entries = named.entries(judgement.organisation, judgement.baseline)
    return Policy(judgement.overrides.union(), depth, judgement.parameters, overridden, entries)


@contextmanager
def _inputs(
    settings: Settings, policy: Policy | str, simulated: ScenarioName | None, terminal: Terminal
) -> Iterator[DoctorInputs]:
    """The configured account, or a simulated one for the duration of the block."""
    credentials, origins = ("", ()) if simulated else _credentials(settings)
    refused = ""
    unchecked = (
        Runs(settings.data / SANDBOX_HOME) if simulated else Runs(settings.data, settings.store)
    )
    try:
        stored = stored_runs(settings, sandbox=simulated is not None)
    except InsecureDirectory as error:
        stored, refused = unchecked, str(error)
    except StoreError:  # reported by the check of the history
        stored = unchecked

    def look_up(entries: Entries) -> LookedUp:
        return named.in_newest_run(settings, terminal, entries, sandbox=simulated is not None)

    inputs = DoctorInputs(
        api_url=settings.api_url,
        oauth_url=settings.oauth_url,
        policy=policy,
        credentials=credentials,
        origins=origins,
        stored=stored,
        keyring=backends.keyring_status,
        look_up=look_up,
        refused=refused,
        plan=RatePlan(settings.plan),
        configuration=doctor_check(describe()) if simulated is None else None,
    )
    if simulated is None:
        yield inputs
        return
    with serve_sandbox(simulated, SANDBOX_USERS) as sandbox:
        yield replace(
            inputs,
            api_url=sandbox.api_url,
            oauth_url=sandbox.oauth_url,
            credentials=Credentials(sandbox.account_id, sandbox.client_id, sandbox.client_secret),
            origins=("sandbox",),
        )


def _credentials(settings: Settings) -> tuple[Credentials | str, tuple[str, ...]]:
    """The credentials, or why there are none, and their origins."""
    credentials_by_name, problem = settings.credential_sources()

    def known(_: str, name: str) -> str | None:
        if problem is not None and credentials_by_name[name].value is None:
            raise problem
        return credentials_by_name[name].value

    origins = tuple(
        str(credential.origin)
        for credential in credentials_by_name.values()
        if credential.origin is not None
    )
    try:
        return settings.credentials(known), origins
    except ConfigError as error:
        return str(error), origins


def _rendered(
    report: DoctorReport, format_: DoctorFormat, terminal: Terminal, *, to_file: bool
) -> str:
    if format_ is DoctorFormat.JSON:
        return json.dumps(readable(as_json.document(report)), indent=2, ensure_ascii=False) + "\n"
    lines = text.lines(
        report,
        min(terminal.width, MAX_WIDTH),
        color=terminal.color and not to_file,
        every_control=terminal.verbosity > 0,
    )
    return "".join(f"{line}\n" for line in lines)
