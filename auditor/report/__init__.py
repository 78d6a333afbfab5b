"""Report formats: each renders one finished run for one kind of reader."""

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType

from auditor.report.csv_report import CsvFormat
from auditor.report.html_report import HtmlFormat
from auditor.report.interface import Format, FormatError, Options, UnknownFormat
from auditor.report.json_report import JsonFormat, schema
from auditor.report.junit_report import JunitFormat
from auditor.report.markdown_report import MarkdownFormat
from auditor.report.ndjson_report import NdjsonFormat
from auditor.report.ocsf_report import OcsfFormat
from auditor.report.oscal_report import OscalFormat
from auditor.report.pdf_report import PdfFormat
from auditor.report.prometheus_report import PrometheusFormat
from auditor.report.sarif_report import SarifFormat
from auditor.report.text_report import TextFormat
from auditor.report.xlsx_report import XlsxFormat

__all__ = [
    "BUNDLE",
    "BUNDLE_SUFFIX",
    "FORMATS",
    "Format",
    "FormatError",
    "Options",
    "UnknownFormat",
    "by_name",
    "by_suffix",
    "schema",
]

_ALL: tuple[Format, ...] = (
    TextFormat(),
    JsonFormat(),
    HtmlFormat(),
    NdjsonFormat(),
    CsvFormat(),
    XlsxFormat(),
    MarkdownFormat(),
    PdfFormat(),
    SarifFormat(),
    JunitFormat(),
    OcsfFormat(),
    OscalFormat(),
    PrometheusFormat(),
)

FORMATS: Mapping[str, Format] = MappingProxyType({format_.name: format_ for format_ in _ALL})
"""Formats by the name that `--format` takes, `text` first."""

BUNDLE = "bundle"
BUNDLE_SUFFIX = ".zip"
"""A file with reports and their evidence. `auditor.bundle` writes it; it is not a `Format`."""


def by_name(name: str) -> Format:
    """Return the format called `name`.

    Raises:
        UnknownFormat: no format has this name.
    """
    report_format = FORMATS.get(name)
    if report_format is None:
        names = ", ".join((*FORMATS, BUNDLE))
        raise UnknownFormat(f"There is no format {name!r}. Choose one of {names}.")
    return report_format


def by_suffix(path: str | PurePath) -> Format:
    """Return the format of a file called `path`, by its suffix: `night/report.html` is html.

    If two suffixes match, the longer one wins: `night.oscal.json` is oscal, not json.

    Raises:
        UnknownFormat: no format writes files with this suffix.
    """
    name = PurePath(path).name.lower()
    matches = [format_ for format_ in _ALL if name.endswith(format_.suffix)]
    if matches:
        return max(matches, key=lambda format_: len(format_.suffix))
    suffixes = [(format_.suffix, format_.name) for format_ in _ALL]
    choices = ", ".join(
        f"{suffix} ({name_of_format})"
        for suffix, name_of_format in (*suffixes, (BUNDLE_SUFFIX, BUNDLE))
    )
    raise UnknownFormat(
        f"The name {str(path)!r} does not say which format to write. "
        f"Give --format, or end the name in one of {choices}."
    )
