"""What the checks of rights and of use look for in Zoom's names: `policies/patterns.yaml`."""

from functools import cache

from pydantic import BaseModel, ConfigDict

from auditor.policy import files, yaml_source


class NamePatterns(BaseModel):
    """Patterns of names, `*` for any text, with where they are from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: str
    patterns: tuple[str, ...]
    sources: tuple[str, ...]


class PatternCatalogue(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    privileges: NamePatterns
    app_scopes: NamePatterns
    log_categories: NamePatterns
    admin_scopes: NamePatterns
    admin_apps: NamePatterns


@cache
def shipped() -> PatternCatalogue:
    """The patterns that come with the program.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "patterns.yaml"), PatternCatalogue)
