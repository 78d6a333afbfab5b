"""Documented settings, and which of them no control reads, and why.

They are all paths named in Zoom's references (`policies/settings.json`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import files
from auditor.policy.catalogue.controls import Catalogue

TOPICS: tuple[str, ...] = ("ai", "consent", "recording", "third-party-sharing", "retention")
"""Topics in which a control reads every documented setting, exceptions aside."""

DOCUMENTS = ("settings", "phone", "meeting", "webinar", "rooms", "recording")
_SURFACES = {"phone_account_settings": "phone", "phone_site": "phone"}


@cache
def settings() -> Mapping[str, Mapping[str, Any]]:
    """Documented settings paths of account, group and user documents, with levels and types."""
    return entries("settings")


def entries(documents: str) -> Mapping[str, Mapping[str, Any]]:
    """Documented settings paths of one kind of document, with levels, types and values."""
    by_path: Mapping[str, Mapping[str, Any]] = _content()[documents]
    return by_path


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


class SettingException(BaseModel):
    """Settings of one kind of document that no control reads, for one reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str
    documents: Literal["settings", "phone", "meeting", "webinar", "rooms", "recording"]
    settings: tuple[str, ...]


class SettingExceptions(BaseModel):
    """The file of exceptions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exceptions: tuple[SettingException, ...]


@dataclass(frozen=True, slots=True)
class UnreadSetting:
    """A documented setting that no control reads; an empty reason means it is not yet reviewed."""

    documents: str
    setting: str
    topic: str
    reason: str


@cache
def exceptions() -> tuple[SettingException, ...]:
    """The documented settings that no control reads for a reason: `policies/exceptions.yaml`."""
    return files.load("exceptions.yaml", SettingExceptions).exceptions


def unread(catalogue: Catalogue) -> Iterator[UnreadSetting]:
    """The documented settings of `TOPICS` that no control of `catalogue` reads."""
    reasons: dict[tuple[str, str], str] = {
        (exception.documents, setting): exception.reason
        for exception in exceptions()
        for setting in exception.settings
    }
    read = set(_read(catalogue))
    for kind in DOCUMENTS:
        for setting, topic in topics(kind).items():
            around = (setting[:n] for n, letter in enumerate(setting) if letter in ".[")
            if (
                topic in TOPICS
                and (kind, setting, False) not in read
                and not any((kind, path, True) in read for path in around)
            ):
                yield UnreadSetting(kind, setting, topic, reasons.get((kind, setting), ""))


def _read(catalogue: Catalogue) -> Iterator[tuple[str, str, bool]]:
    """Kind of document and path of each setting read, and whether it is read as a whole."""
    for control in catalogue:
        for check in control.checks:
            kind = _SURFACES.get(check.surface, check.surface)
            yield kind, check.setting, False
            if check.only_when is not None:
                yield kind, check.only_when.setting, False
            if {"object", "array"} & set(check.type):
                yield kind, check.setting, True
