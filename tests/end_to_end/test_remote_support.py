"""How often people took over the desktops of others, on a whole account."""

from pathlib import Path

from auditor.sandbox.api import SCOPES
from tests.end_to_end.conftest import Accounts, Auditor, served

ONLY = ("--baseline", "strict", "--only", "TM-02", "--only", "TR-07", "--depth", "account")
USE = "remote_support_sessions"


def test_planted_sessions_are_counted_and_deviate(tmp_path: Path, accounts: Accounts) -> None:
    ran = Auditor(tmp_path, accounts("drifted")).audit(*ONLY, "--format", "json")
    found = [f for f in ran.report["findings"] if f["setting"] == USE]
    assert [(f["control"], f["kind"], f["status"], f["observed"]) for f in found] == [
        ("TR-07", "usage", "fail", 4),
        ("TM-02", "usage", "fail", 4),
    ]
    assert "CANARY" not in ran.out


def test_where_nobody_was_supported_none_deviates(tmp_path: Path, accounts: Accounts) -> None:
    report = Auditor(tmp_path, accounts("clean")).report(*ONLY, "--include-passes")
    found = [f for f in report["findings"] if f["setting"] == USE]
    assert {(f["status"], f["observed"]) for f in found} == {("pass", 0)}


def test_the_report_is_read_only_for_its_controls(tmp_path: Path, accounts: Accounts) -> None:
    account = accounts("clean")
    before = account.requests.by_template.copy()
    auditor = Auditor(tmp_path, account)
    auditor.report("--baseline", "strict", "--only", "TM-01", "--depth", "account")
    assert ("/report/remote_support", 200) not in account.requests.by_template - before
    auditor.report(*ONLY)
    assert (account.requests.by_template - before)["/report/remote_support", 200] == 1


def test_without_the_scope_that_use_alone_is_unknown(tmp_path: Path) -> None:
    held = [scope for scope in SCOPES if scope != "report:read:remote_support:admin"]
    with served("clean", users=8, scopes=held) as account:
        report = Auditor(tmp_path, account).report(*ONLY)
    unknown = [f for f in report["findings"] if f["status"] == "unknown"]
    assert {(f["setting"], f["cause"]) for f in unknown} == {(USE, "denied")}
    assert "report:read:remote_support:admin" in unknown[0]["detail"]
    assert (report["run"]["complete"], report["run"]["exit_code"]) == (False, 3)
