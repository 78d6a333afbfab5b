"""Verifies bundles: the manifest has to determine every byte.

Nothing is unpacked to disk, and no part beyond the size that the manifest states.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from auditor.bundle import manifest, zip_writer
from auditor.bundle.manifest import Manifest, ManifestPart
from auditor.bundle.signing import CONTEXT, LONGEST, Signature
from auditor.bundle.zip_writer import CENTRAL, CHUNK, EARLIEST, END, LOCAL, ZipEntry
from auditor.errors import AuditorError
from auditor.evidence.timestamps import parse_or_none
from auditor.secrets.signing import BadKey, PublicKey

THE_END = "the end of the archive"
DIRECTORY = "the directory of the archive"


class NotABundle(AuditorError):
    """The file is not a bundle."""

    def __init__(self) -> None:
        super().__init__("This is not a bundle written by the auditor.")


class TamperedBundle(AuditorError):
    """The bundle was altered. `part` is the first part that differs."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part}: {why}.")
        self.part = part


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose bytes are all unaltered."""

    manifest: Manifest
    signer: PublicKey | None
    """The key of the valid signature; None if the bundle is not signed."""
    trusted: bool
    """True if it is the key that the caller trusts."""


def verify(file: BinaryIO, trusted: PublicKey | None = None) -> Verified:
    """Check a bundle, byte by byte; with `trusted`, also that this key signed it.

    Raises:
        NotABundle: it is not a bundle.
        TamperedBundle: it was altered, or is not signed by the key.
    """
    return _BundleReader(file).verify(trusted)


class _BundleReader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._directory: list[bytes] = []
        self._at = 0
        self._moment = EARLIEST

    def verify(self, trusted: PublicKey | None) -> Verified:
        length, offset = self._find_directory()
        records = self._bytes(offset, length)
        self._check_is_bundle(records)
        header, content = self._read_stored_part(manifest.NAME, manifest.LONGEST)
        try:
            parsed = manifest.read(content)
        except manifest.UnreadableManifest as error:
            raise TamperedBundle(manifest.NAME, f"it cannot be read: {error}") from error
        self._moment = parse_or_none(parsed.run.finished_at) or EARLIEST
        self._check_header(manifest.NAME, header, content)
        signer = self._signer(parsed, content, trusted)
        for part in parsed.parts:
            self._check_part(part)
        self._check_directory(records, offset)
        return Verified(parsed, signer, trusted is not None)

    def _find_directory(self) -> tuple[int, int]:
        """Length and offset of the central directory."""
        if self._size < END.size + LOCAL.size:
            raise NotABundle
        tail = self._bytes(self._size - END.size, END.size)
        if not tail.startswith(zip_writer.END_MARK):
            self._check_beginning()
            raise TamperedBundle(THE_END, "it was altered, or data follows it")
        _, _, _, _, count, length, offset, _ = END.unpack(tail)
        if offset + length + END.size != self._size or length > CHUNK:
            self._check_beginning()
            raise TamperedBundle(THE_END, "it does not say where the directory begins")
        if tail != zip_writer.end(count, length, offset):
            self._check_beginning()
            raise TamperedBundle(THE_END, "it was altered")
        return length, offset

    def _check_beginning(self) -> None:
        """Raise `NotABundle` unless the file begins like a bundle."""
        name = manifest.NAME.encode()
        head = self._bytes(0, LOCAL.size + len(name))
        if not (head.startswith(zip_writer.LOCAL_MARK) and head.endswith(name)):
            raise NotABundle

    def _check_is_bundle(self, records: bytes) -> None:
        name = manifest.NAME.encode()
        if records[CENTRAL.size : CENTRAL.size + len(name)] != name:
            self._check_beginning()

    def _read_stored_part(self, name: str, longest: int) -> tuple[bytes, bytes]:
        """Header and content of the next part, which has to be stored uncompressed."""
        header = self._next(LOCAL.size + len(name), name)
        fields = LOCAL.unpack(header[: LOCAL.size])
        packed_size = fields[7]
        if header[LOCAL.size :] != name.encode() or packed_size > longest:
            raise TamperedBundle(name, "it is not where it should be")
        return header, self._next(packed_size, name)

    def _check_header(self, name: str, header: bytes, content: bytes) -> None:
        size = len(content)
        entry = ZipEntry(name, zip_writer.STORED, zlib.crc32(content), size, size)
        if entry.local(self._moment) != header:
            raise TamperedBundle(name, "its content or its header was altered")
        self._add_to_directory(entry)

    def _signer(
        self, parsed: Manifest, content: bytes, trusted: PublicKey | None
    ) -> PublicKey | None:
        if parsed.signed_by is None:
            if trusted is not None:
                raise TamperedBundle(manifest.SIGNATURE, "the bundle is not signed")
            return None
        header, signed = self._read_stored_part(manifest.SIGNATURE, LONGEST)
        self._check_header(manifest.SIGNATURE, header, signed)
        try:
            claimed = Signature.read(signed)
        except BadKey as error:
            raise TamperedBundle(manifest.SIGNATURE, str(error)) from error
        if claimed.public.id != parsed.signed_by:
            raise TamperedBundle(manifest.SIGNATURE, f"{manifest.NAME} names another key")
        if trusted is not None and claimed.public != trusted:
            raise TamperedBundle(
                manifest.SIGNATURE,
                f"it was signed with {claimed.public.id}, not with the expected key {trusted.id}",
            )
        if not claimed.public.accepts(claimed.signature, CONTEXT, content):
            raise TamperedBundle(manifest.SIGNATURE, f"it is not a signature of {manifest.NAME}")
        return claimed.public

    def _check_part(self, part: ManifestPart) -> None:
        header = self._next(LOCAL.size + len(part.name), part.name)
        content, packed = hashlib.sha256(), hashlib.sha256()
        inflate = zlib.decompressobj(-15) if part.method == zip_writer.DEFLATED else None
        size = crc = 0
        left = part.packed_size
        while left:
            chunk = self._next(min(CHUNK, left), part.name)
            left -= len(chunk)
            packed.update(chunk)
            for plain in _inflated(inflate, chunk, part.name, last=not left):
                size += len(plain)
                if size > part.size:
                    raise TamperedBundle(part.name, "it is longer than the manifest says")
                content.update(plain)
                crc = zlib.crc32(plain, crc)
        if packed.hexdigest() != part.packed_sha256 or content.hexdigest() != part.sha256:
            raise TamperedBundle(part.name, "its content does not match the manifest")
        entry = ZipEntry(part.name, part.method, crc, part.packed_size, part.size)
        if header != entry.local(self._moment) or size != part.size:
            raise TamperedBundle(part.name, "its header was altered")
        self._add_to_directory(entry)

    def _add_to_directory(self, entry: ZipEntry) -> None:
        """Add the expected directory record of the part that was just read."""
        start = self._at - entry.packed_size - LOCAL.size - len(entry.name)
        self._directory.append(entry.central(self._moment, start))

    def _check_directory(self, records: bytes, offset: int) -> None:
        if self._at != offset:
            name = _name_at(records, len(b"".join(self._directory))) or DIRECTORY
            raise TamperedBundle(name, "it is in the archive, but the manifest does not list it")
        for expected in self._directory:
            name = expected[CENTRAL.size :].decode()
            if records[: len(expected)] != expected:
                raise TamperedBundle(name, "its entry in the directory was altered")
            records = records[len(expected) :]
        if records:
            name = _name_at(records, 0) or DIRECTORY
            raise TamperedBundle(name, "it is in the directory, but the manifest does not list it")
        tail = self._bytes(self._size - END.size, END.size)
        length = len(b"".join(self._directory))
        if tail != zip_writer.end(len(self._directory), length, offset):
            raise TamperedBundle(THE_END, "it was altered")

    def _next(self, count: int, name: str) -> bytes:
        """Read the next `count` bytes, which belong to the part `name`."""
        data = self._bytes(self._at, count)
        if len(data) != count:
            raise TamperedBundle(name, "it is truncated")
        self._at += count
        return data

    def _bytes(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)


def _inflated(
    inflate: "zlib._Decompress | None", chunk: bytes, name: str, *, last: bool
) -> Iterator[bytes]:
    """Decompress `chunk` in pieces of bounded size."""
    if inflate is None:
        yield chunk
        return
    try:
        while chunk:
            yield inflate.decompress(chunk, CHUNK)
            chunk = inflate.unconsumed_tail
        if last:
            yield inflate.flush()
    except zlib.error as error:
        raise TamperedBundle(name, "it cannot be unpacked") from error
    if inflate.unused_data:
        raise TamperedBundle(name, "data follows the end of its compressed content")
    if last and not inflate.eof:
        raise TamperedBundle(name, "its compressed content is truncated")


def _name_at(records: bytes, start: int) -> str:
    """The name in an unverified directory record; empty if there is no record."""
    record = records[start : start + CENTRAL.size]
    if len(record) < CENTRAL.size or not record.startswith(zip_writer.CENTRAL_MARK):
        return ""
    length = CENTRAL.unpack(record)[10]
    name = records[start + CENTRAL.size : start + CENTRAL.size + length]
    return ascii(name.decode("utf-8", "replace")[:100])
