"""`auditor notify`: the channels are kept, listed, tried out and removed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import null

from auditor.errors import ExitCode
from tests.cli.commands import answers, output_text, ran
from tests.keyrings import InMemory, current
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
        assert "json://127.0.0.1" in output_text(added)
        assert "auditor notify test ops" in output_text(added)
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
        ("", "ops: This is not a channel address"),
        (SECRET, "ops: This is not a channel address"),
        (f"json://example.com/{SECRET}", "Use jsons:// instead."),
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
    keyring.set_keyring(null.Keyring())
    refused = ran("notify", "add", "ops", stdin="x\n")
    assert refused.exit_code == ExitCode.USAGE
    assert "Address" not in refused.output
    assert "set AUDITOR_NOTIFY to the addresses" in output_text(refused)


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
    assert "AUDITOR_NOTIFY 1 (json://127.0.0.1): sent" in output_text(tested)
    assert "AUDITOR_NOTIFY 2 (json://127.0.0.1): NOT SENT" in output_text(tested)


def test_nothing_to_test_is_a_mistake() -> None:
    assert ran("notify", "test").exit_code == ExitCode.USAGE
    assert ran("notify", "test", "ops").exit_code == ExitCode.USAGE
    assert ran("notify", "remove", "ops").exit_code == ExitCode.USAGE


@pytest.mark.slow
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
