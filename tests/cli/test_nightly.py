"""`auditor nightly`: what a night leaves behind, and whom it tells, however it ends."""

import json
import signal
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Sandbox
from auditor.store.errors import HistoryUnreachable
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, Ran, served, slow
from tests.end_to_end.test_disk_full import IN_THE_MIDDLE, UNMEASURED, growing_to
from tests.notify.receivers import Webhook, closed_port, webhook

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
STRICT = {"AUDITOR_BASELINE": "strict"}


class Nightly(Auditor):
    """The command, and what it left."""

    def night(self, *words: object, env: Mapping[str, str] | None = None) -> Ran:
        ran = self("nightly", *FAST, *words, env={**STRICT, **(env or {})})
        assert "Traceback" not in ran.err
        assert ran.out == ""
        return ran

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("history", "--format", "json").out)
        return found

    @property
    def folders(self) -> list[str]:
        """Runs that are not, or not only, in the history."""
        return sorted(path.name for path in self.data.glob("runs/*"))

    def begun(
        self,
        *words: object,
        first: Callable[[], None] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [COMMAND, "nightly", *map(str, words)],
            cwd=self.folder,
            env=self.environment({**STRICT, **(env or {})}),
            preexec_fn=first,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def account() -> Iterator[Sandbox]:
    with served("clean", users=2, groups=1) as sandbox:
        yield sandbox


@pytest.fixture
def nightly(tmp_path: Path, account: Sandbox) -> Nightly:
    return Nightly(tmp_path, account)


@contextmanager
def lasting(tmp_path: Path) -> Iterator[Nightly]:
    """An account whose users take a while."""
    with served("clean", users=40, groups=1, latency_ms=20) as sandbox:
        yield Nightly(tmp_path, sandbox)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def on(account: Sandbox, setting: str = SUMMARY) -> None:
    account.change(level="account", setting=setting, value=True, operator="dana@example.com")


# what it leaves


def test_a_night_stores_reports_and_says_so_in_a_line(nightly: Nightly, account: Sandbox) -> None:
    ran = nightly.night("--report", "a.html", "--report", "a.json", "--metrics", "a.prom")
    (run,) = nightly.runs()
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert line.startswith(f"Run {run['id']} is stored. No broken rule was found, ")
    assert {mode(nightly.folder / name) for name in ("a.html", "a.json")} == {0o600}
    assert mode(nightly.folder / "a.prom") == 0o644
    metrics = (nightly.folder / "a.prom").read_text()
    assert "auditor_" in metrics
    assert json.loads((nightly.folder / "a.json").read_text())["run"]["id"] == run["id"]
    assert nightly.folders == []


def test_the_next_night_tells_what_changed(nightly: Nightly, account: Sandbox) -> None:
    nightly.night()
    first = nightly.runs()[0]["id"]
    on(account)
    ran = nightly.night("--fail-on", "high")
    assert ran.code == 1
    assert f"Since run {first}: 1 setting newly broken " in ran.err
    assert "No finding changed." in nightly.night().err


def test_who_made_it_so_is_known_although_a_gate_looked_meanwhile(
    nightly: Nightly, account: Sandbox
) -> None:
    nightly.night()
    on(account)
    assert nightly("gate", "--live", env=STRICT).code == 1
    nightly.night()
    drift = json.loads(nightly("diff", "--format", "json").out)
    changed = [change["changed_by"] for change in drift["changes"]]
    assert {who["operator"] for who in changed} == {"dana@example.com"}


def test_a_night_attaches_the_plan_that_closes_what_it_found(
    nightly: Nightly, account: Sandbox
) -> None:
    on(account)
    nightly.night("--fix-plan", "plan.json")
    attached, planned = (
        json.loads(text)
        for text in (
            (nightly.folder / "plan.json").read_text(),
            nightly("fix", "plan", "--format", "json").out,
        )
    )
    assert attached["steps"]
    assert {**attached, "created_at": ""} == {**planned, "created_at": ""}
    assert mode(nightly.folder / "plan.json") == 0o600


def test_a_plan_under_pseudonyms_is_refused(nightly: Nightly, account: Sandbox) -> None:
    ran = nightly.night("--fix-plan", "plan.md", "--pseudonymise")
    assert ran.code == 2
    assert "A plan names the people whose settings it changes" in ran.err
    assert account.requests.total == 0


def test_metrics_that_cannot_be_written_are_refused_before_anything_is_read(
    nightly: Nightly, account: Sandbox
) -> None:
    ran = nightly.night("--metrics", "nowhere/a.prom")
    assert ran.code == 2
    assert "nowhere/a.prom cannot be written" in ran.err
    assert account.requests.total == 0


@pytest.mark.parametrize("option", ["--deadline", "--keep", "--max-evidence-age"])
def test_a_length_of_time_that_is_none_is_refused(nightly: Nightly, option: str) -> None:
    ran = nightly.night(option, "soon")
    assert ran.code == 2
    assert f"{option} soon: write a number with m, h, d or w" in ran.err


@pytest.mark.slow
def test_log_lines_are_json_and_nothing_else(nightly: Nightly, account: Sandbox) -> None:
    account.service.scopes = frozenset(s for s in account.service.scopes if "group" not in s)
    with webhook(500) as hook:
        ran = nightly.night(
            *("-vv", "--log-format", "json", "--notify", f"json://{hook.host}", "--deadline", "1h"),
            *("--heartbeat", f"http://127.0.0.1:{closed_port()}/beat"),
        )
    rows = [json.loads(line) for line in ran.err.splitlines()]
    assert all({"time", "level", "logger", "message"} == row.keys() for row in rows)
    assert any("is stored" in row["message"] for row in rows)
    assert {"error", "info"} <= {row["level"] for row in rows}


def test_people_have_pseudonyms_in_reports_and_messages(tmp_path: Path) -> None:
    with served("drifted", users=3, groups=1) as sandbox, webhook() as hook:
        names = [sandbox.world.user_email(index) for index in range(3)]
        nightly = Nightly(tmp_path, sandbox)
        env = {"AUDITOR_PSEUDONYM_KEY": "k" * 40}
        for each in range(2):
            on(sandbox, "recording.cloud_recording") if each else None
            ran = nightly.night(
                *("--pseudonymise", "--notify-names", "--notify-on", "always"),
                *("--notify", f"json://{hook.host}", "--report", "a.json"),
                env=env,
            )
            assert ran.code in (0, 3), ran.err
        users = json.loads(nightly("history", "findings", "--format", "json").out)
    names += [f["scope"]["name"] for f in users if f["scope"]["level"] == "user"]
    assert len(hook.seen) == 2
    output = b"".join(body for _, _, body in hook.seen).decode() + ran.err
    output += (nightly.folder / "a.json").read_text()
    assert names
    assert [name for name in names if name in output] == []


# a night that does not end well


def test_at_the_deadline_it_stops_and_the_next_night_goes_on(tmp_path: Path) -> None:
    with lasting(tmp_path) as nightly:
        first = nightly.night("--deadline", "0m")
        assert first.code == 3, first.err
        assert "The deadline of the run passed. Resume later with: auditor nightly" in first.err
        assert "--resume" not in first.err
        (run,) = nightly.runs()
        assert (run["complete"], run["stopped"]) == (False, "The deadline of the run passed.")
        assert nightly.folders == [run["id"]]
        assert nightly("gate", env=STRICT).code == 4
        ran = nightly.night()
    assert ran.code in (0, 3), ran.err
    assert f"Resuming run {run['id']}" in ran.err
    (whole,) = nightly.runs()
    assert (whole["id"], whole["complete"], whole["stopped"]) == (run["id"], True, None)
    assert nightly.folders == []


def killed(nightly: Nightly, *words: object) -> str:
    """A night that was killed while it read users; its run."""
    requests = nightly.account.requests
    requests.by_template.clear()
    running = nightly.begun("--max-rate", 40, "--rate-share", 1, *words)
    until(lambda: requests.template(USER_SETTINGS) >= 3)
    running.kill()
    running.communicate()
    return nightly.folders[-1]


@pytest.mark.slow
def test_a_killed_night_is_gone_on_with(tmp_path: Path) -> None:
    with lasting(tmp_path) as nightly:
        run = killed(nightly)
        assert nightly("history", "--format", "json").out == "[]\n"
        ran = nightly.night()
    assert f"Resuming run {run}" in ran.err
    assert [each["id"] for each in nightly.runs()] == [run]


@pytest.mark.slow
@pytest.mark.parametrize("otherwise", [("--baseline", "consent-first"), ("--depth", "group")])
def test_a_killed_run_of_another_kind_is_not_taken_up(
    tmp_path: Path, otherwise: tuple[str, ...]
) -> None:
    with lasting(tmp_path) as nightly:
        run = killed(nightly)
        ran = nightly.night(*otherwise)
        assert "Resuming run" not in ran.err
        assert run in nightly.folders
        assert [each["complete"] for each in nightly.runs()] == [True]
        assert f"Resuming run {run}" in nightly.night().err


@pytest.mark.slow
def test_two_at_once_on_one_account_are_one_and_a_refusal(tmp_path: Path) -> None:
    with lasting(tmp_path) as nightly:
        requests = nightly.account.requests
        first = nightly.begun("--max-rate", 40, "--rate-share", 1)
        until(lambda: requests.template(USER_SETTINGS) >= 1)
        second = nightly.night()
        assert second.code == 4
        assert second.err.startswith(
            "Error: Another run with the same data directory or database is reading account "
        )
        _, err = first.communicate(timeout=60)
        assert first.returncode in (0, 3), err
        assert [each["complete"] for each in nightly.runs()] == [True]


def test_a_night_that_cannot_begin_leaves_nothing(nightly: Nightly, account: Sandbox) -> None:
    account.service.tokens.deactivated = True
    ran = nightly.night()
    assert ran.code == 4
    assert nightly.folders == []
    assert nightly("history", "--format", "json").out == "[]\n"


# whom it tells


def beats(hook: Webhook) -> list[str]:
    return [path for path in hook.paths if path.startswith("/beat")]


def titles(hook: Webhook) -> list[str]:
    return [json.loads(body)["title"] for _, path, body in hook.seen if path == "/news"]


def messages(hook: Webhook) -> list[str]:
    return [json.loads(body)["message"] for _, path, body in hook.seen if path == "/news"]


def telling(hook: Webhook, *more: str) -> tuple[str, ...]:
    """Options to tell a receiver."""
    news, beat = f"json://{hook.host}/news", f"http://{hook.host}/beat"
    return ("--notify", news, "--heartbeat", beat, *more)


def test_a_quiet_night_gives_a_sign_of_life_alone(nightly: Nightly) -> None:
    with webhook() as hook:
        assert nightly.night(*telling(hook)).code == 0
    assert beats(hook) == ["/beat"]
    assert titles(hook) == []


def test_what_became_worse_is_told_once(nightly: Nightly, account: Sandbox) -> None:
    with webhook() as hook:
        nightly.night(*telling(hook))
        on(account)
        nightly.night(*telling(hook))
        nightly.night(*telling(hook))
    assert len(titles(hook)) == 1
    assert beats(hook) == ["/beat"] * 3


def test_a_night_that_evaluates_nothing_says_so_and_its_end_too(
    nightly: Nightly, account: Sandbox
) -> None:
    with webhook() as hook:
        account.service.tokens.deactivated = True
        assert nightly.night(*telling(hook)).code == 4
        assert nightly.night(*telling(hook)).code == 4
        account.service.tokens.deactivated = False
        assert nightly.night(*telling(hook)).code == 0
    assert beats(hook) == ["/beat/fail", "/beat/fail", "/beat"]
    assert len(titles(hook)) >= 2


@pytest.mark.slow
def test_a_channel_that_fails_does_not_lose_the_run(nightly: Nightly, account: Sandbox) -> None:
    nightly.night()
    on(account)
    with webhook(500) as hook:
        ran = nightly.night(*telling(hook), "--fail-on", "high")
    assert ran.code == 1
    assert "got no message" in ran.err
    assert "the heartbeat was not sent" in ran.err
    assert len(nightly.runs()) == 2
    assert nightly.folders == []


def test_a_data_directory_of_others_is_told_of_too(nightly: Nightly) -> None:
    nightly.data.mkdir()
    nightly.data.chmod(0o1777)
    with webhook() as hook:
        ran = nightly.night(*telling(hook))
    assert ran.code == 2
    assert beats(hook) == ["/beat/fail"]
    assert len(titles(hook)) == 1


# what got no message is told the next time


@contextmanager
def losing(folder: Path, account: Sandbox) -> Iterator[None]:
    """A folder that was there when the night began, and is gone when it would write to it."""
    folder.mkdir()
    before = account.requests.total

    def lose() -> None:
        until(lambda: account.requests.total > before)
        folder.rmdir()

    thread = threading.Thread(target=lose)
    thread.start()
    yield
    thread.join()


@pytest.mark.parametrize("lost", ["report", slow("metrics")])
def test_a_file_that_cannot_be_written_keeps_back_neither_the_news_nor_other_files(
    nightly: Nightly, account: Sandbox, lost: str
) -> None:
    files = {"report": "a.html", "metrics": "a.prom", "bundle": "a.zip"} | {
        lost: f"gone/a.{'html' if lost == 'report' else 'prom'}"
    }
    with webhook() as hook:
        nightly.night(*telling(hook))
        on(account)
        with losing(nightly.folder / "gone", account):
            ran = nightly.night(
                *("--report", files["report"], "--report", files["bundle"]),
                *("--metrics", files["metrics"], *telling(hook)),
            )
        assert ran.code == 2
        assert f"{files[lost]} cannot be written: No such file or directory" in ran.err
        there = [each for key, each in files.items() if key != lost]
        assert all((nightly.folder / each).stat().st_size for each in there)
        (title,), (output,) = titles(hook), messages(hook)
        assert "1 critical setting got worse for 2 people, some steps failed" in title
        assert "Nothing was evaluated" not in output
        assert "cannot be written" in output
        assert beats(hook) == ["/beat", "/beat/fail"]
        assert len(nightly.runs()) == 2
        nightly.night(*telling(hook))
    assert titles(hook)[1:] == [f"SIMULATED Zoom audit of {account.account_id}: succeeded again"]


@pytest.mark.parametrize("expected_earlier", [True, slow(False)])
def test_what_a_run_found_that_had_to_wait_is_told_with_the_next(
    nightly: Nightly, account: Sandbox, monkeypatch: pytest.MonkeyPatch, expected_earlier: bool
) -> None:
    with webhook() as hook:
        nightly.night(*(telling(hook) if expected_earlier else ()))
        first = nightly.runs()[0]["id"]
        on(account)
        with monkeypatch.context() as patched:
            impatient(patched)
            file = nightly.data / "history.sqlite"
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert nightly.night(*telling(hook)).code == 4
                other.execute("ROLLBACK")
        ran = nightly.night(*telling(hook))
        assert f"Since run {first}: 1 setting newly broken " in ran.err
        nightly.night(*telling(hook))
    assert len(titles(hook)) == 2
    assert "Meeting summary with AI Companion off → on for 2 people" in titles(hook)[1]


@pytest.mark.slow
@pytest.mark.parametrize("expected_earlier", [True, False])
def test_what_no_channel_took_is_told_the_next_time_and_then_no_more(
    nightly: Nightly, account: Sandbox, expected_earlier: bool
) -> None:
    refused = "--notify", f"json://127.0.0.1:{closed_port()}/news"
    with webhook() as hook:
        nightly.night(*(telling(hook) if expected_earlier else ()))
        on(account)
        for _ in range(2):
            assert "got no message" in nightly.night(*refused).err
        assert titles(hook) == []
        nightly.night(*telling(hook))
        assert "Meeting summary with AI Companion off → on for 2 people" in titles(hook)[0]
        nightly.night(*telling(hook))
        assert len(titles(hook)) == 1


@pytest.mark.slow
def test_news_that_one_of_two_channels_took_comes_to_both_again(
    nightly: Nightly, account: Sandbox
) -> None:
    with webhook() as hook, webhook(500, 500, 500, 200) as late:
        both = *telling(hook), "--notify", f"json://{late.host}/news"
        nightly.night(*both)
        on(account)
        for _ in range(3):
            nightly.night(*both)
    assert len(titles(hook)) == 2
    assert len(titles(late)) == 4


def test_a_regression_that_an_audit_saw_first_is_told_by_the_night(
    nightly: Nightly, account: Sandbox
) -> None:
    with webhook() as hook:
        nightly.night(*telling(hook))
        on(account)
        assert nightly("audit", *FAST, env=STRICT).code == 0
        nightly.night(*telling(hook))
    assert "Meeting summary with AI Companion off → on for 2 people" in titles(hook)[0]


def test_what_nobody_asked_to_hear_of_is_no_news_later(nightly: Nightly, account: Sandbox) -> None:
    with webhook() as hook:
        only = *telling(hook), "--notify-on", "regressions"
        on(account)
        nightly.night(*only)
        account.change(level="account", setting=SUMMARY, value=False, operator="dana@example.com")
        nightly.night(*only)
        assert titles(hook) == []
        on(account)
        nightly.night(*only)
    assert len(titles(hook)) == 1


def test_if_the_last_announced_run_is_gone_the_previous_run_counts_and_a_message_says_so(
    nightly: Nightly, account: Sandbox
) -> None:
    with webhook() as hook:
        nightly.night(*telling(hook))
        (memory,) = (nightly.data / "told").iterdir()
        assert memory.read_text() == nightly.runs()[0]["id"]
        assert mode(memory) == 0o600
        memory.write_text("20200101T000000-000Z-000000")
        on(account)
        ran = nightly.night(*telling(hook))
    sentence = "Run 20200101T000000-000Z-000000, which was announced last, was removed"
    assert sentence in ran.err
    assert sentence in messages(hook)[0]
    assert "Meeting summary with AI Companion off → on for 2 people" in titles(hook)[0]


def test_a_comparison_that_fails_is_told_and_forgets_nothing(
    nightly: Nightly, account: Sandbox
) -> None:
    with webhook() as hook:
        nightly.night(*telling(hook))
        first = nightly.runs()[0]["id"]
        with closing(sqlite3.connect(nightly.data / "history.sqlite")) as history, history:
            history.execute("DELETE FROM evidence WHERE run_id=?", (first,))
        on(account)
        ran = nightly.night(*telling(hook))
    assert f"could not be compared with run {first}" in ran.err
    assert titles(hook)[0].endswith(": some steps failed")
    (memory,) = (nightly.data / "told").iterdir()
    assert memory.read_text() == first


@pytest.mark.slow
def test_a_night_whose_disk_fills_up_says_that_the_next_one_goes_on(tmp_path: Path) -> None:
    with served("drifted", users=150) as sandbox:
        nightly = Nightly(tmp_path, sandbox)
        running = nightly.begun(*FAST, first=growing_to(IN_THE_MIDDLE), env=UNMEASURED)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 4, err
    assert "Free some space, then continue with: auditor nightly" in err
    assert "--resume" not in err


@pytest.mark.slow
def test_an_interrupted_night_says_that_the_next_one_goes_on(tmp_path: Path) -> None:
    with lasting(tmp_path) as nightly:
        requests = nightly.account.requests
        running = nightly.begun("--max-rate", 40, "--rate-share", 1)
        until(lambda: requests.template(USER_SETTINGS) >= 1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "The evidence read so far is kept. Resume with: auditor nightly" in err
    assert "--resume" not in err


# a history that cannot be written


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = "auditor.store.database.Database.__init__.__defaults__"
    monkeypatch.setattr(patience, (0.2,))


def test_while_the_history_is_held_the_run_waits_in_its_folder(
    nightly: Nightly, monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly.night()
    impatient(monkeypatch)
    file = nightly.data / "history.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as other, webhook() as hook:
        other.execute("BEGIN IMMEDIATE")
        ran = nightly.night("--report", "a.json", *telling(hook))
        other.execute("ROLLBACK")
    assert ran.code == 4
    (waiting,) = nightly.folders
    assert "has been locked by another process" in ran.err
    assert f"Run {waiting} is not in the history yet" in ran.err
    assert json.loads((nightly.folder / "a.json").read_text())["run"]["id"] == waiting
    assert beats(hook) == ["/beat/fail"]
    assert len(nightly.runs()) == 1
    assert nightly.night().code == 0
    assert waiting in [each["id"] for each in nightly.runs()]
    assert len(nightly.runs()) == 3
    assert nightly.folders == []


def test_a_night_that_cannot_be_stored_fails_and_tells_what_it_found(
    nightly: Nightly, account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(account)
    monkeypatch.setattr("auditor.store.runs.Runs.archive", _gone)
    with webhook() as hook:
        ran = nightly.night("--report", "a.json", *telling(hook))
    assert ran.code == 4
    (waiting,) = nightly.folders
    assert f"Run {waiting} is not in the history yet" in ran.err
    (output,) = messages(hook)
    assert "Nothing was evaluated" not in output
    assert "could not be stored in the history" in output
    assert "Result: " in output
    assert "is broken" in output or "are broken" in output
    assert titles(hook)[0].endswith(" ended with errors")
    assert beats(hook) == ["/beat/fail"]


def _gone(*_: object) -> None:
    raise HistoryUnreachable("The history went away meanwhile.")


@pytest.mark.parametrize(
    ("store", "code", "reason"),
    [
        ("history.sqlite", 2, "AUDITOR_STORE is not the address of a database"),
        ("mysql://db/audits", 2, "AUDITOR_STORE names a mysql database"),
        ("postgresql://127.0.0.1:1/audits", 4, "cannot be reached"),
        ("", 2, "history.sqlite"),
    ],
)
def test_a_history_that_cannot_be_opened_ends_the_night_before_zoom_is_asked(
    nightly: Nightly, account: Sandbox, store: str, code: int, reason: str
) -> None:
    (nightly.data / "history.sqlite").mkdir(mode=0o700, parents=True)
    nightly.data.chmod(0o700)
    before = account.requests.total
    with webhook() as hook:
        ran = nightly.night(*telling(hook), env={"AUDITOR_STORE": store})
    assert (ran.code, account.requests.total) == (code, before)
    assert reason in ran.err
    assert beats(hook) == ["/beat/fail"]
    assert nightly.folders == []


def test_a_damaged_history_is_set_aside_whole_and_a_new_one_begun(nightly: Nightly) -> None:
    damage = b"no database at all" * 1000
    nightly.data.mkdir(mode=0o700)
    (nightly.data / "history.sqlite").write_bytes(damage)
    ran = nightly.night()
    (aside,) = nightly.data.glob("history.sqlite.damaged-*")
    assert ran.code == 0
    assert "damaged" in ran.err
    assert str(aside) in ran.err
    assert aside.read_bytes() == damage
    assert len(nightly.runs()) == 1
    assert nightly.night().code == 0
    assert len(nightly.runs()) == 2


@pytest.mark.slow
def test_old_runs_are_removed_and_young_ones_stay(nightly: Nightly) -> None:
    for _ in range(3):
        nightly.night()
    oldest = nightly.runs()[0]["id"]
    with closing(sqlite3.connect(nightly.data / "history.sqlite")) as history, history:
        history.execute(
            "UPDATE runs SET finished_at='2020-01-01T00:00:00.000Z' WHERE id=?", (oldest,)
        )
    ran = nightly.night("--keep-monthly", "0")
    assert "Removed 1 stored run; kept 3." in ran.err
    assert oldest not in [each["id"] for each in nightly.runs()]
