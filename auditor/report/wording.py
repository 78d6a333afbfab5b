"""Phrases and sentences shared by the reports for people."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Licence
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.at_risk import PeopleAtRisk
from auditor.findings.model import (
    UNLESS_LOCKED,
    Carried,
    ControlInfo,
    FindingKind,
    Left,
    ReadError,
    Role,
    Severity,
    Status,
    Verdict,
)
from auditor.findings.rollup import CauseRollup, ControlRollup, FindingGroup, Rollup
from auditor.findings.run import Run
from auditor.findings.sampling import upper_bound
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue.operators import OPERATORS, Operator
from auditor.policy.catalogue.words import setting_name, value_words
from auditor.report.display import printable, shorten, value_text

_STATUS: Mapping[Status, str] = {
    Status.FAIL: "broken",
    Status.UNKNOWN: "no answer",
    Status.ATTESTATION_EXPIRED: "to attest again",
    Status.NEEDS_DECISION: "to decide or attest",
    Status.WAIVED: "accepted",
    Status.ATTESTED: "attested",
    Status.NOT_APPLICABLE: "not applicable",
    Status.PASS: "kept",
}
"""The words of the glossary."""

CAUSE: Mapping[Cause, str] = {
    Cause.DENIED: "refused by Zoom",
    Cause.NOT_LICENSED: "not in the plan",
    Cause.ABSENT: "not returned by Zoom",
    Cause.UNDOCUMENTED_VALUE: "value not documented",
    Cause.WRONG_TYPE: "value of the wrong type",
    Cause.NOT_COLLECTED: "not read in this run",
    Cause.ERROR: "request failed",
}

_REMEDY: Mapping[Cause, str] = {
    Cause.DENIED: (
        "Zoom refused the read: the app lacks a scope, or its owner's role a privilege. Add it "
        "in the App Marketplace (Manage > your app > Scopes), then audit again."
    ),
    Cause.NOT_LICENSED: (
        "The account's plan or the person's licence does not include this. If that is "
        "intended, attest it; otherwise ask whoever manages the Zoom plan."
    ),
    Cause.ABSENT: (
        "Zoom answered without this setting, so its value is open. Check it in the portal and "
        "attest what you saw."
    ),
    Cause.UNDOCUMENTED_VALUE: (
        "Zoom returned a value its reference does not explain. Check the setting in the portal "
        "and attest what you saw."
    ),
    Cause.WRONG_TYPE: (
        "Zoom returned a value of another type than it documents. Check the setting in the "
        "portal, and report it to the auditor's maintainers."
    ),
    Cause.NOT_COLLECTED: (
        "The audit did not request this: it lies below --depth, it was excluded, the audit was "
        "stopped, or this cannot be read. The full report gives the reason for each; meanwhile "
        "check in the portal."
    ),
    Cause.ERROR: (
        "The request kept failing. Audit again; if it still fails, see the read errors and Zoom's "
        "status page."
    ),
}
_NO_CAUSE = "No cause was recorded. Report this to the auditor's maintainers."

_PEOPLE_AT: Mapping[Level, str] = {
    Level.ACCOUNT: "people for themselves",
    Level.PHONE_ACCOUNT: "people for themselves",
    Level.GROUP: "people in the group for themselves",
    Level.PHONE_GROUP: "people in the group for themselves",
    Level.PHONE_SITE: "people at the site for themselves",
    Level.MEETING: "the host",
    Level.WEBINAR: "the host",
}
"""Who the people are that can change what a level sets; at other levels, the person."""
_ADMINS_AT: Mapping[Level, str] = {
    Level.ACCOUNT: "group admins for their group",
    Level.GROUP: "group admins for the group",
}
_WHO: Mapping[Role, str] = {
    Role.USER: "the person",
    Role.GROUP_ADMIN: "group admins",
    Role.ACCOUNT_ADMIN: "account admins",
}

_DEPTH: Mapping[str, str] = {
    "account": "the account alone",
    "group": "down to groups",
    "user": "down to people",
    "meeting": "down to scheduled meetings",
}
_BELOW: Mapping[str, str] = {
    "account": "Groups, people and scheduled meetings",
    "group": "People and scheduled meetings",
    "user": "Scheduled meetings",
}

_OAUTH_SCOPE = re.compile(r"(?<! or )(?<![\w:])[a-z_]+(?::[a-z_]+){2,}\b")


def number(count: int) -> str:
    """`12,345`."""
    return f"{count:,}"


def in_blind_spots(run: Run) -> str:
    """`, a part of it in accepted blind spots`; empty if there are none."""
    accepted = run.summary.accepted_blind_spots
    if not accepted:
        return ""
    is_all = accepted == run.summary.by_status.get(Status.UNKNOWN, 0)
    return f", {'all' if is_all else 'a part of it'} in accepted blind spots"


def stale_names(count: int) -> str:
    """The number of stale overrides and names in the organisation file, with its noun."""
    matches = "matches" if count == 1 else "match"
    return f"{pluralize(count, 'override or name', 'overrides or names')} that {matches} nothing"


def listed(items: Sequence[str], most: int) -> str:
    """`a, b, c and 14 more`: at most `most` items, then the number of the others, if any."""
    rest = len(items) - most
    if rest <= 0:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {number(rest)} more"


def status_name(status: Status) -> str:
    """The status in words."""
    return _STATUS[status]


def verdict_name(verdict: Verdict) -> str:
    """The status of a verdict in words: what waits is to decide, or to attest."""
    if verdict.status is Status.NEEDS_DECISION:
        return "to attest" if verdict.kind is FindingKind.ATTESTATION else "to decide"
    return status_name(verdict.status)


def outcome(status: Status, count: int) -> str:
    """`50 broken`, `1 without an answer`."""
    words = "without an answer" if status is Status.UNKNOWN else _STATUS[status]
    return f"{number(count)} {words}"


def level_name(level: Level, count: int = 1) -> str:
    """`person`, or `people` unless `count` is one."""
    return level.noun if count == 1 else level.plural


NOT_JUDGED = "–"
"""In the place of a number: the rule has no check there. Zero means that none breaks it."""
ZERO_MEANS = (
    "0: the rule was not found to be broken there. What is to decide or to look up is not counted."
)
NOT_JUDGED_MEANS = (
    f"{NOT_JUDGED}: Zoom has no such setting there, or the rule is one for the account as a whole; "
    "its “No answer” counts the account only."
)
LEGEND = f"{ZERO_MEANS} {NOT_JUDGED_MEANS}"
"""What a zero and the mark for a missing number mean."""


def deviating(control: ControlRollup, *levels: Level) -> str:
    """At how many places of `levels` a rule is broken; `–` where Zoom has no such setting."""
    if not control.is_judged_at(*levels):
        return NOT_JUDGED
    return number(sum(control.deviating.get(level, 0) for level in levels))


def levels(counts: Mapping[Level, int]) -> str:
    """`1 account, 6 groups, 300 people`; levels without any are left out."""
    present = sorted((item for item in counts.items() if item[1]), key=lambda i: i[0].rank)
    return ", ".join(level.counted(n) for level, n in present)


def severities(counts: Mapping[Severity, int]) -> str:
    """`2 critical, 4 high`; severities without any are left out."""
    return ", ".join(f"{number(counts[s])} {s}" for s in Severity if counts.get(s))


def judged(run: Run) -> int:
    """The number of checks, including unknown ones."""
    return sum(run.summary.by_status.values())


def simulated(run: Run) -> str:
    """A warning for the top of a report that the evidence is not from Zoom; empty if it is."""
    if not run.info.simulated:
        return ""
    return (
        f"SIMULATED: this was read from {printable(run.info.api_url)} on this machine, "
        "not from Zoom. It says nothing about a real account."
    )


def incomplete(run: Run, rollup: Rollup) -> str:
    """A warning that the evidence is incomplete; empty if it is complete."""
    allowed = "--allow-unknown was given, so the exit code does not show this."
    if run.info.complete:
        return ""
    failed = [c for c in rollup.causes if c.cause is not None and c.cause.is_failed_read]
    open_rules = {control for cause in failed for control in cause.controls}
    parts = ["Incomplete: part of what this audit selected could not be read"]
    if open_rules:
        parts.append(f", so {pluralize(len(open_rules), 'rule')} could not be judged everywhere")
    return "".join(parts) + "." + (f" {allowed}" if run.allow_unknown else "")


_OF_STORED_RUNS = re.compile(
    r"\bauditor (?:ask|attest|baseline (?:accept-keys|check)|blind-spot|control new|decide|diff"
    r"|explain|fix plan|gate|history(?: findings| prune| set-aside)?|inventory|report|waive)\b"
    r"(?! --sandbox)"
)
"""The commands that look for a run in the history."""


def with_sandbox(run: Run, text: str) -> str:
    """`text`, with `--sandbox` in its commands if they find the run only with it."""
    return _OF_STORED_RUNS.sub(r"\g<0> --sandbox", text) if run.info.is_stored_apart else text


def depth(name: str) -> str:
    """How deep an audit read: `down to people`."""
    return _DEPTH.get(name, printable(name))


def covered(run: Run) -> str:
    """The places that were read, by level: `1 account, 6 groups, 300 people`."""
    return levels(requested(run))


def requested(run: Run) -> dict[Level, int]:
    """The number of places that were read, by level, from the account down."""
    counts = dict(run.summary.coverage)
    if counts and any(Level.PHONE_ACCOUNT in info.levels for info in run.controls.values()):
        counts[Level.PHONE_ACCOUNT] = 1  # one document of the account, which no list counts
    return {level: counts[level] for level in Level if level in counts}


def rules(groups: Iterable[FindingGroup]) -> list[str]:
    """The ids of the rules that the findings are about, sorted."""
    return sorted({group.verdict.control for group in groups})


def counted_rules(groups: Iterable[FindingGroup]) -> str:
    """`4 rules`: the number of rules that the findings are about."""
    return pluralize(len(rules(groups)), "rule")


def titled(controls: Sequence[str], run: Run, most: int) -> list[str]:
    """`CH-03 Read receipts are off` for at most `most` rules, then `and 14 more`, if any."""
    known = run.controls
    lines = [
        f"{shorten(control, 20)} {printable(known[control].title)}".rstrip()
        if control in known
        else shorten(control, 20)
        for control in controls[:most]
    ]
    rest = len(controls) - most
    return [*lines, f"and {number(rest)} more"] if rest > 0 else lines


def at_places(cause: CauseRollup) -> str:
    """`4 rules for 62 people`; `1 rule at 7 places (account, groups, people)` for others, too."""
    rules = pluralize(len(cause.controls), "rule")
    if sum(cause.licences.values()) == cause.scopes:
        return f"{rules} for {pluralize(cause.scopes, 'person', 'people')}"
    return f"{rules} at {pluralize(cause.scopes, 'place')} (account, groups, people)"


def unanswered(rollup: Rollup) -> str:
    """`4 rules for 62 people`: what has no answer, in all."""
    count = sum(bool(control.unknown) for control in rollup.controls)
    return f"{pluralize(count, 'rule')} for {levels(rollup.unanswered)}"


def checked(run: Run) -> str:
    """One sentence on the rules and places that the run covers."""
    return (
        f"Checked: {pluralize(len(run.controls), 'rule')} on {covered(run) or 'nothing'}."
        + (" People and their meetings go by pseudonyms." if run.pseudonymised else "")
        + "".join(f" {sentence}" for sentence in carried(run))
    )


def carried(run: Run) -> list[str]:
    """How much was read and carried over, how old it is, and what the sample showed."""
    facts = run.info.carried
    if facts is None:
        return []
    if not facts.carried:
        why = f": {facts.reason}" if facts.reason else ""
        return [f"Nothing was carried over from run {facts.run}{why}."]
    age = f", the oldest of {when(facts.oldest)}" if facts.oldest else ""
    return [
        f"{pluralize(facts.read, 'person', 'people')} {'was' if facts.read == 1 else 'were'} read "
        f"in this run; {number(facts.carried)} {'was' if facts.carried == 1 else 'were'} carried "
        f"over from earlier runs{age}.",
        _sample_of_carried(facts),
    ]


def _sample_of_carried(facts: Carried) -> str:
    if not facts.sample:
        return "No sample of them was read anew, so nothing shows that they are unchanged."
    bound = 100 * upper_bound(facts.differences, facts.sample)
    return (
        f"A random sample of them was read anew: {number(facts.differences)} of "
        f"{number(facts.sample)} differed, so at most {bound:.1f} % of them may differ "
        "(95 % confidence)."
    )


def limits(run: Run) -> list[str]:
    """How much of the account the judgement rests on, for the top of a report."""
    summary = run.summary
    sentences = []
    if summary.settings_returned:
        sentences.append(
            f"{number(summary.settings_judged)} of {number(summary.settings_returned)} settings "
            "that Zoom returned are judged."
        )
    if run.info.carried is not None and run.info.carried.carried:
        sentences += carried(run)[:1]
    if summary.proved_by_lock:
        sentences.append(
            f"Not everything was read of {Level.USER.counted(summary.proved_by_lock)}: the "
            "account's locks prove the rest, as a random sample confirmed."
        )
    return sentences


def not_covered(run: Run) -> list[str]:
    """What the run does not cover, one sentence per item."""
    summary = run.summary
    sentences = []
    if summary.settings_returned:
        sentences.append(
            f"{number(summary.settings_judged)} of {number(summary.settings_returned)} settings "
            "that Zoom returned are read by a rule of this run; the others are not judged."
        )
    if summary.proved_by_lock:
        sentences.append(
            f"Of {Level.USER.counted(summary.proved_by_lock)}, not every document was read: "
            "values are right and locked at the account, which a random sample confirmed."
        )
    if summary.pending_users:
        sentences.append(
            f"{pluralize(summary.pending_users, 'invited person', 'invited people')} "
            f"{'has' if summary.pending_users == 1 else 'have'} no settings yet and "
            f"{'was' if summary.pending_users == 1 else 'were'} not read. They are not among the "
            f"{Level.USER.counted(summary.coverage.get(Level.USER, 0))} of this report."
        )
    if summary.left:
        sentences.append(_left(summary.left))
    name = run.info.depth
    if name in _BELOW:
        read = f"this audit read {depth(name)} (--depth {name})"
        sentences.append(f"{_BELOW[name]} were not read: {read}.")
    sentences.append("No setting shows what people do outside Zoom or what other apps record.")
    return sentences


def _left(left: Sequence[Left]) -> str:
    """The scopes that left the account during the run, by level, with ids."""
    by_level: dict[Level, list[str]] = {}
    for departure in left:
        by_level.setdefault(departure.level, []).append(printable(departure.id))
    parts = [f"{level.counted(len(ids))} ({listed(ids, 10)})" for level, ids in by_level.items()]
    return (
        f"Left during the run, and not judged: {'; '.join(parts)}. Zoom listed them at the start "
        "but not at the end, and answered twice that they do not exist."
    )


def remedy(cause: Cause | None, errors: Iterable[ReadError]) -> str:
    """How to resolve unknowns of `cause`, with the missing OAuth scopes that `errors` name."""
    if cause is None:
        return _NO_CAUSE
    if cause is Cause.DENIED and (missing := missing_scopes(errors)):
        return (
            f"Zoom refused the read: the app lacks {listed(missing, 12)}. Add "
            f"{'it' if len(missing) == 1 else 'them'} in the App Marketplace "
            "(Manage > your app > Scopes), then audit again."
        )
    return _REMEDY[cause]


def remedy_for(
    cause: CauseRollup, errors: Iterable[ReadError], at_risk: Iterable[PeopleAtRisk] = ()
) -> str:
    """How to resolve the unknowns of a cause: who is at risk until then, and only after that what
    settles those of one licence together."""
    people = sum(cause.licences.values())
    sentences = [remedy(cause.cause, errors)]
    sentences += [_at_risk(each, people) for each in at_risk if each.cause is cause.cause]
    without = {each: n for each in _UNLICENSED if (n := cause.licences.get(each, 0))}
    if cause.cause in (Cause.ABSENT, Cause.NOT_LICENSED) and without:
        first = next(iter(without))
        whom = f"{number(without[first])} of these {pluralize(people, 'person', 'people')}"
        verb = "has" if without[first] == 1 else "have"
        others = [f"{number(without[each])} {_UNLICENSED[each]}" for each in [*without][1:]]
        options = " ".join(f"--licence {each}" for each in without)
        sentences.append(
            f"{join_and([f'{whom} {verb} {_UNLICENSED[first]}', *others])}; Zoom returns these "
            "settings for licensed people only. One entry for all of them: auditor blind-spot, or "
            f"auditor attest --control ID {options}."
        )
    return " ".join(sentences)


def _at_risk(found: PeopleAtRisk, people: int) -> str:
    """`TP-07: 9 of these 62 people are in group “Research”, where “Cloud recording …” is on`."""
    broken = found.broken
    names = [f"“{shorten(name, 60)}”" for name in found.groups]
    groups = f"in {'group' if len(names) == 1 else 'groups'} {listed(names, 5)}"
    whom = "this person" if found.people == 1 else "them"
    others = " The others may have it, too." if found.people < people else ""
    return (
        f"{printable(broken.control)}: {number(found.people)} of these "
        f"{pluralize(people, 'person', 'people')} {'is' if found.people == 1 else 'are'} "
        f"{groups if names else 'under the account'}, where "
        f"“{shorten(setting_name(broken.setting), 80)}” is {observation(broken, 80)}. Count "
        f"{whom} as at risk until somebody looked.{others}"
    )


_UNLICENSED: Mapping[Licence, str] = {
    Licence.BASIC: "a Basic licence",
    Licence.UNASSIGNED: "no assigned licence",
    Licence.NONE: "no licence at all",
}
"""Source: a Basic user's settings lack some 27 fields of a licensed user's (facts, 2023)."""


def missing_scopes(errors: Iterable[ReadError]) -> list[str]:
    """The OAuth scopes named by refused reads, sorted; of `a or b`, only the first."""
    refused = (error.message for error in errors if error.cause is Cause.DENIED)
    return sorted({scope for message in refused for scope in _OAUTH_SCOPE.findall(message)})


def sentence_case(text: str) -> str:
    """`text` with its first letter in upper case and the rest unchanged."""
    return text[:1].upper() + text[1:]


def cause_name(cause: Cause | None) -> str:
    """The cause in words."""
    return "no cause recorded" if cause is None else CAUSE[cause]


def changeable(verdict: Verdict, level: Level) -> str:
    """Who can still change the value: `the person, account admins`; empty if unknown.

    At an account or a group the row is no person's: people change their own value only. What sums
    up other settings has nobody of its own.
    """
    if verdict.kind is FindingKind.DERIVED:
        return "see each setting" if verdict.changeable_by else ""
    people = _PEOPLE_AT.get(level, _WHO[Role.USER])
    if UNLESS_LOCKED in verdict.changeable:
        people = f"{people} {UNLESS_LOCKED}"
    admins = _ADMINS_AT.get(level, _WHO[Role.GROUP_ADMIN])
    words = {**_WHO, Role.USER: people, Role.GROUP_ADMIN: admins}
    if level is Level.ACCOUNT:
        words[Role.ACCOUNT_ADMIN] += " for all"
    who = ("; " if level in _ADMINS_AT else ", ").join(words[who] for who in verdict.changeable_by)
    is_open = len(verdict.changeable_by) > 1 and lock_state(verdict) == _lock(None)
    return f"{who}, unless it is locked: look in Zoom" if is_open else who


def lock_state(verdict: Verdict) -> str:
    """`locked`, `not locked`, or that no lock is known; `–` for what has no lock of its own."""
    has_lock = verdict.kind in (FindingKind.VALUE, FindingKind.LOCK, FindingKind.ATTESTATION)
    return _lock(verdict.locked) if has_lock or verdict.locked is not None else "–"


def when(time: datetime | str | None) -> str:
    """A time as `2026-11-21 21:59 UTC`; text that is no RFC 3339 time as it is."""
    if time is None:
        return "time not recorded"
    if isinstance(time, datetime):
        return time.strftime("%Y-%m-%d %H:%M UTC")
    try:
        return parse_rfc3339(time).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return printable(time)


def expectation(verdict: Verdict, width: int) -> str:
    """The expected value in words, with values at most `width` columns wide."""
    expected = verdict.expected
    if expected is None:
        return ""
    if verdict.kind is FindingKind.LOCK or asks_for_lock(verdict):
        return _lock(expected.get("value"))
    if verdict.kind is FindingKind.DERIVED and expected.get("value") is True:
        return "none"
    op, param = str(expected.get("op", "")), expected.get("param")
    value = _expected_value(verdict.setting, op, expected.get("value"), width)
    is_set = expected.get("value") is not None
    if op == "attest":  # a control that is attested, not judged by an operator
        return f"confirmed by a person: {value}"
    operator = OPERATORS.get(op)
    if operator is not None and _allows_none(verdict, operator, expected.get("value")):
        return f"{_ALLOWED}{'none' if is_set else 'none yet'}"
    if operator is not None and operator.without_param:
        return f"{operator.words}: {value}" if is_set else f"{operator.words}; {_NOT_DECIDED}"
    if operator is not None:
        if param is not None and not is_set:
            return _NOT_DECIDED
        is_choice = op in _CHOICES and isinstance(expected.get("value"), list)
        return value if is_choice else operator.words.format(value=value)
    rest = [
        f"{printable(key)} {value_text(value, width)}"
        for key, value in expected.items()
        if key != "op"
    ]
    return f"{printable(op).replace('_', ' ')} {', '.join(rest)}".strip()


def should_be(verdict: Verdict, width: int) -> str:
    """The expectation as a clause: `should be off`, `allowed: none yet`; empty without one."""
    text = expectation(verdict, width)
    return f"should be {text}" if text and not text.startswith((_NOT_DECIDED, _ALLOWED)) else text


_NOT_DECIDED = "not decided yet"
"""Begins the expectation that an unset parameter leaves open."""
_ALLOWED = "allowed: "
"""Begins the expectation of a list."""


def _allows_none(verdict: Verdict, operator: Operator, value: JsonValue) -> bool:
    """True for what is broken because the organisation's list of what is allowed has no entry."""
    is_list = operator.takes == "param" and operator.parameter_types == ("list",)
    is_named = value is None or operator.without_param or "{value}" in operator.words
    return is_list and is_named and not value and verdict.status is Status.FAIL


def asks_for_lock(verdict: Verdict) -> bool:
    """True for the attestation of a lock, which Zoom does not publish."""
    return verdict.kind is FindingKind.ATTESTATION and verdict.setting != _NO_SETTING


_NO_SETTING = "attestation"
"""The setting of controls that only a person can answer."""

MOST_CHOICES = 20
"""Values of a list that a sentence names; the JSON report has all."""
_CHOICES = ("in", "in_ci", "in_param")
"""Operators whose value lists what may be chosen: `off, the host or hosts`."""


def _expected_value(setting: str, op: str, value: JsonValue, width: int) -> str:
    """An expected value in words."""
    if op in _CHOICES and isinstance(value, list):
        words = [shorten(value_words(setting, item), width) for item in value[:MOST_CHOICES]]
        if rest := len(value) - len(words):
            return f"{', '.join(words)} or {number(rest)} more"
        between = "; " if any("," in word for word in words) else ", "
        last = between + "or " if between == "; " else " or "
        return last.join([between.join(words[:-1]), words[-1]] if words[1:] else words)
    if op == "attest" or value is None:
        return value_text(value, width) if value is None else shorten(str(value), width)
    return shorten(value_words(setting, value), width)


def observation(verdict: Verdict, width: int) -> str:
    """The value Zoom returned, or the state of the lock, at most `width` columns wide.

    Empty for a new setting, whose finding holds no value.
    """
    if verdict.kind is FindingKind.UNCOVERED and verdict.observed is None:
        return ""
    if verdict.kind is FindingKind.LOCK:
        return _lock(verdict.observed)
    return shorten(value_words(verdict.setting, verdict.observed), width)


def _lock(locked: JsonValue) -> str:
    return "lock not known" if locked is None else "locked" if locked else "not locked"


_EXIT_CODE: Mapping[int, str] = {
    2: "usage, configuration, baseline or organisation file invalid",
    3: "evidence incomplete",
    4: "nothing evaluated",
    5: "internal error",
    130: "interrupted",
}
"""The meaning of each exit code of the command."""


def broken_rules(run: Run) -> int:
    """The number of broken rules, for a run that has not been rolled up."""
    return len(
        {
            verdict.control
            for shared in run.assessments.shares()
            for verdict in shared.verdicts
            if verdict.status is Status.FAIL
        }
    )


def exit_code(run: Run) -> str:
    """How the command ended and why. Zero without a gate says nothing on broken rules."""
    info = run.info
    threshold = printable(info.fail_on)
    if info.exit_code:
        why = _EXIT_CODE.get(info.exit_code) or _why_failed(run)
        return f"The command ended with {info.exit_code} (--fail-on {threshold}): {why}."
    broken = broken_rules(run)
    rules = f"{pluralize(broken, 'rule')} {'is' if broken == 1 else 'are'} broken"
    if threshold != "never":
        lower = f", although {rules}" if broken else ""
        return f"Nothing reached the gate (--fail-on {threshold}): the command ended with 0{lower}."
    if broken:
        return (
            f"No gate was set (--fail-on {threshold}), so the command ended with 0 although "
            f"{rules}."
        )
    return f"No gate was set (--fail-on {threshold}): that the command ended with 0 proves nothing."


def _why_failed(run: Run) -> str:
    """What exit code 1 stands for."""
    gate = [severity for severity in Severity if severity == run.info.fail_on]
    reached = any(
        run.summary.by_severity.get(severity)
        for severity in Severity
        if gate and severity.rank <= gate[0].rank
    )
    parts = ["rules at or above the threshold are broken"] if reached or not run.stale else []
    if run.stale:
        parts.append("an entry of the organisation file has expired or matches nothing")
    return join_and(parts)


def reads(run: Run, rollup: Rollup) -> str:
    """Whether what was requested was answered, and the rules that were read only in part."""
    if run.errors or not run.info.complete:
        return "Not every read that was planned got an answer: see “Failed reads”."
    passed = _passed(run)
    partly = sorted(
        printable(control.info.id)
        for control in rollup.controls
        if control.unknown
        and (
            control.info.id in passed
            or any(status is not Status.UNKNOWN for status in control.by_status)
        )
    )
    verb = "was" if len(partly) == 1 else "were"
    in_part = (
        f" {pluralize(len(partly), 'rule')} {verb} read only in part: {listed(partly, 12)}."
        if partly
        else ""
    )
    unknown = run.summary.by_status.get(Status.UNKNOWN, 0)
    verb = "has" if unknown == 1 else "have"
    even_so = f" Even so, {pluralize(unknown, 'check')} {verb} no answer: see “No answer”."
    return f"Zoom responded to every read that was planned.{even_so if unknown else ''}{in_part}"


def _passed(run: Run) -> set[str]:
    """The rules that a place passed: a report need not hold the passes themselves."""
    return {control for control, _ in run.passed}


def by_outcome(run: Run, rollup: Rollup) -> str:
    """How many rules are broken, kept and so on; each is counted once, so that they add up."""
    to_attest = {group.verdict.control for group in rollup.attestations}
    to_decide = {group.verdict.control for group in rollup.decisions}
    passed = _passed(run)
    counts: Counter[str] = Counter()
    all_with: Counter[str] = Counter()
    for control in rollup.controls:
        id_ = control.info.id
        found = {*control.by_status, *([Status.PASS] if id_ in passed else ())}
        words = {_OUTCOME_OF[status] for status in found}
        if id_ in to_attest:
            words -= set() if id_ in to_decide else {_TO_DECIDE}  # an attestation has its status
            words.add(_TO_LOOK_UP)
        counts[min(words, key=_OUTCOMES.index, default=_NO_RESULT)] += 1
        all_with.update(words)
    parts = [f"{words} {number(counts[words])}" for words in _OUTCOMES if counts[words]]
    earlier = [
        f"{number(all_with[words] - counts[words])} of {number(all_with[words])} {described}"
        for words, described in _WAITING.items()
        if all_with[words] > counts[words]
    ]
    verb = "stands" if len(earlier) == 1 and earlier[0].startswith("1 ") else "stand"
    apart = f" So {join_and(earlier)} {verb} under an earlier word." if earlier else ""
    total = pluralize(len(rollup.controls), "rule")
    return (
        f"{total}: {', '.join(parts)}. Each counts once, for the first of these that it has "
        f"anywhere.{apart} “Kept” means at every place where it was read."
    )


_NO_ANSWER, _TO_DECIDE, _TO_LOOK_UP = "no answer", "to decide", "to look up"
_NO_RESULT = "nothing to judge"
_OUTCOMES = (
    "broken",
    _NO_ANSWER,
    _TO_DECIDE,
    _TO_LOOK_UP,
    "accepted",
    "attested",
    "kept",
    "not applicable",
    _NO_RESULT,
)
"""From the worst; a rule counts for the first that it has anywhere."""


_OUTCOME_OF: Mapping[Status, str] = {
    Status.FAIL: "broken",
    Status.UNKNOWN: _NO_ANSWER,
    Status.NEEDS_DECISION: _TO_DECIDE,
    Status.ATTESTATION_EXPIRED: _TO_LOOK_UP,
    Status.WAIVED: "accepted",
    Status.ATTESTED: "attested",
    Status.PASS: "kept",
    Status.NOT_APPLICABLE: "not applicable",
}
_WAITING: Mapping[str, str] = {
    _NO_ANSWER: "without an answer",
    _TO_DECIDE: "to decide",
    _TO_LOOK_UP: "to look up",
}
"""The outcomes that other parts of a report count, whatever else a rule has."""


FRAMEWORK: Mapping[str, str] = {
    "cis_zoom_v1_0_0": "CIS Zoom 1.0.0",
    "nist_800_53r5": "NIST 800-53r5",
    "iso_27701_2019": "ISO 27701:2019",
    "iso_42001_2023": "ISO 42001:2023",
    "gdpr": "GDPR",
    "hipaa": "HIPAA",
    "soc2": "SOC 2",
    "eu_ai_act": "EU AI Act",
    "ferpa": "FERPA",
    "nist_ai_rmf": "NIST AI RMF",
}


def framework(key: str) -> str:
    """The display name of the framework."""
    return FRAMEWORK.get(key, printable(key))


def provisions(info: ControlInfo, key: str) -> list[str]:
    """The provisions of a framework that a control maps to: `Art 5(1)(b) Purpose limitation`."""
    titles = info.provision_titles.get(key, {})
    return [f"{each} {titles.get(each, '')}".rstrip() for each in info.mappings.get(key, ())]


def observed_between(first: str | None, last: str | None) -> str:
    """When evidence was read: one time, or a range."""
    start, end = when(first), when(last)
    return start if start == end else f"{start} to {end}"
