"""Name patterns for the checks of privileges and usage: `policies/patterns.yaml`."""

from functools import cache

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import files, yaml_source


class NamePatterns(BaseModel):
    """Patterns of names, with `*` for any text, and their sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: str
    patterns: tuple[str, ...]
    sources: tuple[str, ...]


class PatternCatalogue(BaseModel):
    """The name patterns by purpose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    privileges: NamePatterns
    app_scopes: NamePatterns
    log_categories: NamePatterns
    admin_scopes: NamePatterns
    admin_apps: NamePatterns


@cache
def shipped() -> PatternCatalogue:
    """The shipped patterns.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "patterns.yaml"), PatternCatalogue)
