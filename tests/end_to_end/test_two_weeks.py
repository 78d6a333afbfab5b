"""Two weeks of nights: what the history tells of them, and what the gate answers each morning.

The clock of the auditor is moved with libfaketime, that of the simulated account by hand.
"""

import json
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Conduct, Sandbox, World, serve
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, Ran
from tests.end_to_end.test_disk_full import UNMEASURED

pytestmark = [pytest.mark.slow, pytest.mark.longest, pytest.mark.needs("faketime")]

FIRST = datetime(2026, 11, 3, 2, tzinfo=UTC)
SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
MOVED = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
"""Threads that wait for a while would wait for ever on a clock that is not the system's."""
OPERATOR = "dana.admin@example.com"
SHARED = Path("/dev/shm")


def swept() -> None:
    """Remove what ended faketimes left: one with the number of a killed one would not start."""
    for left in SHARED.glob("*faketime_s??_*"):
        if not Path("/proc", left.name.rpartition("_")[2]).exists():
            left.unlink(missing_ok=True)


@dataclass
class Clock:
    """The clock of the simulated account."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def set(self, moment: datetime) -> None:
        self.ahead = moment.timestamp() - time.time()


@dataclass
class Fortnight:
    """An account, the auditor that looks at it every night, and the clocks of both."""

    auditor: Auditor
    account: Sandbox
    clock: Clock
    now: datetime = FIRST
    stories: list[dict[str, Any]] = field(default_factory=list)

    def at(self, moment: datetime) -> "Fortnight":
        self.now = moment
        self.clock.set(moment)
        return self

    def command(self, *arguments: str) -> list[str]:
        return ["faketime", "-f", f"@{self.now:%Y-%m-%d %H:%M:%S}", str(COMMAND), *arguments]

    def popen(
        self, *arguments: str, first: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        swept()
        env = {"TZ": "UTC", "AUDITOR_BASELINE": "strict", **MOVED, **UNMEASURED}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.auditor.folder,
            env=self.auditor.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=first,
        )

    def run(self, *arguments: str, first: Callable[[], None] | None = None) -> Ran:
        running = self.popen(*arguments, first=first)
        out, err = running.communicate(timeout=120)
        return Ran(running.returncode, out, err)

    def night(self, first: Callable[[], None] | None = None) -> Ran:
        return self.run("nightly", *FAST, first=first)

    def morning(self) -> Ran:
        self.at(self.now.replace(hour=8))
        return self.run("gate", "--new-only", "--fail-on", "low")

    def drift(self) -> dict[str, Any]:
        ran = self.run("diff", "--format", "json")
        assert ran.code == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("history", "--format", "json").out)
        return found

    def finding(self, setting: str = SUMMARY) -> list[dict[str, Any]]:
        told = self.run("history", "findings", "--format", "json", "--control", "AI-01")
        return [
            each
            for each in json.loads(told.out)
            if each["setting"] == setting
            and each["scope"]["level"] == "account"
            and each["kind"] == "value"
        ]


@pytest.fixture
def fortnight(tmp_path: Path) -> Iterator[Fortnight]:
    clock = Clock()
    clock.set(FIRST - timedelta(days=1))
    conduct = Conduct(plan="none", clock=clock)
    with serve(World(users=12, scenario="clean"), conduct=conduct) as account:
        yield Fortnight(Auditor(tmp_path, account), account, clock)


def moves(drift: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = drift["summary"]
    return found


def test_two_weeks_of_nights(fortnight: Fortnight) -> None:
    account = fortnight.account
    day = iter(range(14))

    def next_night() -> Fortnight:
        return fortnight.at(FIRST + timedelta(days=next(day)))

    # 1: the first night; with nothing accepted there is nothing to measure against
    assert next_night().night().code == 0
    assert fortnight.morning().code == 4
    assert fortnight.run("gate", "accept", "latest").code == 0
    assert fortnight.morning().code == 0

    # 2: nothing happens, and nothing is told
    quiet = next_night().night()
    assert quiet.code == 0
    assert "No finding changed." in quiet.err
    assert moves(fortnight.drift()) == {}
    assert fortnight.morning().code == 0

    # 3: somebody switches summaries on for everybody
    fortnight.at(FIRST + timedelta(days=1, hours=9))
    account.change(level="account", setting=SUMMARY, value=True, operator=OPERATOR)
    assert next_night().night().code == 0
    drift = fortnight.drift()
    assert moves(drift)["regressed"] > 0, drift
    (at_account,) = [
        change
        for change in drift["changes"]
        if change["control"] == "AI-01"
        and change["scope"]["level"] == "account"
        and change["setting"] == SUMMARY
        and change["kind"] == "value"
    ]
    assert at_account["life"] == "new"
    assert at_account["changed_by"]["operator"] == OPERATOR
    assert at_account["changed_by"]["time"].startswith("2026-11-04T11")
    assert SUMMARY in {each["setting"] for each in drift["settings"]}
    assert fortnight.morning().code == 1

    # 4: it stays so; who did it is still known
    assert next_night().night().code == 0
    assert moves(fortnight.drift()) == {}
    (standing,) = fortnight.finding()
    assert standing["life"] == "persisting"
    assert standing["first_seen"][:10] == "2026-11-05"
    assert standing["changed_by"]["operator"] == OPERATOR
    assert fortnight.morning().code == 1

    # 5: put right
    account.change(level="account", setting=SUMMARY, value=False, operator="eve@example.com")
    assert next_night().night().code == 0
    assert moves(fortnight.drift())["improved"] > 0
    assert "regressed" not in moves(fortnight.drift())
    assert fortnight.finding() == []
    assert fortnight.morning().code == 0

    # 6: and wrong again: this is no news of the first kind
    account.change(level="account", setting=SUMMARY, value=True, operator=OPERATOR)
    assert next_night().night().code == 0
    (standing,) = fortnight.finding()
    assert standing["life"] == "regressed"
    assert standing["first_seen"][:10] == "2026-11-05"
    assert standing["since"][:10] == "2026-11-08"
    assert fortnight.morning().code == 1

    # 7: right again
    account.change(level="account", setting=SUMMARY, value=False, operator=OPERATOR)
    assert next_night().night().code == 0
    assert fortnight.morning().code == 0

    # 8: a scope is withdrawn for a night: unknown, never improved, and the gate is shut
    scopes = account.service.scopes
    account.service.scopes = frozenset(each for each in scopes if "user:read:settings" not in each)
    blind = next_night().night()
    assert blind.code == 3
    assert moves(fortnight.drift())["newly_unknown"] > 0
    assert not {"improved", "regressed"} & moves(fortnight.drift()).keys()
    assert fortnight.morning().code == 4

    # 9: the scope is back, and all is as it was
    account.service.scopes = scopes
    assert next_night().night().code == 0
    assert not {"improved", "regressed"} & moves(fortnight.drift()).keys()
    assert fortnight.morning().code == 0

    # 10: the app is deactivated: nothing is evaluated, nothing stored, and the last run is old
    account.service.tokens.deactivated = True
    before = len(fortnight.runs())
    dead = next_night().night()
    assert dead.code == 4
    assert "Traceback" not in dead.err
    assert len(fortnight.runs()) == before
    assert fortnight.morning().code == 4

    # 11: activated again
    account.service.tokens.deactivated = False
    assert next_night().night().code == 0
    assert fortnight.morning().code == 0

    # 12: the run is killed in the middle
    next_night()
    account.requests.by_template.clear()
    running = fortnight.popen("nightly", "--max-rate", "10", "--rate-share", "1")
    until(lambda: account.requests.template(USER_SETTINGS) >= 3)
    subprocess.run(["pkill", "-KILL", "-P", str(running.pid)], check=False)
    running.kill()
    running.communicate()
    assert len(fortnight.runs()) == before + 1
    assert fortnight.morning().code == 4

    # 13: the disk is full, so that not even the rest of it can be read
    next_night()
    full = fortnight.night(first=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000,) * 2))
    assert full.code == 4
    assert "Traceback" not in full.err
    assert fortnight.morning().code == 4

    # 14: there is room; the night goes on with what was begun, and the story is whole
    last = next_night().night()
    assert last.code == 0, last.err
    assert "Resuming run 20261114T02" in last.err
    assert fortnight.morning().code == 0
    runs = fortnight.runs()
    assert [run["complete"] for run in runs] == [True] * 7 + [False] + [True] * 3
    deviating = [
        run["by_status"].get("fail", 0) > runs[0]["by_status"].get("fail", 0) for run in runs
    ]
    assert deviating == [day in (3, 4, 6) for day in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14)]
    plot = fortnight.run("history", "--plot").out
    assert plot.count("2026-11-") == len(runs)
    assert plot.count("incomplete") == 1

    # and a month later most of it is no longer needed
    fortnight.at(FIRST + timedelta(days=40))
    pruned = fortnight.run("history", "prune", "--keep", "7d", "--keep-monthly", "2")
    assert pruned.code == 0
    kept = {run["id"] for run in fortnight.runs()}
    assert kept == {runs[0]["id"], runs[-1]["id"]}
    assert fortnight.run("gate", "--new-only", "--max-age", "60d").code == 0
