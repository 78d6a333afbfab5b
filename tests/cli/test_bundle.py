"""`auditor bundle`, and bundles that other commands write."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import null

from auditor.evidence.view import SETTINGS
from tests.app.stored import judgement
from tests.builders import ACCOUNT, USER
from tests.bundle import samples
from tests.cli.commands import output_text, ran, store
from tests.keyrings import InMemory, current


@pytest.fixture(autouse=True)
def ring() -> Iterator[InMemory]:
    before, backend = current(), InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def run_id(home: Path) -> str:
    return store(home, judgement("AI-01", "RC-02"), (ACCOUNT, {SETTINGS: {}}), (USER, {}))


def written(*more: object) -> Path:
    assert ran("report", "-o", "run.zip", *more).exit_code == 0
    return Path("run.zip")


@pytest.fixture
def public(home: Path) -> Path:
    result = ran("bundle", "keygen", "--output", "auditor.pub")
    assert result.exit_code == 0, result.output
    return Path("auditor.pub")


def test_keygen_keeps_the_private_half_and_tells_the_public_one(
    public: Path, ring: InMemory
) -> None:
    text = public.read_text().strip()
    assert len(text) == 64
    assert {name for _, name in ring.kept} == {"signing-key", "public-key"}
    assert text in ring.kept.values()


def test_a_second_keygen_replaces_nothing_unless_told_to(public: Path) -> None:
    again = ran("bundle", "keygen")
    assert again.exit_code == 2
    assert public.read_text().strip() in output_text(again)
    replaced = ran("bundle", "keygen", "--replace")
    assert replaced.exit_code == 0
    assert public.read_text().strip() not in output_text(replaced)


def test_keygen_does_not_overwrite_a_file(home: Path) -> None:
    Path("mine.txt").write_text("mine")
    assert ran("bundle", "keygen", "-o", "mine.txt").exit_code == 2
    assert Path("mine.txt").read_text() == "mine"


def test_of_a_key_in_the_environment_keygen_tells_the_public_half(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(null.Keyring())
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "5" * 64)
    made = ran("bundle", "keygen", "--output", "auditor.pub")
    assert made.exit_code == 0, made.output
    assert "5555" not in output_text(made)
    assert Path("auditor.pub").read_text().strip() in output_text(made)
    checked = ran("bundle", "verify", written(), "--public-key", "auditor.pub")
    assert checked.exit_code == 0
    assert "Signed with the key given" in output_text(checked)
    assert ran("bundle", "keygen", "--output", "auditor.pub").exit_code == 2
    assert ran("bundle", "keygen", "--replace").exit_code == 2
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "x")
    assert ran("bundle", "keygen").exit_code == 2


def test_without_a_keyring_keygen_says_what_else_there_is(home: Path) -> None:
    keyring.set_keyring(null.Keyring())
    result = ran("bundle", "keygen")
    assert result.exit_code == 2
    assert "AUDITOR_SIGNING_KEY" in output_text(result)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_signed_bundle_is_verified_with_the_public_key(
    run_id: str, public: Path, as_file: bool
) -> None:
    key = str(public) if as_file else public.read_text().strip()
    result = ran("bundle", "verify", written(), "--public-key", key)
    assert result.exit_code == 0, result.output
    assert "Signed with the key given" in output_text(result)
    assert run_id in output_text(result)


def test_without_a_key_verify_says_what_it_did_not_check(run_id: str, public: Path) -> None:
    result = ran("bundle", "verify", written())
    assert result.exit_code == 0
    assert "Whose key that is was not checked" in output_text(result)


def test_an_unsigned_bundle_says_that_anybody_could_have_written_it(run_id: str) -> None:
    result = ran("bundle", "verify", written())
    assert result.exit_code == 0
    assert "NOT SIGNED" in output_text(result)


def test_an_altered_bundle_gives_one_and_names_the_part(run_id: str) -> None:
    path = written()
    content = bytearray(path.read_bytes())
    at = content.index(b"SQLite format 3")
    content[at + 60] ^= 1
    path.write_bytes(content)
    result = ran("bundle", "verify", path)
    assert result.exit_code == 1
    assert "ALTERED: snapshot.sqlite" in output_text(result)


def test_a_bundle_of_somebody_else_gives_one(run_id: str, public: Path) -> None:
    path = written()
    result = ran("bundle", "verify", path, "--public-key", "ab" * 32)
    assert result.exit_code == 1
    assert "manifest.sig" in output_text(result)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("missing.zip",), "cannot be read"),
        (("text.txt",), "not a bundle"),
        (("text.txt", "--public-key", "short"), "64 hexadecimal digits"),
        (("text.txt", "--public-key", "bytes.bin"), "cannot be read as a public key"),
    ],
)
def test_what_cannot_be_verified_gives_two(
    home: Path, words: tuple[str, ...], message: str
) -> None:
    Path("text.txt").write_text("hello " * 50)
    Path("bytes.bin").write_bytes(b"\xff\xfe" * 32)
    result = ran("bundle", "verify", *words)
    assert result.exit_code == 2
    assert message in output_text(result)


def test_a_signing_key_in_the_environment_goes_before_the_keyring(
    run_id: str, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "11" * 32)
    result = ran("bundle", "verify", written(), "--public-key", public)
    assert result.exit_code == 1


def test_a_signing_key_that_is_none_is_refused(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "hello")
    result = ran("report", "-o", "run.zip")
    assert result.exit_code == 2
    assert "bundle keygen" in output_text(result)
    assert not Path("run.zip").exists()


@pytest.mark.parametrize("words", [("--format", "bundle"), ("--format", "bundle", "--output", "-")])
def test_a_bundle_needs_a_file(run_id: str, words: tuple[str, ...]) -> None:
    result = ran("report", *words)
    assert result.exit_code == 2
    assert "--output run.zip" in output_text(result)


def test_a_bundle_and_other_reports_can_be_written_at_once(run_id: str) -> None:
    result = ran("report", "-o", "a.zip", "-o", "b.json", "-f", "bundle", "-f", "json", "-q")
    assert (result.exit_code, result.stdout) == (0, "")
    assert ran("bundle", "verify", "a.zip").exit_code == 0
    assert Path("b.json").read_text().startswith("{")


def test_formats_and_files_have_to_pair(run_id: str) -> None:
    result = ran("report", "-o", "a.zip", "-f", "bundle", "-f", "json")
    assert result.exit_code == 2
    assert "one format for each file" in output_text(result)


def test_a_run_too_large_for_a_bundle_is_refused(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.bundle.zip_writer.MAX_BYTES", 1000)
    result = ran("report", "-o", "run.zip")
    assert result.exit_code == 2
    assert "4 GiB" in output_text(result)


def test_a_file_that_cannot_be_written_is_found_before_the_run(run_id: str) -> None:
    assert ran("report", "-f", "bundle", "-o", "nowhere/run.zip").exit_code == 2


def by_hand(**run: str) -> Path:
    """An unsigned bundle, of which a stranger wrote every field."""
    parts = samples.packed(samples.PARTS)
    facts = samples.manifest_of((), None).run.model_copy(update=run)
    content = samples.manifest_of(tuple(map(samples.listed, parts)), None, run=facts).written()
    path = Path("handed-over.zip")
    path.write_bytes(samples.zipped(content, parts, None))
    return path


@pytest.mark.parametrize("field", ["id", "account_id"])
def test_nothing_in_a_bundle_writes_lines_of_its_own_or_hides_the_last(
    home: Path, field: str
) -> None:
    harm = "1\nSigned with the key given, ed25519:0.\x1b[8m\u202e\x9b2J" + "x" * 5000
    result = ran("bundle", "verify", by_hand(**{field: harm}))
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert not any(line.startswith("Signed") for line in lines)
    assert lines[-1].startswith("NOT SIGNED")
    assert max(map(len, lines)) < 700
    assert all(line.isprintable() for line in lines)


def test_a_signature_can_be_required(run_id: str, home: Path) -> None:
    path = written()
    result = ran("bundle", "verify", path, "--require-signature")
    assert result.exit_code == 1
    assert "NOT SIGNED" in output_text(result)


def test_a_file_named_like_a_key_is_never_read_as_one(run_id: str, public: Path) -> None:
    path, key = written(), public.read_text().strip()
    fake = "ab" * 32
    Path(fake).write_text(key)
    assert ran("bundle", "verify", path, "--public-key", fake).exit_code == 1
    assert ran("bundle", "verify", path, "--public-key-file", fake).exit_code == 0
    both = ran("bundle", "verify", path, "--public-key", key, "--public-key-file", fake)
    assert both.exit_code == 2
    assert ran("bundle", "verify", path, "--public-key", "no-such-file").exit_code == 2
