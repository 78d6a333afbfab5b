"""Changes since the previous run, for the reports for people."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.evidence.diff import SettingChange
from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeGroup, ChangeKind, Drift, merge_levels
from auditor.findings.model import FindingKind, Status
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.diff_output import (
    CHANGE_TEXT,
    MOST_SETTINGS,
    by_change_kind,
    headline,
    is_lock,
)
from auditor.report.display import printable

MOST_ROWS = 15
"""Rows per kind of change; `auditor diff` lists all."""


@dataclass(frozen=True, slots=True)
class ChangeSection:
    """Changes of one kind."""

    move: ChangeKind
    heading: str
    count: int
    rows: Sequence[ChangeGroup]
    """One for all levels of a setting."""
    hidden: int
    """The number of omitted rows."""


@dataclass(frozen=True, slots=True)
class ChangeTables:
    """Changes since the previous run."""

    headline: str
    between: str
    """The previous run, in a sentence."""
    notes: Sequence[str]
    moves: Sequence[ChangeSection]
    settings: Sequence[SettingChange]
    """The first changed settings that no control checks."""
    more_settings: int
    settings_heading: str
    scopes: str
    """Added and removed scopes; empty if there are none."""
    log: str


def outline(run: Run, rollup: Rollup) -> ChangeTables | None:
    """What changed; None without a previous run."""
    drift = run.drift
    if drift is None:
        return None
    has_passes = bool(rollup.of_status(Status.PASS)) or not run.summary.by_status.get(Status.PASS)
    settings = _unwatched(drift, rollup) if has_passes else drift.settings
    return ChangeTables(
        headline=headline(drift),
        between=f"Compared with run {printable(drift.earlier.id)}, which was finished "
        f"{wording.when(drift.earlier.finished_at)}.",
        notes=drift.notes,
        moves=moves(drift),
        settings=settings[:MOST_SETTINGS],
        more_settings=max(0, len(settings) - MOST_SETTINGS),
        settings_heading="Settings and locks that changed, where no control looks"
        if has_passes
        else "Settings and locks that changed",
        scopes=_scopes(drift),
        log=drift.log,
    )


def moves(drift: Drift, most: int = MOST_ROWS) -> list[ChangeSection]:
    """The changes by kind, the most important first."""
    sections = []
    for move, groups in by_change_kind(drift.groups):
        rows = merge_levels(groups)
        count = sum(row.count for row in rows)
        sections.append(
            ChangeSection(move, CHANGE_TEXT[move][1], count, rows[:most], max(0, len(rows) - most))
        )
    return sections


def line(drift: Drift) -> str:
    """What changed, in one sentence."""
    return f"Since the previous run ({wording.when(drift.earlier.finished_at)}): {headline(drift)}"


def _unwatched(drift: Drift, rollup: Rollup) -> Sequence[SettingChange]:
    """Changed settings that no verdict of the run covers."""
    values: defaultdict[Level, set[str]] = defaultdict(set)
    locks: defaultdict[Level, set[str]] = defaultdict(set)
    new_settings: set[str] = set()
    for group in rollup.groups:
        verdict = group.verdict
        if verdict.kind is FindingKind.UNCOVERED:
            new_settings.add(verdict.setting)
            continue
        for level in group.by_level:
            (locks if verdict.kind is FindingKind.LOCK else values)[level].add(verdict.setting)
    return [
        change
        for change in drift.settings
        if not (change.appeared and change.setting in new_settings)
        and not _is_watched(
            change.setting, (locks if is_lock(change) else values)[change.scope.level]
        )
    ]


def _is_watched(setting: str, judged: set[str]) -> bool:
    """True if a judged setting equals, contains or lies within `setting`."""
    return setting in judged or any(
        _contains(setting, other) or _contains(other, setting) for other in judged if other
    )


def _contains(outer: str, inner: str) -> bool:
    return inner.startswith(outer) and inner[len(outer) : len(outer) + 1] in (".", "[")


def _scopes(drift: Drift) -> str:
    parts = [
        f"{wording.levels(counts)} {word}"
        for counts, word in ((drift.scopes_added, "new"), (drift.scopes_removed, "gone"))
        if any(counts.values())
    ]
    return ", ".join(parts)
