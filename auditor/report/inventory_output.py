"""The inventory as text, Markdown, CSV, HTML and JSON (`auditor/inventory/v1`)."""

import base64
import csv
import hashlib
import io
import json
import textwrap
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from auditor.evidence.reading import JsonValue
from auditor.findings.inventory import EvidenceInfo, Feature, Inventory, SettingState
from auditor.report import inventory_wording as words
from auditor.report.csv_report import BOM, escape_formula
from auditor.report.display import shorten
from auditor.report.json_report import encode_json, finite
from auditor.report.markdown_text import code, prose, table_head, table_row
from auditor.report.text_layout import wrapped_row

SCHEMA_ID = "auditor/inventory/v1"
COLUMNS = (
    "setting",
    "title",
    "topic",
    "level",
    "scope_id",
    "scope_name",
    "value",
    "cause",
    "locked",
    "people",
    "source",
    "observed_at",
    "changeable_by",
    "since",
    "controls",
    "run_id",
    "account_id",
    "finished_at",
)
"""The columns of the CSV: one row per feature and account, group, value of people or cause.

`value` and `locked` are JSON, empty if unknown; `people` is a number of people.
"""

HEAD = ("", "Account", "Groups", "People")
LONGEST = 160
"""Columns of a title or path in a page."""
_CELLS = (13, 16, 18)
"""Columns of the cells after the title."""


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the JSON inventory."""
    file = resources.files("auditor.report") / "schema" / "inventory-v1.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def as_json(inventory: Inventory) -> Iterator[str]:
    """The inventory for programs, in pieces: one feature a line."""
    yield f'{{"schema": {encode_json(SCHEMA_ID)},\n'
    yield f' "run": {encode_json(run_object(inventory.info))},\n "features": ['
    separator = "\n  "
    for feature in inventory.features:
        yield separator + encode_json(finite(feature_object(feature)))
        separator = ",\n  "
    yield "\n ]}\n"


def run_object(info: EvidenceInfo) -> dict[str, JsonValue]:
    """The run that facts come from."""
    return {
        "id": info.run_id,
        "account_id": info.account_id,
        "finished_at": info.finished_at,
        "evidence_digest": info.evidence_digest,
        "carried": info.carried,
        "oldest_evidence_at": info.oldest_evidence_at,
    }


def feature_object(feature: Feature) -> dict[str, JsonValue]:
    """One feature, as in the schema."""
    people = feature.people
    return {
        "setting": feature.setting,
        "title": feature.title,
        "topic": feature.topic,
        "account": state_object(feature.account, sourced=True),
        "groups": [
            {
                "id": group.group.id,
                "name": group.group.label,
                **state_object(group.state, sourced=False),
            }
            for group in feature.groups
        ],
        "users": {
            "values": [{"value": each.value, "count": each.count} for each in people.values],
            "unknown": [{"cause": each.cause, "count": each.count} for each in people.unknown],
            "proved_by_lock": people.proved_by_lock,
        },
        "changeable_by": [*feature.changeable_by],
        "since": feature.since,
        "controls": [*feature.controls],
    }


def state_object(state: SettingState, *, sourced: bool) -> dict[str, JsonValue]:
    """A value with its lock, or null with the cause."""
    cause: dict[str, JsonValue] = {} if state.cause is None else {"cause": state.cause}
    source: dict[str, JsonValue] = (
        {"source": state.source, "observed_at": state.observed_at} if sourced else {}
    )
    return {"value": state.value, **cause, "locked": state.locked, **source}


def as_csv(inventory: Inventory) -> Iterator[bytes]:
    """The inventory as RFC 4180, UTF-8 with a byte order mark, row by row."""
    yield BOM
    yield _csv_row(COLUMNS)
    info = inventory.info
    run = info.run_id, info.account_id, info.finished_at
    for feature in inventory.features:
        about = (
            ", ".join(feature.changeable_by),
            feature.since or "",
            ", ".join(feature.controls),
        )
        for cells in _csv_cells(feature, info.account_id):
            yield _csv_row((feature.setting, feature.title, feature.topic, *cells, *about, *run))


def _csv_cells(feature: Feature, account_id: str) -> Iterator[Sequence[str]]:
    """The cells from `level` to `observed_at`."""
    yield ("account", account_id, "", *_csv_state(feature.account, ""))
    for group in feature.groups:
        count = "" if group.members is None else str(group.members)
        scope = group.group
        yield (scope.level, scope.id, scope.label, *_csv_state(group.state, count))
    for each in feature.people.values:
        yield ("user", "", "", _json(each.value), "", "", str(each.count), "", "")
    for unknown in feature.people.unknown:
        count = "" if unknown.count is None else str(unknown.count)
        yield ("user", "", "", "", unknown.cause, "", count, "", "")


def _csv_state(state: SettingState, people: str) -> Sequence[str]:
    value = _json(state.value) if state.is_seen else ""
    locked = "" if state.locked is None else _json(state.locked)
    return value, state.cause or "", locked, people, state.source, state.observed_at or ""


def _csv_row(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(map(escape_formula, cells))
    return line.getvalue().encode("utf-8")


def _json(value: JsonValue) -> str:
    return encode_json(finite(value))


def as_text(inventory: Inventory, width: int) -> str:
    """The inventory for a terminal; no line is wider than `width`."""
    lines = _wrapped(words.origin(inventory), width, "")
    for section in words.sections(inventory):
        lines += ["", *_wrapped(f"{section.heading} ({section.summary})", width, "")]
        lines += _wrapped(section.caveat, width, "")
        for heading, rows in section.parts:
            lines += ["", *_table_line((heading, *HEAD[1:]), width)]
            for row in rows:
                cells = (row.feature.title, row.account, row.groups, row.people)
                lines += _table_line(cells, width, indent="  ")
                if row.notes:
                    lines += _wrapped(" ".join(row.notes), width, "      ")
    lines += ["", *_wrapped(f"{words.LEGEND} {words.MEMBERS}", width, "")]
    hint = "Every value, group and cause: --format json or csv. One person: auditor explain NAME"
    return "\n".join([*lines, "", *_wrapped(hint, width, "")]) + "\n"


def _table_line(cells: Sequence[str], width: int, indent: str = "") -> list[str]:
    return wrapped_row(cells, (max(20, width - sum(_CELLS)), *_CELLS), indent)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def as_markdown(inventory: Inventory) -> str:
    """The inventory as Markdown, for chats and job summaries."""
    pieces = [f"## What is on, and for whom\n\n{prose(words.origin(inventory))}\n"]
    for section in words.sections(inventory):
        pieces.append(f"\n### {prose(section.heading)}\n\n{prose(section.summary)}.\n")
        pieces += [f"\n{prose(section.caveat)}\n"] if section.caveat else []
        for heading, rows in section.parts:
            pieces.append(f"\n#### {prose(heading)}\n\n")
            pieces.append(table_head(("Setting", "Account", "Groups", "People", "Notes"), 5))
            pieces += [
                table_row(
                    f"{prose(row.feature.title)} {code(row.feature.setting)}",
                    prose(row.account),
                    prose(row.groups),
                    prose(row.people),
                    prose(" ".join(row.notes)),
                )
                for row in rows
            ]
        pieces.append(f"\n{prose(section.legend)}\n")
    return "".join(pieces)


def as_html(inventory: Inventory) -> str:
    """The inventory as one file for people, without network and scripts."""
    environment = Environment(
        loader=PackageLoader("auditor.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text: shorten(text, LONGEST)
    style = environment.get_template("report.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("inventory.html.j2").render(
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        origin=words.origin(inventory),
        sections=words.sections(inventory),
    )
