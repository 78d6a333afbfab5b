"""Configuration, in this order: command line, environment, credentials that systemd hands over,
`.env`, the profile in the config file, the keyring (credentials only), default."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from auditor import config_files
from auditor.config_files import DEFAULT_PROFILE, ConfigFileError, Keys, Layer, Origin
from auditor.credentials import given, kept
from auditor.credentials.backends import KeyringUnavailable
from auditor.zoom.auth import Credentials
from auditor.zoom.hosts import CLOUDS, COMMERCIAL, CloudName
from auditor.zoom.secrets import never_show

API_URL = COMMERCIAL.api_url
OAUTH_URL = COMMERCIAL.token_url
DEFAULT_BASELINE = "consent-first"
DOTENV = Path(".env")

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_log = logging.getLogger(__name__)
_chosen: ContextVar[str | None] = ContextVar("profile", default=None)


class ConfigError(Exception):
    """The configuration cannot be used. The message says which value, and what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """One of the three credentials, or None, and where it comes from."""

    value: str | None
    origin: Origin | None


def _variable(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """What the program was told. Command line options are laid over it by the commands."""

    model_config = SettingsConfigDict(
        env_file=DOTENV,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    account_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_ACCOUNT_ID"))] = None
    client_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_CLIENT_ID"))] = None
    client_secret: Annotated[
        SecretStr | None, Field(validation_alias=_variable("ZOOM_CLIENT_SECRET"))
    ] = None
    api_url: Annotated[str, Field(validation_alias=_variable("ZOOM_API_URL"))] = API_URL
    oauth_url: Annotated[str, Field(validation_alias=_variable("ZOOM_OAUTH_URL"))] = OAUTH_URL
    cloud: Annotated[CloudName, Field(validation_alias=_variable("ZOOM_CLOUD"))] = "commercial"
    home: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_HOME"))] = None
    baseline: Annotated[str, Field(validation_alias=_variable("AUDITOR_BASELINE"))] = (
        DEFAULT_BASELINE
    )
    org: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_ORG"))] = None
    pseudonym_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_PSEUDONYM_KEY"))
    ] = None
    signing_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_SIGNING_KEY"))
    ] = None
    notify: Annotated[SecretStr | None, Field(validation_alias=_variable("AUDITOR_NOTIFY"))] = None
    heartbeat: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_HEARTBEAT"))
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
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — pydantic names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The layers, the strongest first."""
        layers = _layers(init_settings(), env_settings(), dotenv_settings())
        return tuple(InitSettingsSource(settings_cls, dict(values)) for values in layers.values())

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
        """The data directory: stored runs."""
        if self.home is not None:
            return self.home.expanduser()
        return user_data_path("auditor", appauthor=False)

    @property
    def config_file(self) -> Path:
        """The file with the profiles; it need not be there."""
        return config_files.place(self.config)

    def credentials(
        self, from_keyring: Callable[[str, str], str | None] = kept.fetched
    ) -> Credentials:
        """The credentials of the Server-to-Server app.

        Raises:
            ConfigError: one of them is set nowhere, or cannot be right; the message names it.
        """
        found, problem = self.told(from_keyring)
        values = {name: given.tidied(told.value or "") for name, told in found.items()}
        missing = [given.VARIABLES[name] for name, value in values.items() if not value]
        if missing:
            raise ConfigError(_not_set(missing, self.profile, problem))
        for name, fault in given.faults(values).items():
            raise ConfigError(f"{fault} It comes from: {found[name].origin}.")
        if _chosen.get() is not None:
            self._warn_of_stronger(found)
        return Credentials(**values)

    def told(
        self, from_keyring: Callable[[str, str], str | None] = kept.fetched
    ) -> tuple[dict[str, Told], KeyringUnavailable | None]:
        """Each of the three credentials with its origin; and why the keyring could not be asked.

        The keyring is asked only for what is told nowhere else.
        """
        secret = self.client_secret.get_secret_value() if self.client_secret else None
        values = {"account_id": self.account_id, "client_id": self.client_id}
        values["client_secret"] = secret
        where = origins()
        found: dict[str, Told] = {}
        problem = None
        for name, value in values.items():
            if value and value.strip():
                found[name] = Told(value, where.get(name, Origin.COMMAND_LINE))
                continue
            stored = None
            if problem is None:
                try:
                    stored = from_keyring(self.profile, name)
                except KeyringUnavailable as error:
                    problem = error
            found[name] = Told(stored, Origin.KEYRING if stored else None)
        return found, problem

    def _warn_of_stronger(self, found: Mapping[str, Told]) -> None:
        """Say where the profile of the command line is not what decides."""
        stronger = [
            f"{given.VARIABLES[name]} ({told.origin})"
            for name, told in found.items()
            if told.origin in (Origin.ENVIRONMENT, Origin.HANDED_OVER, Origin.DOTENV)
        ]
        if stronger:
            _log.warning(
                "--profile %s: what is set elsewhere goes before a profile: %s. Unset it to use "
                "the profile's own.",
                self.profile,
                ", ".join(stronger),
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
"""The settings that are shown nowhere and never stand in the config file."""

KEYS = Keys(
    open={
        name: variable
        for name, variable in VARIABLES.items()
        if name not in SECRETS and variable not in config_files.ABOVE
    },
    secret={name: VARIABLES[name] for name in sorted(SECRETS)},
)
"""What may stand in a profile of the config file, and what must not."""


# It tells of lines it cannot read without the file's name, before anybody could say what to do.
logging.getLogger("dotenv.main").setLevel(logging.ERROR)


def choose_profile(name: str | None) -> None:
    """Use this profile in `load` until the next call; None: the one that is configured."""
    _chosen.set(name)


def load() -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a value cannot be used, or a file cannot be read.
    """
    try:
        settings = Settings(**_from_command_line())
    except ValidationError as error:
        raise ConfigError(_explained(error)) from None
    except ConfigFileError as error:
        raise ConfigError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f".env cannot be read: {error}. Make it UTF-8 text.") from error
    never_show(*_held(settings))
    check_profile_name(settings.profile)
    for warning in config_files.dotenv_warnings(DOTENV, _dotenv().env_vars, KEYS):
        _log.warning(warning)
    return settings


def _held(settings: Settings) -> Iterator[str]:
    """The secrets among the settings; of several in one, each."""
    for name in sorted(SECRETS):
        value: SecretStr | None = getattr(settings, name)
        if value is not None:
            yield from re.split(r"[\s,]+", value.get_secret_value())
            yield value.get_secret_value()
    # Only one with a password in it: host and database have to be told where it is not reached.
    if settings.store and (password := config_files.password_in(settings.store)):
        yield password
        yield settings.store


def origins() -> dict[str, Origin]:
    """Where each setting that is set comes from. What is missing here is the default."""
    layers = _layers(_from_command_line(), EnvSettingsSource(Settings)(), _dotenv()())
    found: dict[str, Origin] = {}
    for origin, values in layers.items():
        for name, variable in VARIABLES.items():
            if variable in values:
                found.setdefault(name, origin)
    return found


def profiles(settings: Settings) -> list[str]:
    """The names of the profiles in the config file.

    Raises:
        ConfigError: the file cannot be used.
    """
    try:
        return sorted(config_files.profiles(settings.config_file, KEYS))
    except ConfigFileError as error:
        raise ConfigError(str(error)) from error


def check_profile_name(name: str) -> None:
    """Make sure that a profile can be called so.

    Raises:
        ConfigError: it cannot.
    """
    if not _PROFILE_NAME.fullmatch(name):
        raise ConfigError(
            "The name of a profile (--profile, AUDITOR_PROFILE) is made of up to 64 letters, "
            "digits, dots, hyphens and underscores, such as default or branch-2."
        )


def _layers(command_line: Layer, environment: Layer, dotenv: Layer) -> dict[Origin, Layer]:
    return config_files.layers(command_line, environment, dotenv, KEYS)


def _from_command_line() -> dict[str, Any]:
    chosen = _chosen.get()
    return {} if chosen is None else {VARIABLES["profile"]: chosen}


def _dotenv() -> DotEnvSettingsSource:
    return DotEnvSettingsSource(Settings)


def _explained(error: ValidationError) -> str:
    """What is wrong with the first value that is, and where it stands; never the value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    variable = str(first["loc"][0]) if first["loc"] else "the environment"
    name = next((name for name, each in VARIABLES.items() if each == variable), "")
    origin = origins().get(name)
    place = f" ({origin})" if origin else ""
    if origin is Origin.CONFIG_FILE:
        variable = name
    return f"{variable}{place}: {first['msg']}."


def _not_set(missing: list[str], profile: str, problem: KeyringUnavailable | None) -> str:
    listed = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
    keyring = f" {problem.reason}" if problem is not None else ""
    other = profile != DEFAULT_PROFILE
    whose, option = (f' for profile "{profile}"', f" --profile {profile}") if other else ("", "")
    way = f"Store them with auditor auth login{option}, set them" if problem is None else "Set them"
    return (
        f"{listed} {'are' if len(missing) > 1 else 'is'} not set{whose}.{keyring} {way} in the "
        "environment or in .env (see .env.example), or try --sandbox without an account."
    )
