"""Finds the `auditor …` command lines in recipes and pages, and has the program parse them."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import yaml

from auditor.cli.main import app, move_global_options_first

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGES = ROOT / "docs" / "operations"

VALUES: Mapping[str, str] = {
    "$FAIL_ON": "high",
    "$MAX_AGE": "26h",
}
"""What variables hold where not just any text will do."""

_ARRAY = "${options[@]}"
_PREFIXES = {"sudo", "exec", "env", "if", "then", "else", "!", "{", "do", "time"}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_IMAGE = re.compile(r"(\S+/)?auditor:\S+")


@dataclass(frozen=True)
class CommandLine:
    """Words after `auditor`, and the file they stand in."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: auditor {' '.join(self.words)}"


def in_everything() -> list[CommandLine]:
    """All command lines of all recipes and pages."""
    found = []
    for path in sorted([*DEPLOY.rglob("*"), *PAGES.glob("*.md"), ROOT / ".pre-commit-hooks.yaml"]):
        if path.is_file():
            where = str(path.relative_to(ROOT))
            found += [CommandLine(where, tuple(words)) for words in _in_file(path)]
    return found


def problem(words: Iterable[str]) -> str | None:
    """Why the program refuses these words; None where it would run."""
    command: Any = typer.main.get_command(app)
    rest = move_global_options_first(list(words))
    name, parent = "auditor", None
    try:
        while True:
            context = command.make_context(name, rest, parent=parent)
            left = [*getattr(context, "_protected_args", ()), *context.args]
            if not left or not hasattr(command, "resolve_command"):
                return f"what is {' '.join(left)}?" if left else None
            name, command, rest = command.resolve_command(context, left)
            parent = context
    except Exception as error:
        if type(error).__name__ == "Exit" and getattr(error, "exit_code", 1) == 0:
            return None  # --version and --help print and leave
        return str(getattr(error, "message", "") or error or type(error).__name__)


def in_shell(text: str) -> Iterator[list[str]]:
    """The words of each `auditor` command in a shell script."""
    joined = re.sub(r"\\\n\s*", " ", text)
    array: list[str] = []
    for line in joined.splitlines():
        for words in _simple_commands(line, array):
            arguments = _arguments(words)
            if arguments is not None:
                yield [VALUES.get(word, word) for word in _spread(arguments, array)]


def _simple_commands(line: str, array: list[str]) -> Iterator[list[str]]:
    """Commands of a line; what it puts into the array `options` is added to `array`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    into_array = False
    for token in lexer:
        if set(token) <= set("();<>|&"):
            if token.startswith("(") and words and words[-1] in ("options=", "options+="):
                into_array = True
                words = []
                continue
            if token.startswith((">", "<")) and words and words[-1].isdigit():
                words.pop()
            if into_array and token.startswith(")"):
                array += words
            elif words:
                yield words
            into_array = False
            words = []
        else:
            words.append(token)
    if words:
        yield words


def _arguments(words: list[str]) -> list[str] | None:
    """What comes after `auditor` in a command; None where it is another command."""
    rest = list(words)
    if rest[:1] in (["docker"], ["podman"]) and "run" in rest:
        for position, word in enumerate(rest):
            if _IMAGE.fullmatch(word):
                return rest[position + 1 :]
    while rest and (rest[0] in _PREFIXES or _ASSIGNMENT.match(rest[0])):
        as_another = rest[:2] == ["sudo", "-u"]
        rest = rest[3:] if as_another else rest[1:]
    if rest and (rest[0] == "$AUDITOR" or rest[0].rsplit("/", 1)[-1] == "auditor"):
        return rest[1:]
    return None


def _spread(words: list[str], array: list[str]) -> Iterator[str]:
    for word in words:
        yield from array if word == _ARRAY else [word]


def _in_file(path: Path) -> Iterator[list[str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from _in_page(text)
    elif path.suffix == ".service":
        started = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        for line in started:
            for name in re.findall(r"\$(AUDITOR_\w+_OPTIONS)", line):
                for options in _options(name):
                    yield from in_shell(line.replace(f"${name}", options))
    elif path.suffix == ".crontab":
        for line in text.splitlines():
            if re.match(r"[\d*]", line):
                yield from in_shell(line.split(maxsplit=5)[5])
    elif path.name == "Dockerfile":
        yield from _in_dockerfile(text)
    elif path.name == "Jenkinsfile":
        for script in re.findall(r"sh '''(.*?)'''", text, re.DOTALL):
            yield from in_shell(script)
        for script in re.findall(r"sh '([^'].*?)'", text):
            yield from in_shell(script)
    elif path.suffix in (".yml", ".yaml"):
        for document in yaml.safe_load_all(text):
            yield from _in_yaml(document)


def _options(name: str) -> list[str]:
    """What auditor.env proposes for a unit, lines that are commented out included."""
    text = (DEPLOY / "systemd" / "auditor.env").read_text(encoding="utf-8")
    return re.findall(rf"^#?{name}=(.*)$", text, re.MULTILINE)


def _in_page(text: str) -> Iterator[list[str]]:
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            yield from in_shell(block)
        elif language == "console":
            joined = re.sub(r"\\\n\s*", " ", block)
            for line in joined.splitlines():
                if line.startswith(("$ ", "# ")):
                    yield from in_shell(line[2:])
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`(auditor [^`]+)`", prose):
        yield from in_shell(" ".join(span.split()))


def _in_dockerfile(text: str) -> Iterator[list[str]]:
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "RUN":
            yield from in_shell(rest)
        elif word == "HEALTHCHECK":
            yield json.loads(rest[rest.index("[") :])[1:]
        elif word == "CMD":
            yield json.loads(rest)


def _in_yaml(node: Any) -> Iterator[list[str]]:
    """Scripts and argument lists, wherever they stand: run, bash, script, entry, args, command."""
    if isinstance(node, list):
        for item in node:
            yield from _in_yaml(item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ("run", "bash") and isinstance(value, str):
            yield from in_shell(value)
        elif key == "entry":  # what pre-commit calls with the names of files
            yield from in_shell(f"{value} organisation.yaml organisation-eu.yaml")
        elif key in ("script", "before_script", "after_script"):
            for line in value:
                yield from in_shell(line)
        elif key in ("args", "command") and isinstance(value, list):
            if str(value[0]).endswith("/dask"):
                continue
            yield [str(word) for word in value]
        else:
            yield from _in_yaml(value)
