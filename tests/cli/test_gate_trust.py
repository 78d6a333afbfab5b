"""Who controls what, against what the gate answers: only stored evidence of the account opens it.

A pull request's author controls the working folder; another job or account may share the store; the
clock may be wrong; and everybody chooses their own display name.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.sandbox import Conduct, World, serve
from auditor.store.runs import SNAPSHOT
from tests.cli.accounts import Account, lines
from tests.end_to_end.conftest import FAST, Auditor
from tests.store import conftest as databases
from tests.taken_out import taken_out

server = databases.server


@pytest.fixture(scope="module")
def clean_snapshot(
    tmp_path_factory: pytest.TempPathFactory, first_nights: Mapping[bool, Path]
) -> Path:
    """The snapshot file of an account without deviations."""
    return taken_out(first_nights[False], tmp_path_factory.mktemp("clean") / "clean.sqlite")


# The working folder


@pytest.mark.parametrize("kind", ["file", "folder", "latest"])
def test_a_file_named_like_a_run_is_never_taken_for_it(
    red: Account, clean_snapshot: Path, kind: str
) -> None:
    run = red.runs()[-1]["id"]
    here = red.auditor.folder
    if kind == "folder":
        (here / run).mkdir()
        shutil.copy(clean_snapshot, here / run / SNAPSHOT)
    else:
        shutil.copy(clean_snapshot, here / ("latest" if kind == "latest" else run))
    assert red.gate().code == 1
    for word in ("latest", run):
        report = red("report", word, "--format", "json").report
        assert report["summary"]["by_status"]["fail"] == 4
        again = red("audit", "--from", word, "--format", "json").report
        assert again["summary"]["by_status"]["fail"] == 4
    assert red("gate", "accept", run).code == 0
    assert f"Accepted run {run}" in red("gate", "accept", "latest").out


def test_a_path_is_taken_only_where_a_command_takes_files(
    red: Account, clean_snapshot: Path
) -> None:
    shutil.copy(clean_snapshot, red.auditor.folder / "clean.sqlite")
    for words in (
        ("gate", "accept", "./clean.sqlite"),
        ("diff", "./clean.sqlite"),
        ("history", "findings", "./clean.sqlite"),
        ("history", "set-aside", "./clean.sqlite", "--reason", "x"),
    ):
        ran = red(*words)
        assert ran.code == 2, words
        assert "auditor history" in ran.err


@pytest.mark.parametrize("path", ["./clean", "clean.sqlite"])
def test_a_path_is_a_file_where_it_looks_like_one(
    red: Account, clean_snapshot: Path, path: str
) -> None:
    shutil.copy(clean_snapshot, red.auditor.folder / path)
    ran = red("report", path, "--format", "json")
    assert ran.report["summary"]["by_status"]["fail"] == 0


def test_no_name_leads_out_of_the_store(red: Account) -> None:
    (red.auditor.data / SNAPSHOT).write_bytes(b"not a run")
    for name in ("..", ".", "../data", "%2e%2e", "a\nb", "-"):
        assert red("report", "--", name).code == 2, name


def test_a_baseline_is_a_file_only_where_its_name_looks_like_one(red: Account) -> None:
    (red.auditor.folder / "lax").write_text("id: strict\nversion: '1'\ntitle: Lax\n")
    ran = red.gate("--baseline", "lax")
    assert ran.code == 2
    (red.auditor.folder / "strict").mkdir()
    (red.auditor.folder / "strict.yaml").write_text("id: strict\nversion: '1'\ntitle: Lax\n")
    assert red.gate("--baseline", "strict").code == 1


USES = (
    ("gate", "--org"),
    ("gate", "--live", "--org"),
    ("nightly", *FAST, "--fail-on", "high", "--org"),
    ("audit", *FAST, "--fail-on", "high", "--org"),
    ("audit", "--from", "latest", "--fail-on", "high", "--org"),
    ("report", "latest", "--org"),
    ("doctor", "--org"),
    ("baseline", "check"),
)
"""Commands that take an organisation file, which comes last."""


@pytest.mark.slow
def test_a_baseline_in_the_working_folder_is_not_the_one_an_organisation_file_names(
    red: Account,
) -> None:
    folder = red.auditor.folder / "policies"
    folder.mkdir()
    ours, path = folder / "ours.yaml", folder / "org.yaml"
    strict = "{id: ours, version: '1', title: Ours, extends: strict}"
    ours.write_text(strict)
    path.write_text("baseline: ours.yaml\n")
    assert red("audit", *FAST, "--org", path).code == 0
    before = {words: red(*words, path).code for words in USES}
    shut = ("gate", "audit", "nightly")
    assert {words: code for words, code in before.items() if words[0] in shut and code != 1} == {}
    lax = "{id: ours, version: '1', title: Lax, controls: {AI-04: {expect: false}}}"
    (red.auditor.folder / "ours.yaml").write_text(lax)
    assert {words: red(*words, path).code for words in USES} == before
    ours.unlink()
    for words in USES:
        without = red(*words, path)
        assert without.code == 2, words
        output = " ".join((without.out + without.err).split())
        assert f"there is no file {ours}" in output, words


# The store


ALTERED = (
    ("UPDATE runs SET evidence_digest='sha256:0'", "evidence digest"),
    ("UPDATE runs SET organisation_digest='sha256:0'", "organisation digest"),
    ("UPDATE runs SET finished_at='2026-01-01T00:00:00.000Z'", "end of the run"),
    ("UPDATE runs SET oldest_evidence_at='2026-01-01T00:00:00.000Z'", "oldest document"),
    ("UPDATE runs SET finished_at='yesterday'", "cannot be read"),
    ("UPDATE runs SET started_at=''", "cannot be read"),
    ("UPDATE runs SET summary='{}'", "cannot be read"),
    ("UPDATE runs SET summary='[1'", "damaged"),
    ('UPDATE runs SET summary=\'{"by_status": {"fail": "no"}}\'', "cannot be read"),
)
"""Statements that alter the row of a run, and what the gate says differs."""


def test_a_row_that_does_not_fit_its_evidence_shuts_the_gate(
    red: Account, first_nights: Mapping[bool, Path]
) -> None:
    for statement, named in ALTERED:
        shutil.copytree(first_nights[True], red.auditor.data, dirs_exist_ok=True)
        red.stored(statement)
        ran = red.gate("--fail-on", "never", "--max-age", "9999d")
        assert ran.code == 4, statement
        assert named in lines(ran)[0], statement
        assert "internal" not in ran.err
        assert red("report").code == 4, statement


def test_the_evidence_of_another_run_shuts_the_gate(red: Account) -> None:
    shut = red.runs()[-1]["id"]
    red.summaries(False)
    red.night()
    good = red.runs()[-1]["id"]
    red.stored("DELETE FROM evidence WHERE run_id=?", shut)
    red.stored("UPDATE evidence SET run_id=?", shut)
    red.stored("UPDATE runs SET set_aside='x' WHERE id=?", good)
    ran = red.gate()
    assert ran.code == 4
    assert "run id" in lines(ran)[0]


# Simulation


def test_no_simulated_run_opens_the_gate_of_an_account(tmp_path: Path) -> None:
    zoom = {
        "ZOOM_ACCOUNT_ID": "acc-1",
        "ZOOM_CLIENT_ID": "client",
        "ZOOM_CLIENT_SECRET": "secret-4711",
    }
    auditor = Auditor(tmp_path)
    simulated = auditor(
        *("audit", "--sandbox", "--scenario", "clean", "--users", "2", "-b", "cis-zoom-1.0"),
        env=zoom,
    )
    assert simulated.code in (0, 3), simulated.err
    assert not (tmp_path / "data" / "history.sqlite").exists()
    assert (tmp_path / "data" / "sandbox" / "history.sqlite").exists()
    for env in (zoom, {}):
        ran = auditor("gate", "-b", "cis-zoom-1.0", env=env)
        assert ran.code == 4
        assert "add --sandbox" in ran.out
        for words in (["report"], ["ask"], ["diff"], ["history", "findings"]):
            result = auditor(*words, env=env)
            assert result.code in (2, 4), words
            assert "add --sandbox" in result.err
        assert auditor("report", "--sandbox", "--format", "json", env=env).report["run"][
            "simulated"
        ]
        assert auditor("ask", "--sandbox", env=env).code == 0
    run = json.loads(auditor("history", "--sandbox", "--format", "json").out)[0]["id"]
    assert auditor("report", run, "--format", "json", env=zoom).report["run"]["id"] == run
    assert auditor("gate", "accept", run, env=zoom).code == 2


def test_a_run_of_a_local_api_counts_only_while_one_is_configured(red: Account) -> None:
    red.summaries(False)
    red.night()
    assert red.gate().code == 0
    real = {"ZOOM_API_URL": "", "ZOOM_OAUTH_URL": ""}
    ran = red.gate(env=real)
    assert ran.code == 4
    assert "at this machine" in lines(ran)[0]
    assert red("report", env=real).code == 2
    moved = {"ZOOM_API_URL": "http://localhost:9/v2"}
    assert red.gate(env=moved).code == 0, "a local API may come back on another port"


# Other accounts


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.needs("postgresql")]),
    ]
)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Account, Account]]:
    """Two accounts that share a store: the first has deviations, the second none."""
    with ExitStack() as stack:
        store = {}
        if request.param == "postgresql":
            store["AUDITOR_STORE"] = request.getfixturevalue("server").database()
        pair = []
        for seed, scenario in ((1, "drifted"), (2, "clean")):
            world = World(users=2, groups=1, scenario=scenario, seed=seed)
            sandbox = stack.enter_context(serve(world, conduct=Conduct(plan="none")))
            auditor = Sharing(tmp_path, sandbox, store)
            pair.append(Account(sandbox, auditor))
        yield pair[0], pair[1]


@dataclass(frozen=True)
class Sharing(Auditor):
    """The auditor of an account, with the store of all."""

    store: Mapping[str, str] = field(default_factory=dict)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        return super().environment({**self.store, **(env or {})})


def ids(account: Account, *words: str) -> list[str]:
    return [each["id"] for each in json.loads(account("history", "--format", "json", *words).out)]


def test_every_command_keeps_to_its_own_account(two: tuple[Account, Account]) -> None:
    one, other = two
    first = one.night()
    second = other.night()
    whole = [one.sandbox.account_id, other.sandbox.account_id]
    for mine, its, run, foreign in ((one, other, first, second), (other, one, second, first)):
        assert ids(mine) == [run]
        assert ids(mine, "--all-accounts") == [first, second]
        assert ids(mine, "--account", its.sandbox.account_id) == [foreign]
        for words in (["report", "--format", "json"], ["audit", "--from", "latest", "-f", "json"]):
            assert mine(*words).report["run"]["id"] == run
        assert json.loads(mine("ask", "-f", "json").out)["run"]["id"] == run
        assert f"run {run}" in mine.gate().out
        assert f"Accepted run {run}" in mine("gate", "accept", "latest").out
    # another account's run by its id: found only where the account is named; all are simulated
    refused = one("gate", "accept", second)
    assert refused.code == 2
    assert f"--account {whole[1]}" in refused.err


def test_a_night_removes_runs_of_its_own_account_alone(two: tuple[Account, Account]) -> None:
    one, other = two
    runs = [other.night(), other.night(), one.night()]
    one.night("--keep", "0d", "--keep-monthly", "0")
    assert ids(other) == runs[:2]
    assert runs[2] not in ids(one)
    assert one("history", "prune", "--keep", "0d", "--keep-monthly", "0").code == 0
    assert ids(other) == runs[:2]
    everybody = ("--keep", "0d", "--keep-monthly", "0", "--all-accounts")
    assert "2 runs" not in one("history", "prune", *everybody).out
    assert ids(other) == runs[1:2]


def test_two_accounts_cannot_be_compared(two: tuple[Account, Account]) -> None:
    one, other = two
    first, second = one.night(), other.night()
    ran = one("diff", first, second)
    assert ran.code == 2
    assert "nothing to compare" in ran.err


# What a pipeline pins


def test_a_pipeline_can_pin_policy_and_extent(red: Account) -> None:
    red.summaries(False)
    red.night()
    run = json.loads(red.gate("--format", "json").out)["run"]
    assert red.gate("--expect-baseline-digest", run["baseline_digest"]).code == 0
    other = red.gate("--expect-baseline-digest", "sha256:" + "0" * 64)
    assert (other.code, "not the expected" in other.out) == (4, True)
    assert red.gate("--expect-org-digest", "none").code == 0
    assert red.gate("--expect-org-digest", "sha256:" + "0" * 64).code == 4
    assert red.gate("--min-checks", "1").code == 0
    few = red.gate("--min-checks", "100000")
    assert (few.code, "at least 100,000 are expected" in few.out) == (4, True)


def test_if_a_signature_is_required_only_a_signed_run_is_judged(
    red: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    red.summaries(False)
    red.night()
    untrusted = red.gate("--require-signature")
    assert (untrusted.code, "this machine trusts no key" in untrusted.out) == (4, True)
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "5" * 64)
    unsigned = red.gate("--require-signature")
    assert (unsigned.code, "is not signed" in unsigned.out) == (4, True)
    red.night()
    assert red.gate("--require-signature").code == 0
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "6" * 64)
    assert red.gate("--require-signature").code == 4
