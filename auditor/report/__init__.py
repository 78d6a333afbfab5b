"""Report formats: each renders one finished run for one kind of reader."""

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType

from auditor.report.html_report import HtmlFormat
from auditor.report.interface import Format, FormatError, Options, UnknownFormat
from auditor.report.json_report import JsonFormat, schema
from auditor.report.text_report import TextFormat

__all__ = [
    "FORMATS",
    "Format",
    "FormatError",
    "Options",
    "UnknownFormat",
    "by_name",
    "by_suffix",
    "schema",
]

_ALL: tuple[Format, ...] = (TextFormat(), JsonFormat(), HtmlFormat())

FORMATS: Mapping[str, Format] = MappingProxyType({format_.name: format_ for format_ in _ALL})
"""Every format by the name `--format` takes, `text` first."""


def by_name(name: str) -> Format:
    """Return the format called `name`.

    Raises:
        UnknownFormat: there is none.
    """
    found = FORMATS.get(name)
    if found is None:
        raise UnknownFormat(f"There is no format {name!r}. Choose one of {', '.join(FORMATS)}.")
    return found


def by_suffix(path: str | PurePath) -> Format:
    """Return the format of a file called `path`, by its suffix: `night/report.html` is html.

    Raises:
        UnknownFormat: no format writes files with this suffix.
    """
    suffix = PurePath(path).suffix.lower()
    for format_ in _ALL:
        if format_.suffix == suffix:
            return format_
    known = ", ".join(f"{format_.suffix} ({format_.name})" for format_ in _ALL)
    raise UnknownFormat(
        f"The name {str(path)!r} does not say which format to write. "
        f"Give --format, or end the name in one of {known}."
    )
