"""Evidence taken out of a history: a snapshot's file, as a machine that has no history gets it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from auditor.store.runs import Runs


def taken_out(home: Path, target: Path, run: str = "latest") -> Path:
    """Write the evidence of a stored run to `target`, and return that."""
    with closing(Runs(home).open(run)) as found, closing(sqlite3.connect(target)) as copy:
        found._db.backup(copy)
    return target
