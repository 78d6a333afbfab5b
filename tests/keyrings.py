"""Keyrings for tests: one that keeps in memory, one that refuses."""

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError


class InMemory(KeyringBackend):
    """Keeps what it is given as long as it lives."""

    priority = 1

    def __init__(self) -> None:
        KeyringBackend.__init__(self)
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Locked(InMemory):
    """Answers nothing."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError("locked")


def current() -> KeyringBackend:
    """The keyring that is in force."""
    return keyring.get_keyring()
