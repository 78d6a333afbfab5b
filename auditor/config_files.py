"""Files that configure: profiles in a TOML file, credentials handed over as files, and `.env`."""

import io
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from platformdirs import user_config_path

LARGEST = 64 * 1024
"""Bytes of a file that is handed over."""

TABLE = "profiles"
DEFAULT_PROFILE = "default"
PROFILE, CONFIG = ABOVE = ("AUDITOR_PROFILE", "AUDITOR_CONFIG")
"""They say which profile of which file counts, so they cannot stand in one."""

_PATHS = ("home", "baseline", "org")
"""Keys that name a file or folder: a relative one counts from the config file's folder."""


class Origin(StrEnum):
    """Where a value comes from, the strongest first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    HANDED_OVER = "systemd credentials"
    DOTENV = ".env"
    CONFIG_FILE = "config file"
    KEYRING = "keyring"
    DEFAULT = "default"


Layer = Mapping[str, Any]
"""Values by environment variable."""


class ConfigFileError(Exception):
    """A file that configures cannot be used. The message says which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a profile: what may be in one, and what never may, each with its variable."""

    open: Mapping[str, str]
    secret: Mapping[str, str]

    @property
    def variables(self) -> list[str]:
        """All environment variables that the program takes settings from."""
        return [*self.open.values(), *self.secret.values(), *ABOVE]


def layers(
    command_line: Layer, environment: Layer, dotenv: Layer, keys: Keys
) -> dict[Origin, Layer]:
    """What each source tells, the strongest first.

    Raises:
        ConfigFileError: a file cannot be used.
    """
    found: dict[Origin, Layer] = {
        Origin.COMMAND_LINE: command_line,
        Origin.ENVIRONMENT: environment,
        Origin.HANDED_OVER: handed_over(keys.variables),
        Origin.DOTENV: dotenv,
    }
    told: dict[str, Any] = {}
    for values in reversed(found.values()):
        told |= values
    named = told.get(CONFIG)
    profile = profiles(place(named), keys, must_exist=bool(named)).get(
        str(told.get(PROFILE, DEFAULT_PROFILE)), {}
    )
    found[Origin.CONFIG_FILE] = {keys.open[key]: value for key, value in profile.items()}
    return found


def place(named: Path | str | None) -> Path:
    """The config file that AUDITOR_CONFIG names, else the platform's place for it."""
    if named:
        return Path(named).expanduser()
    return user_config_path("auditor", appauthor=False) / "config.toml"


def profiles(path: Path, keys: Keys, *, must_exist: bool = False) -> dict[str, dict[str, Any]]:
    """All profiles of a config file, by name; none where there is no such file.

    Raises:
        ConfigFileError: it cannot be read, holds a key nobody knows, or a secret.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if not must_exist:
            return {}
        raise ConfigFileError(
            f"AUDITOR_CONFIG names {path}, which is not there. Correct it, or unset it."
        ) from None
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path} is not UTF-8 text. Save it as such.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigFileError(f"{path} is not valid TOML: {error}.") from error
    for key in document:
        if key != TABLE:
            raise ConfigFileError(_unknown_at_the_top(path, key, keys))
    found = document.get(TABLE, {})
    if not isinstance(found, dict):
        raise ConfigFileError(f"{path}: {TABLE} has to be tables, such as [{TABLE}.default].")
    return {name: _checked(path, name, found[name], keys) for name in found}


def handed_over(variables: Iterable[str]) -> dict[str, str]:
    """By variable, what systemd hands over as files in CREDENTIALS_DIRECTORY.

    ZOOM_CLIENT_SECRET is in the file `zoom_client_secret`. Secrets that Docker or Kubernetes mount
    as files are read the same way, where CREDENTIALS_DIRECTORY names their folder.

    Raises:
        ConfigFileError: a file cannot be read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    found = {}
    for variable in variables:
        path = Path(folder, variable.lower())
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
            text = content.decode().strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ConfigFileError(f"The credential {path} cannot be read: {reason}.") from None
        if len(content) > LARGEST:
            raise ConfigFileError(f"The credential {path} is larger than {LARGEST:,} bytes.")
        if text:
            found[variable] = text
    return found


def open_to_others(path: Path) -> str:
    """The mode of a file that others than its owner may read or write, such as 0644; else empty."""
    if os.name == "nt":  # modes say nothing there
        return ""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return ""
    return f"{mode:04o}" if mode & 0o077 else ""


def has_password(url: str) -> bool:
    """True for an address with a password in it, such as a database's."""
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


def password_in(url: str) -> str:
    """The password in an address, as it stands there; empty where there is none.

    Whatever is in it: signs that mean something in an address may not be written as their code.
    """
    user = url.partition("://")[2].rpartition("@")[0]
    named = re.search(r"[?&](?:ssl)?password=([^&]+)", url, re.IGNORECASE)
    return user.partition(":")[2] or (named[1] if named else "")


def unread_lines(path: Path) -> Iterator[int]:
    """The numbers of the lines of `.env` that nobody can read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            yield binding.original.line + binding.original.string[:blank].count("\n")


def dotenv_warnings(path: Path, told: Mapping[str, str | None], keys: Keys) -> Iterator[str]:
    """What is wrong with `.env` without making it unusable. `told` is what stands in it."""
    for line in unread_lines(path):
        yield (
            f"{path}, line {line}, cannot be read and is left out. Write it as NAME=value, with "
            "the value in quotation marks where it has blanks, or begin it with # where it is a "
            "remark."
        )
    values = {name.upper(): value for name, value in told.items() if value}
    secrets = [
        variable
        for variable in sorted(keys.variables)
        if variable in values
        and (variable in keys.secret.values() or has_password(values[variable]))
    ]
    mode = open_to_others(path) if secrets else ""
    if mode:
        yield (
            f"{path} holds {' and '.join(secrets)} and is open to other users of this machine "
            f"(mode {mode}). Make it yours alone: chmod 600 {path}"
        )
    for name in sorted(set(values) - set(keys.variables)):
        hint = suggestion(name, keys.variables)
        if name.startswith("AUDITOR_") or (name.startswith("ZOOM_") and hint):
            yield f"{path} sets {name}, which the auditor does not know.{hint}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` for the nearest of `known`, or an empty string."""
    folded = {each.casefold(): each for each in known}
    nearest = get_close_matches(word.casefold(), folded, n=1)
    return f' Did you mean "{folded[nearest[0]]}"?' if nearest else ""


def _unknown_at_the_top(path: Path, key: str, keys: Keys) -> str:
    if key in keys.open or key in keys.secret:
        return f"{path}: {key} stands outside of a profile. Put it under [{TABLE}.default]."
    hint = suggestion(key, [TABLE])
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
                f"{place}: {key} is a secret and must not stand in this file. Take it out, and "
                "make a new one if others could read the file. It belongs "
                f"{keyring}in {keys.secret[known]}, set from a secret manager."
            )
        if key not in keys.open:
            near = f' Did you mean "{known}"?' if known in keys.open else suggestion(key, keys.open)
            listed = ", ".join(sorted(keys.open))
            raise ConfigFileError(f'{place}: "{key}" is not known.{near} There are {listed}.')
        if isinstance(value, dict | list):
            raise ConfigFileError(f"{place}: {key} has to be one value, such as a text in quotes.")
        if isinstance(value, str) and has_password(value):
            raise ConfigFileError(
                f"{place}: {key} holds a password, which must not stand in this file. Set "
                f"{keys.open[key]} from a secret manager instead."
            )
        values[key] = _placed(path, key, value)
    return values


def _placed(path: Path, key: str, value: Any) -> Any:
    """`value`, a relative file made one of the config file's folder. Names stay names."""
    if key not in _PATHS or not isinstance(value, str):
        return value
    if value.startswith("~"):
        return str(Path(value).expanduser())
    is_name = key == "baseline" and "/" not in value and Path(value).suffix not in (".yaml", ".yml")
    return value if is_name else str(path.absolute().parent / value)
