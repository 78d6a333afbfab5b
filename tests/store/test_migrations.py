"""A history of the first release opens and continues."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from auditor.store.database import Database
from auditor.store.history import History

RUN = {
    "number": 1,
    "finished_at": "2026-11-20T01:00:00Z",
    "baseline_version": "1",
    "baseline_digest": "sha256:b",
    "evidence_digest": "sha256:e",
    "tool_version": "0.1.0",
    "complete": 1,
    "exit_code": 0,
    "fail_on": "never",
    "summary": '{"by_status": {}, "by_severity": {}, "coverage": {}}',
    "controls": "[]",
    "stopped": "",
}


def first_release(path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", "auditor/store/migrations")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(path) as db:
        for number, (place, url) in enumerate(
            (("https://api.zoom.us/v2",) * 2, ("this machine", "http://127.0.0.1:9/v2")), start=1
        ):
            db.execute(
                "INSERT INTO series VALUES (?, 'acc', ?, 'strict', 'user', '')", (number, place)
            )
            row = RUN | {
                "id": f"r{number}",
                "series_id": number,
                "api_url": url,
                "started_at": f"2026-11-2{9 - number}T00:00:00Z",
            }
            names = ", ".join(row)
            db.execute(
                f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(row))})",
                tuple(row.values()),
            )
    db.close()


def test_earlier_runs_get_their_order_and_local_ones_are_marked(tmp_path: Path) -> None:
    first_release(tmp_path / "history.sqlite")
    path = tmp_path / "history.sqlite"
    path.chmod(0o600)
    history = History(Database(None, tmp_path), tmp_path)
    entries = {entry.facts.id: entry for entry in history.runs()}
    assert {key: entry.sequence for key, entry in entries.items()} == {"r2": 1, "r1": 2}
    assert {key: entry.facts.simulated for key, entry in entries.items()} == {
        "r1": False,
        "r2": True,
    }
    assert entries["r1"].facts.organisation_digest is None
    assert entries["r1"].facts.oldest_evidence_at is None
    history.database.close()
