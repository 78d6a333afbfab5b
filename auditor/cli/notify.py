"""`auditor notify`: the channels for messages about audits."""

import sys
from typing import Annotated

import typer

from auditor.cli.terminal import Terminal
from auditor.errors import ExitCode

app = typer.Typer(
    no_args_is_help=True,
    help="Channels for messages about audits: mail, Slack, Teams, PagerDuty, webhooks… "
    "Their addresses hold secrets and stay in the keyring."
    "\n\nExample: **auditor notify add ops-mail**",
)

NotifyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="NAME|URL",
        help="Send what changed to this channel: a stored one (auditor notify list) or an Apprise "
        "URL. May be repeated. [default: AUDITOR_NOTIFY, else all stored channels]",
        show_default=False,
    ),
]
NotifyOnOption = Annotated[
    str | None,
    typer.Option(
        "--notify-on",
        metavar="OCCASION,…",
        help="When to send: regressions, incomplete, waivers, recovery, always. "
        "[default: all but always]",
        show_default=False,
    ),
]
NotifyNamesOption = Annotated[
    bool,
    typer.Option(
        "--notify-names",
        help="Name people in messages. By default they are only counted, because many may read a "
        "channel.",
    ),
]
HeartbeatOption = Annotated[
    str | None,
    typer.Option(
        "--heartbeat",
        metavar="URL",
        help="Call this address of a dead man's switch after the audit, with /fail appended to the "
        "path if the audit failed. [default: AUDITOR_HEARTBEAT]",
        show_default=False,
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The channel's name, such as ops-mail.")],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the address from standard input.")
    ] = False,
) -> None:
    """Store a channel in the keyring. Prompts for its address without showing it.

    The address formats are listed at https://appriseit.com/services/.

    Examples:

    **auditor notify add ops-mail**

    **pass show zoom/slack | auditor notify add slack --stdin**
    """
    from auditor.notify import channel_store, sending
    from auditor.notify.channels import Channel, NotifyError

    channel_store.check_writable(name)
    if stdin:
        url = sys.stdin.read().strip()
    else:
        url = str(typer.prompt("Address", hide_input=True, err=True)).strip()
    if len(url.split()) > 1:
        raise NotifyError("Give one address. Each channel has a name of its own.")
    channel = Channel(name, url)
    sending.check([channel])
    channel_store.save(channel)
    Terminal().print(f"Kept {name} ({channel.shown}). Try it with: auditor notify test {name}")


@app.command("list")
def list_() -> None:
    """List the channels in use: their names and services, never their addresses.

    Example: **auditor notify list**
    """
    from tabulate import tabulate

    from auditor.notify import channel_store

    variable = _configured_channels()
    channels = channel_store.resolve((), variable) if variable else channel_store.load()
    if not channels:
        typer.echo("No channels. Add one with: auditor notify add NAME")
        return
    rows = [(channel.name, channel.shown) for channel in channels]
    typer.echo(tabulate(rows, headers=("Channel", "Service"), disable_numparse=True))
    if variable:
        typer.echo(f"\n{channel_store.VARIABLE} is set. It counts in place of the channels kept.")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The channel's name.")]) -> None:
    """Remove a channel from the keyring.

    Example: **auditor notify remove ops-mail**
    """
    from auditor.notify import channel_store

    channel_store.forget(name)
    typer.echo(f"Removed {name}.")


@app.command("test")
def try_out(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="The channels to test; by default all of them."),
    ] = None,
) -> None:
    """Send a test message, and report the result.

    Exit codes: 0 sent to all, 2 no such channel or no channel, 4 a message could not be sent.

    Examples:

    **auditor notify test**

    **auditor notify test ops-mail slack**
    """
    from auditor.notify import channel_store, message, sending
    from auditor.notify.channels import NotifyError

    channels = channel_store.resolve(names or (), _configured_channels())
    if not channels:
        raise NotifyError(
            f"There is no channel to test. Add one with: auditor notify add NAME, or set "
            f"{channel_store.VARIABLE}."
        )
    failed = False
    for each in sending.deliver(channels, message.sample_message()):
        failed = failed or not each.sent
        Terminal().print(
            f"{each.channel} ({each.shown}): {'sent' if each.sent else f'NOT SENT. {each.reason}'}"
        )
    raise typer.Exit(ExitCode.NOTHING_EVALUATED if failed else ExitCode.OK)


def _configured_channels() -> str | None:
    from auditor.config import settings as config

    configured = config.load().notify
    return configured.get_secret_value() if configured else None
