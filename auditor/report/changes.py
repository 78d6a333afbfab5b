"""What changed since the run before, as the reports for people show it beside the findings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeGroup, ChangeKind, Drift, FindingChange, SettingChange
from auditor.findings.model import FindingKind, Severity, Status
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.display import printable
from auditor.report.drift_report import MOST_SETTINGS, MOVE, by_move, headline, is_lock

MOST_ROWS = 15
"""Rows of one kind of change; `auditor diff` has them all."""


@dataclass(frozen=True, slots=True)
class Row:
    """Changes of one kind, of one control and setting, at every level."""

    control: str
    kind: FindingKind
    setting: str
    severity: Severity
    by_level: Mapping[Level, int]
    example: FindingChange
    """One of them, of whom the log tells if it tells of any."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Changes of one kind."""

    move: ChangeKind
    heading: str
    count: int
    rows: Sequence[Row]
    hidden: int
    """Rows that are left out."""


@dataclass(frozen=True, slots=True)
class ChangeTables:
    """What changed since the run before."""

    headline: str
    between: str
    """Which run it is compared with."""
    notes: Sequence[str]
    moves: Sequence[Moved]
    settings: Sequence[SettingChange]
    """The first of those that changed where no control looks."""
    more_settings: int
    settings_heading: str
    scopes: str
    """Which scopes came and went; empty for none."""
    log: str


def outline(run: Run, rollup: Rollup) -> ChangeTables | None:
    """What changed; None where there is no run to compare with."""
    drift = run.drift
    if drift is None:
        return None
    passes_known = bool(rollup.of_status(Status.PASS)) or not run.summary.by_status.get(Status.PASS)
    settings = _unwatched(drift, rollup) if passes_known else drift.settings
    return ChangeTables(
        headline=headline(drift),
        between=f"Compared with run {printable(drift.earlier.id)}, which was finished "
        f"{wording.when(drift.earlier.finished_at)}.",
        notes=drift.notes,
        moves=moves(drift),
        settings=settings[:MOST_SETTINGS],
        more_settings=max(0, len(settings) - MOST_SETTINGS),
        settings_heading="Settings and locks that changed, where no control looks"
        if passes_known
        else "Settings and locks that changed",
        scopes=_scopes(drift),
        log=drift.log,
    )


def moves(drift: Drift, most: int = MOST_ROWS) -> list[Moved]:
    """The changes by kind, in the order a reader wants them."""
    found = []
    for move, clusters in by_move(drift.clusters()):
        rows = _rows(clusters)
        count = sum(cluster.count for cluster in clusters)
        found.append(Moved(move, MOVE[move][1], count, rows[:most], max(0, len(rows) - most)))
    return found


def line(drift: Drift) -> str:
    """What changed, in one sentence."""
    return f"Since the run before ({wording.when(drift.earlier.finished_at)}): {headline(drift)}"


def _rows(clusters: Sequence[ChangeGroup]) -> list[Row]:
    """Clusters with those of other levels put together, in their order."""
    together: dict[tuple[str, FindingKind, str, Severity], list[ChangeGroup]] = {}
    for cluster in clusters:
        key = cluster.control, cluster.kind, cluster.setting, cluster.severity
        together.setdefault(key, []).append(cluster)
    rows = []
    for key, of_row in together.items():
        examples = [cluster.examples[0] for cluster in of_row]
        attributed = [change for change in examples if change.changed_by is not None]
        by_level = {cluster.level: cluster.count for cluster in of_row}
        rows.append(Row(*key, by_level, (attributed or examples)[0]))
    return rows


def _unwatched(drift: Drift, rollup: Rollup) -> Sequence[SettingChange]:
    """Changed settings that no verdict of the run is about."""
    values: defaultdict[Level, set[str]] = defaultdict(set)
    locks: defaultdict[Level, set[str]] = defaultdict(set)
    fresh: set[str] = set()
    for group in rollup.groups:
        verdict = group.verdict
        if verdict.kind is FindingKind.UNCOVERED:
            fresh.add(verdict.setting)
            continue
        for level in group.by_level:
            (locks if verdict.kind is FindingKind.LOCK else values)[level].add(verdict.setting)
    return [
        each
        for each in drift.settings
        if not (each.appeared and each.setting in fresh)
        and not _is_watched(each.setting, (locks if is_lock(each) else values)[each.scope.level])
    ]


def _is_watched(setting: str, judged: set[str]) -> bool:
    """True where a judged setting is this one, lies in it, or holds it."""
    return setting in judged or any(
        _holds(setting, each) or _holds(each, setting) for each in judged if each
    )


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(outer) and inner[len(outer) : len(outer) + 1] in (".", "[")


def _scopes(drift: Drift) -> str:
    told = [
        f"{wording.levels(counts)} {word}"
        for counts, word in ((drift.scopes_added, "new"), (drift.scopes_removed, "gone"))
        if any(counts.values())
    ]
    return ", ".join(told)
