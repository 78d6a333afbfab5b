"""The `auditor` command: its commands, global options and exit codes."""

import errno
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from auditor import __version__
from auditor.cli import process, usage
from auditor.cli.commands import GROUPS, Command, LazyGroup
from auditor.cli.terminal import LogFormat, Terminal
from auditor.config import ConfigError, chosen_env_file, chosen_profile
from auditor.errors import AuditorError, ExitCode
from auditor.redaction.text import redacted_traceback

NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""System errors that mean that nothing more can be written."""

GLOBAL_FLAGS = ("-v", "-vv", "--verbose", "-q", "--quiet", "--no-color")
GLOBAL_OPTIONS = ("--log-format", "--profile", "--env-file")


class Commands(LazyGroup):
    """The commands; an error that a person can act on becomes a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        terminal = Terminal()
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(ExitCode.OK) from None
        except (KeyboardInterrupt, typer.Abort):
            _terminal(ctx, terminal).complain("interrupted.")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")):
                usage.explain(error, self)
                raise
            raise typer.Exit(_explain(error, _terminal(ctx, terminal))) from None


def _explain(error: Exception, terminal: Terminal) -> ExitCode:
    """Print the error, and return its exit code."""
    if isinstance(error, AuditorError) and error.exit_code is not ExitCode.INTERNAL:
        terminal.complain(str(error))
        return error.exit_code
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        _close_stdout()
        terminal.complain(
            f"a disk is full ({error.strerror}). Free some space, or write to another disk."
        )
        return ExitCode.NOTHING_EVALUATED
    if terminal.verbosity >= 2:
        terminal.say(redacted_traceback(error))
    if isinstance(error, sqlite3.Error):
        terminal.complain(
            f"a database could not be used ({error}). Make room in AUDITOR_HOME and where "
            "temporary files go (TMPDIR); if a run's file is damaged, audit again."
        )
        return ExitCode.NOTHING_EVALUATED
    terminal.complain(
        f"an internal error ({type(error).__name__}: {error}). "
        "Run again with -vv for details, and report it."
    )
    return ExitCode.INTERNAL


def _terminal(ctx: Any, otherwise: Terminal) -> Terminal:
    return ctx.obj if isinstance(ctx.obj, Terminal) else otherwise


def _close_stdout() -> None:
    """Keep the interpreter's final flush from failing on output that cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Program(Commands):
    """All the commands of the program."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in GROUPS.items():
            for name, summary in commands.items():
                self.add_command(Command(name, summary, panel))


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing at or above the threshold · 1 deviations · 2 usage or "
    "configuration · 3 evidence incomplete · 4 nothing evaluated · 5 internal error · "
    "130 interrupted.",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"auditor {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Show each step; -vv also each request and decision.",
        ),
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="The format of messages on stderr.")
    ] = LogFormat.TEXT,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The profile of stored credentials and of the config file. "
            "[default: AUDITOR_PROFILE, else default]",
            show_default=False,
        ),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            metavar="FILE",
            help="Read this file instead of .env; it must not be writable by others. If CI is set, "
            "no other is read.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Audit the AI and data-sharing settings of a Zoom account against a baseline.

    Reads only. Of all commands, fix apply and fix rollback alone change the account.

    Example, which needs no account: **auditor audit --sandbox**

    The options below work before and after the name of a command.
    """
    ctx.obj = Terminal(-1 if quiet else verbose, not no_color, log_format)
    ctx.obj.set_up_logging()
    chosen_profile.set(_not_empty("--profile", profile))
    chosen_env_file.set(env_file)


def _not_empty(option: str, value: str | None) -> str | None:
    """Reject an empty value: an unset shell variable must not select something else."""
    if value is not None and not value.strip():
        raise ConfigError(f"{option} is empty. Give it a value, or leave it out.")
    return value


def move_global_options_first(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the global options moved to the front."""
    front: list[str] = []
    rest: list[str] = []
    assigned = tuple(f"{option}=" for option in GLOBAL_OPTIONS)
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_FLAGS or word.startswith(assigned):
            front.append(word)
        elif word in GLOBAL_OPTIONS:
            value = next(words, None)
            front += [word] if value is None else [word, value]
        else:
            rest.append(word)
    return front + rest


def main() -> None:
    """Run the program and exit with its exit code."""
    process.harden_process()
    app(args=move_global_options_first(sys.argv[1:]), prog_name="auditor")
