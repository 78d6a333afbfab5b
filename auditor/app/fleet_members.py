"""The accounts of a fleet with their settings: where the credentials are, and what is judged."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from auditor.app.choices import FailOn
from auditor.app.selection import Selection
from auditor.config import ConfigError, chosen_env_file
from auditor.config import settings as config
from auditor.config.accounts import AccountPlace
from auditor.config.settings import Settings
from auditor.config.sources import Origin
from auditor.fleet import loading
from auditor.fleet.loading import Fleet
from auditor.fleet.model import CredentialPlace, FleetAccount


@dataclass(frozen=True)
class FleetPolicy:
    """What all accounts of a fleet are judged with, as far as the command line says."""

    fail_on: FailOn | None = None
    only: Sequence[str] = ()
    topic: Sequence[str] = ()
    allow_unknown: bool = False
    strict: bool = False
    include_passes: bool = False
    """True if a report of an account shows passes."""


@dataclass(frozen=True)
class FleetMember:
    """An account of a fleet, and its settings."""

    fleet: Fleet
    account: FleetAccount
    base: Settings
    """The settings of this process."""

    @property
    def name(self) -> str:
        """Its name in the fleet file."""
        return self.account.name

    def settings(self) -> Settings:
        """Its settings, with credentials.

        Raises:
            ConfigError: credentials are missing or invalid, or are those of another account.
        """
        made = self._settings(needs_secret=True)
        expected = self.account.account_id
        if expected is not None and made.account_id != expected:
            raise ConfigError(
                f"The credentials of {self.account.credentials.label} are of account "
                f"{made.account_id}, not of {expected}, which {self.fleet.path} names."
            )
        return made

    def without_secret(self) -> Settings:
        """Its settings, with the account id and maybe no credentials: enough for stored runs.

        Raises:
            ConfigError: the account id is neither in the fleet file nor with the credentials.
        """
        if (known := self.account.account_id) is None:
            return self._settings(needs_secret=False)
        try:
            return self._settings(needs_secret=False).model_copy(update={"account_id": known})
        except ConfigError:
            return self._public.model_copy(update={"account_id": known})

    @cached_property
    def problem(self) -> str:
        """Why it cannot be audited with these settings, as a sentence; empty if it can."""
        try:
            self.settings()
        except ConfigError as error:
            return str(error)
        return ""

    def selection(self, policy: FleetPolicy) -> Selection:
        """The policy to judge it with."""
        return Selection(
            baseline=self.fleet.baseline_of(self.account),
            org=self.fleet.org_of(self.account),
            fail_on=policy.fail_on,
            only=list(policy.only),
            topic=list(policy.topic),
            include_passes=policy.include_passes,
            allow_unknown=policy.allow_unknown,
            strict=policy.strict,
            common_org=self.fleet.common_org or self.base.org,
            common_baseline=self.fleet.common_baseline,
        )

    def _settings(self, *, needs_secret: bool) -> Settings:
        place = _place(self.account.credentials)
        made = place.settings(self.base, self.name, needs_secret=needs_secret)
        return self._with_policy(made)

    @property
    def _public(self) -> Settings:
        """The settings without an account's own."""
        return self._with_policy(self.base.model_copy(update={"client_id": None, "org": None}))

    def _with_policy(self, settings: Settings) -> Settings:
        plan = self.fleet.plan_of(self.account) or settings.plan
        return settings.model_copy(update={"plan": plan, "profile": self.name})


@dataclass(frozen=True)
class FleetMembers:
    """The selected accounts of a fleet."""

    fleet: Fleet
    base: Settings

    @classmethod
    def chosen(cls, path: Path | None, tags: Sequence[str] = ()) -> "FleetMembers":
        """The accounts with one of `tags`, of the fleet file of the command line or AUDITOR_FLEET.

        A `.env` is not read: its credentials are of one account.

        Raises:
            ConfigError: the settings are invalid.
            FleetError: there is no fleet file, or no such tag.
            PolicyError: the fleet file is not valid.
        """
        if chosen_env_file.get() is not None:
            raise ConfigError(
                "--env-file has no effect on a fleet, whose accounts have credentials of their "
                "own. Leave it out."
            )
        base = config.load(reads_dotenv=False)
        is_ci = bool(os.environ.get("CI", "").strip())
        fleet = loading.load(path or base.fleet, is_ci=is_ci)
        return cls(fleet.tagged(tags), base)

    def __iter__(self) -> Iterator[FleetMember]:
        """The accounts, in the order of the file."""
        return (FleetMember(self.fleet, account, self.base) for account in self.fleet.accounts)


def schema() -> dict[str, Any]:
    """The JSON Schema of fleet files."""
    return loading.schema()


def _place(credentials: CredentialPlace) -> AccountPlace:
    if credentials.environment is not None:
        return AccountPlace(Origin.ENVIRONMENT, credentials.environment)
    if credentials.systemd is not None:
        return AccountPlace(Origin.HANDED_OVER, credentials.systemd)
    return AccountPlace(Origin.KEYRING, credentials.profile or "")
