"""Credentials in the operating system's keyring, by profile. Never in a file of ours."""

import logging

import keyring
from keyring.errors import KeyringError

SERVICE = "zoom-privacy-auditor"

_log = logging.getLogger(__name__)


def stored(profile: str, name: str) -> str | None:
    """The value of `name` (account_id, client_id or client_secret) kept for a profile.

    None where nothing is kept, or where this machine has no keyring that works.
    """
    try:
        return keyring.get_password(SERVICE, f"{profile}:{name}")
    except (KeyringError, RuntimeError, OSError) as error:
        _log.debug("the keyring could not be asked: %s", type(error).__name__)
        return None
