"""What the doctor promises, beside what an audit of the same account comes to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.policy.catalogue.parameters import known_parameters
from auditor.sandbox import Faults, Sandbox
from auditor.sandbox.api import SCOPES
from tests.end_to_end.conftest import Auditor, Installed, served, slow

SMALL: dict[str, Any] = {"users": 6, "groups": 2}
WHOLE = ("--baseline", "strict", "--depth", "meeting", "--org", "org.yaml")
COMPUTED = {"CC-01", "CC-02", "CC-07"}
"""They follow from others; a deviation found elsewhere counts for more than what is unknown."""
NOT_ASKED_FOR = {scope: {"CC-06"} for scope in SCOPES if scope.startswith("webinar:")}
"""No user of the simulated account may host webinars, so their lists are not requested. A
few requests cannot show that."""

ANSWERED = {"report:read:list_history_meetings:admin": {"CN-02", "CN-04", "CN-05"}}
"""Past meetings tell whether a notice was due; where people answered, that counts for more."""


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    """An organisation file that decides everything, so that everything is asked for."""
    examples = {name: p.example for name, p in known_parameters().items() if p.example is not None}
    (tmp_path / "org.yaml").write_text(yaml.safe_dump({"parameters": examples}), encoding="utf-8")
    return tmp_path


def blinded(report: dict[str, Any]) -> set[str]:
    """The controls of an audit that a denied request left unknown, in whole or in part."""
    by_errors = {control for error in report["errors"] for control in error["controls"]}
    return by_errors | {
        finding["control"]
        for finding in report["findings"]
        if finding["status"] == "unknown" and finding["cause"] == "denied"
    }


def foretold(diagnosis: dict[str, Any]) -> set[str]:
    return {each["control"] for each in diagnosis["controls"] if each["would_be_unknown"]}


QUICK = ("account:read:lock_settings:admin", "user:read:settings:admin")
"""The other scopes are withheld in the slow run."""


@pytest.mark.parametrize(
    "scope", [each if each in QUICK else slow(each) for each in sorted(set(SCOPES))]
)
def test_the_controls_named_for_a_missing_scope_are_those_an_audit_leaves_unknown(
    decided: Path, scope: str
) -> None:
    with served(**SMALL, scopes=[each for each in SCOPES if each != scope]) as account:
        command = Auditor(decided, account)
        examined = command("doctor", *WHOLE, "--format", "json")
        audited = command.audit(*WHOLE, "--format", "json")
    told, found = foretold(examined.report), blinded(audited.report)
    assert found <= told
    known = NOT_ASKED_FOR.get(scope, set()) | ANSWERED.get(scope, set())
    assert told - found <= COMPUTED | known
    if scope not in NOT_ASKED_FOR:
        assert (examined.code == 0) is audited.report["run"]["complete"]


@pytest.mark.parametrize("words", [(), WHOLE])
def test_the_list_to_copy_makes_an_audit_complete(decided: Path, words: tuple[str, ...]) -> None:
    with served(**SMALL, scopes=()) as account:
        needed = Auditor(decided, account)("doctor", *words, "--format", "json").report
    to_copy = [each["granular"][0] for each in needed["scopes"]["required"]]
    with served(**SMALL, scopes=to_copy) as account:
        command = Auditor(decided, account)
        assert command("doctor", *words).code == 0
        assert command.report(*words)["run"]["complete"] is True


def test_members_have_to_be_listed_where_users_name_no_groups(decided: Path) -> None:
    without = [scope for scope in SCOPES if scope != "group:read:list_members:admin"]
    regulated = ("--baseline", "regulated", "--org", "org.yaml")  # it allows AI to some groups
    with served(**SMALL, faults=Faults(group_ids_absent=True), scopes=without) as account:
        command = Auditor(decided, account)
        examined = command("doctor", *regulated, "--format", "json")
        audited = command.report(*regulated)
    assert examined.code == 3
    assert examined.report["scopes"]["to_add"] == ["group:read:list_members:admin"]
    assert blinded(audited) <= foretold(examined.report)


def test_the_installed_command_ends_with_the_code_it_tells(
    auditor: Auditor, installed: Installed, drifted: Sandbox
) -> None:
    ran = auditor("doctor", "--format", "json")
    assert (ran.code, ran.report["exit_code"], ran.err) == (0, 0, "")
    assert drifted.client_secret not in ran.out
    refused = installed("doctor", env={"ZOOM_CLIENT_SECRET": "quite-another-secret"})
    assert refused.code == 4
    assert "client secret is wrong" in refused.out
