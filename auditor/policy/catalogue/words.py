"""What people call the settings and their values: `policies/words/`.

A fact is true whatever a baseline expects: "AI starts by itself", "Meeting chat is off". It is
worded so that "at the account", "for 64 people" or "for the group Sales" can follow.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from auditor.evidence.reading import JsonValue, is_number
from auditor.policy.catalogue import files, glossary, yaml_source
from auditor.policy.catalogue.controls import Control
from auditor.policy.catalogue.values import iter_leaves

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?", re.IGNORECASE)
_SWITCHES = ("enable", "enabled")
"""The keys with which Zoom names the switch of a feature that has further settings."""

_PHONE_SECTION = "policy."
"""The section of a phone site's or user's document that holds the settings of Zoom Phone."""
_IN_ONE_PLACE = {"ai.ai_model_type": "ai_model_type"}
"""Settings that Zoom also returns in the object that holds all those of AI."""
_COMPUTED = "derived:"
"""Begins the name of a comparison, whose value is a list of settings."""

_EMPTY: tuple[JsonValue, ...] = (None, "", [], {})
_LOCKED_BY = {"account": "the account", "user_group": "a group", "site": "a site"}
"""Source: the phone settings of @zoom/rivet 0.4.0, 2025-12-04; "invalid" is not explained there."""


class SettingWords(BaseModel):
    """The words for one setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """What people call it; the switch of a feature has the feature's name."""
    plural: bool = False
    """True if the name is a plural: "Breakout rooms are on"."""
    when_on: str = ""
    """The fact if it is on, where "NAME is on" does not say it well."""
    when_off: str = ""
    fact: str = Field(default="", pattern=r"^([^{}]*\{value\}[^{}]*)?$")
    """The fact for any other value, with `{value}`."""
    values: Mapping[str, str] = {}
    """Documented value to the words for it."""
    unit: str = ""
    """The unit of numbers, in the plural; `duration` for texts such as 1y6m."""
    place: str = ""
    """Where it is in the portal, if other settings of its controls are elsewhere."""
    choice: bool = False
    """True for a number that stands for a choice, and that no source explains."""


def _short_form(entry: object) -> object:
    return {"name": entry} if isinstance(entry, str) else entry


class WordsFile(BaseModel):
    """One file of words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: str
    """The settings that the file names, for people."""
    words: Mapping[str, Annotated[SettingWords, BeforeValidator(_short_form)]]


def setting_name(key: str) -> str:
    """What people call the setting or lock `key`; made from the key if it is not documented."""
    entry = _entry(key)
    return entry.name if entry is not None else _name_from(key)


def lock_name(key: str) -> str:
    """What people call the setting or feature that the lock `key` is of."""
    return setting_name(key).removesuffix(" (lock)")


def setting_place(key: str) -> str:
    """Where the setting, or the feature that the lock `key` names, is in the portal; empty if the
    place of its control says so."""
    entry = _entry(key)
    return entry.place if entry is not None else ""


def is_known(key: str) -> bool:
    """True if there are words for the setting or lock `key`."""
    return _entry(key) is not None


def value_words(key: str, value: JsonValue) -> str:
    """The words for a value of the setting `key`; one that Zoom does not document in quotes."""
    entry = _entry(key)
    if isinstance(value, list) and key.startswith(_COMPUTED):
        return _joined([setting_name(str(item)) for item in value]) if value else "none"
    if isinstance(value, list):
        return _joined([value_words(key, item) for item in value]) if value else "empty"
    if isinstance(value, dict):
        return _object_words(value, entry.unit if entry is not None else "")
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "not set"
    if entry is not None:
        known = entry.values.get(str(value)) or _ignoring_case(entry.values, str(value))
        if known:
            return known
        if entry.unit and (measured := _measured(value, entry.unit)):
            return measured
        if entry.choice and is_number(value):
            return f"option {value}, which Zoom does not explain"
    if is_number(value) and not (entry and entry.values):
        return f"{value:,}"
    return f'"{value}"' if value != "" else "empty"


def setting_fact(key: str, value: JsonValue) -> str:
    """What is the case if the setting `key` has this value, as the beginning of a sentence."""
    entry = _entry(key) or SettingWords(name=_name_from(key))
    switch = _switch(value)
    if isinstance(value, dict) and switch is None and (on := switches_on(key, value)):
        return f"{_joined(on)} {'is' if len(on) == 1 else 'are'} on"
    clause = "" if switch is None else entry.when_on if switch else entry.when_off
    if not clause and switch is None and entry.fact and value not in _EMPTY:
        clause = entry.fact.replace("{value}", value_words(key, value))
    if not clause:
        verb = "are" if entry.plural else "is"
        state = "" if switch is not None or value in _EMPTY else "set to "
        clause = f"{entry.name} {verb} {state}{value_words(key, value)}"
    return clause[0].upper() + clause[1:]


def lock_fact(key: str, locked: JsonValue) -> str:
    """Whether the setting `key` is locked, as the beginning of a sentence."""
    name = setting_name(key)  # in quotes it is one switch, also where the name is a plural
    if locked is None:
        return f"Whether “{name}” is locked is not known"
    return f"“{name}” is {'' if locked else 'not '}locked"


def setting_names(control: Control) -> Mapping[str, str]:
    """What people call the settings that a control reads."""
    return {check.setting: setting_name(check.setting) for check in control.checks}


@cache
def words() -> Mapping[str, SettingWords]:
    """Setting to its words, of all files."""
    by_setting: dict[str, SettingWords] = {}
    for path in sorted({*(files.folder() / "words").glob("*.yaml")} - {glossary.path()}):
        by_setting |= yaml_source.load(yaml_source.read(path), WordsFile).words
    return by_setting


def _entry(key: str) -> SettingWords | None:
    """The words for a setting, or for the feature that a lock or an object names."""
    key = _IN_ONE_PLACE.get(key, key.removeprefix(_PHONE_SECTION))
    for name in (key, *(f"{key}.{switch}" for switch in _SWITCHES)):
        if name in words():
            return words()[name]
    feature, _, last = key.rpartition(".")
    if last in ("locked", "locked_by") and (entry := _entry(feature)) is not None:
        return _lock_words(entry, last)
    return None


def _lock_words(feature: SettingWords, key: str) -> SettingWords:
    """The words for the lock inside a setting of Zoom Phone, and for who set it."""
    verb = "are" if feature.plural else "is"
    if key == "locked_by":
        fact = f"{feature.name} {verb} locked by {{value}}"
        return SettingWords(name=f"{feature.name} (locked by)", fact=fact, values=_LOCKED_BY)
    on, off = (f"{feature.name} {verb} {state}" for state in ("locked", "not locked"))
    return SettingWords(name=f"{feature.name} (lock)", when_on=on, when_off=off)


def _name_from(key: str) -> str:
    parts = [part.strip("[]") for part in key.split(".")]
    if parts[-1] in _SWITCHES and len(parts) > 1:
        parts.pop()
    name = " ".join(" ".join(parts).replace("_", " ").split())
    spelt = re.sub(r"\bai\b", "AI", name, flags=re.IGNORECASE)
    return spelt[:1].upper() + spelt[1:]


def _switch(value: JsonValue) -> bool | None:
    """Whether a switch is on; None if the value is not one. Some switches are objects."""
    if isinstance(value, dict):
        states = [value[switch] for switch in _SWITCHES if switch in value]
        value = states[0] if states else None
    return value if isinstance(value, bool) else None


def switches_on(key: str, value: dict[str, JsonValue]) -> list[str]:
    """The names of the switches in an object that are on."""
    return [setting_name(f"{key}.{path}") for path, leaf in iter_leaves(value) if leaf is True]


def _object_words(value: dict[str, JsonValue], unit: str) -> str:
    """The leaves of an object by name; numbers without a unit of their own have that of it."""
    switch = _switch(value)
    if switch is not None:
        return "on" if switch else "off"
    leaves = [
        f"{_name_from(path)} {(unit and _measured(leaf, unit)) or value_words(path, leaf)}"
        for path, leaf in iter_leaves(value)
    ]
    return _joined(leaves) if leaves else "empty"


def _ignoring_case(values: Mapping[str, str], value: str) -> str | None:
    folded = {known.casefold(): word for known, word in values.items()}
    return folded.get(value.casefold())


def _measured(value: object, unit: str) -> str | None:
    if unit == "duration":
        match = _DURATION.fullmatch(str(value))
        amounts = zip(match.groups(), ("years", "months", "days"), strict=True) if match else ()
        parts = [_count(int(amount), name) for amount, name in amounts if amount]
        return _joined(parts) if parts else None
    return _count(value, unit) if is_number(value) else None


def _count(number: float, unit: str) -> str:
    singular = re.sub("ies$|s$", lambda end: "y" if end[0] == "ies" else "", unit)
    return f"{number:,} {singular if number == 1 else unit}"


def _joined(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
