import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from auditor.bundle import zip_writer
from auditor.bundle.signing import Signature, signature_file
from auditor.bundle.verifying import NotABundle, TamperedBundle, Verified, verify
from auditor.evidence.timestamps import parse_rfc3339
from auditor.secrets.signing import PublicKey, Signer
from tests.bundle import samples
from tests.every_case import every_case

NAMES = ("manifest.json", "manifest.sig", *samples.PARTS)


def verified(content: bytes, trusted: PublicKey | None = None) -> Verified:
    return verify(io.BytesIO(content), trusted)


def altered(content: bytes, trusted: PublicKey | None = None) -> TamperedBundle:
    with pytest.raises(TamperedBundle) as caught:
        verified(content, trusted)
    return caught.value


def spans(content: bytes) -> dict[str, range]:
    """The range of each part with its header, of the directory and of the end record."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        infos, start = opened.infolist(), opened.start_dir
    starts = [info.header_offset for info in infos] + [start]
    return {info.filename: range(starts[at], starts[at + 1]) for at, info in enumerate(infos)} | {
        "": range(start, len(content))
    }


def test_a_signed_bundle_is_verified_with_the_public_key_alone() -> None:
    result = verified(samples.bundle(), samples.SIGNER.public)
    assert (result.trusted, result.signer) == (True, samples.SIGNER.public)
    assert [part.name for part in result.manifest.parts] == list(samples.PARTS)


def test_without_a_key_it_is_told_who_claims_to_have_signed() -> None:
    result = verified(samples.bundle())
    assert (result.trusted, result.signer) == (False, samples.SIGNER.public)


def test_an_unsigned_bundle_can_be_checked_against_its_manifest() -> None:
    result = verified(samples.bundle(signer=None))
    assert (result.trusted, result.signer) == (False, None)


@pytest.mark.parametrize("signer", [samples.SIGNER, None], ids=["signed", "unsigned"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_one_altered_byte_anywhere_is_found_and_its_part_is_named(
    signer: Signer | None, flip: int
) -> None:
    content = samples.bundle(signer)
    wrong = []
    for name, span in spans(content).items():
        for at in span:
            changed = content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
            part = altered(changed).part
            # a byte of a header can make the name of its own part, or of the end, unreadable
            if name and part != name:
                wrong.append((at, name, part))
    assert wrong == []


def test_one_altered_byte_of_a_deflated_part_is_found_even_where_it_means_nothing() -> None:
    """The last byte of a deflated part can have bits that no program looks at."""
    content = samples.bundle()
    last = spans(content)["report.json"][-1]
    for bit in range(8):
        changed = content[:last] + bytes([content[last] ^ 1 << bit]) + content[last + 1 :]
        assert altered(changed).part == "report.json"


@every_case("cut", [1, 10, 22, 23, 100, 1000])
def test_a_bundle_that_is_cut_short_is_found(cut: int) -> None:
    altered(samples.bundle()[:-cut])


@pytest.mark.parametrize("cut", [1, 40, 300])
def test_a_bundle_without_its_beginning_is_found(cut: int) -> None:
    with pytest.raises((TamperedBundle, NotABundle)):
        verified(samples.bundle()[cut:])


def test_bytes_behind_the_end_are_found() -> None:
    assert altered(samples.bundle() + b"\0").part == "the end of the archive"


def test_a_part_that_the_manifest_does_not_list_is_named() -> None:
    extra = samples.packed({"extra.txt": (b"more", 0)})
    parts = samples.packed(samples.PARTS)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), samples.SIGNER).written()
    result = samples.zipped(content, [*parts, *extra], signature_file(samples.SIGNER, content))
    assert "extra.txt" in altered(result).part


def test_an_entry_of_the_directory_without_a_part_is_named() -> None:
    content = samples.bundle()
    start = spans(content)[""].start
    ghost = zip_writer.ZipEntry("ghost.txt", 0, 0, 0, 0).central(samples.FINISHED, 0)
    records = content[start : -zip_writer.END.size] + ghost
    result = content[:start] + records + zip_writer.end(6, len(records), start)
    assert "ghost.txt" in altered(result).part


def test_bytes_between_the_parts_and_the_directory_are_found() -> None:
    content = samples.bundle()
    start = spans(content)[""].start
    records = content[start : -zip_writer.END.size]
    result = content[:start] + b"hidden" + records + zip_writer.end(5, len(records), start + 6)
    assert altered(result).part == "the directory of the archive"


def test_a_missing_part_is_named() -> None:
    parts = samples.packed(samples.PARTS)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), samples.SIGNER).written()
    result = samples.zipped(content, parts[:-1], signature_file(samples.SIGNER, content))
    assert altered(result).part == "snapshot.sqlite"


def test_a_rewritten_manifest_does_not_fit_the_signature() -> None:
    parts = samples.packed(samples.PARTS)
    signed = samples.manifest_of(tuple(map(samples.listed, parts)), samples.SIGNER)
    other = signed.model_copy(update={"pseudonymised": True}).written()
    result = samples.zipped(other, parts, signature_file(samples.SIGNER, signed.written()))
    assert altered(result).part == "manifest.sig"


def test_a_bundle_signed_by_somebody_else_is_not_what_was_asked_for() -> None:
    error = altered(samples.bundle(samples.STRANGER), samples.SIGNER.public)
    assert error.part == "manifest.sig"
    assert samples.STRANGER.public.id in str(error)
    assert samples.SIGNER.public.id in str(error)


def test_an_unsigned_bundle_is_not_what_was_asked_for() -> None:
    assert altered(samples.bundle(None), samples.SIGNER.public).part == "manifest.sig"


def test_a_signature_that_was_taken_out_is_missed() -> None:
    parts = samples.packed(samples.PARTS)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), samples.SIGNER).written()
    assert altered(samples.zipped(content, parts, None)).part == "manifest.sig"


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"[]",
        b"{}",
        b'{"public_key": 3, "signature": ""}',
        signature_file(samples.SIGNER, b"x").replace(b"\n", b""),
        Signature(samples.SIGNER.public, b"short").written(),
        signature_file(samples.STRANGER, b"x"),
    ],
)
def test_what_is_no_signature_of_the_manifest_is_named(signature: bytes) -> None:
    parts = samples.packed(samples.PARTS)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), samples.SIGNER).written()
    assert altered(samples.zipped(content, parts, signature)).part == "manifest.sig"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"hello " * 100,
        b"PK\x03\x04" + b"x" * 100,
        b"x" * 100 + zip_writer.end(0, 0, 100),
        b"x" * 100 + zip_writer.end(0, 0, 99),
        b"x" * 100 + zip_writer.end(0, 0, 100)[:-2] + b"\1\0",
    ],
)
def test_something_else_is_no_bundle(content: bytes) -> None:
    with pytest.raises(NotABundle):
        verified(content)


@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_another_zip_file_is_no_bundle(comment: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as other:
        other.writestr("../../etc/passwd", "x" * 100)
        other.comment = comment
    with pytest.raises(NotABundle):
        verified(out.getvalue())


@every_case(
    "name", ["../up.txt", "/etc/passwd", "a/b.txt", "C:x.txt", "noext", "A.TXT", "a\n.txt", ".a"]
)
def test_a_part_with_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    part = samples.listed(samples.packed(samples.PARTS)[0])
    told = samples.manifest_of((part,), None).model_dump(mode="json", by_alias=True)
    told["parts"][0]["name"] = name
    assert altered(samples.zipped(json.dumps(told).encode(), [], None)).part == "manifest.json"


@pytest.mark.parametrize(
    ("key", "value"),
    [("schema", "auditor/bundle/v2"), ("more", 1), ("parts", None), ("pseudonymised", "yes")],
)
def test_a_manifest_of_another_shape_is_refused(key: str, value: object) -> None:
    told = samples.manifest_of((), None).model_dump(mode="json", by_alias=True) | {key: value}
    assert altered(samples.zipped(json.dumps(told).encode(), [], None)).part == "manifest.json"


@pytest.mark.parametrize("twice", ["report.txt", "manifest.json", "manifest.sig"])
def test_two_parts_of_one_name_are_refused(twice: str) -> None:
    part = samples.listed(samples.packed(samples.PARTS)[0])
    told = samples.manifest_of((part,), None).model_dump(mode="json", by_alias=True)
    told["parts"] += [{**told["parts"][0], "name": twice}]
    assert altered(samples.zipped(json.dumps(told).encode(), [], None)).part == "manifest.json"


def test_a_bomb_is_unpacked_no_further_than_the_manifest_says() -> None:
    [bomb] = samples.packed({"report.txt": (bytes(50_000_000), zip_writer.DEFLATED)})
    content = samples.manifest_of((samples.listed(bomb, size=1000),), None).written()
    error = altered(samples.zipped(content, [bomb], None))
    assert str(error) == "report.txt: it is longer than the manifest says."


def test_a_long_part_is_verified_in_pieces() -> None:
    noise = random.Random(5).randbytes(300_000)
    parts = samples.packed(
        {"a.bin": (noise, 8), "b.bin": (bytes(1_000_000), 8), "c.bin": (noise + noise, 0)}
    )
    content = samples.manifest_of(tuple(map(samples.listed, parts)), None).written()
    assert len(verified(samples.zipped(content, parts, None)).manifest.parts) == 3


def test_a_part_that_cannot_be_unpacked_is_named() -> None:
    [good] = samples.packed({"report.txt": (b"\xff" * 40, zip_writer.STORED)})
    entry = zip_writer.ZipEntry("report.txt", 8, good.entry.crc, 40, 40)
    bad = zip_writer.Packed(entry, good.sha256, good.packed_sha256, good.file)
    content = samples.manifest_of((samples.listed(bad),), None).written()
    error = altered(samples.zipped(content, [bad], None))
    assert str(error) == "report.txt: it cannot be unpacked."


def test_a_manifest_or_signature_that_claims_to_be_huge_is_not_read() -> None:
    content = samples.bundle()
    for name in ("manifest.json", "manifest.sig"):
        at = spans(content)[name].start + 18
        huge = content[:at] + struct.pack("<L", 0xFFFFFFF0) + content[at + 4 :]
        assert altered(huge).part == name


def test_the_time_of_the_parts_is_that_of_the_run() -> None:
    parts = samples.packed(samples.PARTS)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), None).written()
    result = samples.zipped(content, parts, None, moment=parse_rfc3339("2026-11-21T22:05:00Z"))
    assert altered(result).part == "manifest.json"


def test_other_programs_can_read_it() -> None:
    with zipfile.ZipFile(io.BytesIO(samples.bundle())) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == list(NAMES)
        assert {info.date_time for info in opened.infolist()} == {(2026, 11, 21, 22, 4, 30)}
        for name, (content, _) in samples.PARTS.items():
            assert opened.read(name) == content
            assert zlib.crc32(content) == opened.getinfo(name).CRC


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "2200-01-01T00:00:00Z"])
def test_a_time_that_zip_files_cannot_say_is_brought_to_one_they_can(moment: str) -> None:
    out = io.BytesIO()
    zip_writer.write(out, parse_rfc3339(moment), samples.packed(samples.PARTS))
    with zipfile.ZipFile(out) as opened:
        assert opened.infolist()[0].date_time[0] in (1980, 2107)


def test_what_is_too_large_for_the_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = samples.packed(samples.PARTS)
    monkeypatch.setattr(zip_writer, "MAX_BYTES", 100)
    with pytest.raises(zip_writer.BundleTooLarge, match="--only"):
        zip_writer.write(io.BytesIO(), samples.FINISHED, parts)
    with pytest.raises(zip_writer.BundleTooLarge):
        zip_writer.stored("a.txt", b"x" * 101)


def test_an_end_that_counts_other_parts_than_there_are_is_found() -> None:
    content = samples.bundle()
    start = spans(content)[""].start
    length = len(content) - start - zip_writer.END.size
    result = content[: -zip_writer.END.size] + zip_writer.end(4, length, start)
    assert altered(result).part == "the end of the archive"


def with_packed(packed: bytes) -> bytes:
    """A signed bundle whose manifest lists a part with these compressed bytes."""
    (part,) = samples.packed({"report.txt": (b"not one deviation\n", zip_writer.DEFLATED)})
    entry = replace(part.entry, packed_size=len(packed))
    sha256 = hashlib.sha256(packed).hexdigest()
    part = replace(part, entry=entry, packed_sha256=sha256, file=io.BytesIO(packed))
    content = samples.manifest_of((samples.listed(part),), samples.SIGNER).written()
    return samples.zipped(content, [part], signature_file(samples.SIGNER, content))


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize("more", [b"hidden", b"h" * 200_000, deflated(b"another stream")])
def test_bytes_behind_the_end_of_a_compressed_part_are_refused(more: bytes) -> None:
    whole = deflated(b"not one deviation\n")
    assert verified(with_packed(whole)).signer == samples.SIGNER.public
    error = altered(with_packed(whole + more))
    assert error.part == "report.txt"
    assert "follows the end" in str(error)


def test_a_compressed_part_without_an_end_is_refused() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    endless = packer.compress(b"not one deviation\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    assert "truncated" in str(altered(with_packed(endless)))
