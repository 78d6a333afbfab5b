"""A file that somebody hands over runs nothing: its tables are the program's own, or it is none."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot, SnapshotError

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'format' AS key, CAST(i AS TEXT) AS value FROM n WHERE i < 0"
)
INPUTS = {
    "endless view": f"DROP TABLE meta; CREATE VIEW meta AS {ENDLESS};",
    "view beside": f"CREATE VIEW more AS {ENDLESS};",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM scopes; END;",
    "table beside": "CREATE TABLE more (a);",
    "index beside": "CREATE INDEX i ON documents (body);",
    "generated column": "ALTER TABLE documents ADD COLUMN g AS (length(body));",
    "table gone": "DROP TABLE profiles;",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "snapshot.sqlite"
    with Snapshot.create(path) as snapshot:
        snapshot.add_scope(Scope(Level.ACCOUNT, "acc", "Acme"))
        snapshot.finish()
    return path


def test_the_program_opens_what_it_wrote(file: Path) -> None:
    with Snapshot.open(file) as snapshot:
        assert snapshot.count(Level.ACCOUNT) == 1


@pytest.mark.parametrize("name", INPUTS)
def test_a_file_with_other_tables_is_no_snapshot(file: Path, name: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript(INPUTS[name])
    with pytest.raises(SnapshotError, match="not a snapshot of the auditor"):
        Snapshot.open(file)
