"""The message: a subject that says it all, and a few lines for those who want to know more.

It is read by whoever reads the channel, mostly more people than may know who has which settings.
So people are counted, not named, unless that was asked for: the report names them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.findings.drift import Move
from auditor.findings.model import Kind as FindingKind
from auditor.notify.harmless import neutral
from auditor.notify.occasions import News, complete_again, days_left, well_again
from auditor.notify.rows import lines
from auditor.notify.spelling import MARKDOWN, PLAIN, counted
from auditor.notify.told import Kind, Told

MOST_LINES = 15
LONGEST_SUBJECT = 120
"""Characters; a longer one is cut by mail programs and phones."""
LONGEST = 1900
"""Characters that a message keeps to where it can: Discord takes 2000."""
LONGEST_BRIEF = 850
"""The same for the brief one: PagerDuty takes 1024 with the subject, Apprise 1000 for Teams."""


class Tone(StrEnum):
    """How bad the news is; services show it as a colour, or open and close incidents by it."""

    BAD = "failure"
    SOON = "warning"
    GOOD = "success"
    NEUTRAL = "info"


@dataclass(frozen=True, slots=True)
class Body:
    """What a message says, in two spellings."""

    text: str
    markdown: str

    @property
    def length(self) -> int:
        """Characters of the longer spelling."""
        return max(len(self.text), len(self.markdown))


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    subject: str
    body: Body
    brief: Body
    """The same with fewer rows, for services that take little."""
    tone: Tone


def compose(news: News, names: bool = False) -> Message:
    """The message about `news`; `names` for one that names people."""
    told = Told.of(news, names)
    return Message(_subject(told), _body(told, LONGEST), _body(told, LONGEST_BRIEF), _tone(told))


def trial() -> Message:
    """The message that `auditor notify test` sends."""
    text = "A test message of auditor. What changes in audits will be told here."
    body = Body(text, text)
    return Message("Zoom audit: a test message", body, body, Tone.NEUTRAL)


def _body(told: Told, longest: int) -> Body:
    """As many rows as fit; at least one of each section, even where that is longer."""
    found = Body("", "")
    for most in range(MOST_LINES, 0, -1):
        found = Body(
            "\n".join(lines(told, PLAIN, most)),
            "\n\n".join(_paragraphs(lines(told, MARKDOWN, most))),
        )
        if found.length <= longest:
            break
    return found


def _tone(told: Told) -> Tone:
    if told.stopped or told.worse or told.unknown or told.news.undone:
        return Tone.BAD
    good = bool(told.better) or complete_again(told.news) or well_again(told.news)
    if told.incomplete and not good:
        return Tone.BAD
    if told.waivers:
        return Tone.SOON
    return Tone.GOOD if good else Tone.NEUTRAL


def _subject(told: Told) -> str:
    account = neutral(told.news.account)
    later = told.news.later
    simulated = "SIMULATED " if later is not None and later.simulated else ""
    opening = f"{simulated}Zoom audit of {account}" if account else f"{simulated}Zoom audit"
    if told.stopped:
        subject = f"{opening} {'did not end well' if told.news.found else 'could not run'}"
    else:
        subject = f"{opening}: {', '.join(_headlines(told)) or 'nothing changed'}"
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    return subject[: LONGEST_SUBJECT - 1].rstrip() + "…"


def _headlines(told: Told) -> Iterator[str]:
    if told.worse:
        yield _worse(told)
    if told.incomplete:
        yield "evidence incomplete"
    if told.unknown:
        yield f"{_sum(told.unknown):,} newly unknown"
    if told.news.undone:
        yield "not all was done"
    if told.waivers:
        yield _ending(told)
    for move, words in ((Move.IMPROVED, "put right"), (Move.KNOWN_AGAIN, "known again")):
        number = _sum(kind for kind in told.better if kind.first.move is move)
        if number:
            yield f"{number:,} {words}"
    if complete_again(told.news):
        yield "evidence complete again"
    if well_again(told.news):
        yield "ended well again"


def _worse(told: Told) -> str:
    """`2 settings got worse (1 critical) for 177 users`: settings first, then people."""
    worst = told.worse[0].severity
    settings = {_setting(kind) for kind in told.worse}
    bad = {_setting(kind) for kind in told.worse if kind.severity is worst}
    if bad == settings:
        what = f"{counted(len(settings), f'{worst} setting')} got worse"
    else:
        what = f"{counted(len(settings), 'setting')} got worse ({len(bad):,} {worst})"
    people = told.people_worse
    return f"{what} for {counted(people, 'user')}" if people else what


def _setting(kind: Kind) -> tuple[str, bool]:
    """What changed: a setting, or its lock."""
    first = kind.first
    return first.setting or first.control, first.kind is FindingKind.LOCK


def _ending(told: Told) -> str:
    assert told.news.later is not None
    left = [days_left(each, told.news.later) for each in told.waivers]
    if max(left) < 0:
        return f"{counted(len(left), 'waiver')} ended"
    if min(left) >= 0:
        return f"{counted(len(left), 'waiver')} {'ends' if len(left) == 1 else 'end'} soon"
    return f"{len(left)} waivers ended or end soon"


def _sum(kinds: Iterable[Kind]) -> int:
    return sum(kind.count for kind in kinds)


def _paragraphs(found: Sequence[str]) -> Iterator[str]:
    """Markdown joins lines that follow each other, unless they are a list."""
    rows: list[str] = []
    for line in found:
        if line.startswith("- "):
            rows.append(line)
            continue
        if rows:
            yield "\n".join(rows)
            rows = []
        yield line
    if rows:
        yield "\n".join(rows)
