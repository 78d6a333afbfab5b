"""Names in the organisation file, up to the gate: never silent where they fit nothing."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.sandbox import World
from tests.cli.test_gate import Account
from tests.end_to_end.conftest import FAST, InProcess, Ran, served
from tests.names import same_everywhere

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
            return Account(sandbox, InProcess(tmp_path, sandbox))

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


def judged(account: Account, text: str, *words: object) -> tuple[Ran, Ran]:
    """What a night and the gate say under an organisation file."""
    path = account.auditor.folder / "org.yaml"
    path.write_text(text, encoding="utf-8")
    night = account("nightly", *FAST, "--fail-on", "high", "--org", path)
    return night, account.gate("--org", path, *words)


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
    for said in (gate.out, night.err):
        assert f'Override for group {name}, "{name}"' in said
        assert hint in said
    answer = account.gate("--org", "org.yaml", "--format", "json").report
    assert (answer["deviations"], answer["stale_names"]) == (0, 1)
    assert [each["name"] for each in answer["names"]] == [name]


@pytest.mark.parametrize(
    "entry", [override, waiver, parameter, attestation], ids=lambda made: made.__name__
)
@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_every_kind_of_entry_with_a_lost_name_shuts_the_gate_and_is_named(
    named: Named, entry: Callable[[str], str], format_: str
) -> None:
    _, gate = judged(named(COLOGNE), entry("Büro Kölm"), "--format", format_)
    assert gate.code == 1
    assert "Büro Kölm" in gate.out
    assert COLOGNE in gate.out


@pytest.mark.parametrize(
    "entry", [override, waiver, parameter, attestation], ids=lambda made: made.__name__
)
def test_github_gets_an_annotation_for_each_lost_name(
    named: Named, entry: Callable[[str], str]
) -> None:
    account = named(COLOGNE)
    judged(account, entry("Büro Kölm"))
    said = account.gate("--org", "org.yaml", env={"GITHUB_ACTIONS": "true"}).out
    (line,) = [line for line in said.splitlines() if line.startswith("::error title=Organisation")]
    assert f'Did you mean "{COLOGNE}"?' in line


def test_a_group_that_only_looks_like_the_one_that_is_meant_is_warned_of(
    named: Named,
) -> None:
    strict = override("Legal").replace("true", "false")
    night, gate = judged(named("Legal", CYRILLIC), strict)
    assert (night.code, gate.code) == (0, 0)
    assert "Warning: override for group Legal" in gate.out
    assert "U+0435 CYRILLIC SMALL LETTER IE" in gate.out
