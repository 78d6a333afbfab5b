"""What is announced of a job, to whom, and what is said where that fails."""

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
from tests.keyrings import InMemory, current
from tests.notify.news import change, news
from tests.notify.receivers import closed_port, webhook

SECRET = "T0kEnThatNobodyMaySee"


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemory]:
    monkeypatch.setenv("AUDITOR_HOME", str(tmp_path))
    before, ring = current(), InMemory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


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
    assert hook.documents[0]["title"] == "Zoom audit: 1 critical setting got worse for 1 person"
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
        RunEvent(None, failure="Zoom could not be reached."), ExitCode.NOTHING_EVALUATED, Terminal()
    )
    assert [each.sent for each in found] == [False]
    message = capsys.readouterr().err
    assert "--notify (json://127.0.0.1) got no message. The connection was refused." in message
    assert "the heartbeat was not sent. It could not be reached." in message
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
