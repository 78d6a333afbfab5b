"""What a right and locked account value proves is not read of everybody, nor taken on trust."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Sandbox
from auditor.sandbox.documents import Departure
from auditor.sandbox.scenarios import SCENARIOS, Scenario
from tests.end_to_end.broken_off import USER_SETTINGS, after, killed, timeless
from tests.end_to_end.conftest import Auditor, keys, served

USERS = 120
SAMPLE, LARGE = 25, 80
LOCKABLE = ("AI-01", "AI-03", "RC-02")
SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
RECORDING = "recording.local_recording"

CONTRADICTED = Scenario(
    name="contradicted",
    personal={place: (Departure(RECORDING, True),) for place in range(0, 20, 2)},
)
"""The account is clean and locked, but half of the users deviate all the same."""
UNLOCKED = Scenario(name="one lock off", account_locks=(Departure(SUMMARY, False),))
WRONG = Scenario(name="one value wrong", account=(Departure(RECORDING, True),))


def only(*controls: str) -> list[str]:
    return ["--baseline", "strict", *(each for control in controls for each in ("--only", control))]


@pytest.fixture(scope="module")
def clean() -> Iterator[Sandbox]:
    with served("clean", users=USERS) as account:
        yield account


@pytest.fixture
def auditor(tmp_path: Path, clean: Sandbox) -> Auditor:
    clean.requests.by_template.clear()
    clean.requests.by_scope.clear()
    return Auditor(tmp_path, clean)


def read(auditor: Auditor) -> set[str]:
    """The users whose settings were asked for."""
    return {zoom_id for at, zoom_id in auditor.account.requests.by_scope if at == USER_SETTINGS}


def of_users(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["scope"]["level"] == "user"]


def test_a_sample_of_users_is_read_and_the_rest_is_proved_by_the_lock(auditor: Auditor) -> None:
    report = auditor.report(*only(*LOCKABLE), "--include-passes")
    sampled, present = read(auditor), auditor.account.world.present
    assert len(sampled) == SAMPLE
    assert report["summary"]["coverage"]["user"] == present
    found = of_users(report)
    assert len(found) == present * len(LOCKABLE)
    for finding in found:
        assert finding["status"] == "pass"
        assert finding["proved_by"] == (None if finding["scope"]["id"] in sampled else "lock")
    proved = next(finding for finding in found if finding["proved_by"])
    assert proved["source"] == "GET /accounts/me/settings"
    assert proved["locked"] is True
    requests = auditor.account.requests
    assert requests.total - requests.template("/users") - SAMPLE <= 60


def test_the_report_says_of_how_many_it_was_proved(auditor: Auditor) -> None:
    ran = auditor.audit(*only(*LOCKABLE))
    text = " ".join(ran.out.split())
    unread = auditor.account.world.present - SAMPLE
    assert ran.code == 0
    assert f"Of {unread} people, not every document was read" in text


@pytest.mark.slow
def test_how_many_are_read_may_be_chosen(auditor: Auditor) -> None:
    usual = auditor.report(*only(*LOCKABLE))["summary"]["by_status"]
    for asked, count in ((0, USERS), (3, 3), (1000, USERS)):
        auditor.account.requests.by_scope.clear()
        report = auditor.report(*only(*LOCKABLE), "--verify-locks", str(asked), "--include-passes")
        assert report["summary"]["by_status"] == usual
        assert len(read(auditor)) == min(count, auditor.account.world.present)
        proved = {finding["scope"]["id"] for finding in of_users(report) if finding["proved_by"]}
        assert len(proved) == auditor.account.world.present - len(read(auditor))


@pytest.mark.slow
def test_a_run_that_is_resumed_draws_the_same_users(tmp_path: Path) -> None:
    several = only(*LOCKABLE, "EN-01", "AI-06")
    with served("clean", users=USERS, latency_ms=25) as account:
        undisturbed = Auditor(tmp_path, account).report(*several, "--include-passes")
        account.requests.by_template.clear()
        (tmp_path / "killed").mkdir()
        auditor = Auditor(tmp_path / "killed", account)
        killed(auditor, after(SAMPLE + 20), *several)
        report = auditor.report("--resume", "--include-passes")
    assert timeless(report) == timeless(undisturbed)
    assert report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    assert Counter(finding["proved_by"] for finding in of_users(report))["lock"] > 0


def full(folder: Path, account: Sandbox, *arguments: str) -> dict[str, Any]:
    """A report for which every user was read, whatever the locks say."""
    auditor = Auditor(folder, account)
    report = auditor.report(*arguments)
    assert len(read(auditor)) == account.world.present
    return report


def test_one_contradiction_leads_to_a_full_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCENARIOS, CONTRADICTED.name, CONTRADICTED)
    with served(CONTRADICTED.name, users=USERS) as account:
        report = full(tmp_path, account, *only(*LOCKABLE))
        planted = {row.scope_id for row in account.world.planted() if row.level == "user"}
    assert {key[1] for key in keys(report) if key[0] == "user"} == planted
    assert all(finding["proved_by"] is None for finding in report["findings"])


@pytest.mark.parametrize("scenario", [UNLOCKED, WRONG], ids=lambda scenario: scenario.name)
def test_a_lock_that_is_off_or_a_value_that_is_wrong_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: Scenario
) -> None:
    monkeypatch.setitem(SCENARIOS, scenario.name, scenario)
    with served(scenario.name, users=USERS) as account:
        full(tmp_path, account, *only(*LOCKABLE))


def test_if_new_settings_are_looked_for_everybody_is_read(tmp_path: Path, auditor: Auditor) -> None:
    full(tmp_path, auditor.account, *only(*LOCKABLE, "CC-07"))


def test_a_setting_without_a_lock_is_read_of_everybody(tmp_path: Path, auditor: Auditor) -> None:
    full(tmp_path, auditor.account, *only(*LOCKABLE, "AI-06"))


def test_if_a_group_may_differ_everybody_is_read(tmp_path: Path, auditor: Auditor) -> None:
    org = tmp_path / "org.yaml"
    group = auditor.account.world.group_name(0)
    for control, everybody in (("RC-02", True), ("IA-03", False)):
        org.write_text(
            f"overrides:\n  - match: {{group: '{group}'}}\n"
            f"    controls: {{{control}: {{severity: critical}}}}\n"
        )
        auditor.account.requests.by_scope.clear()
        assert auditor.audit(*only(*LOCKABLE), "--org", str(org)).code == 0
        assert (len(read(auditor)) == auditor.account.world.present) is everybody


@pytest.fixture(scope="module")
def sampled(clean: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """The command in a folder with a run in which only a sample was read: a large one, in which
    users without a licence are sure to be.
    """
    auditor = Auditor(tmp_path_factory.mktemp("sampled"), clean)
    assert auditor.audit(*only(*LOCKABLE), "--verify-locks", str(LARGE)).code == 0
    return auditor


@pytest.mark.parametrize(
    ("control", "why"),
    [("AI-06", "no lock holds it"), ("RC-01", "the sample does not confirm it")],
)
def test_what_the_sample_was_not_checked_for_is_unknown_when_it_is_asked_for_later(
    sampled: Auditor, control: str, why: str
) -> None:
    again = ("--from", "latest", "--include-passes", "--format", "json")
    ran = sampled("audit", *only(control), *again)
    assert ran.code == 3
    by_user: dict[str, set[tuple[str, str | None]]] = {}
    for finding in of_users(ran.report):
        by_user.setdefault(finding["scope"]["id"], set()).add((finding["status"], finding["cause"]))
        assert finding["proved_by"] is None
    unread = [found for found in by_user.values() if found == {("unknown", "not_collected")}]
    assert len(by_user) == sampled.account.world.present
    assert len(unread) == len(by_user) - LARGE


def test_what_the_sample_confirms_is_proved_when_it_is_asked_for_later(sampled: Auditor) -> None:
    again = ("--from", "latest", "--include-passes", "--format", "json")
    ran = sampled("audit", *only("IA-03"), *again)
    assert ran.code == 0
    proved = Counter(finding["proved_by"] for finding in of_users(ran.report))
    assert proved == {"lock": sampled.account.world.present - LARGE, None: LARGE}
