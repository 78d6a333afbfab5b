"""The message: a subject that sums up the run, and a few lines of detail.

Its readers are often more people than may know who has which settings. People are therefore
counted, not named, unless names were requested; the report names them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.findings.drift import ChangeKind
from auditor.findings.model import FindingKind as FindingKind
from auditor.notify.digest import Digest, ReportedChange
from auditor.notify.escaping import escape_markup
from auditor.notify.markup import MARKDOWN, PLAIN, pluralize
from auditor.notify.message_body import lines
from auditor.notify.triggers import RunEvent, days_left, evidence_complete_again, recovered

MOST_LINES = 15
LONGEST_SUBJECT = 120
"""Characters; mail clients and phones truncate longer ones."""
LONGEST = 1900
"""Characters a message is kept to if possible: Discord accepts 2000."""
LONGEST_BRIEF = 850
"""The same for the brief form: PagerDuty accepts 1024 with the subject, Apprise 1000 for Teams."""


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


def compose(event: RunEvent, names: bool = False) -> Message:
    """The message about `event`; with `names`, it names people."""
    digest = Digest.of(event, names)
    return Message(
        _subject(digest), _body(digest, LONGEST), _body(digest, LONGEST_BRIEF), _urgency(digest)
    )


def sample_message() -> Message:
    """The message that `auditor notify test` sends."""
    text = "A test message of auditor. What changes in audits will be told here."
    body = Body(text, text)
    return Message("Zoom audit: a test message", body, body, Urgency.NEUTRAL)


def _body(digest: Digest, longest: int) -> Body:
    """As many rows as fit; at least one per section, even if that is longer."""
    body = Body("", "")
    for most in range(MOST_LINES, 0, -1):
        body = Body(
            "\n".join(lines(digest, PLAIN, most)),
            "\n\n".join(_paragraphs(lines(digest, MARKDOWN, most))),
        )
        if body.length <= longest:
            break
    return body


def _urgency(digest: Digest) -> Urgency:
    if digest.stopped or digest.worse or digest.unknown or digest.event.undone:
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
        subject = f"{opening} {'did not end well' if digest.event.found else 'could not run'}"
    else:
        subject = f"{opening}: {', '.join(_headlines(digest)) or 'nothing changed'}"
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    return subject[: LONGEST_SUBJECT - 1].rstrip() + "…"


def _headlines(digest: Digest) -> Iterator[str]:
    if digest.worse:
        yield _worse(digest)
    if digest.incomplete:
        yield "evidence incomplete"
    if digest.unknown:
        yield f"{_sum(digest.unknown):,} newly unknown"
    if digest.event.undone:
        yield "not all was done"
    if digest.waivers:
        yield _ending(digest)
    for move, words in (
        (ChangeKind.IMPROVED, "put right"),
        (ChangeKind.KNOWN_AGAIN, "known again"),
    ):
        number = _sum(kind for kind in digest.better if kind.first.move is move)
        if number:
            yield f"{number:,} {words}"
    if evidence_complete_again(digest.event):
        yield "evidence complete again"
    if recovered(digest.event):
        yield "ended well again"


def _worse(digest: Digest) -> str:
    """`2 settings got worse (1 critical) for 177 users`: settings first, then people."""
    worst = digest.worse[0].severity
    settings = {_setting(kind) for kind in digest.worse}
    bad = {_setting(kind) for kind in digest.worse if kind.severity is worst}
    if bad == settings:
        what = f"{pluralize(len(settings), f'{worst} setting')} got worse"
    else:
        what = f"{pluralize(len(settings), 'setting')} got worse ({len(bad):,} {worst})"
    people = digest.people_worse
    return f"{what} for {pluralize(people, 'user')}" if people else what


def _setting(kind: ReportedChange) -> tuple[str, bool]:
    """The setting that changed, and whether its lock did."""
    first = kind.first
    return first.setting or first.control, first.kind is FindingKind.LOCK


def _ending(digest: Digest) -> str:
    assert digest.event.later is not None
    left = [days_left(waiver, digest.event.later) for waiver in digest.waivers]
    if max(left) < 0:
        return f"{pluralize(len(left), 'waiver')} ended"
    if min(left) >= 0:
        return f"{pluralize(len(left), 'waiver')} {'ends' if len(left) == 1 else 'end'} soon"
    return f"{len(left)} waivers ended or end soon"


def _sum(kinds: Iterable[ReportedChange]) -> int:
    return sum(kind.count for kind in kinds)


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
