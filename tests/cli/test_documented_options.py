"""Every option that the documentation names with a command exists."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.cli.commands import program

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CALL = re.compile(
    r"(?<!-n )(?<!-u )(?<!--namespace )\bauditor((?: +[a-z][a-z-]*)+)((?: +[^\s`|;&]+)*)"
)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def calls(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """The words behind `auditor`, and the options, of each call in code."""
    code = re.findall(r"```.*?```|`[^`]+`", text, flags=re.DOTALL)
    for piece in code:
        for words, rest in CALL.findall(re.sub(r"\\\n\s*", " ", piece)):
            yield words.split(), OPTION.findall(rest)


def options(words: list[str]) -> set[str] | None:
    """The options of the command that the words name, those of the program included."""
    command = program()
    found = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        subcommands = getattr(command, "commands", {})
        if word not in subcommands:
            break
        command = subcommands[word]
        found = found | {
            name
            for parameter in command.params
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
    else:
        return found | {"--help"}
    return found | {"--help"} if command.name in words else None


def test_every_option_of_a_command_in_the_documentation_exists() -> None:
    missing = []
    for page in PAGES:
        for words, named in calls(page.read_text(encoding="utf-8")):
            known = options(words)
            if known is None:
                missing.append(f"{page.relative_to(ROOT)}: auditor {' '.join(words)}")
            else:
                unknown = [each for each in named if each not in known]
                missing += [f"{page.relative_to(ROOT)}: {words[0]} {each}" for each in unknown]
    assert missing == []
