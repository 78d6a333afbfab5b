"""The table of commands, each of which is imported when it is called.

Importing all of them loads 1,000 modules, which is too slow for `--help`, `--version` and shell
completion. The table contains what these show of a command.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from auditor.cli.usage import label_values

label_values()


class Command(TyperCommand):
    """A command by name and help line; `imported` returns the command that parses options and
    runs."""

    def __init__(self, name: str, summary: str, panel: str | None = None) -> None:
        super().__init__(name, help=summary, rich_markup_mode="markdown", rich_help_panel=panel)

    def imported(self) -> Any:
        """The actual command: the `app` of the module of its name, or the function of that name."""
        assert self.name is not None
        python_name = self.name.replace("-", "_")
        module = import_module(f"auditor.cli.{python_name}")
        parent = typer.Typer(rich_markup_mode="markdown", callback=lambda: None)
        if hasattr(module, "app"):
            parent.add_typer(module.app, name=self.name)
        else:
            parent.command(self.name)(getattr(module, python_name))
        return typer.main.get_group(parent).commands[self.name]


GROUPS: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "init": "Write the first organisation file, in a conversation of at most ten questions.",
        "doctor": "Find out whether an audit would be complete, and what to do if it would not.",
        "auth": (
            "Credentials: store them in the system's keyring, see where they come from, remove "
            "them."
        ),
        "config": "The configuration: every setting, and where its value comes from.",
        "sandbox": "Serve a simulated Zoom account on this machine until interrupted with Ctrl-C.",
    },
    "Audit": {
        "audit": (
            "Read the account's settings, compare them with a baseline, report the deviations."
        ),
        "baseline": "The baselines: what the settings should be.",
        "control": "The controls: what they check, why, and how to fix a deviation.",
    },
    "Decide": {
        "decide": "Decide the parameters that a baseline leaves to the organisation.",
        "attest": "Answer the questions that no API answers, with evidence and an expiry date.",
        "waive": "Accept deviations for a time, with a reason and an owner.",
        "blind-spot": "Accept for a time that something cannot be seen.",
    },
    "Report": {
        "report": "Render a stored run again, in any format. Needs no network.",
        "ask": (
            "Answer common questions about Zoom, AI and consent from a stored run. Needs no "
            "network."
        ),
        "inventory": (
            "List what is on of AI, sharing and recording, for whom, who can change it. Needs "
            "no network."
        ),
        "explain": (
            "Explain the settings of a person or group: who decided, and who can change them. "
            "Needs no network."
        ),
        "diff": (
            "Show what changed between two runs of an account: deviations, unknowns, settings, "
            "scopes."
        ),
        "history": "The stored runs, their trend, their findings and their retention.",
        "bundle": (
            "Evidence bundles: create the key that signs them, and verify them. Write one with: "
            "auditor report --format bundle --output run.zip"
        ),
    },
    "Fix": {
        "fix": "Bring the account to its baseline: plan, apply, verify, and roll back.",
    },
    "Automate": {
        "nightly": (
            "Audit, store the run, send what changed since the last announced run, remove old runs."
        ),
        "watch": "Receive Zoom's webhooks, audit what they name at once, and send what got worse.",
        "gate": "Pass or fail for a pipeline, from the newest stored run or --live.",
        "fleet": "Many accounts: audited together, each with credentials and limits of its own.",
        "notify": (
            "Channels for messages about audits: mail, Slack, Teams, PagerDuty, webhooks… Their "
            "addresses hold secrets and stay in the keyring."
        ),
    },
}
"""Help lines of the commands by name and by what people do, in the order of `--help`. A line is the
first paragraph of the command's own help; a test checks this."""

COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}


class LazyGroup(TyperGroup):
    """A group that imports its commands when they are called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The imported command that `args` call, its name and the remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.imported() if isinstance(command, Command) else command, rest
