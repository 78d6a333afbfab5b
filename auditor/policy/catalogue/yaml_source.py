"""Reads YAML files by the rules of YAML 1.2, with the line of every key.

`on`, `no` and `2026-11-21` stay strings (YAML 1.1 turns them into booleans and dates: a country
code `NO` would turn into false), and a duplicate key is an error.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from auditor.errors import nearest
from auditor.evidence.reading import is_number
from auditor.policy.catalogue.errors import PolicyError

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES = 4 * 1024 * 1024
"""The maximum size of a file, and of its keys and values with aliases expanded."""
MAX_DEPTH = 50
MAX_ITEMS = 200_000
"""The maximum number of keys and items of a file, with aliases expanded."""


@dataclass(frozen=True)
class Source:
    """A parsed file: plain data, and the line on which each key or item begins."""

    name: str
    data: Any
    lines: dict[Location, int]
    rewritten: dict[Location, str] = field(default_factory=dict)
    """The original texts of numbers in another notation, such as 017."""

    def line(self, location: Location) -> int:
        """The line of `location`, or of its nearest parent with a line."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> str:
        """`FILE:LINE: KEY: MESSAGE`."""
        key = ".".join(str(part) for part in location)
        return f"{self.name}:{self.line(location)}: {key + ': ' if key else ''}{message}"


def read(path: Path) -> Source:
    """Parse the YAML file at `path`.

    Raises:
        PolicyError: it cannot be read, is not UTF-8, or is not YAML.
    """
    return parse(content(path), str(path))


def content(path: Path) -> bytes:
    """The content of the file at `path`, cut off beyond the maximum size.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        with path.open("rb") as file:  # it may be an endless device
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError([f"{path}: cannot be read: {reason}."]) from error


def parse(raw: bytes, name: str) -> Source:
    """Parse YAML text; errors show `name`.

    Raises:
        PolicyError: it is too large, not UTF-8, or not YAML.
    """
    if len(raw) > MAX_BYTES:
        raise PolicyError([f"{name}: larger than {MAX_BYTES // 1024 // 1024} MiB."])
    try:
        text = raw.decode("utf-8")
        _check_depth(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise PolicyError([f"{name}: not UTF-8 text."]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError([f"{name}:{line}: not valid YAML: {error.problem}."]) from error
    except yaml.YAMLError as error:
        raise PolicyError([f"{name}: not valid YAML: {error}."]) from error
    lines: dict[Location, int] = {}
    reader = _PlainData(name, lines)
    data = reader.data(node) if node is not None else None
    return Source(name, data, lines, reader.rewritten)


def _check_depth(text: str, name: str) -> None:
    """Check the nesting depth of `text`: deep nesting could exhaust the C stack in `compose`.

    Raises:
        PolicyError: it is nested too deeply.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH + 1:
            assert event.start_mark is not None
            raise _too_deep(name, event.start_mark.line + 1)


def _too_deep(name: str, line: int) -> PolicyError:
    return PolicyError([f"{name}:{line}: nested deeper than {MAX_DEPTH} levels."])


@dataclass
class _PlainData:
    """Converts parsed YAML to plain data, and limits the expansion of aliases."""

    name: str
    lines: dict[Location, int]
    size: int = 0
    """The number of characters in keys and values so far."""
    rewritten: dict[Location, str] = field(default_factory=dict)

    def data(self, node: yaml.Node, at: Location = ()) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(at, line)
        if len(at) > MAX_DEPTH:
            raise _too_deep(self.name, line)
        if len(self.lines) > MAX_ITEMS:
            raise PolicyError([f"{self.name}:{line}: more than {MAX_ITEMS:,} keys and items."])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.data(item, (*at, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        self._measure(node)
        value = _scalar(node)
        if is_number(value) and str(value) != node.value:
            self.rewritten[at] = str(node.value)
        return value

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise PolicyError([f"{self.name}:{line}: a key must be plain text."])
            self._measure(key_node)
            key = str(key_node.value)
            if key in mapping:
                first = self.lines[(*at, key)]
                problem = f'"{key}" is defined twice; the first is on line {first}.'
                raise PolicyError([f"{self.name}:{line}: {problem}"])
            self.lines[(*at, key)] = line
            mapping[key] = self.data(value_node, (*at, key))
        return mapping

    def _measure(self, node: yaml.ScalarNode) -> None:
        self.size += len(node.value)
        if self.size > MAX_BYTES:
            limit = f"{MAX_BYTES // 1024 // 1024} MiB"
            problem = f"its aliases (*NAME) expand to more than {limit}. Write the entries out."
            raise PolicyError([f"{self.name}:{node.start_mark.line + 1}: {problem}"])


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.style:  # quoted and block scalars are always strings
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.match(text):
        return int(text) if len(text) < 19 else text
    if _FLOAT.match(text):
        return float(text)
    return text


def load(source: Source, model: type[Model]) -> Model:
    """Validate `source` as `model`.

    Raises:
        PolicyError: it is not valid; each problem with line, key, expectation and nearest name.
    """
    if not isinstance(source.data, dict):
        raise PolicyError([source.problem((), "expected keys and values, found something else.")])
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        problems = [_validation_messages(source, model, details) for details in error.errors()]
        raise PolicyError(dict.fromkeys(problems)) from error


def _validation_messages(source: Source, model: type[BaseModel], error: ErrorDetails) -> str:
    location = tuple(part for part in error["loc"] if _is_key(source, part))
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        return source.problem(location, f"unknown key.{nearest(name, _fields(model, error))}")
    if error["type"] == "missing":
        name = str(error["loc"][-1])
        return source.problem(location[:-1], f'"{name}" is missing.')
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] in ("value_error", "assertion_error"):
        return source.problem(location, message)
    expected = str(error.get("ctx", {}).get("expected", ""))
    value = error["input"]
    hint = nearest(value, re.findall(r"'([^']+)'", expected)) if isinstance(value, str) else ""
    shown = f'"{value}"' if isinstance(value, str) else type(value).__name__
    return source.problem(location, f"expected {message}, found {shown}.{hint}")


def _is_key(source: Source, part: str | int) -> bool:
    """False for the names of union members, which pydantic adds to locations."""
    return (
        isinstance(part, int)
        or any(part in location for location in source.lines)
        or not (
            part.startswith(("function-", "list[", "dict[", "constrained-", "literal[", "union["))
            or part in ("bool", "int", "float", "str", "list", "dict", "none")
        )
    )


def _fields(model: type[BaseModel], error: ErrorDetails) -> list[str]:
    """The valid keys of the model at the location of an unknown key."""
    current: type[BaseModel] | None = model
    for part in error["loc"][:-1]:
        if current is None:
            return []
        field = current.model_fields.get(str(part))
        if field is not None:
            models = _models_in(field.annotation)
            current = models[0] if models else None
    return [field.alias or name for name, field in current.model_fields.items()] if current else []


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models_in(arg)]


def dumped(data: dict[str, Any], comment: str = "") -> bytes:
    """`data` as a YAML file with a leading comment; `parse` returns the same data."""
    heading = "".join(f"# {line}\n" for line in comment.splitlines())
    body = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return (heading + body).encode("utf-8", "replace")  # a path may contain invalid characters


def dumped_list(entries: list[dict[str, Any]]) -> str:
    """The entries of a list as YAML; `parse` returns the same entries."""
    dumped = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=100)
    return str(dumped)
