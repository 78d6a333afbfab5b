"""The keyring of this machine: which it is, whether it works, and whether it may hold secrets."""

import getpass
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import NoKeyringError, PasswordDeleteError

from auditor.errors import AuditorError, ExitCode

SERVICE = "zoom-privacy-auditor"
"""The service name of the auditor's entries in a keyring."""
INDEX = "profiles"
"""The entry with the names of all profiles, because a keyring cannot list its entries."""

TRIAL = "trial"
"""The entry that is written and deleted to test whether a keyring is writable."""

TIMEOUT = 60.0
"""Seconds to wait for the system's keyring. It may open a password prompt, which an unattended
run cannot answer."""

ALTERNATIVES = (
    "the environment, filled by a secret manager (ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, "
    "ZOOM_CLIENT_SECRET)",
    "systemd credentials (LoadCredential, with files such as zoom_client_secret)",
    "an encrypted file (pip install keyrings.cryptfile), which asks for its password each time",
)
"""Places for credentials on a machine without a keyring, the best first."""

_ENCRYPTED_FILE = "encrypted file (keyrings.cryptfile)"
_NAMES = {
    "keyring.backends.SecretService.Keyring": "Secret Service (GNOME Keyring, KeePassXC)",
    "keyring.backends.libsecret.Keyring": "Secret Service (GNOME Keyring, KeePassXC)",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Manager",
    "keyring.backends.null.Keyring": "none (switched off)",
    "keyring.backends.fail.Keyring": "none",
    "keyrings.alt.file.PlaintextKeyring": "plain text file (keyrings.alt)",
    "keyrings.cryptfile.file.PlaintextKeyring": "plain text file (keyrings.cryptfile)",
    "keyrings.cryptfile.cryptfile.CryptFileKeyring": _ENCRYPTED_FILE,
}

Result = TypeVar("Result")


class KeyringState(StrEnum):
    """The state of a keyring."""

    WORKS = "works"
    NONE = "none"
    LOCKED = "locked"
    NOT_ENCRYPTED = "not encrypted"
    FAILS = "fails"


class KeyringUnavailable(AuditorError):
    """The keyring cannot be used. `reason` is a sentence; the message names the alternatives."""

    exit_code = ExitCode.USAGE

    def __init__(self, reason: str, state: KeyringState = KeyringState.FAILS) -> None:
        self.reason = reason
        self.state = state
        super().__init__(reason)

    def __str__(self) -> str:
        left = ALTERNATIVES[:2] if _ENCRYPTED_FILE in self.reason else ALTERNATIVES
        ways = "; ".join(f"({number}) {way}" for number, way in enumerate(left, 1))
        return (
            f"{self.reason} The auditor never writes credentials to a file of its own. "
            f"Other places for them, the best first: {ways}."
        )


@dataclass(frozen=True, slots=True)
class KeyringStatus:
    """The keyring in use: its display name, its class, and its state."""

    name: str
    backend: str
    state: KeyringState
    detail: str = ""
    """The reason as a sentence, if it does not work."""


def in_use() -> KeyringBackend:
    """The keyring that is configured or detected on this machine.

    Raises:
        KeyringUnavailable: it cannot be loaded.
    """
    try:
        return keyring.get_keyring()
    except Exception as error:  # a third-party module may raise anything on import
        raise KeyringUnavailable(
            f"The configured keyring cannot be loaded ({type(error).__name__}: {error}). "
            "Check PYTHON_KEYRING_BACKEND and keyringrc.cfg."
        ) from error


def parts(ring: KeyringBackend) -> list[KeyringBackend]:
    """The keyrings that `ring` chains, in order; `ring` itself if it is a single one."""
    return list(ring.backends) if isinstance(ring, chainer.ChainerBackend) else [ring]


def is_plain_text(ring: KeyringBackend) -> bool:
    """True for backends that store secrets in an unencrypted file.

    keyrings.alt has some, keyrings.cryptfile has one besides its encrypted backend; all are named
    PlaintextKeyring.
    """
    return any("plaintext" in kind.__name__.lower() for kind in type(ring).__mro__)


def writable_backends(ring: KeyringBackend, allow_plain_text: bool = False) -> list[KeyringBackend]:
    """The keyrings that may hold secrets, the preferred one first.

    Raises:
        KeyringUnavailable: there is none.
    """
    usable = [part for part in parts(ring) if not isinstance(part, fail.Keyring | null.Keyring)]
    if not usable:
        raise KeyringUnavailable(_no_keyring(ring), KeyringState.NONE)
    encrypted = [part for part in usable if not is_plain_text(part)]
    if not encrypted and not allow_plain_text:
        raise KeyringUnavailable(
            f"The only keyring here, {name_of(usable[0])}, stores secrets unencrypted, so nothing "
            f"was stored. To store them anyway, use --allow-plaintext-keyring.",
            KeyringState.NOT_ENCRYPTED,
        )
    return encrypted or usable


def name_of(ring: KeyringBackend) -> str:
    """The display name of the keyring."""
    if isinstance(ring, chainer.ChainerBackend):
        return ", then ".join(map(name_of, parts(ring))) or "none"
    path = class_path(ring)
    return _NAMES.get(path, path)


def class_path(ring: KeyringBackend) -> str:
    """The class path of the keyring, as in PYTHON_KEYRING_BACKEND."""
    return f"{type(ring).__module__}.{type(ring).__qualname__}"


def keyring_status() -> KeyringStatus:
    """The state of the keyring in use, tested by reading the list of profiles."""
    try:
        ring = in_use()
    except KeyringUnavailable as error:
        return KeyringStatus("none", "", error.state, error.reason)
    name, path = name_of(ring), class_path(ring)
    try:
        chosen = writable_backends(ring)
        call_keyring(ring, lambda: ring.get_password(SERVICE, INDEX))
    except KeyringUnavailable as error:
        return KeyringStatus(name, path, error.state, error.reason)
    return KeyringStatus(name_of(chosen[0]), path, KeyringState.WORKS)


def get(ring: KeyringBackend, entry: str) -> str | None:
    """The value of `entry`; None if the keyring has none.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    return call_keyring(ring, partial(ring.get_password, SERVICE, entry))


def put(ring: KeyringBackend, chosen: Iterable[KeyringBackend], entry: str, value: str) -> str:
    """Write to the first writable keyring of `chosen`, and return its display name.

    The value is read back through `ring`, as later reads do.

    Raises:
        KeyringUnavailable: none of them stores it.
    """
    for place in chosen:
        try:
            call_keyring(place, partial(place.set_password, SERVICE, entry, value))
        except NotImplementedError:  # some only read, such as those for package indexes
            continue
        if get(ring, entry) == value:
            return name_of(place)
        break
    raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not store the secret.")


def try_writing(ring: KeyringBackend, chosen: Iterable[KeyringBackend]) -> None:
    """Test that a file-based keyring is writable.

    The system's keyring is not tested, because each access may open a password prompt.

    Raises:
        KeyringUnavailable: it is not writable.
    """
    if _is_of_the_system(ring):
        return
    put(ring, chosen, TRIAL, "tried")
    delete(ring, TRIAL)


def delete(ring: KeyringBackend, entry: str) -> bool:
    """Delete `entry`; False if it did not exist.

    Raises:
        KeyringUnavailable: the keyring does not work, or does not delete it.
    """
    existed = False
    for part in parts(ring):
        if get(part, entry) is None:
            continue
        existed = True
        call_keyring(part, partial(_forget, part, entry))
    if existed and get(ring, entry) is not None:
        raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not delete the secret.")
    return existed


def _forget(place: KeyringBackend, entry: str) -> None:
    with suppress(NotImplementedError, PasswordDeleteError):  # the caller checks that it is gone
        place.delete_password(SERVICE, entry)


def call_keyring(ring: KeyringBackend, call: Callable[[], Result]) -> Result:
    """Return the result of `call`, which uses the keyring.

    Raises:
        KeyringUnavailable: it raises any other error, or takes longer than `TIMEOUT`.
        NotImplementedError: this keyring is read-only.
    """
    try:
        return _with_timeout(call) if _is_of_the_system(ring) else _without_prompt(call)
    except (NotImplementedError, KeyringUnavailable):
        raise  # both are specific already; other errors are translated below
    except Exception as error:  # keyrings raise what their libraries raise
        raise _as_unavailable(ring, error) from error


def _is_of_the_system(ring: KeyringBackend) -> bool:
    """True for keyrings that may open a window. Others prompt on the terminal, in this thread."""
    return any(type(part).__module__.startswith("keyring.backends.") for part in parts(ring))


def _without_prompt(call: Callable[[], Result]) -> Result:
    """Return the result of `call`; fail instead of prompting without a terminal.

    `getpass` would only warn, and read the first line of standard input, which is a credential.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        return call()


def _with_timeout(call: Callable[[], Result]) -> Result:
    results: list[Result] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True, name="keyring")
    thread.start()
    thread.join(TIMEOUT)
    if errors:
        raise errors[0]
    if not results:
        raise KeyringUnavailable(
            f"The keyring did not respond within {TIMEOUT:g} seconds. It may be showing a window "
            f"that asks for its password.",
            KeyringState.LOCKED,
        )
    return results[0]


def _no_keyring(ring: KeyringBackend) -> str:
    if any(isinstance(part, null.Keyring) for part in parts(ring)):
        return "The keyring is switched off on this machine (PYTHON_KEYRING_BACKEND)."
    return "This machine has no working keyring: none is installed, or there is no D-Bus."


def _as_unavailable(ring: KeyringBackend, error: Exception) -> KeyringUnavailable:
    if isinstance(error, NoKeyringError):
        return KeyringUnavailable(_no_keyring(ring), KeyringState.NONE)
    name = name_of(ring)
    text = f"{type(error).__name__}: {error}".lower()
    if "locked" in text or "dismissed" in text or "unlock" in text:
        return KeyringUnavailable(
            f"The keyring, {name}, is locked. On a desktop, log in or unlock it; on a server, use "
            f"another place.",
            KeyringState.LOCKED,
        )
    if "mac check" in text or "incorrect password" in text:
        return KeyringUnavailable(
            f"The keyring, {name}, did not open: the password is wrong.", KeyringState.LOCKED
        )
    if isinstance(error, EOFError | getpass.GetPassWarning):
        return KeyringUnavailable(
            f"The keyring, {name}, asks for a password, but there is no terminal. Run the command "
            f"on a terminal.",
            KeyringState.LOCKED,
        )
    return KeyringUnavailable(f"The keyring, {name}, failed ({type(error).__name__}: {error}).")
