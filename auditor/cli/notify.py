"""`auditor notify`: the channels for messages about audits; and the announcer that commands
share."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer
from pydantic import SecretStr
from tabulate import tabulate

from auditor.cli.terminal import Terminal
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.errors import ExitCode
from auditor.notify import channel_store, heartbeat, message, sending
from auditor.notify.channels import Channel, Delivery, NotifyError
from auditor.notify.heartbeat import signal_for
from auditor.notify.triggers import DEFAULT, RunEvent, Trigger

app = typer.Typer(
    no_args_is_help=True,
    help="Channels that messages about audits go to: mail, Slack, Teams, PagerDuty, webhooks… "
    "Their addresses hold secrets and stay in the keyring."
    "\n\nExample: **auditor notify add ops-mail**",
)

NotifyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="NAME|URL",
        help="Tell this channel what changed: one of auditor notify list, or an address of "
        "Apprise. May be repeated. [default: AUDITOR_NOTIFY, else all channels kept]",
        show_default=False,
    ),
]
NotifyOnOption = Annotated[
    str | None,
    typer.Option(
        "--notify-on",
        metavar="OCCASION,…",
        help="When to tell: regressions, incomplete, waivers, recovery, always. "
        "[default: all but always]",
        show_default=False,
    ),
]
NotifyNamesOption = Annotated[
    bool,
    typer.Option(
        "--notify-names",
        help="Name people in messages. Without it they are counted: many may read a channel.",
    ),
]
HeartbeatOption = Annotated[
    str | None,
    typer.Option(
        "--heartbeat",
        metavar="URL",
        help="Call this address of a dead man's switch when the audit is over; with /fail behind "
        "its path where it did not end well. [default: AUDITOR_HEARTBEAT]",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Announcer:
    """The channels, triggers and heartbeat of a job; validated before the audit starts."""

    channels: Sequence[Channel] = field(repr=False, default=())
    triggers: frozenset[Trigger] = DEFAULT
    names: bool = False
    heartbeat: str | None = field(repr=False, default=None)

    @classmethod
    def chosen(
        cls,
        settings: Settings,
        channels: Sequence[str] | None = None,
        triggers: str | None = None,
        names: bool = False,
        heartbeat_url: str | None = None,
    ) -> "Announcer":
        """The channels and triggers of the command line and the environment, validated before any
        reading.

        Raises:
            NotifyError: a channel, a trigger or the heartbeat's address is invalid.
        """
        found = channel_store.resolve(channels or (), _secret(settings.notify))
        sending.check(found)
        url = heartbeat_url or _secret(settings.heartbeat)
        if url:
            heartbeat.check(url)
        return cls(found, parse_triggers(triggers), names, url)

    def announce(self, event: RunEvent, exit_code: int, terminal: Terminal) -> list[Delivery]:
        """Announce the event and send the heartbeat; print what failed. Never raises.

        Takes a second as a rule, and about a minute at most.
        """
        deliveries = sending.notify(self.channels, event, self.triggers, names=self.names)
        for each in deliveries:
            if each.sent:
                terminal.say(f"Told {each.channel} ({each.shown}).")
            else:
                terminal.complain(f"{each.channel} ({each.shown}) was not told. {each.reason}")
        if self.heartbeat:
            ping = heartbeat.ping(self.heartbeat, signal_for(exit_code))
            if not ping.arrived:
                terminal.complain(f"the heartbeat did not arrive. {ping.reason}")
        return deliveries


def parse_triggers(text: str | None) -> frozenset[Trigger]:
    """The triggers that `--notify-on` names.

    Raises:
        NotifyError: one of them does not exist.
    """
    if text is None:
        return DEFAULT
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    known = [occasion.value for occasion in Trigger]
    for word in words:
        if word not in known:
            raise NotifyError(f'--notify-on "{word}" is no occasion: {", ".join(known)}.')
    if not words:
        raise NotifyError(f"--notify-on is empty. Name some of: {', '.join(known)}.")
    return frozenset(map(Trigger, words))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What you call it, such as ops-mail.")],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the address from standard input.")
    ] = False,
) -> None:
    """Keep a channel in the keyring. Its address is asked for, and not shown.

    The forms of addresses are on https://appriseit.com/services/.

    Examples:

    **auditor notify add ops-mail**

    **pass show zoom/slack | auditor notify add slack --stdin**
    """
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
    typer.echo(f"Kept {name} ({channel.shown}). Try it with: auditor notify test {name}")


@app.command("list")
def list_() -> None:
    """List the channels that would be told: their names and services, never their addresses.

    Example: **auditor notify list**
    """
    variable = _secret(config.load().notify)
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
    channel_store.forget(name)
    typer.echo(f"Removed {name}.")


@app.command("test")
def try_out(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Channels to test; all of them without any."),
    ] = None,
) -> None:
    """Send a test message, and say what became of it.

    Exit codes: 0 sent to all, 2 no such channel or none at all, 4 not sent to some.

    Examples:

    **auditor notify test**

    **auditor notify test ops-mail slack**
    """
    channels = channel_store.resolve(names or (), _secret(config.load().notify))
    if not channels:
        raise NotifyError(
            f"There is no channel to test. Add one with: auditor notify add NAME, or set "
            f"{channel_store.VARIABLE}."
        )
    failed = False
    for each in sending.deliver(channels, message.sample_message()):
        failed = failed or not each.sent
        typer.echo(
            f"{each.channel} ({each.shown}): {'sent' if each.sent else f'NOT SENT. {each.reason}'}"
        )
    raise typer.Exit(ExitCode.NOTHING_EVALUATED if failed else ExitCode.OK)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None
