"""`auditor attest`: go through what no API shows, and write down who looked and what they saw."""

import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from auditor import config
from auditor.cli import output
from auditor.cli.choices import BaselineOption, OnlyOption, OrgOption, Selection
from auditor.cli.terminal import Terminal
from auditor.evidence.scope import Level
from auditor.policy import files, organisation, yaml_source
from auditor.policy.baseline import Assessed
from auditor.policy.match import Match
from auditor.policy.settlements import WARN_DAYS, Attestation
from auditor.run import Judgement

WHOLE_ACCOUNT = Match(level=Level.ACCOUNT)


def attest(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The attestations file to write or to add to.")
    ] = Path("attestations.yaml"),
    by: Annotated[str | None, typer.Option("--by", metavar="ADDRESS", help="Who answers.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list what is due.")] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    only: OnlyOption = None,
) -> None:
    """Answer the questions that no API can: one by one, with evidence and an expiry date.

    An empty answer skips a question. The file is part of an organisation file: name it there
    under `include:`.

    Examples:

    **auditor attest --list**

    **auditor attest attestations.yaml --by dpo@example.com**
    """
    terminal: Terminal = ctx.obj
    settings = config.load()
    judgement = Selection(baseline=baseline, org=org, only=only or []).judgement(
        Level.ACCOUNT, settings.baseline, settings.org
    )
    catalogue = files.shipped_catalogue()
    if not list_:
        output.check_writable(path)
    kept = organisation.entries(path, "attestations", catalogue).attestations
    today = datetime.now(UTC).date()
    due = list(_due(judgement, kept, today))
    width = min(terminal.width, 100)
    if list_ or not due:
        for each, state in due:
            typer.echo(textwrap.fill(f"{each.control.id}  {state}  {each.control.title}", width))
        typer.echo(f"{len(due)} attestations are due.")
        return
    author = by or typer.prompt("Your e-mail address")
    rows: list[dict[str, Any]] = [
        each.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for each in kept
    ]
    answered = 0
    for number, (each, state) in enumerate(due, 1):
        typer.echo(f"\n{number} of {len(due)}: {each.control.id} ({state}), {each.severity}")
        row = _asked(each, author, today, width)
        if row is not None:
            rows = [old for old in rows if not _answers_the_same(old, row)] + [row]
            answered += 1
            comment = "What no API shows, and who looked. Include it in the organisation file."
            content = yaml_source.dumped({"attestations": rows}, comment)
            output.write_bytes(path, content)
    typer.echo(f"\n{answered} of {len(due)} answered.")
    if answered:
        typer.echo(f"{path} written. Name it in the organisation file: include: [{path.name}]")


def _answers_the_same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return old["control"] == new["control"] and "scope" not in old


def _due(
    judgement: Judgement, kept: tuple[Attestation, ...], today: date
) -> Iterator[tuple[Assessed, str]]:
    """The attestation controls that nobody answered, or whose answer ends soon, with its state."""
    answers = (*judgement.organisation.attestations, *kept)
    lasting = sorted(answers, key=lambda each: each.expires)
    known = {each.control: each for each in lasting if each.scope == WHOLE_ACCOUNT}
    for control_id, each in judgement.baseline.assessed.items():
        if each.control.attestation is None:
            continue
        found = known.get(control_id)
        if found is None:
            yield each, "missing"
        elif found.expires < today:
            yield each, f"expired {found.expires}"
        elif found.expires - today <= timedelta(days=WARN_DAYS):
            yield each, f"expires {found.expires}"


def _asked(each: Assessed, author: str, today: date, width: int) -> dict[str, Any] | None:
    question = each.control.attestation
    assert question is not None
    for text in (
        each.control.title + ".",
        question.question,
        f"Expected: {each.attest}.",
        f"Evidence: {question.evidence}",
    ):
        typer.echo(textwrap.fill(text, width))
    statement = typer.prompt("Answer (empty to skip)", default="", show_default=False)
    if not statement.strip():
        return None
    evidence = typer.prompt("Where is the evidence (link or file)", value_proc=_said)
    proposed = (today + timedelta(days=question.renew_days)).isoformat()
    expires = typer.prompt("Look again by", default=proposed, value_proc=_later_than(today))
    return {
        "control": each.control.id,
        "statement": statement.strip(),
        "evidence": evidence,
        "by": author,
        "on": today.isoformat(),
        "expires": expires,
    }


def _said(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("Name a link or a file: whoever reads the answer will look there.")
    return text.strip()


def _later_than(today: date) -> Any:
    """Reads a date after `today`; the prompt asks again until it is one."""

    def read(text: str) -> str:
        try:
            found = date.fromisoformat(text.strip())
        except ValueError:
            raise typer.BadParameter("Give a date such as 2027-01-31.") from None
        if found <= today:
            raise typer.BadParameter(f"Give a date after {today}.")
        return found.isoformat()

    return read
