"""The accounts below a primary account as Zoom listed them last, for commands without network."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from auditor.fleet.attempts import file_of, write_json
from auditor.plain_text import clipped
from auditor.zoom.sub_accounts import SubAccount

_log = logging.getLogger(__name__)


class SubAccountList:
    """The sub accounts of a fleet, in a file of the data directory."""

    def __init__(self, home: Path, fleet: Path) -> None:
        self._file = file_of(home, fleet, "-sub-accounts")

    def read(self) -> list[SubAccount] | None:
        """The accounts listed last; None if none were listed, or the file cannot be read."""
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            return [SubAccount(str(row["id"]), str(row["name"])) for row in rows]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read (%s).", self._file, clipped(error))
            return None

    def write(self, accounts: Iterable[SubAccount]) -> None:
        """Replace the list."""
        write_json(self._file, [{"id": each.id, "name": each.name} for each in accounts])
