"""`auditor watch`: an event is followed by an audit of whom it names, and by a message."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.accounts import SUMMARY, Account
from tests.cli.commands import ran
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, served
from tests.notify.receivers import closed_port, webhook
from tests.watch.sender import SECRET, Sender

TOKEN = {"ZOOM_WEBHOOK_SECRET": SECRET}
EVE = "eve@example.com"
SETTINGS = "/users/{userId}/settings"
USERS = 40


@dataclass
class Watching:
    """A running `auditor watch`."""

    process: "subprocess.Popen[str]"
    port: int
    said: list[str]

    @property
    def sender(self) -> Sender:
        return Sender(self.port)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Account]:
    with served("clean", users=USERS, groups=2) as sandbox:
        yield Account(sandbox, Auditor(tmp_path, sandbox))


def until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for something to hold."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited {seconds:g} s for {what}")


@contextmanager
def watching(account: Account, *words: str) -> Iterator[Watching]:
    """The command on a free port, with what it says collected."""
    process = subprocess.Popen(
        [COMMAND, "watch", "--listen", "127.0.0.1:0", *FAST, *words],
        cwd=account.auditor.folder,
        env=account.auditor.environment({"AUDITOR_BASELINE": "strict", **TOKEN}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []

    def collect() -> None:
        assert process.stderr is not None
        said.extend(iter(process.stderr.readline, ""))

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    try:
        line = until(
            lambda: next((line for line in said if "Receiving events" in line), ""), 30, "the start"
        )
        yield Watching(process, int(line.rpartition("127.0.0.1:")[2].split(".")[0]), said)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        reader.join(5)
        assert process.stderr is not None
        process.stderr.close()
    assert not any("Traceback" in line for line in said), said


def event(account: Account, name: str, user: str, value: bool = True) -> dict[str, Any]:
    """An event as Zoom sends it: who changed what of whom, from what to what."""
    section, key, leaf = SUMMARY.split(".")
    return {
        "event": name,
        "event_ts": round(time.time() * 1000),
        "payload": {
            "account_id": account.sandbox.account_id,
            "operator": EVE,
            "object": {"id": user, "settings": {section: {key: {leaf: value}}}},
            "old_object": {"id": user, "settings": {section: {key: {leaf: not value}}}},
        },
    }


def settings_requests(account: Account) -> int:
    return account.sandbox.requests.template(SETTINGS)


def test_an_event_is_followed_by_a_message_within_a_minute(company: Account) -> None:
    company.night()
    user = company.sandbox.world.user_id(7)
    full = settings_requests(company)
    with webhook(200) as hook, watching(company, "--notify", f"json://{hook.host}/in") as running:
        company.sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator=user)
        began = time.monotonic()
        sent = event(company, "user.settings_updated", user)
        assert running.sender.send(sent)[0] == 200
        until(lambda: hook.seen, 60, "a message")
        assert time.monotonic() - began < 60
        assert "This is a first look" in json.dumps(hook.documents)
        assert running.sender.send(sent) == (200, {"status": "known"})
        until(lambda: any("is stored" in line for line in running.said), 60, "the audit")
    assert len(company.runs()) == 2
    assert len(hook.documents) == 1  # what the audit found besides follows from it
    # Zoom's log leaves out what people change for themselves; the event names them.
    assert EVE in company("diff").out
    # The user, and the sample that confirms locks.
    assert settings_requests(company) - full < full / 3
    assert running.process.returncode == 0


@pytest.mark.slow
def test_an_event_that_was_answered_is_not_lost_when_the_watch_is_killed(company: Account) -> None:
    company.night()
    user = company.sandbox.world.user_id(5)
    with watching(company) as running:
        company.sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator=EVE)
        sent = event(company, "user.settings_updated", user)
        assert running.sender.send(sent)[0] == 200
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
    # The next night reads whom the event named, although nothing else makes them due.
    ran = company("nightly", *FAST, "--refresh", "7d", "--verify-carried", "0", "--fail-on", "low")
    assert ran.code == 1, ran.err
    # So does the watch itself when it starts again.
    company.sandbox.change(level="user", id=user, setting=SUMMARY, value=False, operator=EVE)
    with watching(company) as running:
        again = event(company, "user.settings_updated", user, value=False)
        assert running.sender.send(again)[0] == 200
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
    with watching(company) as running:
        until(lambda: len(company.runs()) == 3, 60, "the audit after the restart")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_end_interrupts_an_audit_and_the_next_start_leaves_no_event_out(
    tmp_path: Path, stop: signal.Signals
) -> None:
    with served("clean", users=USERS, groups=2, latency_ms=150) as sandbox:
        account = Account(sandbox, Auditor(tmp_path, sandbox))
        account.night()
        before = settings_requests(account)
        with watching(account) as running:
            account.summaries(True)
            changed = event(account, "account.settings_updated", sandbox.account_id)
            assert running.sender.send(changed)[0] == 200
            until(lambda: settings_requests(account) > before + 10, 60, "an audit")
            account.summaries(False)
            back = event(account, "account.settings_updated", sandbox.account_id, value=False)
            assert running.sender.send(back)[0] == 200
            running.process.send_signal(stop)
            assert running.process.wait(20) == 0
        assert len(account.runs()) == 1
        with watching(account):
            until(lambda: len(account.runs()) == 3, 90, "the resumed audit, and one more")
        assert [run["exit_code"] for run in account.runs()][-1] == 0


@pytest.mark.slow
def test_the_check_from_outside_tells_a_receiver_that_works_from_one_that_does_not(
    company: Account,
) -> None:
    company.night()
    with watching(company) as running:
        url = f"http://127.0.0.1:{running.port}/webhook"
        ran = company("watch", "check", url, env=TOKEN)
        assert ran.code == 0, ran.out
        assert ran.out.count("ok  ") == 5
        ran = company("watch", "check", url, env={"ZOOM_WEBHOOK_SECRET": "another"})
        assert ran.code == 1
        assert ran.out.count("FAIL") == 3
    ran = company("watch", "check", url, env=TOKEN)
    assert ran.code == 1
    assert "It could not be reached." in ran.out


def test_what_cannot_be_listened_on_or_verified_is_told(company: Account) -> None:
    cases: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        ((), {}, "ZOOM_WEBHOOK_SECRET is not set"),
        (("--listen", "0.0.0.0:0"), TOKEN, "not an address of this machine alone"),
        (("--listen", "8085"), TOKEN, "write HOST:PORT"),
        (("--listen", "127.0.0.1:0", "--tls-key", "key.pem"), TOKEN, "belong together"),
        (("check", "http://example.com/"), TOKEN, "Zoom calls https"),
    ]
    for words, env, sentence in cases:
        ran = company("watch", *words, env=env)
        assert ran.code == 2, ran.err
        assert sentence in " ".join(ran.err.split())
        assert SECRET not in ran.err


def test_a_check_ends_with_1_where_an_answer_is_wrong(company: Account) -> None:
    url = f"http://127.0.0.1:{closed_port()}/webhook"
    ran = company("watch", "check", url, env=TOKEN)
    assert ran.code == 1
    assert ran.out.count("FAIL") == 5
    assert "does not answer as it should" in ran.err


def test_a_secret_is_not_stored_without_a_keyring_and_not_if_it_is_empty(home: Path) -> None:
    for text, sentence in ((SECRET, "no keyring"), (" ", "is empty")):
        result = ran("watch", "secret", "--stdin", stdin=text)
        assert result.exit_code == 2
        assert sentence in " ".join(result.stderr.split())
        assert SECRET not in result.stderr
