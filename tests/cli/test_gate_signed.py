"""What `gate --new-only` and `diff` take as known is signed, and nobody can write it in."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.secrets.signing import Signer
from tests.cli.accounts import Account, lines
from tests.end_to_end.conftest import Auditor, served

KEY, OTHER = "5" * 64, "6" * 64
PUBLIC = Signer.read(KEY).public.text


@dataclass
class Signing:
    """An account whose runs are signed here, and are read where only the public key is."""

    account: Account
    patch: pytest.MonkeyPatch

    def keys(self, key: str = "", trusted: str = "") -> None:
        for name, value in (("AUDITOR_SIGNING_KEY", key), ("AUDITOR_VERIFY_KEY", trusted)):
            self.patch.delenv(name, raising=False)
            if value:
                self.patch.setenv(name, value)

    def accepted(self, key: str = KEY) -> str:
        """A run with a deviation that is signed and accepted with a key."""
        self.keys(key)
        self.account.summaries(True)
        run = self.account.night()
        assert self.account("gate", "accept", run).code == 0
        return run


@pytest.fixture(scope="module")
def signed_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a run that is signed and accepted: each test alters a copy."""
    with served("clean", users=2, groups=1) as sandbox, pytest.MonkeyPatch.context() as patch:
        auditor = Auditor(tmp_path_factory.mktemp("signed"), sandbox)
        Signing(Account(sandbox, auditor), patch).accepted()
    return auditor.data


@pytest.fixture
def accepted(signing: Signing, signed_night: Path) -> Signing:
    """The account with that run."""
    shutil.copytree(signed_night, signing.account.auditor.data)
    signing.account.summaries(True)
    return signing


@pytest.fixture
def signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signing]:
    with served("clean", users=2, groups=1) as sandbox:
        yield Signing(Account(sandbox, Auditor(tmp_path, sandbox)), monkeypatch)


def test_a_signed_acceptance_is_verified_with_the_public_key_alone(accepted: Signing) -> None:
    accepted.keys(trusted=PUBLIC)
    ran = accepted.account.gate("--new-only")
    assert ran.code == 0
    assert f"signed with {Signer.read(KEY).public.id}, SIMULATED" in lines(ran)[1]


def other_run(signing: Signing) -> None:
    signing.keys(KEY)
    signing.account.summaries(False)
    newer = signing.account.night()
    signing.account.stored("UPDATE acceptances SET run_id=?", newer)


def other_key(signing: Signing) -> None:
    signing.keys(OTHER)
    run = signing.account.runs()[-1]["id"]
    assert signing.account("gate", "accept", run).code == 0


def unsigned(signing: Signing) -> None:
    signing.account.stored("UPDATE acceptances SET signature=''")


def no_signature(signing: Signing) -> None:
    signing.account.stored("UPDATE acceptances SET signature='{}'")


def other_note(signing: Signing) -> None:
    signing.account.stored("UPDATE acceptances SET note='agreed with everybody'")


def other_time(signing: Signing) -> None:
    signing.account.stored("UPDATE acceptances SET accepted_at='2999-01-01T00:00:00+00:00'")


def finding_written_in(signing: Signing) -> None:
    signing.account.stored("UPDATE spells SET status='fail' WHERE status='needs_decision'")


def finding_and_digest(signing: Signing) -> None:
    finding_written_in(signing)
    signing.account.stored("UPDATE runs SET findings_digest=''")


def unsigned_run(signing: Signing) -> None:
    signing.account.stored("UPDATE runs SET signature=''")


@pytest.mark.parametrize(
    ("altered", "named"),
    [
        (other_run, "its id"),
        (other_key, "not with the trusted one"),
        (unsigned, "the acceptance of run"),
        (no_signature, "its signature cannot be read"),
        (other_note, "the note differs"),
        (other_time, "when it was accepted differs"),
        (finding_written_in, "differ from those that the history recorded"),
        (finding_and_digest, "the findings differs"),
        (unsigned_run, "is not signed"),
    ],
)
def test_what_is_known_cannot_be_written_in(
    accepted: Signing, altered: Callable[[Signing], None], named: str
) -> None:
    altered(accepted)
    accepted.keys(trusted=PUBLIC)
    verified = accepted.account.gate("--new-only")
    accepted.keys(KEY)
    required = accepted.account.gate("--new-only", "--require-signature")
    for ran in (verified, required):
        assert ran.code == 4, ran.out
        assert named in ran.out


def test_without_a_key_findings_that_were_written_in_are_found_by_their_digest(
    signing: Signing,
) -> None:
    signing.accepted(key="")
    first = signing.account.runs()[-1]["id"]
    signing.account.night()
    finding_written_in(signing)
    ran = signing.account.gate("--new-only")
    assert ran.code == 4
    assert f"the findings of run {first} differ from those" in lines(ran)[0]
    compared = signing.account("diff")
    assert compared.code == 4
    assert "differ from those that the history recorded" in compared.err
    assert compared.out == ""


def test_an_acceptance_that_could_not_be_signed_is_not_made_where_one_is_asked_for(
    signing: Signing,
) -> None:
    signing.keys(KEY)
    run = signing.account.night()
    signing.keys(trusted=PUBLIC)
    refused = signing.account("gate", "accept", run)
    assert refused.code == 2
    assert "this machine has no signing key" in refused.err


def test_if_a_key_has_to_sign_no_unsigned_run_is_read(signing: Signing) -> None:
    signing.keys()
    signing.account.night()
    signing.account.night()
    for words in (["report"], ["diff"], ["audit", "--from", "latest"], ["ask"]):
        signing.keys()
        assert signing.account(*words).code == 0, words
        signing.keys(trusted=PUBLIC)
        refused = signing.account(*words)
        assert (refused.code, refused.out) == (2, ""), words
        assert "is not signed" in refused.err


def test_a_live_run_that_needs_a_signature_leaves_no_folder_behind(signing: Signing) -> None:
    signing.keys(trusted=PUBLIC)
    ran = signing.account.gate("--live")
    assert ran.code == 4
    assert "is not signed" in ran.out
    assert list((signing.account.auditor.data / "runs").glob("*")) == []
