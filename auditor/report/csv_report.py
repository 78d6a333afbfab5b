"""The CSV report: one finding per row, safe to open in a spreadsheet."""

import csv
import re
from typing import BinaryIO

from auditor.findings.run import Run
from auditor.report.cells import COLUMNS, LONGEST_CELL, Rows, cell
from auditor.report.interface import Format, Options
from auditor.report.json_report import reported_findings

BOM = b"\xef\xbb\xbf"
"""Without it Excel assumes the legacy code page and garbles names."""

_BEFORE = r"[\s\u200c\u200d\"'`]*+"
"""Characters that a spreadsheet may drop before a formula: spaces, joiners, quotation marks."""


_STARTERS = r"=+\-@⁺⁼₊₌﬩﹢﹣﹦﹫＋－＝＠−"
"""Characters that start a formula, with their Unicode compatibility forms.

Source: OWASP, CSV injection, read November 2026. Excel for Chinese, Japanese and Korean also
accepts the full-width forms.
"""
_FORMULA = re.compile(rf"\A(?=[\t\r\n]|{_BEFORE}[{_STARTERS}])")
_LATER_FORMULA = re.compile(rf"([;\r\n]{_BEFORE})([{_STARTERS}]?)")
"""With semicolon as list separator, Excel ends a cell there even inside quotes."""


class CsvFormat(Format):
    """RFC 4180, UTF-8 with a byte order mark, every cell quoted, one finding per row.

    A cell that a spreadsheet would read as a formula is prefixed with a single quote.
    """

    name = "csv"
    suffix = ".csv"
    media_type = "text/csv; charset=utf-8; header=present"
    order = 4
    in_bundle = True

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` row by row."""
        out.write(BOM)
        writer = csv.writer(_Utf8(out), quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        rows = Rows(run, COLUMNS, escape_formula)
        for finding in reported_findings(run, options):
            writer.writerow(rows.of(finding))


def escape_formula(text: str) -> str:
    """`text` as a cell that no spreadsheet reads as a formula."""
    quoted = _FORMULA.sub("'", text[: LONGEST_CELL + 1])
    return cell(_LATER_FORMULA.sub(_quoted, quoted))


def _quoted(match: re.Match[str]) -> str:
    return f"{match[1]}'{match[2]}" if match[2] else match[0]


class _Utf8:
    """Text file interface for `csv`, writing UTF-8 to a binary file."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, row: str) -> int:
        return self._out.write(row.encode("utf-8"))
