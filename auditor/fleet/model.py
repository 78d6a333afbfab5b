"""The contents of a fleet file: which accounts there are, and what each is judged with."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Names of accounts, which are also names of files, of profiles and of systemd credentials."""
PREFIX = r"^[A-Z][A-Z0-9_]{0,63}$"

PlanName = Literal["auto", "free", "pro", "business"]

_EXPLAINED = {
    "environment": "the prefix of environment variables, in capital letters, such as EMEA",
    "profile": "the name of a profile, such as emea",
    "systemd": "the prefix of systemd credentials, such as emea",
}
_VARIABLES = re.compile(
    r"(?<!\w)ZOOM_(?:ACCOUNT_ID|CLIENT_ID|CLIENT_SECRET)\b"
    r"(?:(?:, | and )ZOOM_(?:ACCOUNT_ID|CLIENT_ID|CLIENT_SECRET)\b)*"
)
"""The variables of an account that is no part of a fleet."""
_NAME_OF_AN_ACCOUNT = "up to 64 letters, digits, dots, hyphens and underscores, such as emea"
_HINT = "name their place, such as {environment: EMEA}, {profile: emea} or {systemd: emea}"


class CredentialPlace(BaseModel):
    """Where the credentials of an account are. Never the credentials themselves.

    Exactly one of the three is set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Annotated[str | None, Field(json_schema_extra={"pattern": PREFIX})] = None
    """A prefix: EMEA stands for EMEA_ZOOM_ACCOUNT_ID, EMEA_ZOOM_CLIENT_ID and
    EMEA_ZOOM_CLIENT_SECRET."""
    profile: Annotated[str | None, Field(json_schema_extra={"pattern": NAME})] = None
    """A profile of the config file and the keyring."""
    systemd: Annotated[str | None, Field(json_schema_extra={"pattern": NAME})] = None
    """A prefix: emea stands for the files emea_zoom_account_id, emea_zoom_client_id and
    emea_zoom_client_secret in CREDENTIALS_DIRECTORY."""

    @model_validator(mode="before")
    @classmethod
    def _names_one_place(cls, data: Any) -> Any:
        """Messages never repeat a value: it may be a secret."""
        if isinstance(data, CredentialPlace):
            return data
        if not isinstance(data, dict) or len(data.keys() & _EXPLAINED.keys()) > 1:
            raise ValueError(f"{_HINT}: exactly one of them.")
        if not data.keys() & _EXPLAINED.keys() and not data.keys() - _EXPLAINED.keys():
            raise ValueError(f"{_HINT}: exactly one of them.")
        for key in data.keys() & _EXPLAINED.keys():
            pattern = PREFIX if key == "environment" else NAME
            if not isinstance(data[key], str) or not re.match(pattern, data[key]):
                raise ValueError(f"{key}: write {_EXPLAINED[key]}.")
        return data

    @property
    def label(self) -> str:
        """The place in words: `environment EMEA`."""
        if self.environment is not None:
            return f"environment {self.environment}"
        return f"profile {self.profile}" if self.profile else f"systemd {self.systemd}"

    def named_in(self, sentence: str) -> str:
        """A sentence about the variables of a single account, as one about this place."""
        if self.environment is None:
            return _VARIABLES.sub(f"the credentials of {self.label}", sentence)
        return _VARIABLES.sub(
            lambda found: found[0].replace("ZOOM_", f"{self.environment}_ZOOM_"), sentence
        )


class FleetAccount(BaseModel):
    """An account of a fleet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(json_schema_extra={"pattern": NAME})]
    credentials: CredentialPlace
    account_id: Annotated[str | None, Field(min_length=1)] = None
    """The id of the account. Credentials of any other account are refused; reports and gates need
    no credentials at all."""
    org: str | None = None
    """An organisation file, laid over the fleet's. A relative path starts at the fleet file."""
    baseline: str | None = None
    """A baseline by name or path, instead of the fleet's and the organisation files'."""
    plan: PlanName | None = None
    """The plan, which sets the rate limits."""
    tags: tuple[str, ...] = ()

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not re.match(NAME, name):
            raise ValueError(f"write {_NAME_OF_AN_ACCOUNT}.")
        return name


class PrimaryAccount(BaseModel):
    """A primary account, whose sub accounts are those that Zoom lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    credentials: CredentialPlace
    org: str | None = None
    """An organisation file for these accounts, laid over the fleet's."""
    baseline: str | None = None
    plan: PlanName | None = None
    """The plan of the primary account. All of them share its rate limit."""
    tags: tuple[str, ...] = ()


class FleetFile(BaseModel):
    """The contents of a fleet file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    """What reports call the fleet; the name of the file if it is missing."""
    org: str | None = None
    """An organisation file for all accounts. A relative path starts at the fleet file."""
    baseline: str | None = None
    """A baseline for all accounts, by name or path."""
    plan: PlanName | None = None
    """The plan of accounts that name none."""
    accounts: tuple[FleetAccount, ...] = ()
    primary: PrimaryAccount | None = None
    """A primary account: it and all accounts below it belong to the fleet."""

    @model_validator(mode="after")
    def _has_accounts(self) -> "FleetFile":
        if not self.accounts and self.primary is None:
            raise ValueError('name the accounts under "accounts", or a "primary" account.')
        return self
