"""Frameworks: laws and standards that controls map to, and their references."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_QUALIFIED = re.compile(r"(.+) \((differs|opposite)\)")


@dataclass(frozen=True, slots=True)
class FrameworkPart:
    """A part of a framework."""

    title: str
    references: tuple[str, ...]
    outside: str = ""
    """Why no setting of Zoom can satisfy it; empty if one may."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A law or standard that controls map to."""

    id: str
    """The value of `--framework`."""
    key: str
    """Its key in the mappings of a control."""
    title: str
    version: str
    not_claimed: str
    """What a run never proves about it, in a sentence or two."""
    parts: tuple[FrameworkPart, ...]
    controls: Mapping[str, tuple[str, ...]]
    """Reference to the ids of all controls that map to it, assessed in a run or not."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Reference to what the provision is about, in a few words."""
    source: str = ""
    """The address of its text, or of its publisher's page; empty for an organisation's own."""

    @property
    def name(self) -> str:
        """Title and version."""
        return f"{self.title} ({self.version})"


def split_reference(reference: str) -> tuple[str, str]:
    """A mapping as reference and relation: `1.1.3 (opposite)` is `1.1.3`, `opposite`."""
    match = _QUALIFIED.fullmatch(reference)
    return (match[1], match[2]) if match else (reference, "")
