"""The configuration: every setting with its origin, and the values that do not count."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from auditor.app.credentials import READABLE, shown_credential
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.settings import KEYS, SECRETS, VARIABLES, Settings
from auditor.config.sources import DOTENV_RULES, Candidate, DotenvRule, Origin, dotenv_warnings
from auditor.doctor.model import CheckState, DoctorCheck
from auditor.errors import ExitCode
from auditor.files import permissions
from auditor.files.permissions import InsecureDirectory
from auditor.notify import channel_store, heartbeat, sending
from auditor.notify.channels import NotifyError
from auditor.policy.baseline import baselines, organisation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError
from auditor.secrets import backends, keys, parsing
from auditor.secrets import credentials as keyring_store
from auditor.secrets.backends import KeyringState, KeyringStatus, KeyringUnavailable
from auditor.secrets.keys import KeyUnavailable
from auditor.store.errors import StoreError
from auditor.store.runs import Runs
from auditor.zoom.hosts import UnsafeUrl, check_url
from auditor.zoom.proxy_checks import shown_url

_UNUSABLE = (
    ConfigError,
    KeyUnavailable,
    InsecureDirectory,
    NotifyError,
    PolicyError,
    StoreError,
    UnsafeUrl,
)
"""Errors that describe an invalid value as a sentence."""

_CHECKED_APART = frozenset(
    VARIABLES[name]
    for name in ("api_url", "oauth_url", "home", "baseline", "org", "store", *parsing.NAMES)
)
"""Settings that have a check of their own in the doctor, since command options can override
them."""


@dataclass(frozen=True, slots=True)
class SettingStatus:
    """One setting: its value, the origin, and other values that do not count."""

    variable: str
    shown: str
    """The value without secrets; empty if there is none."""
    origin: Origin
    ignored: tuple[tuple[Origin, str], ...] = ()
    """Every other source of a value, and why it does not count, as a clause."""
    problem: str = ""
    """The fault of the value, as a sentence."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, and the sources they were read from."""

    profile: str
    sources: tuple[tuple[Origin, str], ...]
    """The state of each source that is a file or a keyring."""
    settings: tuple[SettingStatus, ...]
    problems: tuple[str, ...] = ()
    """Faults of files rather than settings."""
    warnings: tuple[str, ...] = ()
    from_dotenv: tuple[str, ...] = ()
    """The variables that come from `.env`."""

    @property
    def all_problems(self) -> tuple[str, ...]:
        """All faults."""
        of_settings = tuple(setting.problem for setting in self.settings if setting.problem)
        return tuple(dict.fromkeys((*self.problems, *of_settings)))


def describe() -> Configuration:
    """The configuration of this process. Never raises for faults in it."""
    settings, faults = config.inspect()
    resolution = settings.resolution
    keyring = backends.keyring_status()
    rows = tuple(_status(name, settings, keyring, faults) for name in VARIABLES)
    return Configuration(
        profile=settings.profile,
        sources=tuple(_sources(settings, keyring)),
        settings=rows,
        problems=tuple(text for place, text in faults.items() if place not in VARIABLES.values()),
        warnings=tuple(dotenv_warnings(resolution, KEYS)),
        from_dotenv=tuple(resolution.from_dotenv),
    )


def as_json(configuration: Configuration) -> dict[str, Any]:
    """The settings and their faults as JSON."""
    return {
        "settings": [_row(setting) for setting in configuration.settings],
        "from_dotenv": [*configuration.from_dotenv],
        "problems": [*configuration.all_problems],
    }


def _row(setting: SettingStatus) -> dict[str, Any]:
    return {
        "variable": setting.variable,
        "value": setting.shown or None,
        "source": setting.origin,
        "from_dotenv": _rule(setting.variable),
        "ignored": [{"source": origin, "reason": why} for origin, why in setting.ignored],
        "problem": setting.problem or None,
    }


def _rule(variable: str) -> str:
    """When `.env` may set a variable."""
    always = DOTENV_RULES[variable] is DotenvRule.FREE
    return "always" if always else "with all credentials"


def doctor_check(configuration: Configuration) -> DoctorCheck:
    """The configuration as a check of the doctor, without settings that have a check of their
    own."""
    title, facts = "Configuration", as_json(configuration)
    problems = [
        setting.problem
        for setting in configuration.settings
        if setting.problem and setting.variable not in _CHECKED_APART
    ]
    if problems:
        more = f" {len(problems) - 1} more is wrong." if problems[1:] else ""
        advice = f"See the whole configuration: auditor config show.{more}"
        code = ExitCode.USAGE
        return DoctorCheck(
            "configuration", title, CheckState.FAILED, problems[0], advice, code, facts
        )
    places = {setting.origin for setting in configuration.settings}
    named = ", ".join(place for place in Origin if place in places and place is not Origin.DEFAULT)
    sentence = f"Set by: {named}." if named else "Nothing is set: every setting has its default."
    if configuration.warnings:
        advice = "Something is not used, or is not safe. See what, and why: auditor config show"
        return DoctorCheck(
            "configuration", title, CheckState.WARNING, sentence, advice, facts=facts
        )
    return DoctorCheck("configuration", title, CheckState.OK, sentence, facts=facts)


def _status(
    name: str, settings: Settings, keyring: KeyringStatus, faults: dict[str, str]
) -> SettingStatus:
    variable = VARIABLES[name]
    resolution = settings.resolution
    candidates = resolution.candidates.get(variable, ())
    effective = resolution.effective(variable)
    is_set = effective is not None and not effective.is_empty
    origin = effective.origin if effective is not None and is_set else Origin.DEFAULT
    shown, problem = "", faults.get(variable, "")
    if problem:
        shown = "not shown"
    else:
        try:
            shown = _shown(name, settings)
            _check(name, settings)
        except _UNUSABLE as error:
            problem = str(error)
    ignored = [
        (candidate.origin, _why_not(candidate, effective))
        for candidate in candidates
        if candidate is not effective
    ]
    if effective is not None and effective.is_empty:
        ignored.insert(
            0, (effective.origin, "it is set to nothing there, so no other place is read")
        )
    if name in parsing.NAMES:
        in_keyring, fault = _in_keyring(settings.profile, name, keyring)
        if in_keyring and effective is None:
            shown, origin = shown_credential(name, in_keyring), Origin.KEYRING
        elif in_keyring:
            why = _why_not(Candidate(Origin.KEYRING, in_keyring), effective)
            ignored.append((Origin.KEYRING, why))
        elif fault and effective is None:
            ignored.append((Origin.KEYRING, fault))
        if effective is not None and effective.is_empty:
            problem = problem or (
                f"{variable} is set to nothing in {effective.origin.place}. Unset it, or give a "
                "value."
            )
    if name in ("api_url", "oauth_url") and not is_set:
        of_cloud = resolution.effective(VARIABLES["cloud"])
        if of_cloud is not None and not of_cloud.is_empty:
            origin = of_cloud.origin
    return SettingStatus(variable, shown, origin, tuple(ignored), problem)


def _why_not(candidate: Candidate, effective: Candidate | None) -> str:
    if candidate.ignored:
        return candidate.ignored
    if effective is not None and effective.is_empty:
        return f"the variable is set to nothing in {effective.origin.place}"
    return (
        f"{effective.origin.place} goes before it"
        if effective is not None
        else "it is at its default"
    )


def _shown(name: str, settings: Settings) -> str:
    """The value as text, including defaults; empty if there is none.

    Raises:
        ConfigError: there is no home directory for a default path.
        StoreError: the address of the history is invalid.
    """
    value = getattr(settings, name)
    if name in SECRETS:
        return "set" if value else ""
    if name in parsing.NAMES:
        return shown_credential(name, value or "")
    if name == "home":
        return str(settings.data)
    if name == "config":
        return str(settings.config_file or "")
    if name == "store":
        return str(Runs(settings.data, settings.store).history)
    if name in ("api_url", "oauth_url"):
        return shown_url(value)
    return str(value or "")


def _check(name: str, settings: Settings) -> None:
    """Check a value as a command that uses it would. Raises one of `_UNUSABLE`."""
    value = getattr(settings, name)
    text = value.get_secret_value() if isinstance(value, SecretStr) else ""
    match name:
        case "api_url" | "oauth_url":
            check_url(value, VARIABLES[name])
        case "home":
            permissions.check_folder(settings.data)
        case "baseline":
            baselines.load(value, files.shipped_catalogue())
        case "org" if value:
            catalogue = files.shipped_catalogue()
            chosen = organisation.load(value, catalogue)
            organisation.baseline_of(value, chosen, catalogue)
        case "signing_key" if text:
            keys.signer(text)
        case "verify_key" if value:
            keys.public_key(value, VARIABLES[name])
        case "pseudonym_key" if text:
            keys.pseudonym_key(text)
        case "notify" if text:
            sending.check(channel_store.resolve((), text))
        case "heartbeat" if text:
            heartbeat.check(text)


def _in_keyring(profile: str, name: str, keyring: KeyringStatus) -> tuple[str, str]:
    """The value in the keyring, and why the keyring could not be read, as a clause."""
    if keyring.state not in READABLE:
        return "", "" if keyring.state is KeyringState.NONE else keyring.detail.rstrip(".")
    try:
        return keyring_store.load(profile, name) or "", ""
    except KeyringUnavailable as error:
        return "", error.reason.rstrip(".")


def _sources(settings: Settings, keyring: KeyringStatus) -> Iterator[tuple[Origin, str]]:
    dotenv, path = settings.resolution.dotenv, settings.resolution.config_file
    if dotenv.unread:
        yield Origin.DOTENV, f"{dotenv.path}, not read: {dotenv.unread}"
    else:
        yield Origin.DOTENV, f"{dotenv.path}{'' if dotenv.exists else ' (not there)'}"
    there = path is not None and path.is_file()
    where = "none, because there is no home directory" if path is None else str(path)
    yield Origin.CONFIG_FILE, where + ("" if there or path is None else " (not there)")
    yield (
        Origin.KEYRING,
        keyring.name + ("" if keyring.state is KeyringState.WORKS else f" ({keyring.state})"),
    )
