"""Rows of the history that no version of the program wrote end in a sentence, never in a crash."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auditor.store import tables
from tests.end_to_end.conftest import FAST, Auditor, served
from tests.every_case import every_case

COMMANDS = (("history",), ("report", "latest"), ("diff",), ("gate",))
TEXTS = [
    (table.name, column.name)
    for table in tables.metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, tables.StoredText)
]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """The command, with two stored runs and an acceptance."""
    with served("drifted", users=1, groups=0) as account:
        command = Auditor(tmp_path_factory.mktemp("rows"), account)
        for _ in range(2):
            assert command("nightly", *FAST).code == 0
        assert command("gate", "accept", "latest", "--note", "known").code == 0
    with (
        closing(sqlite3.connect(command.data / "history.sqlite")) as history,
        closing(sqlite3.connect(command.folder / "good.sqlite")) as copy,
    ):
        history.backup(copy)
    return command


def altered(command: Auditor, table: str, column: str, value: object) -> None:
    file = command.data / "history.sqlite"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    shutil.copy(command.folder / "good.sqlite", file)
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
        database.commit()


@pytest.mark.slow
@every_case("table, column", TEXTS)
def test_bytes_where_a_text_belongs_never_end_in_an_internal_error(
    command: Auditor, table: str, column: str
) -> None:
    altered(command, table, column, b"\xff\xfe")
    for words in COMMANDS:
        ran = command(*words)
        assert ran.code != 5, ran.err
        assert "Traceback" not in ran.err


def test_a_long_foreign_value_is_cut_in_the_message(command: Auditor) -> None:
    altered(command, "runs", "started_at", "x" * 100_000)
    ran = command("history")
    assert ran.code == 4
    assert len(ran.err) < 1_000
    assert "set-aside" in ran.err
