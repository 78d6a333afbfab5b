"""Workbooks whose sheets have a frozen, filtering header and are written row by row.

Every text is a text cell, never a formula or a link.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from auditor.findings.model import Severity
from auditor.report.cells import LONGEST_CELL, cell

MOST_ROWS = 1_048_576
"""Rows of a sheet, header included. Source: Excel specifications and limits, November 2026."""

Cell = str | int
Block = list[list[Cell]]
"""A small table; its first row is the header."""

_FILL = {
    Severity.CRITICAL: "#F8D7DA",
    Severity.HIGH: "#FDE5D2",
    Severity.MEDIUM: "#FFF3CD",
    Severity.LOW: "#E2ECF7",
}
"""Background colours of severities; black text on each has a contrast above 15."""
_A4 = 9


@contextmanager
def create_workbook(path: Path, title: str, finished_at: datetime) -> Iterator["Book"]:
    """Create a workbook at `path`; temporary files are in the same folder.

    Raises:
        OSError: the workbook cannot be written.
    """
    settings = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
    try:
        with Workbook(path, settings) as workbook:
            workbook.set_properties({"title": title, "created": finished_at.replace(tzinfo=None)})
            yield Book(workbook)
    except FileCreateError as error:
        raise OSError(*error.args[0].args) from error


class Book:
    """A workbook that is being written."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        # A cell with a quote prefix stays text when it is edited.
        text = {"quote_prefix": True, "valign": "top"}
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
        """Add a sheet with lines, the first of them frozen, and small tables below."""
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
        """Add a sheet for `count` rows, or several if they do not fit; `columns` maps to widths."""
        return Table(self, name, columns, count, most_rows)

    def sheet(self, name: str, widths: Iterable[int]) -> Worksheet:
        """Add a sheet with a frozen first row."""
        sheet = self._workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        return sheet

    def write(self, sheet: Worksheet, row: int, cells: Sequence[Cell], style: Format) -> None:
        """Write one row; empty texts are skipped."""
        for column, content in enumerate(cells):
            if isinstance(content, int):
                sheet.write_number(row, column, content, self._number)
            elif isinstance(content, Severity):
                sheet.write_string(row, column, content.value, self._filled[content])
            elif content:
                sheet.write_string(row, column, _text(content), style)


class Table:
    """Rows under a frozen, filtering header; a full sheet continues on another one."""

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
        # Rows per sheet, without the header and the line that points to the next sheet.
        self._room = count if fits else most_rows - 2
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
                f"A sheet holds no more rows. It continues in the sheet “{self._names[index + 1]}”."
            )
            self._book.write(self._sheets[index], row + 2, [continuation], self._book.strong)


def _text(text: str) -> str:
    """`text` as a cell.

    XlsxWriter copies text from `<r>` to `</r>` unescaped, as its own rich text. A trailing space
    prevents that.
    """
    clean = cell(text, LONGEST_CELL - 1)
    return clean + " " if clean.startswith("<r>") and clean.endswith("</r>") else clean
