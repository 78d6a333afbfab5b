"""Drift as people and programs read it: text, Markdown and JSON (`auditor/drift/v1`)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from auditor.evidence.scope import Level
from auditor.findings.drift import (
    Affected,
    ChangeGroup,
    ChangeKind,
    Drift,
    FindingChange,
    FindingState,
    RunFacts,
    SettingChange,
)
from auditor.findings.model import FindingKind
from auditor.report import wording
from auditor.report.display import display_width, printable, shorten, value_text
from auditor.report.markdown_text import prose, table_head, table_row

MOST_SETTINGS = 15
"""Changed settings that a report for people lists; programs get all of them."""

_VALUE = 40
"""Columns of a value."""

_LOCKS = "lock_settings"
"""How the requests for lock documents end."""

MOVE: Mapping[ChangeKind, tuple[str, str]] = {
    ChangeKind.REGRESSED: ("newly deviating", "Deviations now that were none before"),
    ChangeKind.WAIVER_LAPSED: ("no longer waived", "Deviations whose waiver covers them no longer"),
    ChangeKind.NEWLY_UNKNOWN: ("newly unknown", "Could be judged before, and cannot now"),
    ChangeKind.NEWLY_VISIBLE: ("newly visible", "Settings that Zoom did not return before"),
    ChangeKind.IMPROVED: ("put right", "Deviations before that are none now"),
    ChangeKind.WAIVED: ("newly waived", "Deviations that a waiver covers now"),
    ChangeKind.KNOWN_AGAIN: ("known again", "Could not be judged before, and can now"),
    ChangeKind.OTHER: ("changed otherwise", "Other changes of status"),
    ChangeKind.SCOPE_ADDED: ("at new scopes", "Of groups, users or meetings that are new"),
    ChangeKind.SCOPE_REMOVED: (
        "gone with their scopes",
        "Of groups, users or meetings that are gone",
    ),
    ChangeKind.BASELINE_CHANGED: (
        "judged by another baseline",
        "Judged otherwise by a changed baseline",
    ),
}
"""Each move: how it is counted, and what its section is called."""

Titles = Mapping[str, str]
"""Control id to title."""


def headline(drift: Drift) -> str:
    """What changed, in one line: for each kind of change the settings first, then where."""
    changed_ways = [move for move, _ in by_move(drift.clusters())]
    if not changed_ways:
        changed = wording.counted(len(drift.settings), "setting")
        also = f" {changed} changed all the same." if drift.settings else ""
        return f"No finding changed.{also}"
    return " · ".join(_part(move, drift.affected(move)) for move in changed_ways) + "."


def _part(move: ChangeKind, affected: Affected) -> str:
    settings = wording.counted(affected.settings, "setting")
    return f"{settings} {MOVE[move][0]} ({wording.levels(affected.by_level)})"


def as_text(drift: Drift, titles: Titles, width: int) -> str:
    """The report for a terminal; no line is longer than `width`."""
    lines: list[str] = []
    for line in _lines(drift, titles):
        lines += _wrapped(line, width)
    return "\n".join(lines) + "\n"


def as_markdown(drift: Drift, titles: Titles) -> str:
    """The report as Markdown, as chats and job summaries show it."""
    clusters = drift.clusters()
    lines = [f"## {headline(drift)}", "", prose(_between(drift)), ""]
    lines += [f"> {prose(note)}" for note in drift.notes] + [""] * bool(drift.notes)
    for found, of_move in by_move(clusters):
        lines += [f"### {MOVE[found][1]} ({wording.number(sum(c.count for c in of_move))})", ""]
        head = table_head(["severity", "control", "setting", "where", "example"], 5)
        lines += head.splitlines()
        for cluster in of_move:
            cells = (
                cluster.severity,
                f"{cluster.control} {titles.get(cluster.control, '')}",
                what(cluster),
                _where(cluster),
                example(cluster.examples[0]),
            )
            lines.append(table_row(*map(prose, cells)).rstrip())
        lines.append("")
    if drift.settings:
        lines += ["### Settings and locks that changed", ""]
        lines += [f"- {prose(each)}" for each in _settings(drift)] + [""]
    if drift.log:
        lines += [prose(drift.log), ""]
    return "\n".join(lines)


def as_json(drift: Drift, titles: Titles) -> Iterator[str]:
    """The report for programs, in pieces: it may hold very many changes."""
    head = {
        "schema": "auditor/drift/v1",
        "earlier": _facts(drift.earlier),
        "later": _facts(drift.later),
        "summary": {str(move): count for move, count in _counts(drift.clusters()).items()},
        "scopes_added": {str(level): count for level, count in drift.scopes_added.items()},
        "scopes_removed": {str(level): count for level, count in drift.scopes_removed.items()},
        "notes": list(drift.notes),
        "operation_log": drift.log,
        "settings": [_setting_object(each) for each in drift.settings],
    }
    yield json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "changes": ['
    mark = "\n  "
    for change in drift.changes:
        yield mark + json.dumps(_change_object(change, titles), ensure_ascii=False)
        mark = ",\n  "
    yield "\n ]\n}\n"


def _lines(drift: Drift, titles: Titles) -> Iterator[str]:
    yield headline(drift)
    yield _between(drift)
    yield from drift.notes
    for found, clusters in by_move(drift.clusters()):
        yield ""
        total = sum(cluster.count for cluster in clusters)
        yield f"{MOVE[found][1]} ({wording.number(total)})"
        above = ""
        for cluster in clusters:
            title = f"  {cluster.severity} {cluster.control} {titles.get(cluster.control, '')}"
            if title != above:
                yield title
            above = title
            such = ": " if cluster.count == 1 else ", such as "
            yield (f"    {what(cluster)}, {_where(cluster)}{such}{example(cluster.examples[0])}")
    if drift.settings:
        yield ""
        yield f"Settings and locks that changed ({wording.number(len(drift.settings))})"
        for each in _settings(drift):
            yield f"  {each}"
    scopes = [*_scopes(drift.scopes_added, "new"), *_scopes(drift.scopes_removed, "gone")]
    if scopes or drift.log:
        yield ""
    if scopes:
        yield ", ".join(scopes) + "."
    if drift.log:
        yield drift.log


def _wrapped(line: str, width: int) -> list[str]:
    """A line as lines of at most `width` columns: wide characters take two."""
    indent = " " * (len(line) - len(line.lstrip()))
    hanging = indent + "  " * bool(indent)
    rows, row = [], indent
    for word in line.split():
        for piece in _pieces(word, width - len(hanging)):
            joined = f"{row} {piece}" if row.strip() else row + piece
            if display_width(joined) > width:
                rows.append(row)
                joined = hanging + piece
            row = joined
    return [*rows, row]


def _pieces(word: str, room: int) -> Iterator[str]:
    """A word in pieces that fit."""
    if display_width(word) <= room:
        yield word
        return
    piece, used = "", 0
    for char in word:
        used += display_width(char)
        if used > room:
            yield piece
            piece, used = "", display_width(char)
        piece += char
    yield piece


def _between(drift: Drift) -> str:
    one, other = drift.earlier, drift.later
    return (
        f"Account {printable(other.account_id)}, "
        f"from run {one.id} ({wording.when(one.finished_at)}) "
        f"to run {other.id} ({wording.when(other.finished_at)})."
    )


def by_move(clusters: list[ChangeGroup]) -> Iterator[tuple[ChangeKind, list[ChangeGroup]]]:
    """Clusters under their moves, in the order a reader wants them."""
    for found in ChangeKind:
        of_move = [cluster for cluster in clusters if cluster.move is found]
        if of_move:
            yield found, of_move


def _counts(clusters: list[ChangeGroup]) -> dict[ChangeKind, int]:
    return {move: sum(c.count for c in of_move) for move, of_move in by_move(clusters)}


def what(cluster: ChangeGroup) -> str:
    """The setting, or the lock of it."""
    setting = printable(cluster.setting)
    return f"lock of {setting}" if cluster.kind is FindingKind.LOCK else setting


def _where(cluster: ChangeGroup) -> str:
    level = wording.level_name(cluster.level, cluster.count)
    return f"{wording.number(cluster.count)} {level}"


def example(change: FindingChange) -> str:
    """Where a finding moved, how it stood and stands, and who made it so."""
    scope = change.state.scope
    told = [] if scope.level is Level.ACCOUNT else [shorten(scope.label, 60)]
    told.append(f"{state_text(change.before)} → {state_text(change.after)}")
    if change.changed_by is not None:
        who = change.changed_by
        told.append(f"by {shorten(who.operator, 60)} {wording.when(who.time)}")
    return ", ".join(told)


def state_text(standing: FindingState | None) -> str:
    """How a finding stood in a run: `deviation (true)`."""
    if standing is None:
        return "as expected"
    value = f" ({value_text(standing.observed, _VALUE)})" if standing.observed is not None else ""
    return f"{wording.status_name(standing.status)}{value}"


def _settings(drift: Drift) -> Iterator[str]:
    for each in drift.settings[:MOST_SETTINGS]:
        yield setting_line(each)
    left = len(drift.settings) - MOST_SETTINGS
    if left > 0:
        yield f"and {wording.number(left)} more: auditor diff --format json"


def setting_line(change: SettingChange) -> str:
    """A changed setting or lock with its values and where, on one line."""
    where = wording.level_name(change.scope.level, change.scopes)
    if change.scopes > 1:
        where = f"{wording.number(change.scopes)} {where}"
    elif change.scope.level is not Level.ACCOUNT:
        where += f" {shorten(change.scope.label, 60)}"
    before = "(not there)" if change.appeared else value_text(change.before, _VALUE)
    after = "(not there)" if change.vanished else value_text(change.after, _VALUE)
    lock = "lock of " if is_lock(change) else ""
    return f"{lock}{printable(change.setting)}: {before} → {after}, {where}"


def is_lock(change: SettingChange) -> bool:
    """True where what changed is a lock, not the value of the setting."""
    return change.source.partition("?")[0].endswith(_LOCKS)


def _scopes(counts: Mapping[Level, int], word: str) -> list[str]:
    return [f"{n} {wording.level_name(level, n)} {word}" for level, n in counts.items() if n]


def _facts(facts: RunFacts) -> dict[str, Any]:
    told = asdict(facts)
    del told["controls"]
    return told


def _change_object(change: FindingChange, titles: Titles) -> dict[str, Any]:
    at = change.state
    return {
        "move": change.move,
        "life": change.lifecycle,
        "control": at.control,
        "title": titles.get(at.control, ""),
        "kind": at.kind,
        "severity": at.severity,
        "scope": {"level": at.scope.level, "id": at.scope.id, "name": at.scope.label},
        "setting": at.setting,
        "before": _state_object(change.before),
        "after": _state_object(change.after),
        "first_seen": at.first_seen,
        "changed_by": None if change.changed_by is None else asdict(change.changed_by),
        "fingerprint": at.fingerprint,
    }


def _state_object(standing: FindingState | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {
        "status": standing.status,
        "severity": standing.severity,
        "cause": standing.cause,
        "observed": standing.observed,
        "since": standing.since,
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
