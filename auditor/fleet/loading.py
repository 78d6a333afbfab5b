"""Reads fleet files, and makes their JSON Schema."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.config.sources import is_baseline_path
from auditor.errors import AuditorError, ExitCode, nearest
from auditor.files import trusted
from auditor.files.trusted import Untrusted
from auditor.fleet.model import FleetAccount, FleetFile
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.yaml_source import Location, Source

FILE = "fleet.yaml"
"""The fleet file of a working directory."""

PRIMARY = "primary"
"""The name of the primary account itself."""

_SECRETS = ("client_secret", "secret", "password", "token", "access_token", "zoom_client_secret")


class FleetError(AuditorError):
    """There is no usable fleet file, or no account is selected."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Fleet:
    """The accounts of a fleet file, or those with the selected tags."""

    path: Path
    file: FleetFile
    accounts: tuple[FleetAccount, ...]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.file.name or self.path.stem

    @property
    def common_org(self) -> Path | None:
        """The organisation file of all accounts."""
        return self._path_of(self.file.org)

    @property
    def common_baseline(self) -> str | None:
        """The baseline of accounts that name none, by name or path."""
        return self._baseline(self.file.baseline)

    def org_of(self, account: FleetAccount) -> Path | None:
        """The organisation file that an account lays over the fleet's."""
        return self._path_of(account.org)

    def baseline_of(self, account: FleetAccount) -> str | None:
        """The baseline that an account names itself, by name or path."""
        return self._baseline(account.baseline)

    def plan_of(self, account: FleetAccount) -> str | None:
        """The plan of an account; None if neither it nor the fleet names one."""
        return account.plan or self.file.plan

    def tagged(self, tags: Collection[str]) -> "Fleet":
        """The accounts with at least one of these tags; all if there are none.

        Raises:
            FleetError: a tag belongs to no account.
        """
        known = {tag for account in self.file.accounts for tag in account.tags}
        known |= set(self.file.primary.tags if self.file.primary else ())
        for tag in tags:
            if tag not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise FleetError(
                    f'No account of {self.path} has the tag "{tag}".{nearest(tag, known)}',
                    f"Its tags are: {listed}.",
                )
        if not tags:
            return self
        chosen = tuple(each for each in self.accounts if set(each.tags) & set(tags))
        return Fleet(self.path, self.file, chosen)

    def _path_of(self, name: str | None) -> Path | None:
        return None if name is None else self.path.parent / name

    def _baseline(self, name: str | None) -> str | None:
        is_path = name is not None and is_baseline_path(name)
        return str(self.path.parent / str(name)) if is_path else name


def load(path: Path | None, *, is_ci: bool = False) -> Fleet:
    """Load the fleet file at `path`; by default that of the working directory.

    A working directory may belong to someone else. Its file is read only if this user or root wrote
    it and nobody else could have; in CI, only a named file is read.

    Raises:
        FleetError: there is no such file, or others could have written it.
        PolicyError: it is not valid; each problem with its line.
    """
    source = yaml_source.read(path) if path is not None else _of_working_directory(is_ci=is_ci)
    if problems := list(_secrets(source)):
        raise PolicyError(problems)
    empty = Source(source.name, {}, source.lines)
    file = yaml_source.load(empty if source.data is None else source, FleetFile)
    if problems := list(_duplicates(source, file)):
        raise PolicyError(problems)
    return Fleet(path or Path(FILE), file, file.accounts)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of fleet files."""
    document = FleetFile.model_json_schema()
    place = document["$defs"]["CredentialPlace"]
    place |= {"minProperties": 1, "maxProperties": 1}
    document["anyOf"] = [{"required": ["accounts"]}, {"required": ["primary"]}]
    document["properties"]["accounts"]["minItems"] = 1
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def _of_working_directory(*, is_ci: bool) -> Source:
    advice = "Name the fleet file: --fleet FILE, or AUDITOR_FLEET."
    if is_ci:
        raise FleetError(f"The variable CI is set, so {FILE} here is not read.", advice)
    try:
        content = trusted.read_here(FILE, yaml_source.MAX_BYTES)
    except FileNotFoundError:
        raise FleetError(f"There is no {FILE} here.", advice) from None
    except Untrusted as error:
        raise FleetError(f"{FILE} is not read: {error.reason}.", advice) from None
    except OSError as error:
        raise FleetError(f"{FILE} cannot be read: {error.strerror}.", advice) from None
    return yaml_source.parse(content, FILE)


def _secrets(source: Source) -> Iterator[str]:
    """A problem for each key of a secret. No message repeats a value."""
    message = (
        "a secret must not be in this file. Remove it, and replace the secret if others could read "
        "the file. Store it with auditor auth login --profile NAME, or set it in the environment "
        "from a secret manager; then name its place under credentials."
    )
    for location in source.lines:
        key = location[-1] if location else ""
        if isinstance(key, str) and key.lower().replace("-", "_") in _SECRETS:
            yield source.problem(location, message)


def _duplicates(source: Source, file: FleetFile) -> Iterator[str]:
    """Accounts with the name of an earlier one. Case does not count: names are file names."""
    names = {PRIMARY: PRIMARY} if file.primary else {}
    for position, account in enumerate(file.accounts):
        first = names.get(account.name.casefold())
        if first is not None:
            at: Location = ("accounts", position, "name")
            yield source.problem(at, f"an account is called {first} already.")
        names.setdefault(account.name.casefold(), account.name)
