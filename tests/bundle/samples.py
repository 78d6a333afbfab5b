"""Small bundles, built by hand."""

import io
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from auditor.bundle import manifest, zip_writer
from auditor.bundle.manifest import Manifest, ManifestBaseline, ManifestPart, ManifestRun, Tool
from auditor.bundle.signing import signature_file
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.secrets.signing import Signer

SIGNER = Signer.read("11" * 32)
STRANGER = Signer.read("22" * 32)
FINISHED = parse_rfc3339("2026-11-21T22:04:31.250Z")
PARTS = {
    "report.txt": (b"not one deviation\n" * 30, zip_writer.DEFLATED),
    "report.json": (b"{}\n", zip_writer.DEFLATED),
    "snapshot.sqlite": (bytes(range(256)), zip_writer.STORED),
}


def manifest_of(parts: tuple[ManifestPart, ...], signer: Signer | None, **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "schema": "auditor/bundle/v1",
        "tool": Tool(name="auditor", version="0.1.0"),
        "run": ManifestRun(
            id="20261121T215800-000Z-7f3a00",
            account_id="acc-1",
            api_url="https://api.zoom.us/v2",
            started_at="2026-11-21T21:58:00Z",
            finished_at=format_rfc3339(FINISHED),
            depth="user",
            baseline=ManifestBaseline(id="strict", version="1.0", digest="sha256:" + "ab" * 32),
            complete=True,
            exit_code=0,
            fail_on="never",
        ),
        "evidence_digest": "sha256:" + "cd" * 32,
        "pseudonymised": False,
        "framework": None,
        "signed_by": signer.public.id if signer else None,
        "parts": parts,
    }
    return Manifest(**{**fields, **changes})


def packed(parts: dict[str, tuple[bytes, int]]) -> list[zip_writer.Packed]:
    def put(content: bytes, out: io.BytesIO) -> None:
        out.write(content)

    copies = []
    for name, (content, method) in parts.items():
        part = zip_writer.pack(name, method, partial(put, content))
        with part.file:  # nothing to close where a test needs no more than the name
            copies.append(replace(part, file=io.BytesIO(part.file.read())))
    return copies


def listed(part: zip_writer.Packed, **changes: Any) -> ManifestPart:
    fields: dict[str, Any] = {
        "name": part.entry.name,
        "about": "a part",
        "size": part.entry.size,
        "sha256": part.sha256,
        "packed_size": part.entry.packed_size,
        "packed_sha256": part.packed_sha256,
        "method": part.entry.method,
    }
    return ManifestPart(**{**fields, **changes})


def zipped(
    content: bytes,
    parts: list[zip_writer.Packed],
    signature: bytes | None,
    moment: datetime = FINISHED,
) -> bytes:
    """A bundle with this manifest, valid or not."""
    front = [zip_writer.stored(manifest.NAME, content)]
    if signature is not None:
        front.append(zip_writer.stored(manifest.SIGNATURE, signature))
    out = io.BytesIO()
    zip_writer.write(out, moment, [*front, *parts])
    return out.getvalue()


def bundle(signer: Signer | None = SIGNER) -> bytes:
    parts = packed(PARTS)
    content = manifest_of(tuple(map(listed, parts)), signer).written()
    return zipped(content, parts, signature_file(signer, content) if signer else None)
