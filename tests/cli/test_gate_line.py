"""What a gate's answer says in one line, in every format."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.cli.accounts import Account, lines
from tests.end_to_end.conftest import Auditor, served

ORG = """baseline: strict
overrides:
  - match: {level: account}
    controls: {AI-01: {expect: true}}
waivers:
  - control: AI-01
    scope: {level: user}
    reason: a trial
    owner: ann@example.com
    expires: "2999-01-01"
attestations:
  - control: TR-01
    as_expected: true
    statement: Looked at.
    evidence: https://example.com/1
    by: dpo@example.com
    on: 2026-11-02
    expires: "2999-01-01"
"""
"""Meeting summaries are to be on for the account, may be on for users, and are on everywhere."""


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with served("clean", users=2, groups=1) as sandbox:
        account = Account(sandbox, Auditor(tmp_path, sandbox))
        (tmp_path / "org.yaml").write_text(ORG)
        account.summaries(True)
        yield account


def test_every_format_says_all_of_it_in_one_line(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "5" * 64)
    org = account.auditor.folder / "org.yaml"
    account.night("--org", org)
    assert account("gate", "accept", "latest", "--org", org).code == 0
    report = json.loads(account.gate("--org", org, "--new-only", "--format", "json").out)
    totals = report["totals"]
    assert totals["deviations"] > totals["new_deviations"] == 0
    assert totals["undecided"] > totals["undecided_critical"] > 0
    named = ("attestations_due", "waived", "overridden", "attested")
    assert all(totals[each] > 0 for each in named), totals
    assert report["run"]["signed_by"].startswith("ed25519:")
    assert report["run"]["signature_trusted"] is True
    line = (
        f"{totals['deviations']} deviations (0 new), {totals['unknown']} unknown, "
        f"{totals['undecided']} undecided ({totals['undecided_critical']} critical), "
        f"{totals['attestations_due']} attestations due, {totals['waived']} waived, "
        f"{totals['overridden']} overridden, {totals['attested']} attested, 0 stale, signed with "
        f"{report['run']['signed_by']}, SIMULATED, not from Zoom"
    )
    assert report["line"] == line
    known = ("--org", org, "--new-only")
    said = re.search(r"(\d+ of \d+ rules broken .*?not from Zoom)", account.gate(*known).out)
    assert said is not None
    words = said[1]
    assert ", 0 of these places new, " in words
    assert ", overrides apply, " in words
    for what in (
        "to decide",
        "to look up by hand",
        "accepted",
        "attested",
    ):
        assert re.search(rf", [1-9]\d* {what}", words), what
    text, document, page = (
        account.gate(*known, "--format", each).out for each in ("text", "json", "markdown")
    )
    actions = account.gate(*known, env={"GITHUB_ACTIONS": "true"}).out.splitlines()
    rendered = MarkdownIt("commonmark").render(page)
    assert any(words in each for each in text.splitlines())
    assert line in document
    assert words in html.unescape(re.sub("</?code>", "", rendered))
    assert any(words in each for each in actions if each.startswith("::notice "))


def test_a_gate_that_passes_over_something_never_says_that_nothing_is_to_do(
    account: Account,
) -> None:
    org = account.auditor.folder / "org.yaml"
    account.night("--org", org)
    account("gate", "accept", "latest", "--org", org)
    only = ("--only", "AI-01", "--org", org)
    account.night(*only)
    account("gate", "accept", "latest", *only)
    ran = account.gate("--new-only", *only)
    assert ran.code == 0
    assert "to decide" in lines(ran)[1]
    assert lines(ran)[2].startswith("See which: auditor report ")
