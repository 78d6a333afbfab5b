"""Configuration files: profiles in TOML, systemd credentials and `.env`; and which of all
configured values counts."""

import io
import os
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from platformdirs import user_config_path

from auditor.errors import AuditorError, nearest
from auditor.files import trusted as trusted_files
from auditor.files.trusted import Untrusted

MAX_BYTES = 64 * 1024
"""Maximum bytes of a systemd credential or of `.env`."""
_MAX_TOML_BYTES = 1024 * 1024
"""Maximum bytes of a config file."""

TABLE = "profiles"
DEFAULT_PROFILE = "default"
PROFILE, CONFIG = ABOVE = ("AUDITOR_PROFILE", "AUDITOR_CONFIG")
"""They select the file and the profile, so neither can be set in one."""
DOTENV = ".env"

_BASELINE, _STORE = "AUDITOR_BASELINE", "AUDITOR_STORE"
_PATHS = ("AUDITOR_HOME", _BASELINE, "AUDITOR_ORG", "AUDITOR_FLEET", CONFIG, _STORE)
"""Variables that name a file or directory. In a file, a relative path is relative to that file.

It is not relative to the working directory, which may belong to another user.
"""
_RELATIVE_STORE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/].*)", re.IGNORECASE)
_BYTE_ORDER_MARK = "\ufeff"
"""Stripped along with white space: Windows editors put it at the start of a text."""


class Origin(StrEnum):
    """The source of a value, strongest first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    HANDED_OVER = "systemd credentials"
    DOTENV = ".env"
    CONFIG_FILE = "config file"
    KEYRING = "keyring"
    DEFAULT = "default"

    @property
    def place(self) -> str:
        """The same within a sentence."""
        return self.value if self is Origin.DOTENV else f"the {self.value}"


class DotenvRule(StrEnum):
    """When a value in `.env` counts: a working directory may belong to another user."""

    CREDENTIAL = "credential"
    """If all three credentials come from `.env`, otherwise never."""
    ADDRESS = "address"
    """If the credentials come from `.env` and no stronger source sets an address."""
    GUARDED = "guarded"
    """If the credentials come from `.env`: the value decides what is judged and by what, where
    evidence goes, who is notified, or who can reverse a pseudonym."""
    FREE = "free"
    """Always: it affects neither what is judged nor where anything goes."""


DOTENV_RULES: Mapping[str, DotenvRule] = {
    "ZOOM_ACCOUNT_ID": DotenvRule.CREDENTIAL,
    "ZOOM_CLIENT_ID": DotenvRule.CREDENTIAL,
    "ZOOM_CLIENT_SECRET": DotenvRule.CREDENTIAL,
    "ZOOM_WRITE_CLIENT_ID": DotenvRule.GUARDED,
    "ZOOM_WRITE_CLIENT_SECRET": DotenvRule.GUARDED,
    "ZOOM_WEBHOOK_SECRET": DotenvRule.GUARDED,
    "ZOOM_API_URL": DotenvRule.ADDRESS,
    "ZOOM_OAUTH_URL": DotenvRule.ADDRESS,
    "ZOOM_CLOUD": DotenvRule.ADDRESS,
    "AUDITOR_HOME": DotenvRule.GUARDED,
    "AUDITOR_STORE": DotenvRule.GUARDED,
    "AUDITOR_BASELINE": DotenvRule.GUARDED,
    "AUDITOR_ORG": DotenvRule.GUARDED,
    "AUDITOR_FLEET": DotenvRule.GUARDED,
    "AUDITOR_CONFIG": DotenvRule.GUARDED,
    "AUDITOR_PROFILE": DotenvRule.GUARDED,
    "AUDITOR_PSEUDONYM_KEY": DotenvRule.GUARDED,
    "AUDITOR_SIGNING_KEY": DotenvRule.GUARDED,
    "AUDITOR_VERIFY_KEY": DotenvRule.GUARDED,
    "AUDITOR_NOTIFY": DotenvRule.GUARDED,
    "AUDITOR_HEARTBEAT": DotenvRule.GUARDED,
    "AUDITOR_PLAN": DotenvRule.FREE,
}
"""By variable, when `.env` may set it. Variables that are not listed are guarded."""

LISTS = frozenset({"AUDITOR_NOTIFY"})
"""Variables that hold several words: any separator becomes one blank."""

Layer = Mapping[str, Any]
"""Values by environment variable."""


class ConfigFileError(AuditorError):
    """A configuration file is unusable. The message names the file, the place, and what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys allowed and forbidden in a profile, each with its environment variable."""

    open: Mapping[str, str]
    secret: Mapping[str, str]

    @property
    def variables(self) -> list[str]:
        """All environment variables that the program reads settings from."""
        return [*self.open.values(), *self.secret.values(), *ABOVE]


@dataclass(frozen=True, slots=True)
class Dotenv:
    """The content and state of `.env`, or of the file of `--env-file`."""

    path: Path = Path(DOTENV)
    exists: bool = False
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    unread: str = ""
    """Why an existing file is not read, as a clause."""
    advice: str = ""
    unread_lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """The value of a variable in one source."""

    origin: Origin
    value: Any = field(repr=False)
    """Stripped if it is text."""
    ignored: str = ""
    """Why it does not count, as a clause; empty if it does, unless a stronger source has a
    value."""

    @property
    def is_empty(self) -> bool:
        """True if the variable is set to an empty value."""
        return isinstance(self.value, str) and not self.value


@dataclass(frozen=True)
class Resolution:
    """All configured values, and which of them count."""

    candidates: Mapping[str, tuple[Candidate, ...]]
    """By variable, strongest source first. Variables without a source are missing."""
    dotenv: Dotenv
    config_file: Path | None
    """None if there is no home directory for it."""
    faults: Mapping[str, str]
    """Sentences on unusable values or files, by variable or file."""

    def effective(self, variable: str) -> Candidate | None:
        """The candidate that counts, which may be empty; None if the default counts."""
        return next(
            (candidate for candidate in self.candidates.get(variable, ()) if not candidate.ignored),
            None,
        )

    @property
    def values(self) -> dict[str, Any]:
        """All effective values that are not empty, by variable."""
        effective = ((variable, self.effective(variable)) for variable in self.candidates)
        return {
            name: candidate.value
            for name, candidate in effective
            if candidate is not None and not candidate.is_empty
        }

    @property
    def origins(self) -> dict[str, Origin]:
        """The origin of each of `values`."""
        effective = ((variable, self.effective(variable)) for variable in self.candidates)
        return {
            name: candidate.origin
            for name, candidate in effective
            if candidate is not None and not candidate.is_empty
        }

    @property
    def from_dotenv(self) -> list[str]:
        """The variables whose values come from `.env`."""
        origins = self.origins
        return [name for name in DOTENV_RULES if origins.get(name) is Origin.DOTENV]


def resolved(
    command_line: Layer,
    environment: Mapping[str, str],
    keys: Keys,
    env_file: Path | None = None,
    *,
    reads_dotenv: bool = True,
) -> Resolution:
    """Resolve all sources. Never raises: faults are part of the result.

    `env_file` replaces `.env`; None reads the one in the working directory, unless `reads_dotenv`
    is false.
    """
    faults: dict[str, str] = {}
    set_here = {name: environment[name] for name in keys.variables if name in environment}
    layers: dict[Origin, Layer] = {Origin.COMMAND_LINE: command_line, Origin.ENVIRONMENT: set_here}
    layers[Origin.HANDED_OVER] = _handed_over_or_fault(keys.variables, environment, faults)
    dotenv = _dotenv_or_fault(env_file, environment, faults) if reads_dotenv else Dotenv()
    candidates: dict[str, list[Candidate]] = {}
    for origin, layer in layers.items():
        for name, value in layer.items():
            candidates.setdefault(name, []).append(Candidate(origin, _stripped(name, value)))
    for name, from_dotenv in _dotenv_candidates(dotenv, {*candidates}, layers).items():
        if name in keys.variables:
            candidates.setdefault(name, []).append(from_dotenv)
    above = Resolution(_frozen(candidates), dotenv, None, {})
    named = above.values.get(CONFIG)
    path = _place_or_fault(named, faults)
    for name, value in _profile_or_fault(path, named, above, keys, faults).items():
        candidates.setdefault(name, []).append(
            Candidate(Origin.CONFIG_FILE, _stripped(name, value))
        )
    whole = replace(above, candidates=_frozen(candidates), config_file=path)
    for name in whole.candidates:
        candidate = whole.effective(name)
        if candidate is not None and has_control_character(candidate.value):
            faults.setdefault(
                name,
                f"{name} ({candidate.origin}) contains a line break or another control character. "
                f"Write it again on one line.",
            )
    return replace(whole, faults=faults)


def _frozen(candidates: Mapping[str, list[Candidate]]) -> dict[str, tuple[Candidate, ...]]:
    return {name: tuple(entries) for name, entries in candidates.items()}


def has_control_character(value: Any) -> bool:
    """True if a text contains a control character or a line separator."""
    return isinstance(value, str) and any(
        unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in value
    )


def _stripped(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.strip().strip(_BYTE_ORDER_MARK).strip()
    return " ".join(value.split()) if name in LISTS else value


def _dotenv_candidates(
    dotenv: Dotenv, set_before: Collection[str], layers: Mapping[Origin, Layer]
) -> dict[str, Candidate]:
    """The values in `.env`, each with the reason why it does not count by its rule."""
    values = {name: _stripped(name, value) for name, value in dotenv.values.items()}
    own = _without_own_credentials(values, layers)
    addresses = [name for name, rule in DOTENV_RULES.items() if rule is DotenvRule.ADDRESS]
    elsewhere = [name for name in addresses if name in set_before]
    candidates = {}
    for name, value in values.items():
        rule = DOTENV_RULES.get(name, DotenvRule.GUARDED)
        ignored = "" if rule is DotenvRule.FREE else own
        if not ignored and rule is DotenvRule.ADDRESS and elsewhere:
            where = next(origin for origin, layer in layers.items() if elsewhere[0] in layer)
            ignored = f"{elsewhere[0]} is set in {where.place}, and addresses are not mixed"
        candidates[name] = Candidate(Origin.DOTENV, value, ignored)
    return candidates


def _without_own_credentials(values: Layer, layers: Mapping[Origin, Layer]) -> str:
    """Why the credentials in `.env` do not count, as a clause; empty if they do."""
    names = [name for name, rule in DOTENV_RULES.items() if rule is DotenvRule.CREDENTIAL]
    for name in names:
        where = next((origin for origin, layer in layers.items() if name in layer), None)
        if where is not None:
            return f"the credentials are not its own: {name} is set in {where.place}"
    missing = [name for name in names if not values.get(name)]
    if len(missing) == len(names):
        return "it has no credentials of its own"
    if missing:
        return f"its credentials are not complete: {' and '.join(missing)} missing"
    return ""


def _handed_over_or_fault(
    variables: Iterable[str], environment: Mapping[str, str], faults: dict[str, str]
) -> Layer:
    credentials: dict[str, str] = {}
    for variable in variables:
        try:
            credentials |= systemd_credentials((variable,), environment)
        except ConfigFileError as error:
            faults[variable] = str(error)
    return credentials


def _dotenv_or_fault(
    env_file: Path | None, environment: Mapping[str, str], faults: dict[str, str]
) -> Dotenv:
    try:
        return read_dotenv(env_file, is_ci=bool(environment.get("CI", "").strip()))
    except ConfigFileError as error:
        path = env_file or Path(DOTENV)
        faults[str(path)] = str(error)
        return Dotenv(path, exists=True, unread="it cannot be used")


def _place_or_fault(named: Any, faults: dict[str, str]) -> Path | None:
    try:
        return config_path(named)
    except ConfigFileError as error:
        faults[CONFIG] = str(error)
        return None


def _profile_or_fault(
    path: Path | None, named: Any, above: Resolution, keys: Keys, faults: dict[str, str]
) -> Layer:
    """The values of the selected profile, by variable."""
    if path is None:
        return {}
    try:
        known = profiles(path, keys, must_exist=bool(named))
    except ConfigFileError as error:
        faults[str(path)] = str(error)
        return {}
    chosen = known.get(str(above.values.get(PROFILE, DEFAULT_PROFILE)), {})
    return {keys.open[key]: value for key, value in chosen.items()}


def config_path(named: Path | str | None) -> Path | None:
    """The config file named by AUDITOR_CONFIG, otherwise the platform's default path.

    None without a home directory for the default.

    Raises:
        ConfigFileError: AUDITOR_CONFIG begins with ~, and there is no home directory.
    """
    if named:
        return expanded(Path(named), CONFIG)
    try:
        path = user_config_path("auditor", appauthor=False) / "config.toml"
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def expanded(path: Path, variable: str) -> Path:
    """`path` with ~ replaced by the home directory.

    Raises:
        ConfigFileError: there is no home directory.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigFileError(
            f"{variable} begins with ~, but there is no home directory: HOME is not set and the "
            f"user has none. Use a path that begins with /."
        ) from None


def read_dotenv(env_file: Path | None = None, *, is_ci: bool = False) -> Dotenv:
    """Read `.env` in the working directory, or the file named by `--env-file`.

    In CI the working directory contains what others have written, so only a named file is read
    there.

    Raises:
        ConfigFileError: the named file is missing or untrusted, or a file is not text.
    """
    path = Path(DOTENV) if env_file is None else env_file
    if env_file is None and is_ci and path.is_file():
        return Dotenv(
            path,
            exists=True,
            unread="the variable CI is set",
            advice="If it is yours, name it with --env-file .env, or set what it holds in the "
            "environment.",
        )
    try:
        if env_file is None:
            content = trusted_files.read_here(DOTENV, MAX_BYTES)
        else:
            content = trusted_files.read_named(env_file, MAX_BYTES)
    except FileNotFoundError:
        if env_file is None:
            return Dotenv(path)
        raise ConfigFileError(
            f"--env-file names {path}, which does not exist. Correct it, or omit the option."
        ) from None
    except Untrusted as error:
        if env_file is None:
            return Dotenv(path, exists=True, unread=error.reason, advice=error.advice)
        raise ConfigFileError(f"{path} is not read: {error}") from None
    except OSError as error:
        reason = error.strerror or "an error of the system"
        if env_file is None:
            advice = "Make it readable for your user, or remove it."
            return Dotenv(path, exists=True, unread=f"the system says “{reason}”", advice=advice)
        raise ConfigFileError(f"{path} cannot be read: {reason}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path} cannot be read: {error}. Make it UTF-8 text.") from None
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    placed = {
        name: value if env_file is None else _resolved_path(path.parent, name, value)
        for name, value in values.items()
        if value is not None
    }
    return Dotenv(path, True, placed, unread_lines=tuple(_unread_lines(text)))


def profiles(path: Path, keys: Keys, *, must_exist: bool = False) -> dict[str, dict[str, Any]]:
    """All profiles of a config file, by name; none if there is no such file.

    Raises:
        ConfigFileError: it cannot be read, or contains an unknown key or a secret.
    """
    if str(path) == os.devnull:
        return {}
    try:
        content = trusted_files.read_named(path, _MAX_TOML_BYTES, private_group=True)
    except (FileNotFoundError, NotADirectoryError):
        if not must_exist:
            return {}
        raise ConfigFileError(
            f"AUDITOR_CONFIG names {path}, which does not exist. Correct it, or unset it."
        ) from None
    except Untrusted as error:
        raise ConfigFileError(
            f"The config file {path} is not used: {error} It decides what is judged by what."
        ) from None
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigFileError(f"{path} is not valid TOML: {error}.") from error
    for key in document:
        if key != TABLE:
            raise ConfigFileError(_unknown_at_the_top(path, key, keys))
    tables = document.get(TABLE, {})
    if not isinstance(tables, dict):
        raise ConfigFileError(f"{path}: {TABLE} must contain tables, such as [{TABLE}.default].")
    return {name: _checked(path, name, tables[name], keys) for name in tables}


def systemd_credentials(
    variables: Iterable[str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The credentials that systemd provides as files in CREDENTIALS_DIRECTORY, by variable.

    ZOOM_CLIENT_SECRET is in the file `zoom_client_secret`. Secrets that Docker or Kubernetes mount
    as files are read the same way if CREDENTIALS_DIRECTORY names their directory.

    Raises:
        ConfigFileError: a file cannot be read, or others could have written it.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    credentials = {}
    for variable in variables:
        path = Path(folder, variable.lower())
        try:
            text = trusted_files.read_named(path, MAX_BYTES).decode().strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except Untrusted as error:
            raise ConfigFileError(f"The credential {path} is not used: {error}") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ConfigFileError(f"The credential {path} cannot be read: {reason}.") from None
        credentials[variable] = _resolved_path(Path(folder), variable, text)
    return credentials


def open_to_others(path: Path) -> str:
    """The mode of a file that users other than its owner may read or write, such as 0644; else
    empty."""
    if os.name == "nt":  # modes say nothing there
        return ""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return ""
    return f"{mode:04o}" if mode & 0o077 else ""


def has_password(url: str) -> bool:
    """True if an address contains a password, such as a database's."""
    return bool(password_in(url))


def password_in(url: str) -> str:
    """The password in an address, as written; empty if there is none.

    Accepts any characters: reserved ones may not be percent-encoded.
    """
    user = url.partition("://")[2].rpartition("@")[0]
    named = re.search(r"[?&](?:ssl)?password=([^&]+)", url, re.IGNORECASE)
    return user.partition(":")[2] or (named[1] if named else "")


def _unread_lines(text: str) -> Iterator[int]:
    """The numbers of unreadable lines in `.env`."""
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            yield binding.original.line + binding.original.string[:blank].count("\n")


def dotenv_warnings(resolution: Resolution, keys: Keys) -> Iterator[str]:
    """Problems with `.env` that do not make anything unusable."""
    dotenv, path = resolution.dotenv, resolution.dotenv.path
    if dotenv.unread and dotenv.advice:
        yield f"{path} is not read: {dotenv.unread}. {dotenv.advice}"
    for line in dotenv.unread_lines:
        yield (
            f"{path}, line {line}, cannot be read and is ignored. Write it as NAME=value, with "
            f"quotation marks around a value that has spaces, or begin a comment with #."
        )
    values = {name: value for name, value in dotenv.values.items() if value}
    secrets = [
        variable
        for variable in sorted(keys.variables)
        if variable in values
        and (variable in keys.secret.values() or has_password(values[variable]))
    ]
    mode = open_to_others(path) if secrets else ""
    if mode:
        yield (
            f"{path} holds {' and '.join(secrets)} and other users of this machine can read it "
            f"(mode {mode}). Make it private: chmod 600 {path}"
        )
    for name in sorted(set(values) - set(keys.variables)):
        hint = nearest(name, keys.variables)
        if name.upper().startswith("AUDITOR_") or (name.upper().startswith("ZOOM_") and hint):
            yield f"{path} sets {name}, which is not a setting of the auditor.{hint}"
    yield from _ignored_values(resolution)


def _ignored_values(resolution: Resolution) -> Iterator[str]:
    """A sentence on values in `.env` that do not count although no stronger source has one."""
    reasons: dict[str, list[str]] = {}
    for name, candidates in resolution.candidates.items():
        first = candidates[0]
        if first.origin is Origin.DOTENV and first.ignored and not first.is_empty:
            reasons.setdefault(first.ignored, []).append(name)
    for reason, names in reasons.items():
        yield (
            f"{resolution.dotenv.path}: not used: {', '.join(sorted(names))}, because {reason}. "
            f"What is in {resolution.dotenv.path} counts together with all three credentials in "
            "it, or not at all: put all of it there, or all of it elsewhere. See: auditor config "
            "show"
        )


def _unknown_at_the_top(path: Path, key: str, keys: Keys) -> str:
    if key in keys.open or key in keys.secret:
        return f"{path}: {key} is outside a profile. Move it to [{TABLE}.default]."
    hint = nearest(key, [TABLE])
    return f'{path}: "{key}" is not known at the top: there are only [{TABLE}.NAME].{hint}'


def _checked(path: Path, name: str, table: Any, keys: Keys) -> dict[str, Any]:
    place = f"{path}, [{TABLE}.{name}]"
    if not isinstance(table, dict):
        raise ConfigFileError(f"{place}: a profile is a table of keys and values.")
    plain = {variable: key for key, variable in {**keys.open, **keys.secret}.items()}
    values = {}
    for key, value in table.items():
        known = plain.get(key.upper(), key.lower().replace("-", "_"))
        if known in keys.secret:
            keyring = "in the keyring (auditor auth login), or " if known == "client_secret" else ""
            raise ConfigFileError(
                f"{place}: {key} is a secret and must not be in this file. Remove it, and replace "
                f"the secret if others could read the file. Store it {keyring}in "
                f"{keys.secret[known]}, set from a secret manager."
            )
        if key not in keys.open:
            near = f' Did you mean "{known}"?' if known in keys.open else nearest(key, keys.open)
            listed = ", ".join(sorted(keys.open))
            raise ConfigFileError(f'{place}: "{key}" is not known.{near} There are {listed}.')
        if isinstance(value, dict | list):
            raise ConfigFileError(
                f"{place}: {key} must be a single value, such as a text in quotes."
            )
        if isinstance(value, str) and has_password(value):
            raise ConfigFileError(
                f"{place}: {key} contains a password, which must not be in this file. Set "
                f"{keys.open[key]} from a secret manager instead."
            )
        if keys.open[key] in _PATHS and isinstance(value, str) and value.startswith("~"):
            value = str(expanded(Path(value), f"{path}: {key}"))
        values[key] = _resolved_path(path.parent, keys.open[key], value)
    return values


def _resolved_path(folder: Path, variable: str, value: Any) -> Any:
    """`value`, with a relative path resolved against `folder`. Names stay names."""
    if variable not in _PATHS or not isinstance(value, str) or not value.strip():
        return value
    value = value.strip()
    if variable == _STORE:
        match = _RELATIVE_STORE.fullmatch(value)
        return f"{match[1]}{folder.absolute() / match[2]}" if match else value
    if value.startswith("~") or (variable == _BASELINE and not is_baseline_path(value)):
        return value
    return str(folder.absolute() / value)


def is_baseline_path(text: str) -> bool:
    """True if the text is the path of a baseline file, not the name of a shipped baseline."""
    return "/" in text or "\\" in text or Path(text).suffix in (".yaml", ".yml")
