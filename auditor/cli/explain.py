"""`auditor explain`: the settings of one person, group or account, each with its chain."""

import json
from typing import Annotated

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    SandboxRunsOption,
    SettingPathOption,
    TextOrJson,
    TextOrJsonOption,
)
from auditor.cli.terminal import Terminal


def explain(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|ADDRESS|ID",
            help="A person or a group by name, address or id (behind -- if it begins with -); or "
            "account.",
        ),
    ] = "account",
    setting_path: Annotated[
        str | None,
        typer.Argument(metavar="[SETTING]", help="Only this setting: the same as --setting."),
    ] = None,
    setting: SettingPathOption = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="TOPIC",
            help="Only this topic, e.g. recording; may be repeated. [default: ai]",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every setting that Zoom documents.")
    ] = False,
    run: Annotated[
        str,
        typer.Option(
            "--run",
            metavar="RUN|FILE",
            help="A stored run's id, or a snapshot file (a path with a slash or ending in "
            ".sqlite).",
        ),
    ] = "latest",
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    format_: TextOrJsonOption = TextOrJson.TEXT,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON explanation.")
    ] = False,
) -> None:
    """Explain the settings of a person or group: who decided, and who can change them. Needs no
    network.

    Each setting is a chain: the account, the groups, the person, the locks; then what the run
    found.

    Examples:

    **auditor explain ada@example.com**

    **auditor explain Sales --topic recording**

    **auditor explain account --setting in_meeting.file_transfer --format json**
    """
    from auditor.app.explain import explain_scope
    from auditor.app.inventory import FeatureSelection
    from auditor.app.runs import RunSource
    from auditor.config import settings as config
    from auditor.report import explain_output

    if schema:
        echo_json(json.dumps(explain_output.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    settings = (*([setting_path] if setting_path else ()), *(setting or ()))
    selection = FeatureSelection(tuple(topic or ()), settings, everything=everything)
    explanation = explain_scope(source, run, name, selection)
    if format_ is TextOrJson.JSON:
        for piece in explain_output.as_json(explanation):
            echo_json(piece, newline=False)
        return
    typer.echo(explain_output.as_text(explanation, terminal.text_width), nl=False)
