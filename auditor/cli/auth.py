"""`auditor auth`: store credentials in the operating system's keyring, and show their origin."""

import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import TextOrJson, TextOrJsonOption
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import AuditorError
from auditor.redaction.text import register_secret
from auditor.secrets import parsing
from auditor.secrets.parsing import LABELS, NAMES, VARIABLES

if TYPE_CHECKING:
    from auditor.config.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Credentials: store them in the system's keyring, see where they come from, remove them."
    "\n\nExample: **auditor auth login**",
)

MAX_ATTEMPTS = 3
"""How often an invalid value is prompted for."""


@app.command()
def login(
    ctx: typer.Context,
    stdin: Annotated[
        bool,
        typer.Option(
            "--stdin",
            help="Read the three values from standard input: three lines (account ID, client ID, "
            "client secret), or KEY=VALUE lines or a JSON object with ZOOM_ACCOUNT_ID, "
            "ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET.",
        ),
    ] = False,
    no_test: Annotated[
        bool, typer.Option("--no-test", help="Store them without testing them against Zoom.")
    ] = False,
    allow_plaintext_keyring: Annotated[
        bool,
        typer.Option(
            "--allow-plaintext-keyring",
            help="Store them even if the only keyring is an unencrypted file.",
        ),
    ] = False,
) -> None:
    """Store the credentials of the Server-to-Server OAuth app in the system's keyring.

    Asks for the three values of the app's page, the secret without showing it; asks Zoom for a
    token to see that they work, and says what the app may read. The secret is never an option:
    other users of a machine can see those.

    Examples:

    **auditor auth login**

    **auditor auth login --profile branch**

    **pass show zoom | auditor auth login --stdin**
    """
    from auditor.app import credentials
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    settings = config.load()
    credentials.check_can_be_stored(settings, allow_plaintext_keyring)
    values = _from_stdin() if stdin else _prompt(settings, terminal)
    register_secret(values["client_secret"])
    if no_test:
        terminal.say("Not tested: Zoom was not asked.")
    else:
        _test(settings, values, terminal)
    place, was_there = credentials.store(settings, values, allow_plaintext_keyring)
    done = "Replaced" if was_there else "Stored"
    terminal.print(f'{done} as profile "{settings.profile}" in: {place}')
    _report_precedence(settings, terminal)


@app.command()
def status(
    ctx: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not request a token from Zoom.")
    ] = False,
    format_: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Show the profile, the keyring, where each value comes from, and what the app may read.

    The secret is never shown. Exit codes: 2 a value is missing, 4 Zoom issues no token.

    Examples:

    **auditor auth status**

    **auditor auth status --offline --format json**
    """
    from auditor.app.credentials import read_status
    from auditor.cli import auth_status
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    status = read_status(config.load(), offline)
    if format_ is TextOrJson.JSON:
        echo_json(auth_status.document(status))
    else:
        typer.echo("\n".join(auth_status.text(status, terminal.text_width)))
    if status.problem is not None:
        raise status.problem


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the profiles in the keyring and in the config file.

    Example:

    **auditor auth list**
    """
    from auditor.config import settings as config
    from auditor.secrets import backends
    from auditor.secrets import credentials as keyring_store

    terminal: Terminal = ctx.obj
    settings = config.load()
    in_file = config.profiles(settings)
    missing = ""
    try:
        in_keyring = keyring_store.profiles()
        keyring = backends.keyring_status()
        # A disabled keyring raises nothing.
        if keyring.state is backends.KeyringState.NONE:
            missing = keyring.detail
    except backends.KeyringUnavailable as error:
        in_keyring, missing = [], error.reason
    for name in sorted({*in_keyring, *in_file}):
        places = [
            place
            for place, names in (("keyring", in_keyring), ("config file", in_file))
            if name in names
        ]
        mark = "*" if name == settings.profile else " "
        typer.echo(f"{mark} {name}  ({', '.join(places)})")
    if missing:
        terminal.say(missing)
    if not in_keyring and not in_file:
        way = "" if missing else " Store one with: auditor auth login"
        typer.echo(f"No profiles.{way}")


@app.command()
def logout(ctx: typer.Context) -> None:
    """Remove a profile's credentials from the keyring. The app itself stays as it is.

    Examples:

    **auditor auth logout**

    **auditor auth logout --profile branch**
    """
    from auditor.config import settings as config
    from auditor.secrets import credentials as keyring_store

    terminal: Terminal = ctx.obj
    settings = config.load()
    if not keyring_store.remove(settings.profile):
        terminal.print(f'The keyring holds nothing for profile "{settings.profile}".')
        return
    terminal.print(f'Removed profile "{settings.profile}" from the keyring.')
    terminal.say(
        "The app still works with these credentials elsewhere. To end that, deactivate it in the "
        "Zoom App Marketplace under Manage."
    )


def _from_stdin() -> dict[str, str]:
    try:
        content = sys.stdin.buffer.read(parsing.LONGEST + 1).decode("utf-8-sig")
        values = parsing.read(content)
    except UnicodeDecodeError:
        raise ConfigError("Standard input is not UTF-8 text.") from None
    except parsing.UnreadableCredentials as error:
        raise ConfigError(str(error)) from None
    faults = parsing.validation_errors(values)
    if faults:
        raise ConfigError(" ".join(faults.values()))
    return values


def _prompt(settings: "Settings", terminal: Terminal) -> dict[str, str]:
    """Prompt for the three values."""
    if not sys.stdin.isatty():
        raise ConfigError(
            "auditor auth login asks on a terminal, and there is none. Give the three values on "
            "standard input with --stdin."
        )
    _say_wrapped(
        terminal,
        "The three values stand on your app's page in the Zoom App Marketplace (Manage, your app, "
        "App Credentials).",
    )
    for _ in range(MAX_ATTEMPTS):
        values: dict[str, str] = {}
        for name in NAMES:
            values[name] = _prompt_until_plausible(name, settings, terminal)
            if _is_repeated(name, values, terminal):
                break
        else:
            return values
    raise ConfigError("Nothing was stored.")


def _prompt_until_plausible(name: str, settings: "Settings", terminal: Terminal) -> str:
    """A value that is valid on its own."""
    for _ in range(MAX_ATTEMPTS):
        value = _prompt_for(name, settings, terminal)
        alone = {each: f"({each})" for each in NAMES} | {name: value}
        fault = parsing.validation_errors(alone).get(name)
        if fault is None:
            return value
        terminal.complain(fault)
    raise ConfigError("Nothing was stored.")


def _is_repeated(name: str, values: Mapping[str, str], terminal: Terminal) -> bool:
    """True, with a message, if a value repeats an earlier one: one of the two must be wrong."""
    fault = parsing.validation_errors({each: values.get(each, f"({each})") for each in NAMES}).get(
        name
    )
    if fault is None:
        return False
    terminal.complain(fault)
    terminal.say("One of the two is wrong; enter all three again.")
    return True


def _prompt_for(name: str, settings: "Settings", terminal: Terminal) -> str:
    from auditor.app.credentials import beginning
    from auditor.secrets import credentials as keyring_store

    label = LABELS[name][0].upper() + LABELS[name][1:]
    if name == "client_secret":
        typed: str = typer.prompt(f"{label} (not shown)", hide_input=True, err=True)
    else:
        before = keyring_store.load(settings.profile, name)
        keeps = f" [Enter keeps {beginning(before)}]" if before else ""
        typed = typer.prompt(label + keeps, default=before, show_default=False, err=True)
    value = parsing.strip_quotes(typed)
    if value != typed:
        terminal.say(f"Blanks or quotes around the {LABELS[name]} were left out.")
    return value


def _test(settings: "Settings", values: Mapping[str, str], terminal: Terminal) -> None:
    from auditor.app.credentials import sign_in
    from auditor.cli.auth_status import scope_lines

    terminal.say(f"Asking Zoom for a token ({settings.oauth_url}).")
    try:
        scopes = sign_in(settings, values)
    except AuditorError:
        terminal.say("Nothing was stored. --no-test would store the credentials untested.")
        raise
    for line in scope_lines(scopes, terminal.text_width):
        typer.echo(line)


def _report_precedence(settings: "Settings", terminal: Terminal) -> None:
    """Report settings that override the stored values, or that are not stored with them."""
    from auditor.config import settings as config
    from auditor.config.sources import Origin

    where = config.origins()
    overriding = [f"{VARIABLES[name]} ({where[name]})" for name in NAMES if name in where]
    if overriding:
        _say_wrapped(
            terminal,
            f"Note: {', '.join(overriding)} goes before the keyring. Unset it to use what is "
            "stored.",
        )
    if settings.oauth_url != config.OAUTH_URL:
        _say_wrapped(
            terminal,
            f"The address {settings.oauth_url} is not stored with them. Keep it where it is set "
            f"now ({where.get('oauth_url', where.get('cloud', Origin.DEFAULT))}), or put "
            f"it in [profiles.{settings.profile}] of {settings.config_file}.",
        )


def _say_wrapped(terminal: Terminal, text: str) -> None:
    terminal.say(textwrap.fill(text, terminal.text_width, break_long_words=False))
