"""Setting drift: what evidence tells of changed settings, in the words of drift."""

from auditor.evidence.diff import SnapshotDiff, ValueChange
from auditor.evidence.scope import Level
from auditor.findings.drift import SettingChange


def changes(found: SnapshotDiff) -> tuple[SettingChange, ...]:
    """The settings that changed, in the order they were found in."""
    return tuple(map(_change, found.settings))


def notes(found: SnapshotDiff) -> tuple[str, ...]:
    """What could not be compared, in sentences."""
    told = [
        f"Settings of {_many(count, level)} were read in one run only, so they could not be "
        "compared."
        for level, count in found.unread.items()
    ]
    told += [
        f"Which {_name(level)}s came or went cannot be told: one run did not look for all of them."
        for level in found.unlisted
    ]
    return tuple(told)


def _many(count: int, level: Level) -> str:
    return f"{count:,} {_name(level)}{'' if count == 1 else 's'}"


def _name(level: Level) -> str:
    return level.replace("_", " ")


def _change(each: ValueChange) -> SettingChange:
    return SettingChange(
        each.scope,
        each.source,
        each.setting,
        each.before,
        each.after,
        each.appeared,
        each.vanished,
        each.scopes,
    )
