"""The manifest: which parts a bundle has, how long each is and what it hashes to."""

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.bundle.zip_writer import MAX_BYTES
from auditor.errors import AuditorError

NAME = "manifest.json"
SIGNATURE = "manifest.sig"
LONGEST = 1024 * 1024
"""Bytes of a manifest."""
MOST_PARTS = 100

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, le=MAX_BYTES)]


class _ManifestModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ManifestPart(_ManifestModel):
    """One part."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9]+)+$", max_length=100)]
    about: str
    size: Size
    sha256: Digest
    packed_size: Size
    packed_sha256: Digest
    """Of its bytes as they stand in the zip file."""
    method: Literal[0, 8]
    """0 stored, 8 deflated."""


class ManifestBaseline(_ManifestModel):
    """Which baseline judged the run."""

    id: str
    version: str
    digest: str


class ManifestRun(_ManifestModel):
    """The facts of the run."""

    id: str
    account_id: str
    api_url: str
    started_at: str
    finished_at: str
    depth: str
    baseline: ManifestBaseline
    complete: bool
    exit_code: int
    fail_on: str


class Tool(_ManifestModel):
    """Who wrote the bundle."""

    name: str
    version: str


class Manifest(_ManifestModel):
    """What is in a bundle. The signature is over its bytes."""

    schema_id: Literal["auditor/bundle/v1"] = Field(alias="schema")
    tool: Tool
    run: ManifestRun
    evidence_digest: str
    pseudonymised: bool
    simulated: bool = False
    framework: str | None
    signed_by: str | None
    """The id of the key that `manifest.sig` is made with; null where there is no signature."""
    parts: Annotated[tuple[ManifestPart, ...], Field(max_length=MOST_PARTS, strict=False)]

    @model_validator(mode="after")
    def _names_differ(self) -> "Manifest":
        names = [part.name for part in self.parts]
        if len({*names, NAME, SIGNATURE}) != len(names) + 2:
            raise ValueError("two parts have one name.")
        return self

    def written(self) -> bytes:
        """The manifest as it stands in the bundle."""
        plain = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode(
            "utf-8", "backslashreplace"
        )


class UnreadableManifest(AuditorError):
    """The bytes are no manifest."""


def read(content: bytes) -> Manifest:
    """The manifest in `content`.

    Raises:
        Unreadable: it is none.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableManifest(re.sub(r"\s+", " ", str(error.errors()[0]["msg"]))) from error
