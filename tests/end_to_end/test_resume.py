"""A run that was killed at any moment goes on, reads nothing twice, and finds the same."""

import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.timestamps import decode, encode
from auditor.sandbox import Sandbox
from auditor.store.runs import SNAPSHOT, Runs
from tests.end_to_end.broken_off import (
    USER_SETTINGS,
    Moment,
    after,
    ended,
    killed,
    started,
    timeless,
    until,
)
from tests.end_to_end.conftest import Auditor, served, slow

WHOLE = ("--baseline", "strict", "--depth", "meeting", "--format", "json")
QUICK = ("--baseline", "strict", "--only", "RC-02", "--verify-locks", "0", "--format", "json")
"""One document of each user."""
IN_FLIGHT = 64
USERS = 60
HOUR = 3_600_000
"""Milliseconds."""


@dataclass(frozen=True)
class Calm:
    """What an audit finds that nothing disturbs, and how often it asks for what."""

    report: dict[str, Any]
    asked: Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=USERS, latency_ms=25) as account:
        yield account


@pytest.fixture
def auditor(tmp_path: Path, account: Sandbox) -> Auditor:
    account.requests.by_scope.clear()
    account.requests.by_template.clear()
    return Auditor(tmp_path, account)


def calm(account: Sandbox, folder: Path, arguments: tuple[str, ...]) -> Calm:
    account.requests.by_scope.clear()
    ran = Auditor(folder, account).audit(*arguments)
    assert ran.code in (0, 3), ran.err
    return Calm(ran.report, Counter(account.requests.by_scope))


@pytest.fixture(scope="module")
def whole(account: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return calm(account, tmp_path_factory.mktemp("whole"), WHOLE)


@pytest.fixture(scope="module")
def quick(account: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return calm(account, tmp_path_factory.mktemp("quick"), QUICK)


def the_run(auditor: Auditor) -> str:
    """The id of the only run."""
    stored = Runs(auditor.data)
    (run_id,) = {*stored.folders(), *stored.ids()}
    return run_id


def twice(auditor: Auditor, calm: Calm) -> int:
    """How many requests were more than an undisturbed run needs."""
    requested: Counter[tuple[str, str]] = auditor.account.requests.by_scope
    return (requested - calm.asked).total()


MOMENTS: dict[str, Moment] = {
    "the list of users": after(1, "/users"),
    "groups": after(5, "/groups/{groupId}/settings"),
    "the first users": after(1),
    "the middle of the users": after(120),
    "the last users": after(200),
    "lists of meetings": after(5, "/users/{userId}/meetings"),
    "meetings": after(5, "/meetings/{meetingId}"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [each if each == "the middle of the users" else slow(each) for each in MOMENTS],
)
def test_a_run_that_was_killed_goes_on(auditor: Auditor, whole: Calm, moment: str) -> None:
    killed(auditor, MOMENTS[moment], *WHOLE)
    began = the_run(auditor)
    ran = auditor.audit("--resume", "--format", "json")
    assert ran.code == whole.report["run"]["exit_code"], ran.err
    assert f"Resuming run {began} (baseline strict, depth meeting)." in ran.err
    assert timeless(ran.report) == timeless(whole.report)
    assert ran.report["run"]["id"] == began
    assert ran.report["run"]["evidence_digest"] == whole.report["run"]["evidence_digest"]
    assert ran.report["summary"]["coverage"] == whole.report["summary"]["coverage"]
    assert not whole.asked - auditor.account.requests.by_scope
    assert twice(auditor, whole) <= IN_FLIGHT


@pytest.fixture(scope="module")
def killed_once(account: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """The command in a folder with a run that was killed. To be copied, not used."""
    account.requests.by_template.clear()
    auditor = Auditor(tmp_path_factory.mktemp("killed"), account)
    killed(auditor, after(5), *QUICK)
    return auditor


@pytest.fixture
def broken_off(killed_once: Auditor, auditor: Auditor) -> str:
    """The id of the run that was killed."""
    shutil.copytree(killed_once.data, auditor.data)
    return the_run(auditor)


@pytest.mark.slow
def test_a_run_that_was_killed_twice_goes_on(auditor: Auditor, quick: Calm) -> None:
    killed(auditor, after(10), *QUICK)
    answered = auditor.account.requests.template(USER_SETTINGS)
    killed(auditor, after(answered + 5), "--resume")
    ran = auditor.audit("--resume", *QUICK)
    assert timeless(ran.report) == timeless(quick.report)
    assert ran.report["run"]["evidence_digest"] == quick.report["run"]["evidence_digest"]
    assert twice(auditor, quick) <= 2 * IN_FLIGHT


@pytest.mark.slow
def test_what_was_recorded_is_asked_for_once(tmp_path: Path) -> None:
    with served("drifted", users=300, latency_ms=25) as account:
        auditor = Auditor(tmp_path, account)
        killed(auditor, after(200), *QUICK)
        assert auditor.audit("--resume").code in (0, 3)
        counts = [n for (at, _), n in account.requests.by_scope.items() if at == USER_SETTINGS]
        assert len(counts) == account.world.present
        assert set(counts) <= {1, 2}
        assert counts.count(2) <= IN_FLIGHT


@pytest.mark.slow
def test_a_run_that_was_interrupted_says_how_to_go_on(auditor: Auditor, quick: Calm) -> None:
    running = started(auditor, *QUICK)
    until(lambda: auditor.account.requests.template(USER_SETTINGS) > 5)
    running.send_signal(signal.SIGINT)
    ran = ended(running)
    assert ran.code == 130
    assert "Resume with: auditor audit --resume" in ran.err
    assert "Traceback" not in ran.err
    report = auditor.report("--resume")
    assert timeless(report) == timeless(quick.report)
    assert twice(auditor, quick) <= IN_FLIGHT


@pytest.mark.slow
def test_the_cost_of_both_parts_is_told(auditor: Auditor, quick: Calm) -> None:
    killed(auditor, after(30), *QUICK)
    api = auditor.report("--resume")["summary"]["api"]
    needed = quick.report["summary"]["api"]["requests"]
    assert needed - IN_FLIGHT - 100 <= api["requests"] <= needed + IN_FLIGHT


@pytest.mark.slow
def test_with_nothing_to_resume_a_new_run_begins(auditor: Auditor, quick: Calm) -> None:
    ran = auditor.audit("--resume", *QUICK)
    assert "There is no run to resume: starting a new one." in ran.err
    assert timeless(ran.report) == timeless(quick.report)
    again = auditor.audit("--resume", *QUICK)
    assert "There is no run to resume: starting a new one." in again.err
    assert again.report["run"]["id"] != ran.report["run"]["id"]


@pytest.mark.slow
def test_without_resume_a_new_run_begins_and_tells_of_the_other(
    auditor: Auditor, broken_off: str, quick: Calm
) -> None:
    ran = auditor.audit(*QUICK)
    assert f"Run {broken_off} is unfinished." in ran.err
    assert "--resume" in ran.err
    assert ran.report["run"]["id"] != broken_off
    assert timeless(ran.report) == timeless(quick.report)
    assert "no run to resume" in auditor.audit("--resume", *QUICK).err


@pytest.mark.parametrize(
    ("otherwise", "what"),
    [
        (("--baseline", "consent-first", "--only", "RC-02"), "baseline or organisation file"),
        (("--only", "RC-03"), "selection of controls"),
        (("--depth", "group"), "--depth"),
        (("--verify-locks", "25"), "--verify-locks"),
        (("--meetings-per-host", "1"), "choice of meetings"),
        (("--refresh", "7d"), "--refresh"),
    ],
)
def test_a_run_does_not_go_on_as_another(
    auditor: Auditor, broken_off: str, otherwise: tuple[str, ...], what: str
) -> None:
    before = auditor.account.requests.total
    ran = auditor.audit("--resume", *otherwise)
    assert ran.code == 2
    assert f"started with another {what}." in ran.err
    assert "to start a new run, omit --resume" in ran.err
    assert "Resuming" not in ran.err
    assert auditor.account.requests.total - before <= IN_FLIGHT


@pytest.mark.parametrize(
    "options",
    [(), QUICK[:-2], ("--depth", "user", "--only", "RC-02"), ("--verify-locks", "0")],
)
def test_what_is_named_again_may_be_any_part_of_it(
    auditor: Auditor, broken_off: str, quick: Calm, options: tuple[str, ...]
) -> None:
    ran = auditor.audit("--resume", *options, "--fail-on", "low", "--format", "json")
    assert ran.code == 1, ran.err
    assert timeless(ran.report) == timeless(quick.report)


@pytest.mark.slow
def test_an_organisation_file_may_be_named_again(auditor: Auditor) -> None:
    (auditor.folder / "org.yaml").write_text(
        "baseline: strict\n"
        "parameters: {ai_allowed_groups: [Nobody]}\n"
        "overrides:\n  - {match: {group: 'Sales*'}, controls: {RC-02: {severity: critical}}}\n"
    )
    chosen = ("--org", "org.yaml", "--only", "RC-02", "--verify-locks", "0")
    killed(auditor, after(5), *chosen)
    ran = auditor.audit("--resume", "--org", "org.yaml")
    assert ran.code in (0, 3), ran.err


@pytest.mark.parametrize(
    "command", [("report",), ("ask", "--run"), ("audit", "--from")], ids=["report", "ask", "from"]
)
def test_a_run_that_is_not_finished_is_not_judged(
    auditor: Auditor, broken_off: str, command: tuple[str, ...]
) -> None:
    ran = auditor(*command, broken_off)
    assert ran.code == 2
    assert ran.out == ""
    assert "auditor audit --resume" in ran.err
    latest = auditor(*command, "latest")
    assert latest.code == 2
    assert "is finished yet" in latest.err
    assert "auditor audit --resume" in latest.err


def aged(auditor: Auditor, by: int) -> None:
    """Make everything the only run has read older, by so many milliseconds."""
    path = auditor.data / "runs" / the_run(auditor) / SNAPSHOT
    with closing(sqlite3.connect(path)) as db, db:
        for level, zoom_id, times in db.execute("SELECT level, zoom_id, times FROM scopes"):
            moments = encode([moment - by for moment in decode(times)])
            where = (moments, level, zoom_id)
            db.execute("UPDATE scopes SET times = ? WHERE level = ? AND zoom_id = ?", where)


@pytest.mark.parametrize(
    ("oldest", "again"), [("1h", True), ("90m", True), ("3h", False), ("1d", False)]
)
def test_what_is_too_old_is_read_again(
    auditor: Auditor, broken_off: str, quick: Calm, oldest: str, again: bool
) -> None:
    aged(auditor, 2 * HOUR)
    before = Counter(auditor.account.requests.by_scope)
    report = auditor.report("--resume", "--max-evidence-age", oldest)
    assert timeless(report) == timeless(quick.report)
    read = auditor.account.requests.by_scope - before
    account_was_read = any(at.startswith("/accounts/") for at, _ in read)
    assert account_was_read is again
    if again:
        assert not quick.asked - read
        assert all(f["observed_at"] > report["run"]["started_at"] for f in report["findings"])


def test_an_age_nobody_can_read_is_refused(auditor: Auditor) -> None:
    for span in ("soon", "-1h", "1.5h", "10", ""):
        ran = auditor.audit("--resume", f"--max-evidence-age={span}")
        assert ran.code == 2, span
        assert "24h" in ran.err
    assert auditor.account.requests.total == 0


@pytest.mark.slow
def test_two_runs_at_once_are_refused(tmp_path: Path, quick: Calm) -> None:
    with served("drifted", users=USERS, latency_ms=400) as slow, served("drifted") as other_port:
        auditor = Auditor(tmp_path, slow)
        first = started(auditor, *QUICK)
        until(lambda: slow.requests.template("/accounts/{accountId}/settings") > 0)
        seconds = [
            Auditor(tmp_path, at).audit(*QUICK, *more)
            for at, more in ((slow, ()), (slow, ("--resume",)), (other_port, ("--resume",)))
        ]
        assert first.poll() is None
        ran = ended(first)
        assert other_port.requests.total == 0
    for second in seconds:
        assert second.code == 4
        assert "is reading account" in second.err
        assert "Wait until it has finished" in second.err
    assert ran.code == 0
    assert timeless(ran.report) == timeless(quick.report)
    assert the_run(auditor) == ran.report["run"]["id"]


@pytest.mark.slow
def test_a_run_that_was_killed_locks_nobody_out(auditor: Auditor) -> None:
    killed(auditor, after(5), *QUICK)
    assert auditor.audit(*QUICK).code == 0
