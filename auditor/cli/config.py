"""`auditor config`: every setting, the origin of its value, and other values that do not count."""

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import TextOrJson, TextOrJsonOption
from auditor.cli.terminal import Terminal
from auditor.errors import ExitCode
from auditor.plain_text import printable

if TYPE_CHECKING:
    from auditor.app.configuration import Configuration
    from auditor.config.settings import Settings

SCHEMA = "auditor/config/v1"
_COLUMN = 23
"""The column of the values."""

app = typer.Typer(
    no_args_is_help=True,
    help="The configuration: every setting, and where its value comes from."
    "\n\nExample: **auditor config show**",
)


@app.command()
def show(
    ctx: typer.Context,
    format_: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Show every setting with its value and origin, and other values that have no effect.

    Secrets are shown as "set". Works although something is wrong, says what, and then ends with
    exit code 2. Asks nobody but the keyring.

    Examples:

    **auditor config show**

    **auditor config show --format json**

    **auditor --env-file staging.env config show**
    """
    from auditor.app.configuration import describe

    terminal: Terminal = ctx.obj
    configuration = describe()
    if format_ is TextOrJson.JSON:
        echo_json(_document(configuration))
    else:
        typer.echo("\n".join(_lines(configuration, terminal.text_width)))
    if configuration.all_problems:
        raise typer.Exit(ExitCode.USAGE)


def tell_dotenv(settings: "Settings", terminal: Terminal) -> None:
    """Report which variables come from `.env`: a directory may belong to another user."""
    names = settings.resolution.from_dotenv
    if names:
        terminal.say(f"From {settings.resolution.dotenv.path}: {', '.join(names)}.")


def _lines(configuration: "Configuration", width: int) -> Iterator[str]:
    yield from _wrapped("Profile", configuration.profile, width)
    for origin, text in configuration.sources:
        yield from _wrapped(str(origin).capitalize(), text, width)
    yield ""
    for setting in configuration.settings:
        value = f"{printable(setting.shown)} ({setting.origin})" if setting.shown else "not set"
        yield from _wrapped(setting.variable, value, width)
        for origin, why in setting.ignored:
            yield from _wrapped("", f"Not used: {origin}, because {why}.", width)
        if setting.problem:
            yield from _wrapped("", f"Error: {setting.problem}", width)
    for heading, sentences in (
        ("Errors", configuration.problems),
        ("Warnings", configuration.warnings),
    ):
        if sentences:
            yield from ("", f"{heading}:")
        for sentence in sentences:
            yield from _filled(sentence, width)


def _wrapped(head: str, text: str, width: int) -> Iterator[str]:
    room = max(width - _COLUMN, 20)
    first, *rest = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{head:<{_COLUMN}}{first}".rstrip()
    yield from (" " * _COLUMN + line for line in rest)


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _document(configuration: "Configuration") -> str:
    from auditor.app.configuration import as_json

    document = {
        "schema": SCHEMA,
        "profile": configuration.profile,
        "sources": [{"source": origin, "found": text} for origin, text in configuration.sources],
        **as_json(configuration),
        "warnings": [*configuration.warnings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
