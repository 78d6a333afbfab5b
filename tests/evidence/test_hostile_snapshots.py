"""A file from elsewhere is evaluated or refused in one sentence, whatever it contains."""

import hashlib
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

from auditor.evidence.content_store import LONGEST_BODY, MOST_VALUES
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import LONGEST_VALUE, Snapshot, SnapshotError
from auditor.evidence.view import SETTINGS
from auditor.report import FORMATS
from tests.app.stored import finished, judgement
from tests.builders import ACCOUNT, USER, outcome
from tests.cli.commands import ran
from tests.cli.conftest import home

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


__all__ = ["home"]


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


HUGE, DEEP = "9" * 5_000, "[" * 10_000 + "]" * 10_000
FACTS: dict[str, list[object]] = {
    "started_at": ["x", "\x00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", b"\xff", HUGE],
    "finished_at": ["2026-11-21T22:04:00", "2026-11-21", "1", 0, "9999-12-31T23:59:59-14:00"],
    "changes_since": ["24:00", "-0001-01-01T00:00:00Z"],
    "depth": ["cellar", ""],
    "account_id": [b"acc", "é" * 100_000],
    "api": ["[]", DEEP, '{"requests": NaN}', '{"seconds": 1e999}', f'{{"requests": {HUGE}}}'],
    "extent": [DEEP, "x"],
    "judgement": [DEEP, '{"a": [' + "0," * 1_000_000 + "0]}"],
}
RECORDS = {
    "api": ['{"requests": "many"}', '{"requests": null}'],
    "judgement": ["{}", '{"policy": "[]"}'],
}
LAST_PROFILE = "WHERE id = (SELECT max(id) FROM profiles)"
PROFILES = ["[]]", DEEP, "[[1, 1e999]]", "[[1, 1, 1]]", "[" + "[1,1]," * 2_000 + "[1,1]]", HUGE]
MEMBERSHIPS = [DEEP, "[]", "[[[]], 1, 2]", '[["g"], NaN, ""]', HUGE]
TIMES = [b"", b"\xff" * 5_000, b"\x80" * 20_000, b"\x01", "text", None]
BODIES = {
    "bomb": b"0" * (LONGEST_BODY + 1),
    "values": b"[" + b"[]," * MOST_VALUES + b"0]",
    "deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "no number": b'{"a":NaN}',
    "infinite": b'{"a":1e999}',
    "long number": b'{"a":' + HUGE.encode() + b"}",
    "no text": b'{"a":"\xff"}',
    "nothing": b"",
}
JUDGED = {
    "no object": b"[[1]]",
    "null": b"null",
    "halves of characters": b'{"recording":{"cloud_recording":"\\ud800"},"\\udfff":1}',
    "large numbers": b'{"recording":{"auto_delete_cmr_days":' + b"9" * 400 + b"}}",
    "other kinds": b'{"recording":[],"in_meeting":"x","feature":null}',
}


def record(policy: dict[str, object]) -> str:
    """A record of an evaluation with a policy that no file can have."""
    stored = json.loads(judgement("RC-02", "AI-19").record())
    content = json.loads(stored["policy"])
    for name, value in policy.items():
        *path, last = name.split(".")
        at = content
        for step in path:
            at = at[step]
        at[last] = value
    return json.dumps({**stored, "policy": json.dumps(content)})


POLICIES: list[dict[str, object]] = [
    {"baseline.info.title": {"x": 1}},
    {"baseline.meaning": None},
    {"baseline.parameters": {"recording_retention_days": "long"}},
    {"baseline.assessed.RC-02.attest": "a control that the API shows"},
    {"baseline.assessed.RC-02.severity": "worst"},
    {"organisation": {"waivers": [{"control": "RC-02"}]}},
]


@pytest.fixture
def whole(tmp_path: Path, home: Path) -> Path:
    """A finished run of an account with one user."""
    path = tmp_path / "run.sqlite"
    with Snapshot.create(path) as snapshot:
        for scope in (ACCOUNT, USER):
            snapshot.add_scope(scope)
            snapshot.record(scope, SETTINGS, outcome(scope, SETTINGS, {"recording": {}}))
        finished(snapshot, judgement("RC-02", "RC-05", "RT-01", depth=Level.USER))
        snapshot.finish()
    return path


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def put_body(path: Path, raw: bytes) -> None:
    """Replace the account's document by another one with a matching digest."""
    digest = hashlib.sha256(raw).digest()
    statement = "UPDATE documents SET digest = ?, body = ? WHERE id = 1"
    change(path, statement, digest, zlib.compress(raw))


def report(path: Path) -> Result:
    """The result of a report in all formats that need no other program."""
    names = [each.suffix for name, each in FORMATS.items() if name != "pdf"]
    outputs = [word for name in names for word in ("--output", path.with_name(f"report{name}"))]
    return ran("report", path, *outputs, "--output", path.with_name("bundle.zip"))


def refused(path: Path) -> str:
    result = report(path)
    assert result.exit_code == 2, result.output
    assert not list(path.parent.glob("report*"))
    return " ".join(result.stderr.split())


def test_an_untouched_run_is_reported(whole: Path) -> None:
    assert report(whole).exit_code in (0, 3)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in FACTS.items() for value in values]
)
def test_a_fact_that_no_run_has_is_refused(whole: Path, name: str, value: object) -> None:
    change(whole, "INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
    assert "the facts of the run cannot be used" in refused(whole)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in RECORDS.items() for value in values]
)
def test_a_record_of_another_shape_is_refused(whole: Path, name: str, value: str) -> None:
    change(whole, "UPDATE meta SET value = ? WHERE key = ?", value, name)
    assert "This version cannot read " in refused(whole)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: next(iter(policy)))
def test_a_policy_that_no_file_can_have_is_refused(whole: Path, policy: dict[str, object]) -> None:
    change(whole, "UPDATE meta SET value = ? WHERE key = 'judgement'", record(policy))
    assert "Name a baseline" in refused(whole)


def test_facts_without_end_are_refused(whole: Path) -> None:
    with closing(sqlite3.connect(whole)) as db, db:
        db.executemany("INSERT INTO meta VALUES (?, '')", ((str(n),) for n in range(200)))
    assert "there are too many" in refused(whole)


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        *((f"UPDATE profiles SET outcomes = ? {LAST_PROFILE}", each) for each in PROFILES),
        *(("UPDATE memberships SET membership = ? WHERE id = 1", each) for each in MEMBERSHIPS),
        *(("UPDATE scopes SET times = coalesce(?, 1) WHERE level = 'user'", x) for x in TIMES),
        ("UPDATE scopes SET name = ? WHERE level = 'user'", "x" * 1_000_000),
        ("UPDATE scopes SET zoom_id = CAST(? AS TEXT) WHERE level = 'user'", b"\xed\xa0\x80"),
        ("UPDATE scopes SET level = ? WHERE level = 'user'", "cellar"),
        ("UPDATE scopes SET profile = ? WHERE level = 'user'", 2**62),
        ("UPDATE requests SET source = ? WHERE id = 1", b"GET /"),
    ],
)
def test_a_row_that_no_run_has_is_refused(whole: Path, statement: str, value: object) -> None:
    change(whole, statement, value)
    assert "cannot be used as evidence" in refused(whole) or "read to its end" in refused(whole)


@pytest.mark.parametrize("name", BODIES)
def test_a_document_that_no_answer_was_is_refused(whole: Path, name: str) -> None:
    put_body(whole, BODIES[name])
    assert "not as it was recorded" in refused(whole)


@pytest.mark.parametrize("name", JUDGED)
def test_a_document_of_an_unknown_shape_is_judged(whole: Path, name: str) -> None:
    put_body(whole, JUDGED[name])
    assert report(whole).exit_code in (0, 1, 3)


def test_a_value_of_gigabytes_is_not_read(whole: Path) -> None:
    change(whole, "UPDATE documents SET body = zeroblob(?) WHERE id = 1", LONGEST_VALUE + 1)
    assert "cannot be read to its end" in refused(whole)


def test_a_list_of_tables_without_end_is_not_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.evidence.snapshot.STEPS_TO_OPEN", 20)
    with pytest.raises(SnapshotError, match="not a snapshot of the auditor"):
        Snapshot.open(file)
