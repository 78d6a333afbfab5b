"""Documented settings: every path named in Zoom's references (`policies/settings.json`)."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from auditor.policy.catalogue import files


@cache
def settings() -> Mapping[str, Mapping[str, Any]]:
    """Documented settings paths of account, group and user documents, with levels and types."""
    entries: Mapping[str, Mapping[str, Any]] = _content()["settings"]
    return entries


def is_whole(path: str) -> bool:
    """True for a documented object or list whose inner shape Zoom does not publish."""
    return settings().get(path, {}).get("type") in ("object", "array")


@cache
def containers() -> frozenset[str]:
    """Paths of documented objects and lists; an empty one is returned as a leaf."""
    parts = [path.replace("[]", "").split(".") for path in settings()]
    return frozenset(".".join(keys[:n]) for keys in parts for n in range(2, len(keys) + 1))


def is_known_by_key(path: str) -> bool:
    """True for a documented key whose parent object is not documented, at any place.

    A switch may be a boolean or an object with `enable`. Everything inside a documented object
    with an unpublished shape counts as known.
    """
    parts = path.split(".")
    for place, part in enumerate(parts):
        inside = parts[place + 1 :]
        entry = _by_key().get(part)
        if entry and (entry["type"] == "object" or inside in ([], ["enable"], ["enabled"])):
            return True
    return False


@cache
def _by_key() -> Mapping[str, Mapping[str, Any]]:
    return {path: entry for path, entry in settings().items() if entry.get("by_key")}


@cache
def lockable() -> frozenset[str]:
    """Valid paths in a lock document: documented locks, settings and objects."""
    return containers() | {path for paths in _content()["locks"].values() for path in paths}


def topics(documents: str) -> Mapping[str, str]:
    """Documented setting to topic, for one kind of document, of settings with a topic."""
    by_path = {path: entry.get("topic") for path, entry in _content()[documents].items()}
    return {path: str(topic) for path, topic in by_path.items() if topic}


@cache
def _content() -> dict[str, Any]:
    path = files.folder() / "settings.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))
