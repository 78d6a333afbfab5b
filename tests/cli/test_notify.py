"""`auditor notify`, and what other commands use of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from auditor.app.announcer import Announcer, parse_triggers
from auditor.cli.terminal import Terminal
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.errors import ExitCode
from auditor.notify.channels import NotifyError
from auditor.notify.triggers import DEFAULT, RunEvent, Trigger
from tests.cli.commands import answers, output_text, ran
from tests.keyrings import InMemory, current
from tests.notify.news import change, news
from tests.notify.receivers import closed_port, mail_server, webhook

SECRET = "T0kEnThatNobodyMaySee"
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def ring() -> Iterator[InMemory]:
    before, ring = current(), InMemory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_channel_is_added_listed_tested_and_removed() -> None:
    with webhook() as hook:
        url = f"json://{hook.host}/{SECRET}"
        added = ran("notify", "add", "ops", stdin=answers(url))
        assert added.exit_code == ExitCode.OK
        assert "Kept ops (json://127.0.0.1). Try it with: auditor notify test ops" in output_text(
            added
        )
        listed = ran("notify", "list")
        assert "ops json://127.0.0.1" in output_text(listed)
        tested = ran("notify", "test")
        assert tested.exit_code == ExitCode.OK
        assert output_text(tested) == "ops (json://127.0.0.1): sent"
    assert hook.documents[0]["title"] == "Zoom audit: a test message"
    assert output_text(ran("notify", "remove", "ops")) == "Removed ops."
    assert "No channels." in output_text(ran("notify", "list"))
    assert SECRET not in added.output + listed.output + tested.output


def test_an_address_can_come_from_standard_input() -> None:
    added = ran("notify", "add", "ops", "--stdin", stdin=f"\njsons://example.com/{SECRET}\n")
    assert output_text(added).startswith("Kept ops (jsons://example.com).")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "ops: A channel is an address"),
        (SECRET, "ops: A channel is an address"),
        (f"json://example.com/{SECRET}", "Use jsons:// in its place."),
        (f"json://localhost/{SECRET} json://localhost/b", "Give one address."),
    ],
)
def test_an_address_that_cannot_be_used_is_not_kept(
    address: str, message: str, ring: InMemory
) -> None:
    added = ran("notify", "add", "ops", "--stdin", stdin=address)
    assert added.exit_code == ExitCode.USAGE
    assert message in output_text(added)
    assert SECRET not in added.output
    assert ring.kept == {}


def test_nobody_is_asked_for_an_address_that_cannot_be_kept(ring: InMemory) -> None:
    assert "Address" not in ran("notify", "add", "a b", stdin="x\n").output
    keyring.set_keyring(keyring.backends.null.Keyring())  # type: ignore[attr-defined]
    refused = ran("notify", "add", "ops", stdin="x\n")
    assert refused.exit_code == ExitCode.USAGE
    assert "Address" not in refused.output
    assert "set AUDITOR_NOTIFY to their addresses" in output_text(refused)


def test_the_variable_goes_before_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    ran("notify", "add", "ops", "--stdin", stdin="jsons://example.com/a")
    monkeypatch.setenv("AUDITOR_NOTIFY", f"slack://{SECRET}/b/c jsons://example.org/{SECRET}")
    listed = ran("notify", "list")
    assert "AUDITOR_NOTIFY 1 slack AUDITOR_NOTIFY 2 jsons://example.org" in output_text(listed)
    assert "It counts in place of the channels kept." in output_text(listed)
    assert SECRET not in listed.output


def test_channels_are_tested_by_name() -> None:
    with webhook() as hook, mail_server() as box:
        for name, url in (
            ("hook", f"json://{hook.host}"),
            ("mail", f"mailto://{box.host}?from=a@example.com&to=b@example.com"),
        ):
            ran("notify", "add", name, "--stdin", stdin=url)
        assert ran("notify", "test", "mail").exit_code == ExitCode.OK
    assert (len(hook.seen), len(box.messages)) == (0, 1)
    assert box.messages[0]["Subject"] == "Zoom audit: a test message"


def test_a_test_that_did_not_arrive_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        monkeypatch.setenv(
            "AUDITOR_NOTIFY", f"json://{hook.host} json://127.0.0.1:{closed_port()}/?retry=0"
        )
        tested = ran("notify", "test")
    assert tested.exit_code == ExitCode.NOTHING_EVALUATED
    assert output_text(tested) == (
        "AUDITOR_NOTIFY 1 (json://127.0.0.1): sent "
        "AUDITOR_NOTIFY 2 (json://127.0.0.1): NOT SENT. The connection was refused."
    )


def test_nothing_to_test_is_a_mistake() -> None:
    assert ran("notify", "test").exit_code == ExitCode.USAGE
    assert ran("notify", "test", "ops").exit_code == ExitCode.USAGE
    assert ran("notify", "remove", "ops").exit_code == ExitCode.USAGE


def test_no_output_has_the_secret_of_an_address(tmp_path: Path) -> None:
    with webhook(200, 500) as hook:
        environment = {
            **os.environ,
            "AUDITOR_NOTIFY": f"json://kim:{SECRET}@{hook.host}/{SECRET}?key={SECRET}&retry=1",
            "PYTHONWARNINGS": "default",
        }
        outputs = [
            subprocess.run(
                [sys.executable, "-m", "auditor", "-vv", "notify", *words],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                timeout=60,
                check=False,
            )
            for words in (
                ["test"],
                ["test", "--log-format", "json"],
                ["list"],
                ["add", f"{SECRET}/"],
            )
        ]
    assert any(SECRET in path for path in hook.paths)
    assert [output.returncode for output in outputs] == [0, 4, 0, 2]
    for output in outputs:
        assert SECRET.encode() not in output.stdout + output.stderr, output
        assert b"Traceback" not in output.stderr


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return config.load()


def test_an_announcer_tells_the_news_and_gives_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook() as hook, webhook() as switch:
        announcer = Announcer.chosen(
            settings(
                monkeypatch,
                AUDITOR_NOTIFY=f"json://{hook.host}/{SECRET}",
                AUDITOR_HEARTBEAT=f"http://{switch.host}/{SECRET}",
            )
        )
        found = announcer.announce(news(change()), ExitCode.DEVIATIONS, Terminal())
    assert [each.sent for each in found] == [True]
    assert hook.documents[0]["title"] == "Zoom audit: 1 critical setting got worse for 1 user"
    assert switch.paths == [f"/{SECRET}"]
    assert "Told AUDITOR_NOTIFY (json://127.0.0.1)." in capsys.readouterr().err
    assert SECRET not in repr(announcer)


def test_channels_that_fail_are_said_and_raise_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = f"127.0.0.1:{closed_port()}/{SECRET}"
    announcer = Announcer.chosen(
        settings(monkeypatch), [f"json://{gone}?retry=0"], heartbeat_url=f"http://{gone}"
    )
    found = announcer.announce(
        RunEvent(None, stopped="Zoom could not be reached."), ExitCode.NOTHING_EVALUATED, Terminal()
    )
    assert [each.sent for each in found] == [False]
    message = capsys.readouterr().err
    assert "--notify (json://127.0.0.1) was not told. The connection was refused." in message
    assert "the heartbeat did not arrive. It could not be reached." in message
    assert SECRET not in message


def test_a_night_without_news_is_a_sign_of_life_and_no_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with webhook() as hook, webhook() as switch:
        announcer = Announcer.chosen(
            settings(monkeypatch),
            [f"json://{hook.host}"],
            heartbeat_url=f"http://{switch.host}/x",
        )
        assert announcer.announce(news(), ExitCode.INCOMPLETE, Terminal()) == []
    assert hook.seen == []
    assert switch.paths == ["/x/fail"]


def test_people_are_named_only_where_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        for names in (False, True):
            Announcer.chosen(settings(monkeypatch), [f"json://{hook.host}"], names=names).announce(
                news(change()), ExitCode.OK, Terminal()
            )
    assert ["Dana Levi" in each["message"] for each in hook.documents] == [False, True]


def test_a_channel_that_cannot_be_used_is_found_before_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for words in (["nobody"], [f"json://example.com/{SECRET}"], [f"slak://{SECRET}"]):
        with pytest.raises(NotifyError) as refused:
            Announcer.chosen(settings(monkeypatch), words)
        assert SECRET not in str(refused.value)
    with pytest.raises(NotifyError, match="must use https"):
        Announcer.chosen(settings(monkeypatch), heartbeat_url="http://example.com/x")


@pytest.mark.parametrize(
    ("words", "triggers"),
    [
        (None, DEFAULT),
        ("regressions", {Trigger.REGRESSIONS}),
        (" Incomplete, always ,", {Trigger.INCOMPLETE, Trigger.ALWAYS}),
    ],
)
def test_occasions_are_words_with_commas_between(
    words: str | None, triggers: frozenset[Trigger]
) -> None:
    assert parse_triggers(words) == triggers


@pytest.mark.parametrize("words", ["", " , ", "sometimes", "regressions,sometimes"])
def test_a_word_that_is_no_occasion_is_refused(words: str) -> None:
    with pytest.raises(NotifyError, match="regressions, incomplete, waivers, recovery, always"):
        parse_triggers(words)


def test_nobody_to_tell_and_no_heartbeat_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    announcer = Announcer.chosen(settings(monkeypatch))
    assert announcer == Announcer(channels=[])
    assert announcer.announce(news(change()), ExitCode.OK, Terminal()) == []
