"""The names of settings in the operation log: `policies/operation_log.yaml`."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import files, yaml_source


class SettingLabels(BaseModel):
    """The names of one setting in the portal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: tuple[str, ...] = ()
    """Names observed in recorded entries."""
    likely: tuple[str, ...] = ()
    """Names assumed from the portal, not yet observed in entries."""


class PortalLabels(BaseModel):
    """The names of all settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Mapping[str, SettingLabels]
    sources: tuple[str, ...]

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Setting to all its names."""
        return {path: (*labels.seen, *labels.likely) for path, labels in self.settings.items()}


@cache
def shipped() -> PortalLabels:
    """The shipped names.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "operation_log.yaml"), PortalLabels)
