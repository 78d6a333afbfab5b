"""The manifest of a bundle: its parts with their sizes and hashes."""

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.bundle.zip_writer import MAX_BYTES
from auditor.errors import AuditorError

NAME = "manifest.json"
SIGNATURE = "manifest.sig"
LONGEST = 1024 * 1024
"""Maximum size of a manifest, in bytes."""
MOST_PARTS = 100

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, le=MAX_BYTES)]


class _ManifestModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ManifestPart(_ManifestModel):
    """One part of a bundle."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9]+)+$", max_length=100)]
    about: str
    size: Size
    sha256: Digest
    packed_size: Size
    packed_sha256: Digest
    """Hash of its bytes as stored in the zip file."""
    method: Literal[0, 8]
    """0 stored, 8 deflated."""


class ManifestBaseline(_ManifestModel):
    """The baseline of the run."""

    id: str
    version: str
    digest: str


class ManifestRun(_ManifestModel):
    """Metadata of the run."""

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
    """The program that wrote the bundle."""

    name: str
    version: str


class Manifest(_ManifestModel):
    """The content of a bundle. The signature covers the bytes of the manifest."""

    schema_id: Literal["auditor/bundle/v1"] = Field(alias="schema")
    tool: Tool
    run: ManifestRun
    evidence_digest: str
    pseudonymised: bool
    simulated: bool = False
    framework: str | None
    signed_by: str | None
    """The id of the key of `manifest.sig`; null if the bundle is not signed."""
    parts: Annotated[tuple[ManifestPart, ...], Field(max_length=MOST_PARTS, strict=False)]

    @model_validator(mode="after")
    def _names_differ(self) -> "Manifest":
        names = [part.name for part in self.parts]
        if len({*names, NAME, SIGNATURE}) != len(names) + 2:
            raise ValueError("two parts have the same name.")
        return self

    def written(self) -> bytes:
        """The manifest as stored in the bundle."""
        plain = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode(
            "utf-8", "backslashreplace"
        )


class UnreadableManifest(AuditorError):
    """The bytes are not a manifest."""


def read(content: bytes) -> Manifest:
    """Parse the manifest in `content`.

    Raises:
        UnreadableManifest: it is not a manifest.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableManifest(re.sub(r"\s+", " ", str(error.errors()[0]["msg"]))) from error
