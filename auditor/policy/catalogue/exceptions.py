"""Documented settings of the covered topics that no control reads, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import documented, files, yaml_source
from auditor.policy.catalogue.controls import Catalogue

TOPICS: tuple[str, ...] = ("ai", "consent", "recording", "third-party-sharing", "retention")
"""Topics in which a control reads every documented setting, exceptions aside."""

DOCUMENTS = ("settings", "phone", "meeting", "webinar", "rooms", "recording")
_SURFACES = {"phone_account_settings": "phone", "phone_site": "phone"}


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
def shipped() -> SettingExceptions:
    """The shipped exceptions.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "exceptions.yaml"), SettingExceptions)


def unread(catalogue: Catalogue) -> Iterator[UnreadSetting]:
    """The documented settings of `TOPICS` that no control of `catalogue` reads."""
    reasons: dict[tuple[str, str], str] = {
        (exception.documents, setting): exception.reason
        for exception in shipped().exceptions
        for setting in exception.settings
    }
    read = set(_read(catalogue))
    for kind in DOCUMENTS:
        for setting, topic in documented.topics(kind).items():
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
