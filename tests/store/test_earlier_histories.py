"""Histories that an earlier version wrote open, say the same, and continue.

`histories/` holds what the version of 2026-11-28 (commit df9d276) stored in two nights of a
simulated account of three users, and what its reports said of them. The second night found that
cloud recordings were no longer deleted.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import FAST, Auditor, Ran, served
from tests.store.conftest import Server

HISTORIES = Path(__file__).parent / "histories"
REPORTS: dict[str, dict[str, Any]] = json.loads((HISTORIES / "2026-11-28.json").read_text())
"""By kind of database: run id to the digests and the findings that were reported."""


Command = Callable[..., Ran]


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stored(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Command]:
    """The account as it was on the first night, and the history of both nights."""
    with served("drifted", users=3, groups=1) as account:
        command = Auditor(tmp_path, account)
        command.data.mkdir(mode=0o700)
        env = {}
        if kind == "sqlite":
            file = command.data / "history.sqlite"
            file.write_bytes(gzip.decompress((HISTORIES / "2026-11-28.sqlite.gz").read_bytes()))
            file.chmod(0o600)
        else:
            server: Server = request.getfixturevalue("server")
            address = server.database()
            statements = gzip.decompress((HISTORIES / "2026-11-28.sql.gz").read_bytes()).decode()
            server.execute(statements, address.split("/")[3].split("?")[0])
            env["AUDITOR_STORE"] = address
        yield partial(command, env=env)


def test_its_runs_keep_their_digests_and_their_findings_keep_their_status(
    stored: Command, kind: str
) -> None:
    listed = json.loads(stored("history", "--format", "json").out)
    assert [run["id"] for run in listed] == list(REPORTS[kind])
    for run_id, then in REPORTS[kind].items():
        report = stored("report", run_id, "--format", "json").report
        assert report["run"]["evidence_digest"] == then["evidence_digest"]
        assert report["run"]["baseline"]["digest"] == then["baseline_digest"]
        now = {finding["fingerprint"]: finding["status"] for finding in report["findings"]}
        assert now.items() >= then["findings"].items()


def test_the_next_night_compares_itself_with_the_last_one(stored: Command, kind: str) -> None:
    first, second = REPORTS[kind]
    night = stored("nightly", *FAST)
    assert night.code == 0, night.err
    assert f"Since run {second}: " in night.err
    assert "1 setting put right (1 account, 3 people)" in night.err
    since = stored("diff", first, "latest", "--format", "json")
    assert since.code == 0, since.err
    assert json.loads(since.out)["earlier"]["id"] == first
