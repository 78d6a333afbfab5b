"""Signed runs: a run is signed when it is stored, and whoever reads it sees what was exchanged."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.app.signed_runs import SignatureError, Signatures, SignedByAnother, verify
from auditor.config import settings as config
from auditor.findings.model import Status
from auditor.secrets.keys import KeyUnavailable
from auditor.secrets.signing import PublicKey, Signer
from auditor.store.database import FILE
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from tests.store.nights import Nights

KEY, OTHER = "11" * 32, "22" * 32
PUBLIC, STRANGER = Signer.read(KEY).public, Signer.read(OTHER).public


def signatures(monkeypatch: pytest.MonkeyPatch, key: str = "", trusted: str = "") -> Signatures:
    for name, value in (("AUDITOR_SIGNING_KEY", key), ("AUDITOR_VERIFY_KEY", trusted)):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
    return Signatures(config.load())


Opened = Callable[..., Nights]


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Opens the history anew with other keys."""
    opened: list[Nights] = []

    def with_keys(key: str = KEY, trusted: str = "") -> Nights:
        runs = Runs(tmp_path, None, signatures(monkeypatch, key, trusted))
        opened.append(Nights(runs, len(opened)))
        return opened[-1]

    yield with_keys
    for each in opened:
        each.close()


def changed(nights: Nights, **columns: Any) -> None:
    """Write into the rows of all runs."""
    with closing(sqlite3.connect(nights.runs.home / FILE)) as db, db:
        for name, value in columns.items():
            db.execute(f"UPDATE runs SET {name} = ?", (value,))


def checked(
    nights: Nights, entry: StoredRun, trusted: PublicKey | None = None, **how: Any
) -> str | None:
    found = nights.history.get(entry.facts.id)
    evidence = Runs(nights.runs.home).history.evidence(entry.facts.id)
    assert evidence is not None
    with evidence:
        return verify(found, evidence, trusted, **how)


def test_a_stored_run_is_signed_and_verified_with_the_public_key_alone(nights: Opened) -> None:
    entry = nights().night({"u1": Status.FAIL})
    assert json.loads(entry.signature)["key_id"] == PUBLIC.id
    reader = nights(key="", trusted=PUBLIC.text)
    assert isinstance(reader.runs.signing, Signatures)
    assert checked(reader, entry, reader.runs.signing.trusted, required=True) == PUBLIC.id
    with reader.runs.open(entry.facts.id) as evidence:
        assert evidence.meta("account_id") == "acc-1"


def test_without_a_key_nothing_is_signed_and_everything_can_be_read(nights: Opened) -> None:
    entry = nights(key="").night()
    assert entry.signature == ""
    assert checked(nights(trusted=PUBLIC.text), entry, PUBLIC) is None


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("finished_at", "2030-01-01T00:00:00.000Z", "when it ended"),
        ("baseline_digest", "sha256:" + "0" * 64, "the digest of the baseline"),
        ("organisation_digest", "sha256:" + "0" * 64, "the digest of the organisation file"),
        ("evidence_digest", "sha256:" + "0" * 64, "the evidence"),
        ("oldest_evidence_at", "2030-01-01T00:00:00.000Z", "the time of the oldest evidence"),
        ("complete", False, "whether it is complete"),
        ("simulated", True, "whether it is simulated"),
        ("api_url", "https://evil.example/v2", "the address of the API"),
        ("stopped", "so", "why it stopped"),
        ("exit_code", 0, "the exit code"),
        ("summary", '{"by_status": {}, "by_severity": {}, "coverage": {}}', "the counts by status"),
        ("controls", "[]", "the controls"),
    ],
)
def test_a_row_that_was_written_to_since_is_an_error_that_names_what_differs(
    nights: Opened, column: str, value: object, named: str
) -> None:
    here = nights()
    entry = here.night({"u1": Status.FAIL}, exit_code=1, organisation_digest="sha256:x")
    changed(here, **{column: value})
    for read in (lambda: checked(here, entry), lambda: here.runs.open(entry.facts.id)):
        with pytest.raises(SignatureError, match=named):
            read()


def test_evidence_of_another_run_does_not_fit_the_signature(nights: Opened) -> None:
    here = nights()
    one, other = here.night({"u1": Status.FAIL}), here.night()
    with closing(sqlite3.connect(here.runs.home / FILE)) as db, db:
        db.execute("DELETE FROM evidence WHERE run_id = ?", (one.facts.id,))
        db.execute("UPDATE evidence SET run_id = ?", (one.facts.id,))
    with pytest.raises(SignatureError, match="the evidence"):
        here.runs.open(one.facts.id)
    assert other.signature != one.signature


@pytest.mark.parametrize(
    "signature",
    ["x", "{}", "[" * 5000, '{"schema": 3}', '{"schema": "auditor/run/v1"}', "y" * 99999],
)
def test_a_signature_that_cannot_be_read_is_an_error(nights: Opened, signature: str) -> None:
    here = nights()
    entry = here.night()
    changed(here, signature=signature)
    with pytest.raises(SignatureError):
        here.runs.open(entry.facts.id)


def test_a_statement_that_was_written_to_does_not_fit_its_signature(nights: Opened) -> None:
    here = nights()
    entry = here.night()
    document = json.loads(entry.signature)
    document["statement"]["complete"] = False
    changed(here, signature=json.dumps(document), complete=False)
    with pytest.raises(SignatureError, match="does not match its content"):
        here.runs.open(entry.facts.id)


def test_a_run_of_another_key_says_so_and_is_no_signed_run(
    nights: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    entry = nights(key=OTHER).night()
    here = nights(key=KEY)
    with pytest.raises(SignedByAnother, match=f"{STRANGER.id}.*{PUBLIC.id}"):
        checked(here, entry, PUBLIC)
    here.runs.open(entry.facts.id).close()  # who only reads is warned
    assert STRANGER.id in caplog.text
    assert checked(here, entry) == STRANGER.id


def test_a_signature_that_is_required_has_to_be_there_and_of_a_key_that_is_trusted(
    nights: Opened,
) -> None:
    unsigned = nights(key="").night()
    with pytest.raises(SignatureError, match=r"not signed.*AUDITOR_SIGNING_KEY"):
        checked(nights(), unsigned, PUBLIC, required=True)
    with pytest.raises(SignatureError, match="this machine trusts no key"):
        checked(nights(), unsigned, required=True)


def test_a_run_that_is_stored_anew_is_signed_anew(nights: Opened) -> None:
    here = nights()
    first = here.night({"u1": Status.FAIL}, stopped="no time", run_id="20261102T220000-000Z-aaaaaa")
    again = here.night({"u1": Status.PASS}, run_id="20261102T220000-000Z-aaaaaa")
    assert first.signature != again.signature
    assert checked(here, again, PUBLIC, required=True) == PUBLIC.id


def test_pruning_other_runs_leaves_a_signature_as_it_is(nights: Opened) -> None:
    here = nights()
    entries = [here.night({"u1": Status.FAIL}) for _ in range(3)]
    here.history.remove(entries[:2])
    assert checked(here, entries[2], PUBLIC, required=True) == PUBLIC.id


@pytest.mark.parametrize(
    ("key", "trusted", "named"), [("xyz", "", "keygen"), ("", "xyz", "AUDITOR_VERIFY_KEY")]
)
def test_what_is_no_key_is_told_with_the_name_of_its_setting(
    monkeypatch: pytest.MonkeyPatch, key: str, trusted: str, named: str
) -> None:
    with pytest.raises(KeyUnavailable, match=named):
        assert signatures(monkeypatch, key, trusted).trusted


def test_a_key_that_is_set_to_nothing_is_sought_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auditor.secrets.keys.load_key", lambda _: KEY)
    assert signatures(monkeypatch).trusted == PUBLIC
    monkeypatch.setenv("AUDITOR_VERIFY_KEY", "")
    assert Signatures(config.load()).trusted is None
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "")
    assert Signatures(config.load()).signer is None
