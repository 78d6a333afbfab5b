"""Writes bundles. The same run always gives the same bytes."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import yaml

from auditor.bundle import manifest, zip_writer
from auditor.bundle.manifest import Manifest, ManifestBaseline, ManifestPart, ManifestRun, Tool
from auditor.bundle.signing import signature_file
from auditor.bundle.zip_writer import Packed
from auditor.evidence.export import copy_snapshot
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.run import Run
from auditor.report import FORMATS, Format, Options
from auditor.secrets.signing import Signer

SNAPSHOT = "snapshot.sqlite"

_CHANGES = slice(24, 28)
_VALID_FOR = slice(92, 96)
_SQLITE = slice(96, 100)
"""Header bytes of an SQLite file that depend on how it was written. Source: fileformat2."""
_SOME_VERSION = (3_040_000).to_bytes(4, "big")


@dataclass(frozen=True)
class BundleContents:
    """The content of a bundle."""

    run: Run
    snapshot: Snapshot
    policy: str
    """The policy of the run, as serialised by `auditor.policy.baseline.serialization`."""
    facts: dict[str, str]
    """Metadata of the run, for the snapshot in the bundle."""


def write(out: BinaryIO, contents: BundleContents, signer: Signer | None, options: Options) -> None:
    """Write the bundle of a run to `out`, signed if there is a `signer`.

    Data from the history is left out, because it changes when other runs are pruned.

    Raises:
        BundleTooLarge: a part is larger than 4 GiB.
        SnapshotError: the evidence cannot be copied.
    """
    run = replace(contents.run, trend=(), histories=None, drift=None)
    with ExitStack() as stack:
        packed = []
        for about, part in _parts(replace(contents, run=run), options):
            stack.callback(part.file.close)
            packed.append((about, part))
        content = _manifest(run, packed, signer).written()
        front = [zip_writer.stored(manifest.NAME, content)]
        if signer is not None:
            front.append(zip_writer.stored(manifest.SIGNATURE, signature_file(signer, content)))
        zip_writer.write(out, run.info.finished_at, [*front, *(part for _, part in packed)])


def _parts(contents: BundleContents, options: Options) -> Iterator[tuple[str, Packed]]:
    options = replace(options, width=100, color=False, report_path="report.html")
    for format_ in FORMATS.values():
        if format_.in_bundle:
            render: Callable[[BinaryIO], None] = partial(_render, format_, contents.run, options)
            yield (
                f"the report as {format_.name}",
                zip_writer.pack(f"report{format_.suffix}", zip_writer.DEFLATED, render),
            )
    policy = json.loads(contents.policy)
    baseline = (json.dumps(policy["baseline"], indent=1, ensure_ascii=False) + "\n").encode()
    yield (
        "the baseline that the run was judged by, as resolved",
        zip_writer.pack("baseline.json", zip_writer.DEFLATED, partial(_put, baseline)),
    )
    organisation = {key: value for key, value in policy["organisation"].items() if value}
    written = yaml.safe_dump(organisation, sort_keys=True, allow_unicode=True).encode()
    yield (
        "the organisation's parameters, overrides, waivers and attestations",
        zip_writer.pack("organisation.yaml", zip_writer.DEFLATED, partial(_put, written)),
    )
    yield (
        "the evidence: auditor report --format html snapshot.sqlite",
        zip_writer.pack(SNAPSHOT, zip_writer.STORED, partial(_copy, contents)),
    )


def _manifest(run: Run, packed: list[tuple[str, Packed]], signer: Signer | None) -> Manifest:
    info = run.info
    return Manifest(
        schema="auditor/bundle/v1",
        tool=Tool(name="auditor", version=run.tool_version),
        run=ManifestRun(
            id=info.id,
            account_id=info.account_id,
            api_url=info.api_url,
            started_at=format_rfc3339(info.started_at),
            finished_at=format_rfc3339(info.finished_at),
            depth=info.depth,
            baseline=ManifestBaseline(
                id=info.baseline.id, version=info.baseline.version, digest=info.baseline.digest
            ),
            complete=info.complete,
            exit_code=info.exit_code,
            fail_on=info.fail_on,
        ),
        evidence_digest=info.evidence_digest,
        pseudonymised=run.pseudonymised,
        simulated=info.simulated,
        framework=run.framework.id if run.framework else None,
        signed_by=signer.public.id if signer else None,
        parts=tuple(
            ManifestPart(
                name=part.entry.name,
                about=about,
                size=part.entry.size,
                sha256=part.sha256,
                packed_size=part.entry.packed_size,
                packed_sha256=part.packed_sha256,
                method=0 if part.entry.method == zip_writer.STORED else 8,
            )
            for about, part in packed
        ),
    )


def _render(format_: Format, run: Run, options: Options, out: BinaryIO) -> None:
    format_.render(run, out, options)


def _put(content: bytes, out: BinaryIO) -> None:
    out.write(content)


def _copy(contents: BundleContents, out: BinaryIO) -> None:
    """Write a normalised copy of the evidence, independent of how the original was written."""
    with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
        path = Path(folder) / SNAPSHOT
        with Snapshot.create(path) as copy:
            copy_snapshot(contents.snapshot, copy, contents.facts)
        with path.open("rb") as file:
            header = bytearray(file.read(100))
            header[_CHANGES] = header[_VALID_FOR] = (1).to_bytes(4, "big")
            header[_SQLITE] = _SOME_VERSION
            out.write(bytes(header))
            while chunk := file.read(zip_writer.CHUNK):
                out.write(chunk)
