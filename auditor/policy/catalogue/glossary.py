"""One word for one thing: the terms of every text for people, `policies/words/glossary.yaml`."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from auditor.policy.catalogue import files, yaml_source


class Term(BaseModel):
    """A term, and what it means to a reader who knows neither Zoom's API nor this program."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: str
    means: str
    plural: str = ""
    contract: tuple[str, ...] = Field(default=(), alias="json")
    """The words of the contract for it, in JSON and other formats for machines."""
    instead_of: tuple[str, ...] = ()
    """Words that texts for people do not use for it."""


class _GlossaryFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    terms: tuple[Term, ...]


@cache
def terms() -> Sequence[Term]:
    """The terms, in the order in which they build on each other."""
    return yaml_source.load(yaml_source.read(path()), _GlossaryFile).terms


def path() -> Path:
    """The file of the glossary, which is among the words for settings and unlike them."""
    return files.folder() / "words" / "glossary.yaml"
