"""`auditor attest`: ask the questions that no API answers, and record the answers with evidence."""

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli import output
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    OnlyOption,
    OrgOption,
    SandboxRunsOption,
)
from auditor.cli.terminal import Terminal
from auditor.cli.writing import LicencesOption, Writing, date_after, known_licences
from auditor.config import ConfigError
from auditor.errors import AuditorError
from auditor.plain_text import pluralize

if TYPE_CHECKING:
    from auditor.app.attestations import AttestationFile, DueQuestion
    from auditor.app.forecast import JudgedEvidence, NoEvidence
    from auditor.app.organisation_files import Edit


def attest(
    ctx: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The file to create or extend. [default: the organisation file, else "
            "attestations.yaml]",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="ADDRESS", help="The person who answers.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Only list the questions that are due.")
    ] = False,
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate", help="Add as_expected to older entries of FILE that do not have it."
        ),
    ] = False,
    control: Annotated[
        str | None,
        typer.Option(
            "--control", metavar="ID", help="Write one answer, to this control, without prompts."
        ),
    ] = None,
    setting: Annotated[
        str | None,
        typer.Option(
            "--setting", metavar="PATH", help="The answer is for this setting of the control."
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="The answer is for this group.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ADDRESS", help="The answer is for this user.")
    ] = None,
    licence: LicencesOption = None,
    as_expected: Annotated[
        bool | None,
        typer.Option("--as-expected/--not-as-expected", help="Whether the setting is as expected."),
    ] = None,
    statement: Annotated[
        str | None, typer.Option("--statement", metavar="TEXT", help="What you saw.")
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option("--evidence", metavar="TEXT", help="Where the proof is, such as a ticket."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="When the answer expires.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write the changes of --migrate without confirmation.")
    ] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    only: OnlyOption = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
) -> None:
    """Answer the questions that no API answers, with evidence and an expiry date.

    They are those of a report: controls that only a person can answer, and locks that Zoom does
    not show. Each answer says whether things are as expected; "no" is a deviation. An empty answer
    skips a question. Answers are added to FILE, whose comments and order stay as they are: the
    organisation file itself, or one that it names under `include:`. Each is shown as a change and
    written at once; what the answers do to the next verdict is shown at the end.

    Examples:

    **auditor attest --list**

    **auditor attest attestations.yaml --by dpo@example.com**

    **auditor attest org.yaml --migrate**

    **auditor attest org.yaml --control AI-19 --not-as-expected --statement "In use in HR."
    --evidence DPO-31 --by dpo@example.com --expires 2027-05-02**
    """
    from auditor.app import forecast
    from auditor.app.attestations import AttestationFile, Questionnaire
    from auditor.app.organisation_files import EditableFile
    from auditor.app.selection import Selection
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    settings = config.load()
    today = datetime.now(UTC).date()
    path = path or org or settings.org or Path("attestations.yaml")
    if not list_:
        output.check_writable(path)
    file = AttestationFile(path)
    if migrate:
        _migrate(file, as_expected, yes=yes)
        return
    organisation_file = EditableFile(org or settings.org or path)
    writing = Writing(terminal, settings, organisation_file, False, account, sandbox)
    questionnaire = Questionnaire(Selection(baseline=baseline, org=org, only=only or []), settings)
    if control is not None:
        questionnaire.check_control(control)
        licences = known_licences(licence)
        one_or_many = licences[0] if len(licences) == 1 else licences
        named = (("group", group), ("user", user), ("licence", one_or_many))
        scope = {key: name for key, name in named if name}
        required = {
            "--as-expected or --not-as-expected": as_expected,
            "--statement": statement,
            "--evidence": evidence,
            "--by": by,
            "--expires": expires,
        }
        missing = [name for name, value in required.items() if value is None]
        if missing:
            raise ConfigError(f"With --control, give {', '.join(missing)} as well.")
        if not scope and setting is None:
            setting = questionnaire.setting_of(control)
        entry = {
            "control": control,
            **({"setting": setting} if setting else {}),
            "as_expected": as_expected,
            "statement": statement,
            "evidence": evidence,
            "by": by,
            "on": today.isoformat(),
            "expires": date_after(today)(str(expires)),
            **({"scope": scope} if scope else {}),
        }
        edit = file.with_answer(entry)
        with _evidence(writing, file) as stored_run:
            if stored_run is None:
                writing.show_change(edit)
            else:
                effect = forecast.effect(stored_run, edit)
                writing.show(edit, effect)
                writing.refuse(effect)
        _write(file, edit)
        _report_written(file, has_others=questionnaire.has_answers)
        _name_next(writing, file)
        return
    unanswered = questionnaire.due(file, today)
    if list_ or not unanswered:
        seen = _seen(writing) if unanswered else {}
        for item in unanswered:
            line = f"{item.label}: {item.state}. {item.title}"
            shown = "" if item.lock else seen.get(item.control, "")
            where = f"Where to look: {item.place}" if item.place else ""
            for indent, text in zip(
                ("", "  ", "  ", "  "), (line, item.question, shown, where), strict=True
            ):
                if not text:
                    continue
                wrapped = textwrap.fill(
                    text,
                    terminal.text_width,
                    initial_indent=indent,
                    subsequent_indent="  ",
                    break_long_words=False,
                )
                typer.echo(wrapped)
        verb = "is" if len(unanswered) == 1 else "are"
        typer.echo(f"{pluralize(len(unanswered), 'attestation')} {verb} due.")
        if not list_:
            _name_next(writing, file)
        return
    author = by or typer.prompt("Your e-mail address")
    with _evidence(writing, file) as stored_run:
        answered = 0
        for number, item in enumerate(unanswered, 1):
            name = f"{item.control}, lock" if item.lock else item.control
            head = f"{number} of {len(unanswered)}: {name} ({item.state}), {item.severity}"
            typer.echo(f"\n{head}")
            row = _ask(item, author, today, terminal.text_width)
            if row is not None:
                edit = file.with_answer(row)
                writing.show_change(edit)
                _write(file, edit)  # at once: whoever stops in the middle loses no answer
                answered += 1
        typer.echo(f"\n{answered} of {len(unanswered)} answered.")
        if not answered:
            return
        if stored_run is not None:
            for line in forecast.effect(stored_run, file.with_text(file.text)).lines:
                writing.say(line)
    _report_written(file, has_others=questionnaire.has_answers)
    _name_next(writing, file)


@contextmanager
def _evidence(
    writing: Writing, file: "AttestationFile"
) -> "Iterator[JudgedEvidence | NoEvidence | None]":
    """The newest run, to show the effect; None unless FILE is the organisation file."""
    if _is_part(writing, file) or writing.file.path != file.path:
        yield None
        return
    with writing.evidence_if_any() as evidence:
        yield evidence


def _seen(writing: Writing) -> "Mapping[str, str]":
    """What the newest run saw of the settings of each control; empty without a readable run."""
    from auditor.app.attestations import seen_in
    from auditor.app.forecast import JudgedEvidence

    try:
        with writing.evidence_if_any() as evidence:
            return seen_in(evidence) if isinstance(evidence, JudgedEvidence) else {}
    except AuditorError:  # the questions can be listed without it
        return {}


def _write(file: "AttestationFile", edit: "Edit") -> None:
    output.rewrite_bytes(file.path, edit.text.encode())
    file.reload()


def _name_next(writing: Writing, file: "AttestationFile") -> None:
    """Name the next command, if the organisation file is known."""
    if not _is_part(writing, file):
        writing.name_next_step()


def _is_part(writing: Writing, file: "AttestationFile") -> bool:
    """True if an organisation file that is not known has to include FILE."""
    return writing.file.path == file.path and (not file.exists or file.holds_only_attestations)


def _report_written(file: "AttestationFile", *, has_others: bool) -> None:
    typer.echo(f"{file.path} written.")
    if file.holds_only_attestations and not has_others:
        typer.echo(f"Name it in the organisation file: include: [{file.path.name}]")


def _migrate(file: "AttestationFile", answer: bool | None, *, yes: bool) -> None:
    """Ask for each older entry whether it is as expected, and add the answer to it."""
    older = file.older_entries
    answers = {}
    for entry in older:
        typer.echo(f"\n{entry.label}:")
        typer.echo(f"  {entry.statement}")
        is_expected = answer if answer is not None else _as_expected()
        if is_expected is not None:
            answers[entry.position] = is_expected
    if not answers:
        typer.echo(f"{len(older)} entries without as_expected; nothing changed.")
        return
    edit = file.with_as_expected(answers)
    typer.echo("\n" + edit.change)
    if not yes and not typer.confirm(f"Write this to {file.path}?", default=False):
        typer.echo("Nothing written.")
        return
    _write(file, edit)
    typer.echo(f"{len(answers)} of {len(older)} entries say now whether they are as expected.")


def _ask(item: "DueQuestion", author: str, today: date, width: int) -> dict[str, Any] | None:
    for text in (
        item.title + ".",
        item.question,
        *([f"Where to look: {item.place}"] if item.place else []),
        f"Expected: {item.expected}.",
        f"Evidence: {item.evidence}",
    ):
        typer.echo(textwrap.fill(text, width))
    if item.lock:
        typer.echo(textwrap.fill(f"The setting: {item.label.partition(' of ')[2]}", width))
    is_expected = _as_expected()
    if is_expected is None:
        return None
    statement = typer.prompt("What did you see, in a sentence", value_proc=_answer_text)
    evidence = typer.prompt("Where is the evidence (link or file)", value_proc=_answer_text)
    proposed = (today + timedelta(days=item.renew_days)).isoformat()
    expires = typer.prompt("Look again by", default=proposed, value_proc=date_after(today))
    return {
        "control": item.control,
        **({"setting": item.setting} if item.setting else {}),
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
