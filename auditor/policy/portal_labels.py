"""What the operation log calls the settings: `policies/operation_log.yaml`."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict

from auditor.policy import files, yaml_source


class SettingLabels(BaseModel):
    """The names that the portal has for one setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: tuple[str, ...] = ()
    """These stand in recorded entries."""
    likely: tuple[str, ...] = ()
    """These are what the portal calls it to our knowledge."""


class PortalLabels(BaseModel):
    """The names of all settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Mapping[str, SettingLabels]
    sources: tuple[str, ...]

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Setting to all of its names."""
        return {path: (*labels.seen, *labels.likely) for path, labels in self.settings.items()}


@cache
def shipped() -> PortalLabels:
    """The names that come with the program.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "operation_log.yaml"), PortalLabels)
