"""Features: documented settings as rows of an inventory, with title, topic and controls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, get_args

from auditor.errors import nearest
from auditor.evidence.scope import Level
from auditor.policy.catalogue import documented, words
from auditor.policy.catalogue.controls import (
    SETTINGS_LEVELS,
    SETTINGS_SURFACE,
    Catalogue,
    Check,
    SettingType,
)
from auditor.policy.catalogue.errors import PolicyError
from auditor.redaction.text import is_secret_name

AI = "ai"
"""The topic of AI features, and the key of the object that holds most of the new ones."""
SHARING = "third-party-sharing"
RECORDING = "recording"
DEFAULT_TOPICS = (AI, SHARING, RECORDING)
"""The topics of an inventory if none is requested."""
OTHER = "other"
PHONE_SURFACE = "phone_account_settings"
NEW_SETTINGS_CONTROL = "CC-07"

_TYPES = frozenset(get_args(SettingType))


@dataclass(frozen=True, slots=True)
class CatalogueFeature:
    """A setting with a row in an inventory, and how it is read."""

    check: Check
    """Where Zoom returns it, and its lock: as a control reads it, else as documented."""
    title: str
    topic: str
    controls: tuple[str, ...] = ()
    """The controls that look at it."""
    is_repeated: bool = False
    """True if other rows show the same values."""
    is_documented: bool = True
    """False for a setting that Zoom returns and no reference documents."""


def shipped(catalogue: Catalogue) -> Mapping[str, CatalogueFeature]:
    """Every documented setting of accounts, groups and users, and of Zoom Phone about AI, by path.

    Keys of secrets and keys inside lists are left out: their values are not stored, or not
    single values.
    """
    readers = _readers(catalogue)
    rows: dict[str, CatalogueFeature] = {}
    for path, entry in documented.settings().items():
        if "[]" not in path and not is_secret_name(path.rpartition(".")[2]):
            rows[path] = _feature(path, entry, SETTINGS_SURFACE, readers.get(path, ()), catalogue)
    for path, entry in documented.entries("phone").items():
        row = _feature(path, entry, PHONE_SURFACE, readers.get(path, ()), catalogue)
        if row.topic == AI and path not in rows:
            rows[path] = row
    return rows


def leaf(path: str, lock: str) -> CatalogueFeature:
    """The row of one leaf of the `ai` object, which Zoom fills with keys it does not document."""
    check = Check(
        setting=path,
        levels=SETTINGS_LEVELS,
        lock=lock,
        lock_levels=SETTINGS_LEVELS[:2],
        find_key=AI,
    )
    return CatalogueFeature(check, words.setting_name(path), AI, ("AI-11",), is_documented=False)


def undocumented(path: str, topic: str) -> CatalogueFeature:
    """The row of a setting that Zoom returns and no reference documents."""
    check = Check(setting=path, levels=SETTINGS_LEVELS)
    return CatalogueFeature(
        check, words.setting_name(path), topic, (NEW_SETTINGS_CONTROL,), is_documented=False
    )


def topics(rows: Iterable[CatalogueFeature]) -> list[str]:
    """The topics of `rows`, sorted."""
    return sorted({row.topic for row in rows})


def check_topics(requested: Iterable[str], rows: Iterable[CatalogueFeature]) -> None:
    """Check that these topics exist.

    Raises:
        PolicyError: one does not.
    """
    known = topics(rows)
    problems = [
        f'--topic: no topic is called "{name}".{nearest(name, known)} Topics: {", ".join(known)}.'
        for name in requested
        if name not in known
    ]
    if problems:
        raise PolicyError(problems)


def matching(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths that a `--setting` names: by path, by the path of a parent, or with `*`."""
    if "*" in pattern:
        return [path for path in paths if fnmatchcase(path.casefold(), pattern.casefold())]
    return [path for path in paths if path == pattern or path.startswith(f"{pattern}.")]


def _feature(
    path: str,
    entry: Mapping[str, Any],
    surface: str,
    readers: Iterable[tuple[str, Check]],
    catalogue: Catalogue,
) -> CatalogueFeature:
    read = list(readers)
    about_ai = any(catalogue.topics[control] == AI for control, _ in read)
    topic = AI if about_ai else entry.get("topic") or OTHER
    exact = [check for _, check in read if check.setting == path]
    check = (
        max(exact, key=lambda check: len(check.levels)) if exact else _check(path, entry, surface)
    )
    controls = tuple(dict.fromkeys(control for control, _ in read))
    return CatalogueFeature(check, words.setting_name(path), topic, controls)


def _check(path: str, entry: Mapping[str, Any], surface: str) -> Check:
    values = entry.get("values")
    return Check(
        setting=path,
        surface=surface,
        view=entry.get("view", ""),
        type=tuple(name for name in (entry["type"],) if name in _TYPES),
        values=None if values is None else tuple(values),
        meaning=entry.get("meaning", {}),
        levels=tuple(map(Level, entry["levels"])),
        lock=entry.get("lock"),
        lock_levels=tuple(map(Level, entry.get("lock_levels", ()))),
        lock_inferred=bool(entry.get("lock_inferred")),
        find_key=path if entry.get("by_key") else None,
    )


def _readers(catalogue: Catalogue) -> Mapping[str, list[tuple[str, Check]]]:
    """Path to the controls and checks that read it, alone or as a part of an object."""
    paths = [*documented.settings(), *documented.entries("phone")]
    found: dict[str, list[tuple[str, Check]]] = {}
    for control in catalogue:
        for check in control.checks:
            if check.surface in (SETTINGS_SURFACE, PHONE_SURFACE, "phone_site"):
                is_whole = bool({"object", "array"} & set(check.type))
                for path in paths if is_whole else (check.setting,):
                    if path == check.setting or path.startswith(f"{check.setting}."):
                        found.setdefault(path, []).append((control.id, check))
    return found
