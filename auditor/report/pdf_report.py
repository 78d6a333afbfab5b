"""The PDF report: the HTML report for print, with a contents page and page numbers."""

from importlib import import_module
from types import ModuleType
from typing import BinaryIO, NoReturn

from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.html_report import render_page
from auditor.report.interface import Format, FormatError, Options
from auditor.report.truncation import FormatLimits

LIMITS = FormatLimits(names=20, all_names=3000, rows=40, all_rows=400)
"""Limits that keep the report at about 100 pages, however large the account."""

_MISSING = (
    "The PDF report needs WeasyPrint, which is not installed{why}. Install the auditor with its "
    "extra [pdf] (docs/operations/installing.md), or choose --format html and print that."
)


class PdfFormat(Format):
    """Pages from the template of the HTML report; the same run gives the same bytes."""

    name = "pdf"
    suffix = ".pdf"
    media_type = "application/pdf"
    is_binary = True
    order = 7
    shows_passes = True
    shows_changes = True

    @classmethod
    def check_installed(cls) -> None:
        """Check that WeasyPrint can be used.

        Raises:
            FormatError: WeasyPrint, or a system library that it needs, is not installed.
        """
        _weasyprint()

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`.

        Raises:
            FormatError: WeasyPrint, or a system library that it needs, is not installed.
        """
        weasyprint = _weasyprint()
        text = wording.with_sandbox(run, "".join(render_page(run, options, LIMITS, paged=True)))
        text = text.encode("utf-8", "replace").decode("utf-8")
        document = weasyprint.HTML(string=text, url_fetcher=_nothing_outside)
        out.write(document.write_pdf(uncompressed_pdf=False))


def _weasyprint() -> ModuleType:
    """Import WeasyPrint on demand: it is optional, and the import takes a second."""
    try:
        return import_module("weasyprint")
    except ImportError as missing:
        raise FormatError(_MISSING.format(why="")) from missing
    except OSError as missing:
        why = f" completely (Pango is missing: {missing})"
        raise FormatError(_MISSING.format(why=why)) from missing


def _nothing_outside(url: str) -> NoReturn:
    """Refuse every fetch: a report refers to no external resource."""
    raise ValueError(f"The report fetches nothing, not even {url}.")
