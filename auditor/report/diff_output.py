"""Drift as text, Markdown and JSON (`auditor/drift/v1`)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.evidence.diff import SettingChange
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_or_none
from auditor.findings.drift import (
    Affected,
    ChangeGroup,
    ChangeKind,
    Drift,
    FindingChange,
    FindingState,
)
from auditor.findings.model import FindingKind, Status
from auditor.plain_text import pluralize
from auditor.report import facts, history_output, wording
from auditor.report.display import display_width, printable, shorten
from auditor.report.markdown_text import prose, table_head, table_row

MOST_SETTINGS = 15
"""Changed settings in a report for people; the JSON report lists all."""

_VALUE = 40
"""Columns of a value."""

_LOCKS = "lock_settings"
"""Suffix of the requests for lock documents."""

CHANGE_TEXT: Mapping[ChangeKind, tuple[str, str]] = {
    ChangeKind.REGRESSED: ("newly broken", "Newly broken"),
    ChangeKind.WAIVER_LAPSED: ("no longer accepted", "Broken, and no longer accepted by a waiver"),
    ChangeKind.NEWLY_UNKNOWN: ("without an answer now", "Answered before, and not now"),
    ChangeKind.NEWLY_BLIND: ("newly blind", "Answered before, and in an accepted blind spot now"),
    ChangeKind.NEWLY_VISIBLE: ("newly visible", "Settings that Zoom did not return before"),
    ChangeKind.IMPROVED: ("put right", "Put right"),
    ChangeKind.WAIVED: ("newly accepted", "Broken, and now accepted by a waiver"),
    ChangeKind.KNOWN_AGAIN: ("answered again", "Without an answer before, and judged now"),
    ChangeKind.OTHER: ("changed otherwise", "Other changes of result"),
    ChangeKind.SCOPE_ADDED: ("at new places", "At new groups, people or meetings"),
    ChangeKind.SCOPE_REMOVED: (
        "gone with their places",
        "At groups, people or meetings that are gone",
    ),
    ChangeKind.BASELINE_CHANGED: (
        "judged by another baseline",
        "Judged differently by a changed baseline",
    ),
}
"""Each kind of change: its phrase in the headline, and the heading of its section."""

Titles = Mapping[str, str]
"""Control id to title."""


def headline(drift: Drift) -> str:
    """What changed, in one line: for each kind of change the settings, then the levels."""
    kinds = [kind for kind, _ in by_change_kind(drift.groups)]
    if not kinds:
        changed = pluralize(len(drift.settings), "setting")
        also = f" {changed} changed nevertheless." if drift.settings else ""
        return f"No finding changed.{also}"
    return " · ".join(_part(kind, drift.affected(kind)) for kind in kinds) + "."


def _part(move: ChangeKind, affected: Affected) -> str:
    settings = pluralize(affected.settings, "setting")
    return f"{settings} {CHANGE_TEXT[move][0]} ({wording.levels(affected.by_level)})"


def as_text(drift: Drift, titles: Titles, width: int) -> str:
    """The report for a terminal; no line is longer than `width`."""
    lines: list[str] = []
    for line in _lines(drift, titles):
        lines += _wrapped(line, width)
    return "\n".join(lines) + "\n"


def as_markdown(drift: Drift, titles: Titles) -> str:
    """The report as Markdown, for chats and job summaries."""
    lines = [f"## {headline(drift)}", "", prose(_compared_runs(drift)), ""]
    lines += [f"> {prose(note)}" for note in drift.notes] + [""] * bool(drift.notes)
    for kind, groups in by_change_kind(drift.groups):
        lines += [
            f"### {CHANGE_TEXT[kind][1]} ({wording.number(sum(group.count for group in groups))})",
            "",
        ]
        head = table_head(["severity", "control", "setting", "where", "example"], 5)
        lines += head.splitlines()
        for group in groups:
            cells = (
                group.severity,
                f"{group.control} {titles.get(group.control, '')}",
                setting_name(group),
                _where(group),
                example(group.examples[0]),
            )
            lines.append(table_row(*map(prose, cells)).rstrip())
        lines.append("")
    if drift.settings:
        lines += ["### Settings and locks that changed", ""]
        lines += [f"- {prose(line)}" for line in _settings(drift)] + [""]
    if drift.log:
        lines += [prose(drift.log), ""]
    return "\n".join(lines)


def as_json(drift: Drift, titles: Titles) -> Iterator[str]:
    """The report for programs, in pieces, because it may list very many changes."""
    head = {
        "schema": "auditor/drift/v1",
        "earlier": history_output.facts_object(drift.earlier),
        "later": history_output.facts_object(drift.later),
        "summary": {str(move): count for move, count in _counts(drift.groups).items()},
        "scopes_added": {str(level): count for level, count in drift.scopes_added.items()},
        "scopes_removed": {str(level): count for level, count in drift.scopes_removed.items()},
        "notes": list(drift.notes),
        "operation_log": drift.log,
        "settings": [_setting_object(change) for change in drift.settings],
    }
    yield json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "changes": ['
    separator = "\n  "
    for change in drift.changes:
        yield separator + json.dumps(_change_object(change, titles), ensure_ascii=False)
        separator = ",\n  "
    yield "\n ]\n}\n"


def _lines(drift: Drift, titles: Titles) -> Iterator[str]:
    yield headline(drift)
    yield _compared_runs(drift)
    yield from drift.notes
    for kind, groups in by_change_kind(drift.groups):
        yield ""
        total = sum(group.count for group in groups)
        yield f"{CHANGE_TEXT[kind][1]} ({wording.number(total)})"
        previous = ""
        for group in groups:
            title = f"  {group.severity} {group.control} {titles.get(group.control, '')}"
            if title != previous:
                yield title
            previous = title
            introduction = ": " if group.count == 1 else ", such as "
            setting = f"{setting_name(group)}, " if setting_name(group) else ""
            yield (f"    {setting}{_where(group)}{introduction}{example(group.examples[0])}")
    if drift.settings:
        yield ""
        yield f"Settings and locks that changed ({wording.number(len(drift.settings))})"
        for line in _settings(drift):
            yield f"  {line}"
    scopes = [*_scopes(drift.scopes_added, "new"), *_scopes(drift.scopes_removed, "gone")]
    if scopes or drift.log:
        yield ""
    if scopes:
        yield ", ".join(scopes) + "."
    if drift.log:
        yield drift.log


def _wrapped(line: str, width: int) -> list[str]:
    """Wrap a line at `width` columns; wide characters take two."""
    indent = " " * (len(line) - len(line.lstrip()))
    hanging = indent + "  " * bool(indent)
    rows, current = [], indent
    for word in line.split():
        for piece in _pieces(word, width - len(hanging)):
            joined = f"{current} {piece}" if current.strip() else current + piece
            if display_width(joined) > width:
                rows.append(current)
                joined = hanging + piece
            current = joined
    return [*rows, current]


def _pieces(word: str, width: int) -> Iterator[str]:
    """Split a word into pieces of at most `width` columns."""
    if display_width(word) <= width:
        yield word
        return
    piece, columns = "", 0
    for char in word:
        columns += display_width(char)
        if columns > width:
            yield piece
            piece, columns = "", display_width(char)
        piece += char
    yield piece


def _compared_runs(drift: Drift) -> str:
    earlier, later = drift.earlier, drift.later
    return (
        f"Account {printable(later.account_id)}, "
        f"from run {earlier.id} ({wording.when(earlier.finished_at)}) "
        f"to run {later.id} ({wording.when(later.finished_at)})."
    )


def by_change_kind(
    changes: Sequence[ChangeGroup],
) -> Iterator[tuple[ChangeKind, list[ChangeGroup]]]:
    """Groups by kind of change, the most important first."""
    for kind in ChangeKind:
        groups = [group for group in changes if group.move is kind]
        if groups:
            yield kind, groups


def _counts(changes: Sequence[ChangeGroup]) -> dict[ChangeKind, int]:
    return {kind: sum(group.count for group in groups) for kind, groups in by_change_kind(changes)}


def setting_name(group: ChangeGroup) -> str:
    """The setting, or `lock of` the setting."""
    if group.setting in ("", "attestation"):
        return ""
    setting = facts.name(group.setting)
    return f"lock of {setting}" if group.kind is FindingKind.LOCK else setting


def _where(group: ChangeGroup) -> str:
    level = wording.level_name(group.level, group.count)
    return f"{wording.number(group.count)} {level}"


def example(change: FindingChange) -> str:
    """A change in one line: the scope, the states before and after, and the author."""
    scope = change.state.scope
    parts = [] if scope.level is Level.ACCOUNT else [shorten(scope.label, 60)]
    parts.append(f"{state_text(change.before)} → {state_text(change.after)}")
    if change.changed_by is not None:
        actor = change.changed_by
        parts.append(f"by {shorten(actor.operator, 60)} {wording.when(actor.time)}")
    return ", ".join(parts)


def state_text(state: FindingState | None) -> str:
    """The state of a finding in a run: the value, with the status unless it is broken."""
    if state is None:
        return "as expected"
    if state.observed is None:
        return wording.status_name(state.status)
    if state.kind is FindingKind.LOCK:
        return "locked" if state.observed else "not locked"
    value = shorten(facts.short_value(state.setting, state.observed), _VALUE)
    if state.status is Status.FAIL:
        return value
    return f"{value} ({wording.status_name(state.status)})"


def _settings(drift: Drift) -> Iterator[str]:
    for change in drift.settings[:MOST_SETTINGS]:
        yield setting_line(change)
    omitted = len(drift.settings) - MOST_SETTINGS
    if omitted > 0:
        yield f"and {wording.number(omitted)} more: auditor diff --format json"


def setting_line(change: SettingChange) -> str:
    """A changed setting or lock with its values and scope, on one line."""
    where = wording.level_name(change.scope.level, change.scopes)
    if change.scopes > 1:
        where = f"{wording.number(change.scopes)} {where}"
    elif change.scope.level is not Level.ACCOUNT:
        where += f" {shorten(change.scope.label, 60)}"
    before = "(not there)" if change.appeared else _value(change, change.before)
    after = "(not there)" if change.vanished else _value(change, change.after)
    lock = "lock of " if is_lock(change) else ""
    key = printable(change.setting)
    return f"{lock}{facts.name(change.setting)}: {before} → {after}, {where} ({key})"


def _value(change: SettingChange, value: JsonValue) -> str:
    if is_lock(change) and isinstance(value, bool):
        return "locked" if value else "not locked"
    return shorten(facts.short_value(change.setting, value), _VALUE)


def is_lock(change: SettingChange) -> bool:
    """True if the lock changed, not the value of the setting."""
    return change.source.partition("?")[0].endswith(_LOCKS)


def _scopes(counts: Mapping[Level, int], word: str) -> list[str]:
    return [f"{n} {wording.level_name(level, n)} {word}" for level, n in counts.items() if n]


def _change_object(change: FindingChange, titles: Titles) -> dict[str, Any]:
    state = change.state
    return {
        "move": change.move,
        "life": change.lifecycle,
        "control": state.control,
        "title": titles.get(state.control, ""),
        "kind": state.kind,
        "severity": state.severity,
        "scope": {"level": state.scope.level, "id": state.scope.id, "name": state.scope.label},
        "setting": state.setting,
        "before": _state_object(change.before),
        "after": _state_object(change.after),
        "first_seen": format_or_none(state.first_seen) or "",
        "changed_by": None if change.changed_by is None else change.changed_by.as_dict(),
        "fingerprint": state.fingerprint,
    }


def _state_object(state: FindingState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "status": state.status,
        "severity": state.severity,
        "cause": state.cause,
        "observed": state.observed,
        "since": format_or_none(state.since) or "",
    }


def _setting_object(change: SettingChange) -> dict[str, Any]:
    scope = change.scope
    return {
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "scopes": change.scopes,
        "source": change.source,
        "setting": change.setting,
        "before": change.before,
        "after": change.after,
        "appeared": change.appeared,
        "vanished": change.vanished,
    }
