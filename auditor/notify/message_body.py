"""The lines of a message: sections with their rows, then totals and where to find details."""

import re
from collections.abc import Iterator, Sequence

from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeGroup, ChangeKind, RunFacts
from auditor.findings.model import Severity, WaiverResult
from auditor.notify.digest import Digest, ReportedChange
from auditor.notify.escaping import escape_markup
from auditor.notify.markup import Markup, moment, pluralize
from auditor.notify.triggers import days_left, evidence_complete_again, recovered
from auditor.redaction.text import redact_text

LONGEST_SENTENCE = 200
"""Characters of a sentence from another part of the program."""
_LONGEST_TITLE = 80
"""Characters of a control's title."""

_PEOPLE = frozenset({Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR})
"""Levels at which a name identifies a person."""
_ABOUT_PEOPLE = re.compile(r"(?:^|, )(?:user|meeting) ")
"""Scopes of waivers that identify a person."""
_NOUNS = {
    Level.ACCOUNT: ("the account", "accounts"),
    Level.APP: ("1 app", "apps"),
    Level.PHONE_ACCOUNT: ("the phone account", "phone accounts"),
    Level.PHONE_GROUP: ("1 phone group", "phone groups"),
    Level.PHONE_SITE: ("1 phone site", "phone sites"),
    Level.GROUP: ("1 group", "groups"),
    Level.USER: ("1 user", "users"),
    Level.PHONE_USER: ("1 phone user", "phone users"),
    Level.MEETING: ("1 meeting", "meetings"),
    Level.WEBINAR: ("1 webinar", "webinars"),
}
_NOTES = {
    ChangeKind.WAIVER_LAPSED: "a waiver ended",
    ChangeKind.SCOPE_ADDED: "new in the account",
    ChangeKind.KNOWN_AGAIN: "could not be judged before",
}


def lines(digest: Digest, markup: Markup, most: int) -> list[str]:
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
        yield f"Worse{since}", _rows(digest.worse, digest, markup)
    if digest.unknown:
        yield f"Unknown{since}", _rows(digest.unknown, digest, markup)
    if digest.incomplete:
        yield "Evidence incomplete", ["Some reads failed. The report says which, and what to do."]
    if digest.event.undone:
        rows = [escape_markup(redact_text(why), LONGEST_SENTENCE) for why in digest.event.undone]
        yield "Not done", rows
    if digest.waivers:
        yield "Waivers", [_waiver(waiver, digest, markup) for waiver in digest.waivers]
    if digest.better:
        yield f"Better{since}", _rows(digest.better, digest, markup)
    if evidence_complete_again(digest.event):
        yield "Evidence complete again", ["All that was selected could be read."]
    if recovered(digest.event):
        yield "Ended well again", ["The attempt before did not. This one read all and is stored."]


def _stopped(digest: Digest) -> Iterator[tuple[str, list[str]]]:
    """Why there is no stored run to report, and the result if there is one nevertheless."""
    why = escape_markup(redact_text(digest.event.stopped), LONGEST_SENTENCE)
    if digest.event.found:
        summary = escape_markup(f"Found: {digest.event.found}.", LONGEST_SENTENCE)
        later = "What changed is told with the next run that is stored."
        yield "Evaluated, but did not end well", [*filter(None, [why]), summary, later]
    else:
        yield "Nothing was evaluated", [why or "Nothing could be evaluated."]


def _rows(kinds: Sequence[ReportedChange], digest: Digest, markup: Markup) -> list[str]:
    return [_row(kind, digest, markup) for kind in kinds]


def _row(kind: ReportedChange, digest: Digest, markup: Markup) -> str:
    """One group of changes: `critical AI-01 Summaries are off ("…"): 1 group "Sales", 12 users`."""
    first = kind.first
    title = digest.event.titles.get(first.control, "").replace("`", "")
    setting = markup.setting(first.setting)
    what = f"{escape_markup(title, _LONGEST_TITLE)} ({setting})" if title else setting
    parts = [_scopes(group, digest, markup) for group in kind.clusters]
    if first.move in _NOTES:
        parts.append(_NOTES[first.move])
    actors = (change.changed_by for group in kind.clusters for change in group.examples)
    actor = next(filter(None, actors), None)
    if actor is not None:
        by = f" by {markup.name(actor.operator)}" if digest.names else ""
        parts.append(f"changed {moment(actor.time)}{by}")
    return f"{first.severity} {escape_markup(first.control)} {what}: {', '.join(parts)}"


def _scopes(cluster: ChangeGroup, digest: Digest, markup: Markup) -> str:
    """`the account`, `1 group "Sales"`, `12 users`, or with names `12 users such as "Kim"`."""
    noun, nouns = _NOUNS[cluster.level]
    scopes = noun if cluster.count == 1 else f"{cluster.count:,} {nouns}"
    if noun.startswith("the ") or (cluster.level in _PEOPLE and not digest.names):
        return scopes
    example = markup.name(cluster.examples[0].state.scope.label)
    return f"{scopes} {example}" if cluster.count == 1 else f"{scopes} such as {example}"


def _waiver(waiver: WaiverResult, digest: Digest, markup: Markup) -> str:
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
    covers = f", covers {pluralize(waiver.matched, 'deviation')}"
    return f"{escape_markup(waiver.control)}{scope} {when}{covers}{owner}"


def _footer(digest: Digest, markup: Markup) -> Iterator[str]:
    later, earlier = digest.event.later, digest.event.earlier
    if later is None:
        if earlier is not None:
            last = moment(earlier.finished_at)
            yield f"Last run: {last}, account {markup.name(earlier.account_id)}."
        yield f"Look closer: {markup.literal('auditor doctor')}"
        return
    yield _totals(later)
    judged = f"aseline {escape_markup(later.baseline_id)}, {moment(later.finished_at)}."
    if digest.event.account == later.account_id:  # the subject already has the id
        yield f"B{judged}"
    else:
        yield f"Account {markup.name(later.account_id)}, b{judged}"
    if digest.event.drift is not None and digest.event.drift.notes:
        yield f"Mind: {escape_markup(redact_text(digest.event.drift.notes[0]), LONGEST_SENTENCE)}"
    if digest.event.report:
        yield f"Report: {markup.place(digest.event.report)}"
    command = f"diff {earlier.id} {later.id}" if earlier is not None else f"report {later.id}"
    yield f"Look closer: {markup.literal(f'auditor {command}')}"


def _totals(run: RunFacts) -> str:
    worst = [
        f"{run.by_severity[severity]:,} {severity}"
        for severity in Severity
        if run.by_severity.get(severity)
    ]
    how = f" ({', '.join(worst)})" if worst else ""
    return (
        f"Now: {pluralize(run.deviations, 'deviation')}{how}, {run.unknown:,} unknown, "
        f"of {pluralize(run.judged, 'check')}."
    )
