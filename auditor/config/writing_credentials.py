"""The credentials of the app that changes an account, apart from those that read it."""

from collections.abc import Callable, Mapping

from auditor.config import ConfigError
from auditor.config.settings import CredentialValue, Settings
from auditor.redaction.text import register_secret
from auditor.secrets import credentials as keyring_store
from auditor.secrets import parsing
from auditor.secrets.backends import KeyringUnavailable
from auditor.zoom.auth import Credentials

SUFFIX = "-write"
"""What the profile of the writing app adds to the name of the reading one's."""

VARIABLES: Mapping[str, str] = {
    "client_id": "ZOOM_WRITE_CLIENT_ID",
    "client_secret": "ZOOM_WRITE_CLIENT_SECRET",
}


def writing_credentials(
    settings: Settings, from_keyring: Callable[[str, str], str | None] = keyring_store.load
) -> Credentials:
    """The credentials of the writing app: from the two variables, otherwise from the keyring.

    In the keyring they are the profile `NAME-write`. Both values come from the same place. The
    account id is that of the reading app, or of the profile where no other is set.

    Raises:
        ConfigError: one is missing or invalid, the profile is of another account, or the app is
            the one that reads.
    """
    profile = f"{settings.profile}{SUFFIX}"
    values, problem = _values(settings, profile, from_keyring)
    reading, _ = settings.credential_sources(from_keyring)
    account_id = parsing.strip_quotes(reading["account_id"].value or "")
    stored_id = ""
    if not any(_is_set(settings, name) for name in VARIABLES):
        try:
            stored_id = parsing.strip_quotes(from_keyring(profile, "account_id") or "")
        except KeyringUnavailable as error:
            problem = error
    if account_id and stored_id and account_id != stored_id:
        raise ConfigError(
            f'The profile "{profile}" holds the credentials of another account than the one that '
            "is read. Store those of the right account: auditor auth login --profile "
            f"{profile}"
        )
    account_id = account_id or stored_id
    if missing := [VARIABLES[name] for name, value in values.items() if not value]:
        raise ConfigError(_missing(missing, profile, problem))
    if not account_id:
        raise ConfigError("ZOOM_ACCOUNT_ID is not set. Set it to the account that is changed.")
    credentials = {"account_id": account_id, **values}
    register_secret(values["client_secret"])
    for name, fault in parsing.validation_errors(credentials).items():
        variable = VARIABLES.get(name, "ZOOM_ACCOUNT_ID")
        raise ConfigError(fault.replace(parsing.VARIABLES[name], variable))
    _refuse_reading_app(values, reading)
    return Credentials(**credentials)


def _values(
    settings: Settings, profile: str, from_keyring: Callable[[str, str], str | None]
) -> tuple[dict[str, str], KeyringUnavailable | None]:
    """Client id and secret, empty where missing, and why the keyring could not be read."""
    secret = settings.write_client_secret
    values = {
        "client_id": settings.write_client_id or "",
        "client_secret": secret.get_secret_value() if secret else "",
    }
    problem = None
    if not any(_is_set(settings, name) for name in VARIABLES):
        try:
            values = {name: from_keyring(profile, name) or "" for name in VARIABLES}
        except KeyringUnavailable as error:
            problem = error
    return {name: parsing.strip_quotes(value) for name, value in values.items()}, problem


def _is_set(settings: Settings, name: str) -> bool:
    """True if any source but the keyring has the variable, even an empty one."""
    value = settings.write_client_id if name == "client_id" else settings.write_client_secret
    return bool(value) or settings.resolution.effective(VARIABLES[name]) is not None


def _refuse_reading_app(values: Mapping[str, str], reading: Mapping[str, CredentialValue]) -> None:
    for name, value in values.items():
        known = parsing.strip_quotes(reading[name].value or "")
        if known and known == value:
            raise ConfigError(
                f"{VARIABLES[name]} is the same as {parsing.VARIABLES[name]}. The app that reads "
                "never writes: create another Server-to-Server OAuth app with write scopes for "
                "fix apply, and remove write scopes from the app that reads."
            )


def _missing(missing: list[str], profile: str, problem: KeyringUnavailable | None) -> str:
    keyring = f" {problem.reason}" if problem is not None else ""
    verb = "are" if len(missing) > 1 else "is"
    return (
        f"{' and '.join(missing)} {verb} not set.{keyring} Changing an account needs an app of "
        "its own: store its credentials with auditor auth login "
        f"--profile {profile}, or set both variables. The app that reads is never used to write."
    )
