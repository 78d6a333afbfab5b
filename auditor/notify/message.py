"""The message: a subject that sums up the run, and a few lines of detail.

Its readers are often more people than may know who has which settings. People are therefore
counted, not named, unless names were requested; the report names them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeGroup, ChangeKind, Drift, FindingChange
from auditor.findings.model import (
    BlindSpotResult,
    FindingKind,
    WaiverResult,
    part_label,
)
from auditor.notify.markup import MARKDOWN, PLAIN, Markup, escape_markup, moment
from auditor.notify.triggers import (
    BETTER,
    WORSE,
    RunEvent,
    days_left,
    due_waivers,
    evidence_complete_again,
    is_new_scope_deviation,
    recovered,
)
from auditor.plain_text import pluralize, printable
from auditor.policy.catalogue import portal, words
from auditor.redaction.text import redact_text

MOST_LINES = 15
LONGEST_SUBJECT = 120
"""Characters; mail clients and phones truncate longer ones."""
LONGEST = 1900
"""Characters a message is kept to if possible: Discord accepts 2000."""
LONGEST_BRIEF = 850
"""The same for the brief form: PagerDuty accepts 1024 with the subject, Apprise 1000 for Teams."""
LONGEST_SENTENCE = 200
"""Characters of a sentence from another part of the program."""
_LONGEST_TITLE = 80
"""Characters of a control's title."""

_PEOPLE = frozenset({Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR})
"""Levels at which a name identifies a person."""
_ABOUT_PEOPLE = re.compile(r"(?:^|, )(?:user|meeting) ")
"""Scopes of waivers that identify a person."""
_SINGLE = frozenset({Level.ACCOUNT, Level.PHONE_ACCOUNT})
"""Levels with one scope, which needs no name."""
_LONGEST_FIX = 240
"""Characters of the place at which a change can be undone."""
_CLASSIC_PORTAL = re.compile(r"\s*\(classic portal:[^)]*\)")
_NO_SETTINGS = ("", "attestation")
"""The settings of controls that read none."""
_TO_UNDO = (ChangeKind.REGRESSED, ChangeKind.SCOPE_ADDED)
_LOCK_CHANGE = {
    ChangeKind.REGRESSED: "locked → not locked",
    ChangeKind.WAIVER_LAPSED: "not locked",
    ChangeKind.SCOPE_ADDED: "not locked",
    ChangeKind.NEWLY_UNKNOWN: "whether it is locked is not known any more",
    ChangeKind.IMPROVED: "not locked → locked",
    ChangeKind.KNOWN_AGAIN: "locked",
}
_NOTES = {
    ChangeKind.WAIVER_LAPSED: "a waiver ended",
    ChangeKind.SCOPE_ADDED: "new in the account",
    ChangeKind.KNOWN_AGAIN: "could not be judged before",
}

Row = Sequence[ChangeGroup]
"""Changes of one kind to one control and setting, from the account down."""


class Urgency(StrEnum):
    """How urgent the message is. Services show it as a colour, or open and close incidents by
    it."""

    BAD = "failure"
    SOON = "warning"
    GOOD = "success"
    NEUTRAL = "info"


@dataclass(frozen=True, slots=True)
class Body:
    """The text of a message, plain and in Markdown."""

    text: str
    markdown: str

    @property
    def length(self) -> int:
        """Characters of the longer form."""
        return max(len(self.text), len(self.markdown))


@dataclass(frozen=True, slots=True)
class Message:
    """A message, ready to be sent."""

    subject: str
    body: Body
    brief: Body
    """The body with fewer rows, for services with short limits."""
    urgency: Urgency


@dataclass(frozen=True)
class Digest:
    """The changes of a run by their meaning for people, worst first."""

    event: RunEvent
    names: bool
    """True if the message names people."""
    worse: Sequence[Row]
    unknown: Sequence[Row]
    better: Sequence[Row]
    waivers: Sequence[WaiverResult | BlindSpotResult]
    people_worse: int = 0
    """Number of users affected by changes for the worse."""

    @classmethod
    def of(cls, event: RunEvent, names: bool) -> "Digest":
        """The content of the message about `event`."""
        drift = event.drift
        worth = None if drift is None else replace(drift, changes=_ReportedChanges(drift))
        groups = () if worth is None else worth.groups
        affected = {} if worth is None else worth.affected(*WORSE, ChangeKind.SCOPE_ADDED).by_level
        return cls(
            event,
            names,
            _rows_of(groups, *WORSE, ChangeKind.SCOPE_ADDED),
            _rows_of(groups, ChangeKind.NEWLY_UNKNOWN, ChangeKind.NEWLY_BLIND),
            _rows_of(groups, *BETTER),
            due_waivers(event),
            affected.get(Level.USER, 0),
        )

    @property
    def stopped(self) -> bool:
        """True if there is no stored run to report."""
        return self.event.later is None or bool(self.event.failure)

    @property
    def incomplete(self) -> bool:
        """True if the run was evaluated on incomplete evidence, accepted blind spots aside."""
        return self.event.later is not None and self.event.later.has_open_gaps


@dataclass(frozen=True, slots=True)
class _ReportedChanges:
    """The changes to report. Of new scopes, only deviations are reported."""

    drift: Drift

    def __iter__(self) -> Iterator[FindingChange]:
        for change in self.drift.changes:
            if change.move is not ChangeKind.SCOPE_ADDED or is_new_scope_deviation(change):
                yield change


def _rows_of(changes: Iterable[ChangeGroup], *moves: ChangeKind) -> list[Row]:
    rows: dict[tuple[int, int, str, str, bool], list[ChangeGroup]] = {}
    for group in changes:
        if group.move in moves:
            order = group.severity.rank, moves.index(group.move), group.control, group.setting
            rows.setdefault((*order, group.kind is FindingKind.LOCK), []).append(group)
    return [sorted(rows[key], key=lambda group: group.level.rank) for key in sorted(rows)]


def compose(event: RunEvent, names: bool = False) -> Message:
    """The message about `event`; with `names`, it names people."""
    digest = Digest.of(event, names)
    return Message(
        _subject(digest), _body(digest, LONGEST), _body(digest, LONGEST_BRIEF), urgency_of(digest)
    )


def sample_message() -> Message:
    """The message that `auditor notify test` sends."""
    text = "This is a test message from auditor. Changes between audits will be reported here."
    body = Body(text, text)
    return Message("Zoom audit: a test message", body, body, Urgency.NEUTRAL)


def notice(account: str, lines: Sequence[str]) -> Message:
    """A message about events that need no audit, a line each."""
    shown = [escape_markup(printable(line)) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"and {len(lines) - MOST_LINES:,} more")
    body = Body("\n".join(shown), "\n\n".join(shown))
    subject = f"Zoom, {escape_markup(account)}: {shown[0]}" if lines else "Zoom"
    return Message(subject, body, body, Urgency.SOON)


def _body(digest: Digest, longest: int) -> Body:
    """As many rows as fit; at least one per section, even if that is longer."""
    body = Body("", "")
    for most in range(MOST_LINES, 0, -1):
        body = Body(
            "\n".join(_lines(digest, PLAIN, most)),
            "\n\n".join(_paragraphs(_lines(digest, MARKDOWN, most))),
        )
        if body.length <= longest:
            break
    return body


def urgency_of(digest: Digest) -> Urgency:
    """How urgent the content is."""
    if digest.stopped or digest.worse or digest.unknown or digest.event.failed_steps:
        return Urgency.BAD
    good = bool(digest.better) or evidence_complete_again(digest.event) or recovered(digest.event)
    if digest.incomplete and not good:
        return Urgency.BAD
    if digest.waivers:
        return Urgency.SOON
    return Urgency.GOOD if good else Urgency.NEUTRAL


def _subject(digest: Digest) -> str:
    account = escape_markup(digest.event.account)
    later = digest.event.later
    simulated = "SIMULATED " if later is not None and later.simulated else ""
    opening = f"{simulated}Zoom audit of {account}" if account else f"{simulated}Zoom audit"
    if digest.stopped:
        subject = f"{opening} {'ended with errors' if digest.event.result else 'could not run'}"
    else:
        for fact in (_worst_fact(digest), ""):
            subject = f"{opening}: {', '.join(headlines(digest, fact)) or 'nothing changed'}"
            if len(subject) <= LONGEST_SUBJECT:
                break
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    return subject[: LONGEST_SUBJECT - 1].rstrip() + "…"


def headlines(digest: Digest, fact: str = "") -> Iterator[str]:
    """What the subject says of a run, worst first: `fact`, or how many settings got worse."""
    if digest.worse:
        yield fact or _worse(digest)
    if digest.incomplete:
        yield "evidence incomplete"
    if digest.unknown:
        yield f"{_settings(digest.unknown)} without an answer"
    if digest.event.failed_steps:
        yield "some steps failed"
    if digest.waivers:
        yield _ending(digest)
    for move, phrase in (
        (ChangeKind.IMPROVED, "put right"),
        (ChangeKind.KNOWN_AGAIN, "known again"),
    ):
        if rows := [row for row in digest.better if row[0].move is move]:
            yield f"{_settings(rows)} {phrase}"
    if evidence_complete_again(digest.event):
        yield "evidence complete again"
    if recovered(digest.event):
        yield "succeeded again"


def _worse(digest: Digest) -> str:
    """`2 settings got worse (1 critical) for 177 people`: settings first, then people."""
    worst = digest.worse[0][0].severity
    settings = {_setting(row) for row in digest.worse}
    bad = {_setting(row) for row in digest.worse if row[0].severity is worst}
    if bad == settings:
        what = f"{pluralize(len(settings), f'{worst} setting')} got worse"
    else:
        what = f"{pluralize(len(settings), 'setting')} got worse ({len(bad):,} {worst})"
    people = digest.people_worse
    return f"{what} for {Level.USER.counted(people)}" if people else what


def _worst_fact(digest: Digest) -> str:
    """The worst change: `Local recording off → on for 12 people, and 3 more settings`.

    Empty if it cannot be said from what to what it changed.
    """
    if not digest.worse:
        return ""
    worst = digest.worse[0]
    what = _what(worst, digest)
    if "→" not in what:
        return ""
    people = sum(group.count for group in worst if group.level is Level.USER)
    first = worst[0]
    places = (
        f"the {first.level.noun}" if first.level in _SINGLE else first.level.counted(first.count)
    )
    whom = Level.USER.counted(people) if people else places
    more = len({_setting(row) for row in digest.worse}) - 1
    others = f", and {pluralize(more, 'more setting')}" if more else ""
    return f"{what.replace(': ', ' ', 1)} for {whom}{others}"


def _setting(row: Row) -> tuple[str, bool]:
    """The setting that changed, and whether its lock did."""
    first = row[0]
    return first.setting or first.control, first.kind is FindingKind.LOCK


def _ending(digest: Digest) -> str:
    assert digest.event.later is not None
    left = [days_left(waiver, digest.event.later) for waiver in digest.waivers]
    blind_spots = sum(isinstance(waiver, BlindSpotResult) for waiver in digest.waivers)
    counts = (len(left) - blind_spots, "waiver"), (blind_spots, "blind spot")
    which = " and ".join(pluralize(count, noun) for count, noun in counts if count)
    if max(left) < 0:
        return f"{which} ended"
    if min(left) >= 0:
        return f"{which} {'ends' if len(left) == 1 else 'end'} soon"
    return f"{which} ended or end soon"


def _settings(rows: Iterable[Row]) -> str:
    return pluralize(len({_setting(row) for row in rows}), "setting")


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Paragraphs for Markdown, which joins consecutive lines unless they form a list."""
    rows: list[str] = []
    for line in lines:
        if line.startswith("- "):
            rows.append(line)
            continue
        if rows:
            yield "\n".join(rows)
            rows = []
        yield line
    if rows:
        yield "\n".join(rows)


def _lines(digest: Digest, markup: Markup, most: int) -> list[str]:
    """The lines of the message; those of a list begin with `- `.

    Each section keeps its first row, even if the message then has more than `most` lines.
    """
    last = list(_footer(digest, markup))
    room = most - len(last)
    body: list[str] = []
    sections = list(_sections(digest, markup))
    for index, (head, rows) in enumerate(sections):
        reserved = 2 * (len(sections) - index - 1)
        shown = rows[: max(1, room - len(body) - reserved - 1)]
        more = f" (the first {len(shown)} of {len(rows)} kinds)" if len(rows) > len(shown) else ""
        body += [markup.heading(head + more), *(f"- {row}" for row in shown)]
    return [*body, *last]


def _sections(digest: Digest, markup: Markup) -> Iterator[tuple[str, list[str]]]:
    """Headings with their rows, worst first; sections without rows are omitted."""
    if digest.stopped:
        yield from _stopped(digest)
    since = (
        "" if digest.event.earlier is None else f" since {moment(digest.event.earlier.finished_at)}"
    )
    if digest.worse:
        yield f"Worse{since}", row_lines(digest.worse, digest, markup)
    if digest.unknown:
        yield f"No answer{since}", row_lines(digest.unknown, digest, markup)
    if digest.incomplete:
        yield "Evidence incomplete", ["Some reads failed. The report says which, and what to do."]
    if digest.event.failed_steps:
        rows = [
            escape_markup(redact_text(why), LONGEST_SENTENCE) for why in digest.event.failed_steps
        ]
        yield "Failed steps", rows
    if digest.waivers:
        has_blind_spots = any(isinstance(waiver, BlindSpotResult) for waiver in digest.waivers)
        heading = "Waivers and blind spots" if has_blind_spots else "Waivers"
        yield heading, [_waiver(waiver, digest, markup) for waiver in digest.waivers]
    if digest.better:
        yield f"Better{since}", row_lines(digest.better, digest, markup)
    if evidence_complete_again(digest.event):
        yield "Evidence complete again", ["Everything that was selected could be read."]
    if recovered(digest.event):
        yield (
            "Succeeded again",
            ["The previous attempt failed. This one read everything and is stored."],
        )


def _stopped(digest: Digest) -> Iterator[tuple[str, list[str]]]:
    """Why there is no stored run to report, and the result if there is one nevertheless."""
    why = escape_markup(redact_text(digest.event.failure), LONGEST_SENTENCE)
    if digest.event.result:
        summary = escape_markup(f"Result: {digest.event.result}.", LONGEST_SENTENCE)
        later = "The changes will be reported with the next stored run."
        yield "Evaluated, but ended with errors", [*filter(None, [why]), summary, later]
    else:
        yield "Nothing was evaluated", [why or "Nothing could be evaluated."]


def row_lines(rows: Sequence[Row], digest: Digest, markup: Markup) -> list[str]:
    """A line for each row."""
    return [_row(row, digest, markup) for row in rows]


def _row(row: Row, digest: Digest, markup: Markup) -> str:
    """`Local recording: off → on for 1 group "Sales", 12 people. Changed …. Rule RC-02, high.`"""
    first = row[0]
    places = ", ".join(_scopes(group, digest, markup) for group in row)
    note = f", {_NOTES[first.move]}" if first.move in _NOTES else ""
    sentences = [f"{_what(row, digest)} for {places}{note}"]
    actors = (change.changed_by for group in row for change in group.examples)
    actor = next(filter(None, actors), None)
    if actor is not None:
        by = f" by {markup.name(actor.operator)}" if digest.names else ""
        sentences.append(f"Changed {moment(actor.time)}{by}")
    sentences.append(f"Rule {escape_markup(first.control)}, {first.severity}")
    if first.move in _TO_UNDO and (path := _path(first, digest)):
        sentences.append(f"To undo: {escape_markup(path, _LONGEST_FIX)}")
    return f"{'. '.join(sentences)}."


def _path(changed: ChangeGroup, digest: Digest) -> str:
    """The way to what changed: at its group or person, not at the account, whose page shows
    another value. Empty if not known.
    """
    rule = digest.event.fixes.get(changed.control)
    if rule is None:
        return ""
    path = rule.path
    if changed.kind in (FindingKind.VALUE, FindingKind.LOCK):
        label = changed.examples[0].state.scope.label
        is_named = changed.count == 1 and (digest.names or changed.level not in _PEOPLE)
        name = label if is_named else f"the {changed.level.noun}"
        path = portal.setting_path(changed.setting, rule, changed.level, name)
    if path and changed.kind is FindingKind.LOCK:
        path += portal.LOCK
    return _CLASSIC_PORTAL.sub("", path).replace(" > ", " › ")


def _what(row: Row, digest: Digest) -> str:
    """What changed, from what to what: `Local recording: off → on`."""
    first = row[0]
    title = digest.event.titles.get(first.control, "").replace("`", "") or first.control
    name = words.setting_name(first.setting) if first.setting not in _NO_SETTINGS else title
    name = escape_markup(name, _LONGEST_TITLE)
    if first.kind is FindingKind.LOCK:
        return f"{name}: {_LOCK_CHANGE.get(first.move, 'lock changed')}"
    state = first.examples[0].after
    if state is not None and isinstance(state.observed, dict):
        return escape_markup(words.setting_fact(first.setting, state.observed), _LONGEST_TITLE)
    if first.kind is FindingKind.DERIVED:
        return f"{name}: not as before"
    before, after = _values(row, digest)
    if before and after and before != after:
        return f"{name}: {before} → {after}"
    if first.move is ChangeKind.NEWLY_UNKNOWN:
        return f"{name}: {before or 'known'} → no answer"
    if first.move in BETTER:
        return f"{name}: right again" if not after else f"{name}: now {after}"
    return f"{name} is {after}" if after else name


def _values(row: Row, digest: Digest) -> tuple[str, str]:
    """The value before and after, in words; empty if not known or not for every reader."""
    change = row[0].examples[0]
    setting = row[0].setting
    before = None if change.before is None else change.before.observed
    after = None if change.after is None else change.after.observed
    drift = digest.event.drift
    for changed in drift.settings if drift is not None else ():
        is_lock = changed.source.partition("?")[0].endswith("lock_settings")
        if changed.setting != setting or is_lock or after not in (None, changed.after):
            continue
        before = changed.before if before is None else before
        after = changed.after if row[0].move in BETTER else after
        break
    return _shown(setting, before), _shown(setting, after)


def _shown(setting: str, value: JsonValue) -> str:
    """A value in words; empty for lists and free text, which may name people."""
    if not isinstance(value, bool | int | float | str):
        return ""
    text = words.value_words(setting, value)
    return "" if text.startswith('"') else escape_markup(text)


def _scopes(group: ChangeGroup, digest: Digest, markup: Markup) -> str:
    """`the account`, `1 group "Sales"`, `12 people`, or with names `12 people such as "Kim"`."""
    is_single = group.level in _SINGLE
    scopes = group.level.counted(group.count)
    if is_single and group.count == 1:
        scopes = f"the {group.level.noun}"
    if is_single or (group.level in _PEOPLE and not digest.names):
        return scopes
    example = markup.name(group.examples[0].state.scope.label)
    return f"{scopes} {example}" if group.count == 1 else f"{scopes} such as {example}"


def _waiver(waiver: WaiverResult | BlindSpotResult, digest: Digest, markup: Markup) -> str:
    assert digest.event.later is not None
    left = days_left(waiver, digest.event.later)
    if left < 0:
        when = f"ended on {waiver.expires}"
    else:
        days = "today" if left == 0 else f"in {pluralize(left, 'day')}"
        when = f"ends on {waiver.expires}, {days}"
    about = "the account" if waiver.scope == "level account" else markup.name(waiver.scope)
    shows = digest.names or not _ABOUT_PEOPLE.search(waiver.scope)
    scope = f" for {about}" if shows else ""
    owner = f", owner {markup.name(waiver.owner)}" if digest.names else ""
    if isinstance(waiver, BlindSpotResult):
        part = part_label(waiver.setting, waiver.kind)
        named = (waiver.control, waiver.request, part)
        what = f"blind spot {', '.join(markup.name(name) for name in named if name)}"
        covers = f", covers {pluralize(waiver.matched, 'missing answer')}"
    else:
        part = part_label(waiver.setting, waiver.kind)
        what = escape_markup(waiver.control) + (f", {markup.name(part)}," if part else "")
        covers = f", covers {pluralize(waiver.matched, 'broken place')}"
    return f"{what}{scope} {when}{covers}{owner}"


def _footer(digest: Digest, markup: Markup) -> Iterator[str]:
    later, earlier = digest.event.later, digest.event.earlier
    if later is None:
        if earlier is not None:
            last = moment(earlier.finished_at)
            yield f"Last run: {last}, account {markup.name(earlier.account_id)}."
        yield f"Details: {markup.literal('auditor doctor')}"
        return
    yield from _log(digest)
    if digest.event.totals:
        yield f"Now: {escape_markup(digest.event.totals)}"
    judged = f"aseline {escape_markup(later.baseline.id)}, {moment(later.finished_at)}."
    if digest.event.account == later.account_id:  # the subject already has the id
        yield f"B{judged}"
    else:
        yield f"Account {markup.name(later.account_id)}, b{judged}"
    if digest.event.drift is not None and digest.event.drift.notes:
        yield f"Note: {escape_markup(redact_text(digest.event.drift.notes[0]), LONGEST_SENTENCE)}"
    if digest.event.report:
        yield f"Report: {markup.place(digest.event.report)}"
    if digest.event.is_first_look:
        yield "This is a first look. The audit that follows says whom it affects besides."
        return
    command = f"diff {earlier.id} {later.id}" if earlier is not None else f"report {later.id}"
    yield f"Details: {markup.literal(f'auditor {command}')}"


def _log(digest: Digest) -> Iterator[str]:
    """That Zoom's log names nobody, if it does for none of the changes for the worse."""
    changes = [change for row in digest.worse for group in row for change in group.examples]
    if digest.event.is_first_look:  # Zoom's log was not read
        return
    if changes and not any(change.changed_by for change in changes):
        yield "Who: Zoom's log names nobody for these changes."
