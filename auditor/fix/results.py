"""What came of a plan: one row a step, for the person who ran it and for a change board."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final, Literal

from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue
from auditor.plain_text import printable

SCHEMA_ID: Final = "auditor/fix-result/v1"

Work = Literal["apply", "rollback", "verify"]

_TITLES: Final = {
    "apply": "Changes to account",
    "rollback": "Changes taken back in account",
    "verify": "Plan compared with account",
}
_ROUTINE: Final = ("changed", "already right", "done")


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One step and its outcome."""

    step: int
    kind: str
    level: str
    scope_id: str
    scope_name: str
    setting: str
    before: JsonValue
    to: JsonValue
    outcome: str
    """Of `apply` and `rollback`: `changed`, `already right`, `not changed`, `refused`, `stale`,
    `skipped` or `unverified`. Of `verify`: `done`, `not done`, `changed since` or `unread`."""
    detail: str = ""
    observed: JsonValue = None
    """The last value that was read."""
    manual: str = ""
    """Where in the portal a person does it; empty for a step that a request makes."""
    controls: tuple[str, ...] = ()
    title: str = ""
    """The change in words; empty for a rollback."""

    @property
    def label(self) -> str:
        """`lock in_meeting.chat at group Sales`."""
        what = "lock of " if self.kind == "lock" else ""
        where = "the account" if self.level == "account" else f"{self.level} {self.scope_name}"
        return f"{what}{self.setting} at {printable(where)}"

    @property
    def change(self) -> str:
        """`true -> false`."""
        return f"{shown(self.before)} -> {shown(self.to)}"


@dataclass(frozen=True, slots=True)
class FixResult:
    """The outcome of a plan, a rollback or a verification."""

    work: Work
    account_id: str
    run: str
    journal: str
    """Empty for a verification, and if nothing was written down."""
    started_at: str
    finished_at: str
    rows: Sequence[ResultRow]
    exit_code: ExitCode
    problem: str = ""
    """Why the work ended early, as sentences; empty if it did not."""
    advice: Sequence[str] = ()
    """What to do next, and what cannot be known."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of steps by outcome."""
        return dict(Counter(row.outcome for row in self.rows))

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object (`auditor/fix-result/v1`)."""
        return {
            "schema": SCHEMA_ID,
            "work": self.work,
            "account_id": self.account_id,
            "run": self.run,
            "journal": self.journal or None,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "exit_code": int(self.exit_code),
            "counts": self.counts,
            "problem": self.problem or None,
            "steps": [
                {
                    "id": row.step,
                    "kind": row.kind,
                    "scope": {
                        "level": row.level,
                        "id": row.scope_id,
                        "name": row.scope_name,
                    },
                    "setting": row.setting,
                    "from": row.before,
                    "to": row.to,
                    "outcome": row.outcome,
                    "observed": row.observed,
                    "detail": row.detail or None,
                    "manual": row.manual or None,
                    "controls": [*row.controls],
                    "title": row.title or None,
                }
                for row in self.rows
            ],
            "advice": [*self.advice],
        }

    def json(self) -> str:
        """`as_json` as text."""
        return json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n"

    def markdown(self) -> str:
        """The result as Markdown, for a change board."""
        lines = [f"# {_TITLES[self.work]} {_cell(self.account_id)}", ""]
        lines += [f"- {name}: {_cell(value)}" for name, value in self._facts()]
        lines += ["", "| step | change | from | to | outcome |", "|---|---|---|---|---|"]
        for row in self.rows:
            detail = f" {_cell(row.detail)}" if row.detail else ""
            named = f"**{_cell(row.title)}**: " if row.title else ""
            lines.append(
                f"| {row.step} | {named}{_cell(row.label)} | {_cell(shown(row.before))} "
                f"| {_cell(shown(row.to))} | **{row.outcome}**.{detail} |"
            )
        for sentence in (*([self.problem] if self.problem else ()), *self.advice):
            lines += ["", _cell(sentence)]
        return "\n".join(lines) + "\n"

    def text(self, width: int = 80) -> str:
        """The result as text of `width` columns."""
        lines = [f"{_TITLES[self.work]} {printable(self.account_id)}", ""]
        lines += [f"{name + ':':<9} {printable(value)}" for name, value in self._facts()]
        lines.append("")
        for row in self.rows:
            lines += _hanging(f"{row.step:>4}  ", printable(row.title or row.label), width)
            if row.title:
                lines += _hanging("      ", row.label, width)
            sentence = row.outcome if not row.detail else f"{row.outcome}. {row.detail}"
            if row.manual and row.outcome not in _ROUTINE:
                sentence = f"{sentence.rstrip('.')}. By hand: {row.manual}"
            lines += _hanging("      ", printable(f"{row.change}: {sentence}"), width)
        for sentence in (*([self.problem] if self.problem else ()), *self.advice):
            lines += ["", *wrap(printable(sentence), width)]
        return "\n".join(lines) + "\n"

    def _facts(self) -> list[tuple[str, str]]:
        counted = ", ".join(f"{number:,} {outcome}" for outcome, number in self.counts.items())
        facts = [("run", self.run), ("journal", self.journal), ("began", self.started_at)]
        facts += [("ended", self.finished_at), ("steps", counted or "none")]
        return [(name, value) for name, value in facts if value]


def shown(value: JsonValue) -> str:
    """A value as it is shown: on and off are true and false, as in the API."""
    text = json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…")


_LONGEST_VALUE: Final = 60
"""Characters of a value."""


def _hanging(first: str, text: str, width: int) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cell(text: str) -> str:
    """A text that cannot act as markup."""
    plain = " ".join(printable(text).split())
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|!~" else letter for letter in plain)
