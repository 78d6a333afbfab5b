"""From a first run to a gate that is green for the right reasons, and red again when it has to be.

Every command gives its answers as options, as a script would.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.policy.baseline import organisation
from auditor.sandbox import Sandbox
from tests.builders import CATALOGUE
from tests.cli.test_gate import at
from tests.end_to_end.conftest import Auditor, Ran, served

ORG = ("--org", "organisation.yaml")
DECISIONS = (
    "ai_allowed_groups=Clinical Ops, Sales",
    "allowed_regions=US, CA",
    "allowed_storage_countries=US",
    "passive_agreement_is_consent=true",
    "max_ai_admins=5",
    "allowed_ai_model_types=zoom_hosted, federated",
    "change_records=CHG-1042",
    "allowed_apps=none",
)


def in_days(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with served("drifted", users=12, groups=2) as sandbox:
        yield sandbox


def next_of(ran: Ran) -> str:
    """The command that another one names as the next."""
    assert ran.code == 0, ran.out + ran.err
    return str(re.findall(r"^Next: auditor ([a-z-]+)", ran.out, re.MULTILINE)[-1])


def accepted(owner: str = "dpo@example.com", days: int = 90) -> tuple[str, ...]:
    return ("--reason", "Until the project ends.", "--owner", owner, "--expires", in_days(days))


def write_file(auditor: Auditor) -> None:
    """From the first run to a complete organisation file, each step named by the one before."""
    assert auditor.audit().code in (0, 3)
    decided = [word for each in DECISIONS for word in ("--set", each)]
    assert next_of(auditor("init", *decided, "--yes")) == "decide"
    domains = ("notetaker_domains", "--value", "notetaker.example")
    assert next_of(auditor("decide", *domains, *ORG, "--yes")) == "audit"
    assert auditor.audit(*ORG).code in (0, 3)
    due = auditor("attest", "--list", *ORG).out
    ran = None
    for control, setting in re.findall(r"^([A-Z]+-\d+)(?:, lock of (\S+))?", due, re.MULTILINE):
        which = ("--control", control, *(("--setting", setting) if setting else ()))
        answer = ("--as-expected", "--statement", "Looked.", "--evidence", "DPO-31")
        by = ("--by", "dpo@example.com", "--expires", in_days(90))
        ran = auditor("attest", *ORG, *which, *answer, *by)
    assert ran is not None
    assert next_of(ran) == "waive"
    deviating = re.findall(
        r"^ *\d+ +\w+ +([A-Z]+-\d+) ", auditor("waive", "--list", *ORG).out, re.M
    )
    assert next_of(auditor("waive", *deviating, *accepted(), *ORG, "--yes")) == "blind-spot"
    unseen = re.findall(r"^ *\d+ +([A-Z]+-\d+):", auditor("blind-spot", "--list", *ORG).out, re.M)
    for control in unseen:
        ran = auditor("blind-spot", control, *accepted(days=2), *ORG, "--yes")
    assert next_of(ran) == "audit"  # and then the gate
    rule = ("--setting", "in_meeting.file_transfer", "--expect", "off", "--why", "Our rules.")
    assert next_of(auditor("control", "new", *rule, "--lock", *ORG, "--yes")) == "audit"


@pytest.mark.slow
def test_a_gate_opens_with_a_written_file_and_shuts_when_something_changes_or_lapses(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = Auditor(tmp_path, sandbox)
    write_file(auditor)
    file = organisation.load(tmp_path / "organisation.yaml", CATALOGUE)
    assert all((file.parameters, file.attestations, file.waivers, file.blind_spots, file.controls))
    assert auditor.audit(*ORG).code == 0
    opened = auditor("gate", *ORG)
    assert opened.code == 0, opened.out
    assert re.search(r" 0 undecided .* 0 attestations due", opened.out)
    assert auditor("gate", *ORG, "--strict").code == 0

    with monkeypatch.context() as later:
        at(later, timedelta(days=3))
        lapsed = auditor("gate", *ORG, "--max-age", "7d")
    assert lapsed.code == 1, lapsed.out
    assert "EXPIRED" in lapsed.out

    sandbox.change(
        level="account", setting="in_meeting.file_transfer", value=True, operator="eve@example.com"
    )
    auditor.audit(*ORG)
    drifted = auditor("gate", *ORG, "--fail-on", "medium", "--format", "json")
    assert drifted.code == 1
    # The change itself is one that nobody waived, too: CC-04 is waived for the earlier ones.
    found = {each["control"] for each in json.loads(drifted.out)["findings"]}
    assert found == {"ORG-01", "CC-04"}
