"""Workbooks: sheets with a head that filters and stays in view, written row by row.

Every text is a text cell: nothing in it is ever a formula or a link.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from auditor.findings.model import Severity
from auditor.report.cells import LONGEST_CELL, cell

MOST_ROWS = 1_048_576
"""Rows of a sheet, its head included. Source: Excel specifications and limits, November 2026."""

Cell = str | int
Block = list[list[Cell]]
"""A small table; its first row is the head."""

_FILL = {
    Severity.CRITICAL: "#F8D7DA",
    Severity.HIGH: "#FDE5D2",
    Severity.MEDIUM: "#FFF3CD",
    Severity.LOW: "#E2ECF7",
}
"""Behind the word of the severity, never instead of it; black on each has a contrast over 15."""
_A4 = 9


@contextmanager
def create_workbook(path: Path, title: str, finished_at: str) -> Iterator["Book"]:
    """A workbook to fill, which is then at `path`; its sheets grow in files beside that.

    Raises:
        OSError: it cannot be written.
    """
    settings = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
    try:
        with Workbook(path, settings) as workbook:
            workbook.set_properties({"title": title, "created": _moment(finished_at)})
            yield Book(workbook)
    except FileCreateError as error:
        raise OSError(*error.args[0].args) from error


class Book:
    """A workbook while it is filled."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        text = {"quote_prefix": True, "valign": "top"}
        """A quoted cell stays text when somebody edits it."""
        bold = {**text, "bold": True}
        self.text = workbook.add_format(text)
        self.strong = workbook.add_format(bold)
        self._title = workbook.add_format({**bold, "font_size": 14})
        self.head = workbook.add_format({**bold, "bottom": 1, "bg_color": "#E7E6E6"})
        self._number = workbook.add_format({"num_format": "#,##0_)", "valign": "top"})
        self._filled = {s: workbook.add_format({**text, "bg_color": _FILL[s]}) for s in Severity}

    def page(
        self, name: str, widths: Iterable[int], lines: Sequence[str], blocks: Iterable[Block]
    ) -> None:
        """Add a sheet with lines, of which the first stays in view, and small tables below."""
        sheet = self.sheet(name, widths)
        for row, line in enumerate(lines):
            self.write(sheet, row, [line], self.text if row else self._title)
        row = len(lines) + 1
        for block in blocks:
            for number, cells in enumerate(block):
                self.write(sheet, row, cells, self.text if number else self.head)
                row += 1
            row += 1

    def table(
        self, name: str, columns: Mapping[str, int], count: int, most_rows: int = MOST_ROWS
    ) -> "Table":
        """Add a sheet for `count` rows, or several where one is full; `columns` have widths."""
        return Table(self, name, columns, count, most_rows)

    def sheet(self, name: str, widths: Iterable[int]) -> Worksheet:
        """Add a sheet whose first row stays in view."""
        sheet = self._workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        return sheet

    def write(self, sheet: Worksheet, row: int, cells: Sequence[Cell], style: Format) -> None:
        """Write one row; nothing where a text is empty."""
        for column, content in enumerate(cells):
            if isinstance(content, int):
                sheet.write_number(row, column, content, self._number)
            elif isinstance(content, Severity):
                sheet.write_string(row, column, content.value, self._filled[content])
            elif content:
                sheet.write_string(row, column, _text(content), style)


class Table:
    """Rows under a head that stays in view and filters them; further sheets where one is full."""

    def __init__(
        self,
        book: Book,
        name: str,
        columns: Mapping[str, int],
        count: int,
        most_rows: int,
    ) -> None:
        fits = count < most_rows
        self._book = book
        self._room = count if fits else most_rows - 2
        """Rows of a sheet besides its head and, where it goes on, the line that says so."""
        sheets = 1 if fits else -(-count // self._room)
        self._names = [name] + [f"{name} {number}" for number in range(2, sheets + 1)]
        self._sheets = [book.sheet(sheet_name, columns.values()) for sheet_name in self._names]
        self._written = 0
        for index, sheet in enumerate(self._sheets):
            book.write(sheet, 0, list(columns), book.head)
            sheet.autofilter(0, 0, min(self._room, count - index * self._room), len(columns) - 1)
            sheet.repeat_rows(0)

    def add(self, cells: Sequence[Cell]) -> None:
        """Write the next row."""
        index, row = divmod(self._written, self._room)
        self._written += 1
        self._book.write(self._sheets[index], row + 1, cells, self._book.text)
        if row + 1 == self._room and index + 1 < len(self._sheets):
            continuation = (
                f"A sheet holds no more rows. It goes on in the sheet “{self._names[index + 1]}”."
            )
            self._book.write(self._sheets[index], row + 2, [continuation], self._book.strong)


def _text(text: str) -> str:
    """`text` as a cell.

    XlsxWriter copies into the file, unescaped, what looks like its own rich text: from `<r>` to
    `</r>`. A space behind it keeps a name that looks so a name.
    """
    clean = cell(text, LONGEST_CELL - 1)
    return clean + " " if clean.startswith("<r>") and clean.endswith("</r>") else clean


def _moment(time: str) -> datetime:
    """An RFC 3339 time as the UTC one that a workbook keeps; the first it can say for any other."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return datetime(1900, 1, 1)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None)
