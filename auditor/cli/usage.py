"""What help says of options, and what is said of words that a command does not know.

Typer labels every option with the Python type of its value (`<bool>`, `<int>`), and says of a
mistyped value only what would have been right.
"""

from collections.abc import Iterator
from typing import Any

from typer.core import TyperArgument, TyperOption

from auditor.errors import nearest, nearest_of

_LABELS = {"int": "N", "float": "N", "Path": "FILE", "path": "FILE", "file": "FILE"}
"""Placeholders of values in help, by the name of their type."""


def label_values() -> None:
    """Let help name values as a person would: `text|json`, `N`, `FILE`, and nothing for a flag."""
    # Typer has no setting for these labels, and a subclass of its options cannot be given to
    # `typer.Option`: the methods are replaced, which mypy does not allow without a word.
    TyperOption.display_type_rich = _label  # type: ignore[assignment, method-assign]
    TyperOption._get_number_range_help_str = _no_range  # type: ignore[assignment, method-assign]
    TyperArgument.display_type_rich = _choices  # type: ignore[assignment, method-assign]


def _label(option: TyperOption, ctx: Any) -> str | None:
    """The placeholder of an option's value; None for a flag."""
    if option.metavar is not None:
        return option.metavar
    if option.is_flag or option.count:
        return None
    name = option.display_type(ctx).strip("<>")
    return name if "|" in name else _LABELS.get(name.split()[0], "TEXT")


def _choices(argument: TyperArgument, ctx: Any) -> str | None:
    """The choices of an argument; None if it has none, because its name is its placeholder."""
    name = argument.display_type(ctx).strip("<>")
    return name if "|" in name else None


def _no_range(_: TyperOption) -> str | None:
    """No `[x>=1]`: the text of an option says what it takes."""
    return None


def explain(error: Any, program: Any) -> None:
    """Improve the message of a usage error in place: the nearest choice, option or command.

    By its attributes, not its class: those of the errors are private to typer.
    """
    context = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    if option is not None and context is not None:
        options = (name for each in context.command.params for name in each.opts)
        by_word = {name.lstrip("-"): name for name in options}
        word = nearest_of(option.lstrip("-"), by_word)
        error.possibilities = None
        error.message += f'. Did you mean "{by_word[word]}"?' if word else "."
    elif context is not None and context.parent is None and context.command is program:
        name = _quoted(error.message) if error.message.startswith("No such command") else ""
        if words := next((words for words in _leaves(program) if words[-1] == name), None):
            error.message = f"No such command {name!r}. It is: auditor {' '.join(words)}"
    else:
        _explain_value(error)


def _explain_value(error: Any) -> None:
    """Say which value was entered, and the nearest that is allowed."""
    causes: list[Any] = getattr(error.__cause__, "errors", list)()
    if not causes:
        return
    value = str(causes[0].get("input", ""))
    kind = getattr(getattr(error, "param", None), "type_descriptor", None)
    known = [str(choice) for choice in getattr(kind, "choices", None) or ()]
    if known:
        error.message = f"{value!r} is none of {', '.join(known)}.{nearest(value, known)}"
    elif str(causes[0].get("type", "")).endswith("_parsing"):
        error.message = f"{value!r} is not a number."


def _quoted(message: str) -> str:
    return message.split("'")[1] if message.count("'") > 1 else ""


def _leaves(group: Any, *above: str) -> Iterator[tuple[str, ...]]:
    """The words of every command below `group`; a command that is not yet imported is."""
    for name, command in group.commands.items():
        found = command.imported() if hasattr(command, "imported") else command
        yield (*above, name)
        if hasattr(found, "commands"):
            yield from _leaves(found, *above, name)
