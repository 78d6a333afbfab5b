"""Under pseudonyms nobody is named anywhere, and everything else is as it was."""

import io
import json
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.app.pseudonyms import Pseudonyms
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.report import FORMATS
from auditor.sandbox import Sandbox
from auditor.store.runs import Runs
from tests.end_to_end.conftest import Auditor, Ran

KEY = "a key for the tests of pseudonyms"
ENV = {"AUDITOR_PSEUDONYM_KEY": KEY}
HIDDEN = ("report", "--pseudonymise")


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory, drifted: Sandbox) -> Auditor:
    """One stored run down to meetings, with waivers, overrides and attestations for people."""
    auditor = Auditor(tmp_path_factory.mktemp("people"), drifted)
    ran = auditor.audit("--depth", "group", "-q")
    assert ran.code in (0, 3), ran.err
    report = auditor.report("--depth", "meeting")
    deviating = {f["scope"]["id"] for f in report["findings"] if f["control"] == "RC-02"}
    with evidence(auditor) as snapshot:
        users = list(snapshot.scopes(Level.USER))
        meeting = next(snapshot.scopes(Level.MEETING))
    ada = next(user for user in users if user.id in deviating)
    bob = next(user for user in users if user.id not in deviating)
    wishes = {
        "waivers": [
            waiver(user=ada.email, owner=bob.email),
            waiver(user="*@*", level="user", owner=bob.name),
            waiver(user="nobody.at.all@example.com", owner="dpo@example.com"),
            {**waiver(meeting=meeting.id, owner="CISO"), "control": "CC-06"},
        ],
        "attestations": [
            {
                "control": "TR-01",
                "statement": f"Seen together with {ada.name}.",
                "evidence": f"mail of {bob.email}",
                "by": bob.name,
                "on": "2026-01-01",
                "expires": "2099-01-01",
            }
        ],
        "overrides": [
            {
                "match": {"user": bob.name},
                "controls": {"RC-02": {"severity": "critical"}},
                "reason": f"agreed with {ada.email}",
            }
        ],
    }
    (auditor.folder / "org.yaml").write_text(yaml.safe_dump(wishes), encoding="utf-8")
    return auditor


def waiver(owner: str, **scope: str) -> dict[str, Any]:
    row = {"control": "RC-02", "reason": f"asked for by {owner}", "owner": owner}
    return {**row, "scope": scope, "expires": "2099-01-31"}


def evidence(auditor: Auditor) -> Snapshot:
    return Runs(auditor.data).open("latest")


@pytest.fixture(scope="module")
def canaries(auditor: Auditor) -> set[str]:
    """Every id, name, address and local part of every user."""
    with evidence(auditor) as snapshot:
        found = {
            text
            for user in snapshot.scopes(Level.USER)
            for text in (user.id, user.name, user.email, user.email.partition("@")[0])
        }
    assert len(found) > 60
    return found - {""}


def hidden(auditor: Auditor, *words: object, env: dict[str, str] = ENV) -> Ran:
    return auditor(*HIDDEN, "--org", "org.yaml", "--include-passes", *words, env=env)


def read(path: Path) -> Iterator[str]:
    """The text in a file, whatever kind it is."""
    content = path.read_bytes()
    if content.startswith(b"PK"):
        yield from archived(content)
    elif content.startswith(b"SQLite"):
        with Snapshot.open(path) as snapshot:
            yield from snapshot_text(snapshot)
    elif content.startswith(b"%PDF"):
        done = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True)
        yield done.stdout.decode()
    else:
        yield content.decode()


def archived(content: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        yield from opened.namelist()
        for name in opened.namelist():
            if not name.endswith(".sqlite"):
                yield opened.read(name).decode("utf-8", "replace")


def snapshot_text(snapshot: Snapshot) -> Iterator[str]:
    yield from (f"{key} {value}" for key, value in snapshot._db.execute("SELECT * FROM meta"))
    for level in Level:
        for each in snapshot.evidence(level):
            yield f"{each.scope} {dict(each.outcomes)}"


def named(texts: Iterable[str], canaries: set[str]) -> set[str]:
    whole = "\n".join(texts)
    folded = whole.casefold()
    return {each for each in canaries if each.casefold() in folded}


PDF = pytest.param({"pdf"}, marks=[pytest.mark.slow, pytest.mark.needs("pdftotext")])


@pytest.mark.parametrize("formats", [set(FORMATS) - {"pdf"}, PDF], ids=["all but pdf", "pdf"])
def test_no_format_names_anybody(auditor: Auditor, canaries: set[str], formats: set[str]) -> None:
    paths = {each: auditor.folder / f"report{FORMATS[each].suffix}" for each in formats}
    outputs = [word for path in paths.values() for word in ("--output", path)]
    ran = hidden(auditor, *outputs)
    assert ran.code == 0, ran.err
    found = {each: named([*read(path), ran.out, ran.err], canaries) for each, path in paths.items()}
    assert found == {each: set() for each in paths}


def test_no_part_of_a_bundle_names_anybody(
    auditor: Auditor, canaries: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "run.zip"
    assert hidden(auditor, "--framework", "gdpr", "--output", path).code == 0
    with zipfile.ZipFile(path) as opened:
        opened.extract("snapshot.sqlite", tmp_path)
        assert json.loads(opened.read("manifest.json"))["pseudonymised"] is True
    assert named([*read(path), *read(tmp_path / "snapshot.sqlite")], canaries) == set()
    raw = (tmp_path / "snapshot.sqlite").read_bytes().decode("latin-1")
    assert named([raw], {each for each in canaries if each.isascii()}) == set()


def test_the_canaries_would_be_found(auditor: Auditor, canaries: set[str]) -> None:
    ran = auditor("report", "--org", "org.yaml", "--format", "json", "--include-passes")
    with evidence(auditor) as snapshot:
        assert named(snapshot_text(snapshot), canaries) == canaries
    assert len(named([ran.out], canaries)) > 40


def plain_and_hidden(auditor: Auditor) -> tuple[dict[str, Any], dict[str, Any]]:
    words = ("--org", "org.yaml", "--include-passes", "--format", "json")
    plain = auditor("report", *words)
    assert plain.code == 0, plain.err
    return plain.report, hidden(auditor, "--format", "json").report


def outcome(finding: dict[str, Any], *, with_scope: bool) -> tuple[object, ...]:
    keys = ("control", "kind", "status", "severity", "setting", "cause", "locked", "changeable")
    scope = finding["scope"]
    where = (scope["level"], scope["id"], scope["name"]) if with_scope else (scope["level"],)
    return (*where, *(finding[key] for key in keys), bool(finding["waiver"]))


def test_counts_and_results_are_those_of_the_same_run_with_names(auditor: Auditor) -> None:
    plain, masked = plain_and_hidden(auditor)
    assert masked["summary"] == plain["summary"]
    assert masked["errors"] == plain["errors"]
    states = [[(w["state"], w["matched"]) for w in each["waivers"]] for each in (plain, masked)]
    assert states[0] == states[1]
    assert [state for state, _ in states[0]].count("active") >= 2
    assert ("unmatched", 0) in states[0]
    for report in (plain, masked):
        report["all"] = Counter(outcome(f, with_scope=False) for f in report["findings"])
    assert masked["all"] == plain["all"]


def test_results_of_the_account_and_of_groups_are_the_same(auditor: Auditor) -> None:
    levels = ("account", "group", "phone_site", "phone_group")
    plain, masked = (
        [
            outcome(finding, with_scope=True)
            for finding in report["findings"]
            if finding["scope"]["level"] in levels
        ]
        for report in plain_and_hidden(auditor)
    )
    assert len(plain) > 100
    assert masked == plain


def test_findings_stand_in_the_order_of_the_pseudonyms(auditor: Auditor) -> None:
    ranks = {level.value: level.rank for level in Level}
    worst_first = ["critical", "high", "medium", "low"]
    found = [
        (
            worst_first.index(f["severity"]),
            f["control"],
            ranks[f["scope"]["level"]],
            f["scope"]["id"],
            f["setting"],
        )
        for f in hidden(auditor, "--format", "json").report["findings"]
    ]
    assert found == sorted(found)


def user_ids(report: dict[str, Any]) -> set[str]:
    return {f["scope"]["id"] for f in report["findings"] if f["scope"]["level"] == "user"}


def test_the_same_key_gives_the_same_pseudonyms_in_every_run(auditor: Auditor) -> None:
    with evidence(auditor) as snapshot:
        users = [u for u in snapshot.scopes(Level.USER) if u.status != "pending"]
    expected = {Pseudonyms(KEY.encode()).of(user.id) for user in users}
    assert user_ids(hidden(auditor, "--format", "json").report) == expected
    live = auditor.audit("--pseudonymise", "--include-passes", "--format", "json", env=ENV)
    assert user_ids(live.report) == expected


def test_another_key_gives_other_pseudonyms(auditor: Auditor) -> None:
    one = user_ids(hidden(auditor, "--format", "json").report)
    other = {"AUDITOR_PSEUDONYM_KEY": "another key, just as long"}
    assert not one & user_ids(hidden(auditor, "--format", "json", env=other).report)


def test_without_a_key_and_a_keyring_both_are_named(auditor: Auditor) -> None:
    ran = hidden(auditor, env={})
    assert (ran.code, ran.out) == (2, "")
    assert "keyring" in ran.err
    assert "AUDITOR_PSEUDONYM_KEY" in ran.err


def test_the_evidence_of_a_bundle_gives_its_report_again(auditor: Auditor, tmp_path: Path) -> None:
    path = tmp_path / "run.zip"
    assert hidden(auditor, "--output", path).code == 0
    with zipfile.ZipFile(path) as opened:
        opened.extract("snapshot.sqlite", tmp_path)
        report = opened.read("report.json").decode()
    again = Auditor(tmp_path)("report", "snapshot.sqlite", "--include-passes", "--format", "json")
    assert (again.out, again.err) == (report, "")


@pytest.mark.slow
def test_the_same_run_gives_the_same_bundle_under_pseudonyms(
    auditor: Auditor, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("one.zip", "two.zip")]
    for path in paths:
        assert hidden(auditor, "--output", path).code == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_stored_run_keeps_the_names(auditor: Auditor) -> None:
    with evidence(auditor) as snapshot:
        before = snapshot.digest()
    hidden(auditor, "--format", "json")
    with evidence(auditor) as snapshot:
        assert snapshot.digest() == before
        assert snapshot.meta("pseudonymised") is None
