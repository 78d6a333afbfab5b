"""An account of a fleet as the task of a cluster: what a worker is told, does and answers."""

import json
import pickle
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.app import fleet_task
from auditor.app.connection import RateOptions
from auditor.app.fleet_audit import JobOptions
from auditor.app.fleet_cluster import ClusterOptions
from auditor.app.fleet_members import FleetMembers, FleetPolicy
from auditor.app.fleet_task import AccountTask
from tests.end_to_end.fleets import FleetAuditor, fleet_of

OPTIONS = JobOptions(FleetPolicy(only=["AI-02"], topic=["ai"]), rate=RateOptions(None, 5000, 1))


@pytest.fixture
def emea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetAuditor]:
    """An account, and the environment of the worker."""
    with fleet_of(tmp_path, emea="drifted") as auditor, chdir(tmp_path):
        for name, value in auditor.environment().items():
            monkeypatch.setenv(name, value)
        yield auditor


def task(audit: str = "a1") -> dict[str, Any]:
    (member,) = FleetMembers.chosen(Path("fleet.yaml"))
    return AccountTask.of(member, OPTIONS, audit, datetime.now(UTC), 0).as_data()


def test_a_worker_audits_an_account_once_however_often_it_is_asked(emea: FleetAuditor) -> None:
    data = json.loads(json.dumps(task()))
    first = fleet_task.audit_account(data)
    (run,) = emea.runs()
    assert first == {
        "name": "emea",
        "exit_code": 0,
        "run": run["id"],
        "failure": "",
        "interrupted": False,
    }
    requests = emea.sandboxes["emea"].requests.total
    assert fleet_task.audit_account(data) == first
    assert emea.sandboxes["emea"].requests.total == requests
    assert fleet_task.audit_account({**data, "stored_after": 1})["run"] != run["id"]


def test_no_secret_is_in_a_task_or_in_a_failure(emea: FleetAuditor) -> None:
    sandbox = emea.sandboxes["emea"]
    data = task()
    sandbox.service.tokens.deactivated = True
    content = pickle.dumps([data, fleet_task.audit_account(data)]).decode("latin-1")
    assert "The app is deactivated" in content
    for secret in (sandbox.client_secret, sandbox.client_id, "CANARY"):
        assert secret not in content


def test_a_worker_names_the_variable_of_a_wrong_secret(
    emea: FleetAuditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = task()
    monkeypatch.setenv("EMEA_ZOOM_CLIENT_SECRET", "not-the-secret-at-all")
    failure = fleet_task.audit_account(data)["failure"]
    assert "is wrong (EMEA_ZOOM_CLIENT_ID, EMEA_ZOOM_CLIENT_SECRET): " in failure


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": "0.0.1"}, "Install the same version on all machines."),
        ({"account_id": "other"}, "not of other at this machine"),
        ({"policy_digests": ["sha256:x", ""]}, "another state of the baseline"),
        ({"name": "us"}, "Copy the fleet file there."),
        ({"fleet": "/nowhere/fleet.yaml"}, "/nowhere/fleet.yaml"),
    ],
)
def test_a_worker_that_is_not_set_up_like_the_client_reads_nothing(
    emea: FleetAuditor, changed: dict[str, Any], why: str
) -> None:
    result = fleet_task.audit_account({**task(), **changed})
    assert result["exit_code"] == 2
    assert why in result["failure"]
    assert emea.sandboxes["emea"].requests.total == 0


def test_a_task_of_an_interrupted_audit_reads_nothing(emea: FleetAuditor) -> None:
    assert fleet_task.interrupt("gone") == 0
    assert fleet_task.audit_account(task("gone"))["interrupted"]
    assert emea.sandboxes["emea"].requests.total == 0


def test_options_survive_the_way_to_a_worker() -> None:
    data = json.loads(json.dumps(fleet_task.options_as_data(OPTIONS)))
    assert fleet_task.options_of_data(data) == OPTIONS


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--scheduler", "tls://a:1"], "are for --engine dask"),
        (["--engine", "dask", "--scheduler", "tls://a:1"], "set AUDITOR_STORE to a PostgreSQL"),
        (["--engine", "dask", "--scheduler", "tls://a:1", "--workers", "2"], "leave out --sched"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused_before_anything_is_read(
    emea: FleetAuditor, words: list[str], why: str
) -> None:
    ran = emea.fleet("audit", *words)
    assert ran.code == 2
    assert why in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("scheduler", "warns"),
    [
        (None, False),
        ("tls://scheduler:8786", False),
        ("tcp://127.0.0.1:8786", False),
        ("[::1]:8786", False),
        ("localhost:8786", False),
        ("tcp://scheduler:8786", True),
        ("10.0.0.7:8786", True),
    ],
)
def test_a_scheduler_that_others_can_reach_unencrypted_is_warned_of(
    scheduler: str | None, warns: bool
) -> None:
    assert bool(ClusterOptions(scheduler).warning) is warns
