"""`auditor fleet`: many accounts, audited together."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli import output
from auditor.cli.encoding import echo_json
from auditor.cli.options import TextOrJson
from auditor.plain_text import pluralize, printable

if TYPE_CHECKING:
    from auditor.app.fleet_members import FleetMember

app = typer.Typer(
    help="Many accounts: audited together, each with credentials and limits of its own."
)

FleetOption = Annotated[
    Path | None,
    typer.Option(
        "--fleet",
        metavar="FILE",
        help="The fleet file. [default: AUDITOR_FLEET, else fleet.yaml in this directory]",
        show_default=False,
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only accounts with this tag; may be repeated."),
]


@app.command("list")
def list_(
    fleet: FleetOption = None,
    tag: TagOption = None,
    format_: Annotated[
        TextOrJson, typer.Option("--format", "-f", help="The output format.")
    ] = TextOrJson.TEXT,
) -> None:
    """List the accounts of the fleet: where their credentials are, and what they are judged with.

    Nothing is read from Zoom.

    Examples:

    **auditor fleet list**

    **auditor fleet list --fleet fleet.yaml --tag clinical**
    """
    from auditor.app.fleet_members import FleetMembers

    members = list(FleetMembers.chosen(fleet, tag or ()))
    if format_ is TextOrJson.JSON:
        echo_json(json.dumps([_as_json(each) for each in members], indent=2, ensure_ascii=False))
        return
    with output.ignore_broken_pipe():
        typer.echo(_table(members))


@app.command()
def schema() -> None:
    """Print the JSON Schema of fleet files, for editors that check YAML.

    Example:

    **auditor fleet schema > fleet.schema.json**
    """
    from auditor.app import fleet_members

    echo_json(json.dumps(fleet_members.schema(), indent=2, ensure_ascii=False))


def _as_json(member: "FleetMember") -> dict[str, Any]:
    account = member.account
    return {
        "name": account.name,
        "account_id": account.account_id,
        "credentials": account.credentials.model_dump(exclude_none=True),
        "problem": member.problem or None,
        "baseline": member.fleet.baseline_of(account) or member.fleet.common_baseline,
        "org": [str(path) for path in _files(member)],
        "plan": member.fleet.plan_of(account),
        "tags": list(account.tags),
    }


def _files(member: "FleetMember") -> list[Path]:
    """The organisation files of an account, the lowest first."""
    files = member.fleet.common_org or member.base.org, member.fleet.org_of(member.account)
    return [file for file in files if file is not None]


def _table(members: Sequence["FleetMember"]) -> str:
    from tabulate import tabulate

    rows = [
        (
            member.name,
            member.account.credentials.label,
            "no" if member.problem else "yes",
            _policy(member),
            member.fleet.plan_of(member.account) or "",
            printable(", ".join(member.account.tags)),
        )
        for member in members
    ]
    head = ("account", "credentials", "usable", "judged with", "plan", "tags")
    faulty = [member for member in members if member.problem]
    text = f"{tabulate(rows, head)}\n\n{pluralize(len(rows), 'account')}"
    if faulty:
        text += f", {len(faulty)} of which cannot be audited:"
    return "\n".join([text, *(f"  {member.name}: {member.problem}" for member in faulty)])


def _policy(member: "FleetMember") -> str:
    named = member.fleet.baseline_of(member.account) or member.fleet.common_baseline
    words = [Path(named).name] if named else []
    return printable(" + ".join([*words, *(file.name for file in _files(member))])) or "default"
