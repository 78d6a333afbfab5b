"""The credentials in use: where each value comes from, and whether Zoom accepts them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.config.sources import Origin
from auditor.errors import AuditorError
from auditor.policy.catalogue.operators import writes
from auditor.secrets import backends
from auditor.secrets import credentials as keyring_store
from auditor.secrets.backends import KeyringState, KeyringStatus, KeyringUnavailable
from auditor.zoom import scope_names
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.errors import ZoomError, sanitize_message
from auditor.zoom.hosts import UnsafeUrl, check_url
from auditor.zoom.proxy_checks import shown_url
from auditor.zoom.transport import Transport

READABLE = (KeyringState.WORKS, KeyringState.NOT_ENCRYPTED)
"""The states of a keyring that credentials can be read from."""


@dataclass(frozen=True, slots=True)
class TokenScopes:
    """The scopes of an app's token."""

    granted: tuple[str, ...]

    @property
    def writing(self) -> tuple[str, ...]:
        """Scopes that allow the app to change something, which an audit never needs."""
        return tuple(scope for scope in self.granted if writes(scope))

    @property
    def reading_by_area(self) -> Mapping[str, Sequence[str]]:
        """What the other scopes allow the app to read, in words, by area."""
        return scope_names.group_by_area(set(self.granted) - set(self.writing))


@dataclass(frozen=True, slots=True)
class ShownCredential:
    """One of the three values as it may be shown."""

    shown: str
    """An id or its beginning, "set" for the secret; empty if it is not set."""
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """The status of the credentials in use. Contains no secret."""

    settings: Settings
    credentials: Mapping[str, ShownCredential]
    addresses: Mapping[str, tuple[str, Origin]]
    keyring: KeyringStatus
    in_keyring: tuple[str, ...]
    """The profiles stored there."""
    in_file: tuple[str, ...]
    """The profiles of the config file."""
    is_checked: bool
    scopes: TokenScopes | None
    """None if no token was requested or received."""
    problem: AuditorError | None
    """Why the credentials cannot be used."""


def check_can_be_stored(settings: Settings, allow_plain_text: bool) -> None:
    """Check that a token can be requested and credentials stored, before they are prompted for.

    Raises:
        KeyringUnavailable: the keyring cannot store them.
        UnsafeUrl: credentials must not be sent to the configured address.
    """
    check_url(settings.oauth_url, "ZOOM_OAUTH_URL")
    keyring_store.check_writable(allow_plain_text)


def sign_in(settings: Settings, values: Mapping[str, str]) -> TokenScopes:
    """Request a token with these credentials; returns its scopes.

    Raises:
        UnsafeUrl: credentials must not be sent to this address.
        ZoomError: Zoom issues no token or cannot be reached.
    """
    return _token_scopes(settings, Credentials(**values))


def store(
    settings: Settings, values: Mapping[str, str], allow_plain_text: bool
) -> tuple[str, bool]:
    """Store credentials in the profile; returns the keyring, and True if they replace others.

    Raises:
        KeyringUnavailable: the keyring does not store them.
    """
    is_known = settings.profile in keyring_store.profiles()
    return keyring_store.save(settings.profile, values, allow_plain_text), is_known


def read_status(settings: Settings, offline: bool) -> CredentialStatus:
    """Read all sources, and request a token from Zoom unless `offline`.

    Raises:
        ConfigError: the config file cannot be used.
    """
    where = config.origins()
    keyring = backends.keyring_status()
    ask = keyring_store.load if keyring.state in READABLE else _unavailable(keyring)
    credentials_by_name, _ = settings.credential_sources(ask)
    scopes, is_checked = None, False
    problem: AuditorError | None = None
    try:
        check_url(settings.api_url, "ZOOM_API_URL")
        check_url(settings.oauth_url, "ZOOM_OAUTH_URL")
        credentials = settings.credentials(ask)
        is_checked = not offline
        scopes = _token_scopes(settings, credentials) if is_checked else None
    except (ConfigError, UnsafeUrl, ZoomError) as error:
        problem = error
    return CredentialStatus(
        settings=settings,
        credentials={
            name: ShownCredential(shown_credential(name, value.value or ""), value.origin)
            for name, value in credentials_by_name.items()
        },
        addresses={
            name: (
                shown_url(getattr(settings, name)),
                where.get(name, where.get("cloud", Origin.DEFAULT)),
            )
            for name in ("api_url", "oauth_url")
        },
        keyring=keyring,
        in_keyring=tuple(keyring_store.profiles()) if keyring.state in READABLE else (),
        in_file=tuple(config.profiles(settings)),
        is_checked=is_checked,
        scopes=scopes,
        problem=problem,
    )


def shown_credential(name: str, value: str) -> str:
    """A value as it may be shown; empty if it is empty."""
    if not value:
        return ""
    if name == "client_secret":
        return "set"
    return sanitize_message(value) if name == "account_id" else beginning(value)


def beginning(value: str) -> str:
    """Enough of an id to recognise it: in full, it could be a secret in the wrong field."""
    return f"{sanitize_message(value[: min(4, len(value) // 2)])}…"


def _token_scopes(settings: Settings, credentials: Credentials) -> TokenScopes:
    with Transport() as transport:
        source = TokenSource(credentials, transport, token_url=settings.oauth_url)
        source.token()
        return TokenScopes(tuple(sorted(source.scopes)))


def _unavailable(keyring: KeyringStatus) -> Callable[[str, str], str | None]:
    """Repeats the keyring's known error immediately: a locked keyring is slow to respond."""

    def ask(_profile: str, _name: str) -> str | None:
        raise KeyringUnavailable(keyring.detail, keyring.state)

    return ask
