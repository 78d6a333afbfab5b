"""The message about a night of a fleet: one for all accounts, with those that have news."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.notify.markup import MARKDOWN, PLAIN, Markup, escape_markup
from auditor.notify.message import (
    LONGEST,
    LONGEST_BRIEF,
    LONGEST_SENTENCE,
    LONGEST_SUBJECT,
    Body,
    Digest,
    Message,
    Urgency,
    headlines,
    row_lines,
    urgency_of,
)
from auditor.notify.triggers import RunEvent
from auditor.plain_text import pluralize
from auditor.redaction.text import redact_text

_MOST_ROWS = 4
"""Rows for each account, if there is room."""
_MOST_ACCOUNTS = 30
_BY_CONCERN = (Urgency.BAD, Urgency.SOON, Urgency.GOOD, Urgency.NEUTRAL)


@dataclass(frozen=True, slots=True)
class AccountNews:
    """What a message says about one account."""

    name: str
    headline: str
    """The changes in a line."""
    plain: Sequence[str]
    """The worst changes, a line each."""
    markdown: Sequence[str]
    """The same in Markdown."""
    urgency: Urgency
    failed: bool
    """True if nothing was evaluated."""

    @classmethod
    def of(cls, name: str, event: RunEvent, *, names: bool) -> "AccountNews":
        """The news in `event`, whose drift must be readable; with `names`, it names people."""
        digest = Digest.of(event, names)
        if digest.stopped:
            why = escape_markup(redact_text(event.failure), LONGEST_SENTENCE)
            return cls(name, f"not audited: {why}", (), (), Urgency.BAD, failed=True)

        def rows(markup: Markup) -> list[str]:
            return row_lines([*digest.worse, *digest.unknown][:_MOST_ROWS], digest, markup)

        headline = ", ".join(headlines(digest)) or "nothing changed"
        return cls(name, headline, rows(PLAIN), rows(MARKDOWN), urgency_of(digest), failed=False)


def compose_fleet(fleet: str, news: Sequence[AccountNews], accounts: int) -> Message:
    """The message about a fleet; `accounts` is how many were to be audited, with news or not."""
    ordered = sorted(news, key=lambda each: (_BY_CONCERN.index(each.urgency), each.name.casefold()))
    urgency = ordered[0].urgency if ordered else Urgency.NEUTRAL
    failed = sum(each.failed for each in news)
    changed = len(news) - failed
    parts = [
        f"news of {changed:,} of {pluralize(accounts, 'account')}" if changed else "",
        f"{failed:,} not audited" if failed else "",
    ]
    what = ", ".join(part for part in parts if part) or "nothing changed"
    subject = f"Zoom audit of {escape_markup(fleet)}: {what}"
    if len(subject) > LONGEST_SUBJECT:
        subject = subject[: LONGEST_SUBJECT - 1].rstrip() + "…"
    return Message(subject, _body(ordered, LONGEST), _body(ordered, LONGEST_BRIEF), urgency)


def _body(news: Sequence[AccountNews], longest: int) -> Body:
    """As many rows, then as many accounts, as fit."""
    body = Body("", "")
    choices = [(rows, _MOST_ACCOUNTS) for rows in range(_MOST_ROWS, -1, -1)]
    choices += [(0, accounts) for accounts in (20, 12, 6, 3, 1)]
    for rows, accounts in choices:
        body = Body(
            "\n".join(_lines(news, PLAIN, rows, accounts)),
            "\n\n".join(_lines(news, MARKDOWN, rows, accounts)),
        )
        if body.length <= longest:
            break
    return body


def _lines(
    news: Sequence[AccountNews], markup: Markup, most_rows: int, most_accounts: int
) -> list[str]:
    lines = []
    for each in news[:most_accounts]:
        lines.append(markup.heading(f"{each.name}: {each.headline}"))
        rows = each.markdown if markup is MARKDOWN else each.plain
        if rows[:most_rows]:
            lines.append("\n".join(f"- {row}" for row in rows[:most_rows]))
    if len(news) > most_accounts:
        lines.append(f"And {pluralize(len(news) - most_accounts, 'more account')}.")
    lines.append(f"All accounts: {markup.literal('auditor fleet report')}")
    lines.append(f"One of them: {markup.literal('auditor fleet report --account NAME')}")
    return lines
