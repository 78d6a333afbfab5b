"""An evidence bundle of a whole account: what is in it, and that it is the same every time."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.evidence.snapshot import Snapshot
from tests.end_to_end.conftest import Auditor, Ran
from tests.taken_out import taken_out

Stored = tuple[Auditor, Ran]
SIGNED = {"AUDITOR_SIGNING_KEY": "11" * 32}


@pytest.fixture(scope="module")
def bundle(stored: Stored) -> Path:
    auditor, _ = stored
    ran = auditor("report", "--format", "bundle", "--output", "run.zip", env=SIGNED)
    assert ran.code == 0, ran.err
    return auditor.folder / "run.zip"


def manifest(bundle: Path) -> dict[str, Any]:
    with zipfile.ZipFile(bundle) as opened:
        found: dict[str, Any] = json.loads(opened.read("manifest.json"))
    return found


@pytest.mark.slow
def test_the_same_run_gives_the_same_bundle_byte_for_byte(stored: Stored, bundle: Path) -> None:
    auditor, _ = stored
    again = auditor("report", "--output", "again.zip", env=SIGNED)
    assert again.code == 0, again.err
    assert (auditor.folder / "again.zip").read_bytes() == bundle.read_bytes()


def test_a_run_that_was_moved_to_another_machine_gives_the_same_bundle(
    stored: Stored, bundle: Path, tmp_path: Path
) -> None:
    """Its file has other counters there, and a fresh order of what it holds."""
    auditor, _ = stored
    copy = taken_out(auditor.data, tmp_path / "moved.sqlite")
    with Snapshot.open(copy, write=True) as snapshot:
        snapshot._db.execute("VACUUM")
        snapshot.set_metadata("left_over", "anything")
    ran = Auditor(tmp_path)("report", copy, "--output", "moved.zip", env=SIGNED)
    assert ran.code == 0, ran.err
    assert (tmp_path / "moved.zip").read_bytes() == bundle.read_bytes()


def test_a_bundle_is_verified_by_the_command(stored: Stored, bundle: Path) -> None:
    auditor, _ = stored
    public = "d04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737"
    ran = auditor("bundle", "verify", bundle, "--public-key", public)
    assert (ran.code, ran.err) == (0, "")
    assert "Signed with the key given" in ran.out


def test_the_manifest_tells_of_the_run_and_its_evidence(stored: Stored, bundle: Path) -> None:
    run, told = stored[1].report["run"], manifest(bundle)
    assert told["run"]["id"] == run["id"]
    assert told["run"]["baseline"] == run["baseline"]
    assert told["evidence_digest"] == run["evidence_digest"]
    assert told["pseudonymised"] is False
    assert told["tool"] == run["tool"]


def test_the_reports_in_it_are_those_of_the_command(stored: Stored, bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as opened:
        names = set(opened.namelist())
        report = opened.read("report.json").decode()
    assert {f"report.{suffix}" for suffix in ("txt", "json", "html", "csv", "md")} <= names
    assert "baseline.json" in names
    assert {"organisation.yaml", "snapshot.sqlite", "manifest.json", "manifest.sig"} <= names
    assert json.loads(report) == by_evidence_alone(stored[1])


def by_evidence_alone(ran: Ran) -> dict[str, Any]:
    """A report without what only the history of the machine knows, which is in no bundle."""
    forgotten = {"first_seen": None, "changed_by": None}
    return {**ran.report, "findings": [{**row, **forgotten} for row in ran.report["findings"]]}


def test_the_evidence_in_it_gives_the_same_report_again(
    stored: Stored, bundle: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle) as opened:
        opened.extract("snapshot.sqlite", tmp_path)
        report = opened.read("report.json").decode()
    ran = Auditor(tmp_path)("audit", "--from", "snapshot.sqlite", "--format", "json")
    assert (ran.out, ran.err) == (report, "")


def test_the_organisation_file_in_it_can_be_used_again(stored: Stored, tmp_path: Path) -> None:
    auditor, _ = stored
    wishes = {
        "parameters": {"allowed_regions": ["US"]},
        "waivers": [
            {
                "control": "RC-02",
                "scope": {"group": "*"},
                "reason": "until then",
                "owner": "a@example.com",
                "expires": "2099-01-31",
            }
        ],
    }
    (tmp_path / "org.yaml").write_text(yaml.safe_dump(wishes), encoding="utf-8")
    done = auditor("report", "--org", tmp_path / "org.yaml", "-o", tmp_path / "org.zip")
    assert done.code == 0, done.err
    with zipfile.ZipFile(tmp_path / "org.zip") as opened:
        opened.extract("organisation.yaml", tmp_path)
        report = opened.read("report.json").decode()
    again = auditor("report", "--org", tmp_path / "organisation.yaml", "--format", "json")
    assert (by_evidence_alone(again), again.err) == (json.loads(report), "")


def test_a_bundle_by_a_framework_says_which(stored: Stored, tmp_path: Path) -> None:
    auditor, _ = stored
    path = tmp_path / "gdpr.zip"
    assert auditor("report", "--framework", "gdpr", "-o", path).code == 0
    assert manifest(path)["framework"] == "gdpr"
    with zipfile.ZipFile(path) as opened:
        assert "General Data Protection Regulation" in opened.read("report.txt").decode()
