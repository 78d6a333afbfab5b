"""Own controls of an organisation, drafted from what a run shows of a setting."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.app.audit import judge
from auditor.app.forecast import JudgedEvidence, NoEvidence
from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import Severity
from auditor.policy.baseline import yaml_edit
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.own_controls import OwnControl
from auditor.policy.catalogue import documented, files, words, yaml_source
from auditor.policy.catalogue.controls import SETTINGS_LEVELS
from auditor.policy.catalogue.errors import PolicyError
from auditor.report import wording

PREFIX = "ORG"
_MOST_VALUES = 5
_SWITCH_WORDS: Mapping[str, bool] = {"on": True, "off": False, "yes": True, "no": False}


@dataclass(frozen=True)
class SettingFacts:
    """A setting: what Zoom documents, and what a run shows of it."""

    setting: str
    name: str
    """What people call it."""
    is_documented: bool
    type: str
    """Empty if it is not documented."""
    topic: str
    lock: str
    """The lock that holds it; empty for none."""
    levels: tuple[str, ...]
    """The levels at which it was seen, otherwise the documented ones."""
    observed: Mapping[Level, Counter[str]] = field(default_factory=dict)
    """Level to values, as YAML, with the number of scopes."""

    @property
    def rows(self) -> list[str]:
        """The facts for people, one a line."""
        kind = self.type or "not documented by Zoom"
        rows = [
            f"{self.setting}: {self.name}",
            f"Type: {kind}. Lock: {self.lock or 'Zoom publishes none'}.",
        ]
        for level, values in self.observed.items():
            shown = [f"{value} ({count:,})" for value, count in values.most_common(_MOST_VALUES)]
            more = len(values) - _MOST_VALUES
            shown += [f"and {more} more values"] * (more > 0)
            rows.append(f"{wording.sentence_case(level.noun)}: {', '.join(shown)}")
        if not self.observed:
            rows.append("No run shows its value.")
        return rows


def facts(evidence: JudgedEvidence | NoEvidence, setting: str) -> SettingFacts:
    """What is known about a setting.

    Raises:
        PolicyError: Zoom does not document it, and the newest run does not show it.
    """
    entry = documented.settings().get(setting)
    possible = [Level(level) for level in entry["levels"]] if entry else [*SETTINGS_LEVELS]
    possible = [level for level in possible if level in SETTINGS_LEVELS]
    observed = (
        _observed(evidence, setting, possible, is_documented=entry is not None)
        if isinstance(evidence, JudgedEvidence)
        else {}
    )
    if entry is None and not observed:
        hint = nearest(setting, documented.settings())
        raise PolicyError(
            [f'Zoom does not document "{setting}", and the newest run does not show it.{hint}']
        )
    entry = entry or {}
    kinds = entry.get("type", ())
    return SettingFacts(
        setting=setting,
        name=words.setting_name(setting),
        is_documented=bool(entry),
        type=kinds if isinstance(kinds, str) else " or ".join(kinds),
        topic=str(entry.get("topic") or "other"),
        lock=str(entry.get("lock") or ""),
        levels=tuple(str(level) for level in (observed or possible)),
        observed=observed,
    )


def next_id(organisation: Organisation) -> str:
    """The first free id: `ORG-01`."""
    used = {control.id.casefold() for control in organisation.controls}
    numbers = (f"{PREFIX}-{number:02}" for number in range(1, len(used) + 2))
    return next(each for each in numbers if each.casefold() not in used)


def expectation(known: SettingFacts, text: str) -> JsonValue:
    """What a person expects: `off`, `[1, 2]`, or `{op: lte, value: 30}`.

    Raises:
        PolicyError: it is not YAML.
    """
    if "boolean" in known.type and text.strip().casefold() in _SWITCH_WORDS:
        return _SWITCH_WORDS[text.strip().casefold()]
    value: JsonValue = yaml_source.parse(text.encode(), "--expect").data
    return {"op": "in", "value": value} if isinstance(value, list) else value


def proposed_title(known: SettingFacts, expected: JsonValue) -> str:
    """The rule in a sentence: `File transfer is off`."""
    if isinstance(expected, dict):
        return f"{known.name} is as our policy asks"
    return words.setting_fact(known.setting, expected)


def mappings(texts: Iterable[str]) -> dict[str, list[str]]:
    """References from `KEY=REF` texts.

    Raises:
        PolicyError: a text has no `=`, or nothing on a side of it.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, _, reference = (part.strip() for part in text.partition("="))
        if not key or not reference:
            raise PolicyError([f"--mapping {text}: write KEY=REF, such as our_policy=4.2."])
        found.setdefault(key, []).append(reference)
    return found


def severities() -> list[str]:
    """The severities, the worst first."""
    return [str(severity) for severity in Severity]


def entry(
    known: SettingFacts,
    *,
    control_id: str,
    title: str,
    why: str,
    severity: str,
    topic: str,
    levels: Sequence[str],
    expect: JsonValue,
    lock: bool,
    fix: str,
    references: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The entry for the organisation file."""
    return {
        "id": control_id,
        "title": title,
        "why": why,
        "severity": severity,
        "topic": topic,
        "setting": known.setting,
        **({} if known.is_documented else {"documented": False}),
        "levels": [*levels],
        "expect": expect,
        **({"lock": True} if lock else {}),
        "fix": fix,
        **({"mappings": {key: [*refs] for key, refs in references.items()}} if references else {}),
    }


def _observed(
    evidence: JudgedEvidence, setting: str, levels: Sequence[Level], *, is_documented: bool
) -> dict[Level, Counter[str]]:
    """The values in a run by level. They are read as judging reads them, whatever is expected."""
    probe = OwnControl.model_validate(
        {
            "id": "PROBE-1",
            "title": setting,
            "why": setting,
            "severity": "low",
            "topic": "other",
            "setting": setting,
            "levels": [str(level) for level in levels],
            "expect": True,
            "documented": is_documented,
            "fix": setting,
        }
    )
    alone = Organisation(controls=(probe,))
    config = evidence.config_of(alone)
    ids = frozenset({probe.id})
    baseline = alone.assessed(config.baseline).only(ids)
    chosen = replace(config, baseline=baseline, selected=ids, keep_passes=True)
    found: dict[Level, Counter[str]] = {}
    for share in judge(evidence.snapshot, chosen).assessments.shares():
        for verdict in share.verdicts:
            if verdict.setting == setting and verdict.observed is not None:
                values = found.setdefault(share.level, Counter())
                values[yaml_edit.flow(verdict.observed)] += share.count
    return {level: found[level] for level in sorted(found, key=lambda level: level.rank)}


def topics() -> list[str]:
    """The topics of shipped controls."""
    return sorted(set(files.shipped_catalogue().topics.values()))
