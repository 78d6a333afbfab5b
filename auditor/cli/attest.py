"""`auditor attest`: ask the questions that no API answers, and record the answers with evidence."""

import difflib
import textwrap
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from auditor.app.selection import Selection
from auditor.cli import output
from auditor.cli.options import BaselineOption, OnlyOption, OrgOption
from auditor.cli.terminal import Terminal
from auditor.config import settings as config
from auditor.evidence.scope import Level
from auditor.policy.baseline import organisation, yaml_edit
from auditor.policy.baseline.attestations import Unanswered, due, questions
from auditor.policy.baseline.waivers import Attestation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError, nearest

KEY = "attestations"
COMMENT = "# What no API shows, and who looked. Include it in the organisation file.\n"


def attest(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The attestations file to write or to add to.")
    ] = Path("attestations.yaml"),
    by: Annotated[str | None, typer.Option("--by", metavar="ADDRESS", help="Who answers.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list what is due.")] = False,
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate", help="Add as_expected to older entries of FILE that do not have it."
        ),
    ] = False,
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="ID", help="Write one answer, asking nothing."),
    ] = None,
    setting: Annotated[
        str | None, typer.Option("--setting", metavar="PATH", help="Of the control, this setting.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="The answer is for this group.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ADDRESS", help="The answer is for this user.")
    ] = None,
    as_expected: Annotated[
        bool | None,
        typer.Option(
            "--as-expected/--not-as-expected", help="Whether what was seen is as expected."
        ),
    ] = None,
    statement: Annotated[
        str | None, typer.Option("--statement", metavar="TEXT", help="What was seen.")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", metavar="TEXT", help="Where it can be looked up.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="When to look again.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write what --migrate changes without asking.")
    ] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    only: OnlyOption = None,
) -> None:
    """Answer the questions that no API can: one by one, with evidence and an expiry date.

    They are those of a report: controls that only a person can answer, and locks that Zoom does
    not show. Each answer says whether things are as expected; "no" is a deviation. An empty answer
    skips a question. Answers are added to FILE, whose comments and order stay as they are: the
    organisation file itself, or one that it names under `include:`.

    Examples:

    **auditor attest --list**

    **auditor attest attestations.yaml --by dpo@example.com**

    **auditor attest org.yaml --migrate**

    **auditor attest org.yaml --control AI-19 --not-as-expected --statement "In use in HR."
    --evidence DPO-31 --by dpo@example.com --expires 2027-05-02**
    """
    terminal: Terminal = ctx.obj
    settings = config.load()
    today = datetime.now(UTC).date()
    width = min(terminal.width, 100)
    catalogue = files.shipped_catalogue()
    if not list_:
        output.check_writable(path)
    file = _AttestationFile.read(path)
    existing = organisation.load(path, catalogue).attestations if file.text else ()
    if migrate:
        _migrate(file, existing, as_expected, yes=yes)
        return
    judgement = Selection(baseline=baseline, org=org, only=only or []).judgement(
        Level.ACCOUNT, settings.baseline, settings.org
    )
    expectations = list(judgement.overrides.union().assessed.values())
    answers = dict.fromkeys((*judgement.organisation.attestations, *existing))
    if control is not None:
        known = {item.control.id for item in questions(expectations)} | set(catalogue.controls)
        if control not in known:
            raise PolicyError([f'No control is called "{control}".{nearest(control, known)}'])
        scope = {key: name for key, name in (("group", group), ("user", user)) if name}
        required = {
            "--as-expected or --not-as-expected": as_expected,
            "--statement": statement,
            "--evidence": evidence,
            "--by": by,
            "--expires": expires,
        }
        missing = [name for name, value in required.items() if value is None]
        if missing:
            raise PolicyError([f"With --control, give {', '.join(missing)} as well."])
        entry = {
            "control": control,
            **({"setting": setting} if setting else {}),
            "as_expected": as_expected,
            "statement": statement,
            "evidence": evidence,
            "by": by,
            "on": today.isoformat(),
            "expires": _date_after(today)(str(expires)),
            **({"scope": scope} if scope else {}),
        }
        typer.echo(file.add(entry))
        _report_written(path, file, judgement.organisation.attestations)
        return
    unanswered = list(due(expectations, answers, today))
    if list_ or not unanswered:
        for item in unanswered:
            line = f"{item.label}  {item.state}  {item.control.title}"
            typer.echo(textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False))
        typer.echo(f"{len(unanswered)} attestations are due.")
        return
    author = by or typer.prompt("Your e-mail address")
    answered = 0
    for number, item in enumerate(unanswered, 1):
        typer.echo(f"\n{number} of {len(unanswered)}: {item.label} ({item.state}), {item.severity}")
        row = _ask(item, author, today, width)
        if row is not None:
            file.add(row)
            answered += 1
    typer.echo(f"\n{answered} of {len(unanswered)} answered.")
    if answered:
        _report_written(path, file, judgement.organisation.attestations)


def _report_written(path: Path, file: "_AttestationFile", known: tuple[Attestation, ...]) -> None:
    typer.echo(f"{path} written.")
    if file.holds_only_attestations and not known:
        typer.echo(f"Name it in the organisation file: include: [{path.name}]")


@dataclass
class _AttestationFile:
    """The file that answers are added to."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> "_AttestationFile":
        """Read the file; empty if it does not exist.

        Raises:
            PolicyError: it cannot be read.
        """
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path, "")
        except UnicodeDecodeError as error:
            raise PolicyError([f"{path}: not UTF-8 text."]) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise PolicyError([f"{path}: cannot be read: {reason}."]) from error

    @property
    def holds_only_attestations(self) -> bool:
        """True if it contains nothing else, so that an organisation file must include it."""
        return set(organisation.contents(self.path)) <= {KEY}

    @property
    def count(self) -> int:
        """Number of attestations in the file itself; those of included files come after them."""
        own = organisation.contents(self.path).get(KEY)
        return len(own) if isinstance(own, list) else 0

    def add(self, entry: dict[str, Any]) -> str:
        """Append an answer to the file; returns the change.

        An answer of the same day to the same question is replaced: it was a mistake.
        """
        text = self.text or COMMENT
        catalogue = files.shipped_catalogue()
        existing = organisation.load(self.path, catalogue).attestations if self.text else ()
        new = Attestation.model_validate(entry)
        for position in reversed(range(min(len(existing), self.count if self.text else 0))):
            if _slot(existing[position]) == _slot(new):
                text = yaml_edit.remove_entry(text, KEY, position, str(self.path))
        return self.write(yaml_edit.append_entry(text, KEY, entry, str(self.path)))

    def write(self, text: str) -> str:
        """Write the whole file; returns the change as a unified diff.

        Raises:
            PolicyError: the new content would be invalid.
            OutputError: the file cannot be written.
        """
        organisation.check_text(text, str(self.path), files.shipped_catalogue())
        change = difflib.unified_diff(self.text.splitlines(), text.splitlines(), lineterm="", n=1)
        output.write_bytes(self.path, text.encode())
        self.text = text
        return "\n".join(list(change)[2:])


def _slot(attestation: Attestation) -> tuple[object, ...]:
    return attestation.control, attestation.setting, attestation.scope, attestation.on


def _migrate(
    file: _AttestationFile, existing: tuple[Attestation, ...], answer: bool | None, *, yes: bool
) -> None:
    """Ask for each older entry whether it is as expected, and add the answer to it."""
    own = existing[: file.count] if file.text else ()
    older = [
        position for position, attestation in enumerate(own) if attestation.as_expected is None
    ]
    text, added = file.text, 0
    for position in older:
        attestation = existing[position]
        typer.echo(
            f"\n{attestation.control} ({attestation.scope.label}), {attestation.by} on "
            f"{attestation.on}:"
        )
        typer.echo(f"  {attestation.statement}")
        is_expected = answer if answer is not None else _as_expected()
        if is_expected is None:
            continue
        text = yaml_edit.set_in_entry(
            text, KEY, position, "as_expected", is_expected, after="control", name=str(file.path)
        )
        added += 1
    if not added:
        typer.echo(f"{len(older)} entries without as_expected; nothing changed.")
        return
    change = difflib.unified_diff(file.text.splitlines(), text.splitlines(), lineterm="", n=0)
    typer.echo("\n" + "\n".join(list(change)[2:]))
    if not yes and not typer.confirm(f"Write this to {file.path}?", default=False):
        typer.echo("Nothing written.")
        return
    file.write(text)
    typer.echo(f"{added} of {len(older)} entries say now whether they are as expected.")


def _ask(item: Unanswered, author: str, today: date, width: int) -> dict[str, Any] | None:
    for text in (
        item.control.title + ".",
        item.question,
        f"Expected: {item.expected}.",
        f"Evidence: {item.evidence}",
    ):
        typer.echo(textwrap.fill(text, width))
    is_expected = _as_expected()
    if is_expected is None:
        return None
    statement = typer.prompt("What did you see, in a sentence", value_proc=_answer_text)
    evidence = typer.prompt("Where is the evidence (link or file)", value_proc=_answer_text)
    proposed = (today + timedelta(days=item.renew_days)).isoformat()
    expires = typer.prompt("Look again by", default=proposed, value_proc=_date_after(today))
    return {
        "control": item.control.id,
        **({"setting": item.setting} if item.is_lock else {}),
        "as_expected": is_expected,
        "statement": statement,
        "evidence": evidence,
        "by": author,
        "on": today.isoformat(),
        "expires": expires,
    }


def _as_expected() -> bool | None:
    """Ask whether the setting is as expected; None if the question is skipped."""
    answer: str = typer.prompt(
        "Is it as expected? (yes, no; empty to skip)",
        default="",
        show_default=False,
        value_proc=_yes_or_no,
    )
    return {"yes": True, "no": False}.get(answer)


def _yes_or_no(text: str) -> str:
    known = {"y": "yes", "yes": "yes", "n": "no", "no": "no", "": ""}
    answer = known.get(text.strip().casefold())
    if answer is None:
        raise typer.BadParameter("Answer yes or no: what you saw comes next.")
    return answer


def _answer_text(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("Say something: whoever reads the answer will look there.")
    return text.strip()


def _date_after(today: date) -> Any:
    """A parser for dates after `today`; the prompt repeats until it succeeds."""

    def read(text: str) -> str:
        try:
            chosen = date.fromisoformat(text.strip())
        except ValueError:
            raise typer.BadParameter("Give a date such as 2027-01-31.") from None
        if chosen <= today:
            raise typer.BadParameter(f"Give a date after {today}.")
        return chosen.isoformat()

    return read
