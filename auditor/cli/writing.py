"""Commands that write the organisation file: show the change and its effect, ask, write."""

import functools
import inspect
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli import output
from auditor.cli.options import AccountOption, SandboxRunsOption
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import nearest
from auditor.evidence.scope import Licence
from auditor.plain_text import printable

if TYPE_CHECKING:
    from auditor.app.acceptances import Part
    from auditor.app.forecast import Forecast, JudgedEvidence, NoEvidence
    from auditor.app.organisation_files import Edit, EditableFile
    from auditor.config.settings import Settings


class Kind(StrEnum):
    """The values of `--kind`: those of `FindingKind` without what a command runs on."""

    VALUE = "value"
    LOCK = "lock"
    ATTESTATION = "attestation"
    USAGE = "usage"
    UNCOVERED = "uncovered"
    DERIVED = "derived"


TargetOption = Annotated[
    Path | None,
    typer.Option(
        "--org",
        metavar="FILE",
        help="The organisation file to write to. [default: AUDITOR_ORG, else organisation.yaml]",
        show_default=False,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Write without asking.")]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why this is accepted.")
]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="ADDRESS", help="Who is responsible for it.")
]
TicketOption = Annotated[
    str | None, typer.Option("--ticket", metavar="ID", help="Where it was decided.")
]
ExpiresOption = Annotated[
    str | None,
    typer.Option("--expires", metavar="DATE", help="The last day on which it holds, in UTC."),
]
ApprovedByOption = Annotated[
    str | None,
    typer.Option("--approved-by", metavar="ADDRESS", help="The second person who approved it."),
]
SettingOption = Annotated[
    str | None,
    typer.Option("--setting", metavar="PATH", help="Only this setting of the control."),
]
KindOption = Annotated[
    Kind | None,
    typer.Option(
        "--kind", help="Only findings of this kind, such as lock or value.", show_choices=False
    ),
]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="NAME", help="For this group and its members; may be repeated."
    ),
]
PeopleOption = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="ADDRESS", help="For this person; may be repeated."),
]
LevelOption = Annotated[
    str | None,
    typer.Option(
        "--level", metavar="LEVEL", help="For everything at this level: account, group, user…"
    ),
]
LicencesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--licence",
        metavar="LICENCE",
        help="For people with this licence: basic, licensed, unassigned or none; may be repeated.",
    ),
]
NO_TERMINAL = "This is not a terminal, so nothing can be asked."


@dataclass(frozen=True)
class Writing:
    """One command that writes the organisation file."""

    terminal: Terminal
    settings: "Settings"
    file: "EditableFile"
    yes: bool
    account: str | None = None
    sandbox: bool = False

    @classmethod
    def to(
        cls,
        terminal: Terminal,
        org: Path | None,
        *,
        yes: bool,
        account: str | None = None,
        sandbox: bool = False,
    ) -> "Writing":
        """Open the named file, else the configured one, else `organisation.yaml`.

        Raises:
            OutputError: it cannot be written.
            PolicyError: it is not valid.
        """
        from auditor.app.organisation_files import DEFAULT_PATH, EditableFile
        from auditor.config import settings as config

        settings = config.load()
        path = org or settings.org or DEFAULT_PATH
        output.check_writable(path)
        return cls(terminal, settings, EditableFile(path), yes, account, sandbox)

    @contextmanager
    def evidence(self) -> "Iterator[JudgedEvidence]":
        """The newest run, judged with the file as it is.

        Raises:
            NoEvidence: there is none.
        """
        from auditor.app.forecast import newest_evidence

        with newest_evidence(
            self.settings,
            self.terminal.say,
            self.file,
            account=self.account,
            sandbox=self.sandbox,
        ) as evidence:
            yield evidence

    @contextmanager
    def evidence_if_any(self) -> "Iterator[JudgedEvidence | NoEvidence]":
        """As `evidence`, or why there is none."""
        from auditor.app.forecast import evidence_if_any

        with evidence_if_any(
            self.settings,
            self.terminal.say,
            self.file,
            account=self.account,
            sandbox=self.sandbox,
        ) as evidence:
            yield evidence

    def propose(self, edit: "Edit", forecast: "Forecast", *, must_change: str = "") -> bool:
        """Show a change and its effect, and write it if a person or `--yes` agrees.

        `must_change`: the error if the change has no effect on the newest run.

        Raises:
            ConfigError: it names something that does not exist, or nobody could agree.
        """
        self.show(edit, forecast)
        self.refuse(forecast)
        if must_change and not forecast.changed:
            raise ConfigError(f"Nothing was written to {self.file.path}. {must_change}")
        if not self.yes:
            if not self.terminal.is_interactive:
                raise ConfigError(
                    f"Nothing was written to {self.file.path}: {NO_TERMINAL} Add --yes."
                )
            if not typer.confirm(f"Write this to {self.file.path}?", default=False):
                typer.echo("Nothing written.")
                return False
        output.rewrite_bytes(self.file.path, edit.text.encode())
        self.file.reload()
        typer.echo(f"{self.file.path} written.")
        return True

    def refuse(self, forecast: "Forecast") -> None:
        """Refuse a change that names something that does not exist.

        Raises:
            ConfigError: it does.
        """
        if forecast.problems:
            problems = "\n".join(forecast.problems[:5])
            raise ConfigError(f"Nothing was written to {self.file.path}.\n{problems}")

    def show(self, edit: "Edit", forecast: "Forecast") -> None:
        """Show a change and its effect."""
        self.show_change(edit)
        typer.echo()
        for line in forecast.lines:
            self.say(line)

    def show_change(self, edit: "Edit") -> None:
        """Show a change as a diff."""
        typer.echo("\n".join(printable(line) for line in edit.change.splitlines()))

    def say(self, text: str) -> None:
        """Print a paragraph."""
        indent = text[: len(text) - len(text.lstrip())]
        wrapped = textwrap.fill(
            printable(text),
            self.terminal.text_width,
            subsequent_indent=indent + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        typer.echo(wrapped)

    def command(self, name: str) -> str:
        """A command for the same file and account, as a person types it."""
        words = ["auditor", *name.split()]
        if self.file.path != self.settings.org:
            words += ["--org", str(self.file.path)]
        if self.account is not None and name != "audit":
            words += ["--account", self.account]
        if self.sandbox:
            words += ["--sandbox"]
        return shlex.join(words)

    def name_next(self, name: str) -> None:
        """Print the one command to run next."""
        command = self.command(name)
        if name == "gate" and not self.sandbox:  # it passes only a run judged with this file
            command = f"{self.command('audit')} && {command}"
        if name == "waive":
            typer.echo(f"First, put right what can be: {self.command('fix plan')}")
        typer.echo(f"Next: {command}")

    def name_next_step(self) -> None:
        """Print the one command to run next, by the newest run and the file as it is now."""
        from auditor.app import forecast

        self.file.reload()
        with self.evidence_if_any() as evidence:
            self.name_next(forecast.next_step(evidence))

    def ask(self, question: str, value: str | None, option: str, default: str | None = None) -> str:
        """The value of an option, else a person's answer.

        Raises:
            ConfigError: there is neither.
        """
        if value is not None:
            if not value.strip():
                raise ConfigError(f"{option} is empty. Give it a value.")
            return value.strip()
        self.need_terminal(option)
        answer: str = typer.prompt(question, default=default, value_proc=_text)
        return answer

    def need_terminal(self, option: str) -> None:
        """Check that a person can be asked for what `option` would say.

        Raises:
            ConfigError: standard input is not a terminal.
        """
        if not self.terminal.is_interactive:
            raise ConfigError(f"{NO_TERMINAL} Give {option}.")

    def ask_expiry(self, value: str | None, days: int = 90) -> str:
        """The last day of an entry: a date in the future, as YYYY-MM-DD.

        Raises:
            ConfigError: it is not one, or nobody can be asked.
        """
        today = datetime.now(UTC).date()
        read = date_after(today)
        if value is not None:
            try:
                return read(value)
            except typer.BadParameter as error:
                raise ConfigError(f"--expires {value}: {error}") from error
        self.need_terminal("--expires")
        proposed = (today + timedelta(days=days)).isoformat()
        answer: str = typer.prompt("Until when", default=proposed, value_proc=read)
        return answer

    def terms(
        self,
        reason: str | None,
        owner: str | None,
        ticket: str | None,
        expires: str | None,
        approved_by: str | None,
    ) -> dict[str, Any]:
        """Why something is accepted, by whom and until when; asked if options leave it out.

        Who approved it is asked only if the file requires that.

        Raises:
            ConfigError: something is missing, and nobody can be asked.
        """
        options = {"--reason": reason, "--owner": owner, "--expires": expires}
        missing = [option for option, value in options.items() if value is None]
        if missing:
            self.need_terminal(", ".join(missing))
        terms = {
            "reason": self.ask("Why is it accepted", reason, "--reason"),
            "owner": self.ask("Who is responsible (address)", owner, "--owner"),
            **({"ticket": ticket} if ticket else {}),
            "expires": self.ask_expiry(expires),
        }
        if approved_by is not None or self.file.organisation.require_approval:
            question = "Approved by (address)"
            terms["approved_by"] = self.ask(question, approved_by, "--approved-by")
        return terms


@dataclass(frozen=True)
class AcceptanceOptions:
    """The options of the commands that accept something for a time: for what, and the terms."""

    setting: SettingOption = None
    kind: KindOption = None
    level: LevelOption = None
    group: GroupsOption = None
    user: PeopleOption = None
    licence: LicencesOption = None
    reason: ReasonOption = None
    owner: OwnerOption = None
    ticket: TicketOption = None
    expires: ExpiresOption = None
    approved_by: ApprovedByOption = None
    org: TargetOption = None
    yes: YesOption = False
    account: AccountOption = None
    sandbox: SandboxRunsOption = False

    @property
    def scope(self) -> dict[str, Any]:
        """The scope of the entry; empty if no option names one.

        Raises:
            ConfigError: there is no such licence.
        """
        names = {
            "group": [*(self.group or ())],
            "user": [*(self.user or ())],
            "licence": known_licences(self.licence),
        }
        return {
            **({"level": self.level} if self.level else {}),
            **{key: each[0] if len(each) == 1 else each for key, each in names.items() if each},
        }

    @property
    def part(self) -> "Part":
        """The part of a control that the entry is for."""
        from auditor.app.acceptances import Part
        from auditor.findings.model import FindingKind

        return Part(self.setting, None if self.kind is None else FindingKind(self.kind.value))

    def writing(self, terminal: Terminal) -> Writing:
        """The organisation file to write to."""
        return Writing.to(
            terminal, self.org, yes=self.yes, account=self.account, sandbox=self.sandbox
        )

    def terms(self, writing: Writing) -> dict[str, Any]:
        """Why, by whom and until when; asked if an option leaves it out."""
        return writing.terms(self.reason, self.owner, self.ticket, self.expires, self.approved_by)


def with_acceptance_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `AcceptanceOptions` to a command, which gets them as `options`."""
    own = inspect.signature(command, eval_str=True).parameters
    shared = inspect.signature(AcceptanceOptions, eval_str=True).parameters

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        options = AcceptanceOptions(**{name: values.pop(name) for name in shared})
        command(**values, options=options)

    merged = [*(each for each in own.values() if each.name != "options"), *shared.values()]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in merged]
    # Typer reads the options of a command from its signature; mypy knows no such attribute.
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapper


def known_licences(names: Sequence[str] | None) -> list[str]:
    """The licences that options name, without regard to case.

    Raises:
        ConfigError: there is no such licence.
    """
    found = []
    for name in names or ():
        folded = name.strip().casefold()
        if folded not in set(Licence):
            known = ", ".join(Licence)
            raise ConfigError(f"--licence {name}: choose from {known}.{nearest(folded, Licence)}")
        found.append(folded)
    return found


def date_after(today: date) -> Callable[[str], str]:
    """A parser for dates after `today`; a prompt repeats until it succeeds."""

    def read(text: str) -> str:
        try:
            chosen = date.fromisoformat(text.strip())
        except ValueError:
            raise typer.BadParameter("Give a date such as 2027-01-31.") from None
        if chosen <= today:
            raise typer.BadParameter(f"Give a date after {today}.")
        return chosen.isoformat()

    return read


def positions(text: str, count: int) -> list[int]:
    """The positions in `1, 3-5` or `all`, from 0.

    Raises:
        BadParameter: one is not between 1 and `count`.
    """
    if text.strip().casefold() == "all":
        return list(range(count))
    chosen: dict[int, None] = {}
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise typer.BadParameter("Write numbers such as 1, 3-5, or all.")
        for number in range(int(first), int(last or first) + 1):
            if not 1 <= number <= count:
                raise typer.BadParameter(f"There is no {number}: choose from 1 to {count}.")
            chosen[number - 1] = None
    return list(chosen)


def _text(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("Write something.")
    return text.strip()
