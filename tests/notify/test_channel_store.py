"""Channels in the keyring: by name, never in a file, never shown."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from auditor.notify import channel_store
from auditor.notify.channels import Channel, NotifyError
from auditor.secrets.backends import SERVICE
from tests.keyrings import InMemory, Locked, current

SECRET = "T0kEnThatNobodyMaySee"
OPS = Channel("ops", f"jsons://hooks.example.com/{SECRET}")
MAIL = Channel("mail", f"mailtos://auditor:{SECRET}@example.com")


@pytest.fixture
def ring() -> Iterator[InMemory]:
    yield from _in_force(InMemory())


@pytest.fixture
def locked() -> Iterator[KeyringBackend]:
    yield from _in_force(Locked())


def _in_force(ring: InMemory) -> Iterator[InMemory]:
    before = current()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.mark.usefixtures("ring")
def test_channels_are_kept_by_name() -> None:
    channel_store.save(OPS)
    channel_store.save(MAIL)
    assert channel_store.load() == [MAIL, OPS]


@pytest.mark.usefixtures("ring")
def test_a_channel_of_the_same_name_is_replaced() -> None:
    channel_store.save(OPS)
    channel_store.save(Channel("ops", MAIL.url))
    assert channel_store.load() == [Channel("ops", MAIL.url)]


def test_a_channel_that_is_removed_leaves_nothing_behind(ring: InMemory) -> None:
    channel_store.save(OPS)
    channel_store.save(MAIL)
    channel_store.forget("ops")
    assert channel_store.load() == [MAIL]
    assert not any(SECRET in value for (_, entry), value in ring.kept.items() if "ops" in entry)


@pytest.mark.usefixtures("ring")
def test_a_channel_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(NotifyError, match='No channel is called "ops"'):
        channel_store.forget("ops")


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 41, "a/b", "slack://x"])
def test_a_name_is_a_short_word(name: str) -> None:
    with pytest.raises(NotifyError, match="up to 40 letters"):
        channel_store.save(Channel(name, OPS.url))


@pytest.mark.parametrize("content", ["not json", "3", "null"])
def test_a_damaged_list_of_names_is_none(ring: InMemory, content: str) -> None:
    ring.set_password(SERVICE, "notify", content)
    assert channel_store.load() == []


def test_a_channel_whose_address_is_gone_is_left_out(ring: InMemory) -> None:
    channel_store.save(OPS)
    ring.delete_password(SERVICE, "notify/ops")
    assert channel_store.load() == []


@pytest.mark.usefixtures("locked")
def test_a_keyring_that_fails_keeps_nothing_and_says_what_to_do() -> None:
    with pytest.raises(NotifyError, match="set AUDITOR_NOTIFY to the addresses") as refused:
        channel_store.save(OPS)
    assert SECRET not in str(refused.value)


def test_without_a_keyring_the_advice_is_given() -> None:
    with pytest.raises(NotifyError, match="set AUDITOR_NOTIFY to the addresses"):
        channel_store.check_writable("ops")


@pytest.mark.usefixtures("ring")
def test_without_a_word_all_channels_kept_are_reported() -> None:
    channel_store.save(OPS)
    channel_store.save(MAIL)
    assert channel_store.resolve([]) == [MAIL, OPS]


@pytest.mark.usefixtures("ring")
def test_the_variable_goes_before_the_keyring_and_the_command_line_before_both() -> None:
    channel_store.save(OPS)
    channel_store.save(MAIL)
    assert channel_store.resolve([], "ops") == [OPS]
    assert channel_store.resolve(["mail"], "ops") == [MAIL]
    assert channel_store.resolve([], "\n json://a\tjson://b ") == [
        Channel("AUDITOR_NOTIFY 1", "json://a"),
        Channel("AUDITOR_NOTIFY 2", "json://b"),
    ]
    assert channel_store.resolve(["json://a"], "ops") == [Channel("--notify", "json://a")]


@pytest.mark.usefixtures("locked")
def test_a_locked_keyring_does_not_keep_an_audit_from_running(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert channel_store.resolve([]) == []
    assert "No message is sent to the channels in the keyring" in caplog.text


def test_no_keyring_and_no_channels_is_nothing_to_speak_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert channel_store.resolve([]) == []
    assert caplog.text == ""


def test_addresses_need_no_keyring() -> None:
    assert channel_store.resolve(["json://a"]) == [Channel("--notify", "json://a")]


@pytest.mark.usefixtures("ring")
def test_a_word_of_the_variable_that_is_no_channel_is_not_repeated() -> None:
    with pytest.raises(NotifyError) as refused:
        channel_store.resolve([], SECRET)
    assert "AUDITOR_NOTIFY" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.usefixtures("ring")
def test_a_name_of_the_command_line_that_is_no_channel_is_named() -> None:
    with pytest.raises(NotifyError, match='No channel is called "opps"'):
        channel_store.resolve(["opps"])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (OPS.url, "jsons://hooks.example.com"),
        (MAIL.url, "mailtos://example.com"),
        (f"slack://{SECRET}/b/c", "slack"),
        (f"ntfys://{SECRET}", "ntfys"),
        (f"tgram://{SECRET}/1", "tgram"),
        (f"https://hooks.slack.com/services/{SECRET}", "https://hooks.slack.com"),
        (f"mailtos://user:p@{SECRET}/x@example.com", "mailtos"),
        (f"jsons://[{SECRET}", "jsons"),
        (SECRET, ""),
    ],
)
def test_a_channel_shows_its_service_and_only_hosts_that_are_no_secret(
    url: str, shown: str
) -> None:
    channel = Channel("ops", url)
    assert channel.shown == shown
    assert SECRET not in repr(channel)


def test_a_keyring_that_only_reads_is_reported(
    ring: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(ring, "set_password", refuse)
    with pytest.raises(NotifyError, match="did not store the secret"):
        channel_store.save(OPS)


def test_a_keyring_that_does_not_let_go_is_reported(
    ring: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PasswordDeleteError

    channel_store.save(OPS)
    monkeypatch.setattr(ring, "delete_password", refuse)
    with pytest.raises(NotifyError, match="did not delete the secret"):
        channel_store.forget("ops")


@pytest.mark.usefixtures("locked")
def test_a_locked_keyring_is_reported_where_a_name_was_requested() -> None:
    for call in (
        lambda: channel_store.resolve(["ops"]),
        lambda: channel_store.forget("ops"),
        channel_store.load,
    ):
        with pytest.raises(NotifyError, match="set AUDITOR_NOTIFY to the addresses"):
            call()


@pytest.mark.usefixtures("ring")
def test_channels_are_never_kept_in_a_file_without_encryption(tmp_path: Path) -> None:
    from keyrings.alt.file import PlaintextKeyring

    plain = PlaintextKeyring()
    plain.file_path = str(tmp_path / "keyring.cfg")
    keyring.set_keyring(plain)
    with pytest.raises(NotifyError, match="stores secrets unencrypted"):
        channel_store.save(OPS)
    assert list(tmp_path.iterdir()) == []
