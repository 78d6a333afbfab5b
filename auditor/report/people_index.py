"""Search index for people whom the rows of the HTML report do not name.

A row names only its first scopes, so that a browser can open the file. The search must still find
everyone who deviates. The page therefore has a list of the others, at about 60 bytes per person,
with the numbers of their rows. Equal combinations of rows are stored once.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from auditor.evidence.scope import Scope
from auditor.findings.model import Verdict
from auditor.findings.rollup import FindingGroup, identity
from auditor.findings.run import Run
from auditor.report.display import printable, shorten
from auditor.report.truncation import RunLimits

LONGEST_NAME = 120
"""Columns of a name in the list."""

NOT_IN_FILE = -1
"""The number of all rows that are not in the file."""

_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""Characters that could end the script element or a line of it."""


class PeopleIndex:
    """Rows that name only some of their scopes, and the scopes of each."""

    def __init__(
        self, run: Run, tables: Iterable[Sequence[FindingGroup]], bounds: RunLimits
    ) -> None:
        self._run = run
        self._numbers: dict[tuple[object, ...], int] = {}
        for groups in tables:
            for index, group in enumerate(groups):
                if index >= bounds.rows:
                    self._numbers.setdefault(identity(group.verdict), NOT_IN_FILE)
                elif bounds.unnamed(group):
                    self._number(identity(group.verdict))

    def _number(self, key: tuple[object, ...]) -> int:
        number = self._numbers.get(key, NOT_IN_FILE)
        if number == NOT_IN_FILE:
            number = self._numbers[key] = len(self._numbers)
        return number

    def __bool__(self) -> bool:
        """False if every row names all of its scopes."""
        return bool(self._numbers)

    def row(self, verdict: Verdict) -> int | None:
        """The number of the row of `verdict`; None if the row names all of its scopes."""
        return self._numbers.get(identity(verdict))

    def pieces(self) -> Iterator[str]:
        """JSON for a script element: `{"rows": [[number, …], …], "people": [[name, at], …]}`.

        `at` is an index into `rows`. Names are as in the rows, followed by the e-mail address.
        """
        combinations: dict[tuple[int, ...], int] = {}
        positions: dict[int, int | None] = {}
        yield '{"people":['
        separator = ""
        for assessment in self._run.assessments.by_name():
            number = assessment.verdict_set.number
            if number not in positions:
                rows = self._rows(assessment.verdicts)
                positions[number] = (
                    combinations.setdefault(rows, len(combinations)) if rows else None
                )
            position = positions[number]
            if position is not None:
                yield f"{separator}{_text([_name(assessment.scope), position])}"
                separator = ",\n"
        yield f'],\n"rows":{_text([list(rows) for rows in combinations])}}}'

    def _rows(self, verdicts: Sequence[Verdict]) -> tuple[int, ...]:
        numbers = {self._numbers.get(identity(verdict)) for verdict in verdicts}
        return tuple(sorted(number for number in numbers if number is not None))


def _name(scope: Scope) -> str:
    name = shorten(scope.label, LONGEST_NAME)
    if scope.email and scope.email != scope.label:
        return f"{name} {printable(scope.email)}"
    return name


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
