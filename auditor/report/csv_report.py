"""The CSV report: one finding a row, safe to open in a spreadsheet."""

import csv
import re
from typing import BinaryIO, ClassVar

from auditor.findings.run import Run
from auditor.report.cells import COLUMNS, LONGEST_CELL, Rows, cell
from auditor.report.interface import Options
from auditor.report.json_report import reported_findings

BOM = b"\xef\xbb\xbf"
"""Excel takes a file without it for the computer's old code page, and names come out garbled."""

_BEFORE = r"[\s\u200c\u200d\"'`]*+"
"""What a spreadsheet may drop before a formula: spaces, joiners and quotation marks."""


_STARTERS = r"=+\-@⁺⁼₊₌﬩﹢﹣﹦﹫＋－＝＠−"
"""What starts a formula, in every form that Unicode holds to be alike.

Source: OWASP, CSV injection, read November 2026. Excel for Chinese, Japanese and Korean takes the
wide forms too.
"""
_FORMULA = re.compile(rf"\A(?=[\t\r\n]|{_BEFORE}[{_STARTERS}])")
_LATER_FORMULA = re.compile(rf"([;\r\n]{_BEFORE})([{_STARTERS}]?)")
"""Where lists are separated by semicolons, Excel ends a cell there, quoted by commas or not."""


class CsvFormat:
    """RFC 4180, UTF-8 with a byte order mark, every cell quoted, one finding a row.

    A cell that a spreadsheet would take for a formula gets a single quote before it.
    """

    name: ClassVar[str] = "csv"
    suffix: ClassVar[str] = ".csv"
    media_type: ClassVar[str] = "text/csv; charset=utf-8; header=present"

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` row by row."""
        out.write(BOM)
        writer = csv.writer(_Utf8(out), quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        rows = Rows(run, COLUMNS, escape_formula)
        for finding in reported_findings(run, options):
            writer.writerow(rows.of(finding))


def escape_formula(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    quoted = _FORMULA.sub("'", text[: LONGEST_CELL + 1])
    return cell(_LATER_FORMULA.sub(_quoted, quoted))


def _quoted(match: re.Match[str]) -> str:
    return f"{match[1]}'{match[2]}" if match[2] else match[0]


class _Utf8:
    """Takes the rows that `csv` writes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, row: str) -> int:
        return self._out.write(row.encode("utf-8"))
