"""The keyring stores all of a profile or nothing, and never unencrypted."""

import configparser
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import InitError, KeyringLocked, NoKeyringError
from keyrings.alt.file import EncryptedKeyring, PlaintextKeyring
from keyrings.cryptfile.cryptfile import CryptFileKeyring
from keyrings.cryptfile.file import PlaintextKeyring as OtherPlaintextKeyring

from auditor.redaction.text import redact_text
from auditor.secrets import backends
from auditor.secrets import credentials as keyring_store
from auditor.secrets.backends import SERVICE, KeyringState, KeyringUnavailable, keyring_status
from tests.keyrings import InMemory, current

VALUES = {"account_id": "acc", "client_id": "cid", "client_secret": "hush-hush"}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = current()
    yield
    keyring.set_keyring(before)


def use(ring: KeyringBackend) -> KeyringBackend:
    keyring.set_keyring(ring)
    return ring


@pytest.fixture
def ring() -> InMemory:
    made = InMemory()
    use(made)
    return made


class Chain(chainer.ChainerBackend):
    """A chain of these keyrings."""

    def __init__(self, *rings: KeyringBackend) -> None:
        chainer.ChainerBackend.__init__(self)
        self.rings = list(rings)

    @property
    def backends(self) -> list[KeyringBackend]:
        return self.rings


class Raising(InMemory):
    """Raises on every access, or once, on a write."""

    def __init__(self, error: Exception, writes: int | None = None) -> None:
        super().__init__()
        self.error, self.writes = error, writes

    def get_password(self, service: str, username: str) -> str | None:
        if self.writes is None:
            raise self.error
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.writes is not None:
            self.writes -= 1
            if self.writes == -1:
                raise self.error
        super().set_password(service, username, password)


class ReadOnly(InMemory):
    """Read-only, like the keyrings for package indexes."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


def test_what_is_kept_is_found_again_by_profile(ring: InMemory) -> None:
    keyring_store.save("default", VALUES)
    keyring_store.save("branch", {**VALUES, "account_id": "other"})
    assert keyring_store.load("default", "client_secret") == "hush-hush"
    assert keyring_store.load("branch", "account_id") == "other"
    assert keyring_store.load("third", "account_id") is None
    assert keyring_store.profiles() == ["branch", "default"]


def test_what_is_removed_is_gone_and_the_rest_stays(ring: InMemory) -> None:
    keyring_store.save("default", VALUES)
    keyring_store.save("branch", VALUES)
    assert keyring_store.remove("default")
    assert keyring_store.profiles() == ["branch"]
    assert keyring_store.load("default", "client_secret") is None
    assert not keyring_store.remove("default")
    assert keyring_store.remove("branch")
    assert ring.kept == {}


def test_what_was_stored_without_the_list_of_profiles_is_removed_too(ring: InMemory) -> None:
    ring.set_password(SERVICE, "default:client_id", "cid")
    assert keyring_store.remove("default")
    assert ring.kept == {}


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_a_keyring_that_fails_halfway_keeps_nothing_and_tells_no_secret(writes: int) -> None:
    ring = use(Raising(OSError("no room for hush-hush"), writes))
    with pytest.raises(KeyringUnavailable, match="no room") as caught:
        keyring_store.save("default", VALUES)
    assert isinstance(ring, Raising)
    assert ring.kept == {}
    assert "hush-hush" not in str(caught.value)


def test_a_keyring_that_fails_halfway_leaves_what_was_there(ring: InMemory) -> None:
    keyring_store.save("default", VALUES)
    failing = Raising(OSError("full"), 1)
    failing.kept = dict(ring.kept)
    use(failing)
    with pytest.raises(KeyringUnavailable):
        keyring_store.save("default", {name: f"new-{value}" for name, value in VALUES.items()})
    assert failing.kept == ring.kept


@pytest.mark.parametrize(
    ("ring", "state", "message"),
    [
        (fail.Keyring(), KeyringState.NONE, "no working keyring"),
        (null.Keyring(), KeyringState.NONE, "switched off"),
        (Chain(), KeyringState.NONE, "no working keyring"),
        (Chain(fail.Keyring(), null.Keyring()), KeyringState.NONE, "switched off"),
        (PlaintextKeyring(), KeyringState.NOT_ENCRYPTED, "unencrypted"),
        (OtherPlaintextKeyring(), KeyringState.NOT_ENCRYPTED, "unencrypted"),
        (
            Chain(PlaintextKeyring(), OtherPlaintextKeyring()),
            KeyringState.NOT_ENCRYPTED,
            "unencrypted",
        ),
        (
            Raising(KeyringLocked("Failed to unlock the collection!")),
            KeyringState.LOCKED,
            "is locked",
        ),
        (Raising(InitError("Prompt dismissed..")), KeyringState.LOCKED, "is locked"),
        (Raising(EOFError()), KeyringState.LOCKED, "no terminal"),
        (Raising(ValueError("MAC check failed")), KeyringState.LOCKED, "password is wrong"),
        (Raising(NoKeyringError("none")), KeyringState.NONE, "no working keyring"),
        (Raising(OSError("no bus")), KeyringState.FAILS, "failed .OSError: no bus"),
        (ReadOnly(), None, "did not store"),
    ],
)
def test_if_no_keyring_works_it_says_so_and_names_the_alternatives_in_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ring: KeyringBackend,
    state: KeyringState | None,
    message: str,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    use(ring)
    with pytest.raises(KeyringUnavailable, match=message) as caught:
        keyring_store.save("default", VALUES)
    message = str(caught.value)
    order = ["a secret manager", "systemd credentials", "pip install keyrings.cryptfile"]
    assert [message.index(way) for way in order] == sorted(message.index(way) for way in order)
    assert redact_text(message) == message
    assert list(tmp_path.rglob("*")) == []
    if state is not None:
        assert caught.value.state is state
        assert keyring_status().state is state
        assert keyring_status().detail == caught.value.reason


def test_a_keyring_that_keeps_nothing_is_found_out() -> None:
    class Forgetful(InMemory):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    use(Forgetful())
    with pytest.raises(KeyringUnavailable, match="did not store"):
        keyring_store.save("default", VALUES)


def test_a_plain_text_keyring_is_used_only_when_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    use(PlaintextKeyring())
    assert "plain text" in keyring_store.save("default", VALUES, allow_plain_text=True)
    assert keyring_store.load("default", "client_secret") == "hush-hush"
    assert keyring_status().state is KeyringState.NOT_ENCRYPTED


def test_beside_an_encrypted_keyring_the_plain_one_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    encrypted = InMemory()
    use(Chain(PlaintextKeyring(), ReadOnly(), encrypted))
    keyring_store.save("default", VALUES)
    assert encrypted.kept[SERVICE, "default:client_secret"] == "hush-hush"
    assert list(tmp_path.rglob("*")) == []
    assert keyring_status().state is KeyringState.WORKS


def test_what_lies_in_several_keyrings_is_removed_from_all() -> None:
    first, second = InMemory(), InMemory()
    use(Chain(first, second))
    for ring in (first, second):
        ring.set_password(SERVICE, "default:client_secret", "hush-hush")
    assert keyring_store.remove("default")
    assert first.kept == second.kept == {}


def test_a_keyring_that_does_not_let_go_is_said_so() -> None:
    class Holding(InMemory):
        def delete_password(self, service: str, username: str) -> None:
            raise NotImplementedError

    ring = use(Holding())
    ring.set_password(SERVICE, "default:client_secret", "hush-hush")
    with pytest.raises(KeyringUnavailable, match="did not delete"):
        keyring_store.remove("default")


def test_a_keyring_that_waits_for_a_person_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, over = threading.Event(), threading.Event()

    class Waiting(InMemory):
        __module__ = "keyring.backends.SecretService"

        def get_password(self, service: str, username: str) -> str | None:
            over.wait(60)
            answered.set()
            return None

    monkeypatch.setattr(backends, "TIMEOUT", 0.05)
    use(Waiting())
    with pytest.raises(KeyringUnavailable, match="did not respond within") as caught:
        keyring_store.load("default", "client_id")
    assert not answered.is_set()
    over.set()
    assert caught.value.state is KeyringState.LOCKED


@pytest.mark.parametrize("name", ["no.such.module.Keyring", "keyring.backends.null.Nothing", "x"])
def test_a_configured_keyring_that_cannot_be_loaded_is_said_so(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(KeyringUnavailable, match="PYTHON_KEYRING_BACKEND"):
        keyring_store.load("default", "client_id")
    assert keyring_status().state is KeyringState.FAILS


def test_the_encrypted_file_that_is_recommended_really_encrypts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(CryptFileKeyring, "time_cost", 1)
    monkeypatch.setattr(CryptFileKeyring, "memory_cost", 1024)
    ring = CryptFileKeyring()
    ring.keyring_key = "a password"
    use(ring)
    assert "encrypted file" in keyring_store.save("default", VALUES)
    again = CryptFileKeyring()
    again.keyring_key = "a password"
    use(again)
    assert keyring_store.load("default", "client_secret") == "hush-hush"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        parsed = configparser.RawConfigParser()
        parsed.read(path)
        assert "hush-hush" not in path.read_text()
    wrong = CryptFileKeyring()
    with pytest.raises(ValueError, match="MAC check failed"):
        wrong.keyring_key = "another password"


def test_encrypted_keyrings_are_not_taken_for_plain_ones() -> None:
    assert not backends.is_plain_text(EncryptedKeyring())
    assert not backends.is_plain_text(CryptFileKeyring())
    assert backends.is_plain_text(PlaintextKeyring())
