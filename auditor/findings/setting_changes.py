"""Converts the difference between two snapshots into the setting changes of a drift."""

from auditor.evidence.diff import SnapshotDiff, ValueChange
from auditor.evidence.scope import Level
from auditor.findings.drift import SettingChange


def changes(diff: SnapshotDiff) -> tuple[SettingChange, ...]:
    """The changed settings, in the order of the diff."""
    return tuple(map(_change, diff.settings))


def notes(diff: SnapshotDiff) -> tuple[str, ...]:
    """What could not be compared, in sentences."""
    sentences = [
        f"Settings of {_many(count, level)} were read in one run only, so they could not be "
        "compared."
        for level, count in diff.unread.items()
    ]
    sentences += [
        f"Which {_name(level)}s came or went cannot be told: one run did not look for all of them."
        for level in diff.unlisted
    ]
    return tuple(sentences)


def _many(count: int, level: Level) -> str:
    return f"{count:,} {_name(level)}{'' if count == 1 else 's'}"


def _name(level: Level) -> str:
    return level.replace("_", " ")


def _change(change: ValueChange) -> SettingChange:
    return SettingChange(
        change.scope,
        change.source,
        change.setting,
        change.before,
        change.after,
        change.appeared,
        change.vanished,
        change.scopes,
    )
