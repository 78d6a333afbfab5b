"""The accounts of a fleet with their settings: where the credentials are, and what is judged."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from auditor.app.choices import FailOn
from auditor.app.connection import AccountSource, RateOptions
from auditor.app.selection import Selection
from auditor.collect.collector import CollectionFailed
from auditor.config import ConfigError, chosen_env_file
from auditor.config import settings as config
from auditor.config.accounts import AccountPlace
from auditor.config.settings import Settings
from auditor.config.sources import Origin
from auditor.errors import AuditorError
from auditor.fleet import loading
from auditor.fleet.loading import PRIMARY, Fleet
from auditor.fleet.model import CredentialPlace, FleetAccount, PrimaryAccount
from auditor.fleet.sub_accounts import SubAccountList
from auditor.zoom.errors import AuthenticationFailed
from auditor.zoom.sub_accounts import PrimaryConnection, SubAccount


@contextmanager
def naming_credentials(place: CredentialPlace) -> Iterator[None]:
    """Errors of signing in name `place`, and not the variables of a single account.

    Raises:
        AuthenticationFailed: signing in failed.
        CollectionFailed: the same, during a collection.
    """
    try:
        yield
    except AuthenticationFailed as error:
        raise _named(error, place) from error
    except CollectionFailed as failed:
        if not isinstance(failed.error, AuthenticationFailed):
            raise
        raise CollectionFailed(_named(failed.error, place)) from failed


def _named(error: AuthenticationFailed, place: CredentialPlace) -> AuthenticationFailed:
    reason = place.named_in(error.reason)
    return AuthenticationFailed(error.request, reason, error.detail, **error.facts)


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
    primary: PrimaryConnection | None = None
    """The connection it shares with the other accounts of a primary account."""
    sub_account: str = ""
    """Its id, if it is below a primary account."""
    refusal: str = ""
    """Why it cannot be audited, as a sentence, if that is known from the start."""

    @property
    def name(self) -> str:
        """Its name in the fleet file."""
        return self.account.name

    def settings(self) -> Settings:
        """Its settings, with credentials.

        Raises:
            ConfigError: credentials are missing or invalid, or are those of another account.
        """
        if self.refusal:
            raise ConfigError(self.refusal)
        made = self._settings(needs_secret=True)
        if self.sub_account:
            return made
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
        if self.refusal:
            raise ConfigError(self.refusal)
        if (known := self.account.account_id) is None:
            return self._settings(needs_secret=False)
        try:
            return self._settings(needs_secret=False).model_copy(update={"account_id": known})
        except ConfigError:
            return self._public.model_copy(update={"account_id": known})

    def source(self, settings: Settings) -> AccountSource:
        """The account to read, with the settings of `settings()`."""
        return AccountSource(settings, primary=self.primary, sub_account=self.sub_account)

    def id_of(self, settings: Settings) -> str:
        """Its account id; `settings` are those of `settings()`."""
        return self.sub_account or settings.account_id or ""

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
    below: tuple[FleetMember, ...] = ()
    """The primary account and those below it."""

    @classmethod
    def chosen(
        cls, path: Path | None, tags: Sequence[str] = (), rate: RateOptions | None = None
    ) -> "FleetMembers":
        """The accounts with one of `tags`, of the fleet file of the command line or AUDITOR_FLEET.

        A `.env` is not read: its credentials are of one account. With `rate`, Zoom lists the
        accounts below a primary account; without it, they are those listed last.

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
        selected = fleet.tagged(tags)
        primary = fleet.file.primary
        if primary is None or (tags and not set(tags) & set(primary.tags)):
            return cls(selected, base)
        return cls(selected, base, tuple(_below(selected, primary, base, rate)))

    def __iter__(self) -> Iterator[FleetMember]:
        """The accounts, in the order of the file, and then those of the primary account."""
        for account in self.fleet.accounts:
            yield FleetMember(self.fleet, account, self.base)
        yield from self.below


def _below(
    fleet: Fleet, primary: PrimaryAccount, base: Settings, rate: RateOptions | None
) -> Iterator[FleetMember]:
    """The primary account and those below it; with `rate`, as Zoom lists them now.

    If they are not known, one account that cannot be audited stands for all of them.
    """
    own = _account(primary, PRIMARY)
    found = SubAccountList(base.data, fleet.path)
    connection, refusal = None, ""
    if rate is None:
        known = found.read()
        if known is None:
            refusal = "The accounts below the primary account were not listed yet."
            refusal += " Run: auditor fleet audit"
    else:
        try:
            with naming_credentials(primary.credentials):
                connection = _connection(fleet, primary, base, rate)
                known = connection.sub_accounts()
            found.write(known)
        except AuditorError as error:
            known, refusal = None, f"The accounts below it cannot be listed. {error}"
    yield FleetMember(fleet, own, base, connection, refusal=refusal)
    named = {account.name.casefold() for account in fleet.file.accounts} | {PRIMARY}
    ids = {account.account_id for account in fleet.file.accounts}
    for each in known or ():
        if each.id in ids:
            continue  # it has credentials of its own
        name = _file_name(each, named)
        account = _account(primary, name, each.id)
        yield FleetMember(fleet, account, base, connection, each.id)


def _connection(
    fleet: Fleet, primary: PrimaryAccount, base: Settings, rate: RateOptions
) -> PrimaryConnection:
    settings = _place(primary.credentials).settings(base, PRIMARY)
    plan = primary.plan or fleet.file.plan or settings.plan
    stopping = threading.Event()
    with AccountSource(settings.model_copy(update={"plan": plan})).opened() as account:
        limiter = account.limiter(rate, stopping.wait)
        return PrimaryConnection.of(account.credentials, account.cloud, limiter, stopping)


def _account(primary: PrimaryAccount, name: str, account_id: str | None = None) -> FleetAccount:
    return FleetAccount(
        name=name,
        credentials=primary.credentials,
        account_id=account_id,
        org=primary.org,
        baseline=primary.baseline,
        plan=primary.plan,
        tags=primary.tags,
    )


def _file_name(account: SubAccount, used: set[str]) -> str:
    """The name of a sub account as letters, digits, dots and hyphens; with its id if it is used."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", account.name).strip("-._")[:40] or "account"
    if name.casefold() in used:
        name = f"{name}-{re.sub('[^A-Za-z0-9]', '', account.id)[:20]}"
    used.add(name.casefold())
    return name


def schema() -> dict[str, Any]:
    """The JSON Schema of fleet files."""
    return loading.schema()


def _place(credentials: CredentialPlace) -> AccountPlace:
    if credentials.environment is not None:
        return AccountPlace(Origin.ENVIRONMENT, credentials.environment)
    if credentials.systemd is not None:
        return AccountPlace(Origin.HANDED_OVER, credentials.systemd)
    return AccountPlace(Origin.KEYRING, credentials.profile or "")
