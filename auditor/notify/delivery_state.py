"""Remembers the last run whose changes reached every channel.

The next run is compared with that run, so a message that a channel did not accept is repeated.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FOLDER = "told"
_MAX_ID_LENGTH = 100
"""Characters, more than any run id has."""


@dataclass(frozen=True, slots=True)
class LastAnnounced:
    """The last announced run of one kind, stored in the data directory."""

    home: Path
    name: str
    """Identifies the kind of run: letters and digits."""

    def last(self) -> str | None:
        """The last announced run; None if there is none."""
        try:
            run_id = self._file.read_text("ascii")[:_MAX_ID_LENGTH].strip()
        except (OSError, ValueError):
            return None
        return run_id or None

    def save(self, run_id: str) -> None:
        """Remember this run. If that fails, the previous one remains and its changes are sent
        again."""
        partial = self._file.with_name(f".{self.name}.{secrets.token_hex(4)}")
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="ascii") as out:
                    out.write(run_id)
                partial.replace(self._file)
            finally:
                partial.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.home / _FOLDER / self.name
