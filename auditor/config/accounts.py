"""The settings of one account of several, whose credentials are in a place of their own.

No place is searched in another one's stead: an account must never be read with the credentials of
another.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.config import ConfigError, settings
from auditor.config import sources as config_files
from auditor.config.settings import KEYS, VARIABLES, Settings
from auditor.config.sources import ConfigFileError, Dotenv, Origin, Resolution
from auditor.plain_text import join_and
from auditor.redaction.text import register_secret
from auditor.secrets import credentials as keyring_store
from auditor.secrets import parsing
from auditor.secrets.backends import KeyringUnavailable

ADDRESSES = ("ZOOM_API_URL", "ZOOM_OAUTH_URL", "ZOOM_CLOUD")
_CREDENTIALS = tuple(parsing.VARIABLES.values())
_OF_THE_PROFILE = (*_CREDENTIALS, *ADDRESSES, "AUDITOR_PLAN", "AUDITOR_BASELINE", "AUDITOR_ORG")
_NOT_INHERITED = (*_CREDENTIALS, "AUDITOR_PROFILE", "AUDITOR_ORG", "AUDITOR_FLEET")


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """Where the credentials of an account are: in one of three kinds of places, by a name."""

    origin: Origin
    """ENVIRONMENT, HANDED_OVER (systemd) or KEYRING (a profile: the keyring and the config file)"""
    name: str
    """A prefix, or the name of a profile."""

    def settings(
        self,
        base: Settings,
        name: str,
        from_keyring: Callable[[str, str], str | None] = keyring_store.load,
        *,
        needs_secret: bool = True,
    ) -> Settings:
        """The settings of the account called `name`; those not of an account are of `base`.

        Without `needs_secret` only the account id has to be there.

        Raises:
            ConfigError: a credential is missing or invalid; the message names it, never its value.
        """
        values, origins = self._values(base, from_keyring, needs_secret)
        register_secret(values.get("ZOOM_CLIENT_SECRET", ""))
        needed = _CREDENTIALS if needs_secret else _CREDENTIALS[:1]
        missing = [self._shown(variable) for variable in needed if not values.get(variable)]
        if missing:
            are = "are" if len(missing) > 1 else "is"
            raise ConfigError(f"{join_and(missing)} {are} not set{self._where()}.")
        if needs_secret:
            credentials = {key: values[variable] for key, variable in parsing.VARIABLES.items()}
            for fault in parsing.validation_errors(credentials).values():
                raise ConfigError(f"{fault} It comes from: {self._label}.")
        inherited = {
            variable: value
            for variable, value in base.resolution.values.items()
            if variable not in _NOT_INHERITED
            and not (variable in ADDRESSES and values.keys() & set(ADDRESSES))
        }
        candidates = {
            variable: (config_files.Candidate(origins.get(variable, Origin.ENVIRONMENT), value),)
            for variable, value in {**inherited, **values, VARIABLES["profile"]: name}.items()
        }
        resolution = Resolution(candidates, Dotenv(), base.resolution.config_file, {})
        made, faults = settings.validated(resolution)
        for sentence in faults.values():
            raise ConfigError(sentence)
        return made

    def _values(
        self, base: Settings, from_keyring: Callable[[str, str], str | None], needs_secret: bool
    ) -> tuple[dict[str, Any], dict[str, Origin]]:
        """The values in this place by variable, and where each of them is."""
        if self.origin is Origin.KEYRING:
            return self._of_profile(base, from_keyring, needs_secret)
        variables = {f"{self.name.upper()}_{each}": each for each in (*_CREDENTIALS, *ADDRESSES)}
        if self.origin is Origin.HANDED_OVER:
            try:
                found: Mapping[str, str] = config_files.systemd_credentials(
                    f"{self.name}_{each}" for each in variables.values()
                )
            except ConfigFileError as error:
                raise ConfigError(str(error)) from error
            variables = {f"{self.name}_{each}": each for each in variables.values()}
        else:
            found = os.environ
        values = {
            variable: parsing.strip_quotes(found[name])
            for name, variable in variables.items()
            if found.get(name, "").strip()
        }
        for variable, value in values.items():
            if config_files.has_control_character(value):
                raise ConfigError(f"{self._shown(variable)} contains a control character.")
        return values, dict.fromkeys(values, self.origin)

    def _of_profile(
        self, base: Settings, from_keyring: Callable[[str, str], str | None], needs_secret: bool
    ) -> tuple[dict[str, Any], dict[str, Origin]]:
        path = base.config_file
        try:
            profiles = config_files.profiles(path, KEYS) if path is not None else {}
        except ConfigFileError as error:
            raise ConfigError(str(error)) from error
        table = {KEYS.open[key]: value for key, value in profiles.get(self.name, {}).items()}
        values = {variable: table[variable] for variable in _OF_THE_PROFILE if table.get(variable)}
        origins = dict.fromkeys(values, Origin.CONFIG_FILE)
        try:
            for key, variable in parsing.VARIABLES.items():
                stored = None if variable in values else from_keyring(self.name, key)
                if stored:
                    values[variable], origins[variable] = stored, Origin.KEYRING
        except KeyringUnavailable as error:
            if needs_secret or not values.get(_CREDENTIALS[0]):
                raise ConfigError(
                    f"The credentials of profile {self.name} cannot be read. {error.reason}"
                ) from error
        return values, origins

    @property
    def _label(self) -> str:
        match self.origin:
            case Origin.HANDED_OVER:
                return f"the systemd credentials with the prefix {self.name}"
            case Origin.KEYRING:
                return f"profile {self.name}"
            case _:
                return f"the environment, with the prefix {self.name}"

    def _shown(self, variable: str) -> str:
        """What a variable is called in this place."""
        match self.origin:
            case Origin.HANDED_OVER:
                return f"{self.name}_{variable}".lower()
            case Origin.KEYRING:
                return variable
            case _:
                return f"{self.name}_{variable}"

    def _where(self) -> str:
        match self.origin:
            case Origin.HANDED_OVER:
                return " in the systemd credentials (CREDENTIALS_DIRECTORY)"
            case Origin.KEYRING:
                return (
                    f" for profile {self.name}. Store them with: auditor auth login --profile "
                    f"{self.name}"
                )
            case _:
                return " in the environment"
