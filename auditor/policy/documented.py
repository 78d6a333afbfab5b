"""What Zoom documents: every settings path our references name (`policies/settings.json`)."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from auditor.policy import files


@cache
def settings() -> Mapping[str, Mapping[str, Any]]:
    """Documented settings paths of account, group and user documents, with levels and types."""
    found: Mapping[str, Mapping[str, Any]] = _content()["settings"]
    return found


def is_whole(path: str) -> bool:
    """True for a documented object or list whose inner shape Zoom does not publish."""
    return settings().get(path, {}).get("type") in ("object", "array")


@cache
def containers() -> frozenset[str]:
    """Paths of documented objects and lists: an empty one comes as a leaf."""
    parts = [path.replace("[]", "").split(".") for path in settings()]
    return frozenset(".".join(each[:n]) for each in parts for n in range(2, len(each) + 1))


@cache
def lockable() -> frozenset[str]:
    """Paths a lock document may hold: documented locks, and documented settings and objects."""
    return containers() | {path for paths in _content()["locks"].values() for path in paths}


@cache
def _content() -> dict[str, Any]:
    path = files.folder() / "settings.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))
