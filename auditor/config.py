"""Configuration: environment, `.env`, keyring and defaults, in the order of contract 2.2."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from auditor import credentials
from auditor.zoom.auth import Credentials

API_URL = "https://api.zoom.us/v2"
OAUTH_URL = "https://zoom.us/oauth/token"
DEFAULT_BASELINE = "consent-first"

_VARIABLES = {
    "account_id": "ZOOM_ACCOUNT_ID",
    "client_id": "ZOOM_CLIENT_ID",
    "client_secret": "ZOOM_CLIENT_SECRET",
}


class ConfigError(Exception):
    """The configuration cannot be used. The message says which value, and what to do."""


def _variable(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """What the program was told. Command line options are laid over it by the commands."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )

    account_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_ACCOUNT_ID"))] = None
    client_id: Annotated[str | None, Field(validation_alias=_variable("ZOOM_CLIENT_ID"))] = None
    client_secret: Annotated[
        SecretStr | None, Field(validation_alias=_variable("ZOOM_CLIENT_SECRET"))
    ] = None
    api_url: Annotated[str, Field(validation_alias=_variable("ZOOM_API_URL"))] = API_URL
    oauth_url: Annotated[str, Field(validation_alias=_variable("ZOOM_OAUTH_URL"))] = OAUTH_URL
    home: Annotated[Path | None, Field(validation_alias=_variable("AUDITOR_HOME"))] = None
    baseline: Annotated[str, Field(validation_alias=_variable("AUDITOR_BASELINE"))] = (
        DEFAULT_BASELINE
    )
    pseudonym_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_PSEUDONYM_KEY"))
    ] = None
    signing_key: Annotated[
        SecretStr | None, Field(validation_alias=_variable("AUDITOR_SIGNING_KEY"))
    ] = None
    profile: Annotated[str, Field(validation_alias=_variable("AUDITOR_PROFILE"))] = "default"

    @property
    def data(self) -> Path:
        """The data directory: stored runs."""
        return self.home or user_data_path("auditor", appauthor=False)

    def credentials(
        self, from_keyring: Callable[[str, str], str | None] = credentials.stored
    ) -> Credentials:
        """The credentials of the Server-to-Server app.

        Raises:
            ConfigError: one of them is set nowhere; the message names it.
        """
        secret = self.client_secret.get_secret_value() if self.client_secret else None
        told = {
            "account_id": self.account_id,
            "client_id": self.client_id,
            "client_secret": secret,
        }
        values = {
            name: value or from_keyring(self.profile, name) or "" for name, value in told.items()
        }
        missing = [_VARIABLES[name] for name, value in values.items() if not value.strip()]
        if missing:
            listed = " and ".join(
                [", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing
            )
            raise ConfigError(
                f"{listed} {'are' if len(missing) > 1 else 'is'} not set. Set them in the "
                "environment or in .env (see .env.example), or try --sandbox without an account."
            )
        return Credentials(**values)


def load() -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a value cannot be used, or `.env` cannot be read.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][-1]) if first["loc"] else "the environment"
        raise ConfigError(f"{name}: {first['msg']}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f".env cannot be read: {error}. Make it UTF-8 text.") from error
