"""Findings as facts: what is the case, for whom, in words for people."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import ControlInfo, FindingKind, Status, Verdict
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup, roll_up
from auditor.findings.run import Run
from auditor.findings.whom import in_fact, whom
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue import words
from auditor.report import wording
from auditor.report.display import printable, shorten

LONGEST_FACT = 240
"""Columns of a fact before the value in it is cut."""

LOCK_LIST = "derived:lock"
"""Begins the setting that lists the missing locks of the other rules."""
_OPEN = (Status.UNKNOWN, Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)
_RIGHT = (Status.PASS, Status.NOT_APPLICABLE)
_PERSONAL = (Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR)
_COMPARES = re.compile(
    r"\bas (?:decided|agreed|intended|the rule asks)\b|\bthan (?:intended|the rule)"
    r"|\bswitches\b"
)
"""Words of a fact that is broken in more than one way: the setting says in which."""
_EITHER = re.compile(r"\bor\b")
"""Joins the settings of a control in its fact: if one is broken, that one says what is the case."""
_LOOSER = re.compile(r"[\d,]+ (?:groups?|person|people)\b")
"""Begins the detail of a comparison with the account: who differs from it."""
MOST_NAMES = 3
"""Settings of a list that a fact names."""
_KEY = re.compile(r"(?<![\w./@-])[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+(?![\w/@-]|\.\w)")
"""A setting key within a sentence. Addresses and file names are no keys of the catalogue."""
_TO_SET = re.compile(r"Set (?:the parameter )?([a-z]\w+) in the organisation file")
_IS_AT = re.compile(rf"\bIt is at {_KEY.pattern}")
_KEY_IS = re.compile(rf"({_KEY.pattern}) is (true|false)\b")
_LOCK_IS = re.compile(rf"\b([Tt])he lock ({_KEY.pattern}) is (on|off)\b")


def of_verdict(verdict: Verdict) -> str:
    """What is the case, as the beginning of a sentence; empty if only the detail says it."""
    if verdict.kind is FindingKind.LOCK:
        return words.lock_fact(verdict.setting, verdict.observed)
    if verdict.kind is FindingKind.UNCOVERED:
        return f"Zoom returned a new setting, “{words.setting_name(verdict.setting)}”"
    if verdict.observed is None or verdict.kind is FindingKind.ATTESTATION:
        return ""
    if found := names_in(verdict):
        what = words.setting_name(verdict.setting)  # in the plural
        noun, _, rest = what.partition(" ")
        return f"{pluralize(len(found), noun.lower().removesuffix('s'))} {rest}"
    return shorten(words.setting_fact(verdict.setting, verdict.observed), LONGEST_FACT)


def of_finding(verdict: Verdict, by_level: Mapping[Level, int]) -> str:
    """The fact with those it holds for: `Local recording is on for 55 people`."""
    fact = of_verdict(verdict)
    if not fact or verdict.kind in (FindingKind.DERIVED, FindingKind.UNCOVERED):
        return fact
    return _for(fact, whom(by_level))


def _for(fact: str, people: str) -> str:
    """A fact with those it holds for; one that lists something stays as it is."""
    return fact if ":" in fact else f"{fact}{',' if ',' in fact else ''} for {people}"


class ControlFacts:
    """What is the case where controls are broken, or their locks are missing."""

    def __init__(self, run: Run, rollup: Rollup) -> None:
        self._totals = run.summary.coverage
        self._broken: dict[str, list[FindingGroup]] = {}
        for group in rollup.deviations:
            self._broken.setdefault(group.verdict.control, []).append(group)
        self._locks: dict[str, dict[str, Verdict]] = {}
        """Control to the settings of it that are not locked."""
        for group in rollup.locks:
            verdict = group.verdict
            self._locks.setdefault(verdict.control, {})[verdict.setting] = verdict
        self._open_locks = {
            group.verdict.setting for group in rollup.groups if _is_open_lock(group.verdict)
        }
        """The settings that must be locked, and whose locks are not known."""
        self._right = run.passed - {
            (group.verdict.control, group.verdict.setting)
            for group in rollup.groups
            if group.verdict.kind is FindingKind.VALUE and group.verdict.status not in _RIGHT
        }
        """Control and setting of the values that are right wherever they were read."""
        self._values = {
            control
            for control, groups in self._broken.items()
            if any(group.verdict.kind is FindingKind.VALUE for group in groups)
        }

    def of(self, control: ControlRollup) -> str:
        """What is the case and for whom; the rule if nothing else is known.

        The words of a control hold for what its title asks. Where an override asks something else,
        the first of its settings says what is the case.
        """
        if not control.broken:
            return self.unlocked(control) if control.unlocked else printable(control.info.title)
        broken = control.broken
        if Level.ACCOUNT in broken and self._no_setting_per_person(control):
            broken = {Level.ACCOUNT: 1}
        return self._of(control, broken)

    def for_everybody(self, control: ControlRollup) -> str:
        """What is the case for everybody who was read, of a rule without a setting per person.

        Empty unless a value of it is broken at the account and in each group: a group may have
        another value than the account.
        """
        counts: dict[str, Counter[Level]] = {}
        for group in self._broken.get(control.info.id, ()):
            if group.verdict.kind is FindingKind.VALUE:
                counts.setdefault(group.verdict.setting, Counter()).update(group.by_level)
        groups = self._totals.get(Level.GROUP, 0)
        is_everywhere = any(
            found[Level.ACCOUNT] and found[Level.GROUP] == groups for found in counts.values()
        )
        people = self._totals.get(Level.USER, 0)
        return self._of(control, {Level.USER: people}) if is_everywhere else ""

    def _of(self, control: ControlRollup, broken: Mapping[Level, int]) -> str:
        info = control.info
        groups = self._broken.get(info.id, ())
        verdicts = [group.verdict for group in groups]
        if compared := _compared(info, verdicts):
            return compared
        facts = dict.fromkeys(filter(None, map(of_verdict, verdicts)))
        fact = next(iter(facts), "")
        people = whom(broken, self._totals)
        is_overridden = any(verdict.override for verdict in verdicts)
        settings = dict.fromkeys(verdict.setting for verdict in verdicts)
        is_part = len(settings) < len(info.setting_names) and _EITHER.search(info.broken)
        is_found = is_part or _COMPARES.search(info.broken) or ":" in fact
        if is_part and len(facts) > 1:
            return f"{_against_rule([*settings])} for {people}"
        if info.broken and not is_overridden and not (len(facts) == 1 and is_found):
            return in_fact(info.broken, broken, self._totals)
        return _for(fact, people) if fact else printable(info.title)

    def note(self, control: ControlRollup) -> str:
        """What the fact of a broken rule does not say: the value of what is not locked, how many
        locks are not known, what people did, and that its settings have no value per person.
        Empty if there is nothing to add."""
        parts = (
            self._today(control),
            self._left_out(control),
            self._use(control),
            self._no_setting_per_person(control),
        )
        return " ".join(filter(None, parts))

    def _today(self, control: ControlRollup) -> str:
        """That the value of what is not locked is right, where it is everywhere."""
        settings = self._locks.get(control.info.id, {})
        right = [setting for setting in settings if (control.info.id, setting) in self._right]
        if control.broken or not right or len(right) < len(settings):
            return ""
        whose = "Its value is" if len(right) == 1 else "Their values are"
        return f"{whose} as the rule asks today, but nothing keeps it so."

    def _left_out(self, control: ControlRollup) -> str:
        """What a list of missing locks leaves out: locks that no rule asks for, or not known."""
        groups = self._broken.get(control.info.id, ())
        is_list = any(group.verdict.setting.startswith(LOCK_LIST) for group in groups)
        count = len(self._open_locks)
        if not is_list:
            return ""
        counted = "Only settings whose rule asks for a lock count."
        if not count:
            return counted
        whose = f"{wording.number(count)} more of them {'is' if count == 1 else 'are'}"
        return f"{counted} Whether {whose} locked is not known: a person has to look in Zoom."

    def _use(self, control: ControlRollup) -> str:
        """What people did against a rule, where its fact is about its settings."""
        if control.info.id not in self._values:
            return ""
        verdicts = [group.verdict for group in self._broken[control.info.id]]
        used = [of_verdict(each) for each in verdicts if each.kind is FindingKind.USAGE]
        return " ".join(f"{fact}." for fact in dict.fromkeys(filter(None, used)))

    def holds_for_everybody(self, control: ControlRollup) -> bool:
        """True if a rule is broken by settings that have no value per person, where people were
        read. False for rules that ask something else than a value of the account and its groups."""
        levels = control.info.levels
        is_value = control.info.id in self._values and Level.GROUP in levels
        is_personal = bool(levels.intersection(_PERSONAL))
        return is_value and not is_personal and bool(self._totals.get(Level.USER))

    def _no_setting_per_person(self, control: ControlRollup) -> str:
        if not self.holds_for_everybody(control):
            return ""
        at_account = Level.ACCOUNT in control.broken
        where = "the account or a group" if at_account else "a group"
        return (
            f"Zoom has no setting per person: what {where} sets applies to everybody in it, and a "
            "person cannot switch it off."
        )

    def shared(self, control: ControlRollup) -> str:
        """How the people of a rule with two settings add up, for those that break it in both.

        Empty for other rules: only of two settings does the number say how many break both.
        """
        counts: dict[str, int] = {}
        for group in self._broken.get(control.info.id, ()):
            if found := group.by_level.get(Level.USER):
                if group.verdict.kind is not FindingKind.VALUE:
                    return ""
                counts[group.verdict.setting] = counts.get(group.verdict.setting, 0) + found
        total = control.broken.get(Level.USER, 0)
        both = sum(counts.values()) - total
        if len(counts) != 2 or both <= 0:
            return ""
        each = " and ".join(
            f"{count:,} for “{printable(words.setting_name(setting))}”"
            for setting, count in counts.items()
        )
        people = pluralize(total, "person", "people")
        return f"{people}: {each}. {both:,} of them have both, and are counted once."

    def notes(self, controls: Sequence[ControlRollup]) -> dict[str, list[str]]:
        """Each note with the ids of its controls."""
        by_note: dict[str, list[str]] = {}
        for control in controls:
            if note := self.note(control):
                by_note.setdefault(note, []).append(printable(control.info.id))
        return by_note

    def unlocked(self, control: ControlRollup) -> str:
        """That locks of a control are missing, and for whom."""
        locks = [*self._locks.get(control.info.id, {}).values()]
        if len(locks) == 1 < len(control.info.setting_names):
            return _for(of_verdict(locks[0]), whom(control.unlocked, self._totals))
        title = printable(control.info.title)
        fact = control.info.unlocked or f"“{title}” is not locked for {{whom}}"
        return in_fact(fact, control.unlocked, self._totals)


def _compared(info: ControlInfo, verdicts: Sequence[Verdict]) -> str:
    """What comparisons of the account found: who is looser, or the settings by name.

    Empty for other controls.
    """
    lists = [verdict for verdict in verdicts if names_in(verdict)]
    looser = [found[0] for verdict in lists if (found := _LOOSER.match(verdict.detail))]
    if looser:
        return info.broken.replace("{whom}", join_and(looser))
    if len(lists) != 1:
        return ""
    names = names_in(lists[0])
    return of_verdict(lists[0]) + (f": {join_and(names)}" if len(names) <= MOST_NAMES else "")


def _is_open_lock(verdict: Verdict) -> bool:
    """True for the lock of a setting that must have one, if it was not read and not attested."""
    is_lock = verdict.kind is FindingKind.LOCK or wording.asks_for_lock(verdict)
    return is_lock and verdict.status in _OPEN


def _against_rule(settings: Sequence[str]) -> str:
    names = [f"“{name(setting)}”" for setting in settings]
    verb = "is" if len(names) == 1 else "are"
    return f"{wording.listed(names, MOST_NAMES)} {verb} not as the rule asks"


def notes_of(run: Run) -> dict[str, str]:
    """Control id to its note, for broken rules that have one."""
    rollup = roll_up(run, names=0, worst=0)
    facts = ControlFacts(run, rollup)
    return {
        control.info.id: note
        for control in rollup.deviating_controls
        if (note := facts.note(control))
    }


def obeyed(info: ControlInfo, by_level: Mapping[Level, int]) -> str:
    """What is the case where a control is obeyed; the rule if nothing else is known."""
    return in_fact(info.obeyed, by_level) or printable(info.title)


def value(setting: str, observed: JsonValue) -> str:
    """A value in words."""
    return printable(words.value_words(setting, observed))


def key(setting: str) -> str:
    """The key of a setting for the small print; empty for what only the program computes."""
    return "" if setting in ("", "attestation") or setting.startswith("derived:") else setting


def short_value(setting: str, observed: JsonValue) -> str:
    """A value in a few words: comparisons are counted, and of objects the switches that are on."""
    if isinstance(observed, list) and setting.startswith("derived:"):
        return pluralize(len(observed), "setting")
    if isinstance(observed, dict):
        fact = printable(words.setting_fact(setting, observed))
        if fact.endswith((" is on", " are on")):
            return fact
    return value(setting, observed)


def name(setting: str) -> str:
    """What people call a setting; empty for none."""
    return printable(words.setting_name(setting)) if setting else ""


def changed_names(verdict: Verdict) -> list[str]:
    """What to change: the setting by name, or the switches of an object that are on."""
    on = isinstance(verdict.observed, dict) and words.switches_on(verdict.setting, verdict.observed)
    return [*map(printable, on)] if on else [name(verdict.setting)]


def place(setting: str) -> str:
    """Where the setting is in the portal; empty if only the place of its rule is known."""
    return printable(words.setting_place(setting))


def names_in(verdict: Verdict) -> list[str]:
    """The settings that a comparison lists, by name; empty for other verdicts."""
    if verdict.kind is not FindingKind.DERIVED or not isinstance(verdict.observed, list):
        return []
    return [name(str(setting)) for setting in verdict.observed]


def detail(verdict: Verdict) -> str:
    """The detail of a verdict as a sentence, with the names of settings instead of their keys."""
    return _in_words(verdict.detail, verdict.setting)


@lru_cache(4096)
def _in_words(text: str, setting: str) -> str:
    def named(match: re.Match[str]) -> str:
        for key in (match[0], f"{setting}.{match[0]}"):
            if words.is_known(key):
                return f"“{words.setting_name(key)}”"
        return match[0]

    text = _TO_SET.sub(r"Decide it with: auditor decide \1", text)
    plain = _IS_AT.sub("Zoom returned it at another place of the document than before", text)
    plain = _LOCK_IS.sub(_lock_words, plain)
    plain = _KEY_IS.sub(lambda m: words.setting_fact(m[1], m[2] == "true"), plain)
    plain = _KEY.sub(named, plain)
    end = "" if not plain or plain.endswith((".", "?", "!", "…")) else "."
    return plain[:1].upper() + plain[1:] + end


def _lock_words(match: re.Match[str]) -> str:
    return f"{match[1]}he lock of “{words.lock_name(match[2])}” is {match[3]}"
