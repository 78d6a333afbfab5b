"""Names by which roles, scopes, log entries and new settings are recognised.

Each list is a file of its own in `policies/`, with the sources of its names.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import files

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_]+")


class NamePatterns(BaseModel):
    """Patterns of names, with `*` for any text, and their sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: str
    patterns: tuple[str, ...]
    sources: tuple[str, ...]


class PatternCatalogue(BaseModel):
    """The name patterns by purpose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    privileges: NamePatterns
    app_scopes: NamePatterns
    log_categories: NamePatterns
    admin_scopes: NamePatterns
    admin_apps: NamePatterns


class SettingLabels(BaseModel):
    """The names of one setting in the portal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: tuple[str, ...] = ()
    """Names observed in recorded entries."""
    likely: tuple[str, ...] = ()
    """Names assumed from the portal, not yet observed in entries."""


class PortalLabels(BaseModel):
    """The names of all settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Mapping[str, SettingLabels]
    sources: tuple[str, ...]

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Setting to all its names."""
        return {path: (*labels.seen, *labels.likely) for path, labels in self.settings.items()}


class KeyWord(BaseModel):
    """One word, with an example key and its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: str
    match: Literal["whole", "part"]
    """`whole` matches a whole part of the key, `part` any substring."""
    topic: Literal["ai", "consent", "sharing"]
    example: str
    source: str


class KeyWords(BaseModel):
    """The list of words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[KeyWord, ...]

    def topic(self, path: str) -> str | None:
        """The topic of the first word that matches a settings path; None if none matches."""
        parts = [part for part in _BETWEEN.split(_CAPITAL.sub("_", path).casefold()) if part]
        whole = "_".join(parts)
        for word in self.words:
            if word.word in parts if word.match == "whole" else word.word in whole:
                return word.topic
        return None


@cache
def name_patterns() -> PatternCatalogue:
    """Patterns for the checks of privileges and usage: `policies/patterns.yaml`."""
    return files.load("patterns.yaml", PatternCatalogue)


@cache
def portal_labels() -> PortalLabels:
    """The names of settings in the operation log: `policies/operation_log.yaml`."""
    return files.load("operation_log.yaml", PortalLabels)


@cache
def key_words() -> KeyWords:
    """Words that mark the key of an unknown setting as relevant: `policies/key_words.yaml`."""
    return files.load("key_words.yaml", KeyWords)
