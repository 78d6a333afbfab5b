"""The report of each account of a fleet, in a folder."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.app.export import ExportOptions
from auditor.cli.output import OutputError
from auditor.cli.reporting import Destinations, NightlyReports
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.app.fleet_members import FleetMember
    from auditor.app.nightly import ReportWriter

SUFFIX = ".html"


@dataclass(frozen=True)
class AccountReports:
    """The folder of the reports; None to write none."""

    folder: Path | None
    pseudonymise: bool
    terminal: Terminal

    def prepare(self) -> None:
        """Create the folder, which is private: reports name people.

        Raises:
            OutputError: it cannot be created.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(self.folder, error) from error

    def writer(self, member: "FleetMember") -> "ReportWriter":
        """What writes the report of an account.

        Raises:
            OutputError: it could not be written.
            KeyUnavailable: there is no key for pseudonyms.
        """
        files = [] if self.folder is None else [self.folder / f"{member.name}{SUFFIX}"]
        destinations = replace(Destinations.chosen([], files), stdout=None)
        export = ExportOptions.chosen(None, self.pseudonymise, member.base)
        return NightlyReports(destinations, export, None, member.base, self.terminal).write
