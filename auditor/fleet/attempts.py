"""How the last audit of each account of a fleet ended, also if it left no run behind.

The reports show why an account has no new run. Nothing is judged by it: the gate reads the history.
"""

import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auditor.plain_text import clipped
from auditor.redaction.text import redact_text

FOLDER = "fleets"
_LONGEST = 500
"""Characters of a reason."""

_log = logging.getLogger(__name__)
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an audit of an account ended."""

    ended_at: str
    """RFC 3339."""
    exit_code: int
    run: str = ""
    """Id of the stored run; empty if none was stored."""
    failure: str = ""
    """Why nothing was evaluated, as a sentence; empty if something was."""


class Attempts:
    """The last attempts of a fleet, in a file of the data directory."""

    def __init__(self, home: Path, fleet: Path) -> None:
        self._file = file_of(home, fleet)

    def read(self) -> dict[str, Attempt]:
        """The last attempt of each account by its name; none if the file cannot be read."""
        try:
            document: Any = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                str(name): Attempt(
                    str(row["ended_at"]),
                    int(row["exit_code"]),
                    str(row["run"]),
                    str(row["failure"]),
                )
                for name, row in document.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("%s cannot be read and is replaced (%s).", self._file, clipped(error))
            return {}

    def note(self, attempts: Mapping[str, Attempt]) -> None:
        """Record attempts by name of account; those of other accounts stay.

        Errors are logged only: the runs themselves are stored elsewhere.
        """
        with _writing:
            rows = {name: asdict(each) for name, each in {**self.read(), **attempts}.items()}
            for row in rows.values():
                row["failure"] = clipped(redact_text(row["failure"]), _LONGEST)
            write_json(self._file, rows)


def write_json(file: Path, document: Any) -> None:
    """Replace a file of the data directory as a whole. Errors are logged only."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(document, out)
            Path(name).replace(file)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
    except OSError as error:
        _log.warning("%s cannot be written: %s.", file, error.strerror)


def file_of(home: Path, fleet: Path, suffix: str = "") -> Path:
    """A file about the fleet of a fleet file in the data directory."""
    name = hashlib.sha256(os.fsencode(fleet.resolve())).hexdigest()[:16]
    return home / FOLDER / f"{name}{suffix}.json"
