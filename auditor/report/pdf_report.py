"""The PDF report: the HTML report on paper, with a contents page and page numbers."""

from importlib import import_module
from types import ModuleType
from typing import BinaryIO, ClassVar, NoReturn

from auditor.findings.run import Run
from auditor.report.html_report import render_page
from auditor.report.interface import FormatError, Options
from auditor.report.truncation import FormatLimits

LIMITS = FormatLimits(names=20, all_names=3000, rows=40, all_rows=400)
"""What keeps paper readable: some 100 pages, however large the account."""

_MISSING = (
    "The PDF report needs WeasyPrint, which is not installed{why}. Install the auditor with its "
    "extra [pdf] (docs/operations/installing.md), or choose --format html and print that."
)


class PdfFormat:
    """Pages of the same template as the HTML report; the same run gives the same bytes."""

    name: ClassVar[str] = "pdf"
    suffix: ClassVar[str] = ".pdf"
    media_type: ClassVar[str] = "application/pdf"

    def check_installed(self) -> None:
        """Find out whether WeasyPrint can be used.

        Raises:
            FormatError: it cannot.
        """
        _weasyprint()

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`.

        Raises:
            FormatError: WeasyPrint, or a library of the system that it needs, is not installed.
        """
        weasyprint = _weasyprint()
        text = "".join(render_page(run, options, LIMITS, paged=True))
        text = text.encode("utf-8", "replace").decode("utf-8")
        document = weasyprint.HTML(string=text, url_fetcher=_nothing_outside)
        out.write(document.write_pdf(uncompressed_pdf=False))


def _weasyprint() -> ModuleType:
    """The library, imported when a PDF is wanted: it takes a second, and is optional."""
    try:
        return import_module("weasyprint")
    except ImportError as missing:
        raise FormatError(_MISSING.format(why="")) from missing
    except OSError as missing:
        why = f" completely (Pango is missing: {missing})"
        raise FormatError(_MISSING.format(why=why)) from missing


def _nothing_outside(url: str) -> NoReturn:
    """A report names no resource; if one slips in, it is not fetched."""
    raise ValueError(f"The report fetches nothing, not even {url}.")
