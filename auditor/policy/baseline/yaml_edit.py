"""Edits YAML files written by people and preserves their comments and order.

An edit changes lines of text. The result is then parsed: if it does not give exactly the intended
data, the edit is rejected.
"""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

import yaml

from auditor.evidence.reading import JsonValue
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.errors import PolicyError


def append_entry(text: str, key: str, entry: Mapping[str, Any], name: str) -> str:
    """Append `entry` to the list under `key`, which may be missing.

    Raises:
        PolicyError: `text` is not valid, or is written in a way that cannot be edited safely.
    """

    def change(data: dict[str, Any]) -> None:
        data[key] = [*(data.get(key) or []), dict(entry)]

    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    entries = _value(text, key, name)
    if entries is None:
        lines += ["\n"] * bool(lines) + [f"{key}:\n", *_block(entry, 2)]
    elif isinstance(entries, yaml.SequenceNode) and entries.value and not entries.flow_style:
        behind = _last_line(entries.value[-1]) + 1
        lines[behind:behind] = _block(entry, entries.start_mark.column)
    elif entries.start_mark.line == _last_line(entries) and _is_empty(entries):
        lines[entries.start_mark.line : entries.start_mark.line + 1] = [
            _without_value(lines[entries.start_mark.line], entries),
            *_block(entry, 2),
        ]
    else:
        raise _not_safe(name)
    return _verified(text, "".join(lines), change, name)


def set_in_entry(
    text: str, key: str, position: int, field: str, value: bool, *, after: str, name: str
) -> str:
    """Set `field: value` in one entry of the list under `key`, after its field `after`.

    Raises:
        PolicyError: `text` is not valid, or is written in a way that cannot be edited safely.
    """

    def change(data: dict[str, Any]) -> None:
        data[key][position][field] = value

    entry = _value(text, key, name)
    entry = entry.value[position] if isinstance(entry, yaml.SequenceNode) else None
    if not isinstance(entry, yaml.MappingNode):
        raise _not_safe(name)
    pair = next((pair for pair in entry.value if pair[0].value == after), None)
    if pair is None:
        raise _not_safe(name)
    addition = f"{field}: {str(value).lower()}"
    lines = text.splitlines(keepends=True)
    if entry.flow_style:
        end = pair[1].end_mark
        line = lines[end.line]
        lines[end.line] = f"{line[: end.column]}, {addition}{line[end.column :]}"
    else:
        line = _last_line(pair[1])
        if not lines[line].endswith("\n"):
            lines[line] += "\n"
        lines.insert(line + 1, " " * pair[0].start_mark.column + addition + "\n")
    return _verified(text, "".join(lines), change, name)


def remove_entry(text: str, key: str, position: int, name: str) -> str:
    """Remove one entry of the list under `key`.

    Raises:
        PolicyError: `text` is not valid, or is written in a way that cannot be edited safely.
    """

    def change(data: dict[str, Any]) -> None:
        del data[key][position]
        data[key] = data[key] or None

    entries = _value(text, key, name)
    if not isinstance(entries, yaml.SequenceNode) or entries.flow_style:
        raise _not_safe(name)
    entry = entries.value[position]
    lines = text.splitlines(keepends=True)
    del lines[entry.start_mark.line : _last_line(entry) + 1]
    return _verified(text, "".join(lines), change, name)


def set_in_mapping(
    text: str, key: str, field: str, value: JsonValue, name: str, *, comment: str = ""
) -> str:
    """Set `field: value` in the mapping under `key`, which may be missing.

    A field that exists keeps its place, and so does one that stands there as a comment,
    `# field: example`. Another one is appended, below `comment`.

    Raises:
        PolicyError: `text` is not valid, or is written in a way that cannot be edited safely.
    """

    def change(data: dict[str, Any]) -> None:
        data[key] = {**(data.get(key) or {}), field: value}

    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    fields = _value(text, key, name)
    placeholder = re.compile(rf"^( +)# {re.escape(field)}: .*$", re.MULTILINE)
    if placeholder.search(text) and (fields is None or not _has(fields, field)):
        replaced = placeholder.sub(lambda m: f"{m[1]}{field}: {flow(value)}", text, count=1)
        with suppress(PolicyError):  # the comment was about something else
            return _verified(text, replaced, change, name)
    line = f"{flow(field)}: {flow(value)}\n"
    if fields is None:
        lines += ["\n"] * bool(lines) + [f"{key}:\n", *commented(comment, 2), "  " + line]
    elif isinstance(fields, yaml.MappingNode) and fields.value:
        known = next((pair for pair in fields.value if pair[0].value == field), None)
        if known is not None:
            lines = _with_value(lines, known, flow(value))
        elif fields.flow_style:
            end = fields.value[-1][1].end_mark
            last = lines[end.line]
            lines[end.line] = f"{last[: end.column]}, {line.rstrip()}{last[end.column :]}"
        else:
            indent = fields.value[0][0].start_mark.column
            behind = _last_line(fields) + 1
            lines[behind:behind] = [*commented(comment, indent), " " * indent + line]
    elif fields.start_mark.line == _last_line(fields) and _is_empty(fields):
        lines[fields.start_mark.line : fields.start_mark.line + 1] = [
            _without_value(lines[fields.start_mark.line], fields),
            *commented(comment, 2),
            "  " + line,
        ]
    else:
        raise _not_safe(name)
    return _verified(text, "".join(lines), change, name)


def _has(fields: yaml.Node, field: str) -> bool:
    return isinstance(fields, yaml.MappingNode) and any(
        known.value == field for known, _ in fields.value
    )


def commented(text: str, indent: int = 0) -> list[str]:
    """`text` as lines of a comment, at most 80 columns wide."""
    start = " " * indent + "# "
    wrapped = textwrap.wrap(text, 80, initial_indent=start, subsequent_indent=start)
    return [line + "\n" for line in wrapped]


_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9_. @-]*[A-Za-z0-9])?")
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that some YAML parsers do not read as text."""


def flow(value: JsonValue) -> str:
    """`value` on one line of YAML. Texts are quoted if another parser could misread them."""
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _with_value(lines: list[str], pair: tuple[yaml.ScalarNode, yaml.Node], value: str) -> list[str]:
    """`lines` with another value of one field. A comment behind it stays."""
    key, old = pair
    start, end = key.end_mark, old.end_mark
    last = _last_line(old)
    head = lines[start.line][: start.column] + f": {value}"
    is_block = isinstance(old, yaml.CollectionNode) and not old.flow_style
    is_block = is_block or (isinstance(old, yaml.ScalarNode) and old.style in ("|", ">"))
    tail = "\n" if is_block else lines[end.line][end.column :]
    return [*lines[: start.line], head + (tail or "\n"), *lines[last + 1 :]]


def _without_value(line: str, empty: yaml.Node) -> str:
    """The line of a key without its empty value. A comment behind it stays."""
    head, tail = line[: empty.start_mark.column].rstrip(), line[empty.end_mark.column :]
    comment = tail.strip()
    return head + (f"  {comment}" if comment else "") + "\n"


def _value(text: str, key: str, name: str) -> yaml.Node | None:
    """The node under `key`; None if there is none.

    Raises:
        PolicyError: the file is not valid, or not a mapping.
    """
    yaml_source.parse(text.encode(), name)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode) or (root.flow_style and root.value):
        raise _not_safe(name)
    return next((value for known, value in root.value if known.value == key), None)


def _is_empty(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return node.value in ("", "~", "null")
    return isinstance(node, yaml.CollectionNode) and not node.value


def _last_line(node: yaml.Node) -> int:
    """The last line of a node, without trailing comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end = node.end_mark
    is_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(end.line - 1 if is_block and end.column == 0 else end.line)


def _block(entry: Mapping[str, Any], indent: int) -> list[str]:
    body = yaml_source.dumped_list([dict(entry)])
    return [" " * indent + line + "\n" for line in body.splitlines()]


def _verified(before: str, after: str, change: Callable[[dict[str, Any]], None], name: str) -> str:
    """Return `after` if its data equals that of `before` with the change applied.

    Raises:
        PolicyError: the data differs.
    """
    expected = deepcopy(yaml_source.parse(before.encode(), name).data or {})
    change(expected)
    try:
        result = yaml_source.parse(after.encode(), name).data
    except PolicyError as error:
        raise _not_safe(name) from error
    if result != expected:
        raise _not_safe(name)
    return after


def _not_safe(name: str) -> PolicyError:
    return PolicyError([f"{name}: written in a way that cannot be edited safely; edit it by hand."])
