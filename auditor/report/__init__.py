"""Report formats: each renders one finished run for one kind of reader."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import PurePath
from pkgutil import iter_modules
from types import MappingProxyType

from auditor.report.interface import Format, FormatError, Options, UnknownFormat
from auditor.report.json_report import schema

__all__ = [
    "BUNDLE",
    "BUNDLE_SUFFIX",
    "FORMATS",
    "Format",
    "FormatError",
    "Options",
    "UnknownFormat",
    "answers",
    "by_name",
    "by_suffix",
    "diff_output",
    "display",
    "explain_output",
    "gate_output",
    "headline",
    "history_output",
    "inventory_output",
    "inventory_wording",
    "markdown_text",
    "open_questions",
    "schema",
    "waiver_wording",
    "wording",
    "workbook",
]


def _formats() -> Iterator[Format]:
    """One of each `Format` that a module of this package called `NAME_report` defines."""
    for found in iter_modules(__path__, f"{__name__}."):
        if found.name.endswith("_report"):
            for each in vars(import_module(found.name)).values():
                if isinstance(each, type) and issubclass(each, Format) and each is not Format:
                    yield each()


FORMATS: Mapping[str, Format] = MappingProxyType(
    {each.name: each for each in sorted(_formats(), key=lambda each: (each.order, each.name))}
)
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
    matches = [format_ for format_ in FORMATS.values() if name.endswith(format_.suffix)]
    if matches:
        return max(matches, key=lambda format_: len(format_.suffix))
    suffixes = [(format_.suffix, format_.name) for format_ in FORMATS.values()]
    choices = ", ".join(
        f"{suffix} ({name_of_format})"
        for suffix, name_of_format in (*suffixes, (BUNDLE_SUFFIX, BUNDLE))
    )
    raise UnknownFormat(
        f"The name {str(path)!r} does not say which format to write. "
        f"Give --format, or end the name in one of {choices}."
    )
