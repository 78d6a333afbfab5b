"""Copies of runs under way in a PostgreSQL history, so that another machine can continue them.

An account has one copy at most: that of its newest run. Reading goes on while the copy is made.
"""

import hashlib
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from auditor.evidence.inflating import inflate
from auditor.store import tables
from auditor.store.database import Database
from auditor.store.snapshot_archive import PART, parts_of


class CheckpointSigning(Protocol):
    """Signs copies, and verifies their signatures."""

    def sign_checkpoint(self, statement: Mapping[str, str]) -> str:
        """The signature of a copy; empty without a signing key."""

    def check_checkpoint(self, statement: Mapping[str, str], signature: str) -> None:
        """Verify that a copy is as it was signed.

        Raises:
            SnapshotError: it is not, or is not signed although this machine trusts a key.
        """


def save(
    database: Database,
    account: tuple[str, str],
    run_id: str,
    file: Path,
    signing: CheckpointSigning,
) -> None:
    """Replace the copy of an account (its id and place) by one of the snapshot in `file`.

    Raises:
        OSError: the copy cannot be written.
        sqlite3.Error: the snapshot cannot be read.
        StoreError: the history cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=file.parent, prefix="copy-") as folder:
        copy = Path(folder) / "copy.sqlite"
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        signature = signing.sign_checkpoint(_statement(account, run_id, parts_of(copy)))
        with database.writing() as connection:
            connection.execute(sa.delete(tables.checkpoints).where(*_of(account)))
            for number, content in enumerate(parts_of(copy)):
                row = {
                    "account_id": account[0],
                    "place": account[1],
                    "part": number,
                    "run_id": run_id,
                    "signature": signature if number == 0 else "",
                    "content": zlib.compress(content, 1),
                }
                connection.execute(sa.insert(tables.checkpoints), row)


def run_of(database: Database, account: tuple[str, str]) -> str | None:
    """The id of the run that the account has a copy of; None if it has none.

    Raises:
        StoreError: the history cannot be read.
    """
    first = sa.select(tables.checkpoints.c.run_id).where(
        *_of(account), tables.checkpoints.c.part == 0
    )
    with database.reading() as connection:
        found = connection.execute(first).scalar()
    return None if found is None else str(found)


def load(
    database: Database, account: tuple[str, str], out: Path, signing: CheckpointSigning
) -> None:
    """Write the copy of an account to a new file.

    Raises:
        DamagedStream: it is damaged.
        OSError: the file cannot be written.
        SnapshotError: the signature does not fit it.
        StoreError: the history cannot be read.
    """
    query = sa.select(tables.checkpoints).where(*_of(account)).order_by(tables.checkpoints.c.part)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    contents = [inflate(row.content, PART) for row in rows]
    signature = rows[0].signature if rows else ""
    run_id = rows[0].run_id if rows else ""
    signing.check_checkpoint(_statement(account, run_id, contents), signature)
    with out.open("xb") as file:
        out.chmod(0o600)
        file.writelines(contents)


def drop(database: Database, account: tuple[str, str]) -> None:
    """Delete the copy of an account.

    Raises:
        StoreError: the history cannot be written.
    """
    with database.writing() as connection:
        connection.execute(sa.delete(tables.checkpoints).where(*_of(account)))


def _of(account: tuple[str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    account_id, place = account
    columns = tables.checkpoints.c
    return columns.account_id == account_id, columns.place == place


def _statement(account: tuple[str, str], run_id: str, contents: Iterable[bytes]) -> dict[str, str]:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return {
        "account_id": account[0],
        "place": account[1],
        "run": run_id,
        "digest": f"sha256:{digest.hexdigest()}",
    }
