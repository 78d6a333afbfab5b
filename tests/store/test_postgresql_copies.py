"""A run that one machine began, continued by another: they share a PostgreSQL history only."""

import os
import threading
from collections.abc import Iterator
from contextlib import chdir, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from auditor.app import fleet_task
from auditor.app.connection import RateOptions
from auditor.app.fleet_audit import JobOptions
from auditor.app.fleet_members import FleetMembers, FleetPolicy
from auditor.app.fleet_task import AccountTask
from auditor.sandbox import Faults
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.fleets import FleetAuditor, fleet_of
from tests.store.conftest import Server

LOCKS = "/accounts/{accountId}/lock_settings"
KEYS = {"AUDITOR_SIGNING_KEY": "00" * 32}
OPTIONS = JobOptions(FleetPolicy(topic=["ai"]), rate=RateOptions(None, 5000, 1))


@pytest.fixture
def begun(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[FleetAuditor]:
    """An account that one machine has begun to read, and was interrupted."""
    slow = Faults(slow=1.0, slow_seconds=0.3)
    with fleet_of(tmp_path, emea=slow) as auditor, chdir(tmp_path):
        environment = {**auditor.environment({"AUDITOR_STORE": server.database()}), **KEYS}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sandbox = auditor.sandboxes["emea"]
        audit = f"begun-{request.node.name}"
        thread = threading.Thread(target=fleet_task.audit_account, args=(task(audit),))
        thread.start()
        until(lambda: sandbox.requests.template(USER_SETTINGS) > 0)
        fleet_task.interrupt(audit)
        thread.join()
        object.__setattr__(sandbox.service.faults, "slow", 0.0)
        monkeypatch.setenv("AUDITOR_HOME", str(tmp_path / "elsewhere"))
        yield auditor


def task(audit: str) -> dict[str, Any]:
    (member,) = FleetMembers.chosen(Path("fleet.yaml"))
    return AccountTask.of(member, OPTIONS, audit, datetime.now(UTC), 0).as_data()


def copies(url: str) -> int:
    with closing(psycopg.connect(url)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM checkpoints").fetchone() or (0,)
        return int(count)


def test_another_machine_continues_what_one_has_begun(
    begun: FleetAuditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unfinished,) = begun.folders
    store = os.environ["AUDITOR_STORE"]
    assert copies(store) > 0
    before = begun.sandboxes["emea"].requests.template(LOCKS)
    assert before > 0
    assert fleet_task.audit_account(task("elsewhere"))["run"] == unfinished
    assert begun.sandboxes["emea"].requests.template(LOCKS) == before
    assert copies(store) == 0
    # The machine that began it does not continue what is complete.
    monkeypatch.setenv("AUDITOR_HOME", str(begun.data))
    again = {**task("back"), "stored_after": 1}
    assert fleet_task.audit_account(again)["run"] != unfinished
    assert begun.folders == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE checkpoints SET signature = ''",
        "UPDATE checkpoints SET run_id = '20200101T000000-000Z-000000'",
        "UPDATE checkpoints SET content = 'x'",
        "UPDATE checkpoints SET run_id = '../x'",
    ],
)
def test_a_copy_that_was_altered_is_not_continued(begun: FleetAuditor, change: str) -> None:
    (unfinished,) = begun.folders
    with closing(psycopg.connect(os.environ["AUDITOR_STORE"], autocommit=True)) as connection:
        connection.execute(change.encode())
    result = fleet_task.audit_account(task("altered"))
    assert result["run"] not in ("", unfinished)
