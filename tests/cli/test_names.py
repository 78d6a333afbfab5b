"""Names in the organisation file, up to the gate: never silent where they fit nothing."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.sandbox import World
from tests.cli.accounts import Account
from tests.end_to_end.conftest import FAST, Auditor, Ran, served
from tests.names import same_everywhere
from tests.notify.receivers import webhook

COLOGNE = "Büro Köln"
DECOMPOSED = unicodedata.normalize("NFD", COLOGNE)
CYRILLIC = "L\u0435gal"
SUMMARIES = "controls: {AI-01: {expect: true}}"
"""Asks for what the account does not have: a deviation wherever the override holds."""
Named = Callable[..., Account]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Named]:
    """An account without deviations, whose groups have the names that are asked for."""
    with served("clean", users=2, groups=2) as sandbox:

        def account(*names: str) -> Account:
            monkeypatch.setattr(World, "group_name", lambda _, n: (*names, "Support")[n])
            return Account(sandbox, Auditor(tmp_path, sandbox))

        yield account


def quoted(name: str) -> str:
    """A name as a text of YAML."""
    return json.dumps(name, ensure_ascii=False)


def override(name: str) -> str:
    return f"overrides: [{{match: {{group: {quoted(name)}}}, {SUMMARIES}}}]\n"


def waiver(name: str) -> str:
    rest = "reason: r, owner: a@example.com, expires: '2999-01-01'"
    return f"waivers: [{{control: AI-01, scope: {{group: {quoted(name)}}}, {rest}}}]\n"


def parameter(name: str) -> str:
    return f"parameters: {{ai_allowed_groups: [{quoted(name)}]}}\n"


def attestation(name: str) -> str:
    rest = "statement: s, evidence: e, by: a@example.com, on: '2026-11-01', expires: '2999-01-01'"
    scope = f"scope: {{group: {quoted(name)}}}"
    return f"attestations: [{{control: AI-01, {scope}, as_expected: true, {rest}}}]\n"


ENTRIES = override, waiver, parameter, attestation


def judged(account: Account, text: str, *words: object) -> tuple[Ran, Ran]:
    """What a night and the gate say under an organisation file."""
    path = account.auditor.folder / "org.yaml"
    path.write_text(text, encoding="utf-8")
    night = account("nightly", *FAST, "--fail-on", "high", "--org", path)
    return night, account.gate("--org", path, *words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "name"),
    [
        (COLOGNE, COLOGNE),
        (COLOGNE, DECOMPOSED),
        (DECOMPOSED, COLOGNE),
        (COLOGNE, f"{COLOGNE} "),
        (f" {COLOGNE}", COLOGNE),
        (COLOGNE, COLOGNE.upper()),
        (DECOMPOSED.upper(), f" {COLOGNE}\t"),
        (COLOGNE, "büro k*"),
    ],
    ids=same_everywhere,
)
def test_an_override_holds_however_the_name_is_composed_padded_and_cased(
    named: Named, group: str, name: str
) -> None:
    night, gate = judged(named(group), override(name), "--format", "json")
    answer = gate.report
    assert (night.code, gate.code, answer["stale_names"]) == (1, 1, 0)
    assert answer["deviations"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "name", "hint"),
    [
        (COLOGNE, "Büro Kölm", f'Did you mean "{COLOGNE}"?'),
        (COLOGNE, "Büro Köln Süd", f'Did you mean "{COLOGNE}"?'),
        ("Legal", CYRILLIC, "U+0435 CYRILLIC SMALL LETTER IE"),
        (CYRILLIC, "Legal", "U+0435 CYRILLIC SMALL LETTER IE"),
        ("Revenue", COLOGNE, f'No group of the account is called "{COLOGNE}"'),
        (COLOGNE, "Büro D*", 'No group of the account fits "Büro D*"'),
    ],
    ids=same_everywhere,
)
def test_an_override_for_a_name_that_the_account_does_not_have_shuts_the_gate(
    named: Named, group: str, name: str, hint: str
) -> None:
    account = named(group)
    night, gate = judged(account, override(name))
    assert (night.code, gate.code) == (1, 1)
    for output in (gate.out, night.err):
        assert f'Override for group {name}, "{name}"' in output
        assert hint in output
    answer = account.gate("--org", "org.yaml", "--format", "json").report
    assert (answer["deviations"], answer["stale_names"]) == (0, 1)
    assert [each["name"] for each in answer["names"]] == [name]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda made: made.__name__)
def test_every_kind_of_entry_with_a_lost_name_shuts_the_gate_and_is_named(
    named: Named, entry: Callable[[str], str]
) -> None:
    account = named(COLOGNE)
    _, text = judged(account, entry("Büro Kölm"))
    formats = (account.gate("--org", "org.yaml", "--format", f) for f in ("json", "markdown"))
    for gate in (text, *formats):
        assert gate.code == 1
        assert "Büro Kölm" in gate.out
        assert COLOGNE in gate.out
    output = account.gate("--org", "org.yaml", env={"GITHUB_ACTIONS": "true"}).out
    (line,) = [
        line for line in output.splitlines() if line.startswith("::error title=Organisation")
    ]
    assert f'Did you mean "{COLOGNE}"?' in line


def test_a_lost_name_is_announced_each_night_it_is_lost(named: Named) -> None:
    account = named("Legal", "Sales")
    with webhook() as hook:
        channel = "--notify", f"json://{hook.host}"
        judged(account, override("Legal"), *())
        (account.auditor.folder / "org.yaml").write_text(override("Legla"))
        for _ in range(2):
            account("nightly", *FAST, *channel, "--org", account.auditor.folder / "org.yaml")
        documents = hook.documents
    assert len(documents) == 2
    for each in documents:
        assert "Legla" in each["message"]
        assert each["type"] == "failure"


def test_a_group_that_only_looks_like_the_one_that_is_meant_is_warned_of(
    named: Named,
) -> None:
    strict = override("Legal").replace("true", "false")
    night, gate = judged(named("Legal", CYRILLIC), strict)
    assert (night.code, gate.code) == (0, 0)
    assert "Warning: override for group Legal" in gate.out
    assert "U+0435 CYRILLIC SMALL LETTER IE" in gate.out


# Before anything is audited: the file is checked, and so is the configuration.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "name", "hint"),
    [
        (COLOGNE, "Büro Kölm", f'Did you mean "{COLOGNE}"?'),
        (CYRILLIC, "Legal", "U+0435 CYRILLIC SMALL LETTER IE"),
        ("Legal", CYRILLIC, "U+0435 CYRILLIC SMALL LETTER IE"),
        ("Revenue", COLOGNE, "No group of the account is called"),
    ],
    ids=same_everywhere,
)
def test_a_file_with_a_lost_name_is_invalid_and_doctor_says_so(
    named: Named, group: str, name: str, hint: str
) -> None:
    account = named(group)
    run = account.night()
    path = account.auditor.folder / "org.yaml"
    for entry in ENTRIES:
        path.write_text(entry(name), encoding="utf-8")
        for words in ((), ("--run", "latest"), ("--run", run)):
            checked = account("baseline", "check", "org.yaml", *words)
            assert checked.code == 2, entry
            assert hint in " ".join(checked.err.split())
            assert "valid" not in checked.out
        doctor = account("doctor", "--format", "json", env={"AUDITOR_ORG": "org.yaml"})
        check = next(each for each in doctor.report["checks"] if each["name"] == "names")
        assert (doctor.code, check["state"]) == (0, "warning"), entry
        assert hint in check["sentence"]


def test_a_file_whose_names_the_account_has_is_valid(named: Named) -> None:
    account = named(COLOGNE)
    run = account.night()
    path = account.auditor.folder / "org.yaml"
    for name in (COLOGNE, DECOMPOSED.upper(), f" {COLOGNE} "):
        path.write_text(override(name), encoding="utf-8")
        checked = account("baseline", "check", "org.yaml")
        assert checked.code == 0, name
        assert f"org.yaml: 1 name found in run {run}" in checked.out
        doctor = account("doctor", "--org", "org.yaml", "--format", "json").report
        (check,) = [each for each in doctor["checks"] if each["name"] == "names"]
        assert check["state"] == "ok", name


def test_a_lookalike_of_a_name_is_a_warning_of_the_check_and_the_doctor(named: Named) -> None:
    account = named("Legal", CYRILLIC)
    account.night()
    (account.auditor.folder / "org.yaml").write_text(override("Legal"), encoding="utf-8")
    checked = account("baseline", "check", "org.yaml")
    assert checked.code == 0
    assert 'Warning: override for group Legal, "Legal": The account also has' in checked.out
    doctor = account("doctor", "--org", "org.yaml", "--format", "json").report
    (check,) = [each for each in doctor["checks"] if each["name"] == "names"]
    assert check["state"] == "warning"
    assert "U+0435" in check["sentence"]


def test_without_a_run_the_check_says_that_names_were_not_looked_up(named: Named) -> None:
    account = named(COLOGNE)
    (account.auditor.folder / "org.yaml").write_text(override("Büro Kölm"), encoding="utf-8")
    checked = account("baseline", "check", "org.yaml")
    assert checked.code == 0
    assert "org.yaml: its names were not looked up. No run" in checked.out
    assert account("baseline", "check", "org.yaml", "--run", "latest").code == 2
    broken = account("baseline", "check", "org.yaml", env={"AUDITOR_STORE": "nonsense"})
    assert broken.code == 0
    assert "its names were not looked up. AUDITOR_STORE" in broken.out
    doctor = account("doctor", "--org", "org.yaml", "--format", "json").report
    (check,) = [each for each in doctor["checks"] if each["name"] == "names"]
    assert check["state"] == "skipped"


def test_a_lost_name_among_the_parameters_of_a_baseline_makes_it_invalid(named: Named) -> None:
    account = named(COLOGNE)
    account.night()
    text = f"{{id: o, version: '1', title: O, {parameter('Büro Kölm').strip()}}}"
    (account.auditor.folder / "ours.yaml").write_text(text, encoding="utf-8")
    checked = account("baseline", "check", "ours.yaml")
    assert checked.code == 2
    assert f'Did you mean "{COLOGNE}"?' in checked.err
