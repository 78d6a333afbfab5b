"""Configuration. Precedence: command line, environment, systemd credentials, `.env`, the profile
in the config file, the keyring (credentials only), default."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from platformdirs import user_data_path
from pydantic import (
    AliasChoices,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from auditor.config import ConfigError, chosen_env_file, chosen_profile
from auditor.config import sources as config_files
from auditor.config.sources import DEFAULT_PROFILE, ConfigFileError, Keys, Origin, Resolution
from auditor.plain_text import join_and
from auditor.redaction.text import register_secret
from auditor.secrets import credentials as keyring_store
from auditor.secrets import parsing
from auditor.secrets.backends import KeyringUnavailable
from auditor.zoom.auth import Credentials
from auditor.zoom.hosts import CLOUDS, COMMERCIAL, CloudName

API_URL = COMMERCIAL.api_url
OAUTH_URL = COMMERCIAL.token_url
DEFAULT_BASELINE = "consent-first"

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CredentialValue:
    """One of the three credentials, or None, and its origin."""

    value: str | None
    origin: Origin | None


def _variable(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """The configured settings. Commands apply their own options on top."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)
    _resolution: Resolution | None = PrivateAttr(default=None)

    account_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_ACCOUNT_ID"))] = None
    client_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_CLIENT_ID"))] = None
    client_secret: Annotated[
        SecretStr | None, Field(validation_alias=_variable("ZOOM_CLIENT_SECRET"))
    ] = None
    write_client_id: Annotated[
        str | None, Field(validation_alias=_variable("ZOOM_WRITE_CLIENT_ID"))
    ] = None
    write_client_secret: Annotated[
        SecretStr | None, Field(validation_alias=_variable("ZOOM_WRITE_CLIENT_SECRET"))
    ] = None
    api_url: Annotated[str, Field(validation_alias=_variable("ZOOM_API_URL"))] = API_URL
    oauth_url: Annotated[str, Field(validation_alias=_variable("ZOOM_OAUTH_URL"))] = OAUTH_URL
    cloud: Annotated[CloudName, Field(validation_alias=_variable("ZOOM_CLOUD"))] = "commercial"
    home: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_HOME"))] = None
    baseline: Annotated[str, Field(validation_alias=_variable("AUDITOR_BASELINE"))] = (
        DEFAULT_BASELINE
    )
    org: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_ORG"))] = None
    fleet: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_FLEET"))] = None
    pseudonym_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_PSEUDONYM_KEY"))
    ] = None
    signing_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_SIGNING_KEY"))
    ] = None
    verify_key: Annotated[str | None, Field(validation_alias=_variable("AUDITOR_VERIFY_KEY"))] = (
        None
    )
    notify: Annotated[SecretStr | None, Field(validation_alias=_variable("AUDITOR_NOTIFY"))] = None
    heartbeat: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_HEARTBEAT"))
    ] = None
    webhook_secret: Annotated[
        SecretStr | None, Field(validation_alias=_variable("ZOOM_WEBHOOK_SECRET"))
    ] = None
    profile: Annotated[str, Field(validation_alias=_variable("AUDITOR_PROFILE"))] = DEFAULT_PROFILE
    config: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_CONFIG"))] = None
    store: Annotated[str | None, Field(validation_alias=_variable("AUDITOR_STORE"), repr=False)] = (
        None
    )
    plan: Annotated[
        Literal["auto", "free", "pro", "business"],
        Field(validation_alias=_variable("AUDITOR_PLAN")),
    ] = "auto"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic passes them by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` has resolved: the library's own sources would add others."""
        return (init_settings,)

    @model_validator(mode="after")
    def _addresses_of_the_cloud(self) -> Self:
        for name, address in (
            ("api_url", CLOUDS[self.cloud].api_url),
            ("oauth_url", CLOUDS[self.cloud].token_url),
        ):
            if name not in self.model_fields_set:
                setattr(self, name, address)
        return self

    @property
    def data(self) -> Path:
        """The data directory, which holds the stored runs.

        Raises:
            ConfigError: none is configured, and there is no home directory for the default.
        """
        if self.home is not None:
            return self.home
        try:
            folder = user_data_path("auditor", appauthor=False)
        except RuntimeError:
            folder = None
        if folder is None or not folder.is_absolute():
            raise ConfigError(
                "There is no directory for evidence: HOME is not set and the user has no home "
                "directory. Set AUDITOR_HOME to a directory of your own."
            )
        return folder

    @property
    def config_file(self) -> Path | None:
        """The config file, which may not exist. None if there is no place for it."""
        return config_files.config_path(self.config)

    @property
    def resolution(self) -> Resolution:
        """The origin of each value, and the values that do not count."""
        return self._resolution or _resolve()

    def credentials(
        self, from_keyring: Callable[[str, str], str | None] = keyring_store.load
    ) -> Credentials:
        """The credentials of the Server-to-Server app.

        Raises:
            ConfigError: one of them is missing or invalid; the message names it.
        """
        credentials, problem = self.credential_sources(from_keyring)
        values = {
            name: parsing.strip_quotes(credential.value or "")
            for name, credential in credentials.items()
        }
        missing = [parsing.VARIABLES[name] for name, value in values.items() if not value]
        if missing:
            raise ConfigError(_not_set(missing, self, problem))
        for name, fault in parsing.validation_errors(values).items():
            raise ConfigError(f"{fault} It comes from: {credentials[name].origin}.")
        if chosen_profile.get() is not None:
            self._warn_of_overrides(credentials)
        return Credentials(**values)

    def credential_sources(
        self, from_keyring: Callable[[str, str], str | None] = keyring_store.load
    ) -> tuple[dict[str, CredentialValue], KeyringUnavailable | None]:
        """Each of the three credentials with its origin, and why the keyring could not be read.

        The keyring is read only for credentials without any other source; an empty value is a
        source.
        """
        secret = self.client_secret.get_secret_value() if self.client_secret else None
        values = {"account_id": self.account_id, "client_id": self.client_id}
        values["client_secret"] = secret
        resolution = self.resolution
        credentials: dict[str, CredentialValue] = {}
        problem = None
        for name, value in values.items():
            candidate = resolution.effective(parsing.VARIABLES[name])
            if value and value.strip():
                credentials[name] = CredentialValue(
                    value, candidate.origin if candidate else Origin.COMMAND_LINE
                )
                continue
            stored = None
            if problem is None and candidate is None:
                try:
                    stored = from_keyring(self.profile, name)
                except KeyringUnavailable as error:
                    problem = error
            credentials[name] = CredentialValue(stored, Origin.KEYRING if stored else None)
        return credentials, problem

    def _warn_of_overrides(self, credentials: Mapping[str, CredentialValue]) -> None:
        """Warn if other sources take precedence over the profile of the command line."""
        overriding = [
            f"{parsing.VARIABLES[name]} ({credential.origin})"
            for name, credential in credentials.items()
            if credential.origin in (Origin.ENVIRONMENT, Origin.HANDED_OVER, Origin.DOTENV)
        ]
        if overriding:
            _log.warning(
                "--profile %s: settings from elsewhere override the profile: %s. Unset them to use "
                "the profile's own.",
                self.profile,
                ", ".join(overriding),
            )


VARIABLES: Mapping[str, str] = {
    name: str(field.validation_alias.choices[0])
    for name, field in Settings.model_fields.items()
    if isinstance(field.validation_alias, AliasChoices)
}
"""The environment variable of each setting."""

SECRETS = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
)
"""Settings that are never shown and not allowed in the config file."""

KEYS = Keys(
    open={
        name: variable
        for name, variable in VARIABLES.items()
        if name not in SECRETS and variable not in config_files.ABOVE
    },
    secret={name: VARIABLES[name] for name in sorted(SECRETS)},
)
"""Keys that are allowed in a profile of the config file, and keys that are not."""


# It reports unreadable lines without the file's name; `dotenv_warnings` does so with advice.
logging.getLogger("dotenv.main").setLevel(logging.ERROR)


def load(*, reads_dotenv: bool = True) -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a value is invalid, or a file cannot be read.
    """
    resolution = _resolve(reads_dotenv=reads_dotenv)
    register_secret(*_secret_values(resolution))
    for sentence in resolution.faults.values():
        raise ConfigError(sentence)
    settings, faults = validated(resolution)
    for sentence in faults.values():
        raise ConfigError(sentence)
    for warning in config_files.dotenv_warnings(resolution, KEYS):
        _log.warning(warning)
    return settings


def inspect() -> tuple[Settings, dict[str, str]]:
    """The usable settings, and the faults by variable or file. Never raises.

    Invalid values are replaced by defaults.
    """
    resolution = _resolve()
    register_secret(*_secret_values(resolution))
    settings, faults = validated(resolution)
    return settings, {**resolution.faults, **faults}


def validated(resolution: Resolution) -> tuple[Settings, dict[str, str]]:
    """The settings made from the resolved values, and a sentence for each invalid value."""
    values, faults = dict(resolution.values), {}
    for variable in _PATHS & values.keys():
        try:
            values[variable] = str(config_files.expanded(Path(str(values[variable])), variable))
        except ConfigFileError as error:
            faults[variable] = str(error)
            del values[variable]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        refused = {
            str(detail["loc"][0]): _explained(detail, resolution) for detail in _errors(error)
        }
        usable = {name: value for name, value in values.items() if name not in refused}
        settings, faults = Settings(**usable), faults | refused
    try:
        check_profile_name(settings.profile)
    except ConfigError as error:
        faults[VARIABLES["profile"]] = str(error)
    settings._resolution = resolution
    return settings, faults


_PATHS = frozenset(VARIABLES[name] for name in ("home", "baseline", "org", "fleet", "config"))
"""In these, ~ means the home directory: the values did not pass through a shell."""


def _resolve(*, reads_dotenv: bool = True) -> Resolution:
    chosen = chosen_profile.get()
    command_line = {} if chosen is None else {VARIABLES["profile"]: chosen}
    return config_files.resolved(
        command_line, os.environ, KEYS, chosen_env_file.get(), reads_dotenv=reads_dotenv
    )


def _secret_values(resolution: Resolution) -> Iterator[str]:
    """All secrets in any source, used or not; if a value holds several, each of them."""
    for name, candidates in resolution.candidates.items():
        for value in (str(candidate.value) for candidate in candidates if candidate.value):
            if name in KEYS.secret.values():
                yield from re.split(r"[\s,]+", value)
                yield value
            # Only an address with a password: errors must name the host and the database if they
            # cannot be reached.
            elif name == VARIABLES["store"] and (password := config_files.password_in(value)):
                yield password
                yield value


def origins() -> dict[str, Origin]:
    """The origin of each setting. Settings that are not listed have their default."""
    by_variable = _resolve().origins
    return {
        name: by_variable[variable]
        for name, variable in VARIABLES.items()
        if variable in by_variable
    }


def profiles(settings: Settings) -> list[str]:
    """The names of the profiles in the config file.

    Raises:
        ConfigError: the file cannot be used.
    """
    path = settings.config_file
    try:
        return sorted(config_files.profiles(path, KEYS)) if path is not None else []
    except ConfigFileError as error:
        raise ConfigError(str(error)) from error


def check_profile_name(name: str) -> None:
    """Check that `name` is a valid profile name.

    Raises:
        ConfigError: it is not.
    """
    if not _PROFILE_NAME.fullmatch(name):
        raise ConfigError(
            "The name of a profile (--profile, AUDITOR_PROFILE) is made of up to 64 letters, "
            "digits, dots, hyphens and underscores, such as default or branch-2."
        )


def _errors(error: ValidationError) -> list[Any]:
    return error.errors(include_input=False, include_url=False, include_context=False)


def _explained(error: Any, resolution: Resolution) -> str:
    """The fault of a value and its origin; never the value itself."""
    variable = str(error["loc"][0])
    origin = resolution.origins.get(variable)
    name = next((name for name, candidate in VARIABLES.items() if candidate == variable), variable)
    shown = name if origin is Origin.CONFIG_FILE else variable
    return f"{shown}{f' ({origin})' if origin else ''}: {error['msg']}."


def _not_set(missing: list[str], settings: Settings, problem: KeyringUnavailable | None) -> str:
    profile, resolution = settings.profile, settings.resolution
    keyring = f" {problem.reason}" if problem is not None else ""
    other = profile != DEFAULT_PROFILE
    whose, option = (f' for profile "{profile}"', f" --profile {profile}") if other else ("", "")
    way = f"Store them with auditor auth login{option}, set them" if problem is None else "Set them"
    return (
        f"{join_and(missing)} {'are' if len(missing) > 1 else 'is'} not set{whose}.{keyring}"
        f"{_set_to_nothing(missing, resolution)}{_left_in_dotenv(missing, resolution)} {way} in "
        "the environment or in .env (see .env.example), or try --sandbox without an account."
    )


def _set_to_nothing(missing: list[str], resolution: Resolution) -> str:
    """A sentence on variables that are set to an empty value, which hides all other sources."""
    empty = [name for name in missing if resolution.effective(name) is not None]
    if not empty:
        return ""
    candidate = resolution.effective(empty[0])
    where = candidate.origin.place if candidate is not None else ""
    it = "they are" if len(empty) > 1 else "it is"
    return (
        f" {join_and(empty)} {'are' if len(empty) > 1 else 'is'} set to nothing in {where}; as "
        f"long as {it}, no other place is read. Unset {'them' if len(empty) > 1 else 'it'}, or "
        "give a value."
    )


def _left_in_dotenv(missing: list[str], resolution: Resolution) -> str:
    """A sentence on credentials in `.env` that do not count."""
    dotenv = resolution.dotenv
    if dotenv.unread:
        return f" {dotenv.path} is not read: {dotenv.unread}."
    for name in missing:
        for candidate in resolution.candidates.get(name, ()):
            if candidate.origin is Origin.DOTENV and candidate.ignored and not candidate.is_empty:
                return f" That of {dotenv.path} is not used, because {candidate.ignored}."
    return ""
