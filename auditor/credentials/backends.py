"""Which keyring this machine has, whether it works, and whether it is a place for secrets."""

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
"""Under this name a keyring keeps what is ours."""
INDEX = "profiles"
"""The entry that holds the names of all profiles: a keyring cannot list what it keeps."""

TRIAL = "trial"
"""The entry that is written, and removed, to see whether a keyring can be written to."""

PATIENCE = 60.0
"""Seconds in which the system's keyring has to answer. It may show a window that asks for its
password, which nobody sees at night."""

ALTERNATIVES = (
    "the environment, filled by a secret manager (ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, "
    "ZOOM_CLIENT_SECRET)",
    "systemd credentials (LoadCredential, with files such as zoom_client_secret)",
    "an encrypted file (pip install keyrings.cryptfile), which asks for its password each time",
)
"""Where credentials can be on a machine without a keyring, the best first."""

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
    """What can be said of a keyring."""

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
            f"{self.reason} The auditor writes credentials to no file of its own. Other places "
            f"for them, the best first: {ways}."
        )


@dataclass(frozen=True, slots=True)
class KeyringStatus:
    """The keyring in use: its name for people, its class, and what can be said of it."""

    name: str
    backend: str
    state: KeyringState
    detail: str = ""
    """A sentence, where it does not simply work."""


def in_use() -> KeyringBackend:
    """The keyring that was configured for this machine or found on it.

    Raises:
        KeyringUnavailable: it cannot be loaded.
    """
    try:
        return keyring.get_keyring()
    except Exception as error:  # whatever a module of somebody else's raises when it is loaded
        raise KeyringUnavailable(
            f"The keyring that is configured cannot be loaded ({type(error).__name__}: {error}). "
            "Check PYTHON_KEYRING_BACKEND and keyringrc.cfg."
        ) from error


def parts(ring: KeyringBackend) -> list[KeyringBackend]:
    """The keyrings that `ring` asks one after another; itself where it is a single one."""
    return list(ring.backends) if isinstance(ring, chainer.ChainerBackend) else [ring]


def is_plain_text(ring: KeyringBackend) -> bool:
    """True for the backends that keep secrets in a file without encryption.

    keyrings.alt has some, keyrings.cryptfile has one beside its encrypted one, and all are called
    PlaintextKeyring.
    """
    return any("plaintext" in kind.__name__.lower() for kind in type(ring).__mro__)


def writable_backends(ring: KeyringBackend, allow_plain_text: bool = False) -> list[KeyringBackend]:
    """The keyrings that secrets may be written to, the preferred one first.

    Raises:
        KeyringUnavailable: there is none.
    """
    usable = [part for part in parts(ring) if not isinstance(part, fail.Keyring | null.Keyring)]
    if not usable:
        raise KeyringUnavailable(_no_keyring(ring), KeyringState.NONE)
    encrypted = [part for part in usable if not is_plain_text(part)]
    if not encrypted and not allow_plain_text:
        raise KeyringUnavailable(
            f"The only keyring here, {name_of(usable[0])}, keeps secrets unencrypted, so nothing "
            "was stored. --allow-plaintext-keyring would store them all the same.",
            KeyringState.NOT_ENCRYPTED,
        )
    return encrypted or usable


def name_of(ring: KeyringBackend) -> str:
    """What people call the keyring."""
    if isinstance(ring, chainer.ChainerBackend):
        return ", then ".join(map(name_of, parts(ring))) or "none"
    path = class_path(ring)
    return _NAMES.get(path, path)


def class_path(ring: KeyringBackend) -> str:
    """The keyring as PYTHON_KEYRING_BACKEND names it."""
    return f"{type(ring).__module__}.{type(ring).__qualname__}"


def keyring_status() -> KeyringStatus:
    """What can be said of the keyring in use. It is asked for something harmless to find out."""
    try:
        ring = in_use()
    except KeyringUnavailable as error:
        return KeyringStatus("none", "", error.state, error.reason)
    name, path = name_of(ring), class_path(ring)
    try:
        chosen = writable_backends(ring)
        asked(ring, lambda: ring.get_password(SERVICE, INDEX))
    except KeyringUnavailable as error:
        return KeyringStatus(name, path, error.state, error.reason)
    return KeyringStatus(name_of(chosen[0]), path, KeyringState.WORKS)


def get(ring: KeyringBackend, entry: str) -> str | None:
    """What the keyring keeps under `entry`; None where nothing.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    return asked(ring, partial(ring.get_password, SERVICE, entry))


def put(ring: KeyringBackend, chosen: Iterable[KeyringBackend], entry: str, value: str) -> str:
    """Write to the first of the `chosen` places that writes; the name of the keyring it went to.

    It is read back, as it will be read later.

    Raises:
        KeyringUnavailable: none of them keeps it.
    """
    for place in chosen:
        try:
            asked(place, partial(place.set_password, SERVICE, entry, value))
        except NotImplementedError:  # some only read, such as those for package indexes
            continue
        if get(ring, entry) == value:
            return name_of(place)
        break
    raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not keep what it was given.")


def try_writing(ring: KeyringBackend, chosen: Iterable[KeyringBackend]) -> None:
    """Make sure that a file can be written to, where that is what the keyring is.

    The system's keyring is not tried: it could show a window once more than needed.

    Raises:
        KeyringUnavailable: it cannot be.
    """
    if _is_of_the_system(ring):
        return
    put(ring, chosen, TRIAL, "tried")
    delete(ring, TRIAL)


def delete(ring: KeyringBackend, entry: str) -> bool:
    """Forget what is kept under `entry`; False where nothing was.

    Raises:
        KeyringUnavailable: the keyring does not work, or does not let go of it.
    """
    found = False
    for part in parts(ring):
        if get(part, entry) is None:
            continue
        found = True
        asked(part, partial(_forget, part, entry))
    if found and get(ring, entry) is not None:
        raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not delete what it keeps.")
    return found


def _forget(place: KeyringBackend, entry: str) -> None:
    with suppress(NotImplementedError, PasswordDeleteError):  # whether it is gone is looked at
        place.delete_password(SERVICE, entry)


def asked(ring: KeyringBackend, call: Callable[[], Result]) -> Result:
    """What `call`, which uses the keyring, returns.

    Raises:
        KeyringUnavailable: it fails, in whatever way, or takes more than `PATIENCE`.
        NotImplementedError: this keyring only reads.
    """
    try:
        return _with_timeout(call) if _is_of_the_system(ring) else _without_prompt(call)
    except (NotImplementedError, KeyringUnavailable):
        raise  # both say already what they mean; the rest is explained below
    except Exception as error:  # keyrings raise what their libraries raise
        raise _explained(ring, error) from error


def _is_of_the_system(ring: KeyringBackend) -> bool:
    """True for keyrings that may show a window. Others ask on the terminal, in this thread."""
    return any(type(part).__module__.startswith("keyring.backends.") for part in parts(ring))


def _without_prompt(call: Callable[[], Result]) -> Result:
    """What `call` returns; without a terminal nobody is asked for a password.

    Python would warn, and take the first line of standard input for it: a credential.
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
    thread.join(PATIENCE)
    if errors:
        raise errors[0]
    if not results:
        raise KeyringUnavailable(
            f"The keyring did not answer within {PATIENCE:g} seconds. It may show a window that "
            "asks for its password.",
            KeyringState.LOCKED,
        )
    return results[0]


def _no_keyring(ring: KeyringBackend) -> str:
    if any(isinstance(part, null.Keyring) for part in parts(ring)):
        return "The keyring is switched off on this machine (PYTHON_KEYRING_BACKEND)."
    return "This machine has no keyring that works: none is installed, or there is no D-Bus."


def _explained(ring: KeyringBackend, error: Exception) -> KeyringUnavailable:
    if isinstance(error, NoKeyringError):
        return KeyringUnavailable(_no_keyring(ring), KeyringState.NONE)
    name = name_of(ring)
    said = f"{type(error).__name__}: {error}".lower()
    if "locked" in said or "dismissed" in said or "unlock" in said:
        return KeyringUnavailable(
            f"The keyring, {name}, is locked, and nobody unlocked it. On a desktop log in or "
            "unlock it; a server has nobody to do so.",
            KeyringState.LOCKED,
        )
    if "mac check" in said or "incorrect password" in said:
        return KeyringUnavailable(
            f"The keyring, {name}, did not open: its password is another one.", KeyringState.LOCKED
        )
    if isinstance(error, EOFError | getpass.GetPassWarning):
        return KeyringUnavailable(
            f"The keyring, {name}, asks for a password, and there is no terminal to ask on. "
            "On one, the same command would work.",
            KeyringState.LOCKED,
        )
    return KeyringUnavailable(f"The keyring, {name}, failed ({type(error).__name__}: {error}).")
