"""A fleet whose history is in PostgreSQL: accounts that end together are all stored."""

import json
from pathlib import Path

from tests.end_to_end.fleets import fleet_of
from tests.store.conftest import PASSWORD, Server


def test_accounts_that_end_together_are_all_stored_and_rolled_up(
    server: Server, tmp_path: Path
) -> None:
    store = {"AUDITOR_STORE": server.database()}
    with fleet_of(tmp_path, a="clean", b="drifted", c="clean", d="clean") as auditor:
        ran = auditor.fleet("audit", "--at-once", 4, env=store)
        assert ran.code in (0, 3), ran.err
        report = json.loads(auditor.fleet("report", "--format", "json", env=store).out)
        assert [each["verdict"] for each in report["accounts"]] == ["deviates", *["meets"] * 3]
        assert auditor.fleet("gate", env=store).code == 1
        assert PASSWORD not in ran.out + ran.err
        assert not (auditor.data / "history.sqlite").exists()
